#include "agent/role/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "agent/role/spec_image.h"
#include "base/err.h"
#include "base/mem.h"

/* With these nothing that was checked can change, and no read can hit a hole. */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

const char *const challenge_words[CHALLENGE_TYPES + 1] = {
	[CHALLENGE_HTTP_01] = "http-01",
	[CHALLENGE_TLS_ALPN_01] = "tls-alpn-01",
	[CHALLENGE_DNS_01] = "dns-01",
};

int spec_map(int fd, struct spec *s, struct err *e)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	size_t len;
	void *map;

	if (seals < 0 && errno != EINVAL)
		return err_sys(e, "snapshot");
	if (seals < 0 || (seals & SEALS) != SEALS)
		return err_set(e, ERR_CONFIG, "snapshot: not sealed");
	if (fstat(fd, &st) < 0)
		return err_sys(e, "snapshot");
	if (st.st_size <= 0 || st.st_size > SPEC_MAX)
		return err_set(e, ERR_PROTO, "snapshot: not one of ours");
	len = (size_t)st.st_size;
	/* Private, yet the same pages: before Linux 6.7 a write-sealed file cannot be
	 * mapped shared, not even to read. */
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_sys(e, "snapshot: map");
	if (spec_check(map, len, s, e) < 0) {
		munmap(map, len);
		return e->code;
	}
	return 0;
}

void spec_done(struct spec *s)
{
	if (s->map != NULL)
		munmap(s->map, s->len);
	*s = (struct spec){ 0 };
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	return ((h << 5 | h >> 59) ^ v) * 0x9e3779b97f4a7c15u;
}

uint64_t spec_mark(const struct stat *st)
{
	uint64_t h = mix(0, (uint64_t)st->st_dev);

	h = mix(h, (uint64_t)st->st_ino);
	h = mix(h, (uint64_t)st->st_size);
	h = mix(h, (uint64_t)st->st_mtim.tv_sec);
	h = mix(h, (uint64_t)st->st_mtim.tv_nsec);
	h = mix(h, (uint64_t)st->st_ctim.tv_sec);
	h = mix(h, (uint64_t)st->st_ctim.tv_nsec);
	return h == 0 ? 1 : h;
}

const char *spec_text(const struct spec *s, struct text t)
{
	return t.at == 0 ? NULL : s->text + t.at;
}

static bool has_word(const struct spec *s, struct list words, const char *word)
{
	for (uint32_t i = 0; i < words.n; i++)
		if (strcmp(s->text + s->words[words.first + i].at, word) == 0)
			return true;
	return false;
}

bool spec_challenge_is_for(const struct spec *s, const struct spec_challenge *c,
			   const struct spec_name *name)
{
	const char *word = s->text + name->value.at;

	if (c->type != CHALLENGE_DNS_01 && word[0] == '*')
		return false;
	if (c->type == CHALLENGE_DNS_01 && name->kind == NAME_IP)
		return false;
	return c->only.n == 0 || has_word(s, c->only, word);
}

bool spec_issuer_is_here(const struct spec_issuer *i)
{
	return i->type == ISSUER_LOCAL || i->type == ISSUER_SELF;
}

bool spec_issuer_by_worker(const struct spec_issuer *i)
{
	return !spec_issuer_is_here(i) && i->type != ISSUER_EXEC;
}

bool spec_issuer_by_live(const struct spec_issuer *i)
{
	return i->type == ISSUER_EST || i->type == ISSUER_STEP || i->type == ISSUER_CMP;
}

const char *spec_anchors(const struct spec *s, uint32_t issuer)
{
	const struct spec_issuer *i = &s->issuers[issuer];

	return i->trust_by == TRUST_FILE && spec_issuer_by_worker(i) &&
		       i->type != ISSUER_ACME
		   ? spec_text(s, i->trust)
		   : NULL;
}

uint32_t spec_cert_called(const struct spec *s, const char *name)
{
	uint32_t low = 0, high = s->n[SPEC_CERTS];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(name, s->text + s->certs[middle].name.at);

		if (order == 0)
			return middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return SPEC_NOBODY;
}

uint32_t spec_issuer_called(const struct spec *s, const char *name)
{
	for (uint32_t i = 0; i < s->n[SPEC_ISSUERS]; i++)
		if (strcmp(name, s->text + s->issuers[i].name.at) == 0)
			return i;
	return SPEC_NOBODY;
}

uint32_t spec_hook_called(const struct spec *s, const char *name)
{
	for (uint32_t i = 0; i < s->n[SPEC_HOOKS]; i++)
		if (strcmp(name, s->text + s->hooks[i].name.at) == 0)
			return i;
	return SPEC_NOBODY;
}

const char **spec_words(const struct spec *s, struct list l)
{
	const char **words = xcalloc((size_t)l.n + 1, sizeof(*words));

	for (uint32_t i = 0; i < l.n; i++)
		words[i] = spec_text(s, s->words[l.first + i]);
	return words;
}

char *spec_file_folder(const struct spec *s, const struct spec_file *f)
{
	const char *path = s->text + f->path.at; /* always set, see spec_image.c */

	if (f->content == CONTENT_HASHED)
		return xstrdup(path);
	return xstrndup(path, (size_t)(strrchr(path, '/') - path));
}

bool spec_holds_roots(const struct spec *s, const struct spec_cert *c)
{
	for (uint32_t i = 0; i < c->files.n; i++)
		if (content_is_trust(
			(enum content_kind)s->files[c->files.first + i].content))
			return true;
	return false;
}

bool spec_crl_takes_away(const struct spec_crl *c, const struct spec_file *f)
{
	return (f->on_stale == STALE_UNSET ? c->on_stale : f->on_stale) == STALE_REMOVE;
}

bool spec_crl_takes_any(const struct spec *s, const struct spec_crl *c)
{
	bool any = c->on_stale == STALE_REMOVE;

	for (uint32_t i = 0; i < c->files.n; i++)
		any = any || spec_crl_takes_away(c, &s->files[c->files.first + i]);
	return any;
}

const char *spec_url_file(const char *url)
{
	static const char scheme[] = "file://";

	return strncmp(url, scheme, sizeof(scheme) - 1) == 0 ? url + sizeof(scheme) - 1
							     : NULL;
}
