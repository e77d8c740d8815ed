/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON. */
#include "enclave/journal.h"

#include "audit/format.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "enclave/egress.h"
#include "enclave/members.h"

#include <time.h>

static const char policy_member[] = "policyVersion";

uint64_t journal_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool is_absent(const char *text)
{
	return text == NULL || text[0] == '\0';
}

/* Behind another member, if there is one in this object. */
static enum rd_status put_name(struct rd_buf *out, const char *name)
{
	bool first = out->used > 0 && out->ptr[out->used - 1] == '{';

	return rd_buf_printf(out, "%s\"%s\":", first ? "" : ",", name);
}

/* Printable ASCII, so two characters have to be escaped; another becomes '?'. */
static enum rd_status put_text(struct rd_buf *out, const char *name, const char *value)
{
	if (is_absent(value)) {
		return RD_OK;
	}
	RD_TRY(put_name(out, name));
	RD_TRY(rd_buf_u8(out, '"'));
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\') {
			RD_TRY(rd_buf_u8(out, '\\'));
		}
		RD_TRY(rd_buf_u8(out, *c >= ' ' && *c <= '~' ? (uint8_t)*c : '?'));
	}
	return rd_buf_u8(out, '"');
}

static enum rd_status put_number(struct rd_buf *out, const char *name, uint64_t value)
{
	if (value == 0) {
		return RD_OK;
	}
	RD_TRY(put_name(out, name));
	return rd_buf_printf(out, "%llu", (unsigned long long)value);
}

static enum rd_status put_resources(struct rd_buf *out, const struct journal_facts *f)
{
	RD_TRY(rd_buf_put_str(out, ",\"resources\":[{"));
	RD_TRY(put_text(out, "name", f->resource));
	RD_TRY(put_text(out, "merchant", f->merchant));
	RD_TRY(put_text(out, "order", f->order));
	RD_TRY(put_text(out, "payment", f->payment));
	RD_TRY(put_text(out, "operation", f->operation));
	RD_TRY(put_text(out, "token", f->token));
	RD_TRY(put_text(out, "masked", f->masked));
	return rd_buf_put_str(out, "}]");
}

/* Where lib/audit and auditors look for it. */
static enum rd_status put_document(struct rd_buf *out, struct rd_view document)
{
	uint8_t digest[RD_SHA256_SIZE];
	char hex[2 * RD_SHA256_SIZE + 1];

	if (document.len == 0) {
		return RD_OK;
	}
	RD_TRY(rd_digest_once(RD_SHA256, document, digest));
	rd_hex_string(rd_view(digest, sizeof(digest)), hex);
	return rd_buf_printf(out,
		",\"additionalEventData\":{\"recipient\":{\"" RD_AUDIT_DOCUMENT_MEMBER
		"\":\"%s\"}}",
		hex);
}

static enum rd_status put_facts(struct rd_buf *out, const struct journal_facts *f)
{
	RD_TRY(put_text(out, "eventName", f->event));
	RD_TRY(put_text(out, "stage", f->stage));
	RD_TRY(put_text(out, "outcome", f->outcome));
	RD_TRY(put_text(out, "errorCode", f->failed ? f->outcome : ""));
	RD_TRY(put_text(out, "reason", f->reason));
	RD_TRY(rd_buf_put_str(out, ",\"userIdentity\":{"));
	RD_TRY(put_text(out, "principalId", f->who));
	RD_TRY(rd_buf_put_str(out, "}"));
	/* What the server does by itself has no address. */
	RD_TRY(put_text(out, "sourceIPAddress", is_absent(f->origin) ? "internal" : f->origin));
	RD_TRY(put_resources(out, f));
	RD_TRY(put_number(out, "amount", f->amount));
	RD_TRY(put_text(out, "currency", f->currency));
	RD_TRY(put_text(out, "rrn", f->rrn));
	RD_TRY(put_text(out, "response", f->response));
	RD_TRY(put_number(out, "keyVersion", f->key_version));
	RD_TRY(put_document(out, f->document));
	return put_text(out, "detail", f->detail);
}

static enum rd_status write_record(const struct journal *journal, const struct journal_facts *facts,
	uint64_t now_ms, struct rd_buf *out)
{
	char time[RD_TIME_TEXT_SIZE];

	rd_time_string(now_ms, time);
	RD_TRY(rd_buf_printf(out, "{\"eventTime\":\"%s\"", time));
	RD_TRY(put_facts(out, facts));
	RD_TRY(put_number(out, "imageVersion", journal->image_version));
	RD_TRY(put_number(out, policy_member, journal->policy_version));
	return rd_buf_put_str(out, "}");
}

enum rd_status journal_append(
	struct journal *journal, const struct journal_facts *facts, struct journal_entry *ret)
{
	struct rd_buf out = rd_buf_fixed(ret->storage, sizeof(ret->storage));
	uint64_t now_ms = journal_now_ms();

	RD_ENSURE(journal->open, RD_USAGE);
	RD_TRY(write_record(journal, facts, now_ms, &out));
	RD_ENSURE(!egress_has_pan(rd_buf_view(&out)), RD_FORBIDDEN);
	RD_TRY(rd_audit_author_append(
		&journal->author, rd_buf_view(&out), now_ms, &ret->logged.index));
	memcpy(ret->head, journal->author.head_bytes, sizeof(ret->head));
	ret->logged.record = rd_buf_view(&out);
	ret->logged.head = rd_view(ret->head, sizeof(ret->head));
	return RD_OK;
}

static enum rd_status read_policy_version(struct rd_view record, uint32_t *ret)
{
	struct rd_error err = {.text = ""};
	json_t *root = NULL;
	json_int_t version;

	RD_TRY(members_parse(record, "record", &root, &err));
	version = json_integer_value(json_object_get(root, policy_member));
	json_decref(root);
	RD_ENSURE(version >= 1 && version <= UINT32_MAX, RD_MISSING);
	*ret = (uint32_t)version;
	return RD_OK;
}

enum rd_status journal_last_policy(const struct rd_audit_author *author, struct rd_view record,
	struct rd_view proof, uint32_t *ret_version)
{
	const struct rd_merkle_head *head = &author->head;
	struct rd_merkle_proof path = {0};
	struct rd_merkle_hash leaf;

	RD_ENSURE(record.len > 0, RD_MISSING);
	RD_TRY(rd_merkle_proof_decode(proof, &path));
	RD_TRY(rd_merkle_leaf(record, &leaf));
	RD_TRY(rd_merkle_verify_inclusion(head->size - 1, head->size, &leaf, &path, &head->root));
	return read_policy_version(record, ret_version);
}
