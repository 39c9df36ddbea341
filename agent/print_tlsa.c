#include "agent/print_tlsa.h"

#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/nextkey.h"
#include "base/json.h"
#include "base/names.h"
#include "base/text.h"

#define HTTPS  "443"
#define FIELDS "3 1 1 "
#define OWNER  (256 + 16)
#define RECORD (sizeof(FIELDS) + PENDING_HEX)

/* What the records say; "": there is none. */
struct tlsa {
	char live[RECORD];
	char next[RECORD];
};

static void read_records(const struct agent *a, uint32_t i, const struct memory *m,
			 struct tlsa *t)
{
	char hex[PENDING_HEX];

	*t = (struct tlsa){ "", "" };
	nextkey_announced(a, i, hex);
	if (hex[0] != '\0')
		snprintf(t->next, sizeof(t->next), FIELDS "%s", hex);
	if ((a->certs[i].flags & CERT_PRESENT) == 0 || m->facts.not_after == 0)
		return;
	text_hex(hex, m->facts.spki_hash, sizeof(m->facts.spki_hash));
	snprintf(t->live, sizeof(t->live), FIELDS "%s", hex);
	if (strcmp(t->live, t->next) == 0)
		t->next[0] = '\0'; /* it is live now, and another is to come */
}

/* Where probe `k` looks; NULL: at no port, or at one that an earlier one has. */
static const char *port_of(const struct spec *s, const struct spec_cert *c, uint32_t k)
{
	const char *port = spec_text(s, s->probes[c->probes.first + k].port);

	for (uint32_t before = 0; before < k && port != NULL; before++) {
		const char *other =
		    spec_text(s, s->probes[c->probes.first + before].port);

		if (other != NULL && strcmp(other, port) == 0)
			return NULL;
	}
	return port;
}

typedef void tlsa_owner(void *arg, const char *owner);

static void each_name(const struct spec *s, const struct spec_cert *c, const char *port,
		      tlsa_owner *each, void *arg)
{
	for (uint32_t n = 0; n < c->names.n; n++) {
		const struct spec_name *name = &s->names[c->names.first + n];
		const char *value = spec_text(s, name->value);
		char owner[OWNER];

		if (name->kind != NAME_DNS || value[0] == '*')
			continue;
		snprintf(owner, sizeof(owner), "_%s._tcp.%s.", port, value);
		each(arg, owner);
	}
}

static void each_owner(const struct agent *a, uint32_t i, tlsa_owner *each, void *arg)
{
	const struct spec *s = a->spec;
	const struct spec_cert *c = &s->certs[i];
	bool any = false;

	for (uint32_t k = 0; k < c->probes.n; k++) {
		const char *port = port_of(s, c, k);

		if (port == NULL)
			continue;
		any = true;
		each_name(s, c, port, each, arg);
	}
	if (!any)
		each_name(s, c, HTTPS, each, arg);
}

static void show(void *arg, const char *owner)
{
	const struct tlsa *t = arg;

	if (t->live[0] != '\0')
		printf("%s IN TLSA %s ; live\n", owner, t->live);
	if (t->next[0] != '\0')
		printf("%s IN TLSA %s ; next\n", owner, t->next);
}

void tlsa_show(const struct agent *a, uint32_t i, const struct memory *m)
{
	struct tlsa t;

	if (a->spec->certs[i].next_key == 0)
		return;
	read_records(a, i, m, &t);
	each_owner(a, i, show, &t);
	if (t.next[0] == '\0')
		printf("; %s: the key of its next renewal is not made yet\n",
		       agent_cert_name(a, i));
}

static void put(void *arg, const char *owner)
{
	json_str(arg, NULL, owner);
}

void tlsa_json(const struct agent *a, uint32_t i, const struct memory *m,
	       struct json *j)
{
	struct tlsa t;

	if (a->spec->certs[i].next_key == 0) {
		json_str(j, "tlsa", NULL);
		return;
	}
	read_records(a, i, m, &t);
	json_open(j, "tlsa", '{');
	json_str(j, "live", t.live[0] == '\0' ? NULL : t.live);
	json_str(j, "next", t.next[0] == '\0' ? NULL : t.next);
	json_open(j, "at", '[');
	each_owner(a, i, put, j);
	json_close(j);
	json_close(j);
}
