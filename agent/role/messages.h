/*
 * messages: every message there is, by the pair of roles that exchange it.
 *
 * A request is answered with the same id: by the same type and the result's fields, or
 * by MSG_FAILED with an err. The fields stand beside each name, request -> answer.
 * Numbers are those of the snapshot: a role is told "certificate 17", never a path.
 */
#pragma once

#define LIMIT_EXCEPTIONS 1000 /* of WORKER_ORDER: names that a challenge is not for */

enum message {
	MSG_LATER = 0,  /* never sent: the answer comes later */
	MSG_FAILED = 1, /* err (msg_put_err) */

	/* What is said first between two programs that may be of two versions: these keep
	 * their numbers, and begin with the version. */

	/* supervisor -> every role, first of all. -> none */
	ROLE_START, /* version, struct request, host id, store, uid, gid, and for config what it must
			    know of the host: root, state, runtime, hooks, path, log form */

	/* command -> agent, on the control socket, -> of the supervisor (control.h) */
	CONTROL_ASK, /* version, struct request -> CONTROL_OUTPUT twice, CONTROL_DONE */
	CONTROL_OUTPUT, /* 0 stdout, 1 stderr; fd. -> none */
	CONTROL_DONE,   /* exit status. -> none */

	/* supervisor -> role */
	ROLE_STOP, /* finish what must not be cut, then end. -> none */
	ROLE_TELL, /* to an agent: decide, and say SUP_READY, to show that you can. ->
		      none */

	/* config -> supervisor */
	CONFIG_INCLUDE, /* pattern -> path, fd; path "": no more */
	CONFIG_USER,    /* name -> uid, gid, home */
	CONFIG_GROUP,   /* name -> gid */
	CONFIG_LOOK,    /* path -> struct config_look */
	CONFIG_REACH, /* path, enum reach_want, uid, gid of who is not a user -> why not, or "" */
	CONFIG_CSR,  /* path -> PEM of the signing request in it */
	CONFIG_DONE, /* fd of the snapshot. -> none */

	/* inspect -> supervisor, for `check`; CONFIG_USER, _GROUP and _REACH too */
	LINT_FILE, /* pattern, n -> path, fd; path "": no more */

	/* agent -> supervisor */
	SUP_HOOK,    /* hook, test, event, count, names, HOOK_VALUES strings, fd ->
			  ok, joined, ms, text, whether no program came to run */
	SUP_PROGRAM, /* challenge, enum dialect_step, certificate, identifiers, calls that
			follow, n, n * {identifier, key authorization, digest, record,
			said} -> enum dialect_outcome, ms, text, said */
	SUP_ENROL, /* issuer, cert, why, signing request in PEM, PEM of what is live or "",
			whether it was asked before, what it calls that, digest of all
			that is asked, fd of the request -> exit status or -1, whether it said more, ms, text, said, fd of
			the issuer's trust file */
	SUP_WORKER,    /* for a CA -> fd */
	SUP_PROBE,     /* -> fd */
	SUP_REACH,     /* cert -> which of its files cannot be read, or "" */
	SUP_READY,     /* what comes next: the agent decides. -> none */
	SUP_ASKED,     /* struct request, fd of who asked -> . ; control.h */
	SUP_RESPONDER, /* SERVES_* -> n, n * {listen, why it could not be bound}, fd */

	/* agent -> keeper */
	KEEPER_STAMP, /* first, n certificates -> n stamps, as bytes */
	KEEPER_AUDIT, /* cert, generation (0: live) -> why that set is not whole or "",
			      TARGET_* of the key, file with a newer pair of somebody else
			      (1 the first, 0 none), its end, n, n * TARGET_* */
	/* cert, whether it must be a new one -> SubjectPublicKeyInfo; also long before its
	 * order, see nextkey.h */
	KEEPER_KEY,
	KEEPER_ISSUE, /* cert, issuer -> chain PEM, anchors PEM */
	KEEPER_CSR, /* cert, issuer, names that are left out -> DER of a signing request
			for the key that waits */
	KEEPER_STORE, /* cert, leaf PEM, chain PEM, anchors PEM, meta.json -> generation */
	KEEPER_LIVE, /* cert, generation, stamp or 0, whether over what is newer -> stamp of
			      what is now live and whole or 0, file and end as above:
			      all files were left */
	KEEPER_PRUNE,       /* cert, held -> . */
	KEEPER_FORGET,      /* name -> . */
	KEEPER_CA_INIT,     /* issuer -> . */
	KEEPER_CA_SIGN,     /* issuer, SPKI, usage, n, n * {kind, name} -> chain PEM */
	KEEPER_CA_REVOKE,   /* issuer, serial, reason -> . */
	KEEPER_CA_CRL,      /* issuer -> . ; it is in the store */
	KEEPER_CA_ROLLOVER, /* issuer, at once -> number of the key, when it signs */
	KEEPER_CA_ROOTS,    /* issuer -> PEM of its roots and cross certificates */
	KEEPER_LEND,      /* enum lend, issuer, cert, generation, reason, names that are
			     left out (name_set.h), fd -> . */
	KEEPER_PRESENT,   /* challenge, token, key authorization -> . ; it may be shown,
			     and is if it goes to a webroot */
	KEEPER_WITHDRAW,  /* challenge, token -> . */
	KEEPER_TXT,       /* challenge, zone, whether to add, n, n * {owner, token, key
			   authorization} -> a signed update, its MAC */
	KEEPER_TXT_REPLY, /* challenge, that MAC, the parts of a reply as DNS_SEND tells
			     them -> . ; it is to that update */
	KEEPER_WATCH,     /* tell what changes, once. -> . */
	KEEPER_STRANGERS, /* -> whether what changes there will be told, fd that struct
			     stranger can be read from */
	KEEPER_CRL_CAS,   /* CRL -> n, n * DER of a CA it is about */
	KEEPER_CRL_STAGE, /* CRL, which of its URLs, which of its CAs -> fd for a worker, see
			     crlcall.h. For CRL SPEC_NOBODY it is an issuer and which of
			     its keys: the CRL of that embedded CA; or SPEC_NOBODY: of
			     whoever will be asked */
	KEEPER_CRL_KEEP, /* CRL, SHA-256 of the CA's certificate, size, fd -> . */
	KEEPER_CRL_WRITE, /* CRL, whether it is taken away, the SHA-256s of the CAs whose CRL
			     is good now -> whether any file was not as it is to be */
	KEEPER_CRL_FORGET, /* the name of one that is configured no more -> . */
	KEEPER_ROOTS, /* see rootwatch.h: issuer, PEM of the roots that it is trusted by, PEM of all that
			 it names -> whether the first were others before */

	/* keeper -> agent, after KEEPER_WATCH */
	KEEPER_CHANGED, /* enum keeper_way, whether strangers, n, n * {cert, its stamp};
			   behind all certificates, CRLs.
			   -> none */

	/* worker -> keeper, on a socket that the agent has lent it (lend.h) */
	SIGN_ACCOUNT, /* -> account URL, thumbprint, whether a roll-over is open */
	SIGN_JWS, /* enum acme_ask_kind, URL, nonce, profile, enum key_type, replaces ->
			     JWS */
	SIGN_REGISTERED, /* account URL; "": it exists no more -> . */
	SIGN_ROLLED,     /* whether the CA has taken the new key -> . */
	SIGN_CFSSL,      /* -> what its ticket is for, in JSON; its HMAC or nothing */
	SIGN_EST, /* whether the same as the time before; challenge or "", its usages and
			     purposes (csr.h) -> a request for what its ticket is for,
			     in DER */
	SIGN_EST_USER, /* -> user, password; "" and "" */
	SIGN_LIVE, /* -> the generation of its ticket: chain PEM, key PEM; "" and "" */
	SIGN_EST_FIRST, /* -> what it enrols by first: chain PEM, key PEM; "" and "" */
	SIGN_STEP_CSR,  /* -> a request for what its ticket is for, in DER */
	SIGN_STEP, /* enum step_what, SHA-256 of the root or "", struct step_jwe -> token; and
		      of what is revoked serial number, reason */
	SIGN_CMP, /* whether the live certificate signs for it -> enum cmp_request, what its
		     ticket is for in DER, SubjectPublicKeyInfo, reason */
	SIGN_CMP_FIRST, /* -> reference, secret, chain PEM, key PEM; "" where there is none */

	/* agent -> probe */
	PROBE_LOOK, /* host, port, name, proto, wanted, old, whether a chain belongs to the
			      wanted one, deadline_ms, stale_ms -> verdict, seen, detail,
			      enum probe_chain */

	/* supervisor, for `inspect`, -> probe */
	PROBE_SHOW,  /* label, host, port, proto -> . ; before that what was found: */
	PROBE_SHOWN, /* label, host, address, enum probe_stage, errno, OpenSSL's reason,
			detail, version of TLS, whether a certificate of ours is wanted,
			whether stapled, n, n * DER. -> none */

	/* agent -> worker */
	WORKER_ORDER, /* job, issuer, cert, order URL or "", polls, replaces, whether it has not worked yet, names that are
			      left out (name_set.h), n, n * {challenge, name that it is not for}, fd to the keeper -> chain PEM, anchors PEM
			      or "", note, how many seconds the CA's clock
			      is ahead of ours, whether it is one to be asked by WORKER_ARI */
	WORKER_ACCOUNT, /* issuer, enum account_step, fd -> text */
	WORKER_CA, /* issuer, fd -> account URL or "", n, n * its name in CAA records */
	WORKER_REVOKE, /* issuer, by_cert, fd -> . */
	WORKER_ARI, /* issuer, what it calls a certificate (RFC 9773) -> whether it says
			      anything, start, end, ask_at, URL */
	WORKER_CRL, /* struct crl_ask, fd to write it to -> struct crl_answer; crlcall.h */
	WORKER_ROOTS, /* see rootwatch.h: issuer, whether roots of it are kept, whether what is
			       live shows who asks; of CMP fd to the keeper -> PEM of
			       all CA certificates that it names */

	/* worker -> agent within WORKER_ORDER, answered by the same */
	WORKER_CHECKPOINT, /* job, order URL, n, n * {challenge, name, token, key
			      authorization}; or job, "" (it is over), 0, n, n * {challenge
			      or ACME_ANY_WAY, name that is refused, why} -> . */

	/* agent -> responder */
	RESPONDER_ADD,    /* token, key authorization, name that is asked for by TLS or
			       "" -> . */
	RESPONDER_REMOVE, /* token -> . */
	RESPONDER_OPEN,   /* what there was before has been added: accept. -> . */

	/* responder -> agent, which answers by the same, when it can */
	RESPONDER_PAGE, /* enum responder_page. -> the same, whether it could be said, fd */

	/* supervisor -> responder, after ROLE_START */
	RESPONDER_LISTEN, /* SERVES_*, fd of a listening socket. -> none */
	RESPONDER_READY,  /* all are there. -> none */

	/* supervisor -> inspect, after ROLE_START */
	INSPECT_INPUT,  /* label, fd. -> none */
	INSPECT_TRUST,  /* fd: what this host trusts. -> none */
	INSPECT_SECRET, /* fd: a password. -> none */
	INSPECT_LIVE,   /* certificate, fd: what is live of it. -> none */
	INSPECT_SERVED, /* as PROBE_SHOWN. -> none */
	INSPECT_READY,  /* all are there. -> none */

	/* agent -> probe, see dns_task.h */
	DNS_FIND, /* challenge, n, n * name -> n, n * {owner, zone} */
	DNS_SEND, /* challenge, zone, update -> the reply: without its TSIG record, when it was
			 signed, fudge, error, other data, MAC; and its rcode */
	DNS_LOOK, /* challenge, zone, n, n * {owner, value} -> servers that show all, that
			 do not yet, that do not answer; one of those, and why */
	DNS_AHEAD, /* challenge, account URL or "", n, n * name of the CA, n, n * name ->
			 n, n * why not, "" */

	MESSAGES, /* one more than the last */
};
