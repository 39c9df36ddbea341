/* snapshot: what a role maps that says what should be. The input changes octets of a good
 * one, {place, octet} each, or is one itself behind an octet that is not 0. What is taken
 * can be gone through without looking. */
#include <sys/mman.h>

#include "agent/role/spec_image.h"
#include "tests/agent/config_fake.h"
#include "tests/fuzz/fuzz.h"

#define SNAPSHOT_MAX (64 * 1024)

static const char config[] =
    "issuers = ( { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\"; } );"
    "certificates = ( { name = \"a\"; names = [ \"a.example\", \"10.0.0.1\" ];"
    " issuer = \"lab\"; files = { path = \"/srv/app/a.pem\"; content = \"fullchain\"; "
    "}; probe = \"a.example:443\"; },"
    " { names = \"b.example\"; issuer = \"lab\"; } );";

static size_t good(char *all)
{
	struct fake f = { .at = 0 };
	AUTO_FD int fd = -1;
	ssize_t n;

	assert(fake_compile(&f, true, config, strlen(config), &fd) == 0);
	n = pread(fd, all, SNAPSHOT_MAX, 0);
	assert(n > 0 && n < SNAPSHOT_MAX);
	fake_done(&f);
	return (size_t)n;
}

static size_t all_words(const struct spec *s, struct list l)
{
	AUTO_FREE const char **words = spec_words(s, l);
	size_t n = 0;

	for (size_t i = 0; words[i] != NULL; i++)
		n += strlen(words[i]);
	return n;
}

static size_t walk(const struct spec *s)
{
	size_t n = strlen(spec_text(s, s->global->state_dir));

	for (uint32_t i = 0; i < s->n[SPEC_CERTS]; i++) {
		const struct spec_cert *c = &s->certs[i];

		assert(spec_cert_called(s, spec_text(s, c->name)) == i);
		for (uint32_t k = 0; k < c->names.n; k++)
			n += strlen(spec_text(s, s->names[c->names.first + k].value));
		for (uint32_t k = 0; k < c->issuers.n; k++)
			n += s->issuers[s->numbers[c->issuers.first + k]].type;
		for (uint32_t k = 0; k < c->files.n; k++)
			n += strlen(spec_text(s, s->files[c->files.first + k].path));
		for (uint32_t k = 0; k < c->hooks.n; k++)
			n += all_words(s, s->hooks[s->numbers[c->hooks.first + k]].run);
	}
	for (uint32_t i = 0; i < s->n[SPEC_CRLS]; i++)
		n += all_words(s, s->crls[i].urls);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char first[SNAPSHOT_MAX];
	static size_t n_first;
	struct fuzz f = { data, len };
	const bool whole = fuzz_byte(&f) != 0;
	size_t n;
	AUTO_FREE char *image = NULL;
	struct spec s;
	struct err e = { .text = "" };

	if (n_first == 0)
		n_first = good(first);
	n = whole ? f.len : n_first;
	image = xcalloc(1, n + (n == 0));
	if (n > 0)
		memcpy(image, whole ? (const char *)f.at : first, n);
	for (; !whole && f.len >= 3; f.at += 3, f.len -= 3)
		image[((size_t)f.at[0] << 8 | f.at[1]) % n] = (char)f.at[2];
	if (spec_check(image, n, &s, &e) == 0)
		assert(walk(&s) < SPEC_MAX);
	else
		assert(e.code == ERR_PROTO && e.text[0] != '\0');
	return 0;
}
