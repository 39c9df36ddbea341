/*
 * keeper_txt: the keeper signs updates of TXT records for dns-01 (RFC 2136, 8945), and looks
 * at what name servers reply.
 *
 * It writes an update itself, of typed fields. The one thing that it adds is the digest of a
 * key authorization of an account of ours, which lets nobody else have a certificate,
 * wherever in a zone it stands; the one thing that it deletes is such a digest. It reads no
 * DNS: of a reply it is told the parts, and computes the MAC over them.
 */
#pragma once

struct err;
struct msg;

/* The rules of KEEPER_TXT, KEEPER_TXT_REPLY; `role` is a struct keeper. */
int keeper_txt(void *role, struct msg *m, struct err *e);
int keeper_txt_reply(void *role, struct msg *m, struct err *e);
