/* SPDX-License-Identifier: Apache-2.0 */
/* The last DNS answer under a clock of the test's own, and the brake on log lines. */
#include "test.h"

#include "vsock-proxy/cache.h"

static struct rd_dns_answer answer(bool v6, uint8_t last, uint32_t ttl_s)
{
	struct rd_dns_answer a = {.ttl_s = ttl_s, .count = 1};

	a.addresses[0].v6 = v6;
	a.addresses[0].bytes[v6 ? 15 : 3] = last;
	return a;
}

static void holds_for_the_shorter_ttl(void **state)
{
	struct rd_cache cache = {0};
	struct rd_dns_answer v4 = answer(false, 4, 60);
	struct rd_dns_answer v6 = answer(true, 6, 30);

	(void)state;
	assert_status(rd_cache_get(&cache, 0), RD_AGAIN);
	rd_cache_put(&cache, &v4, &v6, 1000);
	assert_status(rd_cache_get(&cache, 1000), RD_OK);
	assert_int_equal(cache.count, 2);
	assert_false(cache.addresses[0].v6);
	assert_true(cache.addresses[1].v6);
	assert_status(rd_cache_get(&cache, 30999), RD_OK);
	assert_status(rd_cache_get(&cache, 31000), RD_AGAIN);
}

static void bounds_the_ttl(void **state)
{
	struct rd_cache cache = {0};
	struct rd_dns_answer none = answer(false, 4, 0);
	struct rd_dns_answer ages = answer(false, 4, UINT32_MAX);

	(void)state;
	rd_cache_put(&cache, &none, NULL, 0);
	assert_status(rd_cache_get(&cache, RD_CACHE_TTL_MIN_S * 1000 - 1), RD_OK);
	assert_status(rd_cache_get(&cache, RD_CACHE_TTL_MIN_S * 1000), RD_AGAIN);
	rd_cache_put(&cache, &ages, NULL, 0);
	assert_status(rd_cache_get(&cache, RD_CACHE_TTL_MAX_S * 1000 - 1), RD_OK);
	assert_status(rd_cache_get(&cache, RD_CACHE_TTL_MAX_S * 1000), RD_AGAIN);
}

static void one_family_is_enough(void **state)
{
	struct rd_cache cache = {0};
	struct rd_dns_answer v4 = {.status = RD_TIMEOUT};
	struct rd_dns_answer v6 = answer(true, 6, 5);

	(void)state;
	rd_cache_put(&cache, &v4, &v6, 0);
	assert_status(rd_cache_get(&cache, 4999), RD_OK);
	assert_int_equal(cache.count, 1);
	assert_true(cache.addresses[0].v6);
}

static void remembers_a_failure_for_a_moment(void **state)
{
	struct rd_cache cache = {0};
	struct rd_dns_answer none = {.status = RD_NOTFOUND};
	struct rd_dns_answer silent = {.status = RD_TIMEOUT};

	(void)state;
	rd_cache_put(&cache, &none, &silent, 0);
	assert_status(rd_cache_get(&cache, RD_CACHE_FAILED_MS - 1), RD_TIMEOUT);
	assert_status(rd_cache_get(&cache, RD_CACHE_FAILED_MS), RD_AGAIN);
	rd_cache_put(&cache, &silent, &none, 0);
	assert_status(rd_cache_get(&cache, 0), RD_TIMEOUT);
	rd_cache_put(&cache, &none, &none, 0);
	assert_status(rd_cache_get(&cache, 0), RD_NOTFOUND);
	rd_cache_put(&cache, NULL, &none, 0);
	assert_status(rd_cache_get(&cache, 0), RD_NOTFOUND);
	assert_int_equal(cache.count, 0);
}

static void a_failure_replaces_the_answer(void **state)
{
	struct rd_cache cache = {0};
	struct rd_dns_answer good = answer(false, 4, 1);
	struct rd_dns_answer bad = {.status = RD_IO};

	(void)state;
	rd_cache_put(&cache, &good, NULL, 0);
	rd_cache_put(&cache, &bad, NULL, 1000);
	assert_status(rd_cache_get(&cache, 1000), RD_IO);
	rd_cache_clear(&cache);
	assert_status(rd_cache_get(&cache, 1000), RD_AGAIN);
}

static void holds_full_answers(void **state)
{
	struct rd_cache cache = {0};
	struct rd_dns_answer v4 = answer(false, 4, 1);
	struct rd_dns_answer v6 = answer(true, 6, 1);

	(void)state;
	v4.count = RD_DNS_ADDRESSES_MAX;
	v6.count = RD_DNS_ADDRESSES_MAX;
	rd_cache_put(&cache, &v4, &v6, 0);
	assert_int_equal(cache.count, RD_CACHE_ADDRESSES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_for_the_shorter_ttl),
		cmocka_unit_test(bounds_the_ttl),
		cmocka_unit_test(one_family_is_enough),
		cmocka_unit_test(remembers_a_failure_for_a_moment),
		cmocka_unit_test(a_failure_replaces_the_answer),
		cmocka_unit_test(holds_full_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
