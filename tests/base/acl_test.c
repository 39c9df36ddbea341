/* acl: who was let in to a file still is when it has been replaced. */
#include "tests/scratch.h"

#include <errno.h>
#include <sys/xattr.h>

#include "base/acl.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"

#define ALICE 61101
#define STAFF 61102
#define NONE  UINT32_MAX

static struct acl list(unsigned group, unsigned alice, unsigned mask)
{
	return (struct acl){ 6,
			     {
				 { ACL_OWNER, 6, NONE },
				 { ACL_USER, (uint16_t)alice, ALICE },
				 { ACL_GROUP_OF_FILE, (uint16_t)group, NONE },
				 { ACL_GROUP, 4, STAFF },
				 { ACL_MASK, (uint16_t)mask, NONE },
				 { ACL_OTHER, 0, NONE },
			     } };
}

static int open_file(const struct scratch *s, const char *name)
{
	int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Give it to `name`; a file system that has none skips the test. */
static void give(const struct scratch *s, const char *name, const struct acl *acl)
{
	AUTO_FD int fd = open_file(s, name);
	struct err e;

	if (acl_write(fd, acl, &e) == 0)
		return;
	if (e.sysno != EOPNOTSUPP)
		fail_msg("%s", e.text);
	print_message("skipped: this file system has no access control lists\n");
	skip();
}

static struct acl acl_of(const struct scratch *s, const char *name)
{
	AUTO_FD int fd = open_file(s, name);
	struct acl acl = { .n = 99 };
	struct err e;

	if (acl_read(fd, &acl, &e) < 0)
		fail_msg("%s", e.text);
	return acl;
}

static unsigned perm_of(const struct acl *acl, enum acl_tag tag)
{
	for (size_t i = 0; i < acl->n; i++)
		if (acl->entries[i].tag == tag)
			return acl->entries[i].perm;
	fail_msg("there is no entry %u", (unsigned)tag);
	return 0;
}

static void write_as(const struct scratch *s, const char *name, uid_t uid, mode_t mode)
{
	const struct file_access access = { uid, FILE_KEEP, mode };
	struct err e;

	if (file_write(s->fd, name, "new", 3, &access, &e) < 0)
		fail_msg("%s", e.text);
	scratch_expect(s, name, "new");
}

static void a_file_without_one_has_none(void **state)
{
	struct scratch *s = *state;

	scratch_put(s, "a", "old");
	assert_int_equal(acl_of(s, "a").n, 0);
	write_as(s, "a", FILE_KEEP, 0640);
	assert_int_equal(acl_of(s, "a").n, 0);
}

static void who_was_let_in_still_is(void **state)
{
	struct scratch *s = *state;
	struct acl acl = list(0, 4, 4);

	scratch_put(s, "a", "old");
	give(s, "a", &acl);
	write_as(s, "a", FILE_KEEP, 0600);
	acl = acl_of(s, "a");
	assert_int_equal(acl.n, 6);
	assert_int_equal(perm_of(&acl, ACL_USER), 4);
	assert_int_equal(acl.entries[1].id, ALICE);
	assert_int_equal(acl.entries[3].id, STAFF);
	assert_int_equal(acl_group(&acl), 0);
	assert_int_equal(perm_of(&acl, ACL_OTHER), 0);
}

static void owner_group_and_others_are_as_the_mode_says(void **state)
{
	struct scratch *s = *state;
	struct acl acl = list(7, 6, 4);

	scratch_put(s, "a", "old");
	give(s, "a", &acl);
	write_as(s, "a", FILE_KEEP, 0464);
	acl = acl_of(s, "a");
	assert_int_equal(perm_of(&acl, ACL_OWNER), 4);
	assert_int_equal(acl_group(&acl), 6); /* the mask made way for it */
	assert_int_equal(perm_of(&acl, ACL_OTHER), 4);
	assert_int_equal(perm_of(&acl, ACL_USER), 6);
}

static void the_next_generation_takes_it_over(void **state)
{
	const struct file_access access = { FILE_KEEP, FILE_KEEP, 0600 };
	struct scratch *s = *state;
	struct acl acl = list(0, 4, 4);
	AUTO_FD int one = -1, two = -1, made = -1;
	struct err e;

	assert_int_equal(file_make_dir(s->fd, "1", 0711, &one, &e), 0);
	assert_int_equal(file_make_dir(s->fd, "2", 0711, &two, &e), 0);
	scratch_put(s, "1/privkey.pem", "old");
	give(s, "1/privkey.pem", &acl);
	assert_int_equal(file_create(two, "privkey.pem", "new", 3, &access, one, &made,
				     &e),
			 0);
	acl = acl_of(s, "2/privkey.pem");
	assert_int_equal(acl.n, 6);
	assert_int_equal(perm_of(&acl, ACL_USER), 4);
}

static void a_new_owner_begins_without(void **state)
{
	struct scratch *s = *state;
	struct acl acl = list(0, 4, 4);

	if (geteuid() != 0) {
		print_message("skipped: only root can give files away\n");
		skip();
	}
	scratch_put(s, "a", "old");
	give(s, "a", &acl);
	write_as(s, "a", 61103, 0600);
	assert_int_equal(acl_of(s, "a").n, 0);
	assert_int_equal(scratch_stat(s, "a").st_mode & 07777, 0600);
}

static void a_list_of_the_folder_takes_nothing_from_the_mode(void **state)
{
	/* As `setfacl -d` leaves it: version, then tag, what it may, whose. */
	static const uint32_t given[] = { 2,    0x70001, NONE, 0x40002, ALICE, 0x00004,
					  NONE, 0x70010, NONE, 0x00020, NONE };
	struct scratch *s = *state;
	struct acl acl;

	if (fsetxattr(s->fd, "system.posix_acl_default", given, sizeof(given), 0) < 0) {
		assert_int_equal(errno, EOPNOTSUPP);
		print_message(
		    "skipped: this file system has no access control lists\n");
		skip();
	}
	write_as(s, "a", FILE_KEEP, 0640);
	acl = acl_of(s, "a");
	assert_int_equal(acl_group(&acl), 4);
	assert_int_equal(perm_of(&acl, ACL_USER), 4);
	assert_int_equal(perm_of(&acl, ACL_OTHER), 0);
	write_as(s, "b", FILE_KEEP, 0600);
	acl = acl_of(s, "b");
	assert_int_equal(perm_of(&acl, ACL_MASK), 0);
}

static void that_of_what_is_no_file_is_not_taken_over(void **state)
{
	struct scratch *s = *state;
	struct acl acl = list(0, 7, 7);

	scratch_put(s, "victim", "old");
	give(s, "victim", &acl);
	scratch_link(s, "victim", "a");
	write_as(s, "a", FILE_KEEP, 0600);
	assert_int_equal(acl_of(s, "a").n, 0);
}

static void a_label_is_kept(void **state)
{
	static const char label[] = "system_u:object_r:cert_t:s0";
	struct scratch *s = *state;
	AUTO_FD int old = -1, new = -1;
	char got[64];

	scratch_put(s, "a", "old");
	old = open_file(s, "a");
	if (fsetxattr(old, "security.selinux", label, sizeof(label), 0) < 0) {
		print_message("skipped: no label can be set: %s\n", strerror(errno));
		skip();
	}
	write_as(s, "a", FILE_KEEP, 0600);
	new = open_file(s, "a");
	assert_int_equal(fgetxattr(new, "security.selinux", got, sizeof(got)),
			 sizeof(label));
	assert_string_equal(got, label);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_without_one_has_none),
		TEST(who_was_let_in_still_is),
		TEST(owner_group_and_others_are_as_the_mode_says),
		TEST(the_next_generation_takes_it_over),
		TEST(a_new_owner_begins_without),
		TEST(a_list_of_the_folder_takes_nothing_from_the_mode),
		TEST(that_of_what_is_no_file_is_not_taken_over),
		TEST(a_label_is_kept),
	};

	return cmocka_run_group_tests_name("acl", tests, NULL, NULL);
}
