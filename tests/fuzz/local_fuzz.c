/* local: what a person writes of a CA that signs here: its name, and, a line each, the
 * names that it may issue for. */
#include <stdlib.h>

#include "base/auto.h"
#include "base/err.h"
#include "ca/local_constraints.h"
#include "ca/local_dn.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lab.h"

#define WORDS 8

static void constraints(char *const *words, X509 *ca)
{
	const char *permitted[WORDS + 1] = { NULL }, *excluded[WORDS + 1] = { NULL };
	NAME_CONSTRAINTS *made = NULL;
	struct err e = { .text = "" };

	for (size_t i = 0; i < WORDS / 2; i++) {
		permitted[i] = words[i];
		excluded[i] = words[WORDS / 2 + i];
	}
	if (local_constraints_parse(permitted, excluded, &made, &e) < 0) {
		assert(e.code == ERR_CONFIG && e.text[0] != '\0' && made == NULL);
		return;
	}
	if (made != NULL)
		(void)NAME_CONSTRAINTS_check(ca, made);
	NAME_CONSTRAINTS_free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static X509 *ca;
	struct fuzz f = { data, len };
	AUTO_FREE char *name = fuzz_text(&f, '\n');
	char *words[WORDS];
	X509_NAME *dn = NULL;
	struct err e = { .text = "" };

	if (ca == NULL)
		ca = lab_ca();
	if (local_dn_parse(name, &dn, &e) == 0)
		assert(X509_NAME_entry_count(dn) > 0 &&
		       X509_NAME_entry_count(dn) <= LIMIT_DN_ATTRIBUTES);
	else
		assert(e.code == ERR_CONFIG && e.text[0] != '\0');
	X509_NAME_free(dn);
	for (size_t i = 0; i < WORDS; i++)
		words[i] = fuzz_text(&f, '\n');
	constraints(words, ca);
	for (size_t i = 0; i < WORDS; i++)
		free(words[i]);
	return 0;
}
