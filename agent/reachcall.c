#include "agent/reachcall.h"

#include "agent/agent.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"

static void on_answer(void *arg, uint32_t number, struct msg *m,
		      const struct err *failed)
{
	struct agent *a = arg;
	const char *why = failed == NULL ? msg_get_str(m) : "";

	a->n_reaching--;
	agent_pass(a);
	if (why[0] != '\0')
		log_warn("%s: %s", agent_cert_name(a, number), why);
}

static bool is_other(uint32_t id)
{
	return id != 0 && id != SPEC_NOBODY;
}

/* Without root nobody has them but ourselves. */
static bool is_for_others(const struct agent *a, const struct spec_cert *c)
{
	bool found = is_other(c->uid) || is_other(c->gid);

	for (uint32_t i = 0; !found && i < c->files.n; i++) {
		const struct spec_file *f = &a->spec->files[c->files.first + i];

		found = is_other(f->uid) || is_other(f->gid);
	}
	return found;
}

void reachcall(struct agent *a, uint32_t cert)
{
	AUTO_MSG struct msg m = MSG_NONE;

	if (!is_for_others(a, &a->spec->certs[cert]))
		return;
	msg_begin(&m, SUP_REACH, 0);
	msg_put_u64(&m, cert);
	a->n_reaching++;
	link_call(&a->super, &m, on_answer, cert);
}
