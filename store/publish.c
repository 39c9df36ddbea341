#include "store/publish.h"

#include "base/auto.h"
#include "base/err.h"
#include "store/hashed.h"
#include "store/set.h"

static int write_one(const struct set *set, const struct publish_file *file,
		     struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };
	AUTO_BUF struct buf want = { 0 };

	if (file->content.kind == CONTENT_HASHED)
		return hashed_write(file->path, set, &file->access, e);
	TRY(content_render(set, &file->content, &want, e));
	TRY(target_open(&t, file->path, e));
	return target_write(&t, &want, &file->access, e);
}

static int audit_one(const struct set *set, const struct publish_file *file,
		     unsigned *differs, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };
	AUTO_BUF struct buf want = { 0 };

	if (file->content.kind == CONTENT_HASHED)
		return hashed_audit(file->path, set, &file->access, differs, e);
	TRY(content_render(set, &file->content, &want, e));
	TRY(target_open(&t, file->path, e));
	return target_audit(&t, &want, &file->access, differs, e);
}

static int sweep_one(const char *path, enum content_kind kind, struct err *e)
{
	AUTO_TARGET struct target t = { .dir = -1 };

	if (kind == CONTENT_HASHED)
		return hashed_sweep(path, e);
	TRY(target_open(&t, path, e));
	return file_sweep(t.dir, t.name, e);
}

int publish_write(const struct set *set, const struct publish_file *file, struct err *e)
{
	if (write_one(set, file, e) < 0)
		return err_wrap(e, "write %s", file->path);
	return 0;
}

int publish_sweep(const char *path, enum content_kind kind, struct err *e)
{
	if (sweep_one(path, kind, e) < 0)
		return err_wrap(e, "sweep %s", path);
	return 0;
}

int publish_audit(const struct set *set, const struct publish_file *file,
		  unsigned *differs, struct err *e)
{
	unsigned found = 0;

	if (audit_one(set, file, &found, e) < 0)
		return err_wrap(e, "look at %s", file->path);
	*differs = found;
	return 0;
}
