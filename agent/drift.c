#include "agent/drift.h"

#include <stdlib.h>

#include "agent/agent.h"
#include "agent/alarm.h"
#include "agent/job.h"
#include "agent/role/event.h"
#include "agent/role/log.h"
#include "agent/rootwatch.h"
#include "agent/table.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/text.h"
#include "store/target.h"

#define TEXT_MOST 400 /* bytes that are said of one certificate */

void drift_describe(struct buf *out, const char *path, unsigned differs)
{
	static const struct {
		unsigned bit;
		const char *words;
	} kinds[] = {
		{ TARGET_MISSING, "missing" },
		{ TARGET_STRANGE, "not a plain file of its own" },
		{ TARGET_CONTENT, "other content" },
		{ TARGET_OWNER, "other owner" },
		{ TARGET_MODE, "other mode" },
	};
	const char *between = ": ";

	if (differs == 0)
		return;
	buf_printf(out, "%s%s", out->len == 0 ? "" : "; ", path);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		if ((differs & kinds[k].bit) != 0) {
			buf_printf(out, "%s%s", between, kinds[k].words);
			between = ", ";
		}
}

static const char *path_of(const struct agent *a, uint32_t i, uint64_t file)
{
	const struct list files = a->spec->certs[i].files;

	return file < files.n
		   ? spec_text(a->spec, a->spec->files[files.first + file].path)
		   : "a file";
}

static void set(struct agent *a, uint32_t i, struct buf *text)
{
	free(a->drift[i].text);
	a->drift[i].text = xstrdup(text->data);
}

void drift_damaged(struct agent *a, uint32_t i, uint32_t flag, const char *why)
{
	if (why[0] == '\0')
		return;
	a->certs[i].flags |= flag;
	if (a->drift[i].damage != NULL)
		return; /* one reason will do */
	a->drift[i].damage = xstrdup(why);
	if (request_writes(a->request))
		log_warn("%s: damaged: %s", agent_cert_name(a, i), why);
}

void drift_undamaged(struct agent *a, uint32_t i)
{
	free(TAKE(a->drift[i].damage));
}

static void set_newer(struct agent *a, uint32_t i, uint64_t file, int64_t until)
{
	AUTO_BUF struct buf text = { 0 };
	char at[TEXT_TIME_MAX];

	a->certs[i].flags |= CERT_FILES_DIFFER | CERT_FOREIGN;
	buf_printf(&text, "%s holds a newer certificate of somebody else, until %s",
		   path_of(a, i, file - 1), text_time(at, until));
	set(a, i, &text);
}

void drift_take(struct agent *a, uint32_t i, struct msg *m)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_FREE char *key =
	    xasprintf("%s/live/%s/privkey.pem", a->state_dir, agent_cert_name(a, i));
	const unsigned of_key = (unsigned)msg_get_u64(m);
	const uint64_t newer = msg_get_u64(m);
	const int64_t until = msg_get_i64(m);
	const uint64_t n = msg_get_u64(m);

	if (of_key != 0)
		a->certs[i].flags |= CERT_FILES_DIFFER;
	drift_describe(&text, key, of_key);
	for (uint64_t k = 0; k < n && !m->broken; k++) {
		const unsigned differs = (unsigned)msg_get_u64(m);

		if (differs != 0)
			a->certs[i].flags |= CERT_FILES_DIFFER;
		if (text.len < TEXT_MOST)
			drift_describe(&text, path_of(a, i, k), differs);
	}
	if (rootwatch_moved(a, i))
		a->certs[i].flags |= CERT_ROOTS;
	if (newer != 0)
		set_newer(a, i, newer, until);
	else if (text.len > 0 && (a->certs[i].flags & CERT_BY_HAND) == 0)
		set(a, i, &text);
}

void drift_live(struct agent *a, uint32_t i, int64_t not_after)
{
	AUTO_BUF struct buf text = { 0 };
	char at[TEXT_TIME_MAX];

	buf_printf(&text,
		   "%s/live/%s/cert.pem is not the certificate that was stored there, "
		   "but one until %s",
		   a->state_dir, agent_cert_name(a, i), text_time(at, not_after));
	set(a, i, &text);
}

bool drift_stays(const struct agent *a, uint32_t i)
{
	const uint32_t flags = a->certs[i].flags;

	return (flags & (CERT_FOREIGN | CERT_BY_HAND)) != 0 ||
	       ((flags & CERT_FILES_DIFFER) != 0 &&
		a->spec->certs[i].on_drift == DRIFT_REPORT);
}

char *drift_words(const struct agent *a, uint32_t i)
{
	const char *name = agent_cert_name(a, i);
	const char *text = a->drift[i].text;

	if (text == NULL)
		return NULL;
	if ((a->certs[i].flags & CERT_FOREIGN) != 0)
		return xasprintf(
		    "%s: left as it is until ours is newer; `everleaf renew "
		    "%s --force` writes over it",
		    text, name);
	if ((a->certs[i].flags & CERT_BY_HAND) != 0)
		return xasprintf("%s: left as it is until its renewal; `everleaf renew "
				 "%s --force` or `everleaf rollback %s` ends that",
				 text, name, name);
	if (drift_stays(a, i))
		return xasprintf(
		    "%s: left as it is, as on_drift says; `everleaf renew %s "
		    "--force` writes it again",
		    text, name);
	return xasprintf("%s: written again by the next run", text);
}

void drift_note(struct agent *a, uint32_t i)
{
	AUTO_FREE char *words = NULL;

	if (!a->wanted[i] || !a->drift[i].is_new || !drift_stays(a, i))
		return;
	a->drift[i].is_new = false;
	words = drift_words(a, i);
	agent_tell(a, agent_cert_name(a, i), "drift", a->certs[i].generation, words);
}

void drift_forget(struct agent *a, uint32_t i)
{
	drift_undamaged(a, i);
	free(a->drift[i].text);
	a->drift[i] = (struct drift){ .text = NULL };
}

bool drift_over(const struct agent *a, const struct job *j)
{
	return j->by_hand || (a->certs[j->cert].flags & CERT_ASKED) != 0 ||
	       ((a->request->flags & REQUEST_FORCE) != 0 && a->wanted[j->cert]);
}

bool drift_leaves(const struct agent *a, const struct job *j)
{
	return j->spec->on_drift == DRIFT_REPORT && !j->cut && !drift_over(a, j) &&
	       j->generation == a->certs[j->cert].generation;
}

void drift_ask(const struct agent *a, const struct job *j, struct msg *m)
{
	const uint32_t flags = a->certs[j->cert].flags;
	const uint64_t whole = j->stamp != 0 ? j->stamp : j->memory.disk_stamp;

	msg_put_u64(m, (flags & CERT_FILES_DIFFER) != 0 ? 0 : whole);
	msg_put_u64(m, drift_over(a, j));
}

static void raise_alarm(struct agent *a, struct job *j, const char *words)
{
	if (alarm_admit_words(a, j->name, "drift", words, NULL))
		j->alarms |= 1u << EVENT_DRIFT;
}

static void tell_left(struct agent *a, struct job *j, uint64_t file, int64_t until)
{
	const bool known = (a->certs[j->cert].flags & CERT_FOREIGN) != 0;
	AUTO_FREE char *words = NULL;

	j->left = true;
	set_newer(a, j->cert, file, until);
	if (known)
		return;
	words = drift_words(a, j->cert);
	agent_tell(a, j->name, "drift", j->generation, words);
	raise_alarm(a, j, words);
}

void drift_installed(struct agent *a, struct job *j, struct msg *m)
{
	const uint64_t file = msg_get_u64(m);
	const int64_t until = msg_get_i64(m);
	struct drift *d = &a->drift[j->cert];
	const bool repair = due_writes_again(j->why);
	AUTO_FREE char *words = NULL;

	if (file != 0) {
		tell_left(a, j, file, until);
		return;
	}
	if (j->why == WHY_ROOTS_CHANGED) { /* our own doing */
		agent_tell(a, j->name, why_word(j->why), j->generation,
			   rootwatch_written(a, j->cert));
		drift_forget(a, j->cert);
		return;
	}
	if (d->text == NULL && !repair)
		return;
	words = xasprintf("%s%s", d->text == NULL ? "" : d->text,
			  repair ? "" : ": written over");
	agent_tell(a, j->name, repair ? "repaired" : "drift", j->generation, words);
	raise_alarm(a, j, words);
	if (j->generation == j->previous &&
	    (a->certs[j->cert].flags & CERT_BY_HAND) != 0)
		return; /* that is so still */
	drift_forget(a, j->cert);
}

void drift_show(const struct agent *a, uint32_t i, struct table *t)
{
	AUTO_FREE char *words = drift_words(a, i);

	if (a->drift[i].damage != NULL)
		table_note(t, "damaged: %s", a->drift[i].damage);
	if (words != NULL)
		table_note(t, "%s", words);
}

void drift_json(const struct agent *a, uint32_t i, struct json *j)
{
	AUTO_FREE char *words = drift_words(a, i);

	json_str(j, "damage", a->drift[i].damage);
	json_str(j, "drift", words);
}

void drift_free(struct agent *a)
{
	for (uint32_t i = 0; a->drift != NULL && i < a->spec->n[SPEC_CERTS]; i++)
		drift_forget(a, i);
	free(a->drift);
}
