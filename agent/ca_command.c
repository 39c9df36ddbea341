#include "agent/agent.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/owncrl.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "base/x509.h"

#define LIMIT_CRL (32u << 20)

static int print_crl(const struct agent *a, const char *issuer, struct err *e)
{
	AUTO_BUF struct buf pem = { 0 };
	AUTO_BUF struct buf path = { 0 };

	buf_printf(&path, "ca/%s/crl.pem", issuer);
	TRY(file_read(a->root, path.data, LIMIT_CRL, &pem, e));
	fwrite(pem.data, 1, pem.len, stdout);
	return 0;
}

static int simple(struct agent *a, uint32_t type, uint32_t issuer, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, type, 0);
	msg_put_u64(&m, issuer);
	if (type == KEEPER_CA_REVOKE) {
		msg_put_str(&m, a->request->names[1]);
		msg_put_u64(&m, a->request->reason);
	}
	return link_ask(ROLE_FD_PEER, &m, e);
}

/* -- sign: what the CSR asks for, in typed fields -- */

static int put_names(struct msg *m, X509_REQ *csr, struct err *e)
{
	struct name *names = NULL;
	size_t n = 0;

	TRY(x509_csr_names(csr, &names, &n, e));
	msg_put_u64(m, n);
	for (size_t i = 0; i < n; i++) {
		msg_put_u64(m, names[i].kind);
		msg_put_str(m, names[i].value);
	}
	x509_names_free(names, n);
	return n > 0 ? 0
		     : err_set(e, ERR_CONFIG,
			       "the CSR asks for no subject alternative name (a common "
			       "name is not looked at)");
}

static int put_csr(struct msg *m, uint32_t issuer, X509_REQ *csr, struct err *e)
{
	AUTO_BUF struct buf spki = { 0 };

	TRY(key_to_spki(X509_REQ_get0_pubkey(csr), &spki, e));
	msg_begin(m, KEEPER_CA_SIGN, 0);
	msg_put_u64(m, issuer);
	msg_put_bytes(m, spki.data, spki.len);
	msg_put_u64(m, USAGE_SERVER | USAGE_CLIENT);
	return put_names(m, csr, e);
}

static int sign(struct agent *a, uint32_t issuer, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	AUTO_CSR X509_REQ *csr = NULL;

	TRY(csr_from_pem(a->request->input, strlen(a->request->input), &csr, e));
	TRY(put_csr(&m, issuer, csr, e));
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	fputs(msg_get_str(&m), stdout);
	return msg_end(&m, e);
}

static int init(struct agent *a, uint32_t issuer, struct err *e)
{
	TRY(simple(a, KEEPER_CA_INIT, issuer, e));
	if ((a->request->flags & REQUEST_QUIET) == 0)
		printf("%s: its root certificate is %s/ca/%s/root.pem\n",
		       a->request->names[0], a->state_dir, a->request->names[0]);
	return 0;
}

static int rollover(struct agent *a, uint32_t issuer, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;
	const char *name = a->request->names[0];
	char at[TEXT_TIME_MAX];
	uint64_t number;

	msg_begin(&m, KEEPER_CA_ROLLOVER, 0);
	msg_put_u64(&m, issuer);
	msg_put_u64(&m, (a->request->flags & REQUEST_FORCE) != 0);
	TRY(link_ask(ROLE_FD_PEER, &m, e));
	number = msg_get_u64(&m);
	text_time(at, (int64_t)msg_get_u64(&m));
	if ((a->request->flags & REQUEST_QUIET) == 0)
		printf("%s: its next root certificate is %s/ca/%s/%llu/root.pem, and "
		       "signs "
		       "from %s; root.pem and crl.pem of %s/ca/%s hold both\n",
		       name, a->state_dir, name, (unsigned long long)number, at,
		       a->state_dir, name);
	return msg_end(&m, e);
}

static int work(struct agent *a, struct err *e)
{
	uint32_t issuer = 0;

	TRY(agent_asked_issuer(a, ISSUER_LOCAL,
			       "not an embedded CA (its type is not \"local\")",
			       &issuer, e));
	if (a->request->command == COMMAND_CA_INIT)
		return init(a, issuer, e);
	if (a->request->command == COMMAND_CA_SIGN)
		return sign(a, issuer, e);
	if (a->request->command == COMMAND_CA_ROLLOVER)
		return rollover(a, issuer, e);
	if (a->request->command == COMMAND_CA_CRL) {
		TRY(simple(a, KEEPER_CA_CRL, issuer, e));
		return print_crl(a, a->request->names[0], e);
	}
	TRY(owncrl_expect(a, issuer, e)); /* before: who is cut off looks in vain */
	TRY(simple(a, KEEPER_CA_REVOKE, issuer, e));
	if ((a->request->flags & REQUEST_QUIET) == 0)
		printf("%s: %s is on the CRL\n", a->request->names[0],
		       a->request->names[1]);
	return 0;
}

int agent_ca(struct agent *a, struct err *e)
{
	TRY(work(a, e));
	return EXIT_SUCCESS;
}
