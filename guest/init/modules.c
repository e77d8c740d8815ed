/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel modules of the boot ramdisk. */
#include "init/init.h"

#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULES_DIR "/modules"
#define NSM_MODULE  "nsm.ko"

/* The ramdisk is measured, but its kernel may be a stranger's: a module loaded already is no error.
 */
static enum rd_status load(int dir, const char *name, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open kernel module %s", name);
	}
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST) {
		return rd_fail_errno(err, errno, "cannot load kernel module %s", name);
	}
	if (unlinkat(dir, name, 0) < 0) {
		init_say("warning: cannot remove %s: %m", name);
	}
	return RD_OK;
}

static int is_module(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 3 && strcmp(entry->d_name + len - 3, ".ko") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static enum rd_status load_all(int dir, struct rd_error *err)
{
	struct dirent **entries;
	enum rd_status st = RD_OK;
	int n = scandir(MODULES_DIR, &entries, is_module, by_name);

	if (n < 0) {
		return rd_fail_errno(err, errno, "cannot read " MODULES_DIR);
	}
	for (int i = 0; i < n; i++) {
		if (st == RD_OK) {
			st = load(dir, entries[i]->d_name, err);
		}
		free(entries[i]);
	}
	free(entries);
	return st;
}

enum rd_status init_load_modules(struct rd_error *err)
{
	int dir RD_CLEANUP(rd_fd_close) = open(MODULES_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0) {
		RD_TRY(load_all(dir, err));
		rmdir(MODULES_DIR);
	} else if (errno != ENOENT) {
		return rd_fail_errno(err, errno, "cannot open " MODULES_DIR);
	}
	/* AWS's place for its driver. */
	if (access("/" NSM_MODULE, F_OK) < 0) {
		return RD_OK;
	}
	return load(AT_FDCWD, "/" NSM_MODULE, err);
}
