#include "agent/inspect/inspect.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/key.h"
#include "base/mem.h"

static void item_done(struct inspect_item *item)
{
	X509_free(item->cert);
	EVP_PKEY_free(item->key);
	X509_REQ_free(item->csr);
	X509_CRL_free(item->crl);
	free(item->seal);
}

static void input_done(struct inspect_input *input)
{
	for (size_t i = 0; i < input->n_seen; i++) {
		free(input->seen[i].address);
		free(input->seen[i].said);
	}
	free(input->seen);
	free(input->label);
	free(input->host);
}

void inspect_done(struct inspect *in)
{
	for (size_t i = 0; i < in->n_inputs; i++)
		input_done(&in->inputs[i]);
	for (size_t i = 0; i < in->n_lives; i++)
		free(in->lives[i].name);
	free(in->lives);
	for (size_t i = 0; i < in->n_items; i++)
		item_done(&in->items[i]);
	for (size_t i = 0; i < in->n_chains; i++)
		free(in->chains[i].anchor);
	for (size_t i = 0; i < in->n_findings; i++) {
		free(in->findings[i].what);
		free(in->findings[i].sentence);
	}
	free(in->inputs);
	free(in->items);
	free(in->chains);
	free(in->findings);
	*in = (struct inspect){ 0 };
}

uint32_t inspect_input(struct inspect *in, const char *label)
{
	const size_t n = in->n_inputs++;

	in->inputs = xrealloc(in->inputs, in->n_inputs, sizeof(*in->inputs));
	in->inputs[n] = (struct inspect_input){ .label = xstrdup(label) };
	return (uint32_t)n;
}

static bool said_already(const struct inspect *in, enum inspect_code code,
			 uint32_t input)
{
	for (size_t i = 0; i < in->n_findings; i++)
		if (in->findings[i].code == code && in->findings[i].input == input)
			return true;
	return false;
}

struct inspect_item *inspect_item(struct inspect *in, enum inspect_kind kind,
				  uint32_t input, const char *form)
{
	uint32_t number = 1;

	if (in->n_items >= LIMIT_INSPECT_ITEMS) {
		if (!said_already(in, FOUND_TOO_MANY, input))
			inspect_say(in, FOUND_TOO_MANY, input,
				    "there is more in it than the first %d things, "
				    "which are looked at",
				    LIMIT_INSPECT_ITEMS);
		return NULL;
	}
	for (size_t i = 0; i < in->n_items; i++)
		number += in->items[i].kind == kind;
	if ((in->n_items & (in->n_items - 1)) == 0) /* grow at each power of two */
		in->items = xrealloc(in->items, in->n_items == 0 ? 1 : in->n_items * 2,
				     sizeof(*in->items));
	in->inputs[input].n_items++;
	in->items[in->n_items] = (struct inspect_item){
		.kind = kind, .input = input, .number = number, .form = form
	};
	return &in->items[in->n_items++];
}

const char *inspect_kind_word(enum inspect_kind kind)
{
	static const char *const words[ITEM_KINDS] = {
		[ITEM_CERT] = "certificate",    [ITEM_KEY] = "private key",
		[ITEM_PUBLIC] = "public key",   [ITEM_CSR] = "certificate request",
		[ITEM_CRL] = "revocation list", [ITEM_P12] = "PKCS#12",
	};

	return words[kind];
}

static void add(struct inspect *in, enum inspect_code code, uint32_t input, char *what,
		char *sentence)
{
	const size_t n = in->n_findings;

	if ((n & (n - 1)) == 0)
		in->findings =
		    xrealloc(in->findings, n == 0 ? 1 : n * 2, sizeof(*in->findings));
	in->findings[in->n_findings++] =
	    (struct inspect_finding){ code, what, input, sentence };
}

void inspect_say(struct inspect *in, enum inspect_code code, uint32_t input,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(in, code, input, xstrdup(in->inputs[input].label), xvasprintf(fmt, ap));
	va_end(ap);
}

void inspect_say_of(struct inspect *in, enum inspect_code code,
		    const struct inspect_item *item, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(in, code, item->input,
	    xasprintf("%s %u", inspect_kind_word(item->kind), item->number),
	    xvasprintf(fmt, ap));
	va_end(ap);
}

bool inspect_is_bad(const struct inspect *in)
{
	for (size_t i = 0; i < in->n_findings; i++)
		if (inspect_code_weight(in->findings[i].code) != WEIGHT_NOTE)
			return true;
	return false;
}
