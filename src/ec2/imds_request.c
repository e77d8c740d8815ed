/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request:
 *
 *	PUT /latest/api/token   a token, unless the request came through a proxy (X-Forwarded-For)
 *	GET anything else       with a token that is good, or without where none is required
 *
 * The version in front ("latest", "2021-07-15") says nothing here: there is one tree.
 */
#include "ec2/imds-internal.h"

#include "aws/uri.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* The longest real one names a tag of 128 characters. */
#define PATH_MAX_LEN 1024

#define TYPE_TEXT "text/plain"
#define TYPE_HTML "text/html"

#define HEADER_TOKEN "X-aws-ec2-metadata-token"
#define HEADER_TTL   "X-aws-ec2-metadata-token-ttl-seconds"

/* Those that clients ask for by name; cloud-init tries them from the newest on. */
static const char *const versions[] = {"1.0", "2007-01-19", "2007-03-01", "2007-08-29",
	"2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04", "2011-01-01",
	"2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19",
	"2016-06-30", "2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01",
	"2020-10-27", "2021-01-03", "2021-03-23", "2021-07-15", "2022-07-09", "2022-09-24",
	"2024-04-11", "latest"};

static void say(struct imds_answer *a, int status, const char *title)
{
	a->status = status;
	a->type = TYPE_HTML;
	a->body.used = 0;
	if (rd_buf_printf(&a->body,
		    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		    "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n"
		    "<head><title>%d - %s</title></head>\n"
		    "<body><h1>%d - %s</h1></body>\n</html>\n",
		    status, title, status, title) != RD_OK) {
		a->body.used = 0;
	}
}

static void say_failed(struct imds_answer *a, enum rd_status st)
{
	if (st == RD_NOTFOUND) {
		say(a, 404, "Not Found");
	} else {
		say(a, 500, "Internal Server Error");
	}
}

/* Behind the '?' nothing counts. */
static enum rd_status read_path(const struct rd_http_request *request, char ret[PATH_MAX_LEN])
{
	const uint8_t *query = request->target.len > 0
				       ? memchr(request->target.ptr, '?', request->target.len)
				       : NULL;
	const size_t len = query != NULL ? (size_t)(query - request->target.ptr)
					 : request->target.len;
	struct rd_buf out = rd_buf_fixed(ret, PATH_MAX_LEN - 1);

	RD_ENSURE(len > 0 && request->target.ptr[0] == '/', RD_MALFORMED);
	RD_TRY(rd_uri_decode(rd_view(request->target.ptr, len), false, &out));
	RD_ENSURE(memchr(ret, '\0', out.used) == NULL, RD_MALFORMED);
	ret[out.used] = '\0';
	return RD_OK;
}

static size_t version_len(const char *path)
{
	const size_t len = strcspn(path, "/");

	for (size_t i = 0; i < RD_ARRAY_LEN(versions); i++) {
		if (strlen(versions[i]) == len && memcmp(versions[i], path, len) == 0) {
			return len;
		}
	}
	return 0;
}

static enum rd_status put_versions(struct rd_buf *out)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(versions); i++) {
		RD_TRY(rd_buf_printf(out, "%s%s", i > 0 ? "\n" : "", versions[i]));
	}
	return RD_OK;
}

static enum rd_status get(const struct imds_view *view, const char *path, struct rd_buf *out)
{
	size_t len;

	while (*path == '/') {
		path++;
	}
	if (*path == '\0') {
		return put_versions(out);
	}
	len = version_len(path);
	RD_ENSURE(len > 0, RD_NOTFOUND);
	return imds_tree_get(view, path + len + (path[len] == '/' ? 1 : 0), out);
}

static void answer_get(const struct imds_view *view, const char *path, struct imds_answer *a)
{
	enum rd_status st;

	a->status = 200;
	a->type = TYPE_TEXT;
	st = get(view, path, &a->body);
	if (st != RD_OK) {
		say_failed(a, st);
	}
}

/* Only latest has it. */
static bool asks_for_token(const char *path)
{
	return strcmp(path, "/latest/api/token") == 0;
}

static enum rd_status read_ttl(const struct rd_http_request *request, uint32_t *ret)
{
	struct rd_view text = rd_http_header_find(request, HEADER_TTL);
	char number[8];
	uint64_t n;

	RD_ENSURE(text.len > 0 && text.len < sizeof(number), RD_USAGE);
	memcpy(number, text.ptr, text.len);
	number[text.len] = '\0';
	RD_TRY(rd_parse_u64(number, 1, IMDS_TOKEN_TTL_MAX, &n));
	*ret = (uint32_t)n;
	return RD_OK;
}

static void answer_put(const struct imds_view *view, const struct rd_http_request *request,
	const char *path, struct imds_answer *a)
{
	char token[IMDS_TOKEN_SIZE];
	uint32_t ttl_s;

	if (rd_http_header_find(request, "X-Forwarded-For").ptr != NULL) {
		say(a, 403, "Forbidden");
	} else if (!asks_for_token(path)) {
		say(a, 405, "Method Not Allowed");
	} else if (read_ttl(request, &ttl_s) != RD_OK) {
		say(a, 400, "Bad Request");
	} else if (imds_token_make(view->service->token_key, view->now_ms, ttl_s, token) != RD_OK ||
		   rd_buf_put_str(&a->body, token) != RD_OK) {
		say(a, 500, "Internal Server Error");
	} else {
		a->status = 200;
		a->type = TYPE_TEXT;
		a->ttl_s = ttl_s;
	}
}

/* A token that is wrong is refused where none would be needed, too. */
static bool may_get(
	const struct imds_view *view, const struct rd_http_request *request, struct imds_answer *a)
{
	struct rd_view token = rd_http_header_find(request, HEADER_TOKEN);

	if (token.ptr == NULL) {
		return !view->instance->tokens_required;
	}
	return imds_token_check(view->service->token_key, view->now_ms, token, &a->ttl_s) == RD_OK;
}

static void judge(
	const struct imds_view *view, const struct rd_http_request *request, struct imds_answer *a)
{
	char path[PATH_MAX_LEN];

	if (view->instance->off) {
		say(a, 403, "Forbidden");
	} else if (read_path(request, path) != RD_OK) {
		say(a, 400, "Bad Request");
	} else if (rd_view_equal(request->method, rd_view_str("PUT"))) {
		answer_put(view, request, path, a);
	} else if (!rd_view_equal(request->method, rd_view_str("GET"))) {
		say(a, 405, "Method Not Allowed");
	} else if (!may_get(view, request, a)) {
		say(a, 401, "Unauthorized");
	} else if (asks_for_token(path)) {
		say(a, 405, "Method Not Allowed");
	} else {
		answer_get(view, path, a);
	}
}

void imds_answer(struct imds_service *service, const struct rd_http_request *request,
	struct imds_answer *ret)
{
	const struct imds_source *source = service->source;
	struct imds_instance *instance = calloc(1, sizeof(*instance));
	struct imds_view view = {
		.service = service, .instance = instance, .now_ms = source->now_ms()};
	enum rd_status st = RD_NOMEM;

	ret->ttl_s = 0;
	if (instance != NULL) {
		st = source->instance(source->ctx, service->id, instance);
	}
	if (st == RD_OK) {
		judge(&view, request, ret);
	} else {
		say_failed(ret, st);
	}
	if (st == RD_OK && source->seen != NULL) {
		source->seen(source->ctx, service->id);
	}
	if (instance != NULL) {
		imds_instance_finish(instance);
	}
	free(instance);
}
