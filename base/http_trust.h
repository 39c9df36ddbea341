/*
 * http_trust: which anchors an https server is verified with: a file that was configured,
 * else the system's store. A hashed folder is preferred to one large file: only what a
 * chain needs is read from it (0.1 ms instead of 15).
 */
#pragma once

struct err;

struct http_trust {
	const char *file;   /* PEM; borrowed; NULL: a folder */
	const char *folder; /* static; NULL: a file */
};

/* `file` if it is not NULL, else what the system has. ERR_CONFIG: nothing. */
int http_trust_find(const char *file, struct http_trust *t, struct err *e);

/* The one file of the system that has them all, or NULL. Static. */
const char *http_trust_bundle(void);

/* Folders and files that the system's store consists of on any distribution, for a
 * sandbox; some exist. NULL-terminated, static. */
const char *const *http_trust_paths(void);
