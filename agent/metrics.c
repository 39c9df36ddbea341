#include "agent/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

/* What has a meaning of its own inside of quotes: \, " and the end of a line. */
static void put_value(struct buf *out, const char *s)
{
	size_t len = strlen(s);

	while (len > 0) {
		uint32_t c = 0;
		const size_t n = text_utf8(s, len, &c);
		const size_t step = n == 0 ? 1 : n;

		if (n == 0)
			buf_puts(out, "\xef\xbf\xbd"); /* U+FFFD */
		else if (c == '\n')
			buf_puts(out, "\\n");
		else if (c == '\\' || c == '"')
			buf_printf(out, "\\%c", (char)c);
		else
			buf_add(out, s, n);
		s += step;
		len -= step;
	}
}

void metrics_family(struct buf *out, const char *name, const char *type,
		    const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_sample(struct buf *out, const char *name,
		    const struct metrics_label *labels, size_t n, int64_t value)
{
	buf_puts(out, name);
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "%c%s=\"", i == 0 ? '{' : ',', labels[i].name);
		put_value(out, labels[i].value);
		buf_puts(out, "\"");
	}
	buf_printf(out, "%s %" PRId64 "\n", n == 0 ? "" : "}", value);
}
