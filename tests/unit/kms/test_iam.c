/* SPDX-License-Identifier: Apache-2.0 */
/* Users, roles, policies, access keys and temporary credentials over the query protocol. */
#include "world.h"

#include "place.h"

#include "kms/audit.h"
#include "kms/journal.h"

#define TRUST                                                                                      \
	"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C" \
	"%22Principal%22%3A%7B%22AWS%22%3A%22" ACCOUNT                                             \
	"%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%7D"
/* The trust policy names the account; and alice herself. */
#define TRUST_ALICE                                                                                \
	"%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22AWS%22%3A"   \
	"%22arn%3Aaws%3Aiam%3A%3A" ACCOUNT                                                         \
	"%3Auser%2Falice%22%7D%2C%22Action%22%3A%5B%22sts%3AAssumeRole%22%2C%22sts%3ATagSession"   \
	"%22%5D%7D%7D"
#define POLICY                                                                                     \
	"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C" \
	"%22Action%22%3A%22kms%3A*%22%2C%22Resource%22%3A%22*%22%7D%7D"
#define ARN_OF(what) "arn:aws:iam::" ACCOUNT ":" what

struct reply {
	int http;
	enum rd_status st;
	struct kms_decision decision;
	char xml[65536];
	char facts[16384];
};

/* body follows "Version=…&". */
static const struct reply *ask_as(struct world *w, const struct kms_principal *p,
	enum kms_service service, const char *body, const char *session)
{
	static struct reply r;
	static struct kms_call call;
	static char form[16384];
	struct rd_buf out = rd_buf_growable(KMS_IAM_REPLY_MAX);

	snprintf(form, sizeof(form), "Version=%s&%s",
		service == KMS_SERVICE_STS ? "2011-06-15" : "2010-05-08", body);
	call_as(w, &call, p, session);
	call.who.service = service;
	call.body = rd_view_str(form);
	memset(&r, 0, sizeof(r));
	r.st = kms_iam_handle(&call, &out, &r.http);
	r.decision = call.decision;
	r.facts[json_dumpb(
		call.facts, r.facts, sizeof(r.facts) - 1, JSON_SORT_KEYS | JSON_COMPACT)] = '\0';
	assert_true(out.used < sizeof(r.xml));
	memcpy(r.xml, out.ptr, out.used);
	rd_buf_finish(&out);
	call_end(&call);
	return &r;
}

static const struct reply *iam(struct world *w, const struct kms_principal *p, const char *body)
{
	return ask_as(w, p, KMS_SERVICE_IAM, body, NULL);
}

static const struct reply *sts(struct world *w, const struct kms_principal *p, const char *body)
{
	return ask_as(w, p, KMS_SERVICE_STS, body, "session");
}

static void holds(const struct reply *r, const char *text)
{
	if (strstr(r->xml, text) == NULL) {
		fail_msg("%s\nlacks %s", r->xml, text);
	}
}

static void lacks(const struct reply *r, const char *text)
{
	if (strstr(r->xml, text) != NULL) {
		fail_msg("%s\nhas %s", r->xml, text);
	}
}

static void is_ok(const struct reply *r, const char *text)
{
	if (r->st != RD_OK || r->http != 200) {
		fail_msg("%s %d: %s", rd_status_name(r->st), r->http, r->xml);
	}
	holds(r, text);
	holds(r, "<RequestId>11111111-2222-4333-8444-555555555555</RequestId>");
}

static void is_error(const struct reply *r, int http, const char *code, const char *text)
{
	char element[128];

	snprintf(element, sizeof(element), "<Code>%s</Code>", code);
	assert_true(r->st != RD_OK);
	holds(r, element);
	holds(r, text);
	assert_int_equal(r->http, http);
}

/* What stands between <name> and </name>, the first time. */
static void take(const struct reply *r, const char *name, char *ret, size_t size)
{
	char open[64];
	const char *from, *to;

	snprintf(open, sizeof(open), "<%s>", name);
	from = strstr(r->xml, open);
	assert_non_null(from);
	from += strlen(open);
	to = strchr(from, '<');
	assert_non_null(to);
	assert_true((size_t)(to - from) < size);
	memcpy(ret, from, (size_t)(to - from));
	ret[to - from] = '\0';
}

static struct kms_principal admin(struct world *w)
{
	return add_principal(w, KMS_USER, "admin", ADMIN_POLICY);
}

static void manages_users(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);
	char uid[64];

	is_ok(iam(w, &a, "Action=CreateUser&UserName=Alice&Path=/team/"),
		"<CreateUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"
		"<CreateUserResult><User><Path>/team/</Path><UserName>Alice</UserName><UserId>AIDA");
	take(iam(w, &a, "Action=GetUser&UserName=alice"), "UserId", uid, sizeof(uid));
	assert_int_equal(strlen(uid), 21);
	is_ok(iam(w, &a, "Action=GetUser&UserName=Alice"),
		"<Arn>" ARN_OF("user/team/Alice") "</Arn><CreateDate>2026-01-01T00:00:00Z<");
	is_ok(iam(w, &a, "Action=GetUser"), "<UserName>admin</UserName>");
	is_error(iam(w, &a, "Action=CreateUser&UserName=ALICE"), 409, "EntityAlreadyExists",
		"User with name ALICE already exists.");
	is_error(iam(w, &a, "Action=GetUser&UserName=bob"), 404, "NoSuchEntity",
		"The user with name bob cannot be found.");
	is_error(iam(w, &a, "Action=CreateUser"), 400, "ValidationError",
		"Value null at 'userName' failed to satisfy constraint: Member must not be null");
	is_error(iam(w, &a, "Action=CreateUser&UserName=a%2Fb"), 400, "ValidationError",
		"The specified value for userName is invalid.");
	is_error(iam(w, &a, "Action=CreateUser&UserName=b&Path=team"), 400, "ValidationError",
		"The specified value for path is invalid.");
	is_ok(iam(w, &a, "Action=DeleteUser&UserName=Alice"),
		"<DeleteUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"
		"<ResponseMetadata>");
	is_error(iam(w, &a, "Action=DeleteUser&UserName=Alice"), 404, "NoSuchEntity", "Alice");
}

static void lists_in_pages(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);

	(void)add_principal(w, KMS_USER, "b", NULL);
	(void)add_principal(w, KMS_USER, "c", NULL);
	is_ok(iam(w, &a, "Action=ListUsers"), "<IsTruncated>false</IsTruncated>");
	is_ok(iam(w, &a, "Action=ListUsers&MaxItems=2"),
		"<IsTruncated>true</IsTruncated><Marker>b</Marker>");
	lacks(iam(w, &a, "Action=ListUsers&MaxItems=2"), "<UserName>c</UserName>");
	is_ok(iam(w, &a, "Action=ListUsers&MaxItems=2&Marker=b"), "<UserName>c</UserName>");
	lacks(iam(w, &a, "Action=ListUsers&MaxItems=2&Marker=b"), "<UserName>b</UserName>");
	lacks(iam(w, &a, "Action=ListUsers&PathPrefix=/x/"), "<UserName>");
	is_error(iam(w, &a, "Action=ListUsers&MaxItems=1001"), 400, "ValidationError", "maxItems");
	is_error(iam(w, &a, "Action=ListUsers&MaxItems=x"), 400, "ValidationError", "maxItems");
	is_error(
		iam(w, &a,
			"Action=ListUsers&Marker="
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		400, "ValidationError", "marker");
}

static void manages_inline_policies(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);
	char body[8192];

	(void)add_principal(w, KMS_USER, "alice", NULL);
	is_ok(iam(w, &a,
		      "Action=PutUserPolicy&UserName=alice&PolicyName=Use&PolicyDocument=" POLICY),
		"<PutUserPolicyResponse ");
	is_ok(iam(w, &a, "Action=GetUserPolicy&UserName=alice&PolicyName=use"),
		"<GetUserPolicyResult><UserName>alice</UserName><PolicyName>Use</PolicyName>"
		"<PolicyDocument>%7B%22Version%22%3A%222012-10-17%22");
	is_ok(iam(w, &a, "Action=ListUserPolicies&UserName=alice"),
		"<PolicyNames><member>Use</member></PolicyNames><IsTruncated>false</IsTruncated>");
	is_error(iam(w, &a, "Action=DeleteUser&UserName=alice"), 409, "DeleteConflict",
		"Cannot delete entity");
	is_error(iam(w, &a, "Action=PutUserPolicy&UserName=alice&PolicyName=p&PolicyDocument=%7B"),
		400, "MalformedPolicyDocument", "");
	is_error(iam(w, &a,
			 "Action=PutUserPolicy&UserName=alice&PolicyName=p&PolicyDocument=" TRUST),
		400, "MalformedPolicyDocument", "");
	snprintf(body, sizeof(body),
		"Action=PutUserPolicy&UserName=alice&PolicyName=p&PolicyDocument="
		"%%7B%%22Id%%22%%3A%%22%02000d%%22%%2C%%22Statement%%22%%3A%%7B%%22Effect%%22%%3A"
		"%%22Allow%%22%%2C%%22Action%%22%%3A%%22*%%22%%2C%%22Resource%%22%%3A%%22*%%22%%7D"
		"%%7D",
		0);
	is_error(iam(w, &a, body), 409, "LimitExceeded", "2048");
	is_error(iam(w, &a, "Action=GetUserPolicy&UserName=alice&PolicyName=none"), 404,
		"NoSuchEntity", "The user policy with name none cannot be found.");
	is_ok(iam(w, &a, "Action=DeleteUserPolicy&UserName=alice&PolicyName=Use"),
		"<DeleteUserPolicyResponse ");
	is_error(iam(w, &a, "Action=DeleteUserPolicy&UserName=alice&PolicyName=Use"), 404,
		"NoSuchEntity", "");
	is_ok(iam(w, &a, "Action=DeleteUser&UserName=alice"), "");
}

static void manages_roles(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);

	is_ok(iam(w, &a,
		      "Action=CreateRole&RoleName=parent&Path=/svc/&AssumeRolePolicyDocument=" TRUST
		      "&MaxSessionDuration=7200"),
		"<CreateRoleResult><Role><Path>/svc/</Path><RoleName>parent</RoleName><RoleId>AROA");
	is_ok(iam(w, &a, "Action=GetRole&RoleName=parent"),
		"<AssumeRolePolicyDocument>" TRUST
		"</AssumeRolePolicyDocument><MaxSessionDuration>7200</MaxSessionDuration>");
	is_ok(iam(w, &a, "Action=ListRoles"), "<Roles><member><Path>/svc/</Path>");
	is_ok(iam(w, &a,
		      "Action=UpdateAssumeRolePolicy&RoleName=parent&PolicyDocument=" TRUST_ALICE),
		"<UpdateAssumeRolePolicyResponse ");
	is_ok(iam(w, &a, "Action=GetRole&RoleName=parent"), "%3Auser%2Falice");
	is_error(iam(w, &a, "Action=UpdateAssumeRolePolicy&RoleName=parent&PolicyDocument=" POLICY),
		400, "MalformedPolicyDocument", "");
	is_error(iam(w, &a, "Action=CreateRole&RoleName=PARENT&AssumeRolePolicyDocument=" TRUST),
		409, "EntityAlreadyExists", "Role with name PARENT already exists.");
	is_error(iam(w, &a,
			 "Action=CreateRole&RoleName=r&MaxSessionDuration=60&"
			 "AssumeRolePolicyDocument=" TRUST),
		400, "ValidationError", "maxSessionDuration");
	is_error(iam(w, &a, "Action=CreateRole&RoleName=r"), 400, "ValidationError",
		"assumeRolePolicyDocument");
	is_ok(iam(w, &a,
		      "Action=PutRolePolicy&RoleName=parent&PolicyName=Use&PolicyDocument=" POLICY),
		"");
	is_ok(iam(w, &a, "Action=GetRolePolicy&RoleName=parent&PolicyName=Use"),
		"<RoleName>parent</RoleName>");
	is_ok(iam(w, &a, "Action=ListRolePolicies&RoleName=parent"), "<member>Use</member>");
	is_error(iam(w, &a, "Action=DeleteRole&RoleName=parent"), 409, "DeleteConflict", "");
	is_ok(iam(w, &a, "Action=DeleteRolePolicy&RoleName=parent&PolicyName=Use"), "");
	is_ok(iam(w, &a, "Action=DeleteRole&RoleName=parent"), "<DeleteRoleResponse ");
	is_error(iam(w, &a, "Action=GetRole&RoleName=parent"), 404, "NoSuchEntity",
		"The role with name parent cannot be found.");
}

static void manages_and_attaches_policies(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);

	(void)add_principal(w, KMS_USER, "alice", NULL);
	is_ok(iam(w, &a, "Action=CreatePolicy&PolicyName=Use&Path=/p/&PolicyDocument=" POLICY),
		"<Policy><PolicyName>Use</PolicyName><Arn>" ARN_OF(
			"policy/p/Use") "</Arn><Path>/p/</Path><DefaultVersionId>v1<");
	is_error(iam(w, &a, "Action=CreatePolicy&PolicyName=use&PolicyDocument=" POLICY), 409,
		"EntityAlreadyExists", "A policy called use already exists.");
	is_ok(iam(w, &a, "Action=GetPolicy&PolicyArn=" ARN_OF("policy/p/Use")), "<PolicyName>Use<");
	is_ok(iam(w, &a, "Action=GetPolicyVersion&VersionId=v1&PolicyArn=" ARN_OF("policy/p/Use")),
		"<PolicyVersion><Document>%7B%22Version");
	is_error(iam(w, &a,
			 "Action=GetPolicyVersion&VersionId=v2&PolicyArn=" ARN_OF("policy/p/Use")),
		404, "NoSuchEntity", "v2");
	is_ok(iam(w, &a, "Action=ListPolicyVersions&PolicyArn=" ARN_OF("policy/p/Use")),
		"<VersionId>v1<");
	is_ok(iam(w, &a, "Action=ListPolicies&Scope=Local"), ARN_OF("policy/p/Use"));
	lacks(iam(w, &a, "Action=ListPolicies&Scope=AWS"), ARN_OF("policy/p/Use"));
	is_ok(iam(w, &a,
		      "Action=AttachUserPolicy&UserName=alice&PolicyArn=" ARN_OF("policy/p/Use")),
		"<AttachUserPolicyResponse ");
	is_ok(iam(w, &a,
		      "Action=AttachUserPolicy&UserName=alice&PolicyArn=" ARN_OF("policy/p/Use")),
		"");
	is_ok(iam(w, &a, "Action=ListAttachedUserPolicies&UserName=alice"),
		"<AttachedPolicies><member><PolicyName>Use</PolicyName><PolicyArn>" ARN_OF(
			"policy/p/Use"));
	is_error(iam(w, &a,
			 "Action=AttachUserPolicy&UserName=alice&PolicyArn=arn:aws:iam::aws:policy/"
			 "AdministratorAccess"),
		404, "NoSuchEntity",
		"Policy arn:aws:iam::aws:policy/AdministratorAccess does not exist");
	is_error(iam(w, &a, "Action=DeletePolicy&PolicyArn=" ARN_OF("policy/p/Use")), 409,
		"DeleteConflict", "Cannot delete a policy attached to entities.");
	is_ok(iam(w, &a,
		      "Action=DetachUserPolicy&UserName=alice&PolicyArn=" ARN_OF("policy/p/Use")),
		"");
	is_error(
		iam(w, &a,
			"Action=DetachUserPolicy&UserName=alice&PolicyArn=" ARN_OF("policy/p/Use")),
		404, "NoSuchEntity", "was not found");
	is_ok(iam(w, &a,
		      "Action=PutUserPermissionsBoundary&UserName=alice&PermissionsBoundary=" ARN_OF(
			      "policy/p/Use")),
		"");
	is_ok(iam(w, &a, "Action=GetUser&UserName=alice"),
		"<PermissionsBoundary><PermissionsBoundaryType>Policy<");
	is_error(iam(w, &a, "Action=DeletePolicy&PolicyArn=" ARN_OF("policy/p/Use")), 409,
		"DeleteConflict", "");
	is_ok(iam(w, &a, "Action=DeleteUserPermissionsBoundary&UserName=alice"), "");
	is_error(iam(w, &a, "Action=DeleteUserPermissionsBoundary&UserName=alice"), 404,
		"NoSuchEntity", "");
	is_ok(iam(w, &a, "Action=DeletePolicy&PolicyArn=" ARN_OF("policy/p/Use")), "");
	is_error(iam(w, &a, "Action=GetPolicy&PolicyArn=" ARN_OF("policy/p/Use")), 404,
		"NoSuchEntity", "");
}

/* The key that is made signs, until it is made inactive; the secret is shown once. */
static void manages_access_keys(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w), alice = add_principal(w, KMS_USER, "alice", NULL);
	const struct reply *r = iam(w, &a, "Action=CreateAccessKey&UserName=alice");
	char akid[64], secret[64], body[256];
	static struct kms_call call;
	static struct sent s;

	is_ok(r, "<CreateAccessKeyResult><AccessKey><UserName>alice</UserName><AccessKeyId>AKIA");
	take(r, "AccessKeyId", akid, sizeof(akid));
	take(r, "SecretAccessKey", secret, sizeof(secret));
	assert_int_equal(strlen(akid), 20);
	assert_int_equal(strlen(secret), 40);
	send_signed(&(struct asked){.akid = akid, .secret = secret}, &s);
	call_begin(w, &call);
	assert_ok(kms_authenticate(&call, &s.http));
	assert_string_equal(call.who.uid, alice.uid);
	call_end(&call);
	is_ok(iam(w, &a, "Action=ListAccessKeys&UserName=alice"), "<Status>Active</Status>");
	lacks(iam(w, &a, "Action=ListAccessKeys&UserName=alice"), secret);
	is_ok(iam(w, &a, "Action=CreateAccessKey&UserName=alice"), "");
	is_error(iam(w, &a, "Action=CreateAccessKey&UserName=alice"), 409, "LimitExceeded",
		"AccessKeysPerUser: 2");
	snprintf(body, sizeof(body),
		"Action=UpdateAccessKey&UserName=alice&Status=Inactive&AccessKeyId=%s", akid);
	is_ok(iam(w, &a, body), "<UpdateAccessKeyResponse ");
	call_begin(w, &call);
	assert_status(kms_authenticate(&call, &s.http), RD_UNTRUSTED);
	assert_int_equal(call.fault.type, KMS_FAULT_UNRECOGNIZED_CLIENT);
	call_end(&call);
	snprintf(body, sizeof(body), "Action=DeleteAccessKey&AccessKeyId=%s", akid);
	is_error(iam(w, &a, body), 404, "NoSuchEntity", "The Access Key with id AKIA");
	snprintf(body, sizeof(body), "Action=DeleteAccessKey&UserName=alice&AccessKeyId=%s", akid);
	is_ok(iam(w, &a, body), "<DeleteAccessKeyResponse ");
	is_error(iam(w, &a, body), 404, "NoSuchEntity", "");
	is_error(iam(w, &a, "Action=DeleteUser&UserName=alice"), 409, "DeleteConflict", "");
	is_error(iam(w, &a, "Action=UpdateAccessKey&UserName=alice&Status=Off&AccessKeyId=AKIAX"),
		400, "ValidationError", "[Active, Inactive]");
}

/* What may be done is asked before what is there is told. */
static void asks_for_permission_first(void **state)
{
	struct world *w = *state;
	struct kms_principal bob = add_principal(w, KMS_USER, "bob",
		"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"iam:*\",\"Resource\":\"" ARN_OF(
			"user/team/*") "\"}}");
	const struct reply *r = iam(w, &bob, "Action=CreateUser&UserName=x");

	is_error(r, 403, "AccessDenied",
		"User: " ARN_OF("user/bob") " is not authorized to perform: iam:CreateUser on "
					    "resource: " ARN_OF(
						    "user/x") " because no identity-based policy "
							      "allows the iam:CreateUser action");
	assert_true(r->decision.made);
	assert_string_equal(r->decision.action, "iam:CreateUser");
	is_error(iam(w, &bob, "Action=GetUser&UserName=nobody"), 403, "AccessDenied", "");
	is_ok(iam(w, &bob, "Action=CreateUser&UserName=x&Path=/team/"), "");
	is_ok(iam(w, &bob, "Action=GetUser&UserName=x"), "/team/x");
	is_error(iam(w, &bob, "Action=ListUsers"), 403, "AccessDenied", "");
	is_error(iam(w, &bob, "Action=GetUser"), 403, "AccessDenied", "");
}

static void limits_by_policy_arn_and_boundary(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);
	struct kms_principal bob = add_principal(w, KMS_USER, "bob",
		"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"iam:*\",\"Resource\":\"*\","
		"\"Condition\":{\"ArnEquals\":{\"iam:PolicyARN\":\"" ARN_OF("policy/ok") "\"}}}}");

	is_ok(iam(w, &a, "Action=CreatePolicy&PolicyName=ok&PolicyDocument=" POLICY), "");
	is_ok(iam(w, &a, "Action=CreatePolicy&PolicyName=other&PolicyDocument=" POLICY), "");
	is_ok(iam(w, &bob, "Action=AttachUserPolicy&UserName=bob&PolicyArn=" ARN_OF("policy/ok")),
		"");
	is_error(iam(w, &bob,
			 "Action=AttachUserPolicy&UserName=bob&PolicyArn=" ARN_OF("policy/other")),
		403, "AccessDenied", "");
	is_error(iam(w, &bob, "Action=CreateAccessKey"), 403, "AccessDenied", "");
}

static void refuses_unknown_actions_and_bad_forms(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);
	static struct kms_call call;
	struct rd_buf out = rd_buf_growable(KMS_IAM_REPLY_MAX);
	int http;

	is_error(iam(w, &a, "Action=CreateLoginProfile&UserName=a"), 400, "InvalidAction",
		"Could not find operation CreateLoginProfile for version 2010-05-08");
	is_error(iam(w, &a, "UserName=a"), 400, "MissingAction", "");
	is_error(iam(w, &a, "Action=GetUser&Action=ListUsers"), 400, "MalformedQueryString", "");
	is_error(iam(w, &a, "Action=GetUser&UserName=%zz"), 400, "MalformedQueryString", "");
	is_error(sts(w, &a, "Action=GetUser"), 400, "InvalidAction", "2011-06-15");
	is_error(iam(w, &a, "Action=GetCallerIdentity"), 400, "InvalidAction", "");
	call_as(w, &call, &a, NULL);
	call.who.service = KMS_SERVICE_STS;
	(void)kms_fail(&call, KMS_FAULT_INVALID_SIGNATURE, "%s", "differs");
	assert_ok(kms_iam_fault(&call, &out, &http));
	assert_int_equal(http, 403);
	assert_ok(rd_buf_u8(&out, 0));
	assert_non_null(strstr((char *)out.ptr,
		"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"));
	assert_non_null(strstr((char *)out.ptr, "<Code>SignatureDoesNotMatch</Code>"));
	rd_buf_finish(&out);
	call_end(&call);
}

static void tells_who_calls(void **state)
{
	struct world *w = *state;
	struct kms_principal alice = add_principal(w, KMS_USER, "alice", NULL);
	struct kms_principal role = add_principal(w, KMS_ROLE, "parent", NULL);
	char text[128];

	is_ok(sts(w, &alice, "Action=GetCallerIdentity"),
		"<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
		"<GetCallerIdentityResult><Arn>" ARN_OF("user/alice") "</Arn><UserId>AIDA");
	snprintf(text, sizeof(text), "<UserId>%s:session</UserId><Account>" ACCOUNT "</Account>",
		role.uid);
	is_ok(sts(w, &role, "Action=GetCallerIdentity"), text);
}

/* Signs with what the reply gave, and finds who that is. */
static void calls_with(struct world *w, const struct reply *r, struct kms_call *call)
{
	static char akid[64], secret[64], token[KMS_SESSION_TOKEN_MAX + 1];
	static struct sent s;

	take(r, "AccessKeyId", akid, sizeof(akid));
	take(r, "SecretAccessKey", secret, sizeof(secret));
	take(r, "SessionToken", token, sizeof(token));
	send_signed(&(struct asked){.akid = akid, .secret = secret, .token = token}, &s);
	call_begin(w, call);
	assert_ok(kms_authenticate(call, &s.http));
}

#define ASSUME "Action=AssumeRole&RoleSessionName=i-0abc&RoleArn="

static void assumes_a_role_that_trusts_the_caller(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w), alice = add_principal(w, KMS_USER, "alice", NULL);
	struct kms_principal bob = add_principal(w, KMS_USER, "bob", NULL);
	static struct kms_call call;
	const struct reply *r;

	is_ok(iam(w, &a,
		      "Action=CreateRole&RoleName=parent&Path=/svc/&AssumeRolePolicyDocument=" TRUST_ALICE),
		"");
	r = sts(w, &alice, ASSUME ARN_OF("role/svc/parent") "&DurationSeconds=900");
	is_ok(r, "<AssumeRoleResult><Credentials><AccessKeyId>ASIA");
	holds(r, "<Expiration>2026-01-01T00:15:00Z</Expiration>");
	holds(r, ":i-0abc</AssumedRoleId><Arn>arn:aws:sts::" ACCOUNT
		 ":assumed-role/parent/i-0abc</Arn>");
	calls_with(w, r, &call);
	assert_string_equal(call.who.role_arn, ARN_OF("role/svc/parent"));
	assert_string_equal(call.who.session, "i-0abc");
	call_end(&call);
	r = sts(w, &bob, ASSUME ARN_OF("role/svc/parent"));
	is_error(r, 403, "AccessDenied",
		"is not authorized to perform: sts:AssumeRole on resource: " ARN_OF(
			"role/svc/parent"));
	assert_string_equal(r->decision.action, "sts:AssumeRole");
	is_error(sts(w, &alice, ASSUME ARN_OF("role/none")), 403, "AccessDenied", "sts:AssumeRole");
	is_error(sts(w, &alice, ASSUME ARN_OF("role/parent")), 403, "AccessDenied",
		"sts:AssumeRole");
	is_error(sts(w, &alice, ASSUME "nonsense"), 400, "ValidationError", "is invalid");
	is_error(sts(w, &alice, ASSUME ARN_OF("role/svc/parent") "&DurationSeconds=7200"), 400,
		"ValidationError", "MaxSessionDuration");
	is_error(sts(w, &alice, ASSUME ARN_OF("role/svc/parent") "&DurationSeconds=60"), 400,
		"ValidationError", "durationSeconds");
}

/* ARNs of another partition, the same in every answer. */
static void names_roles_in_the_regions_partition(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w), alice = add_principal(w, KMS_USER, "alice", NULL);

	strcpy(w->kms.config.region, "cn-north-1");
	is_ok(iam(w, &a, "Action=CreateRole&RoleName=parent&AssumeRolePolicyDocument=" TRUST_ALICE),
		"<Arn>arn:aws-cn:iam::" ACCOUNT ":role/parent</Arn>");
	is_ok(sts(w, &alice, ASSUME "arn:aws-cn:iam::" ACCOUNT ":role/parent"),
		"<Arn>arn:aws-cn:sts::" ACCOUNT ":assumed-role/parent/i-0abc</Arn>");
	is_error(sts(w, &alice, ASSUME ARN_OF("role/parent")), 403, "AccessDenied", "");
	is_ok(iam(w, &a, "Action=CreatePolicy&PolicyName=p&Path=%2Fteam%2F&PolicyDocument=" POLICY),
		"<Arn>arn:aws-cn:iam::" ACCOUNT ":policy/team/p</Arn>");
	is_ok(iam(w, &a, "Action=GetPolicy&PolicyArn=arn:aws-cn:iam::" ACCOUNT ":policy/team/p"),
		"<Path>/team/</Path>");
	is_error(iam(w, &a, "Action=GetPolicy&PolicyArn=" ARN_OF("policy/team/p")), 404,
		"NoSuchEntity", "");
}

/* As the audit record has it; also when it is denied. */
static void shows_what_was_asked_for(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w), alice = add_principal(w, KMS_USER, "alice", NULL);
	const struct reply *r;

	r = iam(w, &alice, "Action=PutUserPolicy&UserName=bar&PolicyName=%C3%A4&PolicyDocument={}");
	is_error(r, 403, "AccessDenied", "");
	assert_string_equal(r->facts,
		"{\"policyDocument\":\"{}\",\"policyName\":\"\xc3\xa4\",\"userName\":\"bar\"}");
	r = iam(w, &a, "Action=ListUsers&MaxItems=7&PathPrefix=/&TokenCode=123456&Secret=x");
	is_ok(r, "");
	assert_string_equal(r->facts, "{\"maxItems\":7,\"pathPrefix\":\"/\"}");
	r = iam(w, &a, "Action=ListUsers&MaxItems=7x");
	assert_string_equal(r->facts, "{\"maxItems\":\"7x\"}");
	r = sts(w, &alice,
		"Action=AssumeRole&RoleArn=r&RoleSessionName=s&DurationSeconds=900&Tags.member.1.Key="
		"k&Tags.member.1.Value=&Tags.member.2.Value=v");
	assert_string_equal(r->facts,
		"{\"durationSeconds\":900,\"roleArn\":\"r\",\"roleSessionName\":\"s\","
		"\"tags\":[{\"key\":\"k\",\"value\":\"\"},{\"value\":\"v\"}]}");
	assert_string_equal(iam(w, &a, "Action=Nonsense&UserName=x")->facts, "");
}

/* A trust in the account is for those whom the account's policies let. */
static void a_trust_in_the_account_needs_an_identity_policy(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w), alice = add_principal(w, KMS_USER, "alice", NULL);

	is_ok(iam(w, &a, "Action=CreateRole&RoleName=parent&AssumeRolePolicyDocument=" TRUST), "");
	is_error(sts(w, &alice, ASSUME ARN_OF("role/parent")), 403, "AccessDenied", "");
	is_ok(sts(w, &a, ASSUME ARN_OF("role/parent")), "<AccessKeyId>ASIA");
}

static void carries_session_policy_and_tags(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w), alice = add_principal(w, KMS_USER, "alice", NULL);
	static struct kms_call call;
	static char body[8192];

	is_ok(iam(w, &a, "Action=CreateRole&RoleName=parent&AssumeRolePolicyDocument=" TRUST_ALICE),
		"");
	calls_with(w,
		sts(w, &alice,
			ASSUME ARN_OF("role/parent") "&Policy=" POLICY
						     "&Tags.member.1.Key=team&Tags.member.1."
						     "Value=blue"),
		&call);
	assert_non_null(strstr(call.who.session_policy, "\"kms:*\""));
	assert_int_equal(call.who.n_tags, 1);
	assert_string_equal(call.who.tags[0].key, "team");
	call_end(&call);
	is_error(sts(w, &alice, ASSUME ARN_OF("role/parent") "&Policy=%7B%7D"), 400,
		"MalformedPolicyDocument", "");
	is_error(sts(w, &alice,
			 ASSUME ARN_OF("role/parent") "&Tags.member.1.Key=a&Tags.member.1.Value=1&"
						      "Tags.member.2.Key=A&Tags.member.2.Value=2"),
		400, "InvalidParameterValue", "Duplicate tag keys");
	strcpy(body, ASSUME ARN_OF("role/parent"));
	for (int i = 1; i <= 20; i++) {
		snprintf(body + strlen(body), sizeof(body) - strlen(body),
			"&Tags.member.%d.Key=k%d&Tags.member.%d.Value=%0250d", i, i, i, 0);
	}
	is_error(sts(w, &alice, body), 400, "PackedPolicyTooLarge", "");
}

static void gives_a_session_to_a_user(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);
	static struct kms_call call;
	const struct reply *r = sts(w, &a, "Action=GetSessionToken");
	struct rd_buf out = rd_buf_growable(KMS_IAM_REPLY_MAX);
	int http;

	is_ok(r, "<Expiration>2026-01-01T12:00:00Z</Expiration>");
	calls_with(w, r, &call);
	assert_int_equal(call.who.kind, KMS_USER);
	assert_string_equal(call.who.arn, ARN_OF("user/admin"));
	assert_int_equal(call.who.token_issued_ms, world_now_ms);
	/* Such a session does not call IAM, and makes no further ones. */
	call.who.service = KMS_SERVICE_IAM;
	call.body = rd_view_str("Action=ListUsers&Version=2010-05-08");
	assert_status(kms_iam_handle(&call, &out, &http), RD_DENIED);
	assert_int_equal(http, 403);
	out.used = 0;
	call.who.service = KMS_SERVICE_STS;
	call.body = rd_view_str("Action=GetSessionToken&Version=2011-06-15");
	assert_status(kms_iam_handle(&call, &out, &http), RD_DENIED);
	assert_int_equal(http, 403);
	rd_buf_finish(&out);
	call_end(&call);
}

/* What a call of the server's own is recorded in. */
struct log {
	struct place place;
	struct rd_ec_key *key;
};

static void open_log(struct world *w, struct log *log)
{
	place_make(&log->place);
	log->key = NULL;
	assert_ok(rd_ec_key_generate(RD_P256, &log->key));
	assert_ok(kms_audit_open(log->place.path, log->key, &w->kms.audit, NULL));
	assert_ok(kms_journal_new(&w->kms.journal));
}

static void close_log(struct world *w, struct log *log)
{
	kms_audit_close(&w->kms.audit);
	kms_journal_free(&w->kms.journal);
	rd_ec_key_free(&log->key);
	place_remove(&log->place);
}

static void makes_the_first_administrator_once(void **state)
{
	struct world *w = *state;
	struct log log;
	static struct kms_call call;
	static struct sent s;
	struct rd_error err = {.text = ""};
	char *text = NULL, *at;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	char akid[21] = "", secret[41] = "";

	assert_non_null(to);
	open_log(w, &log);
	assert_ok(kms_first_admin(&w->kms, w->db, to, &err));
	assert_status(kms_first_admin(&w->kms, w->db, to, &err), RD_EXISTS);
	close_log(w, &log);
	assert_non_null(strstr(err.text, "has users already"));
	fclose(to);
	at = strstr(text, "export AWS_ACCESS_KEY_ID=");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "export AWS_ACCESS_KEY_ID=%20s", akid), 1);
	at = strstr(text, "export AWS_SECRET_ACCESS_KEY=");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "export AWS_SECRET_ACCESS_KEY=%40s", secret), 1);
	assert_non_null(strstr(text, "AWS_ENDPOINT_URL=http://127.0.0.1:8443"));
	free(text);
	send_signed(&(struct asked){.akid = akid,
			    .secret = secret,
			    .service = "iam",
			    .body = "Action=CreateUser&UserName=second&Version=2010-05-08"},
		&s);
	call_begin(w, &call);
	assert_ok(kms_authenticate(&call, &s.http));
	assert_string_equal(call.who.arn, ARN_OF("user/admin"));
	call_end(&call);
}

#define PROFILE(action, more) "Action=" action "&InstanceProfileName=Front" more

static void manages_instance_profiles(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);

	(void)add_principal(w, KMS_ROLE, "Web", NULL);
	is_ok(iam(w, &a, PROFILE("CreateInstanceProfile", "&Path=/apps/")),
		"<CreateInstanceProfileResult><InstanceProfile><Path>/apps/</Path>"
		"<InstanceProfileName>Front</InstanceProfileName><InstanceProfileId>AIPA");
	is_error(iam(w, &a, "Action=CreateInstanceProfile&InstanceProfileName=FRONT"), 409,
		"EntityAlreadyExists", "Instance Profile FRONT already exists.");
	is_error(iam(w, &a, "Action=CreateInstanceProfile"), 400, "ValidationError",
		"'instanceProfileName'");
	is_ok(iam(w, &a, PROFILE("GetInstanceProfile", "")),
		"<Arn>" ARN_OF(
			"instance-profile/apps/Front") "</Arn>"
						       "<CreateDate>2026-01-01T00:00:00Z</CreateDate><Roles></Roles>");
	is_error(iam(w, &a, PROFILE("AddRoleToInstanceProfile", "&RoleName=nobody")), 404,
		"NoSuchEntity", "The role with name nobody cannot be found.");
	is_ok(iam(w, &a, PROFILE("AddRoleToInstanceProfile", "&RoleName=web")),
		"<AddRoleToInstanceProfileResponse ");
	is_ok(iam(w, &a, PROFILE("GetInstanceProfile", "")),
		"<Roles><member><Path>/</Path><RoleName>Web</RoleName>");
	is_error(iam(w, &a, PROFILE("AddRoleToInstanceProfile", "&RoleName=Web")), 409,
		"LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
	is_error(iam(w, &a, "Action=DeleteRole&RoleName=Web"), 409, "DeleteConflict",
		"remove it from instance profiles first");
	is_error(iam(w, &a, PROFILE("DeleteInstanceProfile", "")), 409, "DeleteConflict",
		"must remove roles from instance profile first");
	is_error(iam(w, &a, PROFILE("RemoveRoleFromInstanceProfile", "&RoleName=x")), 404,
		"NoSuchEntity", "");
	is_ok(iam(w, &a, PROFILE("RemoveRoleFromInstanceProfile", "&RoleName=Web")),
		"<RemoveRoleFromInstanceProfileResponse ");
	is_error(iam(w, &a, PROFILE("RemoveRoleFromInstanceProfile", "&RoleName=Web")), 404,
		"NoSuchEntity", "Role Web in Instance Profile Front cannot be found.");
	is_ok(iam(w, &a, PROFILE("DeleteInstanceProfile", "")), "<DeleteInstanceProfileResponse ");
	is_error(iam(w, &a, PROFILE("GetInstanceProfile", "")), 404, "NoSuchEntity",
		"Instance Profile Front cannot be found.");
}

static void lists_instance_profiles_in_pages(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);

	(void)add_principal(w, KMS_ROLE, "web", NULL);
	(void)iam(w, &a, "Action=CreateInstanceProfile&InstanceProfileName=b&Path=/x/");
	(void)iam(w, &a, "Action=CreateInstanceProfile&InstanceProfileName=a");
	is_ok(iam(w, &a, "Action=AddRoleToInstanceProfile&InstanceProfileName=b&RoleName=web"), "");
	is_ok(iam(w, &a, "Action=ListInstanceProfiles&MaxItems=1"),
		"<IsTruncated>true</IsTruncated><Marker>a</Marker>");
	is_ok(iam(w, &a, "Action=ListInstanceProfiles&MaxItems=1&Marker=a"),
		"<InstanceProfileName>b</InstanceProfileName>");
	lacks(iam(w, &a, "Action=ListInstanceProfiles&PathPrefix=/x/"), "Name>a<");
	is_ok(iam(w, &a, "Action=ListInstanceProfilesForRole&RoleName=web"),
		"<InstanceProfileName>b</InstanceProfileName>");
	lacks(iam(w, &a, "Action=ListInstanceProfilesForRole&RoleName=web"), "Name>a<");
	is_error(iam(w, &a, "Action=ListInstanceProfilesForRole&RoleName=x"), 404, "NoSuchEntity",
		"The role with name x cannot be found.");
}

/* On the profile, by its path; and the role must be the caller's to pass. */
static void a_role_in_a_profile_must_be_passed(void **state)
{
	struct world *w = *state;
	struct kms_principal a = admin(w);
	struct kms_principal bob = add_principal(w, KMS_USER, "bob",
		"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iam:*InstanceProfile\",\"Resource\":"
		"\"" ARN_OF("instance-profile/apps/*") "\"},{\"Effect\":\"Allow\",\"Action\":"
						       "\"iam:PassRole\",\"Resource\":\"" ARN_OF(
							       "role/mine") "\"}]}");

	(void)add_principal(w, KMS_ROLE, "mine", NULL);
	(void)add_principal(w, KMS_ROLE, "power", NULL);
	is_ok(iam(w, &a, PROFILE("CreateInstanceProfile", "&Path=/apps/")), "");
	is_ok(iam(w, &bob, PROFILE("GetInstanceProfile", "")), "");
	is_error(iam(w, &bob, PROFILE("AddRoleToInstanceProfile", "&RoleName=power")), 403,
		"AccessDenied", "iam:PassRole on resource: " ARN_OF("role/power"));
	holds(iam(w, &a, PROFILE("GetInstanceProfile", "")), "<Roles></Roles>");
	is_ok(iam(w, &bob, PROFILE("AddRoleToInstanceProfile", "&RoleName=mine")), "");
	is_error(iam(w, &bob, "Action=CreateInstanceProfile&InstanceProfileName=other"), 403,
		"AccessDenied",
		"iam:CreateInstanceProfile on resource: " ARN_OF("instance-profile/other"));
	is_error(iam(w, &bob, "Action=ListInstanceProfiles"), 403, "AccessDenied", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(manages_users),
		WORLD_TEST(lists_in_pages),
		WORLD_TEST(manages_inline_policies),
		WORLD_TEST(manages_roles),
		WORLD_TEST(manages_and_attaches_policies),
		WORLD_TEST(manages_access_keys),
		WORLD_TEST(manages_instance_profiles),
		WORLD_TEST(lists_instance_profiles_in_pages),
		WORLD_TEST(a_role_in_a_profile_must_be_passed),
		WORLD_TEST(asks_for_permission_first),
		WORLD_TEST(limits_by_policy_arn_and_boundary),
		WORLD_TEST(refuses_unknown_actions_and_bad_forms),
		WORLD_TEST(tells_who_calls),
		WORLD_TEST(assumes_a_role_that_trusts_the_caller),
		WORLD_TEST(names_roles_in_the_regions_partition),
		WORLD_TEST(shows_what_was_asked_for),
		WORLD_TEST(a_trust_in_the_account_needs_an_identity_policy),
		WORLD_TEST(carries_session_policy_and_tags),
		WORLD_TEST(gives_a_session_to_a_user),
		WORLD_TEST(makes_the_first_administrator_once),
	};

	return RUN_WORLD(tests);
}
