#include "agent/inspect/inspect_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/inspect/inspect.h"
#include "agent/inspect/inspect_fact.h"
#include "agent/role/request.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define WIDTH  80
#define LABEL  12 /* columns of a label and what is before it */
#define MANY   8  /* certificates, of which each is a line only */
#define WEIGHT 9  /* "warning" and two */

/* -- text -- */

struct text {
	struct buf *out; /* borrowed */
	unsigned flags;
	size_t width; /* of lines; on a terminal alone they are broken */
};

/* `words` from column `at` on, broken at spaces; what could move a cursor is escaped. */
static void put_words(const struct text *t, const char *words, size_t at)
{
	AUTO_BUF struct buf safe = { 0 };
	const size_t indent = at;

	text_escape(&safe, words, strlen(words), SIZE_MAX);
	for (const char *w = safe.data == NULL ? "" : safe.data; *w != '\0';) {
		const size_t len = strcspn(w, " ");

		if (at > indent && at + 1 + len > t->width) {
			buf_printf(t->out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			buf_puts(t->out, " ");
			at++;
		}
		buf_add(t->out, w, len);
		at += len;
		w += len;
		w += strspn(w, " ");
	}
	buf_puts(t->out, "\n");
}

static void put_fact(const struct text *t, const struct fact *f)
{
	AUTO_BUF struct buf value = { 0 };
	char at[TEXT_TIME_MAX];

	if (f->type == FACT_TIME)
		buf_puts(&value, text_time(at, f->number));
	if (f->type == FACT_NUMBER)
		buf_printf(&value, "%" PRId64, f->number);
	for (size_t i = 0; i < f->n; i++)
		buf_printf(&value, "%s%s", i == 0 ? "" : ", ", f->values[i]);
	if (f->note != NULL)
		buf_printf(&value, " (%s)", f->note);
	buf_printf(t->out, "  %-*s", LABEL - 2, f->label);
	put_words(t, value.data == NULL ? "" : value.data, LABEL);
}

static void put_item(const struct inspect *in, const struct inspect_item *item,
		     bool brief, const struct text *t)
{
	struct facts facts;
	AUTO_FREE char *head = NULL;

	facts_of(in, item, &facts);
	head = xasprintf("%s %u: %s", inspect_kind_word(item->kind), item->number,
			 facts.who);
	put_words(t, head, 0);
	for (size_t i = 0; i < facts.n; i++)
		if (facts.list[i].label != NULL &&
		    (!brief || strcmp(facts.list[i].label, "until") == 0))
			put_fact(t, &facts.list[i]);
	facts_done(&facts);
}

static const char *end_word(enum inspect_end end)
{
	return end == END_TRUSTED ? "trusted" : end == END_ROOT ? "root" : "missing";
}

static void put_chain(const struct inspect *in, const struct inspect_chain *c,
		      const struct text *t)
{
	const struct inspect_item *leaf = &in->items[c->items[0]];

	if (in->n_chains > 1)
		buf_printf(t->out, "\nchain of certificate %u\n", leaf->number);
	else
		buf_puts(t->out, "\nchain\n");
	for (size_t i = 0; i < c->n; i++) {
		const struct inspect_item *item = &in->items[c->items[i]];
		AUTO_FREE char *who = fact_who(item->cert);
		AUTO_FREE char *line = xasprintf("%u: %s", item->number, who);

		buf_puts(t->out, "  ");
		put_words(t, line, 2);
	}
	if (c->end == END_ROOT)
		return;
	buf_printf(t->out, "  %s: ", end_word(c->end));
	put_words(t, c->anchor, 2);
}

static const char *color_of(enum inspect_weight weight)
{
	return weight == WEIGHT_ERROR     ? "\033[31m"
	       : weight == WEIGHT_WARNING ? "\033[33m"
					  : "";
}

static void put_finding(const struct inspect_finding *f, const struct text *t)
{
	const enum inspect_weight weight = inspect_code_weight(f->code);
	const bool color = (t->flags & REQUEST_COLOR) != 0 && weight != WEIGHT_NOTE;
	AUTO_FREE char *said = xasprintf("%s: %s", f->what, f->sentence);

	buf_printf(t->out, "%s%-*s%s%s\n%*s", color ? color_of(weight) : "", WEIGHT,
		   inspect_weight_word(weight), color ? "\033[0m" : "",
		   inspect_code_word(f->code), WEIGHT, "");
	put_words(t, said, WEIGHT);
	buf_printf(t->out, "%*s", WEIGHT, "");
	put_words(t, inspect_code_remedy(f->code), WEIGHT);
}

/* Heaviest first: what is to be done now. */
static void put_findings(const struct inspect *in, const struct text *t)
{
	buf_puts(t->out, in->n_findings == 0 ? "\nnothing is wrong with it\n" : "\n");
	for (int weight = WEIGHT_ERROR; weight >= WEIGHT_NOTE; weight--)
		for (size_t i = 0; i < in->n_findings; i++)
			if ((int)inspect_code_weight(in->findings[i].code) == weight)
				put_finding(&in->findings[i], t);
}

static void put_seen(const struct inspect_input *input, const struct text *t)
{
	for (size_t i = 0; i < input->n_seen; i++) {
		AUTO_FREE char *line =
		    xasprintf("%s  %s", input->seen[i].address, input->seen[i].said);

		buf_puts(t->out, "  ");
		put_words(t, line, 2);
	}
}

static void put_text(const struct inspect *in, const struct text *t)
{
	size_t certs = 0;

	for (size_t i = 0; i < in->n_items; i++)
		certs += in->items[i].kind == ITEM_CERT;
	for (uint32_t input = 0; input < in->n_inputs; input++) {
		buf_puts(t->out, input == 0 ? "" : "\n");
		put_words(t, in->inputs[input].label, 0);
		put_seen(&in->inputs[input], t);
		for (size_t i = 0; i < in->n_items; i++) {
			if (in->items[i].input != input)
				continue;
			buf_puts(t->out, certs > MANY ? "" : "\n");
			put_item(in, &in->items[i], certs > MANY, t);
		}
	}
	for (size_t i = 0; i < in->n_chains && in->n_chains <= MANY; i++)
		put_chain(in, &in->chains[i], t);
	put_findings(in, t);
}

/* -- JSON -- */

static void json_fact(struct json *j, const struct fact *f)
{
	switch (f->type) {
	case FACT_TEXT:
		json_str(j, f->key, f->n == 0 ? NULL : f->values[0]);
		break;
	case FACT_LIST:
		json_open(j, f->key, '[');
		for (size_t i = 0; i < f->n; i++)
			json_str(j, NULL, f->values[i]);
		json_close(j);
		break;
	case FACT_TIME:
		if (f->label == NULL)
			json_str(j, f->key, NULL);
		else
			json_time(j, f->key, f->number);
		break;
	case FACT_NUMBER:
		json_int(j, f->key, f->number);
		break;
	case FACT_BOOL:
		json_bool(j, f->key, f->number != 0);
		break;
	}
}

static void json_item(struct json *j, const struct inspect *in,
		      const struct inspect_item *item)
{
	AUTO_FREE char *name =
	    xasprintf("%s %u", inspect_kind_word(item->kind), item->number);
	struct facts facts;

	facts_of(in, item, &facts);
	json_open(j, NULL, '{');
	json_str(j, "item", name);
	json_str(j, "kind", inspect_kind_word(item->kind));
	json_str(j, "who", facts.who);
	for (size_t i = 0; i < facts.n; i++)
		json_fact(j, &facts.list[i]);
	json_close(j);
	facts_done(&facts);
}

static void json_chain(struct json *j, const struct inspect *in,
		       const struct inspect_chain *c)
{
	json_open(j, NULL, '{');
	json_open(j, "certificates", '[');
	for (size_t i = 0; i < c->n; i++)
		json_int(j, NULL, in->items[c->items[i]].number);
	json_close(j);
	json_bool(j, "trusted", c->end == END_TRUSTED);
	json_str(j, "end", end_word(c->end));
	json_str(j, "anchor", c->anchor);
	json_close(j);
}

static void json_finding(struct json *j, const struct inspect *in,
			 const struct inspect_finding *f)
{
	json_open(j, NULL, '{');
	json_str(j, "code", inspect_code_word(f->code));
	json_str(j, "weight", inspect_weight_word(inspect_code_weight(f->code)));
	json_str(j, "input", in->inputs[f->input].label);
	json_str(j, "what", f->what);
	json_str(j, "sentence", f->sentence);
	json_str(j, "remedy", inspect_code_remedy(f->code));
	json_close(j);
}

static void json_seen(struct json *j, const struct inspect_input *input)
{
	json_open(j, "addresses", '[');
	for (size_t i = 0; i < input->n_seen; i++) {
		json_open(j, NULL, '{');
		json_str(j, "address", input->seen[i].address);
		json_str(j, "said", input->seen[i].said);
		json_close(j);
	}
	json_close(j);
}

static void put_json(const struct inspect *in, struct buf *out)
{
	struct json j;

	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_int(&j, "version", 1);
	json_open(&j, "inputs", '[');
	for (uint32_t input = 0; input < in->n_inputs; input++) {
		json_open(&j, NULL, '{');
		json_str(&j, "input", in->inputs[input].label);
		if (in->inputs[input].host != NULL)
			json_seen(&j, &in->inputs[input]);
		json_open(&j, "items", '[');
		for (size_t i = 0; i < in->n_items; i++)
			if (in->items[i].input == input)
				json_item(&j, in, &in->items[i]);
		json_close(&j);
		json_close(&j);
	}
	json_close(&j);
	json_open(&j, "chains", '[');
	for (size_t i = 0; i < in->n_chains; i++)
		json_chain(&j, in, &in->chains[i]);
	json_close(&j);
	json_open(&j, "findings", '[');
	for (size_t i = 0; i < in->n_findings; i++)
		json_finding(&j, in, &in->findings[i]);
	json_close(&j);
	json_close(&j);
	json_end(&j);
	buf_puts(out, "\n");
}

/* -- lines of a log -- */

static void log_line(const struct inspect *in, const char *level, const char *code,
		     const char *msg, struct buf *out)
{
	char ts[TEXT_TIME_MAX];

	buf_printf(out, "ts=%s level=%s role=inspect code=%s ", text_time(ts, in->now),
		   level, code);
	text_field(out, "msg", msg, strlen(msg), SIZE_MAX);
}

static void log_finding(const struct inspect *in, const struct inspect_finding *f,
			struct buf *out)
{
	const enum inspect_weight weight = inspect_code_weight(f->code);
	const char *label = in->inputs[f->input].label;
	const char *remedy = inspect_code_remedy(f->code);
	const bool whole = strcmp(f->what, label) == 0;
	AUTO_FREE char *msg = xasprintf("%s%s%s: %s", label, whole ? "" : ": ",
					whole ? "" : f->what, f->sentence);

	log_line(in, weight == WEIGHT_NOTE ? "info" : inspect_weight_word(weight),
		 inspect_code_word(f->code), msg, out);
	buf_puts(out, " ");
	text_field(out, "remedy", remedy, strlen(remedy), SIZE_MAX);
	buf_puts(out, "\n");
}

static bool has_findings(const struct inspect *in, uint32_t input)
{
	for (size_t i = 0; i < in->n_findings; i++)
		if (in->findings[i].input == input)
			return true;
	return false;
}

static void put_log(const struct inspect *in, struct buf *out)
{
	for (uint32_t input = 0; input < in->n_inputs; input++) {
		AUTO_FREE char *msg =
		    xasprintf("%s: nothing is wrong with it", in->inputs[input].label);

		if (has_findings(in, input))
			continue;
		log_line(in, "info", "right", msg, out);
		buf_puts(out, "\n");
	}
	for (size_t i = 0; i < in->n_findings; i++)
		log_finding(in, &in->findings[i], out);
}

void inspect_print(const struct inspect *in, unsigned flags, struct buf *out)
{
	const bool on_terminal = (flags & REQUEST_TTY) != 0;
	const struct text t = { out, flags, on_terminal ? WIDTH : SIZE_MAX };

	if ((flags & REQUEST_JSON) != 0)
		put_json(in, out);
	else if ((flags & REQUEST_LOG) != 0)
		put_log(in, out);
	else
		put_text(in, &t);
}
