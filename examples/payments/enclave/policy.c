/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a policy and deciding by it. */
#include "enclave/policy.h"

#include "base/text.h"
#include "enclave/members.h"

#define POINT_SIZE 65
#define POINT_HEX  ((size_t)2 * POINT_SIZE)
/* A year. */
#define WINDOW_S_MAX (366u * 86400)
#define COUNT_MAX    1000000u

void policy_finish(struct policy *p)
{
	for (size_t i = 0; i < p->n_custodians; i++) {
		rd_ec_key_free(&p->custodians[i].key);
	}
	*p = (struct policy){0};
}

static enum rd_status read_key(const char *hex, struct rd_ec_key **ret)
{
	uint8_t point[POINT_SIZE];
	struct rd_buf out = rd_buf_fixed(point, sizeof(point));

	RD_TRY(rd_hex_decode(rd_view_str(hex), &out));
	return rd_ec_key_from_point(RD_P256, rd_buf_view(&out), ret);
}

static enum rd_status check_new(const struct policy *p, const struct policy_custodian *c)
{
	for (size_t i = 0; i < p->n_custodians; i++) {
		RD_ENSURE(strcmp(p->custodians[i].name, c->name) != 0, RD_DUPLICATE);
		RD_ENSURE(!rd_ec_key_same(p->custodians[i].key, c->key), RD_DUPLICATE);
	}
	return RD_OK;
}

static enum rd_status add_custodian(struct policy *p, json_t *object, struct rd_error *err)
{
	struct policy_custodian c = {.key = NULL};
	char hex[POINT_HEX + 1];
	const struct member members[] = {
		{"name", MEMBER_TEXT, c.name, PAY_WORD_MAX},
		{"key", MEMBER_TEXT, hex, POINT_HEX},
	};
	enum rd_status st;

	RD_TRY(members_take(object, "policy: custodian", members, RD_ARRAY_LEN(members), err));
	st = read_key(hex, &c.key);
	if (st == RD_OK) {
		st = check_new(p, &c);
	}
	if (st != RD_OK) {
		rd_ec_key_free(&c.key);
		return rd_fail(err, st, "policy: custodian %s %s", c.name, rd_status_text(st));
	}
	p->custodians[p->n_custodians++] = c;
	return RD_OK;
}

static enum rd_status take_custodians(struct policy *p, json_t *list, struct rd_error *err)
{
	size_t n = json_array_size(list);

	if (n < POLICY_CUSTODIANS_MIN || n > POLICY_CUSTODIANS_MAX) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"policy: custodians are %u to %u, so that one may lose a key",
			POLICY_CUSTODIANS_MIN, POLICY_CUSTODIANS_MAX);
	}
	for (size_t i = 0; i < n; i++) {
		RD_TRY(add_custodian(p, json_array_get(list, i), err));
	}
	return RD_OK;
}

static enum rd_status take_currencies(struct policy *p, json_t *list, struct rd_error *err)
{
	size_t n = json_array_size(list);

	if (n == 0 || n > POLICY_CURRENCIES_MAX) {
		return rd_fail(err, RD_OUT_OF_RANGE, "policy: currencies are 1 to %u",
			POLICY_CURRENCIES_MAX);
	}
	for (size_t i = 0; i < n; i++) {
		json_t *text = json_array_get(list, i);

		if (json_string_length(text) != PAY_CURRENCY_MAX) {
			return rd_fail(err, RD_BAD_TYPE,
				"policy: a currency is three letters, such as EUR");
		}
		memcpy(p->currencies[i], json_string_value(text), PAY_CURRENCY_MAX);
	}
	p->n_currencies = n;
	return RD_OK;
}

static enum rd_status parse(struct policy *p, json_t *root, struct rd_error *err)
{
	json_t *custodians = NULL, *currencies = NULL, *velocity = NULL;
	const struct member members[] = {
		{"version", MEMBER_U32, &p->version, UINT32_MAX},
		{"custodians", MEMBER_ARRAY, &custodians, 0},
		{"amount_max", MEMBER_U64, &p->amount_max, PAY_AMOUNT_MAX},
		{"currencies", MEMBER_ARRAY, &currencies, 0},
		{"velocity", MEMBER_OBJECT, &velocity, 0},
	};
	const struct member of_velocity[] = {
		{"count", MEMBER_U32, &p->velocity_count, COUNT_MAX},
		{"window_s", MEMBER_U32, &p->velocity_window_s, WINDOW_S_MAX},
	};

	RD_TRY(members_take(root, "policy", members, RD_ARRAY_LEN(members), err));
	RD_TRY(members_take(
		velocity, "policy: velocity", of_velocity, RD_ARRAY_LEN(of_velocity), err));
	RD_TRY(take_currencies(p, currencies, err));
	return take_custodians(p, custodians, err);
}

enum rd_status policy_parse(struct rd_view json, struct policy *ret, struct rd_error *err)
{
	struct policy p = {0};
	json_t *root = NULL;
	enum rd_status st;

	RD_TRY(members_parse(json, "policy", &root, err));
	st = parse(&p, root, err);
	json_decref(root);
	if (st != RD_OK) {
		policy_finish(&p);
		return st;
	}
	*ret = p;
	return RD_OK;
}

const char *policy_refuses(const struct policy *p, uint64_t amount, const char *currency)
{
	for (size_t i = 0; i < p->n_currencies; i++) {
		if (strcmp(p->currencies[i], currency) == 0) {
			return amount <= p->amount_max ? NULL : "limit";
		}
	}
	return "currency";
}

static const struct policy_custodian *find(const struct policy *p, struct rd_view name)
{
	for (size_t i = 0; i < p->n_custodians; i++) {
		if (rd_view_equal(rd_view_str(p->custodians[i].name), name)) {
			return &p->custodians[i];
		}
	}
	return NULL;
}

enum rd_status policy_check_signatures(const struct policy *p, struct rd_view request,
	const struct pay_signatures *signatures, char ret_signers[POLICY_SIGNERS_MAX])
{
	const struct policy_custodian *signers[PAY_SIGNATURES_MAX];
	struct rd_buf names = rd_buf_fixed(ret_signers, POLICY_SIGNERS_MAX - 1);

	for (size_t i = 0; i < signatures->n; i++) {
		signers[i] = find(p, signatures->items[i].custodian);
		RD_ENSURE(signers[i] != NULL, RD_NOTFOUND);
		for (size_t j = 0; j < i; j++) {
			RD_ENSURE(signers[j] != signers[i], RD_DUPLICATE);
		}
		RD_TRY(rd_ec_verify(signers[i]->key, request, signatures->items[i].rs));
		RD_TRY(rd_buf_printf(&names, "%s%s", i > 0 ? "," : "", signers[i]->name));
	}
	RD_ENSURE(signatures->n >= POLICY_SIGNERS, RD_MISSING);
	ret_signers[names.used] = '\0';
	return RD_OK;
}
