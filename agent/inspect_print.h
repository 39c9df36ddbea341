/* inspect_print: what was found, as text for people or one document of JSON. */
#pragma once

struct buf;
struct inspect;

/* Colours: REQUEST_COLOR in `flags`; JSON: REQUEST_JSON. */
void inspect_print(const struct inspect *in, unsigned flags, struct buf *out);
