/* SPDX-License-Identifier: Apache-2.0 */
/* The table of calls; keys and roles. */
#include "server/api.h"

#include "crypto/digest.h"
#include "server/ids.h"
#include "server/store.h"

#include <string.h>
#include <strings.h>

#define MERCHANT  PS_ROLE_BIT(PS_MERCHANT)
#define OPERATOR  PS_ROLE_BIT(PS_OPERATOR)
#define CUSTODIAN PS_ROLE_BIT(PS_CUSTODIAN)
/* Whoever has a role in the house may look. */
#define VIEWER (PS_ROLE_BIT(PS_VIEWER) | OPERATOR | CUSTODIAN)

static const struct ps_route routes[] = {
	{"POST", "/v1/orders", MERCHANT, ps_ops_order_create},
	{"GET", "/v1/orders", MERCHANT, ps_ops_order_list},
	{"GET", "/v1/orders/{ord_}", PS_ANYONE, ps_ops_order_get},
	{"GET", "/v1/attestation", PS_ANYONE, ps_ops_attestation},
	{"POST", "/v1/payments", PS_ANYONE, ps_ops_payment_create},
	{"GET", "/v1/payments", MERCHANT, ps_ops_payment_list},
	{"GET", "/v1/payments/{pay_}", PS_ANYONE, ps_ops_payment_get},
	{"POST", "/v1/payments/{pay_}/capture", MERCHANT, ps_ops_capture},
	{"POST", "/v1/payments/{pay_}/refund", MERCHANT, ps_ops_refund},
	{"POST", "/v1/payments/{pay_}/reverse", MERCHANT | OPERATOR, ps_ops_reverse},
	{"GET", "/v1/operator/payments", VIEWER, ps_ops_payment_list_all},
	{"GET", "/v1/operator/status", VIEWER, ps_ops_status},
	{"POST", "/v1/operator/rotate", OPERATOR, ps_ops_rotate},
	{"POST", "/v1/challenge", CUSTODIAN, ps_ops_challenge},
	{"POST", "/v1/export", CUSTODIAN, ps_ops_export},
	{"POST", "/v1/policy", CUSTODIAN, ps_ops_policy},
	{"GET", "/v1/audit/records", VIEWER, ps_ops_audit_records},
	{"GET", "/v1/audit/head", VIEWER, ps_ops_audit_head},
	{"GET", "/metrics", VIEWER, ps_ops_metrics},
};

/* --- routes --- */

/* Part by part; "{pay_}" takes an id of that kind. */
static bool matches(const char *pattern, struct rd_view path, char ret_id[PS_ID_SIZE])
{
	struct rd_cur c = rd_cur(path);

	while (*pattern != '\0') {
		char kind[5] = "";

		if (*pattern != '{') {
			if (c.left == 0 || *c.ptr != (uint8_t)*pattern ||
				rd_cur_skip(&c, 1) != RD_OK) {
				return false;
			}
			pattern++;
			continue;
		}
		memcpy(kind, pattern + 1, 4);
		if (c.left < 4 + PS_ID_LETTERS ||
			ps_id_parse(kind, rd_view(c.ptr, 4 + PS_ID_LETTERS), ret_id) != RD_OK ||
			rd_cur_skip(&c, 4 + PS_ID_LETTERS) != RD_OK) {
			return false;
		}
		pattern += strlen("{pay_}");
	}
	return c.left == 0;
}

const struct ps_route *ps_api_route(struct rd_view method, struct rd_view target,
	char ret_id[PS_ID_SIZE], struct rd_view *ret_query, enum ps_fault *ret_fault)
{
	const uint8_t *mark = target.len == 0 ? NULL : memchr(target.ptr, '?', target.len);
	size_t path_len = mark == NULL ? target.len : (size_t)(mark - target.ptr);

	*ret_query = mark == NULL ? rd_view("", 0) : rd_view(mark + 1, target.len - path_len - 1);
	*ret_fault = PS_FAULT_NOT_FOUND;
	for (size_t i = 0; i < RD_ARRAY_LEN(routes); i++) {
		if (!matches(routes[i].path, rd_view(target.ptr, path_len), ret_id)) {
			continue;
		}
		if (rd_view_equal(method, rd_view_str(routes[i].method))) {
			*ret_fault = PS_FAULT_NONE;
			return &routes[i];
		}
		*ret_fault = PS_FAULT_NO_METHOD;
	}
	return NULL;
}

/* --- who calls --- */

/* RD_NOTFOUND: no key is shown. RD_DENIED: one that is not known. */
static enum rd_status find_key(struct ps_call *call)
{
	static const char scheme[] = "Bearer ";
	struct rd_view header = rd_http_header_find(call->request, "Authorization");
	uint8_t digest[RD_SHA256_SIZE];
	struct rd_view key;
	enum rd_status st;

	RD_ENSURE(header.ptr != NULL, RD_NOTFOUND);
	RD_ENSURE(header.len == strlen(scheme) + PS_API_KEY_SIZE - 1, RD_DENIED);
	RD_ENSURE(strncasecmp((const char *)header.ptr, scheme, strlen(scheme)) == 0, RD_DENIED);
	key = rd_view(header.ptr + strlen(scheme), header.len - strlen(scheme));
	RD_TRY(rd_digest_once(RD_SHA256, key, digest));
	st = ps_store_api_key_find(call->db, digest, &call->key);
	call->known = st == RD_OK;
	return st == RD_NOTFOUND ? RD_DENIED : st;
}

void ps_api_run(struct ps_call *call)
{
	enum ps_fault fault;
	const struct ps_route *route = ps_api_route(
		call->request->method, call->request->target, call->id, &call->query, &fault);
	enum rd_status st;

	if (route == NULL) {
		ps_call_refuse(call, fault, NULL);
		return;
	}
	st = find_key(call);
	if (st == RD_DENIED || (st == RD_NOTFOUND && route->roles != PS_ANYONE)) {
		ps_call_refuse(call, PS_FAULT_UNAUTHENTICATED, NULL);
	} else if (st != RD_OK && st != RD_NOTFOUND) {
		ps_call_fail(call, st);
	} else if (route->roles != PS_ANYONE && (route->roles & PS_ROLE_BIT(call->key.role)) == 0) {
		ps_call_refuse(call, PS_FAULT_FORBIDDEN, NULL);
	} else {
		route->run(call);
	}
}
