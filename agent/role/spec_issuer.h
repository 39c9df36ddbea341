/*
 * spec_issuer: records of the snapshot (see spec.h): what holds for the whole host, the
 * issuers, and how they are shown that a name is ours.
 */
#pragma once

#include <stdint.h>

#define SPEC_NOBODY UINT32_MAX /* uid, gid or index that is not set */

struct text {
	uint32_t at;
};

struct list {
	uint32_t first;
	uint32_t n;
};

enum log_level {
	LEVEL_ERROR,
	LEVEL_WARNING,
	LEVEL_INFO,
	LEVEL_DEBUG,
	LEVELS,
};

enum spec_role {
	SPEC_USER_AGENT,
	SPEC_USER_KEEPER,
	SPEC_USER_NETWORK,
	SPEC_USERS,
};

struct spec_user {
	uint32_t uid; /* SPEC_NOBODY: the caller's own (not root) */
	uint32_t gid;
};

struct spec_global {
	struct text state_dir;
	struct text runtime_dir;
	struct text http;
	struct spec_user users[SPEC_USERS];
	uint32_t log_json; /* 0 logfmt, 1 JSON */
	uint32_t log_level;
	uint64_t mark; /* spec_mark() of the only file that was read; 0: of several */
	uint8_t digest[32]; /* SHA-256 of the files that were read */
};

struct spec_name {
	struct text value; /* canonical, see base/names.h */
	uint32_t kind;     /* enum name_kind */
	uint32_t optional;
};

enum issuer_type {
	ISSUER_LOCAL,
	ISSUER_SELF,
	ISSUER_ACME,
	ISSUER_EST,
	ISSUER_STEP,
	ISSUER_CMP,
	ISSUER_CFSSL,
	ISSUER_EXEC,
	ISSUER_TYPES,
};

/* What an issuer counts, see ledger.h. */
enum issuer_limit {
	PER_ACCOUNT,
	PER_SET,
	PER_NAME,
	ISSUER_LIMITS,
};

#define SPEC_LIMIT_MOST 10000

struct spec_limit {
	uint32_t most; /* 0: as many as you like */
	int64_t span_s;
};

/* What an issuer's trust is said to be. */
enum issuer_trust {
	TRUST_FILE,   /* a file of the administrator's, or not at all */
	TRUST_PRINT,  /* the root with that SHA-256; its roots are kept, rootwatch.h */
	TRUST_ISSUER, /* what it names itself; kept as well */
	ISSUER_TRUSTS,
};

struct spec_issuer {
	struct text name;
	uint32_t type;
	uint32_t line;
	/* of type "local"; of "self" the first lifetime alone */
	struct text subject; /* "CN=Lab CA", RFC 4514 */
	struct text crl_url;
	int64_t lifetime_s;    /* of a leaf; "acme": what is asked for, 0: nothing is */
	int64_t ca_lifetime_s; /* of the root */
	uint32_t intermediate; /* bool: leaves come from an intermediate */
	uint32_t ca_key;       /* enum key_type */
	uint32_t path_length;  /* SPEC_NOBODY: not limited */
	struct list permitted; /* words: name constraints, RFC 5280 4.2.1.10 */
	struct list excluded;
	/* of the others; what each needs */
	struct text url;
	struct text contact;
	struct text trust; /* the file; where they are kept, that of the store */
	uint32_t trust_by; /* enum issuer_trust */
	struct text print; /* of TRUST_PRINT: 64 digits, lower case */
	struct text profile;
	uint32_t need_profile; /* bool: it is required, not preferred */
	struct text chain;
	struct text proxy;
	struct text source_address;
	struct text eab_kid;
	struct text eab_key_file;
	struct text auth_key_file;    /* of type "cfssl" */
	struct text login;            /* of types "est" and "cmp": who enrols first */
	struct text provisioner;      /* of type "step" */
	struct text password_file;    /* of the user; of the provisioner's key */
	struct text certificate_file; /* or who enrols first by another certificate */
	struct text key_file;         /* its key, or the provisioner's own */
	struct text recipient;        /* of type "cmp", RFC 4514 */
	uint32_t cmd;                 /* ... enum cmp_request: the first one */
	uint32_t implicit_confirm;
	uint32_t eab_mac; /* HS256, HS384, HS512 */
	struct list challenges;
	uint32_t account_key; /* enum key_type */
	uint32_t agree_terms;
	uint32_t parallel;
	uint32_t ari;
	uint32_t is_public;
	struct spec_limit limits[ISSUER_LIMITS];
	/* of type "exec" */
	struct list program; /* words */
	uint32_t dialect;    /* enum enrol_dialect */
	uint32_t timeout_s;
	struct text user; /* whom it runs as, as of a hook */
	struct text home;
	uint32_t uid;
	uint32_t gid;
};

enum challenge_type {
	CHALLENGE_HTTP_01,
	CHALLENGE_TLS_ALPN_01,
	CHALLENGE_DNS_01,
	CHALLENGE_TYPES,
};

extern const char *const challenge_words[]; /* "http-01"; NULL-terminated */

/* Whether a token is looked for before a CA does. */
enum self_test {
	SELF_TEST_PUBLIC, /* at CAs that everyone trusts */
	SELF_TEST_YES,
	SELF_TEST_NO,
	SELF_TESTS,
};

struct spec_challenge {
	uint32_t type;
	struct text webroot;
	struct text listen;
	struct list hook;    /* words */
	struct list cleanup; /* words: of a program of its own; n 0: none */
	uint32_t dialect;    /* enum dialect */
	uint32_t timeout_s;
	struct text user; /* whom the program runs as, as of a hook */
	struct text home;
	uint32_t uid;
	uint32_t gid;
	struct text server; /* rfc2136 */
	struct text zone;
	struct text key_name;
	struct text key_algorithm;
	struct text key_file;
	uint32_t self_test;    /* enum self_test */
	struct list resolvers; /* words: who is asked where a record belongs */
	int64_t wait_s;   /* for all name servers to show it; 0: none is looked at */
	struct list only; /* words: names it is limited to */
};
