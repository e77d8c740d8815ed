/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy tests share: policies from text, callers, and a context made of "key=value"
 * lines. */
#ifndef RD_TEST_POLICY_SUPPORT_H
#define RD_TEST_POLICY_SUPPORT_H

#include "test.h"

#include "policy/context.h"
#include "policy/evaluate.h"
#include "policy/parse.h"

#define ACCOUNT "111122223333"
#define OTHER   "444455556666"
#define KEY_ARN "arn:aws:kms:local-1:" ACCOUNT ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define ROOT    "arn:aws:iam::" ACCOUNT ":root"
#define ALICE   "arn:aws:iam::" ACCOUNT ":user/alice"
#define BOB     "arn:aws:iam::" ACCOUNT ":user/team/bob"
#define ROLE    "arn:aws:iam::" ACCOUNT ":role/svc/parent"
#define SESSION "arn:aws:sts::" ACCOUNT ":assumed-role/parent/i-0abc"
#define MALLORY "arn:aws:iam::" OTHER ":user/mallory"

#define IMAGE                                                                                      \
	"a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c" \
	"6d7e8f90"
#define IMAGE_UPPER                                                                                \
	"A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C" \
	"6D7E8F90"
#define ZEROS                                                                                      \
	"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
	"00000000"
#define IMAGE_KEY "kms:RecipientAttestation:ImageSha384"

/* One statement around the parts that a test is about. */
#define POLICY(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define KEY_STATEMENT(effect, principal, action, more)                                             \
	"{\"Effect\":\"" effect "\",\"Principal\":" principal ",\"Action\":" action                \
	",\"Resource\":\"*\"" more "}"
#define IAM_STATEMENT(effect, action, more)                                                        \
	"{\"Effect\":\"" effect "\",\"Action\":" action ",\"Resource\":\"*\"" more "}"
#define AWS(arn) "{\"AWS\":\"" arn "\"}"

#define CONTEXT_MAX 16

struct test_context {
	struct rd_policy_table table;
	struct rd_policy_entry entries[CONTEXT_MAX];
	struct rd_view values[CONTEXT_MAX];
	char text[2048];
};

/*
 * "key=value" lines; lines of one key that follow each other are its values, "key" alone is a key
 * without values. next is asked for other keys, if not NULL.
 */
static inline struct rd_policy_context test_context(
	struct test_context *c, const char *lines, const struct rd_policy_context *next)
{
	size_t n = 0;
	char *at = c->text;

	memset(c, 0, sizeof(*c));
	assert_true(strlen(lines) < sizeof(c->text));
	memcpy(c->text, lines, strlen(lines) + 1);
	for (char *line = strsep(&at, "\n"); line != NULL; line = strsep(&at, "\n")) {
		char *value = strchr(line, '=');
		struct rd_policy_entry *last = &c->entries[c->table.n > 0 ? c->table.n - 1 : 0];
		struct rd_view key;

		if (line[0] == '\0') {
			continue;
		}
		assert_true(n < CONTEXT_MAX);
		key = rd_view(line, value != NULL ? (size_t)(value - line) : strlen(line));
		if (c->table.n == 0 || !rd_view_equal(last->key, key)) {
			last = &c->entries[c->table.n++];
			last->key = key;
			last->values.v = &c->values[n];
		}
		if (value != NULL) {
			c->values[n++] = rd_view_str(value + 1);
			last->values.n++;
		}
	}
	c->table.entries = c->entries;
	if (next != NULL) {
		c->table.next = *next;
	}
	return (struct rd_policy_context){.lookup = rd_policy_table_lookup, .ctx = &c->table};
}

static inline struct rd_policy *test_policy(const char *text, enum rd_policy_kind kind)
{
	struct rd_policy *p = NULL;
	struct rd_error err = {0};

	if (rd_policy_new(rd_view_str(text), kind, &p, &err) != RD_OK) {
		fail_msg("%s: %s: %s", text, rd_status_name(err.status), err.text);
	}
	return p;
}

static inline struct rd_policy_caller test_user(const char *arn)
{
	/* arn:aws:iam::<account>:… */
	return (struct rd_policy_caller){
		.account = rd_view(arn + 13, 12),
		.arn = rd_view_str(arn),
		.root = strstr(arn, ":root") != NULL,
	};
}

static inline struct rd_policy_caller test_session(void)
{
	return (struct rd_policy_caller){
		.account = rd_view_str(ACCOUNT),
		.arn = rd_view_str(SESSION),
		.role_arn = rd_view_str(ROLE),
		.id = rd_view_str("AROA1234567890ABCDEF"),
	};
}

/* A decision with everything that it took, from texts; NULL texts are absent policies. */
struct test_case {
	const char *key;
	const char *identity;
	const char *boundary;
	const char *session;
	const char *action;
	const char *resource; /* NULL: KEY_ARN */
	const char *context;  /* NULL: "" */
	const struct rd_policy_context *more;
	struct rd_policy_caller caller;
	bool granted;
	bool same_account_only;
};

static inline void drop(struct rd_policy *p)
{
	rd_policy_free(&p);
}

/* The decision's refs hold no sid: it would die with the policy. message may be NULL. */
static inline struct rd_policy_decision test_decide(
	const struct test_case *t, char *message, size_t message_size)
{
	struct rd_policy *key = t->key ? test_policy(t->key, RD_POLICY_KEY) : NULL;
	struct rd_policy *identity = t->identity ? test_policy(t->identity, RD_POLICY_IDENTITY)
						 : NULL;
	struct rd_policy *boundary = t->boundary ? test_policy(t->boundary, RD_POLICY_IDENTITY)
						 : NULL;
	struct rd_policy *session = t->session ? test_policy(t->session, RD_POLICY_IDENTITY) : NULL;
	const struct rd_policy *identities[] = {identity};
	const struct rd_policy *sessions[] = {session};
	struct test_context context;
	struct rd_policy_authority a = {
		.has_resource_policy = key != NULL,
		.resource_policy = key,
		.identity = {.v = identities, .n = identity != NULL},
		.boundary = boundary,
		.session = {.v = sessions, .n = session != NULL},
		.granted = t->granted,
		.cross_account = !t->same_account_only,
	};
	struct rd_policy_request r = {
		.caller = t->caller,
		.action = rd_view_str(t->action ? t->action : "kms:Decrypt"),
		.resource = rd_view_str(t->resource ? t->resource : KEY_ARN),
		.resource_account = rd_view_str(ACCOUNT),
	};
	struct rd_policy_decision d = {0};

	r.context = test_context(&context, t->context ? t->context : "", t->more);
	assert_ok(rd_policy_evaluate(&a, &r, NULL, &d));
	if (message != NULL) {
		struct rd_buf out = rd_buf_fixed(message, message_size - 1);

		assert_ok(rd_policy_denial_message(&r, &d, &out));
		message[out.used] = '\0';
	}
	d.by.sid = d.delegated_by.sid = rd_view(NULL, 0);
	drop(key);
	drop(identity);
	drop(boundary);
	drop(session);
	return d;
}

static inline enum rd_policy_verdict test_verdict(const struct test_case *t)
{
	return test_decide(t, NULL, 0).verdict;
}

#define assert_allowed(...)                                                                        \
	assert_int_equal(test_verdict(&(struct test_case){__VA_ARGS__}), RD_VERDICT_ALLOW)
#define assert_denied(...)                                                                         \
	assert_int_equal(test_verdict(&(struct test_case){__VA_ARGS__}), RD_VERDICT_IMPLICIT_DENY)
#define assert_explicitly_denied(...)                                                              \
	assert_int_equal(test_verdict(&(struct test_case){__VA_ARGS__}), RD_VERDICT_EXPLICIT_DENY)

#endif
