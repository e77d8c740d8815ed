/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log, byte for byte as it was signed. */
#include "audit/format.h"
#include "server/api.h"
#include "server/body.h"
#include "server/store.h"

/* Of 4 KiB at most each, escaped: within PS_ANSWER_MAX. */
#define RECORDS_MAX   200
#define RECORDS_USUAL 100

static enum rd_status record_row(void *arg, uint64_t index, struct rd_view record)
{
	struct ps_call *call = arg;

	(void)index;
	rd_json_out_string(&call->json, NULL, record);
	return RD_OK;
}

void ps_ops_audit_records(struct ps_call *call)
{
	struct rd_json_out *j = &call->json;
	uint64_t from = 0, limit = RECORDS_USUAL, size = 0;
	struct ps_refusal refusal = ps_query_number(call->query, "from", INT64_MAX, 0, &from);
	enum rd_status st;

	if (refusal.fault == PS_FAULT_NONE) {
		refusal = ps_query_number(call->query, "limit", RECORDS_MAX, RECORDS_USUAL, &limit);
	}
	if (refusal.fault != PS_FAULT_NONE) {
		ps_call_refuse(call, refusal.fault, refusal.message);
		return;
	}
	rd_json_out_object(j, NULL);
	rd_json_out_int(j, "from", (int64_t)from);
	rd_json_out_list(j, "records");
	st = ps_store_audit_size(call->db, &size);
	if (st == RD_OK) {
		st = ps_store_audit_records(call->db, from, (uint32_t)limit, record_row, call);
	}
	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	rd_json_out_end(j);
	if (from < size && size - from > limit) {
		rd_json_out_int(j, "next", (int64_t)(from + limit));
	}
	rd_json_out_end(j);
	ps_call_answer(call, 200);
}

static enum rd_status write_key(struct ps_call *call, struct rd_json_out *j)
{
	uint8_t spki[RD_EC_SPKI_SIZE_MAX], pem[RD_AUDIT_PEM_MAX];
	struct rd_buf der = rd_buf_fixed(spki, sizeof(spki));
	struct rd_buf text = rd_buf_fixed(pem, sizeof(pem));
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;

	RD_TRY(ps_store_single_get(call->db, PS_SINGLE_LOG_KEY, &der));
	RD_TRY(rd_ec_key_from_spki(rd_buf_view(&der), &key));
	RD_TRY(rd_audit_key_put(key, &text));
	rd_json_out_string(j, "key", rd_buf_view(&text));
	return RD_OK;
}

void ps_ops_audit_head(struct ps_call *call)
{
	struct rd_json_out *j = &call->json;
	uint8_t head[PAY_HEAD_SIZE];
	uint64_t size;
	enum rd_status st = ps_store_audit_head(call->db, &size, head);

	if (st == RD_OK) {
		rd_json_out_object(j, NULL);
		rd_json_out_int(j, "size", (int64_t)size);
		rd_json_out_base64(j, "head", rd_view(head, sizeof(head)));
		st = write_key(call, j);
		rd_json_out_end(j);
	}
	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	ps_call_answer(call, 200);
}
