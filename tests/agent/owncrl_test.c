/* owncrl: who is above whom, when a list is looked at, and what is not installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/owncrl.h"
#include "agent/rule/crlwatch_rule.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/help/certs.h"

#define NOW 1795235000
#define DAY 86400

enum { ROOT, LAB, LOOP, CAS };
enum { OF_LAB, OF_ROOT, OF_LOOP, OF_NOBODY, LISTS };
enum { WWW, LONELY, UNREAD, CERTS };

/* www is below the intermediate "lab" of a root; "loop" is what is above itself; of lonely
 * the issuer is not known, and unread was not read yet. */
struct world {
	struct own own;
	struct own_ca cas[CAS];
	struct own_list lists[LISTS];
	struct own_leaf leaves[CERTS];
	struct request request;
	struct spec spec;
	struct agent agent;
};

static int world_in(void **state)
{
	struct world *w = *state = xcalloc(1, sizeof(*w));

	w->cas[ROOT].list = OWN_NONE;
	w->cas[LAB] = (struct own_ca){ .serial = "7A01", .list = OF_ROOT };
	w->cas[LOOP].list = OF_LOOP;
	w->lists[OF_LAB].ca = LAB;
	w->lists[OF_LAB].n_leaves = 1;
	w->lists[OF_LOOP].ca = LOOP;
	w->leaves[WWW] = (struct own_leaf){ .key = 5, .list = OF_LAB, .generation = 1 };
	w->leaves[LONELY] = (struct own_leaf){ .list = OWN_NONE, .generation = 1 };
	w->leaves[UNREAD].list = OF_LAB;
	w->own = (struct own){ .leaves = w->leaves,
			       .cas = w->cas,
			       .n_cas = CAS,
			       .lists = w->lists,
			       .n_lists = LISTS };
	w->request.command = COMMAND_AGENT;
	w->spec.n[SPEC_CERTS] = CERTS;
	w->agent.own = &w->own;
	w->agent.spec = &w->spec;
	w->agent.request = &w->request;
	clock_fake(NOW);
	return 0;
}

static int world_out(void **state)
{
	clock_fake(0);
	free(*state);
	return 0;
}

static void a_certificate_is_below_all_cas_of_its_chain(void **state)
{
	static const struct {
		uint32_t leaf, ca;
		bool is_below;
	} rows[] = {
		{ WWW, LAB, true },     { WWW, ROOT, true },    { WWW, LOOP, false },
		{ LONELY, LAB, false }, { UNREAD, LAB, false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("  %u, %u\n", rows[i].leaf, rows[i].ca);
		assert_int_equal(owncrl_is_below(&w->own, rows[i].leaf, rows[i].ca),
				 rows[i].is_below);
	}
}

static void a_list_is_looked_at_while_ours_may_be_on_it(void **state)
{
	static const bool used[LISTS] = { [OF_LAB] = true, [OF_ROOT] = true };
	struct world *w = *state;

	for (uint32_t l = 0; l < LISTS; l++)
		assert_int_equal(owncrl_is_used(&w->own, l), used[l]);
	w->lists[OF_LAB].n_leaves = 0;
	for (uint32_t l = 0; l < LISTS; l++)
		assert_false(owncrl_is_used(&w->own, l));
}

static void who_may_be_on_a_list_is_looked_up_in_it(void **state)
{
	static const struct {
		uint32_t list;
		size_t n;
		uint32_t who;
		uint64_t key;
	} rows[] = {
		{ OF_LAB, 1, WWW, 5 },
		{ OF_ROOT, 1, LAB | OWN_CA, 0x7a01 },
		{ OF_NOBODY, 0, 0, 0 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct own_members m;

		owncrl_members(&w->agent, rows[i].list, &m);
		assert_int_equal(m.n, rows[i].n);
		if (m.n > 0) {
			assert_int_equal(m.who[0], rows[i].who);
			assert_true(m.keys[0] == rows[i].key);
		}
		free(m.who);
		free(m.keys);
	}
}

static void a_list_has_its_moment(void **state)
{
	static const int64_t later = NOW + 3600;
	static const struct {
		const char *name;
		uint32_t list;
		const char *urls;
		int64_t look_at;
		enum command command;
		unsigned flags;
		int64_t at;
	} rows[] = {
		{ "as remembered", OF_LAB, "http://x\n", later, COMMAND_AGENT, 0,
		  later },
		{ "never looked at", OF_LAB, "http://x\n", 0, COMMAND_AGENT, 0, 0 },
		{ "not by who only shows it", OF_LAB, "http://x\n", later, COMMAND_CRL,
		  0, later },
		{ "at once, if asked for", OF_LAB, "http://x\n", later, COMMAND_CRL,
		  REQUEST_UPDATE, INT64_MIN },
		{ "in a future that nobody meant", OF_LAB, "http://x\n",
		  NOW + 2 * CRL_LOOK_S + DAY + 1, COMMAND_AGENT, 0, INT64_MIN },
		{ "nothing to ask", OF_LAB, "ldap://x\n-http://x\n", 0, COMMAND_CRL,
		  REQUEST_UPDATE, INT64_MAX },
		{ "nothing at all", OF_LAB, "", 0, COMMAND_AGENT, 0, INT64_MAX },
		{ "nobody on it", OF_NOBODY, "http://x\n", 0, COMMAND_AGENT, 0,
		  INT64_MAX },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct own_list *l;

		print_message("  %s\n", rows[i].name);
		l = &w->lists[rows[i].list];
		l->row.urls = rows[i].urls;
		l->row.look_at = rows[i].look_at;
		w->request.command = rows[i].command;
		w->request.flags = rows[i].flags;
		assert_true(owncrl_moment(&w->agent, rows[i].list) == rows[i].at);
	}
}

static X509 *make(const char *name, EVP_PKEY *key)
{
	return certs_make(&(struct cert_plan){
	    .subject = name, .key = key, .from = NOW - DAY, .to = NOW + DAY });
}

static void a_chain_with_a_ca_that_is_revoked_is_not_installed(void **state)
{
	EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct world *w = *state;
	struct err e;

	sk_X509_push(chain, make("www", key));
	sk_X509_push(chain, make("lab", key));
	X509_digest(sk_X509_value(chain, 1), EVP_sha256(), w->cas[LAB].ca, NULL);
	X509_digest(sk_X509_value(chain, 0), EVP_sha256(), w->cas[LOOP].ca, NULL);
	w->cas[LOOP].revoked_at = NOW; /* what stands first is no CA here */
	assert_int_equal(owncrl_admit(&w->agent, chain, &e), 0);
	w->cas[LAB].revoked_at = NOW;
	w->cas[LAB].reason = 2;
	assert_int_equal(owncrl_admit(&w->agent, chain, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "lab, is revoked since"));
	assert_non_null(strstr(e.text, "cACompromise"));
	sk_X509_pop_free(chain, X509_free);
	EVP_PKEY_free(key);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_in, world_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_certificate_is_below_all_cas_of_its_chain),
		IN_WORLD(a_list_is_looked_at_while_ours_may_be_on_it),
		IN_WORLD(who_may_be_on_a_list_is_looked_up_in_it),
		IN_WORLD(a_list_has_its_moment),
		IN_WORLD(a_chain_with_a_ca_that_is_revoked_is_not_installed),
	};

	return cmocka_run_group_tests_name("owncrl", tests, NULL, NULL);
}
