/* SPDX-License-Identifier: Apache-2.0 */
/* The signature section, both ways. */
#include "eif/signature.h"

#include "cbor/decode.h"
#include "cbor/encode.h"
#include "cose/sign1.h"
#include "crypto/x509.h"

#include <stdlib.h>
#include <string.h>

#define KEY_CERTIFICATE    "signing_certificate"
#define KEY_SIGNATURE      "signature"
#define KEY_REGISTER_INDEX "register_index"
#define KEY_REGISTER_VALUE "register_value"

/* Map head, two keys, an index and 48 integers of at most two bytes. */
#define PAYLOAD_MAX 160
#define COSE_MAX    (PAYLOAD_MAX + RD_COSE_OVERHEAD_MAX)

static enum rd_status put_byte_array(struct rd_buf *out, struct rd_view bytes)
{
	RD_TRY(rd_cbor_put_array(out, bytes.len));
	for (size_t i = 0; i < bytes.len; i++) {
		RD_TRY(rd_cbor_put_uint(out, bytes.ptr[i]));
	}
	return RD_OK;
}

/* An array of integers below 256, as bytes; out bounds their number. */
static enum rd_status take_byte_array(struct rd_cbor *d, struct rd_buf *out)
{
	struct rd_cbor_iter it;
	bool more;
	uint64_t v;

	RD_TRY(rd_cbor_array(d, &it));
	for (;;) {
		RD_TRY(rd_cbor_more(d, &it, &more));
		if (!more) {
			return RD_OK;
		}
		RD_TRY(rd_cbor_uint(d, UINT8_MAX, &v));
		RD_TRY(rd_buf_u8(out, (uint8_t)v));
	}
}

static enum rd_status take_key(struct rd_cbor *d, const char *want)
{
	struct rd_view key;

	RD_TRY(rd_cbor_text(d, &key));
	return rd_view_equal(key, rd_view_str(want)) ? RD_OK : RD_MISSING;
}

/* A map of exactly two pairs is entered; what must follow the second is leave_map. */
static enum rd_status enter_map(struct rd_cbor *d, struct rd_cbor_iter *it)
{
	bool more;

	RD_TRY(rd_cbor_map(d, it));
	RD_ENSURE(it->left == 2, RD_OUT_OF_RANGE);
	return rd_cbor_more(d, it, &more);
}

static enum rd_status next_pair(struct rd_cbor *d, struct rd_cbor_iter *it)
{
	bool more;

	return rd_cbor_more(d, it, &more);
}

static enum rd_status decode_section(
	struct rd_view section, struct rd_buf *cert_pem, struct rd_buf *cose)
{
	struct rd_cbor_iter list;
	struct rd_cbor_iter map;
	struct rd_cbor d;
	bool more;

	rd_cbor_init(&d, section, RD_CBOR_STRICT);
	RD_TRY(rd_cbor_array_of(&d, 1, &list));
	RD_TRY(enter_map(&d, &map));
	RD_TRY(take_key(&d, KEY_CERTIFICATE));
	RD_TRY(take_byte_array(&d, cert_pem));
	RD_TRY(next_pair(&d, &map));
	RD_TRY(take_key(&d, KEY_SIGNATURE));
	RD_TRY(take_byte_array(&d, cose));
	RD_TRY(rd_cbor_more(&d, &map, &more));
	RD_TRY(rd_cbor_more(&d, &list, &more));
	return rd_cbor_finish(&d);
}

static enum rd_status decode_payload(
	struct rd_view payload, const uint8_t pcr0[RD_EIF_PCR_SIZE], bool *ret_covers)
{
	uint8_t storage[RD_EIF_PCR_SIZE];
	struct rd_buf value = rd_buf_fixed(storage, sizeof(storage));
	struct rd_cbor_iter map;
	struct rd_cbor d;
	uint64_t index;
	bool more;

	rd_cbor_init(&d, payload, RD_CBOR_STRICT);
	RD_TRY(enter_map(&d, &map));
	RD_TRY(take_key(&d, KEY_REGISTER_INDEX));
	RD_TRY(rd_cbor_uint(&d, INT32_MAX, &index));
	RD_TRY(next_pair(&d, &map));
	RD_TRY(take_key(&d, KEY_REGISTER_VALUE));
	RD_TRY(take_byte_array(&d, &value));
	RD_TRY(rd_cbor_more(&d, &map, &more));
	RD_TRY(rd_cbor_finish(&d));
	*ret_covers = index == 0 &&
		      rd_view_equal(rd_buf_view(&value), rd_view(pcr0, RD_EIF_PCR_SIZE));
	return RD_OK;
}

static enum rd_status read_certificate(
	struct rd_view pem, struct rd_cert **ret_cert, struct rd_error *err)
{
	enum rd_status st = rd_cert_from_pem(pem, ret_cert);

	if (st != RD_OK) {
		return rd_fail(err, st, "the signing certificate is not a PEM certificate (%s)",
			rd_status_text(st));
	}
	if (rd_cert_key(*ret_cert) == NULL) {
		return rd_fail(err, RD_WRONG_KEY,
			"the signing certificate's key is not on P-256, P-384 or P-521: make an EC "
			"key and sign again");
	}
	return RD_OK;
}

static enum rd_status verify(struct rd_view cose, const struct rd_cert *cert,
	const uint8_t pcr0[RD_EIF_PCR_SIZE], bool *ret_covers, struct rd_error *err)
{
	const struct rd_ec_key *key = rd_cert_key(cert);
	struct rd_cose_sign1 sign1;
	enum rd_status st = rd_cose_sign1_decode(cose, &sign1);

	if (st != RD_OK) {
		return rd_fail(err, st,
			"the signature is not a COSE_Sign1 of the expected form (%s)",
			rd_status_text(st));
	}
	if (sign1.alg != rd_cose_alg_of(rd_ec_key_curve(key))) {
		return rd_fail(err, RD_BAD_ALG,
			"the signature's algorithm (%d) is not that of the certificate's key (%d)",
			sign1.alg, rd_cose_alg_of(rd_ec_key_curve(key)));
	}
	st = rd_cose_sign1_verify(&sign1, key);
	if (st != RD_OK) {
		return rd_fail(err, st,
			"the signature does not verify with the certificate's key: "
			"the image was altered, or certificate and key do not belong together");
	}
	st = decode_payload(sign1.payload, pcr0, ret_covers);
	if (st != RD_OK) {
		return rd_fail(err, st, "the signed payload is not a register index and value (%s)",
			rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status keep_certificate(
	const struct rd_cert *cert, struct rd_eif_signature *ret, struct rd_error *err)
{
	const struct rd_cert_info *info = rd_cert_info(cert);

	if (rd_eif_measure_bytes(info->der, ret->pcr8) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "measuring the signing certificate failed");
	}
	ret->not_before_s = info->not_before_s;
	ret->not_after_s = info->not_after_s;
	ret->cert_der = malloc(info->der.len);
	if (ret->cert_der == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	memcpy(ret->cert_der, info->der.ptr, info->der.len);
	ret->cert_der_len = info->der.len;
	return RD_OK;
}

enum rd_status rd_eif_signature_open(struct rd_view section, const uint8_t pcr0[RD_EIF_PCR_SIZE],
	struct rd_eif_signature *ret_signature, struct rd_error *err)
{
	struct rd_buf pem RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EIF_SIGNATURE_BYTES_MAX);
	struct rd_buf cose RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EIF_SIGNATURE_BYTES_MAX);
	struct rd_cert *cert RD_CLEANUP(rd_cert_free) = NULL;
	struct rd_eif_signature signature = {0};
	enum rd_status st;

	if (section.len > RD_EIF_SIGNATURE_MAX) {
		return rd_fail(err, RD_LIMIT, "the signature section has %zu bytes, allowed are %d",
			section.len, RD_EIF_SIGNATURE_MAX);
	}
	st = decode_section(section, &pem, &cose);
	if (st != RD_OK) {
		return rd_fail(err, st, "the signature section is not of the expected form (%s)",
			rd_status_text(st));
	}
	RD_TRY(read_certificate(rd_buf_view(&pem), &cert, err));
	RD_TRY(verify(rd_buf_view(&cose), cert, pcr0, &signature.covers_pcr0, err));
	RD_TRY(keep_certificate(cert, &signature, err));
	*ret_signature = signature;
	return RD_OK;
}

void rd_eif_signature_finish(struct rd_eif_signature *signature)
{
	free(signature->cert_der);
	*signature = (struct rd_eif_signature){0};
}

enum rd_status rd_eif_signature_check(
	const struct rd_eif_signature *signature, int64_t now_s, struct rd_error *err)
{
	char text[RD_CERT_TIME_TEXT_SIZE];

	if (!signature->covers_pcr0) {
		return rd_fail(err, RD_BAD_SIGNATURE,
			"the signature is valid, but for another image (its PCR0 differs): sign this "
			"one with sign-eif");
	}
	if (now_s < signature->not_before_s) {
		rd_cert_time_text(signature->not_before_s, text);
		return rd_fail(err, RD_NOT_YET_VALID,
			"the signing certificate is valid from %s only: check the clock", text);
	}
	if (now_s > signature->not_after_s) {
		rd_cert_time_text(signature->not_after_s, text);
		return rd_fail(err, RD_EXPIRED,
			"the signing certificate was valid until %s: sign the image again with a "
			"fresh one",
			text);
	}
	return RD_OK;
}

static enum rd_status read_pair(struct rd_view cert_pem, struct rd_view key_pem,
	struct rd_ec_key **ret_key, struct rd_error *err)
{
	struct rd_cert *cert RD_CLEANUP(rd_cert_free) = NULL;
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;
	enum rd_status st;

	RD_TRY(read_certificate(cert_pem, &cert, err));
	st = rd_ec_key_from_pem(key_pem, &key);
	if (st != RD_OK) {
		return rd_fail(err, st,
			"the private key is not an unencrypted PEM key on P-256, "
			"P-384 or P-521 (%s)",
			rd_status_text(st));
	}
	if (!rd_ec_key_same(rd_cert_key(cert), key)) {
		return rd_fail(err, RD_WRONG_KEY,
			"the signing certificate is for another key than the private key given");
	}
	*ret_key = rd_steal(&key, NULL);
	return RD_OK;
}

static enum rd_status make_cose(
	const struct rd_ec_key *key, const uint8_t pcr0[RD_EIF_PCR_SIZE], struct rd_buf *out)
{
	uint8_t storage[PAYLOAD_MAX];
	struct rd_buf payload = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(rd_cbor_put_map(&payload, 2));
	RD_TRY(rd_cbor_put_str(&payload, KEY_REGISTER_INDEX));
	RD_TRY(rd_cbor_put_uint(&payload, 0));
	RD_TRY(rd_cbor_put_str(&payload, KEY_REGISTER_VALUE));
	RD_TRY(put_byte_array(&payload, rd_view(pcr0, RD_EIF_PCR_SIZE)));
	return rd_cose_sign1_sign(rd_buf_view(&payload), key, out);
}

static enum rd_status encode_section(
	struct rd_view cert_pem, struct rd_view cose, struct rd_buf *out)
{
	RD_TRY(rd_cbor_put_array(out, 1));
	RD_TRY(rd_cbor_put_map(out, 2));
	RD_TRY(rd_cbor_put_str(out, KEY_CERTIFICATE));
	RD_TRY(put_byte_array(out, cert_pem));
	RD_TRY(rd_cbor_put_str(out, KEY_SIGNATURE));
	return put_byte_array(out, cose);
}

enum rd_status rd_eif_signature_make(struct rd_view cert_pem, struct rd_view key_pem,
	const uint8_t pcr0[RD_EIF_PCR_SIZE], struct rd_buf *out, struct rd_error *err)
{
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;
	struct rd_buf section RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EIF_SIGNATURE_MAX);
	uint8_t storage[COSE_MAX];
	struct rd_buf cose = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st;

	RD_TRY(read_pair(cert_pem, key_pem, &key, err));
	st = make_cose(key, pcr0, &cose);
	if (st != RD_OK) {
		return rd_fail(err, st, "signing failed: %s", rd_status_text(st));
	}
	if (encode_section(cert_pem, rd_buf_view(&cose), &section) != RD_OK) {
		return rd_fail(err, RD_LIMIT,
			"the signature section would exceed %d bytes, most of it the %zu bytes of "
			"the certificate file: leave only the signing certificate in it",
			RD_EIF_SIGNATURE_MAX, cert_pem.len);
	}
	return rd_buf_put_view(out, rd_buf_view(&section));
}
