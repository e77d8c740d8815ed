/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's published documents: each verifies at its own time, or is refused as its authors say. */
#include "data.h"

#include "attest/verify.h"
#include "base/byteorder.h"

static const struct {
	const char *file;
	uint64_t timestamp_ms;
	bool debug;
	enum rd_verify_result want;
	const char *pcr0; /* first bytes */
	int n_pcrs;
	long public_key; /* lengths, or -1 for null */
	long user_data;
	long nonce;
	bool indefinite;
} vectors[] = {
	{"01-2021-03-us-east-2-prod-nofields.bin", UINT64_C(1616018515685), false, RD_VERIFY_OK,
		"2d151586641b790f", 16, -1, -1, -1, false},
	{"02-2021-03-us-east-2-prod-rsa2048.bin", UINT64_C(1616602241734), false, RD_VERIFY_OK,
		"672cd3c91b7ac756", 16, 294, -1, -1, false},
	{"03-2021-04-us-west-1-debug.bin", UINT64_C(1619410153100), true, RD_VERIFY_OK,
		"0000000000000000", 16, -1, -1, -1, false},
	{"04-2021-10-us-east-2-debug-emptypk.bin", UINT64_C(1635440522077), true, RD_VERIFY_OK,
		"0000000000000000", 16, 0, 64, 20, false},
	{"06-2022-07-us-east-2-debug-nulls.bin", UINT64_C(1658175418696), true, RD_VERIFY_OK,
		"0000000000000000", 16, -1, -1, -1, false},
	{"08-2022-10-us-east-1-prod-pcr8.bin", UINT64_C(1665651482136), false, RD_VERIFY_OK,
		"f4d48b81a460c991", 16, -1, -1, 256, false},
	{"10-2023-01-us-east-1-prod-pcr3-pcr8.bin", UINT64_C(1674047239280), false, RD_VERIFY_OK,
		"d265a83faa7b4fa0", 16, -1, 120, 256, false},
	{"12-2024-01-us-east-2-debug-full.bin", UINT64_C(1706120065635), true, RD_VERIFY_OK,
		"0000000000000000", 16, 294, 13, 6, false},
	{"14-2024-05-us-east-1-prod-emptyfields.bin", UINT64_C(1715103786613), false, RD_VERIFY_OK,
		"4d8ff9d3a23815b1", 16, 426, 0, 0, false},
	{"15a-2024-09-us-east-1-debug-leafreuse.bin", UINT64_C(1726534079695), true, RD_VERIFY_OK,
		"0000000000000000", 16, 5, 68, 20, false},
	{"15b-2024-09-us-east-1-debug-leafreuse.bin", UINT64_C(1726535719207), true, RD_VERIFY_OK,
		"0000000000000000", 16, 5, 68, 20, false},
	{"16-2024-09-prod-1024x3.bin", UINT64_C(1725719859545), false, RD_VERIFY_OK,
		"e72a46ca80a260fb", 16, 1024, 1024, 1024, false},
	{"17-2024-11-us-east-1-prod-ecpk.bin", UINT64_C(1732983768387), false, RD_VERIFY_OK,
		"ec74bfbe7f7445a6", 16, 65, -1, -1, false},
	{"18-2025-02-us-west-2-prod.bin", UINT64_C(1739810229760), false, RD_VERIFY_OK,
		"edd5bfcd857e20ff", 16, -1, 121, -1, false},
	{"19-2025-04-ap-south-1-prod-pcr16.bin", UINT64_C(1745922759691), false, RD_VERIFY_OK,
		"2984ab215649c40f", 17, 32, 0, -1, false},
	{"20-2025-06-us-east-2-debug-lastdefinite.bin", UINT64_C(1749558205687), true, RD_VERIFY_OK,
		"0000000000000000", 16, 25, 13, 20, false},
	{"21-2025-07-us-east-1-prod-indef.bin", UINT64_C(1752859822625), false, RD_VERIFY_OK,
		"c853a6ace72694c9", 16, 130, 32, -1, true},
	{"23-2025-12-us-east-1-debug-indef-szero.bin", UINT64_C(1766650846577), true, RD_VERIFY_OK,
		"0000000000000000", 16, -1, 64, -1, true},
	{"neg-01-bad-cose-signature.bin", UINT64_C(1721770180771), true, RD_VERIFY_SIGNATURE,
		"0000000000000000", 16, 5, 68, 20, false},
	{"neg-02-foreign-root.bin", UINT64_C(1734080745008), false, RD_VERIFY_UNKNOWN_ROOT,
		"0000000000000000", 16, 4, 3, -1, false},
};

static struct rd_cert *root;
static const struct rd_cert *roots[1];

static int setup(void **state)
{
	struct rd_buf pem = test_data("attestation/aws-nitro-enclaves-root-g1.pem");

	(void)state;
	assert_ok(rd_cert_from_pem(rd_buf_view(&pem), &root));
	rd_buf_finish(&pem);
	roots[0] = root;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_cert_free(&root);
	return 0;
}

static struct rd_buf vector(size_t i)
{
	char name[128];

	snprintf(name, sizeof(name), "attestation/%s", vectors[i].file);
	return test_data(name);
}

static struct rd_verify_options at(uint64_t timestamp_ms)
{
	return (struct rd_verify_options){.roots = roots,
		.n_roots = 1,
		.now_s = (int64_t)(timestamp_ms / 1000),
		.max_age_s = 1,
		.allow_debug = true};
}

#define assert_result(expr, want, name)                                                            \
	do {                                                                                       \
		enum rd_verify_result got_ = (expr);                                               \
		if (got_ != (want)) {                                                              \
			fail_msg("%s: got %s, want %s", name, rd_verify_name(got_),                \
				rd_verify_name(want));                                             \
		}                                                                                  \
	} while (0)

static void each_is_judged_as_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(vectors); i++) {
		struct rd_verify_options options = at(vectors[i].timestamp_ms);
		struct rd_verify_report report;
		struct rd_buf doc = vector(i);

		assert_result(rd_verify(rd_buf_view(&doc), &options, &report), vectors[i].want,
			vectors[i].file);
		assert_true(report.has_doc);
		rd_buf_finish(&doc);
	}
}

static void debug_documents_are_refused_by_default(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(vectors); i++) {
		struct rd_verify_options options = at(vectors[i].timestamp_ms);
		struct rd_buf doc = vector(i);

		options.allow_debug = false;
		assert_result(rd_verify(rd_buf_view(&doc), &options, NULL),
			vectors[i].want == RD_VERIFY_OK && vectors[i].debug ? RD_VERIFY_DEBUG
									    : vectors[i].want,
			vectors[i].file);
		rd_buf_finish(&doc);
	}
}

static long length_of(struct rd_view v)
{
	return v.ptr == NULL ? -1 : (long)v.len;
}

static void fields_are_those_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(vectors); i++) {
		struct rd_buf bytes = vector(i);
		struct rd_cose_sign1 sign1;
		struct rd_doc doc;
		enum rd_doc_flaw flaw;
		char pcr0[17];
		int n = 0;

		assert_ok(rd_cose_sign1_decode(rd_buf_view(&bytes), &sign1));
		assert_false(sign1.tagged);
		assert_ok(rd_doc_decode(sign1.payload, &doc, &flaw));
		assert_int_equal(flaw, RD_DOC_OK);
		assert_true(doc.timestamp_ms == vectors[i].timestamp_ms);
		rd_hex_string(rd_view(doc.pcrs[0].ptr, 8), pcr0);
		assert_string_equal(pcr0, vectors[i].pcr0);
		for (int k = 0; k < RD_DOC_PCR_COUNT; k++) {
			n += doc.pcrs[k].ptr != NULL;
		}
		assert_int_equal(n, vectors[i].n_pcrs);
		assert_int_equal(length_of(doc.public_key), vectors[i].public_key);
		assert_int_equal(length_of(doc.user_data), vectors[i].user_data);
		assert_int_equal(length_of(doc.nonce), vectors[i].nonce);
		rd_buf_finish(&bytes);
	}
}

/* What our writer makes of the fields is what AWS's made: byte for byte, or but for bf ... ff. */
static void writing_gives_awss_own_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(vectors); i++) {
		struct rd_buf bytes = vector(i);
		struct rd_buf again = rd_buf_growable(RD_DOC_PAYLOAD_MAX);
		struct rd_cose_sign1 sign1;
		struct rd_doc doc;
		enum rd_doc_flaw flaw;

		assert_ok(rd_cose_sign1_decode(rd_buf_view(&bytes), &sign1));
		assert_ok(rd_doc_decode(sign1.payload, &doc, &flaw));
		assert_ok(rd_doc_encode(&doc, &again));
		assert_int_equal(again.ptr[0], 0xa9);
		if (vectors[i].indefinite) {
			assert_int_equal(sign1.payload.ptr[0], 0xbf);
			assert_int_equal(sign1.payload.ptr[sign1.payload.len - 1], 0xff);
			assert_int_equal(again.used, sign1.payload.len - 1);
			assert_memory_equal(again.ptr + 1, sign1.payload.ptr + 1, again.used - 1);
		} else {
			assert_int_equal(again.used, sign1.payload.len);
			assert_memory_equal(again.ptr, sign1.payload.ptr, again.used);
		}
		rd_buf_finish(&bytes);
		rd_buf_finish(&again);
	}
}

static void none_verifies_under_another_partitions_root(void **state)
{
	struct rd_buf pem = test_data("attestation/aws-us-gov-nitro-enclaves-root.pem");
	struct rd_cert *gov = NULL;
	const struct rd_cert *govs[1];

	(void)state;
	assert_ok(rd_cert_from_pem(rd_buf_view(&pem), &gov));
	govs[0] = gov;
	for (size_t i = 0; i < RD_ARRAY_LEN(vectors); i++) {
		struct rd_verify_options options = at(vectors[i].timestamp_ms);
		struct rd_buf doc = vector(i);

		options.roots = govs;
		assert_result(rd_verify(rd_buf_view(&doc), &options, NULL), RD_VERIFY_UNKNOWN_ROOT,
			vectors[i].file);
		rd_buf_finish(&doc);
	}
	rd_cert_free(&gov);
	rd_buf_finish(&pem);
}

static void none_verifies_today(void **state)
{
	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(vectors); i++) {
		struct rd_verify_options options = at(vectors[i].timestamp_ms);
		struct rd_buf doc = vector(i);

		/* The leaf lives 3 h, and no leaf was younger than that at its document's time. */
		options.now_s += 3 * 3600 + 1;
		options.max_age_s = 0;
		assert_result(rd_verify(rd_buf_view(&doc), &options, NULL),
			vectors[i].want == RD_VERIFY_UNKNOWN_ROOT ? RD_VERIFY_UNKNOWN_ROOT
								  : RD_VERIFY_EXPIRED,
			vectors[i].file);
		rd_buf_finish(&doc);
	}
}

/* Every bit of a genuine document counts. Which refusal it is, its region decides. */
enum region {
	HEADER,    /* the array, the protected and the unprotected header */
	SHAPE,     /* heads and keys of the payload */
	CONTENT,   /* values that any bytes may be */
	MODULE,    /* module_id: printable */
	ROOT,      /* cabundle[0] */
	CHAIN,     /* the certificates below */
	SIGNATURE, /* r || s */
};

static bool within(struct rd_view v, const uint8_t *p)
{
	return v.ptr != NULL && p >= v.ptr && p < v.ptr + v.len;
}

static enum region region_of(
	const struct rd_cose_sign1 *s, const struct rd_doc *doc, const uint8_t *p)
{
	if (within(s->signature, p)) {
		return SIGNATURE;
	}
	if (!within(s->payload, p)) {
		return HEADER;
	}
	if (within(doc->cabundle[0], p)) {
		return ROOT;
	}
	for (size_t i = 1; i < doc->n_cabundle; i++) {
		if (within(doc->cabundle[i], p)) {
			return CHAIN;
		}
	}
	if (within(doc->certificate, p)) {
		return CHAIN;
	}
	for (size_t i = 0; i < RD_DOC_PCR_COUNT; i++) {
		if (within(doc->pcrs[i], p)) {
			return CONTENT;
		}
	}
	if (within(doc->public_key, p) || within(doc->user_data, p) || within(doc->nonce, p)) {
		return CONTENT;
	}
	return within(doc->module_id, p) ? MODULE : SHAPE;
}

static bool may_be(enum region region, enum rd_verify_result r)
{
	switch (region) {
	case HEADER:
		return r >= RD_VERIFY_NOT_COSE && r <= RD_VERIFY_PAYLOAD_SIZE;
	case SHAPE:
		return (r >= RD_VERIFY_PAYLOAD && r <= RD_VERIFY_FIELD) ||
		       r == RD_VERIFY_SIGNATURE || r == RD_VERIFY_TRAILING;
	case CONTENT:
	case SIGNATURE:
		return r == RD_VERIFY_SIGNATURE;
	case MODULE:
		return r == RD_VERIFY_SIGNATURE || r == RD_VERIFY_MODULE_ID ||
		       r == RD_VERIFY_PAYLOAD;
	case ROOT:
		return r == RD_VERIFY_UNKNOWN_ROOT;
	case CHAIN:
		return r == RD_VERIFY_BAD_CERT || r == RD_VERIFY_CERT_ALGORITHM ||
		       r == RD_VERIFY_ISSUER || r == RD_VERIFY_CERT_SIGNATURE;
	}
	return false;
}

/* Flips one bit in every step-th byte of vector i; returns how many mutants that were. */
static size_t flip_through(size_t i, size_t step)
{
	struct rd_verify_options options = at(vectors[i].timestamp_ms);
	struct rd_buf doc = vector(i);
	struct rd_buf mutant = vector(i);
	struct rd_cose_sign1 sign1;
	struct rd_doc fields;
	enum rd_doc_flaw flaw;
	size_t n = 0;

	assert_ok(rd_cose_sign1_decode(rd_buf_view(&doc), &sign1));
	assert_ok(rd_doc_decode(sign1.payload, &fields, &flaw));
	for (size_t at_byte = 0; at_byte < doc.used; at_byte += step) {
		enum region region = region_of(&sign1, &fields, doc.ptr + at_byte);
		enum rd_verify_result r;

		mutant.ptr[at_byte] ^= (uint8_t)(1 << (n & 7));
		r = rd_verify(rd_buf_view(&mutant), &options, NULL);
		if (r == RD_VERIFY_OK || !may_be(region, r)) {
			fail_msg("%s, byte %zu, bit %zu, region %d: %s", vectors[i].file, at_byte,
				n & 7, (int)region, rd_verify_name(r));
		}
		mutant.ptr[at_byte] = doc.ptr[at_byte];
		n++;
	}
	rd_buf_finish(&doc);
	rd_buf_finish(&mutant);
	return n;
}

static void no_flipped_bit_is_accepted(void **state)
{
	size_t n = 0;

	(void)state;
	/* Two production documents and one of indefinite length; steps prime to every structure. */
	n += flip_through(5, 11);
	n += flip_through(12, 17);
	n += flip_through(16, 23);
	assert_true(n >= 500);
}

static void no_header_bit_is_accepted(void **state)
{
	struct rd_verify_options options = at(vectors[0].timestamp_ms);
	struct rd_buf doc = vector(0);

	(void)state;
	for (size_t at_byte = 0; at_byte < 8; at_byte++) {
		for (int bit = 0; bit < 8; bit++) {
			enum rd_verify_result r;

			doc.ptr[at_byte] ^= (uint8_t)(1 << bit);
			r = rd_verify(rd_buf_view(&doc), &options, NULL);
			assert_true(may_be(HEADER, r));
			doc.ptr[at_byte] ^= (uint8_t)(1 << bit);
		}
	}
	rd_buf_finish(&doc);
}

static void no_prefix_is_accepted(void **state)
{
	struct rd_verify_options options = at(vectors[0].timestamp_ms);
	struct rd_buf doc = vector(0);

	(void)state;
	for (size_t len = 0; len < doc.used; len++) {
		assert_result(rd_verify(rd_view(doc.ptr, len), &options, NULL), RD_VERIFY_NOT_COSE,
			"prefix");
	}
	rd_buf_finish(&doc);
}

static void nothing_may_follow(void **state)
{
	struct rd_verify_options options = at(vectors[0].timestamp_ms);
	struct rd_buf doc = vector(0);

	(void)state;
	assert_ok(rd_buf_u8(&doc, 0));
	assert_result(rd_verify(rd_buf_view(&doc), &options, NULL), RD_VERIFY_TRAILING, "zero");
	assert_ok(rd_buf_put_zeros(&doc, RD_VERIFY_INPUT_MAX - doc.used));
	assert_result(rd_verify(rd_buf_view(&doc), &options, NULL), RD_VERIFY_TRAILING, "32 KiB");
	assert_ok(rd_buf_u8(&doc, 0));
	assert_result(rd_verify(rd_buf_view(&doc), &options, NULL), RD_VERIFY_TOO_LARGE, "more");
	rd_buf_finish(&doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_judged_as_published),
		cmocka_unit_test(debug_documents_are_refused_by_default),
		cmocka_unit_test(fields_are_those_published),
		cmocka_unit_test(writing_gives_awss_own_bytes),
		cmocka_unit_test(none_verifies_under_another_partitions_root),
		cmocka_unit_test(none_verifies_today),
		cmocka_unit_test(no_flipped_bit_is_accepted),
		cmocka_unit_test(no_header_bit_is_accepted),
		cmocka_unit_test(no_prefix_is_accepted),
		cmocka_unit_test(nothing_may_follow),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
