/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RegisterImage of the EC2 API (2016-11-15), through libcurl, which also signs (SigV4). The wish
 * for a certain id, as lessons have it, travels as the name: redoubt-ec2 takes a name of that form
 * as the id.
 */
#include "redoubt/ami.h"

#include "base/bytes.h"
#include "os/paths.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The form: a path and a name, percent-encoded, and some fixed text. */
#define BODY_MAX 16384
/* An answer is a few hundred bytes of XML. */
#define ANSWER_MAX 65536
/* The service reads the image's header at most. */
#define TIMEOUT_S 60
#define ID_MAX    32

static const char default_region[] = "local-1";

/* What the AWS CLI reads, too. */
struct caller {
	const char *access_key;
	const char *secret;
	const char *token; /* NULL: long-lived keys */
	const char *region;
};

static enum rd_status find_caller(struct caller *c, struct rd_error *err)
{
	const char *region = getenv("AWS_REGION");

	c->access_key = getenv("AWS_ACCESS_KEY_ID");
	c->secret = getenv("AWS_SECRET_ACCESS_KEY");
	c->token = getenv("AWS_SESSION_TOKEN");
	region = region != NULL ? region : getenv("AWS_DEFAULT_REGION");
	c->region = region != NULL ? region : default_region;
	if (c->access_key == NULL || c->secret == NULL) {
		return rd_fail(err, RD_USAGE,
			"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: export the keys "
			"that redoubt-kms printed at its first start");
	}
	return RD_OK;
}

static enum rd_status put_field(
	CURL *curl, struct rd_buf *body, const char *name, const char *value)
{
	char *escaped = curl_easy_escape(curl, value, 0);
	enum rd_status st;

	RD_ENSURE(escaped != NULL, RD_NOMEM);
	st = rd_buf_printf(body, "%s%s=%s", body->used > 0 ? "&" : "", name, escaped);
	curl_free(escaped);
	return st;
}

static enum rd_status put_form(
	CURL *curl, const struct ami_args *a, const char *location, struct rd_buf *body)
{
	RD_TRY(put_field(curl, body, "Action", "RegisterImage"));
	RD_TRY(put_field(curl, body, "Version", "2016-11-15"));
	RD_TRY(put_field(curl, body, "Name", a->name));
	RD_TRY(put_field(curl, body, "ImageLocation", location));
	RD_TRY(put_field(curl, body, "Architecture", "x86_64"));
	RD_TRY(put_field(curl, body, "VirtualizationType", "hvm"));
	/* curl wants text. */
	return rd_buf_u8(body, '\0');
}

static size_t keep_answer(char *data, size_t size, size_t count, void *ctx)
{
	return rd_buf_put(ctx, data, size * count) == RD_OK ? size * count : 0;
}

static enum rd_status add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *more = curl_slist_append(*headers, line);

	RD_ENSURE(more != NULL, RD_NOMEM);
	*headers = more;
	return RD_OK;
}

static enum rd_status sign(CURL *curl, const struct caller *c, struct curl_slist **headers)
{
	char provider[128], keys[512], token[4096 + 32];

	RD_ENSURE(snprintf(provider, sizeof(provider), "aws:amz:%s:ec2", c->region) <
			  (int)sizeof(provider),
		RD_LIMIT);
	RD_ENSURE(
		snprintf(keys, sizeof(keys), "%s:%s", c->access_key, c->secret) < (int)sizeof(keys),
		RD_LIMIT);
	/* libcurl signs what it is given here, and not the one that it would send by itself. */
	RD_TRY(add_header(headers, "Content-Type: application/x-www-form-urlencoded"));
	if (c->token != NULL) {
		RD_ENSURE(snprintf(token, sizeof(token), "X-Amz-Security-Token: %s", c->token) <
				  (int)sizeof(token),
			RD_LIMIT);
		RD_TRY(add_header(headers, token));
	}
	RD_ENSURE(curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, provider) == CURLE_OK, RD_UNSUPPORTED);
	RD_ENSURE(curl_easy_setopt(curl, CURLOPT_USERPWD, keys) == CURLE_OK, RD_NOMEM);
	return RD_OK;
}

/* The text of the first element of this name; RD_MISSING when there is none that fits. */
static enum rd_status element(const char *xml, const char *name, char *ret, size_t cap)
{
	char open[64];
	const char *start, *end;

	snprintf(open, sizeof(open), "<%s>", name);
	start = strstr(xml, open);
	RD_ENSURE(start != NULL, RD_MISSING);
	start += strlen(open);
	end = strchr(start, '<');
	RD_ENSURE(end != NULL && (size_t)(end - start) < cap, RD_MISSING);
	memcpy(ret, start, (size_t)(end - start));
	ret[end - start] = '\0';
	return RD_OK;
}

static enum rd_status say_answer(
	const struct ami_args *a, long code, const char *xml, struct rd_error *err)
{
	char id[ID_MAX], type[128], message[RD_ERROR_TEXT_MAX / 2];

	if (code == 200 && element(xml, "imageId", id, sizeof(id)) == RD_OK) {
		puts(id);
		return fflush(stdout) == 0 ? RD_OK : rd_fail(err, RD_IO, "cannot write the id");
	}
	if (element(xml, "Code", type, sizeof(type)) == RD_OK &&
		element(xml, "Message", message, sizeof(message)) == RD_OK) {
		return rd_fail(err, RD_DENIED, "%.100s refuses the image: %s: %s", a->endpoint_url,
			type, message);
	}
	return rd_fail(err, RD_MALFORMED,
		"%.100s answers %ld, and not as the EC2 API does: is it redoubt-ec2?",
		a->endpoint_url, code);
}

static enum rd_status ask(CURL *curl, const struct ami_args *a, const struct rd_buf *body,
	struct rd_buf *answer, struct rd_error *err)
{
	char text[CURL_ERROR_SIZE] = "";
	CURLcode rc;
	long code = 0;

	(void)curl_easy_setopt(curl, CURLOPT_URL, a->endpoint_url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body->ptr);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_answer);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
	if (getenv("AWS_CA_BUNDLE") != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("AWS_CA_BUNDLE"));
	}
	rc = curl_easy_perform(curl);
	if (rc != CURLE_OK) {
		return rd_fail(err, RD_IO, "%.100s cannot be asked: %s", a->endpoint_url,
			text[0] != '\0' ? text : curl_easy_strerror(rc));
	}
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
	RD_TRY(rd_buf_u8(answer, '\0'));
	return say_answer(a, code, (const char *)answer->ptr, err);
}

/* The service opens the file itself: a path from the root that leads to a regular file. */
static enum rd_status locate(const char *file, char ret[RD_PATH_MAX], struct rd_error *err)
{
	char *path = realpath(file, NULL);
	struct stat sb;
	enum rd_status st = RD_OK;

	if (path == NULL || stat(path, &sb) != 0) {
		st = rd_fail_errno(err, errno, "%s", file);
	} else if (!S_ISREG(sb.st_mode)) {
		st = rd_fail(err, RD_BAD_TYPE, "%s is not a file", file);
	} else if (snprintf(ret, RD_PATH_MAX, "%s", path) >= RD_PATH_MAX) {
		st = rd_fail(err, RD_LIMIT, "%s: path too long", file);
	}
	free(path);
	return st;
}

enum rd_status ami_register(const struct ami_args *args, struct rd_error *err)
{
	struct rd_buf body RD_CLEANUP(rd_buf_finish) = rd_buf_growable(BODY_MAX);
	struct rd_buf answer RD_CLEANUP(rd_buf_finish) = rd_buf_growable(ANSWER_MAX);
	struct curl_slist *headers = NULL;
	struct caller caller;
	char location[RD_PATH_MAX];
	CURL *curl;
	enum rd_status st;

	RD_TRY(locate(args->file, location, err));
	RD_TRY(find_caller(&caller, err));
	curl = curl_easy_init();
	if (curl == NULL) {
		return rd_fail(err, RD_NOMEM, "no memory to ask %.100s", args->endpoint_url);
	}
	st = put_form(curl, args, location, &body);
	st = st == RD_OK ? sign(curl, &caller, &headers) : st;
	if (st != RD_OK) {
		st = rd_fail(err, st, "cannot make the request: %s", rd_status_text(st));
	} else {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		st = ask(curl, args, &body, &answer, err);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return st;
}
