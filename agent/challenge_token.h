/* challenge_token: what the files of challenge.h share. */
#pragma once

#include "agent/agent.h"
#include "agent/challenge.h"
#include "agent/role/listen.h"

enum token_state {
	TOKEN_NEW,     /* its row is written, perhaps not committed */
	TOKEN_PUT,     /* on its way to its place */
	TOKEN_SHOWN,   /* there, as far as we know */
	TOKEN_LEAVING, /* on its way back */
	TOKEN_KEPT,    /* of a run before: where it left it, if that is a webroot */
	TOKEN_QUEUED,  /* shown nowhere: another that came before has its name in TLS */
};

struct token {
	struct token *next;
	uint32_t id;
	uint32_t challenge; /* number in the snapshot */
	uint32_t group;     /* id of who waits for it; 0: nobody */
	enum token_state state;
	bool waits;        /* for a responder to be there */
	const char *where; /* webroot, listening address, name server of the snapshot */
	char *name;        /* of the certificate, owned */
	char *identifier;  /* that it is for; owned; NULL: of a run before */
	char *token;       /* owned */
	char *authorization; /* owned */
	bool by_tls;         /* tls-alpn-01 */
	char *domain;        /* owned: the name it is for; NULL: it does not matter */
	/* dns-01: */
	bool by_dns;
	bool due;        /* waits to be part of an update */
	bool seen;       /* all name servers show it */
	uint32_t update; /* id of the one that it is part of; 0: none */
	char *owner;     /* owned: the record's; NULL: not found yet, and nowhere */
	char *zone;      /* owned, with it */
	char *failed;    /* owned: why it is not shown, to be told when asked for it */
	/* by a program: */
	bool by_program;
	bool checked; /* the keeper has looked at it; waits for the rest of its group */
	bool called;  /* the program was called to present it */
	bool proven;  /* it is withdrawn because the CA has seen it */
	char *said;   /* owned: by the program then */
};

/* Why an address has no socket, as the supervisor says. */
struct refusal {
	char *listen; /* owned */
	char *why;    /* owned */
};

/* A program does not show this, and another challenge may. */
struct declined {
	struct declined *next;
	uint32_t challenge;
	char *name;   /* owned; of the certificate */
	char *domain; /* owned */
};

struct challenges {
	struct token *tokens; /* in the order they came */
	struct group *groups;
	struct update *updates; /* challenge_dns.c */
	struct declined *declined;
	uint32_t last_id;
	struct link responder;
	bool open;          /* the link is in use, or closed and not yet cleared */
	bool accepts;       /* it was told to */
	unsigned serves;    /* SERVES_* of challenges: it has those addresses, too */
	bool starting;      /* the supervisor has been asked */
	unsigned asked;     /* ... for one that serves these */
	unsigned starts;    /* since it was let go for the last time */
	int64_t started_ms; /* clock_boot_ms() of the last */
	uint32_t wanted;    /* bits: pages that it has asked for */
	struct refusal refusals[RESPONDER_LISTENERS];
	size_t n_refusals;
};

/* challenge.c: `t` is in its place, or why not; its group is told. `t` may be gone then. */
void token_put_done(struct agent *a, struct token *t, const struct err *failed);

/* ... it is out of it, or why not. `t` is gone then. */
void token_taken(struct agent *a, struct token *t, const struct err *failed);

struct token *token_called(const struct challenges *c, uint32_t id);
uint32_t token_next_id(struct challenges *c);

/* challenge_row.c: webroot, listening address, name server or program; NULL: none. */
const char *token_place(const struct spec *s, uint32_t challenge);

/* Say of `t`, by its challenge, where it is shown and how, for `name`. */
void token_mark(const struct agent *a, struct token *t, const char *name);

/* Its row is what it is now; not committed yet. */
int token_remember(struct agent *a, const struct token *t, struct err *e);
void token_forget(struct agent *a, const struct token *t); /* ... there is none */

/* Say of `t` what the place in its row says. Its challenge is SPEC_NOBODY where that is in
 * the configuration no more. */
void token_load(const struct agent *a, struct token *t, const char *place);

/* challenge_responder.c: at the start. */
void responder_begin(struct agent *a);

/* ... bring it there, take it out; answered by the two above, perhaps
 * at once. */
void responder_put(struct agent *a, struct token *t);
void responder_take(struct agent *a, struct token *t);
void responder_close(struct agent *a);

/* It may accept once all that there was before is in it (nobody waits for those): a CA may
 * look at any moment for what a responder before this one showed. */
void responder_open(struct challenges *c);

/* challenge_dns.c: the same. */
void dns_put(struct agent *a, struct token *t);
void dns_take(struct agent *a, struct token *t);

/* `t` comes again: it goes on where `before`, which nobody waits for, has got to. */
void dns_take_over(struct agent *a, struct token *t, struct token *before);

/* Whether another run may go on with it as well: its record is there, and looked for. */
bool dns_can_wait(const struct agent *a, const struct token *t);

/* The end of a turn: begin what is due. */
void dns_turn(struct agent *a);

/* What its row calls its place; owned. */
char *dns_place(const struct agent *a, const struct token *t);

/* Take what a row says of its place: false, it is none in DNS. Without a challenge (of the
 * configuration as it is now) `t` has none. */
bool dns_load(const struct agent *a, struct token *t, const char *place);

/* Whether there is anything to take back. */
bool dns_is_there(const struct token *t);

/* challenge_program.c: where what is shown by a program stands, as far as it is known. */
void program_mark(const struct agent *a, struct token *t);

/* The keeper has looked at it, or refuses it: all that came with it is called for at once. */
void program_checked(struct agent *a, struct token *t, const struct err *failed);

/* Forget what was declined for the order of `name`; NULL: all. */
void program_forget(struct agent *a, const char *name);

/* As dns_place(), dns_load(). */
char *program_place(const struct agent *a, const struct token *t);
bool program_load(const struct agent *a, struct token *t, const char *place);

/* challenge.c: `t` was taken out by its program, or why not; the keeper may have a part. */
void token_out(struct agent *a, struct token *t, const struct err *failed);

/* At the end. */
void dns_free(struct agent *a);
