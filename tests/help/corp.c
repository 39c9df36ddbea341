#include "tests/help/corp.h"

#include "base/auto.h"
#include "base/mem.h"
#include "tests/help/certs.h"
#include "tests/help/pending.h"
#include "tests/scratch.h"

int corp_in(void **state, const struct corp_config *c)
{
	struct corp *s = test_calloc(1, sizeof(*s));
	AUTO_FREE char *before =
	    xasprintf("issuers = { name = \"corp\"; %s = ", c->issuer);
	AUTO_FREE char *after =
	    xasprintf("; };"
		      "certificates = { name = \"a\"; issuer = \"corp\";"
		      "  names = [ \"api.example\", \"192.0.2.7\" ]; %s };",
		      c->cert == NULL ? "" : c->cert);
	const struct lent_config config = { before, after, "secret", c->secret };

	if (lent_in(&s->lent, &config) < 0)
		return -1;
	s->keeper = lent_begin(&s->lent, COMMAND_RENEW, 0);
	if (c->waits)
		corp_wait(s);
	*state = s;
	return 0;
}

int corp_out(void **state)
{
	struct corp *c = *state;
	int rc;

	assert_int_equal(alone_end(&c->keeper, NULL, 0), 0);
	rc = lent_out(&c->lent);
	EVP_PKEY_free(c->waits);
	X509_free(c->live);
	test_free(c);
	return rc;
}

struct lend_ticket corp_ticket(const struct corp *c, enum lend what,
			       uint64_t generation)
{
	return (struct lend_ticket){ .what = what,
				     .issuer = lent_issuer(&c->lent, "corp"),
				     .generation = generation,
				     .reason = lend_revokes(what) ? 4 : 0 };
}

int corp_lend(const struct corp *c, enum lend what, uint64_t generation)
{
	const struct lend_ticket t = corp_ticket(c, what, generation);

	return lent_fd(&c->keeper, &t);
}

void corp_wait(struct corp *c)
{
	const struct scratch *dir = c->lent.scratch;
	struct err e;

	assert_int_equal(pending_key(dir->fd, "a", KEY_ECDSA_P256, 0, &c->waits, &e),
			 0);
}

X509 *corp_keep(struct corp *c, int64_t to)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);

	c->live = certs_make(&(struct cert_plan){
	    .key = key, .subject = "the live one", .to = to, .serial = "ff01" });
	lent_keep(&c->lent, c->live, key);
	return c->live;
}
