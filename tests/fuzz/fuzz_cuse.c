/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message from /dev/cuse: a reply that the kernel would take, or none. */
#include "nsm-cuse/cuse_request.h"

#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const struct rd_buf *reply)
{
	struct fuse_out_header header;

	if (reply->used < sizeof(header)) {
		abort();
	}
	memcpy(&header, reply->ptr, sizeof(header));
	/* What fuse_dev_do_write() insists on. */
	if (header.len != reply->used || header.error > 0 || header.error <= -1000 ||
		(header.error != 0 && header.len != sizeof(header))) {
		abort();
	}
}

static void handle(struct rd_view message)
{
	static uint8_t storage[CUSE_REPLY_MAX];
	struct rd_buf reply = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view request;
	struct cuse_call call;
	enum cuse_next next;

	if (cuse_handle(message, &reply, &next, &call, &request) != RD_OK || next == CUSE_SILENT) {
		return;
	}
	if (next == CUSE_FORWARD) {
		if (request.len > RD_NSM_REQUEST_MAX ||
			cuse_finish(&call, request, &reply) != RD_OK) {
			abort();
		}
	}
	check_reply(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t message[CUSE_MESSAGE_MAX];
	uint32_t len = (uint32_t)size;

	if (size > sizeof(message)) {
		return 0;
	}
	if (size > 0) {
		memcpy(message, data, size);
	}
	handle(rd_view(message, size));
	/* With the length that the kernel would have put there, to get beyond the first check. */
	if (size >= sizeof(struct fuse_in_header)) {
		memcpy(message, &len, sizeof(len));
		handle(rd_view(message, size));
	}
	return 0;
}
