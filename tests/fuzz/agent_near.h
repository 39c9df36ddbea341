/*
 * agent_near: who is around the agent of the target `agent`: keeper, supervisor, workers,
 * probes, the responder, who connects; and what they say, by the input.
 */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/role/roles.h"
#include "agent/role/version.h"
#include "base/clock.h"
#include "tests/agent/home.h"
#include "tests/fuzz/messages.h"
#include "tests/help/peers.h"

#define NOW INT64_C(1795000000)
#define H   INT64_C(3600000) /* ms */

enum {
	WORDS = 9,
	OTHERS = 24,    /* workers, probes, the responder, who has connected */
	ANSWERS = 1500, /* beyond them all hang up */
	OUR_FDS = 64,   /* from here on: those of the agent are fixed, and low */
};

/* Somebody who is no keeper and no supervisor. */
struct other {
	int fd; /* -1: nobody */
	bool is_client;
	struct msg asked; /* and not yet answered; type MSG_LATER: nothing */
};

static struct agent_stage {
	struct home home;
	struct spec spec;
	struct peers peers;
	struct buf words[WORDS];
	struct fuzz f;
	bool runs;
	bool answering;
	int64_t ms;        /* how far time has come */
	int64_t set_ms;    /* ... and the clock has been set */
	int keeper, super; /* our ends; -1: hung up */
	struct other others[OTHERS];
	unsigned n_answers, n_rests;
	FILE *nowhere;
} stage = { .keeper = -1, .super = -1 };

/* -- who answers -- */

static inline void hang_up(int *fd)
{
	auto_fd_(fd);
	*fd = -1;
}

/* One that nobody waits for: ours, and theirs. */
static inline int open_pair(int *theirs)
{
	int ours, sv[2];
	struct err e;

	assert(msg_pair(&sv[0], &sv[1], &e) == 0);
	ours = fcntl(sv[0], F_DUPFD_CLOEXEC, OUR_FDS);
	assert(ours >= 0 && fcntl(ours, F_SETFL, O_NONBLOCK) == 0);
	close(sv[0]);
	*theirs = sv[1];
	return ours;
}

/* NULL: there are too many. */
static inline struct other *bring(int fd, bool is_client)
{
	for (size_t i = 0; i < OTHERS; i++) {
		struct other *o = &stage.others[i];

		if (o->fd >= 0)
			continue;
		msg_done(&o->asked); /* of one that has hung up */
		*o = (struct other){ .fd = fd,
				     .is_client = is_client,
				     .asked = MSG_NONE };
		return o;
	}
	return NULL;
}

static inline void leave(struct other *o)
{
	hang_up(&o->fd);
	msg_done(&o->asked);
}

static inline void put_failure(struct msg *m)
{
	struct fuzz *f = &stage.f;
	AUTO_FREE char *text = fuzz_text(f, '\0');

	msg_begin(m, MSG_FAILED, m->id);
	msg_put_i64(m, -(int64_t)fuzz_byte(f));
	msg_put_i64(m, fuzz_byte(f));
	msg_put_i64(m, (NOW + fuzz_byte(f) * H / 1000) * 1000);
	msg_put_str(m, text);
}

/* `m`, which is right, on its way to the agent. */
static inline void offer(int fd, struct msg *m)
{
	struct fuzz *f = &stage.f;
	const uint8_t how = fuzz_byte(f);
	struct err e;

	if (stage.n_answers++ > ANSWERS) {
		hang_up(&stage.keeper);
		return;
	}
	switch (how % 16) {
	case 1:
	case 2:
		put_failure(m);
		break;
	case 3:
		msg_begin(m, m->type, m->id);
		while (message_field(f, stage.words, WORDS, m))
			continue;
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		message_change(f, stage.words, WORDS, m);
		break;
	case 8:
		m->type = message_type(fuzz_byte(f));
		break;
	case 9:
		m->id += fuzz_byte(f) - 1u;
		break;
	case 10:
		auto_fd_(&m->fd);
		m->fd = how < 128 ? -1 : memfd_create("odd", MFD_CLOEXEC);
		break;
	case 11:
		(void)msg_offer(fd, m, &e); /* and once more */
		break;
	case 12:
		return;
	default:
		break;
	}
	(void)msg_offer(fd, m, &e);
}

static inline void answer_other(struct other *o)
{
	AUTO_MSG struct msg out = MSG_NONE;
	struct msg *asked = &o->asked;

	msg_begin(&out, asked->type, asked->id);
	if (asked->type < RESPONDER_ADD || asked->type > RESPONDER_OPEN)
		peers_work(&stage.peers, asked,
			   asked->type == WORKER_ORDER
			       ? peers_ordered(&stage.peers, asked)
			       : 0,
			   &out);
	asked->type = MSG_LATER;
	offer(o->fd, &out);
}

static inline void say_checkpoint(struct other *o, bool is_over)
{
	AUTO_MSG struct msg out = MSG_NONE;

	msg_begin(&out, WORKER_CHECKPOINT, 1 + fuzz_byte(&stage.f) % 4u);
	peers_checkpoint(&stage.peers, &o->asked, is_over, &out);
	offer(o->fd, &out);
}

/* What it does for what it was asked: it is at it, or done. */
static inline void work(struct other *o)
{
	const uint8_t how = fuzz_byte(&stage.f) % 4;

	if (o->asked.type == MSG_LATER || how == 3)
		return;
	if (o->asked.type == WORKER_ORDER && how > 0)
		say_checkpoint(o, how == 2);
	else
		answer_other(o);
}

static inline void hear_other(struct other *o, struct msg *in)
{
	if (o->is_client) {
		assert(in->type == CONTROL_OUTPUT || in->type == CONTROL_DONE ||
		       in->type == MSG_FAILED);
		return;
	}
	if (in->type != MSG_FAILED && in->type != WORKER_CHECKPOINT) {
		msg_done(&o->asked);
		msg_move(&o->asked, in);
	}
	work(o);
}

static inline void hear_keeper(struct msg *in)
{
	AUTO_MSG struct msg out = MSG_NONE;

	msg_begin(&out, in->type, in->id);
	peers_keep(&stage.peers, in, &out);
	offer(stage.keeper, &out);
}

static inline void hear_super(struct msg *in)
{
	AUTO_MSG struct msg out = MSG_NONE;
	const bool brings = in->type == SUP_WORKER || in->type == SUP_PROBE ||
			    in->type == SUP_RESPONDER;
	int ours;

	if (in->type == SUP_READY)
		return;
	msg_begin(&out, in->type, in->id);
	if (brings) {
		ours = open_pair(&out.fd);
		if (bring(ours, false) == NULL)
			hang_up(&ours);
		if (in->type == SUP_RESPONDER)
			msg_put_u64(&out, 0);
	} else {
		peers_supervise(&stage.peers, in, &out);
	}
	offer(stage.super, &out);
}

/* False: there is nothing. */
static inline bool hear(int *fd, struct msg *in)
{
	struct err e;

	if (*fd < 0)
		return false;
	if (msg_recv(*fd, in, &e) == 0)
		return true;
	if (e.code != ERR_BUSY)
		hang_up(fd);
	return false;
}

/* Until nobody has anything to hear. */
static inline void answer_all(void)
{
	AUTO_MSG struct msg in = MSG_NONE;
	bool again;

	if (!stage.runs || stage.answering)
		return;
	stage.answering = true;
	do {
		again = false;
		while (hear(&stage.keeper, &in)) {
			hear_keeper(&in);
			again = true;
		}
		while (hear(&stage.super, &in)) {
			hear_super(&in);
			again = true;
		}
		for (size_t i = 0; i < OTHERS; i++)
			while (hear(&stage.others[i].fd, &in)) {
				hear_other(&stage.others[i], &in);
				again = true;
			}
	} while (again);
	stage.answering = false;
}

/* -- what happens when nobody has anything to do -- */

static inline void pass(int64_t ms)
{
	stage.ms += ms;
	clock_fake(NOW + (stage.ms + stage.set_ms) / 1000);
}

static inline void say(int fd, uint32_t type)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	msg_begin(&m, type, 0);
	while (message_field(&stage.f, stage.words, WORDS, &m))
		continue;
	if (fd >= 0)
		(void)msg_offer(fd, &m, &e);
}

static inline void put_request(struct msg *m)
{
	static const char *names[] = { "a", "b", "far", "lab", "list" };
	struct fuzz *f = &stage.f;
	const uint8_t which = fuzz_byte(f), flags = fuzz_byte(f);
	struct request r = { .command = (enum command)(which % COMMANDS),
			     .flags = (uint32_t)flags << flags % 8,
			     .warn_s = -1,
			     .crit_s = -1,
			     .days = -1,
			     .names = names + which % 5,
			     .n_names = which / COMMANDS % 2 };

	msg_put_str(m, EVERLEAF_VERSION);
	request_put(m, &r);
}

/* Somebody connects to the control socket, and asks for something. */
static inline void connect_client(void)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct sockaddr_un sa;
	socklen_t len = sizeof(sa);
	const int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ours = fcntl(fd, F_DUPFD_CLOEXEC, OUR_FDS);

	close(fd);
	if (getsockname(ROLE_FD_CONTROL, (struct sockaddr *)&sa, &len) < 0 ||
	    connect(ours, (struct sockaddr *)&sa, len) < 0 ||
	    bring(ours, true) == NULL) {
		hang_up(&ours);
		return;
	}
	msg_begin(&m, CONTROL_ASK, 1);
	put_request(&m);
	offer(ours, &m);
}

/* Somebody else has something to say, or has gone. */
static inline void stir(uint8_t which, bool goes)
{
	struct other *o = &stage.others[which % OTHERS];

	if (o->fd < 0)
		return;
	if (goes)
		leave(o);
	else if (o->asked.type != MSG_LATER)
		work(o);
	else
		say(o->fd, message_type(fuzz_byte(&stage.f)));
}

/* The input is over: it is seen how it goes on by itself, then all is to end, or is cut. */
static inline void rest(int64_t timeout_ms)
{
	AUTO_MSG struct msg m = MSG_NONE;
	struct err e;

	stage.n_rests++;
	for (size_t i = 0; i < OTHERS; i++)
		if (stage.others[i].fd >= 0)
			work(&stage.others[i]);
	pass(stage.n_rests < 8 ? timeout_ms : 6000);
	if (stage.n_rests == 8 && stage.super >= 0) {
		msg_begin(&m, ROLE_STOP, 0);
		(void)msg_offer(stage.super, &m, &e);
	}
	if (stage.n_rests < 11)
		return;
	hang_up(&stage.keeper);
	hang_up(&stage.super);
}

static inline void happen(int64_t timeout_ms)
{
	struct fuzz *f = &stage.f;
	const uint8_t what = f->len == 0 ? 0 : fuzz_byte(f);

	switch (what % 16) {
	case 1:
		pass(what * 8 * H);
		break;
	case 2:
		stage.set_ms += (what - 128) * (int64_t)H;
		pass(0);
		break;
	case 3:
		say(stage.keeper, KEEPER_CHANGED);
		break;
	case 4:
		say(what < 128 ? stage.keeper : stage.super,
		    message_type(fuzz_byte(f)));
		break;
	case 5:
		say(stage.super, what < 200 ? ROLE_TELL : ROLE_STOP);
		break;
	case 6:
	case 7:
		connect_client();
		break;
	case 8:
	case 9:
	case 10:
		stir(fuzz_byte(f), false);
		break;
	case 11:
		stir(fuzz_byte(f), true);
		break;
	case 12:
		hang_up(what < 128 ? &stage.keeper : &stage.super);
		break;
	default:
		if (f->len == 0)
			rest(timeout_ms);
		else
			pass(timeout_ms);
	}
}
