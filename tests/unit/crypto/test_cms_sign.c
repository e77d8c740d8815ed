/* SPDX-License-Identifier: Apache-2.0 */
/* Signed messages and self-made certificates; that openssl accepts them, the metadata service's
 * tests show. */
#include "test.h"

#include "crypto/cms_sign.h"

#define NOW_S  1767225600
#define YEAR_S 31536000

struct signer {
	struct rd_rsa_key *key;
	struct rd_cert *cert;
};

static void make(struct signer *s, const char *name)
{
	struct rd_buf der = rd_buf_growable(RD_CERT_SIZE_MAX);

	assert_ok(rd_rsa_key_generate(2048, &s->key));
	assert_ok(rd_rsa_certify_self(
		s->key, name, rd_view_str("\x01\x02"), NOW_S, NOW_S + YEAR_S, &der));
	assert_ok(rd_cert_from_der(rd_buf_view(&der), &s->cert));
	rd_buf_finish(&der);
}

static void drop(struct signer *s)
{
	rd_rsa_key_free(&s->key);
	rd_cert_free(&s->cert);
}

static void a_certificate_says_what_it_was_told(void **state)
{
	struct signer s;
	const struct rd_cert_info *info;
	struct rd_cert_attr name;

	(void)state;
	make(&s, "instance identity x");
	info = rd_cert_info(s.cert);
	assert_ok(rd_cert_common_name(s.cert, RD_CERT_SUBJECT, &name));
	assert_string_equal(name.value, "instance identity x");
	assert_true(rd_view_equal(info->subject_der, info->issuer_der));
	assert_true(rd_view_equal(info->serial, rd_view_str("\x01\x02")));
	assert_int_equal(info->version, 3);
	assert_int_equal(info->not_before_s, NOW_S);
	assert_int_equal(info->not_after_s, NOW_S + YEAR_S);
	assert_true(info->has_basic_constraints && !info->is_ca);
	assert_int_equal(info->key_usage, RD_KU_DIGITAL_SIGNATURE);
	assert_false(info->has_unknown_critical);
	drop(&s);
}

static void one_content_has_one_message(void **state)
{
	struct rd_buf a = rd_buf_growable(8192), b = rd_buf_growable(8192),
		      c = rd_buf_growable(8192);
	struct signer s;

	(void)state;
	make(&s, "x");
	assert_ok(rd_cms_sign(s.key, s.cert, rd_view_str("the document"), &a));
	assert_ok(rd_cms_sign(s.key, s.cert, rd_view_str("the document"), &b));
	assert_ok(rd_cms_sign(s.key, s.cert, rd_view_str("the Document"), &c));
	assert_true(rd_view_equal(rd_buf_view(&a), rd_buf_view(&b)));
	assert_false(rd_view_equal(rd_buf_view(&a), rd_buf_view(&c)));
	assert_non_null(memmem(a.ptr, a.used, "the document", 12));
	rd_buf_finish(&a);
	rd_buf_finish(&b);
	rd_buf_finish(&c);
	drop(&s);
}

static void refuses_what_does_not_belong_together(void **state)
{
	static uint8_t large[RD_CMS_SIGNED_MAX + 1];
	struct rd_buf out = rd_buf_growable(8192), spki = rd_buf_growable(1024);
	struct rd_rsa_key *public_half = NULL;
	struct signer s, other;

	(void)state;
	make(&s, "x");
	make(&other, "x");
	assert_ok(rd_rsa_key_to_spki(s.key, &spki));
	assert_ok(rd_rsa_key_from_spki(rd_buf_view(&spki), &public_half));
	assert_status(rd_cms_sign(other.key, s.cert, rd_view_str("x"), &out), RD_WRONG_KEY);
	assert_status(rd_cms_sign(public_half, s.cert, rd_view_str("x"), &out), RD_USAGE);
	assert_status(rd_cms_sign(s.key, s.cert, rd_view(large, sizeof(large)), &out), RD_LIMIT);
	assert_status(
		rd_rsa_certify_self(public_half, "x", rd_view_str("1"), 0, 1, &out), RD_USAGE);
	assert_status(rd_rsa_certify_self(s.key, "x", rd_view_str(""), 0, 1, &out), RD_USAGE);
	assert_status(rd_rsa_certify_self(s.key, "x", rd_view("\0", 1), 0, 1, &out), RD_USAGE);
	assert_status(
		rd_rsa_certify_self(s.key, "x", rd_view_str("123456789012345678901"), 0, 1, &out),
		RD_USAGE);
	assert_int_equal(out.used, 0);
	rd_rsa_key_free(&public_half);
	rd_buf_finish(&spki);
	rd_buf_finish(&out);
	drop(&s);
	drop(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_says_what_it_was_told),
		cmocka_unit_test(one_content_has_one_message),
		cmocka_unit_test(refuses_what_does_not_belong_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
