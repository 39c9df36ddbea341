/* config_constraint: names that a CA is limited to or barred from, RFC 5280 4.2.1.10. */
#pragma once

#include "agent/config_reader.h"

/* Words as ca/local.h takes them: "example.org", ".example.org", "10.0.0.0/8",
 * "2001:db8::/32", "email:example.org". */
void config_constraints(struct config_reader *r, const config_setting_t *s,
			struct list *out);
