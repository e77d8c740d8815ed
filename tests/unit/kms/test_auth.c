/* SPDX-License-Identifier: Apache-2.0 */
/* Authentication: cases 4 to 18 of the reference as far as they are about who calls. */
#include "world.h"

static void user(struct world *w, struct kms_principal *ret)
{
	*ret = add_principal(w, KMS_USER, "alice", ADMIN_POLICY);
	add_key_of(w, ret, "AKIDEXAMPLE", true);
}

static enum rd_status authenticate(struct world *w, const struct sent *s, struct kms_call *call)
{
	call_begin(w, call);
	return kms_authenticate(call, &s->http);
}

/* Refused with this fault, and a message that holds the text. */
static void refused(
	struct world *w, const struct sent *s, enum kms_fault_type fault, const char *text)
{
	static struct kms_call call;

	assert_status(authenticate(w, s, &call), RD_UNTRUSTED);
	assert_string_equal(kms_fault_name(call.fault.type), kms_fault_name(fault));
	if (strstr(call.fault.message, text) == NULL) {
		fail_msg("\"%s\" lacks \"%s\"", call.fault.message, text);
	}
	assert_string_equal(call.who.akid, "");
	call_end(&call);
}

static void refuses(
	struct world *w, const struct asked *a, enum kms_fault_type fault, const char *text)
{
	static struct sent s;

	send_signed(a, &s);
	refused(w, &s, fault, text);
}

static void accepts_a_user(void **state)
{
	struct world *w = *state;
	struct kms_principal alice;
	static struct kms_call call;
	static struct sent s;

	user(w, &alice);
	/* The second time the signing key is remembered. */
	for (int i = 0; i < 2; i++) {
		send_signed(&(struct asked){.target = "TrentService.GenerateRandom"}, &s);
		assert_ok(authenticate(w, &s, &call));
		assert_int_equal(call.who.service, KMS_SERVICE_KMS);
		assert_int_equal(call.who.kind, KMS_USER);
		assert_string_equal(call.who.arn, "arn:aws:iam::" ACCOUNT ":user/alice");
		assert_string_equal(call.who.account, ACCOUNT);
		assert_string_equal(call.who.uid, alice.uid);
		assert_string_equal(call.who.akid, "AKIDEXAMPLE");
		assert_int_equal(call.who.token_issued_ms, 0);
		call_end(&call);
	}
}

/* Case 4: the vector of 1.4; one digit of the signature is not like another. */
static void accepts_the_vector_and_no_other(void **state)
{
	struct world *w = *state;
	struct kms_principal alice;
	static struct kms_call call;
	static struct sent s;
	char *signature;

	user(w, &alice);
	send_signed(&(struct asked){.target = "TrentService.GenerateRandom"}, &s);
	signature = strstr(s.authorization, "Signature=");
	assert_non_null(signature);
	assert_string_equal(signature,
		"Signature=0cf1d13660843a7dce11804d9359ac36f0b50a83f466b1071b2b9cdf5c34ca6f");
	assert_ok(authenticate(w, &s, &call));
	call_end(&call);
	signature[10] = '1';
	refused(w, &s, KMS_FAULT_INVALID_SIGNATURE,
		"The request signature we calculated does not match the signature you provided");
}

/* Cases 5 to 7, and 11. */
static void refuses_what_is_not_signed_in_full(void **state)
{
	struct world *w = *state;
	struct kms_principal alice;
	static struct sent s;
	char *signature;

	user(w, &alice);
	send_signed(&(struct asked){.target = "TrentService.Decrypt"}, &s);
	s.http.n_headers--;
	refused(w, &s, KMS_FAULT_MISSING_TOKEN, "Missing Authentication Token");

	send_signed(&(struct asked){.target = "TrentService.Decrypt"}, &s);
	signature = strstr(s.authorization, ", Signature");
	assert_non_null(signature);
	s.http.headers[s.http.n_headers - 1].value = rd_view(
		s.authorization, (size_t)(signature - s.authorization));
	refused(w, &s, KMS_FAULT_INCOMPLETE_SIGNATURE, "'Signature'");

	send_signed(&(struct asked){.target = "TrentService.Decrypt"}, &s);
	s.http.headers[2].name = rd_view_str("X-Other-Date");
	refused(w, &s, KMS_FAULT_INCOMPLETE_SIGNATURE, "");

	send_signed(&(struct asked){.service = "kms"}, &s);
	add_header(&s.http, "X-Amz-Target", "TrentService.Decrypt");
	refused(w, &s, KMS_FAULT_INCOMPLETE_SIGNATURE, "'SignedHeader'");
}

/* Cases 8 and 16; a deleted user's key is nobody's. */
static void refuses_unknown_and_inactive_keys(void **state)
{
	struct world *w = *state;
	static const char text[] = "The security token included in the request is invalid.";
	struct kms_principal alice;

	user(w, &alice);
	add_key_of(w, &alice, "AKIAINACTIVE", false);
	refuses(w, &(struct asked){.akid = "AKIANOBODY"}, KMS_FAULT_UNRECOGNIZED_CLIENT, text);
	refuses(w, &(struct asked){.akid = "AKIAINACTIVE"}, KMS_FAULT_UNRECOGNIZED_CLIENT, text);
	refuses(w, &(struct asked){.akid = "ASIANOTOKEN"}, KMS_FAULT_UNRECOGNIZED_CLIENT, text);
	refuses(w, &(struct asked){.akid = "ASIANOTOKEN", .token = "bm90IGEgdG9rZW4="},
		KMS_FAULT_UNRECOGNIZED_CLIENT, text);
	refuses(w, &(struct asked){.token = "a long-lived key has none"},
		KMS_FAULT_UNRECOGNIZED_CLIENT, text);
	/* Nobody's secret is the one that stands in for unknown keys. */
	refuses(w,
		&(struct asked){
			.akid = "AKIANOBODY", .secret = "no access key has this secret access key"},
		KMS_FAULT_UNRECOGNIZED_CLIENT, text);
}

/* kmstool sends a token whatever the credential is. */
static void accepts_the_static_token_when_configured(void **state)
{
	struct world *w = *state;
	struct kms_principal alice;
	static struct kms_call call;
	static struct sent s;

	user(w, &alice);
	strcpy(w->kms.config.static_session_token, "no-session");
	send_signed(&(struct asked){.token = "no-session"}, &s);
	assert_ok(authenticate(w, &s, &call));
	assert_int_equal(call.who.token_issued_ms, 0);
	call_end(&call);
	refuses(w, &(struct asked){.token = "no-sessioN"}, KMS_FAULT_UNRECOGNIZED_CLIENT,
		"invalid");
	refuses(w, &(struct asked){.token = ""}, KMS_FAULT_UNRECOGNIZED_CLIENT, "invalid");
}

/* Cases 9 and 10. */
static void refuses_what_was_altered(void **state)
{
	struct world *w = *state;
	struct kms_principal alice;
	static struct sent s;

	user(w, &alice);
	send_signed(&(struct asked){.target = "TrentService.Decrypt"}, &s);
	s.http.body = rd_view_str("{\"NumberOfBytes\": 33}");
	refused(w, &s, KMS_FAULT_INVALID_SIGNATURE, "does not match");
	send_signed(&(struct asked){.target = "TrentService.Decrypt"}, &s);
	s.http.headers[3].value = rd_view_str("TrentService.Encrypt");
	refused(w, &s, KMS_FAULT_INVALID_SIGNATURE, "does not match");
	refuses(w, &(struct asked){.secret = "another secret"}, KMS_FAULT_INVALID_SIGNATURE,
		"does not match");
}

/* Cases 12 to 15. */
static void refuses_other_times_regions_and_services(void **state)
{
	struct world *w = *state;
	struct kms_principal alice;

	user(w, &alice);
	refuses(w, &(struct asked){.time_s = NOW_S - 360}, KMS_FAULT_INVALID_SIGNATURE,
		"Signature expired: 20251231T235400Z is now earlier than 20251231T235500Z "
		"(20260101T000000Z - 5 min.)");
	refuses(w, &(struct asked){.time_s = NOW_S + 360}, KMS_FAULT_INVALID_SIGNATURE,
		"Signature not yet current: 20260101T000600Z is still later than "
		"20260101T000500Z (20260101T000000Z + 5 min.)");
	refuses(w, &(struct asked){.region = "eu-west-1"}, KMS_FAULT_INVALID_SIGNATURE,
		"Credential should be scoped to a valid region, not 'eu-west-1'");
	refuses(w, &(struct asked){.service = "s3"}, KMS_FAULT_INVALID_SIGNATURE,
		"Credential should be scoped to correct service: 'kms'");
}

/* IAM is signed for its one region by clients of any. */
static void knows_iam_and_sts_by_their_scope(void **state)
{
	struct world *w = *state;
	struct kms_principal alice;
	static struct kms_call call;
	static struct sent s;

	user(w, &alice);
	strcpy(w->kms.config.region, "local-1");
	send_signed(&(struct asked){.service = "iam", .region = "us-east-1"}, &s);
	assert_ok(authenticate(w, &s, &call));
	assert_int_equal(call.who.service, KMS_SERVICE_IAM);
	call_end(&call);
	send_signed(&(struct asked){.service = "sts", .region = "local-1"}, &s);
	assert_ok(authenticate(w, &s, &call));
	assert_int_equal(call.who.service, KMS_SERVICE_STS);
	call_end(&call);
	refuses(w, &(struct asked){.service = "sts", .region = "us-east-1"},
		KMS_FAULT_INVALID_SIGNATURE, "valid region, not 'us-east-1'");
	refuses(w, &(struct asked){.service = "kms", .region = "us-east-1"},
		KMS_FAULT_INVALID_SIGNATURE, "valid region, not 'us-east-1'");
	send_signed(&(struct asked){.service = "iam", .secret = "wrong", .region = "local-1"}, &s);
	assert_status(authenticate(w, &s, &call), RD_UNTRUSTED);
	assert_int_equal(call.who.service, KMS_SERVICE_IAM);
	call_end(&call);
}

struct token {
	char akid[KMS_AKID_SIZE];
	char secret[KMS_ACCESS_SECRET_LEN + 1];
	char text[KMS_SESSION_TOKEN_MAX + 1];
};

static void make_token(struct world *w, const struct kms_principal *p, const char *name,
	const char *policy, struct token *ret)
{
	struct kms_session session = {.kind = p->kind,
		.issued_ms = world_now_ms,
		.expires_ms = world_now_ms + 900000,
		.policy = policy != NULL ? strdup(policy) : NULL,
		.tags = calloc(1, sizeof(struct kms_tag)),
		.n_tags = 1};
	struct rd_buf out = rd_buf_fixed(ret->text, sizeof(ret->text) - 1);

	memset(ret, 0, sizeof(*ret));
	strcpy(session.account, p->account);
	strcpy(session.uid, p->uid);
	strcpy(session.name, name);
	strcpy(session.tags[0].key, "team");
	strcpy(session.tags[0].value, "blue");
	assert_ok(kms_make_id("ASIA", 20, ret->akid));
	assert_ok(kms_make_access_secret(&session.secret));
	memcpy(ret->secret, session.secret.ptr, session.secret.len);
	assert_ok(kms_session_seal(w->kms.keyring, ret->akid, &session, &out));
	kms_session_finish(&session);
}

static void accepts_a_session_of_a_role(void **state)
{
	struct world *w = *state;
	struct kms_principal role = add_principal(w, KMS_ROLE, "parent", NULL);
	static struct kms_call call;
	static struct token t;
	static struct sent s;

	make_token(w, &role, "i-0abc", ADMIN_POLICY, &t);
	send_signed(&(struct asked){.akid = t.akid, .secret = t.secret, .token = t.text}, &s);
	assert_ok(authenticate(w, &s, &call));
	assert_int_equal(call.who.kind, KMS_ROLE);
	assert_string_equal(call.who.arn, "arn:aws:sts::" ACCOUNT ":assumed-role/parent/i-0abc");
	assert_string_equal(call.who.role_arn, "arn:aws:iam::" ACCOUNT ":role/parent");
	assert_string_equal(call.who.session, "i-0abc");
	assert_string_equal(call.who.session_policy, ADMIN_POLICY);
	assert_int_equal(call.who.n_tags, 1);
	assert_string_equal(call.who.tags[0].value, "blue");
	assert_int_equal(call.who.token_issued_ms, world_now_ms);
	call_end(&call);
}

/* Cases 16 and 17. */
static void refuses_sessions_that_are_not_the_callers(void **state)
{
	struct world *w = *state;
	struct kms_principal role = add_principal(w, KMS_ROLE, "parent", NULL);
	static struct token mine, other;
	struct asked a;

	make_token(w, &role, "one", NULL, &mine);
	make_token(w, &role, "two", NULL, &other);
	a = (struct asked){.akid = mine.akid, .secret = mine.secret};
	refuses(w, &a, KMS_FAULT_UNRECOGNIZED_CLIENT, "invalid");
	a.token = other.text;
	refuses(w, &a, KMS_FAULT_UNRECOGNIZED_CLIENT, "invalid");
	a.token = mine.text;
	mine.text[40] = mine.text[40] == 'A' ? 'B' : 'A';
	refuses(w, &a, KMS_FAULT_UNRECOGNIZED_CLIENT, "invalid");
	a = (struct asked){.akid = other.akid, .secret = "guessed", .token = other.text};
	refuses(w, &a, KMS_FAULT_INVALID_SIGNATURE, "does not match");
	a.secret = other.secret;
	world_now_ms += 900000;
	refuses(w, &a, KMS_FAULT_EXPIRED_TOKEN,
		"The security token included in the request is expired");
	/* Who has the token but not its secret is not told that it is too late. */
	a.secret = "guessed";
	refuses(w, &a, KMS_FAULT_INVALID_SIGNATURE, "does not match");
}

static void ends_a_session_with_its_role(void **state)
{
	struct world *w = *state;
	struct kms_principal role = add_principal(w, KMS_ROLE, "parent", NULL);
	static struct kms_call call;
	static struct token t;
	static struct sent s;

	make_token(w, &role, "one", NULL, &t);
	send_signed(&(struct asked){.akid = t.akid, .secret = t.secret, .token = t.text}, &s);
	assert_ok(authenticate(w, &s, &call));
	call_end(&call);
	in_transaction(w->db, kms_store_principal_delete(w->db, role.uid));
	kms_cache_drop(w->kms.cache, 'p', role.uid);
	/* A namesake inherits nothing. */
	(void)add_principal(w, KMS_ROLE, "parent", ADMIN_POLICY);
	refused(w, &s, KMS_FAULT_UNRECOGNIZED_CLIENT, "invalid");
}

static void refuses_to_seal_more_than_fits(void **state)
{
	struct world *w = *state;
	static char policy[KMS_SESSION_SIZE_MAX + 1];
	struct kms_session session = {.policy = policy};
	struct rd_buf out = rd_buf_growable(KMS_SESSION_TOKEN_MAX);

	memset(policy, 'x', sizeof(policy) - 1);
	policy[sizeof(policy) - 1] = '\0';
	assert_status(kms_session_seal(w->kms.keyring, "ASIA", &session, &out), RD_LIMIT);
	assert_int_equal(out.used, 0);
	rd_buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(accepts_a_user),
		WORLD_TEST(accepts_the_vector_and_no_other),
		WORLD_TEST(refuses_what_is_not_signed_in_full),
		WORLD_TEST(refuses_unknown_and_inactive_keys),
		WORLD_TEST(accepts_the_static_token_when_configured),
		WORLD_TEST(refuses_what_was_altered),
		WORLD_TEST(refuses_other_times_regions_and_services),
		WORLD_TEST(knows_iam_and_sts_by_their_scope),
		WORLD_TEST(accepts_a_session_of_a_role),
		WORLD_TEST(refuses_sessions_that_are_not_the_callers),
		WORLD_TEST(ends_a_session_with_its_role),
		WORLD_TEST(refuses_to_seal_more_than_fits),
	};

	return RUN_WORLD(tests);
}
