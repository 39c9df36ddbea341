/*
 * store: what is said to be done survives a power cut, and what fails is said.
 *
 * The calls below stand in for those of the C library: they write down what is asked
 * of the kernel, in order, and can fail when told to.
 */
#include "tests/scratch.h"

#include <errno.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "store/account.h"
#include "store/authority.h"
#include "store/generation.h"
#include "tests/help/pending.h"

static struct {
	bool on;
	char log[4096];
	const char *fails; /* the name of the call that does, once */
	int error;
	bool slowly; /* write() is interrupted, and takes one byte at a time */
	mode_t mode; /* of the file at its first write() */
} calls;

static void calls_begin(const char *fails, int error)
{
	memset(&calls, 0, sizeof(calls));
	calls.on = true;
	calls.fails = fails;
	calls.error = error;
}

static void calls_expect(const char *want)
{
	calls.on = false;
	assert_string_equal(calls.log, want);
}

/* "call name; " into the log. True: the call is to fail. */
static bool note(const char *call, const char *name)
{
	size_t len = strlen(calls.log);

	snprintf(calls.log + len, sizeof(calls.log) - len, "%s %s; ", call, name);
	if (calls.fails == NULL || strcmp(call, calls.fails) != 0)
		return false;
	calls.fails = NULL;
	errno = calls.error;
	return true;
}

static bool note_fd(const char *call, int fd)
{
	char link[64], path[PATH_MAX + 1] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0 || strrchr(path, '/') == NULL)
		return false;
	if (strstr(path, "everleaf-test") == NULL)
		return false;
	return note(call, strrchr(path, '/') + 1);
}

int fsync(int fd)
{
	if (calls.on && note_fd("sync", fd))
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int fchmod(int fd, mode_t mode)
{
	if (calls.on && note_fd("mode", fd))
		return -1;
	return (int)syscall(SYS_fchmod, fd, mode);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
	if (calls.on && note_fd("own", fd))
		return -1;
	return (int)syscall(SYS_fchown, fd, uid, gid);
}

int renameat(int at, const char *from, int to_at, const char *to)
{
	char both[NAME_MAX * 2];

	snprintf(both, sizeof(both), "%s to %s", from, to);
	if (calls.on && note("rename", both))
		return -1;
	return (int)syscall(SYS_renameat2, at, from, to_at, to, 0);
}

int symlinkat(const char *target, int at, const char *name)
{
	if (calls.on && note("link", name))
		return -1;
	return (int)syscall(SYS_symlinkat, target, at, name);
}

ssize_t write(int fd, const void *data, size_t len)
{
	struct stat st;

	if (calls.on && calls.mode == 0 && fstat(fd, &st) == 0)
		calls.mode = st.st_mode & 07777;
	if (calls.on && calls.slowly && len > 0) {
		static unsigned n;

		if (n++ % 2 == 0) {
			errno = EINTR;
			return -1;
		}
		len = 1;
	}
	return syscall(SYS_write, fd, data, len);
}

int close(int fd)
{
	bool fails =
	    calls.on && calls.fails != NULL && strcmp(calls.fails, "close") == 0 &&
	    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY && note_fd("close", fd);
	int rc = (int)syscall(SYS_close, fd);

	if (!fails)
		return rc;
	errno = calls.error;
	return -1;
}

/* The log has the name of the folder in it, which is another each time. */
static void scratch_name(const struct scratch *s, char *want, size_t size,
			 const char *fmt)
{
	const char *name = strrchr(s->path, '/') + 1;

	snprintf(want, size, "%.*s%s%s", (int)(strchr(fmt, '@') - fmt), fmt, name,
		 strchr(fmt, '@') + 1);
}

static int write_text(const struct scratch *s, const char *text, struct err *e)
{
	static const struct file_access access = { FILE_KEEP, FILE_KEEP, 0644 };

	return file_write(s->fd, "a", text, strlen(text), &access, e);
}

static void a_file_is_owned_moded_and_synced_before_it_is_visible(void **state)
{
	struct scratch *s = *state;
	char want[500];
	struct err e;

	calls_begin(NULL, 0);
	assert_int_equal(write_text(s, "new", &e), 0);
	scratch_name(s, want, sizeof(want),
		     "mode .a.everleaf; sync .a.everleaf; rename .a.everleaf to a; "
		     "sync @; ");
	calls_expect(want);
}

static void a_file_given_away_is_so_before_its_mode_opens_it(void **state)
{
	struct scratch *s = *state;
	struct file_access access = { 33, FILE_KEEP, 0644 };
	struct err e;
	int fd;

	if (geteuid() != 0) {
		print_message("skipped: only root may give a file away\n");
		skip();
	}
	calls_begin(NULL, 0);
	assert_int_equal(file_create(s->fd, "a", "x", 1, &access, -1, &fd, &e), 0);
	assert_int_equal(file_settle(&fd, "a", &e), 0);
	calls_expect("own a; mode a; sync a; ");
}

static void nobody_else_can_read_while_it_is_written(void **state)
{
	struct scratch *s = *state;
	mode_t old = umask(0);
	struct err e;

	calls_begin(NULL, 0);
	assert_int_equal(write_text(s, "new", &e), 0);
	calls.on = false;
	umask(old);
	assert_int_equal(calls.mode, 0600);
}

static void interrupted_and_short_writes_are_gone_on_with(void **state)
{
	struct scratch *s = *state;
	struct err e;

	calls_begin(NULL, 0);
	calls.slowly = true;
	assert_int_equal(write_text(s, "one byte at a time", &e), 0);
	calls.on = false;
	scratch_expect(s, "a", "one byte at a time");
}

static void a_step_that_fails_is_said_and_undone(void **state)
{
	static const char *const steps[] = { "mode", "sync", "rename", "close" };
	struct scratch *s = *state;
	struct err e;

	assert_int_equal(write_text(s, "old", &e), 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int rc;

		calls_begin(steps[i], EIO);
		rc = write_text(s, "new", &e);
		calls.on = false;
		if (rc != ERR_SYS || e.sysno != EIO || calls.fails != NULL)
			fail_msg("%s: %d %s", steps[i], rc, e.text);
		scratch_expect(s, "a", "old");
		assert_int_equal(scratch_count(s, "."), 1);
	}
}

static void a_sync_that_failed_is_not_tried_again(void **state)
{
	struct scratch *s = *state;
	struct err e;

	calls_begin("sync", EIO);
	assert_int_equal(write_text(s, "new", &e), ERR_SYS);
	calls_expect("mode .a.everleaf; sync .a.everleaf; ");
}

static void a_generation_is_durable_before_it_has_a_number(void **state)
{
	struct scratch *s = *state;
	static const struct file_access access = { FILE_KEEP, FILE_KEEP, 0600 };
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	uint64_t number;
	struct err e;

	assert_int_equal(generation_begin(&g, s->fd, "web", &e), 0);
	calls_begin(NULL, 0);
	assert_int_equal(generation_add(&g, "privkey.pem", "k", 1, &access, &e), 0);
	assert_int_equal(generation_add(&g, "cert.pem", "c", 1, &access, &e), 0);
	assert_int_equal(generation_keep(&g, &number, &e), 0);
	calls_expect("mode privkey.pem; mode cert.pem; sync privkey.pem; "
		     "sync cert.pem; sync .stage; rename .stage to 0000000001; "
		     "sync web; ");
}

/* So that one wait for the disk does for most of both. */
static void generations_that_come_together_have_numbers_before_one_is_kept(void **state)
{
	static const char *const names[] = { "api", "web" };
	static const struct file_access access = { FILE_KEEP, FILE_KEEP, 0600 };
	struct scratch *s = *state;
	struct generation g[2];
	uint64_t number;
	struct err e;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(generation_begin(&g[i], s->fd, names[i], &e), 0);
		assert_int_equal(generation_add(&g[i], "cert.pem", "c", 1, &access, &e),
				 0);
	}
	calls_begin(NULL, 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(generation_number(&g[i], &e), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(generation_keep(&g[i], &number, &e), 0);
	calls_expect("sync cert.pem; sync .stage; rename .stage to 0000000001; "
		     "sync cert.pem; sync .stage; rename .stage to 0000000001; "
		     "sync api; sync web; ");
}

static void the_folder_of_a_new_name_is_durable(void **state)
{
	struct scratch *s = *state;
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	mode_t old = umask(022);
	struct err e;

	calls_begin(NULL, 0);
	assert_int_equal(generation_begin(&g, s->fd, "web", &e), 0);
	calls_expect("sync archive; ");
	umask(old);
}

static void a_key_is_durable_with_the_folders_it_is_in(void **state)
{
	struct scratch *s = *state;
	AUTO_KEY EVP_PKEY *key = NULL;
	struct err e;

	calls_begin(NULL, 0);
	assert_int_equal(pending_key(s->fd, "web", KEY_ECDSA_P256, 0, &key, &e), 0);
	calls.on = false;
	assert_non_null(strstr(calls.log, "sync archive; "));
	assert_non_null(strstr(calls.log,
			       "sync ..pending.everleaf; "
			       "rename ..pending.everleaf to .pending; sync web; "));
}

static void a_ca_is_durable_its_root_certificate_last(void **state)
{
	struct scratch *s = *state;
	AUTO_AUTHORITY struct authority a = { 0 };
	mode_t old = umask(022);
	char want[500];
	struct err e;

	buf_puts(&a.root_pem, "cert");
	buf_puts(&a.root_key, "key");
	calls_begin(NULL, 0);
	assert_int_equal(authority_save(&(struct authority_id){ s->fd, "lab", 1 }, &a,
					&e),
			 0);
	umask(old);
	scratch_name(s, want, sizeof(want),
		     "sync @; sync ca; "
		     "mode .root.key.everleaf; sync .root.key.everleaf; "
		     "rename .root.key.everleaf to root.key; sync lab; "
		     "mode .root.pem.everleaf; sync .root.pem.everleaf; "
		     "rename .root.pem.everleaf to root.pem; sync lab; ");
	calls_expect(want);
}

/* No crash leaves a new key with the URL of the old one's account. */
static void the_key_of_an_account_is_durable_after_what_was_known_of_another(
    void **state)
{
	struct scratch *s = *state;
	AUTO_ACCOUNT struct account a = { 0 };
	struct err e;
	char want[500];

	calls_begin(NULL, 0);
	assert_int_equal(account_make_key(s->fd, "le", KEY_ECDSA_P256, &a, &e), 0);
	scratch_name(s, want, sizeof(want),
		     "sync @; sync accounts; "
		     "mode .account.key.everleaf; sync .account.key.everleaf; "
		     "rename .account.key.everleaf to account.key; sync le; ");
	calls_expect(want);
	scratch_put(s, "accounts/le/account.json", "{}");
	scratch_put(s, "accounts/le/next.key", "-");
	calls_begin(NULL, 0);
	assert_int_equal(account_make_key(s->fd, "le", KEY_ECDSA_P256, &a, &e), 0);
	calls_expect("sync le; sync le; "
		     "mode .account.key.everleaf; sync .account.key.everleaf; "
		     "rename .account.key.everleaf to account.key; sync le; ");
}

static void a_rolled_key_becomes_the_account_s_by_one_rename(void **state)
{
	struct scratch *s = *state;
	AUTO_ACCOUNT struct account a = { 0 };
	struct err e;

	assert_int_equal(account_make_key(s->fd, "le", KEY_ECDSA_P256, &a, &e), 0);
	calls_begin(NULL, 0);
	assert_int_equal(account_make_next(s->fd, "le", KEY_ECDSA_P256, &a, &e), 0);
	assert_int_equal(account_take_next(s->fd, "le", &e), 0);
	calls_expect("mode .next.key.everleaf; sync .next.key.everleaf; "
		     "rename .next.key.everleaf to next.key; sync le; "
		     "rename next.key to account.key; sync le; ");
}

static void going_live_is_one_rename_made_durable(void **state)
{
	struct scratch *s = *state;
	struct err e;

	scratch_mkdir(s, "archive/web");
	scratch_mkdir(s, "archive/web/0000000001");
	calls_begin(NULL, 0);
	assert_int_equal(generation_live(s->fd, "web", 1, &e), 0);
	calls_expect("link .web.next; rename .web.next to web; sync live; ");
}

static void a_link_that_cannot_be_moved_leaves_the_old_one(void **state)
{
	static const char *const steps[] = { "link", "rename" };
	struct scratch *s = *state;
	uint64_t number;
	struct err e;

	scratch_mkdir(s, "archive/web");
	scratch_mkdir(s, "archive/web/0000000001");
	scratch_mkdir(s, "archive/web/0000000002");
	assert_int_equal(generation_live(s->fd, "web", 1, &e), 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int rc;

		calls_begin(steps[i], ENOSPC);
		rc = generation_live(s->fd, "web", 2, &e);
		calls.on = false;
		if (rc != ERR_SYS || e.sysno != ENOSPC)
			fail_msg("%s: %d %s", steps[i], rc, e.text);
		assert_int_equal(generation_current(s->fd, "web", &number, &e), 0);
		assert_int_equal(number, 1);
		assert_int_equal(scratch_count(s, "live"), 1);
	}
}

static void links_that_move_together_are_made_durable_together(void **state)
{
	struct scratch *s = *state;
	struct err e;

	scratch_mkdir(s, "archive/mail");
	scratch_mkdir(s, "archive/mail/0000000001");
	scratch_mkdir(s, "archive/web");
	scratch_mkdir(s, "archive/web/0000000001");
	calls_begin(NULL, 0);
	assert_int_equal(generation_turn(s->fd, "mail", 1, &e), 0);
	assert_int_equal(generation_turn(s->fd, "web", 1, &e), 0);
	assert_int_equal(generation_settle(s->fd, &e), 0);
	calls_expect("link .mail.next; rename .mail.next to mail; "
		     "link .web.next; rename .web.next to web; sync live; ");
}

static void a_link_whose_folder_cannot_be_synced_is_not_called_durable(void **state)
{
	struct scratch *s = *state;
	struct err e;

	scratch_mkdir(s, "archive/web");
	scratch_mkdir(s, "archive/web/0000000001");
	calls_begin("sync", EIO);
	assert_int_equal(generation_live(s->fd, "web", 1, &e), ERR_SYS);
	calls.on = false;
}

static void a_generation_that_cannot_be_kept_leaves_nothing(void **state)
{
	static const char *const steps[] = { "sync", "close", "rename" };
	static const struct file_access access = { FILE_KEEP, FILE_KEEP, 0644 };
	struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct generation g;
		uint64_t number = 99;
		struct err e;
		int rc;

		assert_int_equal(generation_begin(&g, s->fd, "web", &e), 0);
		assert_int_equal(generation_add(&g, "cert.pem", "c", 1, &access, &e),
				 0);
		calls_begin(steps[i], EIO);
		rc = generation_keep(&g, &number, &e);
		calls.on = false;
		generation_drop(&g);
		if (rc != ERR_SYS || number != 99)
			fail_msg("%s: %d", steps[i], rc);
		assert_int_equal(scratch_count(s, "archive/web"), 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_in, scratch_out)
#define BARE(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BARE(a_file_is_owned_moded_and_synced_before_it_is_visible),
		BARE(a_file_given_away_is_so_before_its_mode_opens_it),
		BARE(nobody_else_can_read_while_it_is_written),
		BARE(interrupted_and_short_writes_are_gone_on_with),
		BARE(a_step_that_fails_is_said_and_undone),
		BARE(a_sync_that_failed_is_not_tried_again),
		TEST(a_generation_is_durable_before_it_has_a_number),
		TEST(generations_that_come_together_have_numbers_before_one_is_kept),
		TEST(the_folder_of_a_new_name_is_durable),
		TEST(a_key_is_durable_with_the_folders_it_is_in),
		BARE(a_ca_is_durable_its_root_certificate_last),
		BARE(the_key_of_an_account_is_durable_after_what_was_known_of_another),
		BARE(a_rolled_key_becomes_the_account_s_by_one_rename),
		TEST(going_live_is_one_rename_made_durable),
		TEST(a_link_that_cannot_be_moved_leaves_the_old_one),
		TEST(links_that_move_together_are_made_durable_together),
		TEST(a_link_whose_folder_cannot_be_synced_is_not_called_durable),
		TEST(a_generation_that_cannot_be_kept_leaves_nothing),
	};

	return cmocka_run_group_tests_name("durable", tests, NULL, NULL);
}
