#include "agent/role/version.h"

#include <stdio.h>
#include <stdlib.h>

#include <ev.h>
#include <libconfig.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <sqlite3.h>

int version_print(void)
{
	printf("  %s\n", OpenSSL_version(OPENSSL_VERSION));
	printf("  SQLite %s\n", sqlite3_libversion());
	printf("  libev %d.%d\n", ev_version_major(), ev_version_minor());
	printf("  libconfig %d.%d.%d\n", LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR,
	       LIBCONFIG_VER_REVISION);
	printf("  libseccomp %d.%d.%d\n", SCMP_VER_MAJOR, SCMP_VER_MINOR,
	       SCMP_VER_MICRO);
	return EXIT_SUCCESS;
}
