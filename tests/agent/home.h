/*
 * home: a store in a folder of its own, and the snapshot of a configuration for it, in
 * which "$" stands for that folder; what lies in there is really there for the compiler,
 * all else is config_fake's.
 *
 *     if (home_open(&h) < 0) ...; home_compile(&h, config); home_close(&h);
 */
#pragma once

#include <errno.h>

#include "acme/jws.h"
#include "agent/config/config.h"
#include "agent/role/request.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/key.h"
#include "base/mem.h"
#include "store/account.h"
#include "tests/agent/config_fake.h"
#include "tests/help/alone.h"
#include "tests/scratch.h"

struct home {
	void *scratch; /* a struct scratch */
	int snapshot;
};

static inline int home_open(struct home *h)
{
	return store_in(&h->scratch);
}

/* A file of the home that is its owner's alone. */
static inline void home_secret(const struct home *h, const char *path, const char *text)
{
	const struct scratch *s = h->scratch;

	scratch_put(s, path, text);
	if (fchmodat(s->fd, path, 0600, 0) < 0)
		abort();
}

static inline int home_look(void *arg, const char *path, struct config_look *look)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fake_look(arg, path, look);
	*look = (struct config_look){ .mode = st.st_mode };
	return 0;
}

/* A snapshot of `config` for this home; the caller's. */
static inline int home_snapshot(const struct home *h, const char *config)
{
	AUTO_BUF struct buf text = { 0 };
	struct fake f = { .at = 0 };
	struct config_host host = fake_host(&f, false);
	struct err e;
	int fd;

	for (; *config != '\0'; config++)
		if (*config == '$')
			buf_puts(&text, ((struct scratch *)h->scratch)->path);
		else
			buf_add(&text, config, 1);
	host.look = home_look;
	if (config_compile(&host, "main.conf", text.data, text.len, &fd, &e) != 0)
		fail_msg("%s", fake_said(&f));
	fake_done(&f);
	return fd;
}

static inline void home_compile(struct home *h, const char *config)
{
	h->snapshot = home_snapshot(h, config);
}

static inline int home_close(struct home *h)
{
	close(h->snapshot);
	return scratch_out(&h->scratch);
}

/* For tests that need nothing else: setup and teardown. */
static inline int home_in(void **state, const char *config)
{
	struct home *h = test_calloc(1, sizeof(*h));

	if (home_open(h) < 0)
		return -1;
	home_compile(h, config);
	*state = h;
	return 0;
}

static inline int home_out(void **state)
{
	struct home *h = *state;
	int rc = home_close(h);

	test_free(h);
	return rc;
}

static inline struct alone home_keeper(const struct home *h, enum command command)
{
	const struct request r = { .command = command };
	struct alone a;

	alone_start(&a, ROLE_KEEPER, &r, h->snapshot);
	return a;
}

/* An account at `issuer`, and its key authorization of `token` (RFC 8555 8.1); owned. */
static inline char *home_authorization(const struct home *h, const char *issuer,
				       const char *token)
{
	AUTO_ACCOUNT struct account a = { .key = NULL };
	AUTO_BUF struct buf print = { 0 };
	struct err e;

	assert_int_equal(account_make_key(((struct scratch *)h->scratch)->fd, issuer,
					  KEY_ECDSA_P256, &a, &e),
			 0);
	assert_int_equal(jws_thumbprint(a.key, &print, &e), 0);
	return xasprintf("%s.%s", token, print.data);
}
