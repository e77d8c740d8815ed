/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of segment lists: the bytes of a descriptor chain, however the guest cut them up. */
#include "virtio/queue.h"

#include <string.h>

size_t rd_iov_slice(const struct iovec *in, size_t in_count, size_t offset, size_t len,
	struct iovec *out, size_t *ret_len)
{
	size_t n = 0;
	size_t total = 0;

	for (size_t i = 0; i < in_count && total < len; i++) {
		size_t part;

		if (offset >= in[i].iov_len) {
			offset -= in[i].iov_len;
			continue;
		}
		part = in[i].iov_len - offset;
		part = part < len - total ? part : len - total;
		out[n].iov_base = (uint8_t *)in[i].iov_base + offset;
		out[n].iov_len = part;
		n++;
		total += part;
		offset = 0;
	}
	*ret_len = total;
	return n;
}

size_t rd_iov_bytes(const struct iovec *iov, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		total += iov[i].iov_len;
	}
	return total;
}

size_t rd_iov_copy_out(const struct iovec *in, size_t count, size_t offset, void *dst, size_t len)
{
	uint8_t *to = dst;
	size_t total = 0;

	for (size_t i = 0; i < count && total < len; i++) {
		struct iovec part;
		size_t got;

		if (rd_iov_slice(&in[i], 1, offset, len - total, &part, &got) == 0) {
			offset -= in[i].iov_len;
			continue;
		}
		memcpy(to + total, part.iov_base, got);
		total += got;
		offset = 0;
	}
	return total;
}

size_t rd_iov_copy_in(
	const struct iovec *out, size_t count, size_t offset, const void *src, size_t len)
{
	const uint8_t *from = src;
	size_t total = 0;

	for (size_t i = 0; i < count && total < len; i++) {
		struct iovec part;
		size_t got;

		if (rd_iov_slice(&out[i], 1, offset, len - total, &part, &got) == 0) {
			offset -= out[i].iov_len;
			continue;
		}
		memcpy(part.iov_base, from + total, got);
		total += got;
		offset = 0;
	}
	return total;
}
