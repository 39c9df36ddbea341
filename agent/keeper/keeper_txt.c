#include "agent/keeper/keeper_txt.h"

#include <fcntl.h>
#include <string.h>

#include <openssl/rand.h>

#include "acme/token.h"
#include "acme/tsig.h"
#include "acme/txt.h"
#include "agent/keeper/keeper.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns.h"
#include "base/err.h"

/* What signs for one challenge. */
struct signer {
	struct tsig_key key;
	char name[DNS_NAME_SIZE];
	struct buf secret; /* owned */
};

#define AUTO_SIGNER __attribute__((cleanup(signer_done)))

static void signer_done(struct signer *s)
{
	buf_done(&s->secret);
}

static int find(const struct keeper *k, uint64_t n, const struct spec_challenge **out,
		struct err *e)
{
	const struct spec *s = &k->start.spec;

	if (n >= s->n[SPEC_CHALLENGES] || s->challenges[n].type != CHALLENGE_DNS_01 ||
	    s->challenges[n].key_file.at == 0 || s->challenges[n].key_name.at == 0 ||
	    s->challenges[n].key_algorithm.at == 0)
		return err_set(e, ERR_PROTO, "there is no challenge %llu of dns-01",
			       (unsigned long long)n);
	*out = &s->challenges[n];
	return 0;
}

static int read_secret(const char *path, const char *algorithm, struct buf *secret,
		       struct err *e)
{
	AUTO_BUF struct buf text = { 0 };

	TRY(file_read(AT_FDCWD, path, LIMIT_TSIG_KEY, &text, e));
	if (tsig_secret(&text, algorithm, secret, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

static int signer_for(const struct keeper *k, const struct spec_challenge *c,
		      struct signer *s, struct err *e)
{
	const char *algorithm = keeper_text(k, c->key_algorithm);
	size_t i = 0;

	while (tsig_algorithms[i] != NULL && strcmp(tsig_algorithms[i], algorithm) != 0)
		i++;
	if (tsig_algorithms[i] == NULL ||
	    !dns_name_read(keeper_text(k, c->key_name), s->name))
		return err_set(e, ERR_CONFIG, "a key that nothing can be signed with");
	if (read_secret(keeper_text(k, c->key_file), algorithm, &s->secret, e) < 0)
		return err_wrap(e, "the TSIG key %s", s->name);
	s->key = (struct tsig_key){ .name = s->name,
				    .algorithm = algorithm,
				    .secret = s->secret.data,
				    .len = s->secret.len };
	return 0;
}

/* -- updates -- */

/* What it says is told to the world once it is added; what goes may be of an account that
 * has another key by now. */
static int get_record(const struct keeper *k, struct msg *m, bool add,
		      struct txt_record *record, char digest[TXT_VALUE_LEN + 1],
		      struct err *e)
{
	const char *owner = msg_get_str(m);
	const char *token = msg_get_str(m);
	const char *authorization = msg_get_str(m);

	if (!token_is_authorization(token, authorization))
		return err_set(e, ERR_PROTO, "not a token and its key authorization");
	if (add && !keeper_has_thumbprint(k, authorization + strlen(token) + 1))
		return err_set(e, ERR_PROTO, "a key authorization of somebody else");
	txt_value(authorization, digest);
	*record = (struct txt_record){ .owner = owner, .value = digest };
	return 0;
}

static int make_update(const struct keeper *k, struct msg *m, const char *zone,
		       struct buf *update, struct err *e)
{
	const bool add = msg_get_u64(m) != 0;
	const uint64_t n = msg_get_u64(m);
	struct txt_record records[TXT_MAX];
	char digests[TXT_MAX][TXT_VALUE_LEN + 1];
	unsigned char id[2];

	if (n > TXT_MAX)
		return err_set(e, ERR_PROTO, "an update of %llu records",
			       (unsigned long long)n);
	for (size_t i = 0; i < n; i++)
		TRY(get_record(k, m, add, &records[i], digests[i], e));
	TRY(msg_end(m, e));
	if (RAND_bytes(id, sizeof(id)) != 1)
		return err_set(e, ERR_SYS, "no random bytes");
	return txt_update((unsigned)id[0] << 8 | id[1], zone, add, records, n, update,
			  e);
}

int keeper_txt(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	const uint64_t challenge = msg_get_u64(m);
	const char *zone = msg_get_str(m);
	AUTO_SIGNER struct signer signer = { .secret = { 0 } };
	AUTO_BUF struct buf update = { 0 };
	AUTO_BUF struct buf mac = { 0 };
	const struct spec_challenge *c;
	const uint32_t id = m->id;

	TRY(make_update(k, m, zone, &update, e));
	TRY(find(k, challenge, &c, e));
	if (c->zone.at != 0 && strcmp(keeper_text(k, c->zone), zone) != 0)
		return err_set(e, ERR_PROTO,
			       "%s is not the zone of this challenge, which is %s",
			       zone, keeper_text(k, c->zone));
	TRY(signer_for(k, c, &signer, e));
	TRY(tsig_sign(&signer.key, clock_now(), &update, &mac, e));
	msg_begin(m, KEEPER_TXT, id);
	msg_put_bytes(m, update.data, update.len);
	msg_put_bytes(m, mac.data, mac.len);
	return 0;
}

/* -- replies -- */

int keeper_txt_reply(void *role, struct msg *m, struct err *e)
{
	const struct keeper *k = role;
	const uint64_t challenge = msg_get_u64(m);
	AUTO_SIGNER struct signer signer = { .secret = { 0 } };
	AUTO_BUF struct buf mac = { 0 };
	struct tsig_reply r = { .message = NULL };
	const struct spec_challenge *c;
	const uint32_t id = m->id;
	const void *bytes;
	size_t n;

	bytes = msg_get_bytes(m, &n);
	buf_add(&mac, bytes, n);
	r.message = msg_get_bytes(m, &r.len);
	r.at = msg_get_u64(m);
	r.fudge = (unsigned)(msg_get_u64(m) & UINT16_MAX);
	r.error = (unsigned)(msg_get_u64(m) & UINT16_MAX);
	r.other = msg_get_bytes(m, &r.n_other);
	r.mac = msg_get_bytes(m, &r.n_mac);
	TRY(msg_end(m, e));
	TRY(find(k, challenge, &c, e));
	if (mac.len > TSIG_MAC_MAX || r.len > DNS_MESSAGE_MAX || r.n_other > UINT16_MAX)
		return err_set(e, ERR_PROTO, "a reply that cannot be one");
	TRY(signer_for(k, c, &signer, e));
	TRY(tsig_check(&signer.key, &mac, &r, clock_now(), e));
	msg_begin(m, KEEPER_TXT_REPLY, id);
	return 0;
}
