/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload of an attestation document, both ways.
 *
 * AWS's own bytes: a map of nine (a9) with its keys in the order of names[]; since mid-2025 also as
 * a map of indefinite length, which is read but not written. All other lengths are definite.
 */
#include "attest/document.h"

#include "cbor/decode.h"
#include "cbor/encode.h"

enum field {
	MODULE_ID,
	DIGEST,
	TIMESTAMP,
	PCRS,
	CERTIFICATE,
	CABUNDLE,
	PUBLIC_KEY,
	USER_DATA,
	NONCE,
	FIELD_COUNT,
	NITROTPM = FIELD_COUNT, /* known so that it can be refused */
	NAME_COUNT
};

static const char *const names[NAME_COUNT] = {
	[MODULE_ID] = "module_id",
	[DIGEST] = "digest",
	[TIMESTAMP] = "timestamp",
	[PCRS] = "pcrs",
	[CERTIFICATE] = "certificate",
	[CABUNDLE] = "cabundle",
	[PUBLIC_KEY] = "public_key",
	[USER_DATA] = "user_data",
	[NONCE] = "nonce",
	[NITROTPM] = "nitrotpm_pcrs",
};

/* Null and absent are the same for the last three fields; the others must come. */
#define MANDATORY ((UINT32_C(1) << PUBLIC_KEY) - 1)

static const char digest_name[] = "SHA384";

static enum rd_status encode_pcrs(const struct rd_doc *doc, struct rd_buf *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < RD_DOC_PCR_COUNT; i++) {
		n += doc->pcrs[i].ptr != NULL ? 1 : 0;
	}
	RD_TRY(rd_cbor_put_map(out, n));
	for (size_t i = 0; i < RD_DOC_PCR_COUNT; i++) {
		if (doc->pcrs[i].ptr != NULL) {
			RD_ENSURE(doc->pcrs[i].len == RD_DOC_PCR_SIZE, RD_USAGE);
			RD_TRY(rd_cbor_put_uint(out, i));
			RD_TRY(rd_cbor_put_bytes(out, doc->pcrs[i]));
		}
	}
	return RD_OK;
}

static enum rd_status encode_cabundle(const struct rd_doc *doc, struct rd_buf *out)
{
	RD_ENSURE(doc->n_cabundle <= RD_DOC_CABUNDLE_MAX, RD_USAGE);
	RD_TRY(rd_cbor_put_array(out, doc->n_cabundle));
	for (size_t i = 0; i < doc->n_cabundle; i++) {
		RD_TRY(rd_cbor_put_bytes(out, doc->cabundle[i]));
	}
	return RD_OK;
}

enum rd_status rd_doc_encode(const struct rd_doc *doc, struct rd_buf *out)
{
	RD_TRY(rd_cbor_put_map(out, FIELD_COUNT));
	RD_TRY(rd_cbor_put_str(out, names[MODULE_ID]));
	RD_TRY(rd_cbor_put_text(out, doc->module_id));
	RD_TRY(rd_cbor_put_str(out, names[DIGEST]));
	RD_TRY(rd_cbor_put_str(out, digest_name));
	RD_TRY(rd_cbor_put_str(out, names[TIMESTAMP]));
	RD_TRY(rd_cbor_put_uint64_wide(out, doc->timestamp_ms));
	RD_TRY(rd_cbor_put_str(out, names[PCRS]));
	RD_TRY(encode_pcrs(doc, out));
	RD_TRY(rd_cbor_put_str(out, names[CERTIFICATE]));
	RD_TRY(rd_cbor_put_bytes(out, doc->certificate));
	RD_TRY(rd_cbor_put_str(out, names[CABUNDLE]));
	RD_TRY(encode_cabundle(doc, out));
	RD_TRY(rd_cbor_put_str(out, names[PUBLIC_KEY]));
	RD_TRY(rd_cbor_put_bytes_or_null(out, doc->public_key));
	RD_TRY(rd_cbor_put_str(out, names[USER_DATA]));
	RD_TRY(rd_cbor_put_bytes_or_null(out, doc->user_data));
	RD_TRY(rd_cbor_put_str(out, names[NONCE]));
	return rd_cbor_put_bytes_or_null(out, doc->nonce);
}

enum rd_status rd_doc_sign(
	const struct rd_doc *doc, const struct rd_ec_key *leaf_key, struct rd_buf *out)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf payload = rd_buf_growable(RD_DOC_PAYLOAD_MAX);

	RD_ENSURE(rd_ec_key_curve(leaf_key) == RD_P384, RD_WRONG_KEY);
	RD_TRY(rd_doc_encode(doc, &payload));
	return rd_cose_sign1_sign(rd_buf_view(&payload), leaf_key, out);
}

static enum rd_status decode_module_id(struct rd_cbor *d, struct rd_doc *doc)
{
	struct rd_view v;

	RD_TRY(rd_cbor_text(d, &v));
	RD_ENSURE(v.len > 0 && v.len <= RD_DOC_MODULE_ID_MAX, RD_OUT_OF_RANGE);
	/* It is printed: no control characters for the reader's terminal. */
	for (size_t i = 0; i < v.len; i++) {
		RD_ENSURE(v.ptr[i] > ' ' && v.ptr[i] < 0x7f, RD_OUT_OF_RANGE);
	}
	doc->module_id = v;
	return RD_OK;
}

static enum rd_status decode_digest(struct rd_cbor *d, struct rd_doc *doc)
{
	struct rd_view v;

	(void)doc;
	RD_TRY(rd_cbor_text(d, &v));
	return rd_view_equal(v, rd_view_str(digest_name)) ? RD_OK : RD_OUT_OF_RANGE;
}

static enum rd_status decode_timestamp(struct rd_cbor *d, struct rd_doc *doc)
{
	/* As seconds it must fit an int64_t with room for sums. */
	RD_TRY(rd_cbor_uint(d, INT64_MAX, &doc->timestamp_ms));
	return doc->timestamp_ms > 0 ? RD_OK : RD_OUT_OF_RANGE;
}

static enum rd_status decode_pcrs(struct rd_cbor *d, struct rd_doc *doc)
{
	struct rd_cbor_iter it;
	size_t n = 0;
	bool more;

	RD_TRY(rd_cbor_map(d, &it));
	for (;; n++) {
		struct rd_view value;
		uint64_t index;

		RD_TRY(rd_cbor_more(d, &it, &more));
		if (!more) {
			break;
		}
		RD_TRY(rd_cbor_uint(d, RD_DOC_PCR_COUNT - 1, &index));
		RD_TRY(rd_cbor_bytes(d, &value));
		RD_ENSURE(value.len == RD_DOC_PCR_SIZE, RD_OUT_OF_RANGE);
		RD_ENSURE(doc->pcrs[index].ptr == NULL, RD_OUT_OF_RANGE);
		doc->pcrs[index] = value;
	}
	return n > 0 ? RD_OK : RD_OUT_OF_RANGE;
}

static enum rd_status decode_cert(struct rd_cbor *d, struct rd_view *ret)
{
	RD_TRY(rd_cbor_bytes(d, ret));
	return ret->len > 0 && ret->len <= RD_DOC_CERT_MAX ? RD_OK : RD_OUT_OF_RANGE;
}

static enum rd_status decode_certificate(struct rd_cbor *d, struct rd_doc *doc)
{
	return decode_cert(d, &doc->certificate);
}

static enum rd_status decode_cabundle(struct rd_cbor *d, struct rd_doc *doc)
{
	struct rd_cbor_iter it;
	bool more;

	RD_TRY(rd_cbor_array(d, &it));
	for (;;) {
		RD_TRY(rd_cbor_more(d, &it, &more));
		if (!more) {
			break;
		}
		RD_ENSURE(doc->n_cabundle < RD_DOC_CABUNDLE_MAX, RD_OUT_OF_RANGE);
		RD_TRY(decode_cert(d, &doc->cabundle[doc->n_cabundle]));
		doc->n_cabundle++;
	}
	return doc->n_cabundle > 0 ? RD_OK : RD_OUT_OF_RANGE;
}

static enum rd_status decode_optional(struct rd_cbor *d, struct rd_view *ret)
{
	RD_TRY(rd_cbor_bytes_or_null(d, ret));
	return ret->len <= RD_DOC_FIELD_MAX ? RD_OK : RD_OUT_OF_RANGE;
}

static enum rd_status decode_public_key(struct rd_cbor *d, struct rd_doc *doc)
{
	return decode_optional(d, &doc->public_key);
}

static enum rd_status decode_user_data(struct rd_cbor *d, struct rd_doc *doc)
{
	return decode_optional(d, &doc->user_data);
}

static enum rd_status decode_nonce(struct rd_cbor *d, struct rd_doc *doc)
{
	return decode_optional(d, &doc->nonce);
}

static enum rd_status refuse_nitrotpm(struct rd_cbor *d, struct rd_doc *doc)
{
	(void)d;
	(void)doc;
	return RD_OUT_OF_RANGE;
}

static const struct {
	enum rd_status (*decode)(struct rd_cbor *d, struct rd_doc *doc);
	enum rd_doc_flaw flaw; /* when the value is CBOR, but not what the field may hold */
} fields[NAME_COUNT] = {
	[MODULE_ID] = {decode_module_id, RD_DOC_FLAW_MODULE_ID},
	[DIGEST] = {decode_digest, RD_DOC_FLAW_DIGEST},
	[TIMESTAMP] = {decode_timestamp, RD_DOC_FLAW_TIMESTAMP},
	[PCRS] = {decode_pcrs, RD_DOC_FLAW_PCRS},
	[CERTIFICATE] = {decode_certificate, RD_DOC_FLAW_CERTIFICATE},
	[CABUNDLE] = {decode_cabundle, RD_DOC_FLAW_CABUNDLE},
	[PUBLIC_KEY] = {decode_public_key, RD_DOC_FLAW_FIELD},
	[USER_DATA] = {decode_user_data, RD_DOC_FLAW_FIELD},
	[NONCE] = {decode_nonce, RD_DOC_FLAW_FIELD},
	[NITROTPM] = {refuse_nitrotpm, RD_DOC_FLAW_NITROTPM},
};

static enum rd_status decode_field(
	struct rd_cbor *d, int index, struct rd_doc *doc, enum rd_doc_flaw *ret_flaw)
{
	enum rd_status st;

	if (index == RD_CBOR_KEY_UNKNOWN) {
		/* AWS may add fields: read for form, and not used. */
		return rd_cbor_skip(d, NULL);
	}
	st = fields[index].decode(d, doc);
	if (st == RD_BAD_TYPE || st == RD_OUT_OF_RANGE) {
		*ret_flaw = fields[index].flaw;
	}
	return st;
}

static enum rd_status decode_fields(
	struct rd_cbor *d, struct rd_doc *doc, enum rd_doc_flaw *ret_flaw)
{
	struct rd_cbor_fields f;
	enum rd_status st;
	int index;

	RD_TRY(rd_cbor_fields_begin(d, names, NAME_COUNT, &f));
	for (;;) {
		st = rd_cbor_fields_next(d, &f, &index);
		if (st == RD_DUPLICATE) {
			*ret_flaw = RD_DOC_FLAW_DUPLICATE;
		}
		RD_TRY(st);
		if (index == RD_CBOR_KEY_END) {
			break;
		}
		RD_TRY(decode_field(d, index, doc, ret_flaw));
	}
	if ((f.seen & MANDATORY) != MANDATORY) {
		*ret_flaw = RD_DOC_FLAW_MISSING;
		return RD_MISSING;
	}
	return rd_cbor_finish(d);
}

enum rd_status rd_doc_decode(struct rd_view payload, struct rd_doc *ret, enum rd_doc_flaw *ret_flaw)
{
	struct rd_doc doc = {0};
	enum rd_doc_flaw flaw = RD_DOC_FLAW_CBOR;
	struct rd_cbor d;
	enum rd_status st;

	rd_cbor_init(&d, payload, RD_CBOR_ALLOW_INDEFINITE);
	st = decode_fields(&d, &doc, &flaw);
	if (st == RD_OK) {
		flaw = RD_DOC_OK;
		*ret = doc;
	}
	*ret_flaw = flaw;
	return st;
}
