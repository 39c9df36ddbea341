/*
 * agent: what an agent is told by who is around it and somebody else has taken over: by
 * keeper and supervisor, workers, probes and the responder, and by whoever connects to its
 * control socket. The first octet says which command it is for; then whenever somebody is asked, or nobody has anything to do, the input
 * says what comes: what is right (help/peers.h), that with another field, something else,
 * nothing, or that time passes.
 *
 * The agent is the true one, from agent_role() on, in this process and without its sandbox.
 * It is answered from within the calls that wait. Time is that of the input alone.
 */
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>

#include "acme/account.h"
#include "agent/role/control.h"
#include "base/file.h"
#include "store/generation.h"
#include "tests/fuzz/agent_calls.h"
#include "tests/fuzz/agent_near.h"
#include "tests/fuzz/enrol.h"
#include "tests/fuzz/no_disk.h"
#include "tests/fuzz/quiet.h"
#include "tests/fuzz/role_numbers.h"

static const char config[] =
    "state_dir = \"$/state\"; agree_terms = true; contact = \"mailto:a@a.example\";"
    "watch = \"$/others/x.pem\"; http = \"127.0.0.1:9099\";"
    "hooks = ( { name = \"h\"; test = \"/bin/true\"; run = \"/bin/true\"; },"
    " { name = \"n\"; run = \"/bin/true\"; on = [ \"failed\", \"expiring\" ]; } );"
    "issuers = ("
    " { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; },"
    " { name = \"far\"; type = \"acme\"; url = \"https://far.example/d\"; },"
    " { name = \"near\"; type = \"acme\"; url = \"https://near.example/d\"; },"
    " { name = \"est\"; type = \"est\"; url = \"https://est.example\";"
    "   trust = \"from-issuer\"; user = \"web\"; password_file = \"$/password\"; },"
    " { name = \"run\"; type = \"exec\"; program = \"/bin/true\"; "
    "   trust = \"$/root.pem\"; } );"
    "crls = { name = \"list\"; url = \"http://ca.example/crl\"; ca = \"$/root.pem\";"
    "  hooks = \"h\"; files = { path = \"$/list.pem\"; content = \"crl\"; }; };"
    "defaults = { challenge = { type = \"http-01\"; webroot = \"$/web\"; }; };"
    "certificates = ("
    " { name = \"a\"; names = \"a.example\"; issuer = \"lab\"; hooks = \"h\"; files = ("
    "   { path = \"$/a.pem\"; content = \"fullchain\"; },"
    "   { path = \"$/ca.pem\"; content = \"ca\"; } ); probe = \"a.example:443\"; },"
    " { name = \"b\"; names = [ \"b.example\", \"*.b.example\" ]; optional = "
    "\"d.b.example\"; issuer = [ \"far\", \"lab\" ]; allow_private = true; challenge = "
    "("
    "   { type = \"http-01\"; webroot = \"$/web\"; },"
    "   { type = \"dns-01\"; rfc2136 = { server = \"192.0.2.1\"; key_name = \"k\";"
    "     key_file = \"$/tsig\"; }; } ); },"
    " { name = \"c\"; names = \"c.example\"; issuer = \"near\"; hooks = \"h\";"
    "   challenge = { type = \"dns-01\"; hook = \"/bin/true\"; }; },"
    " { name = \"d\"; names = \"d.example\"; issuer = \"est\"; },"
    " { name = \"e\"; names = \"e.example\"; issuer = \"run\"; },"
    " { name = \"f\"; names = \"f.example\"; issuer = [ \"near\", \"far\" ];"
    "   challenge = { type = \"http-01\"; listen = \"127.0.0.1:8080\"; }; } );";

/* -- the stage -- */

static const struct scratch *top(void)
{
	return stage.home.scratch;
}

static void stage_end(void)
{
	peers_end(&stage.peers);
	spec_done(&stage.spec);
	for (size_t i = 0; i < WORDS; i++)
		buf_done(&stage.words[i]);
	fclose(stage.nowhere);
	home_close(&stage.home);
}

/* -- what the keeper does -- */

static uint64_t store(const char *name, const char *leaf, const char *meta)
{
	const struct file_access access = { getuid(), getgid(), 0644 };
	AUTO_FD int root =
	    openat(top()->fd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct generation g;
	uint64_t number;
	struct err e;

	assert(generation_begin(&g, root, name, &e) == 0);
	assert(generation_add(&g, "cert.pem", leaf, strlen(leaf), &access, &e) == 0);
	assert(generation_add(&g, "meta.json", meta, strlen(meta), &access, &e) == 0);
	assert(generation_number(&g, &e) == 0);
	assert(generation_keep(&g, &number, &e) == 0);
	return number;
}

/* One that is not there is not made live. */
static void make_live(const char *name, uint64_t number)
{
	AUTO_FD int root =
	    openat(top()->fd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e;

	(void)generation_live(root, name, number, &e);
}

/* Each input begins in the same store: two sets of a, one of b and c, the roots of est. */
static void begin_store(void)
{
	static const char *const folders[] = { "state",      "state/archive",
					       "state/live", "state/ca",
					       "state/crl",  "state/roots",
					       "state/agent" };
	static const uint32_t sets[] = { 0, 0, 1, 2 };
	AUTO_FREE char *path = xasprintf("%s/state", top()->path);

	(void)nftw(path, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		scratch_mkdir(top(), folders[i]);
	scratch_put(top(), "state/roots/est.pem", stage.peers.root.data);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		const char *name =
		    spec_text(&stage.spec, stage.spec.certs[sets[i]].name);

		make_live(name, store(name, stage.peers.chains[sets[i]], "{}"));
	}
}

static void furnish(void)
{
	scratch_mkdir(top(), "others");
	scratch_mkdir(top(), "web");
	scratch_put(top(), "root.pem", stage.peers.root.data);
	home_secret(&stage.home, "password", "sesame\n");
	home_secret(&stage.home, "tsig",
		    "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n");
}

static void words(void)
{
	const char *const texts[] = { stage.peers.chains[0], stage.peers.chains[1],
				      stage.peers.root.data, enrol_leaf,
				      PEERS_TOKEN,           "https://far.example/o/1",
				      "b.example",           "h" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		buf_puts(&stage.words[i], texts[i]);
	buf_add(&stage.words[8], stage.peers.spki.data, stage.peers.spki.len);
	buf_add(&stage.words[8], "", 1);
	stage.words[8].len--;
}

static void stage_begin(void)
{
	struct err e;

	role_numbers_hold();
	signal(SIGPIPE, SIG_IGN);
	clock_fake(NOW);
	if (scratch_in(&stage.home.scratch) < 0)
		abort();
	peers_begin(&stage.peers);
	furnish();
	home_compile(&stage.home, config);
	assert(spec_map(stage.home.snapshot, &stage.spec, &e) == 0);
	peers_know(&stage.peers, &stage.spec);
	stage.peers.any_key = true;
	stage.peers.store = store;
	stage.peers.live = make_live;
	words();
	stage.nowhere = fopen("/dev/null", "w");
	assert(stage.nowhere != NULL);
	atexit(stage_end);
}

/* -- the agent -- */

static const struct {
	enum command command;
	unsigned flags;
	const char *name; /* NULL: none */
} asked[] = {
	{ COMMAND_RENEW, 0, NULL },
	{ COMMAND_AGENT, 0, NULL },
	{ COMMAND_RENEW, REQUEST_FORCE, NULL },
	{ COMMAND_RENEW, REQUEST_DRY_RUN, NULL },
	{ COMMAND_ROLLBACK, 0, "a" },
	{ COMMAND_REVOKE, REQUEST_REPLACE, "b" },
	{ COMMAND_STATUS, REQUEST_JSON | REQUEST_LOOK, NULL },
	{ COMMAND_STATUS, 0, NULL },
	{ COMMAND_PLAN, 0, NULL },
	{ COMMAND_CRL, REQUEST_UPDATE, NULL },
	{ COMMAND_HISTORY, 0, NULL },
	{ COMMAND_FORGET, REQUEST_YES, "gone" },
	{ COMMAND_CHECK, REQUEST_ONLINE, NULL },
	{ COMMAND_ACCOUNT, 0, "far" },
	{ COMMAND_CA_INIT, 0, "lab" },
	{ COMMAND_CA_SIGN, 0, "lab" },
	{ COMMAND_CA_REVOKE, 0, "lab" },
	{ COMMAND_CA_CRL, 0, "lab" },
	{ COMMAND_CA_ROLLOVER, 0, "lab" },
	{ COMMAND_REVOKE, REQUEST_BY_KEY, "c" },
};

#define N_ASKED (sizeof(asked) / sizeof(*asked))

static int open_control(void)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	assert(bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0);
	assert(listen(fd, CONTROL_MAX) == 0);
	return fd;
}

static void become(int fd, int number)
{
	assert(dup2(fd, number) == number);
	close(fd);
}

static void begin_agent(uint8_t which, uint8_t step)
{
	const char *names[] = { asked[which].name, "01" };
	const struct role_start start = {
		.request = { .command = asked[which].command,
			     .flags = asked[which].flags,
			     .warn_s = -1,
			     .crit_s = -1,
			     .days = -1,
			     .wait_s = step,
			     .run = 1,
			     .step = step % ACCOUNT_STEPS,
			     .input = fake_request,
			     .names = names,
			     .n_names = asked[which].command == COMMAND_CA_REVOKE
					    ? 2
					    : asked[which].name != NULL },
		.host_id = "host",
		.uid = SPEC_NOBODY,
		.gid = SPEC_NOBODY,
		.home_state = "",
		.home_runtime = "",
		.hooks_dir = "",
		.config_path = ""
	};
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;
	int theirs;

	begin_store();
	stage.super = open_pair(&theirs);
	become(theirs, ROLE_FD_SUPERVISOR);
	stage.keeper = open_pair(&theirs);
	become(theirs, ROLE_FD_PEER);
	assert(dup2(stage.home.snapshot, ROLE_FD_SNAPSHOT) == ROLE_FD_SNAPSHOT);
	become(open_control(), ROLE_FD_CONTROL);
	role_start_put(&m, &start);
	assert(msg_send(stage.super, &m, &e) == 0);
}

static void run_agent(void)
{
	const int status = agent_role();

	assert((status >= EXIT_SUCCESS && status <= EXIT_NO_NAME) ||
	       status == EXIT_AGAIN || status == EXIT_CUT);
	hang_up(&stage.keeper);
	hang_up(&stage.super);
	for (size_t i = 0; i < OTHERS; i++)
		leave(&stage.others[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	FILE *const out = stdout;
	uint8_t who;

	if (stage.home.scratch == NULL)
		stage_begin();
	stage.f = (struct fuzz){ data, len };
	stage.ms = stage.set_ms = 0;
	stage.n_answers = stage.n_rests = 0;
	for (size_t i = 0; i < OTHERS; i++)
		stage.others[i] = (struct other){ .fd = -1, .asked = MSG_NONE };
	pass(0);
	who = fuzz_byte(&stage.f);
	begin_agent(who % N_ASKED, (uint8_t)(who / N_ASKED));
	stdout = stage.nowhere;
	stage.runs = true;
	run_agent();
	stage.runs = false;
	stdout = out;
	role_numbers_hold();
	return 0;
}
