/*
 * config: from configuration files to a snapshot. Runs sandboxed, as the config role:
 * it has no files and no network, and asks the supervisor for what it must know of the
 * host through `struct config_host`.
 *
 * All errors of meaning are reported in one run, each as
 *
 *     /etc/everleaf/everleaf.conf:12: certificates.www.key: found "rsa-1024", expected one of ...
 *
 * libconfig parses; a scan of our own (config_scan.h) runs first and catches what it
 * would let pass: two strings without a comma, @include, a trailing comma.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/reach.h"

struct buf;
struct err;
struct idn;

#define LIMIT_CONFIG_BYTES (64u << 20) /* one file; 100,000 certificates are ~20 MiB */
#define LIMIT_CONFIG_FILES 100000      /* one for each certificate */

#define CONFIG_WHY 256 /* bytes, of a reason */

/* What is at a path, or where a link in its place leads. */
struct config_look {
	int error;   /* errno; 0: it is there */
	mode_t mode; /* type and permissions */
	uid_t uid;
	gid_t gid;
	bool is_link;  /* and what is said of the rest is where it leads */
	bool is_blank; /* a file with nothing but white space in it */
	int no_write;  /* errno: nothing can be written in the folder; 0: it can */
	bool no_exec;  /* on a file system from which no program runs */
	char open[CONFIG_WHY]; /* how someone who is neither root nor the caller can
				  change it, or put another one in its place; "": not */
	char real[PATH_MAX];   /* the same path without links */
};

/* The host, as the supervisor sees it. Functions return 0 or an err. */
struct config_host {
	void *arg;
	const struct idn *idn; /* borrowed */
	bool is_root;
	uint64_t mark;            /* spec_mark() of the main file */
	const char *home_state;   /* default state_dir */
	const char *home_runtime; /* default runtime_dir */
	const char *hooks_dir;    /* of the ready-made hooks; NULL: there are none */
	/* The next file of `pattern`, relative to the main file: *path left empty when
	 * there are no more. */
	int (*include)(void *arg, const char *pattern, struct buf *path,
		       struct buf *content, struct err *e);
	/* *id of a user or group; ERR_CONFIG: no such one. For a user, *gid and home too. */
	int (*user)(void *arg, const char *name, uint32_t *uid, uint32_t *gid,
		    struct buf *home, struct err *e);
	int (*group)(void *arg, const char *name, uint32_t *gid, struct err *e);
	int (*look)(void *arg, const char *path, struct config_look *look);
	/* Left empty if the user `uid`, or with SPEC_NOBODY a member of `gid`, may do that
	 * with `path`; else why not. NULL: nobody wants to know. */
	void (*reach)(void *arg, const char *path, enum reach_want want, uint32_t uid,
		      uint32_t gid, struct buf *why);
	/* The signing request in PEM that is in the file `path`. */
	int (*csr)(void *arg, const char *path, struct buf *pem, struct err *e);
	/* An error, or a warning (that does not make the configuration invalid). */
	void (*report)(void *arg, bool warning, const char *file, unsigned line,
		       const char *text);
};

/*
 * Read `content`, the text of the main file `path`, and all it includes. 0: *snapshot is
 * a sealed memfd that the caller owns. ERR_CONFIG: at least one error was reported.
 */
int config_compile(const struct config_host *host, const char *path,
		   const char *content, size_t len, int *snapshot, struct err *e);
