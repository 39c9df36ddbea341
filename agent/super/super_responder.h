/*
 * super_responder: what the challenges listen on, bound with the first SUP_RESPONDER
 * that wants them. The sockets outlive a responder that dies for a while, so that the next
 * one answers who has come in between. They are closed when one has ended in good order,
 * or one is wanted without them: then the agent has let go of them, and the port is free
 * for others; not if it is to be followed by another, whose addresses they are then if it
 * has the same. Who asks the daemon how it is finds its socket (`http`) from the first
 * SUP_RESPONDER to our end. A socket of the service manager is the manager's to close.
 */
#pragma once

#include <stdint.h>

struct err;
struct msg;
struct super;

#define SUPER_LISTEN_MS 5000

void super_given(struct super *s); /* take them over, before anything else is opened */
void super_given_end(struct super *s);
void super_listens(struct super *s);
void super_listens_anew(struct super *s); /* s->spec is another */
int super_responder(void *role, struct msg *m, struct err *e);
void super_responder_ended(struct super *s, int status);
/* Close what nobody has asked for in that while; each turn of the loop. */
void super_responder_check(struct super *s);
