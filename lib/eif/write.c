/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer. Sections stream to the file while they are measured and summed; their own headers and
 * the file's header follow when the sizes are known, and the CRC, which covers the headers too, is
 * combined from its parts.
 */
#include "eif/write.h"

#include "base/byteorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define COPY_CHUNK ((size_t)256 * 1024)
/* Names tried before giving up on a directory full of other people's temporary files. */
#define TEMP_TRIES 16

struct section {
	enum rd_eif_type type;
	uint64_t size;
	uint32_t crc; /* of the data */
};

struct rd_eif_writer {
	int fd;
	char *path;    /* the output, symbolic links resolved */
	bool replaces; /* there is a file already; old says whose and who may read it */
	struct stat old;
	char *temp_path; /* the name that the file has now; NULL while it has none */
	uint16_t flags;
	unsigned n_sections;
	struct section sections[RD_EIF_SECTIONS_MAX];
	uint64_t offset; /* end of the file */
	struct rd_eif_measure *measure;
	bool committed;
};

/* The directory part of path, or "."; heap. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL) {
		return strdup(".");
	}
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A symbolic link is written through, as truncating it would; nothing but files is replaced. */
static enum rd_status resolve_output(
	const char *path, struct rd_eif_writer *w, struct rd_error *err)
{
	if (stat(path, &w->old) == 0) {
		if (!S_ISREG(w->old.st_mode)) {
			return rd_fail(err, RD_USAGE,
				"the output %s exists and is not a regular file: name another",
				path);
		}
		w->replaces = true;
		w->path = realpath(path, NULL);
	} else if (errno == ENOENT) {
		w->path = strdup(path);
	} else {
		return rd_fail_errno(err, errno, "the output %s", path);
	}
	return w->path != NULL ? RD_OK : rd_fail_errno(err, errno, "the output %s", path);
}

static enum rd_status make_temp_path(const struct rd_eif_writer *w, char **ret_path)
{
	unsigned char r[8];

	RD_ENSURE(getentropy(r, sizeof(r)) == 0, RD_IO);
	RD_ENSURE(asprintf(ret_path, "%s.%02x%02x%02x%02x%02x%02x%02x%02x.tmp", w->path, r[0], r[1],
			  r[2], r[3], r[4], r[5], r[6], r[7]) > 0,
		RD_NOMEM);
	return RD_OK;
}

/* For file systems without nameless files (overlayfs of old kernels, NFS). */
static enum rd_status open_named(struct rd_eif_writer *w, struct rd_error *err)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		char *name = NULL;

		if (make_temp_path(w, &name) != RD_OK) {
			return rd_fail(err, RD_NOMEM, "naming the output %s failed", w->path);
		}
		w->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (w->fd >= 0) {
			w->temp_path = name;
			return RD_OK;
		}
		free(name);
		if (errno != EEXIST) {
			break;
		}
	}
	return rd_fail_errno(err, errno, "creating the output %s", w->path);
}

static enum rd_status open_output(struct rd_eif_writer *w, struct rd_error *err)
{
	char *dir = directory_of(w->path);

	if (dir == NULL) {
		return rd_fail(err, RD_NOMEM, "creating the output %s: out of memory", w->path);
	}
	w->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	free(dir);
	if (w->fd >= 0) {
		return RD_OK;
	}
	if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
		return open_named(w, err);
	}
	return rd_fail_errno(err, errno, "creating the output %s", w->path);
}

enum rd_status rd_eif_writer_open(
	const char *path, bool aarch64, struct rd_eif_writer **ret_writer, struct rd_error *err)
{
	struct rd_eif_writer *w RD_CLEANUP(rd_eif_writer_close) = calloc(1, sizeof(*w));

	if (w == NULL) {
		return rd_fail(err, RD_NOMEM, "creating the output %s: out of memory", path);
	}
	w->fd = -1;
	w->flags = aarch64 ? RD_EIF_FLAG_AARCH64 : 0;
	w->offset = RD_EIF_HEADER_SIZE;
	RD_TRY(resolve_output(path, w, err));
	if (rd_eif_measure_new(&w->measure) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "creating the output %s: out of memory", path);
	}
	RD_TRY(open_output(w, err));
	*ret_writer = rd_steal(&w, NULL);
	return RD_OK;
}

void rd_eif_writer_close(struct rd_eif_writer **writer)
{
	struct rd_eif_writer *w = *writer;

	if (w != NULL) {
		if (w->temp_path != NULL && !w->committed) {
			unlink(w->temp_path);
		}
		if (w->fd >= 0) {
			close(w->fd);
		}
		rd_eif_measure_free(&w->measure);
		free(w->temp_path);
		free(w->path);
		free(w);
	}
	*writer = NULL;
}

static enum rd_status write_at(
	struct rd_eif_writer *w, struct rd_view data, uint64_t offset, struct rd_error *err)
{
	while (data.len > 0) {
		ssize_t n = pwrite(w->fd, data.ptr, data.len, (off_t)offset);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
			return rd_fail_errno(err, errno,
				"writing %s (byte %llu; nothing was replaced): free some space or "
				"choose another --output-file",
				w->path, (unsigned long long)offset);
		}
		if (n <= 0) {
			return rd_fail_errno(err, n < 0 ? errno : EIO, "writing %s", w->path);
		}
		data = rd_view(data.ptr + n, data.len - (size_t)n);
		offset += (uint64_t)n;
	}
	return RD_OK;
}

enum rd_status rd_eif_writer_begin(
	struct rd_eif_writer *writer, enum rd_eif_type type, struct rd_error *err)
{
	if (writer->n_sections == RD_EIF_SECTIONS_MAX) {
		return rd_fail(
			err, RD_LIMIT, "an image has at most %d sections", RD_EIF_SECTIONS_MAX);
	}
	if (rd_eif_measure_begin(writer->measure, type) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "measuring %s: out of memory", writer->path);
	}
	writer->sections[writer->n_sections++] = (struct section){
		.type = type, .crc = (uint32_t)crc32_z(0, NULL, 0)};
	writer->offset += RD_EIF_SECTION_HEADER_SIZE;
	return RD_OK;
}

enum rd_status rd_eif_writer_put(
	struct rd_eif_writer *writer, struct rd_view data, struct rd_error *err)
{
	struct section *s = &writer->sections[writer->n_sections - 1];

	if (data.len == 0) {
		return RD_OK;
	}
	if (data.len > RD_EIF_FILE_MAX - writer->offset) {
		return rd_fail(
			err, RD_LIMIT, "%s would exceed the format's limit of 1 TiB", writer->path);
	}
	RD_TRY(write_at(writer, data, writer->offset, err));
	if (rd_eif_measure_data(writer->measure, data) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "measuring %s failed", writer->path);
	}
	s->crc = (uint32_t)crc32_z(s->crc, data.ptr, data.len);
	s->size += data.len;
	writer->offset += data.len;
	return RD_OK;
}

static void free_chunk(uint8_t **chunk)
{
	free(*chunk);
}

enum rd_status rd_eif_writer_put_fd(
	struct rd_eif_writer *writer, int fd, const char *name, struct rd_error *err)
{
	uint8_t *chunk RD_CLEANUP(free_chunk) = malloc(COPY_CHUNK);

	if (chunk == NULL) {
		return rd_fail(err, RD_NOMEM, "reading %s: out of memory", name);
	}
	for (;;) {
		ssize_t n = read(fd, chunk, COPY_CHUNK);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return rd_fail_errno(err, errno, "reading %s", name);
		}
		if (n == 0) {
			return RD_OK;
		}
		RD_TRY(rd_eif_writer_put(writer, rd_view(chunk, (size_t)n), err));
	}
}

enum rd_status rd_eif_writer_pcrs(const struct rd_eif_writer *writer, struct rd_eif_pcrs *ret_pcrs)
{
	return rd_eif_measure_result(writer->measure, ret_pcrs);
}

static void make_header(const struct rd_eif_writer *w, uint8_t h[RD_EIF_HEADER_SIZE])
{
	uint64_t place = RD_EIF_HEADER_SIZE;

	memset(h, 0, RD_EIF_HEADER_SIZE);
	memcpy(h, ".eif", RD_EIF_MAGIC_SIZE);
	rd_put_be16(h + RD_EIF_OFF_VERSION, RD_EIF_VERSION);
	rd_put_be16(h + RD_EIF_OFF_FLAGS, w->flags);
	rd_put_be64(h + RD_EIF_OFF_DEFAULT_MEM, RD_EIF_DEFAULT_MEM);
	rd_put_be64(h + RD_EIF_OFF_DEFAULT_CPUS, RD_EIF_DEFAULT_CPUS);
	rd_put_be16(h + RD_EIF_OFF_NUM_SECTIONS, (uint16_t)w->n_sections);
	for (unsigned i = 0; i < w->n_sections; i++) {
		rd_put_be64(h + RD_EIF_OFF_OFFSETS + 8 * i, place);
		rd_put_be64(h + RD_EIF_OFF_SIZES + 8 * i, w->sections[i].size);
		place += RD_EIF_SECTION_HEADER_SIZE + w->sections[i].size;
	}
}

static void make_section_header(const struct section *s, uint8_t h[RD_EIF_SECTION_HEADER_SIZE])
{
	rd_put_be16(h, (uint16_t)s->type);
	rd_put_be16(h + 2, 0);
	rd_put_be64(h + 4, s->size);
}

static enum rd_status write_headers(struct rd_eif_writer *w, struct rd_error *err)
{
	uint8_t header[RD_EIF_HEADER_SIZE];
	uint8_t section_header[RD_EIF_SECTION_HEADER_SIZE];
	uint64_t place = RD_EIF_HEADER_SIZE;
	uint32_t crc;

	make_header(w, header);
	crc = (uint32_t)crc32_z(0, header, RD_EIF_OFF_CRC);
	for (unsigned i = 0; i < w->n_sections; i++) {
		const struct section *s = &w->sections[i];

		make_section_header(s, section_header);
		RD_TRY(write_at(w, rd_view(section_header, sizeof(section_header)), place, err));
		crc = (uint32_t)crc32_z(crc, section_header, sizeof(section_header));
		crc = (uint32_t)crc32_combine(crc, s->crc, (z_off_t)s->size);
		place += RD_EIF_SECTION_HEADER_SIZE + s->size;
	}
	rd_put_be32(header + RD_EIF_OFF_CRC, crc);
	return write_at(w, rd_view(header, sizeof(header)), 0, err);
}

/* By descriptor where that is allowed (it takes a capability), else by way of /proc. */
static int link_to(int fd, const char *name)
{
	char self[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	if (linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH) == 0) {
		return 0;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

/* Gives a nameless file a temporary name: linkat does not replace, rename does. */
static enum rd_status name_file(struct rd_eif_writer *w, struct rd_error *err)
{
	for (int i = 0; i < TEMP_TRIES && w->temp_path == NULL; i++) {
		char *name = NULL;

		if (make_temp_path(w, &name) != RD_OK) {
			return rd_fail(err, RD_NOMEM, "naming the output %s failed", w->path);
		}
		if (link_to(w->fd, name) == 0) {
			w->temp_path = name;
			return RD_OK;
		}
		free(name);
		if (errno != EEXIST) {
			break;
		}
	}
	return w->temp_path != NULL ? RD_OK
				    : rd_fail_errno(err, errno, "naming the output %s", w->path);
}

/* An image that only its owner may read stays so, and his, as if it had been written in place. */
static enum rd_status keep_access(struct rd_eif_writer *w, struct rd_error *err)
{
	if (!w->replaces) {
		return RD_OK;
	}
	if (fchown(w->fd, w->old.st_uid, w->old.st_gid) != 0 && errno != EPERM) {
		return rd_fail_errno(err, errno, "setting the owner of %s", w->path);
	}
	if (fchmod(w->fd, w->old.st_mode & 0777) != 0) {
		return rd_fail_errno(err, errno, "setting the mode of %s", w->path);
	}
	return RD_OK;
}

enum rd_status rd_eif_writer_commit(struct rd_eif_writer *writer, struct rd_error *err)
{
	RD_TRY(write_headers(writer, err));
	RD_TRY(keep_access(writer, err));
	/* Some file systems report a full disk only here; the old image must still be there then.
	 */
	if (fsync(writer->fd) != 0 && errno != EINVAL) {
		return rd_fail_errno(err, errno, "writing %s", writer->path);
	}
	RD_TRY(name_file(writer, err));
	if (rename(writer->temp_path, writer->path) != 0) {
		return rd_fail_errno(err, errno, "replacing the output %s", writer->path);
	}
	writer->committed = true;
	return RD_OK;
}
