/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of a test's own, below /tmp. */
#ifndef PLACE_H
#define PLACE_H

#include "test.h"

#include "os/file.h"

#include <fcntl.h>
#include <unistd.h>

struct place {
	char path[32];
	int fd;
};

static inline void place_make(struct place *p)
{
	strcpy(p->path, "/tmp/redoubt-test-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
}

/* With all that is in it. */
static inline void place_remove(struct place *p)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	close(p->fd);
	assert_ok(rd_dir_remove(tmp, p->path + strlen("/tmp/"), NULL));
	close(tmp);
}

#endif
