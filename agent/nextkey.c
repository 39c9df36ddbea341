#include "agent/nextkey.h"

#include <string.h>

#include "agent/agenda.h"
#include "agent/agent.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/key.h"
#include "base/text.h"

#define AGAIN_S 3600

static void on_answer(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;

	(void)m; /* its public half is announced by the keeper */
	a->n_reaching--;
	a->certs[number].next_key = failed == NULL ? NEXTKEY_WAITS : NEXTKEY_FAILED;
	if (failed != NULL && !a->stopping && !agent_cut_off(a))
		log_warn("%s: the key of the next renewal cannot be made yet: %s",
			 agent_cert_name(a, number), failed->text);
	agenda_look(a, number);
	agent_pass(a);
}

static void ask(struct agent *a, uint32_t i)
{
	const enum key_type type = (enum key_type)a->spec->certs[i].key;
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, KEEPER_KEY, 0);
	msg_put_u64(&m, i);
	msg_put_u64(&m, 0);
	a->certs[i].next_key = NEXTKEY_ASKING;
	a->n_reaching++;
	link_call_in_turn(&a->keeper, key_takes_long(type) ? LINK_SLOWLY : LINK_LAST,
			  &m, on_answer, i);
}

int64_t nextkey_look(struct agent *a, uint32_t i, int64_t now)
{
	struct cert *c = &a->certs[i];

	if (a->spec->certs[i].next_key == 0 || c->held != 0 || a->stopping ||
	    agent_cut_off(a) || (c->flags & CERT_PRESENT) == 0)
		return INT64_MAX;
	if (c->next_key == NEXTKEY_UNKNOWN)
		ask(a, i);
	if (c->next_key != NEXTKEY_FAILED)
		return INT64_MAX;
	c->next_key = NEXTKEY_UNKNOWN; /* whatever is the reason to look next */
	return now + AGAIN_S;
}

void nextkey_announced(const struct agent *a, uint32_t i, char hex[PENDING_HEX])
{
	const char *name = agent_cert_name(a, i);
	struct err e;

	hex[0] = '\0';
	if (a->spec->certs[i].next_key != 0 && a->root >= 0 &&
	    pending_announced(a->root, name, hex, &e) < 0)
		log_warn("%s: the record of its next key: %s", name, e.text);
}

void nextkey_taken(const struct agent *a, uint32_t i, const char *announced,
		   const struct buf *spki)
{
	char hex[PENDING_HEX];
	uint8_t sum[HASH_LEN];

	if (announced[0] == '\0')
		return;
	hash_all(spki->data, spki->len, sum);
	text_hex(hex, sum, sizeof(sum));
	if (strcmp(hex, announced) != 0)
		log_warn("%s: the new certificate is not for the key that was "
			 "announced, 3 1 1 %s, but for 3 1 1 %s: publish that, or "
			 "who checks by DANE refuses it",
			 agent_cert_name(a, i), announced, hex);
}
