/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call's life. call.h has the picture; this is who does what, and where it may end:
 *
 *	kms_exchange_begin  http thread   who asks for what; a refusal here ends it, unrecorded:
 *	                                  nobody known has asked for anything yet
 *	run                 there, or on a worker: the handler, or IAM
 *	hand_over           what came so far on the http thread, where nothing waits, is void when
 *	                    it met a database that has to be waited for: a worker does it again
 *	complete            the answer is made, its record is appended to the audit log
 *	recorded            the log's thread: the record is durable
 *	answer_recorded     http thread again: only now does an answer leave
 *
 * The request's bytes belong to the HTTP connection until the answer is given, which is last.
 */
#include "kms/exchange.h"

#include "aws/error.h"
#include "aws/json_in.h"
#include "base/text.h"
#include "kms/auth.h"
#include "kms/iam.h"
#include "kms/journal.h"
#include "kms/last_use.h"
#include "kms/metrics.h"
#include "kms/ops.h"
#include "kms/record.h"
#include "kms/thread.h"
#include "log/log.h"
#include "os/workers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* kms.md 1.1; a list of 1,000 grants with the longest constraints is the largest answer. */
#define ANSWER_MAX (64u << 20)
/* Facts of a request and the names of policies and statements; a few KiB in practice. */
#define RECORD_MAX (1u << 20)
/* Most records, without growing. */
#define RECORD_USUAL 2048
/* An error's message and what is around it. */
#define FAULT_MAX (2 * KMS_MESSAGE_SIZE + 256)

/* In a queue, and with the database: no client waits much longer than for these two. */
#define QUEUE_MS 5000
#define WORK_MS  5000
/* Each, where RSA keys are made: slow machines, and those who came before. */
#define RSA_MS 60000

#define TARGET_PREFIX "TrentService."
#define TYPE_JSON     "application/x-amz-json-1.1"
#define TYPE_XML      "text/xml"

/* Members are compact, and times have their milliseconds and no more: ten digits and three. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(13))

/*
 * The call is large, and gone as soon as its record is made: hundreds of exchanges wait for the log
 * at a time, and their calls would push everything else out of the processor's cache. For the same
 * reason a call that an HTTP thread has done with leaves its memory to that thread's next one.
 */
struct exchange {
	struct kms *kms;
	struct kms_call *call; /* NULL: gone, and what is left of it follows */
	const struct kms_op *op;
	enum kms_service service;
	enum kms_fault_type outcome;
	char request_id[KMS_REQUEST_ID_SIZE];
	const struct rd_http_request *request;
	struct rd_http_call *http;
	struct kms_thread *thread; /* the connection's: its own alone */
	bool admitted;             /* authenticated, parsed */
	bool on_worker;            /* not on its connection's thread */
	enum rd_status record_st;  /* of writing its record */
	bool logged;               /* its record is durable */
	struct kms_journal_entry entry;
	bool query; /* the query protocol of IAM and STS */
	uint64_t begun_ns;
	enum kms_lane lane; /* that it was handed over to last, and when */
	uint64_t queued_ns;
	int status;
	struct rd_buf body;
};

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- the answer --- */

static void send_answer(struct rd_http_call *http, int status, const char *type,
	const char *request_id, struct rd_view body)
{
	const struct rd_http_header headers[] = {
		{rd_view_str("x-amzn-RequestId"), rd_view_str(request_id)},
		{rd_view_str("Content-Type"), rd_view_str(type)},
		{rd_view_str("Cache-Control"),
			rd_view_str("no-cache, no-store, must-revalidate, private")},
		{rd_view_str("Expires"), rd_view_str("0")},
		{rd_view_str("Pragma"), rd_view_str("no-cache")},
	};

	rd_http_answer(http, status, headers, RD_ARRAY_LEN(headers), body);
}

void kms_answer_fault(struct rd_http_call *http, const char *type, const char *message)
{
	uint8_t storage[FAULT_MAX];
	struct rd_buf body = rd_buf_fixed(storage, sizeof(storage));
	char id[KMS_REQUEST_ID_SIZE] = "";

	if (kms_request_id(NULL, id) != RD_OK ||
		rd_aws_error_json(type, rd_view_str(message), &body) != RD_OK) {
		send_answer(http, 500, TYPE_JSON, id,
			rd_view_str("{\"__type\":\"KMSInternalException\"}"));
		return;
	}
	send_answer(http, rd_aws_error_http_status(type), TYPE_JSON, id, rd_buf_view(&body));
}

/* Whatever was secret in it had memory of its own. */
static void end_call(struct exchange *x)
{
	struct kms_call *call = rd_steal(&x->call, NULL);

	x->op = call->op;
	x->service = call->who.service;
	x->outcome = call->fault.type;
	memcpy(x->request_id, call->request_id, sizeof(x->request_id));
	kms_identity_finish(&call->who);
	rd_json_in_free(&call->in);
	rd_json_in_free(&call->facts);
	rd_json_in_free(&call->out);
	rd_buf_finish(&call->answer);
	if (x->on_worker || x->thread->spare != NULL) {
		free(call);
	} else {
		x->thread->spare = call;
	}
}

/* The end of the exchange. */
static void answer(struct exchange *x)
{
	if (x->call != NULL) {
		end_call(x);
	}
	kms_journal_end(x->kms->journal, &x->entry, x->logged && x->outcome == KMS_FAULT_NONE);
	kms_metrics_call(x->kms->metrics, x->query ? KMS_METRICS_QUERY : KMS_METRICS_JSON, x->op,
		x->outcome, monotonic_ns() - x->begun_ns);
	send_answer(x->http, x->status, x->query ? TYPE_XML : TYPE_JSON, x->request_id,
		rd_buf_view(&x->body));
	rd_buf_finish(&x->body);
	free(x);
}

static enum rd_status render_fault(struct exchange *x)
{
	const struct kms_fault *fault = &x->call->fault;
	struct rd_view message = {0};

	rd_json_in_free(&x->call->out);
	rd_buf_finish(&x->call->answer);
	if (x->query) {
		return kms_iam_fault(x->call, &x->body, &x->status);
	}
	x->status = kms_fault_http(fault->type);
	if (fault->message[0] != '\0') {
		message = rd_view_str(fault->message);
	}
	return rd_aws_error_json(kms_fault_name(fault->type), message, &x->body);
}

static enum rd_status render_out(struct exchange *x)
{
	json_t *out = x->call->out;
	uint8_t *dst = NULL;
	size_t size;

	x->status = 200;
	if (x->call->answer.used > 0) {
		rd_buf_finish(&x->body);
		x->body = rd_steal(&x->call->answer, (struct rd_buf){.ptr = NULL});
		return RD_OK;
	}
	RD_ENSURE(out != NULL, RD_OK);
	size = json_dumpb(out, NULL, 0, DUMP_FLAGS);
	RD_ENSURE(size > 0, RD_INTERNAL);
	RD_TRY(rd_buf_reserve(&x->body, size, &dst));
	return json_dumpb(out, (char *)dst, size, DUMP_FLAGS) == size ? RD_OK : RD_INTERNAL;
}

static void render(struct exchange *x)
{
	enum rd_status st = RD_OK;

	if (x->query && x->body.used > 0) {
		return; /* IAM has made it, refusals too */
	}
	if (x->call->fault.type == KMS_FAULT_NONE) {
		st = render_out(x);
	}
	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s: the answer cannot be made: %s", x->call->request_id,
			rd_status_name(st));
		(void)kms_fail(x->call, KMS_FAULT_INTERNAL, "%s", "");
	}
	if (x->call->fault.type != KMS_FAULT_NONE && render_fault(x) != RD_OK) {
		rd_buf_finish(&x->body);
		x->status = 500;
	}
}

/* --- the record --- */

/* A call again, to hang a fault on. */
static enum rd_status revive_call(struct exchange *x)
{
	x->call = calloc(1, sizeof(*x->call));
	RD_ENSURE(x->call != NULL, RD_NOMEM);
	x->call->kms = x->kms;
	x->call->op = x->op;
	x->call->who.service = x->service;
	memcpy(x->call->request_id, x->request_id, sizeof(x->request_id));
	return RD_OK;
}

static void refuse_unrecorded(struct exchange *x, enum rd_status st)
{
	rd_log(RD_LOG_ERROR, "%s: not recorded in the audit log, so refused: %s", x->request_id,
		rd_status_text(st));
	rd_buf_finish(&x->body);
	x->body = rd_buf_wiping(ANSWER_MAX);
	x->status = 500;
	if (revive_call(x) == RD_OK) {
		(void)kms_fail(x->call, KMS_FAULT_INTERNAL, "%s",
			"The audit log cannot be written. The request can be retried.");
		render(x);
	}
	answer(x);
}

/* On the connection's thread again, where the exchange was made. */
static void answer_recorded(void *arg)
{
	struct exchange *x = arg;

	if (x->record_st != RD_OK) {
		refuse_unrecorded(x, x->record_st);
		return;
	}
	answer(x);
}

/* On the log's thread, which sends its whole batch back when it has told us of the last. */
static void recorded(void *arg, enum rd_status st, uint64_t index)
{
	struct exchange *x = arg;

	(void)index;
	x->record_st = st;
	x->logged = st == RD_OK;
	rd_http_batch_add(&x->kms->recorded, x->http, answer_recorded, x);
}

void kms_exchanges_recorded(void *kms)
{
	rd_http_batch_send(&((struct kms *)kms)->recorded);
}

/* Into all zeros, or where another record was. */
static enum rd_status write_record(const struct kms_call *call, struct rd_buf *record)
{
	record->heap = true;
	record->max = RECORD_MAX;
	record->used = 0;
	RD_TRY(rd_buf_make_room(record, RECORD_USUAL));
	return kms_record(call, record);
}

static void complete(struct exchange *x)
{
	struct rd_buf own RD_CLEANUP(rd_buf_finish) = {.ptr = NULL};
	struct rd_buf *record = x->on_worker ? &own : &x->thread->record;
	enum rd_status st;

	render(x);
	st = write_record(x->call, record);
	kms_last_use_note(x->kms->last_uses, x->call);
	end_call(x);
	if (st == RD_OK) {
		/* HTTP threads wake the log after each turn of their loops. */
		st = (x->on_worker ? kms_audit_append : kms_audit_append_later)(
			x->kms->audit, rd_buf_view(record), recorded, x);
	}
	if (st != RD_OK) {
		refuse_unrecorded(x, st);
	}
}

/* --- the work --- */

#define TIMED_OUT                                                                                  \
	"The system timed out while trying to fulfill the request. You can retry the request."

/* A failure that the handler has no words for: ours, or the database's. */
static void settle(struct exchange *x, enum rd_status st)
{
	struct kms_call *call = x->call;

	enum kms_fault_type set = call->fault.type;

	if (st == RD_OK || (set != KMS_FAULT_NONE && set != KMS_FAULT_INTERNAL &&
				   set != KMS_FAULT_DEPENDENCY_TIMEOUT)) {
		return;
	}
	rd_log(RD_LOG_ERROR, "%s: %s: %s (database: %s)", call->request_id,
		call->op == NULL ? "IAM or STS" : call->op->name, rd_status_name(st),
		rd_db_error(call->db));
	if (st == RD_UNAVAILABLE && set == KMS_FAULT_NONE) {
		(void)kms_fail(call, KMS_FAULT_KEY_UNAVAILABLE, "%s",
			"The key that protects this key is not available. The request can be "
			"retried.");
		return;
	}
	if (rd_category(st) == RD_CAT_AGAIN || set == KMS_FAULT_DEPENDENCY_TIMEOUT) {
		(void)kms_fail(call, KMS_FAULT_DEPENDENCY_TIMEOUT, "%s", TIMED_OUT);
		return;
	}
	(void)kms_fail(call, KMS_FAULT_INTERNAL, "%s",
		"The request was rejected because an internal exception occurred. The request "
		"can be retried.");
}

static void hand_over(struct exchange *x, enum kms_lane lane);

static void run(struct exchange *x)
{
	struct kms_call *call = x->call;
	enum rd_status st = x->query ? kms_iam_handle(call, &x->body, &x->status)
				     : call->op->handler(call);

	if (rd_db_would_block(call->db)) {
		hand_over(x, KMS_LANE_READS);
		return;
	}
	settle(x, st);
	complete(x);
}

static bool asks_for_rsa(const struct kms_call *call)
{
	static const char *const members[] = {
		"KeySpec", "CustomerMasterKeySpec", "KeyPairSpec", "WrappingKeySpec"};

	for (size_t i = 0; i < RD_ARRAY_LEN(members); i++) {
		const char *spec = json_string_value(json_object_get(call->in, members[i]));

		if (spec != NULL && strncmp(spec, "RSA_", 4) == 0) {
			return true;
		}
	}
	return false;
}

static void dispatch(struct exchange *x)
{
	struct kms_call *call = x->call;
	unsigned flags = x->query ? KMS_OP_WRITES : call->op->flags;
	bool slow = (flags & KMS_OP_SLOW) != 0 && asks_for_rsa(call);

	if (slow || (flags & KMS_OP_WRITES) != 0) {
		hand_over(x, slow ? KMS_LANE_RSA : KMS_LANE_WRITES);
	} else {
		run(x);
	}
}

/* --- the request --- */

static struct rd_view only_header(const struct rd_http_request *request, const char *name)
{
	struct rd_view found = {0};

	for (size_t i = 0; i < request->n_headers; i++) {
		const struct rd_http_header *h = &request->headers[i];

		if (h->name.len != strlen(name) ||
			strncasecmp((const char *)h->name.ptr, name, h->name.len) != 0) {
			continue;
		}
		if (found.ptr != NULL) {
			return (struct rd_view){0};
		}
		found = h->value;
	}
	return found;
}

static bool starts_with(struct rd_view text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.ptr != NULL && text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static bool is_form(const struct rd_http_request *request)
{
	return starts_with(
		only_header(request, "Content-Type"), "application/x-www-form-urlencoded");
}

static enum rd_status find_operation(struct exchange *x)
{
	const struct rd_http_request *request = x->request;
	struct rd_view target = only_header(request, "X-Amz-Target");
	size_t skip = sizeof(TARGET_PREFIX) - 1;

	if (rd_view_equal(request->method, rd_view_str("POST")) &&
		(request->target.len == 0 || rd_view_equal(request->target, rd_view_str("/")))) {
		x->query = target.ptr == NULL && is_form(request);
		if (target.ptr != NULL && starts_with(target, TARGET_PREFIX)) {
			x->call->op = kms_op_find(rd_view(target.ptr + skip, target.len - skip));
		}
	}
	if (!x->query && x->call->op == NULL) {
		return kms_fail(x->call, KMS_FAULT_UNKNOWN_OPERATION, "%s", "");
	}
	return RD_OK;
}

/* KMS by JSON, IAM and STS by the query protocol, and signed for what it is sent to. */
static enum rd_status check_service(struct exchange *x)
{
	bool kms = x->call->who.service == KMS_SERVICE_KMS;

	if (x->query && kms) {
		x->query = false; /* whoever signs for KMS reads JSON */
		return kms_fail(x->call, KMS_FAULT_UNKNOWN_OPERATION, "%s", "");
	}
	if (!x->query && !kms) {
		return kms_fail(x->call, KMS_FAULT_INVALID_SIGNATURE, "%s",
			"Credential should be scoped to correct service: 'kms'. ");
	}
	return RD_OK;
}

static enum rd_status admit(struct exchange *x)
{
	RD_TRY(find_operation(x));
	if (!kms_audit_healthy(x->call->kms->audit)) {
		return kms_fail(x->call, KMS_FAULT_INTERNAL, "%s",
			"The audit log cannot be written. The request can be retried.");
	}
	RD_TRY(kms_authenticate(x->call, x->request));
	return check_service(x);
}

static enum rd_status parse_body(struct kms_call *call)
{
	enum rd_status st = rd_json_in_parse(call->body, &call->in);
	enum rd_category category = rd_category(st);

	if (category == RD_CAT_MALFORMED) {
		return kms_fail(call, KMS_FAULT_SERIALIZATION, "%s", "");
	}
	if (category == RD_CAT_FORBIDDEN || category == RD_CAT_LIMIT) {
		return kms_fail(
			call, KMS_FAULT_SERIALIZATION, "The request %s.", rd_status_text(st));
	}
	return st;
}

static void copy_printable(struct rd_view text, char *ret, size_t cap)
{
	size_t n = text.len < cap - 1 ? text.len : cap - 1;

	for (size_t i = 0; i < n; i++) {
		ret[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? (char)text.ptr[i] : '?';
	}
	ret[n] = '\0';
}

static struct kms_call *take_call(struct kms_thread *thread)
{
	struct kms_call *call = rd_steal(&thread->spare, NULL);

	if (call == NULL) {
		return calloc(1, sizeof(*call));
	}
	memset(call, 0, sizeof(*call));
	return call;
}

static struct exchange *make(struct kms *kms, unsigned thread,
	const struct rd_http_request *request, struct rd_http_call *http)
{
	struct exchange *x = malloc(sizeof(*x));
	struct kms_call *call = take_call(&kms->threads[thread]);

	if (x == NULL || call == NULL) {
		free(x);
		free(call);
		return NULL;
	}
	*x = (struct exchange){.kms = kms,
		.call = call,
		.request = request,
		.http = http,
		.thread = &kms->threads[thread],
		.begun_ns = monotonic_ns(),
		.body = rd_buf_wiping(ANSWER_MAX)};
	x->call->kms = kms;
	x->call->db = kms->http_dbs[thread];
	x->call->fresh = &kms->threads[thread].fresh;
	x->call->now_ms = kms->now_ms();
	x->call->tls = request->tls;
	x->call->body = request->body;
	rd_text_copy(x->call->peer, sizeof(x->call->peer), request->peer);
	copy_printable(rd_http_header_find(request, "User-Agent"), x->call->user_agent,
		sizeof(x->call->user_agent));
	if (kms_request_id(x->call->fresh, x->call->request_id) != RD_OK) {
		free(x);
		free(call);
		return NULL;
	}
	return x;
}

/* Until it is known who asks for what. */
static void begin(struct exchange *x)
{
	enum rd_status st = admit(x);

	if (rd_db_would_block(x->call->db)) {
		hand_over(x, KMS_LANE_READS);
		return;
	}
	if (st != RD_OK) {
		settle(x, st);
		render(x);
		answer(x);
		return;
	}
	x->admitted = true;
	st = x->query ? RD_OK : parse_body(x->call);
	if (st != RD_OK) {
		settle(x, st);
		complete(x);
		return;
	}
	dispatch(x);
}

/* What the http thread has made of it is as if it had not been. */
static void forget(struct exchange *x)
{
	struct kms_call *call = x->call;

	rd_json_in_free(&call->facts);
	rd_json_in_free(&call->out);
	rd_buf_finish(&call->answer);
	call->n_used = 0;
	call->fault = (struct kms_fault){.type = KMS_FAULT_NONE};
	call->decision = (struct kms_decision){.made = false};
	call->attested = (struct kms_attested){.present = false};
	call->attested_why[0] = '\0';
	call->key_arn[0] = '\0';
	if (!x->admitted) {
		kms_identity_finish(&call->who);
		call->who = (struct kms_identity){.service = KMS_SERVICE_KMS};
		call->op = NULL;
	}
}

static void refuse_waiting(struct exchange *x, enum kms_fault_type type, const char *message)
{
	(void)kms_fail(x->call, type, "%s", message);
	if (x->admitted) {
		complete(x);
	} else {
		render(x);
		answer(x);
	}
}

static enum rd_status keep_record(struct rd_db *db, void *arg)
{
	struct exchange *x = arg;

	return kms_journal_keep(x->kms->journal, db, x->call, &x->entry);
}

/* A worker's connection has its number. */
static void go_on(void *arg, unsigned worker)
{
	struct exchange *x = arg;
	struct kms_call *call = x->call;
	struct rd_db *db = call->kms->dbs[worker];
	const bool rsa = x->lane == KMS_LANE_RSA;

	call->db = db;
	call->fresh = NULL;
	x->on_worker = true;
	if ((monotonic_ns() - x->queued_ns) / 1000000 > (rsa ? RSA_MS : QUEUE_MS)) {
		refuse_waiting(x, KMS_FAULT_DEPENDENCY_TIMEOUT, TIMED_OUT);
		return;
	}
	rd_db_limit(db, rsa ? RSA_MS : WORK_MS);
	rd_db_before_commit(db, keep_record, x);
	if (x->admitted) {
		run(x);
	} else {
		begin(x);
	}
	rd_db_before_commit(db, NULL, NULL); /* x has gone */
}

static void hand_over(struct exchange *x, enum kms_lane lane)
{
	forget(x);
	x->lane = lane;
	x->queued_ns = monotonic_ns();
	if (rd_workers_submit(x->kms->workers, lane, go_on, x) != RD_OK) {
		refuse_waiting(
			x, KMS_FAULT_THROTTLING, "Rate exceeded: too many requests wait already.");
	}
}

void kms_exchange_begin(struct kms *kms, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *http)
{
	struct exchange *x = make(kms, thread, request, http);

	if (x == NULL) {
		kms_answer_fault(http, "ServiceUnavailableException", "Out of memory.");
	} else {
		begin(x);
	}
}
