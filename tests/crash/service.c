#include "tests/crash/service.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/crash/orphan.h"
#include "tests/crash/world.h"

#define START_TRIES 2000 /* of 10 ms */
#define READY       "ready "

/* What it said when it began to listen; 0: nothing yet. */
static unsigned long port_of(const struct world *w)
{
	AUTO_BUF struct buf said = { 0 };
	char path[256];

	snprintf(path, sizeof(path), "%s/service", w->base);
	if (!world_read(w, path, &said) || said.len < sizeof(READY))
		return 0;
	return strtoul(said.data + sizeof(READY) - 1, NULL, 10);
}

bool service_start(const struct world *w, int *fd)
{
	char program[256], pem[256], path[256];
	int ends[2];

	snprintf(program, sizeof(program), "%.*s/tests/tools/serve",
		 (int)(strrchr(w->program, '/') - w->program), w->program);
	snprintf(pem, sizeof(pem), "%s/served.pem", w->dir);
	snprintf(path, sizeof(path), "%s/service", w->base);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	if (orphan_fork()) {
		int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		dup2(ends[0], STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		execl(program, "serve", "0", pem, "follow", (char *)NULL);
		_exit(126);
	}
	close(ends[0]);
	*fd = ends[1];
	for (int i = 0; i < START_TRIES && port_of(w) == 0; i++)
		usleep(10000);
	return port_of(w) != 0;
}

void service_configure(const struct world *w, char *out, size_t size)
{
	snprintf(out, size,
		 "defaults = { probe = { connect = \"127.0.0.1:%lu\";"
		 " name = \"www.example\"; }; };\n",
		 port_of(w));
}
