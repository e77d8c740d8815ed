/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithm, as a list of stages that are run in order until one refuses.
 *
 * Each stage uses only what the stages before it have established: policy is applied to a document
 * whose signature holds, the signature is checked with a key whose chain holds. There is one way to
 * RD_VERIFY_OK: through the whole list, at the end of rd_verify.
 */
#include "attest/verify.h"

#include "attest/chain.h"
#include "attest/pki.h"
#include "base/byteorder.h"
#include "base/secret.h"

#include <string.h>

/* AWS's specification: payload of 1 to 16384 bytes, signature of two P-384 numbers. */
#define SIGNATURE_SIZE 96

/* The register that holds the parent instance's id. */
#define PCR_INSTANCE 4
/* Those that are zero under debug mode: image, kernel, application. */
#define PCR_DEBUG_LAST 2

struct check {
	struct rd_view input;
	const struct rd_verify_options *options;
	struct rd_cose_sign1 sign1;
	struct rd_chain chain;
	struct rd_verify_report *report; /* never NULL; report->doc is the document */
};

static const struct {
	enum rd_verify_result result;
	const char *name;
	const char *text;
} results[] = {
#define X(name, code, text) {name, #name, text},
	RD_VERIFY_LIST(X)
#undef X
};

const char *rd_verify_name(enum rd_verify_result r)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(results); i++) {
		if (results[i].result == r) {
			return results[i].name;
		}
	}
	return "RD_VERIFY_UNKNOWN";
}

const char *rd_verify_text(enum rd_verify_result r)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(results); i++) {
		if (results[i].result == r) {
			return results[i].text;
		}
	}
	return "unknown result";
}

static bool is_zero(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] != 0) {
			return false;
		}
	}
	return true;
}

static enum rd_verify_result check_options(struct check *c)
{
	const struct rd_verify_options *o = c->options;

	if (o->n_roots == 0) {
		return RD_VERIFY_USAGE;
	}
	if (o->nonce.ptr != NULL && o->nonce.len < RD_VERIFY_NONCE_MIN) {
		return RD_VERIFY_USAGE;
	}
	for (size_t i = 0; i < RD_DOC_PCR_COUNT; i++) {
		/* Expecting zeros is how a debug enclave gets accepted by accident. */
		if (o->pcrs[i].ptr != NULL && (o->pcrs[i].len != RD_DOC_PCR_SIZE ||
						      (is_zero(o->pcrs[i]) && !o->allow_debug))) {
			return RD_VERIFY_USAGE;
		}
	}
	return RD_VERIFY_OK;
}

static enum rd_verify_result from_cose(enum rd_status st)
{
	switch ((int)st) {
	case RD_OK:
		return RD_VERIFY_OK;
	case RD_TRAILING:
		return RD_VERIFY_TRAILING;
	case RD_BAD_ALG:
		return RD_VERIFY_ALGORITHM;
	case RD_MISSING:
	case RD_FORBIDDEN:
	case RD_UNKNOWN_CRITICAL:
		return RD_VERIFY_PROTECTED;
	default:
		return RD_VERIFY_NOT_COSE;
	}
}

static enum rd_verify_result check_cose(struct check *c)
{
	enum rd_verify_result r;

	if (c->input.len > RD_VERIFY_INPUT_MAX) {
		return RD_VERIFY_TOO_LARGE;
	}
	r = from_cose(rd_cose_sign1_decode(c->input, &c->sign1));
	if (r != RD_VERIFY_OK) {
		return r;
	}
	if (c->sign1.alg != RD_COSE_ES384) {
		return RD_VERIFY_ALGORITHM;
	}
	if (c->sign1.signature.len != SIGNATURE_SIZE) {
		return RD_VERIFY_SIGNATURE_SIZE;
	}
	if (c->sign1.payload.len == 0 || c->sign1.payload.len > RD_DOC_PAYLOAD_MAX) {
		return RD_VERIFY_PAYLOAD_SIZE;
	}
	return RD_VERIFY_OK;
}

static enum rd_verify_result check_payload(struct check *c)
{
	static const enum rd_verify_result of_flaw[RD_DOC_FLAW_COUNT] = {
		[RD_DOC_OK] = RD_VERIFY_OK,
		[RD_DOC_FLAW_CBOR] = RD_VERIFY_PAYLOAD,
		[RD_DOC_FLAW_DUPLICATE] = RD_VERIFY_DUPLICATE,
		[RD_DOC_FLAW_MISSING] = RD_VERIFY_MISSING,
		[RD_DOC_FLAW_NITROTPM] = RD_VERIFY_NITROTPM,
		[RD_DOC_FLAW_MODULE_ID] = RD_VERIFY_MODULE_ID,
		[RD_DOC_FLAW_DIGEST] = RD_VERIFY_DIGEST,
		[RD_DOC_FLAW_TIMESTAMP] = RD_VERIFY_TIMESTAMP,
		[RD_DOC_FLAW_PCRS] = RD_VERIFY_PCRS,
		[RD_DOC_FLAW_CERTIFICATE] = RD_VERIFY_CERTIFICATE,
		[RD_DOC_FLAW_CABUNDLE] = RD_VERIFY_CABUNDLE,
		[RD_DOC_FLAW_FIELD] = RD_VERIFY_FIELD,
	};
	enum rd_doc_flaw flaw;
	enum rd_status st = rd_doc_decode(c->sign1.payload, &c->report->doc, &flaw);

	c->report->has_doc = st == RD_OK;
	return st == RD_TRAILING ? RD_VERIFY_TRAILING : of_flaw[flaw];
}

static enum rd_verify_result check_chain(struct check *c)
{
	int cert = -1;
	enum rd_verify_result r = rd_chain_check(&c->report->doc, c->options, &c->chain, &cert);

	if (r != RD_VERIFY_OK) {
		c->report->cert = cert;
	}
	return r;
}

static enum rd_verify_result check_signature(struct check *c)
{
	enum rd_status st = rd_cose_sign1_verify(&c->sign1, rd_cert_key(rd_chain_leaf(&c->chain)));

	if (st == RD_OK) {
		return RD_VERIFY_OK;
	}
	return rd_category(st) == RD_CAT_UNTRUSTED ? RD_VERIFY_SIGNATURE : RD_VERIFY_ERROR;
}

/* Whether the certificate's CN is "<name>.<something>". */
static bool cn_begins_with(const struct rd_cert *cert, struct rd_view name)
{
	struct rd_cert_attr cn;

	if (rd_cert_common_name(cert, RD_CERT_SUBJECT, &cn) != RD_OK) {
		return false;
	}
	return strlen(cn.value) > name.len && memcmp(cn.value, name.ptr, name.len) == 0 &&
	       cn.value[name.len] == '.';
}

/* Serial = enclave id || issue time, 16 bytes in all, of which leading zeros are not encoded. */
static bool serial_begins_with(const struct rd_cert *cert, uint64_t enclave_id)
{
	struct rd_view serial = rd_cert_info(cert)->serial;
	uint8_t padded[16] = {0};

	if (serial.len > sizeof(padded) || rd_cert_info(cert)->serial_negative) {
		return false;
	}
	memcpy(padded + sizeof(padded) - serial.len, serial.ptr, serial.len);
	return rd_get_be64(padded) == enclave_id;
}

/* PCR4 is the instance id extended into zeros. */
static enum rd_verify_result check_pcr4(struct rd_view pcr, struct rd_view instance_id)
{
	uint8_t message[RD_DOC_PCR_SIZE + RD_DOC_MODULE_ID_MAX] = {0};
	uint8_t want[RD_DOC_PCR_SIZE];

	memcpy(message + RD_DOC_PCR_SIZE, instance_id.ptr, instance_id.len);
	if (rd_sha384(rd_view(message, RD_DOC_PCR_SIZE + instance_id.len), want) != RD_OK) {
		return RD_VERIFY_ERROR;
	}
	return rd_view_equal(pcr, rd_view(want, sizeof(want))) ? RD_VERIFY_OK : RD_VERIFY_PCR4;
}

/* The same identity is said in four places; in every genuine document they agree. */
static enum rd_verify_result check_identity(struct check *c)
{
	const struct rd_doc *doc = &c->report->doc;
	struct rd_view instance_id;
	uint64_t enclave_id;

	if (rd_module_id_parse(doc->module_id, &instance_id, &enclave_id) != RD_OK) {
		return RD_VERIFY_MODULE_ID;
	}
	if (!cn_begins_with(rd_chain_leaf(&c->chain), doc->module_id)) {
		return RD_VERIFY_LEAF_NAME;
	}
	if (!serial_begins_with(rd_chain_leaf(&c->chain), enclave_id)) {
		return RD_VERIFY_LEAF_SERIAL;
	}
	if (!cn_begins_with(rd_chain_instance(&c->chain), instance_id)) {
		return RD_VERIFY_INSTANCE_NAME;
	}
	return check_pcr4(doc->pcrs[PCR_INSTANCE], instance_id);
}

static enum rd_verify_result check_freshness(struct check *c)
{
	const struct rd_verify_options *o = c->options;
	int64_t made_s = (int64_t)(c->report->doc.timestamp_ms / 1000);

	if (made_s > o->now_s && made_s - o->now_s > o->skew_s) {
		return RD_VERIFY_FUTURE;
	}
	if (o->max_age_s > 0 && o->now_s > made_s && o->now_s - made_s > o->max_age_s) {
		return RD_VERIFY_TOO_OLD;
	}
	if (o->nonce.ptr != NULL &&
		(c->report->doc.nonce.ptr == NULL ||
			!rd_equal_constant_time(c->report->doc.nonce, o->nonce))) {
		return RD_VERIFY_NONCE;
	}
	return RD_VERIFY_OK;
}

static enum rd_verify_result check_debug(struct check *c)
{
	for (int i = 0; i <= PCR_DEBUG_LAST; i++) {
		/* An absent register proves no more than a zero one. */
		if (is_zero(c->report->doc.pcrs[i])) {
			c->report->debug = true;
			if (!c->options->allow_debug) {
				c->report->pcr = i;
				return RD_VERIFY_DEBUG;
			}
		}
	}
	return RD_VERIFY_OK;
}

static enum rd_verify_result check_pcrs(struct check *c)
{
	for (int i = 0; i < RD_DOC_PCR_COUNT; i++) {
		struct rd_view want = c->options->pcrs[i];

		if (want.ptr != NULL && !rd_equal_constant_time(c->report->doc.pcrs[i], want)) {
			c->report->pcr = i;
			return RD_VERIFY_PCR;
		}
	}
	return RD_VERIFY_OK;
}

static enum rd_verify_result (*const stages[])(struct check *c) = {
	check_options,
	check_cose,
	check_payload,
	check_chain,
	check_signature,
	check_identity,
	check_freshness,
	check_debug,
	check_pcrs,
};

static enum rd_verify_result run(struct check *c)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(stages); i++) {
		enum rd_verify_result r = stages[i](c);

		if (r != RD_VERIFY_OK) {
			return r;
		}
	}
	return RD_VERIFY_OK;
}

enum rd_verify_result rd_verify(struct rd_view input, const struct rd_verify_options *options,
	struct rd_verify_report *report)
{
	struct rd_verify_report local;
	struct check c = {
		.input = input, .options = options, .report = report != NULL ? report : &local};
	enum rd_verify_result result;

	*c.report = (struct rd_verify_report){.cert = -1, .pcr = -1};
	result = run(&c);
	c.report->root = c.chain.root;
	rd_chain_finish(&c.chain);
	return result;
}
