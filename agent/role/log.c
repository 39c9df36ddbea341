#include "agent/role/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/role/spec.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

struct log_rank {
	const char *word;
	int priority; /* of syslog(3) */
	const char *colour;
};

static const struct log_rank ranks[LEVELS] = {
	[LEVEL_ERROR] = { "error", 3, "\033[31m" },
	[LEVEL_WARNING] = { "warning", 4, "\033[33m" },
	[LEVEL_INFO] = { "info", 6, "" },
	[LEVEL_DEBUG] = { "debug", 7, "" },
};

static struct {
	enum log_form form;
	uint32_t level;
	const char *role; /* static */
	bool journal;
	bool colour;
} how = { .level = LEVEL_INFO, .role = "everleaf" };

/* systemd.exec(5), $JOURNAL_STREAM: the device and inode of the journal's socket, to be
 * compared with our own descriptor, for it stays set when stderr is sent elsewhere. */
static bool stderr_is_the_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

static bool stderr_has_colours(void)
{
	const char *no = getenv("NO_COLOR");

	return (no == NULL || *no == '\0') && isatty(STDERR_FILENO) == 1;
}

void log_setup(enum log_form form, uint32_t level, const char *role)
{
	how.form = form;
	how.level = level;
	how.role = role;
	how.journal = stderr_is_the_journal();
	how.colour = stderr_has_colours();
}

static void put_text(struct buf *line, uint32_t level, const char *msg, size_t len)
{
	const struct log_rank *r = &ranks[level];

	if (!how.journal)
		buf_puts(line, "everleaf: ");
	if (level != LEVEL_INFO)
		buf_printf(line, "%s%s:%s ", how.colour ? r->colour : "", r->word,
			   how.colour && *r->colour != '\0' ? "\033[0m" : "");
	text_escape(line, msg, len, LOG_MAX);
}

static void put_logfmt(struct buf *line, uint32_t level, const char *msg, size_t len)
{
	char ts[TEXT_TIME_MAX];

	if (!how.journal)
		buf_printf(line, "ts=%s ", text_time(ts, clock_now()));
	buf_printf(line, "level=%s role=%s ", ranks[level].word, how.role);
	text_field(line, "msg", msg, len, LOG_MAX);
}

static void put_json(struct buf *line, uint32_t level, char *msg, size_t len)
{
	struct json j;

	if (len > LOG_MAX)
		memcpy(msg + LOG_MAX, "...", sizeof("..."));
	json_begin(&j, line);
	json_open(&j, NULL, '{');
	if (!how.journal)
		json_time(&j, "ts", clock_now());
	json_str(&j, "level", ranks[level].word);
	json_str(&j, "role", how.role);
	json_str(&j, "msg", msg);
	json_close(&j);
	json_end(&j);
}

static void put_line(const struct buf *line)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, line->data, line->len);
	while (n < 0 && errno == EINTR);
}

static __attribute__((format(printf, 2, 0))) void say(uint32_t level, const char *fmt,
						      va_list ap)
{
	AUTO_BUF struct buf line = { 0 };
	char msg[LOG_MAX + sizeof("...")];
	int kept = errno, full;
	size_t len;

	if (level > how.level)
		return;
	full = vsnprintf(msg, sizeof(msg), fmt, ap);
	len = full < 0 ? 0 : (size_t)full;
	if (len >= sizeof(msg))
		len = sizeof(msg) - 1;
	if (how.journal)
		buf_printf(&line, "<%d>", ranks[level].priority);
	if (how.form == LOG_JSON)
		put_json(&line, level, msg, len);
	else if (how.form == LOG_LOGFMT)
		put_logfmt(&line, level, msg, len);
	else
		put_text(&line, level, msg, len);
	buf_add(&line, "\n", 1);
	put_line(&line);
	errno = kept;
}

#define SAY(level, fmt)                  \
	do {                             \
		va_list ap;              \
                                         \
		va_start(ap, fmt);       \
		say((level), (fmt), ap); \
		va_end(ap);              \
	} while (0)

void log_error(const char *fmt, ...)
{
	SAY(LEVEL_ERROR, fmt);
}

void log_warn(const char *fmt, ...)
{
	SAY(LEVEL_WARNING, fmt);
}

void log_info(const char *fmt, ...)
{
	SAY(LEVEL_INFO, fmt);
}

void log_debug(const char *fmt, ...)
{
	SAY(LEVEL_DEBUG, fmt);
}
