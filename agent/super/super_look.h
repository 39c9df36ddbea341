/*
 * super_look: what the config role is told of a path, and who can change what is there:
 * itself, a folder on the way, or a link on the way and all that it leads over.
 */
#pragma once

struct err;
struct msg;

/* Answer CONFIG_LOOK. `role` is not used. */
int super_look(void *role, struct msg *m, struct err *e);
