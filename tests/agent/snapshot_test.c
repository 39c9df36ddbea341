/* snapshot: what was put in is what every role maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "agent/config/snapshot.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"

static void add_global(struct snapshot *b)
{
	struct spec_global g = { .state_dir = snapshot_text(b, "/state"),
				 .runtime_dir = snapshot_text(b, "/run") };

	snapshot_add(b, SPEC_GLOBAL, &g, 1);
}

static void what_was_added_is_mapped(void **state)
{
	struct snapshot *b = snapshot_new();
	struct text words[2] = { snapshot_text(b, "nginx"), snapshot_text(b, "-t") };
	struct spec_hook hook = { .name = snapshot_text(b, "nginx"),
				  .test = snapshot_add(b, SPEC_WORDS, words, 2) };
	AUTO_SPEC struct spec s = { 0 };
	AUTO_FREE const char **got = NULL;
	AUTO_FD int fd = -1;
	struct err e;

	(void)state;
	add_global(b);
	snapshot_add(b, SPEC_HOOKS, &hook, 1);
	assert_int_equal(snapshot_seal(b, &fd, &e), 0);
	snapshot_free(b);

	assert_int_equal(spec_map(fd, &s, &e), 0);
	assert_string_equal(spec_text(&s, s.global->state_dir), "/state");
	assert_null(spec_text(&s, s.global->http));
	assert_int_equal(s.n[SPEC_HOOKS], 1);
	got = spec_words(&s, s.hooks[0].test);
	assert_string_equal(got[0], "nginx");
	assert_string_equal(got[1], "-t");
	assert_null(got[2]);
}

static void a_string_is_kept_once(void **state)
{
	struct snapshot *b = snapshot_new();
	uint32_t first = snapshot_text(b, "example.org").at;
	char word[16];

	(void)state;
	for (int i = 0; i < 5000; i++) { /* past several growths of the index */
		snprintf(word, sizeof(word), "n%d", i);
		assert_int_not_equal(snapshot_text(b, word).at, 0);
	}
	assert_int_equal(snapshot_text(b, "example.org").at, first);
	assert_int_equal(snapshot_text(b, "n17").at, snapshot_text(b, "n17").at);
	assert_int_not_equal(snapshot_text(b, "n18").at, snapshot_text(b, "n17").at);
	assert_int_equal(snapshot_text(b, NULL).at, 0);
	assert_int_not_equal(snapshot_text(b, "").at, 0); /* set, and empty */
	snapshot_free(b);
}

static void a_sealed_snapshot_cannot_be_changed(void **state)
{
	struct snapshot *b = snapshot_new();
	AUTO_FD int fd = -1;
	struct err e;

	(void)state;
	add_global(b);
	assert_int_equal(snapshot_seal(b, &fd, &e), 0);
	snapshot_free(b);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
}

static void more_than_a_snapshot_may_be_is_refused(void **state)
{
	struct snapshot *b = snapshot_new();
	AUTO_FREE char *large = xcalloc(SPEC_MAX, 1);
	AUTO_FD int fd = -1;
	struct err e;

	(void)state;
	add_global(b);
	memset(large, 'a', SPEC_MAX - 1);
	assert_int_equal(snapshot_text(b, large).at, 0);
	assert_int_equal(snapshot_text(b, "small").at, 0); /* nothing after that */
	assert_int_equal(snapshot_seal(b, &fd, &e), ERR_LIMIT);
	assert_int_equal(fd, -1);
	snapshot_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_mapped),
		cmocka_unit_test(a_string_is_kept_once),
		cmocka_unit_test(a_sealed_snapshot_cannot_be_changed),
		cmocka_unit_test(more_than_a_snapshot_may_be_is_refused),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
