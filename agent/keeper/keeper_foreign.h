/*
 * keeper_foreign: the keeper's side of foreign.h: it reads the files, has them judged, and
 * knows its own generations again.
 */
#pragma once

#include "agent/keeper/foreign.h"

struct keeper;
struct spec_cert;

/* Whether somebody else's newer pair is in the files of `c`. `differs` are TARGET_* of
 * each, compared with `ours`. What cannot be judged is none. */
void keeper_foreign(const struct keeper *k, const struct spec_cert *c,
		    const struct set *ours, const unsigned *differs, struct foreign *f);
