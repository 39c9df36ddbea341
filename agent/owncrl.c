#include "agent/owncrl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/crlwatch.h"
#include "agent/role/log.h"
#include "agent/role/reason.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

/* -- who is above whom -- */

static uint32_t ca_above(const struct own *o, uint32_t list)
{
	return list == OWN_NONE ? OWN_NONE : o->lists[list].ca;
}

/* A chain that leads in a circle ends, too. */
static bool leads_to(const struct own *o, uint32_t list, uint32_t k)
{
	uint32_t at = ca_above(o, list);

	for (int depth = 0; depth < LIMIT_CHAIN_CERTS && at != OWN_NONE; depth++) {
		if (at == k)
			return true;
		at = ca_above(o, o->cas[at].list);
	}
	return false;
}

bool owncrl_is_below(const struct own *o, uint32_t leaf, uint32_t k)
{
	return o->leaves[leaf].generation != 0 && leads_to(o, o->leaves[leaf].list, k);
}

bool owncrl_is_used(const struct own *o, uint32_t l)
{
	if (o->lists[l].n_leaves > 0)
		return true;
	for (uint32_t k = 0; k < o->n_cas; k++) {
		if (o->cas[k].list != l)
			continue;
		for (uint32_t i = 0; i < o->n_lists; i++)
			if (o->lists[i].n_leaves > 0 && leads_to(o, i, k))
				return true;
	}
	return false;
}

/* -- what is remembered -- */

/* How often its CA has to publish it, as public ones have to; 0: nobody has promised. */
static int64_t public_s(const struct agent *a, uint32_t l)
{
	const struct own *o = a->own;

	for (uint32_t i = 0; o->lists[l].n_leaves > 0 && i < a->spec->n[SPEC_CERTS];
	     i++)
		if (o->leaves[i].generation != 0 && o->leaves[i].list == l)
			return a->spec->issuers[agent_issuer_number(a, i)].is_public ==
				       0
				   ? 0
			       : (o->lists[l].row.covers & OWN_OCSP) != 0
				   ? OWN_OCSP_S
				   : OWN_PUBLIC_S;
	return 0;
}

enum crl_age owncrl_list_age(const struct agent *a, uint32_t l, int64_t now)
{
	const struct own_list_row *row = &a->own->lists[l].row;

	return row->part.this_update == 0
		   ? CRL_FRESH
		   : owncrl_age(&row->part, row->looked_at, public_s(a, l), now);
}

void owncrl_put_list(struct agent *a, uint32_t l)
{
	struct err e;

	if (agent_write(a, &e) < 0 ||
	    state_own_list_put(a->state, &a->own->lists[l].row, &e) < 0)
		log_error("remember a CRL: %s", e.text);
}

void owncrl_put_ca(struct agent *a, uint32_t k)
{
	const struct own_ca *ca = &a->own->cas[k];
	char name[OWN_NAME_LEN + 1] = "@";
	const struct own_row row = {
		.name = name,
		.serial = ca->serial,
		.list = ca->list == OWN_NONE ? "" : a->own->lists[ca->list].row.id,
		.revoked_at = ca->revoked_at,
		.reason = ca->reason,
	};
	struct err e;

	text_hex(name + 1, ca->ca, sizeof(ca->ca));
	if (agent_write(a, &e) < 0 || state_own_put(a->state, &row, &e) < 0)
		log_error("remember a CA: %s", e.text);
}

static int take_list(void *arg, const struct own_list_row *row)
{
	struct own *o = arg;
	struct own_list *l;

	o->lists = xrealloc(o->lists, o->n_lists + 1, sizeof(*o->lists));
	l = &o->lists[o->n_lists++];
	*l = (struct own_list){ .row = *row, .ca = OWN_NONE };
	l->row.id = xstrdup(row->id);
	l->row.urls = xstrdup(row->urls);
	return 0;
}

static int compare_id(const void *id, const void *list)
{
	return strcmp(id, ((const struct own_list *)list)->row.id);
}

/* While they are as they came: in the order of their ids. */
static uint32_t list_called(const struct own *o, const char *id)
{
	const struct own_list *l =
	    o->n_lists == 0
		? NULL
		: bsearch(id, o->lists, o->n_lists, sizeof(*o->lists), compare_id);

	return l == NULL ? OWN_NONE : (uint32_t)(l - o->lists);
}

/* "" of what is known to have none; an id that is not there is no row of ours. */
static bool read_list(const struct own *o, const char *id, uint32_t *list)
{
	*list = id[0] == '\0' ? OWN_NONE : list_called(o, id);
	return id[0] == '\0' || *list != OWN_NONE;
}

static bool read_hex(const char *hex, uint8_t out[CRL_HASH_LEN])
{
	for (size_t i = 0; i < CRL_HASH_LEN; i++) {
		char pair[3] = { 0 };
		char *end;

		memcpy(pair, hex + 2 * i, strnlen(hex + 2 * i, 2));
		out[i] = (uint8_t)strtoul(pair, &end, 16);
		if (end != pair + 2)
			return false;
	}
	return hex[2 * CRL_HASH_LEN] == '\0';
}

static void take_ca(struct own *o, const struct own_row *row)
{
	struct own_ca ca = { .revoked_at = row->revoked_at, .reason = row->reason };

	if (!read_hex(row->name + 1, ca.ca) || !read_list(o, row->list, &ca.list))
		return;
	snprintf(ca.serial, sizeof(ca.serial), "%s", row->serial);
	o->cas = xrealloc(o->cas, o->n_cas + 1, sizeof(*o->cas));
	o->cas[o->n_cas++] = ca;
}

/* `crl` alone looks at no certificate, and takes what is remembered for what is live. */
static bool is_live(const struct agent *a, uint32_t i, uint64_t generation)
{
	const uint64_t live = a->certs[i].generation;

	return generation == live || (live == 0 && !request_writes(a->request) &&
				      a->request->command == COMMAND_CRL);
}

static void take_leaf(struct agent *a, const struct own_row *row)
{
	struct own *o = a->own;
	const uint32_t i = spec_cert_called(a->spec, row->name);
	uint32_t list;

	if (i == SPEC_NOBODY || !is_live(a, i, row->generation) ||
	    (a->certs[i].flags & CERT_BY_HAND) != 0 || !read_list(o, row->list, &list))
		return;
	o->leaves[i] = (struct own_leaf){ .key = owncrl_key(row->serial),
					  .list = list,
					  .generation = (uint32_t)row->generation };
	if (list != OWN_NONE)
		o->lists[list].n_leaves++;
}

static int take_row(void *arg, const struct own_row *row)
{
	struct agent *a = arg;

	if (row->name[0] == '@')
		take_ca(a->own, row);
	else
		take_leaf(a, row);
	return 0;
}

/* A list whose issuer is not remembered is one that nobody is on. */
static void join(struct own *o)
{
	for (uint32_t l = 0; l < o->n_lists; l++)
		for (uint32_t k = 0; k < o->n_cas; k++)
			if (memcmp(o->lists[l].row.part.ca, o->cas[k].ca,
				   CRL_HASH_LEN) == 0)
				o->lists[l].ca = k;
}

/* ... and is read again. */
static void forget_lost(struct agent *a)
{
	const struct own *o = a->own;

	for (uint32_t i = 0; i < a->spec->n[SPEC_CERTS]; i++)
		if (o->leaves[i].generation != 0 && o->leaves[i].list != OWN_NONE &&
		    o->lists[o->leaves[i].list].ca == OWN_NONE)
			owncrl_forget(a, i);
}

int owncrl_load(struct agent *a, struct err *e)
{
	const uint32_t n = a->spec->n[SPEC_CERTS];
	struct own *o = xcalloc(1, sizeof(*o));

	a->own = o;
	o->leaves = xcalloc(n, sizeof(*o->leaves));
	heap_init(&o->unread, n);
	if (a->request->command == COMMAND_AGENT) {
		TRY(agent_write(a, e));
		TRY(state_own_list_prune(a->state, e));
	}
	TRY(state_own_list_each(a->state, take_list, o, e));
	TRY(state_own_each(a->state, NULL, take_row, a, e));
	join(o);
	forget_lost(a);
	owncrl_recall(a);
	return 0;
}

void owncrl_free(struct agent *a)
{
	struct own *o = a->own;

	if (o == NULL)
		return;
	for (uint32_t l = 0; l < o->n_lists; l++) {
		owncrl_let_go(&o->lists[l]);
		free((void *)(uintptr_t)o->lists[l].row.id);
		free((void *)(uintptr_t)o->lists[l].row.urls);
	}
	free(o->lists);
	free(o->cas);
	free(o->leaves);
	heap_done(&o->unread);
	free(o);
	a->own = NULL;
}

/* -- what is live -- */

void owncrl_note(struct agent *a, uint32_t i)
{
	const uint32_t unfit = CERT_UNREADABLE;
	const struct cert *c = &a->certs[i];
	struct own *o = a->own;

	if ((c->flags & (CERT_PRESENT | unfit)) == CERT_PRESENT &&
	    o->leaves[i].generation != (uint32_t)c->generation)
		heap_put(&o->unread, i, 0);
	else
		heap_take(&o->unread, i);
}

void owncrl_forget(struct agent *a, uint32_t i)
{
	struct own *o = a->own;
	struct own_leaf *leaf = &o->leaves[i];

	if (leaf->generation != 0 && leaf->list != OWN_NONE)
		o->lists[leaf->list].n_leaves--;
	*leaf = (struct own_leaf){ .list = OWN_NONE };
}

/* What cannot be read is said, and not read again before something changes. */
static void read_some(struct agent *a)
{
	struct own *o = a->own;
	struct err e;
	uint32_t i;
	int64_t at;

	for (int n = 0; n < OWN_READS && heap_first(&o->unread, &i, &at); n++) {
		heap_take(&o->unread, i);
		if (owncrl_read(a, i, &e) < 0)
			log_warn("%s: whether it is revoked cannot be looked up: %s",
				 agent_cert_name(a, i), e.text);
	}
}

/* -- when -- */

int64_t owncrl_moment(const struct agent *a, uint32_t l)
{
	const struct own_list *list = &a->own->lists[l];

	if (list->ca == OWN_NONE || !owncrl_asks(a->own, l) ||
	    !owncrl_is_used(a->own, l))
		return INT64_MAX;
	if (a->request->command == COMMAND_CRL && !list->tried &&
	    (a->request->flags & REQUEST_UPDATE) != 0)
		return INT64_MIN;
	/* Nobody waits that long: the clock was wrong. */
	if (list->row.look_at > clock_now() + 2 * CRL_LOOK_S + 86400)
		return INT64_MIN;
	return list->row.look_at;
}

static bool works(const struct agent *a)
{
	return !a->stopping && !agent_cut_off(a) && !a->clock.wrong;
}

/* Who names CRLs or certificates asks about those. */
static bool looks(const struct agent *a)
{
	const struct request *r = a->request;

	return works(a) &&
	       (r->command == COMMAND_AGENT ||
		((r->command == COMMAND_CRL || r->command == COMMAND_RENEW) &&
		 r->n_names == 0));
}

/* What has just been installed is read by the run that did it. */
static bool reads(const struct agent *a)
{
	return looks(a) || (works(a) && a->request->command == COMMAND_RENEW);
}

int64_t owncrl_turn(struct agent *a)
{
	struct own *o = a->own;
	const int64_t now = clock_now();
	int64_t next = INT64_MAX;

	if (!reads(a))
		return INT64_MAX;
	read_some(a);
	if (o->unread.n > 0)
		return now;
	if (!looks(a))
		return INT64_MAX;
	for (uint32_t l = 0; l < o->n_lists; l++) {
		const int64_t at = o->lists[l].tried || o->lists[l].look != NULL
				       ? INT64_MAX
				       : owncrl_moment(a, l);

		if (at > now)
			next = clock_sooner(next, at);
		else if (o->n_looking < OWN_AT_ONCE)
			owncrl_look(a, l);
	}
	return a->request->command == COMMAND_AGENT ? next : INT64_MAX;
}

bool owncrl_busy(const struct agent *a)
{
	return (looks(a) && a->own->n_looking > 0) ||
	       (reads(a) && a->own->unread.n > 0);
}

int owncrl_admit(const struct agent *a, STACK_OF(X509) * chain, struct err *e)
{
	const struct own *o = a->own;
	AUTO_FREE char *who = NULL;
	uint8_t sum[CRL_HASH_LEN];
	char at[TEXT_TIME_MAX];

	for (uint32_t k = 0; k < o->n_cas; k++)
		for (int i = 1; o->cas[k].revoked_at != 0 && i < sk_X509_num(chain);
		     i++) {
			X509 *cert = sk_X509_value(chain, i);

			if (X509_digest(cert, EVP_sha256(), sum, NULL) != 1 ||
			    memcmp(sum, o->cas[k].ca, sizeof(sum)) != 0)
				continue;
			who = x509_subject(cert);
			return err_set(e, ERR_TRUST,
				       "certificate %d, %.100s, is revoked since %s "
				       "(%s)",
				       i + 1, who, text_time(at, o->cas[k].revoked_at),
				       reason_word(o->cas[k].reason));
		}
	return 0;
}
