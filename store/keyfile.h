/* keyfile: the private key of a set in the shapes that servers want (content.h). */
#pragma once

struct buf;
struct content;
struct err;
struct set;

/* Append it to `out`, encrypted where the content has a password. ERR_CONFIG: a key of
 * that type has no such shape. */
int keyfile_render(const struct set *set, const struct content *content,
		   struct buf *out, struct err *e);
