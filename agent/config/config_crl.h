/* config_crl: the `crls` list, revocation lists to be kept fresh. */
#pragma once

#include "agent/config/config_reader.h"

/* Read the list `s`; `into` is not used. */
void config_crls(struct config_reader *r, const config_setting_t *s, void *into);
