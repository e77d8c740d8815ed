/* SPDX-License-Identifier: Apache-2.0 */
/* A key server without its sockets: real database, key ring and cache, a clock that stands still,
 * and clients that sign. */
#ifndef RD_TEST_WORLD_H
#define RD_TEST_WORLD_H

#include "database.h"

#include "aws/sigv4.h"
#include "crypto/secret.h"
#include "kms/auth.h"
#include "kms/authorize.h"
#include "kms/cache.h"
#include "kms/iam.h"
#include "kms/material.h"
#include "kms/session.h"

#include <sys/stat.h>

#define REGION "us-east-1"
/* 2026-01-01T00:00:00Z */
#define NOW_S  1767225600
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define ADMIN_POLICY                                                                               \
	"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","        \
	"\"Resource\":\"*\"}}"

static int64_t world_now_ms = NOW_S * INT64_C(1000);

static inline int64_t world_clock(void)
{
	return world_now_ms;
}

struct world {
	struct test_database *t;
	struct rd_db *db;
	struct kms kms;
};

static inline void world_master(const struct test_database *t, char *ret_url, size_t size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/master.key", t->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 32; i++) {
		fprintf(f, "%02x", i * 7 % 256);
	}
	fputs("\n", f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(ret_url, size, "file:%s", path);
}

static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct rd_error err = {.text = ""};
	char master[80];
	void *database;

	assert_non_null(w);
	world_now_ms = NOW_S * INT64_C(1000);
	assert_int_equal(database_setup(&database), 0);
	w->t = database;
	w->db = w->t->db;
	world_master(w->t, master, sizeof(master));
	if (kms_keyring_open(w->db, master, &w->kms.keyring, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
	assert_ok(kms_cache_new(w->kms.keyring, REGION, KMS_CACHE_ENTRIES, &w->kms.cache));
	assert_ok(kms_signing_keys_new(&w->kms.signing_keys));
	w->kms.now_ms = world_clock;
	w->kms.config.clock_skew_s = 300;
	strcpy(w->kms.config.region, REGION);
	strcpy(w->kms.config.account, ACCOUNT);
	strcpy(w->kms.config.listen_address, "127.0.0.1");
	w->kms.config.listen_port = 8443;
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;
	void *database = w->t;

	kms_signing_keys_free(&w->kms.signing_keys);
	kms_cache_free(&w->kms.cache);
	kms_keyring_free(&w->kms.keyring);
	free(w);
	return database_teardown(&database);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

static inline int world_heap(void **state)
{
	(void)state;
	assert_ok(rd_secret_heap_open(4 << 20, NULL));
	return 0;
}

#define RUN_WORLD(tests) cmocka_run_group_tests(tests, world_heap, NULL)

/* A user or role with an inline policy, if not NULL. */
static inline struct kms_principal add_principal(
	struct world *w, enum kms_principal_kind kind, const char *name, const char *policy)
{
	struct kms_principal p = {
		.kind = kind, .path = "/", .max_session_s = 7200, .created_ms = world_now_ms};

	strcpy(p.account, ACCOUNT);
	snprintf(p.name, sizeof(p.name), "%s", name);
	assert_ok(kms_make_id(kind == KMS_ROLE ? "AROA" : "AIDA", KMS_UID_SIZE - 1, p.uid));
	in_transaction(w->db, kms_store_principal_add(w->db, &p));
	if (policy != NULL) {
		in_transaction(w->db, kms_store_policy_put(w->db, p.uid, "inline", policy));
	}
	return p;
}

static inline void add_key_of(
	struct world *w, const struct kms_principal *user, const char *akid, bool active)
{
	struct kms_credential c = {.active = active};

	strcpy(c.account, user->account);
	strcpy(c.uid, user->uid);
	strcpy(c.akid, akid);
	assert_ok(kms_credential_wrap(w->kms.keyring, &c, rd_view_str(SECRET)));
	in_transaction(w->db, kms_store_credential_add(w->db, &c));
}

/* What a client sends; NULL members have the values of a good request. */
struct asked {
	const char *akid, *secret, *token, *region, *service, *target, *body, *type;
	int64_t time_s;
};

#define SENT_HEADERS 12

struct sent {
	struct rd_http_request http;
	char date[RD_SIGV4_TIME_SIZE];
	char authorization[1024];
};

static inline void add_header(struct rd_http_request *r, const char *name, const char *value)
{
	if (value != NULL) {
		assert_true(r->n_headers < SENT_HEADERS);
		r->headers[r->n_headers++] = (struct rd_http_header){
			.name = rd_view_str(name), .value = rd_view_str(value)};
	}
}

static inline const char *or_else(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

static inline void send_signed(const struct asked *a, struct sent *s)
{
	struct rd_sigv4_header headers[SENT_HEADERS];
	struct rd_buf out = rd_buf_fixed(s->authorization, sizeof(s->authorization) - 1);
	struct rd_sigv4_signer signer = {
		.akid = rd_view_str(or_else(a->akid, "AKIDEXAMPLE")),
		.secret = rd_view_str(or_else(a->secret, SECRET)),
		.region = rd_view_str(or_else(a->region, REGION)),
		.service = or_else(a->service, "kms"),
	};
	struct rd_sigv4_request request;

	memset(s, 0, sizeof(*s));
	assert_ok(rd_sigv4_time(a->time_s != 0 ? a->time_s : world_now_ms / 1000, s->date));
	s->http.method = rd_view_str("POST");
	s->http.target = rd_view_str("/");
	s->http.body = rd_view_str(or_else(a->body, "{\"NumberOfBytes\": 32}"));
	strcpy(s->http.peer, "127.0.0.1");
	add_header(&s->http, "Host", "127.0.0.1:8080");
	add_header(&s->http, "Content-Type", or_else(a->type, "application/x-amz-json-1.1"));
	add_header(&s->http, "X-Amz-Date", s->date);
	add_header(&s->http, "X-Amz-Target", a->target);
	add_header(&s->http, "X-Amz-Security-Token", a->token);
	for (size_t i = 0; i < s->http.n_headers; i++) {
		headers[i] = (struct rd_sigv4_header){
			.name = s->http.headers[i].name, .value = s->http.headers[i].value};
	}
	request = (struct rd_sigv4_request){.method = s->http.method,
		.path = s->http.target,
		.query = rd_view("", 0),
		.headers = headers,
		.n_headers = s->http.n_headers,
		.body = s->http.body};
	assert_ok(rd_sigv4_sign(&request, &signer, &out));
	add_header(&s->http, "Authorization", s->authorization);
}

static inline void call_begin(struct world *w, struct kms_call *call)
{
	memset(call, 0, sizeof(*call));
	call->kms = &w->kms;
	call->db = w->db;
	call->now_ms = world_now_ms;
	strcpy(call->request_id, "11111111-2222-4333-8444-555555555555");
	strcpy(call->peer, "127.0.0.1");
	strcpy(call->user_agent, "test/1");
}

static inline void call_end(struct kms_call *call)
{
	json_decref(call->facts);
	call->facts = NULL;
	kms_identity_finish(&call->who);
}

/* The caller as authentication would leave it. */
static inline void call_as(
	struct world *w, struct kms_call *call, const struct kms_principal *p, const char *session)
{
	call_begin(w, call);
	call->who.kind = p->kind;
	strcpy(call->who.account, p->account);
	strcpy(call->who.uid, p->uid);
	if (p->kind == KMS_ROLE) {
		snprintf(call->who.role_arn, KMS_ARN_SIZE, "arn:aws:iam::%s:role%s%s", p->account,
			p->path, p->name);
		snprintf(call->who.arn, KMS_ARN_SIZE, "arn:aws:sts::%s:assumed-role/%s/%s",
			p->account, p->name, or_else(session, ""));
		snprintf(call->who.session, sizeof(call->who.session), "%s", or_else(session, ""));
		call->who.token_issued_ms = world_now_ms - 60000;
	} else {
		snprintf(call->who.arn, KMS_ARN_SIZE, "arn:aws:iam::%s:user%s%s", p->account,
			p->path, p->name);
	}
}

#endif
