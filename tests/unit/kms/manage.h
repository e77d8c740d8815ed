/* SPDX-License-Identifier: Apache-2.0 */
/* A key server without its sockets: database, key ring, cache and authorisation are the real ones,
 * calls go to the handlers of the operations' table. */
#ifndef RD_TEST_MANAGE_H
#define RD_TEST_MANAGE_H

#include "database.h"

#include "aws/json_in.h"
#include "kms/cache.h"
#include "kms/call.h"
#include "kms/keyring.h"

#include <jansson.h>
#include <stdarg.h>
#include <sys/stat.h>

#define REGION "local-1"
#define ARN    "arn:aws:kms:" REGION ":" ACCOUNT ":key/"
#define START  INT64_C(1700000000000)
#define DAY    INT64_C(86400000)

struct server {
	struct test_database *t;
	struct kms *kms;
	struct kms_identity who; /* who calls: as_root, as_user */
	int64_t now_ms;
	enum kms_fault_type fault; /* of the last call */
	char message[KMS_MESSAGE_SIZE];
	json_t *out;
	json_t *facts;
};

static inline void as_root(struct server *s, const char *account)
{
	s->who = (struct kms_identity){.kind = KMS_ROOT};
	snprintf(s->who.account, sizeof(s->who.account), "%s", account);
	snprintf(s->who.uid, sizeof(s->who.uid), "%s", account);
	snprintf(s->who.arn, sizeof(s->who.arn), "arn:aws:iam::%s:root", account);
}

static inline void write_master(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", f);
	assert_int_equal(fclose(f), 0);
}

static inline int server_setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));
	struct rd_error err = {.text = ""};
	void *database = NULL;
	char path[64], master[80];

	assert_non_null(s);
	database_setup(&database);
	s->t = database;
	s->kms = calloc(1, sizeof(*s->kms));
	assert_non_null(s->kms);
	snprintf(s->kms->config.region, sizeof(s->kms->config.region), REGION);
	snprintf(s->kms->config.account, sizeof(s->kms->config.account), ACCOUNT);
	snprintf(path, sizeof(path), "%s/master.key", s->t->dir);
	snprintf(master, sizeof(master), "file:%s", path);
	write_master(path);
	if (kms_keyring_open(s->t->db, master, &s->kms->keyring, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
	kms_keyring_installation(s->kms->keyring, s->kms->installation);
	assert_ok(kms_cache_new(s->kms->keyring, REGION, 64, &s->kms->cache));
	as_root(s, ACCOUNT);
	s->now_ms = START;
	*state = s;
	return 0;
}

static inline int server_teardown(void **state)
{
	struct server *s = *state;
	void *database = s->t;

	json_decref(s->out);
	json_decref(s->facts);
	kms_cache_free(&s->kms->cache);
	kms_keyring_free(&s->kms->keyring);
	free(s->kms);
	database_teardown(&database);
	free(s);
	return 0;
}

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, server_setup, server_teardown)

/* The fault of the call, KMS_FAULT_NONE when there is none; ' in the request stands for ". */
__attribute__((format(printf, 3, 4))) static inline enum kms_fault_type run(
	struct server *s, const char *op, const char *request, ...)
{
	struct kms_call *call = calloc(1, sizeof(*call));
	static char text[400000];
	enum rd_status st;
	va_list args;
	int len;

	assert_non_null(call);
	va_start(args, request);
	len = vsnprintf(text, sizeof(text), request, args);
	va_end(args);
	assert_true(len >= 0 && (size_t)len < sizeof(text));
	for (char *c = text; *c != '\0'; c++) {
		*c = *c == '\'' ? '"' : *c;
	}
	call->kms = s->kms;
	call->db = s->t->db;
	call->op = kms_op_find(rd_view_str(op));
	assert_non_null(call->op);
	call->now_ms = s->now_ms;
	call->who = s->who;
	call->body = rd_view_str(text);
	assert_ok(rd_json_in_parse(call->body, &call->in));
	st = call->op->handler(call);
	if (call->answer.used > 0) {
		assert_null(call->out);
		call->out = json_loadb((const char *)call->answer.ptr, call->answer.used, 0, NULL);
		assert_non_null(call->out);
	}
	rd_buf_finish(&call->answer);
	json_decref(s->out);
	json_decref(s->facts);
	s->out = call->out;
	s->facts = call->facts;
	s->fault = call->fault.type;
	memcpy(s->message, call->fault.message, sizeof(s->message));
	/* A failure says which, a success is none. */
	assert_int_equal(st == RD_OK, s->fault == KMS_FAULT_NONE);
	if (st != RD_OK) {
		assert_null(s->out);
	}
	json_decref(call->in);
	free(call);
	return s->fault;
}

#define assert_works(s, ...)                                                                       \
	do {                                                                                       \
		if (run(s, __VA_ARGS__) != KMS_FAULT_NONE) {                                       \
			fail_msg("%s: %s", kms_fault_name((s)->fault), (s)->message);              \
		}                                                                                  \
	} while (0)
#define assert_fault(s, want, ...)                                                                 \
	do {                                                                                       \
		run(s, __VA_ARGS__);                                                               \
		if ((s)->fault != KMS_FAULT_##want) {                                              \
			fail_msg("%s: %s", kms_fault_name((s)->fault), (s)->message);              \
		}                                                                                  \
	} while (0)
#define assert_says(s, part)                                                                       \
	do {                                                                                       \
		if (strstr((s)->message, part) == NULL) {                                          \
			fail_msg("%s", (s)->message);                                              \
		}                                                                                  \
	} while (0)

/* A member of the last answer. */
static inline const json_t *got(const struct server *s, const char *name)
{
	return json_object_get(s->out, name);
}

static inline const char *got_text(const struct server *s, const char *name)
{
	const char *text = json_string_value(got(s, name));

	assert_non_null(text);
	return text;
}

static inline const json_t *metadata(const struct server *s, const char *name)
{
	return json_object_get(json_object_get(s->out, "KeyMetadata"), name);
}

struct id {
	char text[KMS_KEY_ID_SIZE];
};

/* extra: members of CreateKey, "" for a symmetric key. */
static inline struct id make_key(struct server *s, const char *extra)
{
	struct id id;

	assert_works(s, "CreateKey", "{%s}", extra);
	snprintf(id.text, sizeof(id.text), "%s", json_string_value(metadata(s, "KeyId")));
	return id;
}

static inline const char *state_of(struct server *s, const char *key_id)
{
	assert_works(s, "DescribeKey", "{'KeyId': '%s'}", key_id);
	return json_string_value(metadata(s, "KeyState"));
}

#define EC_SIGN "'KeySpec': 'ECC_NIST_P256', 'KeyUsage': 'SIGN_VERIFY'"

/* A user without policies. */
static inline void make_user(struct server *s, const char *name)
{
	struct kms_principal user = {.kind = KMS_USER, .account = ACCOUNT, .path = "/"};
	static unsigned count;

	snprintf(user.name, sizeof(user.name), "%s", name);
	snprintf(user.uid, sizeof(user.uid), "AIDA%017u", ++count);
	in_transaction(s->t->db, kms_store_principal_add(s->t->db, &user));
}

/* Who calls from now on. */
static inline void as_user(struct server *s, const char *name)
{
	struct kms_principal user;

	assert_ok(kms_store_principal_get(s->t->db, ACCOUNT, KMS_USER, name, &user));
	s->who = (struct kms_identity){.kind = KMS_USER, .account = ACCOUNT};
	memcpy(s->who.uid, user.uid, sizeof(s->who.uid));
	snprintf(s->who.arn, sizeof(s->who.arn), "arn:aws:iam::%s:user/%s", ACCOUNT, name);
	kms_principal_finish(&user);
}

#endif
