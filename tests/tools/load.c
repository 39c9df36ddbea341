/*
 * load PORT NAME: ask https://NAME at 127.0.0.1:PORT again and again, from four threads,
 * each request on a connection of its own without a resumed session, until SIGTERM. Prints
 * "started" after the first answer, and in the end
 *
 *     requests 4711
 *     failed 0
 *     saw SHA-256 COUNT        of each leaf, in the order in which they came
 *     failure TEXT             of the first request that failed, if one did
 *
 * A request has failed if it did not bring a whole answer with status 200.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define THREADS    4
#define LEAVES_MAX 4096
#define PAUSE_NS   3000000 /* between two requests of a thread: others use the machine */
#define PATIENCE_S 10

struct leaf {
	unsigned char sha256[32];
	unsigned long count;
};

struct load {
	struct sockaddr_in at;
	const char *name;
	SSL_CTX *ctx;
	atomic_bool stop;
	pthread_mutex_t lock; /* of what follows */
	unsigned long requests, failed;
	char failure[256];
	struct leaf leaves[LEAVES_MAX];
	size_t n_leaves;
};

static void saw(struct load *l, const unsigned char sha256[32])
{
	size_t i = l->n_leaves; /* the newest is the likeliest */

	while (i > 0 && memcmp(l->leaves[i - 1].sha256, sha256, 32) != 0)
		i--;
	if (i == 0) {
		if (l->n_leaves == LEAVES_MAX)
			return;
		i = ++l->n_leaves;
		memcpy(l->leaves[i - 1].sha256, sha256, 32);
	}
	l->leaves[i - 1].count++;
}

/* Count one request; `why` NULL: it succeeded. */
static void count(struct load *l, const unsigned char sha256[32], const char *why)
{
	pthread_mutex_lock(&l->lock);
	if (++l->requests == 1) {
		puts("started");
		fflush(stdout);
	}
	if (why == NULL)
		saw(l, sha256);
	else if (l->failed++ == 0)
		snprintf(l->failure, sizeof(l->failure), "request %lu: %s", l->requests,
			 why);
	pthread_mutex_unlock(&l->lock);
}

/* Ask and read to the end. NULL: a whole answer came. */
static const char *talk(const struct load *l, SSL *ssl)
{
	char text[1024];
	int n, len = 0;

	n = snprintf(text, sizeof(text),
		     "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
		     l->name);
	if (SSL_write(ssl, text, n) != n)
		return "the request could not be sent";
	while (len < (int)sizeof(text) - 1 &&
	       (n = SSL_read(ssl, text + len, (int)sizeof(text) - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	if (strncmp(text, "HTTP/1.1 200 ", 13) != 0)
		return len == 0 ? "no answer" : "its status is not 200";
	if (strstr(text, "\r\n\r\nok\n") == NULL)
		return "the answer is not whole";
	return NULL;
}

static const char *request(const struct load *l, SSL *ssl, int fd,
			   unsigned char sha256[32])
{
	const struct sockaddr *at = (const struct sockaddr *)(const void *)&l->at;
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	X509 *leaf;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (fd < 0 || connect(fd, at, sizeof(l->at)) != 0)
		return "connection refused";
	SSL_set_fd(ssl, fd);
	SSL_set_tlsext_host_name(ssl, l->name);
	if (SSL_connect(ssl) != 1)
		return "the handshake failed";
	leaf = SSL_get1_peer_certificate(ssl);
	if (leaf == NULL || X509_digest(leaf, EVP_sha256(), sha256, NULL) != 1)
		return "no certificate";
	X509_free(leaf);
	return talk(l, ssl);
}

static void *ask(void *arg)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct load *l = arg;

	while (!atomic_load(&l->stop)) {
		unsigned char sha256[32];
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		SSL *ssl = SSL_new(l->ctx);

		count(l, sha256, request(l, ssl, fd, sha256));
		SSL_free(ssl);
		ERR_clear_error();
		if (fd >= 0)
			close(fd);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void print(const struct load *l)
{
	printf("requests %lu\nfailed %lu\n", l->requests, l->failed);
	for (size_t i = 0; i < l->n_leaves; i++) {
		fputs("saw ", stdout);
		for (size_t k = 0; k < 32; k++)
			printf("%02x", l->leaves[i].sha256[k]);
		printf(" %lu\n", l->leaves[i].count);
	}
	if (l->failed > 0)
		printf("failure %s\n", l->failure);
}

static void run(struct load *l)
{
	pthread_t threads[THREADS];
	sigset_t set;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, ask, l) != 0)
			exit(EXIT_FAILURE);
	sigwait(&set, &signo);
	atomic_store(&l->stop, true);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	struct load *l = OPENSSL_zalloc(sizeof(*l));

	if (argc != 3) {
		fputs("usage: load PORT NAME\n", stderr);
		return 2;
	}
	l->at.sin_family = AF_INET;
	l->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l->at.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	l->name = argv[2];
	l->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(l->ctx, SSL_SESS_CACHE_OFF);
	pthread_mutex_init(&l->lock, NULL);
	run(l);
	print(l);
	SSL_CTX_free(l->ctx);
	OPENSSL_free(l);
	return EXIT_SUCCESS;
}
