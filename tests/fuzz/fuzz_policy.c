/* SPDX-License-Identifier: Apache-2.0 */
/* Policy text, as each kind of policy: read, evaluated in a fixed context, linted. */
#include "policy/attested.h"
#include "policy/evaluate.h"
#include "policy/lint.h"
#include "policy/parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT(s)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}
#define ACCOUNT "111122223333"

static const struct rd_view VALUES[] = {TEXT("alice"), TEXT("192.0.2.7"), TEXT("true"),
	TEXT("2031-02-03T04:05:06Z"), TEXT("12.5"), TEXT("arn:aws:iam::111122223333:role/svc/r"),
	TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")};

/* Values of every type under the names that the corpus uses; the rest comes from an attestation. */
static const struct rd_policy_entry ENTRIES[] = {
	{TEXT("aws:username"), {&VALUES[0], 1}},
	{TEXT("aws:SourceIp"), {&VALUES[1], 1}},
	{TEXT("aws:SecureTransport"), {&VALUES[2], 1}},
	{TEXT("aws:CurrentTime"), {&VALUES[3], 1}},
	{TEXT("n"), {&VALUES[4], 1}},
	{TEXT("aws:PrincipalArn"), {&VALUES[5], 1}},
	{TEXT("k"), {&VALUES[6], 1}},
	{TEXT("m"), {VALUES, RD_ARRAY_LEN(VALUES)}},
};

static void count_step(void *ctx, const struct rd_policy_step *step)
{
	char line[512];
	struct rd_buf out = rd_buf_fixed(line, sizeof(line));

	++*(size_t *)ctx;
	/* A long Sid or key does not fit; that is all that may go wrong. */
	if (rd_policy_step_text(step, &out) != RD_OK && out.used == 0) {
		abort();
	}
}

static void count_finding(void *ctx, const struct rd_lint_finding *finding)
{
	++*(size_t *)ctx;
	if (finding->sentence == NULL || finding->remedy == NULL) {
		abort();
	}
}

static void evaluate(const struct rd_policy *policy)
{
	static const uint8_t digest[48] = {0xa1, 0xb2};
	struct rd_view registers[RD_ATTESTED_REGISTERS] = {{digest, 48}, {digest, 48}};
	struct rd_attested attested;
	struct rd_policy_table table = {.entries = ENTRIES,
		.n = RD_ARRAY_LEN(ENTRIES),
		.next = {.lookup = rd_attested_lookup, .ctx = &attested}};
	bool identity = policy->kind == RD_POLICY_IDENTITY;
	struct rd_policy_authority a = {.has_resource_policy = !identity,
		.resource_policy = identity ? NULL : policy,
		.identity = {.v = &policy, .n = identity ? 1 : 0},
		.cross_account = true};
	struct rd_policy_request r = {
		.caller = {.account = TEXT(ACCOUNT),
			.arn = TEXT("arn:aws:sts::" ACCOUNT ":assumed-role/r/s"),
			.role_arn = TEXT("arn:aws:iam::" ACCOUNT ":role/svc/r")},
		.action = TEXT("kms:Decrypt"),
		.resource = TEXT("arn:aws:kms:local-1:" ACCOUNT ":key/1"),
		.resource_account = TEXT(ACCOUNT),
		.context = {.lookup = rd_policy_table_lookup, .ctx = &table}};
	size_t steps = 0;
	struct rd_policy_tracer tracer = {.step = count_step, .ctx = &steps};
	struct rd_policy_decision d = {0};
	enum rd_status st;

	if (rd_attested_init(&attested, RD_ATTESTED_ENCLAVE, registers) != RD_OK) {
		abort();
	}
	st = rd_policy_evaluate(&a, &r, &tracer, &d);
	if (st != RD_OK && st != RD_LIMIT) {
		abort();
	}
	if (st == RD_OK && steps != policy->statement_count) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum rd_policy_kind kinds[] = {
		RD_POLICY_KEY, RD_POLICY_IDENTITY, RD_POLICY_TRUST};

	for (size_t i = 0; i < RD_ARRAY_LEN(kinds); i++) {
		struct rd_policy *policy = NULL;
		struct rd_error err;
		size_t findings = 0;
		enum rd_status st;

		if (rd_policy_new(rd_view(data, size), kinds[i], &policy, &err) != RD_OK) {
			continue;
		}
		evaluate(policy);
		st = rd_policy_lint(policy,
			&(struct rd_lint_report){.finding = count_finding, .ctx = &findings});
		if (st != RD_OK && st != RD_LIMIT) {
			abort();
		}
		rd_policy_free(&policy);
	}
	return 0;
}
