/*
 * state: what the agent remembers, in SQLite (WAL, synchronous FULL), its alone.
 *
 * Everything here can be lost without losing a certificate: the store says what is
 * live, and due() decides again. What would be lost is the drawn moment, the count of
 * failures, what is held, which hooks still have to run, and the history.
 *
 * Writes happen inside state_begin() .. state_commit(); a crash between them is as if
 * nothing of it had happened. A file of an older format is brought to ours by the first
 * who writes, and read as if it had been. One of a newer format can be read; who would
 * write is refused, and nothing is changed.
 *
 * A file that cannot be gone on with is set aside as state.db.bad-TIME and begun anew:
 * one that is damaged, and one that is another store's, whose generations and orders
 * mean something else. Damage shows when it is opened, all of it being looked through
 * twice if need be (a few ms for each 10 MB), since to SQLite a disk that failed once is
 * damage; else a call fails, state_is_damaged() holds from then on, and state_close() sets
 * it aside. To a reader there is nothing in such a file. In each case state_news() tells.
 *
 * On a disk that is full or has become read-only what the file holds can still be read;
 * what only the log of a run that was killed holds cannot. What state_put() was given in a
 * transaction that could not be committed is found all the same as long as the file is
 * open, and put again with the next one.
 *
 * Any number of readers may stand beside the one writer. A reader who is root leaves
 * nothing that the agent's user does not own: SQLite sees to that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/rule/due.h"
#include "agent/rule/fallback.h"
#include "base/x509.h"

struct err;
struct state;

#define AUTO_STATE __attribute__((cleanup(state_done_)))

/* Open DIR/state.db, DIR being the agent's own folder. With `read_only` it need not
 * exist: *s is then NULL, and every look-up on NULL finds nothing. ERR_SYS, ERR_BUSY;
 * ERR_CONFIG: it is of a newer format. */
int state_open(const char *dir, bool read_only, struct state **s, struct err *e);
void state_close(struct state *s);

/* It is to be that of the store called `store` (0: not known): nobody's yet becomes it,
 * another's is set aside. */
int state_claim(struct state *s, uint64_t store, struct err *e);

/* What was wrong with the file and what was done about it, one line; NULL: nothing. */
const char *state_news(const struct state *s);
/* There was none at all. */
bool state_is_new(const struct state *s);
/* It cannot be gone on with: close it, and begin again. (It may be whole: a lock that the
 * system would not let go holds us ourselves up as long as it is open.) */
bool state_is_damaged(const struct state *s);

static inline void state_done_(struct state **s)
{
	state_close(*s);
}

int state_begin(struct state *s, struct err *e);
int state_commit(struct state *s, struct err *e);

/* What is read until state_looked() is of one moment, and no read takes a lock of its own.
 * False: that is so already, or cannot be. Nothing may be written meanwhile. */
bool state_look(struct state *s);
void state_looked(struct state *s, bool begun);

/* What a file was when its facts were taken: same stat, same facts. */
struct file_stamp {
	uint64_t inode;
	int64_t size;
	int64_t mtime_ns;
	int64_t ctime_ns;
};

#define STATE_ERROR_MAX 512

/* All that is remembered of one certificate, the facts of its live leaf included. */
struct memory {
	struct file_stamp stamp; /* of the live cert.pem */
	struct x509_facts facts; /* as of that stamp */
	uint64_t
	    disk_stamp; /* of key and files when they were last found whole, or 0 */
	uint64_t generation; /* that stamp and facts are of */
	int64_t renew_at; /* drawn for facts.serial; of what was never live: since when
				it has been asked for, 0: it has not */
	int64_t retry_at;
	uint64_t failed_by; /* agent_config_id() when retry_at was set; parked:
				inventory_ca(); 0: it stands */
	int64_t last_success_at;
	uint64_t installed_run; /* of struct request: that began its last switch */
	int64_t changed_at;     /* when this row was written */
	uint64_t held;
	int64_t held_not_after;
	uint64_t held_names_hash;
	enum key_type held_key;
	unsigned failures;
	unsigned flags;           /* CERT_REVOKED, _CA_REVOKED, _NOT_SERVED, ... */
	unsigned state;           /* enum job_state when it was written */
	struct fallback fallback; /* whom of its issuers to ask next */
	char issuer[128];         /* name it came from; "": not known */
	char last_error[STATE_ERROR_MAX];
};

/* What is remembered of `name`; *found false: nothing. */
int state_get(struct state *s, const char *name, struct memory *m, bool *found,
	      struct err *e);
int state_put(struct state *s, const char *name, const struct memory *m, struct err *e);
int state_forget(struct state *s, const char *name, struct err *e);

/* Call `each` for every name, in the order of their bytes (as the snapshot's). */
typedef int state_row(void *arg, const char *name, const struct memory *m);
int state_each(struct state *s, state_row *each, void *arg, struct err *e);
/* The same, but for what is remembered. */
int state_names(struct state *s, int (*each)(void *arg, const char *name), void *arg,
		struct err *e);
/* From the name `first` to `last`, both among them. */
int state_between(struct state *s, const char *first, const char *last, state_row *each,
		  void *arg, struct err *e);

/*
 * A hook that has to run because `generation` of `name` was made live; written before
 * the live link moves, taken out when the hook has succeeded.
 */
struct pending_hook {
	const char *name; /* of the certificate */
	const char *hook;
	uint64_t generation;
	uint64_t previous; /* what was live before; 0: nothing */
	bool test_passed;  /* the hook's test, before the switch */
	bool was_up;       /* the certificate's endpoints, before the switch */
};

int state_hook_put(struct state *s, const struct pending_hook *p, struct err *e);
int state_hook_done(struct state *s, const char *name, const char *hook, struct err *e);
int state_hook_clear(struct state *s, const char *name,
		     struct err *e); /* all of them */
/* Of `name`, or of all if NULL. The strings live for the call. */
int state_hook_each(struct state *s, const char *name,
		    int (*each)(void *arg, const struct pending_hook *p), void *arg,
		    struct err *e);

/* What an endpoint was last seen to serve. */
struct served {
	const char *name;     /* of the certificate; not looked at when it is put */
	const char *endpoint; /* as configured */
	const char *verdict;  /* probe_word() */
	const char *detail;
	uint8_t fingerprint[32];
	int64_t at;
};

int state_served_put(struct state *s, const char *name, const struct served *v,
		     struct err *e);
/* Of `name`, or of all if NULL. */
int state_served_each(struct state *s, const char *name,
		      int (*each)(void *arg, const struct served *v), void *arg,
		      struct err *e);

/* History: one row per event, oldest pruned beyond HISTORY_MAX rows
 * (256 more at most). */
#define HISTORY_MAX 100000

struct event {
	int64_t at;
	const char *name;
	const char *
	    what; /* issued installed hooked proved failed rolled-back held revoked ... */
	uint64_t generation; /* 0: none */
	const char *text;    /* "": nothing more to say */
};

int history_add(struct state *s, const struct event *ev, struct err *e);
/* When the last event was, 0: there is none. */
int history_last(struct state *s, int64_t *at, struct err *e);
int history_each(struct state *s, const char *name,
		 int (*each)(void *arg, const struct event *ev), void *arg,
		 struct err *e);
