/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: AWS's roots and openssl's read as openssl reads them, and issuing. */
#include "data.h"

#include "crypto/x509.h"

static struct rd_cert *cert_from(const char *file)
{
	struct rd_buf pem = test_data(file);
	struct rd_cert *cert = NULL;

	assert_ok(rd_cert_from_pem(rd_buf_view(&pem), &cert));
	rd_buf_finish(&pem);
	return cert;
}

static void reads_the_commercial_root(void **state)
{
	struct rd_cert *root = cert_from("attestation/aws-nitro-enclaves-root-g1.pem");
	const struct rd_cert_info *info = rd_cert_info(root);

	(void)state;
	assert_int_equal(info->version, 3);
	assert_int_equal(info->der.len, 533);
	assert_view_hex(rd_view(info->fingerprint, sizeof(info->fingerprint)),
		"641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b");
	assert_view_hex(info->serial, "f93175681b90afe11d46ccb4e4e7f856");
	assert_false(info->serial_negative);
	assert_int_equal(info->not_before_s, 1572269285);
	assert_int_equal(info->not_after_s, 2519044085);
	assert_true(info->has_basic_constraints && info->is_ca);
	assert_int_equal(info->path_len, RD_PATH_LEN_NONE);
	assert_int_equal(
		info->key_usage, RD_KU_DIGITAL_SIGNATURE | RD_KU_KEY_CERT_SIGN | RD_KU_CRL_SIGN);
	assert_string_equal(info->sig_alg, "ecdsa-with-SHA384");
	assert_false(info->has_unknown_critical || info->has_duplicate_extension);
	assert_true(rd_view_equal(info->subject_der, info->issuer_der));
	assert_ok(rd_cert_verify(root, rd_cert_key(root)));
	rd_cert_free(&root);
}

static void reads_generalized_time(void **state)
{
	struct rd_cert *root = cert_from("attestation/aws-us-gov-nitro-enclaves-root.pem");

	(void)state;
	assert_view_hex(rd_cert_info(root)->serial, "3fec1461fc96145464a3d3d1d34ce167");
	/* 2050-09-10, the first year that UTCTime cannot say. */
	assert_true(rd_cert_info(root)->not_after_s > 2524608000);
	assert_ok(rd_cert_verify(root, rd_cert_key(root)));
	rd_cert_free(&root);
}

static void names_come_as_openssl_prints_them(void **state)
{
	struct rd_cert *cert = cert_from("crypto/signer-p384.pem");
	struct rd_buf text = rd_buf_growable(256);
	struct rd_cert_attr attr;

	(void)state;
	assert_int_equal(rd_cert_attr_count(cert, RD_CERT_ISSUER), 3);
	assert_ok(rd_cert_attr(cert, RD_CERT_ISSUER, 0, &attr));
	assert_string_equal(attr.long_name, "countryName");
	assert_string_equal(attr.value, "XX");
	assert_ok(rd_cert_attr(cert, RD_CERT_ISSUER, 1, &attr));
	assert_string_equal(attr.long_name, "organizationName");
	assert_status(rd_cert_attr(cert, RD_CERT_ISSUER, 3, &attr), RD_NOTFOUND);
	assert_ok(rd_cert_common_name(cert, RD_CERT_SUBJECT, &attr));
	assert_string_equal(attr.value, "acme-signer");
	assert_ok(rd_cert_name_text(cert, RD_CERT_SUBJECT, &text));
	assert_true(rd_view_equal(rd_buf_view(&text), rd_view_str("C=XX, O=Acme, CN=acme-signer")));
	rd_buf_finish(&text);
	rd_cert_free(&cert);
}

static void times_are_printed_as_nitro_cli_does(void **state)
{
	char text[RD_CERT_TIME_TEXT_SIZE];

	(void)state;
	rd_cert_time_text(1925089445, text);
	assert_string_equal(text, "Jan  2 03:04:05 2031 GMT");
	rd_cert_time_text(1640995199, text);
	assert_string_equal(text, "Dec 31 23:59:59 2021 GMT");
}

static void refuses_what_is_not_one_der_certificate(void **state)
{
	struct rd_buf der = test_data("attestation/aws-nitro-enclaves-root-g1.der");
	struct rd_buf pem = test_data("crypto/p384-sec1.pem");
	struct rd_cert *cert = NULL;

	(void)state;
	assert_status(rd_cert_from_der(rd_view(der.ptr, der.used - 1), &cert), RD_MALFORMED);
	assert_status(rd_cert_from_der(rd_view(der.ptr, 0), &cert), RD_MALFORMED);
	assert_status(rd_cert_from_pem(rd_buf_view(&pem), &cert), RD_MALFORMED);
	assert_ok(rd_buf_u8(&der, 0));
	assert_status(rd_cert_from_der(rd_buf_view(&der), &cert), RD_TRAILING);
	assert_null(cert);
	rd_buf_finish(&der);
	rd_buf_finish(&pem);
}

/* The outer SEQUENCE with an indefinite length: BER, which decoders take and DER forbids. */
static void refuses_ber(void **state)
{
	struct rd_buf der = test_data("attestation/aws-nitro-enclaves-root-g1.der");
	struct rd_cert *cert = NULL;

	(void)state;
	assert_memory_equal(der.ptr, "\x30\x82", 2);
	memmove(der.ptr + 2, der.ptr + 4, der.used - 4);
	der.used -= 2;
	der.ptr[1] = 0x80;
	assert_ok(rd_buf_be16(&der, 0));
	assert_status(rd_cert_from_der(rd_buf_view(&der), &cert), RD_NONCANONICAL);
	rd_buf_finish(&der);
}

static void an_rsa_certificate_has_no_key_for_us(void **state)
{
	struct rd_cert *rsa = cert_from("crypto/signer-rsa.pem");
	struct rd_cert *ec = cert_from("crypto/signer-p384.pem");

	(void)state;
	assert_null(rd_cert_key(rsa));
	assert_string_equal(rd_cert_info(rsa)->sig_alg, "sha256WithRSAEncryption");
	assert_status(rd_cert_verify(rsa, rd_cert_key(ec)), RD_BAD_ALG);
	rd_cert_free(&rsa);
	rd_cert_free(&ec);
}

static void another_key_did_not_sign_it(void **state)
{
	struct rd_cert *root = cert_from("attestation/aws-nitro-enclaves-root-g1.pem");
	struct rd_cert *other = cert_from("crypto/signer-p384.pem");

	(void)state;
	assert_status(rd_cert_verify(root, rd_cert_key(other)), RD_BAD_SIGNATURE);
	rd_cert_free(&root);
	rd_cert_free(&other);
}

static const struct rd_dn_attr subject[] = {{RD_DN_C, "XX"}, {RD_DN_CN, "t\xc3\xa9st"}};
static const enum rd_cert_ext exts[] = {RD_EXT_BASIC_CONSTRAINTS, RD_EXT_AUTHORITY_KEY_ID,
	RD_EXT_SUBJECT_KEY_ID, RD_EXT_KEY_USAGE, RD_EXT_CRL_URL};

static struct rd_cert_template template(void)
{
	return (struct rd_cert_template){
		.subject = subject,
		.n_subject = RD_ARRAY_LEN(subject),
		.serial = rd_view("\x00\x80\x01", 3),
		.not_before_s = 1900000000,
		.not_after_s = 2600000000,
		.is_ca = true,
		.path_len = 2,
		.key_usage = RD_KU_DIGITAL_SIGNATURE | RD_KU_KEY_CERT_SIGN | RD_KU_CRL_SIGN,
		.key_usage_critical = true,
		.crl_url = "http://crl.invalid/1.crl",
		.exts = exts,
		.n_exts = RD_ARRAY_LEN(exts),
	};
}

static bool contains(struct rd_view haystack, const char *hex)
{
	struct rd_buf needle = rd_buf_growable(256);
	bool found;

	assert_ok(rd_hex_decode(rd_view_str(hex), &needle));
	found = memmem(haystack.ptr, haystack.len, needle.ptr, needle.used) != NULL;
	rd_buf_finish(&needle);
	return found;
}

static void issues_what_the_template_says(void **state)
{
	struct rd_cert_template t = template();
	struct rd_buf der = rd_buf_growable(RD_CERT_SIZE_MAX);
	struct rd_ec_key *key = NULL;
	struct rd_cert *cert = NULL;
	const struct rd_cert_info *info;

	(void)state;
	assert_ok(rd_ec_key_generate(RD_P384, &key));
	assert_ok(rd_cert_issue(&t, key, NULL, key, &der));
	assert_ok(rd_cert_from_der(rd_buf_view(&der), &cert));
	info = rd_cert_info(cert);
	assert_view_hex(info->serial, "8001");
	assert_int_equal(info->not_before_s, t.not_before_s);
	assert_int_equal(info->not_after_s, t.not_after_s);
	assert_int_equal(info->path_len, 2);
	assert_int_equal(info->key_usage, t.key_usage);
	assert_false(info->has_unknown_critical);
	assert_ok(rd_cert_verify(cert, key));
	assert_true(rd_ec_key_same(rd_cert_key(cert), key));
	/* C is PrintableString, CN UTF8String; both extensions critical, with AWS's content. */
	assert_true(contains(info->der, "060355040613025858"));
	assert_true(contains(info->der, "06035504030c0574c3a97374"));
	assert_true(contains(info->der, "0603551d130101ff040830060101ff020102"));
	assert_true(contains(info->der, "0603551d0f0101ff040403020186"));
	assert_true(contains(info->der, "a01ca01a8618687474703a2f2f"));
	rd_cert_free(&cert);
	rd_ec_key_free(&key);
	rd_buf_finish(&der);
}

static void refuses_templates_without_sense(void **state)
{
	struct rd_cert_template t = template();
	struct rd_buf der = rd_buf_growable(RD_CERT_SIZE_MAX);
	struct rd_ec_key *key = NULL;

	(void)state;
	assert_ok(rd_ec_key_generate(RD_P384, &key));
	t.serial = rd_view("\x00\x00", 2);
	assert_status(rd_cert_issue(&t, key, NULL, key, &der), RD_USAGE);
	t = template();
	t.not_after_s = t.not_before_s - 1;
	assert_status(rd_cert_issue(&t, key, NULL, key, &der), RD_USAGE);
	t = template();
	t.crl_url = NULL;
	assert_status(rd_cert_issue(&t, key, NULL, key, &der), RD_USAGE);
	assert_int_equal(der.used, 0);
	rd_ec_key_free(&key);
	rd_buf_finish(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_commercial_root),
		cmocka_unit_test(reads_generalized_time),
		cmocka_unit_test(names_come_as_openssl_prints_them),
		cmocka_unit_test(times_are_printed_as_nitro_cli_does),
		cmocka_unit_test(refuses_what_is_not_one_der_certificate),
		cmocka_unit_test(refuses_ber),
		cmocka_unit_test(an_rsa_certificate_has_no_key_for_us),
		cmocka_unit_test(another_key_did_not_sign_it),
		cmocka_unit_test(issues_what_the_template_says),
		cmocka_unit_test(refuses_templates_without_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
