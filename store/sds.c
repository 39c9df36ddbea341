#include "store/sds.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/content.h"
#include "store/set.h"

#define SECRET "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

static void put_inline(struct json *j, const char *key, const char *text)
{
	json_open(j, key, '{');
	json_str(j, "inline_string", text);
	json_close(j);
}

int sds_render(const struct set *set, struct buf *out, struct err *e)
{
	const struct content full = { .kind = CONTENT_FULLCHAIN };
	AUTO_BUF struct buf chain = { 0 };
	struct json j;

	TRY(content_render(set, &full, &chain, e));
	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_open(&j, "resources", '[');
	json_open(&j, NULL, '{');
	json_str(&j, "@type", SECRET);
	json_str(&j, "name", set->name);
	json_open(&j, "tls_certificate", '{');
	put_inline(&j, "certificate_chain", chain.data);
	put_inline(&j, "private_key", set->key.data);
	json_close(&j);
	json_close(&j);
	json_close(&j);
	json_close(&j);
	json_end(&j);
	buf_puts(out, "\n");
	return 0;
}
