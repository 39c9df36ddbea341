#include "tests/crash/outside.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/buf.h"
#include "tests/crash/orphan.h"
#include "tests/crash/world.h"

#define START_TRIES 2000 /* of 10 ms */
#define READY       "ready "
#define ORDER       "order "

#define SERVER " url = \"https://127.0.0.1:#\";"
#define TRUST  " trust = \"@/root.pem\";"
#define USER   " user = \"web\"; password_file = \"@/password\";"

/* @ stands for BASE/ca, # for its port, % for the fingerprint of its root. */
static const struct {
	const char *kind; /* of tests/tools/corp */
	const char *settings;
} kinds[] = {
	[OUTSIDE_EST] = { "est", "type = \"est\";" TRUST SERVER USER },
	[OUTSIDE_EST_PINNED] = { "est",
				 "type = \"est\"; trust = \"sha256:%\";" SERVER USER },
	[OUTSIDE_STEP] = { "step", "type = \"step\"; provisioner = \"web\";"
				   " key_file = \"@/key.pem\";" TRUST SERVER },
	[OUTSIDE_CFSSL] = { "cfssl", "type = \"cfssl\";" TRUST SERVER },
	[OUTSIDE_CMP] = { "cmp", "type = \"cmp\"; url = \"http://127.0.0.1:#/cmp\";"
				 " reference = \"web\";"
				 " secret_file = \"@/password\";" TRUST },
	[OUTSIDE_EXEC] = { "exec", "type = \"exec\"; program = \"@/sign\";" TRUST },
};

/* What the program does; it is no part of the world, either. */
static const char sign[] =
    "#!/bin/sh\n"
    "PATH=/usr/bin:/bin\n"
    "cd \"${0%/*}\" || exit 9\n"
    "csr=$(cat)\n"
    "key=$(echo \"$csr\" | openssl req -noout -pubkey |"
    " openssl pkey -pubin -outform DER | sha256sum)\n"
    "echo \"order ${key%% *}\" >>log\n"
    "echo \"$csr\" | openssl x509 -req -days 20 -CA root.pem -CAkey root.key"
    " -copy_extensions copyall -extfile ext 2>/dev/null\n";

static void path_of(const struct world *w, const char *file, char out[256])
{
	snprintf(out, 256, "%s/ca/%s", w->base, file);
}

/* 0: it does not listen yet. */
static unsigned long port_of(const struct world *w)
{
	AUTO_BUF struct buf text = { 0 };
	char path[256];
	const char *at;

	path_of(w, "port", path);
	if (!world_read(w, path, &text) || text.len == 0)
		return 0;
	at = text.data;
	if (strncmp(at, READY, strlen(READY)) == 0)
		at += strlen(READY);
	return strchr(at, '\n') == NULL ? 0 : strtoul(at, NULL, 10);
}

/* This process becomes it. */
static void become(const struct world *w, const char *folder)
{
	char cmp_ca[256];

	snprintf(cmp_ca, sizeof(cmp_ca), "%.*s/tests/tools/cmp_ca",
		 (int)(strrchr(w->program, '/') - w->program), w->program);
	if (w->outside == OUTSIDE_ACME)
		execl("tests/tools/ca", "ca", folder, (char *)NULL);
	else
		execl("tests/tools/corp", "corp", folder, kinds[w->outside].kind,
		      cmp_ca, (char *)NULL);
	_exit(126);
}

static void write_file(const struct world *w, const char *file, const char *text,
		       size_t len, mode_t mode)
{
	char path[256];
	FILE *f;

	path_of(w, file, path);
	f = fopen(path, "we");
	if (f == NULL)
		return;
	fwrite(text, 1, len, f);
	fclose(f);
	chmod(path, mode);
}

bool outside_start(const struct world *w, int *fd)
{
	char path[256];
	int ends[2];

	path_of(w, "", path);
	if (mkdir(path, 0755) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return false;
	write_file(w, "sign", sign, strlen(sign), 0755);
	if (orphan_fork()) {
		dup2(ends[0], STDIN_FILENO);
		become(w, path);
	}
	close(ends[0]);
	*fd = ends[1];
	for (int i = 0; i < START_TRIES && port_of(w) == 0; i++)
		usleep(10000);
	return port_of(w) != 0;
}

/* -- its settings -- */

static void configure_acme(const struct world *w, char *out, size_t size)
{
	const unsigned pid = (unsigned)getpid();

	snprintf(
	    out, size,
	    "{ name = \"ca\"; type = \"acme\"; agree_terms = true;"
	    " trust = \"%s/ca/root.pem\";"
	    " url = \"https://localhost:%lu/directory\";"
	    " challenge = { type = \"http-01\"; listen = \"127.%u.%u.1:5002\"; }; }",
	    w->base, port_of(w), pid / 250 % 250, pid % 250);
}

static void hex_of(const unsigned char *bytes, unsigned n, char hex[65])
{
	for (unsigned i = 0; i < n && i < 32; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", bytes[i]);
}

/* Of its root. */
static void fingerprint(const struct world *w, char hex[65])
{
	AUTO_BUF struct buf pem = { 0 };
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char path[256];
	X509 *root;
	BIO *bio;

	path_of(w, "root.pem", path);
	if (!world_read(w, path, &pem))
		return;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	root = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (root != NULL && X509_digest(root, EVP_sha256(), sum, &n) == 1)
		hex_of(sum, n, hex);
	X509_free(root);
	BIO_free(bio);
}

static void configure_corp(const struct world *w, char *out, size_t size)
{
	AUTO_BUF struct buf all = { 0 };
	char hex[65] = "";

	fingerprint(w, hex);
	for (const char *at = kinds[w->outside].settings; *at != '\0'; at++)
		if (*at == '@')
			buf_printf(&all, "%s/ca", w->base);
		else if (*at == '#')
			buf_printf(&all, "%lu", port_of(w));
		else if (*at == '%')
			buf_puts(&all, hex);
		else
			buf_add(&all, at, 1);
	snprintf(out, size, "{ name = \"ca\"; %s }", all.data);
}

void outside_configure(const struct world *w, char *out, size_t size)
{
	if (w->outside == OUTSIDE_ACME)
		configure_acme(w, out, size);
	else
		configure_corp(w, out, size);
}

/* -- what it was asked -- */

/* Line `i` of its log that begins so, or the end of the log; *n: how many there are. */
static void find(const struct world *w, const char *head, unsigned i, char line[128],
		 unsigned *n)
{
	AUTO_BUF struct buf log = { 0 };
	char path[256];

	*n = 0;
	path_of(w, "log", path);
	if (!world_read(w, path, &log) || log.data == NULL)
		return;
	for (const char *at = log.data; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, head, strlen(head)) == 0 && (*n)++ == i)
			snprintf(line, 128, "%.*s", (int)strcspn(at, "\n"), at);
	}
}

static unsigned count(const struct world *w, const char *head)
{
	char line[128];
	unsigned n;

	find(w, head, 0, line, &n);
	return n;
}

unsigned outside_orders(const struct world *w)
{
	return count(w, ORDER);
}

unsigned outside_faults(const struct world *w)
{
	return count(w, "fault ");
}

bool outside_key(const struct world *w, unsigned i, char hex[65])
{
	char line[128] = "";
	unsigned n;

	if (w->outside == OUTSIDE_ACME)
		return false;
	find(w, ORDER, i, line, &n);
	if (strlen(line) < strlen(ORDER))
		return false;
	snprintf(hex, 65, "%.64s", line + strlen(ORDER));
	return true;
}

/* -- what becomes of it -- */

void outside_move(const struct world *w)
{
	char from[256], to[256];

	path_of(w, "moved.pem", from);
	path_of(w, "cas.pem", to);
	if (symlink(from, to) < 0)
		perror(to);
}

/* None: nobody has an account yet. */
static void copy(const struct world *w, const char *from, const char *to)
{
	AUTO_BUF struct buf text = { 0 };
	char path[256];

	path_of(w, from, path);
	if (!world_read(w, path, &text))
		buf_puts(&text, "{}");
	write_file(w, to, text.data, text.len, 0644);
}

void outside_keep(const struct world *w)
{
	copy(w, "accounts", "accounts.kept");
}

void outside_restore(const struct world *w)
{
	copy(w, "accounts.kept", "accounts");
}
