#include "tests/help/lent.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/key.h"
#include "base/mem.h"
#include "base/x509.h"
#include "store/generation.h"
#include "tests/agent/config_fake.h"
#include "tests/scratch.h"

int lent_in(struct lent *l, const struct lent_config *c)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *text = NULL;
	struct fake f = { .at = 0 };

	if (store_in(&l->scratch) < 0 || scratch_in(&l->elsewhere) < 0)
		return -1;
	scratch_put(l->elsewhere, c->file, c->secret);
	path = xasprintf("%s/%s", ((struct scratch *)l->elsewhere)->path, c->file);
	f.secret = path;
	text =
	    xasprintf("state_dir = \"%s\"; %s\"%s\"%s",
		      ((struct scratch *)l->scratch)->path, c->before, path, c->after);
	if (fake_compile(&f, false, text, strlen(text), &l->snapshot) != 0)
		fail_msg("%s", fake_said(&f));
	fake_done(&f);
	return 0;
}

int lent_out(struct lent *l)
{
	close(l->snapshot);
	return scratch_out(&l->scratch) | scratch_out(&l->elsewhere);
}

uint32_t lent_issuer(const struct lent *l, const char *name)
{
	AUTO_SPEC struct spec spec = { 0 };
	struct err e;

	assert_int_equal(spec_map(l->snapshot, &spec, &e), 0);
	return spec_issuer_called(&spec, name);
}

struct alone lent_begin(const struct lent *l, enum command command, uint64_t step)
{
	const struct request r = { .command = command, .step = step };
	struct alone a;

	alone_start(&a, ROLE_KEEPER, &r, l->snapshot);
	return a;
}

int lent_try(const struct alone *a, const struct lend_ticket *t, int *fd,
	     char text[ERR_TEXT_MAX])
{
	const struct timeval patience = { .tv_sec = 10 };
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;
	int rc;

	assert_int_equal(lend_begin(t, &m, fd, &e), 0);
	setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	rc = alone_ask(a, &m, text, ERR_TEXT_MAX);
	close(m.fd);
	m.fd = -1;
	return rc;
}

int lent_fd(const struct alone *a, const struct lend_ticket *t)
{
	char text[ERR_TEXT_MAX];
	int fd = -1;

	if (lent_try(a, t, &fd, text) != 0)
		fail_msg("%s", text);
	return fd;
}

int lent_ask(int fd, struct msg *m, char text[ERR_TEXT_MAX])
{
	static uint32_t last_id = 5000;
	const uint32_t type = m->type;
	struct err e;

	m->id = ++last_id;
	if (msg_send(fd, m, &e) < 0 || msg_recv(fd, m, &e) < 0)
		fail_msg("message %u: %s", type, e.text);
	assert_int_equal(m->id, last_id);
	text[0] = '\0';
	if (m->type != MSG_FAILED) {
		assert_int_equal(m->type, type);
		return 0;
	}
	msg_get_err(m, &e);
	snprintf(text, ERR_TEXT_MAX, "%s", e.text);
	return e.code;
}

void lent_takes_only(int fd, const uint32_t *types)
{
	char text[ERR_TEXT_MAX], expected[64];

	for (uint32_t type = 0; type < MESSAGES + 5; type++) {
		AUTO_MSG struct msg m = MSG_NONE;
		const uint32_t *t = types;

		while (*t != 0 && *t != type)
			t++;
		snprintf(expected, sizeof(expected), "message %u %s", type,
			 *t != 0 ? "has the wrong fields" : "is not allowed here");
		msg_begin(&m, type, 0);
		msg_put_i64(&m, -1);
		msg_put_str(&m, "a word");
		if (lent_ask(fd, &m, text) != ERR_PROTO || strcmp(text, expected) != 0)
			fail_msg("message %u: \"%s\"", type, text);
	}
}

void lent_keep(const struct lent *l, X509 *cert, const EVP_PKEY *key)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0600 };
	const struct scratch *dir = l->scratch;
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf key_pem = { 0 };
	uint64_t number;
	struct err e;

	assert_int_equal(x509_to_pem(cert, &pem, &e), 0);
	assert_int_equal(key_to_pem(key, &key_pem, &e), 0);
	assert_int_equal(generation_begin(&g, dir->fd, "a", &e), 0);
	assert_int_equal(generation_add(&g, "cert.pem", pem.data, pem.len, &access, &e),
			 0);
	assert_int_equal(generation_add(&g, "fullchain.pem", pem.data, pem.len, &access,
					&e),
			 0);
	assert_int_equal(generation_add(&g, "privkey.pem", key_pem.data, key_pem.len,
					&access, &e),
			 0);
	assert_int_equal(generation_keep(&g, &number, &e), 0);
	assert_int_equal(number, 1);
}
