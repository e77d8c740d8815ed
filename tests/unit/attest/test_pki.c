/* SPDX-License-Identifier: Apache-2.0 */
/* The PKI: names, lives, serials and extension bytes of each level, and what it refuses to issue.
 */
#include "test.h"

#include "attest/pki.h"
#include "attest/verify.h"

#define NOW_S       1900000000
#define INSTANCE_ID "i-0123456789abcdef0"
#define MODULE_ID   INSTANCE_ID "-enc0199aabbccddeeff"

#define MINUTE 60
#define HOUR   3600
#define DAY    86400

static struct rd_ec_key *keys[RD_PKI_LEVEL_COUNT];
static struct rd_cert *certs[RD_PKI_LEVEL_COUNT];

static struct rd_pki_request request(int level, int64_t now_s)
{
	struct rd_pki_request req = {
		.level = (enum rd_pki_level)level,
		.now_s = now_s,
		.region = "local-1",
		.authority_id = UINT64_C(0x00ff00ff00ff00ff),
		.instance_id = INSTANCE_ID,
		.module_id = MODULE_ID,
		.subject_key = keys[level],
		.issuer = level == 0 ? NULL : certs[level - 1],
		.issuer_key = keys[level == 0 ? 0 : level - 1],
	};

	memset(req.serial, 0xf1, sizeof(req.serial));
	memset(req.crl_uuid, 0xff, sizeof(req.crl_uuid));
	return req;
}

static enum rd_status issue(const struct rd_pki_request *req, struct rd_cert **ret)
{
	uint8_t storage[2 * RD_PKI_CERT_MAX];
	struct rd_buf der = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st = rd_pki_issue(req, &der);

	if (st == RD_OK) {
		assert_ok(rd_cert_from_der(rd_buf_view(&der), ret));
	} else {
		assert_int_equal(der.used, 0);
	}
	return st;
}

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < RD_PKI_LEVEL_COUNT; i++) {
		struct rd_pki_request req;

		assert_ok(rd_ec_key_generate(RD_P384, &keys[i]));
		req = request(i, NOW_S);
		assert_ok(issue(&req, &certs[i]));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < RD_PKI_LEVEL_COUNT; i++) {
		rd_ec_key_free(&keys[i]);
		rd_cert_free(&certs[i]);
	}
	return 0;
}

static void names_keep_awss_order_under_our_own_words(void **state)
{
	static const char *const want[RD_PKI_LEVEL_COUNT] = {
		"C=XX, O=Redoubt, OU=Enclaves, CN=redoubt.enclaves",
		"C=XX, O=Redoubt, OU=Enclaves, CN=00ff00ff00ff00ff.local-1.redoubt.enclaves",
		"CN=00ff00ff00ff00ff.zonal.local-1.redoubt.enclaves, OU=Enclaves, O=Redoubt, C=XX, "
		"ST=Local, L=Local",
		"C=XX, ST=Local, L=Local, O=Redoubt, OU=Enclaves, CN=" INSTANCE_ID
		".local-1.redoubt.enclaves",
		"C=XX, ST=Local, L=Local, O=Redoubt, OU=Enclaves, CN=" MODULE_ID ".local-1.redoubt",
	};

	(void)state;
	for (int i = 0; i < RD_PKI_LEVEL_COUNT; i++) {
		struct rd_buf text = rd_buf_growable(512);

		assert_ok(rd_cert_name_text(certs[i], RD_CERT_SUBJECT, &text));
		if (!rd_view_equal(rd_buf_view(&text), rd_view_str(want[i]))) {
			fail_msg("%.*s", (int)text.used, (const char *)text.ptr);
		}
		rd_buf_finish(&text);
	}
}

static void lives_are_awss_and_nested(void **state)
{
	static const int64_t lives_s[RD_PKI_LEVEL_COUNT] = {
		INT64_C(30) * 365 * DAY + 15 * DAY / 2 + HOUR,
		20 * DAY + HOUR,
		145 * HOUR,
		24 * HOUR,
		3 * HOUR + 3,
	};

	(void)state;
	for (int i = 0; i < RD_PKI_LEVEL_COUNT; i++) {
		const struct rd_cert_info *info = rd_cert_info(certs[i]);

		assert_int_equal(info->not_after_s - info->not_before_s, lives_s[i]);
		assert_ok(rd_cert_verify(certs[i], keys[i == 0 ? 0 : i - 1]));
		assert_in_range(info->der.len, 500, RD_PKI_CERT_MAX);
		if (i > 0) {
			const struct rd_cert_info *above = rd_cert_info(certs[i - 1]);

			assert_true(info->not_before_s >= above->not_before_s);
			assert_true(info->not_after_s <= above->not_after_s);
			assert_true(rd_view_equal(info->issuer_der, above->subject_der));
		}
	}
	assert_int_equal(rd_cert_info(certs[RD_PKI_LEAF])->not_before_s, NOW_S - 3);
	assert_int_equal(rd_cert_info(certs[RD_PKI_LEAF])->not_after_s, NOW_S + 10800);
}

static void serials_follow_the_rule(void **state)
{
	(void)state;
	assert_view_hex(
		rd_cert_info(certs[RD_PKI_ROOT])->serial, "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1");
	assert_int_equal(rd_cert_info(certs[RD_PKI_ZONAL])->serial.len, 16);
	assert_int_equal(rd_cert_info(certs[RD_PKI_INSTANCE])->serial.len, 20);
	/* 1900000000 is 0x713fb300. */
	assert_view_hex(
		rd_cert_info(certs[RD_PKI_LEAF])->serial, "0199aabbccddeeff00000000713fb300");
	for (int i = 0; i < RD_PKI_LEVEL_COUNT; i++) {
		assert_false(rd_cert_info(certs[i])->serial_negative);
	}
}

/* The extensions' part of the TBS, from its [3] head on, with key identifiers as dots. */
static void assert_extensions(int level, const char *pattern)
{
	struct rd_view der = rd_cert_info(certs[level])->der;
	size_t n = strlen(pattern) / 2;
	char hex[4 * RD_PKI_CERT_MAX];
	const char *at;

	rd_hex_string(der, hex);
	for (at = hex; *at != '\0'; at += 2) {
		size_t k = 0;

		while (k < 2 * n && (pattern[k] == '.' || pattern[k] == at[k])) {
			k++;
		}
		if (k == 2 * n) {
			return;
		}
	}
	fail_msg("level %d: %s", level, hex);
}

#define KEY_ID "........................................"
#define SKI    "301d0603551d0e04160414" KEY_ID
#define AKI    "301f0603551d23041830168014" KEY_ID
#define KU_CA  "300e0603551d0f0101ff040403020186"
static void extensions_are_awss_bytes_in_awss_order(void **state)
{
	(void)state;
	assert_extensions(RD_PKI_ROOT, "300f0603551d130101ff040530030101ff" SKI KU_CA);
	assert_extensions(
		RD_PKI_REGIONAL, "30120603551d130101ff040830060101ff020102" AKI SKI KU_CA "30");
	assert_extensions(
		RD_PKI_ZONAL, "30120603551d130101ff040830060101ff020101" AKI SKI KU_CA "30");
	assert_extensions(RD_PKI_INSTANCE,
		"30120603551d130101ff040830060101ff020100300e0603551d0f0101ff040403020204" SKI AKI);
	assert_extensions(
		RD_PKI_LEAF, "a31d301b300c0603551d130101ff04023000300b0603551d0f0404030206c0");
}

/* RFC 4122 version 4 in a URL that never resolves. */
static void authorities_name_a_crl_of_ours(void **state)
{
	static const char url[] = "http://crl.redoubt.invalid/"
				  "ffffffff-ffff-4fff-bfff-ffffffffffff.crl";

	(void)state;
	for (int i = 0; i < RD_PKI_LEVEL_COUNT; i++) {
		struct rd_view der = rd_cert_info(certs[i])->der;
		bool has = memmem(der.ptr, der.len, url, sizeof(url) - 1) != NULL;

		assert_int_equal(has, i == RD_PKI_REGIONAL || i == RD_PKI_ZONAL);
	}
}

static void each_level_is_due_while_its_children_still_fit(void **state)
{
	static const int64_t ages_s[RD_PKI_LEVEL_COUNT] = {
		INT64_C(29) * 365 * DAY + 29 * DAY / 4,
		5 * DAY,
		24 * HOUR,
		12 * HOUR,
		2 * HOUR + 30 * MINUTE,
	};

	(void)state;
	for (int i = 0; i < RD_PKI_LEVEL_COUNT; i++) {
		struct rd_cert *child = NULL;
		int64_t due_s = NOW_S + ages_s[i];

		assert_false(rd_pki_due((enum rd_pki_level)i, certs[i], NOW_S));
		assert_false(rd_pki_due((enum rd_pki_level)i, certs[i], due_s - 1));
		assert_true(rd_pki_due((enum rd_pki_level)i, certs[i], due_s));
		assert_true(rd_pki_due(
			(enum rd_pki_level)i, certs[i], rd_cert_info(certs[i])->not_before_s - 1));
		if (i < RD_PKI_LEAF) {
			struct rd_pki_request req = request(i + 1, due_s - 1);

			assert_ok(issue(&req, &child));
			rd_cert_free(&child);
		}
	}
}

static void nothing_is_issued_outside_its_issuers_life(void **state)
{
	(void)state;
	for (int i = RD_PKI_REGIONAL; i < RD_PKI_LEVEL_COUNT; i++) {
		struct rd_cert *cert = NULL;
		const struct rd_cert_info *above = rd_cert_info(certs[i - 1]);
		struct rd_pki_request req = request(i, above->not_after_s);

		assert_status(issue(&req, &cert), RD_EXPIRED);
		req = request(i, above->not_before_s);
		assert_status(issue(&req, &cert), RD_NOT_YET_VALID);
	}
}

static void wrong_keys_are_refused(void **state)
{
	struct rd_ec_key *p256 = NULL;
	struct rd_cert *cert = NULL;
	struct rd_pki_request req;

	(void)state;
	assert_ok(rd_ec_key_generate(RD_P256, &p256));
	for (int i = 0; i < RD_PKI_LEVEL_COUNT; i++) {
		req = request(i, NOW_S);
		req.subject_key = p256;
		assert_status(issue(&req, &cert), RD_WRONG_KEY);
		req = request(i, NOW_S);
		req.issuer_key = keys[RD_PKI_LEAF];
		assert_status(issue(&req, &cert), RD_WRONG_KEY);
	}
	req = request(RD_PKI_LEAF, NOW_S);
	req.issuer = NULL;
	assert_status(issue(&req, &cert), RD_USAGE);
	req = request(RD_PKI_ROOT, NOW_S);
	req.issuer = certs[RD_PKI_ROOT];
	assert_status(issue(&req, &cert), RD_USAGE);
	rd_ec_key_free(&p256);
}

static void wrong_names_are_refused(void **state)
{
	static const char *const regions[] = {"", "UPPER", "a region", "x.y", "12345678901234567"};
	struct rd_cert *cert = NULL;
	struct rd_pki_request req;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(regions); i++) {
		req = request(RD_PKI_LEAF, NOW_S);
		req.region = regions[i];
		assert_status(issue(&req, &cert), RD_USAGE);
	}
	req = request(RD_PKI_LEAF, NOW_S);
	req.region = "1234567890123456";
	assert_ok(issue(&req, &cert));
	rd_cert_free(&cert);
	req.module_id = INSTANCE_ID;
	assert_status(issue(&req, &cert), RD_USAGE);
	req = request(RD_PKI_INSTANCE, NOW_S);
	req.instance_id = "i-../x";
	assert_status(issue(&req, &cert), RD_USAGE);
	req.instance_id = NULL;
	assert_status(issue(&req, &cert), RD_USAGE);
}

static void module_ids_are_taken_apart(void **state)
{
	struct rd_view instance;
	uint64_t id = 0;

	(void)state;
	assert_ok(rd_module_id_parse(rd_view_str(MODULE_ID), &instance, &id));
	assert_true(rd_view_equal(instance, rd_view_str(INSTANCE_ID)));
	assert_true(id == UINT64_C(0x0199aabbccddeeff));
	assert_status(rd_module_id_parse(rd_view_str(MODULE_ID "0"), &instance, &id), RD_MALFORMED);
	assert_status(rd_module_id_parse(rd_view_str("-enc0199aabbccddeeff"), &instance, &id),
		RD_MALFORMED);
	assert_status(rd_module_id_parse(rd_view_str(""), &instance, &id), RD_MALFORMED);
}

/* A document under this chain verifies, with the leaf issued over a public key alone. */
static void a_document_under_this_chain_verifies(void **state)
{
	uint8_t spki_storage[RD_EC_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(spki_storage, sizeof(spki_storage));
	uint8_t pcr[RD_DOC_PCR_SIZE + sizeof(INSTANCE_ID) - 1] = {0};
	uint8_t pcr4[RD_DOC_PCR_SIZE];
	uint8_t image[RD_DOC_PCR_SIZE] = {1};
	struct rd_buf out = rd_buf_growable(RD_DOC_SIZE_MAX);
	struct rd_ec_key *public_half = NULL;
	struct rd_cert *leaf = NULL;
	struct rd_pki_request req = request(RD_PKI_LEAF, NOW_S);
	const struct rd_cert *roots[] = {certs[RD_PKI_ROOT]};
	struct rd_verify_options options = {.roots = roots, .n_roots = 1, .now_s = NOW_S};
	struct rd_doc doc = {.module_id = rd_view_str(MODULE_ID),
		.timestamp_ms = UINT64_C(1000) * NOW_S,
		.n_cabundle = RD_PKI_LEAF};

	(void)state;
	assert_ok(rd_ec_key_to_spki(keys[RD_PKI_LEAF], &spki));
	assert_ok(rd_ec_key_from_spki(rd_buf_view(&spki), &public_half));
	req.subject_key = public_half;
	assert_ok(issue(&req, &leaf));
	memcpy(pcr + RD_DOC_PCR_SIZE, INSTANCE_ID, sizeof(INSTANCE_ID) - 1);
	assert_ok(rd_sha384(rd_view(pcr, sizeof(pcr)), pcr4));
	for (int i = 0; i < 3; i++) {
		doc.pcrs[i] = rd_view(image, sizeof(image));
	}
	doc.pcrs[4] = rd_view(pcr4, sizeof(pcr4));
	doc.certificate = rd_cert_info(leaf)->der;
	for (int i = 0; i < RD_PKI_LEAF; i++) {
		doc.cabundle[i] = rd_cert_info(certs[i])->der;
	}
	assert_ok(rd_doc_sign(&doc, keys[RD_PKI_LEAF], &out));
	assert_int_equal(rd_verify(rd_buf_view(&out), &options, NULL), RD_VERIFY_OK);
	options.now_s = NOW_S + 10801;
	assert_int_equal(rd_verify(rd_buf_view(&out), &options, NULL), RD_VERIFY_EXPIRED);
	rd_ec_key_free(&public_half);
	rd_cert_free(&leaf);
	rd_buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_keep_awss_order_under_our_own_words),
		cmocka_unit_test(lives_are_awss_and_nested),
		cmocka_unit_test(serials_follow_the_rule),
		cmocka_unit_test(extensions_are_awss_bytes_in_awss_order),
		cmocka_unit_test(authorities_name_a_crl_of_ours),
		cmocka_unit_test(each_level_is_due_while_its_children_still_fit),
		cmocka_unit_test(nothing_is_issued_outside_its_issuers_life),
		cmocka_unit_test(wrong_keys_are_refused),
		cmocka_unit_test(wrong_names_are_refused),
		cmocka_unit_test(module_ids_are_taken_apart),
		cmocka_unit_test(a_document_under_this_chain_verifies),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
