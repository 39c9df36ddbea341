#include "tests/crash/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/crash/orphan.h"

#define WRITE_MAX   (128u << 10)
#define REQUEST_MAX (WRITE_MAX + 4096)

/* -- the log -- */

static void put(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0)
			_exit(1);
		at += n;
		len -= (size_t)n;
	}
}

static void add(const struct disk *d, enum disk_what what, uint64_t at,
		const void *bytes, size_t len)
{
	const struct disk_record r = { .what = what, .at = at, .len = len };

	put(d->log, &r, sizeof(r));
	put(d->log, bytes, len);
}

static void hear(const struct disk *d)
{
	char text[4096];
	ssize_t n;

	while ((n = read(d->hears, text, sizeof(text))) > 0)
		add(d, DISK_SAID, 0, text, (size_t)n);
}

/* -- requests of the kernel -- */

struct request {
	const struct disk *disk;
	const struct fuse_in_header *in;
	const void *arg;
};

static void answer(const struct request *r, int error, const void *out, size_t len)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + len),
		.error = -error,
		.unique = r->in->unique,
	};
	struct iovec parts[] = { { &head, sizeof(head) },
				 { (void *)(uintptr_t)out, len } };

	/* It fails if nobody waits for it any more. */
	(void)!writev(r->disk->fuse, parts, len > 0 ? 2 : 1);
}

static struct fuse_attr attributes(const struct disk *d, uint64_t node)
{
	struct fuse_attr a = { .ino = node, .nlink = 1, .blksize = 4096 };

	a.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0700 : S_IFREG | 0600;
	a.size = node == FUSE_ROOT_ID ? 0 : d->size;
	return a;
}

static void on_init(const struct request *r)
{
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = WRITE_MAX,
		.flags = FUSE_BIG_WRITES | FUSE_MAX_PAGES,
		.max_write = WRITE_MAX,
		.max_pages = WRITE_MAX / 4096,
		.max_background = 16,
		.congestion_threshold = 12,
		.time_gran = 1,
	};

	answer(r, 0, &out, sizeof(out));
}

/* Each name is a file of its own to the kernel, so that it remembers nothing of it. */
static void on_lookup(const struct request *r)
{
	struct fuse_entry_out out = { 0 };

	out.nodeid = FUSE_ROOT_ID + 1 + strtoull(r->arg, NULL, 10);
	out.attr = attributes(r->disk, out.nodeid);
	answer(r, 0, &out, sizeof(out));
}

static void on_getattr(const struct request *r)
{
	const struct fuse_attr_out out = { .attr = attributes(r->disk, r->in->nodeid) };

	answer(r, 0, &out, sizeof(out));
}

static void on_open(const struct request *r)
{
	const struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };

	answer(r, 0, &out, sizeof(out));
}

static size_t within(const struct disk *d, uint64_t at, size_t len)
{
	if (at >= d->size)
		return 0;
	return len < d->size - at ? len : d->size - at;
}

static void on_read(const struct request *r)
{
	const struct fuse_read_in *in = r->arg;

	answer(r, 0, r->disk->now + in->offset, within(r->disk, in->offset, in->size));
}

static void on_write(const struct request *r)
{
	const struct fuse_write_in *in = r->arg;
	const char *bytes = (const char *)(in + 1);
	const struct fuse_write_out out = {
		.size = (uint32_t)within(r->disk, in->offset, in->size),
	};

	memcpy(r->disk->now + in->offset, bytes, out.size);
	add(r->disk, DISK_WRITE, in->offset, bytes, out.size);
	answer(r, 0, &out, sizeof(out));
}

static void on_fsync(const struct request *r)
{
	add(r->disk, DISK_FLUSH, 0, NULL, 0);
	answer(r, 0, NULL, 0);
}

static void on_request(const struct request *r)
{
	switch (r->in->opcode) {
	case FUSE_INIT:
		on_init(r);
		break;
	case FUSE_LOOKUP:
		on_lookup(r);
		break;
	case FUSE_GETATTR:
		on_getattr(r);
		break;
	case FUSE_OPEN:
		on_open(r);
		break;
	case FUSE_READ:
		on_read(r);
		break;
	case FUSE_WRITE:
		on_write(r);
		break;
	case FUSE_FSYNC:
		on_fsync(r);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(r, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(r, ENOSYS, NULL, 0);
	}
}

/* Until the last who can see it is gone. */
static void serve(const struct disk *d)
{
	char *buf = aligned_alloc(4096, REQUEST_MAX);
	ssize_t n;

	/* ENOENT: nobody waits for that answer any more. */
	while ((n = read(d->fuse, buf, REQUEST_MAX)) >= 0 || errno == ENOENT ||
	       errno == EINTR) {
		struct request r = { .disk = d };

		if (n < (ssize_t)sizeof(*r.in))
			continue;
		r.in = (const void *)buf;
		r.arg = buf + sizeof(*r.in);
		hear(d);
		on_request(&r);
	}
	free(buf);
}

/* -- the disk -- */

static bool mount_disk(struct disk *d)
{
	char options[96];

	d->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (d->fuse < 0)
		return false;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40700,user_id=0,group_id=0",
		 d->fuse);
	return mount("disk", d->dir, "fuse", MS_NOSUID | MS_NODEV, options) == 0;
}

void disk_done(struct disk *d)
{
	umount2(d->dir, MNT_DETACH);
	close(d->says);
	close(d->log);
	munmap(d->now, d->size);
}

static bool make_parts(struct disk *d)
{
	int ends[2];

	d->now = mmap(NULL, d->size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	d->log = memfd_create("log", MFD_CLOEXEC);
	if (d->now == MAP_FAILED || d->log < 0 ||
	    pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	d->hears = ends[0];
	d->says = ends[1];
	return true;
}

bool disk_open(struct disk *d, const char *dir, size_t size)
{
	bool ok;

	*d = (struct disk){ .size = size };
	snprintf(d->dir, sizeof(d->dir), "%s", dir);
	if (!make_parts(d))
		return false;
	ok = mount_disk(d);
	if (ok && orphan_fork()) {
		if (unshare(CLONE_NEWNS) == 0 && umount2(d->dir, MNT_DETACH) == 0)
			serve(d);
		_exit(0);
	}
	close(d->hears);
	if (d->fuse >= 0)
		close(d->fuse);
	if (!ok)
		disk_done(d);
	return ok;
}

/* The server has done everything that came before this. */
static void catch_up(const struct disk *d)
{
	struct stat st;

	(void)!stat(d->dir, &st);
}

static bool next_record(const struct disk_log *log, size_t *at, struct disk_record *r)
{
	if (log->bytes.len - *at < sizeof(*r))
		return false;
	memcpy(r, log->bytes.data + *at, sizeof(*r));
	r->from = *at + sizeof(*r);
	*at = r->from + r->len;
	return true;
}

struct disk_log disk_take_log(struct disk *d)
{
	struct disk_log log = { 0 };
	struct disk_record r;
	char part[8192];
	size_t at = 0, room = 0;
	ssize_t n;

	catch_up(d);
	lseek(d->log, 0, SEEK_SET);
	while ((n = read(d->log, part, sizeof(part))) > 0)
		buf_add(&log.bytes, part, (size_t)n);
	(void)!ftruncate(d->log, 0);
	lseek(d->log, 0, SEEK_SET);
	while (next_record(&log, &at, &r)) {
		if (log.n == room) {
			room = 2 * room + 64;
			log.all = realloc(log.all, room * sizeof(r));
		}
		log.all[log.n++] = r;
	}
	return log;
}

void disk_log_done(struct disk_log *log)
{
	free(log->all);
	buf_done(&log->bytes);
	*log = (struct disk_log){ 0 };
}

void disk_copy(const struct disk_log *log, char *to, const char *from)
{
	for (size_t i = 0; i < log->n; i++) {
		const struct disk_record *r = &log->all[i];

		if (r->what == DISK_WRITE)
			memcpy(to + r->at, from + r->at, r->len);
	}
}
