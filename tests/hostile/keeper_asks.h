/*
 * keeper_asks: each message there is for a keeper, as it should be: of an agent, and of a
 * worker on a socket that was lent.
 */
#pragma once

#include "acme/ask.h"
#include "agent/role/messages.h"
#include "tests/hostile/keeper_stage.h"

/* What a message is about, for who reads the answer. */
struct asked {
	uint32_t cert;
	uint32_t issuer;
	struct lend_ticket ticket; /* on a socket that was lent; of what is to be */
	int fd, theirs;            /* ends of what is to be lent */
};

/* -- what an agent asks -- */

static inline const char *or_none(const char *text)
{
	return text == NULL ? "" : text;
}

static inline void put_store(const struct stage *s, const struct asked *q,
			     struct msg *m)
{
	msg_put_u64(m, q->cert);
	msg_put_str(m, or_none(s->leaves[q->cert]));
	msg_put_str(m, or_none(s->chains[q->cert]));
	msg_put_str(m, "");
	msg_put_str(m, "{}");
}

static inline void put_sign(struct stage *s, const struct asked *q, struct msg *m)
{
	const uint32_t n = 1 + mutant_draw(&s->u, 3);

	msg_put_u64(m, q->issuer);
	msg_put_bytes(m, s->spki.data, s->spki.len);
	msg_put_u64(m, USAGE_SERVER);
	msg_put_u64(m, n);
	for (uint32_t i = 0; i < n; i++) {
		msg_put_u64(m, NAME_DNS);
		msg_put_str(m, mutant_draw(&s->u, 2) == 0 ? "x.example.org"
							  : "a.example.com");
	}
}

static inline void put_lend(struct stage *s, struct asked *q, struct msg *m)
{
	const enum lend order[] = { LEND_ORDER, LEND_REVOKE, LEND_LOOK };
	int worker = -1;
	struct err e;

	q->ticket = (struct lend_ticket){
		.what = s->command == COMMAND_ACCOUNT || mutant_draw(&s->u, 8) == 0
			    ? (enum lend)mutant_draw(&s->u, LENDS)
			: s->command == COMMAND_CHECK ? LEND_LOOK
						      : order[mutant_draw(&s->u, 2)],
		.issuer = q->issuer,
		.cert = q->cert,
		.generation = s->generations[q->cert],
		.reason = mutant_draw(&s->u, 5),
	};
	assert_int_equal(lend_begin(&q->ticket, m, &worker, &e), 0);
	q->fd = worker;
	q->theirs = m->fd;
}

static inline void put_txt(const struct stage *s, uint64_t challenge, struct msg *m)
{
	msg_put_u64(m, challenge);
	msg_put_str(m, "example.org");
	msg_put_u64(m, 1);
	msg_put_u64(m, 1);
	msg_put_str(m, "_acme-challenge.c.example.org");
	msg_put_str(m, TOKEN);
	msg_put_str(m, s->authorization);
}

static inline void put_reply(uint64_t challenge, struct msg *m)
{
	static const char octets[64];

	msg_put_u64(m, challenge);
	msg_put_bytes(m, octets, 32);
	msg_put_bytes(m, octets, 40);
	msg_put_u64(m, (uint64_t)clock_now());
	msg_put_u64(m, 300);
	msg_put_u64(m, 0);
	msg_put_bytes(m, "", 0);
	msg_put_bytes(m, octets, 32);
}

static inline void put_crl(const struct stage *s, uint32_t type, struct msg *m)
{
	msg_put_u64(m, 0);
	if (type == KEEPER_CRL_STAGE)
		for (int i = 0; i < 2; i++)
			msg_put_u64(m, (uint64_t)!i);
	if (type == KEEPER_CRL_WRITE)
		msg_put_u64(m, 0);
	if (type == KEEPER_CRL_KEEP || type == KEEPER_CRL_WRITE)
		msg_put_bytes(m, s->ca, sizeof(s->ca));
	if (type == KEEPER_CRL_KEEP) {
		msg_put_u64(m, s->crl_len);
		m->fd = fcntl(s->crl, F_DUPFD_CLOEXEC, 0);
	}
}

static inline void put_numbers(struct msg *m, const uint64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		msg_put_u64(m, numbers[i]);
}

static inline void put_asked(struct stage *s, struct asked *q, struct msg *m)
{
	const uint64_t c = q->cert, ca = q->issuer, g = s->generations[q->cert];
	const uint64_t challenge = mutant_draw(&s->u, s->spec.n[SPEC_CHALLENGES]);
	const uint32_t type = m->type;

	switch (type) {
	case KEEPER_STAMP:
		put_numbers(m, (const uint64_t[]){ 0, CERTS }, 2);
		break;
	case KEEPER_AUDIT:
		put_numbers(m, (const uint64_t[]){ c, mutant_draw(&s->u, 2) * g }, 2);
		break;
	case KEEPER_KEY:
	case KEEPER_PRUNE:
		put_numbers(m, (const uint64_t[]){ c, 0 }, 2);
		break;
	case KEEPER_ISSUE:
		put_numbers(m, (const uint64_t[]){ c, ca }, 2);
		break;
	case KEEPER_CSR:
		put_numbers(m, (const uint64_t[]){ c, ca, 0, 0 }, 4);
		break;
	case KEEPER_STORE:
		put_store(s, q, m);
		break;
	case KEEPER_LIVE:
		put_numbers(m, (const uint64_t[]){ c, g, 0, 0 }, 4);
		break;
	case KEEPER_FORGET:
	case KEEPER_CRL_FORGET:
		msg_put_str(m, "gone");
		break;
	case KEEPER_CA_INIT:
	case KEEPER_CA_CRL:
	case KEEPER_CA_ROOTS:
		put_numbers(m, &ca, 1);
		break;
	case KEEPER_CA_ROLLOVER:
		put_numbers(m, (const uint64_t[]){ ca, 1 }, 2);
		break;
	case KEEPER_CA_SIGN:
		put_sign(s, q, m);
		break;
	case KEEPER_CA_REVOKE:
		msg_put_u64(m, ca);
		msg_put_str(m, "0102030405");
		msg_put_u64(m, 4);
		break;
	case KEEPER_LEND:
		put_lend(s, q, m);
		break;
	case KEEPER_PRESENT:
		msg_put_u64(m, challenge);
		msg_put_str(m, TOKEN);
		msg_put_str(m, s->authorization);
		break;
	case KEEPER_WITHDRAW:
		msg_put_u64(m, challenge);
		msg_put_str(m, TOKEN);
		break;
	case KEEPER_TXT:
		put_txt(s, challenge, m);
		break;
	case KEEPER_TXT_REPLY:
		put_reply(challenge, m);
		break;
	default:
		if (type >= KEEPER_CRL_CAS && type <= KEEPER_CRL_WRITE)
			put_crl(s, type, m);
	}
}

/* -- what a worker asks -- */

static inline void put_jws(struct stage *s, const struct asked *q, struct msg *m)
{
	static const char *const paths[] = { "/order/1", "/acct", "/finalize/2?a=b" };
	const char *ca = spec_text(&s->spec, s->spec.issuers[q->issuer].url);
	AUTO_FREE char *url = xasprintf("%.*s%s", (int)(strrchr(ca, '/') - ca), ca,
					paths[mutant_draw(&s->u, 3)]);

	msg_put_u64(m, mutant_draw(&s->u, ASK_KINDS));
	msg_put_str(m, url);
	msg_put_str(m, "bm9uY2U");
	msg_put_str(m, "");
	msg_put_u64(m, KEY_NONE);
	msg_put_u64(m, mutant_draw(&s->u, 2));
}

static inline void put_of_worker(struct stage *s, const struct asked *q, struct msg *m)
{
	static const uint32_t acme[] = { SIGN_JWS,   SIGN_JWS,     SIGN_JWS,
					 SIGN_JWS,   SIGN_ACCOUNT, SIGN_REGISTERED,
					 SIGN_ROLLED };
	static const uint32_t est[] = { SIGN_EST, SIGN_EST_USER, SIGN_LIVE,
					SIGN_EST_FIRST };
	const uint32_t type = s->spec.issuers[q->issuer].type;

	msg_begin(m,
		  type == ISSUER_ACME  ? acme[mutant_draw(&s->u, 7)]
		  : type == ISSUER_EST ? est[mutant_draw(&s->u, 4)]
				       : SIGN_CFSSL,
		  0);
	if (m->type == SIGN_JWS)
		put_jws(s, q, m);
	if (m->type == SIGN_REGISTERED)
		msg_put_str(m, mutant_draw(&s->u, 4) == 0
				   ? ""
				   : "https://ca.example/acct/1");
	if (m->type == SIGN_ROLLED || m->type == SIGN_EST)
		msg_put_u64(m, mutant_draw(&s->u, 2));
	if (m->type == SIGN_EST) {
		msg_put_str(m, "");
		put_numbers(m, (const uint64_t[]){ 0, 0 }, 2);
	}
}
