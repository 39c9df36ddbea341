#include "tests/help/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "acme/refusal.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

struct ca_said {
	size_t at;      /* the next step */
	unsigned nonce; /* how many were given */
	char wrong[512];
};

static struct ca *serving; /* in the child: which script */

static void put_text(struct buf *out, const char *text, const char *url)
{
	for (; *text != '\0'; text++)
		if (*text == '@')
			buf_puts(out, url);
		else
			buf_add(out, text, 1);
}

static void say(struct web *w, const struct ca_step *s, bool head)
{
	AUTO_BUF struct buf headers = { 0 };
	AUTO_BUF struct buf body = { 0 };
	struct ca_said *said = serving->said;

	put_text(&headers, s->headers, w->url);
	put_text(&body, s->body, w->url);
	if (strstr(s->headers, "Replay-Nonce") == NULL)
		buf_printf(&headers, "Replay-Nonce: N%u\r\n", ++said->nonce);
	if (head) /* the length of a body that is not sent */
		web_say(w, "HTTP/1.1 200 OK\r\n"),
		    web_write(w, headers.data, headers.len), web_say(w, "\r\n");
	else
		web_answer(w, s->status, headers.data == NULL ? "" : headers.data,
			   body.data == NULL ? "" : body.data);
}

static void follow(struct web *w)
{
	static const struct ca_step nonce = { "HEAD /nonce", 200, "", "" };
	static const struct ca_step lost = { "", 500, "", "" };
	struct ca_said *said = serving->said;
	char head[8192];

	/* URLs are not known before the port is. */
	snprintf(w->url, sizeof(w->url), "https://127.0.0.1:%u", w->server.port);
	while (web_ask(w, head, sizeof(head))) {
		const struct ca_step *s =
		    said->at < serving->n_steps ? &serving->steps[said->at] : &lost;

		if (s->ask[0] != '\0' && strncmp(head, s->ask, strlen(s->ask)) == 0) {
			said->at++;
			say(w, s, strncmp(head, "HEAD", 4) == 0);
		} else if (strncmp(head, nonce.ask, strlen(nonce.ask)) == 0) {
			say(w, &nonce, true);
		} else {
			snprintf(said->wrong, sizeof(said->wrong),
				 "step %zu is \"%s\", not \"%.60s\"", said->at, s->ask,
				 head);
			say(w, &lost, false);
		}
	}
}

/* -- the host -- */

static void hear(struct ca *ca, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void hear(struct ca *ca, const char *fmt, ...)
{
	size_t at = strlen(ca->heard);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ca->heard + at, sizeof(ca->heard) - at, fmt, ap);
	va_end(ap);
}

static int sign(void *arg, const struct acme_ask *ask, struct buf *jws, struct err *e)
{
	struct ca *ca = arg;

	(void)e;
	if (ask->kind == ASK_NEW_ACCOUNT)
		ca->keys[ca->n_signed[ask->kind]] = ask->key;
	if (ask->kind == ASK_NEW_ORDER)
		snprintf(ca->profile, sizeof(ca->profile), "%s",
			 ask->profile == NULL ? "" : ask->profile);
	ca->n_replaces += ask->replaces;
	if (ask->kind == ASK_ROLL_KEY)
		ca->rolling = true;
	ca->n_signed[ask->kind]++;
	buf_printf(jws, "kind %u nonce %s url %s;", ask->kind, ask->nonce, ask->url);
	return 0;
}

static int account(void *arg, struct acme_account *a, struct err *e)
{
	struct ca *ca = arg;

	(void)e;
	ca->n_account++;
	*a = (struct acme_account){
		.kid = ca->kid[0] == '\0' ? NULL : xstrdup(ca->kid),
		.thumbprint =
		    ca->no_key ? NULL : xstrdup(ca->rolled ? "THUMB2" : "THUMB"),
		.rolling = ca->rolling,
	};
	return 0;
}

static int registered(void *arg, const char *kid, struct err *e)
{
	struct ca *ca = arg;

	(void)e;
	ca->no_key = false;
	snprintf(ca->kid, sizeof(ca->kid), "%s", kid == NULL ? "" : kid);
	hear(ca, "registered %s;", kid == NULL ? "no more" : kid);
	return 0;
}

static int rolled(void *arg, bool taken, struct err *e)
{
	struct ca *ca = arg;

	(void)e;
	ca->rolling = false;
	ca->rolled = taken;
	hear(ca, "rolled %d;", taken);
	return 0;
}

static int checkpoint(void *arg, const char *order_url, const struct acme_token *tokens,
		      size_t n, struct err *e)
{
	struct ca *ca = arg;

	(void)e;
	hear(ca, "order %s;", order_url);
	for (size_t i = 0; i < n; i++)
		hear(ca, "token %s %u %s %s;", tokens[i].name, tokens[i].way,
		     tokens[i].token, tokens[i].authorization);
	return 0;
}

static int over(void *arg, const struct refusals *refused, struct err *e)
{
	struct ca *ca = arg;

	(void)e;
	hear(ca, "order over;");
	for (size_t i = 0; i < refused->n; i++)
		if (refused->list[i].way == ACME_ANY_WAY)
			hear(ca, "refused %s;", refused->list[i].name);
		else
			hear(ca, "refused %s %u;", refused->list[i].name,
			     refused->list[i].way);
	return 0;
}

/* -- start and end -- */

void ca_start(struct ca *ca, struct web *web, const struct ca_step *steps, size_t n)
{
	struct acme_settings s = { .url = ca->heard, /* until it is known */
				   .agree_terms = true,
				   .http = { .trust = web->trust,
					     .user_agent = "everleaf/test",
					     .language = "en",
					     .deadline_ms = 5000 } };
	static char url[128];
	struct err e;

	*ca = (struct ca){ .web = web,
			   .steps = steps,
			   .n_steps = n,
			   .host = { ca, sign, account, registered, rolled, checkpoint,
				     over } };
	ca->said = mmap(NULL, sizeof(*ca->said), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(ca->said, MAP_FAILED);
	serving = ca;
	web_start(web, follow);
	snprintf(url, sizeof(url), "%s/dir", web->url);
	s.url = url;
	assert_int_equal(acme_open(&ca->acme, &s, &ca->host, &e), 0);
}

void ca_end(struct ca *ca)
{
	if (ca->said->wrong[0] != '\0')
		fail_msg("%s", ca->said->wrong);
	if (ca->said->at != ca->n_steps)
		fail_msg("step %zu, \"%s\", was not asked for", ca->said->at,
			 ca->steps[ca->said->at].ask);
	acme_close(&ca->acme);
	web_stop(ca->web);
	munmap(ca->said, sizeof(*ca->said));
	memset(ca->web->heard, 0, WEB_HEARD);
}

bool ca_heard(const struct ca *ca, const char *text)
{
	return strstr(ca->web->heard, text) != NULL;
}

const char *ca_text(const struct ca *ca, const char *text)
{
	static char out[8192];
	AUTO_BUF struct buf b = { 0 };

	put_text(&b, text, ca->web->url);
	snprintf(out, sizeof(out), "%s", b.data == NULL ? "" : b.data);
	return out;
}
