/* msg: what roles say to each other arrives whole, or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/msg.h"

struct pair {
	int a;
	int b;
};

static void pair_open(struct pair *p)
{
	int sv[2];

	assert_return_code(socketpair(AF_UNIX,
				      SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				      sv),
			   0);
	*p = (struct pair){ sv[0], sv[1] };
}

static void pair_close(struct pair *p)
{
	close(p->a);
	close(p->b);
}

static void fields_come_out_as_they_went_in(void **state)
{
	AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
	struct pair p;
	struct err e;
	size_t n;

	(void)state;
	pair_open(&p);
	msg_begin(&out, 7, 42);
	msg_put_u64(&out, UINT64_MAX);
	msg_put_i64(&out, -5);
	msg_put_str(&out, "example.org");
	msg_put_str(&out, NULL);
	msg_put_bytes(&out, "\0\1", 2);
	assert_int_equal(msg_send(p.a, &out, &e), 0);

	assert_int_equal(msg_recv(p.b, &in, &e), 0);
	assert_int_equal(in.type, 7);
	assert_int_equal(in.id, 42);
	assert_true(msg_get_u64(&in) == UINT64_MAX);
	assert_int_equal(msg_get_i64(&in), -5);
	assert_string_equal(msg_get_str(&in), "example.org");
	assert_string_equal(msg_get_str(&in), "");
	assert_memory_equal(msg_get_bytes(&in, &n), "\0\1", 2);
	assert_int_equal(n, 2);
	assert_int_equal(msg_end(&in, &e), 0);
	pair_close(&p);
}

static void a_descriptor_travels_with_its_message(void **state)
{
	AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
	AUTO_FD int fd = -1;
	struct pair p, other;
	struct err e;

	(void)state;
	pair_open(&p);
	pair_open(&other);
	msg_begin(&out, 1, 1);
	out.fd = dup(other.a);
	assert_int_equal(msg_send(p.a, &out, &e), 0);
	assert_int_equal(msg_recv(p.b, &in, &e), 0);
	fd = msg_take_fd(&in);
	assert_true(fd >= 0);
	assert_int_equal(in.fd, -1);
	assert_int_equal(write(fd, "x", 1), 1);
	pair_close(&other);
	pair_close(&p);
}

/* Everything that makes a message not the one that was expected. */
static size_t open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_message_with_two_descriptors_leaves_none_open(void **state)
{
	const int fds[2] = { STDIN_FILENO, STDOUT_FILENO };
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(fds))] = { 0 };
	uint32_t head[2] = { 7, 1 };
	struct iovec iov = { head, sizeof(head) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	AUTO_MSG struct msg in = MSG_NONE;
	struct pair p;
	size_t before;
	struct err e;

	(void)state;
	pair_open(&p);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	before = open_descriptors();
	assert_int_equal(sendmsg(p.a, &h, 0), sizeof(head));
	(void)msg_recv(p.b, &in, &e);
	assert_int_equal(in.fd, -1);
	assert_int_equal(open_descriptors(), before);
	pair_close(&p);
}

static void an_offer_does_not_wait_for_who_does_not_listen(void **state)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct pair p;
	struct err e;
	int n = 0;

	(void)state;
	pair_open(&p);
	fcntl(p.a, F_SETFL, 0); /* it would block */
	msg_begin(&m, 7, 1);
	msg_put_str(&m, "is anybody there?");
	while (msg_offer(p.a, &m, &e) == 0)
		assert_true(++n < 100000);
	assert_int_equal(e.code, ERR_BUSY);
	pair_close(&p);
}

static void a_message_that_is_not_the_expected_one_is_refused(void **state)
{
	AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
	struct pair p;
	struct err e;
	uint8_t raw[64] = { 0 };

	(void)state;
	pair_open(&p);
	msg_begin(&out, 1, 1);
	msg_put_u64(&out, 1);
	msg_put_u64(&out, 2);
	assert_int_equal(msg_send(p.a, &out, &e), 0);
	assert_int_equal(msg_recv(p.b, &in, &e), 0);
	(void)msg_get_u64(&in);
	assert_int_equal(msg_end(&in, &e), ERR_PROTO); /* a field is left */

	assert_int_equal(msg_send(p.a, &out, &e), 0);
	assert_int_equal(msg_recv(p.b, &in, &e), 0);
	assert_string_equal(msg_get_str(&in), ""); /* not a string */
	assert_int_equal(msg_end(&in, &e), ERR_PROTO);

	for (size_t len = 1; len < sizeof(raw); len++) { /* garbage of every length */
		memset(raw, 0xff, sizeof(raw));
		assert_true(send(p.a, raw, len, 0) == (ssize_t)len);
		if (msg_recv(p.b, &in, &e) == 0) {
			(void)msg_get_bytes(&in, &(size_t){ 0 });
			assert_int_equal(msg_end(&in, &e), ERR_PROTO);
		}
	}
	pair_close(&p);
}

static void a_string_with_a_hole_in_it_is_refused(void **state)
{
	AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
	struct pair p;
	struct err e;

	(void)state;
	pair_open(&p);
	msg_begin(&out, 1, 1);
	msg_put_str(&out, "abc");
	out.data[out.len - 3] = '\0';
	assert_int_equal(msg_send(p.a, &out, &e), 0);
	assert_int_equal(msg_recv(p.b, &in, &e), 0);
	assert_string_equal(msg_get_str(&in), "");
	assert_int_equal(msg_end(&in, &e), ERR_PROTO);
	pair_close(&p);
}

static void what_does_not_fit_is_not_sent(void **state)
{
	static char large[LIMIT_MSG];
	AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
	struct pair p;
	struct err e;

	(void)state;
	pair_open(&p);
	msg_begin(&out, 1, 1);
	msg_put_bytes(&out, large, sizeof(large));
	assert_int_equal(msg_send(p.a, &out, &e), ERR_LIMIT);
	assert_int_equal(msg_recv(p.b, &in, &e), ERR_BUSY);
	pair_close(&p);
}

static void the_end_of_the_other_role_is_said(void **state)
{
	AUTO_MSG struct msg in = MSG_NONE;
	struct pair p;
	struct err e;

	(void)state;
	pair_open(&p);
	close(p.a);
	assert_int_equal(msg_recv(p.b, &in, &e), ERR_NET);
	close(p.b);
}

/* Not a failure of ours: whoever sends and whoever receives are told alike. */
static void a_message_to_a_role_that_is_gone_says_so(void **state)
{
	AUTO_MSG struct msg out = MSG_NONE;
	struct pair p;
	struct err e;

	(void)state;
	pair_open(&p);
	close(p.b);
	msg_begin(&out, 1, 1);
	assert_int_equal(msg_send(p.a, &out, &e), ERR_NET);
	assert_int_equal(e.sysno, EPIPE);
	close(p.a);
}

static void a_moved_message_is_whole_and_the_old_one_can_begin_again(void **state)
{
	AUTO_MSG struct msg m = MSG_NONE, moved = MSG_NONE;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct err e;

	(void)state;
	assert_true(fd >= 0);
	msg_begin(&m, 5, 6);
	msg_put_str(&m, "kept");
	m.fd = fd;
	msg_move(&moved, &m);
	assert_int_equal(m.fd, -1); /* one owner */
	msg_begin(&m, 7, 8);
	msg_put_str(&m, "another");

	assert_int_equal(moved.type, 5);
	assert_int_equal(moved.id, 6);
	assert_int_equal(moved.fd, fd);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_string_equal(msg_get_str(&moved), "kept");
	assert_int_equal(msg_end(&moved, &e), 0);
}

static void a_moved_message_travels_with_its_descriptor(void **state)
{
	AUTO_MSG struct msg m = MSG_NONE, moved = MSG_NONE, in = MSG_NONE;
	struct pair p;
	struct err e;

	(void)state;
	pair_open(&p);
	msg_begin(&m, 5, 6);
	msg_put_u64(&m, 7);
	m.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	msg_move(&moved, &m);
	assert_int_equal(msg_send(p.a, &moved, &e), 0);
	assert_int_equal(msg_recv(p.b, &in, &e), 0);
	assert_int_equal(in.type, 5);
	assert_true(in.fd >= 0);
	assert_int_equal(msg_get_u64(&in), 7);
	assert_int_equal(msg_end(&in, &e), 0);
	pair_close(&p);
}

/* What was too large for a message stays refused wherever it is moved to. */
static void a_broken_message_stays_broken_when_moved(void **state)
{
	static char large[LIMIT_MSG];
	AUTO_MSG struct msg m = MSG_NONE, moved = MSG_NONE;
	struct pair p;
	struct err e;

	(void)state;
	pair_open(&p);
	msg_begin(&m, 1, 1);
	msg_put_bytes(&m, large, sizeof(large));
	msg_move(&moved, &m);
	assert_int_equal(msg_send(p.a, &moved, &e), ERR_LIMIT);
	pair_close(&p);
}

static void an_err_survives_the_journey(void **state)
{
	AUTO_MSG struct msg out = MSG_NONE, in = MSG_NONE;
	struct pair p;
	struct err e, got;

	(void)state;
	pair_open(&p);
	err_later(&e, 123456, "order %s: the CA wants time", "x");
	msg_begin(&out, 1, 1);
	msg_put_err(&out, &e);
	assert_int_equal(msg_send(p.a, &out, &e), 0);
	assert_int_equal(msg_recv(p.b, &in, &e), 0);
	msg_get_err(&in, &got);
	assert_int_equal(msg_end(&in, &e), 0);
	assert_int_equal(got.code, ERR_LATER);
	assert_int_equal(got.retry_at_ms, 123456);
	assert_string_equal(got.text, "order x: the CA wants time");
	pair_close(&p);
}

static int seen;

static int note(void *role, struct msg *m, struct err *e)
{
	(void)role;
	(void)e;
	seen = (int)m->type;
	return 0;
}

static void only_what_the_table_lists_for_the_state_is_run(void **state)
{
	static const struct msg_rule rules[] = {
		{ 3, 1u << 0, note },
		{ 4, 1u << 0 | 1u << 2, note },
	};
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	(void)state;
	for (unsigned s = 0; s < 4; s++)
		for (uint32_t type = 0; type < 8; type++) {
			bool listed =
			    (type == 3 && s == 0) || (type == 4 && (s == 0 || s == 2));
			int rc;

			seen = 0;
			msg_begin(&m, type, 1);
			rc = msg_dispatch(rules, 2, s, NULL, &m, &e);
			assert_int_equal(rc, listed ? 0 : ERR_PROTO);
			assert_int_equal(seen, listed ? (int)type : 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_out_as_they_went_in),
		cmocka_unit_test(a_descriptor_travels_with_its_message),
		cmocka_unit_test(a_message_with_two_descriptors_leaves_none_open),
		cmocka_unit_test(an_offer_does_not_wait_for_who_does_not_listen),
		cmocka_unit_test(a_message_that_is_not_the_expected_one_is_refused),
		cmocka_unit_test(a_string_with_a_hole_in_it_is_refused),
		cmocka_unit_test(what_does_not_fit_is_not_sent),
		cmocka_unit_test(the_end_of_the_other_role_is_said),
		cmocka_unit_test(a_message_to_a_role_that_is_gone_says_so),
		cmocka_unit_test(
		    a_moved_message_is_whole_and_the_old_one_can_begin_again),
		cmocka_unit_test(a_moved_message_travels_with_its_descriptor),
		cmocka_unit_test(a_broken_message_stays_broken_when_moved),
		cmocka_unit_test(an_err_survives_the_journey),
		cmocka_unit_test(only_what_the_table_lists_for_the_state_is_run),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
