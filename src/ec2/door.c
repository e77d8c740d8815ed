/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the service door. */
#include "ec2/door.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "log/log.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both ends are on this host; a door that takes longer is stuck behind a full disk. */
#define ASK_MS 10000
/* The longest answer, credentials, is under 8 KiB; a sentence of IAM's about ARNs 4. */
#define ANSWER_MAX (64u << 10)

struct connection {
	CURL *curl;
	struct curl_slist *headers;
};

struct ec2_door {
	char path[RD_PATH_MAX];
	struct connection *connections;
	unsigned n;
	struct ec2_authority authority;
};

/* --- asking --- */

static size_t take(char *bytes, size_t size, size_t n, void *arg)
{
	return rd_buf_put(arg, bytes, size * n) == RD_OK ? size * n : 0;
}

static enum rd_status prepare(struct ec2_door *door, struct connection *c)
{
	if (c->curl != NULL) {
		return RD_OK;
	}
	c->headers = curl_slist_append(NULL, "Content-Type: application/json");
	c->curl = c->headers == NULL ? NULL : curl_easy_init();
	RD_ENSURE(c->curl != NULL, RD_NOMEM);
	(void)curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, door->path);
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	(void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)ASK_MS);
	(void)curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	return RD_OK;
}

static enum rd_status perform(struct connection *c, const char *path, const char *question,
	struct rd_buf *answer, long *ret_status)
{
	char url[128];
	CURLcode rc;

	snprintf(url, sizeof(url), "http://localhost%s", path);
	(void)curl_easy_setopt(c->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(question));
	(void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, question);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, answer);
	rc = curl_easy_perform(c->curl);
	if (rc != CURLE_OK) {
		rd_log(RD_LOG_ERROR, "the service door of redoubt-kms: %s: is it running?",
			curl_easy_strerror(rc));
		return RD_UNAVAILABLE;
	}
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, ret_status);
	return RD_OK;
}

enum rd_status ec2_door_ask(struct ec2_door *door, unsigned connection, const char *path,
	json_t *question, json_t **ret_answer)
{
	struct connection *c = &door->connections[connection];
	struct rd_buf body RD_CLEANUP(rd_buf_finish) = rd_buf_growable(ANSWER_MAX);
	char *text = question == NULL ? NULL : json_dumps(question, JSON_COMPACT);
	enum rd_status st = text == NULL ? RD_NOMEM : prepare(door, c);
	long status = 0;

	json_decref(question);
	if (st == RD_OK) {
		st = perform(c, path, text, &body, &status);
	}
	free(text);
	RD_TRY(st);
	*ret_answer = json_loadb((const char *)body.ptr, body.used, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*ret_answer)) {
		json_decref(*ret_answer);
		*ret_answer = NULL;
		rd_log(RD_LOG_ERROR, "the service door answers %s with status %ld and no object",
			path, status);
		return RD_UNAVAILABLE;
	}
	return status == 200 ? RD_OK : RD_FORBIDDEN;
}

/* --- faults --- */

static const struct {
	const char *type;
	enum ec2_fault_type fault;
} faults[] = {
	{"MissingAuthenticationTokenException", EC2_FAULT_MISSING_TOKEN},
	{"IncompleteSignatureException", EC2_FAULT_INCOMPLETE_SIGNATURE},
	{"InvalidSignatureException", EC2_FAULT_SIGNATURE},
	{"ExpiredTokenException", EC2_FAULT_REQUEST_EXPIRED},
	{"UnrecognizedClientException", EC2_FAULT_AUTH_FAILURE},
};

static const char *text_of(const json_t *answer, const char *name)
{
	const char *text = json_string_value(json_object_get(answer, name));

	return text == NULL ? "" : text;
}

static enum rd_status unavailable(struct ec2_call *call)
{
	return ec2_fail(call, EC2_FAULT_UNAVAILABLE, "%s",
		"The service that knows users and policies cannot be asked at present. The request "
		"can be retried.");
}

static enum rd_status fault_of(struct ec2_call *call, const json_t *answer)
{
	const char *type = text_of(answer, "__type"), *message = text_of(answer, "message");

	for (size_t i = 0; i < RD_ARRAY_LEN(faults); i++) {
		if (strcmp(type, faults[i].type) == 0) {
			return ec2_fail(call, faults[i].fault, "%s",
				message[0] != '\0' ? message
						   : "AWS was not able to validate the provided "
						     "access credentials");
		}
	}
	rd_log(RD_LOG_ERROR, "the service door refuses: %s: %s", type, message);
	return unavailable(call);
}

static enum rd_status ask(struct ec2_door *door, struct ec2_call *call, const char *path,
	json_t *question, json_t **ret_answer)
{
	enum rd_status st = ec2_door_ask(door, call->worker, path, question, ret_answer);

	if (st == RD_UNAVAILABLE) {
		return unavailable(call);
	}
	return st;
}

/* --- who --- */

static enum rd_status headers_of(const struct rd_http_request *request, json_t **ret)
{
	json_t *list = json_array();

	for (size_t i = 0; i < request->n_headers; i++) {
		const struct rd_http_header *h = &request->headers[i];
		json_t *pair = json_array();

		/* Bytes that are no UTF-8 are in no header that anybody signs. */
		(void)json_array_append_new(
			pair, json_stringn((const char *)h->name.ptr, h->name.len));
		(void)json_array_append_new(
			pair, json_stringn((const char *)h->value.ptr, h->value.len));
		if (json_array_size(pair) != 2 || json_array_append_new(list, pair) != 0) {
			json_decref(list);
			return RD_MALFORMED;
		}
	}
	*ret = list;
	return RD_OK;
}

static enum rd_status question_of(const struct rd_http_request *request, json_t **ret)
{
	uint8_t digest[RD_SHA256_SIZE];
	char hex[2 * RD_SHA256_SIZE + 1];
	json_t *headers = NULL;

	RD_TRY(rd_digest_once(RD_SHA256, request->body, digest));
	rd_hex_string(rd_view(digest, sizeof(digest)), hex);
	RD_TRY(headers_of(request, &headers));
	*ret = json_pack("{s:s, s:s%, s:s%, s:o, s:s, s:s, s:b}", "service", "ec2", "method",
		(const char *)request->method.ptr, request->method.len, "target",
		(const char *)request->target.ptr, request->target.len, "headers", headers,
		"body_sha256", hex, "source_ip", request->peer, "tls", (int)request->tls);
	return *ret == NULL ? RD_NOMEM : RD_OK;
}

static enum rd_status copy(const json_t *answer, const char *name, char *ret, size_t size)
{
	const char *text = text_of(answer, name);

	RD_ENSURE(text[0] != '\0' && strlen(text) < size, RD_LIMIT);
	memcpy(ret, text, strlen(text) + 1);
	return RD_OK;
}

static enum rd_status identity_from(const json_t *answer, struct ec2_identity *ret)
{
	RD_TRY(copy(answer, "account", ret->account, sizeof(ret->account)));
	RD_TRY(copy(answer, "arn", ret->arn, sizeof(ret->arn)));
	return copy(answer, "handle", ret->handle, sizeof(ret->handle));
}

static enum rd_status authenticate(
	void *ctx, struct ec2_call *call, const struct rd_http_request *request)
{
	json_t *question = NULL, *answer = NULL;
	enum rd_status st = question_of(request, &question);

	if (st == RD_MALFORMED) {
		return ec2_fail(call, EC2_FAULT_INCOMPLETE_SIGNATURE, "%s",
			"A header of the request is not UTF-8.");
	}
	RD_TRY(st);
	st = ask(ctx, call, "/authenticate", question, &answer);
	if (st == RD_OK) {
		st = identity_from(answer, &call->who);
	} else if (answer != NULL) {
		st = fault_of(call, answer);
	}
	json_decref(answer);
	return st;
}

/* --- whether --- */

static enum rd_status authorize(
	void *ctx, struct ec2_call *call, json_t *checks, char ret_why[EC2_MESSAGE_SIZE])
{
	json_t *question = json_pack("{s:s, s:O}", "handle", call->who.handle, "checks", checks);
	json_t *answer = NULL;
	enum rd_status st = ask(ctx, call, "/authorize", question, &answer);

	if (st == RD_OK && !json_is_true(json_object_get(answer, "allowed"))) {
		snprintf(ret_why, EC2_MESSAGE_SIZE, "%s", text_of(answer, "message"));
		st = RD_DENIED;
	} else if (st != RD_OK && answer != NULL) {
		st = fault_of(call, answer);
	}
	json_decref(answer);
	return st;
}

/* --- profiles --- */

static enum rd_status profile_from(const json_t *answer, struct ec2_profile *ret)
{
	const json_t *role = json_array_get(json_object_get(answer, "roles"), 0);

	*ret = (struct ec2_profile){.role_arn = ""};
	RD_TRY(copy(answer, "arn", ret->arn, sizeof(ret->arn)));
	RD_TRY(copy(answer, "id", ret->id, sizeof(ret->id)));
	return role == NULL ? RD_OK : copy(role, "arn", ret->role_arn, sizeof(ret->role_arn));
}

static enum rd_status profile(void *ctx, struct ec2_call *call, const char *name, const char *arn,
	struct ec2_profile *ret)
{
	bool by_arn = arn[0] != '\0';
	json_t *question = json_pack("{s:s, s:s}", "account", call->who.account,
		by_arn ? "arn" : "name", by_arn ? arn : name);
	json_t *answer = NULL;
	enum rd_status st = ask(ctx, call, "/instance-profile", question, &answer);

	if (st == RD_OK) {
		st = profile_from(answer, ret);
	} else if (answer != NULL && strcmp(text_of(answer, "__type"), "NotFoundException") == 0) {
		st = ec2_fail(call, EC2_FAULT_PARAMETER_VALUE,
			"Value (%s) for parameter iamInstanceProfile.%s is invalid. Invalid IAM "
			"Instance Profile %s",
			by_arn ? arn : name, by_arn ? "arn" : "name", by_arn ? "ARN" : "name");
	} else if (answer != NULL) {
		st = fault_of(call, answer);
	}
	json_decref(answer);
	return st;
}

/* --- start and end --- */

enum rd_status ec2_door_new(
	const char *socket_path, unsigned connections, struct ec2_door **ret, struct rd_error *err)
{
	struct ec2_door *door = calloc(1, sizeof(*door));

	if (strlen(socket_path) >= RD_SOCKET_PATH_MAX) {
		free(door);
		return rd_fail(err, RD_LIMIT,
			"service_socket %s is longer than %d bytes, which a socket's path may be",
			socket_path, RD_SOCKET_PATH_MAX - 1);
	}
	if (door != NULL) {
		door->connections = calloc(connections, sizeof(*door->connections));
	}
	if (door == NULL || door->connections == NULL ||
		curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
		ec2_door_free(&door);
		return rd_fail(err, RD_NOMEM, "out of memory for the service door");
	}
	snprintf(door->path, sizeof(door->path), "%s", socket_path);
	door->n = connections;
	door->authority = (struct ec2_authority){.ctx = door,
		.authenticate = authenticate,
		.authorize = authorize,
		.profile = profile};
	*ret = door;
	return RD_OK;
}

void ec2_door_free(struct ec2_door **door)
{
	struct ec2_door *d = rd_steal(door, NULL);

	if (d == NULL) {
		return;
	}
	for (unsigned i = 0; i < d->n; i++) {
		if (d->connections[i].curl != NULL) {
			curl_easy_cleanup(d->connections[i].curl);
		}
		curl_slist_free_all(d->connections[i].headers);
	}
	free(d->connections);
	free(d);
}

const struct ec2_authority *ec2_door_authority(struct ec2_door *door)
{
	return &door->authority;
}
