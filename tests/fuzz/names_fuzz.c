/* names: a word that is a name has one spelling, and that is read as itself; and URLs, a
 * line each, are of the same host to us as to who sends the request. */
#include <stdlib.h>
#include <strings.h>

#include <curl/curl.h>

#include "acme/ari.h"
#include "agent/role/spec_image.h"
#include "base/auto.h"
#include "base/dns.h"
#include "base/err.h"
#include "base/names.h"
#include "base/origin.h"
#include "tests/fuzz/fuzz.h"

static void name(const char *word)
{
	AUTO_FREE char *canonical = NULL, *again = NULL;
	AUTO_FREE char *uri = NULL;
	enum name_kind kind = NAME_DNS;
	struct err e = { .text = "" };

	if (names_parse(word, &kind, &canonical, &e) < 0) {
		assert(e.code == ERR_CONFIG && e.text[0] != '\0');
		return;
	}
	assert(kind < NAME_KINDS && strlen(canonical) <= NAME_MAX_LEN);
	uri = xasprintf("%s%s",
			kind == NAME_EMAIL ? "email:"
			: kind == NAME_URI ? "uri:"
					   : "",
			canonical);
	assert(names_parse(uri, &kind, &again, &e) == 0);
	assert(strcmp(again, canonical) == 0);
}

static void dns(const char *word)
{
	char read[DNS_NAME_SIZE], again[DNS_NAME_SIZE], port[6];

	if (dns_name_read(word, read)) {
		assert(dns_name_is(read) && dns_name_read(read, again));
		assert(strcmp(read, again) == 0 && dns_name_within(read, read));
	}
	if (dns_server_read(word, read, port))
		assert(atoi(port) <= UINT16_MAX);
}

/* As libcurl reads it, which goes there. */
static void url(const char *word)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL, *scheme = NULL;

	if (origin_same(word, "https://ca.test/")) {
		assert(curl_url_set(u, CURLUPART_URL, word, 0) == CURLUE_OK);
		curl_url_get(u, CURLUPART_HOST, &host, 0);
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
		assert(host != NULL && strcasecmp(host, "ca.test") == 0);
		assert(strcmp(port, "443") == 0 && strcmp(scheme, "https") == 0);
		curl_free(host);
		curl_free(port);
		curl_free(scheme);
	}
	curl_url_cleanup(u);
	if (origin_is_http(word))
		assert(strncasecmp(word, "http://", 7) == 0);
	if (ari_url_is_plain(word))
		assert(strncasecmp(word, "http", 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };

	while (f.len > 0) {
		AUTO_FREE char *word = fuzz_text(&f, '\n');

		name(word);
		dns(word);
		url(word);
		if (spec_is_plain_name(word))
			assert(strchr(word, '/') == NULL && word[0] != '.');
	}
	return 0;
}
