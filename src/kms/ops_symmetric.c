/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypt, Decrypt and ReEncrypt, of symmetric keys and of RSA keys for encryption. Source: the KMS
 * reference, 2.2.1 and 2.5. */
#include "kms/ops.h"

#include "crypto/rsa.h"
#include "envelope/envelope.h"
#include "kms/keys.h"
#include "kms/recipient_param.h"
#include "kms/reply.h"
#include "kms/source.h"
#include "kms/use.h"

#include <string.h>

/* Of the model: a blob of any length up to it is looked at. */
#define CIPHERTEXT_MAX 6144
/* rd_json_in_blob wants room for two bytes more than its rule's maximum. */
#define BLOB_ROOM 2

#define DEFAULT_ALGORITHM "SYMMETRIC_DEFAULT"

static bool is_symmetric(const struct kms_algorithm_param *param)
{
	return param->algorithm == KMS_ALG_SYMMETRIC_DEFAULT;
}

static enum rd_status refuse_context(
	struct kms_call *call, const char *name, const struct kms_encryption_context *context)
{
	if (context->json == NULL) {
		return RD_OK;
	}
	return kms_fail(
		call, KMS_FAULT_VALIDATION, "%s is not valid for asymmetric KMS keys.", name);
}

static enum rd_status encrypt_rsa(const struct kms_use *use,
	const struct kms_algorithm_param *algorithm, struct rd_view plaintext, struct rd_buf *out)
{
	enum rd_rsa_oaep oaep = algorithm->algorithm == KMS_ALG_RSAES_OAEP_SHA_1 ? RD_OAEP_SHA1
										 : RD_OAEP_SHA256;
	const struct kms_cached_material *material;

	RD_TRY(kms_use_material(use, &material));
	if (plaintext.len > rd_rsa_oaep_max(material->rsa, oaep)) {
		return kms_fail(use->call, KMS_FAULT_VALIDATION,
			"Algorithm %s and key spec %s cannot encrypt data larger than %zu bytes.",
			algorithm->name, kms_spec_name(use->key->record.spec),
			rd_rsa_oaep_max(material->rsa, oaep));
	}
	return kms_settle(use->call, rd_rsa_oaep_encrypt(material->rsa, oaep, plaintext, out));
}

/* Appends the plaintext's ciphertext under a key that was checked. */
static enum rd_status encrypt(const struct kms_use *use,
	const struct kms_algorithm_param *algorithm, const struct kms_encryption_context *context,
	struct rd_view plaintext, struct rd_buf *out)
{
	return is_symmetric(algorithm) ? kms_use_seal(use, context, plaintext, out)
				       : encrypt_rsa(use, algorithm, plaintext, out);
}

struct encrypt_request {
	const char *key_id;
	struct rd_secret storage;
	struct rd_view plaintext; /* in storage */
	struct kms_algorithm_param algorithm;
	struct kms_encryption_context context;
	json_t *grant_tokens;
};

static void encrypt_request_finish(struct encrypt_request *r)
{
	rd_secret_finish(&r->storage);
	kms_encryption_context_finish(&r->context);
}

static enum rd_status encrypt_read(struct kms_call *call, struct encrypt_request *r)
{
	struct kms_params p;
	struct rd_buf out;

	RD_TRY(kms_settle(call, rd_secret_init(&r->storage, kms_param_blob_room(call, "Plaintext",
								    RD_ENVELOPE_PLAINTEXT_MAX))));
	out = rd_buf_fixed(r->storage.ptr, r->storage.cap);
	kms_params_begin(&p, call);
	r->key_id = kms_param_key(&p, "KeyId", true);
	r->plaintext = kms_param_blob(&p, "Plaintext", 1, RD_ENVELOPE_PLAINTEXT_MAX, &out);
	r->algorithm = kms_param_algorithm(
		&p, "EncryptionAlgorithm", KMS_ENCRYPT_DECRYPT, DEFAULT_ALGORITHM);
	r->grant_tokens = kms_param_grant_tokens(&p);
	(void)kms_param_bool(&p, "DryRun");
	RD_TRY(kms_encryption_context_read(&p, "EncryptionContext", &r->context));
	return kms_params_end(&p);
}

static enum rd_status encrypt_authorize(
	const struct encrypt_request *r, const struct kms_use *use, struct kms_ask *ask)
{
	kms_ask_fact(ask, "kms:EncryptionAlgorithm", r->algorithm.name);
	RD_TRY(kms_use_authorize(use, ask, &r->context, r->grant_tokens));
	RD_TRY(kms_use_check(use, KMS_ENCRYPT_DECRYPT, &r->algorithm));
	if (!is_symmetric(&r->algorithm)) {
		RD_TRY(refuse_context(use->call, "EncryptionContext", &r->context));
	}
	return RD_OK;
}

enum rd_status kms_op_encrypt(struct kms_call *call)
{
	struct encrypt_request r RD_CLEANUP(encrypt_request_finish) = {.key_id = NULL};
	struct kms_use use RD_CLEANUP(kms_use_finish) = {.call = NULL};
	uint8_t storage[CIPHERTEXT_MAX];
	struct rd_buf ciphertext = rd_buf_fixed(storage, sizeof(storage));
	struct kms_reply reply;
	struct kms_ask ask;

	RD_TRY(encrypt_read(call, &r));
	RD_TRY(kms_use_find(call, r.key_id, &use));
	kms_ask_begin(&ask, "kms:Encrypt", use.key);
	RD_TRY(encrypt_authorize(&r, &use, &ask));
	RD_TRY(kms_dry_run(call));
	RD_TRY(encrypt(&use, &r.algorithm, &r.context, r.plaintext, &ciphertext));
	kms_reply_begin(&reply, call);
	kms_reply_blob(&reply, "CiphertextBlob", rd_buf_view(&ciphertext));
	kms_reply_text(&reply, "KeyId", use.key->arn);
	kms_reply_text(&reply, "EncryptionAlgorithm", r.algorithm.name);
	return kms_reply_end(&reply);
}

/* What Decrypt and ReEncrypt have in common. */
struct open_request {
	struct kms_source source;
	struct kms_encryption_context context;
	struct rd_buf ciphertext;
	struct kms_call *call;
};

static void open_request_finish(struct open_request *r)
{
	if (r->call != NULL) {
		kms_source_finish(r->call, &r->source);
	}
	kms_encryption_context_finish(&r->context);
	rd_buf_finish(&r->ciphertext);
}

/* DryRunModifiers: [IGNORE_CIPHERTEXT]. */
static bool ignores_ciphertext(struct kms_params *p)
{
	static const char *const modifiers[] = {"IGNORE_CIPHERTEXT"};
	struct rd_json_list list = kms_param_list(p, "DryRunModifiers", false, 0, 1);
	int index = -1;

	if (list.n == 1 && p->st == RD_OK) {
		p->st = rd_json_list_enum(
			&p->in, &list, 0, modifiers, RD_ARRAY_LEN(modifiers), &index);
	}
	return index == 0;
}

/* The names of the members, which the two operations spell differently. */
struct open_names {
	const char *key_id, *context, *algorithm;
};

static enum rd_status open_read(
	struct kms_params *p, const struct open_names *names, struct open_request *r)
{
	struct kms_source *source = &r->source;
	bool dry_run = kms_param_bool(p, "DryRun");
	bool ignore = ignores_ciphertext(p);
	const struct rd_json_blob_rule rule = {
		.required = !(dry_run && ignore), .min = 1, .max = CIPHERTEXT_MAX};
	enum rd_status st;

	r->call = p->call;
	r->ciphertext = rd_buf_growable(CIPHERTEXT_MAX + BLOB_ROOM);
	st = rd_json_in_blob(&p->in, "CiphertextBlob", &rule, &r->ciphertext, &source->ciphertext);
	p->st = p->st == RD_OK ? st : p->st;
	source->key_id = kms_param_key(p, names->key_id, !rule.required);
	source->algorithm = kms_param_algorithm(
		p, names->algorithm, KMS_ENCRYPT_DECRYPT, DEFAULT_ALGORITHM);
	source->grant_tokens = kms_param_grant_tokens(p);
	source->context = &r->context;
	if (ignore && !dry_run && !p->validation.failed && p->st == RD_OK) {
		return kms_fail(p->call, KMS_FAULT_VALIDATION,
			"DryRunModifiers can be given only with DryRun.");
	}
	return kms_encryption_context_read(p, names->context, &r->context);
}

static enum rd_status decrypt_read(
	struct kms_call *call, struct open_request *r, struct kms_recipient_param *recipient)
{
	static const struct open_names names = {
		"KeyId", "EncryptionContext", "EncryptionAlgorithm"};
	struct kms_params p;

	kms_params_begin(&p, call);
	kms_recipient_param_read(&p, recipient);
	RD_TRY(open_read(&p, &names, r));
	RD_TRY(kms_params_end(&p));
	return kms_recipient_param_verify(call, recipient);
}

static enum rd_status decrypt_reply(
	struct kms_call *call, const struct open_request *r, struct rd_secret *plaintext)
{
	struct kms_reply reply;
	const char *material_id;

	RD_TRY(kms_source_open(call, &r->source, plaintext, &material_id));
	kms_reply_begin(&reply, call);
	kms_reply_text(&reply, "KeyId", r->source.key->arn);
	kms_reply_secret(&reply, "Plaintext", rd_secret_view(plaintext));
	kms_reply_text(&reply, "EncryptionAlgorithm", r->source.algorithm.name);
	kms_reply_text(&reply, "KeyMaterialId", material_id);
	return kms_reply_end(&reply);
}

enum rd_status kms_op_decrypt(struct kms_call *call)
{
	struct open_request r RD_CLEANUP(open_request_finish) = {.call = NULL};
	struct kms_recipient_param recipient RD_CLEANUP(kms_recipient_param_finish) = {
		.given = false};
	struct rd_secret plaintext RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct kms_ask ask;

	RD_TRY(decrypt_read(call, &r, &recipient));
	RD_TRY(kms_source_resolve(call, &r.source));
	r.source.action = "kms:Decrypt";
	kms_ask_begin(&ask, r.source.action, r.source.key);
	RD_TRY(kms_source_authorize(call, &r.source, &ask));
	RD_TRY(kms_dry_run(call));
	RD_TRY(kms_settle(call, rd_secret_init(&plaintext, kms_source_plaintext_cap(&r.source))));
	return decrypt_reply(call, &r, &plaintext);
}

/* The second half of ReEncrypt. */
struct destination {
	const char *key_id;
	struct kms_algorithm_param algorithm;
	struct kms_encryption_context context;
	struct kms_use use;
};

static void destination_finish(struct destination *d)
{
	kms_encryption_context_finish(&d->context);
	kms_use_finish(&d->use);
}

static enum rd_status re_encrypt_read(
	struct kms_call *call, struct open_request *r, struct destination *d)
{
	static const struct open_names names = {
		"SourceKeyId", "SourceEncryptionContext", "SourceEncryptionAlgorithm"};
	struct kms_params p;

	kms_params_begin(&p, call);
	d->key_id = kms_param_key(&p, "DestinationKeyId", true);
	d->algorithm = kms_param_algorithm(
		&p, "DestinationEncryptionAlgorithm", KMS_ENCRYPT_DECRYPT, DEFAULT_ALGORITHM);
	RD_TRY(open_read(&p, &names, r));
	RD_TRY(kms_encryption_context_read(&p, "DestinationEncryptionContext", &d->context));
	return kms_params_end(&p);
}

/* From the one key and to the other: two questions, each with its side's context and algorithm. */
static enum rd_status re_encrypt_authorize(
	struct kms_call *call, struct open_request *r, struct destination *d)
{
	bool same = strcmp(r->source.key->record.id, d->use.key->record.id) == 0;
	struct kms_ask ask;

	r->source.action = "kms:ReEncryptFrom";
	RD_TRY(kms_recipient_param_take(call, r->source.action, r->source.key));
	kms_ask_begin(&ask, r->source.action, r->source.key);
	kms_ask_fact(&ask, "kms:ReEncryptOnSameKey", same ? "true" : "false");
	RD_TRY(kms_source_authorize(call, &r->source, &ask));
	if (!call->attested.present) {
		RD_TRY(kms_recipient_param_take(call, "kms:ReEncryptTo", d->use.key));
	}
	kms_ask_begin(&ask, "kms:ReEncryptTo", d->use.key);
	kms_ask_fact(&ask, "kms:ReEncryptOnSameKey", same ? "true" : "false");
	kms_ask_fact(&ask, "kms:EncryptionAlgorithm", d->algorithm.name);
	RD_TRY(kms_use_authorize(&d->use, &ask, &d->context, r->source.grant_tokens));
	RD_TRY(kms_use_check(&d->use, KMS_ENCRYPT_DECRYPT, &d->algorithm));
	if (!is_symmetric(&d->algorithm)) {
		RD_TRY(refuse_context(call, "DestinationEncryptionContext", &d->context));
	}
	return RD_OK;
}

static enum rd_status re_encrypt_reply(
	struct kms_call *call, const struct open_request *r, const struct destination *d)
{
	struct rd_secret plaintext RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	uint8_t storage[CIPHERTEXT_MAX];
	struct rd_buf ciphertext = rd_buf_fixed(storage, sizeof(storage));
	const char *material_id;
	struct kms_reply reply;

	RD_TRY(kms_settle(call, rd_secret_init(&plaintext, kms_source_plaintext_cap(&r->source))));
	RD_TRY(kms_source_open(call, &r->source, &plaintext, &material_id));
	RD_TRY(encrypt(
		&d->use, &d->algorithm, &d->context, rd_secret_view(&plaintext), &ciphertext));
	kms_reply_begin(&reply, call);
	kms_reply_blob(&reply, "CiphertextBlob", rd_buf_view(&ciphertext));
	kms_reply_text(&reply, "SourceKeyId", r->source.key->arn);
	kms_reply_text(&reply, "KeyId", d->use.key->arn);
	kms_reply_text(&reply, "SourceEncryptionAlgorithm", r->source.algorithm.name);
	kms_reply_text(&reply, "DestinationEncryptionAlgorithm", d->algorithm.name);
	kms_reply_text(&reply, "SourceKeyMaterialId", material_id);
	kms_reply_text(&reply, "DestinationKeyMaterialId", kms_use_material_id(&d->use));
	return kms_reply_end(&reply);
}

enum rd_status kms_op_re_encrypt(struct kms_call *call)
{
	struct open_request r RD_CLEANUP(open_request_finish) = {.call = NULL};
	struct destination d RD_CLEANUP(destination_finish) = {.key_id = NULL};

	RD_TRY(re_encrypt_read(call, &r, &d));
	RD_TRY(kms_source_resolve(call, &r.source));
	RD_TRY(kms_use_find(call, d.key_id, &d.use));
	RD_TRY(re_encrypt_authorize(call, &r, &d));
	RD_TRY(kms_dry_run(call));
	return re_encrypt_reply(call, &r, &d);
}
