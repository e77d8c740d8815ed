/* SPDX-License-Identifier: Apache-2.0 */
/* Decompression through libarchive's filters, hashed on both sides. */
#include "image/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One read of the blob: large enough that the system call costs nothing beside SHA-256. */
#define STREAM_CHUNK (256u << 10)
/* "none" counts as a filter; nobody compresses twice, but libarchive would undo it 25 times. */
#define STREAM_FILTERS_MAX 2

struct rd_stream {
	struct rd_blob blob;
	uint64_t pos; /* in the blob */
	uint64_t plain_left;
	struct archive *archive;
	struct rd_digest *blob_digest;
	struct rd_digest *plain_digest; /* NULL: not compressed, the same as blob_digest */
	int read_errno;
	bool ended;
	uint8_t chunk[STREAM_CHUNK];
};

/* The next chunk of the blob, hashed; -1 with read_errno set on failure, 0 at the end. */
static ssize_t read_chunk(struct rd_stream *s)
{
	uint64_t left = s->blob.size - s->pos;
	size_t want = left < sizeof(s->chunk) ? (size_t)left : sizeof(s->chunk);
	ssize_t n;

	if (want == 0) {
		return 0;
	}
	do {
		n = pread(s->blob.fd, s->chunk, want, (off_t)(s->blob.offset + s->pos));
	} while (n == -1 && errno == EINTR);
	if (n <= 0) {
		/* The file became shorter than it was when it was measured. */
		s->read_errno = n == 0 ? ENODATA : errno;
		return -1;
	}
	if (rd_digest_update(s->blob_digest, rd_view(s->chunk, (size_t)n)) != RD_OK) {
		s->read_errno = ENOMEM;
		return -1;
	}
	s->pos += (uint64_t)n;
	return n;
}

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret_bytes)
{
	struct rd_stream *s = arg;
	ssize_t n = read_chunk(s);

	if (n < 0) {
		archive_set_error(a, s->read_errno, "cannot read");
		return ARCHIVE_FATAL;
	}
	*ret_bytes = s->chunk;
	return n;
}

static enum rd_status fail_archive(struct rd_stream *s, struct rd_error *err)
{
	const char *text = archive_error_string(s->archive);

	if (s->read_errno != 0) {
		return rd_fail_errno(err, s->read_errno, "cannot read its bytes");
	}
	if (archive_errno(s->archive) == ENOMEM) {
		return rd_fail(err, RD_NOMEM, "out of memory while decompressing");
	}
	return rd_fail(err, RD_MALFORMED, "cannot be decompressed (%s)",
		text != NULL ? text : "no reason given");
}

static enum rd_status open_filters(struct rd_stream *s, struct rd_error *err)
{
	struct archive_entry *entry;
	int r;

	s->archive = archive_read_new();
	RD_ENSURE(s->archive != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	/* A warning would mean that libarchive runs an external program instead: never that. */
	if (archive_read_support_filter_gzip(s->archive) != ARCHIVE_OK ||
		archive_read_support_filter_zstd(s->archive) != ARCHIVE_OK ||
		archive_read_support_format_raw(s->archive) != ARCHIVE_OK) {
		return rd_fail(err, RD_UNSUPPORTED,
			"this libarchive was built without gzip or zstd: install the "
			"distribution's");
	}
	r = archive_read_open2(s->archive, s, NULL, on_read, NULL, NULL);
	if (r == ARCHIVE_OK) {
		r = archive_read_next_header(s->archive, &entry);
	}
	if (r == ARCHIVE_EOF) {
		s->ended = true;
		return RD_OK;
	}
	if (r != ARCHIVE_OK) {
		return fail_archive(s, err);
	}
	if (archive_filter_count(s->archive) > STREAM_FILTERS_MAX) {
		return rd_fail(err, RD_UNSUPPORTED, "is compressed more than once");
	}
	return RD_OK;
}

enum rd_status rd_stream_open(
	struct rd_blob blob, uint64_t max, struct rd_stream **ret_stream, struct rd_error *err)
{
	struct rd_stream *s RD_CLEANUP(rd_stream_close) = calloc(1, sizeof(*s));

	if (s == NULL || rd_digest_new(RD_SHA256, &s->blob_digest) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	s->blob = blob;
	s->plain_left = max;
	if (blob.size == 0) {
		s->ended = true; /* which libarchive's raw reader would take for an error */
	} else {
		RD_TRY(open_filters(s, err));
		if (archive_filter_count(s->archive) > 1 &&
			rd_digest_new(RD_SHA256, &s->plain_digest) != RD_OK) {
			return rd_fail(err, RD_NOMEM, "out of memory");
		}
	}
	*ret_stream = rd_steal(&s, NULL);
	return RD_OK;
}

void rd_stream_close(struct rd_stream **stream)
{
	struct rd_stream *s = *stream;

	if (s == NULL) {
		return;
	}
	archive_read_free(s->archive);
	rd_digest_free(&s->blob_digest);
	rd_digest_free(&s->plain_digest);
	free(s);
	*stream = NULL;
}

enum rd_status rd_stream_next(struct rd_stream *s, struct rd_view *ret_bytes, struct rd_error *err)
{
	const void *bytes;
	size_t n = 0;
	la_int64_t offset;
	int r;

	if (s->ended) {
		*ret_bytes = rd_view(NULL, 0);
		return RD_OK;
	}
	do {
		r = archive_read_data_block(s->archive, &bytes, &n, &offset);
	} while (r == ARCHIVE_OK && n == 0);
	if (r == ARCHIVE_EOF) {
		s->ended = true;
		*ret_bytes = rd_view(NULL, 0);
		return RD_OK;
	}
	if (r != ARCHIVE_OK) {
		return fail_archive(s, err);
	}
	if (n > s->plain_left) {
		return rd_fail(err, RD_LIMIT,
			"is larger than allowed when decompressed; if the image is meant to be "
			"that large, it cannot become a ramdisk");
	}
	s->plain_left -= n;
	if (s->plain_digest != NULL) {
		RD_TRY(rd_digest_update(s->plain_digest, rd_view(bytes, n)));
	}
	*ret_bytes = rd_view(bytes, n);
	return RD_OK;
}

enum rd_status rd_stream_finish(struct rd_stream *s, uint8_t ret_blob[RD_SHA256_SIZE],
	uint8_t ret_plain[RD_SHA256_SIZE], struct rd_error *err)
{
	struct rd_view bytes;
	ssize_t n;

	do {
		RD_TRY(rd_stream_next(s, &bytes, err));
	} while (bytes.len > 0);
	/* A filter stops at the end of its format; the digest covers what follows, too. */
	do {
		n = read_chunk(s);
	} while (n > 0);
	if (n < 0) {
		return rd_fail_errno(err, s->read_errno, "cannot read its bytes");
	}
	RD_TRY(rd_digest_finish(s->blob_digest, ret_blob));
	if (s->plain_digest != NULL) {
		return rd_digest_finish(s->plain_digest, ret_plain);
	}
	memcpy(ret_plain, ret_blob, RD_SHA256_SIZE);
	return RD_OK;
}
