#include "base/http_trust.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"

static const char *const folders[] = { "/etc/ssl/certs", "/etc/pki/tls/certs" };

static const char *const files[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

/* "5ed36f99.0", as OpenSSL looks for it. */
static bool is_hash(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
	       name[9] != '\0' && name[9 + strspn(name + 9, "0123456789")] == '\0';
}

static bool is_hashed(const char *folder)
{
	AUTO_DIR DIR *d = opendir(folder);

	if (d == NULL)
		return false;
	for (const struct dirent *entry; (entry = readdir(d)) != NULL;)
		if (is_hash(entry->d_name))
			return true;
	return false;
}

const char *http_trust_bundle(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (access(files[i], R_OK) == 0)
			return files[i];
	return NULL;
}

int http_trust_find(const char *file, struct http_trust *t, struct err *e)
{
	*t = (struct http_trust){ .file = file };
	if (file != NULL)
		return 0;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (is_hashed(folders[i])) {
			t->folder = folders[i];
			return 0;
		}
	t->file = http_trust_bundle();
	if (t->file != NULL)
		return 0;
	return err_set(e, ERR_CONFIG,
		       "this system has no trusted certificates; install "
		       "ca-certificates, or set trust");
}

const char *const *http_trust_paths(void)
{
	/* Links of the first lead to the others. */
	static const char *const paths[] = { "/etc/ssl",
					     "/etc/pki",
					     "/etc/ca-certificates",
					     "/usr/share/ca-certificates",
					     "/usr/local/share/ca-certificates",
					     "/usr/share/pki",
					     "/var/lib/ca-certificates",
					     NULL };

	return paths;
}
