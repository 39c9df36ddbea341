/* store: everything it does can be done from inside the keeper's sandbox. */
#include "tests/scratch.h"

#include <linux/capability.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/sandbox.h"
#include "store/authority.h"
#include "store/generation.h"
#include "store/publish.h"
#include "tests/help/pending.h"
#include "tests/store/sets.h"

#define SOMEONE 65534
#define ANOTHER 33

/* What the keeper is asked for through a renewal and its end. */
struct work {
	const struct scratch *s;
	const struct set *set;
	struct file_access access; /* of the key and the published file */
	const char *path;          /* of the published file */
};

static int issue(const struct work *w, struct err *e)
{
	static const char *const files[] = { "cert.pem", "fullchain.pem" };
	AUTO_GENERATION struct generation g = GENERATION_NONE;
	AUTO_KEY EVP_PKEY *key = NULL;
	uint64_t number = 0;

	TRY(file_room(w->s->fd, 1, 1, e));
	TRY(pending_key(w->s->fd, "web", KEY_ECDSA_P256, 1, &key, e));
	TRY(generation_begin(&g, w->s->fd, "web", e));
	TRY(generation_add(&g, "privkey.pem", w->set->key.data, w->set->key.len,
			   &w->access, e));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		TRY(generation_add(&g, files[i], w->set->cert.data, w->set->cert.len,
				   &(struct file_access){ FILE_KEEP, FILE_KEEP, 0644 },
				   e));
	TRY(generation_keep(&g, &number, e));
	TRY(generation_live(w->s->fd, "web", number, e));
	return pending_drop(w->s->fd, "web", false, e);
}

static int publish(const struct work *w, struct err *e)
{
	AUTO_SET struct set set = { 0 };
	struct publish_file file = { w->path, { .kind = CONTENT_COMBINED }, w->access };
	uint64_t number = 0;
	unsigned differs = 99;

	TRY(generation_current(w->s->fd, "web", &number, e));
	TRY(set_load(w->s->fd, "web", number, &set, e));
	TRY(publish_write(&set, &file, e));
	file.content.kind = CONTENT_KEY;
	TRY(publish_write(&set, &file, e));
	TRY(publish_audit(&set, &file, &differs, e));
	return differs == 0 ? 0 : err_set(e, ERR_SYS, "differs: %u", differs);
}

static int certify_others(const struct work *w, struct err *e)
{
	AUTO_AUTHORITY struct authority a = { 0 };
	AUTO_AUTHORITY struct authority back = { 0 };
	bool found = false;

	buf_puts(&a.root_pem, "cert");
	buf_puts(&a.root_key, "key");
	TRY(authority_save(&(struct authority_id){ w->s->fd, "lab", 1 }, &a, e));
	TRY(authority_save_crl(&(struct authority_id){ w->s->fd, "lab", 1 },
			       &a.root_pem, &a.root_pem, e));
	TRY(authority_load(&(struct authority_id){ w->s->fd, "lab", 1 }, &back, &found,
			   e));
	return found ? 0 : err_set(e, ERR_SYS, "not found");
}

static int do_all(const struct work *w, struct err *e)
{
	for (int i = 0; i < 3; i++) {
		TRY(issue(w, e));
		TRY(publish(w, e));
	}
	TRY(generation_live(w->s->fd, "web", 2, e));
	TRY(generation_live(w->s->fd, "web", 3, e));
	TRY(generation_prune(w->s->fd, "web", 2, 0, e));
	TRY(generation_sweep(w->s->fd, "web", e));
	TRY(generation_forget(w->s->fd, "web", e));
	return certify_others(w, e);
}

static void run_inside(const struct work *w, const struct sandbox *box)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		unsigned missing;
		struct err e = { 0 };

		if (sandbox_enter(box, &missing, &e) < 0 || do_all(w, &e) < 0) {
			dprintf(2, "%s\n", e.text);
			_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(scratch_count(w->s, "archive"), 0);
	assert_int_equal(scratch_count(w->s, "live"), 0);
	assert_int_equal(scratch_count(w->s, "out"), 1);
	scratch_expect(w->s, "out/web.pem", w->set->key.data);
}

static void run_as(struct scratch *s, uid_t uid, uint64_t capabilities,
		   const struct file_access *access)
{
	AUTO_SET struct set set = { 0 };
	static char path[PATH_MAX + 32];
	struct work w = { s, &set, *access, path };
	struct sandbox_path paths[] = { { s->path, SANDBOX_WRITE } };
	struct sandbox box = { SANDBOX_KEEPER, uid, uid, capabilities, paths, 1 };

	make_set(&set);
	scratch_mkdir(s, "out");
	snprintf(path, sizeof(path), "%s/out/web.pem", s->path);
	run_inside(&w, &box);
}

static void the_store_works_in_the_keepers_sandbox(void **state)
{
	run_as(*state, (uid_t)-1, 0,
	       &(struct file_access){ FILE_KEEP, FILE_KEEP, 0640 });
}

static void the_keeper_writes_for_others_without_being_root(void **state)
{
	struct scratch *s = *state;
	struct stat st;

	if (geteuid() != 0) {
		print_message("skipped: only root can hand on capabilities\n");
		skip();
	}
	run_as(s, SOMEONE,
	       1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER,
	       &(struct file_access){ ANOTHER, ANOTHER, 0600 });
	st = scratch_stat(s, "out/web.pem");
	assert_int_equal(st.st_uid, ANOTHER);
	assert_int_equal(st.st_mode & 07777, 0600);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_in, scratch_out)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_store_works_in_the_keepers_sandbox),
		TEST(the_keeper_writes_for_others_without_being_root),
	};

	return cmocka_run_group_tests_name("store_sandbox", tests, NULL, NULL);
}
