#include "agent/keeper/keeper_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/keeper_crl.h"
#include "agent/keeper/keeper_places.h"
#include "agent/role/log.h"
#include "agent/role/messages.h"
#include "agent/role/stranger.h"
#include "agent/role/stranger_walk.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/watch.h"
#include "store/place.h"

#define SLICE 256 /* looked at between two requests, and in one message */

struct keeper_watch {
	struct watch watch;
	struct keeper_places places;
	uint64_t *known; /* owned, by certificate: its stamp, as the agent knows it */
	int *wd;         /* owned, by certificate: of its live folder; -1: none */
	bool *dirty;     /* owned, by certificate: to be looked at */
	uint32_t n_certs;
	uint32_t n; /* ... and CRLs, behind them */
	uint32_t n_dirty;
	uint32_t next;  /* where looking goes on */
	uint32_t swept; /* ... and sweeping */
	int mounts; /* owned: tells when anything is mounted; -1: is not to be had */
	bool begun;
	bool asked; /* to tell */
	bool lacks; /* something could not be watched in this round */
	bool warned;
	bool strange; /* something has changed where certificates of others may be */
	bool unseen;  /* ... or would not be told of */
	enum keeper_way way, told;
	int64_t anew_ms; /* clock_boot_ms() when all is begun anew; 0: it need not be */
	int64_t begun_ms; /* ... was last */
	int64_t sweep_ms; /* when the next slice is swept */
};

void keeper_watch_begin(struct keeper *k)
{
	struct keeper_watch *w;

	if (k->start.request.command != COMMAND_AGENT)
		return;
	w = k->watch = xcalloc(1, sizeof(*w));
	w->n_certs = k->start.spec.n[SPEC_CERTS];
	w->n = w->n_certs + k->start.spec.n[SPEC_CRLS];
	w->watch = (struct watch)WATCH_NONE;
	w->known = xcalloc(w->n, sizeof(*w->known));
	w->wd = xcalloc(w->n, sizeof(*w->wd));
	w->dirty = xcalloc(w->n, sizeof(*w->dirty));
	w->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	keeper_places_make(&w->places, &k->start.spec);
}

void keeper_watch_end(struct keeper *k)
{
	struct keeper_watch *w = k->watch;

	if (w == NULL)
		return;
	watch_done(&w->watch);
	keeper_places_done(&w->places);
	auto_fd_(&w->mounts);
	free(w->known);
	free(w->wd);
	free(w->dirty);
	free(TAKE(k->watch));
}

void keeper_watch_known(struct keeper *k, const struct spec_cert *c, uint64_t stamp)
{
	if (k->watch != NULL)
		k->watch->known[c - k->start.spec.certs] = stamp;
}

void keeper_watch_written(struct keeper *k, const struct spec_crl *c)
{
	struct keeper_watch *w = k->watch;

	if (w != NULL)
		w->known[w->n_certs + (c - k->start.spec.crls)] =
		    keeper_stamp_crl(k, c);
}

/* -- setting up -- */

static void lacks(struct keeper_watch *w, const struct err *e)
{
	if (!w->warned)
		log_warn("%s: what is not watched is looked at every %d s in turn%s",
			 e->text, KEEPER_SWEEP_MS / 1000,
			 e->code == ERR_LIMIT ? "; raise fs.inotify.max_user_watches "
						"and _instances to be told"
					      : "");
	w->warned = w->lacks = true;
}

static bool is_missing(const struct err *e)
{
	return e->sysno == ENOENT || e->sysno == ENOTDIR;
}

static void mark(void *arg, uint32_t cert)
{
	struct keeper_watch *w = arg;

	w->n_dirty += !w->dirty[cert];
	w->dirty[cert] = true;
}

static void mark_from(struct keeper_watch *w, uint32_t first)
{
	for (uint32_t i = first; i < w->n; i++)
		mark(w, i);
}

/* Numbers in the watch: certificates, CRLs, places, live/, crl/, all folders of strangers. */
static uint32_t who_place(const struct keeper_watch *w, size_t place)
{
	return w->n + (uint32_t)place;
}

static uint32_t who_live(const struct keeper_watch *w)
{
	return who_place(w, w->places.n);
}

static uint32_t who_crls(const struct keeper_watch *w)
{
	return who_live(w) + 1;
}

static uint32_t who_strangers(const struct keeper_watch *w)
{
	return who_crls(w) + 1;
}

/* It is not there: the next one above that is says when something comes. The root is
 * always there. */
static int await(struct keeper_watch *w, const char *place, uint32_t who, struct err *e)
{
	AUTO_FREE char *path = xstrdup(place);
	int rc = -1;

	for (char *slash = strrchr(path, '/'); rc < 0 && slash != NULL;
	     slash = strrchr(path, '/')) {
		*slash = '\0';
		rc = watch_add(&w->watch, path[0] == '\0' ? "/" : path, WATCH_COMING,
			       who, NULL, e);
		if (rc < 0 && !is_missing(e))
			break;
	}
	return rc;
}

static void add_place(struct keeper_watch *w, size_t i)
{
	struct keeper_place *p = &w->places.places[i];
	const uint32_t events = p->holds ? WATCH_FILES : 0;
	struct err e;

	(void)keeper_places_moved(p);
	for (int k = 0; k < 2;
	     k++) { /* it may come while we find out whom to wait for */
		if (watch_add(&w->watch, p->path, events, who_place(w, i), NULL, &e) ==
		    0)
			return;
		if (!is_missing(&e)) {
			lacks(w, &e);
			return;
		}
		if (k == 0 && await(w, p->path, who_place(w, i), &e) < 0)
			lacks(w, &e);
	}
}

static void add_own(struct keeper *k, const char *folder, uint32_t who)
{
	struct keeper_watch *w = k->watch;
	AUTO_FREE char *path =
	    xasprintf("%s/%s", keeper_text(k, k->start.spec.global->state_dir), folder);
	struct err e;

	if (watch_add(&w->watch, path, WATCH_FILES, who, NULL, &e) < 0)
		lacks(w, &e);
}

static void add_places(struct keeper *k)
{
	struct keeper_watch *w = k->watch;

	add_own(k, "live", who_live(w));
	if (w->n > w->n_certs)
		add_own(k, PLACE_CRL, who_crls(w));
	for (size_t i = 0; i < w->places.n; i++)
		add_place(w, i);
}

static void begin(struct keeper *k)
{
	struct keeper_watch *w = k->watch;
	struct err e;

	w->strange = w->begun && k->start.spec.n[SPEC_WATCH] > 0;
	w->begun = true;
	w->begun_ms = clock_boot_ms();
	w->anew_ms = 0;
	watch_done(&w->watch);
	for (uint32_t i = 0; i < w->n; i++)
		w->wd[i] = -1;
	mark_from(w, 0);
	if (watch_open(&w->watch, &e) < 0)
		lacks(w, &e);
	else
		add_places(k);
}

/* -- what has come -- */

static void begin_anew(struct keeper_watch *w)
{
	if (w->anew_ms == 0)
		w->anew_ms = w->begun_ms + KEEPER_ANEW_EACH_MS;
}

static void in_place(struct keeper_watch *w, size_t i, uint32_t events,
		     const char *name)
{
	const struct keeper_place *p = &w->places.places[i];
	const bool is_there = p->dev != 0 || p->ino != 0;

	if ((events & WATCH_GONE) != 0 || !is_there)
		begin_anew(w);
	else if (p->holds)
		keeper_places_find(&w->places, i, name, mark, w);
}

static void on_event(void *arg, uint32_t who, uint32_t events, const char *name)
{
	struct keeper *k = arg;
	struct keeper_watch *w = k->watch;
	uint32_t cert;

	if (who == WATCH_NOBODY) {
		log_debug(
		    "more was changed than the kernel has kept: all is looked at");
		mark_from(w, 0);
		w->strange = true;
	} else if (who < w->n) {
		mark(w, who);
	} else if (who == who_strangers(w)) {
		w->strange = true;
	} else if (who == who_crls(w)) {
		mark_from(w, w->n_certs);
	} else if (who < who_live(w)) {
		in_place(w, who - w->n, events, name);
	} else if ((cert = spec_cert_called(&k->start.spec, name)) != SPEC_NOBODY) {
		mark(w, cert);
	}
}

/* A folder that is hidden below a mount is not told of. */
static void look_at_mounts(struct keeper_watch *w)
{
	bool moved = false;

	for (size_t i = 0; i < w->places.n; i++)
		if (keeper_places_moved(&w->places.places[i]))
			moved = true;
	if (moved)
		begin_anew(w);
}

/* -- looking -- */

/* Where its link leads now. */
static void watch_live(struct keeper *k, uint32_t i)
{
	const struct spec *s = &k->start.spec;
	struct keeper_watch *w = k->watch;
	AUTO_FREE char *path =
	    xasprintf("%s/live/%s", spec_text(s, s->global->state_dir),
		      spec_text(s, s->certs[i].name));
	const int before = w->wd[i];
	struct err e;

	if (w->watch.fd < 0) {
		w->lacks = true;
		return;
	}
	w->wd[i] = -1;
	if (watch_add(&w->watch, path, WATCH_FILES, i, &w->wd[i], &e) < 0 &&
	    !is_missing(&e))
		lacks(w, &e);
	if (before >= 0 && before != w->wd[i])
		watch_drop(&w->watch, before);
}

/* First the watch, then the look: nothing falls between them. */
static bool has_changed(struct keeper *k, uint32_t i)
{
	const struct spec *s = &k->start.spec;
	struct keeper_watch *w = k->watch;
	uint64_t stamp;

	w->dirty[i] = false;
	w->n_dirty--;
	if (i < w->n_certs)
		watch_live(k, i);
	stamp = i < w->n_certs ? keeper_stamp_cert(k, &s->certs[i])
			       : keeper_stamp_crl(k, &s->crls[i - w->n_certs]);
	if (stamp == w->known[i])
		return false;
	w->known[i] = stamp;
	return true;
}

static void end_round(struct keeper_watch *w)
{
	const bool sweeps = w->lacks;

	w->lacks = false;
	if (sweeps && w->way != KEEPER_SWEEPS) {
		w->swept = 0;
		w->sweep_ms = clock_boot_ms() + KEEPER_SWEEP_MS;
	}
	if (!sweeps && w->way == KEEPER_SWEEPS)
		log_info("all is watched again");
	w->warned = sweeps;
	w->way = sweeps ? KEEPER_SWEEPS : KEEPER_WATCHES;
}

static int tell(struct keeper_watch *w, const uint32_t *changed, size_t n,
		struct err *e)
{
	AUTO_MSG struct msg m = MSG_NONE;

	msg_begin(&m, KEEPER_CHANGED, 0);
	msg_put_u64(&m, w->way);
	msg_put_u64(&m, w->strange);
	msg_put_u64(&m, n);
	for (size_t i = 0; i < n; i++) {
		msg_put_u64(&m, changed[i]);
		msg_put_u64(&m, w->known[changed[i]]);
	}
	w->asked = w->strange = false;
	w->told = w->way;
	return msg_send(ROLE_FD_PEER, &m, e);
}

static bool has_news(const struct keeper_watch *w)
{
	return w->way != w->told || w->strange;
}

/* The next slice of what is to be looked at. */
static int look(struct keeper *k, struct err *e)
{
	struct keeper_watch *w = k->watch;
	uint32_t changed[SLICE];
	size_t n = 0;

	for (size_t done = 0; done < SLICE && w->n_dirty > 0; w->next++) {
		const uint32_t i = w->next < w->n ? w->next : (w->next = 0);

		if (!w->dirty[i])
			continue;
		done++;
		if (has_changed(k, i))
			changed[n++] = i;
	}
	if (w->n_dirty == 0 && w->way == KEEPER_SETS_UP)
		end_round(w);
	if (n == 0 && !has_news(w))
		return 0;
	return tell(w, changed, n, e);
}

static void sweep(struct keeper *k)
{
	struct keeper_watch *w = k->watch;

	w->sweep_ms = clock_boot_ms() + KEEPER_SWEEP_MS;
	if (w->swept >= w->n) {
		end_round(w);
		w->swept = 0;
	}
	if (w->swept == 0 && w->watch.fd >= 0)
		add_places(k);
	for (size_t i = 0; i < KEEPER_SWEEP && w->swept < w->n; i++)
		mark(w, w->swept++);
}

/* -- strangers -- */

static void add_folder(void *arg, const char *path, int error)
{
	struct keeper_watch *w = arg;
	const uint32_t who = who_strangers(w);
	struct err e;

	(void)error; /* one that cannot be read may become one that can */
	if (watch_add(&w->watch, path[0] == '\0' ? "/" : path, WATCH_FILES, who, NULL,
		      &e) < 0 &&
	    (!is_missing(&e) || await(w, path, who, &e) < 0))
		w->unseen = true;
}

bool keeper_watch_strangers(struct keeper *k)
{
	const struct spec *s = &k->start.spec;
	struct keeper_watch *w = k->watch;

	if (w == NULL || w->watch.fd < 0)
		return false;
	w->unseen = w->strange = false;
	for (uint32_t i = 0; i < s->n[SPEC_WATCH]; i++) {
		struct stranger_walk walk = { w, add_folder, NULL, STRANGER_FOLDERS };

		stranger_walk(&walk, spec_text(s, s->watch[i]));
		w->unseen = w->unseen || walk.left == 0;
	}
	return !w->unseen;
}

/* -- the loop -- */

int keeper_watch(void *role, struct msg *m, struct err *e)
{
	struct keeper *k = role;
	const uint32_t id = m->id;

	TRY(msg_end(m, e));
	if (k->watch == NULL)
		return err_set(e, ERR_PROTO, "nobody stays to be told of changes");
	if (!k->watch->begun)
		begin(k);
	k->watch->asked = true;
	msg_begin(m, KEEPER_WATCH, id);
	return 0;
}

void keeper_watch_fill(const struct keeper *k, struct pollfd *p)
{
	const struct keeper_watch *w = k->watch;
	const bool is_on = w != NULL && w->begun;

	p[0] = (struct pollfd){ .fd = is_on ? w->watch.fd : -1, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = is_on ? w->mounts : -1, .events = POLLPRI };
}

int keeper_watch_ms(const struct keeper *k)
{
	const struct keeper_watch *w = k->watch;
	int64_t at = INT64_MAX, left;

	if (w == NULL || !w->begun)
		return -1;
	if (w->asked && (w->n_dirty > 0 || has_news(w)))
		return 0;
	if (w->anew_ms != 0)
		at = w->anew_ms;
	if (w->way == KEEPER_SWEEPS && w->sweep_ms < at)
		at = w->sweep_ms;
	if (at == INT64_MAX)
		return -1;
	left = at - clock_boot_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int keeper_watch_turn(struct keeper *k, const struct pollfd *p, struct err *e)
{
	struct keeper_watch *w = k->watch;
	const int64_t now = clock_boot_ms();

	if (w == NULL || !w->begun || k->n_moved > 0)
		return 0;
	if (p[0].revents != 0)
		watch_read(&w->watch, on_event, k);
	if (p[1].revents != 0)
		look_at_mounts(w);
	if (w->anew_ms != 0 && now >= w->anew_ms)
		begin(k);
	if (w->way == KEEPER_SWEEPS && now >= w->sweep_ms)
		sweep(k);
	return w->asked && (w->n_dirty > 0 || has_news(w)) ? look(k, e) : 0;
}
