/* SPDX-License-Identifier: Apache-2.0 */
/* How the server is: for operators and for Prometheus. */
#include "http/server.h"
#include "os/workers.h"
#include "server/api.h"
#include "server/enclave.h"
#include "server/store.h"

#include <inttypes.h>

static void write_enclave(struct rd_json_out *j, const struct ps_enclave_status *e)
{
	rd_json_out_object(j, "enclave");
	rd_json_out_bool(j, "ready", e->ready);
	if (e->ready) {
		rd_json_out_int(j, "image_version", (int64_t)e->image_version);
		rd_json_out_int(j, "policy_version", (int64_t)e->policy_version);
	}
	rd_json_out_int(j, "open", (int64_t)e->open);
	rd_json_out_int(j, "waiting", (int64_t)e->waiting);
	rd_json_out_int(j, "starts", (int64_t)e->starts);
	rd_json_out_int(j, "breaks", (int64_t)e->breaks);
	rd_json_out_end(j);
}

/* Two states that are shown by one name are shown as one. */
static void write_payments(struct rd_json_out *j, int64_t counts[PS_PAYMENT_STATE_COUNT])
{
	counts[PS_REVERSING] += counts[PS_VOIDING];
	rd_json_out_object(j, "payments");
	for (int i = 0; i < PS_VOIDING; i++) {
		rd_json_out_int(j, ps_payment_state_name((enum ps_payment_state)i), counts[i]);
	}
	rd_json_out_end(j);
}

void ps_ops_status(struct ps_call *call)
{
	int64_t counts[PS_PAYMENT_STATE_COUNT], card_key = 0;
	struct ps_enclave_status enclave;
	uint64_t size = 0;
	enum rd_status st = ps_store_payment_counts(call->db, counts);

	if (st == RD_OK) {
		st = ps_store_audit_size(call->db, &size);
	}
	if (st == RD_OK) {
		st = ps_store_data_key_newest(call->db, PAY_KEY_CARD, &card_key);
	}
	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	ps_enclave_status(call->ps->enclave, &enclave);
	rd_json_out_object(&call->json, NULL);
	write_enclave(&call->json, &enclave);
	write_payments(&call->json, counts);
	rd_json_out_int(&call->json, "records", (int64_t)size);
	rd_json_out_int(&call->json, "card_key_version", card_key);
	rd_json_out_end(&call->json);
	ps_call_answer(call, 200);
}

/* --- Prometheus --- */

static enum rd_status put(
	struct rd_buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
	return rd_buf_printf(b,
		"# HELP payments_%s %s\n# TYPE payments_%s %s\npayments_%s %" PRIu64 "\n", name,
		help, name, type, name, value);
}

static enum rd_status write_metrics(struct ps_call *call)
{
	struct rd_buf *b = &call->body;
	struct ps *ps = call->ps;
	struct ps_enclave_status e;
	struct rd_http_stats http;
	uint64_t batches, jobs;

	ps_enclave_status(ps->enclave, &e);
	rd_http_server_stats(ps->server, &http);
	ps_book_counts(ps->book, &batches, &jobs);
	RD_TRY(put(b, "enclave_ready", "gauge", "Whether an enclave serves", e.ready));
	RD_TRY(put(b, "enclave_open", "gauge", "Questions at the enclave", e.open));
	RD_TRY(put(b, "enclave_waiting", "gauge", "Questions that wait for it", e.waiting));
	RD_TRY(put(b, "enclave_starts_total", "counter", "Enclaves started", e.starts));
	RD_TRY(put(b, "enclave_breaks_total", "counter", "Links that broke", e.breaks));
	RD_TRY(put(b, "http_connections", "gauge", "Connections open", http.connections));
	RD_TRY(put(b, "http_requests_total", "counter", "Requests", http.requests));
	RD_TRY(put(b, "commits_total", "counter", "Transactions", batches));
	RD_TRY(put(b, "changes_total", "counter", "Changes in them", jobs));
	RD_TRY(put(b, "asked_total", "counter", "Payments asked for",
		atomic_load(&ps->payments_asked)));
	RD_TRY(put(b, "replayed_total", "counter", "Payments asked for again",
		atomic_load(&ps->payments_replayed)));
	return put(b, "recovered_total", "counter", "Payments that recovery has settled",
		atomic_load(&ps->recovered));
}

void ps_ops_metrics(struct ps_call *call)
{
	enum rd_status st = write_metrics(call);

	if (st != RD_OK) {
		ps_call_fail(call, st);
		return;
	}
	ps_call_answer_as(call, 200, "text/plain; version=0.0.4", NULL, 0);
}
