#include "agent/config/config_limits.h"

#include <stdio.h>
#include <string.h>

#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "base/text.h"

#define UNSET  UINT32_MAX
#define MINUTE 60
#define WEEK   (7 * 86400)

static const char expected[] =
    "a number and a span such as \"300/3h\" or \"5/7d\", or \"none\"";

static void read_limit(struct config_reader *r, const config_setting_t *s,
		       struct spec_limit *out)
{
	const char *word = config_string(r, s, expected);
	const char *slash = word == NULL ? NULL : strchr(word, '/');
	char number[16] = "";
	int64_t span_s;
	uint64_t most;

	if (word == NULL)
		return;
	if (strcmp(word, "none") == 0) {
		*out = (struct spec_limit){ .most = 0 };
		return;
	}
	if (slash != NULL && (size_t)(slash - word) < sizeof(number))
		memcpy(number, word, (size_t)(slash - word));
	if (slash == NULL || !text_u64(number, SPEC_LIMIT_MOST, &most) || most == 0 ||
	    !text_span(slash + 1, &span_s)) {
		config_expected(r, s, "%s", expected);
		return;
	}
	if (span_s < MINUTE || span_s > WEEK) {
		config_expected(r, s, "a span from 1m to 7d");
		return;
	}
	*out = (struct spec_limit){ .most = (uint32_t)most, .span_s = span_s };
}

static void read_orders(struct config_reader *r, const config_setting_t *s, void *into)
{
	read_limit(r, s, &((struct spec_issuer *)into)->limits[PER_ACCOUNT]);
}

static void read_set(struct config_reader *r, const config_setting_t *s, void *into)
{
	read_limit(r, s, &((struct spec_issuer *)into)->limits[PER_SET]);
}

static void read_failures(struct config_reader *r, const config_setting_t *s,
			  void *into)
{
	read_limit(r, s, &((struct spec_issuer *)into)->limits[PER_NAME]);
}

static const struct config_rule rules[] = {
	{ "orders", read_orders, 0 },
	{ "set", read_set, 0 },
	{ "failures", read_failures, 0 },
	{ NULL, NULL, 0 },
};

void config_limits(struct config_reader *r, const config_setting_t *s, void *into)
{
	config_group(r, s, rules, CONFIG_ALL, into);
}

void config_limits_begin(struct spec_issuer *i)
{
	for (unsigned k = 0; k < ISSUER_LIMITS; k++)
		i->limits[k] = (struct spec_limit){ .most = UNSET };
}

void config_limits_end(struct spec_issuer *i)
{
	static const struct spec_limit usual[ISSUER_LIMITS] = {
		[PER_ACCOUNT] = { .most = 300, .span_s = 3 * 3600 },
		[PER_SET] = { .most = 5, .span_s = WEEK },
		[PER_NAME] = { .most = 5, .span_s = 3600 },
	};

	for (unsigned k = 0; k < ISSUER_LIMITS; k++)
		if (i->limits[k].most == UNSET)
			i->limits[k] =
			    i->is_public ? usual[k] : (struct spec_limit){ .most = 0 };
}
