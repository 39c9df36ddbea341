/*
 * inspect_other: what a file is that is none of what we explain, as far as that helps:
 * empty, HTML, OpenSSH, OpenPGP, a key store of Java, text, something else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inspect;

/* Whether it begins as something that cannot have PEM in it; then that is said. */
bool inspect_other_known(struct inspect *in, uint32_t input, const void *data,
			 size_t len);

/* Of what nothing was read: what it may be. */
void inspect_other(struct inspect *in, uint32_t input, const void *data, size_t len);

/* A block of PEM with a label that we do not know. */
void inspect_other_block(struct inspect *in, uint32_t input, const char *label);
