/*
 * super_daemon: what the supervisor of `agent` does besides, see super.h. Beside a command
 * that ends by itself all of it is at rest, but for the signals.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct msg;
struct super;

/* super_daemon.c: the descriptor that signals come from; take one. */
int super_signals(struct err *e);
void super_heed(struct super *s, int sigfd);

/*
 * A role could not begin, and what we run is not on disk any more: an upgrade has replaced
 * it. What is begun from now on would fail as well, for ever. So the run ends
 * in good order, and with 1, by which a service manager starts the new version.
 */
void super_not_begun(struct super *s);

/* super_store() of the daemon: a run that ends by itself is waited for. ERR_BUSY: another
 * agent answers. 0 without s->lock: asked to end meanwhile. */
int super_daemon_store(struct super *s, int sigfd, struct err *e);

/* Grant what is wished and may be by now; each turn of the loop. As clock_awake_ms(): when
 * there will be something to grant, INT64_MAX: never. */
void super_grant(struct super *s);
int64_t super_grant_ms(const struct super *s);

/* The tree has ended with *status: whether another one is to be started. If not it is
 * the exit status. */
bool super_next(struct super *s, int *status);

/*
 * super_notify.c: what the service manager is told (sd_notify(3)), if there is one: that
 * another run is waited for, and it is to be patient; that we are ready, as soon as the
 * agent decides, and what comes next; that we begin anew; that we stop. Its watchdog is fed as long as the agent says, when it is asked, what
 * comes next; while it cannot, for the time that it may take.
 */
void super_notify_begin(struct super *s);
void super_notify_waiting(void);
void super_notify_reloading(void);
void super_notify_refused(void);
void super_notify_stopping(void);
void super_notify_ready(struct super *s, const char *next);
void super_alive(struct super *s, int64_t for_ms);
void super_feed(struct super *s);
int64_t super_feed_ms(const struct super *s); /* when it is time; INT64_MAX: never */

/* super_asked.c: the control socket, before each tree, if it is not there (any more), and at
 * the end; without one the agent does its work all the same. */
void super_asked_listen(struct super *s);
void super_asked_unlisten(struct super *s);
/* ... SUP_ASKED; the next tree is for what was asked, if anything was; it has ended. */
int super_asked(void *role, struct msg *m, struct err *e);
bool super_asked_begin(struct super *s);
void super_asked_end(struct super *s, int status);
