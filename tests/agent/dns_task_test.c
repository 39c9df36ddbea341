/*
 * dns_task: what name servers answer, however strange, leads to the right place or to an
 * error, and ends. They are played by a child of the test; what real ones do is shown by
 * real/dns01.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/net/dns_task.h"
#include "base/buf.h"
#include "base/dns_reply.h"
#include "base/err.h"

/* -- the name server -- */

/* What it answers to one question: counts and records are filled by a case. */
struct play {
	unsigned id;
	unsigned flags;
	const char *name; /* the question that is repeated */
	unsigned type;
	unsigned n[DNS_SECTIONS];
	struct buf records;
	bool ends; /* the connection, after this */
};

typedef void script(struct play *p);

struct fake {
	pid_t pid;
	char at[32];
	char port[6];
};

static void put_record(struct play *p, enum dns_section section, const char *owner,
		       enum dns_type type, const void *data, size_t len)
{
	dns_put_name(&p->records, owner);
	dns_put_u16(&p->records, type);
	dns_put_u16(&p->records, DNS_IN);
	dns_put_u32(&p->records, 60);
	dns_put_u16(&p->records, (unsigned)len);
	buf_add(&p->records, data, len);
	p->n[section]++;
}

static void put_name_record(struct play *p, const char *owner, enum dns_type type,
			    const char *name)
{
	AUTO_BUF struct buf data = { 0 };

	dns_put_name(&data, name);
	put_record(p, DNS_ANSWERS, owner, type, data.data, data.len);
}

static void put_soa(struct play *p, const char *zone)
{
	put_record(p, DNS_AUTHORITY, zone, DNS_SOA,
		   "\0\0"
		   "01230123012301230123",
		   22);
}

static bool read_all(int fd, void *data, size_t len)
{
	for (char *at = data; len > 0;) {
		ssize_t n = read(fd, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool answer(int fd, script *run)
{
	AUTO_BUF struct buf out = { 0 };
	struct play p = { .flags = DNS_RESPONSE | DNS_AUTHORITATIVE };
	uint8_t head[2], data[4096];
	struct dns_reply q;
	struct err e;
	size_t len;

	if (!read_all(fd, head, 2) || (len = dns_get_u16(head)) > sizeof(data) ||
	    !read_all(fd, data, len))
		return false;
	p.flags |= dns_get_u16(data + 2) & 0x7800; /* the opcode */
	data[2] |= 0x80; /* to be read as what it is answered by */
	data[6] = data[7] = data[8] = data[9] = data[10] = data[11] = 0;
	if (dns_reply_open(&q, data, len, &e) < 0)
		return false;
	p.id = q.id;
	p.name = q.question;
	p.type = q.type;
	p.n[DNS_QUESTIONS] = 1;
	run(&p);
	dns_put_u16(&out, 0);
	dns_put_u16(&out, p.id);
	dns_put_u16(&out, p.flags);
	for (size_t i = 0; i < DNS_SECTIONS; i++)
		dns_put_u16(&out, p.n[i]);
	dns_put_question(&out, p.name, (enum dns_type)p.type);
	buf_add(&out, p.records.data, p.records.len);
	buf_done(&p.records);
	out.data[0] = (char)((out.len - 2) >> 8);
	out.data[1] = (char)((out.len - 2) & 255);
	return write(fd, out.data, out.len) == (ssize_t)out.len && !p.ends;
}

static void serve(int listening, script *run)
{
	for (;;) {
		int fd = accept(listening, NULL, NULL);

		while (fd >= 0 && answer(fd, run))
			;
		if (fd >= 0)
			shutdown(fd, SHUT_WR);
		if (fd >= 0)
			close(fd);
	}
}

static struct fake begin(script *run)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct fake f;

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	snprintf(f.port, sizeof(f.port), "%u", ntohs(a.sin_port));
	snprintf(f.at, sizeof(f.at), "127.0.0.1:%s", f.port);
	f.pid = run == NULL ? 0 : fork();
	if (f.pid == 0 && run != NULL) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, run);
	}
	close(fd);
	return f;
}

static void end(const struct fake *f)
{
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
}

/* -- find -- */

static int find(script *run, const char *zone, const char *name, struct dns_place *p,
		struct err *e)
{
	const struct fake f = begin(run);
	const char *const resolvers[] = { f.at, NULL };
	const struct dns_asked asked = { .resolvers = resolvers };
	int rc = dns_find(&asked, zone, &name, 1, p, e);

	end(&f);
	return rc;
}

static void expect_place(script *run, const char *name, const char *owner,
			 const char *zone)
{
	struct dns_place p;
	struct err e;

	if (find(run, NULL, name, &p, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(p.owner, owner);
	assert_string_equal(p.zone, zone);
}

static void nobody_there(struct play *p)
{
	p->flags |= DNS_NXDOMAIN;
	put_soa(p, "example.org");
}

/* = RFC 2308 3 "Name servers authoritative for a zone MUST include the SOA record of the
 * zone in the authority section of the response" [soa] */
static void the_zone_is_where_the_soa_record_is(void **state)
{
	(void)state;
	expect_place(nobody_there, "a.b.example.org", "_acme-challenge.a.b.example.org",
		     "example.org");
}

static void soa_of_the_zone_alone(struct play *p)
{
	if (strcmp(p->name, "b.example.org") == 0)
		put_soa(p, "b.example.org");
}

static void where_none_is_sent_it_is_looked_for_above(void **state)
{
	(void)state;
	expect_place(soa_of_the_zone_alone, "a.b.example.org",
		     "_acme-challenge.a.b.example.org", "b.example.org");
}

static void soa_of_another(struct play *p)
{
	put_soa(p, "example.net");
}

static void a_zone_that_it_is_not_in_is_none(void **state)
{
	struct dns_place p;
	struct err e;

	(void)state;
	assert_int_equal(find(soa_of_another, NULL, "a.example.org", &p, &e), ERR_NET);
	assert_non_null(strstr(e.text, "no zone that it is in"));
}

/* One alias in each reply: 1.org to 2.org and so on, up to the name that it begins with. */
static void alias_of_the_next(struct play *p)
{
	const char last =
	    strncmp(p->name, "_acme-challenge.", 16) == 0 ? p->name[16] : 0;
	char next[DNS_NAME_SIZE];
	char digit = p->name[0];

	if (last != 0)
		digit = '0';
	if (digit == '8' && strstr(p->name, ".short") != NULL) {
		put_soa(p, "short");
		return;
	}
	snprintf(next, sizeof(next), "%c.%s", digit + 1,
		 strstr(p->name, "short") != NULL ? "short" : "long");
	put_name_record(p, p->name, DNS_CNAME, next);
}

static void as_many_aliases_as_resolvers_follow(void **state)
{
	struct dns_place p;
	struct err e;

	(void)state;
	expect_place(alias_of_the_next, "x.short", "8.short", "short");
	assert_int_equal(find(alias_of_the_next, NULL, "x.long", &p, &e), ERR_NET);
	assert_non_null(strstr(e.text, "more than 8 aliases"));
}

static void chain_at_once(struct play *p)
{
	put_name_record(p, "c.example.net", DNS_CNAME, "d.example.net");
	put_name_record(p, p->name, DNS_CNAME, "c.example.net");
	put_soa(p, "example.net");
}

static void aliases_in_one_reply_are_followed_in_any_order(void **state)
{
	(void)state;
	expect_place(chain_at_once, "a.example.org", "d.example.net", "example.net");
}

static void alias_of_itself(struct play *p)
{
	put_name_record(p, p->name, DNS_CNAME, p->name);
	put_soa(p, "example.org");
}

static void an_alias_of_itself_has_an_end(void **state)
{
	struct dns_place p;
	struct err e;

	(void)state;
	assert_int_equal(find(alias_of_itself, NULL, "a.example.org", &p, &e), ERR_NET);
	assert_int_equal(find(alias_of_itself, "example.org", "a.example.org", &p, &e),
			 ERR_NET);
}

static void not_its_id(struct play *p)
{
	p->id ^= 1;
	nobody_there(p);
}

static void not_its_question(struct play *p)
{
	p->name = "example.net";
	nobody_there(p);
}

static void not_its_type(struct play *p)
{
	p->type = DNS_TXT;
	nobody_there(p);
}

static void too_many(struct play *p)
{
	p->n[DNS_ADDITIONAL] = 65535;
}

static void fewer_than_it_says(struct play *p)
{
	p->n[DNS_ANSWERS] = 3;
}

static void broken(struct play *p)
{
	p->flags |= 2;
}

static void no_reply(struct play *p)
{
	p->flags &= ~(unsigned)DNS_RESPONSE;
}

static void what_is_no_answer_is_an_error(void **state)
{
	static const struct {
		script *run;
		int rc;
	} rows[] = {
		{ not_its_id, ERR_PROTO },
		{ not_its_question, ERR_PROTO },
		{ not_its_type, ERR_PROTO },
		{ too_many, ERR_LIMIT },
		{ fewer_than_it_says, ERR_PROTO },
		{ no_reply, ERR_PROTO },
		{ broken, ERR_NET },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct dns_place p;
		struct err e;
		int rc = find(rows[i].run, NULL, "a.example.org", &p, &e);

		if (rc != rows[i].rc)
			fail_msg("row %zu: %d %s", i, rc, rc < 0 ? e.text : "");
	}
}

static void one_each(struct play *p)
{
	p->ends = true;
	nobody_there(p);
}

static void a_server_may_end_the_connection_after_each_answer(void **state)
{
	static const char *const names[] = { "a.example.org", "b.example.org",
					     "c.example.org" };
	const struct fake f = begin(one_each), gone = begin(NULL);
	const char *const resolvers[] = { gone.at, f.at, NULL };
	const struct dns_asked asked = { .resolvers = resolvers };
	struct dns_place p[3];
	struct err e;

	(void)state;
	if (dns_find(&asked, NULL, names, 3, p, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(p[i].owner + 16, names[i]);
		assert_string_equal(p[i].zone, "example.org");
	}
	end(&f);
}

/* -- look -- */

#define OWNER "_acme-challenge.example.org"

static void put_txt(struct play *p, const char *txt, size_t len)
{
	if (p->type == DNS_TXT)
		put_record(p, DNS_ANSWERS, p->name, DNS_TXT, txt, len);
}

/* The zone has a name server, here, and `txt` of `len` bytes. */
static void play_zone(struct play *p, const char *txt, size_t len)
{
	if (p->type == DNS_NS)
		put_name_record(p, p->name, DNS_NS, "ns.example.org");
	if (p->type == DNS_A)
		put_record(p, DNS_ANSWERS, p->name, DNS_A, "\x7f\0\0\1", 4);
	if (len > 0)
		put_txt(p, txt, len);
}

static void shows_it(struct play *p)
{
	play_zone(p, "\5other", 6);
	put_txt(p, "\5value", 6);
}

static void shows_it_in_pieces(struct play *p)
{
	play_zone(p, "\2va\0\3lue", 8);
}

static void shows_others(struct play *p)
{
	play_zone(p, "\6value2", 7);
	put_txt(p, "\4valu", 5);
	put_txt(p, "\7value", 6);
	put_txt(p, "", 1);
}

static void shows_nothing(struct play *p)
{
	play_zone(p, NULL, 0);
	p->flags |= p->type == DNS_TXT ? DNS_NXDOMAIN : 0;
}

static void has_it_from_others(struct play *p)
{
	play_zone(p, "\5value", 6);
	if (p->type == DNS_TXT)
		p->flags &= ~(unsigned)DNS_AUTHORITATIVE;
}

static void refuses(struct play *p)
{
	play_zone(p, NULL, 0);
	p->flags |= p->type == DNS_TXT ? 5 : 0;
}

static void has_no_address(struct play *p)
{
	if (p->type == DNS_NS)
		put_name_record(p, p->name, DNS_NS, "ns.example.org");
}

/* Almost as large as a message can be. */
static void shows_it_among_many(struct play *p)
{
	char other[101];

	memset(other, 'x', sizeof(other));
	other[0] = 100;
	play_zone(p, NULL, 0);
	for (int i = 0; i < 460; i++)
		put_txt(p, other, sizeof(other));
	put_txt(p, "\5value", 6);
}

static void shows_more_than_is_read(struct play *p)
{
	play_zone(p, NULL, 0);
	for (int i = 0; i < LIMIT_DNS_RECORDS; i++)
		put_txt(p, "\1x", 2);
	put_txt(p, "\5value", 6);
}

static void each_name_server_shows_it_or_does_not(void **state)
{
	static const struct dns_shown record = { OWNER, "value" };
	static const struct {
		script *run;
		unsigned shown, late, down;
		const char *why;
	} rows[] = {
		{ shows_it, 1, 0, 0, "" },
		{ shows_it_in_pieces, 1, 0, 0, "" },
		{ shows_others, 0, 1, 0, OWNER " is not there yet" },
		{ shows_nothing, 0, 1, 0, "ns.example.org at 127.0.0.1: " OWNER },
		{ has_it_from_others, 0, 0, 1, "it does not serve the zone" },
		{ refuses, 0, 0, 1, "it says REFUSED" },
		{ has_no_address, 0, 0, 1, "ns.example.org: it has no address" },
		{ shows_it_among_many, 1, 0, 0, "" },
		{ shows_more_than_is_read, 0, 0, 1, "more than 512" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct fake f = begin(rows[i].run);
		const char *const resolvers[] = { f.at, NULL };
		const struct dns_asked asked = { resolvers, f.port };
		struct dns_sight s;
		struct err e;

		if (dns_look(&asked, "example.org", &record, 1, &s, &e) < 0)
			fail_msg("row %zu: %s", i, e.text);
		if (s.shown != rows[i].shown || s.late != rows[i].late ||
		    s.down != rows[i].down || strstr(s.why, rows[i].why) == NULL)
			fail_msg("row %zu: %u %u %u %s", i, s.shown, s.late, s.down,
				 s.why);
		end(&f);
	}
}

/* -- CAA -- */

static void put_caa(struct play *p, const char *data, size_t len, int n)
{
	for (int i = 0; i < n; i++)
		put_record(p, DNS_ANSWERS, p->name, DNS_CAA, data, len);
}

static void lets_us(struct play *p)
{
	put_caa(p, "\0\5issueca.example", 17, 64);
}

static void lets_us_in_too_many(struct play *p)
{
	put_caa(p, "\0\5issueca.example", 17, 65);
}

static void lets_us_in_broken_words(struct play *p)
{
	put_caa(p, "\0\77issueca.example", 17, 1);
}

static void fails(struct play *p)
{
	p->flags |= 2;
}

/* Of what has no records the name above is asked for, and that is the end. */
static void climbs_to_itself(struct play *p)
{
	put_name_record(p, p->name, DNS_CNAME, p->name);
}

static void what_name_servers_say_of_caa_has_bounds(void **state)
{
	static const struct {
		script *run;
		int rc;
		const char *why;
	} rows[] = {
		{ lets_us, 0, "" },
		{ lets_us_in_too_many, ERR_LIMIT, "more than 64 CAA records" },
		{ lets_us_in_broken_words, ERR_REFUSED, "a broken CAA record" },
		{ fails, ERR_NET, "SERVFAIL" },
		{ climbs_to_itself, 0, "" },
	};
	static const char *const identities[] = { "ca.example", NULL };
	static const struct dns_ca ca = { .identities = identities };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct fake f = begin(rows[i].run);
		const char *const resolvers[] = { f.at, NULL };
		const struct dns_asked asked = { .resolvers = resolvers };
		struct dns_none none = { .until_ms = 0 };
		struct dns_ahead name = { .name = "a.b.example.org" };
		const struct dns_caa c = { &asked, &ca, "http-01", &none, INT64_MAX };
		struct err e;

		if (dns_caa(&c, &name, 1, &e) < 0)
			fail_msg("row %zu: %s", i, e.text);
		end(&f);
		buf_done(&none.names);
		if (name.is_bad != (rows[i].rc != 0) ||
		    (name.is_bad && (name.why.code != rows[i].rc ||
				     strstr(name.why.text, rows[i].why) == NULL)))
			fail_msg("row %zu: %s", i,
				 name.is_bad ? name.why.text : "well");
	}
}

/* -- send -- */

static void put_tsig(struct play *p, const void *data, size_t len)
{
	put_record(p, DNS_ADDITIONAL, "k", DNS_TSIG, data, len);
}

#define TSIG_HEAD \
	"\1h\0"   \
	"\0\0\0\0\0\7\1\x2c" /* algorithm, time, fudge */

static void signed_reply(struct play *p)
{
	p->flags |= 9;
	put_tsig(p,
		 TSIG_HEAD "\0\3mac"
			   "\x12\x34"
			   "\0\x12"
			   "\0\2xy",
		 24);
}

static void cut_tsig(struct play *p)
{
	put_tsig(p,
		 TSIG_HEAD "\0\xff"
			   "mac",
		 16);
}

static void long_tsig(struct play *p)
{
	put_tsig(p,
		 TSIG_HEAD "\0\3mac"
			   "\x12\x34"
			   "\0\x12"
			   "\0\1xy",
		 24);
}

static void of_another_zone(struct play *p)
{
	p->name = "example.net";
}

static void unsigned_reply(struct play *p)
{
	p->flags |= 5;
}

static int send_update(script *run, struct dns_sent *sent, struct err *e)
{
	const struct fake f = begin(run);
	AUTO_BUF struct buf update = { 0 };
	int rc;

	dns_put_head(&update, 0x1234, DNS_UPDATE << 11, 0);
	dns_put_question(&update, "example.org", DNS_SOA);
	rc = dns_send(f.at, "example.org", &update, sent, e);
	end(&f);
	return rc;
}

static void a_reply_is_taken_apart_for_who_looks_at_its_mac(void **state)
{
	struct dns_sent s;
	struct err e;

	(void)state;
	if (send_update(signed_reply, &s, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(s.rcode, 9);
	assert_int_equal(s.at, 7);
	assert_int_equal(s.fudge, 300);
	assert_int_equal(s.error, 18);
	assert_int_equal(s.n_mac, 3);
	assert_memory_equal(s.mac, "mac", 3);
	assert_int_equal(s.n_other, 2);
	assert_memory_equal(s.other, "xy", 2);
	assert_int_equal(s.len, DNS_HEAD + 13 + 4);
	assert_memory_equal(s.bytes.data, "\x12\x34", 2);
	assert_memory_equal(s.bytes.data + 10, "\0\0", 2);
	buf_done(&s.bytes);
}

static void a_reply_that_nobody_signed_has_no_mac(void **state)
{
	struct dns_sent s;
	struct err e;

	(void)state;
	assert_int_equal(send_update(unsigned_reply, &s, &e), 0);
	assert_int_equal(s.n_mac, 0);
	assert_int_equal(s.rcode, 5);
	buf_done(&s.bytes);
}

static void what_is_no_reply_to_an_update_is_an_error(void **state)
{
	static script *const runs[] = { not_its_id,      cut_tsig, long_tsig,
					of_another_zone, no_reply, fewer_than_it_says };

	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		struct dns_sent s;
		struct err e;

		if (send_update(runs[i], &s, &e) != ERR_PROTO)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_zone_is_where_the_soa_record_is),
		cmocka_unit_test(where_none_is_sent_it_is_looked_for_above),
		cmocka_unit_test(a_zone_that_it_is_not_in_is_none),
		cmocka_unit_test(as_many_aliases_as_resolvers_follow),
		cmocka_unit_test(aliases_in_one_reply_are_followed_in_any_order),
		cmocka_unit_test(an_alias_of_itself_has_an_end),
		cmocka_unit_test(what_is_no_answer_is_an_error),
		cmocka_unit_test(a_server_may_end_the_connection_after_each_answer),
		cmocka_unit_test(each_name_server_shows_it_or_does_not),
		cmocka_unit_test(what_name_servers_say_of_caa_has_bounds),
		cmocka_unit_test(a_reply_is_taken_apart_for_who_looks_at_its_mac),
		cmocka_unit_test(a_reply_that_nobody_signed_has_no_mac),
		cmocka_unit_test(what_is_no_reply_to_an_update_is_an_error),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("dns_task", tests, NULL, NULL);
}
