/*
 * config_report: what is said of a setting, and where it stands:
 *
 *     everleaf.conf:12: certificates.www.key: found "rsa", expected one of ...
 *
 * Members of lists are called by their name where they have one, else by number.
 */
#pragma once

#include <stdbool.h>

#include <libconfig.h>

struct config_reader;
struct config_rule;

void config_error(struct config_reader *r, const config_setting_t *s, const char *fmt,
		  ...) __attribute__((format(printf, 3, 4), cold));
void config_warn(struct config_reader *r, const config_setting_t *s, const char *fmt,
		 ...) __attribute__((format(printf, 3, 4), cold));

/* "found <what s is>, expected <what>" */
void config_expected(struct config_reader *r, const config_setting_t *s,
		     const char *fmt, ...) __attribute__((format(printf, 3, 4), cold));

/* "found nothing, expected <what>": a member of the group `s` is missing. */
void config_missing(struct config_reader *r, const config_setting_t *s,
		    const char *member, const char *what) __attribute__((cold));

/* Whether the group `s` has the member `has`; it is reported if `needs` is missing then. */
bool config_pair(struct config_reader *r, const config_setting_t *s, const char *has,
		 const char *needs, const char *what);

/* No rule has the name of `s`; the nearest of those for `types` is suggested. */
void config_unknown(struct config_reader *r, const config_setting_t *s,
		    const struct config_rule *rules, unsigned types)
    __attribute__((cold));
