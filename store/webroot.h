/*
 * webroot: http-01 tokens as files of a web server (RFC 8555 8.3).
 *
 *     WEBROOT/.well-known/acme-challenge/TOKEN       0644, in folders of 0755
 *
 * The folder belongs to somebody else and may hold anything: every component below
 * WEBROOT is opened without following links, the file is made with O_EXCL beside its
 * place and renamed into it, nothing is opened for writing that was there before.
 * WEBROOT itself may be a link or lead over links: where it leads, the web server goes
 * as well. No fsync: after a crash the token is presented again. After
 * a power cut one that was withdrawn may be back, with its folders; what it says is public.
 *
 * Files and folders that we make can be read by all, whatever the umask is; a folder
 * that is there keeps owner and mode.
 */
#pragma once

struct err;

/* ERR_PROTO unless `token` is one (the caller has checked its alphabet). ERR_SYS, which
 * names the component that is a link or no folder. */
int webroot_put(const char *webroot, const char *token, const char *content,
		struct err *e);

/* Remove it, and the two folders if they are empty and such as we make them. Fine if it
 * is gone. ERR_SYS. */
int webroot_remove(const char *webroot, const char *token, struct err *e);
