/* config_file: what a file can hold, and which settings are for which content. */
#include "tests/agent/config_fake.h"

#include "store/pkcs12.h"

#define AT "main.conf:2: certificates.a.example.files"

/* The certificate stands in the first line, its file in the second. */
#define FILES(settings) CERT("", settings)
#define CERT(more, settings)                                               \
	"certificates = { names = \"a.example\"; issuer = \"local\";" more \
	"\n files = { path = \"/srv/app/x\"; " settings " }; };"
#define SECRET "password_file = \"/etc/everleaf/secret\";"

static const struct fake_row rows[] = {
	{ "pkcs12 without a password", true, FILES("content = \"pkcs12\";"),
	  AT ".password_file: found nothing, expected the path of its password\n" },
	{ "a password for nothing", true, FILES("content = \"fullchain\"; " SECRET),
	  AT ".password_file: found it, expected none: content is not pkcs12, "
	     "truststore, key or combined\n" },
	{ "a truststore without a password", true, FILES("content = \"truststore\";"),
	  AT ".password_file: found nothing, expected the path of its password\n" },
	{ "an order of one thing", true,
	  FILES("content = \"key\"; order = \"cert-first\";"),
	  AT ".order: found it, expected none: content is not combined\n" },
	{ "an order that is none", true,
	  FILES("content = \"combined\"; order = \"chain-first\";"),
	  AT ".order: found \"chain-first\", expected one of \"key-first\" "
	     "\"cert-first\"\n" },
	{ "a format without a key", true, FILES("format = \"pkcs8\";"),
	  AT ".format: found it, expected none: content is not key or combined\n" },
	{ "a format that is none", true,
	  FILES("content = \"key\"; format = \"pkcs1\";"),
	  AT ".format: found \"pkcs1\", expected one of \"pkcs8\" \"traditional\" "
	     "\"der\"\n" },
	{ "a combined file in DER", true,
	  FILES("content = \"combined\"; format = \"der\";"),
	  AT ".format: found \"der\", expected \"pkcs8\" or \"traditional\" in a "
	     "combined file\n" },
	{ "a traditional key with a password", true,
	  FILES("content = \"key\"; format = \"traditional\"; " SECRET),
	  AT ".password_file: found it, expected none: only format = \"pkcs8\" and "
	     "\"der\" can be encrypted\n" },
	{ "a traditional ed25519 key", true,
	  CERT("key = \"ed25519\";", "content = \"key\"; format = \"traditional\";"),
	  AT ".format: found \"traditional\", expected \"pkcs8\" or \"der\", as an "
	     "ed25519 key has no older form\n" },
	{ "legacy for no pkcs12", true, FILES("content = \"key\"; legacy = true;"),
	  AT
	  ".legacy: found it, expected none: content is not pkcs12 or truststore\n" },
	{ "pbmac1 for no pkcs12", true, FILES("pbmac1 = false;"),
	  AT
	  ".pbmac1: found it, expected none: content is not pkcs12 or truststore\n" },
	{ "a key for everyone", true, FILES("content = \"combined\"; mode = \"0644\";"),
	  AT ".mode: found \"0644\", expected a mode that keeps the private key from "
	     "others\n" },
	{ "an SDS file that Envoy would not know", true, FILES("content = \"sds\";"),
	  AT ".path: found \"/srv/app/x\", expected a path that ends in .json: by that "
	     "Envoy knows what it is\n" },
	{ "an SDS file for everyone", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\";\n files = { "
	  "path = "
	  "\"/srv/app/x.json\"; content = \"sds\"; mode = \"0644\"; }; };",
	  AT ".mode: found \"0644\", expected a mode that keeps the private key from "
	     "others\n" },
	{ "a hashed folder that is not there", true, FILES("content = \"hashed\";"),
	  AT ".path: found \"/srv/app/x\", expected a folder that exists\n" },
	{ "a hashed folder of the system", true,
	  "certificates = { names = \"a.example\"; issuer = \"local\";\n files = { "
	  "path = "
	  "\"/etc\"; content = \"hashed\"; }; };",
	  AT ".path: found \"/etc\", expected a folder of its own, not one of the "
	     "system's\n" },
	{ "a hashed folder of two certificates", true,
	  "certificates = ( { names = \"b.example\"; issuer = \"local\"; files = { "
	  "path = "
	  "\"/srv/app\"; content = \"hashed\"; }; },"
	  "\n { names = \"a.example\"; issuer = \"local\"; files = { path = "
	  "\"/srv/app\"; content = \"hashed\"; }; } );",
	  AT
	  ".path: found \"/srv/app\" again, expected another path: main.conf:1 writes "
	  "it\n" },
	{ "a password that others read", true,
	  FILES("content = \"pkcs12\"; password_file = \"/etc/everleaf/open\";"),
	  AT ".password_file: found \"/etc/everleaf/open\", expected a file that "
	     "others cannot read or change, mode 0600: it has 0644\n" },
};

static void each_mistake_in_a_file_is_named(void **state)
{
	(void)state;
	fake_refuses(rows, sizeof(rows) / sizeof(rows[0]));
}

static void pbmac1_needs_an_openssl_that_has_it(void **state)
{
	static const struct fake_row row[] = {
		{ "pbmac1", true, FILES("content = \"pkcs12\"; pbmac1 = true; " SECRET),
		  AT ".pbmac1: found true, expected false: OpenSSL 3.4 is needed, and "
		     "this is built with an older one\n" },
	};
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	if (!pkcs12_has_pbmac1()) {
		fake_refuses(row, 1);
		return;
	}
	fake_spec(&f, true, row[0].text, &s);
	assert_int_equal(s.files[0].p12, CONTENT_P12_PBMAC1);
	fake_done(&f);
}

static void legacy_and_pbmac1_exclude_each_other(void **state)
{
	struct fake f = { 0 };
	AUTO_FD int fd = -1;
	static const char text[] =
	    FILES("content = \"pkcs12\"; legacy = true; pbmac1 = "
		  "true; " SECRET);

	(void)state;
	assert_int_equal(fake_compile(&f, true, text, strlen(text), &fd), ERR_CONFIG);
	assert_string_equal(fake_said(&f), AT
			    ".pbmac1: found it, expected legacy or pbmac1, not both\n");
	fake_done(&f);
}

static struct spec_file read_one(const char *text)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	struct spec_file file;

	fake_spec(&f, true, text, &s);
	assert_string_equal(fake_warned(&f), "");
	assert_int_equal(s.n[SPEC_FILES], 1);
	file = s.files[0];
	fake_done(&f);
	return file;
}

static void the_defaults_are_those_of_the_manual(void **state)
{
	struct spec_file f = read_one(FILES(""));

	(void)state;
	assert_int_equal(f.content, CONTENT_FULLCHAIN);
	assert_int_equal(f.mode, 0644);
	f = read_one(FILES("content = \"combined\";"));
	assert_int_equal(f.mode, 0600);
	assert_int_equal(f.cert_first, 0);
	assert_int_equal(f.key_form, CONTENT_KEY_PKCS8);
	f = read_one(FILES("content = \"pkcs12\";" SECRET));
	assert_int_equal(f.mode, 0600);
	assert_int_equal(f.p12, CONTENT_P12_MODERN);
}

static void what_is_asked_for_is_what_is_kept(void **state)
{
	struct spec_file f = read_one(FILES("content = \"combined\"; order = "
					    "\"cert-first\"; format = "
					    "\"traditional\";"));

	(void)state;
	assert_int_equal(f.cert_first, 1);
	assert_int_equal(f.key_form, CONTENT_KEY_TRADITIONAL);
	f = read_one(
	    FILES("content = \"key\"; format = \"der\"; mode = \"0644\";" SECRET));
	assert_int_equal(f.key_form, CONTENT_KEY_DER);
	assert_int_equal(f.mode, 0644); /* it is encrypted */
	assert_int_not_equal(f.password_file.at, 0);
	f = read_one(FILES("content = \"pkcs12\"; legacy = true;" SECRET));
	assert_int_equal(f.p12, CONTENT_P12_LEGACY);
}

static void who_cannot_get_at_a_file_is_warned_of(void **state)
{
	static const char text[] =
	    "certificates = { names = \"a.example\"; issuer = \"local\"; files = (\n"
	    " { path = \"/srv/app/a\"; owner = \"haproxy\"; },\n"
	    " { path = \"/srv/app/b\"; group = \"ssl-cert\"; mode = \"0640\"; },\n"
	    " { path = \"/srv/app/c\"; group = \"ssl-cert\"; mode = \"0600\"; },\n"
	    " { path = \"/srv/app/d\"; owner = \"root\"; group = \"0\"; } ); };";
	struct fake f = { .closed = "closed" };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, text, &s);
	assert_string_equal(
	    fake_warned(&f),
	    "main.conf:2: certificates.a.example.files[0].owner: \"haproxy\" cannot "
	    "read it there: /srv/app for user 90: closed\n"
	    "main.conf:3: certificates.a.example.files[1].group: \"ssl-cert\" cannot "
	    "read it there: /srv/app for group 110: closed\n");
	fake_done(&f);
}

static void what_does_not_work_for_who_needs_it_is_warned_of(void **state)
{
	static const char text[] =
	    "hooks = { name = \"mine\"; run = [ \"nginx\", \"x\" ]; test = "
	    "\"/srv/app/hook\";\n"
	    " user = \"haproxy\"; };\n"
	    "issuers = { name = \"corp\"; type = \"est\"; url = "
	    "\"https://ca.example/\";\n"
	    " trust = \"/etc/everleaf/ca.pem\"; };\n"
	    "certificates = { names = \"a.example\"; issuer = \"local\"; hooks = "
	    "\"mine\"; files = (\n"
	    " { path = \"/srv/readonly/a\"; },\n"
	    " { path = \"/srv/app/folder\"; }, { path = \"/srv/app/to-x\"; },\n"
	    " { path = \"/srv/readonly/b\"; }, { path = \"/srv/app/c\"; } ); };";
	struct fake f = { .closed = "closed" };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, text, &s);
	assert_string_equal(
	    fake_warned(&f),
	    "main.conf:4: issuers.corp.trust: user 803, who speaks to CAs, cannot read "
	    "it: /etc/everleaf/ca.pem to read for user 803: closed\n"
	    "main.conf:2: hooks.mine.user: \"haproxy\" cannot run /srv/app/hook: "
	    "/srv/app/hook to run for user 90: closed\n"
	    "main.conf:2: hooks.mine.user: \"haproxy\" cannot run nginx: "
	    "/usr/sbin/nginx to run for user 90: closed\n"
	    "main.conf:6: certificates.a.example.files[0].path: nothing can be written "
	    "in /srv/readonly: Read-only file system\n"
	    "main.conf:7: certificates.a.example.files[1].path: a folder is in its "
	    "place: remove it, or the file is not written\n"
	    "main.conf:7: certificates.a.example.files[2].path: a link is in its "
	    "place, "
	    "which is not followed: remove it, or the file is not written\n"
	    "main.conf:1: hooks.mine.test: the program \"/srv/app/hook\" is in "
	    "/srv/app, where the keeper writes: keep it elsewhere, or who takes the "
	    "keeper over could change it\n");
	fake_done(&f);
}

static void a_way_over_a_link_is_warned_of(void **state)
{
	static const char text[] =
	    "certificates = { names = \"a.example\"; issuer = \"local\";\n"
	    " files = { path = \"/srv/to-app/a\"; }; };";
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, text, &s);
	assert_string_equal(fake_warned(&f),
			    AT ".path: /srv/to-app is, or leads over, a link, which is "
			       "not followed: write /srv/app\n");
	fake_done(&f);
}

static void what_the_keeper_reads_is_no_link(void **state)
{
	static const char text[] =
	    "certificates = { names = \"a.example\"; issuer = \"local\";\n"
	    " files = { path = \"/srv/app/x\"; content = \"pkcs12\"; password_file = "
	    "\"/srv/to-secret\"; }; };\n"
	    "crls = { name = \"x\"; url = \"http://a/\"; ca = \"/srv/to-ca.pem\"; };";
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, text, &s);
	assert_string_equal(fake_warned(&f), AT
			    ".password_file: /srv/to-secret is, or leads over, a "
			    "link, which is not followed: write "
			    "/etc/everleaf/secret\n"
			    "main.conf:3: crls.x.ca: /srv/to-ca.pem is, or leads over, "
			    "a link, which is not followed: write "
			    "/etc/everleaf/ca.pem\n");
	fake_done(&f);
}

static void a_runtime_folder_too_deep_for_a_socket_is_warned_of(void **state)
{
	static const char text[] =
	    "runtime_dir = \"/srv/1234567890123456789012345678901234567890"
	    "12345678901234567890123456789012345678901234567890123\";";
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, text, &s);
	assert_non_null(
	    strstr(fake_warned(&f), "agent.sock it may have 96 bytes, and has 98\n"));
	fake_done(&f);
}

static void what_others_or_the_keeper_could_replace_is_warned_of(void **state)
{
	static const char text[] =
	    "state_dir = \"/srv/open/state\";\n"
	    "certificates = { names = \"a.example\"; issuer = \"local\"; files = "
	    "{ path = \"/srv/app/a\"; }; };";
	static const char *const paths[] = { "/srv/app/x.conf", "/srv/open/x.conf" };
	struct fake f = { .closed = "closed" };
	const struct config_host host = fake_host(&f, true);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_FD int fd = -1;
		struct err e;

		assert_int_equal(config_compile(&host, paths[i], text, strlen(text),
						&fd, &e),
				 0);
	}
	assert_string_equal(
	    fake_warned(&f),
	    "/srv/app/x.conf:1: state_dir: /srv/open/state: others can put another "
	    "folder in its place: everybody can write /srv\n"
	    "/srv/app/x.conf:1: it is in /srv/app, where the keeper writes: keep it "
	    "elsewhere, or who takes the keeper over could change it\n"
	    "/srv/open/x.conf:1: state_dir: /srv/open/state: others can put another "
	    "folder in its place: everybody can write /srv\n"
	    "/srv/open/x.conf:1: others can put another file in its place: everybody "
	    "can write /srv\n");
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_in_a_file_is_named),
		cmocka_unit_test(pbmac1_needs_an_openssl_that_has_it),
		cmocka_unit_test(legacy_and_pbmac1_exclude_each_other),
		cmocka_unit_test(the_defaults_are_those_of_the_manual),
		cmocka_unit_test(what_is_asked_for_is_what_is_kept),
		cmocka_unit_test(who_cannot_get_at_a_file_is_warned_of),
		cmocka_unit_test(what_others_or_the_keeper_could_replace_is_warned_of),
		cmocka_unit_test(a_way_over_a_link_is_warned_of),
		cmocka_unit_test(what_the_keeper_reads_is_no_link),
		cmocka_unit_test(a_runtime_folder_too_deep_for_a_socket_is_warned_of),
		cmocka_unit_test(what_does_not_work_for_who_needs_it_is_warned_of),
	};

	return cmocka_run_group_tests_name("config_file", tests, NULL, NULL);
}
