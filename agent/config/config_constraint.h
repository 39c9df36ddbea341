/* config_constraint: names that a CA is limited to or barred from. */
#pragma once

#include "agent/config/config_reader.h"

/* Words as ca/local_constraints.h takes them. ".example.org" is taken as "example.org":
 * of DNS names RFC 5280 4.2.1.10 knows only a name with all that is below it. */
void config_constraints(struct config_reader *r, const config_setting_t *s,
			struct list *out);
