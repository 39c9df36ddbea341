/*
 * config_reach: what works for us and not for the user who needs it, or today and not when
 * a role was taken over. All of it is a warning, for `everleaf check` alone.
 */
#pragma once

#include "agent/config/config_reader.h"

/* The folder is closed to the owner `uid` that `s` names for what is in it, or, where
 * `mode` lets them read, to members of its group `gid`. */
void config_reach(struct config_reader *r, const config_setting_t *s,
		  const char *folder, uint32_t uid, uint32_t gid, uint32_t mode);

/* The programs that the group `s` names cannot be executed by `uid`, its `user`. */
void config_runs(struct config_reader *r, const config_setting_t *s, uint32_t uid);

/* The file at `s` cannot be read by who speaks to CAs. */
void config_network_reads(struct config_reader *r, const config_setting_t *s);

/* When all is read: others can replace state_dir or runtime_dir; a program or a file of the
 * configuration is in a folder in which the keeper writes, and so could be another one if
 * somebody had taken the keeper over. */
void config_check_apart(struct config_reader *r);
