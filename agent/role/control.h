/*
 * control: what a person may ask of a running agent, and the way there.
 *
 * A command that finds the lock held asks who holds it, on the socket agent.sock of
 * runtime_dir. The agent, which may do the least, reads what may be hostile and refuses
 * what may not be asked; the supervisor looks again who asks, and then does for the
 * request what it would have done without an agent: a tree of its own, with what it says
 * kept in memory for the one who asked. The agent's own tree is ended before and begun
 * again afterwards, so there are never two writers, and nothing is written twice.
 *
 *     command                       agent                     supervisor
 *       CONTROL_ASK {request}  ──▶  control_serve.c
 *                                   SUP_ASKED {request, fd} ──▶ super_asked.c
 *       CONTROL_OUTPUT fd, twice  ◀──────────────────────────── the tree begins
 *       CONTROL_DONE {exit status}  ◀────────────────────────── it has ended
 *
 * or MSG_FAILED and the end; an agent of another version refuses. A connection that ends
 * without CONTROL_OUTPUT was one of an agent that had to go: it is asked anew. One that the
 * person ends ends the tree.
 *
 * What only shows what is known (status, plan, history, crl) the agent answers itself, to all who
 * may connect: CONTROL_OUTPUT and CONTROL_DONE at once, printed by the functions that print
 * it without an agent.
 *
 * Where runtime_dir is the default one it is asked before the configuration is read and
 * the lock looked at, which takes longer than all the rest of a command: an agent that has
 * read the same file and no other, to which nobody has written since, knows what it says,
 * and holds the lock. On any other answer than that it is done the command goes the long way.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "agent/role/request.h"

struct agent;
struct control;
struct err;
struct sockaddr_un;

#define CONTROL_SOCKET   "agent.sock"
#define CONTROL_MAX      64  /* connections; beyond them the oldest goes */
#define CONTROL_WAIT_MAX 600 /* s: --wait; what is parked then the agent goes on with */

/* The address of the socket in `runtime_dir`. ERR_CONFIG: its path is too long. */
int control_address(const char *runtime_dir, struct sockaddr_un *sa, struct err *e);

/* Connect to it; `flags` of socket(2). The caller's; -1 and errno. */
int control_connect(const struct sockaddr_un *sa, int flags);

/* Who has connected. */
int control_peer(int fd, uid_t *uid, struct err *e);

/* Whether `uid` may ask an agent whose state is `owner`'s for `r`. ERR_REFUSED. */
int control_may(const struct request *r, uid_t uid, uid_t owner, struct err *e);

/* -- control_client.c: the command -- */

/* Have the agent do it, and copy what it says. Exit status; ERR_BUSY: none answers. */
int control_ask(const char *runtime_dir, const struct request *r, struct err *e);

/* The same by an agent in `runtime_dir` (NULL: there is none) that has read the configuration
 * at `path`; what only shows, as long as that does not keep one waiting. Exit status;
 * ERR_BUSY: none does. */
int control_glance(const char *runtime_dir, const char *path, const struct request *r,
		   struct err *e);

/* The process of the agent that answers there, and since when; 0: none does. */
void control_look(const char *runtime_dir, int64_t *pid, int64_t *since);

/* -- control_serve.c: the agent -- */

/* Serve the listening socket ROLE_FD_CONTROL, if there is one, in the agent's loop. */
void control_begin(struct agent *a);
void control_free(struct agent *a);

/* control_show.c: answer what only shows, on the connection `conn`. */
int control_show(struct agent *a, const struct request *r, int conn, struct err *e);
