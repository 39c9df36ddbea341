/* heap: what it gives is what sorting would give, whatever was done before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/heap.h"

#define ROOM 257

/* The first by looking at all of them. */
static bool first_of(const bool *in, const int64_t *key, uint32_t *i)
{
	bool found = false;

	for (uint32_t k = 0; k < ROOM; k++)
		if (in[k] && (!found || key[k] < key[*i])) {
			*i = k;
			found = true;
		}
	return found;
}

static void an_empty_one_has_no_first(void **state)
{
	struct heap h;
	uint32_t i;
	int64_t key;

	(void)state;
	heap_init(&h, ROOM);
	assert_false(heap_first(&h, &i, &key));
	heap_take(&h, 3);
	assert_false(heap_first(&h, &i, &key));
	heap_done(&h);
}

static void the_smallest_key_is_first_and_of_equals_the_lower_number(void **state)
{
	struct heap h;
	uint32_t i;
	int64_t key;

	(void)state;
	heap_init(&h, 4);
	heap_put(&h, 3, INT64_MIN);
	heap_put(&h, 1, 7);
	heap_put(&h, 0, 7);
	heap_put(&h, 2, INT64_MAX);
	for (uint32_t k = 0; k < 4; k++) {
		static const uint32_t order[] = { 3, 0, 1, 2 };

		assert_true(heap_first(&h, &i, &key));
		assert_int_equal(i, order[k]);
		heap_take(&h, i);
	}
	heap_done(&h);
}

static void after_any_steps_the_first_is_the_one_that_a_search_finds(void **state)
{
	bool in[ROOM] = { false };
	int64_t keys[ROOM] = { 0 }, key;
	struct heap h;
	uint32_t i, wanted = 0;

	(void)state;
	srandom(1);
	heap_init(&h, ROOM);
	for (int step = 0; step < 100000; step++) {
		i = (uint32_t)random() % ROOM;
		if (random() % 3 == 0) {
			heap_take(&h, i);
			in[i] = false;
		} else {
			keys[i] = random() % 1000;
			heap_put(&h, i, keys[i]);
			in[i] = true;
		}
		if (first_of(in, keys, &wanted)) {
			assert_true(heap_first(&h, &i, &key));
			assert_int_equal(i, wanted);
			assert_int_equal(key, keys[i]);
		} else {
			assert_false(heap_first(&h, &i, &key));
		}
	}
	heap_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_no_first),
		cmocka_unit_test(
		    the_smallest_key_is_first_and_of_equals_the_lower_number),
		cmocka_unit_test(
		    after_any_steps_the_first_is_the_one_that_a_search_finds),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
