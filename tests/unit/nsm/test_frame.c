/* SPDX-License-Identifier: Apache-2.0 */
/* Framing on a stream: every way to cut it, and what it refuses. */
#include "test.h"

#include "nsm/frame.h"

/* Two messages, "abc" and an empty one, then "z". */
static const uint8_t stream[] = {3, 0, 0, 0, 'a', 'b', 'c', 0, 0, 0, 0, 1, 0, 0, 0, 'z'};

static void expect_three(size_t step)
{
	static const char *const want[] = {"616263", "", "7a"};
	uint8_t storage[8];
	struct rd_nsm_frame_reader r;
	struct rd_view message;
	size_t got = 0;

	rd_nsm_frame_init(&r, storage, sizeof(storage));
	for (size_t at = 0; at < sizeof(stream); at += step) {
		size_t n = sizeof(stream) - at < step ? sizeof(stream) - at : step;
		struct rd_cur in = rd_cur(rd_view(stream + at, n));

		while (in.left > 0) {
			enum rd_status st = rd_nsm_frame_feed(&r, &in, &message);

			if (st == RD_OK) {
				assert_true(got < 3);
				assert_view_hex(message, want[got++]);
				assert_true(rd_nsm_frame_idle(&r));
			} else {
				assert_status(st, RD_AGAIN);
				assert_int_equal(in.left, 0);
				assert_false(rd_nsm_frame_idle(&r));
			}
		}
	}
	assert_int_equal(got, 3);
}

static void messages_arrive_however_the_stream_is_cut(void **state)
{
	(void)state;
	for (size_t step = 1; step <= sizeof(stream); step++) {
		expect_three(step);
	}
}

static void a_message_of_the_maximum_is_taken_one_more_refused(void **state)
{
	const uint8_t fits[] = {2, 0, 0, 0, 'a', 'b'};
	const uint8_t exceeds[] = {3, 0, 0, 0};
	const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1};
	uint8_t storage[2];
	struct rd_nsm_frame_reader r;
	struct rd_view message;
	struct rd_cur in;

	(void)state;
	rd_nsm_frame_init(&r, storage, sizeof(storage));
	in = rd_cur(rd_view(fits, sizeof(fits)));
	assert_ok(rd_nsm_frame_feed(&r, &in, &message));
	assert_int_equal(message.len, 2);
	in = rd_cur(rd_view(exceeds, sizeof(exceeds)));
	assert_status(rd_nsm_frame_feed(&r, &in, &message), RD_LIMIT);
	rd_nsm_frame_init(&r, storage, sizeof(storage));
	in = rd_cur(rd_view(huge, sizeof(huge)));
	assert_status(rd_nsm_frame_feed(&r, &in, &message), RD_LIMIT);
	assert_status(rd_nsm_frame_feed(&r, &in, &message), RD_LIMIT);
}

static void nothing_in_gives_nothing(void **state)
{
	uint8_t storage[2];
	struct rd_nsm_frame_reader r;
	struct rd_cur in = rd_cur(rd_view(NULL, 0));
	struct rd_view message;

	(void)state;
	rd_nsm_frame_init(&r, storage, sizeof(storage));
	assert_true(rd_nsm_frame_idle(&r));
	assert_status(rd_nsm_frame_feed(&r, &in, &message), RD_AGAIN);
}

static void writer_puts_head_and_body_or_nothing(void **state)
{
	uint8_t storage[7];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_status(rd_nsm_frame_put(rd_view_str("abcd"), &out), RD_NOSPACE);
	assert_int_equal(out.used, 0);
	assert_ok(rd_nsm_frame_put(rd_view_str("abc"), &out));
	assert_view_hex(rd_buf_view(&out), "03000000616263");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_however_the_stream_is_cut),
		cmocka_unit_test(a_message_of_the_maximum_is_taken_one_more_refused),
		cmocka_unit_test(nothing_in_gives_nothing),
		cmocka_unit_test(writer_puts_head_and_body_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
