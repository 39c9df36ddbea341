/*
 * keeper_stranger: a mount whose server is gone holds up a child, and not the keeper.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/keeper/keeper.h"
#include "agent/role/messages.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/scratch.h"

/* A file system of which nobody answers for anything, as long as the descriptor is open;
 * -1: there can be none. */
static int mount_dead(const char *path)
{
	AUTO_FREE char *options = NULL;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	options = xasprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("dead", path, "fuse", MS_NOSUID | MS_NODEV, options) == 0)
		return fd;
	close(fd);
	return -1;
}

static int look(struct keeper *k, struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, KEEPER_STRANGERS, 1);
	return keeper_strangers(k, &m, e);
}

static void wait_for_child(struct keeper *k)
{
	struct pollfd p = { .fd = k->strangers.fd };

	assert_int_equal(poll(&p, 1, 60000), 1);
	child_end(&k->strangers);
}

static void a_mount_whose_server_is_gone_is_named_and_holds_nobody_up(void **state)
{
	const struct scratch *s = *state;
	AUTO_FREE char *dead = xasprintf("%s/dead", s->path);
	AUTO_BUF struct buf text = { 0 };
	struct text patterns[2] = { { 0 } };
	struct spec_global global = { 0 };
	struct keeper k = { .strangers = { .fd = -1 } };
	struct err e;
	int fd;

	buf_add(&text, "", 1);
	patterns[0].at = (uint32_t)text.len;
	buf_printf(&text, "%s/*.pem", s->path);
	buf_add(&text, "", 1);
	patterns[1].at = (uint32_t)text.len;
	buf_printf(&text, "%s/dead/*.pem", s->path);
	k.start.spec.global = &global;
	k.start.spec.text = text.data;
	k.start.spec.watch = patterns;
	k.start.spec.n[SPEC_WATCH] = 2;
	assert_int_equal(mkdir(dead, 0755), 0);
	fd = mount_dead(dead);
	if (fd < 0)
		skip();
	assert_int_equal(look(&k, &e), ERR_BUSY);
	assert_non_null(strstr(e.text, "/dead/*.pem: nothing is heard"));
	assert_int_equal(look(&k, &e), ERR_BUSY); /* it is there still */
	assert_non_null(strstr(e.text, "is not over"));
	close(fd);
	wait_for_child(&k);
	assert_int_equal(umount2(dead, MNT_DETACH), 0);
	assert_int_equal(look(&k, &e), 0);
	wait_for_child(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_mount_whose_server_is_gone_is_named_and_holds_nobody_up,
		    scratch_in, scratch_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
