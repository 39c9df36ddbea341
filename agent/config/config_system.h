/*
 * config_system: folders that belong to the system, in which we neither keep nor write
 * anything. Landlock gives the keeper all below a folder that the configuration names:
 * with /etc, or /etc/cron.d, a keeper that was taken over would be root.
 */
#pragma once

#include <stdbool.h>

/* Whether the folder `path`, in its one spelling, is one of them. /etc/nginx or
 * /home/me is none, /etc and /home are; below /proc or /etc/cron.d all are. */
bool config_is_system(const char *path);

/* Whether `path` is `folder` or below it; both absolute. Nothing is within NULL or "". */
bool config_is_within(const char *path, const char *folder);
