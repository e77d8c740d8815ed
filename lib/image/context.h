/* SPDX-License-Identifier: Apache-2.0 */
/* A directory as the tar archive that an engine builds from. */
#ifndef RD_IMAGE_CONTEXT_H
#define RD_IMAGE_CONTEXT_H

#include "image/spool.h"

/*
 * Appends the directory's files, symbolic links and directories to the spool, in the order of their
 * names and owned by 0:0, without what .dockerignore excludes; the Dockerfile is always there.
 * RD_NOTFOUND if there is none.
 */
enum rd_status rd_context_pack(const char *dir, struct rd_spool *spool, struct rd_error *err)
	RD_MUST_USE;

#endif
