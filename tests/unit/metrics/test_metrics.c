/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about counted calls and the text that is written of them. */
#include "test.h"

#include "metrics/calls.h"

#include <pthread.h>

#define THREADS 4
#define EACH    20000

enum { READ, WRITE, NONE, OPERATIONS };
enum { OK, DENIED, OUTCOMES };

static const uint64_t edges_us[] = {100, 250000, 5000000};

static const char *operation(size_t i)
{
	static const char *const names[OPERATIONS] = {"Read", "Write", "None"};

	return names[i];
}

static const char *outcome(size_t i)
{
	static const char *const names[OUTCOMES] = {"OK", "Denied"};

	return names[i];
}

static struct rd_metrics_calls *calls;
static char page[4096];

static int set_up(void **state)
{
	const struct rd_metrics_calls_config config = {
		.operations = OPERATIONS,
		.operation = operation,
		.outcomes = OUTCOMES,
		.outcome = outcome,
		.edges_us = edges_us,
		.n_edges = RD_ARRAY_LEN(edges_us),
		.help = "Calls.",
	};

	(void)state;
	return rd_metrics_calls_new(&config, &calls) == RD_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	rd_metrics_calls_free(&calls);
	assert_null(calls);
	rd_metrics_calls_free(&calls);
	return 0;
}

static const char *written(void)
{
	struct rd_buf out = rd_buf_fixed(page, sizeof(page) - 1);
	const struct rd_metrics_text text = {.out = &out, .prefix = "a_b_"};

	assert_ok(rd_metrics_calls_put(calls, &text));
	page[out.used] = '\0';
	return page;
}

#define TOTAL_HEAD "# HELP a_b_requests_total Calls.\n# TYPE a_b_requests_total counter\n"
#define SECONDS_HEAD                                                                               \
	"# HELP a_b_request_seconds Time from a request's last byte to its answer.\n"              \
	"# TYPE a_b_request_seconds histogram\n"

static void what_never_was_has_no_sample(void **state)
{
	(void)state;
	assert_string_equal(written(), TOTAL_HEAD SECONDS_HEAD);
}

/* An edge belongs to its bucket; what is above all edges is in the last one alone. */
static void the_page_is_this_to_the_letter(void **state)
{
	(void)state;
	rd_metrics_calls_count(calls, WRITE, DENIED, 0);
	rd_metrics_calls_count(calls, WRITE, OK, 100);
	rd_metrics_calls_count(calls, WRITE, OK, 101);
	rd_metrics_calls_count(calls, WRITE, OK, 5000000);
	rd_metrics_calls_count(calls, NONE, DENIED, 5000001);
	assert_string_equal(written(), TOTAL_HEAD
		"a_b_requests_total{operation=\"Write\",outcome=\"OK\"} 3\n"
		"a_b_requests_total{operation=\"Write\",outcome=\"Denied\"} 1\n"
		"a_b_requests_total{operation=\"None\",outcome=\"Denied\"} 1\n" SECONDS_HEAD
		"a_b_request_seconds_bucket{operation=\"Write\",le=\"0.0001\"} 2\n"
		"a_b_request_seconds_bucket{operation=\"Write\",le=\"0.25\"} 3\n"
		"a_b_request_seconds_bucket{operation=\"Write\",le=\"5\"} 4\n"
		"a_b_request_seconds_bucket{operation=\"Write\",le=\"+Inf\"} 4\n"
		"a_b_request_seconds_sum{operation=\"Write\"} 5.000201\n"
		"a_b_request_seconds_count{operation=\"Write\"} 4\n"
		"a_b_request_seconds_bucket{operation=\"None\",le=\"0.0001\"} 0\n"
		"a_b_request_seconds_bucket{operation=\"None\",le=\"0.25\"} 0\n"
		"a_b_request_seconds_bucket{operation=\"None\",le=\"5\"} 0\n"
		"a_b_request_seconds_bucket{operation=\"None\",le=\"+Inf\"} 1\n"
		"a_b_request_seconds_sum{operation=\"None\"} 5.000001\n"
		"a_b_request_seconds_count{operation=\"None\"} 1\n");
}

static void *count_many(void *unused)
{
	for (int i = 0; i < EACH; i++) {
		rd_metrics_calls_count(calls, READ, OK, 1);
	}
	return unused;
}

static void threads_that_count_at_once_lose_nothing(void **state)
{
	pthread_t threads[THREADS];
	char want[128];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, NULL), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	snprintf(want, sizeof(want), "{operation=\"Read\",outcome=\"OK\"} %d\n", THREADS * EACH);
	assert_non_null(strstr(written(), want));
	snprintf(want, sizeof(want), "_bucket{operation=\"Read\",le=\"0.0001\"} %d\n",
		THREADS * EACH);
	assert_non_null(strstr(written(), want));
	snprintf(want, sizeof(want), "_sum{operation=\"Read\"} %.6f\n", THREADS * EACH / 1e6);
	assert_non_null(strstr(written(), want));
}

static void a_page_without_room_is_refused(void **state)
{
	size_t whole;

	(void)state;
	rd_metrics_calls_count(calls, READ, OK, 1);
	whole = strlen(written());
	for (size_t room = 0; room < whole; room++) {
		struct rd_buf out = rd_buf_growable(room);
		const struct rd_metrics_text text = {.out = &out, .prefix = "a_b_"};

		assert_status(rd_metrics_calls_put(calls, &text), RD_NOSPACE);
		rd_buf_finish(&out);
	}
}

static void single_metrics_and_samples_are_these(void **state)
{
	struct rd_buf out = rd_buf_fixed(page, sizeof(page) - 1);
	const struct rd_metrics_text text = {.out = &out, .prefix = "a_b_"};

	(void)state;
	assert_ok(rd_metrics_one(&text, "hits_total", "counter", "Found.", UINT64_MAX));
	assert_ok(rd_metrics_head(&text, "waiting", "gauge", "Wait."));
	assert_ok(rd_metrics_sample(&text, "waiting", "lane", "reads", 7));
	assert_ok(rd_metrics_sample(&text, "waiting", "lane", "writes", 0));
	page[out.used] = '\0';
	assert_string_equal(page,
		"# HELP a_b_hits_total Found.\n# TYPE a_b_hits_total counter\n"
		"a_b_hits_total 18446744073709551615\n"
		"# HELP a_b_waiting Wait.\n# TYPE a_b_waiting gauge\n"
		"a_b_waiting{lane=\"reads\"} 7\na_b_waiting{lane=\"writes\"} 0\n");
}

#define LIVE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(what_never_was_has_no_sample),
		LIVE(the_page_is_this_to_the_letter),
		LIVE(threads_that_count_at_once_lose_nothing),
		LIVE(a_page_without_room_is_refused),
		cmocka_unit_test(single_metrics_and_samples_are_these),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
