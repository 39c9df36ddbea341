/*
 * super_enrol: programs that get certificates, as the agent asks for them by the numbers of
 * issuer and certificate. It says what they are given, and nothing of what is run; what
 * they answer is read by the agent alone, and their issuer's `trust` is handed to it open.
 */
#pragma once

struct err;
struct hookrun_result;
struct msg;
struct super;

/* SUP_ENROL. */
int super_enrol(void *role, struct msg *m, struct err *e);

/* The answer, in the supervisor's message. */
void super_enrol_put(struct super *s, const struct hookrun_result *r);
