/* SPDX-License-Identifier: Apache-2.0 */
/* NSM messages: the bytes of AWS's own library, and what decoders take and refuse beside them. */
#include "test.h"

#include "nsm/codec.h"

#define ATTEST_NULLS                                                                               \
	"a16b4174746573746174696f6ea369757365725f64617461f6656e6f6e6365f6"                         \
	"6a7075626c69635f6b6579f6"

static const uint8_t aa = 0xaa, bb = 0xbb, cc = 0xcc;

static const struct {
	const char *hex;
	struct rd_nsm_request req;
} request_vectors[] = {
	{"a16b4465736372696265504352a165696e64657800", {.op = RD_NSM_DESCRIBE_PCR, .index = 0}},
	{"a16b4465736372696265504352a165696e64657817", {.op = RD_NSM_DESCRIBE_PCR, .index = 23}},
	{"a16b4465736372696265504352a165696e6465781818", {.op = RD_NSM_DESCRIBE_PCR, .index = 24}},
	{"a16b4465736372696265504352a165696e646578190100",
		{.op = RD_NSM_DESCRIBE_PCR, .index = 256}},
	{"a16b4465736372696265504352a165696e64657819ffff",
		{.op = RD_NSM_DESCRIBE_PCR, .index = 65535}},
	{"a169457874656e64504352a265696e64657810646461746143010203",
		{.op = RD_NSM_EXTEND_PCR, .index = 16, .data = {(const uint8_t *)"\1\2\3", 3}}},
	{"a169457874656e64504352a265696e64657810646461746140",
		{.op = RD_NSM_EXTEND_PCR, .index = 16, .data = {(const uint8_t *)"", 0}}},
	{"a1674c6f636b504352a165696e64657810", {.op = RD_NSM_LOCK_PCR, .index = 16}},
	{"a1684c6f636b50435273a16572616e67651820", {.op = RD_NSM_LOCK_PCRS, .index = 32}},
	{"6b44657363726962654e534d", {.op = RD_NSM_DESCRIBE_NSM}},
	{"6947657452616e646f6d", {.op = RD_NSM_GET_RANDOM}},
	{ATTEST_NULLS, {.op = RD_NSM_ATTESTATION}},
	{"a16b4174746573746174696f6ea369757365725f6461746141aa656e6f6e636541bb"
	 "6a7075626c69635f6b657941cc",
		{.op = RD_NSM_ATTESTATION,
			.attest = {.user_data = {&aa, 1},
				.nonce = {&bb, 1},
				.public_key = {&cc, 1}}}},
	{"a16b4174746573746174696f6ea369757365725f6461746140656e6f6e6365f6"
	 "6a7075626c69635f6b6579f6",
		{.op = RD_NSM_ATTESTATION, .attest = {.user_data = {&aa, 0}}}},
};

static struct rd_view unhex(const char *hex, struct rd_buf *storage)
{
	size_t mark = storage->used;

	assert_ok(rd_hex_decode(rd_view_str(hex), storage));
	return rd_view(storage->ptr + mark, storage->used - mark);
}

static enum rd_status decode_request(const char *hex, struct rd_nsm_request *ret_req)
{
	static uint8_t storage[RD_NSM_REQUEST_MAX];
	static uint8_t flat[RD_NSM_REQUEST_MAX];
	struct rd_buf in = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));

	return rd_nsm_request_decode(unhex(hex, &in), &scratch, ret_req);
}

static enum rd_status decode_response(const char *hex, struct rd_nsm_response *ret_res)
{
	static uint8_t storage[RD_NSM_RESPONSE_MAX];
	static uint8_t flat[RD_NSM_RESPONSE_MAX];
	struct rd_buf in = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));

	return rd_nsm_response_decode(unhex(hex, &in), &scratch, ret_res);
}

static void assert_same_view(struct rd_view a, struct rd_view b)
{
	assert_int_equal(a.ptr == NULL, b.ptr == NULL);
	assert_true(rd_view_equal(a, b));
}

static void requests_have_the_bytes_of_the_real_library(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(request_vectors); i++) {
		uint8_t storage[256];
		struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

		assert_ok(rd_nsm_request_encode(&request_vectors[i].req, &out));
		assert_view_hex(rd_buf_view(&out), request_vectors[i].hex);
	}
}

static void requests_are_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(request_vectors); i++) {
		const struct rd_nsm_request *want = &request_vectors[i].req;
		struct rd_nsm_request got;

		assert_ok(decode_request(request_vectors[i].hex, &got));
		assert_int_equal(got.op, want->op);
		assert_int_equal(got.index, want->index);
		assert_same_view(got.data, want->data);
		assert_same_view(got.attest.user_data, want->attest.user_data);
		assert_same_view(got.attest.nonce, want->attest.nonce);
		assert_same_view(got.attest.public_key, want->attest.public_key);
	}
}

/* Cut anywhere, or with anything behind, no vector is a message. */
static void requests_are_whole_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(request_vectors); i++) {
		char hex[512];
		struct rd_nsm_request got;
		size_t n = strlen(request_vectors[i].hex);

		for (size_t cut = 0; cut < n; cut += 2) {
			memcpy(hex, request_vectors[i].hex, cut);
			hex[cut] = 0;
			assert_status(decode_request(hex, &got), RD_TRUNCATED);
		}
		snprintf(hex, sizeof(hex), "%s00", request_vectors[i].hex);
		assert_status(decode_request(hex, &got), RD_TRAILING);
	}
}

static void largest_requests_are_as_derived(void **state)
{
	static const uint8_t zeros[RD_NSM_REQUEST_MAX];
	uint8_t storage[RD_NSM_REQUEST_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_nsm_request extend = {
		.op = RD_NSM_EXTEND_PCR, .index = 16, .data = {zeros, 4069}};
	struct rd_nsm_request attest = {.op = RD_NSM_ATTESTATION};

	(void)state;
	assert_ok(rd_nsm_request_encode(&extend, &out));
	assert_int_equal(out.used, RD_NSM_REQUEST_MAX);
	out.used = 0;
	extend.index = 24;
	assert_status(rd_nsm_request_encode(&extend, &out), RD_NOSPACE);
	assert_int_equal(out.used, 0);
	attest.attest.nonce = rd_view(zeros, 4050);
	assert_ok(rd_nsm_request_encode(&attest, &out));
	out.used = 0;
	attest.attest.nonce = rd_view(zeros, 4051);
	assert_status(rd_nsm_request_encode(&attest, &out), RD_NOSPACE);
	attest.attest = (struct rd_nsm_attest_request){{zeros, 1024}, {zeros, 1024}, {zeros, 1024}};
	assert_ok(rd_nsm_request_encode(&attest, &out));
	assert_int_equal(out.used, 3122);
}

static void an_error_is_no_request(void **state)
{
	uint8_t storage[64];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_nsm_request req = {.op = RD_NSM_ERROR};

	(void)state;
	assert_status(rd_nsm_request_encode(&req, &out), RD_USAGE);
	assert_status(decode_request("a1654572726f726753756363657373", &req), RD_UNSUPPORTED);
}

/* Forms that AWS's decoder takes besides its own (reference 1.6). */
static void request_decoder_is_tolerant(void **state)
{
	static const char *const extends[] = {
		"a169457874656e64504352a2646461746143010203"
		"65696e64657810", /* other order */
		"a169457874656e64504352a265696e6465781900106464617461"
		"43010203", /* wide integer */
		"a169457874656e64504352a265696e6465781b000000000000001064646174614"
		"3010203",
		"a169457874656e64504352a265696e64657810646461746163010203", /* text */
		"a169457874656e64504352a265696e64657810646461746183010203", /* integers */
		"a169457874656e64504352a265696e6465781064646174619f011802190003ff",
		"a169457874656e64504352a265696e6465781064646174615f41014040420203ff", /* chunks */
		"a169457874656e64504352bf65696e64657810646461746143010203ff", /* indefinite */
		"a169457874656e64504352a365696e64657810626869a10182f6fb0000000000000000"
		"646461746143010203", /* unknown field */
	};
	struct rd_nsm_request got;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(extends); i++) {
		assert_ok(decode_request(extends[i], &got));
		assert_int_equal(got.op, RD_NSM_EXTEND_PCR);
		assert_int_equal(got.index, 16);
		assert_view_hex(got.data, "010203");
	}
	assert_ok(decode_request("a16b4174746573746174696f6ea0", &got));
	assert_null(got.attest.nonce.ptr);
	assert_ok(decode_request("a16b4174746573746174696f6ea1656e6f6e636541bb", &got));
	assert_view_hex(got.attest.nonce, "bb");
	assert_null(got.attest.user_data.ptr);
	assert_ok(decode_request("a16b44657363726962654e534df6", &got));
	assert_int_equal(got.op, RD_NSM_DESCRIBE_NSM);
}

static void request_decoder_refuses(void **state)
{
	static const struct {
		const char *hex;
		enum rd_status st;
	} bad[] = {
		{"", RD_TRUNCATED},
		{"f6", RD_BAD_TYPE},
		{"6b4174746573746174696f6e", RD_MISSING}, /* "Attestation" bare */
		{"6c4174746573746174696f6e73", RD_UNSUPPORTED},
		{"a0", RD_BAD_TYPE},
		{"a26947657452616e646f6df66b44657363726962654e534df6", RD_BAD_TYPE},
		{"bf6947657452616e646f6df6ff", RD_BAD_TYPE}, /* outer map indefinite */
		{"a16947657452616e646f6da0", RD_BAD_TYPE},
		{"a1674c6f636b504352a0", RD_MISSING},
		{"a1674c6f636b504352f6", RD_BAD_TYPE},
		{"a1674c6f636b504352a165696e6465781a00010000", RD_BAD_NUMBER},
		{"a1674c6f636b504352a165696e64657820", RD_BAD_TYPE},   /* −1 */
		{"a1674c6f636b504352a165696e6465786130", RD_BAD_TYPE}, /* "0" */
		{"a1674c6f636b504352a265696e6465781065696e64657811", RD_DUPLICATE},
		{"a1674c6f636b504352a1000a", RD_BAD_TYPE},            /* key is no text */
		{"a1674c6f636b504352a165696e6465781c", RD_MALFORMED}, /* reserved head */
		{"a1674c6f636b504352a165696e6465781f", RD_MALFORMED},
		{"a169457874656e64504352a265696e64657810646461746181190100", RD_BAD_NUMBER},
		{"a169457874656e64504352a265696e646578106464617461f6", RD_BAD_TYPE},
		{"a169457874656e64504352a265696e6465781064646174615f5f4101ffff", RD_MALFORMED},
		{"a169457874656e64504352a265696e6465781064646174615f6101ff", RD_MALFORMED},
		{"a169457874656e64504352a265696e6465781064646174615bffffffffffffffff01",
			RD_TRUNCATED},
		{"a169457874656e64504352a265696e6465781064646174619bffffffffffffffff01",
			RD_TRUNCATED},
		{"a1674c6f636b504352bbffffffffffffffff65696e64657810", RD_TRUNCATED},
		/* an unknown field of depth 17, a break inside a definite array, a lone break */
		{"a1674c6f636b504352a261788181818181818181818181818181818181f665696e64657810",
			RD_TOO_DEEP},
		{"a1674c6f636b504352a2617881ff65696e64657810", RD_MALFORMED},
		{"a1674c6f636b504352a26178f81f65696e64657810", RD_MALFORMED},
		{"ff", RD_BAD_TYPE},
	};
	struct rd_nsm_request got;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		enum rd_status st = decode_request(bad[i].hex, &got);

		if (st != bad[i].st) {
			fail_msg("%s: got %s, want %s", bad[i].hex, rd_status_name(st),
				rd_status_name(bad[i].st));
		}
	}
}

#define P48                                                                                        \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                         \
	"202122232425262728292a2b2c2d2e2f"
#define MODULE "i-078824548edcf6519-enc01784234ec227b58"
#define DESCRIBE_HEX                                                                               \
	"a16b44657363726962654e534da76d76657273696f6e5f6d616a6f72016d76657273696f6e5f6d696e6f7200" \
	"6d76657273696f6e5f706174636800696d6f64756c655f69647827"                                   \
	"692d30373838323435343865646366363531392d656e6330313738343233346563323237623538"           \
	"686d61785f7063727318206b6c6f636b65645f7063727390000102030405060708090a0b0c0d0e0f"         \
	"6664696765737466534841333834"

static uint8_t counting[RD_NSM_RANDOM_SIZE];

static const struct {
	const char *hex;
	struct rd_nsm_response res;
} response_vectors[] = {
	{"674c6f636b504352", {.op = RD_NSM_LOCK_PCR}},
	{"684c6f636b50435273", {.op = RD_NSM_LOCK_PCRS}},
	{"a16b4465736372696265504352a2646c6f636bf564646174615830" P48,
		{.op = RD_NSM_DESCRIBE_PCR, .lock = true, .data = {counting, 48}}},
	{"a16b4465736372696265504352a2646c6f636bf464646174615830" P48,
		{.op = RD_NSM_DESCRIBE_PCR, .lock = false, .data = {counting, 48}}},
	{"a169457874656e64504352a164646174615830" P48,
		{.op = RD_NSM_EXTEND_PCR, .data = {counting, 48}}},
	{DESCRIBE_HEX, {.op = RD_NSM_DESCRIBE_NSM,
			       .description = {.version_major = 1,
				       .module_id = {(const uint8_t *)MODULE, 39},
				       .max_pcrs = 32,
				       .locked = 0xffff,
				       .digest = RD_NSM_SHA384}}},
	{"a16b4174746573746174696f6ea168646f63756d656e745830" P48,
		{.op = RD_NSM_ATTESTATION, .data = {counting, 48}}},
	{"a1654572726f726d526561644f6e6c79496e646578",
		{.op = RD_NSM_ERROR, .error = RD_NSM_E_READ_ONLY_INDEX}},
	{"a1654572726f726753756363657373", {.op = RD_NSM_ERROR, .error = RD_NSM_E_SUCCESS}},
};

static void responses_have_the_bytes_of_the_real_library(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(response_vectors); i++) {
		uint8_t storage[512];
		struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

		assert_ok(rd_nsm_response_encode(&response_vectors[i].res, &out));
		assert_view_hex(rd_buf_view(&out), response_vectors[i].hex);
	}
}

static void responses_are_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(response_vectors); i++) {
		const struct rd_nsm_response *want = &response_vectors[i].res;
		struct rd_nsm_response got;

		assert_ok(decode_response(response_vectors[i].hex, &got));
		assert_int_equal(got.op, want->op);
		assert_int_equal(got.error, want->error);
		assert_int_equal(got.lock, want->lock);
		assert_same_view(got.data, want->data);
		assert_int_equal(got.description.locked, want->description.locked);
		assert_int_equal(got.description.max_pcrs, want->description.max_pcrs);
		assert_int_equal(got.description.version_major, want->description.version_major);
		assert_int_equal(got.description.digest, want->description.digest);
		assert_same_view(got.description.module_id, want->description.module_id);
	}
}

/* The kernel's hwrng driver compares these 19 bytes and wants a definite string behind them. */
static void get_random_is_278_bytes_with_the_prefix_that_linux_wants(void **state)
{
	struct rd_nsm_response res = {.op = RD_NSM_GET_RANDOM, .data = {counting, 256}};
	uint8_t storage[RD_NSM_RESPONSE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_ok(rd_nsm_response_encode(&res, &out));
	assert_int_equal(out.used, 278);
	assert_view_hex(rd_view(storage, 22), "a16947657452616e646f6da16672616e646f6d590100");
}

static void response_decoder_is_tolerant(void **state)
{
	struct rd_nsm_response got;

	(void)state;
	assert_ok(decode_response("a1674c6f636b504352f6", &got));
	assert_int_equal(got.op, RD_NSM_LOCK_PCR);
	assert_ok(decode_response(
		"a16b4465736372696265504352a3646461746141aa636e657701646c6f636bf5", &got));
	assert_true(got.lock);
	assert_view_hex(got.data, "aa");
	assert_ok(decode_response("a16947657452616e646f6da16672616e646f6d5f41aa42bbccff", &got));
	assert_view_hex(got.data, "aabbcc");
}

static void response_decoder_refuses(void **state)
{
	static const struct {
		const char *hex;
		enum rd_status st;
	} bad[] = {
		{"", RD_TRUNCATED},
		{"674c6f636b50435200", RD_TRAILING},
		{"a1674c6f636b504352a0", RD_BAD_TYPE},
		{"81674c6f636b504352", RD_BAD_TYPE},
		{"bf674c6f636b504352f6ff", RD_BAD_TYPE},
		{"a169457874656e64504352a0", RD_MISSING},
		{"69457874656e64504352", RD_MISSING},
		{"a16b4465736372696265504352a2646c6f636b01646461746140", RD_BAD_TYPE},
		{"a1654572726f7263426164", RD_UNSUPPORTED},
		{"a1654572726f72f6", RD_BAD_TYPE},
		{"654572726f72", RD_MISSING},
		{"6453746f70", RD_UNSUPPORTED},
	};
	struct rd_nsm_response got;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(decode_response(bad[i].hex, &got), bad[i].st);
	}
}

static void response_decoder_refuses_foreign_descriptions(void **state)
{
	char hex[sizeof(DESCRIBE_HEX)] = DESCRIBE_HEX;
	struct rd_nsm_response got;

	(void)state;
	/* Register 32 in locked_pcrs: "0e 0f" becomes "18 20". */
	memcpy(strstr(hex, "0e0f66"), "1820", 4);
	hex[strstr(hex, "7390") - hex + 3] = 'f';
	assert_status(decode_response(hex, &got), RD_OUT_OF_RANGE);
	memcpy(hex, DESCRIBE_HEX, sizeof(hex));
	memcpy(strstr(hex, "534841333834"), "534841333835", 12);
	assert_status(decode_response(hex, &got), RD_BAD_ALG);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
	struct rd_nsm_response res = {.op = RD_NSM_EXTEND_PCR, .data = {counting, 48}};
	uint8_t storage[40];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_ok(rd_buf_u8(&out, 7));
	assert_status(rd_nsm_response_encode(&res, &out), RD_NOSPACE);
	assert_int_equal(out.used, 1);
	res.op = RD_NSM_OP_COUNT;
	assert_status(rd_nsm_response_encode(&res, &out), RD_USAGE);
}

static void names_are_those_of_the_protocol(void **state)
{
	(void)state;
	assert_string_equal(rd_nsm_op_name(RD_NSM_LOCK_PCRS), "LockPCRs");
	assert_string_equal(rd_nsm_op_name(RD_NSM_OP_COUNT), "?");
	assert_string_equal(rd_nsm_error_name(RD_NSM_E_INPUT_TOO_LARGE), "InputTooLarge");
	assert_string_equal(rd_nsm_error_name(RD_NSM_E_COUNT), "?");
	assert_string_equal(rd_nsm_digest_name(RD_NSM_SHA512), "SHA512");
	assert_string_equal(rd_nsm_digest_name(RD_NSM_DIGEST_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_have_the_bytes_of_the_real_library),
		cmocka_unit_test(requests_are_read_back),
		cmocka_unit_test(requests_are_whole_or_refused),
		cmocka_unit_test(largest_requests_are_as_derived),
		cmocka_unit_test(an_error_is_no_request),
		cmocka_unit_test(request_decoder_is_tolerant),
		cmocka_unit_test(request_decoder_refuses),
		cmocka_unit_test(responses_have_the_bytes_of_the_real_library),
		cmocka_unit_test(responses_are_read_back),
		cmocka_unit_test(get_random_is_278_bytes_with_the_prefix_that_linux_wants),
		cmocka_unit_test(response_decoder_is_tolerant),
		cmocka_unit_test(response_decoder_refuses),
		cmocka_unit_test(response_decoder_refuses_foreign_descriptions),
		cmocka_unit_test(a_full_buffer_is_left_as_it_was),
		cmocka_unit_test(names_are_those_of_the_protocol),
	};

	for (size_t i = 0; i < sizeof(counting); i++) {
		counting[i] = (uint8_t)i;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
