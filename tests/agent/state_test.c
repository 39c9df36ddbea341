/* state: what was put comes back, and what was not committed never was. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/err.h"
#include "tests/help/writing.h"

#define NOW 1795235000 /* 2026-11-21T04:23:20Z */

static void put(struct state *st, const char *name, uint64_t generation)
{
	struct memory m = { .generation = generation };
	struct err e;

	if (state_put(st, name, &m, &e) < 0)
		fail_msg("%s", e.text);
}

/* The generation remembered of `name`; 0: none. */
static uint64_t got(struct state *st, const char *name)
{
	struct memory m;
	struct err e;
	bool found;

	if (state_get(st, name, &m, &found, &e) < 0)
		fail_msg("%s", e.text);
	return found ? m.generation : 0;
}

static struct memory full_memory(void)
{
	struct memory m = {
		.stamp = { UINT64_MAX, INT64_MAX, 1795235000123456789, INT64_MIN },
		.facts = { .not_before = -1,
			   .not_after = INT64_MAX,
			   .names_hash = UINT64_MAX - 1,
			   .key = KEY_ED25519,
			   .usage = USAGE_SERVER | USAGE_CLIENT,
			   .is_ca = true,
			   .n_names = 100,
			   .serial = "04AB" },
		.disk_stamp = UINT64_MAX - 2,
		.generation = UINT64_MAX - 3,
		.renew_at = 1,
		.retry_at = 2,
		.last_success_at = 3,
		.installed_run = UINT64_MAX - 6,
		.held = UINT64_MAX - 4,
		.held_not_after = 4,
		.held_names_hash = UINT64_MAX - 5,
		.held_key = KEY_RSA_4096,
		.failures = UINT32_MAX,
		.flags = CERT_REVOKED | CERT_NOT_SERVED | CERT_ROLLED_BACK,
		.state = 7,
		.issuer = "lab \"1\"",
		.fallback = { 3, 2 },
		.failed_by = UINT64_MAX - 7,
		.last_error = "order: \xc3\xa9; DROP TABLE certificate; --'",
	};

	for (size_t i = 0; i < 32; i++) {
		m.facts.fingerprint[i] = (uint8_t)(i * 8);
		m.facts.spki_hash[i] = (uint8_t)(255 - i);
	}
	return m;
}

static void expect_same(const struct memory *a, const struct memory *b)
{
	assert_memory_equal(&a->stamp, &b->stamp, sizeof(a->stamp));
	assert_true(a->facts.not_before == b->facts.not_before);
	assert_true(a->facts.not_after == b->facts.not_after);
	assert_true(a->facts.names_hash == b->facts.names_hash);
	assert_int_equal(a->facts.key, b->facts.key);
	assert_int_equal(a->facts.usage, b->facts.usage);
	assert_int_equal(a->facts.is_ca, b->facts.is_ca);
	assert_int_equal(a->facts.n_names, b->facts.n_names);
	assert_memory_equal(a->facts.fingerprint, b->facts.fingerprint, 32);
	assert_memory_equal(a->facts.spki_hash, b->facts.spki_hash, 32);
	assert_string_equal(a->facts.serial, b->facts.serial);
	assert_true(a->disk_stamp == b->disk_stamp);
	assert_true(a->generation == b->generation);
	assert_true(a->renew_at == b->renew_at && a->retry_at == b->retry_at);
	assert_true(a->last_success_at == b->last_success_at);
	assert_true(a->installed_run == b->installed_run);
	assert_true(a->failed_by == b->failed_by);
	assert_true(a->held == b->held && a->held_not_after == b->held_not_after);
	assert_true(a->held_names_hash == b->held_names_hash);
	assert_int_equal(a->held_key, b->held_key);
	assert_int_equal(a->failures, b->failures);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->fallback.asked, b->fallback.asked);
	assert_int_equal(a->fallback.failures, b->fallback.failures);
	assert_string_equal(a->issuer, b->issuer);
	assert_string_equal(a->last_error, b->last_error);
}

static void what_was_put_comes_back(void **state)
{
	const struct scratch *s = *state;
	const struct memory in = full_memory();
	struct state *st = begin(s);
	struct memory out;
	struct err e;
	bool found;

	clock_fake(NOW);
	assert_int_equal(state_put(st, "www", &in, &e), 0);
	clock_fake(0);
	commit(st);
	state_close(st);

	assert_int_equal(state_open(s->path, true, &st, &e), 0);
	assert_int_equal(state_get(st, "www", &out, &found, &e), 0);
	assert_true(found);
	expect_same(&out, &in);
	assert_true(out.changed_at == NOW);
	assert_int_equal(state_get(st, "WWW", &out, &found, &e), 0);
	assert_false(found);
	state_close(st);
}

static void a_second_put_takes_the_place_of_the_first(void **state)
{
	struct state *st = begin(*state);

	put(st, "www", 1);
	put(st, "www", 2);
	commit(st);
	assert_true(got(st, "www") == 2);
	state_close(st);
}

struct order {
	size_t n;
	const char *names[8];
	char seen[8][16];
};

static int note_name(void *arg, const char *name, const struct memory *m)
{
	struct order *o = arg;

	assert_true(o->n < 8);
	assert_int_equal(m->generation, name[0] & 7);
	snprintf(o->seen[o->n++], sizeof(o->seen[0]), "%s", name);
	return 0;
}

static int note_alone(void *arg, const char *name)
{
	return note_name(arg, name, &(struct memory){ .generation = name[0] & 7 });
}

static void names_come_in_the_order_of_their_bytes(void **state)
{
	static const char *const names[] = { "a.b", "B", "a", "A", "a-b", "a0", "_" };
	static const char *const sorted[] = { "A", "B", "_", "a", "a-b", "a.b", "a0" };
	struct state *st = begin(*state);
	struct order o = { 0 };
	struct err e;

	for (size_t i = 0; i < 7; i++)
		put(st, names[i], names[i][0] & 7);
	commit(st);
	assert_int_equal(state_each(st, note_name, &o, &e), 0);
	assert_int_equal(o.n, 7);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(o.seen[i], sorted[i]);
	o.n = 0;
	assert_int_equal(state_names(st, note_alone, &o, &e), 0);
	assert_int_equal(o.n, 7);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(o.seen[i], sorted[i]);
	assert_int_equal(state_names(NULL, note_alone, &o, &e), 0);
	o.n = 0;
	assert_int_equal(state_between(st, "B", "a-c", note_name, &o, &e), 0);
	assert_int_equal(o.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(o.seen[i], sorted[1 + i]);
	assert_int_equal(state_between(NULL, "B", "a", note_name, &o, &e), 0);
	state_close(st);
}

static int stop_at_b(void *arg, const char *name, const struct memory *m)
{
	unsigned *n = arg;

	(void)m;
	++*n;
	return name[0] == 'b' ? ERR_TRUST : 0;
}

static void the_caller_can_stop_and_begin_again(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	put(st, "a", 1);
	put(st, "b", 2);
	put(st, "c", 3);
	commit(st);
	for (int i = 0; i < 2; i++) {
		unsigned n = 0;

		assert_int_equal(state_each(st, stop_at_b, &n, &e), ERR_TRUST);
		assert_int_equal(n, 2);
	}
	state_close(st);
}

static struct state *other_view;

static int look_again(void *arg, const char *name, const struct memory *m)
{
	struct memory changed = *m;
	struct err e;
	unsigned *n = arg;

	++*n;
	assert_true(got(other_view, name) == m->generation);
	changed.generation += 10;
	assert_int_equal(state_put(other_view, name, &changed, &e), 0);
	return 0;
}

static void rows_can_be_read_and_written_while_going_through_them(void **state)
{
	struct state *st = begin(*state);
	unsigned n = 0;
	struct err e;

	put(st, "a", 1);
	put(st, "b", 2);
	other_view = st;
	assert_int_equal(state_each(st, look_again, &n, &e), 0);
	commit(st);
	assert_int_equal(n, 2);
	assert_true(got(st, "a") == 11 && got(st, "b") == 12);
	state_close(st);
}

static void what_is_looked_at_is_of_one_moment(void **state)
{
	struct state *st = begin(*state);
	AUTO_STATE struct state *reader = NULL;
	struct err e;

	put(st, "a", 1);
	commit(st);
	assert_false(state_look(NULL));
	assert_int_equal(state_open(*state, true, &reader, &e), 0);
	assert_true(state_look(reader));
	assert_false(state_look(reader));
	assert_true(got(reader, "a") == 1);
	assert_int_equal(state_begin(st, &e), 0);
	assert_false(state_look(st));
	put(st, "a", 2);
	commit(st);
	state_looked(reader, false);
	assert_true(got(reader, "a") == 1);
	state_looked(reader, true);
	assert_true(got(reader, "a") == 2);
	state_close(st);
}

/* -- pending hooks -- */

struct hooks {
	unsigned n;
	char text[512];
};

static int note_hook(void *arg, const struct pending_hook *p)
{
	struct hooks *h = arg;
	size_t at = strlen(h->text);

	h->n++;
	snprintf(h->text + at, sizeof(h->text) - at, "%s/%s %llu %llu %d%d;", p->name,
		 p->hook, (unsigned long long)p->generation,
		 (unsigned long long)p->previous, p->test_passed, p->was_up);
	return 0;
}

static void owe(struct state *st, const char *name, const char *hook, uint64_t number)
{
	const struct pending_hook p = { .name = name,
					.hook = hook,
					.generation = number,
					.previous = number - 1,
					.test_passed = true };
	struct err e;

	assert_int_equal(state_hook_put(st, &p, &e), 0);
}

static void expect_hooks(struct state *st, const char *name, const char *text)
{
	struct hooks h = { 0 };
	struct err e;

	assert_int_equal(state_hook_each(st, name, note_hook, &h, &e), 0);
	assert_string_equal(h.text, text);
}

static void a_hook_is_owed_until_it_is_done(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	owe(st, "www", "nginx", 18);
	owe(st, "www", "haproxy", 18);
	owe(st, "mail", "nginx", 5);
	expect_hooks(st, "www", "www/haproxy 18 17 10;www/nginx 18 17 10;");
	expect_hooks(st, NULL,
		     "mail/nginx 5 4 10;www/haproxy 18 17 10;"
		     "www/nginx 18 17 10;");
	assert_int_equal(state_hook_done(st, "www", "nginx", &e), 0);
	expect_hooks(st, NULL, "mail/nginx 5 4 10;www/haproxy 18 17 10;");
	owe(st, "mail", "nginx", 6);
	expect_hooks(st, "mail", "mail/nginx 6 5 10;");
	assert_int_equal(state_hook_done(st, "nobody", "nginx", &e), 0);
	assert_int_equal(state_hook_clear(st, "mail", &e), 0);
	expect_hooks(st, NULL, "www/haproxy 18 17 10;");
	commit(st);
	state_close(st);
}

/* -- what was served -- */

static int note_served(void *arg, const struct served *v)
{
	struct hooks *h = arg;
	size_t at = strlen(h->text);

	h->n++;
	snprintf(h->text + at, sizeof(h->text) - at, "%s %s %s %d %lld;", v->endpoint,
		 v->verdict, v->detail, v->fingerprint[31], (long long)v->at);
	return 0;
}

static void serve(struct state *st, const char *name, const char *endpoint,
		  const char *verdict)
{
	struct served v = { .endpoint = endpoint,
			    .verdict = verdict,
			    .detail = "said",
			    .fingerprint[31] = 77,
			    .at = NOW };
	struct err e;

	assert_int_equal(state_served_put(st, name, &v, &e), 0);
}

static void expect_served(struct state *st, const char *name, const char *text)
{
	struct hooks h = { 0 };
	struct err e;

	assert_int_equal(state_served_each(st, name, note_served, &h, &e), 0);
	assert_string_equal(h.text, text);
}

static void the_last_verdict_of_each_endpoint_is_kept(void **state)
{
	struct state *st = begin(*state);

	serve(st, "www", "b:443", "old");
	serve(st, "www", "a:443", "down");
	serve(st, "www", "b:443", "new");
	serve(st, "mail", "a:443", "new");
	expect_served(st, "www",
		      "a:443 down said 77 1795235000;b:443 new said 77 1795235000;");
	expect_served(st, "mail", "a:443 new said 77 1795235000;");
	commit(st);
	state_close(st);
}

static void what_is_forgotten_is_gone_with_its_hooks_and_verdicts(void **state)
{
	struct state *st = begin(*state);
	struct err e;

	put(st, "www", 1);
	put(st, "mail", 2);
	owe(st, "www", "nginx", 1);
	owe(st, "mail", "nginx", 2);
	serve(st, "www", "a:443", "new");
	serve(st, "mail", "a:443", "new");
	assert_int_equal(state_forget(st, "www", &e), 0);
	commit(st);
	assert_true(got(st, "www") == 0 && got(st, "mail") == 2);
	expect_hooks(st, NULL, "mail/nginx 2 1 10;");
	expect_served(st, "www", "");
	expect_served(st, "mail", "a:443 new said 77 1795235000;");
	state_close(st);
}

/* -- transactions -- */

static void what_was_not_committed_never_was(void **state)
{
	const struct scratch *s = *state;
	struct state *st = begin(s);
	struct err e;

	put(st, "www", 1);
	commit(st);
	assert_int_equal(state_begin(st, &e), 0);
	put(st, "www", 2);
	owe(st, "www", "nginx", 2);
	state_close(st);

	st = begin(s);
	assert_true(got(st, "www") == 1);
	expect_hooks(st, NULL, "");
	state_close(st);
}

static void a_kill_before_the_commit_leaves_what_was(void **state)
{
	const struct scratch *s = *state;
	struct state *st = begin(s);
	int status;
	pid_t pid;

	put(st, "www", 1);
	commit(st);
	state_close(st);
	for (int committed = 0; committed < 2; committed++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			st = begin(s);
			for (int i = 0; i < 500; i++) {
				char name[16];

				snprintf(name, sizeof(name), "n%d", i);
				put(st, name, 9);
			}
			put(st, "www", 2);
			if (committed)
				commit(st);
			raise(SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(state_open(s->path, false, &st, &(struct err){ 0 }),
				 0);
		assert_true(got(st, "www") == (committed ? 2 : 1));
		assert_true(got(st, "n499") == (committed ? 9 : 0));
		state_close(st);
	}
}

static void a_reader_sees_the_last_commit_while_another_writes(void **state)
{
	const struct scratch *s = *state;
	struct state *writer = begin(s), *reader;
	struct err e;

	put(writer, "www", 1);
	commit(writer);
	assert_int_equal(state_begin(writer, &e), 0);
	put(writer, "www", 2);
	assert_int_equal(state_open(s->path, true, &reader, &e), 0);
	assert_true(got(reader, "www") == 1);
	commit(writer);
	assert_true(got(reader, "www") == 2);
	state_close(reader);
	assert_int_equal(state_begin(writer, &e), 0);
	put(writer, "www", 3);
	commit(writer);
	state_close(writer);
}

/* The disk is full for so long. */
static void commit_fails(struct state *st)
{
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit room, none;
	struct err e;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &room), 0);
	none = room;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(state_commit(st, &e), ERR_SYS);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	(void)signal(SIGXFSZ, before);
	assert_false(state_is_damaged(st));
}

static void what_could_not_be_committed_is_known_and_put_again(void **state)
{
	const struct scratch *s = *state;
	struct state *st = begin(s);
	struct err e;

	put(st, "api", 1);
	put(st, "gone", 1);
	put(st, "www", 1);
	commit(st);
	for (uint64_t n = 2; n <= 3; n++) {
		assert_int_equal(state_begin(st, &e), 0);
		put(st, "www", n);
		put(st, "gone", n);
		commit_fails(st);
		assert_int_equal(got(st, "www"), n);
		assert_int_equal(got(st, "api"), 1);
	}
	assert_int_equal(state_begin(st, &e), 0);
	put(st, "api", 4);
	assert_int_equal(state_forget(st, "gone", &e), 0);
	commit_and_close(st);

	assert_int_equal(state_open(s->path, true, &st, &e), 0);
	assert_int_equal(got(st, "www"), 3);
	assert_int_equal(got(st, "api"), 4);
	assert_int_equal(got(st, "gone"), 0);
	state_close(st);
}

#define KEPT(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEPT(what_was_put_comes_back),
		KEPT(what_could_not_be_committed_is_known_and_put_again),
		KEPT(a_second_put_takes_the_place_of_the_first),
		KEPT(names_come_in_the_order_of_their_bytes),
		KEPT(the_caller_can_stop_and_begin_again),
		KEPT(rows_can_be_read_and_written_while_going_through_them),
		KEPT(what_is_looked_at_is_of_one_moment),
		KEPT(a_hook_is_owed_until_it_is_done),
		KEPT(the_last_verdict_of_each_endpoint_is_kept),
		KEPT(what_is_forgotten_is_gone_with_its_hooks_and_verdicts),
		KEPT(what_was_not_committed_never_was),
		KEPT(a_kill_before_the_commit_leaves_what_was),
		KEPT(a_reader_sees_the_last_commit_while_another_writes),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
