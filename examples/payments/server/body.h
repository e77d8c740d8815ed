/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the API, read strictly: what a path, a query, a header and a JSON body may hold.
 * Every refusal is a fault and a sentence that says what is wanted; nothing of the request is
 * repeated.
 */
#ifndef PS_BODY_H
#define PS_BODY_H

#include "http/request.h"
#include "server/fault.h"
#include "server/model.h"
#include "wire/link.h"

/* The largest: a policy of 16 KiB and four signatures, in base64. */
#define PS_BODY_MAX 65536

struct ps_refusal {
	enum ps_fault fault; /* PS_FAULT_NONE: none */
	const char *message; /* static; NULL: the fault's own */
};

struct ps_body_order {
	int64_t amount;
	char currency[PS_CURRENCY_SIZE];
	char reference[PS_REFERENCE_SIZE]; /* "": none */
};
struct ps_refusal ps_body_order(struct rd_view json, struct ps_body_order *ret);

struct ps_body_payment {
	char order[PS_ID_SIZE];
	uint8_t sealed[PAY_SEALED_CARD_SIZE];
};
struct ps_refusal ps_body_payment(struct rd_view json, struct ps_body_payment *ret);

struct ps_body_dual {
	uint8_t request[PAY_SIGNED_MAX];
	size_t request_len;
	size_t n_signatures;
	struct {
		char custodian[PAY_WORD_MAX + 1];
		uint8_t rs[PAY_SIGNATURE_SIZE];
	} signatures[PAY_SIGNATURES_MAX];
	/* Of an export's request, as the custodians signed it: whose record it needs. "": this is
	 * no export. The enclave looks at it again. */
	char merchant[PAY_MERCHANT_MAX + 1];
	char token[PAY_TOKEN_MAX + 1];
};
struct ps_refusal ps_body_dual(struct rd_view json, struct ps_body_dual *ret);

/* Nothing, or an empty object. */
struct ps_refusal ps_body_none(struct rd_view json);

/* The Idempotency-Key header. required false: *ret is "" without one. */
struct ps_refusal ps_body_key(
	const struct rd_http_request *request, bool required, char ret[PS_KEY_SIZE]);

/* Of "a=1&b=2": the value of name; absent when there is none, and so when it is there twice. */
struct rd_view ps_query_find(struct rd_view query, const char *name);
/* A number from min to max; absent is usual. */
struct ps_refusal ps_query_number(
	struct rd_view query, const char *name, uint64_t max, uint64_t usual, uint64_t *ret);
/* limit and after of a list; kind: "pay_". */
struct ps_query_page {
	uint32_t limit;
	char after[PS_ID_SIZE];
};
struct ps_refusal ps_query_page(struct rd_view query, const char *kind, struct ps_query_page *ret);
/* nonce: PAY_PAGE_NONCE_MIN to PAY_PAGE_NONCE_MAX bytes in hex. */
struct ps_refusal ps_query_nonce(
	struct rd_view query, uint8_t ret[PAY_PAGE_NONCE_MAX], size_t *ret_len);

/* Printable ASCII, 1 to size - 1 characters. */
bool ps_is_text(struct rd_view text, size_t size);

#endif
