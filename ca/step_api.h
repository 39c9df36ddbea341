/*
 * step_api: one task at a step-ca (step.h): its connections, what it says about itself, and
 * what a refusal means.
 */
#pragma once

#include "base/doc.h"
#include "ca/step.h"

/* Begins with its settings and host, else as { 0 }. */
struct step {
	struct step_settings s;
	const struct step_host *host;
	struct http *http; /* owned; NULL: nobody is spoken to yet */
	struct buf csr;    /* DER; empty: nothing is asked for */
	struct buf spki;   /* its key */
	struct buf chain;  /* PEM of what is shown; empty: nothing is */
	struct buf key;
	bool has_root;
	unsigned char root[32];
	bool shut_out;   /* it does not take who we are */
	int64_t ahead_s; /* its clock before ours */
};

#define AUTO_STEP __attribute__((cleanup(step_done)))

void step_done(struct step *s);

/* The URL of the configuration may end in a slash or not. Owned. */
char *step_url(const struct step *s, const char *step);

/* With `shown`, by s->chain; else as anybody. */
int step_connect(struct step *s, bool shown, struct err *e);

struct step_ask {
	const char *step;
	const struct buf *body; /* NULL: GET */
	const char *authorization;
	const char *doubt; /* what to look at where it does not know who asks (401) */
	bool by_token;
};

struct step_reply {
	struct http_reply http;
	struct doc *doc; /* owned; NULL: the body is no JSON */
};

#define AUTO_REPLY __attribute__((cleanup(step_reply_done)))

void step_reply_done(struct step_reply *r);

/* 0: what it says is JSON, and no refusal. s->shut_out: it does not take who asks. */
int step_ask(struct step *s, const struct step_ask *a, struct step_reply *r,
	     struct err *e);

/* What the provisioner signs by, encrypted. */
int step_find_key(struct step *s, struct step_jwe *jwe, struct err *e);

/* What has to be led to, once; and its root. */
int step_anchors(struct step *s, struct buf *pem, struct err *e);

/* Add the certificates in `text` to `pem`. */
int step_add_pem(const char *text, struct buf *pem, struct err *e);
