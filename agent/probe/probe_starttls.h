/*
 * probe_starttls: the words that a server wants to hear before it speaks TLS.
 *
 * RFC 3207 (SMTP), 9051 6.2.1 (IMAP), 2595 4 (POP3), 4511 4.14 (LDAP), 4217 4 (FTP),
 * 6120 5 (XMPP), 5804 2.2 (ManageSieve); the SSLRequest of PostgreSQL and that of MySQL.
 * Each is a short exchange in which every answer is bounded.
 */
#pragma once

#include <stdint.h>

struct err;

/* Bring the connection `fd` to where the ClientHello is due; `proto` as enum
 * probe_proto; `name` is whom we ask for, NULL: nobody. ERR_NET, ERR_LIMIT; ERR_PROTO: the server will not do it. */
int probe_starttls(int fd, uint32_t proto, const char *name, int64_t until_ms,
		   struct err *e);
