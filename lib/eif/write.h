/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing an EIF in one pass, sections of sizes not known beforehand included. Nothing has the
 * output's name until commit: the file is built without a name (or under a temporary one where the
 * file system cannot do that) and renamed over the old one when it is whole, so a failed build
 * leaves the previous image as it was and nothing of itself. A file that is replaced keeps its
 * owner (where we may set it) and its mode.
 */
#ifndef RD_EIF_WRITE_H
#define RD_EIF_WRITE_H

#include "base/error.h"
#include "eif/measure.h"

struct rd_eif_writer;

/* path must be a regular file or not exist, in a directory that does. */
enum rd_status rd_eif_writer_open(const char *path, bool aarch64, struct rd_eif_writer **ret_writer,
	struct rd_error *err) RD_MUST_USE;
/* Discards everything that was not committed. */
void rd_eif_writer_close(struct rd_eif_writer **writer);

/* A section: begin, any number of puts, the next begin or commit ends it. */
enum rd_status rd_eif_writer_begin(
	struct rd_eif_writer *writer, enum rd_eif_type type, struct rd_error *err) RD_MUST_USE;
enum rd_status rd_eif_writer_put(
	struct rd_eif_writer *writer, struct rd_view data, struct rd_error *err) RD_MUST_USE;
/* From the descriptor's current position to its end. name is for messages. */
enum rd_status rd_eif_writer_put_fd(
	struct rd_eif_writer *writer, int fd, const char *name, struct rd_error *err) RD_MUST_USE;

/* PCR0-2 of what was written so far: what a signature section has to say. */
enum rd_status rd_eif_writer_pcrs(const struct rd_eif_writer *writer, struct rd_eif_pcrs *ret_pcrs)
	RD_MUST_USE;

/* Completes header and CRC and gives the file its name. */
enum rd_status rd_eif_writer_commit(struct rd_eif_writer *writer, struct rd_error *err) RD_MUST_USE;

#endif
