/*
 * config_host: what a setting says of this host, held against the host: users, secret
 * files, programs, folders. All report and return false if it does not hold.
 */
#pragma once

#include "agent/config/config_reader.h"

/* What a name or a number in quotes stands for. A number is both uid and gid. */
struct config_owner {
	struct text name;
	struct text home;
	uint32_t uid; /* SPEC_NOBODY: a group */
	uint32_t gid;
};

/* A user (only root can become or give to one), a group. */
bool config_user(struct config_reader *r, const config_setting_t *s,
		 struct config_owner *out);
bool config_group_id(struct config_reader *r, const config_setting_t *s, uint32_t *gid);

/* Look up `name`, once. 0, or ERR_CONFIG: no such user. */
int config_user_called(struct config_reader *r, const char *name,
		       struct config_owner *out, struct err *e);

/* A file that is there and that others cannot read or change. */
bool config_secret(struct config_reader *r, const config_setting_t *s,
		   struct text *out);

/* A file that is there; and one that the keeper reads, who follows no links. */
bool config_present(struct config_reader *r, const config_setting_t *s,
		    struct text *out);
bool config_keepers(struct config_reader *r, const config_setting_t *s,
		    struct text *out);

/* The path of a file that we write: in a folder that is there and is not one of the
 * system's own, outside of state_dir, and written by nothing else of ours. */
bool config_output(struct config_reader *r, const config_setting_t *s,
		   struct text *out);

/* The same, of a folder whose files we write. */
bool config_output_folder(struct config_reader *r, const config_setting_t *s,
			  struct text *out);

/* A folder that we write to: it is there and is not one of the system's own. */
bool config_folder(struct config_reader *r, const config_setting_t *s,
		   struct text *out);

/* The path of a socket that we make: others must not put theirs in its place, nor there
 * before it. */
void config_socket(struct config_reader *r, const config_setting_t *s,
		   const char *path);

/* A program and its arguments: absolute, or found in CONFIG_PATH; others cannot
 * change it. */
bool config_program(struct config_reader *r, const config_setting_t *s,
		    struct list *out);

/* As a regular file or a link to something at `path`. */
bool config_exists(struct config_reader *r, const char *path);

/* Whether the program `word` is there and safe; `at` is where it is asked for. */
bool config_program_fits(struct config_reader *r, const config_setting_t *at,
			 const char *word);

/* The same of a file that a program sources, which takes no right to execute it. */
bool config_sourced_fits(struct config_reader *r, const config_setting_t *at,
			 const char *path);
