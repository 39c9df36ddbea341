/*
 * The worker role: does one thing at a CA at a time, for the agent (worker.h). It connects,
 * and has no file, no key and nothing to run.
 */
#include <stdlib.h>

#include "agent/net/connector.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/roles.h"
#include "agent/worker/worker.h"
#include "agent/worker/worker_crl.h"
#include "base/err.h"

static const struct msg_rule rules[] = {
	{ WORKER_ORDER, 1, worker_order },   { WORKER_ACCOUNT, 1, worker_account },
	{ WORKER_REVOKE, 1, worker_revoke }, { WORKER_ARI, 1, worker_ari },
	{ WORKER_CRL, 1, worker_crl },       { WORKER_CA, 1, worker_ca },
	{ WORKER_ROOTS, 1, worker_roots },
};

int worker_role(void)
{
	struct role_start s;
	struct worker w;
	struct err e;
	int rc = connector_begin(ROLE_WORKER, &s, &e);

	if (rc == 0) {
		worker_init(&w, &s.spec);
		rc = role_serve(rules, sizeof(rules) / sizeof(*rules), 0, &w, &e);
		worker_done(&w);
	}
	if (rc < 0)
		log_error("%s", e.text);
	role_end(&s);
	return rc < 0 ? EXIT_SANDBOX : EXIT_SUCCESS;
}
