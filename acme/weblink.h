/* weblink: the links of a Link header (RFC 8288 3). */
#pragma once

/*
 * The URL, owned, of the next link of the header value from *at on whose relation is
 * `rel` and which is of the document itself (it has no "anchor"); *at is moved on. NULL:
 * there is no other. Where the value breaks the grammar, it ends.
 */
char *weblink_next(const char **at, const char *rel);
