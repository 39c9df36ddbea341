#include "store/sds.h"

#include "base/buf.h"
#include "base/json.h"
#include "store/set.h"

#define SECRET "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

static void put_inline(struct json *j, const char *key, const char *text)
{
	json_open(j, key, '{');
	json_str(j, "inline_string", text);
	json_close(j);
}

void sds_render(const struct set *set, struct buf *out)
{
	AUTO_BUF struct buf chain = { 0 };
	struct json j;

	buf_add(&chain, set->cert.data, set->cert.len);
	buf_add(&chain, set->chain.data, set->chain.len);
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
}
