/* SPDX-License-Identifier: Apache-2.0 */
/* Sign, Verify and GetPublicKey. Source: the KMS reference, 2.2.1 and 2.6. */
#include "kms/ops.h"

#include "crypto/ec.h"
#include "crypto/ed25519.h"
#include "crypto/rsa.h"
#include "kms/keys.h"
#include "kms/metadata.h"
#include "kms/recipient_param.h"
#include "kms/reply.h"
#include "kms/use.h"

#define MESSAGE_MAX   4096
#define SIGNATURE_MAX 6144
/* rd_json_in_blob wants room for two bytes more than its rule's maximum. */
#define BLOB_ROOM 2

enum message_type { RAW, DIGEST, EXTERNAL_MU };
static const char *const message_types[] = {"RAW", "DIGEST", "EXTERNAL_MU"};

/* The hash that goes with an algorithm, and RSA's padding. */
struct scheme {
	enum rd_digest_alg digest;
	enum rd_rsa_scheme rsa;
};

static struct scheme scheme_of(enum kms_algorithm algorithm)
{
	static const struct scheme schemes[KMS_ALG_COUNT] = {
		[KMS_ALG_RSASSA_PKCS1_V1_5_SHA_256] = {RD_SHA256, RD_RSA_PKCS1},
		[KMS_ALG_RSASSA_PKCS1_V1_5_SHA_384] = {RD_SHA384, RD_RSA_PKCS1},
		[KMS_ALG_RSASSA_PKCS1_V1_5_SHA_512] = {RD_SHA512, RD_RSA_PKCS1},
		[KMS_ALG_RSASSA_PSS_SHA_256] = {RD_SHA256, RD_RSA_PSS},
		[KMS_ALG_RSASSA_PSS_SHA_384] = {RD_SHA384, RD_RSA_PSS},
		[KMS_ALG_RSASSA_PSS_SHA_512] = {RD_SHA512, RD_RSA_PSS},
		[KMS_ALG_ECDSA_SHA_256] = {.digest = RD_SHA256},
		[KMS_ALG_ECDSA_SHA_384] = {.digest = RD_SHA384},
		[KMS_ALG_ECDSA_SHA_512] = {.digest = RD_SHA512},
	};

	return schemes[algorithm];
}

struct request {
	const char *key_id;
	struct rd_buf message_storage, signature_storage;
	struct rd_view message, signature;
	enum message_type type;
	struct kms_algorithm_param algorithm;
	json_t *grant_tokens;
	struct kms_use use;
	uint8_t digest_storage[RD_DIGEST_SIZE_MAX];
	struct rd_view digest; /* of the message, or the message itself; not for Ed25519 */
};

static void request_finish(struct request *r)
{
	rd_buf_finish(&r->message_storage);
	rd_buf_finish(&r->signature_storage);
	kms_use_finish(&r->use);
}

static enum rd_status read_request(struct kms_call *call, bool has_signature, struct request *r)
{
	struct kms_params p;
	int type;

	r->message_storage = rd_buf_growable(MESSAGE_MAX + BLOB_ROOM);
	r->signature_storage = rd_buf_growable(SIGNATURE_MAX + BLOB_ROOM);
	kms_params_begin(&p, call);
	r->key_id = kms_param_key(&p, "KeyId", true);
	r->message = kms_param_blob(&p, "Message", 1, MESSAGE_MAX, &r->message_storage);
	if (has_signature) {
		r->signature = kms_param_blob(
			&p, "Signature", 1, SIGNATURE_MAX, &r->signature_storage);
	}
	type = kms_param_enum(&p, "MessageType", false, message_types, RD_ARRAY_LEN(message_types));
	r->type = type < 0 ? RAW : (enum message_type)type;
	r->algorithm = kms_param_algorithm(&p, "SigningAlgorithm", KMS_SIGN_VERIFY, NULL);
	r->grant_tokens = kms_param_grant_tokens(&p);
	(void)kms_param_bool(&p, "DryRun");
	return kms_params_end(&p);
}

/* What is signed: the digest that was sent, or that of what was sent. */
static enum rd_status take_message(struct kms_call *call, struct request *r)
{
	struct scheme scheme = scheme_of(r->algorithm.algorithm);
	size_t size = rd_digest_size(scheme.digest);

	if (r->type == EXTERNAL_MU) {
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"MessageType EXTERNAL_MU is not valid for algorithm %s.",
			r->algorithm.name);
	}
	if (r->algorithm.algorithm == KMS_ALG_ED25519_SHA_512) {
		return r->type == RAW ? RD_OK
				      : kms_fail(call, KMS_FAULT_VALIDATION,
						"Algorithm %s supports MessageType RAW only.",
						r->algorithm.name);
	}
	if (r->type == DIGEST && r->message.len != size) {
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"Digest is invalid length for algorithm %s.", r->algorithm.name);
	}
	if (r->type == DIGEST) {
		r->digest = r->message;
		return RD_OK;
	}
	r->digest = rd_view(r->digest_storage, size);
	return kms_settle(call, rd_digest_once(scheme.digest, r->message, r->digest_storage));
}

static enum rd_status prepare(
	struct kms_call *call, const char *action, bool has_signature, struct request *r)
{
	struct kms_ask ask;

	RD_TRY(read_request(call, has_signature, r));
	RD_TRY(kms_use_find(call, r->key_id, &r->use));
	RD_TRY(kms_recipient_param_take(call, action, r->use.key));
	kms_ask_begin(&ask, action, r->use.key);
	kms_ask_fact(&ask, "kms:SigningAlgorithm", r->algorithm.name);
	kms_ask_fact(&ask, "kms:MessageType", message_types[r->type]);
	RD_TRY(kms_use_authorize(&r->use, &ask, NULL, r->grant_tokens));
	RD_TRY(kms_use_check(&r->use, KMS_SIGN_VERIFY, &r->algorithm));
	RD_TRY(take_message(call, r));
	return kms_dry_run(call);
}

static enum rd_status sign_ed25519(
	const struct rd_ed25519_key *key, struct rd_view message, struct rd_buf *out)
{
	uint8_t signature[RD_ED25519_SIGNATURE_SIZE];

	RD_TRY(rd_ed25519_sign(key, message, signature));
	return rd_buf_put(out, signature, sizeof(signature));
}

static enum rd_status sign(const struct request *r, struct rd_buf *out)
{
	struct scheme scheme = scheme_of(r->algorithm.algorithm);
	const struct kms_cached_material *key;

	RD_TRY(kms_use_material(&r->use, &key));
	switch (kms_spec_info(r->use.key->record.spec)->family) {
	case KMS_FAMILY_RSA:
		return rd_rsa_sign_digest(key->rsa, scheme.rsa, scheme.digest, r->digest, out);
	case KMS_FAMILY_EC:
		return rd_ec_sign_digest_der(key->ec, r->digest, out);
	case KMS_FAMILY_ED25519:
		return sign_ed25519(key->ed25519, r->message, out);
	case KMS_FAMILY_SYMMETRIC:
	case KMS_FAMILY_HMAC:
	default:
		return RD_INTERNAL;
	}
}

enum rd_status kms_op_sign(struct kms_call *call)
{
	struct request r RD_CLEANUP(request_finish) = {.key_id = NULL};
	uint8_t storage[RD_RSA_SIZE_MAX];
	struct rd_buf signature = rd_buf_fixed(storage, sizeof(storage));
	struct kms_reply reply;

	RD_TRY(prepare(call, "kms:Sign", false, &r));
	RD_TRY(kms_settle(call, sign(&r, &signature)));
	kms_reply_begin(&reply, call);
	kms_reply_text(&reply, "KeyId", r.use.key->arn);
	kms_reply_blob(&reply, "Signature", rd_buf_view(&signature));
	kms_reply_text(&reply, "SigningAlgorithm", r.algorithm.name);
	return kms_reply_end(&reply);
}

static enum rd_status verify(const struct request *r)
{
	struct scheme scheme = scheme_of(r->algorithm.algorithm);
	const struct kms_cached_material *key;

	RD_TRY(kms_use_material(&r->use, &key));
	switch (kms_spec_info(r->use.key->record.spec)->family) {
	case KMS_FAMILY_RSA:
		return rd_rsa_verify_digest(
			key->rsa, scheme.rsa, scheme.digest, r->digest, r->signature);
	case KMS_FAMILY_EC:
		return rd_ec_verify_digest_der(key->ec, r->digest, r->signature);
	case KMS_FAMILY_ED25519:
		return rd_ed25519_verify(key->ed25519, r->message, r->signature);
	case KMS_FAMILY_SYMMETRIC:
	case KMS_FAMILY_HMAC:
	default:
		return RD_INTERNAL;
	}
}

enum rd_status kms_op_verify(struct kms_call *call)
{
	struct request r RD_CLEANUP(request_finish) = {.key_id = NULL};
	struct kms_reply reply;
	enum rd_status st;

	RD_TRY(prepare(call, "kms:Verify", true, &r));
	st = verify(&r);
	if (st == RD_BAD_SIGNATURE) {
		return kms_fail_silently(call, KMS_FAULT_INVALID_KMS_SIGNATURE);
	}
	RD_TRY(kms_settle(call, st));
	kms_reply_begin(&reply, call);
	kms_reply_text(&reply, "KeyId", r.use.key->arn);
	kms_reply_true(&reply, "SignatureValid");
	kms_reply_text(&reply, "SigningAlgorithm", r.algorithm.name);
	return kms_reply_end(&reply);
}

static enum rd_status spki_of(const struct kms_use *use, struct rd_buf *out)
{
	const struct kms_cached_material *key;

	RD_TRY(kms_use_material(use, &key));
	switch (kms_spec_info(use->key->record.spec)->family) {
	case KMS_FAMILY_RSA:
		return rd_rsa_key_to_spki(key->rsa, out);
	case KMS_FAMILY_EC:
		return rd_ec_key_to_spki(key->ec, out);
	case KMS_FAMILY_ED25519:
		return rd_ed25519_key_to_spki(key->ed25519, out);
	case KMS_FAMILY_SYMMETRIC:
	case KMS_FAMILY_HMAC:
	default:
		return RD_INTERNAL;
	}
}

static enum rd_status find_public(struct kms_call *call, struct kms_use *use)
{
	struct kms_params p;
	json_t *grant_tokens;
	const char *key_id;
	struct kms_ask ask;
	enum kms_family family;

	kms_params_begin(&p, call);
	key_id = kms_param_key(&p, "KeyId", true);
	grant_tokens = kms_param_grant_tokens(&p);
	RD_TRY(kms_params_end(&p));
	RD_TRY(kms_use_find(call, key_id, use));
	kms_ask_begin(&ask, "kms:GetPublicKey", use->key);
	RD_TRY(kms_use_authorize(use, &ask, NULL, grant_tokens));
	family = kms_spec_info(use->key->record.spec)->family;
	if (family == KMS_FAMILY_SYMMETRIC || family == KMS_FAMILY_HMAC) {
		return kms_fail(call, KMS_FAULT_UNSUPPORTED,
			"You cannot get the public key of a KMS key with key spec %s.",
			kms_spec_name(use->key->record.spec));
	}
	return kms_key_needs_state(call, use->key, KMS_IN_ENABLED);
}

enum rd_status kms_op_get_public_key(struct kms_call *call)
{
	struct kms_use use RD_CLEANUP(kms_use_finish) = {.call = NULL};
	uint8_t storage[RD_RSA_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(storage, sizeof(storage));
	struct kms_reply reply;
	const struct kms_key *key;

	RD_TRY(find_public(call, &use));
	RD_TRY(kms_settle(call, spki_of(&use, &spki)));
	key = &use.key->record;
	kms_reply_begin(&reply, call);
	kms_reply_text(&reply, "KeyId", use.key->arn);
	kms_reply_blob(&reply, "PublicKey", rd_buf_view(&spki));
	kms_reply_text(&reply, "CustomerMasterKeySpec", kms_spec_name(key->spec));
	kms_reply_text(&reply, "KeySpec", kms_spec_name(key->spec));
	kms_reply_text(&reply, "KeyUsage", kms_usage_name(key->usage));
	kms_reply_json(&reply, kms_algorithms_member(key->usage),
		kms_json_algorithms(key->spec, key->usage));
	return kms_reply_end(&reply);
}
