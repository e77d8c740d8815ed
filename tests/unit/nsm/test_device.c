/* SPDX-License-Identifier: Apache-2.0 */
/* The register bank and the seven commands: every acceptance with its refusals. */
#include "test.h"

#include "model.h"

#define ZERO16 "00000000000000000000000000000000"
#define ZERO48 ZERO16 ZERO16 ZERO16
#define PCR3                                                                                        \
	"78fce75db17cd4e0a3fb8dad3ad128ca5e77edbb2b2c7f75329dccd99aa5f6ef4fc1f1a452e315b9e98f9e312" \
	"e6921e6"
#define PCR4                                                                                        \
	"08f996b5d43e047a9eb51e7f548bfee7e164fd7dc8f65541f2ac09d6545ac812719327281c401a67a10fcba87" \
	"ae79ce0"
/* sha384(48 zero bytes), sha384(48 zero bytes || 01 02 03): from the openssl command */
#define EXTENDED_EMPTY                                                                             \
	"8f0d145c0368ad6b70be22e41c400eea91b971d96ba220fec9fae25a58dffdaaf72dbe8f6783d55128c9df4efaf6f8a7"
#define EXTENDED_123                                                                               \
	"cb178fcd3f328244c05c6248723fd068b3a1dda878e1ab8be911098f199958add55d0c27f04826d27b44d949a650694e"

static int set_up(void **state)
{
	static struct model m;

	*state = &m;
	return model_init(&m) == RD_OK ? 0 : -1;
}

static struct rd_view value(const struct rd_nsm_pcrs *p, unsigned i)
{
	return rd_view(p->value[i], RD_NSM_PCR_SIZE);
}

/* ---- the bank ---- */

static void boot_measures_and_locks_the_first_sixteen(void **state)
{
	struct model *m = *state;
	struct rd_nsm_pcrs *p = &m->nsm.pcrs;

	assert_int_equal(p->locked, 0xffff);
	for (unsigned i = 0; i < 48; i++) {
		assert_int_equal(p->value[0][i], 0xa0);
		assert_int_equal(p->value[1][i], 0xa1);
		assert_int_equal(p->value[2][i], 0xa2);
		assert_int_equal(p->value[8][i], 0xa8);
	}
	assert_view_hex(value(p, 3), PCR3);
	assert_view_hex(value(p, 4), PCR4);
	for (unsigned i = 0; i < 32; i++) {
		if ((i > 4 && i != 8)) {
			assert_view_hex(value(p, i), ZERO48);
		}
		assert_int_equal(rd_nsm_pcr_is_locked(p, i), i < 16);
	}
	assert_false(rd_nsm_pcr_is_locked(p, 32));
	assert_false(rd_nsm_pcr_is_locked(p, 64));
}

static void debug_mode_zeroes_the_images_registers_only(void **state)
{
	struct rd_nsm_boot boot = {
		.role_arn = MODEL_ROLE, .instance_id = MODEL_INSTANCE, .debug = true};
	struct rd_nsm_pcrs p;

	(void)state;
	memset(boot.pcr0, 1, 48);
	memset(boot.pcr1, 1, 48);
	memset(boot.pcr2, 1, 48);
	memset(boot.pcr8, 1, 48);
	assert_ok(rd_nsm_pcrs_boot(&p, &boot));
	assert_view_hex(value(&p, 0), ZERO48);
	assert_view_hex(value(&p, 1), ZERO48);
	assert_view_hex(value(&p, 2), ZERO48);
	assert_view_hex(value(&p, 8), ZERO48);
	assert_view_hex(value(&p, 3), PCR3);
	assert_view_hex(value(&p, 4), PCR4);
	assert_int_equal(p.locked, 0xffff);
}

static void without_a_role_pcr3_is_zero(void **state)
{
	struct rd_nsm_boot boot = {.instance_id = MODEL_INSTANCE};
	struct rd_nsm_pcrs p;

	(void)state;
	assert_ok(rd_nsm_pcrs_boot(&p, &boot));
	assert_view_hex(value(&p, 3), ZERO48);
	assert_view_hex(value(&p, 4), PCR4);
}

static void boot_refuses_strings_beyond_the_limit(void **state)
{
	static char text[RD_NSM_PCR_STRING_MAX + 2];
	struct rd_nsm_boot boot = {.role_arn = text};
	struct rd_nsm_pcrs p = {.locked = 7};

	(void)state;
	memset(text, 'a', RD_NSM_PCR_STRING_MAX);
	assert_ok(rd_nsm_pcrs_boot(&p, &boot));
	text[RD_NSM_PCR_STRING_MAX] = 'a';
	p.locked = 7;
	assert_status(rd_nsm_pcrs_boot(&p, &boot), RD_LIMIT);
	assert_int_equal(p.locked, 7);
}

static void extend_is_sha384_of_value_and_raw_data(void **state)
{
	struct model *m = *state;
	struct rd_nsm_pcrs *p = &m->nsm.pcrs;
	static const uint8_t big[RD_NSM_PCR_DATA_MAX + 1];

	assert_ok(rd_nsm_pcr_extend(p, 16, rd_view("\1\2\3", 3)));
	assert_view_hex(value(p, 16), EXTENDED_123);
	assert_ok(rd_nsm_pcr_extend(p, 31, rd_view("", 0)));
	assert_view_hex(value(p, 31), EXTENDED_EMPTY);
	assert_status(rd_nsm_pcr_extend(p, 32, rd_view("", 0)), RD_OUT_OF_RANGE);
	assert_status(rd_nsm_pcr_extend(p, 15, rd_view("", 0)), RD_DENIED);
	assert_view_hex(value(p, 15), ZERO48);
	assert_ok(rd_nsm_pcr_extend(p, 17, rd_view(big, sizeof(big) - 1)));
	assert_status(rd_nsm_pcr_extend(p, 17, rd_view(big, sizeof(big))), RD_LIMIT);
}

static void a_lock_is_for_ever(void **state)
{
	struct model *m = *state;
	struct rd_nsm_pcrs *p = &m->nsm.pcrs;

	assert_ok(rd_nsm_pcr_lock(p, 20));
	assert_true(rd_nsm_pcr_is_locked(p, 20));
	assert_status(rd_nsm_pcr_lock(p, 20), RD_DENIED);
	assert_status(rd_nsm_pcr_lock(p, 0), RD_DENIED);
	assert_status(rd_nsm_pcr_lock(p, 32), RD_OUT_OF_RANGE);
	assert_status(rd_nsm_pcr_extend(p, 20, rd_view("", 0)), RD_DENIED);
}

static void a_lock_range_is_a_count_and_takes_locked_ones(void **state)
{
	struct model *m = *state;
	struct rd_nsm_pcrs *p = &m->nsm.pcrs;

	assert_ok(rd_nsm_pcr_lock_range(p, 0));
	assert_int_equal(p->locked, 0xffff);
	assert_ok(rd_nsm_pcr_lock_range(p, 17));
	assert_true(rd_nsm_pcr_is_locked(p, 16));
	assert_false(rd_nsm_pcr_is_locked(p, 17));
	assert_ok(rd_nsm_pcr_lock_range(p, 32));
	assert_ok(rd_nsm_pcr_lock_range(p, 32));
	assert_int_equal(p->locked, 0xffffffff);
	assert_status(rd_nsm_pcr_lock_range(p, 33), RD_OUT_OF_RANGE);
}

/* ---- the device ---- */

static struct rd_nsm_response ask(struct model *m, const struct rd_nsm_request *req)
{
	static uint8_t answer[RD_NSM_RESPONSE_MAX], flat[RD_NSM_RESPONSE_MAX];
	uint8_t storage[RD_NSM_REQUEST_MAX];
	struct rd_buf in = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf out = rd_buf_fixed(answer, sizeof(answer));
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));
	struct rd_nsm_response res;

	assert_ok(rd_nsm_request_encode(req, &in));
	assert_ok(rd_nsm_handle(&m->nsm, rd_buf_view(&in), &out));
	assert_ok(rd_nsm_response_decode(rd_buf_view(&out), &scratch, &res));
	return res;
}

static enum rd_nsm_error error_of(
	struct model *m, enum rd_nsm_op op, uint16_t index, struct rd_view data)
{
	struct rd_nsm_request req = {.op = op, .index = index, .data = data};
	struct rd_nsm_response res = ask(m, &req);

	assert_int_equal(res.op, RD_NSM_ERROR);
	return res.error;
}

static enum rd_nsm_error raw_error(struct model *m, struct rd_view request)
{
	uint8_t answer[64], flat[64];
	struct rd_buf out = rd_buf_fixed(answer, sizeof(answer));
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));
	struct rd_nsm_response res;

	assert_ok(rd_nsm_handle(&m->nsm, request, &out));
	assert_ok(rd_nsm_response_decode(rd_buf_view(&out), &scratch, &res));
	assert_int_equal(res.op, RD_NSM_ERROR);
	return res.error;
}

static void describe_pcr_answers_for_every_register(void **state)
{
	struct model *m = *state;

	for (uint16_t i = 0; i < 32; i++) {
		struct rd_nsm_request req = {.op = RD_NSM_DESCRIBE_PCR, .index = i};
		struct rd_nsm_response res = ask(m, &req);

		assert_int_equal(res.op, RD_NSM_DESCRIBE_PCR);
		assert_int_equal(res.lock, i < 16);
		assert_true(rd_view_equal(res.data, value(&m->nsm.pcrs, i)));
	}
	assert_int_equal(
		error_of(m, RD_NSM_DESCRIBE_PCR, 32, rd_view(NULL, 0)), RD_NSM_E_INVALID_INDEX);
	assert_int_equal(
		error_of(m, RD_NSM_DESCRIBE_PCR, 100, rd_view(NULL, 0)), RD_NSM_E_INVALID_INDEX);
	assert_int_equal(
		error_of(m, RD_NSM_DESCRIBE_PCR, 65535, rd_view(NULL, 0)), RD_NSM_E_INVALID_INDEX);
}

static void extend_answers_the_new_value(void **state)
{
	struct model *m = *state;
	struct rd_view data = rd_view("\1\2\3", 3);
	struct rd_nsm_request req = {.op = RD_NSM_EXTEND_PCR, .index = 16, .data = data};
	struct rd_nsm_response res = ask(m, &req);

	assert_int_equal(res.op, RD_NSM_EXTEND_PCR);
	assert_view_hex(res.data, EXTENDED_123);
	assert_int_equal(error_of(m, RD_NSM_EXTEND_PCR, 0, data), RD_NSM_E_READ_ONLY_INDEX);
	assert_int_equal(error_of(m, RD_NSM_EXTEND_PCR, 32, data), RD_NSM_E_INVALID_INDEX);
}

static void locks_answer_bare_names(void **state)
{
	struct model *m = *state;
	struct rd_nsm_request lock = {.op = RD_NSM_LOCK_PCR, .index = 16};
	struct rd_nsm_request range = {.op = RD_NSM_LOCK_PCRS, .index = 32};
	struct rd_view none = rd_view(NULL, 0);

	assert_int_equal(ask(m, &lock).op, RD_NSM_LOCK_PCR);
	assert_int_equal(error_of(m, RD_NSM_LOCK_PCR, 16, none), RD_NSM_E_READ_ONLY_INDEX);
	assert_int_equal(error_of(m, RD_NSM_LOCK_PCR, 15, none), RD_NSM_E_READ_ONLY_INDEX);
	assert_int_equal(error_of(m, RD_NSM_LOCK_PCR, 32, none), RD_NSM_E_INVALID_INDEX);
	assert_int_equal(ask(m, &range).op, RD_NSM_LOCK_PCRS);
	assert_int_equal(ask(m, &range).op, RD_NSM_LOCK_PCRS);
	assert_int_equal(error_of(m, RD_NSM_LOCK_PCRS, 33, none), RD_NSM_E_INVALID_INDEX);
	assert_int_equal(
		error_of(m, RD_NSM_EXTEND_PCR, 31, rd_view("", 0)), RD_NSM_E_READ_ONLY_INDEX);
}

static void describe_nsm_says_what_hardware_says(void **state)
{
	struct model *m = *state;
	struct rd_nsm_request req = {.op = RD_NSM_DESCRIBE_NSM};
	struct rd_nsm_description d = ask(m, &req).description;

	assert_int_equal(d.version_major, 1);
	assert_int_equal(d.version_minor, 0);
	assert_int_equal(d.version_patch, 0);
	assert_int_equal(d.max_pcrs, 32);
	assert_int_equal(d.locked, 0xffff);
	assert_int_equal(d.digest, RD_NSM_SHA384);
	assert_true(rd_view_equal(d.module_id, rd_view_str(MODEL_ID)));
}

static void random_is_256_fresh_bytes(void **state)
{
	struct model *m = *state;
	struct rd_nsm_request req = {.op = RD_NSM_GET_RANDOM};
	struct rd_nsm_response res = ask(m, &req);
	uint8_t first;

	assert_int_equal(res.op, RD_NSM_GET_RANDOM);
	assert_int_equal(res.data.len, 256);
	first = res.data.ptr[0];
	assert_int_not_equal(ask(m, &req).data.ptr[0], first);
}

static void attestation_passes_fields_and_locks(void **state)
{
	struct model *m = *state;
	struct rd_nsm_request req = {.op = RD_NSM_ATTESTATION,
		.attest = {.user_data = rd_view("ud", 2), .public_key = rd_view("", 0)}};

	assert_true(rd_view_equal(ask(m, &req).data, rd_view_str("ud|null||0000ffff")));
	assert_ok(rd_nsm_pcr_lock(&m->nsm.pcrs, 16));
	assert_true(rd_view_equal(ask(m, &req).data, rd_view_str("ud|null||0001ffff")));
}

static void a_failing_owner_is_an_internal_error(void **state)
{
	struct model *m = *state;

	m->fails = RD_EXPIRED;
	assert_int_equal(
		error_of(m, RD_NSM_GET_RANDOM, 0, rd_view(NULL, 0)), RD_NSM_E_INTERNAL_ERROR);
	assert_int_equal(
		error_of(m, RD_NSM_ATTESTATION, 0, rd_view(NULL, 0)), RD_NSM_E_INTERNAL_ERROR);
}

static void nonsense_is_an_invalid_operation(void **state)
{
	static const uint8_t over[RD_NSM_REQUEST_MAX + 1];
	struct model *m = *state;

	assert_int_equal(raw_error(m, rd_view(NULL, 0)), RD_NSM_E_INVALID_OPERATION);
	assert_int_equal(raw_error(m, rd_view("", 0)), RD_NSM_E_INVALID_OPERATION);
	assert_int_equal(raw_error(m, rd_view("\xff", 1)), RD_NSM_E_INVALID_OPERATION);
	assert_int_equal(raw_error(m, rd_view_str("iGetRandom\n")), RD_NSM_E_INVALID_OPERATION);
	assert_int_equal(raw_error(m, rd_view(over, sizeof(over) - 1)), RD_NSM_E_INVALID_OPERATION);
	assert_int_equal(raw_error(m, rd_view(over, sizeof(over))), RD_NSM_E_INPUT_TOO_LARGE);
}

/* With room for n bytes: the answer's length, or 0 and what was returned. */
static size_t answer_size(struct model *m, size_t room, enum rd_status want)
{
	uint8_t answer[RD_NSM_RESPONSE_MAX + 100];
	struct rd_buf out = rd_buf_fixed(answer, room);
	enum rd_status st = rd_nsm_handle(&m->nsm, rd_view_str("iGetRandom"), &out);

	assert_int_equal(st, want);
	return out.used;
}

static void a_small_buffer_gets_an_error_or_nothing(void **state)
{
	struct model *m = *state;

	assert_int_equal(answer_size(m, 278, RD_OK), 278);
	assert_int_equal(answer_size(m, 277, RD_OK), 22); /* {"Error": "BufferTooSmall"} */
	assert_int_equal(answer_size(m, 22, RD_OK), 22);
	assert_int_equal(answer_size(m, 21, RD_NOSPACE), 0);
	assert_int_equal(answer_size(m, 0, RD_NOSPACE), 0);
}

static void no_response_exceeds_the_drivers_buffer(void **state)
{
	static const uint8_t attest[] = "\xa1\x6b"
					"Attestation\xa0";
	struct rd_view request = rd_view(attest, sizeof(attest) - 1);
	static uint8_t answer[2 * RD_NSM_RESPONSE_MAX];
	struct model *m = *state;
	struct rd_buf out = rd_buf_fixed(answer, sizeof(answer));

	/* {"Attestation": {"document": bytes}} adds 26 bytes. */
	m->document_size = RD_NSM_RESPONSE_MAX - 26;
	assert_ok(rd_nsm_handle(&m->nsm, request, &out));
	assert_int_equal(out.used, RD_NSM_RESPONSE_MAX);
	out.used = 0;
	m->document_size++;
	assert_ok(rd_nsm_handle(&m->nsm, request, &out));
	assert_int_equal(out.used, 22);
	/* A document that fills even the device's own buffer is the owner's failure. */
	m->document_size = RD_NSM_RESPONSE_MAX + 1;
	assert_int_equal(raw_error(m, request), RD_NSM_E_INTERNAL_ERROR);
}

static void init_refuses_a_long_module_id(void **state)
{
	struct rd_nsm_boot boot = {0};
	static struct rd_nsm nsm;
	char id[RD_NSM_MODULE_ID_MAX + 1];

	(void)state;
	memset(id, 'i', sizeof(id));
	id[RD_NSM_MODULE_ID_MAX] = 0;
	assert_status(rd_nsm_init(&nsm, &boot, id, &model_ops, NULL), RD_LIMIT);
	id[RD_NSM_MODULE_ID_MAX - 1] = 0;
	assert_ok(rd_nsm_init(&nsm, &boot, id, &model_ops, NULL));
	assert_string_equal(nsm.module_id, id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(boot_measures_and_locks_the_first_sixteen, set_up),
		cmocka_unit_test(debug_mode_zeroes_the_images_registers_only),
		cmocka_unit_test(without_a_role_pcr3_is_zero),
		cmocka_unit_test(boot_refuses_strings_beyond_the_limit),
		cmocka_unit_test_setup(extend_is_sha384_of_value_and_raw_data, set_up),
		cmocka_unit_test_setup(a_lock_is_for_ever, set_up),
		cmocka_unit_test_setup(a_lock_range_is_a_count_and_takes_locked_ones, set_up),
		cmocka_unit_test_setup(describe_pcr_answers_for_every_register, set_up),
		cmocka_unit_test_setup(extend_answers_the_new_value, set_up),
		cmocka_unit_test_setup(locks_answer_bare_names, set_up),
		cmocka_unit_test_setup(describe_nsm_says_what_hardware_says, set_up),
		cmocka_unit_test_setup(random_is_256_fresh_bytes, set_up),
		cmocka_unit_test_setup(attestation_passes_fields_and_locks, set_up),
		cmocka_unit_test_setup(a_failing_owner_is_an_internal_error, set_up),
		cmocka_unit_test_setup(nonsense_is_an_invalid_operation, set_up),
		cmocka_unit_test_setup(a_small_buffer_gets_an_error_or_nothing, set_up),
		cmocka_unit_test_setup(no_response_exceeds_the_drivers_buffer, set_up),
		cmocka_unit_test(init_refuses_a_long_module_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
