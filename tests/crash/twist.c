#include "tests/crash/twist.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/x509.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "tests/crash/outside.h"
#include "tests/crash/sets.h"
#include "tests/crash/world.h"

void twist_drift(const struct world *w)
{
	world_write(w, "out/www.combined", "somebody's\n", 0600);
	world_remove(w, "out/www.der");
	world_remove(w, "out/more/www.der");
}

void twist_refuse(const struct world *w)
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
void twist_age_state(const struct world *w)
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

static void run_sql(const struct world *w, const char *sql)
{
	char path[256];
	sqlite3 *db = NULL;
	int rc;

	snprintf(path, sizeof(path), "%s/state/agent/state.db", w->dir);
	rc = sqlite3_open(path, &db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	if (rc != SQLITE_OK)
		world_remove(w, "everleaf.conf"); /* so that it is seen */
}

static bool serial_of(const struct world *w, const char *file, char hex[64])
{
	AUTO_BUF struct buf pem = { 0 };
	BIGNUM *number = NULL;
	char *text = NULL;
	X509 *cert;

	if (!world_read(w, file, &pem))
		return false;
	cert = sets_cert_in(&pem);
	number = cert == NULL ? NULL
			      : ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	text = number == NULL ? NULL : BN_bn2hex(number);
	if (text != NULL)
		snprintf(hex, 64, "%s", text);
	OPENSSL_free(text);
	BN_free(number);
	X509_free(cert);
	return text != NULL;
}

void twist_serial(const struct world *w)
{
	char hex[64] = "";

	(void)serial_of(w, "state/live/www/cert.pem", hex);
	world_write(w, "serial", hex, 0644);
}

static void revoke_at(const struct world *w, const char *ca, const char *file)
{
	char hex[64] = "", words[128];

	(void)serial_of(w, file, hex);
	snprintf(words, sizeof(words), "ca %s revoke %s", ca, hex);
	if (world_run(w, words) != 0)
		world_remove(w, "everleaf.conf");
}

/* Nothing of the sort may be there yet. */
void twist_later(const struct world *w)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/state/agent/state.db", w->dir);
	if (access(path, F_OK) == 0)
		run_sql(w, "UPDATE own_list SET look_at = 1, sum = NULL;"
			   "UPDATE certificate SET retry_at = 0, sum = NULL"
			   " WHERE failures > 0");
}

void twist_revoke(const struct world *w)
{
	revoke_at(w, "lab", "state/live/www/cert.pem");
	twist_later(w);
}

void twist_newer_list(const struct world *w)
{
	revoke_at(w, "flat", "state/archive/www/0000000001/cert.pem");
	run_sql(w, "UPDATE crl SET look_at = 1, sum = NULL");
}

void twist_move(const struct world *w)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char path[256];

	outside_move(w);
	snprintf(path, sizeof(path), "%s/state/roots/ca.seen", w->dir);
	if (utimensat(AT_FDCWD, path, long_ago, 0) < 0)
		world_remove(w, "everleaf.conf");
}
