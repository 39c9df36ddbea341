/*
 * drift: what somebody has changed of ours: how it is said, to whom, and how often.
 *
 * What is to be repaired is told when that is done. What is left as it is (on_drift is
 * "report", or it is a newer pair of somebody else's, foreign.h) is told once for each
 * change in log and history; status and plan say it as long as it
 * is so, and hooks are told again each day (alarm.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct buf;
struct job;
struct json;
struct msg;
struct table;

/* Of one certificate. */
struct drift {
	char *text;   /* owned; what was found; NULL: nothing */
	char *damage; /* owned; why its live set is not whole; NULL: it is */
	bool is_new;  /* not told yet */
	bool unseen;  /* it could not be looked at: it is, again, once the loop runs */
};

/* Its live set is not whole, for `why` ("": it is, as far as one looked): `flag` is set, and
 * who acts on it says so in the log. */
void drift_damaged(struct agent *a, uint32_t i, uint32_t flag, const char *why);
/* It is looked at anew. */
void drift_undamaged(struct agent *a, uint32_t i);

/* Read what is said of key and files out of the keeper's answer (KEEPER_AUDIT); note
 * what is found in flags and text of certificate `i`. */
void drift_take(struct agent *a, uint32_t i, struct msg *m);

/* The live leaf of certificate `i` is not the one that was stored there. */
void drift_live(struct agent *a, uint32_t i, int64_t not_after);

/* Whether it stays as it is until somebody or a renewal ends it. */
bool drift_stays(const struct agent *a, uint32_t i);

/* What was found, what is done about it and what a person can do, one line; owned. NULL:
 * there is nothing. */
char *drift_words(const struct agent *a, uint32_t i);

/* Tell what of certificate `i` is left as it is, and has not been told. */
void drift_note(struct agent *a, uint32_t i);

/* Nothing is known of it any more: it is looked at anew. */
void drift_forget(struct agent *a, uint32_t i);

/* Whether nothing is written for `j`, which is about what is live: what somebody has changed
 * of that is only to be reported. What a crash has left half done is done. */
bool drift_leaves(const struct agent *a, const struct job *j);

/* Whether `j` may write over what somebody else has put in the place of ours. */
bool drift_over(const struct agent *a, const struct job *j);

/* The rest of KEEPER_LIVE: what is known of the files, and whether to write over what is
 * newer. */
void drift_ask(const struct agent *a, const struct job *j, struct msg *m);
/* The rest of its answer: j->generation is live. */
void drift_installed(struct agent *a, struct job *j, struct msg *m);

/* Add it to the row of a table, to an object of a document ("damage", "drift"; null for
 * none). */
void drift_show(const struct agent *a, uint32_t i, struct table *t);
void drift_json(const struct agent *a, uint32_t i, struct json *j);

void drift_free(struct agent *a);

/* "PATH: other content, other mode": what TARGET_* say of it; none, nothing. */
void drift_describe(struct buf *out, const char *path, unsigned differs);
