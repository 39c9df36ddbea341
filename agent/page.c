#include "agent/page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"

#define AT_ONCE (64u << 10)

int page_begin(struct page_writer *p, struct err *e)
{
	*p = (struct page_writer){ .fd = -1 };
	p->fd = memfd_create("everleaf-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return p->fd < 0 ? err_sys(e, "memory for a page") : 0;
}

static int write_all(struct page_writer *p, struct err *e)
{
	size_t at = 0;

	while (at < p->text.len) {
		ssize_t n = write(p->fd, p->text.data + at, p->text.len - at);

		if (n < 0)
			return err_sys(e, "write a page");
		at += (size_t)n;
	}
	p->text.len = 0;
	return 0;
}

int page_turn(struct page_writer *p, struct err *e)
{
	return p->fd < 0 || p->text.len < AT_ONCE ? 0 : write_all(p, e);
}

int page_end(struct page_writer *p, int *fd, struct err *e)
{
	TRY(write_all(p, e));
	if (fcntl(p->fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_sys(e, "seal a page");
	*fd = take_fd(&p->fd);
	return 0;
}

void page_done(struct page_writer *p)
{
	auto_fd_(&p->fd);
	p->fd = -1;
	buf_done(&p->text);
}
