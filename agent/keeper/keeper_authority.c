#include "agent/keeper/keeper_authority.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/role/log.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crl.h"
#include "base/err.h"
#include "base/file.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"
#include "ca/local_crl.h"
#include "store/authority.h"
#include "store/place.h"

static int profile_of(const struct keeper *k, uint64_t n, struct keeper_cas *all,
		      struct err *e)
{
	const struct spec *s = &k->start.spec;
	const struct spec_issuer *i;

	if (n >= s->n[SPEC_ISSUERS] || s->issuers[n].type != ISSUER_LOCAL)
		return err_set(e, ERR_PROTO, "issuer %llu is not an embedded CA",
			       (unsigned long long)n);
	i = &s->issuers[n];
	all->root = k->root;
	all->name = spec_text(s, i->name);
	all->permitted = spec_words(s, i->permitted);
	all->excluded = spec_words(s, i->excluded);
	all->profile = (struct local_profile){
		.subject = spec_text(s, i->subject),
		.crl_url = spec_text(s, i->crl_url),
		.lifetime_s = i->lifetime_s,
		.ca_lifetime_s = i->ca_lifetime_s,
		.ca_key = (enum key_type)i->ca_key,
		.intermediate = i->intermediate != 0,
		.path_length = i->path_length == SPEC_NOBODY ? -1 : (int)i->path_length,
		.permitted = all->permitted,
		.excluded = all->excluded,
	};
	return 0;
}

void keeper_cas_done(struct keeper_cas *all)
{
	free((void *)all->permitted);
	free((void *)all->excluded);
	for (size_t i = 0; i < all->n; i++)
		local_done(&all->cas[i]);
	*all = (struct keeper_cas){ .n = 0 };
}

/* -- from the disk -- */

/* The one of `key`: beside it stand the roots of other keys. NULL key: the first. */
static int cert_of(const struct buf *pem, EVP_PKEY *key, X509 **cert, struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *chain = NULL;

	if (pem->len == 0)
		return 0;
	TRY(x509_chain_from_pem(pem->data, pem->len, &chain, e));
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *at = sk_X509_value(chain, i);

		if (key != NULL && EVP_PKEY_eq(X509_get0_pubkey(at), key) != 1)
			continue;
		X509_up_ref(at);
		*cert = at;
		return 0;
	}
	return err_set(e, ERR_SYS, "a certificate is not for the key beside it");
}

static int from_disk(const struct authority *a, struct local_ca *ca, struct err *e)
{
	TRY(key_from_pem(a->root_key.data, a->root_key.len, &ca->root_key, e));
	TRY(cert_of(&a->root_pem, ca->root_key, &ca->root, e));
	if (a->intermediate_pem.len > 0) {
		TRY(key_from_pem(a->intermediate_key.data, a->intermediate_key.len,
				 &ca->intermediate_key, e));
		TRY(cert_of(&a->intermediate_pem, ca->intermediate_key,
			    &ca->intermediate, e));
	}
	TRY(cert_of(&a->new_with_old, NULL, &ca->new_with_old, e));
	TRY(cert_of(&a->old_with_new, NULL, &ca->old_with_new, e));
	if (a->crl_pem.len > 0)
		TRY(crl_from_pem(a->crl_pem.data, a->crl_pem.len, &ca->crl, e));
	return 0;
}

static struct authority_id id_of(const struct keeper_cas *all, unsigned number)
{
	return (struct authority_id){ all->root, all->name, number };
}

static int load_key(struct keeper_cas *all, unsigned number, struct err *e)
{
	AUTO_AUTHORITY struct authority a = { .root_pem = { 0 } };
	AUTO_LOCAL_CA struct local_ca ca = { .root = NULL };
	const struct authority_id id = id_of(all, number);
	bool found;

	TRY(authority_load(&id, &a, &found, e));
	if (!found)
		return 0;
	if (all->n == LOCAL_KEYS_MAX)
		return err_set(e, ERR_SYS, "ca/%s: more than %d keys", all->name,
			       LOCAL_KEYS_MAX);
	if (from_disk(&a, &ca, e) < 0)
		return err_wrap(e, "ca/%s", all->name);
	all->numbers[all->n] = number;
	all->cas[all->n++] = ca;
	ca = (struct local_ca){ .root = NULL };
	return 0;
}

int keeper_cas_load(const struct keeper *k, uint64_t n, struct keeper_cas *all,
		    struct err *e)
{
	TRY(profile_of(k, n, all, e));
	TRY(authority_count(k->root, all->name, &all->count, e));
	for (unsigned i = 1; i <= all->count; i++)
		TRY(load_key(all, i, e));
	return 0;
}

size_t keeper_cas_signing(const struct keeper_cas *all)
{
	return local_signing(&all->profile, all->cas, all->n, clock_now());
}

/* -- to the disk -- */

static int put_cert(X509 *cert, struct buf *pem, struct err *e)
{
	return cert == NULL ? 0 : x509_to_pem(cert, pem, e);
}

static int to_disk(const struct local_ca *ca, struct authority *a, struct err *e)
{
	TRY(x509_to_pem(ca->root, &a->root_pem, e));
	TRY(key_to_pem(ca->root_key, &a->root_key, e));
	TRY(put_cert(ca->new_with_old, &a->new_with_old, e));
	TRY(put_cert(ca->old_with_new, &a->old_with_new, e));
	TRY(put_cert(ca->intermediate, &a->intermediate_pem, e));
	return ca->intermediate == NULL
		   ? 0
		   : key_to_pem(ca->intermediate_key, &a->intermediate_key, e);
}

/* Whole on disk, then one of them. Its list comes with it: it is never without one. */
static int add_key(struct keeper_cas *all, struct local_ca *made, struct err *e)
{
	AUTO_AUTHORITY struct authority a = { .root_pem = { 0 } };
	const struct authority_id id = id_of(all, all->count + 1);

	TRY(to_disk(made, &a, e));
	TRY(local_crl_to_pem(made, &a.crl_pem, e));
	TRY(authority_save(&id, &a, e));
	all->numbers[all->n] = ++all->count;
	all->cas[all->n++] = *made;
	*made = (struct local_ca){ .root = NULL };
	return 0;
}

int keeper_cas_roots(const struct keeper_cas *all, struct buf *pem, struct err *e)
{
	const size_t first = keeper_cas_signing(all);

	TRY(x509_to_pem(all->cas[first].root, pem, e));
	for (size_t i = 0; i < all->n; i++)
		if (i != first)
			TRY(x509_to_pem(all->cas[i].root, pem, e));
	return 0;
}

/* Of the first key as servers read it: behind its own list all others. */
static int save_list(const struct keeper_cas *all, size_t i, struct err *e)
{
	const struct authority_id id = id_of(all, all->numbers[i]);
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf der = { 0 };

	TRY(crl_to_der(all->cas[i].crl, &der, e));
	for (size_t n = i; n < (id.number == 1 ? all->n : i + 1); n++)
		TRY(local_crl_to_pem(&all->cas[n], &pem, e));
	return authority_save_crl(&id, &pem, &der, e);
}

/* ... where that is over. */
static int publish_lists(const struct keeper_cas *all, struct err *e)
{
	const struct authority_id first = id_of(all, 1);
	AUTO_BUF struct buf pem = { 0 };

	if (all->numbers[0] == 1)
		return 0;
	for (size_t i = 0; i < all->n; i++)
		TRY(local_crl_to_pem(&all->cas[i], &pem, e));
	return authority_save_crl(&first, &pem, NULL, e);
}

int keeper_cas_save(const struct keeper_cas *all, struct err *e)
{
	AUTO_BUF struct buf roots = { 0 };

	for (size_t i = all->n; i-- > 0;)
		TRY(save_list(all, i, e));
	TRY(publish_lists(all, e));
	if (all->count == 1)
		return 0;
	TRY(keeper_cas_roots(all, &roots, e));
	return authority_publish(all->root, all->name, &roots, e);
}

/* -- as time goes on -- */

/* The roots and lists of those that are over go with the next save. */
static int retire(struct keeper_cas *all, struct err *e)
{
	while (keeper_cas_signing(all) > 0 &&
	       local_is_over(&all->cas[0], clock_now())) {
		const struct authority_id id = id_of(all, all->numbers[0]);

		TRY(authority_retire(&id, e));
		local_done(&all->cas[0]);
		all->n--;
		for (size_t i = 0; i < all->n; i++) {
			all->cas[i] = all->cas[i + 1];
			all->numbers[i] = all->numbers[i + 1];
		}
		all->cas[all->n] = (struct local_ca){ .root = NULL };
	}
	return 0;
}

int keeper_cas_crl(struct keeper_cas *all, const char *serial, int reason,
		   struct err *e)
{
	const size_t signs = keeper_cas_signing(all);

	for (size_t i = 0; i < all->n; i++) {
		struct local_profile p = all->profile;

		if (i < signs) /* no longer than was promised */
			p.lifetime_s = 0;
		TRY(local_crl(&p, &all->cas[i], serial, reason, clock_now(), e));
	}
	return 0;
}

int keeper_cas_roll(struct keeper_cas *all, bool at_once, struct err *e)
{
	AUTO_LOCAL_CA struct local_ca next = { .root = NULL };
	const struct local_ca *last;
	char at[TEXT_TIME_MAX];

	TRY(retire(all, e)); /* they leave room */
	last = &all->cas[all->n - 1];
	if (keeper_cas_signing(all) != all->n - 1)
		return err_set(e, ERR_REFUSED,
			       "its next key is made, and signs from %s",
			       text_time(at, local_signs_at(&all->profile, last)));
	if (all->n == LOCAL_KEYS_MAX)
		return err_set(e, ERR_REFUSED,
			       "it has %d keys with certificates that are valid yet",
			       LOCAL_KEYS_MAX);
	TRY(local_roll(&all->profile, last, at_once, clock_now(), &next, e));
	TRY(add_key(all, &next, e));
	last = &all->cas[all->n - 1];
	log_warn("%s: its next root is ca/%s/%u/root.pem, and signs from %s", all->name,
		 all->name, all->count,
		 text_time(at, local_signs_at(&all->profile, last)));
	TRY(keeper_cas_crl(all, NULL, 0, e));
	return keeper_cas_save(all, e);
}

static int make_first(struct keeper_cas *all, struct err *e)
{
	AUTO_LOCAL_CA struct local_ca made = { .root = NULL };

	TRY(local_make(&all->profile, clock_now(), &made, e));
	TRY(add_key(all, &made, e));
	return keeper_cas_save(all, e);
}

/* One that has ended cannot vouch for another: that is said when it has to sign. Where there
 * can be no next key, this one goes on to its end. */
static void roll_if_due(struct keeper_cas *all)
{
	const struct local_ca *last = &all->cas[all->n - 1];
	char at[TEXT_TIME_MAX];
	struct err e;
	int64_t end;

	if (keeper_cas_signing(all) == all->n - 1 && all->n < LOCAL_KEYS_MAX &&
	    x509_time(X509_get0_notAfter(last->root), &end, &e) == 0 &&
	    end > clock_now() && local_is_ending(&all->profile, last, clock_now()) &&
	    keeper_cas_roll(all, false, &e) < 0)
		log_error(
		    "%s: its root ends at %s, and the next one cannot be made: %s",
		    all->name, text_time(at, end), e.text);
}

int keeper_cas_open(const struct keeper *k, uint64_t n, struct keeper_cas *all,
		    struct err *e)
{
	TRY(keeper_cas_load(k, n, all, e));
	if (all->count == 0)
		return make_first(all, e);
	TRY(retire(all, e));
	roll_if_due(all);
	return 0;
}

/* -- its files -- */

const char *keeper_cas_named(const struct keeper *k, const char *path, const char *file)
{
	const struct spec *s = &k->start.spec;
	const char *state = spec_text(s, s->global->state_dir);

	for (uint32_t i = 0; i < s->n[SPEC_ISSUERS]; i++) {
		const char *name = spec_text(s, s->issuers[i].name);
		AUTO_FREE char *its =
		    xasprintf("%s/" PLACE_CA "/%s/%s", state, name, file);

		if (s->issuers[i].type == ISSUER_LOCAL && strcmp(its, path) == 0)
			return name;
	}
	return NULL;
}

static int holds(const struct keeper *k, const char *path, X509 *ca, bool *held,
		 struct err *e)
{
	AUTO_CHAIN STACK_OF(X509) *all = NULL;
	AUTO_BUF struct buf pem = { 0 };

	if (file_read(k->root, path, LIMIT_CHAIN_BYTES, &pem, e) < 0)
		return e->sysno == ENOENT ? 0 : e->code;
	TRY(x509_chain_from_pem(pem.data, pem.len, &all, e));
	for (int i = 0; i < sk_X509_num(all); i++)
		*held = *held || X509_cmp(sk_X509_value(all, i), ca) == 0;
	return 0;
}

int keeper_cas_list(const struct keeper *k, const char *name, X509 *ca, char **list,
		    struct err *e)
{
	unsigned count, number;
	bool held = false;

	TRY(authority_count(k->root, name, &count, e));
	for (number = count; number > 1; number--) {
		AUTO_FREE char *root = place_of_ca(name, number, "root.pem");
		AUTO_FREE char *below = place_of_ca(name, number, "intermediate.pem");

		TRY(holds(k, root, ca, &held, e));
		TRY(holds(k, below, ca, &held, e));
		if (held)
			break;
	}
	*list = place_of_ca(name, number, "crl.der");
	return 0;
}
