/* directory: where the CA has what, and what it asks of its clients (RFC 8555 7.1.1). */
#pragma once

#include <stdbool.h>

struct acme;
struct acme_directory;
struct err;

#define LIMIT_PROFILES  100
#define LIMIT_CAA_NAMES 20

/* Fetch it into a->directory. ERR_PROTO if one of the URLs that every CA has is missing,
 * or of another origin. The others are there as the CA says them: directory_need(). */
int directory_fetch(struct acme *a, struct err *e);

/* Whether `url`, called `what`, one of those that not every CA has, can be used:
 * ERR_REFUSED where there is none, ERR_PROTO where it is of another origin. */
int directory_need(const struct acme *a, const char *what, const char *url,
		   struct err *e);

/* Whether it lists the profile (draft-ietf-acme-profiles 3). */
bool directory_has_profile(const struct acme_directory *d, const char *name);
void directory_done(struct acme_directory *d);
