/*
 * renew: the loop that brings what is to what should be.
 *
 * For `renew` it ends when nothing that was asked for is left to do; for `agent` it goes
 * on, asleep until the next moment; for `rollback` it does one switch.
 */
#pragma once

struct agent;
struct err;

/* Apply what the request says of the certificates that are wanted: with --force each is
 * asked for, and what a person names is tried now, whatever it waits for. */
void renew_ask(struct agent *a);

/* Exit status, or an err. */
int agent_renew(struct agent *a, struct err *e);
