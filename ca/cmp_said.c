#include "ca/cmp_said.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "ca/answer.h"

/* RFC 4210 5.2.3, PKIFailureInfo; those that need a word of ours. */
static const struct failure {
	int bit;
	const char *word;
	const char *means;
	bool shut_out;
	enum err_code code; /* 0: ERR_REFUSED */
} failures[] = {
	{ OSSL_CMP_PKIFAILUREINFO_badMessageCheck, "badMessageCheck",
	  "it cannot verify who asks: look at reference and secret_file, or at the "
	  "certificate that signs",
	  true, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_wrongIntegrity, "wrongIntegrity",
	  "it wants a signature instead of a secret, or the other way round", true, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_signerNotTrusted, "signerNotTrusted",
	  "it does not trust the certificate that signs", true, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_notAuthorized, "notAuthorized",
	  "who asks may not have that", true, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_certRevoked, "certRevoked",
	  "the certificate is revoked", true, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_badCertId, "badCertId",
	  "it knows no such certificate", true, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_badAlg, "badAlg", "it does not take an algorithm",
	  false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_badRequest, "badRequest",
	  "it does not permit or support that", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_badTime, "badTime",
	  "our clock and its own are too far apart", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_badDataFormat, "badDataFormat",
	  "it cannot read the message", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_wrongAuthority, "wrongAuthority",
	  "it is not the CA that is asked: look at recipient", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_incorrectData, "incorrectData",
	  "what is asked for is not as it should be", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_badPOP, "badPOP",
	  "it does not take the proof that the key is ours", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_badCertTemplate, "badCertTemplate",
	  "it does not grant these names or this key", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_unacceptedPolicy, "unacceptedPolicy",
	  "its policy is another one", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_unacceptedExtension, "unacceptedExtension",
	  "it does not grant an extension", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_duplicateCertReq, "duplicateCertReq",
	  "it has had this request before", false, 0 },
	{ OSSL_CMP_PKIFAILUREINFO_transactionIdInUse, "transactionIdInUse",
	  "it is at another transaction of that number", false, ERR_NET },
	{ OSSL_CMP_PKIFAILUREINFO_systemUnavail, "systemUnavail", "it cannot do it now",
	  false, ERR_NET },
	{ OSSL_CMP_PKIFAILUREINFO_systemFailure, "systemFailure", "it is ill", false,
	  ERR_NET },
};

/* -- a rejection -- */

static const struct failure *failure_in(int bits)
{
	for (size_t i = 0; bits > 0 && i < sizeof(failures) / sizeof(*failures); i++)
		if ((bits & 1 << failures[i].bit) != 0)
			return &failures[i];
	return NULL;
}

static void add_said(struct buf *out, const char *said, size_t len)
{
	if (len == 0 || out->len >= ANSWER_SAID_MAX)
		return;
	if (out->len > 0)
		buf_puts(out, ", ");
	text_escape(out, said, len, ANSWER_SAID_MAX);
}

/* An error message may have said more in its details, which only OpenSSL's error has. */
static void add_details(struct buf *out, const char *data)
{
	static const char mark[] = "errorDetails: ";
	const char *at = data == NULL ? NULL : strstr(data, mark);

	if (at != NULL)
		add_said(out, at + strlen(mark), strlen(at + strlen(mark)));
}

/* OpenSSL's server says no more than badRequest, and why in its own words. */
static const struct failure *failure_of(int bits, const struct buf *said)
{
	if (said->len > 0 && strstr(said->data, "wrong pbm value") != NULL)
		bits = 1 << OSSL_CMP_PKIFAILUREINFO_badMessageCheck;
	return failure_in(bits);
}

static int rejected(const OSSL_CMP_CTX *ctx, const char *data, bool *shut_out,
		    struct err *e)
{
	const struct failure *f;
	const OSSL_CMP_PKIFREETEXT *texts = OSSL_CMP_CTX_get0_statusString(ctx);
	AUTO_BUF struct buf said = { 0 };

	for (int i = 0; i < sk_ASN1_UTF8STRING_num(texts); i++) {
		const ASN1_UTF8STRING *text = sk_ASN1_UTF8STRING_value(texts, i);

		add_said(&said, (const char *)ASN1_STRING_get0_data(text),
			 (size_t)ASN1_STRING_length(text));
	}
	add_details(&said, data);
	f = failure_of(OSSL_CMP_CTX_get_failInfoCode(ctx), &said);
	if (said.len == 0)
		buf_puts(&said, "nothing more");
	*shut_out = f != NULL && f->shut_out;
	if (f == NULL)
		return err_set(e, ERR_REFUSED, "the CA rejects it: %s", said.data);
	return err_set(e, f->code == 0 ? ERR_REFUSED : f->code,
		       "the CA rejects it: %s (%s): %s", f->word, f->means, said.data);
}

/* -- an answer that is not as it should be -- */

static bool is_of_trust(int reason)
{
	return reason == CMP_R_ERROR_VALIDATING_PROTECTION ||
	       reason == CMP_R_ERROR_VALIDATING_SIGNATURE ||
	       reason == CMP_R_MISSING_PROTECTION || reason == CMP_R_WRONG_PBM_VALUE ||
	       reason == CMP_R_NO_SUITABLE_SENDER_CERT ||
	       reason == CMP_R_MISSING_TRUST_STORE ||
	       reason == CMP_R_MISSING_TRUST_ANCHOR ||
	       reason == CMP_R_SRVCERT_DOES_NOT_VALIDATE_MSG;
}

static const struct {
	int reason;
	const char *means;
} plain[] = {
	{ CMP_R_TRANSACTIONID_UNMATCHED, "its answer is of another transaction" },
	{ CMP_R_RECIPNONCE_UNMATCHED, "its answer is not to what we have sent" },
	{ CMP_R_BAD_REQUEST_ID, "its answer is of another request" },
	{ CMP_R_WRONG_SERIAL_IN_RP, "its answer is of another certificate" },
	{ CMP_R_WRONG_CERTID_IN_RP, "its answer is of another certificate" },
	{ CMP_R_UNEXPECTED_PKIBODY, "its answer is not one to what we have sent" },
	{ CMP_R_CERTRESPONSE_NOT_FOUND, "its answer has no response to our request" },
	{ CMP_R_CERTIFICATE_NOT_FOUND, "it sends no certificate" },
	{ CMP_R_UNEXPECTED_PVNO, "it speaks another version of CMP" },
	{ CMP_R_UNKNOWN_PKISTATUS, "it says neither yes nor no" },
	{ CMP_R_ENCOUNTERED_KEYUPDATEWARNING,
	  "it says no more than that a key is old" },
};

/* What is found in OpenSSL's queue, which tells the cause first. */
struct causes {
	char data[512]; /* of an error message that was received */
	const char *means;
	const char *first; /* static: OpenSSL's word for it; NULL: none */
	const char
	    *unable; /* static: why OpenSSL cannot sign a message; NULL: it can */
	bool of_trust;
};

/* By that certificate we never will. */
static const char *unable_of(int reason)
{
	if (reason == CMP_R_UNSUPPORTED_KEY_TYPE) /* 3.0: that of Ed25519 */
		return "this version of OpenSSL signs no message with such a key";
	if (reason == CMP_R_MISSING_SENDER_IDENTIFICATION)
		return "the certificate that signs has neither a subject nor a key "
		       "identifier, so that nobody can be told who asks";
	return NULL;
}

static void look_at_errors(struct causes *c)
{
	const char *data = NULL;
	unsigned long code;
	int flags = 0;

	while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
		const int reason = ERR_GET_REASON(code);

		if (c->first == NULL)
			c->first = ERR_reason_error_string(code);
		if (ERR_GET_LIB(code) != ERR_LIB_CMP)
			continue;
		if (c->unable == NULL)
			c->unable = unable_of(reason);
		c->of_trust = c->of_trust || is_of_trust(reason);
		if (reason == CMP_R_RECEIVED_ERROR && (flags & ERR_TXT_STRING) != 0)
			snprintf(c->data, sizeof(c->data), "%s", data);
		for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
			if (plain[i].reason == reason && c->means == NULL)
				c->means = plain[i].means;
	}
}

int cmp_said(const OSSL_CMP_CTX *ctx, bool *shut_out, struct err *e)
{
	struct causes c = { .data = "" };

	look_at_errors(&c);
	*shut_out = false;
	if (OSSL_CMP_CTX_get_status(ctx) == OSSL_CMP_PKISTATUS_rejection)
		return rejected(ctx, c.data, shut_out, e);
	*shut_out = c.unable != NULL;
	if (c.unable != NULL)
		return err_set(e, ERR_REFUSED, "%s", c.unable);
	if (c.means != NULL)
		return err_set(e, ERR_PROTO, "%s", c.means);
	if (c.of_trust)
		return err_set(e, ERR_TRUST,
			       "its answer is protected neither by our secret nor by a "
			       "certificate that leads to trust");
	return err_set(e, ERR_PROTO, "its answer is none that CMP has (%s)",
		       c.first == NULL ? "OpenSSL gives no reason" : c.first);
}
