#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/role/log.h"
#include "agent/role/version.h"
#include "agent/super/super.h"
#include "agent/super/super_daemon.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define FD_HIGH 64 /* above every descriptor that has a fixed number in a role */

struct child {
	const char *program;
	char *name; /* argv[0] */
	int fds[ROLE_FD_LAST + 1];
};

static void fail(const char *what)
{
	dprintf(STDERR_FILENO, "everleaf: start a role: %s: %s\n", what,
		strerror(errno));
	_exit(EXIT_SANDBOX);
}

/* Move the descriptors out of each other's way, then to their numbers. */
static void place(const struct child *c)
{
	int high[ROLE_FD_LAST + 1];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		fail("/dev/null");
	for (int i = ROLE_FD_SUPERVISOR; i <= ROLE_FD_LAST; i++) {
		high[i] = c->fds[i] < 0 ? -1 : fcntl(c->fds[i], F_DUPFD, FD_HIGH);
		if (c->fds[i] >= 0 && high[i] < 0)
			fail("descriptor");
	}
	for (int i = ROLE_FD_SUPERVISOR; i <= ROLE_FD_LAST; i++)
		if (high[i] < 0)
			close(i);
		else if (dup2(high[i], i) < 0)
			fail("descriptor");
	if (close_range(ROLE_FD_LAST + 1, ~0u, 0) < 0)
		fail("close_range");
}

/* All of the environment that a role gets; the rest is the caller's business. */
static void choose_env(char **env)
{
	static const char *const names[] = { "JOURNAL_STREAM", "NO_COLOR",
					     "ASAN_OPTIONS" };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *value = getenv(names[i]);

		if (value != NULL)
			env[n++] = value - strlen(names[i]) - 1;
	}
}

static void run_child(const void *arg)
{
	struct child c = *(const struct child *)arg;
	char *argv[] = { c.name, NULL };
	char *env[4] = { NULL };
	sigset_t none;

	/* Its own process group: what is typed at a terminal ends the supervisor, which
	 * ends the roles in good order. Not its own session: by that hookrun_stray.h
	 * tells what a hook has left behind. */
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/") < 0) /* no role holds on to the caller's folder */
		fail("/");
	choose_env(env);
	place(&c);
	execve(c.program, argv, env);
	fail(c.program);
}

static struct super_proc *free_slot(struct super *s)
{
	for (size_t i = 0; i < SUPER_PROCS; i++)
		if (s->procs[i].process.pidfd < 0)
			return &s->procs[i];
	return NULL;
}

static const struct spec_user *user_of(const struct super *s, enum role role)
{
	static const enum spec_role users[ROLES] = {
		[ROLE_CONFIG] = SPEC_USER_AGENT,  [ROLE_AGENT] = SPEC_USER_AGENT,
		[ROLE_KEEPER] = SPEC_USER_KEEPER, [ROLE_WORKER] = SPEC_USER_NETWORK,
		[ROLE_PROBE] = SPEC_USER_NETWORK, [ROLE_RESPONDER] = SPEC_USER_NETWORK,
		[ROLE_ALPN] = SPEC_USER_NETWORK,  [ROLE_INSPECT] = SPEC_USER_AGENT,
	};

	return &s->spec.global->users[users[role]];
}

/* What is wrong with a configuration that an agent is to take up stands in its log. */
static uint32_t log_form_of(const struct super *s)
{
	if (!s->is_daemon || s->spec.global == NULL)
		return LOG_TEXT;
	return s->spec.global->log_json ? LOG_JSON : LOG_LOGFMT;
}

static int send_start(struct super *s, enum role role, int sock, struct err *e)
{
	struct role_start start = {
		.request = *s->request,
		.host_id = s->host_id,
		.store = s->store,
		.uid = SPEC_NOBODY,
		.gid = SPEC_NOBODY,
		.is_root = s->is_root,
		.home_state = s->home_state,
		.home_runtime = s->home_runtime,
		.hooks_dir = s->hooks_dir,
		.config_path = s->path,
		.log_form = log_form_of(s),
		.agent_pid = s->agent_pid,
		.agent_since = s->agent_since,
	};

	start.request.run = s->run;
	if (s->cut)
		start.request.flags |= REQUEST_SWEEP;
	if (s->restarts > 0)
		start.request.flags |= REQUEST_AGAIN;
	if (s->look)
		start.request.flags |= REQUEST_LOOK;
	if (s->is_root && (role == ROLE_CONFIG || s->spec.global == NULL))
		super_config_user(&start.uid, &start.gid);
	else if (s->is_root) {
		start.uid = user_of(s, role)->uid;
		start.gid = user_of(s, role)->gid;
	}
	role_start_put(&s->msg, &start);
	return msg_send(sock, &s->msg, e);
}

int super_start(struct super *s, enum role role, const struct super_fds *fds,
		struct super_proc **proc, struct err *e)
{
	AUTO_FREE char *path = xasprintf(ROLE_PROGRAM, s->programs, role_name(role));
	struct super_proc *p = free_slot(s);
	AUTO_FD int ours = -1;
	AUTO_FD int theirs = -1;
	struct child c = { .program = path, .name = strrchr(path, '/') + 1 };

	if (p == NULL)
		return err_set(e, ERR_LIMIT, "%d roles are running", SUPER_PROCS);
	TRY(msg_pair(&ours, &theirs, e));
	c.fds[ROLE_FD_SUPERVISOR] = theirs;
	c.fds[ROLE_FD_SNAPSHOT] = fds->snapshot;
	c.fds[ROLE_FD_PEER] = fds->peer;
	c.fds[ROLE_FD_LOCK] = fds->lock;
	c.fds[ROLE_FD_CONTROL] = fds->control;
	TRY(send_start(s, role, ours, e));
	TRY(spawn(run_child, &c, &p->process, e));
	p->role = role;
	p->super = s;
	p->sock = take_fd(&ours);
	*proc = p;
	return 0;
}

int super_start_peer(struct super *s, enum role role, int snapshot,
		     struct super_proc **proc, int *peer, struct err *e)
{
	AUTO_FD int ours = -1;
	AUTO_FD int theirs = -1;

	TRY(msg_pair(&ours, &theirs, e));
	TRY(super_start(s, role, &(struct super_fds){ snapshot, theirs, -1, -1 }, proc,
			e));
	*peer = take_fd(&ours);
	return 0;
}

static void release(struct super_proc *p)
{
	auto_fd_(&p->sock);
	auto_fd_(&p->process.pidfd);
	p->sock = -1;
	p->process.pidfd = -1;
}

/* What we run was removed, or there is another file in its place. */
static bool is_replaced(void)
{
	char path[PATH_MAX] = "";
	struct stat ours, there;

	return stat("/proc/self/exe", &ours) == 0 &&
	       readlink("/proc/self/exe", path, sizeof(path) - 1) > 0 &&
	       (stat(path, &there) < 0 || there.st_ino != ours.st_ino ||
		there.st_dev != ours.st_dev);
}

/* What a role says alone ends nothing: it may be a worker that was taken over. */
static void look_why(const struct super_proc *p, int status)
{
	if (status != EXIT_OTHER && status != EXIT_SANDBOX)
		return;
	if (is_replaced())
		super_not_begun(p->super);
	else if (status == EXIT_OTHER)
		log_error("everleaf-%s is of another version than this "
			  "program, " EVERLEAF_VERSION ": install all of one version",
			  role_name(p->role));
}

int super_reap(struct super_proc *p)
{
	siginfo_t info = { .si_pid = 0 };
	int status;

	if (waitid(P_PIDFD, (id_t)p->process.pidfd, &info, WEXITED | WNOHANG) < 0 ||
	    info.si_pid == 0)
		return -1;
	status = info.si_status;
	if (info.si_code != CLD_EXITED && status == SIGIO)
		status = 0; /* a worker that was let go, or who only shows */
	else if (info.si_code != CLD_EXITED) {
		log_error("the %s was killed by signal %d%s", role_name(p->role),
			  status,
			  status == SIGSYS
			      ? " (a system call that its sandbox does not allow)"
			      : "");
		status += 128;
	}
	look_why(p, status);
	release(p);
	return status;
}

struct super_proc *super_role(struct super *s, enum role role)
{
	for (size_t i = 0; i < SUPER_PROCS; i++)
		if (s->procs[i].process.pidfd >= 0 && s->procs[i].role == role)
			return &s->procs[i];
	return NULL;
}

void super_let_go(struct super_proc *p)
{
	auto_fd_(&p->sock);
	p->sock = -1;
}

void super_end_role(struct super_proc *p, int64_t until_ms)
{
	struct pollfd ended = { .fd = p->process.pidfd, .events = POLLIN };
	int64_t left = until_ms - clock_awake_ms();

	super_let_go(p);
	if (poll(&ended, 1, left < 0 ? 0 : (int)left) == 0) {
		log_warn("the %s does not end: killed", role_name(p->role));
		kill(p->process.pid, SIGKILL);
		poll(&ended, 1, -1);
	}
	(void)super_reap(p);
}

void super_end_roles(struct super *s, int patience_ms)
{
	int64_t until_ms = clock_awake_ms() + patience_ms;

	for (size_t i = 0; i < SUPER_PROCS; i++)
		super_let_go(&s->procs[i]);
	for (size_t i = 0; i < SUPER_PROCS; i++)
		if (s->procs[i].process.pidfd >= 0)
			super_end_role(&s->procs[i], until_ms);
}
