/*
 * planted: the target that must fail. One octet too many is read behind a certain word,
 * which a fuzzer finds in a second if it sees which way the input goes; if it does not,
 * nothing that the others have not found means anything.
 */
#include "base/auto.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { data, len };
	AUTO_FREE char *word = fuzz_text(&f, '\n');
	int64_t seconds = 0;

	if (text_span(word, &seconds) && seconds % 86400 == 0)
		return ((const volatile char *)word)[strlen(word) + 1] == '!';
	return 0;
}
