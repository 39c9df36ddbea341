/*
 * messages: what roles say to each other, as inputs have it: an octet with the type, one
 * with how it comes, and fields until an octet 0: each an octet with its kind, and its value.
 * So what is made up are values and their order, and seldom what is no message; that is
 * for the target `message`.
 */
#pragma once

#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/msg.h"
#include "tests/fuzz/fuzz.h"

enum message_field {
	MESSAGE_END,
	MESSAGE_SMALL, /* an octet */
	MESSAGE_U64,
	MESSAGE_I64,
	MESSAGE_TEXT,       /* until an octet 0 */
	MESSAGE_BYTES,      /* of a length of one octet */
	MESSAGE_WORD,       /* the number of a word, as text */
	MESSAGE_WORD_BYTES, /* ... as octets */
	MESSAGE_FIELDS,
};

/* What the octet of an input stands for, whatever number the message has by now: seeds go
 * on to mean what they meant. A new message comes last here, wherever it is in the enum. */
static const uint8_t message_types[] = {
	MSG_LATER,         MSG_FAILED,       ROLE_START,        ROLE_STOP,
	ROLE_TELL,         CONFIG_INCLUDE,   CONFIG_USER,       CONFIG_GROUP,
	CONFIG_LOOK,       CONFIG_REACH,     CONFIG_CSR,        CONFIG_DONE,
	LINT_FILE,         SUP_HOOK,         SUP_PROGRAM,       SUP_ENROL,
	SUP_WORKER,        SUP_PROBE,        SUP_REACH,         SUP_READY,
	SUP_ASKED,         SUP_RESPONDER,    KEEPER_STAMP,      KEEPER_AUDIT,
	KEEPER_KEY,        KEEPER_ISSUE,     KEEPER_CSR,        KEEPER_STORE,
	KEEPER_LIVE,       KEEPER_PRUNE,     KEEPER_FORGET,     KEEPER_CA_INIT,
	KEEPER_CA_SIGN,    KEEPER_CA_REVOKE, KEEPER_CA_CRL,     KEEPER_CA_ROLLOVER,
	KEEPER_CA_ROOTS,   KEEPER_LEND,      KEEPER_PRESENT,    KEEPER_WITHDRAW,
	KEEPER_TXT,        KEEPER_TXT_REPLY, KEEPER_WATCH,      KEEPER_STRANGERS,
	KEEPER_CRL_CAS,    KEEPER_CRL_STAGE, KEEPER_CRL_KEEP,   KEEPER_CRL_WRITE,
	KEEPER_CRL_FORGET, KEEPER_ROOTS,     KEEPER_CHANGED,    SIGN_ACCOUNT,
	SIGN_JWS,          SIGN_REGISTERED,  SIGN_ROLLED,       SIGN_CFSSL,
	SIGN_EST,          SIGN_EST_USER,    SIGN_LIVE,         SIGN_EST_FIRST,
	SIGN_STEP_CSR,     SIGN_STEP,        SIGN_CMP,          SIGN_CMP_FIRST,
	PROBE_LOOK,        PROBE_SHOW,       PROBE_SHOWN,       WORKER_ORDER,
	WORKER_ACCOUNT,    WORKER_CA,        WORKER_REVOKE,     WORKER_ARI,
	WORKER_CRL,        WORKER_ROOTS,     WORKER_CHECKPOINT, RESPONDER_ADD,
	RESPONDER_REMOVE,  RESPONDER_OPEN,   RESPONDER_PAGE,    RESPONDER_LISTEN,
	RESPONDER_READY,   INSPECT_INPUT,    INSPECT_TRUST,     INSPECT_SECRET,
	INSPECT_LIVE,      INSPECT_SERVED,   INSPECT_READY,     CONTROL_ASK,
	CONTROL_OUTPUT,    CONTROL_DONE,     DNS_FIND,          DNS_SEND,
	DNS_LOOK,          DNS_AHEAD,
};

_Static_assert(sizeof(message_types) == MESSAGES, "each message is one of these");

static inline uint32_t message_type(uint8_t octet)
{
	return octet < MESSAGES ? message_types[octet] : octet;
}

static inline uint64_t message_number(struct fuzz *f)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | fuzz_byte(f);
	return n;
}

static inline void message_bytes(struct fuzz *f, struct msg *m)
{
	size_t n = fuzz_byte(f);

	if (n > f->len)
		n = f->len;
	msg_put_bytes(m, n == 0 ? (const void *)"" : f->at, n);
	f->at += n;
	f->len -= n;
}

/* False: the end of the fields. Of `words`, n: each is text, and its octets end with it. */
static inline bool message_field(struct fuzz *f, const struct buf *words, size_t n,
				 struct msg *m)
{
	const enum message_field kind = fuzz_byte(f) % MESSAGE_FIELDS;
	const struct buf *word = NULL;
	char *text;

	if (kind >= MESSAGE_WORD)
		word = &words[fuzz_byte(f) % n];
	switch (kind) {
	case MESSAGE_SMALL:
		msg_put_u64(m, fuzz_byte(f));
		break;
	case MESSAGE_U64:
		msg_put_u64(m, message_number(f));
		break;
	case MESSAGE_I64:
		msg_put_i64(m, (int64_t)message_number(f));
		break;
	case MESSAGE_TEXT:
		text = fuzz_text(f, '\0');
		msg_put_str(m, text);
		free(text);
		break;
	case MESSAGE_BYTES:
		message_bytes(f, m);
		break;
	case MESSAGE_WORD:
		msg_put_str(m, word->data);
		break;
	case MESSAGE_WORD_BYTES:
		msg_put_bytes(m, word->data, word->len);
		break;
	case MESSAGE_END:
	case MESSAGE_FIELDS:
		return false;
	}
	return true;
}

/* The next one, and how it comes; false: there is none. */
static inline bool message_next(struct fuzz *f, const struct buf *words, size_t n,
				struct msg *m, uint8_t *how)
{
	const uint8_t type = fuzz_byte(f);

	if (f->len == 0)
		return false;
	*how = fuzz_byte(f);
	msg_begin(m, message_type(type), 1);
	while (message_field(f, words, n, m))
		continue;
	return true;
}

/* Make m, of which nothing has been read, another message in one field: the input's stands
 * in its place, or behind all, or it is left out. */
static inline void message_change(struct fuzz *f, const struct buf *words, size_t n,
				  struct msg *m)
{
	enum { KIND_U64 = 1, KIND_I64, KIND_STR, LENGTH = 4 }; /* of msg.c */
	AUTO_MSG struct msg from = MSG_NONE;
	uint8_t which = fuzz_byte(f) % 16;

	msg_move(&from, m);
	msg_begin(m, from.type, from.id);
	m->fd = take_fd(&from.fd);
	for (; from.at < from.len; which--) {
		size_t len;

		if (which == 0) {
			uint32_t skipped;

			memcpy(&skipped, from.data + from.at + 1, LENGTH);
			from.at += 1 + LENGTH + skipped;
			(void)message_field(f, words, n, m);
		} else if (from.data[from.at] == KIND_U64) {
			msg_put_u64(m, msg_get_u64(&from));
		} else if (from.data[from.at] == KIND_I64) {
			msg_put_i64(m, msg_get_i64(&from));
		} else if (from.data[from.at] == KIND_STR) {
			msg_put_str(m, msg_get_str(&from));
		} else {
			const void *bytes = msg_get_bytes(&from, &len);

			msg_put_bytes(m, bytes, len);
		}
	}
	if (which < 16)
		(void)message_field(f, words, n, m);
}

/* What is refused is refused for a reason that can be told. */
static inline void message_refused(const struct err *e)
{
	assert(e->code >= ERR_HOOK && e->code <= ERR_SYS && e->text[0] != '\0');
	assert(memchr(e->text, '\0', sizeof(e->text)) != NULL);
}
