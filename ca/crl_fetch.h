/*
 * crl_fetch: a CRL as its server has it (RFC 5280 4.2.1.13): by http, or https where the
 * server is verified; https adds nothing that its signature does not. What comes goes to
 * a sink as it arrives.
 *
 * A server may send us on three times, never from https to http. Each of its addresses is
 * looked at before it is connected to: nobody sends us to what only this host can reach.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/http.h"

struct err;

#define CRL_REDIRECTS 3
#define CRL_FETCH_MS  300000 /* 400 MB at 1.4 MB/s */
#define LIMIT_CRL_URL 2048

/* Which addresses of this host, link-local ones and those of metadata services are asked. */
enum crl_local {
	CRL_LOCAL_NONE,
	CRL_LOCAL_ORIGIN, /* where the URL itself leads to, and not where that sends us */
	CRL_LOCAL_ANY,
};

struct crl_fetch {
	const char *url;
	const char *trust; /* as in http.h */
	const char *user_agent;
	const char *etag; /* of what we have; "": none */
	const char *last_modified;
	enum crl_local local;
	uint64_t max_size; /* octets */
	long deadline_ms;  /* of each exchange; 0: CRL_FETCH_MS */
	http_sink *sink;
	void *sink_arg;
};

/* Fetch it; *reply is the last answer: status 200, all has gone to the sink, or 304, it is
 * what we have. ERR_NET, ERR_LATER: try again; ERR_REFUSED: there is none, it may not be had,
 * or it leads where it must not; ERR_LIMIT, ERR_PROTO; or what the sink said. */
int crl_fetch(const struct crl_fetch *f, struct http_reply *reply, struct err *e);
