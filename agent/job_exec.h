/*
 * job_exec: ORDERING at an issuer of type "exec": the keeper makes a signing request, the
 * supervisor runs the program with it (hooks/enrol.h), and what it answers is read here.
 *
 * "later" is an order like that of an ACME CA: its row has the handle in the place of the
 * URL, so that whoever is there then, after a restart too, asks for the same and submits
 * nothing again. It lives for a week.
 *
 * The chain that comes is put in order by base/x509_order.h, and goes through the gate as every
 * other does: trusted by `trust`, or else by the last CA certificate that came with it.
 */
#pragma once

#include <stdbool.h>

struct agent;
struct err;
struct job;
struct msg;

bool job_is_exec(const struct agent *a, const struct job *j);
int exec_begin(struct agent *a, struct job *j, struct err *e);
int exec_end(struct agent *a, struct job *j, struct msg *m, struct err *e);

/* It has its turn. */
void exec_ask(struct agent *a, struct job *j);
