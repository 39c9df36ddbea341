#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/agent.h"
#include "agent/crlpoint.h"
#include "agent/owncrl.h"
#include "agent/revoked.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/generation.h"

/* -- which list -- */

static uint32_t list_of(struct agent *a, uint32_t ca, unsigned covers, const char *urls)
{
	struct own *o = a->own;
	char id[2 * HASH_LEN + 1];
	uint8_t sum[HASH_LEN];
	const uint8_t kind = (uint8_t)covers;
	struct own_list *l;
	struct hash h;

	hash_begin(&h);
	hash_add(&h, o->cas[ca].ca, CRL_HASH_LEN);
	hash_add(&h, &kind, 1);
	hash_add(&h, urls, strlen(urls));
	hash_end(&h, sum);
	text_hex(id, sum, sizeof(sum));
	id[OWN_ID_LEN] = '\0';
	for (uint32_t i = 0; i < o->n_lists; i++)
		if (strcmp(o->lists[i].row.id, id) == 0)
			return i;
	o->lists = xrealloc(o->lists, o->n_lists + 1, sizeof(*o->lists));
	l = &o->lists[o->n_lists];
	*l = (struct own_list){
		.row = { .id = xstrdup(id), .covers = covers, .urls = xstrdup(urls) },
		.ca = ca,
	};
	memcpy(l->row.part.ca, o->cas[ca].ca, CRL_HASH_LEN);
	owncrl_put_list(a, o->n_lists);
	return o->n_lists++;
}

/* Whoever is new on it is looked for, though the list be the same. */
static void join(struct agent *a, uint32_t l)
{
	struct own_list *list = &a->own->lists[l];

	list->joined = true;
	if (list->row.part.etag[0] == '\0' && list->row.part.last_modified[0] == '\0')
		return;
	list->row.part.etag[0] = list->row.part.last_modified[0] = '\0';
	owncrl_put_list(a, l);
}

static uint32_t ca_called(const struct own *o, const uint8_t sum[CRL_HASH_LEN])
{
	for (uint32_t k = 0; k < o->n_cas; k++)
		if (memcmp(o->cas[k].ca, sum, CRL_HASH_LEN) == 0)
			return k;
	return OWN_NONE;
}

static uint32_t add_ca(struct own *o, const struct x509_facts *f)
{
	struct own_ca *ca;

	o->cas = xrealloc(o->cas, o->n_cas + 1, sizeof(*o->cas));
	ca = &o->cas[o->n_cas];
	*ca = (struct own_ca){ .list = OWN_NONE };
	memcpy(ca->ca, f->fingerprint, sizeof(ca->ca));
	snprintf(ca->serial, sizeof(ca->serial), "%s", f->serial);
	return o->n_cas++;
}

/* -- a generation -- */

/* What stands in it; owned. */
struct files {
	X509 *leaf;
	STACK_OF(X509) * chain;   /* NULL: nothing behind it */
	STACK_OF(X509) * anchors; /* NULL: none */
};

static void files_done(struct files *f)
{
	X509_free(f->leaf);
	chain_done_(&f->chain);
	chain_done_(&f->anchors);
}

#define AUTO_FILES __attribute__((cleanup(files_done)))

/* The same behind each leaf, mostly. None, of what is empty or not there. */
static int read_behind(int dir, const char *path, struct x509_memo *memo,
		       STACK_OF(X509) * *chain, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };

	*chain = NULL;
	if (file_read(dir, path, LIMIT_CHAIN_BYTES, &pem, e) < 0)
		return e->sysno == ENOENT ? 0 : e->code;
	if (pem.len == 0)
		return 0;
	return x509_chain_again(memo, pem.data, pem.len, chain, e);
}

static int read_files(struct agent *a, uint32_t i, struct files *f, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *leaf = NULL;
	AUTO_BUF struct buf pem = { 0 };
	AUTO_FD int dir = -1;

	TRY(generation_open(a->root, agent_cert_name(a, i), a->certs[i].generation,
			    &dir, e));
	TRY(file_read(dir, "cert.pem", LIMIT_CHAIN_BYTES, &pem, e));
	TRY(x509_chain_from_pem(pem.data, pem.len, &leaf, e));
	f->leaf = sk_X509_shift(leaf);
	TRY(read_behind(dir, "chain.pem", &a->behind, &f->chain, e));
	return read_behind(dir, "ca.pem", &a->anchors, &f->anchors, e);
}

static X509 *issuer_among(STACK_OF(X509) * certs, X509 *cert)
{
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *ca = sk_X509_value(certs, i);

		if (X509_check_issued(ca, cert) == X509_V_OK &&
		    X509_verify(cert, X509_get0_pubkey(ca)) == 1)
			return ca;
	}
	return NULL;
}

static X509 *issuer_of(const struct files *f, X509 *cert)
{
	X509 *ca = issuer_among(f->chain, cert);

	if (ca == NULL)
		ca = issuer_among(f->anchors, cert);
	ERR_clear_error();
	return ca;
}

/* From the CA that is new to the first that is known, or has none above it. */
static int see_above(struct agent *a, const struct files *f, X509 *ca, uint32_t *number,
		     struct err *e)
{
	struct own *o = a->own;
	uint32_t below = OWN_NONE, k = OWN_NONE;
	unsigned covers = 0;
	AUTO_BUF struct buf urls = { 0 };

	for (int depth = 0; ca != NULL && depth < LIMIT_CHAIN_CERTS; depth++) {
		struct x509_facts facts;
		bool is_known;

		TRY(x509_facts(ca, &facts, e));
		k = ca_called(o, facts.fingerprint);
		is_known = k != OWN_NONE;
		if (!is_known)
			k = add_ca(o, &facts);
		if (below == OWN_NONE) {
			*number = k;
		} else {
			o->cas[below].list = list_of(a, k, covers, urls.data);
			join(a, o->cas[below].list);
			owncrl_put_ca(a, below);
		}
		if (is_known)
			return 0;
		below = k;
		covers = CRL_CAS;
		urls.len = 0;
		crlpoint_read(ca, &urls);
		ca = X509_self_signed(ca, 0) == 1 ? NULL : issuer_of(f, ca);
	}
	if (k != OWN_NONE)
		owncrl_put_ca(a, k);
	return 0;
}

/* One of the CAs above was revoked before this one came below it. */
static int see_revoked(struct agent *a, uint32_t i, struct err *e)
{
	const struct own *o = a->own;

	for (uint32_t k = 0; k < o->n_cas; k++)
		if (o->cas[k].revoked_at != 0 && owncrl_is_below(o, i, k) &&
		    (a->certs[i].flags & CERT_CA_REVOKED) == 0)
			return revoked_remember(a, i, CERT_CA_REVOKED, e);
	return 0;
}

static int put_leaf(struct agent *a, uint32_t i, const char *serial, struct err *e)
{
	const uint32_t list = a->own->leaves[i].list;
	const struct own_row row = {
		.name = agent_cert_name(a, i),
		.generation = a->certs[i].generation,
		.serial = serial,
		.list = list == OWN_NONE ? "" : a->own->lists[list].row.id,
	};

	TRY(agent_write(a, e));
	return state_own_put(a->state, &row, e);
}

/* A CA that answers there may publish its list more seldom. */
static unsigned ocsp_of(X509 *leaf)
{
	STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(leaf);
	const bool any = sk_OPENSSL_STRING_num(urls) > 0;

	X509_email_free(urls);
	return any ? OWN_OCSP : 0;
}

static uint32_t last_list(const struct agent *a, uint32_t i)
{
	const struct own_leaf *leaf = &a->own->leaves[i];

	return leaf->generation == 0 ? OWN_NONE : leaf->list;
}

int owncrl_read(struct agent *a, uint32_t i, struct err *e)
{
	AUTO_FILES struct files f = { .leaf = NULL };
	AUTO_BUF struct buf urls = { 0 };
	struct own_leaf leaf = { .list = OWN_NONE };
	struct x509_facts facts;
	const uint32_t n_cas = a->own->n_cas;
	const uint32_t before = last_list(a, i);
	uint32_t ca = OWN_NONE;

	owncrl_forget(a, i);
	TRY(read_files(a, i, &f, e));
	TRY(x509_facts(f.leaf, &facts, e));
	TRY(see_above(a, &f, issuer_of(&f, f.leaf), &ca, e));
	if (a->own->n_cas != n_cas)
		owncrl_know(a);
	crlpoint_read(f.leaf, &urls);
	if (ca != OWN_NONE) {
		leaf.list = list_of(a, ca, CRL_USERS | ocsp_of(f.leaf), urls.data);
		a->own->lists[leaf.list].n_leaves++;
		join(a, leaf.list);
	}
	leaf.key = owncrl_key(facts.serial);
	leaf.generation = (uint32_t)a->certs[i].generation;
	a->own->leaves[i] = leaf;
	TRY(put_leaf(a, i, facts.serial, e));
	if (before != OWN_NONE && a->own->lists[before].n_leaves == 0)
		TRY(state_own_list_prune(a->state, e));
	return see_revoked(a, i, e);
}

/* -- a CA, to verify by -- */

static X509 *ca_among(STACK_OF(X509) * certs, const uint8_t sum[CRL_HASH_LEN])
{
	for (int i = 0; i < sk_X509_num(certs); i++) {
		uint8_t its[CRL_HASH_LEN];
		X509 *cert = sk_X509_value(certs, i);

		if (X509_digest(cert, EVP_sha256(), its, NULL) == 1 &&
		    memcmp(its, sum, sizeof(its)) == 0)
			return cert;
	}
	return NULL;
}

int owncrl_ca(struct agent *a, uint32_t k, X509 **ca, struct err *e)
{
	const struct own *o = a->own;

	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++) {
		AUTO_FILES struct files f = { .leaf = NULL };
		X509 *found;

		if (!owncrl_is_below(o, i, k))
			continue;
		if (read_files(a, i, &f, e) < 0)
			return err_wrap(e, "%s", agent_cert_name(a, i));
		found = ca_among(f.chain, o->cas[k].ca);
		if (found == NULL)
			found = ca_among(f.anchors, o->cas[k].ca);
		if (found == NULL)
			continue;
		X509_up_ref(found);
		*ca = found;
		return 0;
	}
	return err_set(e, ERR_CONFIG, "the certificate of its issuer is not there");
}
