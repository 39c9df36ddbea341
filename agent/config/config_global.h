/* config_global: the settings of the main file that belong to no list. */
#pragma once

#include "agent/config/config_reader.h"

/* What holds where nothing is said. */
void config_global_defaults(struct config_reader *r);

/* Each reads the setting `s`; `into` is not used. */
void config_state_dir(struct config_reader *r, const config_setting_t *s, void *into);
void config_runtime_dir(struct config_reader *r, const config_setting_t *s, void *into);
void config_log(struct config_reader *r, const config_setting_t *s, void *into);
void config_http(struct config_reader *r, const config_setting_t *s, void *into);
void config_watch(struct config_reader *r, const config_setting_t *s, void *into);
void config_global_contact(struct config_reader *r, const config_setting_t *s,
			   void *into);
void config_agree_terms(struct config_reader *r, const config_setting_t *s, void *into);

/* `users` of the main file, whose root is `s`, or their defaults. Only with root. */
void config_users(struct config_reader *r, const config_setting_t *s);
