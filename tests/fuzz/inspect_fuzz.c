/* inspect: any file that a person names becomes items and findings, and is printed in each
 * form: as JSON that can be read, and in lines that a terminal can show. */
#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_chain.h"
#include "agent/inspect/inspect_check.h"
#include "agent/inspect/inspect_pair.h"
#include "agent/inspect/inspect_print.h"
#include "agent/inspect/inspect_read.h"
#include "agent/role/request.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/doc.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lab.h"

static void print(const struct inspect *in)
{
	AUTO_BUF struct buf text = { 0 }, log = { 0 }, json = { 0 };
	AUTO_DOC struct doc *doc = NULL;
	struct err e = { .code = ERR_PROTO };

	inspect_print(in, 0, &text);
	inspect_print(in, REQUEST_LOG, &log);
	inspect_print(in, REQUEST_JSON, &json);
	for (size_t i = 0; i < text.len; i++)
		assert((unsigned char)text.data[i] >= ' ' || text.data[i] == '\n');
	assert(json.len > 0 &&
	       (doc_parse(&json, &doc, &e) == 0 || e.code == ERR_LIMIT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct inspect in = { .now = LAB_NOW,
			      .password = "secret",
			      .trust = lab_pem,
			      .trust_len = sizeof(lab_pem) - 1 };

	inspect_read(&in, inspect_input(&in, "it"), data, len);
	inspect_pair(&in);
	inspect_chains(&in);
	inspect_check(&in);
	print(&in);
	inspect_done(&in);
	return 0;
}
