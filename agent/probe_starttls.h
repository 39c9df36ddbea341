/*
 * probe_starttls: the words that a server wants to hear before it speaks TLS.
 *
 * RFC 3207 (SMTP), 9051 6.2.1 (IMAP), 2595 4 (POP3), 4511 4.14 (LDAP); PostgreSQL's
 * SSLRequest. Each is a short exchange in which every answer is bounded.
 */
#pragma once

#include <stdint.h>

struct err;

/* Bring the connection `fd` to where the ClientHello is due; `proto` as enum
 * probe_proto. ERR_NET, ERR_LIMIT; ERR_PROTO: the server will not do it. */
int probe_starttls(int fd, uint32_t proto, int64_t until_ms, struct err *e);
