/* spec: a snapshot is believed only after everything in it was looked at. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/config/snapshot.h"
#include "agent/role/spec_image.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

static struct list text_list(struct snapshot *b, const char *word)
{
	struct text t = snapshot_text(b, word);

	return snapshot_add(b, SPEC_WORDS, &t, 1);
}

static struct spec_cert cert_of(struct snapshot *b, const char *name)
{
	uint32_t zero = 0;
	struct spec_name n = { .value = snapshot_text(b, name) };
	struct spec_file f = { .path = snapshot_text(b, "/srv/x.pem"), .mode = 0600 };
	struct spec_probe p = { .label = snapshot_text(b, "x:443"),
				.host = snapshot_text(b, "x"),
				.port = snapshot_text(b, "443") };
	struct spec_challenge ch = { .webroot = snapshot_text(b, "/var/www"),
				     .only = text_list(b, name) };

	return (struct spec_cert){
		.name = snapshot_text(b, name),
		.names = snapshot_add(b, SPEC_NAMES, &n, 1),
		.issuers = snapshot_add(b, SPEC_NUMBERS, &zero, 1),
		.hooks = snapshot_add(b, SPEC_NUMBERS, &zero, 1),
		.files = snapshot_add(b, SPEC_FILES, &f, 1),
		.probes = snapshot_add(b, SPEC_PROBES, &p, 1),
		.challenges = snapshot_add(b, SPEC_CHALLENGES, &ch, 1),
		.before_num = 1,
		.before_den = 3,
		.key = KEY_ECDSA_P256,
		.usage = USAGE_SERVER,
		.mode = 0600,
		.keep = 3,
		.file = snapshot_text(b, "/etc/x.conf"),
	};
}

/* A snapshot with something in every table. */
static int example(void)
{
	struct snapshot *b = snapshot_new();
	struct spec_global g = { .state_dir = snapshot_text(b, "/state"),
				 .runtime_dir = snapshot_text(b, "/run") };
	struct spec_issuer issuer = { .name = snapshot_text(b, "local"),
				      .lifetime_s = 90,
				      .permitted = text_list(b, ".example.org") };
	struct spec_hook hook = { .name = snapshot_text(b, "nginx"),
				  .run = text_list(b, "nginx") };
	struct spec_cert certs[3] = { cert_of(b, "a.example"), cert_of(b, "b.example"),
				      cert_of(b, "c.example") };
	struct spec_crl crl = { .name = snapshot_text(b, "clients"),
				.urls = text_list(b, "http://x/"),
				.hooks = certs[0].hooks };
	struct text watch = snapshot_text(b, "/etc/ssl/*.pem");
	struct err e;
	int fd = -1;

	snapshot_add(b, SPEC_GLOBAL, &g, 1);
	snapshot_add(b, SPEC_ISSUERS, &issuer, 1);
	snapshot_add(b, SPEC_HOOKS, &hook, 1);
	snapshot_add(b, SPEC_CERTS, certs, 3);
	snapshot_add(b, SPEC_CRLS, &crl, 1);
	snapshot_add(b, SPEC_WATCH, &watch, 1);
	assert_int_equal(snapshot_seal(b, &fd, &e), 0);
	snapshot_free(b);
	return fd;
}

/* The bytes of example(), which the caller owns and may spoil. */
static char *example_bytes(size_t *len)
{
	AUTO_FD int fd = example();
	struct stat st;
	char *data;

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	data = xcalloc(*len, 1); /* exact: one byte too far is seen by ASan */
	assert_int_equal(pread(fd, data, *len, 0), st.st_size);
	return data;
}

static size_t touched;

static void touch(const struct spec *s, struct text t)
{
	const char *text = spec_text(s, t);

	touched += text == NULL ? 0 : strlen(text);
}

static void touch_words(const struct spec *s, struct list l)
{
	AUTO_FREE const char **words = spec_words(s, l);

	for (size_t i = 0; words[i] != NULL; i++)
		touched += strlen(words[i]);
}

static void touch_cert(const struct spec *s, const struct spec_cert *c)
{
	touch(s, c->name);
	touch(s, c->file);
	touch(s, c->csr);
	touch(s, c->request);
	touch(s, c->csr_key);
	for (uint32_t i = 0; i < c->names.n; i++)
		touch(s, s->names[c->names.first + i].value);
	for (uint32_t i = 0; i < c->issuers.n; i++)
		touch(s, s->issuers[s->numbers[c->issuers.first + i]].name);
	for (uint32_t i = 0; i < c->hooks.n; i++)
		touch_words(s, s->hooks[s->numbers[c->hooks.first + i]].run);
	for (uint32_t i = 0; i < c->files.n; i++)
		touch(s, s->files[c->files.first + i].path);
	for (uint32_t i = 0; i < c->probes.n; i++)
		touch(s, s->probes[c->probes.first + i].host);
	for (uint32_t i = 0; i < c->challenges.n; i++)
		touch_words(s, s->challenges[c->challenges.first + i].only);
	assert_true(c->before_num == 0 || 100 / c->before_den <= 100);
}

/* Read whatever a role could read of it. */
static void touch_all(const struct spec *s)
{
	touch(s, s->global->state_dir);
	for (uint32_t i = 0; i < s->n[SPEC_CERTS]; i++) {
		touch_cert(s, &s->certs[i]);
		assert_int_equal(spec_cert_called(s, spec_text(s, s->certs[i].name)),
				 i);
	}
	for (uint32_t i = 0; i < s->n[SPEC_ISSUERS]; i++)
		touch_words(s, s->issuers[i].permitted);
	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++)
		touch_words(s, s->crls[i].urls);
	for (uint32_t i = 0; i < s->n[SPEC_WATCH]; i++)
		touch(s, s->watch[i]);
	(void)spec_issuer_called(s, "none");
	(void)spec_hook_called(s, "none");
}

static void things_are_found_by_name(void **state)
{
	AUTO_SPEC struct spec s = { 0 };
	AUTO_FD int fd = example();
	struct err e;

	(void)state;
	assert_int_equal(spec_map(fd, &s, &e), 0);
	assert_int_equal(spec_cert_called(&s, "a.example"), 0);
	assert_int_equal(spec_cert_called(&s, "c.example"), 2);
	assert_int_equal(spec_cert_called(&s, "aa.example"), SPEC_NOBODY);
	assert_int_equal(spec_cert_called(&s, ""), SPEC_NOBODY);
	assert_int_equal(spec_cert_called(&s, "z"), SPEC_NOBODY);
	assert_int_equal(spec_issuer_called(&s, "local"), 0);
	assert_int_equal(spec_issuer_called(&s, "loca"), SPEC_NOBODY);
	assert_int_equal(spec_hook_called(&s, "nginx"), 0);
	assert_int_equal(spec_hook_called(&s, "apache"), SPEC_NOBODY);
	touch_all(&s);
}

static void what_is_not_sealed_is_refused(void **state)
{
	AUTO_FREE char *data = NULL;
	AUTO_FD int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	AUTO_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct spec s = { 0 };
	struct err e;
	size_t len;

	(void)state;
	data = example_bytes(&len);
	assert_int_equal(pwrite(fd, data, len, 0), len);
	assert_int_equal(spec_map(fd, &s, &e), ERR_CONFIG);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW), 0);
	assert_int_equal(spec_map(fd, &s, &e), ERR_CONFIG); /* may still shrink */
	assert_int_equal(spec_map(null, &s, &e), ERR_CONFIG);
	assert_null(s.map);
}

static void a_sealed_file_of_something_else_is_refused(void **state)
{
	static const size_t lengths[] = { 0, 1, 100, sizeof(struct spec_head), 70000 };
	int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		AUTO_FD int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		struct spec s;
		struct err e;

		assert_int_equal(ftruncate(fd, (off_t)lengths[i]), 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, all), 0);
		assert_int_equal(spec_map(fd, &s, &e), ERR_PROTO);
	}
}

#define HEAD             SPEC_TABLES /* no table: the head */
#define IN(t, s, member) t, offsetof(struct s, member)
#define CERT(member)     IN(SPEC_CERTS, spec_cert, member)

/* Each sets 32 bits of one thing that only the check of that thing sees. */
static const struct poke {
	const char *what;
	unsigned table;
	size_t at;
	uint32_t value;
} pokes[] = {
	{ "magic", IN(HEAD, spec_head, magic), 0 },
	{ "length", IN(HEAD, spec_head, len), 1 },
	{ "record size", IN(HEAD, spec_head, tables[SPEC_CERTS].size), 8 },
	{ "number of records", IN(HEAD, spec_head, tables[SPEC_CERTS].n), UINT32_MAX },
	{ "place of a table", IN(HEAD, spec_head, tables[SPEC_CERTS].at),
	  UINT32_MAX - 7 },
	{ "odd place of a table", IN(HEAD, spec_head, tables[SPEC_CERTS].at), 404 },
	{ "no global", IN(HEAD, spec_head, tables[SPEC_GLOBAL].n), 0 },
	{ "place of the text", IN(HEAD, spec_head, text_at), UINT32_MAX },
	{ "no text", IN(HEAD, spec_head, text_len), 0 },
	{ "text too long", IN(HEAD, spec_head, text_len), UINT32_MAX },
	{ "text without an end", IN(HEAD, spec_head, text_len), 3 },
	{ "no state_dir", IN(SPEC_GLOBAL, spec_global, state_dir), 0 },
	{ "runtime_dir far off", IN(SPEC_GLOBAL, spec_global, runtime_dir),
	  UINT32_MAX },
	{ "runtime_dir inside a string", IN(SPEC_GLOBAL, spec_global, runtime_dir), 2 },
	{ "log level", IN(SPEC_GLOBAL, spec_global, log_level), LEVELS },
	{ "a path as a name", CERT(name), 1 }, /* "/state" */
	{ "no name", CERT(name), 0 },
	{ "names far off", CERT(names.first), UINT32_MAX },
	{ "too many names", CERT(names.n), LIMIT_IDS + 1 },
	{ "too many issuers", CERT(issuers.n), UINT32_MAX },
	{ "key", CERT(key), KEY_TYPES },
	{ "no key", CERT(key), KEY_NONE },
	{ "division by zero", CERT(before_den), 0 },
	{ "more than all", CERT(before_num), 4 },
	{ "span", CERT(before_s) + 4, UINT32_MAX },
	{ "setuid", CERT(mode), 04600 },
	{ "keep nothing", CERT(keep), 0 },
	{ "usage", CERT(usage), 4 },
	{ "no usage", CERT(usage), 0 },
	{ "no file", CERT(file), 0 },
	{ "issuer that is not there", SPEC_NUMBERS, 0, 1 },
	{ "word that is not set", SPEC_WORDS, 0, 0 },
};

static void poke(char *data, const struct poke *p)
{
	const struct spec_head *h = (const void *)data;
	size_t base = p->table == HEAD ? 0 : h->tables[p->table].at;

	memcpy(data + base + p->at, &p->value, sizeof(p->value));
}

static void each_wrong_thing_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pokes) / sizeof(pokes[0]); i++) {
		struct spec s = { 0 };
		size_t len;
		AUTO_FREE char *data = example_bytes(&len);
		struct err e;

		assert_int_equal(spec_check(data, len, &s, &e), 0);
		poke(data, &pokes[i]);
		if (spec_check(data, len, &s, &e) != ERR_PROTO)
			fail_msg("%s: was believed", pokes[i].what);
	}
}

static void certificates_out_of_order_are_refused(void **state)
{
	size_t len;
	AUTO_FREE char *data = example_bytes(&len);
	const struct spec_head *h = (const void *)data;
	struct spec_cert *c = (void *)(data + h->tables[SPEC_CERTS].at);
	struct spec_cert first = c[0];
	struct spec s;
	struct err e;

	(void)state;
	c[0] = c[1];
	c[1] = first;
	assert_int_equal(spec_check(data, len, &s, &e), ERR_PROTO);
	c[0] = c[1]; /* the same name twice */
	assert_int_equal(spec_check(data, len, &s, &e), ERR_PROTO);
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13; /* xorshift64: the same everywhere */
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* What a byte at random is set to: edges more often than chance would. */
static char odd_byte(uint64_t *seed)
{
	static const char odd[] = { 0,          1,          2,          0x7f,
				    (char)0x80, (char)0xff, (char)0xfe, '/' };
	uint64_t r = next(seed);

	return r & 1 ? odd[(r >> 8) % sizeof(odd)] : (char)(r >> 16);
}

static void any_bytes_are_safe_or_refused(void **state)
{
	uint64_t seed = 20261121;
	size_t len, believed = 0, rounds = 20000;
	AUTO_FREE char *good = example_bytes(&len);

	(void)state;
	for (size_t round = 0; round < rounds; round++) {
		AUTO_FREE char *data = xcalloc(len, 1);
		size_t n = 1 + next(&seed) % 8;
		struct spec s;
		struct err e;

		memcpy(data, good, len);
		for (size_t i = 0; i < n; i++)
			data[next(&seed) % len] = odd_byte(&seed);
		if (spec_check(data, len, &s, &e) < 0)
			continue;
		touch_all(&s);
		believed++;
	}
	print_message("%zu of %zu spoilt snapshots are still whole\n", believed,
		      rounds);
	assert_true(believed > rounds / 100 && believed < rounds * 9 / 10);
}

static void a_snapshot_cut_anywhere_is_refused(void **state)
{
	size_t len;
	AUTO_FREE char *good = example_bytes(&len);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		AUTO_FREE char *data = xcalloc(cut + 1, 1);
		struct spec s;
		struct err e;

		memcpy(data, good, cut);
		assert_int_equal(spec_check(data, cut, &s, &e), ERR_PROTO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(things_are_found_by_name),
		cmocka_unit_test(what_is_not_sealed_is_refused),
		cmocka_unit_test(a_sealed_file_of_something_else_is_refused),
		cmocka_unit_test(each_wrong_thing_is_refused),
		cmocka_unit_test(certificates_out_of_order_are_refused),
		cmocka_unit_test(any_bytes_are_safe_or_refused),
		cmocka_unit_test(a_snapshot_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
