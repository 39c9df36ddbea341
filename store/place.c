#include "store/place.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define NAME_LONGEST 200 /* leaves room in NAME_MAX for what we put around it */

int place_check(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_LONGEST || name[0] == '.' ||
	    strchr(name, '/') != NULL)
		return err_set(e, ERR_CONFIG, "\"%.40s\" cannot be a folder's name",
			       name);
	return 0;
}

char *place_of_ca(const char *name, unsigned number, const char *file)
{
	return number < 2 ? xasprintf(PLACE_CA "/%s/%s", name, file)
			  : xasprintf(PLACE_CA "/%s/%u/%s", name, number, file);
}

int place_open(int root, const char *shelf, const char *name, int *dir, struct err *e)
{
	AUTO_FD int fd = -1;
	int rc;

	*dir = -1;
	TRY(place_check(name, e));
	TRY(file_open_dir(root, shelf, &fd, e));
	rc = file_open_dir(fd, name, dir, e);
	if (rc < 0)
		return e->sysno == ENOENT ? 0 : err_wrap(e, "%s", shelf);
	return 0;
}

int place_find(int root, const char *shelf, const char *name, int *dir, struct err *e)
{
	*dir = -1;
	TRY(place_check(name, e));
	return file_exists(root, shelf) ? place_open(root, shelf, name, dir, e) : 0;
}

int place_dir(int at, const char *name, mode_t mode, int *dir, struct err *e)
{
	AUTO_FD int made = -1;
	bool is_new = !file_exists(at, name);

	TRY(file_make_dir(at, name, mode, &made, e));
	if (is_new && fsync(at) < 0)
		return err_sys(e, "sync the folder of %s", name);
	*dir = take_fd(&made);
	return 0;
}

int place_make(int root, const char *shelf, const char *name, int *dir, struct err *e)
{
	AUTO_FD int fd = -1;

	TRY(place_check(name, e));
	TRY(file_open_dir(root, shelf, &fd, e));
	if (place_dir(fd, name, 0755, dir, e) < 0)
		return err_wrap(e, "%s", shelf);
	return 0;
}

int place_remove(int dir, const char *name, struct err *e)
{
	TRY(file_sweep(dir, name, e));
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", name);
	return 0;
}
