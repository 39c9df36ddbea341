/* message: what one role may be sent by another that somebody else has taken over. The
 * first octet says which reader; what it takes is put again, and reads as the same. */
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_served.h"
#include "agent/role/crlcall.h"
#include "agent/role/messages.h"
#include "agent/role/request.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/msg.h"
#include "tests/fuzz/fuzz.h"

enum reader {
	READ_REQUEST,
	READ_CRL_ASKED,
	READ_CRL_ANSWERED,
	READ_ERR,
	READ_SERVED,
	READ_FIELDS,
	READERS,
};

/* Numbers may have been cut to what their field holds; nothing is longer than it was. */
static void same(const struct msg *a, const struct msg *b)
{
	assert(a->len == b->len && !b->broken);
}

static void request(struct msg *m)
{
	AUTO_MSG struct msg again = MSG_NONE;
	struct request r = { .flags = 0 };
	struct err e;

	request_get(m, &r);
	if (msg_end(m, &e) == 0) {
		assert(r.command < COMMANDS && r.n_names <= LIMIT_REQUEST_NAMES);
		assert(request_word(r.command) != NULL);
		(void)request_writes(&r);
		(void)request_shows(&r);
		msg_begin(&again, ROLE_START, 1);
		request_put(&again, &r);
		same(m, &again);
	}
	request_done(&r);
}

static void crl_asked(struct msg *m)
{
	AUTO_MSG struct msg again = MSG_NONE;
	struct crl_ask ask = { .url = NULL };
	struct err e;

	if (crlcall_asked(m, &ask, &e) == 0) {
		assert(ask.ca_len <= LIMIT_CRL_CA && ask.n_points <= LIMIT_CRL_POINTS);
		assert(ask.n_serials <= CRL_SERIALS_MAX);
		assert(ask.floor.len <= CRL_NUMBER_MAX);
		crlcall_ask(&again, &ask);
		same(m, &again);
		free(ask.points);
		free(ask.serials);
	}
}

static void crl_answered(struct msg *m)
{
	struct crl_answer answer = { .verdict = CRL_GOOD };
	struct err e;

	if (crlcall_answered(m, &answer, &e) == 0) {
		assert(answer.verdict < CRL_VERDICTS && answer.n_hits <= CRL_HITS_MAX);
		assert(answer.facts.number.len <= CRL_NUMBER_MAX);
		for (size_t i = 0; i < answer.n_hits; i++)
			assert(answer.hits[i].serial.len <= CRL_NUMBER_MAX);
		free(answer.hits);
	}
}

static void an_err(struct msg *m)
{
	struct err e = { .text = "" }, end;

	msg_get_err(m, &e);
	assert(e.code >= ERR_HOOK && e.code <= ERR_SYS);
	assert(memchr(e.text, '\0', sizeof(e.text)) != NULL);
	(void)msg_end(m, &end);
}

/* Two addresses of one endpoint, that show the same or not, and another certificate than
 * what is live here. */
static void served(struct msg *m)
{
	struct inspect in = { .now = 1, .n_lives = 1 };
	const size_t at = m->at;
	struct err e;

	in.lives = xcalloc(1, sizeof(*in.lives));
	in.lives[0].name = xstrdup("live");
	in.lives[0].not_before = INT64_C(1795000000);
	if (inspect_served(&in, m, &e) == 0 && m->len % 2 == 0) {
		in.inputs[0].leaf[0] ^= 1;
		m->at = at;
		(void)inspect_served(&in, m, &e);
	}
	inspect_served_all(&in);
	inspect_done(&in);
}

/* Any field in any order: those that are wrong are empty, and nothing is read after. */
static void fields(struct msg *m, struct fuzz f)
{
	struct err e;
	size_t n = 0;

	for (uint8_t how = fuzz_byte(&f); how != 0 && f.len > 0; how = fuzz_byte(&f)) {
		const void *bytes = NULL;

		if (how % 4 == 0)
			(void)msg_get_u64(m);
		else if (how % 4 == 1)
			(void)msg_get_i64(m);
		else if (how % 4 == 2)
			assert(strlen(msg_get_str(m)) <= m->len);
		else
			bytes = msg_get_bytes(m, &n);
		assert(bytes == NULL || n <= m->len);
		assert(m->at <= m->len);
	}
	(void)msg_end(m, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	const uint8_t reader = fuzz_byte(&f);
	static int ends[2] = { -1, -1 };
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	if (ends[0] < 0)
		assert(msg_pair(&ends[0], &ends[1], &e) == 0);
	if (f.len == 0 || send(ends[0], f.at, f.len, MSG_DONTWAIT) < 0)
		return 0;
	if (msg_recv(ends[1], &m, &e) < 0) {
		assert(e.code == ERR_PROTO);
		return 0;
	}
	switch ((enum reader)(reader % READERS)) {
	case READ_REQUEST:
		request(&m);
		break;
	case READ_CRL_ASKED:
		crl_asked(&m);
		break;
	case READ_CRL_ANSWERED:
		crl_answered(&m);
		break;
	case READ_ERR:
		an_err(&m);
		break;
	case READ_SERVED:
		served(&m);
		break;
	case READ_FIELDS:
	case READERS:
		fields(&m, f);
		break;
	}
	return 0;
}
