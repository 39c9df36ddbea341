/* stranger: what is told of files that are not ours, whatever is in them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "agent/role/spec.h"
#include "agent/role/stranger.h"
#include "agent/role/stranger_walk.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tests/help/certs.h"
#include "tests/scratch.h"

#define NOW 1795235000
#define D   86400

struct scene {
	void *scratch;
	EVP_PKEY *key;
	X509 *leaf;  /* www.example.org, until NOW + 90 d */
	X509 *other; /* CN=Old, until NOW + 10 d */
};

static int scene_in(void **state)
{
	struct scene *s = test_calloc(1, sizeof(*s));

	if (scratch_in(&s->scratch) < 0)
		return -1;
	s->key = certs_key(KEY_ECDSA_P256);
	s->leaf = certs_make(
	    &(struct cert_plan){ .key = s->key,
				 .from = NOW,
				 .to = NOW + 90 * D,
				 .serial = "4711",
				 .names = "DNS:www.example.org,DNS:example.org" });
	s->other = certs_make(&(struct cert_plan){ .subject = "O\033[2J\nld",
						   .key = s->key,
						   .from = NOW,
						   .to = NOW + 10 * D });
	*state = s;
	return 0;
}

static int scene_out(void **state)
{
	struct scene *s = *state;
	int rc = scratch_out(&s->scratch);

	X509_free(s->leaf);
	X509_free(s->other);
	EVP_PKEY_free(s->key);
	test_free(s);
	return rc;
}

static char *path_of(const struct scene *s, const char *name)
{
	return xasprintf("%s/%s", ((struct scratch *)s->scratch)->path, name);
}

/* -- files, by what is in them: L the leaf, O the other one, K a key, N noise in the place
 * of a certificate, T text -- */

static void put_part(const struct scene *s, char part, FILE *f)
{
	switch (part) {
	case 'L':
		PEM_write_X509(f, s->leaf);
		break;
	case 'O':
		PEM_write_X509(f, s->other);
		break;
	case 'A':
		PEM_write_X509_AUX(f, s->leaf);
		break;
	case 'K':
		PEM_write_PrivateKey(f, s->key, NULL, NULL, 0, NULL, NULL);
		break;
	case 'N':
		fputs("-----BEGIN CERTIFICATE-----\nnoise\n-----END CERTIFICATE-----\n",
		      f);
		break;
	case 'H': /* half of one */
		fputs("-----BEGIN CERTIFICATE-----\nMIIB\n", f);
		break;
	case 'D':
		i2d_X509_fp(f, s->leaf);
		break;
	default:
		fputs("some text\n", f);
	}
}

static void put_file(const struct scene *s, const char *name, const char *parts)
{
	AUTO_FREE char *path = path_of(s, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (; *parts != '\0'; parts++)
		put_part(s, *parts, f);
	fclose(f);
}

static struct stranger look(const struct scene *s, const char *name)
{
	AUTO_FREE char *path = path_of(s, name);
	struct stranger found = { .n = 0 };

	snprintf(found.path, sizeof(found.path), "%s", path);
	stranger_look(&found);
	return found;
}

#define BROKEN "something in it is no certificate, or only a part of one"
#define NONE   "there is no certificate in it"

static const struct {
	const char *parts;
	const char *name; /* "": there is none */
	unsigned place, n;
	const char *why;
} files[] = {
	{ "L", "www.example.org", 1, 1, "" },
	{ "D", "www.example.org", 1, 1, "" },
	{ "A", "www.example.org", 1, 1, "" },
	{ "LL", "www.example.org", 1, 2, "" },
	{ "KL", "www.example.org", 1, 1, "" },
	{ "TLTKT", "www.example.org", 1, 1, "" },
	{ "LO", "CN=O\\1B[2J\\0Ald", 2, 2, "" },
	{ "OLKL", "CN=O\\1B[2J\\0Ald", 1, 3, "" },
	{ "NL", "www.example.org", 1, 1, BROKEN },
	{ "LN", "www.example.org", 1, 1, BROKEN },
	{ "LH", "www.example.org", 1, 1, BROKEN },
	{ "N", "", 0, 0, BROKEN },
	{ "K", "", 0, 0, "" },
	{ "T", "", 0, 0, NONE },
	{ "", "", 0, 0, NONE },
};

static void a_file_is_told_of_by_what_ends_first_in_it(void **state)
{
	const struct scene *s = *state;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const char *end = strstr(files[i].name, "CN=") != NULL ? "10" : "90";
		const int64_t until =
		    files[i].name[0] == '\0' ? 0 : NOW + strtol(end, NULL, 10) * D;
		struct stranger found;

		put_file(s, "file", files[i].parts);
		found = look(s, "file");
		if (strcmp(found.why, files[i].why) != 0 || found.n != files[i].n ||
		    found.place != files[i].place || found.not_after != until ||
		    strstr(found.name, files[i].name) == NULL)
			fail_msg("%s: \"%s\" \"%s\", %u of %u, until %lld",
				 files[i].parts, found.why, found.name, found.place,
				 found.n, (long long)found.not_after);
	}
}

static void a_name_that_would_move_a_cursor_does_not(void **state)
{
	const struct scene *s = *state;
	struct stranger found;

	put_file(s, "file", "O");
	found = look(s, "file");
	assert_true(found.name[0] != '\0');
	for (const char *c = found.name; *c != '\0'; c++)
		assert_true(*c >= ' ' && *c <= '~');
}

static void is_refused(const struct scene *s, const char *name, const char *why)
{
	const struct stranger found = look(s, name);

	assert_true(found.not_after == 0);
	if (strstr(found.why, why) == NULL)
		fail_msg("%s: \"%s\", not \"%s\"", name, found.why, why);
}

static void what_is_no_ordinary_file_is_refused_and_never_waited_for(void **state)
{
	const struct scene *s = *state;
	const int at = ((struct scratch *)s->scratch)->fd;
	AUTO_FREE char *huge = path_of(s, "huge");

	assert_int_equal(mkfifoat(at, "fifo", 0600), 0);
	put_file(s, "huge", "L");
	assert_int_equal(truncate(huge, LIMIT_STRANGER_BYTES + 1), 0);
	assert_int_equal(symlinkat("loop", at, "loop"), 0);
	assert_int_equal(symlinkat("/dev/zero", at, "device"), 0);
	assert_int_equal(symlinkat("/proc/self/fd/0", at, "magic"), 0);
	is_refused(s, "fifo", "not a regular file");
	is_refused(s, ".", "not a regular file");
	is_refused(s, "device", "not a regular file");
	is_refused(s, "huge", "larger");
	is_refused(s, "loop", "symbolic link");
	is_refused(s, "magic", "symbolic link");
	is_refused(s, "missing", "No such file");
	if (geteuid() == 0)
		return;
	put_file(s, "closed", "L");
	assert_int_equal(fchmodat(at, "closed", 0, 0), 0);
	is_refused(s, "closed", "Permission denied");
}

static void links_are_followed(void **state)
{
	const struct scene *s = *state;
	const int at = ((struct scratch *)s->scratch)->fd;

	put_file(s, "file", "L");
	assert_int_equal(symlinkat("file", at, "one"), 0);
	assert_int_equal(symlinkat("./one", at, "two"), 0);
	assert_string_equal(look(s, "two").name, "www.example.org");
}

/* -- patterns -- */

static void note_file(void *arg, const char *path)
{
	buf_printf(arg, "%s ", path);
}

static void note_folder(void *arg, const char *path, int error)
{
	buf_printf(arg, "%s%s ", path, error == 0 ? "/" : "!");
}

static void finds(const struct scene *s, const char *pattern, bool files_too,
		  const char *expected)
{
	AUTO_FREE char *full = path_of(s, pattern);
	AUTO_FREE char *root = path_of(s, "");
	AUTO_BUF struct buf got = { 0 };
	AUTO_BUF struct buf plain = { 0 };
	struct stranger_walk w = { &got, note_folder, files_too ? note_file : NULL,
				   99 };

	stranger_walk(&w, full);
	buf_puts(&got, "");
	for (const char *at = got.data; *at != '\0';) {
		const size_t skip = strlen(root) - 1;

		if (strncmp(at, root, skip) == 0) {
			at += skip + (at[skip] == '/');
		} else {
			buf_add(&plain, at++, 1);
		}
	}
	if (strcmp(plain.data == NULL ? "" : plain.data, expected) != 0)
		fail_msg("%s: found \"%s\", expected \"%s\"", pattern, plain.data,
			 expected);
}

static void a_pattern_finds_files_and_says_where_it_looks(void **state)
{
	const struct scene *s = *state;
	const struct scratch *scratch = s->scratch;

	scratch_mkdir(scratch, "live");
	scratch_mkdir(scratch, "live/a");
	put_file(s, "live/a/cert.pem", "L");
	put_file(s, "live/a/.hidden.pem", "L");
	finds(s, "live/*/cert.pem", false, "live/ live/a/ ");
	finds(s, "live/a/*.pem", true, "live/a/ live/a/cert.pem ");
	finds(s, "live/a/*.pem", false, "live/a/ ");
	finds(s, "live/[ab]/c*t.pe?", true, "live/ live/a/ live/a/cert.pem ");
	finds(s, "live/a/cert.pem", true, "live/a/ live/a/cert.pem ");
	finds(s, "live/a/.*", true, "live/a/ live/a/.hidden.pem ");
	finds(s, "none/*.pem", true, "none! ");
	put_file(s, "live/README", "T");
	finds(s, "live/README/*", true, "live/README! ");
}

static void a_pattern_is_read_below_its_first_folder(void **state)
{
	static const struct {
		const char *pattern;
		const char *root;
	} rows[] = {
		{ "/etc/ssl/private/*.pem", "/etc/ssl/private" },
		{ "/etc/letsencrypt/live/*/cert.pem", "/etc/letsencrypt/live" },
		{ "/etc/ssl*/x.pem", "/etc" },
		{ "/etc/x.pem", "/etc" },
		{ "/x.pem", "/" },
		{ "/*/x.pem", "/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_FREE char *root =
		    xstrndup(rows[i].pattern, stranger_root(rows[i].pattern));

		assert_string_equal(root, rows[i].root);
	}
}

static void a_folder_that_others_fill_costs_no_more_than_that(void **state)
{
	const struct scene *s = *state;
	AUTO_FREE char *pattern = path_of(s, "*");
	AUTO_BUF struct buf got = { 0 };
	struct stranger_walk w = { &got, note_folder, note_file, 4 };

	for (char name[] = "a"; name[0] <= 'h'; name[0]++)
		put_file(s, name, "T");
	stranger_walk(&w, pattern);
	assert_int_equal(w.left, 0);
	assert_true(got.len < 6 * (strlen(pattern) + 3));
}

/* -- all of them -- */

#define PATHS 4

/* A snapshot as far as it matters: the state directory, a file of ours, two patterns. */
struct given {
	struct spec spec;
	struct spec_global global;
	struct spec_file file;
	struct text watch[2];
	struct buf text;
};

static struct text given_text(struct given *g, const struct scene *s, const char *name)
{
	AUTO_FREE char *path = path_of(s, name);
	const struct text t = { (uint32_t)g->text.len };

	buf_add(&g->text, path, strlen(path) + 1);
	return t;
}

static void give(struct given *g, const struct scene *s, const char *const paths[PATHS])
{
	*g = (struct given){
		.spec = { .global = &g->global, .files = &g->file, .watch = g->watch }
	};
	buf_add(&g->text, "", 1);
	g->global.state_dir = given_text(g, s, paths[0]);
	g->file.path = given_text(g, s, paths[1]);
	g->watch[0] = given_text(g, s, paths[2]);
	g->watch[1] = given_text(g, s, paths[3]);
	g->spec.n[SPEC_FILES] = 1;
	g->spec.n[SPEC_WATCH] = 2;
	g->spec.text = g->text.data;
}

/* What is told of them: "NAME:CERTIFICATES ..." */
static void expect_told(const struct scene *s, const char *const paths[PATHS],
			const char *expected)
{
	AUTO_BUF struct buf got = { 0 };
	struct stranger one;
	struct given g;
	FILE *told = tmpfile();

	assert_non_null(told);
	give(&g, s, paths);
	strangers_tell(&g.spec, fileno(told));
	buf_done(&g.text);
	rewind(told);
	do {
		assert_int_equal(fread(&one, sizeof(one), 1, told), 1);
		if (one.path[0] != '\0')
			buf_printf(&got, "%s:%u ", strrchr(one.path, '/') + 1, one.n);
	} while (one.path[0] != '\0');
	assert_int_equal(one.n, 0);
	assert_int_equal(fgetc(told), EOF);
	fclose(told);
	assert_string_equal(got.data == NULL ? "" : got.data, expected);
}

static void each_file_is_told_of_once_and_ours_are_not(void **state)
{
	static const char *const overlapping[] = { "state", "tls/ours.pem", "tls/*.pem",
						   "tls/b.pem" };
	static const char *const missing[] = { "state", "tls/ours.pem",
					       "tls/missing.pem", "*/none.pem" };
	const struct scene *s = *state;
	const struct scratch *scratch = s->scratch;
	const int at = scratch->fd;

	scratch_mkdir(scratch, "state");
	scratch_mkdir(scratch, "tls");
	scratch_mkdir(scratch, "tls/folder.pem");
	put_file(s, "state/cert.pem", "L");
	put_file(s, "tls/ours.pem", "L");
	put_file(s, "tls/b.pem", "L");
	put_file(s, "tls/key.pem", "K");
	put_file(s, "tls/text.pem", "T");
	assert_int_equal(symlinkat("b.pem", at, "tls/a.pem"), 0);
	assert_int_equal(symlinkat("none", at, "tls/dangling.pem"), 0);
	assert_int_equal(symlinkat("../state/cert.pem", at, "tls/live.pem"), 0);
	expect_told(s, overlapping, "a.pem:1 text.pem:0 ");
	expect_told(s, missing, "missing.pem:0 ");
}

static void more_files_than_that_are_counted(void **state)
{
	static const char *const paths[] = { "state", "ours", "tls/*", "none/*" };
	const struct scene *s = *state;
	struct stranger one = { .n = 0 };
	struct given g;
	FILE *told = tmpfile();

	assert_non_null(told);
	scratch_mkdir(s->scratch, "tls");
	for (unsigned i = 0; i < STRANGERS_MAX + 5; i++) {
		char name[24];

		snprintf(name, sizeof(name), "tls/%u", i);
		scratch_put(s->scratch, name, "text");
	}
	give(&g, s, paths);
	strangers_tell(&g.spec, fileno(told));
	buf_done(&g.text);
	assert_int_equal(fseek(told, -(long)sizeof(one), SEEK_END), 0);
	assert_int_equal(fread(&one, sizeof(one), 1, told), 1);
	assert_int_equal(one.n, 5);
	assert_int_equal(ftell(told), (STRANGERS_MAX + 1) * (long)sizeof(one));
	fclose(told);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_in, scene_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(a_file_is_told_of_by_what_ends_first_in_it),
		IN_SCENE(a_name_that_would_move_a_cursor_does_not),
		IN_SCENE(what_is_no_ordinary_file_is_refused_and_never_waited_for),
		IN_SCENE(links_are_followed),
		IN_SCENE(a_pattern_finds_files_and_says_where_it_looks),
		cmocka_unit_test(a_pattern_is_read_below_its_first_folder),
		IN_SCENE(a_folder_that_others_fill_costs_no_more_than_that),
		IN_SCENE(each_file_is_told_of_once_and_ours_are_not),
		IN_SCENE(more_files_than_that_are_counted),
	};

	return cmocka_run_group_tests_name("stranger", tests, NULL, NULL);
}
