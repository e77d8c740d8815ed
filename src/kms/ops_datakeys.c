/* SPDX-License-Identifier: Apache-2.0 */
/* GenerateDataKey and GenerateDataKeyPair, with the plaintext and without. Source: the KMS
 * reference, 2.2.1. */
#include "kms/ops.h"

#include "crypto/ec.h"
#include "crypto/ed25519.h"
#include "crypto/rsa.h"
#include "envelope/envelope.h"
#include "kms/keys.h"
#include "kms/recipient_param.h"
#include "kms/reply.h"
#include "kms/use.h"

#define DATA_KEY_MAX 1024

static const struct kms_algorithm_param symmetric = {
	.name = "SYMMETRIC_DEFAULT", .algorithm = KMS_ALG_SYMMETRIC_DEFAULT};

/* What the four operations have in common. */
struct request {
	const char *key_id;
	struct kms_encryption_context context;
	struct kms_recipient_param recipient;
	json_t *grant_tokens;
	struct kms_use use;
};

static void request_finish(struct request *r)
{
	kms_encryption_context_finish(&r->context);
	kms_recipient_param_finish(&r->recipient);
	kms_use_finish(&r->use);
}

/* with_plaintext: only those operations know a Recipient; to the others it is any unknown member.
 */
static enum rd_status read_common(struct kms_params *p, bool with_plaintext, struct request *r)
{
	r->key_id = kms_param_key(p, "KeyId", true);
	r->grant_tokens = kms_param_grant_tokens(p);
	(void)kms_param_bool(p, "DryRun");
	if (with_plaintext) {
		kms_recipient_param_read(p, &r->recipient);
	}
	return kms_encryption_context_read(p, "EncryptionContext", &r->context);
}

/* From the parameters to the point where the work begins. pair_spec: NULL for none. */
static enum rd_status prepare(
	struct kms_call *call, const char *action, const char *pair_spec, struct request *r)
{
	struct kms_ask ask;

	RD_TRY(kms_recipient_param_verify(call, &r->recipient));
	RD_TRY(kms_use_find(call, r->key_id, &r->use));
	kms_ask_begin(&ask, action, r->use.key);
	kms_ask_fact(&ask, "kms:EncryptionAlgorithm", symmetric.name);
	kms_ask_fact(&ask, "kms:DataKeyPairSpec", pair_spec);
	RD_TRY(kms_use_authorize(&r->use, &ask, &r->context, r->grant_tokens));
	RD_TRY(kms_use_check(&r->use, KMS_ENCRYPT_DECRYPT, &symmetric));
	return kms_dry_run(call);
}

/* KeySpec or NumberOfBytes, exactly one. */
static enum rd_status read_size(struct kms_params *p, size_t *ret)
{
	static const char *const specs[] = {"AES_256", "AES_128"};
	static const size_t sizes[] = {32, 16};
	int64_t bytes = kms_param_int(p, "NumberOfBytes", 1, DATA_KEY_MAX, 0);
	int spec = kms_param_enum(p, "KeySpec", false, specs, RD_ARRAY_LEN(specs));

	RD_TRY(kms_params_end(p));
	if ((bytes == 0) == (spec < 0)) {
		return kms_fail(p->call, KMS_FAULT_VALIDATION,
			"Please specify either number of bytes or key spec.");
	}
	*ret = spec >= 0 ? sizes[spec] : (size_t)bytes;
	return RD_OK;
}

static enum rd_status reply_data_key(
	struct kms_call *call, const struct request *r, size_t size, bool with_plaintext)
{
	struct rd_secret key RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	uint8_t storage[RD_ENVELOPE_SIZE_MAX];
	struct rd_buf blob = rd_buf_fixed(storage, sizeof(storage));
	struct kms_reply reply;

	RD_TRY(kms_settle(call, rd_secret_init(&key, size)));
	RD_TRY(kms_settle(call, kms_fresh_secret(call->fresh, &key, size)));
	RD_TRY(kms_use_seal(&r->use, &r->context, rd_secret_view(&key), &blob));
	kms_reply_begin(&reply, call);
	kms_reply_blob(&reply, "CiphertextBlob", rd_buf_view(&blob));
	if (with_plaintext) {
		kms_reply_secret(&reply, "Plaintext", rd_secret_view(&key));
	}
	kms_reply_text(&reply, "KeyId", r->use.key->arn);
	kms_reply_text(&reply, "KeyMaterialId", kms_use_material_id(&r->use));
	return kms_reply_end(&reply);
}

static enum rd_status data_key(struct kms_call *call, const char *action, bool with_plaintext)
{
	struct request r RD_CLEANUP(request_finish) = {.key_id = NULL};
	struct kms_params p;
	size_t size = 0;

	kms_params_begin(&p, call);
	RD_TRY(read_common(&p, with_plaintext, &r));
	RD_TRY(read_size(&p, &size));
	RD_TRY(prepare(call, action, NULL, &r));
	return reply_data_key(call, &r, size, with_plaintext);
}

enum rd_status kms_op_generate_data_key(struct kms_call *call)
{
	return data_key(call, "kms:GenerateDataKey", true);
}

enum rd_status kms_op_generate_data_key_without_plaintext(struct kms_call *call)
{
	return data_key(call, "kms:GenerateDataKeyWithoutPlaintext", false);
}

/* DataKeyPairSpec: names, and the key specs of ours that they are; the rest is not made here. */
static const struct {
	const char *name;
	enum kms_spec spec; /* KMS_SPEC_COUNT: none of ours */
} pair_specs[] = {
	{"RSA_2048", KMS_SPEC_RSA_2048},
	{"RSA_3072", KMS_SPEC_RSA_3072},
	{"RSA_4096", KMS_SPEC_RSA_4096},
	{"ECC_NIST_P256", KMS_SPEC_ECC_NIST_P256},
	{"ECC_NIST_P384", KMS_SPEC_ECC_NIST_P384},
	{"ECC_NIST_P521", KMS_SPEC_ECC_NIST_P521},
	{"ECC_SECG_P256K1", KMS_SPEC_ECC_SECG_P256K1},
	{"SM2", KMS_SPEC_COUNT},
	{"ECC_NIST_EDWARDS25519", KMS_SPEC_ECC_NIST_EDWARDS25519},
	{"ML_KEM_512", KMS_SPEC_COUNT},
	{"ML_KEM_768", KMS_SPEC_COUNT},
	{"ML_KEM_1024", KMS_SPEC_COUNT},
};

static enum rd_status make_rsa(unsigned bits, struct rd_secret *pkcs8, struct rd_buf *spki)
{
	struct rd_rsa_key *key RD_CLEANUP(rd_rsa_key_free) = NULL;

	RD_TRY(rd_rsa_key_generate(bits, &key));
	RD_TRY(rd_rsa_key_to_pkcs8(key, pkcs8));
	return rd_rsa_key_to_spki(key, spki);
}

static enum rd_status make_ec(enum rd_ec_curve curve, struct rd_secret *pkcs8, struct rd_buf *spki)
{
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;

	RD_TRY(rd_ec_key_generate(curve, &key));
	RD_TRY(rd_ec_key_to_pkcs8(key, pkcs8));
	return rd_ec_key_to_spki(key, spki);
}

static enum rd_status make_ed25519(struct rd_secret *pkcs8, struct rd_buf *spki)
{
	struct rd_ed25519_key *key RD_CLEANUP(rd_ed25519_key_free) = NULL;

	RD_TRY(rd_ed25519_key_generate(&key));
	RD_TRY(rd_ed25519_key_to_pkcs8(key, pkcs8));
	return rd_ed25519_key_to_spki(key, spki);
}

static enum rd_status make_pair(enum kms_spec spec, struct rd_secret *pkcs8, struct rd_buf *spki)
{
	const struct kms_spec_info *info = kms_spec_info(spec);

	switch (info->family) {
	case KMS_FAMILY_RSA:
		return make_rsa(info->rsa_bits, pkcs8, spki);
	case KMS_FAMILY_EC:
		return make_ec(info->curve, pkcs8, spki);
	case KMS_FAMILY_ED25519:
		return make_ed25519(pkcs8, spki);
	case KMS_FAMILY_SYMMETRIC:
	case KMS_FAMILY_HMAC:
	default:
		return RD_INTERNAL;
	}
}

/* The index in pair_specs. */
static enum rd_status read_pair_spec(struct kms_params *p, size_t *ret)
{
	const char *names[RD_ARRAY_LEN(pair_specs)];
	int i;

	for (size_t n = 0; n < RD_ARRAY_LEN(pair_specs); n++) {
		names[n] = pair_specs[n].name;
	}
	i = kms_param_enum(p, "KeyPairSpec", true, names, RD_ARRAY_LEN(names));
	RD_TRY(kms_params_end(p));
	if (i < 0 || pair_specs[i].spec == KMS_SPEC_COUNT) {
		return kms_fail(p->call, KMS_FAULT_UNSUPPORTED,
			"The KeyPairSpec is not supported by this server.");
	}
	*ret = (size_t)i;
	return RD_OK;
}

static enum rd_status reply_pair(
	struct kms_call *call, const struct request *r, size_t pair_spec, bool with_plaintext)
{
	struct rd_secret pkcs8 RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	uint8_t spki_storage[RD_RSA_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(spki_storage, sizeof(spki_storage));
	uint8_t storage[RD_ENVELOPE_SIZE_MAX];
	struct rd_buf blob = rd_buf_fixed(storage, sizeof(storage));
	struct kms_reply reply;

	RD_TRY(kms_settle(call, rd_secret_init(&pkcs8, RD_ENVELOPE_PLAINTEXT_MAX)));
	RD_TRY(kms_settle(call, make_pair(pair_specs[pair_spec].spec, &pkcs8, &spki)));
	RD_TRY(kms_use_seal(&r->use, &r->context, rd_secret_view(&pkcs8), &blob));
	kms_reply_begin(&reply, call);
	kms_reply_blob(&reply, "PrivateKeyCiphertextBlob", rd_buf_view(&blob));
	if (with_plaintext) {
		kms_reply_secret(&reply, "PrivateKeyPlaintext", rd_secret_view(&pkcs8));
	}
	kms_reply_blob(&reply, "PublicKey", rd_buf_view(&spki));
	kms_reply_text(&reply, "KeyId", r->use.key->arn);
	kms_reply_text(&reply, "KeyPairSpec", pair_specs[pair_spec].name);
	kms_reply_text(&reply, "KeyMaterialId", kms_use_material_id(&r->use));
	return kms_reply_end(&reply);
}

static enum rd_status data_key_pair(struct kms_call *call, const char *action, bool with_plaintext)
{
	struct request r RD_CLEANUP(request_finish) = {.key_id = NULL};
	struct kms_params p;
	size_t pair_spec = 0;

	kms_params_begin(&p, call);
	RD_TRY(read_common(&p, with_plaintext, &r));
	RD_TRY(read_pair_spec(&p, &pair_spec));
	RD_TRY(prepare(call, action, pair_specs[pair_spec].name, &r));
	return reply_pair(call, &r, pair_spec, with_plaintext);
}

enum rd_status kms_op_generate_data_key_pair(struct kms_call *call)
{
	return data_key_pair(call, "kms:GenerateDataKeyPair", true);
}

enum rd_status kms_op_generate_data_key_pair_without_plaintext(struct kms_call *call)
{
	return data_key_pair(call, "kms:GenerateDataKeyPairWithoutPlaintext", false);
}
