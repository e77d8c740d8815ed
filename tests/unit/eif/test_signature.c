/* SPDX-License-Identifier: Apache-2.0 */
/* The signature section: round trips on all curves, and what is no signature of this image. */
#include "test.h"

#include "cbor/encode.h"
#include "cose/sign1.h"
#include "crypto/x509.h"
#include "eif/signature.h"

#define NOT_BEFORE 1900000000
#define NOT_AFTER  1910000000

struct signer {
	struct rd_ec_key *key;
	struct rd_buf cert_pem;
	struct rd_buf key_pem;
};

static const uint8_t pcr0[RD_EIF_PCR_SIZE] = {0xab, 0x01, 0x17, 0x18, 0xff};

static void make_signer(enum rd_ec_curve curve, struct signer *s)
{
	static const struct rd_dn_attr subject[] = {{RD_DN_C, "XX"}, {RD_DN_CN, "acme-signer"}};
	static const uint8_t serial[] = {7};
	const struct rd_cert_template t = {.subject = subject,
		.n_subject = 2,
		.serial = rd_view(serial, 1),
		.not_before_s = NOT_BEFORE,
		.not_after_s = NOT_AFTER,
		.path_len = RD_PATH_LEN_NONE};
	struct rd_buf der RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_SIZE_MAX);
	struct rd_cert *cert RD_CLEANUP(rd_cert_free) = NULL;

	s->key = NULL;
	s->cert_pem = rd_buf_growable(1 << 20);
	s->key_pem = rd_buf_growable(RD_EC_PEM_SIZE_MAX);
	assert_ok(rd_ec_key_generate(curve, &s->key));
	assert_ok(rd_cert_issue(&t, s->key, NULL, s->key, &der));
	assert_ok(rd_cert_from_der(rd_buf_view(&der), &cert));
	assert_ok(rd_cert_to_pem(cert, &s->cert_pem));
	assert_ok(rd_ec_key_to_pem(s->key, &s->key_pem));
}

static void free_signer(struct signer *s)
{
	rd_ec_key_free(&s->key);
	rd_buf_finish(&s->cert_pem);
	rd_buf_finish(&s->key_pem);
}

static struct rd_buf sign(const struct signer *s)
{
	struct rd_buf section = rd_buf_growable(RD_EIF_SIGNATURE_MAX);

	assert_ok(rd_eif_signature_make(
		rd_buf_view(&s->cert_pem), rd_buf_view(&s->key_pem), pcr0, &section, NULL));
	return section;
}

static enum rd_status open_status(struct rd_view section, const uint8_t *want_pcr0)
{
	struct rd_eif_signature sig;
	struct rd_error err = {0};
	enum rd_status st = rd_eif_signature_open(section, want_pcr0, &sig, &err);

	if (st == RD_OK) {
		rd_eif_signature_finish(&sig);
	} else {
		assert_int_equal(err.status, st);
	}
	return st;
}

static void round_trip_on(enum rd_ec_curve curve)
{
	struct signer s;
	struct rd_buf section;
	struct rd_eif_signature sig;
	struct rd_error err;
	uint8_t pcr8[RD_EIF_PCR_SIZE];

	make_signer(curve, &s);
	section = sign(&s);
	/* One element, two keys, the first of them, an array (not a byte string) of 16-bit length.
	 */
	assert_memory_equal(section.ptr, "\x81\xa2\x73signing_certificate\x99", 23);
	assert_ok(rd_eif_signature_open(rd_buf_view(&section), pcr0, &sig, NULL));
	assert_true(sig.covers_pcr0);
	assert_ok(rd_eif_measure_bytes(rd_view(sig.cert_der, sig.cert_der_len), pcr8));
	assert_memory_equal(sig.pcr8, pcr8, sizeof(pcr8));
	assert_ok(rd_eif_signature_check(&sig, NOT_BEFORE, &err));
	assert_ok(rd_eif_signature_check(&sig, NOT_AFTER, &err));
	assert_status(rd_eif_signature_check(&sig, NOT_BEFORE - 1, &err), RD_NOT_YET_VALID);
	assert_status(rd_eif_signature_check(&sig, NOT_AFTER + 1, &err), RD_EXPIRED);
	rd_eif_signature_finish(&sig);
	rd_buf_finish(&section);
	free_signer(&s);
}

static void round_trips_on_every_curve(void **state)
{
	(void)state;
	round_trip_on(RD_P256);
	round_trip_on(RD_P384);
	round_trip_on(RD_P521);
}

static void a_signature_of_another_image_does_not_cover_this_one(void **state)
{
	uint8_t other[RD_EIF_PCR_SIZE];
	struct rd_eif_signature sig;
	struct rd_error err;
	struct rd_buf section;
	struct signer s;

	(void)state;
	make_signer(RD_P384, &s);
	section = sign(&s);
	memcpy(other, pcr0, sizeof(other));
	other[47] ^= 1;
	assert_ok(rd_eif_signature_open(rd_buf_view(&section), other, &sig, NULL));
	assert_false(sig.covers_pcr0);
	assert_status(rd_eif_signature_check(&sig, NOT_BEFORE, &err), RD_BAD_SIGNATURE);
	rd_eif_signature_finish(&sig);
	rd_buf_finish(&section);
	free_signer(&s);
}

/* Every byte after the certificate: key, COSE structure, payload, signature. */
static void no_altered_byte_still_covers_the_image(void **state)
{
	struct rd_buf section;
	struct signer s;
	const uint8_t *key;

	(void)state;
	make_signer(RD_P256, &s);
	section = sign(&s);
	key = memmem(section.ptr, section.used, "\x69signature", 10);
	assert_non_null(key);
	for (size_t i = (size_t)(key - section.ptr); i < section.used; i++) {
		section.ptr[i] ^= 1;
		if (open_status(rd_buf_view(&section), pcr0) == RD_OK) {
			fail_msg("byte %zu of %zu altered, and still accepted", i, section.used);
		}
		section.ptr[i] ^= 1;
	}
	assert_ok(open_status(rd_buf_view(&section), pcr0));
	for (size_t n = 0; n < section.used; n++) {
		assert_status(open_status(rd_view(section.ptr, n), pcr0), RD_TRUNCATED);
	}
	assert_ok(rd_buf_u8(&section, 0));
	assert_status(open_status(rd_buf_view(&section), pcr0), RD_TRAILING);
	rd_buf_finish(&section);
	free_signer(&s);
}

static void refuses_to_sign_with_a_key_of_another_certificate(void **state)
{
	struct rd_buf out = rd_buf_growable(RD_EIF_SIGNATURE_MAX);
	struct rd_error err;
	struct signer a;
	struct signer b;

	(void)state;
	make_signer(RD_P384, &a);
	make_signer(RD_P384, &b);
	assert_status(rd_eif_signature_make(
			      rd_buf_view(&a.cert_pem), rd_buf_view(&b.key_pem), pcr0, &out, &err),
		RD_WRONG_KEY);
	assert_status(rd_eif_signature_make(
			      rd_buf_view(&a.key_pem), rd_buf_view(&a.key_pem), pcr0, &out, &err),
		RD_MALFORMED);
	assert_status(rd_eif_signature_make(
			      rd_buf_view(&a.cert_pem), rd_buf_view(&a.cert_pem), pcr0, &out, &err),
		RD_MALFORMED);
	assert_int_equal(out.used, 0);
	rd_buf_finish(&out);
	free_signer(&a);
	free_signer(&b);
}

static void refuses_a_certificate_file_that_does_not_fit(void **state)
{
	struct rd_buf out = rd_buf_growable(RD_EIF_SIGNATURE_MAX);
	struct rd_error err;
	struct signer s;

	(void)state;
	make_signer(RD_P384, &s);
	for (int i = 0; i < 1000; i++) {
		assert_ok(rd_buf_put_str(&s.cert_pem, "# a comment line\n"));
	}
	assert_status(rd_eif_signature_make(
			      rd_buf_view(&s.cert_pem), rd_buf_view(&s.key_pem), pcr0, &out, &err),
		RD_LIMIT);
	rd_buf_finish(&out);
	free_signer(&s);
}

/* What the section holds, in our hands: as arrays of integers or (wrongly) as byte strings. */
static void put_bytes(struct rd_buf *b, struct rd_view v, bool as_string)
{
	if (as_string) {
		assert_ok(rd_cbor_put_bytes(b, v));
		return;
	}
	assert_ok(rd_cbor_put_array(b, v.len));
	for (size_t i = 0; i < v.len; i++) {
		assert_ok(rd_cbor_put_uint(b, v.ptr[i]));
	}
}

static enum rd_status open_assembled(unsigned n_elements, const char *first_key, struct rd_view pem,
	const char *second_key, struct rd_view cose, bool as_string)
{
	struct rd_buf b = rd_buf_growable(RD_EIF_SIGNATURE_MAX);
	enum rd_status st;

	assert_ok(rd_cbor_put_array(&b, n_elements));
	for (unsigned i = 0; i < n_elements; i++) {
		assert_ok(rd_cbor_put_map(&b, 2));
		assert_ok(rd_cbor_put_str(&b, first_key));
		put_bytes(&b, pem, as_string);
		assert_ok(rd_cbor_put_str(&b, second_key));
		put_bytes(&b, cose, as_string);
	}
	st = open_status(rd_buf_view(&b), pcr0);
	rd_buf_finish(&b);
	return st;
}

static struct rd_buf cose_of(const struct signer *s, const char *index_key, uint64_t index)
{
	uint8_t storage[256];
	struct rd_buf payload = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf cose = rd_buf_growable(1024);

	assert_ok(rd_cbor_put_map(&payload, 2));
	assert_ok(rd_cbor_put_str(&payload, index_key));
	assert_ok(rd_cbor_put_uint(&payload, index));
	assert_ok(rd_cbor_put_str(&payload, "register_value"));
	put_bytes(&payload, rd_view(pcr0, sizeof(pcr0)), false);
	assert_ok(rd_cose_sign1_sign(rd_buf_view(&payload), s->key, &cose));
	return cose;
}

static void refuses_sections_of_another_shape(void **state)
{
	static const char *const c = "signing_certificate";
	static const char *const k = "signature";
	struct rd_view pem;
	struct rd_buf cose;
	struct signer s;

	(void)state;
	make_signer(RD_P384, &s);
	cose = cose_of(&s, "register_index", 0);
	pem = rd_buf_view(&s.cert_pem);
	assert_ok(open_assembled(1, c, pem, k, rd_buf_view(&cose), false));
	assert_status(open_assembled(1, c, pem, k, rd_buf_view(&cose), true), RD_BAD_TYPE);
	assert_status(open_assembled(1, k, rd_buf_view(&cose), c, pem, false), RD_MISSING);
	assert_status(open_assembled(1, c, pem, "sig", rd_buf_view(&cose), false), RD_MISSING);
	assert_int_not_equal(open_assembled(0, c, pem, k, rd_buf_view(&cose), false), RD_OK);
	assert_int_not_equal(open_assembled(2, c, pem, k, rd_buf_view(&cose), false), RD_OK);
	assert_status(
		open_assembled(1, c, rd_view_str("no certificate"), k, rd_buf_view(&cose), false),
		RD_MALFORMED);
	rd_buf_finish(&cose);
	free_signer(&s);
}

static void refuses_payloads_and_algorithms_that_do_not_fit(void **state)
{
	static const char *const c = "signing_certificate";
	static const char *const k = "signature";
	struct rd_eif_signature sig;
	struct rd_buf cose;
	struct rd_buf section;
	struct signer narrow;
	struct signer s;

	(void)state;
	make_signer(RD_P384, &s);
	make_signer(RD_P256, &narrow);
	cose = cose_of(&narrow, "register_index", 0);
	assert_status(open_assembled(1, c, rd_buf_view(&s.cert_pem), k, rd_buf_view(&cose), false),
		RD_BAD_ALG);
	rd_buf_finish(&cose);
	cose = cose_of(&s, "register", 0);
	assert_status(open_assembled(1, c, rd_buf_view(&s.cert_pem), k, rd_buf_view(&cose), false),
		RD_MISSING);
	rd_buf_finish(&cose);

	/* A valid signature over another register says nothing about PCR0. */
	cose = cose_of(&s, "register_index", 1);
	section = rd_buf_growable(RD_EIF_SIGNATURE_MAX);
	assert_ok(rd_cbor_put_array(&section, 1));
	assert_ok(rd_cbor_put_map(&section, 2));
	assert_ok(rd_cbor_put_str(&section, c));
	put_bytes(&section, rd_buf_view(&s.cert_pem), false);
	assert_ok(rd_cbor_put_str(&section, k));
	put_bytes(&section, rd_buf_view(&cose), false);
	assert_ok(rd_eif_signature_open(rd_buf_view(&section), pcr0, &sig, NULL));
	assert_false(sig.covers_pcr0);
	rd_eif_signature_finish(&sig);
	rd_buf_finish(&section);
	rd_buf_finish(&cose);
	free_signer(&s);
	free_signer(&narrow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips_on_every_curve),
		cmocka_unit_test(a_signature_of_another_image_does_not_cover_this_one),
		cmocka_unit_test(no_altered_byte_still_covers_the_image),
		cmocka_unit_test(refuses_to_sign_with_a_key_of_another_certificate),
		cmocka_unit_test(refuses_a_certificate_file_that_does_not_fit),
		cmocka_unit_test(refuses_sections_of_another_shape),
		cmocka_unit_test(refuses_payloads_and_algorithms_that_do_not_fit),
	};

	return cmocka_run_group_tests_name("eif signature", tests, NULL, NULL);
}
