/* What is known of certificates that are not ours: their part of `status`. */
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/strangers.h"
#include "agent/table.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define SHOWN 20 /* of those that are well: a folder of anchors has 150 */

void strange_json(const struct strange *f, struct json *j)
{
	const int64_t now = clock_now();
	enum health health;
	char hex[65];

	text_hex(hex, f->fingerprint, sizeof(f->fingerprint));
	json_open(j, NULL, '{');
	json_str(j, "path", f->path);
	json_str(j, "name", f->n == 0 ? NULL : f->name);
	json_str(j, "health", strange_state(f, now, &health));
	json_str(j, "serial", f->n == 0 ? NULL : f->serial);
	json_str(j, "fingerprint", f->n == 0 ? NULL : hex);
	json_time(j, "not_before", f->not_before);
	json_time(j, "not_after", f->not_after);
	json_int(j, "place", f->place);
	json_int(j, "certificates", f->n);
	json_str(j, "error", f->why[0] == '\0' ? NULL : f->why);
	json_close(j);
}

static void put_row(struct table *t, const struct strange *f, int64_t now)
{
	static const enum table_color colors[] = { COLOR_GOOD, COLOR_WARN, COLOR_BAD };
	char span[TEXT_SPAN_MAX];
	enum health health;
	const char *state = strange_state(f, now, &health);

	table_put(t, COLOR_NONE, "%s", f->path);
	table_put(t, colors[health], "%s", state);
	if (f->not_after == 0)
		table_put(t, COLOR_NONE, "-");
	else
		table_put(t, colors[health], "%s",
			  f->not_after <= now ? "ended"
					      : text_span_of(span, f->not_after - now));
	if (f->n > 1)
		table_put(t, COLOR_NONE, "%s (%u of %u)", f->name, f->place, f->n);
	else
		table_put(t, COLOR_NONE, "%s", f->n == 0 ? "-" : f->name);
	if (f->why[0] != '\0')
		table_note(t, "%s", f->why);
}

static bool is_well(const struct strange *f, int64_t now)
{
	enum health health;

	(void)strange_state(f, now, &health);
	return health == HEALTH_OK;
}

void strangers_show(const struct agent *a)
{
	static const char *const heads[] = { "WATCHED", "STATE", "LEFT",
					     "CERTIFICATE" };
	const struct strange_list *l = &a->strangers->known;
	const int64_t now = clock_now();
	AUTO_TABLE struct table t;
	size_t n_well = 0;

	for (size_t i = 0; i < l->n; i++)
		n_well += is_well(&l->all[i], now);
	table_begin(&t, (a->request->flags & REQUEST_COLOR) != 0, heads, 4);
	for (size_t i = 0; i < l->n; i++)
		if (n_well <= SHOWN || !is_well(&l->all[i], now))
			put_row(&t, &l->all[i], now);
	table_print(&t, stdout);
	if (n_well > SHOWN)
		printf("%zu watched files have nothing near its end; `everleaf status "
		       "--json` lists them\n",
		       n_well);
	if (a->strangers->trouble != NULL)
		printf("what `watch` names was not looked at: %s\n",
		       a->strangers->trouble);
	if (a->strangers->left_out > 0)
		printf("%u files that `watch` finds are not looked at: there are too "
		       "many\n",
		       a->strangers->left_out);
}
