#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "acme/client.h"
#include "acme/jws.h"
#include "agent/keeper/keeper_sign.h"
#include "agent/keeper/keeper_twice.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/base64url.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/origin.h"

#define LIMIT_EAB_KEY 4096 /* what CAs give has 32 to 64 bytes */

/* -- on disk, and read once -- */

const struct spec_issuer *keeper_issuer(const struct keeper_lent *l)
{
	return &l->keeper->start.spec.issuers[l->ticket.issuer];
}

static const char *issuer_name(const struct keeper_lent *l)
{
	return keeper_text(l->keeper, keeper_issuer(l)->name);
}

/* Of an account that has been read. */
static const char *folder(const struct keeper_lent *l)
{
	return l->keeper->accounts[l->ticket.issuer].folder.data;
}

/* `account show` holds no lock: it leaves the disk as it is. */
static bool may_write(const struct keeper_lent *l)
{
	return request_writes(&l->keeper->start.request);
}

int keeper_account_of(const struct keeper *k, uint32_t issuer, struct account **a,
		      struct err *e)
{
	const struct spec_issuer *i = &k->start.spec.issuers[issuer];
	struct keeper_account *of = &k->accounts[issuer];

	if (!of->is_read && k->root >= 0 && i->url.at != 0) {
		buf_done(&of->folder);
		TRY(account_folder(k->root, keeper_text(k, i->name),
				   keeper_text(k, i->url), &of->folder, e));
		TRY(account_load(k->root, of->folder.data, &of->disk, e));
	}
	of->is_read = true;
	*a = &of->disk;
	return 0;
}

int keeper_account(const struct keeper_lent *l, struct account **a, struct err *e)
{
	return keeper_account_of(l->keeper, l->ticket.issuer, a, e);
}

/* An account that cannot be read can use no token either. */
bool keeper_has_thumbprint(const struct keeper *k, const char *thumbprint)
{
	for (uint32_t i = 0; i < k->start.spec.n[SPEC_ISSUERS]; i++) {
		AUTO_BUF struct buf own = { 0 };
		struct account *a;
		struct err e;

		if (k->start.spec.issuers[i].type == ISSUER_ACME &&
		    keeper_account_of(k, i, &a, &e) == 0 && a->key != NULL &&
		    jws_thumbprint(a->key, &own, &e) == 0 &&
		    strcmp(own.data, thumbprint) == 0)
			return true;
	}
	return false;
}

static void forget_account(const struct keeper_lent *l)
{
	struct keeper_account *k = &l->keeper->accounts[l->ticket.issuer];

	account_done(&k->disk);
	k->is_read = k->lost = false;
}

static bool is_of_issuer(const struct keeper_lent *l, const char *url)
{
	return strlen(url) <= LIMIT_ACME_URL &&
	       origin_same(url, keeper_text(l->keeper, keeper_issuer(l)->url));
}

/* An issuer that is configured to be another CA since has no account there. */
static bool is_registered(const struct keeper_lent *l, const struct account *a)
{
	return a->url != NULL && is_of_issuer(l, a->url);
}

static bool *is_lost(const struct keeper_lent *l)
{
	return &l->keeper->accounts[l->ticket.issuer].lost;
}

const char *keeper_kid(const struct keeper_lent *l, const struct account *a)
{
	return is_registered(l, a) && !*is_lost(l) ? a->url : NULL;
}

/* = RFC 8555 11.1 "it is RECOMMENDED that each account key pair be used only for
 * authentication of a single ACME account" [single] So it is said first whose it is. */
static int make_key(const struct keeper_lent *l, enum key_type type, struct account *a,
		    struct err *e)
{
	const char *ca = keeper_text(l->keeper, keeper_issuer(l)->url);

	TRY(account_claim(l->keeper->root, folder(l), ca, e));
	TRY(account_make_key(l->keeper->root, folder(l), type, a, e));
	if (strcmp(folder(l), issuer_name(l)) != 0)
		log_warn(
		    "%s: it is another CA now, %s: a new account is in accounts/%s, "
		    "and the one before stays in accounts/%s",
		    issuer_name(l), ca, folder(l), issuer_name(l));
	return 0;
}

/* -- what workers ask, and tell -- */

int keeper_sign_account(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	AUTO_BUF struct buf thumbprint = { 0 };
	struct account *a;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(keeper_account(l, &a, e));
	if (a->key == NULL && lend_allows(l->ticket.what, ASK_NEW_ACCOUNT))
		TRY(make_key(l, (enum key_type)keeper_issuer(l)->account_key, a, e));
	if (a->key != NULL)
		TRY(jws_thumbprint(a->key, &thumbprint, e));
	msg_begin(m, SIGN_ACCOUNT, id);
	msg_put_str(m, keeper_kid(l, a));
	msg_put_str(m, thumbprint.data);
	msg_put_u64(m, a->next != NULL);
	return 0;
}

/* RFC 8555 7.3.6: there is no way back, and no other account for its key. */
static int forget_deactivated(const struct keeper_lent *l, struct err *e)
{
	TRY(account_remove(l->keeper->root, folder(l), e));
	forget_account(l);
	return 0;
}

/* What hangs on the URL (records in DNS, limits) has to be looked after by a person. */
static void tell_new_url(const struct keeper_lent *l, const struct account *a,
			 const char *url)
{
	if (is_registered(l, a))
		log_warn("%s: the CA calls our account %s now, and %s no more",
			 issuer_name(l), url, a->url);
}

/* That an account is lost is a worker's word, or a CA's on a bad day: the disk keeps it
 * until there is another. */
static int remember_url(const struct keeper_lent *l, struct account *a, const char *url,
			struct err *e)
{
	if (a->key == NULL)
		return err_set(e, ERR_PROTO, "there is no account to be registered");
	if (url != NULL && !is_of_issuer(l, url))
		return err_set(e, ERR_PROTO, "an account at another CA");
	if (url == NULL && l->ticket.what == LEND_DEACTIVATE)
		return forget_deactivated(l, e);
	*is_lost(l) = url == NULL;
	if (url == NULL || (a->url != NULL && strcmp(url, a->url) == 0))
		return 0;
	if (may_write(l))
		TRY(account_save_url(l->keeper->root, folder(l), url, e));
	tell_new_url(l, a, url);
	free(a->url);
	a->url = xstrdup(url);
	return 0;
}

int keeper_sign_registered(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	const char *url = msg_get_str(m);
	struct account *a;
	uint32_t id = m->id;

	TRY(msg_end(m, e));
	TRY(keeper_account(l, &a, e));
	TRY(remember_url(l, a, *url == '\0' ? NULL : url, e));
	msg_begin(m, SIGN_REGISTERED, id);
	return 0;
}

/* The disk is read again: whatever failed on the way, it says what is. */
static int end_roll_over(const struct keeper_lent *l, bool taken, struct err *e)
{
	const int root = l->keeper->root;
	int rc = taken ? account_take_next(root, folder(l), e)
		       : account_drop_next(root, folder(l), e);

	forget_account(l);
	return rc;
}

/* For this process: people who look at an account change nothing, and whoever talks to a
 * CA for a certificate has no say in which key is the account's. */
static void believe_rolled(const struct keeper_lent *l, struct account *a, bool taken)
{
	EVP_PKEY **gone = taken ? &a->key : &a->next;

	EVP_PKEY_free(*gone);
	*gone = NULL;
	if (taken)
		a->key = TAKE(a->next);
	if (may_write(l))
		log_warn("%s: a roll-over of its account was cut short: everleaf "
			 "account %s rollover ends it",
			 issuer_name(l), issuer_name(l));
}

int keeper_sign_rolled(void *lent, struct msg *m, struct err *e)
{
	const struct keeper_lent *l = lent;
	bool taken = msg_get_u64(m) != 0;
	struct account *a;
	uint32_t id = m->id;
	int rc = 0;

	TRY(msg_end(m, e));
	TRY(keeper_account(l, &a, e));
	if (a->next != NULL && may_write(l) && lend_ends_roll_over(l->ticket.what))
		rc = end_roll_over(l, taken, e);
	else if (a->next != NULL)
		believe_rolled(l, a, taken);
	msg_begin(m, SIGN_ROLLED, id);
	return rc;
}

/* -- what is signed -- */

static void put_contact(const struct keeper_work *w, struct json *j)
{
	const char *contact = keeper_text(w->keeper, w->issuer->contact);

	json_open(j, "contact", '[');
	if (contact != NULL)
		json_str(j, NULL, contact);
	json_close(j);
}

static int read_eab_key(const char *path, struct buf *key, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };

	TRY(file_read(AT_FDCWD, path, LIMIT_EAB_KEY, &text, e));
	if (!base64url_read(text.data, text.len, true, key) || key->len == 0)
		return err_set(e, ERR_CONFIG, "%s is not the base64 of a key", path);
	return 0;
}

static int put_eab(const struct keeper_work *w, struct json *j, struct err *e)
{
	const char *path = keeper_text(w->keeper, w->issuer->eab_key_file);
	AUTO_BUF struct buf key = { 0 };
	AUTO_BUF struct buf binding = { 0 };

	if (read_eab_key(path, &key, e) < 0)
		return err_wrap(e, "the key of the external account");
	TRY(jws_bind(&(struct jws_eab){ .kid =
					    keeper_text(w->keeper, w->issuer->eab_kid),
					.url = w->ask.url,
					.mac_key = key.data,
					.mac_key_len = key.len,
					.bits = 256 + 128 * (int)w->issuer->eab_mac },
		     w->account->key, &binding, e));
	json_document(j, "externalAccountBinding", &binding);
	return 0;
}

/* RFC 8555 7.3. A key that the CA does not take makes way for one of another type, as
 * long as no account ever hung on it. */
int keeper_new_account(const struct keeper_work *w, struct buf *out, struct err *e)
{
	enum key_type type = w->ask.key;
	struct json j;

	if (type != KEY_NONE && is_registered(w->lent, w->account))
		return err_set(e, ERR_PROTO,
			       "the account is registered: its key stays");
	if (type == KEY_NONE)
		type = w->account->key != NULL ? key_type_of(w->account->key)
					       : (enum key_type)w->issuer->account_key;
	if (w->account->key == NULL || key_type_of(w->account->key) != type)
		TRY(make_key(w->lent, type, w->account, e));
	TRY(keeper_not_of_cert(w->keeper, w->account->key, e));
	payload_open(&j, out);
	put_contact(w, &j);
	if (w->issuer->agree_terms)
		json_bool(&j, "termsOfServiceAgreed", true);
	if (w->issuer->eab_kid.at != 0)
		TRY(put_eab(w, &j, e));
	payload_close(&j);
	return 0;
}

int keeper_find_account(const struct keeper_work *w, struct buf *out, struct err *e)
{
	struct json j;

	(void)w;
	(void)e;
	payload_open(&j, out);
	json_bool(&j, "onlyReturnExisting", true);
	payload_close(&j);
	return 0;
}

int keeper_update_account(const struct keeper_work *w, struct buf *out, struct err *e)
{
	struct json j;

	(void)e;
	payload_open(&j, out);
	put_contact(w, &j);
	payload_close(&j);
	return 0;
}

int keeper_deactivate_account(const struct keeper_work *w, struct buf *out,
			      struct err *e)
{
	struct json j;

	(void)w;
	(void)e;
	payload_open(&j, out);
	json_str(&j, "status", "deactivated");
	payload_close(&j);
	return 0;
}

static int put_change(const struct keeper_work *w, const char *kid, struct buf *out,
		      struct err *e)
{
	AUTO_BUF struct buf old = { 0 };
	struct json j;

	TRY(jws_jwk(w->account->key, &old, e));
	payload_open(&j, out);
	json_str(&j, "account", kid);
	json_document(&j, "oldKey", &old);
	payload_close(&j);
	return 0;
}

/* RFC 8555 7.3.5: signed by the new key within, by the old one around it. The new one is
 * on disk before the CA hears of it; one that is there already is meant. */
int keeper_roll_key(const struct keeper_work *w, struct buf *out, struct err *e)
{
	const char *kid = keeper_kid(w->lent, w->account);
	AUTO_BUF struct buf change = { 0 };

	TRY(put_change(w, kid, &change, e));
	if (w->account->next == NULL)
		TRY(account_make_next(w->keeper->root, folder(w->lent),
				      (enum key_type)w->issuer->account_key, w->account,
				      e));
	TRY(keeper_not_of_cert(w->keeper, w->account->next, e));
	return jws_sign(&(struct jws){ .key = w->account->next, .url = w->ask.url },
			change.data, out, e);
}
