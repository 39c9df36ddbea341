/*
 * spec: what should be, as every role sees it.
 *
 * The config role reads the configuration once and leaves it as one sealed memfd, the
 * snapshot: a head, tables of fixed records, and a text area. A record names a string
 * by its offset (struct text; 0 is "not set") and a part of another table by a struct
 * list. Nothing in it is a pointer, so each role maps the same pages read-only.
 *
 * spec_map() believes nothing: seals, sizes, every offset, every list and every enum
 * are checked before the first record is used. Roles go by number: "hook 3",
 * "certificate 17" mean the same to all of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/key.h"
#include "base/names.h"
#include "base/x509.h"

struct err;

#define SPEC_MAX \
	(256u << 20)    /* bytes of a snapshot: 100,000 certificates need ~60 MiB */
#define LIMIT_IDS   100 /* names of one certificate, as many as public CAs take */
#define SPEC_NOBODY UINT32_MAX /* uid, gid or index that is not set */

struct text {
	uint32_t at;
};

struct list {
	uint32_t first;
	uint32_t n;
};

enum spec_table {
	SPEC_GLOBAL, /* exactly one */
	SPEC_CERTS,  /* sorted by name */
	SPEC_NAMES,
	SPEC_ISSUERS,
	SPEC_HOOKS,
	SPEC_FILES,
	SPEC_PROBES,
	SPEC_CHALLENGES,
	SPEC_CRLS,
	SPEC_WATCH,   /* struct text */
	SPEC_WORDS,   /* struct text: arguments, URLs */
	SPEC_NUMBERS, /* uint32_t: an issuer, a hook */
	SPEC_TABLES,
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
	uint8_t digest[32]; /* SHA-256 of the files that were read */
};

struct spec_name {
	struct text value; /* canonical, see base/names.h */
	uint32_t kind;     /* enum name_kind */
	uint32_t optional;
};

enum issuer_type {
	ISSUER_LOCAL,
	ISSUER_ACME,
	ISSUER_EST,
	ISSUER_STEP,
	ISSUER_CMP,
	ISSUER_CFSSL,
	ISSUER_EXEC,
	ISSUER_TYPES,
};

struct spec_issuer {
	struct text name;
	uint32_t type;
	uint32_t line;
	/* of type "local" */
	struct text subject; /* "CN=Lab CA", RFC 4514 */
	struct text crl_url;
	int64_t lifetime_s;    /* of a leaf */
	int64_t ca_lifetime_s; /* of the root */
	uint32_t intermediate; /* bool: leaves come from an intermediate */
	uint32_t ca_key;       /* enum key_type */
	uint32_t path_length;  /* SPEC_NOBODY: not limited */
	struct list permitted; /* words: name constraints, RFC 5280 4.2.1.10 */
	struct list excluded;
	/* of the others; what each needs */
	struct text url;
	struct text contact;
	struct text trust;
	struct text profile;
	struct text chain;
	struct text proxy;
	struct text source_address;
	struct text eab_kid;
	struct text eab_key_file;
	struct list challenges;
	uint32_t account_key; /* enum key_type */
	uint32_t agree_terms;
	uint32_t parallel;
	uint32_t ari;
	uint32_t is_public;
};

enum file_content {
	CONTENT_FULLCHAIN,
	CONTENT_CERT,
	CONTENT_CHAIN,
	CONTENT_KEY,
	CONTENT_COMBINED, /* key, certificate, chain */
	CONTENT_PKCS12,
	CONTENT_DER, /* of the certificate */
	CONTENT_CA,  /* the issuer's trust anchors */
	CONTENTS,
};

struct spec_file {
	struct text path; /* absolute */
	struct text password_file;
	uint32_t content;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
};

enum probe_proto {
	PROBE_TLS,
	PROBE_SMTP,
	PROBE_IMAP,
	PROBE_POP3,
	PROBE_LDAP,
	PROBE_POSTGRES,
	PROBE_PROTOS,
};

struct spec_probe {
	struct text label; /* as configured, for people */
	struct text host;  /* a name or an address, or the path of a socket */
	struct text port;  /* decimal; not set for a socket */
	struct text name;  /* for SNI; not set: none is sent */
	uint32_t proto;
};

enum challenge_type {
	CHALLENGE_HTTP_01,
	CHALLENGE_TLS_ALPN_01,
	CHALLENGE_DNS_01,
	CHALLENGE_TYPES,
};

struct spec_challenge {
	uint32_t type;
	struct text webroot;
	struct text listen;
	struct list hook; /* words */
	struct text dialect;
	struct text server; /* rfc2136 */
	struct text zone;
	struct text key_name;
	struct text key_algorithm;
	struct text key_file;
	struct list only; /* words: names it is limited to */
};

enum hook_event {
	EVENT_INSTALLED,
	EVENT_ROLLED_BACK,
	EVENT_FAILED,
	EVENT_EXPIRING,
	EVENT_REVOKED,
	EVENT_NOT_SERVED,
	EVENT_DRIFT,
	EVENT_CLOCK,
	EVENT_CRL_UPDATED,
	EVENT_CRL_STALE,
	EVENTS,
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
	struct text csr;     /* path; not set: names and key */
	uint64_t names_hash; /* of all names, names_hash() of base/names.h */
	int64_t before_s;    /* renew this long before the end; 0: by fraction */
	uint32_t before_num; /* ... of the lifetime, "1/3"; both 0: the default */
	uint32_t before_den;
	uint32_t key; /* enum key_type */
	uint32_t reuse_key;
	uint32_t usage; /* USAGE_* */
	uint32_t uid;   /* of the live key */
	uint32_t gid;
	uint32_t mode;
	uint32_t on_drift;
	uint32_t keep;
	uint32_t allow_private;
	uint32_t line;
	struct text file; /* that `line` is in */
};

struct spec_crl {
	struct text name;
	struct list urls; /* words */
	struct text ca;
	struct text bundle;
	struct list files;
	struct list hooks;
	uint64_t max_size;
	uint32_t allow_local;
	uint32_t on_stale;
};

/* A mapped snapshot. The tables are borrowed from the map. */
struct spec {
	void *map; /* owned */
	size_t len;
	const struct spec_global *global;
	const struct spec_cert *certs;
	const struct spec_name *names;
	const struct spec_issuer *issuers;
	const struct spec_hook *hooks;
	const struct spec_file *files;
	const struct spec_probe *probes;
	const struct spec_challenge *challenges;
	const struct spec_crl *crls;
	const struct text *watch;
	const struct text *words;
	const uint32_t *numbers;
	uint32_t n[SPEC_TABLES];
	const char *text;
};

#define AUTO_SPEC __attribute__((cleanup(spec_done)))

/*
 * Map the snapshot `fd`, which stays the caller's. ERR_CONFIG if it is not sealed
 * against change; ERR_PROTO if anything in it points where it must not.
 */
int spec_map(int fd, struct spec *s, struct err *e);
void spec_done(struct spec *s);

/* The string t, or NULL if it is not set. Borrowed from the map. */
const char *spec_text(const struct spec *s, struct text t);

/* The number of the certificate, issuer or hook called `name`, or SPEC_NOBODY. */
uint32_t spec_cert_called(const struct spec *s, const char *name);
uint32_t spec_issuer_called(const struct spec *s, const char *name);
uint32_t spec_hook_called(const struct spec *s, const char *name);

/* The words of `l` as a NULL-terminated array, owned; the strings are borrowed. */
const char **spec_words(const struct spec *s, struct list l);
