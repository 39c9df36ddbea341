/* directory: where the CA has what, and what it asks of its clients (RFC 8555 7.1.1). */
#pragma once

#include <stdbool.h>

struct acme;
struct acme_directory;
struct err;

#define LIMIT_PROFILES 100

/* Fetch it into a->directory. ERR_PROTO if one of its URLs is of another origin, or one
 * that every CA has is missing. */
int directory_fetch(struct acme *a, struct err *e);

/* Whether it lists the profile (draft-ietf-acme-profiles 3). */
bool directory_has_profile(const struct acme_directory *d, const char *name);
void directory_done(struct acme_directory *d);
