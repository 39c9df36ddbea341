/*
 * exec: what a program says that gets certificates, and how it is told what it is to get,
 * with fields that nothing was looked at in before: behind an octet of the dialect and one
 * of the status, a line for each field, and what it has said.
 */
#include <stdlib.h>

#include "base/auto.h"
#include "base/err.h"
#include "hooks/enrol.h"
#include "hooks/env.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS 10
#define YEAR   (INT64_C(366) * 86400)

static void judge(enum enrol_dialect d, int status, const char *said)
{
	struct enrol_answer a = { .handle = NULL };
	struct err e = { .text = "" };
	const int rc = enrol_judge(d, status, said, &a, &e);

	if (rc < 0) {
		assert(rc == ERR_PROTO && e.text[0] != '\0');
		for (const char *c = e.text; *c != '\0'; c++)
			assert((unsigned char)*c >= ' ' && *c != 0x7f);
		return;
	}
	assert(a.outcome < ENROL_OUTCOMES);
	if (a.outcome == ENROL_LATER) {
		assert(a.wait_s >= 1 && a.wait_s <= YEAR);
		assert(a.handle >= said && a.handle <= said + strlen(said));
	}
}

static const char *or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

/* No variable is there twice: what is said is in its own. */
static void hold(char **env)
{
	for (size_t i = 0; env[i] != NULL; i++) {
		const size_t n = strcspn(env[i], "=");

		assert(env[i][n] == '=');
		for (size_t k = 0; k < i; k++)
			assert(strncmp(env[k], env[i], n + 1) != 0);
	}
}

static void tell(enum enrol_dialect d, char *const fields[FIELDS])
{
	const struct enrol_call c = {
		.dialect = d,
		.issuer = fields[0],
		.name = fields[1],
		.why = fields[2],
		.csr = fields[3],
		.common_name = or_null(fields[4]),
		.domains = fields[5],
		.hosts = or_null(fields[6]),
		.mailboxes = or_null(fields[7]),
		.addresses = or_null(fields[8]),
		.live = or_null(fields[9]),
		.cert = or_null(fields[9]),
		.handle = or_null(fields[8]),
	};
	char **env = NULL;
	struct err e = { .text = "" };

	if (enrol_env(&c, "/root", "run", &env, &e) == 0) {
		hold(env);
		hook_env_free(env);
	} else {
		assert(e.text[0] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	const enum enrol_dialect d =
	    (enum enrol_dialect)(fuzz_byte(&f) % ENROL_DIALECTS);
	const int status = fuzz_byte(&f);
	char *fields[FIELDS];
	char *said;

	for (int i = 0; i < FIELDS; i++)
		fields[i] = fuzz_text(&f, '\n');
	said = fuzz_text(&f, '\0');
	judge(d, status == 0xff ? -1 : status, said);
	tell(d, fields);
	for (int i = 0; i < FIELDS; i++)
		free(fields[i]);
	free(said);
	return 0;
}
