/* sandbox: what a role is there for works inside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "tests/fake_dns.h"

#define SOMEONE 65534 /* nobody */
#define ANOTHER 65533

static char *folder_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/everleaf-XXXXXX", tmp != NULL ? tmp : "/tmp");

	assert_non_null(mkdtemp(path));
	return path;
}

static void folder_remove(const char *path)
{
	const char *argv[] = { "rm", "-rf", path, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execvp("rm", (char **)(uintptr_t)argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

/* A step inside: the line that failed is the exit status, which says where to look. */
#define NEED(x)                                                               \
	do {                                                                  \
		if (!(x)) {                                                   \
			dprintf(2, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x, \
				strerror(errno));                             \
			_exit(1);                                             \
		}                                                             \
	} while (0)

/* Enter and run work(); any end but a clean one fails the test. */
static void run_inside(const struct sandbox *box, void (*work)(const char *arg),
		       const char *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		unsigned missing;
		struct err e;

		if (sandbox_enter(box, &missing, &e) != 0) {
			dprintf(2, "%s\n", e.text);
			_exit(2);
		}
		work(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static struct sandbox box_for(enum sandbox_kind kind, const struct sandbox_path *paths,
			      size_t n)
{
	return (struct sandbox){ .kind = kind,
				 .uid = (uid_t)-1,
				 .gid = (gid_t)-1,
				 .paths = paths,
				 .n_paths = n };
}

static bool needs_root(const char *what)
{
	if (geteuid() == 0)
		return false;
	print_message("skipped: %s needs root\n", what);
	return true;
}

/* -------- keeper */

static void store(const char *path, bool for_another)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
				     { .tv_nsec = UTIME_NOW } };
	struct statvfs room;
	char link[16];
	int fd;

	NEED(dir >= 0);
	NEED(fstatvfs(dir, &room) == 0);
	NEED(mkdirat(dir, "stage", 0700) == 0);
	fd = openat(dir, "stage/.new", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	NEED(fd >= 0);
	NEED(write(fd, "key", 3) == 3);
	if (for_another)
		NEED(fchown(fd, ANOTHER, ANOTHER) == 0);
	NEED(fchmod(fd, 0640) == 0);
	NEED(futimens(fd, times) == 0);
	NEED(fsync(fd) == 0);
	NEED(close(fd) == 0);
	NEED(renameat(dir, "stage/.new", dir, "stage/key.pem") == 0);
	NEED(renameat2(dir, "stage", dir, "0000000001", RENAME_NOREPLACE) == 0);
	NEED(symlinkat("0000000001", dir, ".live") == 0);
	NEED(renameat(dir, ".live", dir, "live") == 0);
	NEED(readlinkat(dir, "live", link, sizeof(link)) == 10);
	NEED(fsync(dir) == 0);
	close(dir);
}

static void remove_a_tree(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int sub = openat(dir, "0000000001", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(sub);

	NEED(d != NULL);
	for (struct dirent *entry; (entry = readdir(d)) != NULL;)
		if (entry->d_name[0] != '.')
			NEED(unlinkat(sub, entry->d_name, 0) == 0);
	closedir(d);
	NEED(unlinkat(dir, "0000000001", AT_REMOVEDIR) == 0);
	NEED(unlinkat(dir, "live", 0) == 0);
	close(dir);
}

static void keeps(const char *path)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int wd = inotify_add_watch(watch, path, IN_MOVED_TO | IN_DELETE);
	char events[4096];

	NEED(wd >= 0);
	store(path, false);
	NEED(read(watch, events, sizeof(events)) > 0);
	NEED(inotify_rm_watch(watch, wd) == 0);
	remove_a_tree(path);
}

static void a_keeper_stores_and_removes_files(void **state)
{
	AUTO_FREE char *folder = folder_new();
	const struct sandbox_path path = { folder, SANDBOX_WRITE };
	const struct sandbox box = box_for(SANDBOX_KEEPER, &path, 1);

	(void)state;
	run_inside(&box, keeps, folder);
	folder_remove(folder);
}

static void stores_for_another(const char *path)
{
	store(path, true);
}

/* As its own user, into a folder of root's, for a third. */
static void a_keeper_writes_for_other_users_with_three_capabilities(void **state)
{
	AUTO_FREE char *folder = folder_new();
	AUTO_FREE char *file = xasprintf("%s/live/key.pem", folder);
	const struct sandbox_path path = { folder, SANDBOX_WRITE };
	struct sandbox box = box_for(SANDBOX_KEEPER, &path, 1);
	struct stat st;

	(void)state;
	if (needs_root("another user")) {
		folder_remove(folder);
		skip();
	}
	box.uid = box.gid = SOMEONE;
	box.capabilities =
	    1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER;
	run_inside(&box, stores_for_another, folder);
	assert_return_code(stat(file, &st), errno);
	assert_int_equal(st.st_uid, ANOTHER);
	assert_int_equal(st.st_mode & 07777, 0640);
	folder_remove(folder);
}

static void makes_a_key(const char *arg)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	(void)arg;
	NEED(key != NULL);
	EVP_PKEY_free(key);
}

static void every_kind_can_use_openssl(void **state)
{
	(void)state;
	for (unsigned k = 0; k < SANDBOX_KINDS; k++) {
		const struct sandbox box = box_for((enum sandbox_kind)k, NULL, 0);

		run_inside(&box, makes_a_key, NULL);
	}
}

/* -------- agent */

static void query(sqlite3 *db, const char *sql)
{
	char *text = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &text) == SQLITE_OK)
		return;
	dprintf(2, "%s: %s\n", sql, text);
	_exit(1);
}

static void keeps_a_database(const char *folder)
{
	AUTO_FREE char *path = xasprintf("%s/state.db", folder);
	sqlite3 *db = NULL;

	for (int i = 0; i < 2; i++) {
		NEED(sqlite3_open(path, &db) == SQLITE_OK);
		query(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			  "CREATE TABLE IF NOT EXISTS t (a, b);"
			  "BEGIN; INSERT INTO t VALUES (1, zeroblob(100000)); COMMIT;"
			  "CREATE INDEX IF NOT EXISTS i ON t (b);"
			  "DELETE FROM t; PRAGMA wal_checkpoint(TRUNCATE); VACUUM;");
		NEED(sqlite3_close(db) == SQLITE_OK);
	}
	/* A roll-back journal too: an upgrade may need one. */
	NEED(sqlite3_open(path, &db) == SQLITE_OK);
	query(db, "PRAGMA journal_mode=DELETE; INSERT INTO t VALUES (1, 2);");
	NEED(sqlite3_close(db) == SQLITE_OK);
}

static void an_agent_keeps_a_database(void **state)
{
	AUTO_FREE char *folder = folder_new();
	const struct sandbox_path path = { folder, SANDBOX_WRITE };
	const struct sandbox box = box_for(SANDBOX_AGENT, &path, 1);

	(void)state;
	run_inside(&box, keeps_a_database, folder);
	folder_remove(folder);
}

static void timer_done(EV_P_ ev_timer *w, int events)
{
	(void)w;
	(void)events;
	ev_break(EV_A_ EVBREAK_ALL);
}

static void io_done(EV_P_ ev_io *w, int events)
{
	char byte;

	(void)events;
	NEED(read(w->fd, &byte, 1) == 1);
	ev_io_stop(EV_A_ w);
}

static void signal_done(EV_P_ ev_signal *w, int events)
{
	(void)events;
	ev_signal_stop(EV_A_ w);
}

static void periodic_done(EV_P_ ev_periodic *w, int events)
{
	(void)events;
	ev_periodic_stop(EV_A_ w);
}

static void loops(const char *arg)
{
	struct ev_loop *loop = ev_loop_new(0);
	struct ev_periodic clock;
	struct ev_signal stop;
	struct ev_timer timer;
	struct ev_io io;
	int sv[2] = { arg[0], arg[1] };

	NEED(loop != NULL);
	ev_periodic_init(&clock, periodic_done, ev_now(loop) + 0.001, 0, 0);
	ev_periodic_start(loop, &clock);
	ev_signal_init(&stop, signal_done, SIGTERM);
	ev_signal_start(loop, &stop);
	ev_io_init(&io, io_done, sv[0], EV_READ);
	ev_io_start(loop, &io);
	ev_timer_init(&timer, timer_done, 0.01, 0);
	ev_timer_start(loop, &timer);
	NEED(send(sv[1], "x", 1, 0) == 1);
	ev_feed_signal(SIGTERM);
	ev_run(loop, 0);
	NEED(!ev_is_active(&io) && !ev_is_active(&stop) && !ev_is_active(&clock));
	ev_loop_destroy(loop);
}

static void an_agent_has_its_event_loop(void **state)
{
	const struct sandbox box = box_for(SANDBOX_AGENT, NULL, 0);
	int sv[2];
	char arg[2];

	(void)state;
	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv),
			   errno);
	arg[0] = (char)sv[0];
	arg[1] = (char)sv[1];
	run_inside(&box, loops, arg);
	close(sv[0]);
	close(sv[1]);
}

/* -------- config */

static void reads_and_seals(const char *arg)
{
	int in = arg[0], out;
	char text[8] = "";
	void *map;

	NEED(read(in, text, 3) == 3);
	out = memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	NEED(out >= 0);
	NEED(ftruncate(out, 4096) == 0);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0);
	NEED(map != MAP_FAILED);
	memcpy(map, text, 3);
	NEED(munmap(map, 4096) == 0);
	NEED(fcntl(out, F_ADD_SEALS,
		   F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, out, 0);
	NEED(map != MAP_FAILED && memcmp(map, "abc", 3) == 0);
	NEED(fopen("/etc/passwd", "re") == NULL && errno == EACCES);
}

static void a_config_role_reads_what_it_was_handed_and_seals_a_snapshot(void **state)
{
	const struct sandbox box = box_for(SANDBOX_CONFIG, NULL, 0);
	AUTO_FD int in = memfd_create("config", MFD_CLOEXEC);
	char arg[1];

	(void)state;
	assert_int_equal(write(in, "abc", 3), 3);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	arg[0] = (char)in;
	run_inside(&box, reads_and_seals, arg);
}

/* -------- worker */

static void *resolve(void *arg)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	(void)arg;
	if (getaddrinfo("localhost", "443", &want, &found) != 0)
		return NULL;
	freeaddrinfo(found);
	return (void *)1;
}

/* curl resolves in a thread of its own. */
static void resolves(const char *arg)
{
	pthread_t thread;
	void *found = NULL;

	(void)arg;
	NEED(resolve(NULL) != NULL);
	NEED(pthread_create(&thread, NULL, resolve, NULL) == 0);
	NEED(pthread_join(thread, &found) == 0);
	NEED(found != NULL);
}

/* A name that is in no file: DNS over UDP, from inside. */
static void asks_a_name_server(const char *arg)
{
	const struct fake_dns *dns = (const void *)arg;
	const struct addrinfo want = { .ai_family = AF_INET,
				       .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	struct sockaddr_in a;

	fake_dns_use(dns);
	NEED(getaddrinfo("www.everleaf.test", "443", &want, &found) == 0);
	memcpy(&a, found->ai_addr, sizeof(a));
	NEED(a.sin_addr.s_addr == htonl(INADDR_LOOPBACK + 8));
	freeaddrinfo(found);
}

static const struct sandbox_path resolver_files[] = {
	{ "/etc/hosts", SANDBOX_READ },         { "/etc/resolv.conf", SANDBOX_READ },
	{ "/etc/nsswitch.conf", SANDBOX_READ }, { "/etc/services", SANDBOX_READ },
	{ "/etc/gai.conf", SANDBOX_READ },
};

static void a_worker_resolves_names(void **state)
{
	const struct sandbox box =
	    box_for(SANDBOX_WORKER, resolver_files,
		    sizeof(resolver_files) / sizeof(*resolver_files));

	static const char *const addresses[] = { "127.0.0.9", NULL };
	struct fake_dns dns = { 0 };

	(void)state;
	run_inside(&box, resolves, NULL);
	assert_true(fake_dns_start(&dns, addresses));
	run_inside(&box, asks_a_name_server, (const char *)&dns);
	fake_dns_stop(&dns);
}

static int verify_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static void starts_tls(const char *arg)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);

	(void)arg;
	NEED(ssl != NULL);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, verify_any);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	NEED(SSL_connect(ssl) == -1); /* the ClientHello is made */
	NEED(SSL_get_error(ssl, -1) == SSL_ERROR_WANT_READ);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void a_worker_starts_tls(void **state)
{
	const struct sandbox box = box_for(SANDBOX_WORKER, NULL, 0);

	(void)state;
	run_inside(&box, starts_tls, NULL);
}

/* -------- what is left of the user */

/* Seen from outside, as the role cannot look any more. */
static void read_status(pid_t pid, const char *key, char *value, size_t size)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/status", pid);
	FILE *f = fopen(path, "re");
	char line[256];

	assert_non_null(f);
	value[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			snprintf(value, size, "%s", line + strlen(key) + 1);
	value[strcspn(value, "\n")] = '\0';
	fclose(f);
}

static void waits(const char *arg)
{
	char byte;

	NEED(send(arg[0], "x", 1, 0) == 1);
	NEED(read(arg[0], &byte, 1) == 0); /* until the parent closes */
}

static pid_t start_waiting(const struct sandbox *box, int sv[2])
{
	char arg[1], byte;
	pid_t pid;

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv),
			   errno);
	pid = fork();
	if (pid == 0) {
		unsigned missing;
		struct err e;

		arg[0] = (char)sv[1];
		close(sv[0]);
		NEED(sandbox_enter(box, &missing, &e) == 0);
		waits(arg);
		_exit(0);
	}
	close(sv[1]);
	assert_int_equal(read(sv[0], &byte, 1), 1);
	return pid;
}

static void only_the_capabilities_asked_for_are_kept(void **state)
{
	static const struct {
		const char *key;
		const char *want;
	} rows[] = {
		{ "Uid:", "65534\t65534\t65534\t65534" },
		{ "Gid:", "65534\t65534\t65534\t65534" },
		{ "Groups:", "" },
		{ "CapInh:", "0000000000000000" },
		{ "CapPrm:", "000000000000000b" },
		{ "CapEff:", "000000000000000b" },
		{ "CapBnd:", "0000000000000000" },
		{ "CapAmb:", "0000000000000000" },
		{ "NoNewPrivs:", "1" },
	};
	struct sandbox box = box_for(SANDBOX_RESPONDER, NULL, 0);
	char value[128];
	int sv[2];
	pid_t pid;

	(void)state;
	if (needs_root("another user"))
		skip();
	box.uid = box.gid = SOMEONE;
	box.capabilities =
	    1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER;
	pid = start_waiting(&box, sv);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		read_status(pid, rows[i].key, value, sizeof(value));
		value[strcspn(value, " ")] = '\0';
		if (strcmp(value, rows[i].want) != 0)
			fail_msg("%s \"%s\", not \"%s\"", rows[i].key, value,
				 rows[i].want);
	}
	close(sv[0]);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_keeper_stores_and_removes_files),
		cmocka_unit_test(
		    a_keeper_writes_for_other_users_with_three_capabilities),
		cmocka_unit_test(every_kind_can_use_openssl),
		cmocka_unit_test(an_agent_keeps_a_database),
		cmocka_unit_test(an_agent_has_its_event_loop),
		cmocka_unit_test(
		    a_config_role_reads_what_it_was_handed_and_seals_a_snapshot),
		cmocka_unit_test(a_worker_resolves_names),
		cmocka_unit_test(a_worker_starts_tls),
		cmocka_unit_test(only_the_capabilities_asked_for_are_kept),
	};

	return cmocka_run_group_tests_name("sandbox needs", tests, NULL, NULL);
}
