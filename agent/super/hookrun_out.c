#include "agent/super/hookrun_out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/role/log.h"
#include "base/auto.h"
#include "base/mem.h"

#define READ_MAX (1024 * 1024) /* at one go: others want to be served too */

void hookrun_out_init(struct hookrun_out *o, const char *hook)
{
	*o = (struct hookrun_out){ .hook = hook };
}

void hookrun_out_keep(struct hookrun_out *o, size_t most)
{
	o->kept = xcalloc(most + 1, 1);
	o->most = most;
}

static char shown(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

/* As nginx ends, in the line behind the one that says why. */
static bool says_only_that(const char *line)
{
	static const char words[] = " test failed";
	const size_t len = strlen(line), n = sizeof(words) - 1;

	return len > n && strcmp(line + len - n, words) == 0;
}

static void end_line(struct hookrun_out *o)
{
	while (o->len > 0 && o->line[o->len - 1] == ' ')
		o->len--;
	if (o->len == 0)
		return;
	o->line[o->len] = '\0';
	o->len = 0;
	if (o->last[0] == '\0' || !says_only_that(o->line))
		snprintf(o->last, sizeof(o->last), "%.*s", (int)sizeof(o->last) - 1,
			 o->line + strspn(o->line, " "));
	if (o->dropped > 0)
		return;
	o->lines++;
	if (!o->is_answer)
		log_info("hook %s: %s", o->hook, o->line);
}

/* What must not be in an answer is for who takes it to say; a NUL would end it. */
static char kept(const struct hookrun_out *o, char c)
{
	if (o->is_answer)
		return c == '\0' ? '\177' : c;
	return c == '\n' || c == '\t' ? c : shown(c);
}

static void keep(struct hookrun_out *o, char c)
{
	if (c == '\r')
		return;
	o->has_more = o->n_kept == o->most;
	if (!o->has_more)
		o->kept[o->n_kept++] = kept(o, c);
}

static void take(struct hookrun_out *o, char c)
{
	if (o->kept != NULL)
		keep(o, c);
	if (o->seen < LIMIT_HOOK_OUT && o->lines < LIMIT_HOOK_LINES) {
		o->seen++;
	} else {
		if (o->dropped == 0)
			end_line(o);
		o->dropped++; /* what it says last, it says why it has failed */
	}
	if (c == '\n') {
		end_line(o);
		return;
	}
	o->line[o->len++] = c == '\t' || c == '\r' ? ' ' : shown(c);
	if (o->len == sizeof(o->line) - 1)
		end_line(o);
}

bool hookrun_out_read(struct hookrun_out *o, int fd)
{
	char part[8192];
	size_t total = 0;

	while (total < READ_MAX) {
		ssize_t n = read(fd, part, sizeof(part));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		for (ssize_t i = 0; i < n; i++)
			take(o, part[i]);
		total += (size_t)n;
	}
	return true;
}

static void trim(struct hookrun_out *o)
{
	static const char white[] = " \t\n";
	size_t before = strspn(o->kept, white);

	while (o->n_kept > before && strchr(white, o->kept[o->n_kept - 1]) != NULL)
		o->n_kept--;
	o->n_kept -= before;
	memmove(o->kept, o->kept + before, o->n_kept);
	o->kept[o->n_kept] = '\0';
}

void hookrun_out_end(struct hookrun_out *o)
{
	end_line(o);
	if (o->kept != NULL)
		trim(o);
	if (o->dropped > 0 && !o->is_answer)
		log_warn("hook %s: %" PRIu64 " more bytes of output not kept", o->hook,
			 o->dropped);
}

void hookrun_out_done(struct hookrun_out *o)
{
	free(TAKE(o->kept));
}
