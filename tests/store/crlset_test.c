/* crlset: what servers read is all of it, or what was there before. */
#include "tests/scratch.h"

#include <stdbool.h>
#include <sys/mman.h>

#include <openssl/pem.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "store/crlset.h"
#include "tests/help/certs.h"

#define ANYBODY                            \
	{                                  \
		FILE_KEEP, FILE_KEEP, 0644 \
	}

/* Two CAs, and the hashes of their certificates. */
struct cas {
	struct buf pem;
	uint8_t hashes[2][HASH_LEN];
};

static void cas_done(struct cas *c)
{
	buf_done(&c->pem);
}

#define AUTO_CAS __attribute__((cleanup(cas_done)))

static void add_ca(struct cas *c, size_t i, const char *subject)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *ca = certs_make(&(struct cert_plan){
	    .subject = subject, .key = key, .issuer_key = key, .to = 4000000000 });
	struct x509_facts facts;
	struct err e;

	assert_int_equal(x509_to_pem(ca, &c->pem, &e), 0);
	assert_int_equal(x509_facts(ca, &facts, &e), 0);
	memcpy(c->hashes[i], facts.fingerprint, HASH_LEN);
}

/* The scratch folder is a state directory, and has cas.pem and a folder "out". */
static struct cas begin(const struct scratch *s)
{
	struct cas c = { .pem = { 0 } };

	add_ca(&c, 0, "root");
	add_ca(&c, 1, "issuing");
	scratch_put(s, "cas.pem", c.pem.data);
	scratch_mkdir(s, "out");
	return c;
}

/* As a worker leaves it; to the keeper they are octets. */
static void keep(const struct scratch *s, const struct cas *c, size_t i,
		 const char *octets)
{
	AUTO_FD int fd = -1;
	struct err e;

	assert_int_equal(crlset_stage(s->fd, &fd, &e), 0);
	assert_int_equal(write(fd, octets, strlen(octets)), strlen(octets));
	if (crlset_keep(s->fd, "clients", c->hashes[i], fd, strlen(octets), &e) < 0)
		fail_msg("%s", e.text);
}

static int load(const struct scratch *s, const struct cas *c, size_t n_good,
		struct crlset *set, struct err *e)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/cas.pem", s->path);
	return crlset_load(s->fd, "clients", path,
			   (const uint8_t(*)[HASH_LEN])c->hashes, n_good, set, e);
}

static const char *out(const struct scratch *s)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/out/clients.crl", s->path);
	return path;
}

static bool write_it(const struct scratch *s, const struct crlset *set,
		     enum content_kind kind)
{
	const struct file_access access = ANYBODY;
	bool wrote = false;
	struct err e;

	if (crlset_write(set, kind, out(s), &access, &wrote, &e) < 0)
		fail_msg("%s", e.text);
	return wrote;
}

/* The octets of PEM block number `i` of out/clients.crl, called `name`. */
static void expect_block(const struct scratch *s, int i, const char *name,
			 const char *octets)
{
	BIO *bio = BIO_new_file(out(s), "r");
	char *found = NULL, *head = NULL;
	unsigned char *data = NULL;
	long len = 0;

	assert_non_null(bio);
	do {
		OPENSSL_free(found);
		OPENSSL_free(head);
		OPENSSL_free(data);
		assert_int_equal(PEM_read_bio(bio, &found, &head, &data, &len), 1);
	} while (i-- > 0);
	assert_string_equal(found, name);
	if (octets != NULL) {
		assert_int_equal(len, strlen(octets));
		assert_memory_equal(data, octets, strlen(octets));
	}
	OPENSSL_free(found);
	OPENSSL_free(head);
	OPENSSL_free(data);
	BIO_free(bio);
}

static const char long_one[] =
    "more than one line of base64 can hold: 48 octets are in each of them, and so on";

static void the_lists_follow_in_the_order_of_the_cas(void **state)
{
	AUTO_CRLSET struct crlset set = { .n = 0 };
	AUTO_CAS struct cas c = begin(*state);
	struct err e;

	keep(*state, &c, 1, "second");
	keep(*state, &c, 0, long_one);
	assert_int_equal(load(*state, &c, 2, &set, &e), 0);
	assert_true(write_it(*state, &set, CONTENT_CRL));
	expect_block(*state, 0, PEM_STRING_X509_CRL, long_one);
	expect_block(*state, 1, PEM_STRING_X509_CRL, "second");
	assert_true(write_it(*state, &set, CONTENT_COMBINED));
	expect_block(*state, 1, PEM_STRING_X509, NULL);
	expect_block(*state, 2, PEM_STRING_X509_CRL, long_one);
	expect_block(*state, 3, PEM_STRING_X509_CRL, "second");
}

static void a_list_that_is_missing_leaves_all_as_it_was(void **state)
{
	AUTO_CRLSET struct crlset set = { .n = 0 };
	AUTO_CAS struct cas c = begin(*state);
	struct err e;

	keep(*state, &c, 0, "first");
	assert_int_equal(load(*state, &c, 2, &set, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "CN=issuing"));
	assert_int_equal(set.n, 0);
}

static void a_list_that_is_not_good_any_more_is_missing(void **state)
{
	AUTO_CRLSET struct crlset set = { .n = 0 };
	AUTO_CAS struct cas c = begin(*state);
	struct err e;

	keep(*state, &c, 0, "first");
	keep(*state, &c, 1, "second");
	assert_int_equal(load(*state, &c, 1, &set, &e), ERR_TRUST);
	assert_non_null(strstr(e.text, "CN=issuing"));
}

static void what_is_already_so_is_not_written_again(void **state)
{
	AUTO_CRLSET struct crlset set = { .n = 0 };
	AUTO_CAS struct cas c = begin(*state);
	struct err e;

	keep(*state, &c, 0, "first");
	keep(*state, &c, 1, "second");
	assert_int_equal(load(*state, &c, 2, &set, &e), 0);
	assert_true(write_it(*state, &set, CONTENT_CRL));
	assert_false(write_it(*state, &set, CONTENT_CRL));
	scratch_put(*state, "out/clients.crl", "somebody else's");
	assert_true(write_it(*state, &set, CONTENT_CRL));
	expect_block(*state, 0, PEM_STRING_X509_CRL, "first");
}

static void der_is_of_one_ca(void **state)
{
	AUTO_CRLSET struct crlset set = { .n = 0 };
	AUTO_CAS struct cas c = begin(*state);
	AUTO_BUF struct buf der = { 0 };
	struct err e;

	keep(*state, &c, 0, "first");
	keep(*state, &c, 1, "second");
	assert_int_equal(load(*state, &c, 2, &set, &e), 0);
	assert_int_equal(crlset_render(&set, CONTENT_DER, &der, &e), ERR_CONFIG);
	crlset_done(&set);
	*(strstr(c.pem.data, "-----END") + strlen("-----END CERTIFICATE-----\n")) =
	    '\0';
	scratch_put(*state, "cas.pem", c.pem.data);
	assert_int_equal(load(*state, &c, 2, &set, &e), 0);
	assert_int_equal(crlset_render(&set, CONTENT_DER, &der, &e), 0);
	assert_int_equal(der.len, 5);
	assert_memory_equal(der.data, "first", 5);
}

static void the_store_has_a_copy_of_its_own(void **state)
{
	AUTO_CRLSET struct crlset set = { .n = 0 };
	AUTO_CAS struct cas c = begin(*state);
	bool wrote = false;
	struct err e;

	keep(*state, &c, 0, "first");
	keep(*state, &c, 1, "second");
	assert_int_equal(load(*state, &c, 2, &set, &e), 0);
	assert_int_equal(crlset_store(((struct scratch *)*state)->fd, &set, &wrote, &e),
			 0);
	assert_true(wrote);
	assert_true(scratch_has(*state, "crl/clients.pem"));
	assert_false(scratch_has(*state, "crl/clients.der"));
}

static void what_was_cut_off_is_not_kept(void **state)
{
	const struct scratch *s = *state;
	AUTO_CRLSET struct crlset set = { .n = 0 };
	AUTO_CAS struct cas c = begin(s);
	AUTO_FD int fd = -1;
	struct err e;

	keep(s, &c, 0, "first");
	keep(s, &c, 1, "second");
	assert_int_equal(crlset_stage(s->fd, &fd, &e), 0);
	assert_int_equal(write(fd, "fi", 2), 2);
	assert_int_equal(crlset_keep(s->fd, "clients", c.hashes[0], fd, 5, &e),
			 ERR_PROTO);
	assert_int_equal(load(s, &c, 2, &set, &e), 0);
	assert_int_equal(set.parts[0].len, 5);
	assert_memory_equal(set.parts[0].der, "first", 5);
}

#define IN_STORE(test) cmocka_unit_test_setup_teardown(test, scratch_in, scratch_out)

static void write_folder(const struct scratch *s, const struct crlset *set,
			 bool expected)
{
	const struct file_access access = ANYBODY;
	char path[PATH_MAX + 16];
	bool wrote = false;
	struct err e;

	snprintf(path, sizeof(path), "%s/out", s->path);
	if (crlset_write(set, CONTENT_HASHED, path, &access, &wrote, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(wrote, expected);
}

static bool is_out(const struct scratch *s, unsigned long hash, unsigned n)
{
	char name[64];

	snprintf(name, sizeof(name), "out/%08lx.r%u", hash, n);
	return file_exists(s->fd, name);
}

static void a_hashed_folder_holds_lists_of_one_name_beside_those_of_others(void **state)
{
	const struct scratch *s = *state;
	AUTO_CRLSET struct crlset set = { .n = 0 };
	AUTO_CAS struct cas c = { .pem = { 0 } };
	AUTO_CHAIN STACK_OF(X509) *cas = NULL;
	char theirs[64];
	unsigned long hash;
	struct err e;

	add_ca(&c, 0, "twins");
	add_ca(&c, 1, "twins");
	scratch_put(s, "cas.pem", c.pem.data);
	scratch_mkdir(s, "out");
	keep(s, &c, 0, "first");
	keep(s, &c, 1, "second");
	assert_int_equal(load(s, &c, 2, &set, &e), 0);
	assert_int_equal(x509_chain_from_pem(c.pem.data, c.pem.len, &cas, &e), 0);
	hash = X509_subject_name_hash(sk_X509_value(cas, 0));
	snprintf(theirs, sizeof(theirs), "out/%08lx.r0", hash);
	scratch_put(s, theirs, "of somebody else");

	write_folder(s, &set, true);
	assert_true(is_out(s, hash, 1) && is_out(s, hash, 2));
	write_folder(s, &set, false);
	set.n = 1; /* the other CA is needed no more */
	buf_done(&set.parts[1].ca);
	munmap(set.parts[1].der, set.parts[1].len);
	write_folder(s, &set, true);
	assert_true(is_out(s, hash, 0) && is_out(s, hash, 1));
	assert_false(is_out(s, hash, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_STORE(the_lists_follow_in_the_order_of_the_cas),
		IN_STORE(a_list_that_is_missing_leaves_all_as_it_was),
		IN_STORE(a_list_that_is_not_good_any_more_is_missing),
		IN_STORE(what_is_already_so_is_not_written_again),
		IN_STORE(der_is_of_one_ca),
		IN_STORE(the_store_has_a_copy_of_its_own),
		IN_STORE(what_was_cut_off_is_not_kept),
		IN_STORE(
		    a_hashed_folder_holds_lists_of_one_name_beside_those_of_others),
	};

	return cmocka_run_group_tests_name("crlset", tests, NULL, NULL);
}
