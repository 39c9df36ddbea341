/*
 * super_hook: hooks and programs that show challenges, as the agent asks for them by their
 * numbers in the snapshot. It says what they are told, and nothing of what is run. What
 * runs is told of when it has ended; for an agent that has died since, nobody.
 */
#pragma once

struct err;
struct msg;
struct super;

/* SUP_HOOK, SUP_PROGRAM. */
int super_hook(void *role, struct msg *m, struct err *e);
int super_program(void *role, struct msg *m, struct err *e);

/* Tell the agent what has ended; each turn of the loop. */
void super_hooks_ended(struct super *s);
