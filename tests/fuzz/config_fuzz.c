/* config: a configuration is refused with a reason that names its place, or becomes a
 * snapshot that all roles take. What is behind an octet 0 is a file that is included. */
#include "tests/agent/config_fake.h"
#include "tests/fuzz/fuzz.h"

static void is_a_snapshot(int fd)
{
	AUTO_SPEC struct spec s = { 0 };
	struct err e;

	assert(spec_map(fd, &s, &e) == 0);
	for (uint32_t i = 0; i < s.n[SPEC_CERTS]; i++)
		assert(spec_cert_called(&s, spec_text(&s, s.certs[i].name)) == i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz in = { data, len };
	const uint8_t how = fuzz_byte(&in);
	const bool is_root = (how & 1) != 0;
	AUTO_FREE char *text = fuzz_text(&in, '\0');
	AUTO_FREE char *more = fuzz_text(&in, '\0');
	const char *included[] = { "conf.d/a.conf", more, NULL };
	struct fake f = {
		.included = included,
		.closed = (how & 2) != 0 ? "it is closed" : NULL,
		.csr = (how & 4) != 0 ? more : NULL,
	};
	AUTO_FD int fd = -1;
	const int rc = fake_compile(&f, is_root, text, strlen(text), &fd);

	if (rc == 0)
		is_a_snapshot(fd);
	else
		assert(rc == ERR_CONFIG && fd < 0 &&
		       strchr(fake_said(&f), ':') != NULL);
	fake_done(&f);
	return 0;
}
