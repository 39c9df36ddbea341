/* hookcall: what a hook is told about a batch, as the message that asks for its run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct buf;
struct crl;
struct err;
struct job;
struct msg;
struct strange_list;

struct hookcall {
	uint32_t hook; /* number in the snapshot */
	bool test;
	uint32_t event; /* enum hook_event */
	struct job *const *jobs;
	size_t n_jobs;
	struct crl *const *crls; /* what it is told of instead of certificates */
	size_t n_crls;
	const struct strange_list *strangers; /* besides; NULL: none */
	const char *error; /* what is wrong with the host; NULL: nothing */
};

/* `text` as a file of its own that nobody can change any more, for a stdin; *fd is the
 * caller's. */
int hookcall_seal(const struct buf *text, int *fd, struct err *e);

/* Put the request into `m`; its descriptor is the document for the hook's stdin. */
int hookcall_put(const struct agent *a, const struct hookcall *c, struct msg *m,
		 struct err *e);
