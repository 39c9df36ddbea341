/* config: what is good becomes a snapshot that says what was meant. */
#include "tests/agent/config_fake.h"

#include <time.h>

#include "base/mem.h"
#include "base/names.h"

/* The "least that works" of the manual. */
static const char least[] =
    "contact = \"mailto:ops@example.org\";\n"
    "agree_terms = true;\n"
    "certificates = ( {\n"
    "  names = [ \"example.org\", \"www.example.org\" ];\n"
    "  issuer = \"letsencrypt\";\n"
    "  challenge = { type = \"http-01\"; webroot = \"/var/www/html\"; };\n"
    "  hooks = \"nginx\"; probe = \"example.org:443\";\n"
    "} );\n";

static void assert_words(const struct spec *s, struct list l, const char *want)
{
	AUTO_FREE const char **words = spec_words(s, l);
	AUTO_BUF struct buf got = { 0 };

	for (size_t i = 0; words[i] != NULL; i++)
		buf_printf(&got, "%s%s", i == 0 ? "" : " ", words[i]);
	assert_string_equal(got.data == NULL ? "" : got.data, want);
}

static void the_least_that_works_works(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_cert *c;
	const struct spec_issuer *issuer;
	const struct spec_hook *hook;

	(void)state;
	fake_spec(&f, true, least, &s);
	assert_string_equal(fake_warned(&f), "");
	assert_int_equal(s.n[SPEC_CERTS], 1);
	c = &s.certs[0];
	assert_string_equal(spec_text(&s, c->name), "example.org");
	assert_string_equal(spec_text(&s, c->file), "main.conf");
	assert_int_equal(c->line, 3);
	assert_int_equal(c->names.n, 2);
	assert_string_equal(spec_text(&s, s.names[c->names.first + 1].value),
			    "www.example.org");
	assert_true(c->names_hash == names_hash(NAME_DNS, "example.org") +
					 names_hash(NAME_DNS, "www.example.org"));
	assert_int_equal(c->key, KEY_ECDSA_P256);
	assert_int_equal(c->usage, USAGE_SERVER);
	assert_int_equal(c->mode, 0600);
	assert_int_equal(c->uid, 0);
	assert_int_equal(c->keep, 3);
	assert_true(c->probe_every_s == 3600);
	assert_int_equal(c->before_s, 0);
	assert_int_equal(c->before_den, 0);
	issuer = &s.issuers[s.numbers[c->issuers.first]];
	assert_string_equal(spec_text(&s, issuer->name), "letsencrypt");
	assert_string_equal(spec_text(&s, issuer->contact), "mailto:ops@example.org");
	assert_int_equal(issuer->is_public, 1);
	assert_int_equal(issuer->limits[PER_ACCOUNT].most, 300);
	assert_true(issuer->limits[PER_ACCOUNT].span_s == 3 * 3600);
	assert_int_equal(issuer->limits[PER_SET].most, 5);
	assert_true(issuer->limits[PER_SET].span_s == 7 * 86400);
	assert_int_equal(issuer->limits[PER_NAME].most, 5);
	assert_true(issuer->limits[PER_NAME].span_s == 3600);
	hook = &s.hooks[s.numbers[c->hooks.first]];
	assert_words(&s, hook->test, "nginx -t");
	assert_words(&s, hook->run, "nginx -s reload");
	assert_int_equal(hook->timeout_s, 30);
	assert_int_equal(hook->rollback, 1);
	assert_int_equal(hook->uid, SPEC_NOBODY);
	fake_done(&f);
}

static const char everything[] =
    "state_dir = \"/srv/state\"; runtime_dir = \"/srv/run\";\n"
    "include = \"conf.d/*.conf\";\n"
    "log = { format = \"json\"; level = \"debug\"; };\n"
    "http = \"127.0.0.1:9099\";\n"
    "users = { agent = \"61001\"; keeper = \"61002\"; network = \"61003\"; };\n"
    "watch = [ \"/etc/ssl/private/*.pem\" ];\n"
    "contact = \"mailto:ops@example.org\"; agree_terms = true;\n"
    "defaults = { issuer = \"lab\"; key = \"rsa-2048\"; hooks = [ \"mine\" ]; };\n"
    "issuers = (\n"
    " { name = \"zerossl\"; type = \"acme\"; url = \"https://acme.example/v2/DV90\";\n"
    "   eab = { kid = \"k\"; key_file = \"/etc/everleaf/secret\";\n"
    "     algorithm = \"HS384\"; };\n"
    "   trust = \"/etc/everleaf/ca.pem\"; profile = \"tlsserver\"; chain = \"R X1\";\n"
    "   need_profile = true;\n"
    "   parallel = 4; account_key = \"ecdsa-p384\"; proxy = \"http://proxy:3128\";\n"
    "   source_address = \"192.0.2.1\"; ari = false;\n"
    "   limits = { set = \"3/1d\"; };\n"
    "   challenge = { type = \"http-01\"; listen = \"[::]:80\"; }; },\n"
    " { name = \"corp\"; type = \"est\"; url = \"https://ca.example/.well-known/est\"; "
    "},\n"
    " { name = \"lab\"; type = \"local\"; subject = \"CN=Lab CA\"; lifetime = "
    "\"30d\";\n"
    "   crl_url = \"http://ca.lab.example/lab.crl\"; ca_lifetime = \"365d\";\n"
    "   intermediate = true; ca_key = \"rsa-4096\"; path_length = 1;\n"
    "   permitted = [ \"Example.org\", \".lab\", \"10.0.0.0/8\", \"2001:db8::/32\" ];\n"
    "   excluded = \"email:example.org\"; }\n"
    ");\n"
    "certificates = (\n"
    " { name = \"www\"; names = [ \"*.Example.org\", \"192.0.2.7\", "
    "\"email:a@b.example\" ];\n"
    "   optional = \"old.example.org\"; issuer = [ \"lab\", \"zerossl\" ];\n"
    "   key = \"ecdsa-p384\"; reuse_key = true; usage = [ \"server\", \"client\" ];\n"
    "   renew = { before = \"1/3\"; };\n"
    "   challenge = ( { type = \"dns-01\"; only = \"*.example.org\";\n"
    "     rfc2136 = { server = \"127.0.0.1\"; key_name = \"acme\";\n"
    "                 key_file = \"/etc/everleaf/secret\"; }; },\n"
    "     { type = \"tls-alpn-01\"; listen = \"[::]:443\"; } );\n"
    "   owner = \"haproxy\"; group = \"ssl-cert\"; mode = \"0640\";\n"
    "   files = ( { path = \"/srv/app/www.pem\"; content = \"combined\"; },\n"
    "             { path = \"/srv/app/www.p12\"; content = \"pkcs12\";\n"
    "               password_file = \"/etc/everleaf/secret\"; owner = \"61009\"; } );\n"
    "   on_drift = \"report\"; hooks = [ \"mine\", \"haproxy\" ];\n"
    "   probe = ( \"www.example.org:443\", \"smtp://mail.example.org\", "
    "\"[::1]:993\",\n"
    "             { name = \"x.example\"; connect = \"127.0.0.1:8443\"; },\n"
    "             { connect = \"unix:/run/x.sock\"; name = \"y.example\"; } );\n"
    "   probe_every = \"12h\"; keep = 5; allow_private = true; },\n"
    " { names = \"a.example\"; renew = { before = \"12h\"; }; },\n"
    " { name = \"by-csr\"; csr = \"/etc/everleaf/ca.pem\"; issuer = \"local\"; }\n"
    ");\n"
    "hooks = ( { name = \"mine\"; test = \"/bin/true\"; run = [ \"/bin/true\", \"x y\" "
    "];\n"
    "  user = \"haproxy\"; timeout = \"5m\"; on = [ \"installed\", \"drift\" ];\n"
    "  on_failure = \"keep\"; } );\n"
    "crls = ( { name = \"clients\"; url = \"http://ca.example/clients.crl\";\n"
    "  bundle = \"/etc/everleaf/ca.pem\"; max_size = \"10M\";\n"
    "  files = { path = \"/srv/app/clients.crl\"; }; hooks = \"nginx\"; } );\n";

static void the_globals_are_what_was_said(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_global *g;

	(void)state;
	fake_spec(&f, true, everything, &s);
	g = s.global;
	assert_string_equal(spec_text(&s, g->state_dir), "/srv/state");
	assert_string_equal(spec_text(&s, g->runtime_dir), "/srv/run");
	assert_string_equal(spec_text(&s, g->http), "127.0.0.1:9099");
	assert_int_equal(g->log_json, 1);
	assert_int_equal(g->log_level, LEVEL_DEBUG);
	assert_int_equal(g->users[SPEC_USER_AGENT].uid, 61001);
	assert_int_equal(g->users[SPEC_USER_NETWORK].gid, 61003);
	assert_int_equal(s.n[SPEC_WATCH], 1);
	assert_string_equal(spec_text(&s, s.watch[0]), "/etc/ssl/private/*.pem");
	fake_done(&f);
}

static void the_issuers_are_what_was_said(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_issuer *i;

	(void)state;
	fake_spec(&f, true, everything, &s);
	assert_int_equal(s.n[SPEC_ISSUERS], 6); /* three are built in */
	i = &s.issuers[spec_issuer_called(&s, "zerossl")];
	assert_int_equal(i->type, ISSUER_ACME);
	assert_string_equal(spec_text(&s, i->eab_kid), "k");
	assert_int_equal(i->eab_mac, 1);
	assert_int_equal(i->need_profile, 1);
	assert_int_equal(i->parallel, 4);
	assert_int_equal(i->account_key, KEY_ECDSA_P384);
	assert_int_equal(i->ari, 0);
	assert_int_equal(i->is_public, 0); /* it brings its own anchors */
	assert_int_equal(i->limits[PER_SET].most, 3);
	assert_true(i->limits[PER_SET].span_s == 86400);
	assert_int_equal(i->limits[PER_ACCOUNT].most, 0);
	assert_int_equal(i->challenges.n, 1);
	i = &s.issuers[spec_issuer_called(&s, "lab")];
	assert_int_equal(i->type, ISSUER_LOCAL);
	assert_string_equal(spec_text(&s, i->subject), "CN=Lab CA");
	assert_int_equal(i->lifetime_s, 30 * 86400);
	assert_int_equal(i->ca_lifetime_s, 365 * 86400);
	assert_int_equal(i->intermediate, 1);
	assert_int_equal(i->ca_key, KEY_RSA_4096);
	assert_int_equal(i->path_length, 1);
	assert_words(&s, i->permitted, "Example.org lab 10.0.0.0/8 2001:db8::/32");
	assert_words(&s, i->excluded, "email:example.org");
	i = &s.issuers[spec_issuer_called(&s, "local")];
	assert_string_equal(spec_text(&s, i->subject), "CN=everleaf local CA");
	assert_int_equal(i->lifetime_s, 90 * 86400);
	assert_int_equal(i->ca_lifetime_s, 3650 * 86400);
	assert_int_equal(i->path_length, SPEC_NOBODY);
	fake_done(&f);
}

static void the_certificates_are_what_was_said(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_cert *c;
	const struct spec_file *file;

	(void)state;
	fake_spec(&f, true, everything, &s);
	assert_int_equal(s.n[SPEC_CERTS], 3);
	assert_string_equal(spec_text(&s, s.certs[0].name), "a.example");
	assert_string_equal(spec_text(&s, s.certs[1].name), "by-csr");
	c = &s.certs[2];
	assert_string_equal(spec_text(&s, c->name), "www");
	assert_int_equal(c->names.n, 4);
	assert_int_equal(s.names[c->names.first + 1].kind, NAME_IP);
	assert_int_equal(s.names[c->names.first + 3].optional, 1);
	assert_int_equal(c->issuers.n, 2);
	assert_int_equal(c->key, KEY_ECDSA_P384);
	assert_int_equal(c->reuse_key, 1);
	assert_int_equal(c->usage, USAGE_SERVER | USAGE_CLIENT);
	assert_int_equal(c->before_num, 1);
	assert_int_equal(c->before_den, 3);
	assert_int_equal(c->uid, 90);
	assert_int_equal(c->gid, 110);
	assert_int_equal(c->mode, 0640);
	assert_int_equal(c->on_drift, DRIFT_REPORT);
	assert_int_equal(c->keep, 5);
	assert_true(c->probe_every_s == 12 * 3600);
	assert_int_equal(c->challenges.n, 2);
	assert_int_equal(c->files.n, 2);
	file = &s.files[c->files.first];
	assert_string_equal(spec_text(&s, file->path), "/srv/app/www.pem");
	assert_int_equal(file->content, CONTENT_COMBINED);
	assert_int_equal(file->mode, 0600);
	assert_int_equal(file[1].uid, 61009);
	assert_int_equal(file[1].gid, 0);
	fake_done(&f);
}

/* RFC 8555 7.4: it is sent as it is. */
static void a_request_says_names_and_key(void **state)
{
	static const char text[] =
	    "defaults = { key = \"rsa-2048\"; next_key = true; };\n"
	    "certificates = { name = \"x\"; csr = \"/etc/everleaf/ca.pem\"; issuer = "
	    "\"local\"; files = { path = \"/srv/app/x\"; }; };\n";
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_cert *c;

	(void)state;
	fake_spec(&f, true, text, &s);
	c = s.certs;
	assert_int_equal(c->key, KEY_ECDSA_P256);
	assert_int_equal(c->next_key, 0);
	assert_int_equal(c->names.n, 2);
	assert_string_equal(spec_text(&s, s.names[c->names.first].value),
			    "by-csr.example");
	assert_string_equal(spec_text(&s, s.names[c->names.first + 1].value),
			    "*.by-csr.example");
	assert_true(c->names_hash == names_hash(NAME_DNS, "by-csr.example") +
					 names_hash(NAME_DNS, "*.by-csr.example"));
	assert_string_equal(spec_text(&s, c->request), fake_request);
	assert_int_equal(strlen(spec_text(&s, c->csr_key)), 64);
	fake_done(&f);
}

static void a_certificate_starts_from_the_defaults(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_cert *c;

	(void)state;
	fake_spec(&f, true, everything, &s);
	c = &s.certs[spec_cert_called(&s, "a.example")];
	assert_int_equal(c->key, KEY_RSA_2048);
	assert_int_equal(c->before_s, 12 * 3600);
	assert_int_equal(c->before_num, 0);
	assert_string_equal(spec_text(&s, s.issuers[s.numbers[c->issuers.first]].name),
			    "lab");
	assert_string_equal(spec_text(&s, s.hooks[s.numbers[c->hooks.first]].name),
			    "mine");
	c = &s.certs[spec_cert_called(&s, "by-csr")];
	assert_string_equal(spec_text(&s, s.issuers[s.numbers[c->issuers.first]].name),
			    "local");
	assert_int_equal(c->names.n, 2);
	fake_done(&f);
}

static void the_probes_are_what_was_said(void **state)
{
	static const struct {
		const char *label, *host, *port, *name;
		uint32_t proto;
	} want[] = {
		{ "www.example.org:443", "www.example.org", "443", "www.example.org",
		  PROBE_TLS },
		{ "smtp://mail.example.org", "mail.example.org", "25",
		  "mail.example.org", PROBE_SMTP },
		{ "[::1]:993", "::1", "993", NULL, PROBE_TLS },
		{ "127.0.0.1:8443", "127.0.0.1", "8443", "x.example", PROBE_TLS },
		{ "unix:/run/x.sock", "/run/x.sock", NULL, "y.example", PROBE_TLS },
	};
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_cert *c;

	(void)state;
	fake_spec(&f, true, everything, &s);
	c = &s.certs[spec_cert_called(&s, "www")];
	assert_int_equal(c->probes.n, sizeof(want) / sizeof(want[0]));
	for (uint32_t i = 0; i < c->probes.n; i++) {
		const struct spec_probe *p = &s.probes[c->probes.first + i];

		assert_string_equal(spec_text(&s, p->label), want[i].label);
		assert_string_equal(spec_text(&s, p->host), want[i].host);
		assert_int_equal(p->proto, want[i].proto);
		if (want[i].port == NULL)
			assert_null(spec_text(&s, p->port));
		else
			assert_string_equal(spec_text(&s, p->port), want[i].port);
		if (want[i].name == NULL)
			assert_null(spec_text(&s, p->name));
		else
			assert_string_equal(spec_text(&s, p->name), want[i].name);
	}
	fake_done(&f);
}

static void the_hooks_are_what_was_said(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_hook *h;

	(void)state;
	fake_spec(&f, true, everything, &s);
	h = &s.hooks[spec_hook_called(&s, "mine")];
	assert_words(&s, h->test, "/bin/true");
	assert_words(&s, h->run, "/bin/true x y");
	assert_string_equal(spec_text(&s, h->user), "haproxy");
	assert_string_equal(spec_text(&s, h->home), "/home/haproxy");
	assert_int_equal(h->uid, 90);
	assert_int_equal(h->timeout_s, 300);
	assert_int_equal(h->on, 1u << EVENT_INSTALLED | 1u << EVENT_DRIFT);
	assert_int_equal(h->rollback, 0);
	h = &s.hooks[spec_hook_called(&s, "haproxy")]; /* of hooks_dir */
	assert_words(&s, h->test, "/share/hooks/haproxy test");
	assert_words(&s, h->run, "/share/hooks/haproxy run");
	assert_int_equal(s.n[SPEC_CRLS], 1);
	assert_true(s.crls[0].max_size == 10u << 20);
	assert_int_equal(s.crls[0].files.n, 1);
	fake_done(&f);
}

static void a_hook_of_the_list_replaces_the_built_in_one(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(
	    &f, true,
	    "certificates = { names = \"a.example\"; issuer = \"local\";"
	    " hooks = \"nginx\"; };"
	    "hooks = { name = \"nginx\"; run = \"/bin/true\"; };"
	    "issuers = { name = \"local\"; type = \"local\"; lifetime = \"5m\"; };",
	    &s);
	assert_int_equal(s.n[SPEC_HOOKS], 1);
	assert_words(&s, s.hooks[0].run, "/bin/true");
	assert_int_equal(s.hooks[0].test.n, 0);
	assert_int_equal(s.n[SPEC_ISSUERS], 3);
	assert_int_equal(s.issuers[spec_issuer_called(&s, "local")].lifetime_s, 300);
	assert_string_equal(
	    spec_text(&s, s.issuers[spec_issuer_called(&s, "local")].subject),
	    "CN=local");
	fake_done(&f);
}

static void a_name_in_another_script_is_kept_in_a_labels(void **state)
{
	static const char text[] =
	    "issuers = ( { name = \"lab\"; type = \"local\"; subject = \"CN=Lab\";"
	    "   permitted = [ \"bücher.example\", \"email:.bücher.example\" ]; } );\n"
	    "certificates = ( { names = [ \"*.Bücher.example\" ]; issuer = \"lab\";"
	    "   probe = \"bücher.example:443\"; } );\n";
	AUTO_IDN struct idn idn = { .library = NULL };
	struct fake f = { .idn = &idn };
	AUTO_SPEC struct spec s = { 0 };
	const struct spec_cert *c;

	(void)state;
	idn_open(&idn);
	fake_spec(&f, true, text, &s);
	c = &s.certs[0];
	assert_string_equal(spec_text(&s, c->name), "xn--bcher-kva.example");
	assert_string_equal(spec_text(&s, s.names[c->names.first].value),
			    "*.xn--bcher-kva.example");
	assert_string_equal(spec_text(&s, s.probes[c->probes.first].host),
			    "xn--bcher-kva.example");
	assert_words(&s, s.issuers[s.numbers[c->issuers.first]].permitted,
		     "xn--bcher-kva.example email:.xn--bcher-kva.example");
	fake_done(&f);
}

#define CUSTOMERS 20000

/* As a provider has them, a file for each customer. */
static void each_certificate_may_have_a_file_of_its_own(void **state)
{
	const char **included = xcalloc(2 * CUSTOMERS + 1, sizeof(*included));
	struct fake f = { .included = included };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	for (size_t i = 0; i < CUSTOMERS; i++) {
		included[2 * i] = xasprintf("conf.d/%05zu.conf", i);
		included[2 * i + 1] =
		    xasprintf("certificates = { names = \"c%zu.example\"; issuer = "
			      "\"local\"; };",
			      i);
	}
	fake_spec(&f, true, "include = \"conf.d/*.conf\";", &s);
	assert_int_equal(s.n[SPEC_CERTS], CUSTOMERS);
	for (size_t i = 0; i < 2 * CUSTOMERS; i++)
		free((void *)(uintptr_t)included[i]);
	free(included);
	fake_done(&f);
}

static void included_files_bring_more_of_each_list(void **state)
{
	static const char *const included[] = {
		"conf.d/a.conf",
		"certificates = { names = \"a.example\"; hooks = \"mine\"; };\n",
		"conf.d/b.conf",
		"\nhooks = { name = \"mine\"; run = \"/bin/true\"; };\n"
		"certificates = { names = \"0.example\"; issuer = \"lab\"; };\n"
		"issuers = { name = \"lab\"; type = \"local\"; };\n",
		"conf.d/empty.conf",
		"",
		NULL,
	};
	struct fake f = { .included = included };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true,
		  "include = \"conf.d/*.conf\"; defaults = { issuer = \"local\"; };\n"
		  "certificates = { names = \"m.example\"; };",
		  &s);
	assert_int_equal(s.n[SPEC_CERTS], 3);
	assert_string_equal(spec_text(&s, s.certs[0].name), "0.example");
	assert_string_equal(spec_text(&s, s.certs[0].file), "conf.d/b.conf");
	assert_int_equal(s.certs[0].line, 3);
	assert_string_equal(spec_text(&s, s.certs[1].name), "a.example");
	assert_int_equal(s.certs[1].issuers.n, 1);
	fake_done(&f);
}

static void an_included_file_that_is_not_there_is_a_warning(void **state)
{
	static const char text[] = "\ninclude = [ \"more/*.conf\", \"more.conf\" ];";
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, text, &s);
	assert_string_equal(
	    fake_warned(&f),
	    "main.conf:2: include[1]: there is no file \"more.conf\"\n");
	fake_done(&f);
}

static void the_digest_is_of_every_file(void **state)
{
	static const char *const one[] = { "a", "watch = \"/a/x\";", NULL };
	static const char *const two[] = { "a", "watch = \"/a/y\";", NULL };
	static const char text[] = "include = \"x\";";
	struct fake f = { .included = one }, g = { .included = two },
		    h = { .included = one };
	AUTO_SPEC struct spec s = { 0 }, t = { 0 }, u = { 0 };

	(void)state;
	fake_spec(&f, true, text, &s);
	fake_spec(&g, true, text, &t);
	fake_spec(&h, true, text, &u);
	assert_memory_not_equal(s.global->digest, t.global->digest, 32);
	assert_memory_equal(s.global->digest, u.global->digest, 32);
	fake_done(&f);
	fake_done(&g);
	fake_done(&h);
}

static void without_root_all_belongs_to_the_caller(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, false,
		  "certificates = { names = \"a.example\"; issuer = \"local\";"
		  " files = { path = \"/srv/app/a.pem\"; }; };",
		  &s);
	assert_int_equal(s.global->users[SPEC_USER_KEEPER].uid, SPEC_NOBODY);
	assert_int_equal(s.certs[0].uid, SPEC_NOBODY);
	assert_int_equal(s.files[0].gid, SPEC_NOBODY);
	fake_done(&f);
}

static void an_empty_file_is_a_configuration(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, "", &s);
	assert_int_equal(s.n[SPEC_CERTS], 0);
	assert_string_equal(spec_text(&s, s.global->state_dir), "/var/lib/everleaf");
	assert_int_equal(s.global->users[SPEC_USER_NETWORK].uid, 803);
	assert_int_not_equal(spec_issuer_called(&s, "local"), SPEC_NOBODY);
	fake_done(&f);
}

static void the_usual_places_are_no_folders_of_the_system(void **state)
{
	static const char *const usual[] = {
		"/var/lib/everleaf",
		"/run/everleaf",
		"/home/me",
		"/home/me/state",
		"/etc/everleaf",
		"/etc/nginx",
		"/etc/ssl",
		"/etc/postfix",
		"/srv/everleaf",
		"/dev/shm/x",
		"/etc/systemd2",
		"/root/state",
		"/opt/app/tls",
		"/tmp/x",
		"/usr/local/share/ca-certificates",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		AUTO_FREE char *text = xasprintf("state_dir = \"%s\";", usual[i]);
		AUTO_SPEC struct spec s = { 0 };
		struct fake f = { 0 };

		fake_spec(&f, true, text, &s);
		assert_string_equal(fake_warned(&f), "");
		fake_done(&f);
	}
}

#define MANY 100000

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_hundred_thousand_certificates_are_read(void **state)
{
	struct fake f = { 0 };
	AUTO_BUF struct buf text = { 0 };
	AUTO_SPEC struct spec s = { 0 };
	double start;

	(void)state;
	buf_puts(&text, "certificates = (\n");
	for (int i = 0; i < MANY; i++)
		buf_printf(&text,
			   "%s{ names = [ \"n%d.example.org\" ]; issuer = \"local\";\n"
			   "files = ( { path = \"/srv/app/n%d.pem\"; } );"
			   " hooks = \"nginx\"; }\n",
			   i == 0 ? "" : ",", i, i);
	buf_puts(&text, ");\n");
	start = seconds();
	fake_spec(&f, true, text.data, &s);
	print_message("%d certificates, %zu bytes: %.2f s, snapshot %zu bytes\n", MANY,
		      text.len, seconds() - start, s.len);
	assert_int_equal(s.n[SPEC_CERTS], MANY);
	assert_int_equal(s.n[SPEC_FILES], MANY);
	assert_int_equal(s.n[SPEC_HOOKS], 1);
	assert_true(f.n_looks < 100);
	assert_string_equal(
	    spec_text(&s, s.certs[spec_cert_called(&s, "n77777.example.org")].name),
	    "n77777.example.org");
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_that_works_works),
		cmocka_unit_test(the_globals_are_what_was_said),
		cmocka_unit_test(the_issuers_are_what_was_said),
		cmocka_unit_test(the_certificates_are_what_was_said),
		cmocka_unit_test(a_request_says_names_and_key),
		cmocka_unit_test(a_certificate_starts_from_the_defaults),
		cmocka_unit_test(the_probes_are_what_was_said),
		cmocka_unit_test(the_hooks_are_what_was_said),
		cmocka_unit_test(a_hook_of_the_list_replaces_the_built_in_one),
		cmocka_unit_test(a_name_in_another_script_is_kept_in_a_labels),
		cmocka_unit_test(included_files_bring_more_of_each_list),
		cmocka_unit_test(each_certificate_may_have_a_file_of_its_own),
		cmocka_unit_test(an_included_file_that_is_not_there_is_a_warning),
		cmocka_unit_test(the_digest_is_of_every_file),
		cmocka_unit_test(without_root_all_belongs_to_the_caller),
		cmocka_unit_test(an_empty_file_is_a_configuration),
		cmocka_unit_test(the_usual_places_are_no_folders_of_the_system),
		cmocka_unit_test(a_hundred_thousand_certificates_are_read),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
