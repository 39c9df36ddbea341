#include "tests/crash/prepare.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/role/roles.h"
#include "tests/crash/cases.h"
#include "tests/crash/layout.h"
#include "tests/crash/service.h"
#include "tests/crash/world.h"

/* Without users of its own a test run as root takes numbers that nobody has. */
#define ROOTS \
	"users = { agent = \"64101\"; keeper = \"64102\"; network = \"64103\"; };\n"
#define HEAD                                                   \
	"state_dir = \"@/state\"; runtime_dir = \"@/run\";\n"  \
	"issuers = ( { name = \"lab\"; type = \"local\";"      \
	" subject = \"CN=Lab\"; intermediate = true; },"       \
	" { name = \"flat\"; type = \"local\"; }%s );\n"       \
	"hooks = ( { name = \"h\"; run = [ \"@/hook\" ]; },\n" \
	" { name = \"t\"; test = [ \"@/test\" ]; run = [ \"@/hook\" ]; } );\n"

/* Refuses every generation but the first while w/refuse is there. */
static const char test[] = "#!/bin/sh\n"
			   "[ ! -e @/refuse ] || [ $(readlink @/state/live/www) = "
			   "../archive/www/0000000001 ]\n";

static void configure(const struct world *w, const char *certificates)
{
	char issuer[512] = ", ";
	char probe[512] = "";
	char filled[4096];
	char text[8192];

	if (w->ca >= 0)
		outside_configure(w, issuer + 2, sizeof(issuer) - 2);
	if (w->service >= 0)
		service_configure(w, probe, sizeof(probe));
	layout_fill(w->layout, certificates, filled, sizeof(filled));
	snprintf(text, sizeof(text), "%s" HEAD "%s%s", geteuid() == 0 ? ROOTS : "",
		 w->ca >= 0 ? issuer : "", probe, filled);
	world_write(w, "everleaf.conf", text, 0644);
}

void case_configure(const struct crash_case *c, const struct world *w)
{
	configure(w, c->conf == NULL ? c->before : c->conf);
}

/* Who was forgotten is known no more. */
bool case_accepts(const struct crash_case *c, int status)
{
	return status == 0 || (c->gone != NULL && status == EXIT_NO_NAME);
}

static bool prepare(const struct crash_case *c, const struct world *w)
{
	world_clear(w);
	layout_prepare(w, c);
	world_write(w, "test", test, 0755);
	configure(w, c->before);
	for (size_t i = 0; i < CASE_COMMANDS && c->prepare[i] != NULL; i++)
		if (world_run(w, c->prepare[i]) != 0)
			return false;
	if (c->twist != NULL)
		c->twist(w);
	if (!c->daemon)
		case_configure(c, w);
	return true;
}

bool case_prepare(const struct crash_case *c, const struct world *w)
{
	bool ok = prepare(c, w);

	world_keep(w);
	return ok;
}
