/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking the chain.
 *
 * The chain is linear and its order is given: cabundle root first, then the leaf. So nothing is
 * searched, and each certificate has exactly one possible issuer. Names match byte for byte, as
 * they do in every genuine chain; key identifiers play no part, since leaves have none.
 */
#include "attest/chain.h"

#include "base/byteorder.h"

/* The only algorithm and curve of these chains. */
#define CHAIN_CURVE RD_P384

void rd_chain_finish(struct rd_chain *chain)
{
	for (size_t i = 0; i < RD_VERIFY_CHAIN_MAX; i++) {
		rd_cert_free(&chain->owned[i]);
	}
	*chain = (struct rd_chain){0};
}

/* Compared by bytes, and the pinned certificate is the one used from here on. */
static enum rd_verify_result find_root(
	const struct rd_doc *doc, const struct rd_verify_options *options, struct rd_chain *chain)
{
	for (size_t i = 0; i < options->n_roots; i++) {
		if (rd_view_equal(rd_cert_info(options->roots[i])->der, doc->cabundle[0])) {
			chain->certs[0] = options->roots[i];
			chain->root = i;
			return RD_VERIFY_OK;
		}
	}
	return RD_VERIFY_UNKNOWN_ROOT;
}

static enum rd_verify_result parse(struct rd_chain *chain, size_t i, struct rd_view der)
{
	enum rd_status st = rd_cert_from_der(der, &chain->owned[i]);

	if (st != RD_OK) {
		return st == RD_NOMEM ? RD_VERIFY_ERROR : RD_VERIFY_BAD_CERT;
	}
	chain->certs[i] = chain->owned[i];
	return RD_VERIFY_OK;
}

static enum rd_verify_result check_form(const struct rd_cert *cert)
{
	const struct rd_cert_info *info = rd_cert_info(cert);

	if (info->version != 3 || info->has_duplicate_extension) {
		return RD_VERIFY_BAD_CERT;
	}
	if (rd_cert_key(cert) == NULL || rd_ec_key_curve(rd_cert_key(cert)) != CHAIN_CURVE) {
		return RD_VERIFY_CERT_ALGORITHM;
	}
	return RD_VERIFY_OK;
}

static enum rd_verify_result check_issued_by(
	const struct rd_cert *cert, const struct rd_cert *issuer, bool signature_holds)
{
	enum rd_status st;

	if (!rd_view_equal(rd_cert_info(cert)->issuer_der, rd_cert_info(issuer)->subject_der)) {
		return RD_VERIFY_ISSUER;
	}
	if (signature_holds) {
		return RD_VERIFY_OK;
	}
	st = rd_cert_verify(cert, rd_cert_key(issuer));
	if (st == RD_OK) {
		return RD_VERIFY_OK;
	}
	if (st == RD_BAD_ALG) {
		return RD_VERIFY_CERT_ALGORITHM;
	}
	return st == RD_BAD_SIGNATURE ? RD_VERIFY_CERT_SIGNATURE : RD_VERIFY_ERROR;
}

/* n_below: authorities between this one and the leaf. */
static enum rd_verify_result check_authority(const struct rd_cert_info *info, size_t n_below)
{
	if (!info->has_basic_constraints || !info->is_ca || !info->has_key_usage ||
		(info->key_usage & RD_KU_KEY_CERT_SIGN) == 0) {
		return RD_VERIFY_CA;
	}
	if (info->path_len != RD_PATH_LEN_NONE && (size_t)info->path_len < n_below) {
		return RD_VERIFY_PATH_LENGTH;
	}
	return RD_VERIFY_OK;
}

static enum rd_verify_result check_leaf(const struct rd_cert_info *info)
{
	bool signs = info->has_key_usage && (info->key_usage & RD_KU_DIGITAL_SIGNATURE) != 0;
	bool certifies = info->is_ca || info->path_len != RD_PATH_LEN_NONE ||
			 (info->key_usage & RD_KU_KEY_CERT_SIGN) != 0;

	return signs && !certifies ? RD_VERIFY_OK : RD_VERIFY_LEAF;
}

/* Both edges belong to the life (RFC 5280 4.1.2.5); only its beginning has tolerance. */
static enum rd_verify_result check_life(
	const struct rd_cert_info *info, const struct rd_verify_options *options)
{
	if (info->not_before_s > options->now_s &&
		info->not_before_s - options->now_s > options->skew_s) {
		return RD_VERIFY_NOT_YET_VALID;
	}
	if (options->now_s > info->not_after_s) {
		return RD_VERIFY_EXPIRED;
	}
	return RD_VERIFY_OK;
}

/* All that concerns the certificate at index i, whose issuer holds. */
static enum rd_verify_result check_cert(
	const struct rd_chain *chain, size_t i, const struct rd_verify_options *options)
{
	const struct rd_cert *cert = chain->certs[i];
	const struct rd_cert_info *info = rd_cert_info(cert);
	enum rd_verify_result r = check_form(cert);

	/* The root is the pinned one by its bytes: that it signed itself would say nothing more. */
	if (r == RD_VERIFY_OK && i > 0) {
		r = check_issued_by(cert, chain->certs[i - 1], chain->known);
	}
	if (r == RD_VERIFY_OK && info->has_unknown_critical) {
		r = RD_VERIFY_CRITICAL;
	}
	if (r == RD_VERIFY_OK) {
		r = i + 1 < chain->n ? check_authority(info, chain->n - 2 - i) : check_leaf(info);
	}
	return r == RD_VERIFY_OK ? check_life(info, options) : r;
}

static enum rd_status name_chain(const struct rd_doc *doc, uint8_t ret_name[RD_SHA256_SIZE])
{
	struct rd_digest *digest RD_CLEANUP(rd_digest_free) = NULL;

	RD_TRY(rd_digest_new(RD_SHA256, &digest));
	for (size_t i = 0; i <= doc->n_cabundle; i++) {
		struct rd_view der = i < doc->n_cabundle ? doc->cabundle[i] : doc->certificate;
		uint8_t length[4];

		rd_put_be32(length, (uint32_t)der.len);
		RD_TRY(rd_digest_update(digest, rd_view(length, sizeof(length))));
		RD_TRY(rd_digest_update(digest, der));
	}
	return rd_digest_finish(digest, ret_name);
}

/* The time that is within the lives of all. */
static struct rd_verify_life shared_life(const struct rd_chain *chain)
{
	struct rd_verify_life life = {.not_before_s = INT64_MIN, .not_after_s = INT64_MAX};

	for (size_t i = 0; i < chain->n; i++) {
		const struct rd_cert_info *info = rd_cert_info(chain->certs[i]);

		if (info->not_before_s > life.not_before_s) {
			life.not_before_s = info->not_before_s;
		}
		if (info->not_after_s < life.not_after_s) {
			life.not_after_s = info->not_after_s;
		}
	}
	return life;
}

/* A known chain in its life: everything about its bytes was checked when it was remembered. What
 * is compared with the document is read, the leaf and its issuer; reading is what costs. */
static enum rd_verify_result take_known(const struct rd_doc *doc, struct rd_chain *chain)
{
	size_t leaf = chain->n - 1;
	enum rd_verify_result r = RD_VERIFY_OK;

	if (leaf > 1) {
		r = parse(chain, leaf - 1, doc->cabundle[leaf - 1]);
	}
	return r == RD_VERIFY_OK ? parse(chain, leaf, doc->certificate) : r;
}

static enum rd_verify_result check_certs(const struct rd_doc *doc,
	const struct rd_verify_options *options, struct rd_chain *chain, int *ret_cert)
{
	enum rd_verify_result r = check_cert(chain, 0, options);

	for (size_t i = 1; i < chain->n && r == RD_VERIFY_OK; i++) {
		*ret_cert = (int)i;
		r = parse(chain, i, i + 1 < chain->n ? doc->cabundle[i] : doc->certificate);
		if (r == RD_VERIFY_OK) {
			r = check_cert(chain, i, options);
		}
	}
	return r;
}

enum rd_verify_result rd_chain_check(const struct rd_doc *doc,
	const struct rd_verify_options *options, struct rd_chain *chain, int *ret_cert)
{
	const struct rd_verify_chain_cache *cache = options->chain_cache;
	struct rd_verify_life life = {0};
	uint8_t name[RD_SHA256_SIZE];
	enum rd_verify_result r;

	chain->n = doc->n_cabundle + 1;
	*ret_cert = 0;
	r = find_root(doc, options, chain);
	if (r != RD_VERIFY_OK) {
		return r;
	}
	if (cache != NULL) {
		if (name_chain(doc, name) != RD_OK) {
			return RD_VERIFY_ERROR;
		}
		chain->known = cache->knows(cache->ctx, name, &life);
	}
	/* Outside of it the way is the long one, which finds the certificate that is refused. */
	if (chain->known && life.not_before_s <= options->now_s &&
		options->now_s <= life.not_after_s) {
		return take_known(doc, chain);
	}
	r = check_certs(doc, options, chain, ret_cert);
	if (r == RD_VERIFY_OK && cache != NULL && !chain->known) {
		life = shared_life(chain);
		cache->remember(cache->ctx, name, &life);
	}
	return r;
}
