/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COSE_Sign1, both ways.
 *
 * What is signed is the digest of Sig_structure = ["Signature1", protected, h'', payload]. It is
 * never built: its short beginning is written on the stack and hashed, then the payload is hashed
 * where it lies.
 */
#include "cose/sign1.h"

#include "cbor/decode.h"
#include "cbor/encode.h"

#include <assert.h>

#define COSE_TAG_SIGN1   18
#define COSE_HEADER_ALG  1
#define COSE_HEADER_CRIT 2

/* {1: alg} takes 5 bytes; a little more is read, so that crit can be refused by its name. */
#define PROTECTED_MAX 32

static const struct {
	enum rd_cose_alg alg;
	enum rd_ec_curve curve;
} algs[] = {
	{RD_COSE_ES256, RD_P256},
	{RD_COSE_ES384, RD_P384},
	{RD_COSE_ES512, RD_P521},
};

_Static_assert(
	RD_ARRAY_LEN(algs) == RD_EC_NIST_CURVE_COUNT, "one algorithm a NIST curve, in its order");

enum rd_cose_alg rd_cose_alg_of(enum rd_ec_curve curve)
{
	assert(curve < RD_EC_NIST_CURVE_COUNT);
	return algs[curve].alg;
}

static enum rd_status find_alg(int64_t number, enum rd_cose_alg *ret)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(algs); i++) {
		if (number == algs[i].alg) {
			*ret = algs[i].alg;
			return RD_OK;
		}
	}
	return RD_BAD_ALG;
}

/* Digest of Sig_structure, with curve's digest. */
static enum rd_status hash_signed(enum rd_ec_curve curve, struct rd_view protected_header,
	struct rd_view payload, uint8_t *ret_digest)
{
	RD_CLEANUP(rd_digest_free) struct rd_digest *d = NULL;
	uint8_t storage[RD_COSE_SIG_PREFIX_MAX];
	struct rd_buf prefix = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(rd_cbor_put_array(&prefix, 4));
	RD_TRY(rd_cbor_put_str(&prefix, "Signature1"));
	RD_TRY(rd_cbor_put_bytes(&prefix, protected_header));
	RD_TRY(rd_cbor_put_bytes(&prefix, rd_view("", 0)));
	RD_TRY(rd_cbor_put_bytes_head(&prefix, payload.len));
	RD_TRY(rd_digest_new(rd_ec_digest(curve), &d));
	RD_TRY(rd_digest_update(d, rd_buf_view(&prefix)));
	RD_TRY(rd_digest_update(d, payload));
	return rd_digest_finish(d, ret_digest);
}

static enum rd_status decode_alg(struct rd_cbor *d, enum rd_cose_alg *ret_alg)
{
	enum rd_cbor_type type;
	int64_t number;

	RD_ENSURE(rd_cbor_peek(d, &type) == RD_OK, RD_FORBIDDEN);
	RD_ENSURE(type == RD_CBOR_UINT || type == RD_CBOR_NINT, RD_BAD_ALG);
	RD_ENSURE(rd_cbor_int(d, INT64_MIN, INT64_MAX, &number) == RD_OK, RD_FORBIDDEN);
	return find_alg(number, ret_alg);
}

/* A header's label; those that are texts are none that we know. */
static enum rd_status decode_label(struct rd_cbor *d, int64_t *ret_label)
{
	enum rd_cbor_type type;

	RD_ENSURE(rd_cbor_peek(d, &type) == RD_OK, RD_FORBIDDEN);
	RD_ENSURE(type == RD_CBOR_UINT || type == RD_CBOR_NINT, RD_FORBIDDEN);
	RD_ENSURE(rd_cbor_int(d, INT64_MIN, INT64_MAX, ret_label) == RD_OK, RD_FORBIDDEN);
	return RD_OK;
}

/* Exactly the one header that we know; refusals by name for the rest. */
static enum rd_status decode_protected(struct rd_view bytes, enum rd_cose_alg *ret_alg)
{
	struct rd_cbor d;
	struct rd_cbor_iter it;
	bool found = false;
	bool more;

	/* RFC 9052 lets an empty map be no bytes at all; both lack the algorithm. */
	RD_ENSURE(bytes.len > 0, RD_MISSING);
	RD_ENSURE(bytes.len <= PROTECTED_MAX, RD_FORBIDDEN);
	rd_cbor_init(&d, bytes, RD_CBOR_STRICT);
	RD_ENSURE(rd_cbor_map(&d, &it) == RD_OK, RD_FORBIDDEN);
	for (;;) {
		int64_t label;

		RD_ENSURE(rd_cbor_more(&d, &it, &more) == RD_OK, RD_FORBIDDEN);
		if (!more) {
			break;
		}
		RD_TRY(decode_label(&d, &label));
		RD_ENSURE(label != COSE_HEADER_CRIT, RD_UNKNOWN_CRITICAL);
		RD_ENSURE(label == COSE_HEADER_ALG && !found, RD_FORBIDDEN);
		RD_TRY(decode_alg(&d, ret_alg));
		found = true;
	}
	RD_ENSURE(found, RD_MISSING);
	return rd_cbor_finish(&d) == RD_OK ? RD_OK : RD_FORBIDDEN;
}

static enum rd_status decode_tag(struct rd_cbor *d, bool *ret_tagged)
{
	enum rd_cbor_type type;
	uint64_t tag;

	RD_TRY(rd_cbor_peek(d, &type));
	*ret_tagged = type == RD_CBOR_TAG;
	if (*ret_tagged) {
		RD_TRY(rd_cbor_tag(d, &tag));
		RD_ENSURE(tag == COSE_TAG_SIGN1, RD_BAD_TYPE);
	}
	return RD_OK;
}

/* A map of any content: its keys and values are read for form only and never used. */
static enum rd_status skip_unprotected(struct rd_cbor *d)
{
	enum rd_cbor_type type;

	RD_TRY(rd_cbor_peek(d, &type));
	RD_ENSURE(type == RD_CBOR_MAP, RD_BAD_TYPE);
	return rd_cbor_skip(d, NULL);
}

enum rd_status rd_cose_sign1_decode(struct rd_view input, struct rd_cose_sign1 *ret)
{
	struct rd_cose_sign1 s = {0};
	struct rd_cbor d;
	struct rd_cbor_iter it;
	bool more;

	rd_cbor_init(&d, input, RD_CBOR_ALLOW_INDEFINITE);
	RD_TRY(decode_tag(&d, &s.tagged));
	RD_TRY(rd_cbor_array_of(&d, 4, &it));
	RD_TRY(rd_cbor_bytes(&d, &s.protected_header));
	RD_TRY(skip_unprotected(&d));
	RD_TRY(rd_cbor_bytes_or_null(&d, &s.payload));
	RD_TRY(rd_cbor_bytes(&d, &s.signature));
	RD_TRY(rd_cbor_more(&d, &it, &more));
	RD_TRY(rd_cbor_finish(&d));
	RD_TRY(decode_protected(s.protected_header, &s.alg));
	RD_ENSURE(s.payload.ptr != NULL, RD_UNSUPPORTED);
	*ret = s;
	return RD_OK;
}

enum rd_status rd_cose_sign1_verify(const struct rd_cose_sign1 *sign1, const struct rd_ec_key *key)
{
	enum rd_ec_curve curve = rd_ec_key_curve(key);
	uint8_t digest[RD_DIGEST_SIZE_MAX];

	RD_ENSURE(curve < RD_EC_NIST_CURVE_COUNT, RD_WRONG_KEY);
	RD_ENSURE(rd_cose_alg_of(curve) == sign1->alg, RD_WRONG_KEY);
	RD_TRY(hash_signed(curve, sign1->protected_header, sign1->payload, digest));
	return rd_ec_verify_digest(
		key, rd_view(digest, rd_digest_size(rd_ec_digest(curve))), sign1->signature);
}

static enum rd_status encode_protected(enum rd_ec_curve curve, struct rd_buf *out)
{
	RD_TRY(rd_cbor_put_map(out, 1));
	RD_TRY(rd_cbor_put_int(out, COSE_HEADER_ALG));
	return rd_cbor_put_int(out, rd_cose_alg_of(curve));
}

static enum rd_status encode_sign1(struct rd_view protected_header, struct rd_view payload,
	struct rd_view signature, struct rd_buf *out)
{
	RD_TRY(rd_cbor_put_array(out, 4));
	RD_TRY(rd_cbor_put_bytes(out, protected_header));
	RD_TRY(rd_cbor_put_map(out, 0));
	RD_TRY(rd_cbor_put_bytes(out, payload));
	return rd_cbor_put_bytes(out, signature);
}

/* One of the two signs: the key, or else the callback. */
static enum rd_status sign_payload(struct rd_view payload, enum rd_ec_curve curve,
	const struct rd_ec_key *key, rd_cose_signer *sign, void *ctx, struct rd_buf *out)
{
	uint8_t storage[PROTECTED_MAX];
	struct rd_buf protected_header = rd_buf_fixed(storage, sizeof(storage));
	uint8_t digest[RD_DIGEST_SIZE_MAX];
	uint8_t rs[RD_EC_SIGNATURE_SIZE_MAX];
	struct rd_view hashed = rd_view(digest, rd_digest_size(rd_ec_digest(curve)));

	assert(key != NULL || sign != NULL);
	RD_ENSURE(curve < RD_EC_NIST_CURVE_COUNT, RD_WRONG_KEY);
	RD_TRY(encode_protected(curve, &protected_header));
	RD_TRY(hash_signed(curve, rd_buf_view(&protected_header), payload, digest));
	RD_TRY(key != NULL ? rd_ec_sign_digest(key, hashed, rs) : sign(ctx, hashed, rs));
	return encode_sign1(rd_buf_view(&protected_header), payload,
		rd_view(rs, rd_ec_signature_size(curve)), out);
}

enum rd_status rd_cose_sign1_sign(
	struct rd_view payload, const struct rd_ec_key *key, struct rd_buf *out)
{
	return sign_payload(payload, rd_ec_key_curve(key), key, NULL, NULL, out);
}

enum rd_status rd_cose_sign1_sign_with(struct rd_view payload, enum rd_ec_curve curve,
	rd_cose_signer *sign, void *ctx, struct rd_buf *out)
{
	return sign_payload(payload, curve, NULL, sign, ctx, out);
}
