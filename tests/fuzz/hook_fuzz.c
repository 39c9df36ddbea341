/* hook: what a program of somebody else says, as lines of the log; and how programs are
 * told of names, with fields that nothing was looked at in before. */
#include <fcntl.h>
#include <stdlib.h>

#include "agent/role/log.h"
#include "agent/role/spec.h"
#include "agent/super/hookrun_out.h"
#include "base/auto.h"
#include "base/err.h"
#include "hooks/dialect.h"
#include "tests/fuzz/fuzz.h"

static void out(const struct fuzz *f)
{
	struct hookrun_out o;
	int ends[2];

	assert(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	if (f->len > 0)
		(void)!write(ends[1], f->at, f->len);
	close(ends[1]);
	hookrun_out_init(&o, "fuzz");
	hookrun_out_keep(&o, LIMIT_HOOK_KEPT);
	assert(!hookrun_out_read(&o, ends[0]));
	hookrun_out_end(&o);
	assert(o.lines <= LIMIT_HOOK_LINES + 1 && o.n_kept <= LIMIT_HOOK_KEPT);
	assert(strlen(o.last) < sizeof(o.last) && strlen(o.kept) == o.n_kept);
	for (const char *c = o.last; *c != '\0'; c++)
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
	hookrun_out_done(&o);
	close(ends[0]);
}

/* No word is empty of a program, and no variable but ours is set. */
static void hold(const struct dialect_made *made)
{
	for (size_t i = 0; made->argv[i] != NULL; i++)
		assert(strchr(made->argv[i], 0x1b) == NULL);
	for (size_t i = 0; made->env[i] != NULL; i++)
		assert(strchr(made->env[i], '=') != NULL);
	assert(made->argv[0] == NULL || made->argv[0][0] == '/');
}

static void tell(struct fuzz *f)
{
	static const char *const types[] = { "http-01", "dns-01", "tls-alpn-01", "x" };
	static const char *const program[] = { "/x/dnsapi/dns_x.sh", "word", NULL };
	static const char *const cleanup[] = { "/x/cleanup", NULL };
	const uint8_t how = fuzz_byte(f), what = fuzz_byte(f);
	char *words[7];
	AUTO_DIALECT struct dialect_made made = { .argv = NULL };
	struct dialect_item items[2];
	struct err e = { .text = "" };

	for (int i = 0; i < 7; i++)
		words[i] = fuzz_text(f, '\n');
	items[0] =
	    (struct dialect_item){ words[0], words[1], words[2], words[3], words[4] };
	items[1] =
	    (struct dialect_item){ words[4], words[3], words[2], words[1], words[0] };
	if (dialect_make(
		&(struct dialect_call){
		    .dialect = (enum dialect)(how % DIALECTS),
		    .step = (enum dialect_step)(what % DIALECT_STEPS),
		    .type = types[what >> 2 & 3],
		    .name = words[5],
		    .program = program,
		    .cleanup = (what & 16) != 0 ? cleanup : cleanup + 1,
		    .webroot = (what & 32) != 0 ? "/srv/www" : NULL,
		    .items = items,
		    .n = dialect_is_chain((enum dialect)(how % DIALECTS)) ? 2 : 1,
		    .all = words[6],
		    .left = how },
		"/root", "run", &made, &e) == 0)
		hold(&made);
	else
		assert(e.code == ERR_PROTO || e.code == ERR_LIMIT);
	for (int i = 0; i < 7; i++)
		free(words[i]);
	assert(dialect_judge((enum dialect)(how % DIALECTS),
			     (enum dialect_step)(what % DIALECT_STEPS),
			     what - 100) < DIALECT_OUTCOMES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };

	log_setup(LOG_TEXT, LEVEL_ERROR, "fuzz");
	out(&f);
	tell(&f);
	return 0;
}
