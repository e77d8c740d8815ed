/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of a Docker Engine: inspected, pulled when they are not there, built when a directory is
 * given, and exported as the archive that `docker save` makes, by ID, so that what was inspected is
 * what is exported.
 */
#include "image/auth.h"
#include "image/context.h"
#include "image/engine.h"
#include "image/json.h"
#include "image/progress.h"
#include "image/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLATFORM RD_IMAGE_OS "/" RD_IMAGE_ARCH
/* One message of a pull or build; the engine's are lines of a few hundred bytes. */
#define MESSAGE_MAX (64u << 10)

/* The stream of JSON messages that a pull or a build answers with, one a line. */
struct messages {
	struct rd_progress progress;
	struct rd_buf line;
	bool too_long; /* the line does not fit and is dropped */
	bool failed;
	char error[256];
};

static void show(struct messages *m, const char *id, const char *status)
{
	if (id != NULL) {
		rd_progress_add(&m->progress, rd_view_str(id));
		rd_progress_add(&m->progress, rd_view_str(": "));
	}
	rd_progress_add(&m->progress, rd_view_str(status));
	rd_progress_add(&m->progress, rd_view_str("\n"));
}

static void take_message(struct messages *m)
{
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	const char *error;
	const char *stream;
	const char *status;

	if (rd_json_parse(rd_buf_view(&m->line), "message", &doc, NULL) != RD_OK) {
		return;
	}
	error = json_string_value(json_object_get(doc, "error"));
	stream = json_string_value(json_object_get(doc, "stream"));
	status = json_string_value(json_object_get(doc, "status"));
	if (error != NULL) {
		m->failed = true;
		(void)snprintf(m->error, sizeof(m->error), "%s", error);
		m->error[strcspn(m->error, "\r\n")] = '\0';
		show(m, NULL, error);
	} else if (stream != NULL) {
		rd_progress_add(&m->progress, rd_view_str(stream));
	} else if (status != NULL && json_object_get(doc, "progress") == NULL) {
		show(m, json_string_value(json_object_get(doc, "id")), status);
	}
}

static enum rd_status on_messages(void *ctx, struct rd_view bytes, struct rd_error *err)
{
	struct messages *m = ctx;

	(void)err;
	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.ptr[i] != '\n') {
			m->too_long |= rd_buf_u8(&m->line, bytes.ptr[i]) != RD_OK;
			continue;
		}
		if (!m->too_long && m->line.used > 0) {
			take_message(m);
		}
		m->line.used = 0;
		m->too_long = false;
	}
	return RD_OK;
}

/* A POST whose answer is such a stream. */
static enum rd_status post(struct rd_opening *o, struct rd_engine *e,
	struct rd_engine_request *request, struct rd_error *err)
{
	struct messages m = {
		.progress = {.options = o->options},
		.line = rd_buf_growable(MESSAGE_MAX),
	};
	long http;
	enum rd_status st;

	request->post = true;
	request->take = on_messages;
	request->ctx = &m;
	st = rd_engine_perform(e, request, &http, err);
	if (st == RD_OK && m.line.used > 0 && !m.too_long) {
		take_message(&m);
	}
	rd_progress_flush(&m.progress);
	rd_buf_finish(&m.line);
	if (st == RD_OK && m.failed) {
		/* The status line said 200 long before it went wrong. */
		st = rd_fail(err, RD_IO, "the Docker Engine says: %s", m.error);
	}
	return st;
}

static enum rd_status on_document(void *ctx, struct rd_view bytes, struct rd_error *err)
{
	if (rd_buf_put_view(ctx, bytes) != RD_OK) {
		return rd_fail(err, RD_LIMIT, "the Docker Engine's answer is too long");
	}
	return RD_OK;
}

/* The image's ID; RD_NOTFOUND if the engine does not have it. */
static enum rd_status inspect(
	struct rd_engine *e, const char *ref, char **ret_id, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_JSON_SIZE_MAX);
	struct rd_engine_request request = {.body = {.fd = -1}, .take = on_document, .ctx = &text};
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	const char *id = NULL;
	char *path;
	long http;
	enum rd_status st;

	if (asprintf(&path, "/images/%s/json", ref) == -1) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	request.path = path;
	st = rd_engine_perform(e, &request, &http, err);
	free(path);
	RD_TRY(st);
	RD_TRY(rd_json_parse(rd_buf_view(&text), "Docker Engine's answer", &doc, err));
	RD_TRY(rd_json_string(doc, "Id", &id, err));
	/* It becomes part of the next request's path. */
	if (id == NULL || !rd_digest_is_valid(id)) {
		return rd_fail(err, RD_MALFORMED, "the Docker Engine gives no valid image ID");
	}
	*ret_id = strdup(id);
	return *ret_id != NULL ? RD_OK : rd_fail(err, RD_NOMEM, "out of memory");
}

static enum rd_status pull(
	struct rd_opening *o, struct rd_engine *e, const struct rd_ref *ref, struct rd_error *err)
{
	struct rd_engine_request request = {.body = {.fd = -1}};
	char *auth RD_CLEANUP(rd_auth_free) = NULL;
	char *path;
	enum rd_status st;

	RD_TRY(rd_auth_find(ref->domain, &auth, err));
	if (asprintf(&path, "/images/create?fromImage=%s&tag=%s&platform=" PLATFORM, ref->name,
		    ref->digest != NULL ? ref->digest : ref->tag) == -1) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	request.path = path;
	request.registry_auth = auth;
	st = post(o, e, &request, err);
	free(path);
	if (st != RD_OK) {
		return rd_error_wrap(err, st,
			"cannot pull %s (check the name, the network and `docker login`)",
			ref->full);
	}
	return RD_OK;
}

static enum rd_status build(
	struct rd_opening *o, struct rd_engine *e, const struct rd_ref *ref, struct rd_error *err)
{
	struct rd_engine_request request = {.may_be_silent = true};
	struct rd_spool spool RD_CLEANUP(rd_spool_close) = {.fd = -1};
	char *path;
	enum rd_status st;

	o->stage = RD_IMAGE_STAGE_FILE;
	RD_TRY(rd_spool_open(o->options->scratch_dir, RD_TREE_DATA_MAX, &spool, err));
	RD_TRY(rd_context_pack(o->options->build_dir, &spool, err));
	o->stage = RD_IMAGE_STAGE_BUILD;
	if (asprintf(&path, "/build?t=%s&rm=1&platform=" PLATFORM, ref->full) == -1) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	request.path = path;
	request.body = rd_spool_blob(&spool, 0);
	st = post(o, e, &request, err);
	free(path);
	if (st != RD_OK) {
		return rd_error_wrap(err, st, "cannot build %s", o->options->build_dir);
	}
	return RD_OK;
}

static enum rd_status on_archive(void *ctx, struct rd_view bytes, struct rd_error *err)
{
	return rd_spool_append(ctx, bytes.ptr, bytes.len, err);
}

static enum rd_status export_image(struct rd_opening *o, struct rd_engine *e, const char *id,
	const struct rd_ref *ref, struct rd_image **ret_image, struct rd_error *err)
{
	struct rd_spool spool RD_CLEANUP(rd_spool_close) = {.fd = -1};
	struct rd_engine_request request = {.body = {.fd = -1}, .take = on_archive, .ctx = &spool};
	char *path;
	long http;
	enum rd_status st;

	o->stage = RD_IMAGE_STAGE_FILE;
	RD_TRY(rd_spool_open(o->options->scratch_dir, RD_TREE_DATA_MAX, &spool, err));
	o->stage = RD_IMAGE_STAGE_PULL;
	if (asprintf(&path, "/images/%s/get", id) == -1) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	request.path = path;
	st = rd_engine_perform(e, &request, &http, err);
	free(path);
	RD_TRY(st);
	return rd_archive_read(o, rd_spool_blob(&spool, 0), NULL, ref->full, ret_image, err);
}

static enum rd_status on_nothing(void *ctx, struct rd_view bytes, struct rd_error *err)
{
	(void)ctx;
	(void)bytes;
	(void)err;
	return RD_OK;
}

/* Is anybody there? Before a build context is packed for nobody. */
static enum rd_status ping(struct rd_engine *e, struct rd_error *err)
{
	const struct rd_engine_request request = {
		.path = "/_ping", .body = {.fd = -1}, .take = on_nothing};
	long http;

	return rd_engine_perform(e, &request, &http, err);
}

/* Brings the image into the engine, if need be, and finds its ID. */
static enum rd_status obtain(struct rd_opening *o, struct rd_engine *e, const struct rd_ref *ref,
	char **ret_id, bool *ret_local, struct rd_error *err)
{
	enum rd_status st;

	*ret_local = false;
	if (o->options->build_dir != NULL) {
		RD_TRY(ping(e, err));
		RD_TRY(build(o, e, ref, err));
		return inspect(e, ref->full, ret_id, err);
	}
	st = inspect(e, ref->full, ret_id, err);
	if (st == RD_OK && !o->options->always_pull) {
		*ret_local = true;
		return RD_OK;
	}
	if (st == RD_OK || st == RD_NOTFOUND) {
		free(rd_steal(ret_id, NULL));
		RD_TRY(pull(o, e, ref, err));
		st = inspect(e, ref->full, ret_id, err);
	}
	return st;
}

enum rd_status rd_source_docker(struct rd_opening *o, const struct rd_ref *ref, bool *ret_no_engine,
	struct rd_image **ret_image, struct rd_error *err)
{
	struct rd_engine *e RD_CLEANUP(rd_engine_close) = NULL;
	char *id = NULL;
	bool local = false;
	enum rd_status st;

	RD_TRY(rd_engine_open(&e, err));
	st = obtain(o, e, ref, &id, &local, err);
	if (st == RD_OK) {
		st = export_image(o, e, id, ref, ret_image, err);
	}
	free(id);
	*ret_no_engine = st == RD_CLOSED;
	if (st == RD_OK) {
		(*ret_image)->from_local = local;
	}
	return st;
}
