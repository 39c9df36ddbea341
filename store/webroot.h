/*
 * webroot: http-01 tokens as files of a web server (RFC 8555 8.3).
 *
 *     WEBROOT/.well-known/acme-challenge/TOKEN       0644, in folders of 0755
 *
 * The folder belongs to somebody else and may hold anything: every component below
 * WEBROOT is opened without following links, the file is made with O_EXCL beside its
 * place and renamed into it, nothing is opened for writing that was there before. No
 * fsync: after a crash the token is presented again.
 */
#pragma once

struct err;

/* ERR_PROTO unless `token` is one (the caller has checked its alphabet). ERR_SYS. */
int webroot_put(const char *webroot, const char *token, const char *content,
		struct err *e);

/* Remove it, and the two folders if they are ours and empty. Fine if it is gone. */
int webroot_remove(const char *webroot, const char *token, struct err *e);
