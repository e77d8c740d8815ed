/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service door's socket, and a question's way through it:
 *
 *	peer → path → JSON → the answer is made → recorded, if it decides anything → answered
 *
 * One thread: a question costs some ten microseconds, and waits for the audit log, whose thread
 * gives the answer then, and for the database, when what it asks for is not in memory.
 */
#include "kms/service.h"

#include "aws/json_in.h"
#include "aws/json_out.h"
#include "base/secret.h"
#include "http/server.h"
#include "kms/exchange.h"
#include "kms/metrics.h"
#include "kms/record.h"
#include "kms/schema.h"
#include "kms/service-internal.h"
#include "log/log.h"
#include "os/fd.h"
#include "os/msg.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Users of this host's tools are in it, if it exists. */
#define GROUP "redoubt"

/* The service's threads and a few of its restarts. */
#define CONNECTIONS 64
#define HEADERS_MAX 8192
/* Both ends are on this host; only a stopped one is slow. */
#define REQUEST_MS 10000
#define IDLE_MS    300000
#define GRACE_MS   5000
/* With the database, as at the API. */
#define WORK_MS 5000
/* Credentials are the largest answer: a session token of 6 KiB and little else. */
#define ANSWER_MAX 65536
/* Checks with their contexts; a longer one is recorded without. */
#define RECORD_MAX (1u << 20)

#define TYPE_JSON "application/json"

struct route {
	const char *path;
	kms_service_fn *fn;
	bool recorded;
	bool lends; /* the caller's identity is a handle's */
};

static const struct route routes[] = {
	{"/authenticate", kms_service_authenticate, false, false},
	{"/authorize", kms_service_authorize, true, true},
	{"/role-credentials", kms_service_role, true, false},
	{"/instance-profile", kms_service_profile, false, false},
};

struct question {
	struct kms_call call;
	struct rd_http_call *http;
	const struct route *route;
	uint64_t begun_ns;
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

static void drop_body(struct question *q)
{
	if (q->body.ptr != NULL) {
		rd_wipe(q->body.ptr, q->body.used);
	}
	rd_buf_finish(&q->body);
	q->body = rd_buf_growable(ANSWER_MAX);
}

static void answer(struct question *q)
{
	struct kms_call *call = &q->call;

	kms_metrics_call(call->kms->metrics, KMS_METRICS_SERVICE, NULL, call->fault.type,
		monotonic_ns() - q->begun_ns);
	rd_http_answer_typed(q->http, q->status, TYPE_JSON, rd_buf_view(&q->body));
	if (q->route->lends) {
		call->who = (struct kms_identity){.kind = KMS_ROOT};
	}
	kms_identity_finish(&call->who);
	rd_json_in_free(&call->in);
	rd_json_in_free(&call->facts);
	rd_json_in_free(&call->out);
	drop_body(q);
	rd_wipe(q, sizeof(*q));
	free(q);
}

static int dump_part(const char *bytes, size_t n, void *out)
{
	return rd_buf_put(out, bytes, n) == RD_OK ? 0 : -1;
}

/* One form for all types: the API itself writes "Message" for some. */
static enum rd_status put_fault(const char *type, const char *message, struct rd_buf *out)
{
	struct rd_json_out j = rd_json_out(out);

	rd_json_out_object(&j, NULL);
	rd_json_out_str(&j, "__type", type);
	rd_json_out_str(&j, "message", message);
	rd_json_out_end(&j);
	return rd_json_out_finish(&j);
}

static enum rd_status render_fault(struct question *q)
{
	const struct kms_fault *fault = &q->call.fault;

	q->status = kms_fault_http(fault->type);
	return put_fault(kms_fault_name(fault->type), fault->message, &q->body);
}

/* What no question stands behind. */
static void answer_fault(
	struct rd_http_call *http, int status, const char *type, const char *message)
{
	uint8_t storage[256];
	struct rd_buf body = rd_buf_fixed(storage, sizeof(storage));

	if (put_fault(type, message, &body) != RD_OK) {
		body.used = 0;
	}
	rd_http_answer_typed(http, status, TYPE_JSON, rd_buf_view(&body));
}

/* In one piece: a buffer that grows leaves copies of credentials behind. */
static enum rd_status render_out(struct question *q)
{
	uint8_t *unused;

	q->status = 200;
	RD_TRY(rd_buf_reserve(&q->body, ANSWER_MAX, &unused));
	q->body.used = 0;
	return json_dump_callback(q->call.out, dump_part, &q->body, JSON_COMPACT) == 0 ? RD_OK
										       : RD_NOSPACE;
}

static void render(struct question *q)
{
	if (q->call.out != NULL && render_out(q) == RD_OK) {
		return;
	}
	drop_body(q);
	if (q->call.fault.type == KMS_FAULT_NONE) {
		(void)kms_fail(&q->call, KMS_FAULT_INTERNAL, "The question was not answered.");
	}
	if (render_fault(q) != RD_OK) {
		drop_body(q);
		q->status = 500;
	}
}

/* --- the record --- */

static void refuse_unrecorded(struct question *q, enum rd_status st)
{
	rd_log(RD_LOG_ERROR, "%s: not recorded in the audit log, so refused: %s",
		q->call.request_id, rd_status_text(st));
	rd_json_in_free(&q->call.out);
	(void)kms_fail(&q->call, KMS_FAULT_INTERNAL, "The audit log cannot be written.");
	drop_body(q);
	render(q);
	answer(q);
}

static void recorded(void *arg, enum rd_status st, uint64_t index)
{
	struct question *q = arg;

	(void)index;
	if (st != RD_OK) {
		refuse_unrecorded(q, st);
		return;
	}
	answer(q);
}

static void complete(struct question *q)
{
	struct rd_buf record RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RECORD_MAX);
	enum rd_status st;

	render(q);
	/* What asked for nothing yet is not recorded, as at the API. */
	if (!q->route->recorded || q->call.who.arn[0] == '\0') {
		answer(q);
		return;
	}
	st = kms_record(&q->call, &record);
	if (st == RD_OK) {
		st = kms_audit_append(q->call.kms->audit, rd_buf_view(&record), recorded, q);
	}
	if (st != RD_OK) {
		refuse_unrecorded(q, st);
	}
}

/* --- the question --- */

static void settle(struct question *q, enum rd_status st)
{
	struct kms_call *call = &q->call;

	if (st == RD_OK ||
		(call->fault.type != KMS_FAULT_NONE && call->fault.type != KMS_FAULT_INTERNAL &&
			call->fault.type != KMS_FAULT_DEPENDENCY_TIMEOUT)) {
		return;
	}
	rd_log(RD_LOG_ERROR, "%s: %s: %s (database: %s)", call->request_id, q->route->path,
		rd_status_name(st), rd_db_error(call->db));
	rd_json_in_free(&call->out);
	if (rd_category(st) == RD_CAT_AGAIN || call->fault.type == KMS_FAULT_DEPENDENCY_TIMEOUT) {
		(void)kms_fail(call, KMS_FAULT_DEPENDENCY_TIMEOUT,
			"The database did not answer in time. The question can be asked again.");
		return;
	}
	(void)kms_fail(call, KMS_FAULT_INTERNAL,
		"The question was not answered because of an internal error.");
}

static enum rd_status ask(struct kms_service_door *door, struct question *q)
{
	struct kms_call *call = &q->call;
	enum rd_status st;

	if (q->route->recorded && !kms_audit_healthy(call->kms->audit)) {
		return kms_fail(call, KMS_FAULT_UNAVAILABLE, "The audit log cannot be written.");
	}
	st = rd_json_in_parse(call->body, &call->in);
	if (st != RD_OK) {
		return kms_fail(
			call, KMS_FAULT_SERIALIZATION, "The question %s.", rd_status_text(st));
	}
	return q->route->fn(door, call);
}

static const struct route *find_route(const struct rd_http_request *request)
{
	if (!rd_view_equal(request->method, rd_view_str("POST"))) {
		return NULL;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(routes); i++) {
		if (rd_view_equal(request->target, rd_view_str(routes[i].path))) {
			return &routes[i];
		}
	}
	return NULL;
}

static bool may_ask(const struct kms_service_door *door, const struct rd_http_request *request)
{
	if (!request->has_uid) {
		return false;
	}
	for (size_t i = 0; i < door->n_users; i++) {
		if (request->uid == door->users[i]) {
			return true;
		}
	}
	return request->uid == 0 || request->uid == geteuid();
}

static struct question *make(
	struct kms *kms, const struct rd_http_request *request, struct rd_http_call *http)
{
	struct question *q = calloc(1, sizeof(*q));

	RD_ENSURE(q != NULL, NULL);
	q->http = http;
	q->begun_ns = monotonic_ns();
	q->body = rd_buf_growable(ANSWER_MAX);
	q->call.kms = kms;
	q->call.db = kms->service->db;
	q->call.now_ms = kms->now_ms();
	q->call.body = request->body;
	if (kms_request_id(NULL, q->call.request_id) != RD_OK) {
		free(q);
		return NULL;
	}
	return q;
}

static void handle(void *ctx, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *http)
{
	struct kms *kms = ctx;
	const struct route *route = find_route(request);
	struct question *q;

	(void)thread;
	if (!may_ask(kms->service, request)) {
		rd_log(RD_LOG_WARNING, "service door: user %u may not ask: see service_users",
			(unsigned)request->uid);
		answer_fault(http, 403, "AccessDeniedException",
			"This user may not ask: it is not among service_users.");
		return;
	}
	if (route == NULL) {
		answer_fault(http, 404, "UnknownOperationException", "There is no such question.");
		return;
	}
	q = make(kms, request, http);
	if (q == NULL) {
		answer_fault(http, 503, "ServiceUnavailableException", "Out of memory.");
		return;
	}
	q->route = route;
	rd_db_limit(kms->service->db, WORK_MS);
	settle(q, ask(kms->service, q));
	complete(q);
}

static void refusal(
	void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body)
{
	(void)ctx;
	*ret_type = TYPE_JSON;
	*ret_body = what == RD_HTTP_TOO_LARGE ? "{\"__type\":\"ValidationException\",\"message\":"
						"\"The question is larger than 1048576 bytes.\"}"
					      : "{\"__type\":\"SerializationException\","
						"\"message\":\"This is no question in HTTP/1.1.\"}";
}

/* --- start and stop --- */

static enum rd_status find_users(
	const struct kms_config *config, struct kms_service_door *door, struct rd_error *err)
{
	for (size_t i = 0; i < config->n_service_users; i++) {
		const struct passwd *user = getpwnam(config->service_users[i]);

		if (user == NULL) {
			return rd_fail(err, RD_NOTFOUND,
				"service_users: there is no user \"%s\": make it, or take it out",
				config->service_users[i]);
		}
		door->users[door->n_users++] = user->pw_uid;
	}
	return RD_OK;
}

/* The directory is ours alone, so the socket is still what we have made. */
static enum rd_status listen_at(const char *path, int *ret_fd, struct rd_error *err)
{
	char directory[RD_PATH_MAX];
	const struct group *group = getgrnam(GROUP);
	char *slash;

	memcpy(directory, path, sizeof(directory));
	slash = strrchr(directory, '/');
	*slash = '\0';
	RD_TRY(rd_paths_make_dir(directory, 0755, err));
	RD_TRY(rd_msg_listen(path, SOCK_STREAM, 0660, ret_fd, err));
	/* Who is not root and not in the group leaves it to its own group. */
	if (group != NULL && lchown(path, (uid_t)-1, group->gr_gid) != 0 && errno != EPERM) {
		return rd_fail_errno(err, errno, "cannot give %s to group %s", path, GROUP);
	}
	return RD_OK;
}

enum rd_status kms_service_open(struct kms *kms, struct rd_error *err)
{
	const struct kms_config *config = &kms->config;

	if (!config->service) {
		return RD_OK;
	}
	kms->service = calloc(1, sizeof(*kms->service));
	if (kms->service == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for the service door");
	}
	kms->service->listener = -1;
	RD_TRY(find_users(config, kms->service, err));
	RD_TRY(rd_db_open(config->database, &kms_schema, &kms->service->db, err));
	return listen_at(config->service_socket, &kms->service->listener, err);
}

enum rd_status kms_service_start(struct kms *kms, struct rd_error *err)
{
	struct rd_http_config http = {
		.threads = 1,
		.limits = {.body_max = RD_JSON_IN_SIZE_MAX,
			.headers_max = HEADERS_MAX,
			.header_ms = REQUEST_MS,
			.body_ms = REQUEST_MS,
			.idle_ms = IDLE_MS,
			.write_ms = REQUEST_MS,
			.connections = CONNECTIONS},
		.handle = handle,
		.refusal = refusal,
		.ctx = kms,
	};

	if (kms->service == NULL) {
		return RD_OK;
	}
	http.listener = kms->service->listener;
	RD_TRY(rd_http_server_new(&http, &kms->service->server, err));
	rd_log(RD_LOG_INFO, "service door at %s", kms->config.service_socket);
	return RD_OK;
}

void kms_service_stop(struct kms *kms)
{
	struct kms_service_door *door = kms->service;

	if (door == NULL) {
		return;
	}
	rd_http_server_free(&door->server, GRACE_MS);
	kms->service = NULL;
	if (door->listener >= 0) {
		(void)unlink(kms->config.service_socket);
	}
	rd_fd_close(&door->listener);
	for (size_t i = 0; i < KMS_SERVICE_HANDLES; i++) {
		kms_service_handle_free(&door->handles[i]);
	}
	rd_db_close(&door->db);
	free(door);
}
