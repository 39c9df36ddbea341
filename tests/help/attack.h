/*
 * attack: what an attacker who runs code in a role would try, tried in each kind of it.
 *
 * Everything runs in a child as the same user, so that what refuses is the sandbox.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/sandbox.h"

/* What stands around the sandbox: a folder that is allowed, one that is not, and a
 * parent that listens. */
struct ground {
	char *top;
	char *inside;
	char *inside_file;
	char *outside;
	char *outside_file;
	int tcp;
	uint16_t port;
	int abstract;
	struct sockaddr_un name;
	socklen_t name_len;
	pid_t parent;
};

typedef bool attack_fn(const struct ground *g); /* true: the attacker succeeded */

/* `by`: what refuses the attack, each alone; where all of it is missing there is nothing
 * to show. */
struct attack {
	const char *name;
	attack_fn *run;
	unsigned by;
	unsigned not_for; /* kinds that may */
};

#define FOR(kind) (1u << SANDBOX_##kind)
#define SECCOMP   SANDBOX_NO_SECCOMP
#define FILES     SANDBOX_NO_LANDLOCK

/* Group set-up and tear-down; *state is a struct ground. */
int attack_setup(void **state);
int attack_teardown(void **state);

/* Fail unless every attack is refused to every kind, by an errno or by death. */
void attack_rows(const struct ground *g, const struct attack *rows, size_t n);

/* Fail unless each succeeds without a sandbox: or its refusal would prove nothing. */
void attack_outside(const struct ground *g, attack_fn *const *attacks, size_t n);
