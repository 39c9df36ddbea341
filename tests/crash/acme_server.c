#include "tests/crash/acme_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/crash/orphan.h"
#include "tests/crash/world.h"

#define START_TRIES 2000 /* of 10 ms */

static void path_of(const struct world *w, const char *file, char out[256])
{
	snprintf(out, 256, "%s/ca/%s", w->base, file);
}

bool acme_server_start(const struct world *w, int *fd)
{
	char path[256];
	int ends[2];

	path_of(w, "", path);
	if (mkdir(path, 0755) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return false;
	if (orphan_fork()) {
		dup2(ends[0], STDIN_FILENO);
		execl("tests/tools/ca", "ca", path, (char *)NULL);
		_exit(126);
	}
	close(ends[0]);
	*fd = ends[1];
	path_of(w, "port", path);
	for (int i = 0; i < START_TRIES && access(path, F_OK) < 0; i++)
		usleep(10000);
	return access(path, F_OK) == 0;
}

void acme_server_configure(const struct world *w, char *out, size_t size)
{
	AUTO_BUF struct buf port = { 0 };
	const unsigned pid = (unsigned)getpid();
	char path[256];

	path_of(w, "port", path);
	(void)world_read(w, path, &port);
	path_of(w, "root.pem", path);
	snprintf(
	    out, size,
	    "{ name = \"ca\"; type = \"acme\"; agree_terms = true;"
	    " trust = \"%s\";"
	    " url = \"https://localhost:%lu/directory\";"
	    " challenge = { type = \"http-01\"; listen = \"127.%u.%u.1:5002\"; }; }",
	    path, port.data == NULL ? 0 : strtoul(port.data, NULL, 10), pid / 250 % 250,
	    pid % 250);
}

/* Lines of its log that begin so. */
static unsigned count(const struct world *w, const char *head)
{
	AUTO_BUF struct buf log = { 0 };
	char path[256];
	unsigned n = 0;

	path_of(w, "log", path);
	if (!world_read(w, path, &log) || log.data == NULL)
		return 0;
	for (const char *at = log.data; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		n += strncmp(at, head, strlen(head)) == 0;
	}
	return n;
}

unsigned acme_server_orders(const struct world *w)
{
	return count(w, "order ");
}

unsigned acme_server_faults(const struct world *w)
{
	return count(w, "fault ");
}

/* None: nobody has an account yet. */
static void copy(const struct world *w, const char *from, const char *to)
{
	AUTO_BUF struct buf text = { 0 };
	char path[256];
	FILE *f;

	path_of(w, from, path);
	if (!world_read(w, path, &text))
		buf_puts(&text, "{}");
	path_of(w, to, path);
	f = fopen(path, "we");
	if (f == NULL)
		return;
	fwrite(text.data, 1, text.len, f);
	fclose(f);
}

void acme_server_keep(const struct world *w)
{
	copy(w, "accounts", "accounts.kept");
}

void acme_server_restore(const struct world *w)
{
	copy(w, "accounts.kept", "accounts");
}
