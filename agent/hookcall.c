#include "agent/hookcall.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/crlwatch.h"
#include "agent/job.h"
#include "agent/role/messages.h"
#include "agent/strangers.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/text.h"
#include "hooks/env.h"

/* What is told of one certificate, in the environment and in the document. */
struct told {
	struct buf values[HOOK_VALUES];
	uint64_t generation;
};

static void told_done(struct told *t)
{
	for (size_t i = 0; i < HOOK_VALUES; i++)
		buf_done(&t->values[i]);
}

#define AUTO_TOLD __attribute__((cleanup(told_done)))

static void put_domains(const struct agent *a, const struct job *j, struct buf *out)
{
	const struct spec *s = a->spec;
	const struct name_set missing =
	    setbacks_missing(a, j->cert, j->facts.names_hash);

	for (uint32_t i = 0; i < j->spec->names.n; i++)
		if (!name_set_has(&missing, i))
			buf_printf(out, "%s%s", out->len == 0 ? "" : " ",
				   spec_text(s,
					     s->names[j->spec->names.first + i].value));
}

static void tell(const struct agent *a, const struct job *j, struct told *t)
{
	static const struct {
		enum hook_value value;
		const char *file;
	} files[] = {
		{ HOOK_CERT, "cert.pem" },
		{ HOOK_KEY, "privkey.pem" },
		{ HOOK_CHAIN, "chain.pem" },
		{ HOOK_FULLCHAIN, "fullchain.pem" },
	};
	const struct x509_facts *f =
	    j->undone || j->facts.not_after == 0 ? &j->old_facts : &j->facts;
	char hex[65];
	char until[TEXT_TIME_MAX];

	t->generation = j->undone ? j->previous : j->generation;
	text_hex(hex, f->fingerprint, sizeof(f->fingerprint));
	buf_puts(&t->values[HOOK_NAME], j->name);
	put_domains(a, j, &t->values[HOOK_DOMAINS]);
	buf_printf(&t->values[HOOK_DIR], "%s/live/%s", a->state_dir, j->name);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (files[i].value == HOOK_KEY && j->spec->csr.at != 0)
			continue; /* it is elsewhere */
		buf_printf(&t->values[files[i].value], "%s/live/%s/%s", a->state_dir,
			   j->name, files[i].file);
	}
	if (f->not_after != 0) { /* else there is no certificate yet */
		buf_puts(&t->values[HOOK_SERIAL], f->serial);
		buf_puts(&t->values[HOOK_FINGERPRINT], hex);
		buf_puts(&t->values[HOOK_NOT_AFTER], text_time(until, f->not_after));
	}
	buf_puts(&t->values[HOOK_WHY], why_word(j->why));
	if (j->err.code != 0)
		text_escape(&t->values[HOOK_ERROR], j->err.text, strlen(j->err.text),
			    ERR_TEXT_MAX);
}

static void put_cert(const struct agent *a, struct json *json, const struct job *j)
{
	static const char *const keys[HOOK_VALUES] = {
		[HOOK_NAME] = "name",           [HOOK_DIR] = "dir",
		[HOOK_CERT] = "cert",           [HOOK_KEY] = "key",
		[HOOK_CHAIN] = "chain",         [HOOK_FULLCHAIN] = "fullchain",
		[HOOK_SERIAL] = "serial",       [HOOK_FINGERPRINT] = "fingerprint",
		[HOOK_NOT_AFTER] = "not_after", [HOOK_WHY] = "why",
		[HOOK_ERROR] = "error",
	};
	AUTO_TOLD struct told t = { .generation = 0 };
	const struct spec *s = a->spec;
	const struct name_set missing =
	    setbacks_missing(a, j->cert, j->facts.names_hash);

	tell(a, j, &t);
	json_open(json, NULL, '{');
	for (size_t i = 0; i < HOOK_VALUES; i++)
		if (keys[i] != NULL)
			json_str(json, keys[i], t.values[i].data);
	json_open(json, "domains", '[');
	for (uint32_t i = 0; i < j->spec->names.n; i++)
		if (!name_set_has(&missing, i))
			json_str(json, NULL,
				 spec_text(s,
					   s->names[j->spec->names.first + i].value));
	json_close(json);
	json_int(json, "generation", (int64_t)t.generation);
	json_close(json);
}

static void tell_crl(const struct crl *c, struct told *t)
{
	char until[TEXT_TIME_MAX];

	buf_puts(&t->values[HOOK_NAME], c->name);
	if (crlwatch_until(c) != 0)
		buf_puts(&t->values[HOOK_NOT_AFTER],
			 text_time(until, crlwatch_until(c)));
	if (c->stale != NULL)
		text_escape(&t->values[HOOK_ERROR], c->stale, strlen(c->stale),
			    ERR_TEXT_MAX);
}

static void tell_stranger(const struct strange *f, struct told *t)
{
	AUTO_FREE char *words = strange_words(f, clock_now());
	char until[TEXT_TIME_MAX], hex[65];

	text_hex(hex, f->fingerprint, sizeof(f->fingerprint));
	text_escape(&t->values[HOOK_CERT], f->path, strlen(f->path), STRANGER_PATH);
	buf_puts(&t->values[HOOK_SERIAL], f->serial);
	buf_puts(&t->values[HOOK_FINGERPRINT], hex);
	buf_puts(&t->values[HOOK_NOT_AFTER], text_time(until, f->not_after));
	text_escape(&t->values[HOOK_ERROR], words, strlen(words), ERR_TEXT_MAX);
}

static size_t n_strangers(const struct hookcall *c)
{
	return c->strangers == NULL ? 0 : c->strangers->n;
}

static size_t count(const struct hookcall *c)
{
	return c->n_jobs + c->n_crls + n_strangers(c);
}

static void put_document(const struct agent *a, const struct hookcall *c,
			 struct buf *out)
{
	struct json json;

	json_begin(&json, out);
	json_open(&json, NULL, '{');
	json_int(&json, "version", 1);
	json_str(&json, "event", event_words[c->event]);
	json_str(&json, "hook", spec_text(a->spec, a->spec->hooks[c->hook].name));
	json_str(&json, "step", c->test ? "test" : "run");
	json_int(&json, "count", (int64_t)count(c));
	json_str(&json, "error", c->error);
	json_open(&json, "certificates", '[');
	for (size_t i = 0; i < c->n_jobs; i++)
		put_cert(a, &json, c->jobs[i]);
	json_close(&json);
	json_open(&json, "crls", '[');
	for (size_t i = 0; i < c->n_crls; i++)
		crlwatch_json(c->crls[i], &json);
	json_close(&json);
	json_open(&json, "watched", '[');
	for (size_t i = 0; i < n_strangers(c); i++)
		strange_json(&c->strangers->all[i], &json);
	json_close(&json);
	json_close(&json);
	json_end(&json);
	buf_puts(out, "\n");
}

int hookcall_seal(const struct buf *text, int *fd, struct err *e)
{
	AUTO_FD int mem = memfd_create("hook", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t at = 0;

	if (mem < 0)
		return err_sys(e, "memfd_create");
	while (at < text->len) {
		ssize_t n = write(mem, text->data + at, text->len - at);

		if (n < 0)
			return err_sys(e, "write the document for a hook");
		at += (size_t)n;
	}
	if (lseek(mem, 0, SEEK_SET) < 0 ||
	    fcntl(mem, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_sys(e, "seal the document for a hook");
	*fd = take_fd(&mem);
	return 0;
}

static void put_names(const struct hookcall *c, struct buf *out)
{
	for (size_t i = 0; i < c->n_jobs && out->len <= LIMIT_HOOK_NAMES; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : " ", c->jobs[i]->name);
	for (size_t i = 0; i < c->n_crls && out->len <= LIMIT_HOOK_NAMES; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : " ", c->crls[i]->name);
}

int hookcall_put(const struct agent *a, const struct hookcall *c, struct msg *m,
		 struct err *e)
{
	AUTO_BUF struct buf document = { 0 };
	AUTO_BUF struct buf names = { 0 };
	AUTO_TOLD struct told t = { .generation = 0 };

	put_document(a, c, &document);
	put_names(c, &names);
	if (c->n_jobs == 1)
		tell(a, c->jobs[0], &t);
	if (c->n_crls == 1)
		tell_crl(c->crls[0], &t);
	if (c->n_jobs == 0 && n_strangers(c) == 1)
		tell_stranger(&c->strangers->all[0], &t);
	if (c->error != NULL)
		text_escape(&t.values[HOOK_ERROR], c->error, strlen(c->error),
			    ERR_TEXT_MAX);
	msg_begin(m, SUP_HOOK, 0);
	msg_put_u64(m, c->hook);
	msg_put_u64(m, c->test);
	msg_put_str(m, event_words[c->event]);
	msg_put_u64(m, count(c));
	msg_put_str(m, names.len > LIMIT_HOOK_NAMES ? NULL : names.data);
	for (size_t i = 0; i < HOOK_VALUES; i++)
		msg_put_str(m, t.values[i].data);
	return hookcall_seal(&document, &m->fd, e);
}
