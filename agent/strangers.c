#include "agent/strangers.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/alarm_rule.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/rule/schedule.h"
#include "agent/state/state_alarm.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#define DAY_S  86400
#define HOUR_S 3600
#define KEY    "file:" /* in state_alarm.h: no certificate has such a name */

/* -- lists -- */

static void add(struct strange_list *l, const struct strange *f)
{
	if ((l->n & (l->n - 1)) == 0) /* grow at each power of two */
		l->all = xrealloc(l->all, l->n == 0 ? 1 : l->n * 2, sizeof(*l->all));
	l->all[l->n] = *f;
	l->all[l->n].path = xstrdup(f->path);
	l->all[l->n].name = xstrdup(f->name);
	l->all[l->n++].why = xstrdup(f->why);
}

static void drop_all(struct strange_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->all[i].path);
		free(l->all[i].name);
		free(l->all[i].why);
	}
	free(l->all);
	*l = (struct strange_list){ .n = 0 };
}

static int by_path(const void *a, const void *b)
{
	const struct strange *x = a;
	const struct strange *y = b;

	return strcmp(x->path, y->path);
}

/* -- how near the end is -- */

unsigned strange_step(const struct strange *f, int64_t now, int64_t *next)
{
	int64_t from = f->not_before;

	*next = INT64_MAX;
	if (f->not_after == 0)
		return 0;
	if (f->not_after > from &&
	    (uint64_t)f->not_after - (uint64_t)from > STRANGERS_LIFE_S)
		from = f->not_after - STRANGERS_LIFE_S;
	return alarm_step(from, f->not_after, from, now, next);
}

const char *strange_state(const struct strange *f, int64_t now, enum health *health)
{
	static const struct {
		enum health health;
		const char *word;
	} steps[] = {
		{ HEALTH_OK, "ok" },
		{ HEALTH_WARNING, "expires soon" },
		{ HEALTH_WARNING, "expires soon" },
		{ HEALTH_CRITICAL, "about to expire" },
		{ HEALTH_CRITICAL, "expired" },
	};
	int64_t next;
	const unsigned step = strange_step(f, now, &next);

	*health = steps[step].health;
	if (step > 0)
		return steps[step].word;
	if (f->why[0] == '\0')
		return f->not_before > now ? "not yet valid" : steps[step].word;
	*health = HEALTH_WARNING;
	return f->n > 0 ? "damaged" : "unreadable";
}

char *strange_words(const struct strange *f, int64_t now)
{
	char span[TEXT_SPAN_MAX], at[TEXT_TIME_MAX], which[64] = "";

	if (f->n > 1)
		snprintf(which, sizeof(which), ", number %u of %u in it", f->place,
			 f->n);
	text_time(at, f->not_after);
	return f->not_after > now
		   ? xasprintf("%s%s ends in %s (%s), and is not ours to renew",
			       f->name, which, text_span_of(span, f->not_after - now),
			       at)
		   : xasprintf("%s%s ended at %s, and is not ours to renew", f->name,
			       which, at);
}

/* -- telling of it -- */

static bool is_told_of(const struct agent *a, const char *key)
{
	struct alarm_row row;
	bool found = false;
	struct err e;

	return state_alarm_get(a->state, key, "expiring", &row, &found, &e) == 0 &&
	       found;
}

/* Its next time is a change. */
static void forget(struct agent *a, const char *path)
{
	AUTO_FREE char *key = xasprintf(KEY "%s", path);
	struct err e;

	if (is_told_of(a, key) &&
	    (agent_write(a, &e) < 0 || state_alarm_over(a->state, key, &e) < 0))
		log_error("%s: remember: %s", path, e.text);
}

/* Returns when there is something to tell of it again. */
static int64_t look_at_end(struct agent *a, const struct strange *f, int64_t now)
{
	AUTO_FREE char *key = xasprintf(KEY "%s", f->path);
	AUTO_FREE char *words = NULL;
	int64_t next, again;
	const unsigned step = strange_step(f, now, &next);
	uint64_t kind;

	if (step == 0) {
		forget(a, f->path);
		return next;
	}
	memcpy(&kind, f->fingerprint, sizeof(kind));
	if (alarm_admit(a, key, "expiring", (kind & ~UINT64_C(7)) | step, &again)) {
		words = strange_words(f, now);
		agent_tell(a, f->path, "expiring", 0, words);
		add(&a->strangers->alarms, f);
	}
	return clock_sooner(next, again);
}

static void look_at_ends(struct agent *a, int64_t now)
{
	struct strangers *s = a->strangers;

	s->tell_at = INT64_MAX;
	for (size_t i = 0; i < s->known.n; i++)
		s->tell_at =
		    clock_sooner(s->tell_at, look_at_end(a, &s->known.all[i], now));
}

void strangers_telling(struct agent *a)
{
	struct strangers *s = a->strangers;

	drop_all(&s->telling);
	s->telling = s->alarms;
	s->alarms = (struct strange_list){ .n = 0 };
}

void strangers_told(struct agent *a)
{
	drop_all(&a->strangers->telling);
}

/* -- a look -- */

static void fail_look(struct strangers *s, const char *why)
{
	log_warn("certificates of others are not looked at: %s", why);
	free(s->trouble);
	s->trouble = xstrdup(why);
	s->look_at = clock_sooner(s->look_at, clock_now() + HOUR_S);
}

/* In the order of the old ones: those that are gone are told of no more. */
static void forget_gone(struct agent *a, const struct strange_list *old)
{
	const struct strange_list *new = &a->strangers->known;

	for (size_t i = 0; i < old->n; i++)
		if (new->n == 0 || bsearch(&old->all[i], new->all, new->n,
					   sizeof(*new->all), by_path) == NULL)
			forget(a, old->all[i].path);
}

/* What went while nobody looked: as long as it stood, it was told each day. */
static void prune(struct agent *a)
{
	struct err e;

	if (agent_write(a, &e) < 0 ||
	    state_alarm_prune(a->state, KEY, clock_now() - 8 * DAY_S, &e) < 0)
		log_error("what was told of certificates of others: %s", e.text);
}

static void take_last(struct strangers *s)
{
	if (s->part.n > 0 && s->left_out == 0)
		log_warn(
		    "`watch` finds more files than are looked at: %u are left out, "
		    "name fewer",
		    s->part.n);
	s->left_out = s->part.n;
	s->whole = true;
}

/* Bytes of who has read what anybody may have written. */
static void take_part(struct strangers *s)
{
	struct stranger *p = &s->part;
	struct strange f = { .not_before = p->not_before,
			     .not_after = p->not_after,
			     .place = p->place,
			     .n = p->n,
			     .path = p->path,
			     .name = p->name,
			     .why = p->why };

	p->path[sizeof(p->path) - 1] = p->name[sizeof(p->name) - 1] = '\0';
	p->why[sizeof(p->why) - 1] = p->serial[sizeof(p->serial) - 1] = '\0';
	memcpy(f.serial, p->serial, sizeof(f.serial));
	memcpy(f.fingerprint, p->fingerprint, sizeof(f.fingerprint));
	if (p->path[0] == '\0')
		take_last(s);
	else if (s->coming.n < STRANGERS_MAX && !s->whole)
		add(&s->coming, &f);
}

/* Some of what is told; false: that was all. */
static bool read_some(struct strangers *s)
{
	const ssize_t n =
	    read(s->fd, (char *)&s->part + s->have, sizeof(s->part) - s->have);

	if (n <= 0)
		return false;
	s->have += (size_t)n;
	if (s->have < sizeof(s->part))
		return true;
	s->have = 0;
	take_part(s);
	return true;
}

static const char too_soon[] = "the look has ended too soon";
static const char silence[] =
    "nothing is heard of the look any more: a mount whose server is gone?";

static void begin_look(struct strangers *s, int fd)
{
	s->fd = fd;
	s->have = 0;
	s->whole = false;
}

/* `why` it is over. */
static void end_look(struct agent *a, const char *why)
{
	struct strangers *s = a->strangers;
	struct strange_list old = s->known;

	auto_fd_(&s->fd);
	s->fd = -1;
	if (!s->whole) {
		fail_look(s, why);
		drop_all(&s->coming);
		return;
	}
	s->known = s->coming;
	s->coming = (struct strange_list){ .n = 0 };
	if (s->known.n > 0)
		qsort(s->known.all, s->known.n, sizeof(*s->known.all), by_path);
	s->tell_at = 0;
	free(s->trouble);
	s->trouble = NULL;
	log_debug("certificates of others are in %zu files", s->known.n);
	if (request_writes(a->request)) {
		forget_gone(a, &old);
		prune(a);
	}
	drop_all(&old);
}

void strangers_load(struct agent *a)
{
	struct strangers *s = a->strangers;
	AUTO_MSG struct msg m = MSG_NONE;
	struct pollfd p = { .events = POLLIN };
	struct err e;
	int n = 1;

	msg_begin(&m, KEEPER_STRANGERS, 0);
	if (link_ask(ROLE_FD_PEER, &m, &e) < 0) {
		fail_look(s, e.text);
		return;
	}
	begin_look(s, msg_take_fd(&m));
	p.fd = s->fd;
	while (s->fd >= 0 && (n = poll(&p, 1, STRANGERS_WAIT_MS)) > 0 && read_some(s))
		;
	end_look(a, n == 0 ? silence : too_soon);
}

/* -- in the loop -- */

static void stop_look(struct agent *a, const char *why)
{
	ev_io_stop(a->loop, &a->strangers->io);
	ev_timer_stop(a->loop, &a->strangers->patience);
	end_look(a, why);
	agent_pass(a);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct agent *a = io->data;

	(void)events;
	if (read_some(a->strangers))
		ev_timer_again(loop, &a->strangers->patience);
	else
		stop_look(a, too_soon);
}

static void on_silence(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	stop_look(timer->data, silence);
}

static void on_answer(void *arg, uint32_t number, struct msg *m, const struct err *e)
{
	struct agent *a = arg;
	struct strangers *s = a->strangers;

	(void)number;
	s->asking = false;
	if (m == NULL) {
		if (!agent_cut_off(a))
			fail_look(s, e->text);
		agent_pass(a);
		return;
	}
	if (msg_get_u64(m) == 0)
		s->look_at = clock_sooner(s->look_at, clock_now() + HOUR_S);
	begin_look(s, msg_take_fd(m));
	if (s->fd >= 0) {
		ev_io_init(&s->io, on_readable, s->fd, EV_READ);
		ev_timer_init(&s->patience, on_silence, 0., STRANGERS_WAIT_MS / 1000.);
		s->io.data = s->patience.data = a;
		ev_io_start(a->loop, &s->io);
		ev_timer_again(a->loop, &s->patience);
	}
	agent_pass(a);
}

static void ask(struct agent *a, int64_t now)
{
	struct strangers *s = a->strangers;
	AUTO_MSG struct msg m = MSG_NONE;

	s->asking = true;
	s->changed_at = 0;
	s->look_at = schedule_turn_at(DAY_S, agent_draw(a, "watch"), now);
	msg_begin(&m, KEEPER_STRANGERS, 0);
	link_call(&a->keeper, &m, on_answer, 0);
}

void strangers_changed(struct agent *a)
{
	struct strangers *s = a->strangers;
	const int64_t now = clock_now();

	if (s->changed_at == 0 || s->changed_at > now)
		s->changed_at = now;
	s->look_at =
	    clock_sooner(now + STRANGERS_QUIET_S, s->changed_at + STRANGERS_MOST_S);
	agent_pass(a);
}

/* Nobody waits for longer than a day: the clock was wrong. */
static bool is_time(const struct strangers *s, int64_t now)
{
	return s->look_at <= now || s->look_at > now + 2 * DAY_S;
}

int64_t strangers_turn(struct agent *a)
{
	struct strangers *s = a->strangers;
	const int64_t now = clock_now();
	int64_t next = INT64_MAX;

	if (a->spec->n[SPEC_WATCH] == 0 || a->stopping || agent_cut_off(a) ||
	    a->clock.wrong)
		return INT64_MAX;
	if (s->tell_at <= now && !a->clock.doubted)
		look_at_ends(a, now);
	if (!a->clock.doubted)
		next = s->tell_at;
	if (a->request->command != COMMAND_AGENT || s->asking || s->fd >= 0)
		return next; /* the end of that look brings on the next turn */
	if (is_time(s, now))
		ask(a, now);
	return clock_sooner(next, s->look_at);
}

/* -- beginning and end -- */

void strangers_begin(struct agent *a)
{
	a->strangers = xcalloc(1, sizeof(*a->strangers));
	a->strangers->fd = -1;
	a->strangers->tell_at = INT64_MAX;
}

void strangers_free(struct agent *a)
{
	struct strangers *s = a->strangers;

	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	drop_all(&s->known);
	drop_all(&s->alarms);
	drop_all(&s->telling);
	drop_all(&s->coming);
	free(s->trouble);
	free(s);
	a->strangers = NULL;
}
