/*
 * config_hook: the `hooks` list, the built-in hook nginx, and the ready-made ones of
 * hooks_dir, which become a hook when something first names them. A hook of the list
 * takes the place of a built-in or ready-made one of its name.
 *
 * test, run: a program and its arguments, absolute or found in PATH; at least one.
 * user (root: as the supervisor), timeout ("30s", 1s to 1h), on ([ "installed",
 * "rolled-back", "crl-updated" ]), on_failure ("rollback", or "keep").
 */
#pragma once

#include "agent/config/config_reader.h"

/* Read the list `s`; `into` is not used. */
void config_hooks(struct config_reader *r, const config_setting_t *s, void *into);

/* Read a list of names of hooks into numbers. */
void config_hook_names(struct config_reader *r, const config_setting_t *s,
		       struct list *out);
