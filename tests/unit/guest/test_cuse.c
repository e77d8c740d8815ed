/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/nsm's CUSE messages, played as the kernel plays them: each pass of an ioctl, the errno of
 * each refusal, and messages that no kernel sends.
 */
#include "test.h"

#include "nsm-cuse/cuse_request.h"

#include <errno.h>
#include <linux/fuse.h>

#define ARG 0x7ffe00001000

struct exchange {
	uint8_t in[CUSE_MESSAGE_MAX];
	uint8_t out[CUSE_REPLY_MAX];
	struct rd_buf message;
	struct rd_buf reply;
	enum cuse_next next;
	struct cuse_call call;
	struct rd_view request;
};

static struct exchange x;

static void begin(uint32_t opcode, size_t body_len)
{
	struct fuse_in_header header = {
		.len = (uint32_t)(sizeof(header) + body_len), .opcode = opcode, .unique = 4711};

	x.message = rd_buf_fixed(x.in, sizeof(x.in));
	x.reply = rd_buf_fixed(x.out, sizeof(x.out));
	assert_ok(rd_buf_put(&x.message, &header, sizeof(header)));
}

static enum rd_status handle(void)
{
	return cuse_handle(rd_buf_view(&x.message), &x.reply, &x.next, &x.call, &x.request);
}

/* The reply's error, its header checked; *ret_body is what follows. */
static int reply_error(struct rd_view *ret_body)
{
	struct rd_cur c = rd_cur(rd_buf_view(&x.reply));
	struct fuse_out_header header;

	assert_ok(rd_cur_copy(&c, &header, sizeof(header)));
	assert_int_equal(header.len, x.reply.used);
	assert_int_equal(header.unique, 4711);
	*ret_body = rd_view(c.ptr, c.left);
	return -header.error;
}

static int bare(uint32_t opcode)
{
	struct rd_view body;

	begin(opcode, 0);
	assert_ok(handle());
	assert_int_equal(x.next, CUSE_REPLY);
	return reply_error(&body);
}

static void ioctl_message(struct fuse_ioctl_in in, struct rd_view data)
{
	begin(FUSE_IOCTL, sizeof(in) + data.len);
	assert_ok(rd_buf_put(&x.message, &in, sizeof(in)));
	assert_ok(rd_buf_put_view(&x.message, data));
	assert_ok(handle());
}

static struct fuse_ioctl_in pass(size_t in_size, size_t out_size)
{
	return (struct fuse_ioctl_in){.flags = FUSE_IOCTL_UNRESTRICTED,
		.cmd = RD_NSM_IOCTL_RAW,
		.arg = ARG,
		.in_size = (uint32_t)in_size,
		.out_size = (uint32_t)out_size};
}

static int ioctl_error(struct fuse_ioctl_in in, struct rd_view data)
{
	struct rd_view body;

	ioctl_message(in, data);
	assert_int_equal(x.next, CUSE_REPLY);
	return reply_error(&body);
}

static void expect_retry(size_t in_count, size_t out_count, const struct fuse_ioctl_iovec *want)
{
	struct fuse_ioctl_out out;
	struct rd_view body;
	struct rd_cur c;

	assert_int_equal(x.next, CUSE_REPLY);
	assert_int_equal(reply_error(&body), 0);
	c = rd_cur(body);
	assert_ok(rd_cur_copy(&c, &out, sizeof(out)));
	assert_int_equal(out.flags, FUSE_IOCTL_RETRY);
	assert_int_equal(out.result, 0);
	assert_int_equal(out.in_iovs, in_count);
	assert_int_equal(out.out_iovs, out_count);
	for (size_t i = 0; i < in_count + out_count; i++) {
		struct fuse_ioctl_iovec iov;

		assert_ok(rd_cur_copy(&c, &iov, sizeof(iov)));
		assert_int_equal(iov.base, want[i].base);
		assert_int_equal(iov.len, want[i].len);
	}
	assert_ok(rd_cur_finish(&c));
}

static struct rd_nsm_raw raw_of(uint64_t req_len, uint64_t resp_len)
{
	return (struct rd_nsm_raw){{0x1111, req_len}, {0x2222, resp_len}};
}

static void init_creates_nsm_with_unrestricted_ioctls(void **state)
{
	struct cuse_init_in in = {.major = 7, .minor = 41, .flags = CUSE_UNRESTRICTED_IOCTL};
	struct cuse_init_out out;
	struct rd_view body;
	struct rd_cur c;

	(void)state;
	begin(CUSE_INIT, sizeof(in));
	assert_ok(rd_buf_put(&x.message, &in, sizeof(in)));
	assert_ok(handle());
	assert_int_equal(reply_error(&body), 0);
	c = rd_cur(body);
	assert_ok(rd_cur_copy(&c, &out, sizeof(out)));
	assert_int_equal(out.major, 7);
	assert_in_range(out.minor, 16, 41);
	assert_int_equal(out.flags, CUSE_UNRESTRICTED_IOCTL);
	assert_int_equal(out.dev_major, 0);
	assert_int_equal(c.left, 12);
	assert_memory_equal(c.ptr, "DEVNAME=nsm", 12);
}

static int init_error(uint32_t major, uint32_t minor, uint32_t flags, size_t len)
{
	struct cuse_init_in in = {.major = major, .minor = minor, .flags = flags};
	struct rd_view body;

	begin(CUSE_INIT, len);
	assert_ok(rd_buf_put(&x.message, &in, len));
	assert_ok(handle());
	return reply_error(&body);
}

static void init_refuses_kernels_it_cannot_serve(void **state)
{
	const size_t whole = sizeof(struct cuse_init_in);

	(void)state;
	assert_int_equal(init_error(7, 16, CUSE_UNRESTRICTED_IOCTL, whole), 0);
	assert_int_equal(init_error(8, 16, CUSE_UNRESTRICTED_IOCTL, whole), EPROTO);
	assert_int_equal(init_error(7, 15, CUSE_UNRESTRICTED_IOCTL, whole), EPROTO);
	assert_int_equal(init_error(7, 16, 0, whole), EPROTO);
	assert_int_equal(init_error(7, 16, CUSE_UNRESTRICTED_IOCTL, whole - 1), EPROTO);
}

static void other_operations_answer_as_the_driver_would(void **state)
{
	struct rd_view body;

	(void)state;
	begin(FUSE_OPEN, 0);
	assert_ok(handle());
	assert_int_equal(reply_error(&body), 0);
	assert_int_equal(body.len, sizeof(struct fuse_open_out));
	assert_int_equal(bare(FUSE_RELEASE), 0);
	assert_int_equal(bare(FUSE_DESTROY), 0);
	assert_int_equal(bare(FUSE_READ), EINVAL);
	assert_int_equal(bare(FUSE_WRITE), EINVAL);
	assert_int_equal(bare(FUSE_POLL), ENOSYS);
	assert_int_equal(bare(FUSE_FLUSH), ENOSYS);
	assert_int_equal(bare(9999), ENOSYS);
}

static void interrupts_and_forgets_get_no_reply(void **state)
{
	static const uint32_t silent[] = {FUSE_INTERRUPT, FUSE_FORGET, FUSE_BATCH_FORGET};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(silent); i++) {
		begin(silent[i], 0);
		assert_ok(handle());
		assert_int_equal(x.next, CUSE_SILENT);
		assert_int_equal(x.reply.used, 0);
	}
}

static void first_pass_asks_for_the_struct(void **state)
{
	const struct fuse_ioctl_iovec want[] = {{ARG, 32}};

	(void)state;
	ioctl_message(pass(0, 0), rd_view(NULL, 0));
	expect_retry(1, 0, want);
}

static void second_pass_asks_for_the_buffers(void **state)
{
	struct rd_nsm_raw raw = raw_of(10, 0x3000);
	const struct fuse_ioctl_iovec want[] = {
		{ARG, 32}, {0x1111, 10}, {ARG, 32}, {0x2222, 0x3000}};

	(void)state;
	ioctl_message(pass(32, 0), rd_view(&raw, 32));
	expect_retry(2, 2, want);
}

static void large_response_buffers_are_clamped_not_refused(void **state)
{
	struct rd_nsm_raw raw = raw_of(0x1000, UINT64_MAX);
	const struct fuse_ioctl_iovec want[] = {
		{ARG, 32}, {0x1111, 0x1000}, {ARG, 32}, {0x2222, 0x3000}};

	(void)state;
	ioctl_message(pass(32, 0), rd_view(&raw, 32));
	expect_retry(2, 2, want);
}

static void empty_buffers_are_left_out(void **state)
{
	struct rd_nsm_raw raw = raw_of(0, 0);
	const struct fuse_ioctl_iovec want[] = {{ARG, 32}, {ARG, 32}};

	(void)state;
	ioctl_message(pass(32, 0), rd_view(&raw, 32));
	expect_retry(1, 1, want);
}

static void requests_over_4096_bytes_are_emsgsize(void **state)
{
	struct rd_nsm_raw raw = raw_of(0x1001, 0x3000);

	(void)state;
	assert_int_equal(ioctl_error(pass(32, 0), rd_view(&raw, 32)), EMSGSIZE);
	raw = raw_of(UINT64_MAX, 0x3000);
	assert_int_equal(ioctl_error(pass(32, 0), rd_view(&raw, 32)), EMSGSIZE);
}

static void other_commands_are_einval_in_every_pass(void **state)
{
	static const uint32_t cmds[] = {0xc0100a00 /* 32-bit iovecs */, 0xc0200a01, 0x5401, 0};
	struct rd_nsm_raw raw = raw_of(10, 10);

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cmds); i++) {
		struct fuse_ioctl_in in = pass(0, 0);

		in.cmd = cmds[i];
		assert_int_equal(ioctl_error(in, rd_view(NULL, 0)), EINVAL);
		in.flags |= FUSE_IOCTL_COMPAT;
		assert_int_equal(ioctl_error(in, rd_view(NULL, 0)), EINVAL);
		in.in_size = 32;
		assert_int_equal(ioctl_error(in, rd_view(&raw, 32)), EINVAL);
	}
}

/* The struct has 64-bit fields everywhere, so a 32-bit program's right command works. */
static void a_32_bit_caller_is_served_within_its_addresses(void **state)
{
	struct rd_nsm_raw raw = raw_of(10, 10);
	const struct fuse_ioctl_iovec want[] = {
		{0x5000, 32}, {0x1111, 10}, {0x5000, 32}, {0x2222, 10}};
	struct fuse_ioctl_in in = pass(32, 0);

	(void)state;
	in.flags |= FUSE_IOCTL_COMPAT | FUSE_IOCTL_32BIT;
	in.arg = 0x5000;
	ioctl_message(in, rd_view(&raw, 32));
	expect_retry(2, 2, want);
	raw.request.addr = UINT64_C(1) << 32;
	assert_int_equal(ioctl_error(in, rd_view(&raw, 32)), EFAULT);
	raw = raw_of(10, 10);
	raw.response.addr = UINT64_C(1) << 32;
	assert_int_equal(ioctl_error(in, rd_view(&raw, 32)), EFAULT);
}

/* Struct and request in one, as the kernel hands them over. */
static void third_pass(size_t request_len, size_t capacity)
{
	struct rd_nsm_raw raw = raw_of(request_len, capacity);
	uint8_t data[32 + RD_NSM_REQUEST_MAX] = {0};

	memcpy(data, &raw, 32);
	memset(data + 32, 'r', request_len);
	ioctl_message(pass(32 + request_len, 32 + capacity), rd_view(data, 32 + request_len));
}

static void third_pass_forwards(void **state)
{
	(void)state;
	third_pass(10, 278);
	assert_int_equal(x.next, CUSE_FORWARD);
	assert_int_equal(x.request.len, 10);
	assert_int_equal(x.request.ptr[9], 'r');
	assert_int_equal(x.call.capacity, 278);
	assert_int_equal(x.call.unique, 4711);
	third_pass(0, 0);
	assert_int_equal(x.next, CUSE_FORWARD);
	assert_int_equal(x.request.len, 0);
	assert_non_null(x.request.ptr);
	third_pass(RD_NSM_REQUEST_MAX, RD_NSM_RESPONSE_MAX);
	assert_int_equal(x.next, CUSE_FORWARD);
	assert_int_equal(x.request.len, RD_NSM_REQUEST_MAX);
}

/* What the caller wrote into its struct since the second pass changes addresses' text, no size. */
static void sizes_are_the_kernels_not_the_structs(void **state)
{
	struct rd_nsm_raw raw = raw_of(0xffffffff, 0xffffffff);
	uint8_t data[40];

	(void)state;
	memcpy(data, &raw, 32);
	memset(data + 32, 'r', 8);
	ioctl_message(pass(40, 32 + 5), rd_view(data, 40));
	assert_int_equal(x.next, CUSE_FORWARD);
	assert_int_equal(x.request.len, 8);
	assert_int_equal(x.call.capacity, 5);
}

static void third_pass_refuses_what_was_not_asked_for(void **state)
{
	static uint8_t data[32 + RD_NSM_REQUEST_MAX + 1];

	(void)state;
	assert_int_equal(ioctl_error(pass(32, 31), rd_view(data, 32)), EIO);
	assert_int_equal(ioctl_error(pass(31, 32), rd_view(data, 31)), EIO);
	assert_int_equal(ioctl_error(pass(0, 32), rd_view(NULL, 0)), EIO);
	assert_int_equal(ioctl_error(pass(31, 0), rd_view(data, 31)), EIO);
	assert_int_equal(ioctl_error(pass(sizeof(data), 64), rd_view(data, sizeof(data))), EIO);
	assert_int_equal(
		ioctl_error(pass(32, 32 + RD_NSM_RESPONSE_MAX + 1), rd_view(data, 32)), EIO);
	assert_int_equal(ioctl_error(pass(33, 64), rd_view(data, 32)), EIO);
}

static void expect_final(const char *response, size_t want_len)
{
	struct fuse_ioctl_out out;
	struct rd_nsm_raw raw;
	struct rd_view body;
	struct rd_cur c;

	x.reply = rd_buf_fixed(x.out, sizeof(x.out));
	assert_ok(cuse_finish(&x.call, rd_view_str(response), &x.reply));
	assert_int_equal(reply_error(&body), 0);
	c = rd_cur(body);
	assert_ok(rd_cur_copy(&c, &out, sizeof(out)));
	assert_int_equal(out.result, 0);
	assert_int_equal(out.flags, 0);
	assert_ok(rd_cur_copy(&c, &raw, sizeof(raw)));
	assert_int_equal(raw.request.addr, 0x1111);
	assert_int_equal(raw.response.addr, 0x2222);
	assert_int_equal(raw.response.len, want_len);
	assert_int_equal(c.left, want_len);
	if (want_len > 0) {
		assert_memory_equal(c.ptr, response, want_len);
	}
}

static void responses_are_cut_and_their_length_written_back(void **state)
{
	(void)state;
	third_pass(10, 278);
	expect_final("gLockPCR", 8);
	third_pass(10, 8);
	expect_final("gLockPCR", 8);
	third_pass(10, 3);
	expect_final("gLockPCR", 3);
	third_pass(10, 0);
	expect_final("gLockPCR", 0);
	third_pass(10, 8);
	expect_final("", 0);
}

static void failures_carry_their_errno(void **state)
{
	struct rd_view body;

	(void)state;
	x.reply = rd_buf_fixed(x.out, sizeof(x.out));
	assert_ok(cuse_error(4711, ETIMEDOUT, &x.reply));
	assert_int_equal(reply_error(&body), ETIMEDOUT);
	assert_int_equal(body.len, 0);
}

static void messages_without_a_usable_header_are_refused(void **state)
{
	(void)state;
	begin(FUSE_OPEN, 0);
	x.message.used--;
	assert_status(handle(), RD_TRUNCATED);
	x.message.used = 0;
	assert_status(handle(), RD_TRUNCATED);
	begin(FUSE_OPEN, 1);
	assert_status(handle(), RD_MALFORMED);
	begin(FUSE_IOCTL, 0);
	assert_ok(rd_buf_u8(&x.message, 0));
	assert_status(handle(), RD_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_creates_nsm_with_unrestricted_ioctls),
		cmocka_unit_test(init_refuses_kernels_it_cannot_serve),
		cmocka_unit_test(other_operations_answer_as_the_driver_would),
		cmocka_unit_test(interrupts_and_forgets_get_no_reply),
		cmocka_unit_test(first_pass_asks_for_the_struct),
		cmocka_unit_test(second_pass_asks_for_the_buffers),
		cmocka_unit_test(large_response_buffers_are_clamped_not_refused),
		cmocka_unit_test(empty_buffers_are_left_out),
		cmocka_unit_test(requests_over_4096_bytes_are_emsgsize),
		cmocka_unit_test(other_commands_are_einval_in_every_pass),
		cmocka_unit_test(a_32_bit_caller_is_served_within_its_addresses),
		cmocka_unit_test(third_pass_forwards),
		cmocka_unit_test(sizes_are_the_kernels_not_the_structs),
		cmocka_unit_test(third_pass_refuses_what_was_not_asked_for),
		cmocka_unit_test(responses_are_cut_and_their_length_written_back),
		cmocka_unit_test(failures_carry_their_errno),
		cmocka_unit_test(messages_without_a_usable_header_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
