#include "base/idn.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include <idn2.h>

#include "base/err.h"
#include "base/mem.h"

#define LIBRARY "libidn2.so.0" /* since 2.0.0, whose header this is built with */
#define IDN_MAX 1024           /* bytes of UTF-8 that can still become 253 */

static bool resolve(struct idn *idn)
{
	idn->lookup =
	    (__typeof__(&idn2_lookup_u8))dlsym(idn->library, "idn2_lookup_u8");
	idn->reason = (__typeof__(&idn2_strerror))dlsym(idn->library, "idn2_strerror");
	idn->release = (__typeof__(&idn2_free))dlsym(idn->library, "idn2_free");
	return idn->lookup != NULL && idn->reason != NULL && idn->release != NULL;
}

void idn_open(struct idn *idn)
{
	*idn = (struct idn){ .library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) };
	if (idn->library != NULL && !resolve(idn))
		idn_close(idn);
}

void idn_close(struct idn *idn)
{
	if (idn->library != NULL)
		dlclose(idn->library);
	*idn = (struct idn){ .library = NULL };
}

/* Where the host begins that may be in another script, without "*." or ".". */
static const char *host_of(const char *word)
{
	const char *at = strrchr(word, '@');

	if (strncmp(word, "uri:", 4) == 0)
		return word + strlen(word);
	if (strncmp(word, "email:", 6) == 0)
		word = at == NULL ? word + 6 : at + 1;
	else if (strncmp(word, "*.", 2) == 0)
		word += 2;
	return word + (word[0] == '.');
}

static bool needs_idn(const char *host)
{
	for (const char *c = host; *c != '\0'; c++)
		if ((unsigned char)*c > 0x7f)
			return true;
	return strcasestr(host, "xn--") != NULL;
}

int idn_to_ascii(const struct idn *idn, const char *word, char **ascii, struct err *e)
{
	const char *host = host_of(word);
	uint8_t *out = NULL;
	int rc;

	if (!needs_idn(host)) {
		*ascii = xstrdup(word);
		return 0;
	}
	if (idn->library == NULL)
		return err_set(e, ERR_CONFIG,
			       "a name in another script needs libidn2, which is not "
			       "installed");
	if (strlen(host) > IDN_MAX)
		return err_set(e, ERR_CONFIG, "it is longer than 253 characters");
	rc = idn->lookup((const uint8_t *)host, &out,
			 IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return err_set(e, ERR_CONFIG, "not an internationalized name: %s",
			       idn->reason(rc));
	*ascii = xasprintf("%.*s%s", (int)(host - word), word, (const char *)out);
	idn->release(out);
	return 0;
}
