#include "agent/meta.h"

#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/x509.h"

#define LIMIT_META_BYTES 4096 /* ours has 400 */

void meta_put(struct buf *out, const char *name, const char *issuer, const char *why,
	      const struct x509_facts *facts)
{
	char hex[65];
	struct json json;

	text_hex(hex, facts->fingerprint, sizeof(facts->fingerprint));
	json_begin(&json, out);
	json_open(&json, NULL, '{');
	json_int(&json, "version", 1);
	json_str(&json, "name", name);
	json_str(&json, "issuer", issuer);
	json_str(&json, "why", why);
	json_str(&json, "serial", facts->serial);
	json_str(&json, "fingerprint", hex);
	json_time(&json, "not_before", facts->not_before);
	json_time(&json, "not_after", facts->not_after);
	json_time(&json, "stored_at", clock_now());
	json_close(&json);
	json_end(&json);
	buf_puts(out, "\n");
}

/* What follows the quoted `key` and its colon; NULL: it is not there. */
static const char *after(const char *text, const char *key)
{
	const size_t len = strlen(key);

	for (const char *at = strstr(text, key); at != NULL; at = strstr(at + 1, key))
		if (at > text && at[-1] == '"' && at[len] == '"' && at[len + 1] == ':')
			return at + len + 2;
	return NULL;
}

/* The string of member `key`. Ours have nothing in them that is escaped; what has is no
 * answer, nor is what is too long. */
static void find(const char *text, const char *key, char *value, size_t size)
{
	const char *at = after(text, key);
	size_t len;

	value[0] = '\0';
	if (at == NULL)
		return;
	at += strspn(at, " ");
	if (*at++ != '"')
		return;
	len = strcspn(at, "\"\\");
	if (len < size && at[len] == '"')
		snprintf(value, size, "%.*s", (int)len, at);
}

void meta_parse(const char *text, struct meta *m)
{
	find(text, "issuer", m->issuer, sizeof(m->issuer));
	find(text, "fingerprint", m->fingerprint, sizeof(m->fingerprint));
}

void meta_read(int root, const char *name, uint64_t number, struct meta *m)
{
	AUTO_BUF struct buf text = { 0 };
	char path[512];
	struct err e;

	*m = (struct meta){ .issuer = "" };
	snprintf(path, sizeof(path), "archive/%s/%010llu/meta.json", name,
		 (unsigned long long)number);
	if (file_read(root, path, LIMIT_META_BYTES, &text, &e) == 0 && text.len > 0)
		meta_parse(text.data, m);
}
