/*
 * config_reader: what the parts of the configuration share while it is read.
 *
 * Each kind of group has a table of rules: a setting's name, the function that reads it,
 * and, where groups have types, which of them it is for. config_group() walks a group by
 * its table, so that no setting can be known and unread, or read and unknown. Functions
 * that read report what is wrong and go on: one run shows all errors.
 *
 * Every string is put into the snapshot as it is read and every list as it ends, so a
 * record of spec.h is all that is ever kept of a certificate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libconfig.h>

#include "agent/config/config.h"
#include "agent/config/config_index.h"
#include "agent/config/snapshot.h"
#include "base/buf.h"

/* One file and its tree. The root's hook points here. */
struct config_source {
	char *path;    /* owned */
	config_t tree; /* owned */
};

struct config_reader {
	const struct config_host *host; /* borrowed */
	struct snapshot *b;             /* owned */
	struct config_source **sources; /* owned; the main file first */
	size_t n_sources;
	unsigned errors;
	struct spec_global global;
	struct text contact; /* of the issuers that name none */
	uint32_t agree_terms;
	struct spec_cert defaults; /* what a certificate starts from */
	struct buf certs;          /* struct spec_cert */
	struct buf issuers;        /* struct config_issuer */
	struct buf hooks;          /* struct spec_hook */
	struct buf crls;           /* struct spec_crl */
	struct buf owners;         /* struct config_owner, users and groups looked up */
	struct config_index cert_names;
	struct config_index issuer_names;
	struct config_index hook_names;
	struct config_index crl_names;
	struct config_index paths;   /* that something of ours is written to */
	struct config_index folders; /* looked at; number: 1 is fit */
	struct config_index programs;
	struct config_index listens; /* addresses of challenges; enum challenge_type */
};

struct config_rule {
	const char *name; /* NULL ends a table */
	void (*read)(struct config_reader *r, const config_setting_t *s, void *into);
	uint32_t only; /* 1u << type: the types it is for; 0: all */
};

#define CONFIG_ALL UINT32_MAX

/* The rule that the setting `s` is read by, NULL if there is none (reported). */
const struct config_rule *config_rule_of(struct config_reader *r,
					 const config_setting_t *s,
					 const struct config_rule *rules,
					 uint32_t types);

/* Read the group `s` into `into` by `rules`; `types` is 1u << its type, or CONFIG_ALL.
 * False: it is no group (reported). */
bool config_group(struct config_reader *r, const config_setting_t *s,
		  const struct config_rule *rules, uint32_t types, void *into);

/* A scalar or a group may stand wherever a list may: the number of elements of `s`, and
 * one of them. */
unsigned config_items(const config_setting_t *s);
const config_setting_t *config_item(const config_setting_t *s, unsigned i);

/* `s` must have no more items than `max`. False: it has (reported). */
bool config_items_max(struct config_reader *r, const config_setting_t *s, unsigned max);

/* The member `name` of the group `s`, or NULL. */
const config_setting_t *config_member(const config_setting_t *s, const char *name);

/*
 * Give the thing that the group `s` describes its name: `name`, plain (see
 * spec_is_plain_name()) and new to `ix`, which gets it with `number`. False if not
 * (reported).
 */
bool config_name(struct config_reader *r, const config_setting_t *s, const char *name,
		 struct config_index *ix, uint32_t number, struct text *out);

/* The file that `s` stands in. */
const struct config_source *config_source_of(const config_setting_t *s);
