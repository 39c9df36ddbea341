/* layout: where the certificate www of a case is written besides the store. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct crash_case;
struct world;

enum layout {
	LAYOUT_LIVE,  /* nowhere: servers read live/ */
	LAYOUT_FILES, /* out/www.{combined,der,key}: servers read these */
	LAYOUT_BOTH,  /* two folders; who reads there and in live/ finds the same */
	LAYOUTS,
};

const char *layout_word(enum layout layout);

/* "www.der more/www.key": below out/, by content. */
const char *layout_files(enum layout layout);

bool layout_fits(enum layout layout, const struct crash_case *c);

/* Who may have the files of a case that gives them away; as root, the group too. */
#define LAYOUT_GIVEN_MODE  0640
#define LAYOUT_GIVEN_GROUP 64107

/* `certificates` of a case with the files put in: $ stands for them, % for the same ones
 * given to others. */
void layout_fill(enum layout layout, const char *certificates, char *out, size_t size);

/* Make the folders, and the hook. It says in hook.log which generation it has seen, and
 * makes w/differs if, in LAYOUT_BOTH, that is not what the files are of. */
void layout_prepare(const struct world *w, const struct crash_case *c);
