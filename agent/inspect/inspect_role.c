/*
 * The inspect role: explains what it was handed open, and what the probe has seen, once,
 * and ends.
 *
 * For `check` it looks at the configuration of servers (inspect_lint.h).
 *
 * A program of its own, not a task of the probe: what people inspect has private keys and
 * passwords in it, so who parses it has neither a file nor a network, as the config role.
 * The probe, which has a network, never sees a key. What it reads is bounded, and so are
 * its time and the processor's.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_chain.h"
#include "agent/inspect/inspect_check.h"
#include "agent/inspect/inspect_lint.h"
#include "agent/inspect/inspect_pair.h"
#include "agent/inspect/inspect_print.h"
#include "agent/inspect/inspect_read.h"
#include "agent/inspect/inspect_served.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define CPU_SECONDS  30    /* a key may be sealed so that it takes hours to open */
#define READ_MS      30000 /* a pipe may never end */
#define LIMIT_SECRET 1024

struct work {
	struct inspect in;
	struct buf secret;
	struct buf trust;
	int64_t until_ms;
};

static int wait_readable(int fd, int64_t until_ms, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const int64_t left = until_ms - clock_boot_ms();

	if (left <= 0 || poll(&p, 1, (int)left) == 0)
		return err_set(e, ERR_LIMIT, "it did not end in %d s", READ_MS / 1000);
	return 0;
}

/* One byte more than `max` at most: by that too much is known. */
static int read_all(const struct work *w, int fd, size_t max, struct buf *out,
		    struct err *e)
{
	char chunk[8192];

	while (out->len <= max) {
		const size_t room = max + 1 - out->len;
		ssize_t n;

		TRY(wait_readable(fd, w->until_ms, e));
		n = read(fd, chunk, room < sizeof(chunk) ? room : sizeof(chunk));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(e, "read");
		if (n == 0)
			break;
		buf_add(out, chunk, n < 0 ? 0 : (size_t)n);
	}
	explicit_bzero(chunk, sizeof(chunk));
	return 0;
}

static bool has_key(const struct inspect *in, uint32_t input)
{
	for (size_t i = 0; i < in->n_items; i++)
		if (in->items[i].kind == ITEM_KEY && in->items[i].input == input &&
		    !in->items[i].sealed)
			return true;
	return false;
}

static void check_mode(struct inspect *in, uint32_t input, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0 &&
	    has_key(in, input))
		inspect_say(in, FOUND_KEY_EXPOSED, input,
			    "everybody on this host can read the private key in it "
			    "(mode %04o)",
			    st.st_mode & 07777);
}

static int on_input(struct work *w, struct msg *m, struct err *e)
{
	AUTO_BUF struct buf bytes = { 0 };
	const char *label = msg_get_str(m);
	AUTO_FD int fd = msg_take_fd(m);
	uint32_t input;

	TRY(msg_end(m, e));
	if (read_all(w, fd, LIMIT_INSPECT_BYTES, &bytes, e) < 0)
		return err_wrap(e, "%s", label);
	input = inspect_input(&w->in, label);
	inspect_read(&w->in, input, bytes.data == NULL ? "" : bytes.data, bytes.len);
	check_mode(&w->in, input, fd);
	return 0;
}

static int on_secret(struct work *w, struct msg *m, struct err *e)
{
	AUTO_FD int fd = msg_take_fd(m);

	TRY(msg_end(m, e));
	if (read_all(w, fd, LIMIT_SECRET, &w->secret, e) < 0)
		return err_wrap(e, "password");
	if (w->secret.len == 0 || w->secret.len > LIMIT_SECRET)
		return err_set(e, ERR_CONFIG,
			       "the file of the password is empty, or larger than %d "
			       "bytes",
			       LIMIT_SECRET);
	w->secret.data[strcspn(w->secret.data, "\r\n")] = '\0';
	w->in.password = w->secret.data;
	return 0;
}

static int on_trust(struct work *w, struct msg *m, struct err *e)
{
	AUTO_FD int fd = msg_take_fd(m);

	TRY(msg_end(m, e));
	TRY(read_all(w, fd, LIMIT_INSPECT_BYTES, &w->trust, e));
	w->in.trust = w->trust.data;
	w->in.trust_len = w->trust.len;
	return 0;
}

static int on_live(struct work *w, struct msg *m, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };
	const char *name = msg_get_str(m);
	AUTO_FD int fd = msg_take_fd(m);
	struct inspect *in = &w->in;
	struct x509_facts facts;
	struct err ignored;

	TRY(msg_end(m, e));
	if (read_all(w, fd, LIMIT_CHAIN_BYTES, &pem, &ignored) < 0 ||
	    x509_facts_from_pem(pem.data, pem.len, &facts, &ignored) < 0)
		return 0; /* there is nothing to compare with */
	in->lives = xrealloc(in->lives, in->n_lives + 1, sizeof(*in->lives));
	in->lives[in->n_lives] =
	    (struct inspect_live){ .name = xstrdup(name),
				   .not_before = facts.not_before };
	memcpy(in->lives[in->n_lives++].leaf, facts.fingerprint, 32);
	return 0;
}

/* Take what the supervisor hands over, until it says that this is all. */
static int take(struct work *w, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	for (;;) {
		TRY(msg_recv(ROLE_FD_SUPERVISOR, &m, e));
		if (m.type == INSPECT_READY)
			return msg_end(&m, e);
		if (m.type == INSPECT_SERVED) {
			TRY(inspect_served(&w->in, &m, e));
			continue;
		}
		if (m.fd < 0)
			return err_set(e, ERR_PROTO, "message %u without a file",
				       m.type);
		if (m.type == INSPECT_INPUT)
			TRY(on_input(w, &m, e));
		else if (m.type == INSPECT_SECRET)
			TRY(on_secret(w, &m, e));
		else if (m.type == INSPECT_LIVE)
			TRY(on_live(w, &m, e));
		else if (m.type == INSPECT_TRUST)
			TRY(on_trust(w, &m, e));
		else
			return err_set(e, ERR_PROTO, "message %u is not allowed here",
				       m.type);
	}
}

static int explain(struct role_start *s, struct work *w, struct err *e)
{
	const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS };
	AUTO_BUF struct buf out = { 0 };

	if (setrlimit(RLIMIT_CPU, &cpu) < 0)
		return err_sys(e, "limit the time");
	TRY(role_confine(s, NULL, 0, e));
	TRY(take(w, e));
	inspect_served_all(&w->in);
	inspect_pair(&w->in);
	inspect_chains(&w->in);
	inspect_check(&w->in);
	inspect_print(&w->in, s->request.flags, &out);
	fwrite(out.data, 1, out.len, stdout);
	return 0;
}

int inspect_role(void)
{
	struct work w = { .in = { .now = clock_now() },
			  .until_ms = clock_boot_ms() + READ_MS };
	struct role_start s;
	struct err e;
	int rc = role_begin(ROLE_INSPECT, &s, &e);
	int status;

	if (rc == 0 && s.request.command == COMMAND_CHECK)
		rc = inspect_lint(&s, &e);
	else if (rc == 0)
		rc = explain(&s, &w, &e);
	if (rc < 0)
		log_error("%s", e.text);
	status = rc == 0            ? inspect_is_bad(&w.in)
		 : rc == ERR_CONFIG ? EXIT_USAGE
				    : EXIT_SANDBOX;
	status = role_printed(status, true);
	inspect_done(&w.in);
	buf_done(&w.secret);
	buf_done(&w.trust);
	role_end(&s);
	return status;
}
