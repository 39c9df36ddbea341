#include "agent/role/stranger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "agent/role/spec.h"
#include "agent/role/stranger_walk.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/x509.h"
#include "store/content.h"

#define ENTRIES_MAX 200000 /* of folders: a second */

static const char no_certificate[] = "there is no certificate in it";

static void say(struct stranger *s, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
}

/* -- one file -- */

/* It goes to terminals and into labels, and anybody may have chosen it. */
static void take_name(struct stranger *s, const char *name)
{
	size_t n = 0;

	for (; n < sizeof(s->name) - 1 && name[n] != '\0'; n++)
		s->name[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
	s->name[n] = '\0';
}

static void take_names(struct stranger *s, X509 *cert)
{
	AUTO_FREE char *subject = x509_subject(cert);
	struct name *names = NULL;
	struct err e;
	size_t n = 0;

	if (x509_names(cert, &names, &n, &e) == 0 && n > 0)
		take_name(s, names[0].value);
	else
		take_name(s, subject);
	x509_names_free(names, n);
}

static void take_facts(struct stranger *s, X509 *cert)
{
	struct x509_facts f;
	struct err e;

	if (x509_facts(cert, &f, &e) < 0) {
		say(s, e.text);
		return;
	}
	snprintf(s->serial, sizeof(s->serial), "%s", f.serial);
	memcpy(s->fingerprint, f.fingerprint, sizeof(s->fingerprint));
	s->not_before = f.not_before;
	s->not_after = f.not_after;
	take_names(s, cert);
}

/* The one that ends first stays in *first. */
static void take_cert(struct stranger *s, X509 *cert, X509 **first)
{
	int64_t end, before;
	struct err e;

	s->n++;
	if (*first != NULL &&
	    (x509_time(X509_get0_notAfter(cert), &end, &e) < 0 ||
	     x509_time(X509_get0_notAfter(*first), &before, &e) < 0 || end >= before)) {
		X509_free(cert);
		return;
	}
	X509_free(*first);
	*first = cert;
	s->place = s->n;
}

/* Each certificate of a PEM file; blocks of other kinds are passed over. */
static void take_pem(struct stranger *s, BIO *bio, X509 **first)
{
	for (unsigned i = 0; i < LIMIT_STRANGER_CERTS; i++) {
		X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);

		if (cert != NULL)
			take_cert(s, cert, first);
		else if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
			return;
		else
			say(s, "something in it is no certificate, or only a part of "
			       "one");
	}
	say(s, "not all of the certificates in it are looked at");
}

static void take_der(struct stranger *s, BIO *bio, X509 **first)
{
	X509 *cert = d2i_X509_bio(bio, NULL);

	if (cert != NULL)
		take_cert(s, cert, first);
}

int stranger_look(struct stranger *s)
{
	AUTO_BUF struct buf bytes = { 0 };
	AUTO_X509 X509 *first = NULL;
	bool is_pem;
	struct err e;
	BIO *bio;

	if (file_read_linked(s->path, LIMIT_STRANGER_BYTES, &bytes, &e) < 0) {
		say(s, e.text);
		return e.sysno;
	}
	if (bytes.len == 0) {
		say(s, no_certificate);
		return 0;
	}
	bio = BIO_new_mem_buf(bytes.data, (int)bytes.len);
	is_pem = memmem(bytes.data, bytes.len, "-----BEGIN ", 11) != NULL;
	if (is_pem)
		take_pem(s, bio, &first);
	else
		take_der(s, bio, &first);
	BIO_free(bio);
	ERR_clear_error();
	if (first != NULL)
		take_facts(s, first);
	else if (!is_pem)
		say(s, no_certificate);
	return 0;
}

/* -- all files -- */

struct item {
	char *path; /* owned */
	char *real; /* owned; where it leads */
	int error;  /* of a folder */
	bool named; /* by a pattern without a wildcard */
};

struct search {
	struct item *items; /* owned */
	size_t n;
	unsigned left_out;
	bool literal; /* the pattern */
};

static void add(struct search *s, const char *path, int error)
{
	char *real = realpath(path, NULL);

	if (s->n == STRANGERS_MAX) {
		free(real);
		s->left_out++;
		return;
	}
	s->items[s->n++] = (struct item){ .path = xstrdup(path),
					  .real = real == NULL ? xstrdup(path) : real,
					  .error = error,
					  .named = s->literal };
}

static void on_folder(void *arg, const char *path, int error)
{
	if (error != 0 && error != ENOENT && error != ENOTDIR)
		add(arg, path[0] == '\0' ? "/" : path, error);
}

/* What a wildcard has found counts if it can be a file. */
static void on_file(void *arg, const char *path)
{
	struct search *s = arg;
	struct stat st;

	if (s->literal || (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)))
		add(s, path, 0);
}

static int by_real(const void *a, const void *b)
{
	const struct item *x = a;
	const struct item *y = b;
	const int order = strcmp(x->real, y->real);

	return order != 0 ? order : strcmp(x->path, y->path);
}

static void item_done(struct item *i)
{
	free(i->path);
	free(i->real);
	*i = (struct item){ .path = NULL };
}

/* Sorted, each file once, by the first of its names. */
static void unique(struct search *s)
{
	size_t kept = 0;

	qsort(s->items, s->n, sizeof(*s->items), by_real);
	for (size_t i = 0; i < s->n; i++)
		if (kept > 0 && strcmp(s->items[kept - 1].real, s->items[i].real) == 0)
			item_done(&s->items[i]);
		else
			s->items[kept++] = s->items[i];
	s->n = kept;
}

static int by_name(const void *path, const void *item)
{
	return strcmp(path, ((const struct item *)item)->real);
}

/* One without a path is passed over. */
static void drop_below(struct search *s, const char *folder)
{
	const size_t len = strlen(folder);

	for (size_t i = 0; i < s->n; i++)
		if (strncmp(s->items[i].real, folder, len) == 0 &&
		    s->items[i].real[len] == '/')
			s->items[i].path[0] = '\0';
}

/* What is ours is not told of. */
static void drop_ours(struct search *s, const struct spec *spec)
{
	AUTO_FREE char *state =
	    realpath(spec_text(spec, spec->global->state_dir), NULL);

	if (state != NULL)
		drop_below(s, state);
	for (uint32_t i = 0; i < spec->n[SPEC_FILES]; i++) {
		const char *path = spec_text(spec, spec->files[i].path);
		struct item *found =
		    bsearch(path, s->items, s->n, sizeof(*s->items), by_name);

		if (found != NULL)
			found->path[0] = '\0';
		if (spec->files[i].content == CONTENT_HASHED)
			drop_below(s, path);
	}
}

static void tell(int fd, const struct stranger *s)
{
	if (write(fd, s, sizeof(*s)) != (ssize_t)sizeof(*s))
		_exit(EXIT_FAILURE);
}

/* It is the sandbox that is in the way. */
static bool leads_away(const struct item *i, int error)
{
	return error == EACCES && strcmp(i->path, i->real) != 0 &&
	       faccessat(AT_FDCWD, i->real, R_OK, AT_EACCESS) == 0;
}

static void tell_item(int fd, const struct item *i)
{
	struct stranger s = { .n = 0 };

	snprintf(s.path, sizeof(s.path), "%s", i->path);
	if (i->error != 0)
		say(&s, strerror(i->error));
	else if (strlen(i->path) >= sizeof(s.path))
		say(&s, "its path is too long");
	else if (leads_away(i, stranger_look(&s)))
		snprintf(s.why, sizeof(s.why),
			 "it leads to %.300s: `watch` has no pattern for that folder",
			 i->real);
	if (s.not_after != 0 || s.why[0] != '\0')
		tell(fd, &s);
}

void strangers_tell(void *arg, int fd)
{
	const struct spec *spec = arg;
	struct search s = { .items = xcalloc(STRANGERS_MAX, sizeof(*s.items)) };
	struct stranger one;

	for (uint32_t i = 0; i < spec->n[SPEC_WATCH]; i++) {
		const char *pattern = spec_text(spec, spec->watch[i]);
		struct stranger_walk w = { &s, on_folder, on_file, ENTRIES_MAX };

		s.literal = !stranger_is_pattern(pattern);
		stranger_walk(&w, pattern);
		s.left_out += w.left == 0;
	}
	unique(&s);
	drop_ours(&s, spec);
	for (size_t i = 0; i < s.n; i++) {
		if (s.items[i].path[0] != '\0')
			tell_item(fd, &s.items[i]);
		item_done(&s.items[i]);
	}
	one = (struct stranger){ .n = s.left_out };
	tell(fd, &one);
	free(s.items);
}
