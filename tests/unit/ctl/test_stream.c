/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over a byte stream: read in pieces of any size, and no further than they go. */
#include "test.h"

#include "base/byteorder.h"
#include "ctl/stream.h"

static uint8_t storage[2 * RD_CTL_MESSAGE_MAX];
static struct rd_buf out;
static struct rd_ctl_request request;

static int begin(void **state)
{
	(void)state;
	out = rd_buf_fixed(storage, sizeof(storage));
	rd_ctl_request_init(&request);
	return 0;
}

static enum rd_status feed(size_t step)
{
	struct rd_cur all = rd_cur(rd_buf_view(&out));

	rd_ctl_request_init(&request);
	while (all.left > 0 && request.phase != RD_CTL_REQUEST_WHOLE) {
		size_t n = step < all.left ? step : all.left;
		struct rd_cur piece = rd_cur(rd_view(all.ptr, n));

		RD_TRY(rd_ctl_request_feed(&request, &piece));
		RD_TRY(rd_cur_skip(&all, n - piece.left));
	}
	out.used = all.left; /* what it left */
	return RD_OK;
}

static void put_run(uint64_t size)
{
	static struct rd_ctl_message m = {
		.type = RD_CTL_RUN, .run = {.name = "app", .memory_mib = 512, .cpu_count = 2}};

	begin(NULL);
	assert_ok(rd_ctl_stream_put(&m, &out));
	assert_ok(rd_buf_le64(&out, size));
}

static void run_is_whole_with_the_size_of_its_image(void **state)
{
	static const size_t steps[] = {1, 3, 7, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(steps); i++) {
		put_run(5);
		assert_ok(rd_buf_put_str(&out, ".eif!"));
		assert_ok(feed(steps[i]));
		assert_int_equal(request.phase, RD_CTL_REQUEST_WHOLE);
		assert_int_equal(request.message.type, RD_CTL_RUN);
		assert_string_equal(request.message.run.name, "app");
		assert_int_equal(request.image_size, 5);
		assert_int_equal(out.used, 5); /* the image is not the reader's */
	}
}

static void others_have_no_image(void **state)
{
	struct rd_ctl_message m = {.type = RD_CTL_TERMINATE, .target = {.all = true}};

	(void)state;
	assert_ok(rd_ctl_stream_put(&m, &out));
	assert_ok(feed(1));
	assert_int_equal(request.phase, RD_CTL_REQUEST_WHOLE);
	assert_true(request.message.target.all);
	assert_int_equal(request.image_size, 0);

	m = (struct rd_ctl_message){.type = RD_CTL_RESERVE, .reserve = {.memory_mib = 512}};
	begin(NULL);
	assert_ok(rd_ctl_stream_put(&m, &out));
	assert_ok(feed(1));
	assert_int_equal(request.phase, RD_CTL_REQUEST_WHOLE);
	assert_int_equal(request.message.reserve.memory_mib, 512);
}

static void half_a_request_is_none(void **state)
{
	(void)state;
	put_run(5);
	out.used -= 1;
	assert_ok(feed(SIZE_MAX));
	assert_int_equal(request.phase, RD_CTL_REQUEST_IMAGE);
}

static void refuses_lengths_and_sizes_that_cannot_be(void **state)
{
	(void)state;
	assert_ok(rd_buf_le32(&out, 0));
	assert_status(feed(1), RD_OUT_OF_RANGE);
	begin(NULL);
	assert_ok(rd_buf_le32(&out, RD_CTL_REQUEST_MAX + 1));
	assert_status(feed(1), RD_LIMIT);
	begin(NULL);
	assert_ok(rd_buf_le32(&out, UINT32_MAX));
	assert_status(feed(4), RD_LIMIT);
	put_run(0);
	assert_status(feed(SIZE_MAX), RD_OUT_OF_RANGE);
}

static void a_parent_may_not_end_instances(void **state)
{
	static struct rd_ctl_message m[] = {
		{.type = RD_CTL_INSTANCE_TERMINATE, .instance_target = {.instance_id = "i-1"}},
		{.type = RD_CTL_INSTANCE_DESCRIBE},
		{.type = RD_CTL_INSTANCE_WATCH},
		{.type = RD_CTL_INSTANCE_RUN,
			.instance_run = {.instance_id = "i-1",
				.cpus = 1,
				.memory_mib = 1,
				.image_format = "raw"}},
		{.type = RD_CTL_VMM_TERMINATE},
		{.type = RD_CTL_DONE},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(m); i++) {
		begin(NULL);
		assert_ok(rd_ctl_stream_put(&m[i], &out));
		assert_status(feed(SIZE_MAX), RD_FORBIDDEN);
	}
}

static void refuses_what_is_no_message(void **state)
{
	(void)state;
	assert_ok(rd_buf_le32(&out, 4));
	assert_ok(rd_buf_put_str(&out, "\xff\xff\xff\xff"));
	assert_int_equal(rd_category(feed(1)), RD_CAT_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(run_is_whole_with_the_size_of_its_image, begin),
		cmocka_unit_test_setup(others_have_no_image, begin),
		cmocka_unit_test_setup(half_a_request_is_none, begin),
		cmocka_unit_test_setup(refuses_lengths_and_sizes_that_cannot_be, begin),
		cmocka_unit_test_setup(a_parent_may_not_end_instances, begin),
		cmocka_unit_test_setup(refuses_what_is_no_message, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
