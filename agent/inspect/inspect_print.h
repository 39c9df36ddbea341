/* inspect_print: what was found, as text for people, one document of JSON or
 * lines of a log. */
#pragma once

struct buf;
struct inspect;

/* REQUEST_COLOR, REQUEST_JSON, REQUEST_LOG in `flags`. */
void inspect_print(const struct inspect *in, unsigned flags, struct buf *out);
