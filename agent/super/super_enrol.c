#include "agent/super/super_enrol.h"

#include <fcntl.h>
#include <string.h>

#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/super/hookrun.h"
#include "agent/super/super.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/common_name.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/names.h"

/* The names of a certificate as programs are told of them. */
struct told {
	struct buf all;
	struct buf kinds[NAME_KINDS];
	char *live; /* owned; the path of what is live */
};

static void told_done(struct told *t)
{
	buf_done(&t->all);
	for (size_t i = 0; i < NAME_KINDS; i++)
		buf_done(&t->kinds[i]);
	auto_free_(&t->live);
}

static void tell(const struct spec *s, const struct spec_cert *c, struct told *t)
{
	for (uint32_t i = 0; i < c->names.n; i++) {
		const struct spec_name *name = &s->names[c->names.first + i];
		struct buf *kind = &t->kinds[name->kind];
		const char *word = spec_text(s, name->value);

		buf_printf(&t->all, "%s%s", t->all.len == 0 ? "" : " ", word);
		buf_printf(kind, "%s%s", kind->len == 0 ? "" : "\n", word);
	}
	t->live = xasprintf("%s/live/%s/cert.pem", spec_text(s, s->global->state_dir),
			    spec_text(s, c->name));
}

/* What the request says in the place of a name; owned. */
static char *common_name(const struct spec *s, const struct spec_cert *c)
{
	AUTO_FREE struct name *names = xcalloc(c->names.n, sizeof(*names));
	const char *word;

	if (c->csr.at != 0) /* that is for who made it to say */
		return NULL;
	for (uint32_t i = 0; i < c->names.n; i++) {
		const struct spec_name *n = &s->names[c->names.first + i];

		names[i] =
		    (struct name){ (enum name_kind)n->kind, spec_text(s, n->value) };
	}
	word = common_name_of(names, c->names.n);
	return word == NULL ? NULL : xstrdup(word);
}

static int start(struct super *s, struct hookrun_enrol *p, const struct spec_cert *c,
		 struct err *e)
{
	AUTO_FREE char *subject = common_name(&s->spec, c);
	struct told t = { .live = NULL };
	int rc;

	tell(&s->spec, c, &t);
	p->call.name = spec_text(&s->spec, c->name);
	p->call.common_name = subject;
	p->call.domains = t.all.data;
	p->call.hosts = t.kinds[NAME_DNS].data;
	p->call.mailboxes = t.kinds[NAME_EMAIL].data;
	p->call.addresses = t.kinds[NAME_IP].data;
	p->call.cert = p->call.live == NULL ? NULL : t.live;
	rc = hookrun_enrol(s->hooks, p, e);
	told_done(&t);
	return rc;
}

int super_enrol(void *role, struct msg *m, struct err *e)
{
	struct super *s = role;
	struct hookrun_enrol p = { .id = m->id, .in = m->fd };
	const uint64_t issuer = msg_get_u64(m), cert = msg_get_u64(m);
	const void *digest;
	bool asked;
	size_t len;

	p.call.why = msg_get_str(m);
	p.call.csr = msg_get_str(m);
	p.call.live = msg_get_str(m);
	asked = msg_get_u64(m) != 0;
	p.call.handle = msg_get_str(m);
	digest = msg_get_bytes(m, &len);
	TRY(msg_end(m, e));
	m->type = MSG_LATER; /* when it has ended */
	if (issuer >= s->spec.n[SPEC_ISSUERS] || cert >= s->spec.n[SPEC_CERTS])
		return err_set(e, ERR_PROTO, "there is no such issuer or certificate");
	if (len != sizeof(p.asked))
		return err_set(e, ERR_PROTO, "no digest of what is asked");
	memcpy(p.asked, digest, len);
	p.issuer = (uint32_t)issuer;
	if (p.call.live[0] == '\0')
		p.call.live = NULL;
	if (!asked)
		p.call.handle = NULL;
	return start(s, &p, &s->spec.certs[cert], e);
}

/* Not to be waited for, whatever it is. */
static int open_trust(const struct spec *s, uint32_t issuer)
{
	const char *path = issuer >= s->n[SPEC_ISSUERS]
			       ? NULL
			       : spec_text(s, s->issuers[issuer].trust);
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (path != NULL && fd < 0)
		log_warn("%s: it cannot be opened: %m", path);
	return fd;
}

void super_enrol_put(struct super *s, const struct hookrun_result *r)
{
	struct msg *m = &s->msg;

	msg_begin(m, SUP_ENROL, r->id);
	msg_put_i64(m, r->status);
	msg_put_u64(m, r->has_more);
	msg_put_i64(m, r->ms);
	msg_put_str(m, r->text);
	msg_put_str(m, r->said);
	m->fd = open_trust(&s->spec, r->issuer);
}
