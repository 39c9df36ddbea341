#include "agent/inspect/inspect_served.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_fact.h"
#include "agent/probe/probe_show.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"

struct served {
	const char *label;
	const char *host;
	const char *address;
	enum probe_stage stage;
	int sysno;
	int reason;
	const char *detail;
	const char *version;
	bool wants_ours;
	bool stapled;
	size_t n;
};

static int read_served(struct served *s, struct msg *m, struct err *e)
{
	uint64_t stage;

	s->label = msg_get_str(m);
	s->host = msg_get_str(m);
	s->address = msg_get_str(m);
	stage = msg_get_u64(m);
	s->sysno = (int)msg_get_u64(m);
	s->reason = (int)msg_get_u64(m);
	s->detail = msg_get_str(m);
	s->version = msg_get_str(m);
	s->wants_ours = msg_get_u64(m) != 0;
	s->stapled = msg_get_u64(m) != 0;
	s->n = msg_get_u64(m);
	if (m->broken || stage >= STAGES || s->n > LIMIT_SHOWN_CERTS ||
	    (s->n > 0 && s->address[0] == '\0'))
		return err_set(e, ERR_PROTO, "not what a probe tells");
	s->stage = (enum probe_stage)stage;
	return 0;
}

static uint32_t input_of(struct inspect *in, const struct served *s)
{
	uint32_t input;

	for (input = 0; input < in->n_inputs; input++)
		if (in->inputs[input].host != NULL &&
		    strcmp(in->inputs[input].label, s->label) == 0)
			return input;
	input = inspect_input(in, s->label);
	in->inputs[input].host = xstrdup(s->host);
	return input;
}

static void add_seen(struct inspect_input *input, const char *address, const char *said)
{
	input->seen = xrealloc(input->seen, input->n_seen + 1, sizeof(*input->seen));
	input->seen[input->n_seen++] =
	    (struct inspect_seen){ xstrdup(address), xstrdup(said) };
}

/* -- why there is nothing to see -- */

static enum inspect_code why_no_connection(const struct served *s)
{
	if (s->sysno == ECONNREFUSED || s->sysno == ENOENT)
		return FOUND_REFUSED;
	if (s->sysno == ENETUNREACH || s->sysno == EAFNOSUPPORT ||
	    s->sysno == EADDRNOTAVAIL)
		return FOUND_NO_ROUTE;
	return FOUND_NO_ANSWER;
}

static enum inspect_code why_no_handshake(const struct served *s)
{
	if (strstr(s->detail, "no answer in time") != NULL)
		return FOUND_NO_ANSWER;
	switch (s->reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_UNEXPECTED_MESSAGE:
	case SSL_R_RECORD_LENGTH_MISMATCH:
		return FOUND_NOT_TLS;
	case SSL_R_TLSV1_UNRECOGNIZED_NAME:
		return FOUND_NAME_REFUSED;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
	case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
		return FOUND_NO_COMMON_TLS;
	default:
		return FOUND_HANDSHAKE_FAILED;
	}
}

static void say_failed(struct inspect *in, uint32_t input, const struct served *s)
{
	enum inspect_code code = FOUND_NAME_UNKNOWN;

	if (s->stage == STAGE_CONNECT)
		code = why_no_connection(s);
	else if (s->stage == STAGE_STARTTLS)
		code = strstr(s->detail, "the server ") != NULL &&
			       strstr(s->detail, "closed") == NULL
			   ? FOUND_STARTTLS_REFUSED
			   : FOUND_STARTTLS_SILENT;
	else if (s->stage == STAGE_HANDSHAKE)
		code = why_no_handshake(s);
	if (s->address[0] == '\0' || strcmp(s->address, s->label) == 0)
		inspect_say(in, code, input, "%s", s->detail);
	else
		inspect_say(in, code, input, "%s: %s", s->address, s->detail);
}

/* -- what is to see -- */

static void add_certs(struct inspect *in, uint32_t input, const struct served *s,
		      struct msg *m)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t len;
		const unsigned char *der = msg_get_bytes(m, &len);
		X509 *cert = d2i_X509(NULL, &der, (long)len);
		struct inspect_item *item =
		    cert == NULL ? NULL : inspect_item(in, ITEM_CERT, input, "TLS");

		if (item != NULL)
			item->cert = cert;
		else
			X509_free(cert);
	}
	ERR_clear_error();
}

static const uint8_t nothing[32];

/* An address that shows another certificate than the first is an input of its own. */
static uint32_t place_of(struct inspect *in, uint32_t input, const struct served *s,
			 const uint8_t leaf[32])
{
	AUTO_FREE char *label = NULL;
	uint32_t other;

	if (memcmp(in->inputs[input].leaf, nothing, 32) == 0)
		return input;
	inspect_say(in, FOUND_ADDRESSES_DIFFER, input,
		    "%s shows another certificate than %s", s->address,
		    in->inputs[input].seen[0].address);
	label = xasprintf("%s at %s", s->label, s->address);
	other = inspect_input(in, label);
	in->inputs[other].host = xstrdup(s->host);
	memcpy(in->inputs[other].leaf, leaf, 32);
	return other;
}

/* The first certificate is looked at before it is known where it belongs. */
static void say_shown(struct inspect *in, uint32_t input, const struct served *s,
		      struct msg *m)
{
	const struct msg at = *m;
	uint8_t leaf[32] = { 0 };
	size_t len;
	const void *der = msg_get_bytes(m, &len);

	m->at = at.at;
	EVP_Digest(der, len, leaf, NULL, EVP_sha256(), NULL);
	if (memcmp(in->inputs[input].leaf, leaf, 32) == 0)
		return;
	input = place_of(in, input, s, leaf);
	memcpy(in->inputs[input].leaf, leaf, 32);
	add_certs(in, input, s, m);
}

/* An endpoint that was asked for by its address is named once. */
static const char *who(const struct served *s)
{
	return strcmp(s->address, s->label) == 0 ? "it" : s->address;
}

static void say_how(struct inspect *in, uint32_t input, const struct served *s)
{
	if (strcmp(s->version, "TLSv1") == 0 || strcmp(s->version, "TLSv1.1") == 0)
		inspect_say(in, FOUND_TLS_OLD, input, "%s speaks %s at best", who(s),
			    s->version);
	if (s->wants_ours)
		inspect_say(in, FOUND_CLIENT_CERTIFICATE, input,
			    "%s asks for a certificate of the client", who(s));
}

/* What a certificate may demand of its server, RFC 7633 4. */
static void check_staple(struct inspect *in, uint32_t input, const struct served *s)
{
	for (size_t i = 0; i < in->n_items; i++) {
		const struct inspect_item *item = &in->items[i];

		if (item->input != input)
			continue;
		if (!s->stapled &&
		    X509_get_ext_by_NID(item->cert, NID_tlsfeature, -1) >= 0)
			inspect_say_of(in, FOUND_STAPLE_MISSING, item,
				       "it says must-staple, and comes without an "
				       "answer of OCSP");
		return; /* the leaf alone */
	}
}

int inspect_served(struct inspect *in, struct msg *m, struct err *e)
{
	struct served s = { .n = 0 };
	uint32_t input;

	TRY(read_served(&s, m, e));
	input = input_of(in, &s);
	if (s.address[0] != '\0')
		add_seen(&in->inputs[input], s.address,
			 s.stage == STAGE_DONE || s.n > 0 ? s.version : s.detail);
	if (s.n > 0) {
		say_shown(in, input, &s, m);
		say_how(in, input, &s);
		check_staple(in, input, &s);
	} else {
		say_failed(in, input, &s);
	}
	return 0;
}

/* -- the whole -- */

static bool has_name(X509 *cert, const char *host)
{
	const unsigned flags =
	    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

	return host[0] == '/' || X509_check_host(cert, host, 0, flags, NULL) == 1 ||
	       X509_check_ip_asc(cert, host, 0) == 1;
}

static void check_name(struct inspect *in, const struct inspect_item *leaf,
		       const char *host)
{
	AUTO_BUF struct buf has = { 0 };
	size_t n;
	char **names;

	if (has_name(leaf->cert, host))
		return;
	names = fact_names(leaf->cert, &n);
	for (size_t i = 0; i < n && i < 10; i++)
		buf_printf(&has, "%s%.100s", i == 0 ? "" : ", ", names[i]);
	fact_values_free(names, n);
	inspect_say_of(in, FOUND_NAME_MISMATCH, leaf, "it is not for %s; it has %s%s",
		       host, has.data == NULL ? "no name" : has.data,
		       n > 10 ? ", ..." : "");
}

/* What everleaf keeps for this endpoint may be newer than what is shown. */
static void check_live(struct inspect *in, const struct inspect_item *leaf)
{
	const uint8_t *shown = in->inputs[leaf->input].leaf;
	const struct inspect_live *other = NULL;
	struct err ignored;
	int64_t from = 0;

	for (size_t i = 0; i < in->n_lives; i++) {
		if (memcmp(in->lives[i].leaf, shown, 32) == 0)
			return;
		other = &in->lives[i];
	}
	if (other == NULL ||
	    x509_time(X509_get0_notBefore(leaf->cert), &from, &ignored) < 0)
		return;
	if (from < other->not_before)
		inspect_say_of(in, FOUND_OLD_GENERATION, leaf,
			       "it is older than what is live here of %s", other->name);
	else
		inspect_say_of(in, FOUND_NOT_OURS, leaf,
			       "what is live here of %s is another one", other->name);
}

static void check_leaf(struct inspect *in, const struct inspect_item *leaf)
{
	const uint32_t usages = X509_get_extended_key_usage(leaf->cert);

	check_name(in, leaf, in->inputs[leaf->input].host);
	if ((usages & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
		inspect_say_of(in, FOUND_NOT_A_SERVER, leaf,
			       "it may not be used by a server, and is");
	check_live(in, leaf);
}

static bool says(const struct inspect *in, uint32_t input, enum inspect_code code)
{
	for (size_t i = 0; i < in->n_findings; i++)
		if (in->findings[i].input == input && in->findings[i].code == code)
			return true;
	return false;
}

void inspect_served_all(struct inspect *in)
{
	for (uint32_t input = 0; input < in->n_inputs; input++) {
		size_t i = 0;

		if (in->inputs[input].host == NULL)
			continue;
		while (i < in->n_items && in->items[i].input != input)
			i++;
		if (i < in->n_items)
			check_leaf(in, &in->items[i]);
		else if (says(in, input, FOUND_NO_ROUTE))
			inspect_say(in, FOUND_NO_ANSWER, input,
				    "none of its addresses could be asked");
	}
	ERR_clear_error();
}
