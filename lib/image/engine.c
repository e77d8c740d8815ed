/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP over the engine's Unix socket, through libcurl. */
#include "image/engine.h"

#include "image/json.h"
#include "os/fd.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/var/run/docker.sock"
#define UNIX_SCHEME    "unix://"
/* An engine's error message is a line; what is longer is cut. */
#define ERROR_BODY_MAX 8192

struct rd_engine {
	CURL *curl;
	char *socket;
};

/* One request on its way. */
struct transfer {
	const struct rd_engine_request *request;
	CURL *curl;
	struct rd_buf error_body;
	uint64_t body_pos;
	enum rd_status st; /* why `take` or the body stopped it */
	struct rd_error *err;
};

enum rd_status rd_engine_open(struct rd_engine **ret_engine, struct rd_error *err)
{
	struct rd_engine *e RD_CLEANUP(rd_engine_close) = calloc(1, sizeof(*e));
	const char *host = getenv("DOCKER_HOST");

	RD_ENSURE(e != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	if (host == NULL || host[0] == '\0') {
		host = UNIX_SCHEME DEFAULT_SOCKET;
	}
	if (strncmp(host, UNIX_SCHEME, strlen(UNIX_SCHEME)) != 0) {
		return rd_fail(err, RD_UNSUPPORTED,
			"DOCKER_HOST is \"%s\": only unix:///path is supported; unset it, or use "
			"docker-archive:FILE or oci:DIR",
			host);
	}
	e->socket = strdup(host + strlen(UNIX_SCHEME));
	e->curl = curl_easy_init();
	if (e->socket == NULL || e->curl == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	*ret_engine = rd_steal(&e, NULL);
	return RD_OK;
}

void rd_engine_close(struct rd_engine **engine)
{
	struct rd_engine *e = *engine;

	if (e == NULL) {
		return;
	}
	curl_easy_cleanup(e->curl);
	free(e->socket);
	free(e);
	*engine = NULL;
}

static size_t on_answer(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct rd_view piece = rd_view(bytes, size * n);
	long http = 0;

	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &http);
	if (http != 200) {
		size_t room = t->error_body.max - t->error_body.used;

		piece.len = piece.len < room ? piece.len : room;
		t->st = rd_buf_put_view(&t->error_body, piece);
		return t->st == RD_OK ? size * n : 0;
	}
	t->st = t->request->take(t->request->ctx, piece, t->err);
	return t->st == RD_OK ? size * n : 0;
}

static size_t on_body(char *dst, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	const struct rd_blob *body = &t->request->body;
	uint64_t left = body->size - t->body_pos;
	size_t want = size * n < left ? size * n : (size_t)left;

	if (rd_fd_pread_full(body->fd, dst, want, body->offset + t->body_pos) != RD_OK) {
		t->st = rd_fail_errno(t->err, errno, "cannot read the build context");
		return CURL_READFUNC_ABORT;
	}
	t->body_pos += want;
	return want;
}

/* What the engine says of an error: {"message": "…"}. */
static enum rd_status fail_http(const struct transfer *t, long http, struct rd_error *err)
{
	enum rd_status st = http == 404 ? RD_NOTFOUND : RD_IO;
	struct rd_view body = rd_buf_view(&t->error_body);
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	const char *message = NULL;

	if (http == 401 || http == 403) {
		st = RD_DENIED;
	}
	if (rd_json_parse(body, "answer", &doc, NULL) == RD_OK) {
		message = json_string_value(json_object_get(doc, "message"));
	}
	return rd_fail(err, st, "the Docker Engine answers %ld: %.*s", http,
		(int)(message != NULL ? strlen(message) : body.len),
		message != NULL ? message : (const char *)body.ptr);
}

static enum rd_status fail_curl(
	const struct rd_engine *e, const struct transfer *t, CURLcode code, struct rd_error *err)
{
	long os_errno = 0;

	if (t->st != RD_OK) {
		return t->st;
	}
	(void)curl_easy_getinfo(e->curl, CURLINFO_OS_ERRNO, &os_errno);
	if (code == CURLE_COULDNT_CONNECT && (os_errno == EACCES || os_errno == EPERM)) {
		return rd_fail(err, RD_DENIED,
			"no permission for the Docker Engine's socket %s: run as root, or join its "
			"group (docker)",
			e->socket);
	}
	if (code == CURLE_COULDNT_CONNECT) {
		return rd_fail(err, RD_CLOSED,
			"no Docker Engine listens on %s: start it, set DOCKER_HOST, or use "
			"docker-archive:FILE or oci:DIR",
			e->socket);
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		return rd_fail(err, RD_TIMEOUT, "the Docker Engine on %s says nothing any more",
			e->socket);
	}
	return rd_fail(
		err, RD_IO, "the Docker Engine on %s: %s", e->socket, curl_easy_strerror(code));
}

/* Headers of the request; NULL when out of memory. */
static struct curl_slist *make_headers(const struct rd_engine_request *request)
{
	/* Without "Expect:" curl waits a second for permission to send the body. */
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	struct curl_slist *more = headers;
	char *auth = NULL;

	if (more != NULL && request->body.fd != -1) {
		more = curl_slist_append(headers, "Content-Type: application/x-tar");
	}
	if (more != NULL && request->registry_auth != NULL) {
		more = NULL;
		if (asprintf(&auth, "X-Registry-Auth: %s", request->registry_auth) != -1) {
			more = curl_slist_append(headers, auth);
			free(auth);
		}
	}
	if (more == NULL) {
		curl_slist_free_all(headers);
		return NULL;
	}
	return headers;
}

static CURLcode set_options(struct rd_engine *e, struct transfer *t, struct curl_slist *headers,
	const char *url, char error_text[CURL_ERROR_SIZE])
{
	const struct rd_engine_request *r = t->request;
	CURLcode c = CURLE_OK;

	curl_easy_reset(e->curl);
#define SET(option, value) c = c == CURLE_OK ? curl_easy_setopt(e->curl, option, value) : c
	SET(CURLOPT_UNIX_SOCKET_PATH, e->socket);
	SET(CURLOPT_URL, url);
	/* Nothing of the environment (http_proxy) may redirect a local socket. */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT, (long)RD_ENGINE_CONNECT_S);
	SET(CURLOPT_ERRORBUFFER, error_text);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_WRITEFUNCTION, on_answer);
	SET(CURLOPT_WRITEDATA, t);
	if (!r->may_be_silent) {
		SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
		SET(CURLOPT_LOW_SPEED_TIME, (long)RD_ENGINE_SILENCE_S);
	}
	if (r->post) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_READFUNCTION, on_body);
		SET(CURLOPT_READDATA, t);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(r->body.fd != -1 ? r->body.size : 0));
	}
#undef SET
	return c;
}

static enum rd_status perform(
	struct rd_engine *e, struct transfer *t, const char *url, long *ret_http)
{
	char error_text[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = make_headers(t->request);
	long http = 0;
	CURLcode code;

	RD_ENSURE(headers != NULL, rd_fail(t->err, RD_NOMEM, "out of memory"));
	code = set_options(e, t, headers, url, error_text);
	if (code == CURLE_OK) {
		code = curl_easy_perform(e->curl);
	}
	curl_slist_free_all(headers);
	(void)curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &http);
	*ret_http = http;
	if (code != CURLE_OK) {
		return fail_curl(e, t, code, t->err);
	}
	return http == 200 ? RD_OK : fail_http(t, http, t->err);
}

enum rd_status rd_engine_perform(struct rd_engine *e, const struct rd_engine_request *request,
	long *ret_http, struct rd_error *err)
{
	struct transfer t = {
		.request = request,
		.curl = e->curl,
		.error_body = rd_buf_growable(ERROR_BODY_MAX),
		.err = err,
	};
	char *url;
	enum rd_status st;

	if (asprintf(&url, "http://localhost%s", request->path) == -1) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	st = perform(e, &t, url, ret_http);
	free(url);
	rd_buf_finish(&t.error_body);
	return st;
}
