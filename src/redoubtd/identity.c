/* SPDX-License-Identifier: Apache-2.0 */
/* The instance id. */
#include "redoubtd/identity.h"

#include "base/text.h"
#include "crypto/random.h"
#include "os/fd.h"
#include "os/file.h"

#include <fcntl.h>
#include <string.h>

/* EC2 writes the instance id there; other vendors write all kinds of things. */
#define ASSET_TAG "/sys/devices/virtual/dmi/id/board_asset_tag"
/* A sysfs attribute is at most a page. */
#define ASSET_TAG_MAX 4096

static const char id_file[] = "instance_id";

bool rd_instance_id_valid(const char *id)
{
	size_t len = strlen(id);

	return (len == 10 || len == 19) && strncmp(id, "i-", 2) == 0 &&
	       strspn(id + 2, "0123456789abcdef") == len - 2;
}

bool rd_region_valid(const char *region)
{
	size_t len = strlen(region);

	return len > 0 && len <= RD_REGION_MAX &&
	       strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Into ret if the bytes, white space cut off at their end, are an instance id. */
static bool take_id(struct rd_view bytes, char ret[RD_INSTANCE_ID_MAX + 1])
{
	size_t len = bytes.len;

	while (len > 0 && (bytes.ptr[len - 1] == '\n' || bytes.ptr[len - 1] == ' ')) {
		len--;
	}
	if (len == 0 || len > RD_INSTANCE_ID_MAX) {
		return false;
	}
	memcpy(ret, bytes.ptr, len);
	ret[len] = '\0';
	return rd_instance_id_valid(ret);
}

static bool from_firmware(char ret[RD_INSTANCE_ID_MAX + 1])
{
	uint8_t storage[ASSET_TAG_MAX];
	struct rd_buf buf = rd_buf_fixed(storage, sizeof(storage));
	int fd RD_CLEANUP(rd_fd_close) = open(ASSET_TAG, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && rd_fd_read_all(fd, &buf) == RD_OK && take_id(rd_buf_view(&buf), ret);
}

static enum rd_status make_id(int state_fd, char ret[RD_INSTANCE_ID_MAX + 1], struct rd_error *err)
{
	uint8_t random[9];
	char hex[2 * sizeof(random) + 1];
	char id[RD_INSTANCE_ID_MAX + 1] = "i-";

	if (rd_random_bytes(random, sizeof(random)) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "no random bytes for the instance id");
	}
	rd_hex_string(rd_view(random, sizeof(random)), hex);
	memcpy(id + 2, hex, RD_INSTANCE_ID_MAX - 2);
	RD_TRY(rd_file_replace(state_fd, id_file, rd_view_str(id), 0644, err));
	memcpy(ret, id, sizeof(id));
	return RD_OK;
}

enum rd_status rd_identity_load(
	int state_fd, char ret[RD_INSTANCE_ID_MAX + 1], struct rd_error *err)
{
	uint8_t storage[64];
	struct rd_buf buf = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st;

	if (from_firmware(ret)) {
		return RD_OK;
	}
	st = rd_file_load(state_fd, id_file, &buf, err);
	if (st == RD_NOTFOUND) {
		return make_id(state_fd, ret, err);
	}
	RD_TRY(st);
	if (!take_id(rd_buf_view(&buf), ret)) {
		return rd_fail(err, RD_MALFORMED,
			"%s in the state directory is not an instance id: remove it to get a new one",
			id_file);
	}
	return RD_OK;
}
