/* SPDX-License-Identifier: Apache-2.0 */
/* USER of an image to numeric ids, through the image's own /etc/passwd and /etc/group. */
#ifndef RD_IMAGE_USER_H
#define RD_IMAGE_USER_H

#include "image/image.h"

/* Both files: large directory exports stay below; a longer one is refused. */
#define RD_USER_FILE_MAX (4u << 20)
/* Linux takes 65,536 (NGROUPS_MAX); no image has a user in thousands, and finding them is
 * quadratic. */
#define RD_USER_GROUPS_MAX 4096

/*
 * spec as in a Dockerfile: "", "user", "uid", "user:group", any of them numeric. The rules are
 * those of the engines (moby/sys/user, GetExecUser): a number is an id and its passwd line, if
 * there is one, gives group and home; supplementary groups come from the user's name and only if no
 * group was given; a name that is in no file is refused, with RD_NOTFOUND.
 */
enum rd_status rd_user_resolve(struct rd_tree *tree, const char *spec,
	struct rd_image_user *ret_user, struct rd_error *err) RD_MUST_USE;
void rd_user_finish(struct rd_image_user *u);

/* The same over the files' contents, for tests; a missing file is empty. */
enum rd_status rd_user_resolve_text(struct rd_view passwd, struct rd_view group, const char *spec,
	struct rd_image_user *ret_user, struct rd_error *err) RD_MUST_USE;

#endif
