/* sandbox: what a role is there for works inside it. */
#include "tests/scratch.h"

#include <errno.h>
#include <ev.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "tests/help/fake_dns.h"
#include "tests/help/inside.h"

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
		const struct sandbox box = inside_box((enum sandbox_kind)k, NULL, 0);

		inside_run(&box, makes_a_key, NULL);
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
	const struct scratch *s = *state;
	const struct sandbox_path path = { s->path, SANDBOX_WRITE };
	const struct sandbox box = inside_box(SANDBOX_AGENT, &path, 1);

	inside_run(&box, keeps_a_database, s->path);
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
	const struct sandbox box = inside_box(SANDBOX_AGENT, NULL, 0);
	int sv[2];
	char arg[2];

	(void)state;
	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv),
			   errno);
	arg[0] = (char)sv[0];
	arg[1] = (char)sv[1];
	inside_run(&box, loops, arg);
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
	const struct sandbox box = inside_box(SANDBOX_CONFIG, NULL, 0);
	AUTO_FD int in = memfd_create("config", MFD_CLOEXEC);
	char arg[1];

	(void)state;
	assert_int_equal(write(in, "abc", 3), 3);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	arg[0] = (char)in;
	inside_run(&box, reads_and_seals, arg);
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
	    inside_box(SANDBOX_WORKER, resolver_files,
		       sizeof(resolver_files) / sizeof(*resolver_files));

	static const char *const addresses[] = { "127.0.0.9", NULL };
	struct fake_dns dns = { 0 };

	(void)state;
	inside_run(&box, resolves, NULL);
	assert_true(fake_dns_start(&dns, addresses));
	inside_run(&box, asks_a_name_server, (const char *)&dns);
	fake_dns_stop(&dns);
}

/* A connection may leave by a configured address. */
static void takes_a_source_address(const char *arg)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 8) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)arg;
	NEED(s >= 0);
	NEED(bind(s, (struct sockaddr *)&a, sizeof(a)) == 0);
}

static void a_worker_has_a_source_address(void **state)
{
	const struct sandbox box = inside_box(SANDBOX_WORKER, NULL, 0);

	(void)state;
	inside_run(&box, takes_a_source_address, NULL);
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
	const struct sandbox box = inside_box(SANDBOX_WORKER, NULL, 0);

	(void)state;
	inside_run(&box, starts_tls, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_can_use_openssl),
		TEST(an_agent_keeps_a_database),
		cmocka_unit_test(an_agent_has_its_event_loop),
		cmocka_unit_test(
		    a_config_role_reads_what_it_was_handed_and_seals_a_snapshot),
		cmocka_unit_test(a_worker_resolves_names),
		cmocka_unit_test(a_worker_has_a_source_address),
		cmocka_unit_test(a_worker_starts_tls),
	};

	return cmocka_run_group_tests_name("sandbox needs", tests, NULL, NULL);
}
