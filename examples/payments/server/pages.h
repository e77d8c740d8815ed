/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of the shop: files of one folder, as they are. */
#ifndef PS_PAGES_H
#define PS_PAGES_H

#include "http/server.h"
#include "server/ps.h"

/* A page with everything in it; more is not one of ours. */
#define PS_PAGE_MAX (4u << 20)

/* RD_OK: fd, or -1 where the configuration names none. */
enum rd_status ps_pages_open(const struct ps_config *config, int *ret_fd, struct rd_error *err)
	RD_MUST_USE;

/* Whether a path may be one of a file: parts of A-Z a-z 0-9 . - _ that do not begin with a dot, and
 * an ending that has a type. "" and "/" are index.html. ret: without the slash in front. */
#define PS_PAGE_PATH_SIZE 256
enum rd_status ps_pages_path(
	struct rd_view target, char ret[PS_PAGE_PATH_SIZE], const char **ret_type) RD_MUST_USE;

/* Answers, also that there is no such file. On a worker: it reads. */
void ps_pages_answer(struct ps *ps, struct rd_view target, struct rd_http_call *http);

#endif
