#include "ca/crl_entry.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/mem.h"

#define REASON_HOLD_ENDED 8 /* removeFromCRL */

/* What an entry says besides serial and date. */
struct about {
	uint8_t reason;
	int64_t invalid_at;
	bool indirect; /* as in struct crl_own */
	uint64_t of;
};

/* -- our own -- */

static uint64_t hash_of(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15ULL; /* of serials that are counted, too */
}

static size_t place_of(const struct crl_own *own, uint64_t hash)
{
	return (size_t)(hash >> 32) & (own->n_table - 1);
}

void crl_own_init(struct crl_own *own, const struct crl_want *want)
{
	const uint64_t *keys = want->serials;
	const size_t n = want->n_serials;

	*own =
	    (struct crl_own){ .keys = keys, .n_table = 64, .indirect = want->indirect };
	while (own->n_table < 2 * n)
		own->n_table *= 2;
	own->table = xcalloc(own->n_table, sizeof(*own->table));
	for (size_t i = 0; i < n; i++) {
		const uint64_t hash = hash_of(keys[i]);
		size_t at = place_of(own, hash);

		while (own->table[at] != 0)
			at = (at + 1) & (own->n_table - 1);
		own->table[at] = (uint32_t)i + 1;
		own->seen[hash >> 54] |= 1ULL << (hash >> 48 & 63);
	}
}

void crl_own_done(struct crl_own *own)
{
	free(own->table);
	free(own->hits);
}

static inline uint64_t key_of(const struct der *serial)
{
	uint64_t key;

	if (serial->len < sizeof(key))
		return crl_serial_key(serial->at, serial->len);
	memcpy(&key, serial->at + serial->len - sizeof(key), sizeof(key));
	return be64toh(key);
}

/* To a sum that does not know in which order: the CA, whom we trust, has no reason to
 * make two sums meet. Where the serial is longer, `key` is its end. */
static inline void count(struct crl_own *own, const struct der *serial, uint64_t key)
{
	uint64_t head = 0, middle = 0, mixed;

	if (serial->len > sizeof(head))
		memcpy(&head, serial->at, sizeof(head));
	if (serial->len > 2 * sizeof(head))
		memcpy(&middle, serial->at + sizeof(head), sizeof(middle));
	mixed = key + hash_of(head + hash_of(middle + own->of));
	mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ mixed >> 32) * 0x94d049bb133111ebULL;
	own->sums[0] += mixed ^ mixed >> 31;
	own->sums[1] += hash_of(mixed ^ mixed >> 27);
	own->sums[2]++;
}

void crl_own_digest(const struct crl_own *own, uint8_t digest[CRL_HASH_LEN])
{
	memset(digest, 1, CRL_HASH_LEN);
	memcpy(digest, own->sums, sizeof(own->sums));
}

static inline bool may_be_ours(const struct crl_own *own, uint64_t hash)
{
	return (own->seen[hash >> 54] >> (hash >> 48 & 63) & 1) != 0;
}

static void keep_hit(struct crl_own *own, const struct crl_hit *hit)
{
	if (own->hits == NULL)
		own->hits = xcalloc(CRL_HITS_MAX, sizeof(*own->hits));
	if (own->n_hits == CRL_HITS_MAX)
		own->more = true;
	else
		own->hits[own->n_hits++] = *hit;
}

/* A value that is negative, or longer than a serial may be, is none of ours. */
static bool read_serial(const struct der *serial, struct crl_number *n)
{
	const size_t zeros = serial->len > 1 && serial->at[0] == 0;
	const size_t len = serial->len - zeros;

	if (serial->at[0] >= 0x80 || len > sizeof(n->octets))
		return false;
	*n = (struct crl_number){ .len = (uint8_t)len };
	memcpy(n->octets, serial->at + zeros, len);
	return true;
}

static void keep_ours(struct crl_own *own, const struct der *serial, uint64_t key,
		      int64_t revoked_at, const struct about *about)
{
	struct crl_hit hit;

	memset(&hit, 0, sizeof(hit)); /* it is sent as it stands in memory */
	if (!read_serial(serial, &hit.serial))
		return;
	hit.reason = about->reason;
	hit.revoked_at = revoked_at;
	hit.invalid_at = about->invalid_at;
	for (size_t at = place_of(own, hash_of(key)); own->table[at] != 0;
	     at = (at + 1) & (own->n_table - 1)) {
		hit.index = own->table[at] - 1;
		if (own->keys[hit.index] == key)
			keep_hit(own, &hit);
	}
}

/* -- what else an entry says -- */

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_PROTO, "an entry's %s is not as RFC 5280 has it", what);
}

static int take_reason(const struct der *value, struct about *about, struct err *e)
{
	struct der d = *value, reason;

	if (!der_take(&d, DER_ENUMERATED, &reason) || d.len > 0 || reason.len != 1)
		return bad(e, "reason");
	/* = RFC 5280 5.3.1 "The removeFromCRL (8) reason code value may only appear in
	 * delta CRLs" [removefromcrl] */
	if (reason.at[0] == REASON_HOLD_ENDED)
		return err_set(
		    e, ERR_TRUST,
		    "an entry is removed from it, which only a delta CRL may "
		    "say");
	about->reason = reason.at[0];
	return 0;
}

static int take_invalid(const struct der *value, struct about *about, struct err *e)
{
	struct der d = *value, t;
	uint8_t tag;

	if (!der_next(&d, &tag, &t) || d.len > 0 ||
	    !der_time(tag, &t, &about->invalid_at))
		return bad(e, "invalidity date");
	return 0;
}

static int take_issuer(const struct der *value, struct about *about)
{
	about->of = 1;
	for (size_t i = 0; i < value->len; i++)
		about->of = hash_of(about->of + value->at[i]);
	return 0;
}

static int refuse_critical(const struct der *oid, struct err *e)
{
	const unsigned char *der = oid->at - 2; /* of an OID of less than 128 octets */
	ASN1_OBJECT *object =
	    oid->len < 0x80 ? d2i_ASN1_OBJECT(NULL, &der, (long)oid->len + 2) : NULL;
	char name[64] = "?";

	if (object != NULL)
		OBJ_obj2txt(name, sizeof(name), object, 0);
	ASN1_OBJECT_free(object);
	return err_set(
	    e, ERR_TRUST,
	    "an entry has the critical extension %s, which servers do not know", name);
}

#define IS_ID_CE(oid, n)                                                    \
	((oid)->len == 3 && (oid)->at[0] == 0x55 && (oid)->at[1] == 0x1d && \
	 (oid)->at[2] == (n))

static int take_extension(const struct der *extension, struct about *about,
			  struct err *e)
{
	struct der d = *extension, oid, critical = { 0 }, value;

	if (!der_take(&d, DER_OID, &oid) || !der_is_oid(&oid))
		return bad(e, "extension");
	if (d.len > 0 && d.at[0] == DER_BOOLEAN &&
	    (!der_take(&d, DER_BOOLEAN, &critical) || critical.len != 1))
		return bad(e, "extension");
	if (!der_take(&d, DER_OCTETS, &value) || d.len > 0)
		return bad(e, "extension");
	if (IS_ID_CE(&oid, 29) && about->indirect)
		return take_issuer(&value, about);
	if (IS_ID_CE(&oid, 29))
		return err_set(e, ERR_TRUST,
			       "an entry is of another CA: an indirect CRL, which most "
			       "servers do not understand (indirect = true takes it)");
	if (critical.len > 0 && critical.at[0] != 0)
		return refuse_critical(&oid, e);
	if (IS_ID_CE(&oid, 21))
		return take_reason(&value, about, e);
	return IS_ID_CE(&oid, 24) ? take_invalid(&value, about, e) : 0;
}

static int take_extensions(const struct der *field, struct about *about, struct err *e)
{
	/* What CAs write: a reason and nothing else. */
	static const uint8_t usual[] = { 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d,
					 0x15, 0x04, 0x03, 0x0a, 0x01 };
	struct der d = *field, extension;

	if (d.len == sizeof(usual) + 1 && memcmp(d.at, usual, sizeof(usual)) == 0 &&
	    d.at[sizeof(usual)] != REASON_HOLD_ENDED) {
		about->reason = d.at[sizeof(usual)];
		return 0;
	}
	if (d.len == 0)
		return bad(e, "list of extensions");
	while (d.len > 0) {
		if (!der_take(&d, DER_SEQUENCE, &extension))
			return bad(e, "list of extensions");
		TRY(take_extension(&extension, about, e));
	}
	return 0;
}

int crl_entry(struct crl_own *own, const struct der *entry, struct err *e)
{
	struct der d = *entry, serial, date, field;
	struct about about = { .indirect = own->indirect, .of = own->of };
	int64_t revoked_at = 0;
	uint64_t key;
	uint8_t tag;

	if (!der_take(&d, DER_INTEGER, &serial) || !der_is_integer(&serial))
		return bad(e, "serial number");
	if (!der_next(&d, &tag, &date) || !der_is_time(tag, &date))
		return bad(e, "date");
	if (d.len > 0) {
		if (!der_take(&d, DER_SEQUENCE, &field) || d.len > 0)
			return bad(e, "end");
		TRY(take_extensions(&field, &about, e));
	}
	own->of = about.of;
	key = key_of(&serial);
	count(own, &serial, key);
	if (!may_be_ours(own, hash_of(key)))
		return 0;
	if (!der_time(tag, &date, &revoked_at))
		return bad(e, "date");
	keep_ours(own, &serial, key, revoked_at, &about);
	return 0;
}
