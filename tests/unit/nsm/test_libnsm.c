/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnsm against a real NSM: the linker turns its ioctl() into ours, which does what the kernel
 * driver does and hands the request to the device in this process.
 */
#include "test.h"

#include "libnsm/nsm.h"
#include "model.h"
#include "nsm/uapi.h"

#include <errno.h>

#define FD 77

static struct {
	struct model m;
	unsigned calls;
	int fails;          /* errno, or 0 */
	const char *answer; /* hex, instead of the device's */
} device;

int __wrap_ioctl(int fd, unsigned long request, void *arg);

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct rd_nsm_raw *raw = arg;
	uint8_t storage[RD_NSM_RESPONSE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	assert_int_equal(fd, FD);
	assert_int_equal(request, 0xc0200a00);
	device.calls++;
	if (device.fails != 0) {
		errno = device.fails;
		return -1;
	}
	if (device.answer != NULL) {
		assert_ok(rd_hex_decode(rd_view_str(device.answer), &out));
	} else {
		assert_ok(rd_nsm_handle(&device.m.nsm,
			rd_view((const void *)(uintptr_t)raw->request.addr, raw->request.len),
			&out));
	}
	raw->response.len = out.used < raw->response.len ? out.used : raw->response.len;
	memcpy((void *)(uintptr_t)raw->response.addr, storage, raw->response.len);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	memset(&device, 0, sizeof(device));
	return model_init(&device.m) == RD_OK ? 0 : -1;
}

static void layout_is_that_of_the_original(void **state)
{
	(void)state;
	assert_int_equal(sizeof(NsmDescription), 252);
	assert_int_equal(offsetof(NsmDescription, module_id), 6);
	assert_int_equal(offsetof(NsmDescription, module_id_len), 108);
	assert_int_equal(offsetof(NsmDescription, max_pcrs), 112);
	assert_int_equal(offsetof(NsmDescription, locked_pcrs), 114);
	assert_int_equal(offsetof(NsmDescription, locked_pcrs_len), 244);
	assert_int_equal(offsetof(NsmDescription, digest), 248);
	assert_int_equal(sizeof(struct rd_nsm_raw), 32);
}

static void extend_and_describe_agree(void **state)
{
	uint8_t a[48], b[48];
	uint32_t a_len = sizeof(a), b_len = sizeof(b);
	bool lock = true;

	(void)state;
	assert_int_equal(
		nsm_extend_pcr(FD, 16, (const uint8_t *)"x", 1, a, &a_len), ERROR_CODE_SUCCESS);
	assert_int_equal(nsm_describe_pcr(FD, 16, &lock, b, &b_len), ERROR_CODE_SUCCESS);
	assert_int_equal(a_len, 48);
	assert_int_equal(b_len, 48);
	assert_memory_equal(a, b, 48);
	assert_false(lock);
}

static void extend_wants_data_but_not_much(void **state)
{
	uint8_t out[48];
	uint32_t len = sizeof(out);

	(void)state;
	assert_int_equal(nsm_extend_pcr(FD, 16, NULL, 0, out, &len), ERROR_CODE_INVALID_ARGUMENT);
	assert_int_equal(device.calls, 0);
	assert_int_equal(
		nsm_extend_pcr(FD, 16, (const uint8_t *)"", 0, out, &len), ERROR_CODE_SUCCESS);
	assert_int_equal(device.calls, 1);
	assert_int_equal(nsm_extend_pcr(FD, 0, out, 1, out, &len), ERROR_CODE_READ_ONLY_INDEX);
	assert_int_equal(nsm_extend_pcr(FD, 32, out, 1, out, &len), ERROR_CODE_INVALID_INDEX);
}

static void output_rule_holds(void **state)
{
	uint8_t out[48] = {0};
	uint32_t len = 10;
	bool lock = false;

	(void)state;
	memset(out, 0xee, sizeof(out));
	assert_int_equal(nsm_describe_pcr(FD, 0, &lock, out, &len), ERROR_CODE_BUFFER_TOO_SMALL);
	assert_int_equal(len, 10);
	assert_int_equal(out[9], 0xa0);
	assert_int_equal(out[10], 0xee);
	assert_true(lock); /* written before the rule runs */
	len = 48;
	assert_int_equal(nsm_describe_pcr(FD, 0, &lock, NULL, &len), ERROR_CODE_BUFFER_TOO_SMALL);
	assert_int_equal(len, 0);
	assert_int_equal(nsm_describe_pcr(FD, 0, NULL, out, &len), ERROR_CODE_INVALID_ARGUMENT);
	assert_int_equal(nsm_describe_pcr(FD, 0, &lock, out, NULL), ERROR_CODE_INVALID_ARGUMENT);
}

/* As the original: the extension has happened, only its result did not fit. */
static void a_short_output_does_not_undo_the_extension(void **state)
{
	uint8_t before[48], after[48], tiny[1];
	uint32_t len = 1;

	(void)state;
	memcpy(before, device.m.nsm.pcrs.value[16], 48);
	assert_int_equal(nsm_extend_pcr(FD, 16, (const uint8_t *)"x", 1, tiny, &len),
		ERROR_CODE_BUFFER_TOO_SMALL);
	memcpy(after, device.m.nsm.pcrs.value[16], 48);
	assert_memory_not_equal(before, after, 48);
}

static void locks_lock(void **state)
{
	(void)state;
	assert_int_equal(nsm_lock_pcr(FD, 16), ERROR_CODE_SUCCESS);
	assert_int_equal(nsm_lock_pcr(FD, 16), ERROR_CODE_READ_ONLY_INDEX);
	assert_int_equal(nsm_lock_pcrs(FD, 32), ERROR_CODE_SUCCESS);
	assert_int_equal(nsm_lock_pcrs(FD, 33), ERROR_CODE_INVALID_INDEX);
	assert_int_equal(device.m.nsm.pcrs.locked, 0xffffffff);
}

static void description_fills_what_it_says_and_no_more(void **state)
{
	NsmDescription d;

	(void)state;
	memset(&d, 0xee, sizeof(d));
	assert_int_equal(nsm_get_description(FD, &d), ERROR_CODE_SUCCESS);
	assert_int_equal(d.version_major, 1);
	assert_int_equal(d.max_pcrs, 32);
	assert_string_equal((const char *)d.module_id, MODEL_ID);
	assert_int_equal(d.module_id_len, 39);
	assert_int_equal(d.module_id[40], 0xee);
	assert_int_equal(d.locked_pcrs_len, 16);
	assert_int_equal(d.locked_pcrs[15], 15);
	assert_int_equal(d.locked_pcrs[16], 0xeeee);
	assert_int_equal(d.digest, DIGEST_SHA384);
	assert_int_equal(nsm_get_description(FD, NULL), ERROR_CODE_INVALID_ARGUMENT);
}

static void a_long_module_id_is_cut_at_99(void **state)
{
	char hex[1024];
	NsmDescription d;
	int n;

	(void)state;
	n = snprintf(hex, sizeof(hex),
		"a16b44657363726962654e534da76d76657273696f6e5f6d616a6f72016d76657273696f6e5f"
		"6d696e6f72006d76657273696f6e5f706174636800696d6f64756c655f69647896");
	for (int i = 0; i < 150; i++) {
		n += snprintf(hex + n, sizeof(hex) - (size_t)n, "78");
	}
	snprintf(hex + n, sizeof(hex) - (size_t)n,
		"686d61785f7063727318206b6c6f636b65645f706372738066646967657374"
		"66534841333834");
	device.answer = hex;
	assert_int_equal(nsm_get_description(FD, &d), ERROR_CODE_SUCCESS);
	assert_int_equal(d.module_id_len, 99);
	assert_int_equal(strlen((const char *)d.module_id), 99);
	assert_int_equal(d.locked_pcrs_len, 0);
}

static void null_and_empty_fields_differ(void **state)
{
	uint8_t doc[64];
	uint32_t len = sizeof(doc);

	(void)state;
	assert_int_equal(nsm_get_attestation_doc(FD, NULL, 9, (const uint8_t *)"", 0,
				 (const uint8_t *)"k", 1, doc, &len),
		ERROR_CODE_SUCCESS);
	assert_true(rd_view_equal(rd_view(doc, len), rd_view_str("null||k|0000ffff")));
}

static void requests_over_4096_bytes_are_not_sent(void **state)
{
	static uint8_t data[4051], doc[16];
	uint32_t len = sizeof(doc);

	(void)state;
	assert_int_equal(
		nsm_get_attestation_doc(FD, data, sizeof(data), NULL, 0, NULL, 0, doc, &len),
		ERROR_CODE_INPUT_TOO_LARGE);
	assert_int_equal(device.calls, 0);
	assert_int_equal(
		nsm_get_attestation_doc(FD, data, sizeof(data) - 1, NULL, 0, NULL, 0, doc, &len),
		ERROR_CODE_BUFFER_TOO_SMALL);
	assert_int_equal(device.calls, 1);
}

static void random_is_short_without_an_error(void **state)
{
	uint8_t out[300];
	uintptr_t len = sizeof(out);

	(void)state;
	assert_int_equal(nsm_get_random(FD, out, &len), ERROR_CODE_SUCCESS);
	assert_int_equal(len, 256);
	len = 7;
	assert_int_equal(nsm_get_random(FD, out, &len), ERROR_CODE_SUCCESS);
	assert_int_equal(len, 7);
	len = 0;
	assert_int_equal(nsm_get_random(FD, out, &len), ERROR_CODE_INVALID_ARGUMENT);
	len = 7;
	assert_int_equal(nsm_get_random(-1, out, &len), ERROR_CODE_INVALID_ARGUMENT);
	assert_int_equal(nsm_get_random(FD, NULL, &len), ERROR_CODE_INVALID_ARGUMENT);
}

static void errnos_and_answers_map_as_in_the_original(void **state)
{
	uint8_t out[8];
	uintptr_t len;

	(void)state;
	device.fails = EMSGSIZE;
	assert_int_equal(nsm_lock_pcr(FD, 16), ERROR_CODE_INPUT_TOO_LARGE);
	device.fails = ETIMEDOUT;
	assert_int_equal(nsm_lock_pcr(FD, 16), ERROR_CODE_INTERNAL_ERROR);
	device.fails = 0;
	device.answer = "684c6f636b50435273"; /* LockPCRs to LockPCR */
	assert_int_equal(nsm_lock_pcr(FD, 16), ERROR_CODE_INVALID_RESPONSE);
	device.answer = "674c6f636b50435200";
	assert_int_equal(nsm_lock_pcr(FD, 16), ERROR_CODE_INTERNAL_ERROR);
	device.answer = "a1654572726f726753756363657373";
	assert_int_equal(nsm_lock_pcr(FD, 16), ERROR_CODE_SUCCESS);
	len = sizeof(out);
	assert_int_equal(nsm_get_random(FD, out, &len), ERROR_CODE_INVALID_RESPONSE);
	device.answer = "a1654572726f726f496e76616c6964526573706f6e7365";
	assert_int_equal(nsm_lock_pcr(FD, 16), ERROR_CODE_INVALID_RESPONSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_is_that_of_the_original),
		cmocka_unit_test_setup(extend_and_describe_agree, set_up),
		cmocka_unit_test_setup(extend_wants_data_but_not_much, set_up),
		cmocka_unit_test_setup(output_rule_holds, set_up),
		cmocka_unit_test_setup(a_short_output_does_not_undo_the_extension, set_up),
		cmocka_unit_test_setup(locks_lock, set_up),
		cmocka_unit_test_setup(description_fills_what_it_says_and_no_more, set_up),
		cmocka_unit_test_setup(a_long_module_id_is_cut_at_99, set_up),
		cmocka_unit_test_setup(null_and_empty_fields_differ, set_up),
		cmocka_unit_test_setup(requests_over_4096_bytes_are_not_sent, set_up),
		cmocka_unit_test_setup(random_is_short_without_an_error, set_up),
		cmocka_unit_test_setup(errnos_and_answers_map_as_in_the_original, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
