/* super_lint: a part of the supervisor, for `check` alone. */
#pragma once

struct err;
struct msg;
struct super;

/* Have an inspect role look at the configuration of servers that use our CRLs (lint.h), and
 * open for it what it asks for. What it finds it says on stderr. */
int super_lint(struct super *s, struct err *e);

/* super_config.c: what the config role is told of users and groups, this one is, too. */
int super_user(void *role, struct msg *m, struct err *e);
int super_group(void *role, struct msg *m, struct err *e);
