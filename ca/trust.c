#include "ca/trust.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/x509.h"

/* As libcurl reads it, which is all that a worker's sandbox allows. */
static int read_file(const char *path, struct buf *out, struct err *e)
{
	char piece[4096];
	FILE *f = fopen(path, "re");
	int rc = 0;
	size_t n;

	if (f == NULL)
		return err_sys(e, "open");
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0 &&
	       out->len <= LIMIT_CHAIN_BYTES)
		buf_add(out, piece, n);
	if (ferror(f))
		rc = err_sys(e, "read");
	fclose(f);
	return rc;
}

int trust_read(const char *path, struct buf *pem, STACK_OF(X509) * *certs,
	       struct err *e)
{
	if (read_file(path, pem, e) == 0 &&
	    x509_chain_from_pem(pem->data, pem->len, certs, e) == 0)
		return 0;
	e->code = ERR_CONFIG;
	return err_wrap(e, "trust %s", path);
}
