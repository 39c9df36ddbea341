#include "agent/responder/responder_pages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

struct responder_text {
	unsigned held; /* by how many */
	int64_t at_ms; /* clock_boot_ms() when it came */
	void *map;     /* owned; NULL: it is empty */
	size_t len;
};

void responder_pages_drop(struct responder_pages *p, struct responder_text *t)
{
	if (t == NULL || --t->held > 0)
		return;
	if (t->map != NULL)
		munmap(t->map, t->len);
	free(t);
	p->n_texts--;
}

static struct responder_text *hold(struct responder_text *t)
{
	if (t != NULL)
		t->held++;
	return t;
}

/* How many are held by nobody but those who are being sent them. */
static size_t n_old(const struct responder_pages *p)
{
	size_t n = p->n_texts;

	for (size_t i = 0; i < RESPONDER_PAGES; i++)
		n -= p->pages[i].last != NULL;
	return n;
}

struct responder_text *responder_pages_get(struct responder_pages *p,
					   enum responder_page page)
{
	struct page *at = &p->pages[page];

	if (at->last != NULL &&
	    (clock_boot_ms() - at->last->at_ms < RESPONDER_KEEP_MS ||
	     (n_old(p) >= RESPONDER_OLD && page != PAGE_HEALTH)))
		return hold(at->last);
	at->wanted = true;
	return NULL;
}

struct responder_text *responder_pages_last(struct responder_pages *p,
					    enum responder_page page)
{
	return hold(p->pages[page].last);
}

bool responder_pages_ask(struct responder_pages *p, enum responder_page *page)
{
	for (size_t i = 0; i < RESPONDER_PAGES; i++) {
		if (!p->pages[i].wanted || p->pages[i].asked)
			continue;
		p->pages[i].asked = true;
		*page = (enum responder_page)i;
		return true;
	}
	return false;
}

static int map(int fd, struct responder_text *t, struct err *e)
{
	const int seals = fd < 0 ? 0 : fcntl(fd, F_GET_SEALS);
	struct stat st = { .st_size = 0 };

	if (fd < 0)
		return 0;
	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || (seals & F_SEAL_WRITE) == 0)
		return err_set(e, ERR_PROTO, "a page that is not sealed");
	if (fstat(fd, &st) < 0)
		return err_sys(e, "a page");
	if (st.st_size == 0)
		return 0;
	t->len = (size_t)st.st_size;
	t->map = mmap(NULL, t->len, PROT_READ, MAP_SHARED, fd, 0);
	if (t->map != MAP_FAILED)
		return 0;
	t->map = NULL;
	return err_sys(e, "map a page");
}

int responder_pages_come(struct responder_pages *p, enum responder_page page, int fd,
			 struct err *e)
{
	struct page *at = &p->pages[page];
	struct responder_text *t = xcalloc(1, sizeof(*t));

	t->held = 1;
	t->at_ms = clock_boot_ms();
	p->n_texts++;
	at->wanted = at->asked = false;
	if (map(fd, t, e) < 0) {
		responder_pages_drop(p, t);
		return e->code;
	}
	responder_pages_drop(p, at->last);
	at->last = t;
	return 0;
}

void responder_pages_fail(struct responder_pages *p, enum responder_page page)
{
	p->pages[page].wanted = p->pages[page].asked = false;
}

const char *responder_text_data(const struct responder_text *t, size_t *len)
{
	*len = t->len;
	return t->map;
}

void responder_pages_done(struct responder_pages *p)
{
	for (size_t i = 0; i < RESPONDER_PAGES; i++) {
		responder_pages_drop(p, p->pages[i].last);
		p->pages[i].last = NULL;
	}
}
