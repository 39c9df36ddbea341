/* sandbox_landlock: which files, ports and processes a role can reach. */
#pragma once

struct err;
struct sandbox;

/* Confine the calling thread to box->paths, and to what box->kind may do with TCP,
 * signals and abstract sockets. *missing gains SANDBOX_NO_* for what the kernel cannot.
 * no_new_privs must be set. */
int sandbox_landlock(const struct sandbox *box, unsigned *missing, struct err *e);
