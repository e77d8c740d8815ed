/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation documents, from bytes to what policies and envelopes want of them. */
#include "kms/recipient.h"

#include "base/text.h"
#include "crypto/cms.h"
#include "crypto/digest.h"
#include "crypto/rsa.h"
#include "kms/chains.h"
#include "policy/attested.h"

#include <stdlib.h>
#include <string.h>

struct kms_recipients {
	struct kms_recipient_config config;
	const struct rd_cert **roots;
	char (*root_names)[KMS_ROOT_NAME_SIZE];
	struct kms_chains *chains;
};

static enum rd_status copy_roots(
	const struct kms_recipient_config *config, struct kms_recipients *recipients)
{
	size_t n = config->n_roots;

	recipients->roots = calloc(n + 1, sizeof(*recipients->roots));
	recipients->root_names = calloc(n + 1, sizeof(*recipients->root_names));
	RD_ENSURE(recipients->roots != NULL && recipients->root_names != NULL, RD_NOMEM);
	for (size_t i = 0; i < n; i++) {
		RD_ENSURE(strlen(config->root_names[i]) < KMS_ROOT_NAME_SIZE, RD_LIMIT);
		recipients->roots[i] = config->roots[i];
		memcpy(recipients->root_names[i], config->root_names[i],
			strlen(config->root_names[i]) + 1);
	}
	return RD_OK;
}

enum rd_status kms_recipients_new(
	const struct kms_recipient_config *config, struct kms_recipients **ret)
{
	struct kms_recipients *recipients RD_CLEANUP(kms_recipients_free) = NULL;

	recipients = calloc(1, sizeof(*recipients));
	RD_ENSURE(recipients != NULL, RD_NOMEM);
	recipients->config = *config;
	RD_TRY(copy_roots(config, recipients));
	RD_TRY(kms_chains_new(&recipients->chains));
	*ret = rd_steal(&recipients, NULL);
	return RD_OK;
}

void kms_recipients_free(struct kms_recipients **recipients)
{
	struct kms_recipients *r = rd_steal(recipients, NULL);

	if (r == NULL) {
		return;
	}
	kms_chains_free(&r->chains);
	free(r->roots);
	free(r->root_names);
	free(r);
}

/* 3.3: SubjectPublicKeyInfo of RSA from 2,048 to 4,096 bits, and nothing else. */
static enum rd_status check_public_key(struct rd_view spki)
{
	struct rd_rsa_key *key RD_CLEANUP(rd_rsa_key_free) = NULL;
	enum rd_status st;

	RD_ENSURE(spki.ptr != NULL && spki.len > 0, RD_UNTRUSTED);
	st = rd_rsa_key_from_spki(spki, &key);
	if (st == RD_OK || st == RD_NOMEM || rd_category(st) == RD_CAT_INTERNAL) {
		return st;
	}
	return RD_UNTRUSTED;
}

/* The document's lengths were checked by the verifier: all of it has room. */
static void copy_document(const struct rd_doc *doc, struct kms_attested *ret)
{
	memcpy(ret->module_id, doc->module_id.ptr, doc->module_id.len);
	for (unsigned i = 0; i < RD_DOC_PCR_COUNT; i++) {
		if (doc->pcrs[i].ptr != NULL) {
			ret->pcr_mask |= 1u << i;
			memcpy(ret->pcr[i], doc->pcrs[i].ptr, RD_DOC_PCR_SIZE);
		}
	}
	ret->timestamp_ms = doc->timestamp_ms;
	memcpy(ret->public_key, doc->public_key.ptr, doc->public_key.len);
	ret->public_key_len = doc->public_key.len;
	ret->has_user_data = doc->user_data.ptr != NULL;
	ret->user_data_len = doc->user_data.len;
	if (doc->user_data.len > 0) {
		memcpy(ret->user_data, doc->user_data.ptr, doc->user_data.len);
	}
}

static enum rd_verify_result verify(struct kms_recipients *recipients, struct rd_view document,
	int64_t now_ms, struct rd_verify_report *report)
{
	const struct kms_recipient_config *config = &recipients->config;
	struct rd_verify_options options = {
		.roots = recipients->roots,
		.n_roots = config->n_roots,
		.now_s = now_ms / 1000,
		.skew_s = config->skew_s,
		.max_age_s = config->max_age_s,
		.allow_debug = config->allow_debug,
		.chain_cache = kms_chains_cache(recipients->chains),
	};

	if (config->n_roots == 0) {
		return RD_VERIFY_UNKNOWN_ROOT;
	}
	return rd_verify(document, &options, report);
}

enum rd_status kms_recipient_verify(struct kms_recipients *recipients, struct rd_view document,
	int64_t now_ms, struct kms_attested *ret, const char **ret_why)
{
	struct rd_verify_report report;
	enum rd_verify_result result;
	uint8_t digest[RD_SHA256_SIZE];
	enum rd_status st;

	memset(ret, 0, sizeof(*ret));
	result = verify(recipients, document, now_ms, &report);
	*ret_why = rd_verify_name(result);
	if (result != RD_VERIFY_OK) {
		return result == RD_VERIFY_ERROR ? RD_INTERNAL : RD_UNTRUSTED;
	}
	st = check_public_key(report.doc.public_key);
	if (st != RD_OK) {
		*ret_why = "PUBLIC_KEY";
		return st;
	}
	RD_TRY(rd_digest_once(RD_SHA256, document, digest));
	copy_document(&report.doc, ret);
	memcpy(ret->digest, digest, sizeof(digest));
	memcpy(ret->root_name, recipients->root_names[report.root], sizeof(ret->root_name));
	ret->debug = report.debug;
	ret->present = true;
	return RD_OK;
}

enum rd_status kms_recipient_seal(
	const struct kms_attested *attested, struct rd_view secret, struct rd_buf *out)
{
	RD_ENSURE(attested->present, RD_USAGE);
	return rd_cms_seal(rd_view(attested->public_key, attested->public_key_len), secret, out);
}

bool kms_attested_key(const struct kms_attested *attested, const char *name, char ret_hex[97])
{
	struct rd_attested_key key;

	if (!attested->present || rd_attested_key_parse(rd_view_str(name), &key) != RD_OK ||
		key.kind == RD_ATTESTED_KEY_NITROTPM ||
		(attested->pcr_mask >> key.index & 1) == 0) {
		return false;
	}
	rd_hex_string(rd_view(attested->pcr[key.index], RD_DOC_PCR_SIZE), ret_hex);
	return true;
}

void kms_recipients_stats(
	struct kms_recipients *recipients, uint64_t *ret_hits, uint64_t *ret_misses)
{
	struct kms_chains_stats stats;

	kms_chains_stats(recipients->chains, &stats);
	*ret_hits = stats.hits;
	*ret_misses = stats.misses;
}
