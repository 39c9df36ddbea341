#include "tests/help/fake_dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t fake_dns_record(uint8_t *p, const char *address, int family)
{
	const uint8_t head[] = { 0xc0, 12, 0, family == AF_INET ? ns_t_a : ns_t_aaaa,
				 0,    1,  0, 0,
				 0,    9,  0, family == AF_INET ? 4 : 16 };

	memcpy(p, head, sizeof(head));
	(void)inet_pton(family, address, p + sizeof(head));
	return sizeof(head) + head[11];
}

/* The question, and an answer of those addresses that are of its type. */
static size_t fake_dns_answer(uint8_t *m, size_t len, const char *const *list)
{
	size_t end = 12;
	int family;

	while (end < len && m[end] != 0)
		end += m[end] + 1u;
	end += 5; /* the last label, type, class */
	if (end > len)
		return 0;
	family = m[end - 3] == ns_t_aaaa ? AF_INET6 : AF_INET;
	m[2] = 0x81;
	m[3] = 0x80;
	memset(m + 6, 0, 6);
	for (; *list != NULL; list++) {
		if ((strchr(*list, ':') != NULL) != (family == AF_INET6))
			continue;
		end += fake_dns_record(m + end, *list, family);
		m[7]++;
	}
	return end;
}

static void fake_dns_serve(int fd, const char *const *list)
{
	uint8_t m[1024];
	struct sockaddr_in from;

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, m, 512, 0, (struct sockaddr *)&from, &size);
		size_t len;

		if (n < 17)
			continue;
		len = fake_dns_answer(m, (size_t)n, list);
		(void)!sendto(fd, m, len, 0, (struct sockaddr *)&from, size);
	}
}

bool fake_dns_start(struct fake_dns *d, const char *const *list)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return false;
	d->port = ntohs(a.sin_port);
	d->pid = fork();
	if (d->pid == 0)
		fake_dns_serve(fd, list);
	close(fd);
	return d->pid > 0;
}

void fake_dns_use(const struct fake_dns *d)
{
	(void)res_init();
	_res.nscount = 1;
	_res.nsaddr_list[0] =
	    (struct sockaddr_in){ .sin_family = AF_INET,
				  .sin_port = htons(d->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

void fake_dns_stop(const struct fake_dns *d)
{
	kill(d->pid, SIGKILL);
	waitpid(d->pid, NULL, 0);
	(void)res_init();
}
