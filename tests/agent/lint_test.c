/* lint: by which settings of a server a list of ours is of no use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/lint/lint.h"
#include "agent/lint/lint_word.h"
#include "base/mem.h"
#include "base/x509.h"
#include "tests/agent/config_fake.h"
#include "tests/help/certs.h"

/* What is on this host: path, text, ..., NULL. */
struct world {
	const char *const *files;
	const char *closed; /* why nobody gets into any folder; NULL: all do */
	struct buf said;
	unsigned n_found;
};

/* "DIR/<star>" is all that begins with DIR/, in their order. */
static int find(void *arg, const char *pattern, uint32_t n, struct buf *path,
		struct buf *text, struct err *e)
{
	struct world *w = arg;
	const size_t len = strcspn(pattern, "*");

	for (const char *const *f = w->files; *f != NULL; f += 2) {
		if (pattern[len] == '*' ? strncmp(*f, pattern, len) != 0
					: strcmp(*f, pattern) != 0)
			continue;
		if (n-- > 0)
			continue;
		if (strcmp(f[1], "closed") == 0)
			return err_set(e, ERR_CONFIG, "it cannot be read");
		buf_puts(path, f[0]);
		buf_puts(text, f[1]);
		w->n_found++;
		return 0;
	}
	return 0;
}

static int user(void *arg, const char *name, uint32_t *uid, struct err *e)
{
	(void)arg;
	*uid = 90;
	return strcmp(name, "nobody") == 0 ? 0 : err_set(e, ERR_CONFIG, "no such user");
}

static int group(void *arg, const char *name, uint32_t *gid, struct err *e)
{
	(void)arg;
	(void)e;
	(void)name;
	*gid = 110; /* ssl-cert */
	return 0;
}

static void reach(void *arg, const char *folder, uint32_t uid, struct buf *why)
{
	(void)uid;
	if (((struct world *)arg)->closed != NULL)
		buf_printf(why, "%s: %s", folder, ((struct world *)arg)->closed);
}

static void warn(void *arg, const char *file, unsigned line, const char *text)
{
	buf_printf(&((struct world *)arg)->said, "%s:%u: %s\n", file, line, text);
}

/* With `settings` of a CRL that is written to /srv/app/clients.crl. */
static void look(struct world *w, const char *settings)
{
	AUTO_FREE char *text = xasprintf(
	    "hooks = ( { name = \"load\"; run = \"/bin/true\"; } );\n"
	    "crls = ( { name = \"clients\"; url = \"http://ca.example/crl\";\n"
	    "files = ( { path = \"/srv/app/clients.crl\"; %s",
	    settings);
	const struct lint_host host = { w, find, user, group, reach, warn };
	struct fake f = { 0 };
	struct spec s;

	fake_spec(&f, true, text, &s);
	lint_all(&s, &host);
	spec_done(&s);
	fake_done(&f);
}

#define OPEN   "}, { path = \"/srv/app\"; content = \"hashed\"; } ); "
#define CA     OPEN "ca = \"/etc/everleaf/ca.pem\"; "
#define HOOKED CA "hooks = \"load\"; "
#define END    "} );"

struct row {
	const char *path;
	const char *text;
	const char *said; /* what is in it, "": nothing is said */
};

static void check_rows(const struct row *rows, size_t n, const char *settings)
{
	for (size_t i = 0; i < n; i++) {
		const char *files[] = { rows[i].path, rows[i].text, NULL };
		struct world w = { .files = files };
		const char *said;

		look(&w, settings);
		said = w.said.data == NULL ? "" : w.said.data;
		if (rows[i].said[0] == '\0' ? said[0] != '\0'
					    : strstr(said, rows[i].said) == NULL)
			fail_msg("%s\n%s\nsaid\n%sexpected\n%s", rows[i].path,
				 rows[i].text, said, rows[i].said);
		buf_done(&w.said);
	}
	print_message("%zu configurations\n", n);
}

#define NGINX  "/etc/nginx/nginx.conf"
#define APACHE "/etc/apache2/apache2.conf"
#define HA     "/etc/haproxy/haproxy.cfg"
#define VPN    "/etc/openvpn/server/a.conf"
#define RADIUS "/etc/freeradius/3.0/mods-enabled/eap"
#define PG     "/etc/postgresql/15/main/postgresql.conf"
#define MQ     "/etc/mosquitto/mosquitto.conf"

static const struct row rows[] = {
	{ NGINX, "http { server { ssl_crl /srv/app/clients.crl; } }",
	  ":1: ssl_crl is of crls.clients: ssl_verify_client is off here" },
	{ NGINX,
	  "http { ssl_verify_client on;\nserver { ssl_crl /srv/app/clients.crl;\n"
	  "ssl_verify_client off; } }",
	  ":2: ssl_crl is of crls.clients: ssl_verify_client is off here" },
	{ NGINX,
	  "http { server { ssl_verify_client on; } ssl_crl \"/srv/app/clients.crl\";\n"
	  "# } {\nmap $a $b { default \"}\"; x ${c}; }\nserver { listen 80; } }",
	  "" },
	{ NGINX,
	  "http { server { ssl_crl /srv/app/clients.crl; # ssl_verify_client on;\n} }",
	  "ssl_verify_client is off here" },
	{ NGINX, "http { server { ssl_crl /srv/app/others.crl; } }", "" },
	{ APACHE, "SSLCARevocationFile /srv/app/clients.crl\nSSLVerifyClient require\n",
	  ":1: SSLCARevocationFile is of crls.clients: SSLCARevocationCheck is none, "
	  "as "
	  "it is not set, so the list is read and not used" },
	{ APACHE,
	  "sslCArevocationcheck chain\nSSLCARevocationPath /srv/app/\n<VirtualHost *>\n"
	  "SSLVerifyClient none\n<Location /a>\nSSLVerifyClient \\\n require\n"
	  "</Location>\n</VirtualHost>",
	  "" },
	{ APACHE,
	  "<VirtualHost *:443>\nSSLVerifyClient require\nSSLCARevocationFile "
	  "/srv/app/clients.crl\nSSLCARevocationCheck none\n</VirtualHost>\n"
	  "SSLCARevocationCheck chain",
	  ":4: SSLCARevocationFile is of crls.clients: SSLCARevocationCheck is none, "
	  "so" },
	{ APACHE,
	  "SSLCARevocationCheck chain\nSSLCARevocationFile /srv/app/clients.crl\n"
	  "<VirtualHost *:80>\n</VirtualHost>",
	  "SSLVerifyClient is none here" },
	{ HA, "frontend a\n bind :1 ssl crl-file /srv/app/clients.crl ca-file x",
	  ":2: crl-file is of crls.clients: verify is none here" },
	{ HA, "frontend a\n bind :1 ssl crl-file /srv/app/clients.crl verify optional",
	  "verify is optional, not required" },
	{ HA,
	  "global\n crl-base /srv/app\nfrontend a\n bind :1 ssl crl-file clients.crl "
	  "verify required crt-ignore-err all",
	  "crt-ignore-err is all: who is revoked gets in" },
	{ HA,
	  "frontend a\n bind :1 ssl verify required crl-file /srv/app/clients.crl\n"
	  " bind :2 ssl verify none",
	  "" },
	{ VPN, "verify-client-cert none\ncrl-verify /srv/app/clients.crl",
	  "verify-client-cert is none here" },
	{ VPN, "crl-verify /srv/app/clients.crl ; here\nuser nobody\n", "" },
	{ VPN, "crl-verify /srv/app dir", "with dir the files in it" },
	{ VPN, "chroot /srv\ncrl-verify /srv/app/clients.crl", "after chroot" },
	{ VPN, "chroot /srv\ncrl-verify /app/clients.crl", "" },
	{ RADIUS,
	  "eap { tls-config a { ca_path = ${certdir}/x\nca_path = /srv/app\n} }",
	  ":2: ca_path is of crls.clients: check_crl is no here" },
	{ RADIUS, "eap { tls-config a {\nca_path=/srv/app\ncheck_crl = yes } }", "" },
	{ PG, "ssl_crl_file = '/srv/app/clients.crl'", "ssl is off here" },
	{ PG, "ssl = on\nssl_crl_file '/srv/app/clients.crl'",
	  "ssl_ca_file is not set" },
	{ PG, "ssl=on # yes\nssl_ca_file='a'\nssl_crl_dir = '/srv/app'", "" },
	{ MQ,
	  "listener 1\nrequire_certificate true\nlistener 2\ncrlfile "
	  "/srv/app/clients.crl",
	  ":4: crlfile is of crls.clients: require_certificate is false here" },
	{ MQ, "listener 1\ncrlfile /srv/app/clients.crl\nrequire_certificate true",
	  "" },
};

static void what_makes_a_list_useless_is_said(void **state)
{
	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(*rows), HOOKED END);
}

static void who_reads_a_list_once_needs_a_hook(void **state)
{
	static const struct row unhooked[] = {
		{ NGINX,
		  "server { ssl_crl /srv/app/clients.crl; ssl_verify_client on; }",
		  "no hook of it tells nginx" },
		{ RADIUS, "ca_path = /srv/app\ncheck_crl = yes",
		  "ca_path_reload_interval is not set" },
		{ RADIUS,
		  "ca_path = /srv/app\ncheck_crl = yes\nca_path_reload_interval = 3600",
		  "" },
		{ VPN, "crl-verify /srv/app/clients.crl", "" },
	};

	(void)state;
	check_rows(unhooked, sizeof(unhooked) / sizeof(*unhooked), CA END);
}

static void what_its_own_settings_make_of_it_counts(void **state)
{
	static const struct row closed[] = {
		{ VPN, "user nobody\ncrl-verify /srv/app/clients.crl",
		  ":1: crl-verify is of crls.clients: user is nobody, who cannot read "
		  "it: its mode is 0640" },
		{ VPN, "user nobody\ngroup ssl-cert\ncrl-verify /srv/app/clients.crl",
		  "" },
		{ VPN, "crl-verify /srv/app/clients.crl", "" },
		{ MQ, "crlfile /srv/app/clients.crl\nrequire_certificate true",
		  "on_stale is remove" },
	};

	(void)state;
	check_rows(closed, sizeof(closed) / sizeof(*closed),
		   "mode = \"0640\"; group = \"ssl-cert\"; " HOOKED
		   "on_stale = \"remove\"; " END);
}

static void a_folder_that_is_closed_is_named(void **state)
{
	const char *files[] = { VPN, "user nobody\ncrl-verify /srv/app/clients.crl",
				NULL };
	struct world w = { .files = files, .closed = "mode 0700" };

	(void)state;
	look(&w, HOOKED END);
	assert_non_null(strstr(w.said.data, "cannot read it: /srv/app: mode 0700"));
	buf_done(&w.said);
}

static const char *const parts[] = {
	NGINX,
	"http { include sites/*; ssl_verify_client on; }",
	"/etc/nginx/sites/a",
	"server { include more.conf; }",
	"/etc/nginx/sites/b",
	"server {\nssl_crl /srv/app/clients.crl; ssl_verify_client off; }",
	"/etc/nginx/more.conf",
	"ssl_crl /srv/app/clients.crl;",
	NULL,
};

static void files_that_are_included_are_parts(void **state)
{
	struct world w = { .files = parts };

	(void)state;
	look(&w, HOOKED END);
	assert_string_equal(w.said.data,
			    "/etc/nginx/sites/b:2: ssl_crl is of crls.clients: "
			    "ssl_verify_client is off here: nobody is asked for a "
			    "certificate, and the list is not used\n");
	buf_done(&w.said);
}

/* Half of a configuration says nothing. */
static void what_cannot_be_read_whole_is_not_judged(void **state)
{
	const char *files[] = { NGINX,
				"include x;\nserver { ssl_crl /srv/app/clients.crl; }",
				"/etc/nginx/x", "closed", NULL };
	const char *itself[] = { NGINX, "include nginx.conf;", NULL };
	struct world w = { .files = files };

	(void)state;
	look(&w, HOOKED END);
	assert_null(w.said.data);
	w.files = itself;
	look(&w, HOOKED END);
	assert_null(w.said.data);
	w.files = files;
	look(&w, HOOKED "servers = \"nginx:" NGINX "\"; " END);
	assert_string_equal(w.said.data,
			    NGINX ":0: it is not looked at: a file that it includes "
				  "cannot be read, or it is too large\n");
	buf_done(&w.said);
}

static void a_server_that_is_named_has_to_name_the_list(void **state)
{
	const char *files[] = { "/opt/mq.conf", "listener 1\n", NULL };
	struct world w = { .files = files };

	(void)state;
	look(&w, HOOKED
	     "servers = [ \"mosquitto:/opt/mq.conf\", \"nginx:/opt/none\" ]; " END);
	assert_string_equal(w.said.data,
			    "/opt/mq.conf:0: no setting that is known here names a "
			    "file of crls.clients\n"
			    "/opt/none:0: there is no such file\n");
	buf_done(&w.said);
}

static void add_ca(struct buf *pem, EVP_PKEY *key, const char *name, X509 **above)
{
	const struct cert_plan plan = { .subject = name,
					.key = key,
					.issuer = *above,
					.issuer_key = key,
					.from = 1700000000,
					.to = 1900000000,
					.basic = "critical,CA:TRUE" };
	X509 *ca = certs_make(&plan);
	struct err e;

	assert_int_equal(x509_to_pem(ca, pem, &e), 0);
	X509_free(*above);
	*above = ca;
}

/* A root and two below it, one above the other. */
static void a_chain_that_is_longer_than_a_server_takes_is_said(void **state)
{
	AUTO_KEY EVP_PKEY *key = certs_key(KEY_ECDSA_P256);
	AUTO_X509 X509 *ca = NULL;
	AUTO_BUF struct buf pem = { 0 };
	const char *files[] = { NGINX,
				"server { ssl_crl /srv/app/clients.crl; "
				"ssl_verify_client on; }",
				APACHE,
				"SSLCARevocationFile /srv/app/clients.crl\n"
				"SSLCARevocationCheck chain\nSSLVerifyClient require\n"
				"SSLVerifyDepth 2",
				"/etc/everleaf/ca.pem",
				NULL,
				NULL };
	struct world w = { .files = files };

	(void)state;
	add_ca(&pem, key, "root", &ca);
	add_ca(&pem, key, "a", &ca);
	add_ca(&pem, key, "b", &ca);
	files[5] = pem.data;
	look(&w, OPEN "bundle = \"/etc/everleaf/ca.pem\"; hooks = \"load\"; " END);
	assert_string_equal(
	    w.said.data,
	    NGINX ":1: ssl_crl is of crls.clients: ssl_verify_depth is 1, as it is not "
		  "set, and chains of its clients have 2 CAs below the root: they are "
		  "refused\n" APACHE
		  ":4: SSLCARevocationFile is of crls.clients: SSLVerifyDepth is 2, "
		  "and chains of its clients have 3 CAs: they are refused\n");
	assert_int_equal(w.n_found, 3); /* what both need is read once */
	buf_done(&w.said);
}

/* A folder, a broken link: the others are looked at. */
static void what_cannot_be_read_hides_no_other_server(void **state)
{
	const char *files[] = { "/etc/openvpn/a.conf", "closed", "/etc/openvpn/b.conf",
				"crl-verify /srv/app/clients.crl dir", NULL };
	struct world w = { .files = files };

	(void)state;
	look(&w, HOOKED END);
	assert_non_null(w.said.data);
	assert_non_null(strstr(w.said.data, "/etc/openvpn/b.conf:1: crl-verify is of"));
	buf_done(&w.said);
}

/* Whoever serves thousands of names has an answer, too: it is not the square of them. */
static void thousands_of_blocks_are_looked_at(void **state)
{
	AUTO_BUF struct buf text = { 0 };
	const char *files[] = { NGINX, NULL, NULL };
	struct world w = { .files = files };

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		buf_puts(&text,
			 "server { ssl_crl /srv/app/clients.crl; ssl_verify_client on;"
			 " location a { } location b { } location c { } }\n");
	buf_puts(&text, "server { ssl_crl /srv/app/clients.crl; location a { } }");
	files[1] = text.data;
	look(&w, HOOKED END);
	assert_string_equal(w.said.data, NGINX
			    ":3001: ssl_crl is of crls.clients: ssl_verify_client "
			    "is off here: nobody is asked for a certificate, and "
			    "the list is not used\n");
	buf_done(&w.said);
}

/* 60,000 lines: what is said of one is not looked for in what is said of all. */
static void what_is_wrong_is_said_once_of_each_line(void **state)
{
	enum { FILES = 4, LINES = 15000 };
	AUTO_BUF struct buf text = { 0 };
	const char *files[2 * FILES + 3] = { NGINX, "include /etc/nginx/sites/*;" };
	static const char *const names[FILES] = { "/etc/nginx/sites/a",
						  "/etc/nginx/sites/b",
						  "/etc/nginx/sites/c",
						  "/etc/nginx/sites/d" };
	struct world w = { .files = files };
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < LINES; i++)
		buf_puts(&text, i == 0
				    ? "server { ssl_crl /srv/app/clients.crl; } server "
				      "{ ssl_crl /srv/app/clients.crl; }\n"
				    : "server { ssl_crl /srv/app/clients.crl; }\n");
	for (size_t i = 0; i < FILES; i++) {
		files[2 + 2 * i] = names[i];
		files[3 + 2 * i] = text.data;
	}
	look(&w, HOOKED END);
	for (const char *at = w.said.data; *at != '\0'; at = strchr(at, '\n') + 1)
		n++;
	assert_int_equal(n, FILES * LINES);
	buf_done(&w.said);
}

/* Whatever is in the files, it ends. */
static void nonsense_is_no_harm(void **state)
{
	static const char *const texts[] = {
		"}}}}{{{{;;;;",
		"\"",
		"'",
		"\\",
		"${",
		"${a",
		"include",
		"include ;",
		"<VirtualHost",
		"</VirtualHost>\n</VirtualHost>",
		"bind",
		"listener",
		"ssl_crl",
		"ssl_crl;",
		"#",
		"# \\\n",
		"a\\\nb",
		"include_dir",
	};
	static const char *const paths[] = { NGINX, APACHE, HA, VPN, RADIUS, PG, MQ };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t k = 0; k < sizeof(paths) / sizeof(*paths); k++) {
			const char *files[] = { paths[k], texts[i], NULL };
			struct world w = { .files = files };

			look(&w, HOOKED END);
			assert_null(w.said.data);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_makes_a_list_useless_is_said),
		cmocka_unit_test(who_reads_a_list_once_needs_a_hook),
		cmocka_unit_test(what_its_own_settings_make_of_it_counts),
		cmocka_unit_test(a_folder_that_is_closed_is_named),
		cmocka_unit_test(files_that_are_included_are_parts),
		cmocka_unit_test(what_cannot_be_read_whole_is_not_judged),
		cmocka_unit_test(a_server_that_is_named_has_to_name_the_list),
		cmocka_unit_test(a_chain_that_is_longer_than_a_server_takes_is_said),
		cmocka_unit_test(what_cannot_be_read_hides_no_other_server),
		cmocka_unit_test(thousands_of_blocks_are_looked_at),
		cmocka_unit_test(what_is_wrong_is_said_once_of_each_line),
		cmocka_unit_test(nonsense_is_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
