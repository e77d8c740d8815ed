/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role's credentials. The same ones are told until a sixth of their life is left; when new ones
 * cannot be had then, the old ones are, for as long as they are good. After that, the reason, in
 * the form that SDKs understand.
 */
#include "ec2/imds-internal.h"

#include "base/secret.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define RENEW_PART 6

void imds_time(int64_t unix_ms, char ret[IMDS_TIME_SIZE])
{
	_Static_assert(IMDS_TIME_SIZE >= RD_TIME_TEXT_SIZE, "it fits");
	rd_time_string(unix_ms > 0 ? (uint64_t)unix_ms : 0, ret);
	memcpy(ret + strlen("2026-01-01T00:00:00"), "Z", 2);
}

void imds_credentials_finish(struct imds_credentials *c)
{
	if (c->text != NULL) {
		rd_wipe(c->text, strlen(c->text));
		free(c->text);
	}
	*c = (struct imds_credentials){.until_ms = 0};
}

static bool is_current(const struct imds_view *view)
{
	const struct imds_credentials *c = &view->service->credentials;

	return c->text != NULL && view->now_ms < c->until_ms &&
	       strcmp(c->role_arn, view->instance->role_arn) == 0;
}

static bool is_fresh(const struct imds_view *view)
{
	const int64_t margin_ms = (int64_t)view->service->credentials_s * 1000 / RENEW_PART;

	return is_current(view) && view->service->credentials.until_ms - view->now_ms > margin_ms;
}

/* The form and order in which everyone's examples have it. */
static enum rd_status write_text(const struct imds_view *view, json_t *answer, char **ret)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(IMDS_BODY_MAX);
	static const char *const members[] = {
		"AccessKeyId", "SecretAccessKey", "Token", "Expiration"};
	char updated[IMDS_TIME_SIZE];
	uint8_t *unused;
	enum rd_status st;

	imds_time(view->now_ms, updated);
	/* At once: a buffer that grows leaves copies behind. */
	RD_TRY(rd_buf_reserve(&out, IMDS_BODY_MAX / 2, &unused));
	out.used = 0;
	st = rd_buf_printf(&out,
		"{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"%s\",\n"
		"  \"Type\" : \"AWS-HMAC\"",
		updated);
	for (size_t i = 0; i < RD_ARRAY_LEN(members) && st == RD_OK; i++) {
		const char *value = json_string_value(json_object_get(answer, members[i]));

		st = value == NULL ? RD_MALFORMED
				   : rd_buf_printf(&out, ",\n  \"%s\" : \"%s\"", members[i], value);
	}
	if (st == RD_OK) {
		st = rd_buf_put(&out, "\n}", sizeof("\n}"));
	}
	*ret = st == RD_OK ? strdup((const char *)out.ptr) : NULL;
	rd_wipe(out.ptr, out.used);
	RD_TRY(st);
	return *ret != NULL ? RD_OK : RD_NOMEM;
}

static enum rd_status take(const struct imds_view *view, json_t *answer)
{
	struct imds_credentials *c = &view->service->credentials;
	const char *expires = json_string_value(json_object_get(answer, "Expiration"));
	int64_t until_s;
	char *text = NULL;

	RD_ENSURE(expires != NULL, RD_MALFORMED);
	RD_TRY(rd_parse_time(expires, &until_s));
	RD_TRY(write_text(view, answer, &text));
	imds_credentials_finish(c);
	c->text = text;
	c->until_ms = until_s * 1000;
	memcpy(c->role_arn, view->instance->role_arn, sizeof(c->role_arn));
	return RD_OK;
}

/* What is told instead, with 200, as AWS does: SDKs look at Code. */
static enum rd_status put_refusal(
	const struct imds_view *view, enum rd_status st, json_t *answer, struct rd_buf *out)
{
	const char *message = json_string_value(json_object_get(answer, "message"));
	char updated[IMDS_TIME_SIZE];
	json_t *told;
	char *text;

	imds_time(view->now_ms, updated);
	told = json_pack("{ss ss ss}", "Code",
		st == RD_FORBIDDEN ? "AssumeRoleUnauthorizedAccess" : "InternalError", "Message",
		message != NULL ? message : "The role's credentials are not available now.",
		"LastUpdated", updated);
	text = json_dumps(told, JSON_INDENT(2));
	json_decref(told);
	RD_ENSURE(text != NULL, RD_NOMEM);
	st = rd_buf_put_str(out, text);
	free(text);
	return st;
}

enum rd_status imds_put_credentials(const struct imds_view *view, struct rd_buf *out)
{
	const struct imds_source *source = view->service->source;
	json_t *answer = NULL;
	enum rd_status st = RD_OK;

	if (!is_fresh(view)) {
		st = source->credentials(
			source->ctx, view->instance, view->service->credentials_s, &answer);
		st = st == RD_OK ? take(view, answer) : st;
	}
	if (is_current(view)) {
		st = rd_buf_put_str(out, view->service->credentials.text);
	} else {
		st = put_refusal(view, st, answer, out);
	}
	json_decref(answer);
	return st;
}
