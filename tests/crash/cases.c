#include "tests/crash/cases.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/acme_server.h"
#include "tests/crash/world.h"

/* Without users of its own a test run as root takes numbers that nobody has. */
#define ROOTS \
	"users = { agent = \"64101\"; keeper = \"64102\"; network = \"64103\"; };\n"
#define HEAD                                                   \
	"state_dir = \"@/state\"; runtime_dir = \"@/run\";\n"  \
	"issuers = ( { name = \"lab\"; type = \"local\";"      \
	" subject = \"CN=Lab\"; intermediate = true; }%s );\n" \
	"hooks = ( { name = \"h\"; run = [ \"@/hook\" ]; },\n" \
	" { name = \"t\"; test = [ \"@/test\" ]; run = [ \"@/hook\" ]; } );\n"

/* Says which generation it has seen, and so that a power cut does not take it back. */
static const char hook[] = "#!/bin/sh\n"
			   "for n in $EVERLEAF_NAMES; do\n"
			   "echo \"$n $(readlink @/state/live/$n)\"\n"
			   "done >>@/hook.log\n"
			   "sync @/hook.log\n";

/* Refuses every generation but the first while w/refuse is there. */
static const char test[] = "#!/bin/sh\n"
			   "[ ! -e @/refuse ] || [ $(readlink @/state/live/www) = "
			   "../archive/www/0000000001 ]\n";

#define CERT(name, names, more) \
	"{ name = \"" name "\"; names = [ " names " ]; issuer = \"lab\";" more " }"
#define ACME                                                            \
	"certificates = ( { name = \"www\"; names = [ \"www.example\"," \
	" \"new.example\" ]; issuer = \"ca\"; hooks = \"h\";"           \
	" challenge = { type = \"http-01\"; webroot = \"@/web\"; }; } );\n"
#define ONE(names, more) "certificates = ( " CERT("www", names, more) " );\n"
#define OLD              "\"www.example\""
#define NEW              "\"www.example\", \"new.example\""
#define HOOK             " hooks = \"h\";"
#define FILES                                                                    \
	" files = ( { path = \"@/out/www.combined\"; content = \"combined\"; }," \
	" { path = \"@/out/www.der\"; content = \"der\"; mode = \"0644\"; },"    \
	" { path = \"@/out/www.key\"; content = \"key\"; } );"
#define ALL_FILES "www.combined www.der www.key"

static void drift(const struct world *w)
{
	world_write(w, "out/www.combined", "somebody's\n", 0600);
	world_remove(w, "out/www.der");
}

static void refuse(const struct world *w)
{
	char words[] = "renew www --force";

	world_write(w, "refuse", "", 0644);
	(void)world_run(w, words);
	world_remove(w, "refuse");
}

const struct crash_case crash_cases[] = {
	{ .name = "first-issue",
	  .certs = "www",
	  .before = ONE(OLD, HOOK),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "new-key",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK),
	  .conf = ONE(NEW, HOOK),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "same-key",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK " reuse_key = true;"),
	  .conf = ONE(NEW, HOOK " reuse_key = true;"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "files",
	  .certs = "www",
	  .files = ALL_FILES,
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK FILES),
	  .conf = ONE(NEW, HOOK FILES),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "files-only-reported",
	  .certs = "www",
	  .files = ALL_FILES,
	  .prepare = { "renew" },
	  .before = ONE(OLD, FILES " on_drift = \"report\";"),
	  .conf = ONE(NEW, FILES " on_drift = \"report\";"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1 },
	{ .name = "drift",
	  .certs = "www",
	  .files = ALL_FILES,
	  .prepare = { "renew" },
	  .twist = drift,
	  .before = ONE(OLD, HOOK FILES),
	  .command = "renew",
	  .next = "renew",
	  .hook = true },
	{ .name = "rollback",
	  .certs = "www",
	  .files = ALL_FILES,
	  .prepare = { "renew", "renew www --force", "renew www --force" },
	  .before = ONE(OLD, HOOK FILES),
	  .command = "rollback www",
	  .next = "renew",
	  .live = 2,
	  .hook = true,
	  .maybe = true },
	{ .name = "held",
	  .certs = "www",
	  .files = ALL_FILES,
	  .prepare = { "renew" },
	  .twist = refuse,
	  .before = ONE(OLD, " hooks = \"t\";" FILES),
	  .command = "renew www",
	  .next = "renew www",
	  .live = 2,
	  .hook = true },
	{ .name = "two",
	  .certs = "www mail",
	  .files = ALL_FILES,
	  .before = "certificates = ( " CERT("www", OLD, HOOK FILES) ", " CERT(
	      "mail", "\"mail.example\"", HOOK) " );\n",
	  .command = "renew",
	  .next = "renew",
	  .orders = 2,
	  .hook = true },
	{ .name = "prune",
	  .certs = "www",
	  .prepare = { "renew", "renew www --force" },
	  .before = ONE(OLD, HOOK " keep = 2;"),
	  .conf = ONE(NEW, HOOK " keep = 1;"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "forced",
	  .certs = "www",
	  .files = ALL_FILES,
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK FILES),
	  .command = "renew www --force",
	  .next = "renew",
	  .orders = 1,
	  .hook = true,
	  .maybe = true },
	{ .name = "acme-first",
	  .certs = "www",
	  .acme = true,
	  .before = ACME,
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "acme-renewal",
	  .certs = "www",
	  .acme = true,
	  .prepare = { "renew" },
	  .before = ACME,
	  .command = "renew www --force",
	  .next = "renew",
	  .orders = 1,
	  .hook = true,
	  .maybe = true },
	{ .name = "ca-crl",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK),
	  .command = "ca lab crl",
	  .next = "renew",
	  .hook = true },
};
const size_t n_crash_cases = sizeof(crash_cases) / sizeof(*crash_cases);

static void configure(const struct world *w, const char *certificates)
{
	char issuer[512] = ", ";
	char text[8192];

	if (w->ca >= 0)
		acme_server_configure(w, issuer + 2, sizeof(issuer) - 2);
	snprintf(text, sizeof(text), "%s" HEAD "%s", geteuid() == 0 ? ROOTS : "",
		 w->ca >= 0 ? issuer : "", certificates);
	world_write(w, "everleaf.conf", text, 0644);
}

static bool prepare(const struct crash_case *c, const struct world *w)
{
	char path[256];

	world_clear(w);
	snprintf(path, sizeof(path), "%s/out", w->dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/web", w->dir);
	mkdir(path, 0755);
	world_write(w, "hook", hook, 0755);
	world_write(w, "test", test, 0755);
	world_write(w, "hook.log", "", 0644);
	configure(w, c->before);
	for (size_t i = 0; i < CASE_COMMANDS && c->prepare[i] != NULL; i++)
		if (world_run(w, c->prepare[i]) != 0)
			return false;
	if (c->twist != NULL)
		c->twist(w);
	if (c->conf != NULL)
		configure(w, c->conf);
	return true;
}

bool case_prepare(const struct crash_case *c, const struct world *w)
{
	bool ok = prepare(c, w);

	world_keep(w);
	return ok;
}
