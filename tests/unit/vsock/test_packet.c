/* SPDX-License-Identifier: Apache-2.0 */
/* The vsock header, byte for byte (virtio 1.2, section 5.10.6). */
#include "test.h"

#include "vsock/packet.h"

#define EXAMPLE                                                                                    \
	"1000000000000000"                                                                         \
	"0300000000000000"                                                                         \
	"04030201"                                                                                 \
	"28230000"                                                                                 \
	"05000000"                                                                                 \
	"0100"                                                                                     \
	"0500"                                                                                     \
	"02000000"                                                                                 \
	"00000400"                                                                                 \
	"0d0c0b0a"

static const struct rd_vsock_header example = {
	.src_cid = 16,
	.dst_cid = 3,
	.src_port = 0x01020304,
	.dst_port = 9000,
	.len = 5,
	.type = RD_VSOCK_TYPE_STREAM,
	.op = RD_VSOCK_OP_RW,
	.flags = RD_VSOCK_SHUT_SEND,
	.buf_alloc = 262144,
	.fwd_cnt = 0x0a0b0c0d,
};

static void header_has_the_specified_bytes(void **state)
{
	uint8_t bytes[RD_VSOCK_HEADER_SIZE];

	(void)state;
	rd_vsock_header_encode(&example, bytes);
	assert_view_hex(rd_view(bytes, sizeof(bytes)), EXAMPLE);
}

static void header_reads_back(void **state)
{
	uint8_t bytes[RD_VSOCK_HEADER_SIZE];
	struct rd_vsock_header h;

	(void)state;
	rd_vsock_header_encode(&example, bytes);
	assert_ok(rd_vsock_header_decode(rd_view(bytes, sizeof(bytes)), &h));
	assert_memory_equal(&h, &example, sizeof(h));
}

static void header_has_one_length(void **state)
{
	uint8_t bytes[RD_VSOCK_HEADER_SIZE + 1] = {0};
	struct rd_vsock_header h;

	(void)state;
	assert_status(rd_vsock_header_decode(rd_view(bytes, 43), &h), RD_TRUNCATED);
	assert_status(rd_vsock_header_decode(rd_view(bytes, 0), &h), RD_TRUNCATED);
	assert_status(rd_vsock_header_decode(rd_view(bytes, 45), &h), RD_TRAILING);
}

static void reserved_bits_of_cids_are_refused(void **state)
{
	uint8_t bytes[RD_VSOCK_HEADER_SIZE];
	struct rd_vsock_header h;

	(void)state;
	for (size_t at = 4; at < 16; at++) {
		rd_vsock_header_encode(&example, bytes);
		bytes[at] = 1;
		assert_status(rd_vsock_header_decode(rd_view(bytes, sizeof(bytes)), &h),
			at < 8 || at >= 12 ? RD_OUT_OF_RANGE : RD_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_has_the_specified_bytes),
		cmocka_unit_test(header_reads_back),
		cmocka_unit_test(header_has_one_length),
		cmocka_unit_test(reserved_bits_of_cids_are_refused),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
