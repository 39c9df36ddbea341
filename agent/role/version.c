#include "agent/role/version.h"

#include <stdio.h>
#include <stdlib.h>

#include <curl/curlver.h>
#include <ev.h>
#include <idn2.h>
#include <jansson.h>
#include <libconfig.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <sqlite3.h>

int version_print(void)
{
	printf("  %s\n", OpenSSL_version(OPENSSL_VERSION));
	printf("  SQLite %s\n", sqlite3_libversion());
	printf("  libev %d.%d\n", ev_version_major(), ev_version_minor());
	/* Of other roles, and of the build: what they were built with. */
	printf("  libconfig %d.%d.%d\n", LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR,
	       LIBCONFIG_VER_REVISION);
	printf("  libcurl %s\n", LIBCURL_VERSION);
	printf("  jansson %s\n", JANSSON_VERSION);
	printf("  libidn2 %s\n", IDN2_VERSION);
	printf("  libseccomp %d.%d.%d\n", SCMP_VER_MAJOR, SCMP_VER_MINOR,
	       SCMP_VER_MICRO);
	return EXIT_SUCCESS;
}
