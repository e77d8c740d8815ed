/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's key, and what is made with it. Each use has a label: none is another one's. */
#include "gateway/secrets.h"

#include "base/secret.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define KEY_FILE  "gateway.key"
#define TEMPORARY "gateway.key.new"
#define KEY_MODE  0600

/* Whole or not at all, after a power cut, too. */
static enum rd_status write_key(int dir, const struct gw_secrets *secrets)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	(void)unlinkat(dir, TEMPORARY, 0);
	fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, KEY_MODE);
	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	RD_TRY(rd_fd_write_full(fd, rd_view(secrets->key, sizeof(secrets->key))));
	if (fsync(fd) != 0 || renameat(dir, TEMPORARY, dir, KEY_FILE) != 0 || fsync(dir) != 0) {
		return rd_status_from_errno(errno);
	}
	return RD_OK;
}

static enum rd_status make_key(int dir, struct gw_secrets *ret, struct rd_error *err)
{
	enum rd_status st = rd_random_bytes(ret->key, sizeof(ret->key));

	st = st == RD_OK ? write_key(dir, ret) : st;
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "cannot make " KEY_FILE ": %s", rd_status_text(st));
}

enum rd_status gw_secrets_open(int state_dir, struct gw_secrets *ret, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = openat(state_dir, KEY_FILE, O_RDONLY | O_CLOEXEC);
	uint64_t size = 0;

	if (fd < 0 && errno == ENOENT) {
		return make_key(state_dir, ret, err);
	}
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open " KEY_FILE);
	}
	if (rd_fd_size(fd, &size) != RD_OK || size != sizeof(ret->key) ||
		rd_fd_read_full(fd, ret->key, sizeof(ret->key)) != RD_OK) {
		return rd_fail(err, RD_MALFORMED,
			KEY_FILE " is not a key of %zu bytes: bring it back from a backup",
			sizeof(ret->key));
	}
	return RD_OK;
}

static enum rd_status labelled(const struct gw_secrets *secrets, const char *label,
	struct rd_view data, uint8_t ret[RD_SHA256_SIZE])
{
	/* With its NUL: no label is the beginning of another one and its data. */
	const struct rd_view views[] = {rd_view(label, strlen(label) + 1), data};

	return rd_hmac_views(RD_HMAC_SHA256, rd_view(secrets->key, sizeof(secrets->key)), views,
		RD_ARRAY_LEN(views), ret);
}

enum rd_status gw_card_digest(
	const struct gw_secrets *secrets, const char *pan, struct gw_digest *ret)
{
	return labelled(secrets, "card", rd_view_str(pan), ret->bytes);
}

enum rd_status gw_request_digest(const struct gw_secrets *secrets,
	const struct pay_gateway_request *request, struct gw_digest *ret)
{
	struct pay_gateway_request plain = *request;
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st;

	rd_wipe(plain.cvv, sizeof(plain.cvv));
	pay_gateway_time(0, plain.stamp.sent);
	st = pay_gateway_request_encode(&plain, &out);
	st = st == RD_OK ? labelled(secrets, "request", rd_buf_view(&out), ret->bytes) : st;
	rd_wipe(storage, sizeof(storage));
	rd_wipe(&plain, sizeof(plain));
	return st;
}

enum rd_status gw_auth_code(const struct gw_secrets *secrets, const char *rrn, char ret[6 + 1])
{
	static const char letters[] = "0123456789ABCDEFGHJKLMNPQRSTUVWX";
	uint8_t bytes[RD_SHA256_SIZE];

	RD_TRY(labelled(secrets, "authorisation", rd_view_str(rrn), bytes));
	for (size_t i = 0; i < 6; i++) {
		ret[i] = letters[bytes[i] % (sizeof(letters) - 1)];
	}
	ret[6] = '\0';
	return RD_OK;
}
