/*
 * spec_cert: records of the snapshot (see spec.h): certificates and CRLs, the files they
 * are written to, the hooks that are told and the endpoints that must show them.
 */
#pragma once

#include <stdint.h>

#include "agent/role/event.h"
#include "agent/role/spec_issuer.h"
#include "store/content.h"

struct spec_file {
	struct text path; /* absolute */
	struct text password_file;
	uint32_t content;    /* enum content_kind */
	uint32_t key_form;   /* enum content_key */
	uint32_t p12;        /* enum content_p12 */
	uint32_t cert_first; /* combined */
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	uint32_t on_stale; /* enum crl_stale, of a CRL; STALE_UNSET: as the others */
};

enum probe_proto {
	PROBE_TLS,
	PROBE_SMTP,
	PROBE_IMAP,
	PROBE_POP3,
	PROBE_LDAP,
	PROBE_POSTGRES,
	PROBE_FTP,
	PROBE_XMPP,
	PROBE_MYSQL,
	PROBE_SIEVE,
	PROBE_PROTOS,
};

struct spec_probe {
	struct text
	    label;        /* as configured, for people; another one for each endpoint */
	struct text host; /* a name or an address, or the path of a socket */
	struct text port; /* decimal; not set for a socket */
	struct text name; /* for SNI; not set: none is sent */
	uint32_t proto;
};

struct spec_hook {
	struct text name;
	struct list test; /* words: program and arguments; n 0: none */
	struct list run;
	struct text user;
	struct text home;
	uint32_t uid; /* SPEC_NOBODY: as the supervisor */
	uint32_t gid;
	uint32_t timeout_s;
	uint32_t on;       /* 1u << enum hook_event */
	uint32_t rollback; /* on_failure = "rollback" */
};

enum on_drift {
	DRIFT_REPAIR,
	DRIFT_REPORT,
	DRIFTS,
};

struct spec_cert {
	struct text name;
	struct list names;   /* SPEC_NAMES */
	struct list issuers; /* numbers, in order of preference */
	struct list files;
	struct list hooks; /* numbers */
	struct list probes;
	struct list challenges;
	struct text csr;     /* path; not set: names and key are ours to say */
	struct text request; /* ... what was in it, in PEM */
	struct text csr_key; /* ... SHA-256 of its SubjectPublicKeyInfo, in hex */
	uint64_t names_hash; /* of all names, names_hash() of base/names.h */
	int64_t before_s;    /* renew this long before the end; 0: by fraction */
	int64_t probe_every_s;
	uint32_t before_num; /* ... of the lifetime, "1/3"; both 0: the default */
	uint32_t before_den;
	uint32_t key; /* enum key_type */
	uint32_t reuse_key;
	uint32_t next_key; /* the key of the next one is made beforehand */
	uint32_t usage;    /* USAGE_* */
	uint32_t uid;      /* of the live key */
	uint32_t gid;
	uint32_t mode;
	uint32_t on_drift;
	uint32_t keep;
	uint32_t allow_private;
	uint32_t line;
	struct text file; /* that `line` is in */
};

/* What becomes of what is written when it has ended and there is no newer list. */
enum crl_stale {
	STALE_KEEP,
	STALE_REMOVE,
	STALE_UNSET,
	STALES,
};

struct spec_crl {
	struct text name;
	struct list urls; /* words */
	struct text ca;
	struct text bundle;
	struct list files;
	struct list hooks;
	struct list servers; /* words: a kind of lint.h, ":", a path */
	uint64_t max_size;
	uint32_t allow_local;
	uint32_t indirect; /* lists of what others have issued are taken */
	uint32_t on_stale; /* enum crl_stale */
};
