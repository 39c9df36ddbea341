#include "tests/crash/cases.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "agent/roles.h"
#include "base/buf.h"
#include "tests/crash/acme_server.h"
#include "tests/crash/layout.h"
#include "tests/crash/service.h"
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

/* Refuses every generation but the first while w/refuse is there. */
static const char test[] = "#!/bin/sh\n"
			   "[ ! -e @/refuse ] || [ $(readlink @/state/live/www) = "
			   "../archive/www/0000000001 ]\n";

#define CERT(name, names, more) \
	"{ name = \"" name "\"; names = [ " names " ]; issuer = \"lab\";" more " }"
#define ACME_BY(challenge)                                              \
	"certificates = ( { name = \"www\"; names = [ \"www.example\"," \
	" \"new.example\" ]; issuer = \"ca\"; hooks = \"h\";" challenge "$ } );\n"
#define ACME             ACME_BY(" challenge = { type = \"http-01\"; webroot = \"@/web\"; };")
#define ONE(names, more) "certificates = ( " CERT("www", names, more) " );\n"
#define OLD              "\"www.example\""
#define NEW              "\"www.example\", \"new.example\""
#define HOOK             " hooks = \"h\";"
static void drift(const struct world *w)
{
	world_write(w, "out/www.combined", "somebody's\n", 0600);
	world_remove(w, "out/www.der");
	world_remove(w, "out/more/www.der");
}

static void refuse(const struct world *w)
{
	char words[] = "renew www --force";

	world_write(w, "refuse", "", 0644);
	(void)world_run(w, words);
	world_remove(w, "refuse");
}

static int collect(void *sql, int n, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < n; i++)
		buf_printf(sql, "%s;", values[i]);
	return 0;
}

/* As the first version made it: what has come since goes. */
static void age_state(const struct world *w)
{
	static const char *const sql[] = {
		"SELECT 'ALTER TABLE certificate DROP COLUMN ' || name"
		" FROM pragma_table_info('certificate') WHERE name NOT IN ('name',"
		" 'inode', 'size', 'mtime_ns', 'ctime_ns', 'disk_stamp', 'generation',"
		" 'serial', 'fingerprint', 'spki_hash', 'not_before', 'not_after',"
		" 'names_hash', 'n_names', 'key', 'usage', 'is_ca', 'renew_at',"
		" 'retry_at', 'last_success_at', 'changed_at', 'held', "
		"'held_not_after',"
		" 'held_names_hash', 'held_key', 'failures', 'flags', 'state', "
		"'issuer',"
		" 'last_error')",
		"SELECT 'DROP TABLE ' || name FROM sqlite_schema WHERE type = 'table'"
		" AND name NOT IN ('certificate', 'hook', 'served', 'event')",
		"SELECT 'ALTER TABLE ' || m.name || ' DROP COLUMN sum'"
		" FROM sqlite_schema m WHERE m.name IN ('hook', 'served', 'event')",
	};
	AUTO_BUF struct buf all = { 0 };
	char path[256];
	sqlite3 *db = NULL;
	int rc;

	snprintf(path, sizeof(path), "%s/state/agent/state.db", w->dir);
	rc = sqlite3_open(path, &db);
	for (size_t i = 0; i < sizeof(sql) / sizeof(*sql) && rc == SQLITE_OK; i++)
		rc = sqlite3_exec(db, sql[i], collect, &all, NULL);
	buf_puts(&all, "PRAGMA application_id = 0; PRAGMA user_version = 1;");
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, all.data, NULL, NULL, NULL);
	sqlite3_close(db);
	if (rc != SQLITE_OK)
		world_remove(w, "everleaf.conf"); /* so that it is seen */
}

const struct crash_case crash_cases[] = {
	{ .name = "first-issue",
	  .certs = "www",
	  .before = ONE(OLD, HOOK "$"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "new-key",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK "$"),
	  .conf = ONE(NEW, HOOK "$"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "same-key",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK " reuse_key = true;$"),
	  .conf = ONE(NEW, HOOK " reuse_key = true;$"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "next-key",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK " next_key = true;$"),
	  .conf = ONE(NEW, HOOK " next_key = true;$"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true,
	  .announces = true },
	{ .name = "files-only-reported",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, " on_drift = \"report\";$"),
	  .conf = ONE(NEW, " on_drift = \"report\";$"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .files_only = true },
	{ .name = "files-added",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK),
	  .conf = ONE(OLD, HOOK "$"),
	  .command = "renew",
	  .next = "renew",
	  .files_only = true,
	  .hook = true },
	{ .name = "files-removed",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK "$"),
	  .conf = ONE(NEW, HOOK),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .files_only = true,
	  .hook = true,
	  .end = CASE_FILES_STAY },
	{ .name = "owner-changed",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK "$"),
	  .conf = ONE(OLD, HOOK "%"),
	  .command = "renew",
	  .next = "renew",
	  .files_only = true,
	  .hook = true,
	  .end = CASE_FILES_GIVEN },
	{ .name = "drift",
	  .certs = "www",
	  .prepare = { "renew" },
	  .twist = drift,
	  .before = ONE(OLD, HOOK "$"),
	  .command = "renew",
	  .next = "renew",
	  .files_only = true,
	  .hook = true },
	{ .name = "rollback",
	  .certs = "www",
	  .prepare = { "renew", "renew www --force", "renew www --force" },
	  .before = ONE(OLD, HOOK "$"),
	  .command = "rollback www",
	  .next = "renew",
	  .live = 2,
	  .hook = true,
	  .maybe = true },
	{ .name = "held",
	  .certs = "www",
	  .prepare = { "renew" },
	  .twist = refuse,
	  .before = ONE(OLD, " hooks = \"t\";$"),
	  .command = "renew www",
	  .next = "renew www",
	  .live = 2,
	  .hook = true },
	{ .name = "two",
	  .certs = "www mail",
	  .before = "certificates = ( " CERT("www", OLD, HOOK "$") ", " CERT(
	      "mail", "\"mail.example\"", HOOK) " );\n",
	  .command = "renew",
	  .next = "renew",
	  .orders = 2,
	  .hook = true },
	{ .name = "prune",
	  .certs = "www",
	  .prepare = { "renew", "renew www --force" },
	  .before = ONE(OLD, HOOK " keep = 2;$"),
	  .conf = ONE(NEW, HOOK " keep = 1;$"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "forced",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK "$"),
	  .command = "renew www --force",
	  .next = "renew",
	  .orders = 1,
	  .hook = true,
	  .maybe = true },
	{ .name = "replace",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK "$"),
	  .command = "revoke www --replace",
	  .next = "renew",
	  .orders = 1,
	  .hook = true,
	  .maybe = true,
	  .revoked = true },
	{ .name = "forget",
	  .certs = "mail",
	  .prepare = { "renew", "renew www --force" },
	  .before = "certificates = ( " CERT("www", OLD, HOOK "$") ", " CERT(
	      "mail", "\"mail.example\"", HOOK) " );\n",
	  .conf = "certificates = ( " CERT("mail", "\"mail.example\"", HOOK) " );\n",
	  .command = "forget www",
	  .next = "forget www",
	  .hook = true,
	  .end = CASE_FILES_STAY,
	  .gone = "www" },
	{ .name = "state-upgrade",
	  .certs = "www",
	  .prepare = { "renew" },
	  .twist = age_state,
	  .before = ONE(OLD, HOOK "$"),
	  .conf = ONE(NEW, HOOK "$"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "sighup",
	  .certs = "www",
	  .before = ONE(OLD, HOOK "$"),
	  .conf = ONE(NEW, HOOK "$"),
	  .command = "agent",
	  .next = "renew www",
	  .orders = 2,
	  .daemon = true,
	  .hook = true },
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
	{ .name = "acme-listen",
	  .certs = "www",
	  .acme = true,
	  .before = ACME_BY(""),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "probed",
	  .certs = "www",
	  .served = true,
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK "$"),
	  .conf = ONE(NEW, HOOK "$"),
	  .command = "renew",
	  .next = "renew",
	  .orders = 1,
	  .hook = true },
	{ .name = "account-register",
	  .certs = "",
	  .acme = true,
	  .before = ACME,
	  .command = "account ca register",
	  .next = "renew",
	  .orders = 1,
	  .end = CASE_FILES_STAY },
	{ .name = "account-rollover",
	  .certs = "www",
	  .acme = true,
	  .prepare = { "renew" },
	  .before = ACME,
	  .command = "account ca rollover",
	  .next = "account ca rollover",
	  .rolls = true,
	  .hook = true },
	{ .name = "ca-crl",
	  .certs = "www",
	  .prepare = { "renew" },
	  .before = ONE(OLD, HOOK "$"),
	  .command = "ca lab crl",
	  .next = "renew",
	  .hook = true },
};
const size_t n_crash_cases = sizeof(crash_cases) / sizeof(*crash_cases);

static void configure(const struct world *w, const char *certificates)
{
	char issuer[512] = ", ";
	char probe[512] = "";
	char filled[4096];
	char text[8192];

	if (w->ca >= 0)
		acme_server_configure(w, issuer + 2, sizeof(issuer) - 2);
	if (w->service >= 0)
		service_configure(w, probe, sizeof(probe));
	layout_fill(w->layout, certificates, filled, sizeof(filled));
	snprintf(text, sizeof(text), "%s" HEAD "%s%s", geteuid() == 0 ? ROOTS : "",
		 w->ca >= 0 ? issuer : "", probe, filled);
	world_write(w, "everleaf.conf", text, 0644);
}

void case_configure(const struct crash_case *c, const struct world *w)
{
	configure(w, c->conf == NULL ? c->before : c->conf);
}

/* Who was forgotten is known no more. */
bool case_accepts(const struct crash_case *c, int status)
{
	return status == 0 || (c->gone != NULL && status == EXIT_NO_NAME);
}

static bool prepare(const struct crash_case *c, const struct world *w)
{
	world_clear(w);
	layout_prepare(w, c);
	world_write(w, "test", test, 0755);
	configure(w, c->before);
	for (size_t i = 0; i < CASE_COMMANDS && c->prepare[i] != NULL; i++)
		if (world_run(w, c->prepare[i]) != 0)
			return false;
	if (c->twist != NULL)
		c->twist(w);
	if (!c->daemon)
		case_configure(c, w);
	return true;
}

bool case_prepare(const struct crash_case *c, const struct world *w)
{
	bool ok = prepare(c, w);

	world_keep(w);
	return ok;
}
