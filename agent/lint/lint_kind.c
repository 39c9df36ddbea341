#include <stdlib.h>
#include <string.h>

#include "agent/lint/lint.h"
#include "agent/lint/lint_word.h"
#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

/* Text of theirs, for a sentence; owned. */
static char *shown(const char *word)
{
	AUTO_BUF struct buf safe = { 0 };

	buf_puts(&safe, "");
	text_escape(&safe, word, strlen(word), 40);
	return buf_take(&safe);
}

/* -- how long a chain is -- */

static X509 *issuer_of(STACK_OF(X509) * certs, X509 *cert)
{
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *ca = sk_X509_value(certs, i);

		if (X509_NAME_cmp(X509_get_subject_name(ca),
				  X509_get_issuer_name(cert)) == 0)
			return ca == cert ? NULL : ca;
	}
	return NULL;
}

/* How many CAs are below the root, at most, of those that clients have certificates of; 0:
 * none, or nobody knows. A `ca` that is no root has one somewhere. */
static unsigned n_below_root(struct lint *l, const struct spec_crl *c)
{
	const struct text path = c->bundle.at != 0 ? c->bundle : c->ca;
	AUTO_CHAIN STACK_OF(X509) *certs = NULL;
	AUTO_BUF struct buf pem = { 0 };
	unsigned most = 0;
	struct err e;

	lint_file(l, spec_text(l->spec, path), &pem);
	if (pem.len == 0 || x509_chain_from_pem(pem.data, pem.len, &certs, &e) < 0)
		return 0;
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *at = sk_X509_value(certs, i);
		unsigned n = 0;

		for (; at != NULL && n < LIMIT_CHAIN_CERTS; at = issuer_of(certs, at))
			n += X509_NAME_cmp(X509_get_subject_name(at),
					   X509_get_issuer_name(at)) != 0;
		most = n > most ? n : most;
	}
	return most;
}

/* A list is judged in each block that it counts in, and files are read for it once. */
static unsigned below_root(struct lint *l, const struct spec_crl *c)
{
	if (l->chains_of != c) {
		l->n_below = n_below_root(l, c);
		l->chains_of = c;
	}
	return l->n_below;
}

/* `name` limits chains to so many CAs: 1 where it is not set. `and_root`: it counts. */
static void look_at_depth(struct lint *l, const struct lint_use *u, const char *name,
			  bool and_root)
{
	const struct lint_value *v = lint_set(l, u->at, name);
	const unsigned n = below_root(l, u->crl) + and_root;
	uint64_t depth = 1;

	if (v != NULL && !text_u64(v->text, 1000, &depth))
		return;
	if (n > depth)
		lint_say(
		    l, v == NULL ? u->list : v, u,
		    "%s is %u%s, and chains of its clients have %u CAs%s: they are "
		    "refused",
		    name, (unsigned)depth, v == NULL ? ", as it is not set" : "", n,
		    and_root ? "" : " below the root");
}

/* -- nginx -- */

static void look_at_nginx(struct lint *l, const struct lint_use *u)
{
	look_at_depth(l, u, "ssl_verify_depth", false);
}

/* -- Apache httpd -- */

static bool take_apache(struct lint *l, const struct lint_words *w, uint32_t *scope)
{
	const char *word = lint_word(w, 0);

	if (strcasecmp(word, "<VirtualHost") == 0)
		*scope = lint_scope(l, *scope);
	else if (strcasecmp(word, "</VirtualHost>") == 0 &&
		 l->scopes[*scope].parent != LINT_NOBODY)
		*scope = l->scopes[*scope].parent;
	else
		return false;
	return true;
}

static void look_at_apache(struct lint *l, const struct lint_use *u)
{
	const struct lint_value *v = lint_set(l, u->at, "SSLCARevocationCheck");

	if (v == NULL || strcasecmp(v->text, "none") == 0)
		lint_say(
		    l, v == NULL ? u->list : v, u,
		    "SSLCARevocationCheck is none%s, so the list is read and not used: "
		    "who is revoked gets in",
		    v == NULL ? ", as it is not set" : "");
	look_at_depth(l, u, "SSLVerifyDepth", true);
}

/* -- HAProxy: the words of a "bind" line are a scope -- */

static bool take_haproxy(struct lint *l, const struct lint_words *w, uint32_t *scope)
{
	uint32_t at;

	if (strcmp(lint_word(w, 0), "bind") != 0)
		return strcmp(lint_word(w, 0), "crl-base") != 0;
	at = lint_scope(l, *scope);
	for (size_t i = 1; i < w->n; i++)
		lint_keep(l, w, i, at);
	return true;
}

static void look_at_haproxy(struct lint *l, const struct lint_use *u)
{
	const struct lint_value *v = lint_set(l, u->at, "verify");
	static const char *const names[] = { "ca-ignore-err", "crt-ignore-err" };

	if (v != NULL && strcmp(v->text, "optional") == 0)
		lint_say(
		    l, v, u,
		    "verify is optional, not required: who shows no certificate gets "
		    "in");
	for (size_t i = 0; i < 2; i++) {
		v = lint_set(l, u->at, names[i]);
		if (v != NULL && strcmp(v->text, "all") == 0)
			lint_say(l, v, u, "%s is all: who is revoked gets in",
				 names[i]);
	}
}

/* -- OpenVPN: it reads a list again when it is not root any more -- */

static bool may_read(const struct lint_use *u, uint32_t uid, uint32_t gid)
{
	const struct spec_file *f = u->file;

	if (f->uid == uid)
		return (f->mode & 0400) != 0;
	if (gid != SPEC_NOBODY && f->gid == gid)
		return (f->mode & 0040) != 0;
	return (f->mode & 0004) != 0;
}

static void look_at_user(struct lint *l, const struct lint_use *u,
			 const struct lint_value *user)
{
	const struct lint_value *group = lint_set(l, u->at, "group");
	AUTO_FREE char *folder = spec_file_folder(l->spec, u->file);
	AUTO_FREE char *name = shown(user->text);
	AUTO_BUF struct buf why = { 0 };
	uint32_t uid, gid = SPEC_NOBODY;
	struct err e;

	if (l->host->user(l->host->arg, user->text, &uid, &e) < 0)
		return;
	if (group != NULL)
		(void)l->host->group(l->host->arg, group->text, &gid, &e);
	if (!may_read(u, uid, gid))
		buf_printf(&why, "its mode is %04o", u->file->mode);
	else
		l->host->reach(l->host->arg, folder, uid, &why);
	if (why.len > 0)
		lint_say(l, user, u,
			 "user is %s, who cannot read it: %s; it is read again after "
			 "openvpn has become that user",
			 name, why.data);
}

/* By the name that openvpn has for it before chroot. */
static bool is_in_place(const struct lint *l, const struct lint_use *u)
{
	return strcmp(u->list->name, "crl-verify") == 0 &&
	       strcmp(u->list->text, spec_text(l->spec, u->file->path)) == 0;
}

static void look_at_openvpn(struct lint *l, const struct lint_use *u)
{
	const struct lint_value *user = lint_set(l, u->at, "user");
	const struct lint_value *jail = lint_set(l, u->at, "chroot");

	if (strcmp(u->list->name, "crl-verify") == 0 &&
	    strcmp(u->list->more, "dir") == 0)
		lint_say(
		    l, u->list, u,
		    "with dir the files in it have to have serial numbers as names, "
		    "and lists are not read");
	if (jail != NULL && is_in_place(l, u))
		lint_say(
		    l, jail, u,
		    "after chroot the list is looked for below that folder, where it "
		    "is not written");
	else if (user != NULL)
		look_at_user(l, u, user);
}

/* -- FreeRADIUS -- */

static void look_at_freeradius(struct lint *l, const struct lint_use *u)
{
	const struct lint_value *v = lint_set(l, u->at, "ca_path_reload_interval");

	if (u->crl->hooks.n == 0 && (v == NULL || strcmp(v->text, "0") == 0))
		lint_say(l, v == NULL ? u->list : v, u,
			 "ca_path_reload_interval is not set, and no hook restarts the "
			 "server: it goes on with the list that it has begun with, and "
			 "refuses everybody once that has ended");
}

/* -- PostgreSQL and Mosquitto: a folder of files -- */

static bool take_folder(struct lint *l, const struct lint_words *w, uint32_t *scope)
{
	AUTO_FREE char *all = NULL;

	if (strcasecmp(lint_word(w, 0), "include_dir") != 0)
		return false;
	all = xasprintf("%s/*.conf", lint_word(w, 1));
	lint_include(l, all, scope);
	return true;
}

static void look_at_postgresql(struct lint *l, const struct lint_use *u)
{
	const struct lint_value *v = lint_set(l, u->at, "ssl_ca_file");

	if (v == NULL || v->text[0] == '\0')
		lint_say(
		    l, v == NULL ? u->list : v, u,
		    "ssl_ca_file is not set: nobody is asked for a certificate, and "
		    "the list is not used");
}

/* What stands behind "listener" is of that one alone. */
static bool take_mosquitto(struct lint *l, const struct lint_words *w, uint32_t *scope)
{
	if (strcmp(lint_word(w, 0), "listener") != 0)
		return take_folder(l, w, scope);
	*scope = lint_scope(l, LINT_NOBODY);
	return true;
}

static void look_at_mosquitto(struct lint *l, const struct lint_use *u)
{
	if (spec_crl_takes_away(u->crl, u->file))
		lint_say(
		    l, u->list, u,
		    "on_stale is remove: without its list mosquitto lets in who is "
		    "revoked");
}

/* -- all of them -- */

#define NOT_ASKED "nobody is asked for a certificate, and the list is not used"

static const struct lint_kind kinds[] = {
	{
	    .name = "nginx",
	    .usual = WORDS("/etc/nginx/nginx.conf"),
	    .style = LINT_SEMICOLON | LINT_BRACES,
	    .includes = WORDS("include"),
	    .lists = WORDS("ssl_crl"),
	    .watched = WORDS("ssl_crl", "ssl_verify_client", "ssl_verify_depth"),
	    .asks = "ssl_verify_client",
	    .asks_not = WORDS("off"),
	    .unused = NOT_ASKED,
	    .look = look_at_nginx,
	    .reads_once = true,
	},
	{
	    .name = "apache",
	    .usual = WORDS("/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf"),
	    .style = LINT_LINES,
	    .includes = WORDS("Include", "IncludeOptional"),
	    .lists = WORDS("SSLCARevocationFile", "SSLCARevocationPath"),
	    .watched = WORDS("SSLCARevocationFile", "SSLCARevocationPath",
			     "SSLCARevocationCheck", "SSLVerifyClient",
			     "SSLVerifyDepth", "ServerRoot"),
	    .take = take_apache,
	    .asks = "SSLVerifyClient",
	    .asks_not = WORDS("none"),
	    .unused = NOT_ASKED,
	    .look = look_at_apache,
	    .reads_once = true,
	},
	{
	    .name = "haproxy",
	    .usual = WORDS("/etc/haproxy/haproxy.cfg"),
	    .style = LINT_LINES,
	    .includes = WORDS(NULL),
	    .lists = WORDS("crl-file"),
	    .watched = WORDS("crl-file", "verify", "ca-ignore-err", "crt-ignore-err",
			     "crl-base"),
	    .take = take_haproxy,
	    .asks = "verify",
	    .asks_not = WORDS("none"),
	    .unused = NOT_ASKED,
	    .look = look_at_haproxy,
	    .reads_once = true,
	},
	{
	    .name = "openvpn",
	    .usual = WORDS("/etc/openvpn/*.conf", "/etc/openvpn/server/*.conf"),
	    .style = LINT_LINES | LINT_REMARKS,
	    .includes = WORDS("config"),
	    .lists = WORDS("crl-verify", "capath"),
	    .watched = WORDS("crl-verify", "capath", "verify-client-cert", "user",
			     "group", "chroot"),
	    .asks = "verify-client-cert",
	    .asks_not = WORDS("none"),
	    .asks_else = true,
	    .unused = NOT_ASKED,
	    .look = look_at_openvpn,
	},
	{
	    .name = "freeradius",
	    .usual = WORDS("/etc/freeradius/*/mods-enabled/eap",
			   "/etc/raddb/mods-enabled/eap"),
	    .style = LINT_LINES | LINT_BRACES | LINT_EQUALS,
	    .includes = WORDS("$INCLUDE"),
	    .beside = true,
	    .lists = WORDS("ca_path", "ca_file"),
	    .watched =
		WORDS("ca_path", "ca_file", "check_crl", "ca_path_reload_interval"),
	    .asks = "check_crl",
	    .asks_not = WORDS("no", "off", "false", "0"),
	    .unused = "the list is not used: who is revoked gets in",
	    .look = look_at_freeradius,
	},
	{
	    .name = "postgresql",
	    .usual = WORDS("/etc/postgresql/*/*/postgresql.conf",
			   "/var/lib/pgsql/data/postgresql.conf"),
	    .style = LINT_LINES | LINT_EQUALS,
	    .includes = WORDS("include", "include_if_exists"),
	    .beside = true,
	    .lists = WORDS("ssl_crl_file", "ssl_crl_dir"),
	    .watched = WORDS("ssl_crl_file", "ssl_crl_dir", "ssl", "ssl_ca_file"),
	    .take = take_folder,
	    .asks = "ssl",
	    .asks_not = WORDS("off", "false", "no", "0"),
	    .unused = "the list is not used",
	    .look = look_at_postgresql,
	    .reads_once = true,
	},
	{
	    .name = "mosquitto",
	    .usual = WORDS("/etc/mosquitto/mosquitto.conf"),
	    .style = LINT_LINES,
	    .includes = WORDS(NULL),
	    .lists = WORDS("crlfile"),
	    .watched = WORDS("crlfile", "require_certificate"),
	    .take = take_mosquitto,
	    .asks = "require_certificate",
	    .asks_not = WORDS("false"),
	    .unused = NOT_ASKED,
	    .look = look_at_mosquitto,
	    .reads_once = true,
	},
};

#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

const struct lint_kind *lint_kind_at(size_t i)
{
	return i < N_KINDS ? &kinds[i] : NULL;
}

const struct lint_kind *lint_kind_called(const char *name, size_t len)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (strlen(kinds[i].name) == len &&
		    memcmp(kinds[i].name, name, len) == 0)
			return &kinds[i];
	return NULL;
}
