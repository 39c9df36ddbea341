#include "agent/super/super_responder.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define FIRST_GIVEN 3 /* SD_LISTEN_FDS_START */

/* How many descriptors are for this process, by sd_listen_fds(3). */
static uint64_t count_given(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t p, n;

	if (pid == NULL || fds == NULL || !text_u64(pid, INT_MAX, &p) ||
	    p != (uint64_t)getpid() || !text_u64(fds, RESPONDER_LISTENERS, &n))
		return 0;
	return n;
}

void super_given(struct super *s)
{
	const uint64_t n = count_given();

	s->given = n == 0 ? NULL : xcalloc(1, sizeof(*s->given));
	for (uint64_t i = 0; i < n; i++) {
		if (listen_take(s->given, FIRST_GIVEN + (int)i))
			continue;
		log_warn("socket %llu of the service manager: closed, as it is none "
			 "that listens for TCP",
			 (unsigned long long)i + 1);
		close(FIRST_GIVEN + (int)i);
	}
}

void super_given_end(struct super *s)
{
	if (s->given != NULL)
		listen_close(s->given, ~0u);
	free(s->given);
}

void super_listens(struct super *s)
{
	const struct spec_global *g = s->spec.global;

	s->listen.given = s->given;
	s->listen.group = s->is_root ? g->users[SPEC_USER_AGENT].gid : (gid_t)-1;
	if (s->is_daemon && g->http.at != 0)
		listen_add(&s->listen, spec_text(&s->spec, g->http), SERVES_PAGES);
	for (uint32_t i = 0; i < s->spec.n[SPEC_CHALLENGES]; i++) {
		const struct spec_challenge *c = &s->spec.challenges[i];

		if (c->listen.at != 0)
			listen_add(&s->listen, spec_text(&s->spec, c->listen),
				   c->type == CHALLENGE_HTTP_01 ? SERVES_CHALLENGES
								: SERVES_ALPN);
	}
	for (size_t i = 0; s->given != NULL && i < s->given->n; i++)
		if (!listen_wants(&s->listen, &s->given->list[i]))
			log_warn("socket %zu of the service manager: nothing is "
				 "configured to listen on its address",
				 i + 1);
}

void super_listens_anew(struct super *s)
{
	struct listen before = s->listen;

	s->listen = (struct listen){ .n = 0 };
	super_listens(s);
	listen_inherit(&s->listen, &before);
	listen_close(&before, ~0u);
}

static int hand_over(struct super *s, const struct super_proc *p, unsigned wanted,
		     struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	for (size_t i = 0; i < s->listen.n; i++) {
		const struct listen_address *a = &s->listen.list[i];
		const unsigned serves = listen_serves(&s->listen, a) & wanted;
		int rc;

		if (a->fd < 0 || serves == 0)
			continue;
		msg_begin(&m, RESPONDER_LISTEN, 0);
		msg_put_u64(&m, serves);
		m.fd = a->fd;
		rc = msg_send(p->sock, &m, e);
		m.fd = -1; /* it stays ours */
		TRY(rc);
	}
	msg_begin(&m, RESPONDER_READY, 0);
	return msg_send(p->sock, &m, e);
}

static int start(struct super *s, unsigned wanted, int *agents, struct err *e)
{
	struct super_proc *p;
	AUTO_FD int ours = -1;

	TRY(super_start_peer(s,
			     (wanted & SERVES_ALPN) != 0 ? ROLE_ALPN : ROLE_RESPONDER,
			     s->snapshot, &p, &ours, e));
	TRY(hand_over(s, p, wanted, e));
	*agents = take_fd(&ours);
	s->listen_until_ms = 0;
	return 0;
}

static void put_failures(const struct listen *l, struct msg *m)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->list[i].failed[0] != '\0';
	msg_put_u64(m, n);
	for (size_t i = 0; i < l->n; i++) {
		if (l->list[i].failed[0] == '\0')
			continue;
		msg_put_str(m, l->list[i].text);
		msg_put_str(m, l->list[i].failed);
	}
}

/* Without that one the agent does its work all the same. */
static void tell_no_pages(const struct super *s)
{
	for (size_t i = 0; i < s->listen.n; i++)
		if ((s->listen.list[i].serves & SERVES_PAGES) != 0 &&
		    s->listen.list[i].failed[0] != '\0')
			log_error("http: %s", s->listen.list[i].failed);
}

static void let_go(struct super *s)
{
	listen_close(&s->listen, SERVES_CHALLENGES | SERVES_ALPN);
	s->listen_until_ms = 0;
}

/* Those addresses that can be had are enough to begin; without any there is no
 * descriptor. */
int super_responder(void *role, struct msg *m, struct err *e)
{
	struct super *s = role;
	AUTO_FD int agents = -1;
	const uint32_t id = m->id;
	const unsigned challenges =
	    (unsigned)msg_get_u64(m) & (SERVES_CHALLENGES | SERVES_ALPN);
	const unsigned wanted = SERVES_PAGES | challenges;

	TRY(msg_end(m, e));
	if (challenges == 0)
		let_go(s);
	if (listen_bind(&s->listen, wanted) > 0)
		TRY(start(s, wanted, &agents, e));
	if (challenges == 0)
		tell_no_pages(s);
	msg_begin(&s->msg, SUP_RESPONDER, id);
	put_failures(&s->listen, &s->msg);
	s->msg.fd = take_fd(&agents);
	return 0;
}

void super_responder_ended(struct super *s, int status)
{
	if (super_role(s, ROLE_RESPONDER) != NULL || super_role(s, ROLE_ALPN) != NULL)
		return; /* which has them */
	if (status == 0 && !s->again && !s->asked.begun)
		let_go(s);
	else
		s->listen_until_ms = clock_awake_ms() + SUPER_LISTEN_MS;
}

void super_responder_check(struct super *s)
{
	if (s->listen_until_ms != 0 && clock_awake_ms() >= s->listen_until_ms)
		let_go(s);
}
