/*
 * worker_crl: a CRL in the worker as it is exec'd, in its sandbox. The test is the agent,
 * the keeper whose file it is, and the server.
 */
#include "agent/worker/worker_crl.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/role/crlcall.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/agent/config_fake.h"
#include "tests/help/alone.h"
#include "tests/help/certs.h"
#include "tests/help/crls.h"
#include "tests/help/web.h"

#define MAX_SIZE (1 << 20)

struct stage {
	struct web *web;
	struct alone worker;
	int snapshot;
	EVP_PKEY *key;
	X509 *ca;
	struct buf ca_der;
	struct buf der; /* a list of 301, of them serial 7 */
	struct buf pem;
	int file; /* the keeper's */
	unsigned n_more;
	uint64_t own[2];
	char url[128];
	struct crl_ask ask;
};

/* The list, for the server in its own process. */
static const struct buf *served;

static void serve(struct web *w)
{
	char head[8192];

	while (web_ask(w, head, sizeof(head)))
		if (strstr(head, "If-None-Match: \"1\"\r\n") != NULL)
			web_answer(w, 304, "", "");
		else
			web_answer(w, 200, "ETag: \"1\"\r\n", served->data);
}

static int compile(void)
{
	static const char text[] = "state_dir = \"/var/lib/everleaf\"; issuers = ( );";
	struct fake f = { .at = 0 };
	int fd = -1;

	if (fake_compile(&f, false, text, sizeof(text) - 1, &fd) != 0)
		fail_msg("%s", fake_said(&f));
	fake_done(&f);
	return fd;
}

/* The list is of now, whenever that is. */
static void make_list(struct stage *s, enum key_type type)
{
	static const struct crls_entry entry = { 7, 1, 0, NULL, NULL };
	const int since = (int)(clock_now() - CRLS_NOW);
	struct crls_plan plan = { .from = since - 3600,
				  .to = since + 86400,
				  .number = 12,
				  .entries = &entry,
				  .n_entries = 1,
				  .n_more = s->n_more };
	struct err e;

	s->key = certs_key(type);
	s->ca = crls_ca("Lab", s->key, "critical,cRLSign");
	plan.ca = s->ca;
	plan.key = s->key;
	crls_make(&plan, &s->der);
	crls_pem(&s->der, &s->pem);
	assert_int_equal(x509_to_der(s->ca, &s->ca_der, &e), 0);
	served = &s->pem;
}

static void ask_for(struct stage *s)
{
	s->own[0] = 8;
	s->own[1] = 7;
	s->ask = (struct crl_ask){ .url = s->url,
				   .etag = "",
				   .last_modified = "",
				   .local = CRL_LOCAL_ANY,
				   .max_size = MAX_SIZE,
				   .ca = s->ca_der.data,
				   .ca_len = s->ca_der.len,
				   .covers = CRL_USERS,
				   .serials = s->own,
				   .n_serials = 2 };
}

static void begin(struct stage *s, enum key_type type)
{
	const struct request r = { .command = COMMAND_AGENT };

	make_list(s, type);
	web_start_plain(s->web, serve);
	snprintf(s->url, sizeof(s->url), "http%s/1.crl", strchr(s->web->url, ':'));
	alone_start(&s->worker, ROLE_WORKER, &r, s->snapshot);
	s->file = memfd_create("staging", MFD_CLOEXEC);
	ask_for(s);
}

static void end(struct stage *s)
{
	char said[256];
	const int status = alone_end(&s->worker, said, sizeof(said));

	if (status != 0 && status != 128 + SIGIO)
		fail_msg("the worker ended with %d: %s", status, said);
}

static int stage_in(void **state)
{
	struct stage *s = test_calloc(1, sizeof(*s));
	void *web;

	if (web_in(&web) < 0)
		return -1;
	s->web = web;
	s->snapshot = compile();
	s->n_more = 300;
	*state = s;
	return 0;
}

static int stage_out(void **state)
{
	struct stage *s = *state;
	void *web = s->web;
	int rc = web_out(&web);

	EVP_PKEY_free(s->key);
	X509_free(s->ca);
	buf_done(&s->ca_der);
	buf_done(&s->der);
	buf_done(&s->pem);
	close(s->snapshot);
	close(s->file);
	test_free(s);
	return rc;
}

/* 0, or the code of the err, whose text is in `text`. */
static int ask(const struct stage *s, struct msg *m, struct crl_answer *answer,
	       char text[ERR_TEXT_MAX])
{
	struct err e;
	int code;

	crlcall_ask(m, &s->ask);
	m->id = 5;
	m->fd = dup(s->file);
	code = alone_ask(&s->worker, m, text, ERR_TEXT_MAX);
	if (code == 0)
		assert_int_equal(crlcall_answered(m, answer, &e), 0);
	return code;
}

/* What the keeper has is the list, as DER. */
static void is_in_file(const struct stage *s, const struct crl_answer *answer)
{
	AUTO_FREE char *got = xcalloc(1, s->der.len);

	assert_int_equal(answer->facts.size, s->der.len);
	assert_int_equal(pread(s->file, got, s->der.len, 0), s->der.len);
	assert_memory_equal(got, s->der.data, s->der.len);
}

static void a_list_goes_into_the_keepers_file_as_der(void **state)
{
	struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct crl_answer answer;
	char text[ERR_TEXT_MAX] = "";

	begin(s, KEY_ECDSA_P256);
	if (ask(s, &m, &answer, text) != 0)
		fail_msg("%s", text);
	assert_int_equal(answer.verdict, CRL_GOOD);
	assert_string_equal(answer.etag, "\"1\"");
	assert_int_equal(answer.facts.n_entries, 301);
	assert_int_equal(answer.n_hits, 1);
	assert_int_equal(answer.hits[0].index, 1);
	assert_int_equal(answer.hits[0].reason, 1);
	is_in_file(s, &answer);
	free(answer.hits);
	end(s);
}

static void what_we_have_is_not_written_again(void **state)
{
	struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct crl_answer answer;
	char text[ERR_TEXT_MAX] = "";

	begin(s, KEY_ECDSA_P256);
	s->ask.etag = "\"1\"";
	if (ask(s, &m, &answer, text) != 0)
		fail_msg("%s", text);
	assert_int_equal(answer.verdict, CRL_UNCHANGED);
	assert_int_equal(lseek(s->file, 0, SEEK_END), 0);
	end(s);
}

/* Ed25519: the file is mapped and read again, inside of the sandbox. */
static void a_list_in_a_file_is_written_over_by_its_der(void **state)
{
	struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct crl_answer answer;
	char text[ERR_TEXT_MAX] = "";

	begin(s, KEY_ED25519);
	s->ask.url = "file:/etc/pki/clients.crl";
	assert_int_equal(write(s->file, s->pem.data, s->pem.len), s->pem.len);
	for (int i = 0; i < 2; i++) { /* PEM first, then what it has become */
		if (ask(s, &m, &answer, text) != 0)
			fail_msg("%s", text);
		assert_int_equal(answer.verdict, CRL_GOOD);
		assert_int_equal(answer.n_hits, 1);
		is_in_file(s, &answer);
		free(answer.hits);
		assert_int_equal(ftruncate(s->file, (off_t)answer.facts.size), 0);
	}
	end(s);
}

static void what_is_wrong_is_said(void **state)
{
	struct stage *s = *state;
	AUTO_KEY EVP_PKEY *other_key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *other = crls_ca("Lab", other_key, "critical,cRLSign");
	AUTO_BUF struct buf der = { 0 };
	AUTO_MSG struct msg m = MSG_NONE;
	struct crl_answer answer;
	char text[ERR_TEXT_MAX] = "";
	struct err e;

	begin(s, KEY_ECDSA_P256);
	assert_int_equal(x509_to_der(other, &der, &e), 0);
	s->ask.ca = der.data;
	s->ask.ca_len = der.len;
	assert_int_equal(ask(s, &m, &answer, text), ERR_TRUST);
	assert_non_null(strstr(text, "not by the CA's key"));
	ask_for(s);
	s->ask.max_size = s->pem.len - 1;
	assert_int_equal(ask(s, &m, &answer, text), ERR_LIMIT);
	ask_for(s);
	s->ask.local = CRL_LOCAL_NONE;
	assert_int_equal(ask(s, &m, &answer, text), ERR_REFUSED);
	assert_non_null(strstr(text, "its address is of this host"));
	ask_for(s);
	s->ask.ca_len = 9;
	assert_int_equal(ask(s, &m, &answer, text), ERR_CONFIG);
	ask_for(s);
	s->ask.floor = (struct crl_number){ 1, { 13 } };
	assert_int_equal(ask(s, &m, &answer, text), ERR_TRUST);
	assert_non_null(strstr(text, "older than the one that we have"));
	ask_for(s); /* and it goes on */
	assert_int_equal(ask(s, &m, &answer, text), 0);
	free(answer.hits);
	end(s);
}

/* What a list is written to may not become larger than any list may be. */
static void a_worker_can_write_no_more_than_a_list(void **state)
{
	struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	struct crl_answer answer;
	char text[ERR_TEXT_MAX] = "";
	struct rlimit limit = { 0, 0 };

	begin(s, KEY_ECDSA_P256);
	assert_int_equal(ask(s, &m, &answer, text), 0);
	free(answer.hits);
	assert_int_equal(prlimit(s->worker.pid, RLIMIT_FSIZE, NULL, &limit), 0);
	assert_int_equal(limit.rlim_max, 400 << 20);
	assert_int_equal(limit.rlim_cur, limit.rlim_max);
	end(s);
}

/* A file on a disk of 256 KiB; skips where that is not allowed. */
static int file_on_a_small_disk(void)
{
	char path[] = "/tmp/everleaf-test.XXXXXX";
	AUTO_FD int disk = -1;
	bool is_mounted;
	int fd;

	assert_non_null(mkdtemp(path));
	is_mounted = mount("tmpfs", path, "tmpfs", MS_NODEV, "size=256k") == 0;
	disk = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (is_mounted)
		assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(rmdir(path), 0);
	if (!is_mounted) {
		print_message("skipped: a file system cannot be mounted here\n");
		skip();
	}
	fd = openat(disk, "staging", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* It takes a third of what is free, and not the rest. */
static void no_list_fills_the_disk(void **state)
{
	struct stage *s = *state;
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_FD int file = file_on_a_small_disk();
	struct crl_answer answer;
	char text[ERR_TEXT_MAX] = "";

	s->n_more = 6000;
	begin(s, KEY_ECDSA_P256);
	assert_true(s->der.len > 128 * 1024);
	assert_int_equal(dup2(file, s->file), s->file);
	assert_int_equal(ask(s, &m, &answer, text), ERR_SYS);
	assert_non_null(strstr(text, "the disk is full"));
	assert_in_range(lseek(s->file, 0, SEEK_END), 64 * 1024, 88 * 1024);
	end(s);
}

#define STAGE(name) cmocka_unit_test_setup_teardown(name, stage_in, stage_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE(a_list_goes_into_the_keepers_file_as_der),
		STAGE(what_we_have_is_not_written_again),
		STAGE(a_list_in_a_file_is_written_over_by_its_der),
		STAGE(what_is_wrong_is_said),
		STAGE(a_worker_can_write_no_more_than_a_list),
		STAGE(no_list_fills_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
