/*
 * super: what the supervisor is asked by roles that somebody else has taken over: by the
 * agent, by config while it reads a configuration, by inspect while it looks for mistakes in
 * one. An octet says by whom, and what kind of end that comes to; then come the messages.
 *
 * There are no roles: what starts, finds and ends them stands here, and no program is run.
 */
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "agent/super/hookrun.h"
#include "agent/super/super.h"
#include "agent/super/super_daemon.h"
#include "agent/super/super_enrol.h"
#include "agent/super/super_hook.h"
#include "agent/super/super_lint.h"
#include "agent/super/super_responder.h"
#include "base/clock.h"
#include "tests/agent/home.h"
#include "tests/fuzz/enrol.h"
#include "tests/fuzz/messages.h"
#include "tests/fuzz/quiet.h"

static const char config[] =
    "state_dir = \"$/state\"; agree_terms = true;"
    "hooks = ( { name = \"h\"; run = [ \"/bin/true\", \"x\" ]; } );"
    "issuers = ( { name = \"corp\"; type = \"exec\"; program = \"/bin/true\"; "
    "trust = \"$/ca.pem\"; }, "
    " { name = \"far\"; type = \"acme\"; url = \"https://far.example/d\"; } );"
    "crls = { name = \"list\"; url = \"http://ca.example/crl\"; ca = \"$/ca.pem\"; "
    "files = { path = \"$/list.pem\"; content = \"crl\"; }; };"
    "certificates = ( { name = \"www\"; names = [ \"www.example\", \"192.0.2.7\" ];"
    " issuer = \"corp\"; allow_private = true; hooks = \"h\";"
    " files = { path = \"$/www.pem\"; content = \"fullchain\"; }; },"
    " { name = \"x\"; names = \"x.example\"; issuer = \"far\";"
    "   challenge = { type = \"dns-01\"; hook = \"/bin/true\"; }; } );";

/* -- the stage -- */

enum { WORDS = 8, MOST = 24 }; /* messages of one input */

static struct {
	struct home home;
	struct spec spec;
	char *path; /* of a configuration */
	char *own;  /* a file with a request in it */
	struct buf words[WORDS];
	int theirs; /* the supervisor's end, of who asks now; -1: taken */
	bool stays; /* who asks does not end by itself */
	struct super_proc agent;
} stage = { .agent = { .role = ROLE_AGENT, .process = { .pidfd = -1 }, .sock = -1 } };

static void stage_end(void)
{
	spec_done(&stage.spec);
	for (size_t i = 0; i < WORDS; i++)
		buf_done(&stage.words[i]);
	free(stage.path);
	free(stage.own);
	home_close(&stage.home);
}

static void stage_begin(void)
{
	const struct scratch *top;
	struct err e;

	signal(SIGPIPE, SIG_IGN);
	if (scratch_in(&stage.home.scratch) < 0)
		abort();
	top = stage.home.scratch;
	scratch_put(top, "main.conf", config);
	scratch_put(top, "a.csr", fake_request);
	scratch_put(top, "ca.pem", enrol_root);
	home_compile(&stage.home, config);
	assert(spec_map(stage.home.snapshot, &stage.spec, &e) == 0);
	stage.path = xasprintf("%s/main.conf", top->path);
	stage.own = xasprintf("%s/a.csr", top->path);
	buf_puts(&stage.words[0], stage.path);
	buf_puts(&stage.words[1], stage.own);
	buf_puts(&stage.words[2], "*.conf");
	buf_puts(&stage.words[3], top->path);
	buf_puts(&stage.words[4], "root");
	buf_puts(&stage.words[5], "nobody-is-called-so");
	buf_puts(&stage.words[6], fake_request);
	buf_puts(&stage.words[7], "0123456789abcdef0123456789abcdef");
	atexit(stage_end);
}

/* -- no roles, no programs, and few files -- */

int super_start(struct super *s, enum role role, const struct super_fds *fds,
		struct super_proc **proc, struct err *e)
{
	(void)role;
	(void)fds;
	if (stage.theirs < 0)
		return err_set(e, ERR_LIMIT, "no more roles here");
	*proc = &s->procs[0];
	(*proc)->role = role;
	(*proc)->sock = stage.theirs;
	(*proc)->process.pidfd = memfd_create("ended", MFD_CLOEXEC);
	stage.theirs = -1;
	return 0;
}

int super_start_peer(struct super *s, enum role role, int snapshot,
		     struct super_proc **proc, int *peer, struct err *e)
{
	(void)s;
	(void)role;
	(void)snapshot;
	(void)proc;
	*peer = -1;
	return err_set(e, ERR_LIMIT, "no more roles here");
}

void super_let_go(struct super_proc *p)
{
	auto_fd_(&p->sock);
	p->sock = -1;
}

int super_reap(struct super_proc *p)
{
	if (stage.stays)
		return -1;
	super_let_go(p);
	auto_fd_(&p->process.pidfd);
	p->process.pidfd = -1;
	return EXIT_SUCCESS;
}

struct super_proc *super_role(struct super *s, enum role role)
{
	(void)s;
	return role == ROLE_AGENT ? &stage.agent : NULL;
}

void super_end_role(struct super_proc *p, int64_t until_ms)
{
	(void)until_ms;
	stage.stays = false;
	(void)super_reap(p);
}

void super_end_roles(struct super *s, int patience_ms)
{
	(void)s;
	(void)patience_ms;
}

int spawn(void (*run)(const void *arg), const void *arg, struct spawned *p,
	  struct err *e)
{
	(void)run;
	(void)arg;
	p->pidfd = -1;
	return err_set(e, ERR_SYS, "no processes here");
}

/* A pattern of the whole host would take minutes: one finds one file, which may be a folder,
 * or gone by now. */
static const char *found_by(const char *pattern)
{
	switch (pattern[0]) {
	case '*':
		return stage.own;
	case '?':
		return ((const struct scratch *)stage.home.scratch)->path;
	case '[':
		return "/nowhere/gone.conf";
	default:
		return stage.path;
	}
}

int glob(const char *pattern, int flags, int (*failed)(const char *path, int why),
	 glob_t *found)
{
	(void)flags;
	(void)failed;
	*found = (glob_t){ .gl_pathc = 0 };
	if (strpbrk(pattern, "*?[") == NULL)
		return GLOB_NOMATCH;
	found->gl_pathv = xcalloc(2, sizeof(*found->gl_pathv));
	found->gl_pathv[0] = xstrdup(found_by(pattern));
	found->gl_pathc = 1;
	return 0;
}

void globfree(glob_t *found)
{
	if (found->gl_pathv != NULL)
		free(found->gl_pathv[0]);
	free(found->gl_pathv);
	*found = (glob_t){ .gl_pathc = 0 };
}

/* -- asking -- */

enum { HOW_FILE = 1, HOW_SNAPSHOT = 2, HOW_SOCKET = 3 }; /* what comes with it */

static void attach(struct msg *m, uint8_t how)
{
	int other = -1;
	struct err e;

	if (how % 4 == HOW_FILE)
		m->fd = memfd_create("some", MFD_CLOEXEC);
	if (how % 4 == HOW_SNAPSHOT)
		m->fd = fcntl(stage.home.snapshot, F_DUPFD_CLOEXEC, 0);
	if (how % 4 == HOW_SOCKET)
		assert(msg_pair(&m->fd, &other, &e) == 0);
	if (other >= 0)
		close(other);
}

/* Of the octet that says who asks. */
enum { ENDS_NOT = 48, ENDS_IN_NONSENSE = 96 };

static void fill(struct fuzz *f, bool nonsense, int *ours, int *theirs)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint8_t how = 0;
	struct err e;

	assert(msg_pair(ours, theirs, &e) == 0);
	for (int i = 0; i < MOST && message_next(f, stage.words, WORDS, &m, &how);
	     i++) {
		attach(&m, how);
		(void)msg_offer(*ours, &m, &e); /* what it has room for */
	}
	if (nonsense)
		(void)send(*ours, "?", 1, MSG_DONTWAIT);
	shutdown(*ours, SHUT_WR);
}

/* Two that are answered in super.c itself are not among them: what they have is nothing,
 * and a text that goes to the service manager. */
static const struct msg_rule rules[] = {
	{ SUP_HOOK, 1, super_hook },           { SUP_PROGRAM, 1, super_program },
	{ SUP_ENROL, 1, super_enrol },         { SUP_REACH, 1, super_reach },
	{ SUP_RESPONDER, 1, super_responder }, { SUP_ASKED, 1, super_asked },
};

static void serve(struct super *s, int sock)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	s->hooks = hookruns_new(&s->spec);
	stage.agent.sock = sock;
	while (msg_recv(sock, &m, &e) == 0) {
		e.text[0] = '\0';
		if (msg_dispatch(rules, sizeof(rules) / sizeof(*rules), 0, s, &m, &e) <
		    0)
			message_refused(&e);
		hookrun_step(s->hooks);
		super_hooks_ended(s);
	}
	hookruns_free(s->hooks);
	if (s->asked.conn >= 0)
		close(s->asked.conn);
	request_done(&s->asked.request);
	msg_done(&s->asked.msg);
	super_let_go(&stage.agent);
}

static void configure(struct super *s)
{
	struct spec spec = { .n = { 0 } };
	int snapshot = -1;
	struct err e = { .text = "" };

	if (super_configure(s, &snapshot, &spec, &e) < 0)
		message_refused(&e);
	else
		assert(spec.global != NULL && spec.len == stage.spec.len);
	spec_done(&spec);
	auto_fd_(&snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct request request = { .command = COMMAND_AGENT };
	struct fuzz f = { data, len };
	const uint8_t how = fuzz_byte(&f), who = how % 3;
	struct super s = { .request = &request, .is_daemon = true, .msg = MSG_NONE };
	struct err e = { .text = "" };
	int ours;

	if (stage.home.scratch == NULL)
		stage_begin();
	s.path = stage.path;
	s.spec = stage.spec;
	s.config = s.snapshot = s.next_snapshot = s.lock = -1;
	s.asked.listener = s.asked.conn = s.asked.out[0] = s.asked.out[1] = -1;
	s.asked.msg = (struct msg)MSG_NONE;
	s.watch.watch = (struct watch)WATCH_NONE;
	s.procs[0] = (struct super_proc){ .process = { .pidfd = -1 }, .sock = -1 };
	stage.stays = how / ENDS_NOT % 2 == 1;
	fill(&f, how / ENDS_IN_NONSENSE % 2 == 1, &ours, &stage.theirs);
	if (who == 0)
		serve(&s, stage.theirs);
	else if (who == 1)
		configure(&s);
	else if (super_lint(&s, &e) < 0)
		message_refused(&e);
	close(ours);
	listen_close(&s.listen, ~0u);
	super_watch_end(&s);
	auto_fd_(&s.config);
	msg_done(&s.msg);
	return 0;
}
