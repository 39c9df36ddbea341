/*
 * inspect_chain: from each leaf up, through all inputs, to what this host trusts.
 *
 * A root that stands in another input than its leaf was named to be trusted. Nothing is
 * fetched: where a link is missing, its name and where it is offered is said.
 */
#pragma once

struct inspect;

void inspect_chains(struct inspect *in);
