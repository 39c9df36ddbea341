#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "agent/agent.h"
#include "agent/crlpoint.h"
#include "agent/owncrl.h"
#include "agent/role/log.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/x509.h"
#include "store/place.h"

static const char *issuer_name(const struct agent *a, uint32_t i)
{
	return spec_text(a->spec, a->spec->issuers[i].name);
}

/* -- which CA is one of ours -- */

static bool has_key(const struct agent *a, uint32_t i, uint32_t key)
{
	AUTO_FREE char *path = place_of_ca(issuer_name(a, i), key, "root.pem");

	return a->spec->issuers[i].type == ISSUER_LOCAL && a->root >= 0 &&
	       file_exists(a->root, path);
}

/* *pem stays empty where there is none. */
static int read_of(const struct agent *a, const char *path, struct buf *pem,
		   struct err *e)
{
	if (file_read(a->root, path, LIMIT_CHAIN_BYTES, pem, e) == 0)
		return 0;
	return e->sysno == ENOENT ? 0 : e->code;
}

/* Who is told of each CA certificate of the keys of an embedded CA. */
struct seen_by {
	const struct agent *a;
	uint32_t issuer;
	void (*see)(void *arg, const uint8_t sum[CRL_HASH_LEN], uint32_t issuer,
		    uint32_t key);
	void *arg;
};

static int see_file(const struct seen_by *by, uint32_t key, const char *file,
		    bool *found, struct err *e)
{
	AUTO_FREE char *path = place_of_ca(issuer_name(by->a, by->issuer), key, file);
	AUTO_CHAIN STACK_OF(X509) *certs = NULL;
	AUTO_BUF struct buf pem = { 0 };
	uint8_t sum[CRL_HASH_LEN];

	TRY(read_of(by->a, path, &pem, e));
	*found = pem.len > 0;
	if (!*found)
		return 0;
	TRY(x509_chain_from_pem(pem.data, pem.len, &certs, e));
	for (int n = 0; n < sk_X509_num(certs); n++)
		if (X509_digest(sk_X509_value(certs, n), EVP_sha256(), sum, NULL) == 1)
			by->see(by->arg, sum, by->issuer, key);
	return 0;
}

/* Who signs what that key issues, and its CRL: the intermediate, if there is one, or the
 * root, as such and as the root before and the one after it have signed it. Beside the
 * root of the first key stand those of others, each seen in its own folder afterwards. */
static int see_key(const struct seen_by *by, uint32_t key, struct err *e)
{
	bool found;

	TRY(see_file(by, key, "intermediate.pem", &found, e));
	if (found)
		return 0;
	TRY(see_file(by, key, "root.pem", &found, e));
	TRY(see_file(by, key, "newWithOld.pem", &found, e));
	TRY(see_file(by, key + 1, "oldWithNew.pem", &found, e));
	return 0;
}

static int see_keys(const struct seen_by *by, struct err *e)
{
	for (uint32_t key = 1; has_key(by->a, by->issuer, key); key++)
		TRY(see_key(by, key, e));
	return 0;
}

static void know(void *arg, const uint8_t sum[CRL_HASH_LEN], uint32_t issuer,
		 uint32_t key)
{
	struct own *o = arg;

	for (uint32_t k = 0; k < o->n_cas; k++)
		if (memcmp(o->cas[k].ca, sum, CRL_HASH_LEN) == 0) {
			o->cas[k].embedded = issuer + 1;
			o->cas[k].key = key;
		}
}

void owncrl_know(struct agent *a)
{
	struct err e;

	for (uint32_t i = 0; i < a->spec->n[SPEC_ISSUERS]; i++) {
		const struct seen_by by = { a, i, know, a->own };

		if (see_keys(&by, &e) < 0)
			log_warn("the embedded CA %s: %s", issuer_name(a, i), e.text);
	}
}

/* -- its list -- */

static char *file_of(const struct agent *a, uint32_t i, uint32_t key)
{
	AUTO_FREE char *path = place_of_ca(issuer_name(a, i), key, "crl.der");

	return xasprintf("file://%s/%s", a->state_dir, path);
}

/* Whether only an embedded CA could say who is on list `l`. */
static bool names_none(const struct own *o, uint32_t l)
{
	const struct own_list *list = &o->lists[l];

	return list->ca != OWN_NONE && (list->row.covers & CRL_USERS) != 0 &&
	       crlpoint_first(list->row.urls)[0] == '\0';
}

uint32_t owncrl_embedded(const struct own *o, uint32_t l)
{
	const uint32_t ca = o->lists[l].ca;
	const bool here =
	    names_none(o, l) || (ca != OWN_NONE && o->lists[l].row.look_at == OWN_HERE);

	return !here || o->cas[ca].embedded == 0 ? OWN_NONE : o->cas[ca].embedded - 1;
}

uint32_t owncrl_key_of(const struct own *o, uint32_t l)
{
	return o->cas[o->lists[l].ca].key;
}

char *owncrl_first(const struct agent *a, uint32_t l)
{
	const char *first = crlpoint_first(a->own->lists[l].row.urls);
	const uint32_t i = owncrl_embedded(a->own, l);

	return i == OWN_NONE ? xasprintf("%.*s", (int)strcspn(first, "\n"), first)
			     : file_of(a, i, owncrl_key_of(a->own, l));
}

bool owncrl_asks(const struct own *o, uint32_t l)
{
	return crlpoint_first(o->lists[l].row.urls)[0] != '\0' ||
	       owncrl_embedded(o, l) != OWN_NONE;
}

/* -- as it was left -- */

/* Where it came from says it: nothing has to be parsed, which would cost the daemon 2 MiB. */
static bool recall(struct agent *a, uint32_t l)
{
	const struct own_list *list = &a->own->lists[l];

	for (uint32_t i = 0; i < a->spec->n[SPEC_ISSUERS]; i++)
		for (uint32_t key = 1; has_key(a, i, key); key++) {
			AUTO_FREE char *file = file_of(a, i, key);

			if (strcmp(list->row.part.url, file) != 0 ||
			    faccessat(a->root, file + strlen("file://"), F_OK, 0) != 0)
				continue;
			a->own->cas[list->ca].embedded = i + 1;
			a->own->cas[list->ca].key = key;
			return true;
		}
	return false;
}

void owncrl_recall(struct agent *a)
{
	struct own *o = a->own;
	bool all = true;

	for (uint32_t l = 0; l < o->n_lists; l++)
		all = (!names_none(o, l) || recall(a, l)) &&
		      o->lists[l].row.look_at != OWN_HERE && all;
	if (!all)
		owncrl_know(a);
}

struct expected {
	struct state *state;
	const char *folder; /* of that CA, and of all its keys */
	struct buf by;      /* SHA-256s of who signs for it */
	struct err *e;
};

static void add_signer(void *arg, const uint8_t sum[CRL_HASH_LEN], uint32_t issuer,
		       uint32_t key)
{
	(void)issuer;
	(void)key;
	buf_add(arg, sum, CRL_HASH_LEN);
}

static bool is_signer(const struct expected *x, const uint8_t sum[CRL_HASH_LEN])
{
	for (size_t at = 0; at < x->by.len; at += CRL_HASH_LEN)
		if (memcmp(x->by.data + at, sum, CRL_HASH_LEN) == 0)
			return true;
	return false;
}

static int look_soon(void *arg, const struct own_list_row *row)
{
	const struct expected *x = arg;
	struct own_list_row now = *row;

	if (strncmp(row->part.url, x->folder, strlen(x->folder)) == 0)
		now.look_at = 0;
	else if ((row->covers & CRL_USERS) != 0 && is_signer(x, row->part.ca))
		now.look_at = OWN_HERE;
	else
		return 0;
	return state_own_list_put(x->state, &now, x->e);
}

int owncrl_expect(struct agent *a, uint32_t issuer, struct err *e)
{
	AUTO_FREE char *folder =
	    xasprintf("file://%s/ca/%s/", a->state_dir, issuer_name(a, issuer));
	struct expected x = { .state = a->state, .folder = folder, .e = e };
	const struct seen_by by = { a, issuer, add_signer, &x.by };
	int rc = see_keys(&by, e);

	if (rc == 0)
		rc = agent_write(a, e);
	if (rc == 0)
		rc = state_own_list_each(a->state, look_soon, &x, e);
	buf_done(&x.by);
	return rc == 0 ? agent_commit(a, e) : rc;
}
