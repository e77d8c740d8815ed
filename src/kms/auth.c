/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication.
 *
 *	claim       what the headers say, checked against clock, regions and service
 *	credential  access key id → secret: of a user's access key, or out of a session token;
 *	            for an unknown one a secret that fits nothing, so that the work is the same
 *	signature   verified under it
 *	verdict     only now: unknown, inactive, expired
 *	caller      the user or role that it belongs to, if that still exists
 */
#include "kms/auth.h"

#include "aws/arn.h"
#include "aws/sigv4.h"
#include "base/secret.h"
#include "base/text.h"
#include "kms/cache.h"
#include "kms/session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 256 clients and days at a time: what one block of locked memory holds. */
#define SIGNING_KEYS (RD_SECRET_SIZE_MAX / RD_SIGV4_KEY_SIZE)

/* Signed for whoever is unknown; not of a secret's length, so it is nobody's. */
#define DUMMY_SECRET "no access key has this secret access key"

/* Access key id, date, region and service. */
#define SIGNING_NAME_MAX (RD_SIGV4_AKID_MAX + 64)

struct signing_name {
	size_t len;
	size_t slot;
	uint8_t text[SIGNING_NAME_MAX];
};

struct kms_signing_keys {
	pthread_mutex_t lock;
	struct rd_secret keys;                   /* SIGNING_KEYS of them, side by side */
	struct signing_name names[SIGNING_KEYS]; /* of no length: no key is there */
};

enum rd_status kms_signing_keys_new(struct kms_signing_keys **ret)
{
	struct kms_signing_keys *keys = calloc(1, sizeof(*keys));
	enum rd_status st;

	RD_ENSURE(keys != NULL, RD_NOMEM);
	st = rd_secret_init(&keys->keys, SIGNING_KEYS * RD_SIGV4_KEY_SIZE);
	if (st != RD_OK) {
		free(keys);
		return st;
	}
	pthread_mutex_init(&keys->lock, NULL);
	*ret = keys;
	return RD_OK;
}

void kms_signing_keys_free(struct kms_signing_keys **keys)
{
	struct kms_signing_keys *k = rd_steal(keys, NULL);

	if (k == NULL) {
		return;
	}
	rd_secret_finish(&k->keys);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* One request on its way through. */
struct attempt {
	struct kms_call *call;
	struct rd_sigv4_header headers[RD_HTTP_HEADERS_MAX];
	struct rd_sigv4_request request;
	struct rd_sigv4_claim claim;
	char akid[RD_SIGV4_AKID_MAX + 1]; /* of the claim */
	/* The credential: one of these, or neither. */
	const struct kms_cached_credential *credential;
	struct kms_session session;
	bool has_session;
	enum rd_sigv4_why verdict; /* what to say once the signature has verified */
};

static void attempt_finish(struct attempt *a)
{
	kms_cache_put(a->call->kms->cache, a->credential);
	if (a->has_session) {
		kms_session_finish(&a->session);
	}
}

static enum kms_fault_type fault_of(enum rd_sigv4_why why)
{
	static const struct {
		const char *type;
		enum kms_fault_type fault;
	} faults[] = {
		{"MissingAuthenticationTokenException", KMS_FAULT_MISSING_TOKEN},
		{"IncompleteSignatureException", KMS_FAULT_INCOMPLETE_SIGNATURE},
		{"InvalidSignatureException", KMS_FAULT_INVALID_SIGNATURE},
		{"UnrecognizedClientException", KMS_FAULT_UNRECOGNIZED_CLIENT},
		{"ExpiredTokenException", KMS_FAULT_EXPIRED_TOKEN},
	};
	const char *type = rd_sigv4_type(why);

	for (size_t i = 0; type != NULL && i < RD_ARRAY_LEN(faults); i++) {
		if (strcmp(faults[i].type, type) == 0) {
			return faults[i].fault;
		}
	}
	return KMS_FAULT_INTERNAL;
}

static enum rd_status refuse(struct kms_call *call, const struct rd_sigv4_refusal *refusal)
{
	char text[KMS_MESSAGE_SIZE];
	struct rd_buf out = rd_buf_fixed(text, sizeof(text));

	if (rd_sigv4_message(refusal, &out) != RD_OK) {
		out.used = 0;
	}
	(void)kms_fail(call, fault_of(refusal->why), "%.*s", (int)out.used, text);
	return RD_UNTRUSTED;
}

static enum rd_status refuse_plainly(struct kms_call *call, enum rd_sigv4_why why)
{
	return refuse(call, &(struct rd_sigv4_refusal){.why = why});
}

static enum rd_status broken(struct kms_call *call, enum rd_status st)
{
	(void)kms_fail(call, KMS_FAULT_INTERNAL, "The request could not be authenticated.");
	return st;
}

/* RD_UNTRUSTED of the library has its refusal; anything else is ours. */
static enum rd_status answer(
	struct kms_call *call, enum rd_status st, const struct rd_sigv4_refusal *refusal)
{
	if (st == RD_OK) {
		return RD_OK;
	}
	return st == RD_UNTRUSTED ? refuse(call, refusal) : broken(call, st);
}

/* The fourth part of Credential; a guess that rd_sigv4_parse confirms, or refuses as KMS would. */
static enum kms_service service_of(const struct rd_http_request *request)
{
	struct rd_view header = rd_http_header_find(request, "authorization");
	size_t slashes = 0, start = 0;

	for (size_t i = 0; i < header.len && header.ptr[i] != ','; i++) {
		if (header.ptr[i] != '/') {
			continue;
		}
		slashes++;
		if (slashes == 3) {
			start = i + 1;
		} else if (slashes == 4) {
			struct rd_view name = rd_view(header.ptr + start, i - start);

			return rd_view_equal(name, rd_view_str("iam"))   ? KMS_SERVICE_IAM
			       : rd_view_equal(name, rd_view_str("sts")) ? KMS_SERVICE_STS
									 : KMS_SERVICE_KMS;
		}
	}
	return KMS_SERVICE_KMS;
}

static void sigv4_request(struct attempt *a, const struct rd_http_request *request)
{
	const uint8_t *query = request->target.len == 0
				       ? NULL
				       : memchr(request->target.ptr, '?', request->target.len);
	size_t path = query == NULL ? request->target.len : (size_t)(query - request->target.ptr);

	for (size_t i = 0; i < request->n_headers; i++) {
		a->headers[i] = (struct rd_sigv4_header){
			.name = request->headers[i].name, .value = request->headers[i].value};
	}
	a->request = (struct rd_sigv4_request){
		.method = request->method,
		.path = rd_view(request->target.ptr, path),
		.query = query == NULL ? rd_view("", 0)
				       : rd_view(query + 1, request->target.len - path - 1),
		.headers = a->headers,
		.n_headers = request->n_headers,
		.body = request->body,
	};
}

static enum rd_status claim(struct attempt *a)
{
	static const char *const services[] = {"kms", "iam", "sts", "ec2"};
	const struct kms_config *config = &a->call->kms->config;
	/* IAM has one region for the world, and clients sign for that one whatever theirs is. */
	const char *regions[] = {config->region, "us-east-1"};
	struct rd_sigv4_rules rules = {
		.service = services[a->call->who.service],
		.regions = regions,
		.n_regions = a->call->who.service == KMS_SERVICE_IAM ? 2 : 1,
		.now_s = a->call->now_ms / 1000,
		.skew_s = config->clock_skew_s,
	};
	struct rd_sigv4_refusal refusal = {.why = RD_SIGV4_ACCEPTED};

	/* The refusal borrows from the rules: it is answered here. */
	return answer(a->call, rd_sigv4_parse(&a->request, &rules, &a->claim, &refusal), &refusal);
}

static bool is_static_token(const struct kms_config *config, struct rd_view token)
{
	struct rd_view want = rd_view(config->static_session_token,
		strnlen(config->static_session_token, sizeof(config->static_session_token)));

	return want.len > 0 && rd_equal_constant_time(want, token);
}

static enum rd_status find_long_lived(struct attempt *a, const char *akid)
{
	const struct kms_call *call = a->call;
	enum rd_status st = kms_cache_credential(call->kms->cache, call->db, akid, &a->credential);

	a->verdict = RD_SIGV4_UNKNOWN_KEY;
	if (st == RD_NOTFOUND) {
		return RD_OK;
	}
	RD_TRY(st);
	if (a->claim.token.ptr != NULL && !is_static_token(&call->kms->config, a->claim.token)) {
		a->verdict = RD_SIGV4_WRONG_TOKEN;
	} else if (a->credential->record.active) {
		a->verdict = RD_SIGV4_ACCEPTED;
	}
	return RD_OK;
}

static enum rd_status find_session(struct attempt *a)
{
	enum rd_status st = kms_session_open(
		a->call->kms->keyring, a->call->db, a->claim.akid, a->claim.token, &a->session);

	if (rd_category(st) == RD_CAT_UNTRUSTED) {
		a->verdict = RD_SIGV4_WRONG_TOKEN;
		return RD_OK;
	}
	RD_TRY(st);
	a->has_session = true;
	a->verdict = a->call->now_ms >= a->session.expires_ms ? RD_SIGV4_EXPIRED_TOKEN
							      : RD_SIGV4_ACCEPTED;
	return RD_OK;
}

/* Sessions' keys are ASIA…, by our own making as by AWS's. */
static enum rd_status find_credential(struct attempt *a)
{
	RD_ENSURE(a->claim.akid.ptr != NULL && a->claim.akid.len < sizeof(a->akid), RD_INTERNAL);
	memcpy(a->akid, a->claim.akid.ptr, a->claim.akid.len);
	a->akid[a->claim.akid.len] = '\0';
	if (strncmp(a->akid, "ASIA", 4) != 0) {
		return find_long_lived(a, a->akid);
	}
	if (a->claim.token.ptr == NULL) {
		a->verdict = RD_SIGV4_WRONG_TOKEN;
		return RD_OK;
	}
	return find_session(a);
}

/* The cache has no secret of an inactive key: it is as good as unknown. */
static bool is_usable(const struct kms_cached_credential *credential)
{
	return credential != NULL && credential->record.active;
}

static struct rd_view secret_of(const struct attempt *a)
{
	if (a->has_session) {
		return rd_secret_view(&a->session.secret);
	}
	return is_usable(a->credential) ? rd_secret_view(&a->credential->secret)
					: rd_view_str(DUMMY_SECRET);
}

/* By the last characters of an id, which are random, and of the date: two that share a slot push
 * each other out, and are verified all the same. */
static size_t slot_of(struct rd_view akid, struct rd_view date)
{
	size_t hash = date.ptr[date.len - 1];

	for (size_t i = akid.len > 8 ? akid.len - 8 : 0; i < akid.len; i++) {
		hash = 31 * hash + akid.ptr[i];
	}
	return hash % SIGNING_KEYS;
}

static enum rd_status name_signing_key(const struct attempt *a, struct signing_name *ret)
{
	struct rd_buf out = rd_buf_fixed(ret->text, sizeof(ret->text));

	RD_TRY(rd_buf_put_view(&out, a->claim.akid));
	RD_TRY(rd_buf_u8(&out, '/'));
	RD_TRY(rd_buf_put_view(&out, a->claim.date));
	RD_TRY(rd_buf_u8(&out, '/'));
	RD_TRY(rd_buf_put_view(&out, a->claim.region));
	RD_TRY(rd_buf_u8(&out, '/'));
	RD_TRY(rd_buf_put_str(&out, a->claim.service));
	ret->len = out.used;
	ret->slot = slot_of(a->claim.akid, a->claim.date);
	return RD_OK;
}

static bool is_named(const struct signing_name *a, const struct signing_name *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool recall(struct kms_signing_keys *keys, const struct signing_name *name,
	uint8_t ret_key[RD_SIGV4_KEY_SIZE])
{
	bool found;

	pthread_mutex_lock(&keys->lock);
	found = is_named(&keys->names[name->slot], name);
	if (found) {
		memcpy(ret_key, keys->keys.ptr + name->slot * RD_SIGV4_KEY_SIZE, RD_SIGV4_KEY_SIZE);
	}
	pthread_mutex_unlock(&keys->lock);
	return found;
}

static void remember(struct kms_signing_keys *keys, const struct signing_name *name,
	const uint8_t key[RD_SIGV4_KEY_SIZE])
{
	pthread_mutex_lock(&keys->lock);
	keys->names[name->slot] = *name;
	memcpy(keys->keys.ptr + name->slot * RD_SIGV4_KEY_SIZE, key, RD_SIGV4_KEY_SIZE);
	pthread_mutex_unlock(&keys->lock);
}

static enum rd_status verify_under(
	struct attempt *a, uint8_t key[RD_SIGV4_KEY_SIZE], struct rd_sigv4_refusal *refusal)
{
	struct kms_signing_keys *keys = a->call->kms->signing_keys;
	bool known = keys != NULL && a->verdict == RD_SIGV4_ACCEPTED;
	struct signing_name name = {.len = 0};

	RD_TRY(name_signing_key(a, &name));
	if (known && recall(keys, &name, key)) {
		return rd_sigv4_verify(&a->request, &a->claim, key, refusal);
	}
	RD_TRY(rd_sigv4_derive_key(
		secret_of(a), a->claim.date, a->claim.region, rd_view_str(a->claim.service), key));
	RD_TRY(rd_sigv4_verify(&a->request, &a->claim, key, refusal));
	if (known) {
		remember(keys, &name, key);
	}
	return RD_OK;
}

static enum rd_status verify(struct attempt *a)
{
	struct rd_sigv4_refusal refusal = {.why = RD_SIGV4_ACCEPTED};
	uint8_t key[RD_SIGV4_KEY_SIZE];
	bool known = a->has_session || is_usable(a->credential);
	enum rd_status st = verify_under(a, key, &refusal);

	rd_wipe(key, sizeof(key));
	if (!known && (st == RD_OK || st == RD_UNTRUSTED)) {
		return refuse_plainly(a->call, a->verdict);
	}
	RD_TRY(answer(a->call, st, &refusal));
	return a->verdict == RD_SIGV4_ACCEPTED ? RD_OK : refuse_plainly(a->call, a->verdict);
}

static void name_session(
	struct kms_identity *who, const struct kms_cached_principal *role, const char *region)
{
	/* Fits: the partition and both names are short. */
	(void)snprintf(who->role_arn, sizeof(who->role_arn), "%s", role->arn);
	(void)snprintf(who->arn, sizeof(who->arn), "arn:%s:sts::%s:assumed-role/%s/%s",
		rd_aws_partition(rd_view_str(region)), who->account, role->record.name,
		who->session);
}

static void take_session(struct kms_identity *who, struct kms_session *session)
{
	(void)snprintf(who->session, sizeof(who->session), "%s", session->name);
	who->token_issued_ms = session->issued_ms;
	who->session_policy = rd_steal(&session->policy, NULL);
	who->tags = rd_steal(&session->tags, NULL);
	who->n_tags = rd_steal(&session->n_tags, 0);
}

/* A deleted user's or role's sessions and keys end with it. */
static enum rd_status take_caller(struct attempt *a)
{
	struct kms_call *call = a->call;
	struct kms_identity *who = &call->who;
	const char *uid = a->has_session ? a->session.uid : a->credential->record.uid;
	const struct kms_cached_principal *principal = NULL;
	enum rd_status st = kms_cache_principal(call->kms->cache, call->db, uid, &principal);

	if (st == RD_NOTFOUND) {
		return refuse_plainly(call, RD_SIGV4_UNKNOWN_KEY);
	}
	if (st != RD_OK) {
		return broken(call, st);
	}
	who->kind = principal->record.kind;
	rd_text_copy(who->account, sizeof(who->account), principal->record.account);
	rd_text_copy(who->uid, sizeof(who->uid), uid);
	rd_text_copy(who->arn, sizeof(who->arn), principal->arn);
	rd_text_copy(who->akid, sizeof(who->akid), a->akid);
	if (a->has_session) {
		take_session(who, &a->session);
	}
	if (who->kind == KMS_ROLE) {
		name_session(who, principal, call->kms->config.region);
	}
	kms_cache_put(call->kms->cache, principal);
	return RD_OK;
}

enum rd_status kms_authenticate_for(struct kms_call *call, const struct rd_http_request *request,
	enum kms_service service, const uint8_t *body_sha256)
{
	struct attempt a RD_CLEANUP(attempt_finish) = {
		.call = call, .verdict = RD_SIGV4_UNKNOWN_KEY};
	enum rd_status st;

	call->who.service = service;
	sigv4_request(&a, request);
	a.request.body_sha256 = body_sha256;
	RD_TRY(claim(&a));
	st = find_credential(&a);
	if (st != RD_OK) {
		return broken(call, st);
	}
	RD_TRY(verify(&a));
	return take_caller(&a);
}

enum rd_status kms_authenticate(struct kms_call *call, const struct rd_http_request *request)
{
	return kms_authenticate_for(call, request, service_of(request), NULL);
}
