#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/role/keeper_state.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "agent/super/super_daemon.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define FEEDS 3 /* in the time after which the service manager loses its patience */

#define PATIENCE_US 30000000ll /* asked for anew while another run is waited for */

/* NOTIFY_SOCKET of sd_notify(3): a path, or with @ an abstract name. */
static socklen_t address(struct sockaddr_un *sa)
{
	const char *name = getenv("NOTIFY_SOCKET");
	const size_t len = name == NULL ? 0 : strlen(name);

	if (len < 2 || len >= sizeof(sa->sun_path) ||
	    (name[0] != '/' && name[0] != '@'))
		return 0;
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(sa->sun_path, name, len);
	if (name[0] == '@')
		sa->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* A manager that does not listen is no reason to stop. */
static void notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void notify(const char *fmt, ...)
{
	struct sockaddr_un sa;
	const socklen_t len = address(&sa);
	AUTO_FD int fd = -1;
	char text[512];
	va_list ap;

	if (len == 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
			     (const struct sockaddr *)&sa, len) < 0)
		log_debug("notify: %s", strerror(errno));
}

void super_notify_begin(struct super *s)
{
	const char *span = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us, who;

	if (span == NULL || !text_u64(span, INT64_MAX, &us) ||
	    (pid != NULL &&
	     (!text_u64(pid, INT32_MAX, &who) || (pid_t)who != getpid())))
		return;
	s->watchdog_ms = (int64_t)(us / 1000);
	s->feed_ms = s->watchdog_ms == 0 ? 0 : clock_awake_ms();
}

void super_notify_waiting(void)
{
	notify("EXTEND_TIMEOUT_USEC=%lld\nSTATUS=waiting until another run has ended",
	       PATIENCE_US);
}

/* = sd_notify(3): RELOADING=1 goes with the time at which it began. */
void super_notify_reloading(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	notify("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the configuration",
	       (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

void super_notify_refused(void)
{
	notify("READY=1\nSTATUS=the new configuration is not valid; going on with the "
	       "old one");
}

void super_notify_stopping(void)
{
	notify("STOPPING=1\nSTATUS=finishing what must not be cut");
}

/* The agent's words are one line here, whatever they are. */
void super_notify_ready(struct super *s, const char *next)
{
	AUTO_BUF struct buf safe = { 0 };

	text_escape(&safe, next, strlen(next), 200);
	notify("READY=1\nSTATUS=%s", safe.data == NULL ? "" : safe.data);
	super_alive(s, s->watchdog_ms / 2);
}

void super_alive(struct super *s, int64_t for_ms)
{
	s->alive_ms = clock_awake_ms() + for_ms;
}

int64_t super_feed_ms(const struct super *s)
{
	return s->feed_ms == 0 ? INT64_MAX : s->feed_ms;
}

void super_feed(struct super *s)
{
	struct super_proc *agent = super_role(s, ROLE_AGENT);
	const int64_t now = clock_awake_ms();
	struct err e;

	if (s->feed_ms == 0 || now < s->feed_ms)
		return;
	s->feed_ms = now + s->watchdog_ms / FEEDS;
	if (now < s->alive_ms)
		notify("WATCHDOG=1");
	else
		log_warn("the agent does not say what it does");
	msg_begin(&s->msg, ROLE_TELL, 0);
	if (agent != NULL && !s->stopping &&
	    keeper_state_for(s->request) == KEEPER_RENEWS && /* it has a loop */
	    msg_offer(agent->sock, &s->msg, &e) < 0)
		log_debug("ask the agent what it does: %s", e.text);
}
