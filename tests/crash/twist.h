/*
 * twist: what happens to the world between the commands that lead up to a case and the one
 * that is cut.
 */
#pragma once

struct world;

/* Files of www are somebody's, or gone. */
void twist_drift(const struct world *w);

/* A generation of www that its hook has refused: it is held. */
void twist_refuse(const struct world *w);

/* As if the first version had made the state. */
void twist_age_state(const struct world *w);

/* w/serial is that of what is live of www, for `ca lab revoke`. */
void twist_serial(const struct world *w);

/* The CA has revoked what is live of www, and it is time to look at its list. */
void twist_revoke(const struct world *w);

/* It is time to look at that list again, and to try what has failed. */
void twist_later(const struct world *w);

/* The CA has revoked generation 1 of www, which is live no more, and it is time to look at
 * the lists that servers are given. */
void twist_newer_list(const struct world *w);

/* The issuer has another root, and it is time to ask for them. */
void twist_move(const struct world *w);
