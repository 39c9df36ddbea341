/*
 * role: what roles are asked by others that somebody else has taken over, through the
 * tables of their own mains: keeper (of each command, and what workers ask on sockets that
 * were lent), worker, probe, responder. An octet says who is asked, then come the messages.
 *
 * The roles run in this process, on sockets that are filled before, without a sandbox,
 * without processes of their own, and without a network: all that begins a role stands here.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/keeper/child.h"
#include "agent/keeper/keeper.h"
#include "agent/net/connector.h"
#include "agent/net/probe_address.h"
#include "base/clock.h"
#include "base/http.h"
#include "base/http_reply.h"
#include "base/json.h"
#include "store/pending.h"
#include "tests/agent/home.h"
#include "tests/fuzz/enrol.h"
#include "tests/fuzz/messages.h"
#include "tests/fuzz/name_servers.h"
#include "tests/fuzz/no_disk.h"
#include "tests/fuzz/quiet.h"
#include "tests/fuzz/role_numbers.h"

#define NOW   INT64_C(1795000000)
#define TOKEN "DGyRejmCefe7v4NfDGDKfA"

static const char config[] =
    "state_dir = \"$/state\"; agree_terms = true; contact = \"mailto:a@a.example\";"
    "issuers = ("
    " { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; },"
    " { name = \"far\"; type = \"acme\"; url = \"https://ca.example/dir\";"
    "   eab = { kid = \"kid-1\"; key_file = \"$/eab\"; }; },"
    " { name = \"corp\"; type = \"cfssl\"; url = \"http://ca.corp.example\";"
    "   profile = \"server\"; auth_key_file = \"$/auth\"; },"
    " { name = \"est\"; type = \"est\"; url = \"https://est.corp.example\";"
    "   user = \"web\"; password_file = \"$/password\"; trust = \"$/ca.pem\"; },"
    " { name = \"cmp\"; type = \"cmp\"; url = \"http://cmp.corp.example\"; cmd = "
    "\"cr\"; reference = \"web\"; secret_file = \"$/password\"; },"
    " { name = \"step\"; type = \"step\"; url = \"https://step.corp.example/\";"
    "   provisioner = \"admin\"; password_file = \"$/password\"; },"
    " { name = \"far-corp\"; type = \"cfssl\"; url = \"https://ca.far.example\";"
    "   trust = \"from-issuer\"; } );"
    "crls = { name = \"list\"; url = [ \"http://ca.example/crl\" ];"
    "  ca = \"$/ca.pem\"; files = { path = \"$/files/list.pem\"; content = \"crl\"; }; "
    "};"
    "certificates = ("
    " { name = \"a\"; names = \"a.example.org\"; issuer = \"lab\"; files = ("
    "   { path = \"$/files/a.pem\"; content = \"fullchain\"; },"
    "   { path = \"$/files/a.key\"; content = \"key\"; } ); },"
    " { name = \"b\"; names = [ \"b.example\", \"*.b.example\" ]; issuer = [ \"far\", "
    "\"lab\" ]; allow_private = true; optional = \"d.b.example\"; challenge = ("
    "   { type = \"http-01\"; webroot = \"$/web\"; },"
    "   { type = \"dns-01\"; rfc2136 = { server = \"192.0.2.1\"; key_name = \"k\";"
    "     key_file = \"$/tsig\"; zone = \"example.org\"; }; } ); },"
    " { name = \"c\"; names = \"c.example\"; issuer = \"corp\"; },"
    " { name = \"d\"; names = \"d.example\"; issuer = \"est\"; },"
    " { name = \"e\"; names = \"e.example\"; issuer = \"cmp\"; },"
    " { name = \"f\"; names = \"f.example\"; issuer = \"step\"; } );";

/* -- the stage -- */

enum { WORD_AUTHORIZATION = 5, WORDS = 10, MOST = 24 }; /* messages of one input */

static struct {
	struct home home;
	struct spec spec;
	struct buf words[WORDS];
	struct buf answer;      /* of a CFSSL server */
	struct request request; /* of what is being run */
} stage;

static const struct scratch *top(void)
{
	return stage.home.scratch;
}

static void stage_end(void)
{
	spec_done(&stage.spec);
	for (size_t i = 0; i < WORDS; i++)
		buf_done(&stage.words[i]);
	buf_done(&stage.answer);
	home_close(&stage.home);
}

static void words(void)
{
	AUTO_KEY EVP_PKEY *key = enrol_key_of(false);
	const char *const texts[] = { enrol_root, enrol_sub, enrol_leaf, enrol_key,
				      TOKEN,      TOKEN,     "{}",       "b.example" };
	struct err e;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		buf_puts(&stage.words[i], texts[i]);
	assert(key_to_spki(key, &stage.words[8], &e) == 0);
	enrol_csr(false, &(struct csr_asks){ 0 }, &stage.words[9]);
}

static void answer(void)
{
	struct json j;

	json_begin(&j, &stage.answer);
	json_open(&j, NULL, '{');
	json_bool(&j, "success", true);
	json_open(&j, "result", '{');
	json_str(&j, "certificate", enrol_root);
	json_close(&j);
	json_close(&j);
	json_end(&j);
}

static void furnish(void)
{
	static const char *const folders[] = { "state",      "state/archive",
					       "state/live", "state/ca",
					       "files",      "web",
					       "state/roots" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		scratch_mkdir(top(), folders[i]);
	scratch_put(top(), "state/roots/far-corp.pem", enrol_root);
}

static int forget(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* An account that is registered, and keys that wait, so that there is something to sign by. */
static void give(void)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
	AUTO_ACCOUNT struct account a = { .key = NULL };
	AUTO_FD int root =
	    openat(top()->fd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct buf *authorization = &stage.words[WORD_AUTHORIZATION];
	AUTO_BUF struct buf print = { 0 };
	struct buf pem = { .data = (char *)(uintptr_t)enrol_key,
			   .len = strlen(enrol_key) };
	struct err e;

	assert(account_make_key(root, "far", KEY_ECDSA_P256, &a, &e) == 0);
	assert(account_save_url(root, "far", "https://ca.example/acct/1", &e) == 0);
	assert(jws_thumbprint(a.key, &print, &e) == 0);
	buf_done(authorization);
	buf_printf(authorization, "%s.%s", TOKEN, print.data);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert(pending_keep(root, names[i], &pem, &e) == 0);
}

/* Each input begins in the same store. */
static void clear(void)
{
	static const char *const folders[] = { "state", "files", "web" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", top()->path, folders[i]);

		nftw(path, forget, 16, FTW_DEPTH | FTW_PHYS);
	}
	furnish();
	give();
}

static void stage_begin(void)
{
	struct err e;

	role_numbers_hold();
	signal(SIGPIPE, SIG_IGN);
	if (scratch_in(&stage.home.scratch) < 0)
		abort();
	furnish();
	scratch_put(top(), "ca.pem", enrol_root);
	home_secret(&stage.home, "eab",
		    "YSBrZXkgdGhhdCB0aGUgQ0EgZ2F2ZSB1cyBmb3IgaXQ=\n");
	home_secret(&stage.home, "auth", "0123456789abCDEF0f\n");
	home_secret(&stage.home, "password", "sesame\n");
	home_secret(&stage.home, "tsig",
		    "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n");
	home_compile(&stage.home, config);
	assert(spec_map(stage.home.snapshot, &stage.spec, &e) == 0);
	words();
	answer();
	atexit(stage_end);
}

/* -- how a role begins here -- */

int role_begin(enum role role, struct role_start *s, struct err *e)
{
	(void)e;
	*s = (struct role_start){ .role = role,
				  .msg = MSG_NONE,
				  .request = stage.request,
				  .host_id = "host",
				  .spec = stage.spec };
	return 0;
}

int role_confine(struct role_start *s, const struct sandbox_path *paths, size_t n,
		 struct err *e)
{
	(void)s;
	(void)paths;
	(void)n;
	(void)e;
	return 0;
}

void role_end(struct role_start *s)
{
	msg_done(&s->msg);
}

int connector_begin(enum role role, struct role_start *s, struct err *e)
{
	return role_begin(role, s, e);
}

int child_start(unsigned cpu_s, void (*work)(void *arg, int fd), void *arg,
		struct child *c, struct err *e)
{
	(void)cpu_s;
	(void)work;
	(void)arg;
	c->fd = -1;
	return err_set(e, ERR_SYS, "no processes here");
}

int child_take(struct child *c, size_t max, struct buf *out, struct err *e)
{
	(void)c;
	(void)max;
	(void)out;
	return err_set(e, ERR_SYS, "no processes here");
}

void child_end(struct child *c)
{
	c->fd = -1;
}

/* -- no network, but for a CFSSL server that says the same of everything -- */

struct http {
	char none;
};

int http_new(const struct http_settings *s, struct http **h, struct err *e)
{
	(void)s;
	(void)e;
	*h = xcalloc(1, sizeof(**h));
	return 0;
}

void http_free(struct http *h)
{
	free(h);
}

int http_exchange(struct http *h, const struct http_request *request,
		  struct http_reply *reply, struct err *e)
{
	(void)h;
	if (strstr(request->url, "/api/v1/cfssl/") == NULL)
		return err_set(e, ERR_NET, "%.40s: no network here", request->url);
	http_reply_done(reply);
	reply->status = 200;
	buf_puts(&reply->body, stage.answer.data);
	return 0;
}

int probe_resolve(const char *host, const char *port, struct probe_address *list,
		  size_t *n, struct err *e)
{
	(void)list;
	*n = 0;
	return err_set(e, ERR_NET, "%.40s:%.10s: no network here", host,
		       port == NULL ? "" : port);
}

int probe_connect(const struct probe_address *a, int64_t until_ms, int *fd,
		  struct err *e)
{
	(void)until_ms;
	*fd = -1;
	return err_set(e, ERR_NET, "%s: no network here", a->text);
}

/* -- asking -- */

/* The answer is of the same type, or will come later. What several certificates wait for is
 * done at once, for the next message may be about it. */
int role_answer(int sock, const struct msg_rule *rules, size_t n, unsigned state,
		void *role, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct keeper *k = role;
	struct err why = { .text = "" };
	uint32_t type;

	TRY(msg_recv(sock, &m, e));
	type = m.type;
	if (msg_dispatch(rules, n, state, role, &m, &why) < 0)
		message_refused(&why);
	else
		assert((m.type == type || m.type == MSG_LATER) && !m.broken);
	if (type < KEEPER_STAMP || type > KEEPER_ROOTS || why.text[0] != '\0')
		return 0;
	while (k->n_staged > 0)
		TRY(keeper_keep(k, e));
	while (k->n_moved > 0)
		TRY(keeper_settle(k, e));
	return 0;
}

int role_serve(const struct msg_rule *rules, size_t n, unsigned state, void *role,
	       struct err *e)
{
	int rc;

	do
		rc = role_answer(ROLE_FD_PEER, rules, n, state, role, e);
	while (rc == 0);
	return rc == ERR_NET ? 0 : rc;
}

static int respond(void)
{
	return responder_role(NULL);
}

static const struct {
	int (*run)(void);
	enum command command;
	bool needs_store;
} asked[] = {
	{ keeper_role, COMMAND_RENEW, true },   { keeper_role, COMMAND_AGENT, true },
	{ keeper_role, COMMAND_PLAN, true },    { keeper_role, COMMAND_FORGET, true },
	{ keeper_role, COMMAND_CA_SIGN, true }, { keeper_role, COMMAND_CHECK, true },
	{ keeper_role, COMMAND_ACCOUNT, true }, { worker_role, COMMAND_RENEW, false },
	{ probe_role, COMMAND_RENEW, false },   { probe_role, COMMAND_INSPECT, false },
	{ respond, COMMAND_RENEW, false },
};

#define N_ASKED (sizeof(asked) / sizeof(*asked))

/* How a message comes. */
enum {
	HOW_ON = 3,      /* on the socket of: */
	HOW_PEER = 0,    /* ... the agent */
	HOW_LENT = 1,    /* ... what was lent */
	HOW_SUPER = 2,   /* ... the supervisor */
	HOW_WITH = 12,   /* with a descriptor: */
	HOW_LENDING = 4, /* ... of the socket that is lent */
	HOW_FILE = 8,    /* ... of a file */
	HOW_VISIT = 12,  /* ... of a socket at which somebody asks how the agent is */
};

struct ends {
	int ours[3], theirs[3]; /* by HOW_ON */
	int visitor;            /* the last one's end; -1: none */
};

static int some_file(void)
{
	AUTO_FD int fd = memfd_create("some", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, "some file", 9) == 9);
	return take_fd(&fd);
}

/* At an address that the system chooses. He says no more than that. */
static int some_visit(int *visitor)
{
	static const char asks[] = "GET /status.json HTTP/1.0\r\n\r\n";
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sa.sun_family);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd >= 0 && bind(fd, (const struct sockaddr *)&sa, len) == 0);
	len = sizeof(sa);
	assert(listen(fd, 1) == 0 &&
	       getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	if (*visitor >= 0)
		close(*visitor);
	*visitor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(connect(*visitor, (const struct sockaddr *)&sa, len) == 0);
	assert(write(*visitor, asks, sizeof(asks) - 1) == sizeof(asks) - 1);
	shutdown(*visitor, SHUT_WR);
	return fd;
}

static void say(struct ends *s, struct msg *m, uint8_t how)
{
	struct err e;

	if ((how & HOW_WITH) == HOW_LENDING)
		m->fd = fcntl(s->theirs[HOW_LENT], F_DUPFD_CLOEXEC, 0);
	if ((how & HOW_WITH) == HOW_FILE)
		m->fd = some_file();
	if ((how & HOW_WITH) == HOW_VISIT)
		m->fd = some_visit(&s->visitor);
	(void)msg_offer(s->ours[(how & HOW_ON) % 3], m, &e); /* what it has room for */
}

static void fill(struct ends *s, struct fuzz *f, bool is_responder)
{
	AUTO_MSG struct msg m = MSG_NONE;
	uint8_t how = 0;
	struct err e;

	for (int i = 0; i < 3; i++)
		assert(msg_pair(&s->ours[i], &s->theirs[i], &e) == 0);
	assert(dup2(s->theirs[HOW_SUPER], ROLE_FD_SUPERVISOR) == ROLE_FD_SUPERVISOR);
	assert(dup2(s->theirs[HOW_PEER], ROLE_FD_PEER) == ROLE_FD_PEER);
	for (int i = 0; i < MOST && message_next(f, stage.words, WORDS, &m, &how); i++)
		if (is_responder || (how & HOW_ON) != HOW_SUPER)
			say(s, &m, how);
	if (is_responder) {
		msg_begin(&m, RESPONDER_READY, 0);
		(void)msg_offer(s->ours[HOW_SUPER], &m, &e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *name = "far";
	struct fuzz f = { data, len };
	const uint8_t who = fuzz_byte(&f);
	const size_t n = who % N_ASKED;
	struct ends ends = { .visitor = -1 };
	int status;

	if (stage.home.scratch == NULL)
		stage_begin();
	if (asked[n].needs_store)
		clear();
	clock_fake(NOW);
	stage.request = (struct request){ .command = asked[n].command,
					  .names = &name,
					  .n_names = 1,
					  .step = who / N_ASKED % ACCOUNT_STEPS };
	fill(&ends, &f, asked[n].run == respond);
	for (int i = 0; i < 2; i++)
		shutdown(ends.ours[i], SHUT_WR);
	close(ends.theirs[HOW_LENT]);
	status = asked[n].run();
	assert(status == EXIT_SUCCESS || status == EXIT_AGAIN ||
	       (status == EXIT_SANDBOX && asked[n].run == respond));
	for (int i = 0; i < 3; i++)
		close(ends.ours[i]);
	close(ends.theirs[HOW_PEER]);
	close(ends.theirs[HOW_SUPER]);
	if (ends.visitor >= 0)
		close(ends.visitor);
	role_numbers_hold();
	return 0;
}
