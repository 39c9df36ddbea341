#include "ca/base64.h"

#include <openssl/evp.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

bool base64_read(const char *text, size_t len, struct buf *out)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	AUTO_FREE unsigned char *data = xcalloc(len / 4 * 3 + 4, 1);
	int n = 0, rest = 0;
	bool ok = ctx != NULL;

	if (ok) {
		EVP_DecodeInit(ctx);
		ok = EVP_DecodeUpdate(ctx, data, &n, (const unsigned char *)text,
				      (int)len) >= 0 &&
		     EVP_DecodeFinal(ctx, data + n, &rest) == 1;
	}
	EVP_ENCODE_CTX_free(ctx);
	if (ok)
		buf_add(out, data, (size_t)n + (size_t)rest);
	return ok;
}

int base64_lines(const void *data, size_t len, struct buf *out, struct err *e)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	AUTO_FREE unsigned char *text = xcalloc(len / 48 * 65 + 200, 1);
	int n = 0, rest = 0;

	if (ctx == NULL)
		return err_set(e, ERR_SYS, "out of memory");
	EVP_EncodeInit(ctx);
	EVP_EncodeUpdate(ctx, text, &n, data, (int)len);
	EVP_EncodeFinal(ctx, text + n, &rest);
	EVP_ENCODE_CTX_free(ctx);
	buf_add(out, text, (size_t)n + (size_t)rest);
	return 0;
}
