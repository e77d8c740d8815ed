/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier: chain, times, identity, freshness and policy, each rule bent alone. */
#include "maker.h"

#include "base/secret.h"

static struct maker m;

static int setup(void **state)
{
	(void)state;
	maker_init(&m);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	maker_finish(&m);
	return 0;
}

static void accepts_a_right_document(void **state)
{
	struct rd_verify_report report;

	(void)state;
	maker_reset(&m);
	assert_result(maker_run(&m, &report), RD_VERIFY_OK);
	assert_true(report.has_doc);
	assert_false(report.debug);
	assert_int_equal(report.cert, -1);
	assert_int_equal(report.pcr, -1);
	assert_int_equal(report.root, 0);
	assert_result(maker_run(&m, NULL), RD_VERIFY_OK);
}

static void accepts_tag_18_and_no_other(void **state)
{
	struct rd_buf doc;
	struct rd_buf tagged = rd_buf_growable(RD_VERIFY_INPUT_MAX);

	(void)state;
	maker_reset(&m);
	maker_chain(&m);
	doc = maker_sign(&m);
	assert_ok(rd_buf_u8(&tagged, 0xd2));
	assert_ok(rd_buf_put_view(&tagged, rd_buf_view(&doc)));
	assert_result(maker_verify(&m, rd_buf_view(&tagged), NULL), RD_VERIFY_OK);
	tagged.ptr[0] = 0xd1;
	assert_result(maker_verify(&m, rd_buf_view(&tagged), NULL), RD_VERIFY_NOT_COSE);
	rd_buf_finish(&doc);
	rd_buf_finish(&tagged);
}

/* s := n - s. ECDSA is malleable, and half of all genuine documents have a high s. */
static void negate_s(uint8_t s[48])
{
	static const uint8_t order[48] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48,
		0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};
	int borrow = 0;

	for (int i = 47; i >= 0; i--) {
		int d = order[i] - s[i] - borrow;

		borrow = d < 0;
		s[i] = (uint8_t)(d + (borrow ? 256 : 0));
	}
}

static void accepts_high_and_low_s(void **state)
{
	struct rd_buf doc;

	(void)state;
	maker_reset(&m);
	maker_chain(&m);
	doc = maker_sign(&m);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
	negate_s(doc.ptr + doc.used - 48);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
	doc.ptr[doc.used - 1] ^= 1;
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_SIGNATURE);
	rd_buf_finish(&doc);
}

static void the_root_is_the_pinned_one_or_none(void **state)
{
	struct rd_verify_report report;
	struct rd_cert *pinned;
	struct rd_cert *other = NULL;
	const struct rd_cert *two[2];
	struct rd_buf doc;

	(void)state;
	maker_reset(&m);
	maker_chain(&m);
	doc = maker_sign(&m);
	pinned = rd_steal(&m.root, NULL);
	/* Another root by the same key and name: only the bytes differ. */
	m.certs[0].t.not_after_s++;
	maker_chain(&m);
	other = rd_steal(&m.root, NULL);
	two[0] = other;
	two[1] = pinned;
	m.options.roots = two;
	m.options.n_roots = 1;
	assert_result(maker_verify(&m, rd_buf_view(&doc), &report), RD_VERIFY_UNKNOWN_ROOT);
	assert_int_equal(report.cert, 0);
	m.options.n_roots = 2;
	assert_result(maker_verify(&m, rd_buf_view(&doc), &report), RD_VERIFY_OK);
	assert_int_equal(report.root, 1);
	m.options.n_roots = 0;
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_USAGE);
	rd_cert_free(&pinned);
	rd_cert_free(&other);
	rd_buf_finish(&doc);
}

static void a_dropped_or_swapped_authority_breaks_the_chain(void **state)
{
	struct rd_verify_report report;

	(void)state;
	for (size_t drop = 1; drop < MAKER_LEAF; drop++) {
		struct rd_buf doc;

		maker_reset(&m);
		maker_chain(&m);
		for (size_t i = drop; i + 1 < MAKER_LEAF; i++) {
			m.doc.cabundle[i] = m.doc.cabundle[i + 1];
		}
		m.doc.n_cabundle--;
		doc = maker_sign(&m);
		assert_result(maker_verify(&m, rd_buf_view(&doc), &report), RD_VERIFY_ISSUER);
		assert_int_equal(report.cert, drop);
		rd_buf_finish(&doc);
	}
	for (size_t swap = 0; swap + 1 < MAKER_LEAF; swap++) {
		struct rd_view first;
		struct rd_buf doc;

		maker_reset(&m);
		maker_chain(&m);
		first = m.doc.cabundle[swap];
		m.doc.cabundle[swap] = m.doc.cabundle[swap + 1];
		m.doc.cabundle[swap + 1] = first;
		doc = maker_sign(&m);
		assert_result(maker_verify(&m, rd_buf_view(&doc), &report),
			swap == 0 ? RD_VERIFY_UNKNOWN_ROOT : RD_VERIFY_ISSUER);
		assert_int_equal(report.cert, swap);
		rd_buf_finish(&doc);
	}
}

static void lives_have_inclusive_edges_at_every_level(void **state)
{
	(void)state;
	for (int level = 0; level < MAKER_LEVELS; level++) {
		struct rd_verify_report report;
		struct rd_buf doc;

		maker_reset(&m);
		m.doc.timestamp_ms = UINT64_C(1000) * (MAKER_NOW_S - 100000);
		m.certs[level].t.not_before_s = MAKER_NOW_S;
		m.certs[level].t.not_after_s = MAKER_NOW_S + 100;
		maker_chain(&m);
		doc = maker_sign(&m);
		m.options.now_s = MAKER_NOW_S - 1;
		assert_result(
			maker_verify(&m, rd_buf_view(&doc), &report), RD_VERIFY_NOT_YET_VALID);
		assert_int_equal(report.cert, level);
		m.options.now_s = MAKER_NOW_S;
		assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
		m.options.now_s = MAKER_NOW_S + 100;
		assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
		m.options.now_s = MAKER_NOW_S + 101;
		assert_result(maker_verify(&m, rd_buf_view(&doc), &report), RD_VERIFY_EXPIRED);
		assert_int_equal(report.cert, level);
		/* Tolerance is for beginnings, not for ends. */
		m.options.skew_s = 60;
		assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_EXPIRED);
		m.options.now_s = MAKER_NOW_S - 60;
		assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
		m.options.now_s = MAKER_NOW_S - 61;
		assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_NOT_YET_VALID);
		rd_buf_finish(&doc);
	}
}

static void assert_refused_at(enum rd_verify_result want, int level)
{
	struct rd_verify_report report;

	assert_result(maker_run(&m, &report), want);
	assert_int_equal(report.cert, level);
}

static void authorities_must_be_authorities(void **state)
{
	(void)state;
	for (int level = 0; level < MAKER_LEAF; level++) {
		maker_reset(&m);
		m.certs[level].t.is_ca = false;
		m.certs[level].t.path_len = RD_PATH_LEN_NONE;
		assert_refused_at(RD_VERIFY_CA, level);
		maker_reset(&m);
		m.certs[level].t.key_usage = RD_KU_DIGITAL_SIGNATURE | RD_KU_CRL_SIGN;
		assert_refused_at(RD_VERIFY_CA, level);
		maker_reset(&m);
		m.certs[level].t.n_exts = 2; /* no key usage */
		assert_refused_at(RD_VERIFY_CA, level);
		maker_reset(&m);
		m.certs[level].exts[0] = RD_EXT_KEY_USAGE; /* no basic constraints */
		m.certs[level].t.n_exts = 1;
		assert_refused_at(RD_VERIFY_CA, level);
	}
}

static void path_lengths_are_respected(void **state)
{
	(void)state;
	for (int level = 0; level < MAKER_INSTANCE; level++) {
		maker_reset(&m);
		m.certs[level].t.path_len = MAKER_INSTANCE - level - 1;
		assert_refused_at(RD_VERIFY_PATH_LENGTH, level);
		m.certs[level].t.path_len = MAKER_INSTANCE - level;
		assert_result(maker_run(&m, NULL), RD_VERIFY_OK);
	}
}

static void the_leaf_signs_and_certifies_nothing(void **state)
{
	(void)state;
	maker_reset(&m);
	m.certs[MAKER_LEAF].t.is_ca = true;
	assert_refused_at(RD_VERIFY_LEAF, MAKER_LEAF);
	maker_reset(&m);
	m.certs[MAKER_LEAF].t.path_len = 0;
	assert_refused_at(RD_VERIFY_LEAF, MAKER_LEAF);
	maker_reset(&m);
	m.certs[MAKER_LEAF].t.key_usage = RD_KU_NON_REPUDIATION;
	assert_refused_at(RD_VERIFY_LEAF, MAKER_LEAF);
	maker_reset(&m);
	m.certs[MAKER_LEAF].t.key_usage = RD_KU_DIGITAL_SIGNATURE | RD_KU_KEY_CERT_SIGN;
	assert_refused_at(RD_VERIFY_LEAF, MAKER_LEAF);
	maker_reset(&m);
	m.certs[MAKER_LEAF].t.n_exts = 2;
	assert_refused_at(RD_VERIFY_LEAF, MAKER_LEAF);
	/* An authority's certificate as the leaf, with its own key. */
	maker_reset(&m);
	m.certs[MAKER_LEAF].t.n_exts = 0;
	assert_refused_at(RD_VERIFY_LEAF, MAKER_LEAF);
}

static void names_must_chain(void **state)
{
	(void)state;
	for (int level = 2; level < MAKER_LEVELS; level++) {
		maker_reset(&m);
		/* Signed by the right key, but naming the level before as its issuer. */
		m.certs[level].issuer = level - 2;
		assert_refused_at(RD_VERIFY_ISSUER, level);
	}
}

static void signatures_must_chain(void **state)
{
	(void)state;
	for (int level = 1; level < MAKER_LEVELS; level++) {
		maker_reset(&m);
		/* The right issuer's name, but signed by the certificate's own key. */
		m.certs[level].issuer_key = m.keys[level];
		assert_refused_at(RD_VERIFY_CERT_SIGNATURE, level);
	}
}

static void only_p384_counts(void **state)
{
	struct rd_ec_key *p256 = NULL;

	(void)state;
	assert_ok(rd_ec_key_generate(RD_P256, &p256));
	for (int level = 0; level < MAKER_LEVELS; level++) {
		maker_reset(&m);
		m.certs[level].subject_key = p256;
		if (level == 0) {
			m.certs[0].issuer_key = p256;
		}
		assert_refused_at(RD_VERIFY_CERT_ALGORITHM, level);
	}
	/* A P-384 key whose certificate was signed with ecdsa-with-SHA256. */
	maker_reset(&m);
	m.certs[MAKER_LEAF].issuer_key = p256;
	assert_refused_at(RD_VERIFY_CERT_ALGORITHM, MAKER_LEAF);
	rd_ec_key_free(&p256);
}

/* The bytes of id-ce-<n>, in a certificate's extensions. */
static uint8_t *find_ext(uint8_t *der, size_t len, uint8_t n)
{
	const uint8_t oid[] = {0x06, 0x03, 0x55, 0x1d, n};
	uint8_t *at = memmem(der, len, oid, sizeof(oid));

	assert_non_null(at);
	return at;
}

static void make_key_usage_unknown(uint8_t *der, size_t len)
{
	find_ext(der, len, 15)[4] = 99;
}

static void make_extension_twice(uint8_t *der, size_t len)
{
	/* The authorityKeyIdentifier becomes a second subjectKeyIdentifier. */
	find_ext(der, len, 35)[4] = 14;
}

static void make_version_2(uint8_t *der, size_t len)
{
	static const uint8_t v3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
	uint8_t *at = memmem(der, len, v3, sizeof(v3));

	assert_non_null(at);
	at[4] = 1;
}

static void certificates_are_patched_and_signed_rightly(void **state)
{
	(void)state;
	for (int level = 1; level < MAKER_LEVELS; level++) {
		maker_reset(&m);
		m.certs[level].t.n_exts = 4;
		m.certs[level].exts[3] = RD_EXT_AUTHORITY_KEY_ID;
		assert_result(maker_run(&m, NULL), RD_VERIFY_OK);
		m.certs[level].patch = make_version_2;
		assert_refused_at(RD_VERIFY_BAD_CERT, level);
		m.certs[level].patch = make_extension_twice;
		assert_refused_at(RD_VERIFY_BAD_CERT, level);
	}
}

static void unknown_critical_extensions_are_refused(void **state)
{
	(void)state;
	for (int level = 0; level < MAKER_LEVELS; level++) {
		maker_reset(&m);
		m.certs[level].t.key_usage_critical = true;
		m.certs[level].patch = make_key_usage_unknown;
		assert_refused_at(RD_VERIFY_CRITICAL, level);
	}
}

static void identity_is_the_same_everywhere(void **state)
{
	(void)state;
	maker_reset(&m);
	m.certs[MAKER_LEAF].dn[1].value = MAKER_INSTANCE_ID "-enc0199aabbccddeef0.test-1.test";
	assert_result(maker_run(&m, NULL), RD_VERIFY_LEAF_NAME);
	m.certs[MAKER_LEAF].dn[1].value = MAKER_MODULE_ID "x.test-1.test";
	assert_result(maker_run(&m, NULL), RD_VERIFY_LEAF_NAME);
	m.certs[MAKER_LEAF].dn[1].value = MAKER_MODULE_ID;
	assert_result(maker_run(&m, NULL), RD_VERIFY_LEAF_NAME);
	m.certs[MAKER_LEAF].dn[1].value = MAKER_MODULE_ID ".test-1.test";
	m.certs[MAKER_LEAF].dn[2] = (struct rd_dn_attr){RD_DN_CN, "another"};
	m.certs[MAKER_LEAF].n_dn = 3;
	assert_result(maker_run(&m, NULL), RD_VERIFY_LEAF_NAME);
	m.certs[MAKER_LEAF].n_dn = 1;
	assert_result(maker_run(&m, NULL), RD_VERIFY_LEAF_NAME);
	maker_reset(&m);
	m.certs[MAKER_LEAF].serial[7] ^= 1;
	assert_result(maker_run(&m, NULL), RD_VERIFY_LEAF_SERIAL);
	maker_reset(&m);
	m.certs[MAKER_LEAF].serial[15] ^= 1;
	assert_result(maker_run(&m, NULL), RD_VERIFY_OK);
	maker_reset(&m);
	m.certs[MAKER_INSTANCE].dn[1].value = "i-0123456789abcdef1.test-1.test.enclaves";
	assert_result(maker_run(&m, NULL), RD_VERIFY_INSTANCE_NAME);
	maker_reset(&m);
	m.pcrs[4][47] ^= 1;
	assert_result(maker_run(&m, NULL), RD_VERIFY_PCR4);
	maker_reset(&m);
	m.doc.pcrs[4] = rd_view(NULL, 0);
	assert_result(maker_run(&m, NULL), RD_VERIFY_PCR4);
}

static void module_ids_have_a_form(void **state)
{
	static const char *const wrong[] = {
		"x",
		"i-0123456789abcdef0",
		"i-0123456789abcdef0-enc0199aabbccddeef",
		"i-0123456789abcdef0-enc0199AABBCCDDEEFF",
		"i-0123456789abcdef0-end0199aabbccddeeff",
		"i-enc0199aabbccddeeff",
		"j-0123456789abcdef0-enc0199aabbccddeeff",
		"i-0123456789abcdef012-enc0199aabbccddeeff",
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(wrong); i++) {
		maker_reset(&m);
		m.doc.module_id = rd_view_str(wrong[i]);
		assert_result(maker_run(&m, NULL), RD_VERIFY_MODULE_ID);
	}
}

/* Verifies one document at several times. */
static void freshness_has_inclusive_edges(void **state)
{
	static const struct {
		int64_t now_s;
		uint32_t skew_s;
		uint32_t max_age_s;
		enum rd_verify_result want;
	} cases[] = {
		{MAKER_NOW_S, 0, 0, RD_VERIFY_OK},
		{MAKER_NOW_S - 1, 0, 0, RD_VERIFY_FUTURE},
		{MAKER_NOW_S - 60, 60, 0, RD_VERIFY_OK},
		{MAKER_NOW_S - 61, 60, 0, RD_VERIFY_FUTURE},
		{MAKER_NOW_S + 300, 0, 300, RD_VERIFY_OK},
		{MAKER_NOW_S + 301, 0, 300, RD_VERIFY_TOO_OLD},
		{MAKER_NOW_S + 301, 60, 300, RD_VERIFY_TOO_OLD},
		{MAKER_NOW_S + 999999, 0, 0, RD_VERIFY_OK},
	};
	struct rd_buf doc;

	(void)state;
	maker_reset(&m);
	maker_chain(&m);
	doc = maker_sign(&m);
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		m.options.now_s = cases[i].now_s;
		m.options.skew_s = cases[i].skew_s;
		m.options.max_age_s = cases[i].max_age_s;
		assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), cases[i].want);
	}
	rd_buf_finish(&doc);
}

static void the_nonce_must_be_the_one_sent(void **state)
{
	uint8_t other[33];
	struct rd_buf doc;

	(void)state;
	memset(other, 0x5e, sizeof(other));
	maker_reset(&m);
	maker_chain(&m);
	doc = maker_sign(&m);
	m.options.nonce = rd_view(other, 32);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
	m.options.nonce = rd_view(other, 31);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_NONCE);
	m.options.nonce = rd_view(other, 33);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_NONCE);
	other[31] ^= 1;
	m.options.nonce = rd_view(other, 32);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_NONCE);
	m.options.nonce = rd_view(other, 15);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_USAGE);
	rd_buf_finish(&doc);
	m.options.nonce = rd_view(other, 32);
	m.doc.nonce = rd_view(NULL, 0);
	assert_result(maker_run(&m, NULL), RD_VERIFY_NONCE);
}

static void debug_mode_is_refused_unless_allowed(void **state)
{
	struct rd_verify_report report;

	(void)state;
	for (int i = 0; i < 3; i++) {
		maker_reset(&m);
		memset(m.pcrs[i], 0, RD_DOC_PCR_SIZE);
		assert_result(maker_run(&m, &report), RD_VERIFY_DEBUG);
		assert_int_equal(report.pcr, i);
		m.options.allow_debug = true;
		assert_result(maker_run(&m, &report), RD_VERIFY_OK);
		assert_true(report.debug);
		maker_reset(&m);
		m.doc.pcrs[i] = rd_view(NULL, 0);
		assert_result(maker_run(&m, &report), RD_VERIFY_DEBUG);
	}
}

static void expected_registers_must_match(void **state)
{
	struct rd_verify_report report;
	uint8_t want[RD_DOC_PCR_SIZE];
	struct rd_buf doc;

	(void)state;
	maker_reset(&m);
	memset(m.pcrs[16], 0x77, RD_DOC_PCR_SIZE);
	m.doc.pcrs[16] = rd_view(m.pcrs[16], RD_DOC_PCR_SIZE);
	maker_chain(&m);
	doc = maker_sign(&m);
	for (int i = 0; i <= 16; i += i == 2 ? 14 : 1) {
		memcpy(want, m.pcrs[i], sizeof(want));
		m.options.pcrs[i] = rd_view(want, sizeof(want));
		assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
		want[47] ^= 1;
		assert_result(maker_verify(&m, rd_buf_view(&doc), &report), RD_VERIFY_PCR);
		assert_int_equal(report.pcr, i);
		m.options.pcrs[i] = rd_view(want, sizeof(want) - 1);
		assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_USAGE);
		m.options.pcrs[i] = rd_view(NULL, 0);
	}
	/* Not in the document at all. */
	m.options.pcrs[17] = rd_view(want, sizeof(want));
	assert_result(maker_verify(&m, rd_buf_view(&doc), &report), RD_VERIFY_PCR);
	assert_int_equal(report.pcr, 17);
	m.options.pcrs[17] = rd_view(NULL, 0);
	/* Zeros are expected by accident, or with allow_debug. */
	memset(want, 0, sizeof(want));
	m.options.pcrs[8] = rd_view(want, sizeof(want));
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_USAGE);
	m.options.allow_debug = true;
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
	rd_buf_finish(&doc);
}

static void results_have_distinct_codes_names_and_sentences(void **state)
{
	static const enum rd_verify_result all[] = {
#define X(name, code, text) name,
		RD_VERIFY_LIST(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(all); i++) {
		assert_in_range(all[i], 0, 125);
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(all[i], all[k]);
			assert_string_not_equal(rd_verify_name(all[i]), rd_verify_name(all[k]));
			assert_string_not_equal(rd_verify_text(all[i]), rd_verify_text(all[k]));
		}
	}
}

/* A memory of one chain, which counts. */
struct memory {
	uint8_t chain[RD_SHA256_SIZE];
	struct rd_verify_life life;
	bool full;
	int asked;
	int told;
};

static bool memory_knows(void *ctx, const uint8_t chain[RD_SHA256_SIZE], struct rd_verify_life *ret)
{
	struct memory *memory = ctx;

	memory->asked++;
	*ret = memory->life;
	return memory->full && memcmp(memory->chain, chain, RD_SHA256_SIZE) == 0;
}

static void memory_remember(
	void *ctx, const uint8_t chain[RD_SHA256_SIZE], const struct rd_verify_life *life)
{
	struct memory *memory = ctx;

	memory->told++;
	memory->full = true;
	memory->life = *life;
	memcpy(memory->chain, chain, RD_SHA256_SIZE);
}

static void remembers_a_chain_that_holds_until_its_first_end(void **state)
{
	struct memory memory = {0};
	const struct rd_verify_chain_cache cache = {memory_knows, memory_remember, &memory};
	struct rd_buf doc;

	(void)state;
	maker_reset(&m);
	m.certs[2].t.not_after_s = MAKER_NOW_S + 77;
	maker_chain(&m);
	m.options.chain_cache = &cache;
	doc = maker_sign(&m);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
	assert_int_equal(memory.told, 1);
	assert_int_equal(memory.life.not_after_s, MAKER_NOW_S + 77);
	assert_true(memory.life.not_before_s <= MAKER_NOW_S);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
	assert_int_equal(memory.asked, 2);
	assert_int_equal(memory.told, 1);
	/* The lives are looked at for every document, and so is the document's own signature. */
	m.options.now_s = MAKER_NOW_S + 78;
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_EXPIRED);
	m.options.now_s = MAKER_NOW_S - 1000001;
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_NOT_YET_VALID);
	m.options.now_s = MAKER_NOW_S;
	doc.ptr[doc.used - 1] ^= 1;
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_SIGNATURE);
	rd_buf_finish(&doc);
}

static void a_chain_that_fails_is_not_remembered(void **state)
{
	struct memory memory = {0};
	const struct rd_verify_chain_cache cache = {memory_knows, memory_remember, &memory};

	(void)state;
	maker_reset(&m);
	m.options.chain_cache = &cache;
	m.certs[MAKER_LEAF].issuer_key = m.keys[0];
	assert_result(maker_run(&m, NULL), RD_VERIFY_CERT_SIGNATURE);
	assert_int_equal(memory.asked, 1);
	assert_int_equal(memory.told, 0);
}

/* The memory is not even asked about a root that is not pinned. */
static void an_unknown_root_is_no_chain_to_ask_about(void **state)
{
	struct memory memory = {0};
	const struct rd_verify_chain_cache cache = {memory_knows, memory_remember, &memory};
	struct rd_buf doc;

	(void)state;
	maker_reset(&m);
	maker_chain(&m);
	m.options.chain_cache = &cache;
	doc = maker_sign(&m);
	m.certs[0].t.not_after_s++;
	maker_chain(&m);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_UNKNOWN_ROOT);
	assert_int_equal(memory.asked, 0);
	rd_buf_finish(&doc);
}

/* A life that is over: so the certificates are looked at. */
static bool knows_all(void *ctx, const uint8_t chain[RD_SHA256_SIZE], struct rd_verify_life *ret)
{
	(void)ctx;
	(void)chain;
	*ret = (struct rd_verify_life){0};
	return true;
}

/* A memory that vouches for everything, but not for the time, is left signatures and nothing else.
 */
static void outside_of_the_life_only_signatures_are_left_to_the_memory(void **state)
{
	struct memory memory = {0};
	const struct rd_verify_chain_cache cache = {knows_all, memory_remember, &memory};

	(void)state;
	maker_reset(&m);
	m.options.chain_cache = &cache;
	m.certs[2].issuer_key = m.keys[0];
	assert_result(maker_run(&m, NULL), RD_VERIFY_OK);
	maker_reset(&m);
	m.options.chain_cache = &cache;
	m.certs[2].issuer = 0;
	assert_result(maker_run(&m, NULL), RD_VERIFY_ISSUER);
	maker_reset(&m);
	m.options.chain_cache = &cache;
	m.certs[2].t.is_ca = false;
	assert_result(maker_run(&m, NULL), RD_VERIFY_CA);
	maker_reset(&m);
	m.options.chain_cache = &cache;
	m.certs[MAKER_LEAF].t.is_ca = true;
	assert_result(maker_run(&m, NULL), RD_VERIFY_LEAF);
	assert_int_equal(memory.told, 0);
}

/* Knowing one chain helps no other: not with another leaf, nor with bytes moved between two. */
static void a_known_chain_vouches_for_no_other(void **state)
{
	struct memory memory = {0};
	const struct rd_verify_chain_cache cache = {memory_knows, memory_remember, &memory};
	struct rd_buf doc;

	(void)state;
	maker_reset(&m);
	maker_chain(&m);
	m.options.chain_cache = &cache;
	doc = maker_sign(&m);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_OK);
	rd_buf_finish(&doc);
	/* The same names and keys, the leaf signed by another. */
	m.ders[MAKER_LEAF].ptr[m.ders[MAKER_LEAF].used - 1] ^= 1;
	doc = maker_sign(&m);
	assert_result(maker_verify(&m, rd_buf_view(&doc), NULL), RD_VERIFY_CERT_SIGNATURE);
	assert_int_equal(memory.told, 1);
	rd_buf_finish(&doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_a_chain_that_holds_until_its_first_end),
		cmocka_unit_test(a_chain_that_fails_is_not_remembered),
		cmocka_unit_test(an_unknown_root_is_no_chain_to_ask_about),
		cmocka_unit_test(outside_of_the_life_only_signatures_are_left_to_the_memory),
		cmocka_unit_test(a_known_chain_vouches_for_no_other),
		cmocka_unit_test(accepts_a_right_document),
		cmocka_unit_test(accepts_tag_18_and_no_other),
		cmocka_unit_test(accepts_high_and_low_s),
		cmocka_unit_test(the_root_is_the_pinned_one_or_none),
		cmocka_unit_test(a_dropped_or_swapped_authority_breaks_the_chain),
		cmocka_unit_test(lives_have_inclusive_edges_at_every_level),
		cmocka_unit_test(authorities_must_be_authorities),
		cmocka_unit_test(path_lengths_are_respected),
		cmocka_unit_test(the_leaf_signs_and_certifies_nothing),
		cmocka_unit_test(names_must_chain),
		cmocka_unit_test(signatures_must_chain),
		cmocka_unit_test(only_p384_counts),
		cmocka_unit_test(certificates_are_patched_and_signed_rightly),
		cmocka_unit_test(unknown_critical_extensions_are_refused),
		cmocka_unit_test(identity_is_the_same_everywhere),
		cmocka_unit_test(module_ids_have_a_form),
		cmocka_unit_test(freshness_has_inclusive_edges),
		cmocka_unit_test(the_nonce_must_be_the_one_sent),
		cmocka_unit_test(debug_mode_is_refused_unless_allowed),
		cmocka_unit_test(expected_registers_must_match),
		cmocka_unit_test(results_have_distinct_codes_names_and_sentences),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
