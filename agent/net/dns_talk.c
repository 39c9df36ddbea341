#include "agent/net/dns_talk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "agent/net/probe_address.h"
#include "agent/net/probe_io.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/dns_reply.h"
#include "base/err.h"
#include "base/mem.h"

#define RESOLV_CONF       "/etc/resolv.conf"
#define LIMIT_RESOLV_CONF 8192 /* what follows is not looked at */
#define RESOLVERS_MAX     3    /* as many as resolv.conf(5) knows */

/* -- one message -- */

int dns_write(int fd, const struct buf *message, int64_t until_ms, struct err *e)
{
	AUTO_BUF struct buf sent = { 0 };

	dns_put_u16(&sent, (unsigned)message->len);
	buf_add(&sent, message->data, message->len);
	return probe_write(fd, sent.data, sent.len, until_ms, e);
}

int dns_read(int fd, struct buf *message, int64_t until_ms, struct err *e)
{
	AUTO_FREE uint8_t *data = NULL;
	uint8_t head[2];
	size_t len;

	TRY(probe_read(fd, head, sizeof(head), until_ms, e));
	len = dns_get_u16(head);
	data = xcalloc(len + 1, 1);
	TRY(probe_read(fd, data, len, until_ms, e));
	message->len = 0;
	buf_add(message, data, len);
	return 0;
}

/* -- questions -- */

static struct dns_question *question_of(struct dns_question *q, size_t n,
					const struct dns_reply *r)
{
	for (size_t i = 0; i < n; i++)
		if (q[i].reply.len == 0 &&
		    dns_reply_is_to(r, q[i].id, DNS_QUERY, q[i].name, q[i].type))
			return &q[i];
	return NULL;
}

static int send_questions(int fd, bool recurse, struct dns_question *q, size_t n,
			  int64_t until_ms, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_BUF struct buf m = { 0 };
		unsigned char id[2];

		if (q[i].reply.len > 0)
			continue;
		if (RAND_bytes(id, sizeof(id)) != 1)
			return err_set(e, ERR_SYS, "no random bytes");
		q[i].id = dns_get_u16(id);
		dns_put_head(&m, q[i].id, recurse ? DNS_RECURSE : 0, 0);
		dns_put_question(&m, q[i].name, q[i].type);
		TRY(dns_write(fd, &m, until_ms, e));
	}
	return 0;
}

static int take_reply(int fd, struct dns_question *q, size_t n, int64_t until_ms,
		      struct err *e)
{
	AUTO_BUF struct buf m = { 0 };
	struct dns_question *of;
	struct dns_reply r;

	TRY(dns_read(fd, &m, until_ms, e));
	TRY(dns_reply_open(&r, m.data, m.len, e));
	of = question_of(q, n, &r);
	if (of == NULL)
		return err_set(e, ERR_PROTO, "a reply to what was not asked");
	of->reply = m;
	m = (struct buf){ 0 };
	return 0;
}

static size_t n_open(const struct dns_question *q, size_t n)
{
	size_t open = 0;

	for (size_t i = 0; i < n; i++)
		open += q[i].reply.len == 0;
	return open;
}

static int ask_once(const struct probe_address *a, bool recurse, struct dns_question *q,
		    size_t n, int64_t until_ms, struct err *e)
{
	AUTO_FD int fd = -1;

	TRY(probe_connect(a, until_ms, &fd, e));
	/* Who ends it while we still ask may have answered what it has read. */
	if (send_questions(fd, recurse, q, n, until_ms, e) < 0 && e->code != ERR_NET)
		return e->code;
	while (n_open(q, n) > 0)
		TRY(take_reply(fd, q, n, until_ms, e));
	return 0;
}

/* A server may end the connection after any of its answers (RFC 7766 6.2.3). */
int dns_ask(const struct probe_address *a, bool recurse, struct dns_question *q,
	    size_t n, int64_t until_ms, struct err *e)
{
	size_t before, left = n_open(q, n);
	int rc;

	do {
		before = left;
		rc = ask_once(a, recurse, q, n, until_ms, e);
		left = n_open(q, n);
	} while (rc == ERR_NET && left < before && clock_boot_ms() < until_ms);
	return rc < 0 ? err_wrap(e, "%s", a->text) : 0;
}

void dns_questions_free(struct dns_question *q, size_t n)
{
	for (size_t i = 0; q != NULL && i < n; i++)
		buf_done(&q[i].reply);
	free(q);
}

/* -- servers -- */

static int addresses_of(const char *server, struct probe_address *list, size_t *n,
			struct err *e)
{
	char host[DNS_NAME_SIZE], port[6];

	if (!dns_server_read(server, host, port))
		return err_set(e, ERR_CONFIG, "%s is not a name server", server);
	return probe_resolve(host, port, list, n, e);
}

/* No server takes all of the time. */
static int64_t share_of(int64_t until_ms)
{
	return clock_sooner(clock_boot_ms() + DNS_TALK_MS, until_ms);
}

int dns_connect(const char *server, int64_t until_ms, int *fd, struct err *e)
{
	struct probe_address list[PROBE_ADDRESS_MAX];
	int rc = ERR_NET;
	size_t n;

	TRY(addresses_of(server, list, &n, e));
	err_set(e, ERR_NET, "%s has no address", server);
	for (size_t i = 0; i < n && rc < 0; i++) {
		rc = probe_connect(&list[i], share_of(until_ms), fd, e);
		if (rc < 0)
			err_wrap(e, "%s", list[i].text);
	}
	return rc;
}

static int ask_server(const char *server, struct dns_question *q, size_t n,
		      int64_t until_ms, struct err *e)
{
	struct probe_address list[PROBE_ADDRESS_MAX];
	int rc = ERR_NET;
	size_t found;

	TRY(addresses_of(server, list, &found, e));
	err_set(e, ERR_NET, "%s has no address", server);
	for (size_t i = 0; i < found && rc < 0; i++)
		rc = dns_ask(&list[i], true, q, n, share_of(until_ms), e);
	return rc;
}

/* It may be a link, on most hosts it is. */
static void read_file(const char *path, struct buf *text)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char data[LIMIT_RESOLV_CONF];
	ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof(data));

	if (n > 0)
		buf_add(text, data, (size_t)n);
}

/* resolv.conf(5): where it names nobody, this host is asked. */
static void read_resolvers(struct buf *text, const char *list[RESOLVERS_MAX + 1])
{
	size_t n = 0;
	char *line, *next;

	read_file(RESOLV_CONF, text);
	for (line = text->data; line != NULL && n < RESOLVERS_MAX; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (strncmp(line, "nameserver", 10) != 0)
			continue;
		line += 10;
		line += strspn(line, " \t");
		line[strcspn(line, " \t%")] = '\0';
		if (line[0] != '\0')
			list[n++] = line;
	}
	if (n == 0)
		list[n++] = "127.0.0.1";
	list[n] = NULL;
}

int dns_resolve(const char *const *servers, struct dns_question *q, size_t n,
		int64_t until_ms, struct err *e)
{
	const char *own[RESOLVERS_MAX + 1];
	AUTO_BUF struct buf text = { 0 };
	int rc = ERR_NET;

	if (servers == NULL || servers[0] == NULL) {
		read_resolvers(&text, own);
		servers = own;
	}
	for (size_t i = 0; servers[i] != NULL && rc < 0; i++)
		rc = ask_server(servers[i], q, n, until_ms, e);
	return rc;
}
