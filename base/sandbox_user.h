/* sandbox_user: become another user, for good. */
#pragma once

struct err;
struct sandbox;

/* Take on box->uid and box->gid without other groups, keep box->capabilities and no
 * others, and make sure that there is no way back. */
int sandbox_user(const struct sandbox *box, struct err *e);
