/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients of payments-server send: the first byte says which reader gets the rest. What is
 * taken keeps its rules; what is refused has a fault of the API's.
 */
#include "server/api.h"
#include "server/body.h"
#include "server/credentials.h"
#include "server/pages.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static bool taken(struct ps_refusal refusal)
{
	require(refusal.fault >= PS_FAULT_NONE && refusal.fault < PS_FAULT_COUNT);
	require(refusal.fault != PS_FAULT_NONE || refusal.message == NULL);
	return refusal.fault == PS_FAULT_NONE;
}

static void order(struct rd_view in)
{
	struct ps_body_order body;

	if (taken(ps_body_order(in, &body))) {
		require(body.amount >= 1 && body.amount <= PS_AMOUNT_MAX);
		require(strcmp(body.currency, "EUR") == 0);
		require(strlen(body.reference) < PS_REFERENCE_SIZE);
	}
}

static void payment(struct rd_view in)
{
	struct ps_body_payment body;

	if (taken(ps_body_payment(in, &body))) {
		require(strncmp(body.order, "ord_", 4) == 0 && strlen(body.order) == 26);
	}
}

static void dual(struct rd_view in)
{
	static struct ps_body_dual body;

	if (taken(ps_body_dual(in, &body))) {
		require(body.request_len >= 1 && body.request_len <= PAY_SIGNED_MAX);
		require(body.n_signatures >= 1 && body.n_signatures <= PAY_SIGNATURES_MAX);
		require(strlen(body.merchant) <= PAY_MERCHANT_MAX);
		require((body.merchant[0] == '\0') == (body.token[0] == '\0'));
	}
}

/* "METHOD target" */
static void route(struct rd_view in)
{
	const uint8_t *blank = in.len == 0 ? NULL : memchr(in.ptr, ' ', in.len);
	size_t len = blank == NULL ? in.len : (size_t)(blank - in.ptr);
	struct rd_view target = blank == NULL ? rd_view("", 0)
					      : rd_view(blank + 1, in.len - len - 1);
	struct rd_view query;
	enum ps_fault fault;
	char id[PS_ID_SIZE] = "";
	const struct ps_route *found = ps_api_route(
		rd_view(in.ptr, len), target, id, &query, &fault);

	require((found != NULL) == (fault == PS_FAULT_NONE));
	require(fault == PS_FAULT_NONE || fault == PS_FAULT_NOT_FOUND ||
		fault == PS_FAULT_NO_METHOD);
	require(query.len <= target.len);
}

static void query(struct rd_view in)
{
	uint8_t nonce[PAY_PAGE_NONCE_MAX];
	struct ps_query_page page;
	uint64_t number;
	size_t len;

	if (taken(ps_query_page(in, "pay_", &page))) {
		require(page.limit >= 1 && page.limit <= 100);
	}
	if (taken(ps_query_number(in, "from", 1000, 7, &number))) {
		require(number <= 1000);
	}
	if (taken(ps_query_nonce(in, nonce, &len))) {
		require(len >= PAY_PAGE_NONCE_MIN && len <= PAY_PAGE_NONCE_MAX);
	}
}

static void file(struct rd_view in)
{
	char path[PS_PAGE_PATH_SIZE];
	const char *type;

	if (ps_pages_path(in, path, &type) == RD_OK) {
		require(type != NULL && path[0] != '/' && path[0] != '.');
		require(strstr(path, "..") == NULL || strstr(path, "/..") == NULL);
	}
}

static void credentials(struct rd_view in)
{
	static struct ps_credentials c;

	if (ps_credentials_parse(in, &c) == RD_OK) {
		require(c.access_key_id[0] != '\0' && c.secret_access_key[0] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct rd_view in) = {
		order, payment, dual, route, query, file, credentials};
	static const char letters[] = "opdrqfc";
	const char *which = size == 0 || data[0] == '\0' ? NULL : strchr(letters, data[0]);

	if (which != NULL) {
		readers[which - letters](rd_view(data + 1, size - 1));
	}
	return 0;
}
