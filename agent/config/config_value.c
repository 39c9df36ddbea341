#include "agent/config/config_value.h"

#include <limits.h>
#include <string.h>
#include <sys/un.h>

#include "agent/config/config_report.h"
#include "agent/role/listen.h"
#include "base/key.h"
#include "base/text.h"

#define LIMIT_WORDS 1000 /* of one list, as spec_image.c has it */

static bool is_clean(const char *word)
{
	size_t left = strlen(word);

	while (left > 0) {
		uint32_t c;
		size_t n = text_utf8(word, left, &c);

		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
		word += n;
		left -= n;
	}
	return true;
}

const char *config_string(struct config_reader *r, const config_setting_t *s,
			  const char *expected)
{
	const char *word = config_setting_get_string(s);

	if (word == NULL || word[0] == '\0') {
		config_expected(r, s, "%s", expected);
		return NULL;
	}
	if (!is_clean(word)) {
		config_expected(r, s, "text without control characters, in UTF-8");
		return NULL;
	}
	return word;
}

bool config_text(struct config_reader *r, const config_setting_t *s,
		 const char *expected, struct text *out)
{
	const char *word = config_string(r, s, expected);

	if (word != NULL)
		*out = snapshot_text(r->b, word);
	return word != NULL;
}

bool config_bool(struct config_reader *r, const config_setting_t *s, uint32_t *out)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL) {
		config_expected(r, s, "true or false");
		return false;
	}
	*out = config_setting_get_bool(s) ? 1 : 0;
	return true;
}

bool config_int(struct config_reader *r, const config_setting_t *s, uint32_t min,
		uint32_t max, uint32_t *out)
{
	long long v = config_setting_get_int64(s);
	int type = config_setting_type(s);

	if ((type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) || v < min ||
	    v > max) {
		config_expected(r, s, "a number from %u to %u", min, max);
		return false;
	}
	*out = (uint32_t)v;
	return true;
}

bool config_span(struct config_reader *r, const config_setting_t *s, int64_t min_s,
		 int64_t max_s, int64_t *out)
{
	static const char expected[] =
	    "a span such as \"30d\", \"12h\", \"90m\" or \"45s\"";
	const char *word = config_string(r, s, expected);
	char min[TEXT_SPAN_MAX], max[TEXT_SPAN_MAX];
	int64_t span;

	if (word == NULL)
		return false;
	if (!text_span(word, &span)) {
		config_expected(r, s, "%s", expected);
		return false;
	}
	if (span < min_s || span > max_s) {
		config_expected(r, s, "a span from %s to %s", text_span_of(min, min_s),
				text_span_of(max, max_s));
		return false;
	}
	*out = span;
	return true;
}

bool config_size(struct config_reader *r, const config_setting_t *s, uint64_t *out)
{
	static const char expected[] = "a size such as \"10M\" or \"1G\"";
	const char *word = config_string(r, s, expected);
	uint64_t size;

	if (word == NULL)
		return false;
	if (!text_size(word, &size) || size == 0) {
		config_expected(r, s, "%s", expected);
		return false;
	}
	*out = size;
	return true;
}

static void add_choice(struct buf *out, const char *word)
{
	buf_printf(out, "%s\"%s\"", out->len == 0 ? "one of " : " ", word);
}

bool config_choice(struct config_reader *r, const config_setting_t *s,
		   const char *const *words, uint32_t *out)
{
	const char *word = config_setting_get_string(s);
	AUTO_BUF struct buf expected = { 0 };

	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (word != NULL && strcmp(word, words[i]) == 0) {
			*out = i;
			return true;
		}
		add_choice(&expected, words[i]);
	}
	config_expected(r, s, "%s", expected.data);
	return false;
}

bool config_key_type(struct config_reader *r, const config_setting_t *s, uint32_t *out)
{
	const char *words[KEY_TYPES] = { NULL };
	uint32_t i;

	for (uint32_t t = KEY_NONE + 1; t < KEY_TYPES; t++)
		words[t - 1] = key_type_word((enum key_type)t);
	if (!config_choice(r, s, words, &i))
		return false;
	*out = i + 1;
	return true;
}

bool config_mode(struct config_reader *r, const config_setting_t *s, uint32_t *out)
{
	const char *word = config_setting_get_string(s);
	uint32_t mode = 0;
	size_t n = word == NULL ? 0 : strlen(word);
	bool ok = (n == 3 || n == 4) && strspn(word, "01234567") == n;

	for (size_t i = 0; ok && i < n; i++)
		mode = mode << 3 | (uint32_t)(word[i] - '0');
	if (!ok || (mode & ~0666u) != 0 || (mode & 0400) == 0) {
		config_expected(r, s, "a mode such as \"0600\" or \"0644\", in octal");
		return false;
	}
	if ((mode & 0002) != 0) {
		config_expected(r, s, "a mode that does not let everyone write");
		return false;
	}
	*out = mode;
	return true;
}

/* For the kernel. */
static bool is_too_long(const char *path)
{
	if (strlen(path) >= PATH_MAX)
		return true;
	for (; *path != '\0'; path += *path == '/') {
		const size_t n = strcspn(path, "/");

		if (n > NAME_MAX)
			return true;
		path += n;
	}
	return false;
}

static bool is_canonical(const char *path)
{
	if (path[0] != '/')
		return false;
	while (*path != '\0') {
		size_t n = strcspn(path + 1, "/");

		if (n == 0 || (n == 1 && path[1] == '.') ||
		    (n == 2 && path[1] == '.' && path[2] == '.'))
			return false;
		path += 1 + n;
	}
	return true;
}

const char *config_path(struct config_reader *r, const config_setting_t *s)
{
	static const char expected[] =
	    "an absolute path without \"//\", \".\" and \"..\" in it";
	const char *path = config_string(r, s, expected);

	if (path == NULL)
		return NULL;
	if (is_too_long(path))
		config_expected(r, s,
				"a path of less than %d bytes, with names of at "
				"most %d",
				PATH_MAX, NAME_MAX);
	else if (!is_canonical(path))
		config_expected(r, s, "%s", expected);
	else
		return path;
	return NULL;
}

bool config_path_text(struct config_reader *r, const config_setting_t *s,
		      struct text *out)
{
	const char *path = config_path(r, s);

	if (path != NULL)
		*out = snapshot_text(r->b, path);
	return path != NULL;
}

static bool has_scheme(const char *url, const char *schemes)
{
	while (*schemes != '\0') {
		size_t n = strcspn(schemes, " ");

		if (strncmp(url, schemes, n) == 0 && strncmp(url + n, "://", 3) == 0)
			return strcspn(url + n + 3, "/?#:") > 0;
		schemes += n + (schemes[n] == ' ');
	}
	return false;
}

bool config_url(struct config_reader *r, const config_setting_t *s, const char *schemes,
		struct text *out)
{
	const char *url = config_string(r, s, "a URL");

	if (url == NULL)
		return false;
	if (!has_scheme(url, schemes) || strpbrk(url, " <>\"\\^`{|}") != NULL) {
		config_expected(r, s, "a URL with %s://",
				strchr(schemes, ' ') == NULL ? schemes
							     : "http:// or https");
		return false;
	}
	*out = snapshot_text(r->b, url);
	return true;
}

bool config_contact(struct config_reader *r, const config_setting_t *s,
		    struct text *out)
{
	static const char expected[] = "an address such as \"mailto:ops@example.org\"";
	const char *word = config_string(r, s, expected);

	if (word == NULL)
		return false;
	if (strncmp(word, "mailto:", 7) != 0 || strchr(word, '@') == NULL ||
	    strpbrk(word, " ,?") != NULL) {
		config_expected(r, s, "%s", expected);
		return false;
	}
	*out = snapshot_text(r->b, word);
	return true;
}

#define UNIX "unix:"

bool config_socket_fits(struct config_reader *r, const config_setting_t *s,
			const char *path)
{
	const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	const bool fits = strlen(path) <= most;

	if (!fits)
		config_expected(r, s,
				"a socket whose path has at most %zu bytes: it has %zu",
				most, strlen(path));
	return fits;
}

bool config_listen(struct config_reader *r, const config_setting_t *s, bool unix_too,
		   struct text *out)
{
	const char *word = config_string(r, s, "an address");
	struct listen_address a = { .port = 0 };
	bool is_unix;

	if (word == NULL)
		return false;
	if (unix_too && strncmp(word, UNIX, strlen(UNIX)) == 0 &&
	    !config_socket_fits(r, s, word + strlen(UNIX)))
		return false;
	is_unix = unix_too && listen_parse_unix(word, &a) &&
		  is_canonical(word + strlen(UNIX));
	if (!is_unix && !listen_parse(word, &a)) {
		config_expected(
		    r, s, "%s",
		    unix_too ? "\"127.0.0.1:8080\", \"[::]:8080\" or \"unix:/path\""
			     : "\"127.0.0.1:8080\" or \"[::]:8080\"");
		return false;
	}
	if (!is_unix && a.port < 1024 && !r->host->is_root) {
		config_expected(r, s, "a port of 1024 or above: without root");
		return false;
	}
	*out = snapshot_text(r->b, word);
	return true;
}

bool config_words(struct config_reader *r, const config_setting_t *s,
		  const char *expected, struct list *out)
{
	AUTO_BUF struct buf words = { 0 };
	unsigned n = config_items(s);

	if (n == 0) {
		config_expected(r, s, "%s", expected);
		return false;
	}
	if (!config_items_max(r, s, LIMIT_WORDS))
		return false;
	for (unsigned i = 0; i < n; i++) {
		struct text t = { 0 };

		if (!config_text(r, config_item(s, i), expected, &t))
			return false;
		buf_add(&words, &t, sizeof(t));
	}
	*out = snapshot_add(r->b, SPEC_WORDS, words.data, n);
	return true;
}
