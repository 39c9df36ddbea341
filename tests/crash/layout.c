#include "tests/crash/layout.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/crash/cases.h"
#include "tests/crash/sets.h"
#include "tests/crash/world.h"

#define GIVEN       "mode = \"0640\"; "
#define GIVEN_GROUP "group = \"64107\"; " GIVEN

static const struct {
	const char *word;
	const char *files;
} layouts[LAYOUTS] = {
	[LAYOUT_LIVE] = { "live", "" },
	[LAYOUT_FILES] = { "files", "www.combined www.der www.key" },
	[LAYOUT_BOTH] = { "both", "www.combined more/www.der more/www.key" },
};

const char *layout_word(enum layout layout)
{
	return layouts[layout].word;
}

const char *layout_files(enum layout layout)
{
	return layouts[layout].files;
}

bool layout_fits(enum layout layout, const struct crash_case *c)
{
	if (layout == LAYOUT_LIVE || c->live_only)
		return layout == LAYOUT_LIVE && !c->files_only;
	return layout == LAYOUT_FILES || strchr(c->before, '$') != NULL ||
	       (c->conf != NULL && strpbrk(c->conf, "$%") != NULL);
}

/* -- its configuration -- */

static void put_files(enum layout layout, const char *access, struct buf *out)
{
	char file[64];

	for (unsigned i = 0; sets_word(layouts[layout].files, i, file); i++)
		buf_printf(out, "%s{ path = \"@/out/%s\"; content = \"%s\"; %s}",
			   i == 0 ? " files = ( " : ", ", file, strrchr(file, '.') + 1,
			   access);
	if (layout != LAYOUT_LIVE)
		buf_puts(out, " );");
}

void layout_fill(enum layout layout, const char *certificates, char *out, size_t size)
{
	AUTO_BUF struct buf all = { 0 };

	for (const char *at = certificates; *at != '\0'; at++)
		if (*at == '$')
			put_files(layout, "", &all);
		else if (*at == '%')
			put_files(layout, geteuid() == 0 ? GIVEN_GROUP : GIVEN, &all);
		else
			buf_add(&all, at, 1);
	snprintf(out, size, "%s", all.data);
}

/* -- its folders, and who reads there -- */

/* It syncs, so that a power cut does not take back what it has said. */
static const char hook[] =
    "#!/bin/sh\n"
    "for n in $EVERLEAF_NAMES; do\n"
    "echo \"$n $(readlink @/state/live/$n)\"\n"
    "done >>@/hook.log\n"
    "cat @/state/live/www/privkey.pem @/state/live/www/fullchain.pem"
    " >@/served.pem 2>/dev/null\n"
    "sync @/hook.log\n";

static const char compare[] =
    "live=@/state/live/www\n"
    "if [ -e $live ] && [ -e @/out/www.combined ] && [ -e @/out/more/www.key ]; then\n"
    "cat $live/privkey.pem $live/fullchain.pem | cmp -s - @/out/www.combined &&\n"
    "cmp -s $live/privkey.pem @/out/more/www.key || echo $EVERLEAF_NAMES >@/differs\n"
    "fi\n";

void layout_prepare(const struct world *w, const struct crash_case *c)
{
	static const char *const folders[] = { "out", "out/more", "out/hashed", "web" };
	bool compares = w->layout == LAYOUT_BOTH && c->end != CASE_FILES_STAY;
	char text[sizeof(hook) + sizeof(compare)];

	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "%s/%s", w->dir, folders[i]);
		mkdir(text, 0755);
	}
	snprintf(text, sizeof(text), "%s%s", hook, compares ? compare : "");
	world_write(w, "hook", text, 0755);
	world_write(w, "hook.log", "", 0644);
}
