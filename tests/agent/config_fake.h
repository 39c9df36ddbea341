/* config_fake: a host for the tests of the configuration, all in memory. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "agent/role/spec.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/idn.h"

struct fake {
	struct buf said;             /* "file:line: text\n", without warnings */
	struct buf warned;           /* the warnings */
	const char *const *included; /* path, content, ..., NULL: what include gives */
	size_t at;
	unsigned n_looks;
	bool no_users;
	const char *closed;    /* why nobody reaches any folder; NULL: nobody asks */
	const char *secret;    /* looks like a file that only its owner reads */
	const struct idn *idn; /* borrowed; NULL: this host has none */
	const char *csr;       /* what files with requests hold; NULL: fake_request */
};

/* ECDSA P-256, for by-csr.example and *.by-csr.example. */
static const char fake_request[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIH6MIGgAgEAMAAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARtiymjip0w3zdB\n"
    "LisFbc6oAfaofqIDh7NlSXSC2uULvqDKAr6nbslHjcualVE+Aw5i4WpzeECL+o+7\n"
    "WGLPFumboD4wPAYJKoZIhvcNAQkOMS8wLTArBgNVHREEJDAigg5ieS1jc3IuZXhh\n"
    "bXBsZYIQKi5ieS1jc3IuZXhhbXBsZTAKBggqhkjOPQQDAgNJADBGAiEAxREkdbYc\n"
    "i2qqXW2cHDh5nITyjM2mqrExm0At+nhWu7UCIQDuu7qbUHc4T41Qnda6X7j9L1c8\n"
    "CEywh42dLeUpKbpxYQ==\n"
    "-----END CERTIFICATE REQUEST-----\n";

/* libconfig's parser leaks a string at a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

static inline void fake_done(struct fake *f)
{
	buf_done(&f->said);
	buf_done(&f->warned);
}

static inline int fake_include(void *arg, const char *pattern, struct buf *path,
			       struct buf *content, struct err *e)
{
	struct fake *f = arg;

	if (strcmp(pattern, "broken/*") == 0)
		return err_set(e, ERR_CONFIG, "conf.d/a.conf: others can change it");
	if (f->included == NULL || f->included[f->at] == NULL)
		return 0;
	buf_puts(path, f->included[f->at++]);
	buf_puts(content, f->included[f->at++]);
	return 0;
}

static inline int fake_user(void *arg, const char *name, uint32_t *uid, uint32_t *gid,
			    struct buf *home, struct err *e)
{
	static const struct {
		const char *name;
		uint32_t id;
	} users[] = { { "root", 0 },
		      { "everleaf", 801 },
		      { "everleaf-keeper", 802 },
		      { "everleaf-net", 803 },
		      { "haproxy", 90 } };

	for (size_t i = 0;
	     !((struct fake *)arg)->no_users && i < sizeof(users) / sizeof(users[0]);
	     i++)
		if (strcmp(name, users[i].name) == 0) {
			*uid = *gid = users[i].id;
			buf_printf(home, "/home/%s", name);
			return 0;
		}
	return err_set(e, ERR_CONFIG, "no such user");
}

static inline int fake_group(void *arg, const char *name, uint32_t *gid, struct err *e)
{
	(void)arg;
	if (strcmp(name, "ssl-cert") != 0)
		return err_set(e, ERR_CONFIG, "no such group");
	*gid = 110;
	return 0;
}

/* Where a link leads. */
static inline const char *fake_real(const char *path)
{
	static const char *const links[][2] = {
		{ "/srv/to-etc", "/etc" },
		{ "/srv/to-app", "/srv/app" },
		{ "/srv/to-secret", "/etc/everleaf/secret" },
		{ "/srv/to-ca.pem", "/etc/everleaf/ca.pem" },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (strcmp(path, links[i][0]) == 0)
			return links[i][1];
	return path;
}

static inline int fake_look(void *arg, const char *path, struct config_look *look)
{
	static const struct {
		const char *path;
		mode_t mode;
		const char *open;
	} files[] = {
		{ "/etc", S_IFDIR | 0755, "" },
		{ "/srv/app", S_IFDIR | 0755, "" },
		{ "/var/www/html", S_IFDIR | 0755, "" },
		{ "/srv/link", S_IFLNK | 0777, "" },
		{ "/etc/everleaf/secret", S_IFREG | 0600, "" },
		{ "/etc/everleaf/blank", S_IFREG | 0600, "" },
		{ "/etc/everleaf/open", S_IFREG | 0644, "" },
		{ "/etc/everleaf/ca.pem", S_IFREG | 0644, "" },
		{ "/usr/sbin/nginx", S_IFREG | 0755, "" },
		{ "/bin/true", S_IFLNK | 0777, "" },
		{ "/srv/open", S_IFDIR | 0777, "everybody can write /srv" },
		{ "/srv/sticky", S_IFDIR | 01777, "" },
		{ "/opt/open-hook", S_IFREG | 0755, "group 50 can write /opt" },
		{ "/opt/no-hook", S_IFREG | 0644, "" },
		{ "/etc/everleaf/link", S_IFREG | 0600, "/srv/x belongs to user 90" },
		{ "/srv/readonly", S_IFDIR | 0755, "" },
		{ "/srv/to-etc", S_IFDIR | 0755, "" },
		{ "/srv/to-app", S_IFDIR | 0755, "" },
		{ "/srv/to-secret", S_IFREG | 0600, "" },
		{ "/srv/to-ca.pem", S_IFREG | 0644, "" },
		{ "/srv/app/folder", S_IFDIR | 0755, "" },
		{ "/srv/app/pipe", S_IFIFO | 0600, "" },
		{ "/srv/app/hook", S_IFREG | 0755, "" },
		{ "/media/noexec", S_IFREG | 0755, "" },
		{ "/share/hooks/haproxy", S_IFREG | 0755, "" },
	};

	struct fake *f = arg;

	f->n_looks++;
	*look = (struct config_look){ .error = ENOENT };
	if (f->secret != NULL && strcmp(path, f->secret) == 0)
		*look = (struct config_look){ .mode = S_IFREG | 0600 };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(path, files[i].path) == 0) {
			look->error = 0;
			look->mode = files[i].mode;
			snprintf(look->open, sizeof(look->open), "%s", files[i].open);
		}
	if (strncmp(path, "/srv/open/", 10) == 0)
		snprintf(look->open, sizeof(look->open), "everybody can write /srv");
	look->is_link = strncmp(path, "/srv/app/to-", 12) == 0;
	look->is_blank = strcmp(path, "/etc/everleaf/blank") == 0;
	look->no_write = strcmp(path, "/srv/readonly") == 0 ? EROFS : 0;
	look->no_exec = strcmp(path, "/media/noexec") == 0;
	snprintf(look->real, sizeof(look->real), "%s", fake_real(path));
	return 0;
}

static inline int fake_csr(void *arg, const char *path, struct buf *pem, struct err *e)
{
	const char *csr = ((struct fake *)arg)->csr;

	(void)path;
	(void)e;
	buf_puts(pem, csr == NULL ? fake_request : csr);
	return 0;
}

static inline void fake_reach(void *arg, const char *folder, enum reach_want want,
			      uint32_t uid, uint32_t gid, struct buf *why)
{
	static const char *const wants[] = { "", " to read", " to run" };

	if (want != REACH_PASS)
		buf_printf(why, "%s%s for user %u: %s", folder, wants[want], uid,
			   ((struct fake *)arg)->closed);
	else if (uid == SPEC_NOBODY)
		buf_printf(why, "%s for group %u: %s", folder, gid,
			   ((struct fake *)arg)->closed);
	else
		buf_printf(why, "%s for user %u: %s", folder, uid,
			   ((struct fake *)arg)->closed);
}

static inline void fake_report(void *arg, bool warning, const char *file, unsigned line,
			       const char *text)
{
	struct fake *f = arg;

	buf_printf(warning ? &f->warned : &f->said, "%s:%u: %s\n", file, line, text);
}

static const struct idn fake_no_idn = { .library = NULL };

static inline struct config_host fake_host(struct fake *f, bool is_root)
{
	return (struct config_host){
		.idn = f->idn == NULL ? &fake_no_idn : f->idn,
		.arg = f,
		.is_root = is_root,
		.home_state = "/var/lib/everleaf",
		.home_runtime = "/run/everleaf",
		.hooks_dir = "/share/hooks",
		.include = fake_include,
		.user = fake_user,
		.group = fake_group,
		.look = fake_look,
		.csr = fake_csr,
		.reach = f->closed == NULL ? NULL : fake_reach,
		.report = fake_report,
	};
}

/* Compile `text` as "main.conf". */
static inline int fake_compile(struct fake *f, bool is_root, const char *text,
			       size_t len, int *fd)
{
	const struct config_host host = fake_host(f, is_root);
	struct err e;

	return config_compile(&host, "main.conf", text, len, fd, &e);
}

static inline const char *fake_said(const struct fake *f)
{
	return f->said.data == NULL ? "" : f->said.data;
}

static inline const char *fake_warned(const struct fake *f)
{
	return f->warned.data == NULL ? "" : f->warned.data;
}

/* Compile what must be good, and map it. */
static inline void fake_spec(struct fake *f, bool is_root, const char *text,
			     struct spec *s)
{
	AUTO_FD int fd = -1;
	struct err e;

	if (fake_compile(f, is_root, text, strlen(text), &fd) != 0)
		fail_msg("refused:\n%s", fake_said(f));
	assert_string_equal(fake_said(f), "");
	if (spec_map(fd, s, &e) != 0)
		fail_msg("%s", e.text);
}

/* A configuration with mistakes in it. */
struct fake_row {
	const char *what;
	bool is_root;
	const char *text;
	const char *said; /* all of it */
};

static inline void fake_refuses(const struct fake_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct fake_row *row = &rows[i];
		struct fake f = { 0 };
		AUTO_FD int fd = -1;
		int rc =
		    fake_compile(&f, row->is_root, row->text, strlen(row->text), &fd);

		if (rc != ERR_CONFIG || fd >= 0)
			fail_msg("%s: taken", row->what);
		if (strcmp(fake_said(&f), row->said) != 0)
			fail_msg("%s: said\n%sexpected\n%s", row->what, fake_said(&f),
				 row->said);
		fake_done(&f);
	}
	print_message("%zu wrong configurations\n", n);
}
