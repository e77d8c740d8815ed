/* SPDX-License-Identifier: Apache-2.0 */
/* What is passed on to the enclave: attestation, rotation, and what two custodians sign. */
#include "base/text.h"
#include "log/log.h"
#include "server/api.h"
#include "server/body.h"
#include "server/enclave.h"
#include "server/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A question, the call that wants its answer, and the bytes that it points to. */
struct question {
	struct ps_ask ask;
	struct ps_call *call;
	struct ps_body_dual dual;
	uint8_t nonce[PAY_PAGE_NONCE_MAX];
	uint8_t vault[PAY_VAULT_MAX];
};

static struct question *new_question(struct ps_call *call, enum pay_type type)
{
	struct question *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		ps_call_fail(call, RD_NOMEM);
		return NULL;
	}
	q->call = call;
	q->ask.message.type = type;
	return q;
}

static enum ps_fault fault_of(uint64_t code)
{
	switch (code) {
	case PAY_ERROR_SIGNATURES:
		return PS_FAULT_SIGNATURES;
	case PAY_ERROR_NONCE:
		return PS_FAULT_NONCE;
	case PAY_ERROR_POLICY:
		return PS_FAULT_POLICY;
	case PAY_ERROR_BUSY:
		return PS_FAULT_BUSY;
	default:
		return PS_FAULT_ENCLAVE;
	}
}

static void write_answer(struct rd_json_out *j, const struct pay_message *m)
{
	rd_json_out_object(j, NULL);
	switch ((int)m->type) {
	case PAY_ATTESTED:
		rd_json_out_base64(j, "document", m->attested.document);
		break;
	case PAY_ROTATED:
		rd_json_out_int(j, "version", (int64_t)m->rotated.version);
		break;
	case PAY_EXPORTED:
		rd_json_out_base64(j, "sealed", m->exported.sealed);
		break;
	case PAY_POLICY_SET:
		rd_json_out_int(j, "version", (int64_t)m->policy_set.version);
		break;
	case PAY_NONCE: {
		char hex[2 * PAY_NONCE_SIZE + 1] = "";

		if (m->nonce.nonce.len == PAY_NONCE_SIZE) {
			rd_hex_string(m->nonce.nonce, hex);
		}
		rd_json_out_str(j, "nonce", hex);
		break;
	}
	default:
		break;
	}
	rd_json_out_end(j);
}

static void answered(struct ps_ask *ask, enum rd_status st, const struct pay_message *m)
{
	struct question *q = ps_container(ask, struct question, ask);

	if (st != RD_OK) {
		ps_call_refuse(q->call, PS_FAULT_UNAVAILABLE, NULL);
	} else if (m->type == PAY_ERROR) {
		rd_log(RD_LOG_WARNING, "the enclave says %s: %s", pay_error_name(m->error.code),
			m->error.text);
		ps_call_refuse(q->call, fault_of(m->error.code), NULL);
	} else {
		write_answer(&q->call->json, m);
		ps_call_answer(q->call, 200);
	}
	free(q);
}

static void pass_on(struct question *q)
{
	q->ask.done = answered;
	if (ps_enclave_ask(q->call->ps->enclave, &q->ask) != RD_OK) {
		ps_call_refuse(q->call, PS_FAULT_BUSY, NULL);
		free(q);
	}
}

static void refuse(struct question *q, struct ps_refusal refusal)
{
	ps_call_refuse(q->call, refusal.fault, refusal.message);
	free(q);
}

void ps_ops_attestation(struct ps_call *call)
{
	struct question *q = new_question(call, PAY_ATTEST);
	struct ps_refusal refusal;
	size_t len = 0;

	if (q == NULL) {
		return;
	}
	refusal = ps_query_nonce(call->query, q->nonce, &len);
	if (refusal.fault != PS_FAULT_NONE) {
		refuse(q, refusal);
		return;
	}
	q->ask.message.attest.nonce = rd_view(q->nonce, len);
	pass_on(q);
}

/* A question without a body, by somebody with a name. */
static void simple(struct ps_call *call, enum pay_type type)
{
	struct question *q = new_question(call, type);
	struct ps_refusal refusal;

	if (q == NULL) {
		return;
	}
	refusal = ps_body_none(call->request->body);
	if (refusal.fault != PS_FAULT_NONE) {
		refuse(q, refusal);
		return;
	}
	if (type == PAY_ROTATE) {
		ps_call_who(call, q->ask.message.rotate.who);
		ps_call_origin(call, q->ask.message.rotate.origin);
	}
	pass_on(q);
}

void ps_ops_rotate(struct ps_call *call)
{
	simple(call, PAY_ROTATE);
}

void ps_ops_challenge(struct ps_call *call)
{
	simple(call, PAY_CHALLENGE);
}

/* --- dual control --- */

static struct question *dual(struct ps_call *call, enum pay_type type)
{
	struct question *q = new_question(call, type);
	struct ps_refusal refusal;
	struct pay_dual *m;

	if (q == NULL) {
		return NULL;
	}
	refusal = ps_body_dual(call->request->body, &q->dual);
	if (refusal.fault != PS_FAULT_NONE) {
		refuse(q, refusal);
		return NULL;
	}
	m = &q->ask.message.dual;
	m->request = rd_view(q->dual.request, q->dual.request_len);
	m->signatures.n = q->dual.n_signatures;
	for (size_t i = 0; i < q->dual.n_signatures; i++) {
		m->signatures.items[i].custodian = rd_view_str(q->dual.signatures[i].custodian);
		m->signatures.items[i].rs = rd_view(q->dual.signatures[i].rs, PAY_SIGNATURE_SIZE);
	}
	ps_call_origin(call, m->origin);
	return q;
}

void ps_ops_export(struct ps_call *call)
{
	struct question *q = dual(call, PAY_EXPORT);
	struct rd_buf vault;
	enum rd_status st;

	if (q == NULL) {
		return;
	}
	vault = rd_buf_fixed(q->vault, sizeof(q->vault));
	st = ps_store_vault_get(call->db, q->dual.merchant, q->dual.token, &vault);
	if (st != RD_OK) {
		free(q);
		ps_call_fail(call, st);
		return;
	}
	q->ask.message.dual.vault = rd_buf_view(&vault);
	pass_on(q);
}

static enum rd_status keep_policy(
	struct ps_ask *ask, struct rd_db *db, const struct pay_message *answer)
{
	(void)ask;
	if (answer->type != PAY_POLICY_SET) {
		return RD_OK;
	}
	return ps_store_single_put(db, PS_SINGLE_POLICY, answer->policy_set.sealed);
}

void ps_ops_policy(struct ps_call *call)
{
	struct question *q = dual(call, PAY_POLICY);

	if (q != NULL) {
		q->ask.commit = keep_policy;
		pass_on(q);
	}
}
