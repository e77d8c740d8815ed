/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs by name, from a directory or from an archive that was read into a tree. */
#include "image/source.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "os/fd.h"
#include "os/root.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum rd_status open_file(
	int dir_fd, const char *name, struct rd_blob *ret_blob, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	uint64_t size;
	enum rd_status st;

	/* Non-blocking: a FIFO in the place of a blob must not hold us up. */
	st = rd_root_open(dir_fd, name, O_RDONLY | O_NONBLOCK, 0, &fd);
	if (st == RD_OK) {
		st = rd_fd_size(fd, &size);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "\"%s\" of the image: %s", name,
			st == RD_BAD_TYPE ? "not a regular file" : rd_status_text(st));
	}
	*ret_blob = (struct rd_blob){.fd = rd_steal(&fd, -1), .size = size};
	return RD_OK;
}

static enum rd_status open_member(
	struct rd_tree *tree, const char *name, struct rd_blob *ret_blob, struct rd_error *err)
{
	struct rd_tree_entry e;
	enum rd_status st = rd_tree_lookup(tree, name, true, &e);

	if (st == RD_OK && e.type != RD_TREE_FILE) {
		st = RD_BAD_TYPE;
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "\"%s\" of the archive: %s", name,
			st == RD_BAD_TYPE ? "not a regular file" : rd_status_text(st));
	}
	*ret_blob = (struct rd_blob){.fd = e.data_fd, .offset = e.data_offset, .size = e.size};
	return RD_OK;
}

enum rd_status rd_store_open(const struct rd_store *store, const char *name,
	struct rd_blob *ret_blob, struct rd_error *err)
{
	if (store->tree != NULL) {
		return open_member(store->tree, name, ret_blob, err);
	}
	return open_file(store->dir_fd, name, ret_blob, err);
}

void rd_store_close(const struct rd_store *store, struct rd_blob *blob)
{
	if (store->tree == NULL) {
		rd_fd_close(&blob->fd);
	}
	blob->fd = -1;
}

static enum rd_status check_bytes(
	const struct rd_part *part, struct rd_view bytes, struct rd_error *err)
{
	uint8_t digest[RD_SHA256_SIZE];
	char text[RD_DIGEST_TEXT_LEN + 1] = "sha256:";

	if (part->digest[0] == '\0') {
		return RD_OK;
	}
	RD_TRY(rd_digest_once(RD_SHA256, bytes, digest));
	rd_hex_string(rd_view(digest, sizeof(digest)), text + strlen("sha256:"));
	if (strcmp(text, part->digest) != 0) {
		return rd_fail(err, RD_UNTRUSTED,
			"\"%s\" has the digest %s, not the one that the image states: the image "
			"is damaged or was tampered with",
			part->name, text);
	}
	return RD_OK;
}

enum rd_status rd_store_read(const struct rd_store *store, const struct rd_part *part,
	struct rd_buf *out, struct rd_error *err)
{
	struct rd_blob blob;
	uint8_t *dst;
	enum rd_status st;

	RD_TRY(rd_store_open(store, part->name, &blob, err));
	if (part->size != RD_SIZE_UNKNOWN && blob.size != part->size) {
		st = rd_fail(err, RD_UNTRUSTED, "\"%s\" has %llu bytes, but the image says %llu",
			part->name, (unsigned long long)blob.size, (unsigned long long)part->size);
	} else if (blob.size > out->max - out->used) {
		st = rd_fail(
			err, RD_LIMIT, "\"%s\" is larger than %zu bytes", part->name, out->max);
	} else if (blob.size == 0) {
		st = rd_fail(err, RD_TRUNCATED, "\"%s\" is empty", part->name);
	} else {
		st = rd_buf_reserve(out, blob.size, &dst);
		if (st == RD_OK) {
			st = rd_fd_pread_full(blob.fd, dst, blob.size, blob.offset);
		}
		if (st != RD_OK) {
			st = rd_fail(err, st, "\"%s\" cannot be read: %s", part->name,
				rd_status_text(st));
		}
	}
	rd_store_close(store, &blob);
	RD_TRY(st);
	return check_bytes(part, rd_buf_view(out), err);
}

enum rd_status rd_source_split(
	const char *spec, char **ret_path, const char **ret_tag, struct rd_error *err)
{
	char *path = strdup(spec);

	RD_ENSURE(path != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	*ret_tag = NULL;
	if (access(path, F_OK) != 0) {
		for (size_t i = strcspn(spec, ":"); spec[i] != '\0';
			i += 1 + strcspn(spec + i + 1, ":")) {
			path[i] = '\0';
			if (access(path, F_OK) == 0) {
				*ret_tag = spec + i + 1;
				break;
			}
			path[i] = ':';
		}
	}
	*ret_path = path;
	return RD_OK;
}
