/* SPDX-License-Identifier: Apache-2.0 */
/* Signing keys on disk. */
#include "redoubtd/pki.h"

#include "base/byteorder.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "log/log.h"
#include "os/file.h"

#include <stdio.h>
#include <string.h>

/* A PEM key (about 300 bytes) and a PEM certificate (under 1,400). */
#define LEVEL_FILE_MAX 8192
/* "<region> <instance id>". */
#define CONTEXT_SIZE (RD_REGION_MAX + RD_INSTANCE_ID_MAX + 2)

static const char *const level_files[RD_PKI_LEAF] = {
	[RD_PKI_ROOT] = "root.pem",
	[RD_PKI_REGIONAL] = "regional.pem",
	[RD_PKI_ZONAL] = "zonal.pem",
	[RD_PKI_INSTANCE] = "instance.pem",
};
static const char context_file[] = "context";
static const char published_root[] = "root.pem";

static void finish_secret(struct rd_buf *b)
{
	rd_wipe(b->ptr, b->used);
	rd_buf_finish(b);
}

static void drop_level(struct rd_pki_store *s, int level)
{
	rd_ec_key_free(&s->levels[level].key);
	rd_cert_free(&s->levels[level].cert);
}

static enum rd_status parse_level(struct rd_pki_store *s, int level, struct rd_view pem)
{
	RD_TRY(rd_ec_key_from_pem(pem, &s->levels[level].key));
	RD_TRY(rd_cert_from_pem(pem, &s->levels[level].cert));
	RD_ENSURE(rd_cert_key(s->levels[level].cert) != NULL &&
			  rd_ec_key_same(s->levels[level].key, rd_cert_key(s->levels[level].cert)),
		RD_WRONG_KEY);
	return RD_OK;
}

static enum rd_status load_level(struct rd_pki_store *s, int level, struct rd_error *err)
{
	uint8_t storage[LEVEL_FILE_MAX];
	struct rd_buf pem RD_CLEANUP(finish_secret) = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st = rd_file_load(s->dir_fd, level_files[level], &pem, err);

	if (st == RD_NOTFOUND) {
		return RD_OK;
	}
	if (st == RD_OK) {
		st = parse_level(s, level, rd_buf_view(&pem));
	}
	if (st == RD_OK) {
		return RD_OK;
	}
	drop_level(s, level);
	if (level == RD_PKI_ROOT) {
		return rd_fail(err, st,
			"the root of trust, pki/%s in the state directory, is damaged (%s): restore "
			"it, or remove it to begin a new one that no verifier knows yet",
			level_files[level], rd_status_text(st));
	}
	rd_log(RD_LOG_WARNING, "pki/%s is damaged (%s): making it anew", level_files[level],
		rd_status_text(st));
	return RD_OK;
}

/* Whether the levels below the root were issued for this region and instance. */
static bool context_holds(const struct rd_pki_store *s)
{
	uint8_t storage[CONTEXT_SIZE];
	char want[CONTEXT_SIZE];
	struct rd_buf got = rd_buf_fixed(storage, sizeof(storage));

	snprintf(want, sizeof(want), "%s %s", s->region, s->instance_id);
	return rd_file_load(s->dir_fd, context_file, &got, NULL) == RD_OK &&
	       rd_view_equal(rd_buf_view(&got), rd_view_str(want));
}

static enum rd_status write_context(const struct rd_pki_store *s, struct rd_error *err)
{
	char text[CONTEXT_SIZE];

	snprintf(text, sizeof(text), "%s %s", s->region, s->instance_id);
	return rd_file_replace(s->dir_fd, context_file, rd_view_str(text), 0600, err);
}

static enum rd_status fill_request(struct rd_pki_request *req)
{
	uint8_t id[8];

	RD_TRY(rd_random_bytes(req->serial, sizeof(req->serial)));
	RD_TRY(rd_random_bytes(req->crl_uuid, sizeof(req->crl_uuid)));
	RD_TRY(rd_random_bytes(id, sizeof(id)));
	req->authority_id = rd_get_be64(id);
	return RD_OK;
}

static enum rd_status issue_level(struct rd_pki_store *s, int level, const char *instance_id,
	int64_t now_s, struct rd_ec_key *key, struct rd_buf *der)
{
	struct rd_pki_request req = {
		.level = (enum rd_pki_level)level,
		.now_s = now_s,
		.region = s->region,
		.instance_id = instance_id,
		.subject_key = key,
		.issuer = level == RD_PKI_ROOT ? NULL : s->levels[level - 1].cert,
		.issuer_key = level == RD_PKI_ROOT ? key : s->levels[level - 1].key,
	};

	RD_TRY(fill_request(&req));
	return rd_pki_issue(&req, der);
}

/* A new key and certificate into the store, and what goes into the file into pem. */
static enum rd_status make_level(
	struct rd_pki_store *s, int level, int64_t now_s, struct rd_buf *pem)
{
	struct rd_buf der RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_SIZE_MAX);
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;
	struct rd_cert *cert RD_CLEANUP(rd_cert_free) = NULL;

	RD_TRY(rd_ec_key_generate(RD_P384, &key));
	RD_TRY(issue_level(s, level, s->instance_id, now_s, key, &der));
	RD_TRY(rd_cert_from_der(rd_buf_view(&der), &cert));
	RD_TRY(rd_ec_key_to_pem(key, pem));
	RD_TRY(rd_cert_to_pem(cert, pem));
	drop_level(s, level);
	s->levels[level].key = rd_steal(&key, NULL);
	s->levels[level].cert = rd_steal(&cert, NULL);
	return RD_OK;
}

static enum rd_status renew_level(
	struct rd_pki_store *s, int level, int64_t now_s, struct rd_error *err)
{
	uint8_t storage[LEVEL_FILE_MAX];
	struct rd_buf pem RD_CLEANUP(finish_secret) = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st = make_level(s, level, now_s, &pem);

	if (st != RD_OK) {
		return rd_fail(
			err, st, "cannot issue pki/%s: %s", level_files[level], rd_status_text(st));
	}
	st = rd_file_replace(s->dir_fd, level_files[level], rd_buf_view(&pem), 0600, err);
	if (st != RD_OK) {
		drop_level(s, level);
		return st;
	}
	s->issued++;
	rd_log(RD_LOG_INFO, "issued the %.*s certificate", (int)strcspn(level_files[level], "."),
		level_files[level]);
	return RD_OK;
}

/* Brings all levels up to date: one that is missing or due is made anew, and all below it. */
static enum rd_status refresh(
	struct rd_pki_store *s, bool from_regional, int64_t now_s, struct rd_error *err)
{
	bool renew = false;

	for (int level = RD_PKI_ROOT; level < RD_PKI_LEAF; level++) {
		const struct rd_cert *cert = s->levels[level].cert;

		renew = renew || cert == NULL || (from_regional && level == RD_PKI_REGIONAL) ||
			rd_pki_due((enum rd_pki_level)level, cert, now_s);
		if (renew) {
			RD_TRY(renew_level(s, level, now_s, err));
		}
	}
	return RD_OK;
}

static enum rd_status publish_root(struct rd_pki_store *s, struct rd_error *err)
{
	struct rd_buf pem RD_CLEANUP(rd_buf_finish) = rd_buf_growable(LEVEL_FILE_MAX);
	struct rd_buf old RD_CLEANUP(rd_buf_finish) = rd_buf_growable(LEVEL_FILE_MAX);

	if (rd_cert_to_pem(s->levels[RD_PKI_ROOT].cert, &pem) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "cannot write the root certificate as PEM");
	}
	if (rd_file_load(s->state_fd, published_root, &old, NULL) == RD_OK &&
		rd_view_equal(rd_buf_view(&old), rd_buf_view(&pem))) {
		return RD_OK;
	}
	return rd_file_replace(s->state_fd, published_root, rd_buf_view(&pem), 0644, err);
}

static enum rd_status open_store(struct rd_pki_store *s, int64_t now_s, struct rd_error *err)
{
	bool context = context_holds(s);

	for (int level = RD_PKI_ROOT; level < RD_PKI_LEAF; level++) {
		RD_TRY(load_level(s, level, err));
	}
	RD_TRY(refresh(s, !context, now_s, err));
	if (!context) {
		RD_TRY(write_context(s, err));
	}
	return publish_root(s, err);
}

enum rd_status rd_pki_store_open(struct rd_pki_store *store, int dir_fd, int state_fd,
	const char *region, const char *instance_id, int64_t now_s, struct rd_error *err)
{
	enum rd_status st;

	*store = (struct rd_pki_store){.dir_fd = dir_fd, .state_fd = state_fd};
	RD_ENSURE(rd_region_valid(region) && rd_instance_id_valid(instance_id), RD_USAGE);
	snprintf(store->region, sizeof(store->region), "%s", region);
	snprintf(store->instance_id, sizeof(store->instance_id), "%s", instance_id);
	st = open_store(store, now_s, err);
	if (st != RD_OK) {
		rd_pki_store_close(store);
	}
	return st;
}

void rd_pki_store_close(struct rd_pki_store *store)
{
	for (int level = RD_PKI_ROOT; level < RD_PKI_LEAF; level++) {
		drop_level(store, level);
	}
}

void rd_pki_instance_finish(struct rd_pki_instance *instance)
{
	rd_ec_key_free(&instance->key);
	rd_cert_free(&instance->cert);
}

/* Made at first use, when it is due, and when a level above it has been made anew. */
static enum rd_status refresh_instance(struct rd_pki_store *s, struct rd_pki_instance *instance,
	int64_t now_s, struct rd_error *err)
{
	struct rd_buf der RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_SIZE_MAX);
	enum rd_status st;

	if (instance->cert != NULL && instance->issued == s->issued &&
		!rd_pki_due(RD_PKI_INSTANCE, instance->cert, now_s)) {
		return RD_OK;
	}
	rd_pki_instance_finish(instance);
	st = rd_ec_key_generate(RD_P384, &instance->key);
	st = st == RD_OK ? issue_level(s, RD_PKI_INSTANCE, instance->instance_id, now_s,
				   instance->key, &der)
			 : st;
	st = st == RD_OK ? rd_cert_from_der(rd_buf_view(&der), &instance->cert) : st;
	if (st != RD_OK) {
		rd_pki_instance_finish(instance);
		return rd_fail(err, st, "cannot issue a certificate for %s: %s",
			instance->instance_id, rd_status_text(st));
	}
	instance->issued = s->issued;
	return RD_OK;
}

static enum rd_status issue_leaf(const struct rd_pki_store *store,
	const struct rd_pki_instance *level, struct rd_pki_request *req, struct rd_buf *ret_cert,
	struct rd_ctl_views *ret_bundle)
{
	req->region = store->region;
	req->instance_id = level->instance_id;
	req->issuer = level->cert;
	req->issuer_key = level->key;
	RD_TRY(rd_pki_issue(req, ret_cert));
	ret_bundle->count = RD_PKI_LEAF;
	for (int i = RD_PKI_ROOT; i < RD_PKI_INSTANCE; i++) {
		ret_bundle->items[i] = rd_cert_info(store->levels[i].cert)->der;
	}
	ret_bundle->items[RD_PKI_INSTANCE] = rd_cert_info(level->cert)->der;
	return RD_OK;
}

enum rd_status rd_pki_store_leaf(struct rd_pki_store *store, struct rd_pki_instance *instance,
	struct rd_view spki, const char *module_id, int64_t now_s, struct rd_buf *ret_cert,
	struct rd_ctl_views *ret_bundle, struct rd_error *err)
{
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;
	struct rd_pki_request req = {.level = RD_PKI_LEAF, .now_s = now_s, .module_id = module_id};
	struct rd_pki_instance own;
	enum rd_status st;

	RD_TRY(refresh(store, false, now_s, err));
	RD_TRY(publish_root(store, err));
	if (instance != NULL) {
		RD_TRY(refresh_instance(store, instance, now_s, err));
	}
	st = rd_ec_key_from_spki(spki, &key);
	if (st != RD_OK) {
		return rd_fail(err, st, "not a public key: %s", rd_status_text(st));
	}
	req.subject_key = key;
	/* Borrowed: the store's own level, in the form of the others. */
	own = (struct rd_pki_instance){.key = store->levels[RD_PKI_INSTANCE].key,
		.cert = store->levels[RD_PKI_INSTANCE].cert};
	memcpy(own.instance_id, store->instance_id, sizeof(own.instance_id));
	st = issue_leaf(store, instance == NULL ? &own : instance, &req, ret_cert, ret_bundle);
	if (st != RD_OK) {
		return rd_fail(
			err, st, "cannot issue a leaf for %s: %s", module_id, rd_status_text(st));
	}
	return RD_OK;
}
