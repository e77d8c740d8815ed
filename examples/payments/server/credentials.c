/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials from the environment, a file, or the instance's metadata (IMDSv2). */
#include "server/credentials.h"

#include "aws/json_in.h"
#include "base/secret.h"
#include "base/text.h"
#include "http/response.h"
#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A document of five members, one of them a token. */
#define DOCUMENT_MAX 32768
/* The service is on this host. */
#define IMDS_WAIT_S 2
#define IMDS_BASE   "/latest/meta-data/iam/security-credentials/"

/* --- values --- */

static bool is_credential(const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] <= ' ' || text[i] > '~') {
			return false;
		}
	}
	return text[0] != '\0';
}

static enum rd_status set(char *ret, size_t size, const char *value)
{
	RD_ENSURE(value != NULL, RD_MISSING);
	RD_ENSURE(is_credential(value), RD_MALFORMED);
	RD_ENSURE(strlen(value) < size, RD_LIMIT);
	memcpy(ret, value, strlen(value) + 1);
	return RD_OK;
}

static enum rd_status set_all(
	struct ps_credentials *ret, const char *id, const char *secret, const char *token)
{
	RD_TRY(set(ret->access_key_id, sizeof(ret->access_key_id), id));
	RD_TRY(set(ret->secret_access_key, sizeof(ret->secret_access_key), secret));
	ret->session_token[0] = '\0';
	return token == NULL ? RD_OK : set(ret->session_token, sizeof(ret->session_token), token);
}

enum rd_status ps_credentials_parse(struct rd_view text, struct ps_credentials *ret)
{
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;
	const json_t *in, *token;

	RD_TRY(rd_json_in_parse(text, &json));
	in = json_object_get(json, "Credentials");
	in = in == NULL ? json : in;
	token = json_object_get(in, "SessionToken");
	token = token == NULL ? json_object_get(in, "Token") : token;
	return set_all(ret, json_string_value(json_object_get(in, "AccessKeyId")),
		json_string_value(json_object_get(in, "SecretAccessKey")),
		json_string_value(token));
}

/* --- the metadata service --- */

static int connect_imds(const struct ps_config *config)
{
	const struct timeval wait = {.tv_sec = IMDS_WAIT_S};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(config->imds_port)};
	RD_CLEANUP(rd_fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, config->imds_address, &address.sin_addr) != 1 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0 ||
		connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		return -1;
	}
	return rd_steal(&fd, -1);
}

/* Reads a whole response; its body becomes all that is in `in`. */
static enum rd_status read_response(int fd, struct rd_buf *in)
{
	struct rd_http_response response;
	enum rd_status st = RD_AGAIN;
	uint8_t *dst;
	size_t n;

	for (;;) {
		if (st == RD_AGAIN) {
			st = rd_http_parse_response(rd_buf_view(in), &response);
			RD_ENSURE(st == RD_OK || st == RD_AGAIN, st);
		}
		if (st == RD_OK) {
			RD_ENSURE(response.body == RD_HTTP_BODY_LENGTH, RD_UNSUPPORTED);
			RD_ENSURE(response.body_len <= DOCUMENT_MAX, RD_LIMIT);
			if (in->used - response.head_len >= response.body_len) {
				break;
			}
		}
		RD_TRY(rd_buf_reserve(in, 4096, &dst));
		in->used -= 4096;
		RD_TRY(rd_fd_read(fd, dst, 4096, &n));
		RD_ENSURE(n > 0, RD_TRUNCATED);
		in->used += n;
	}
	RD_ENSURE(response.status == 200, RD_DENIED);
	memmove(in->ptr, in->ptr + response.head_len, response.body_len);
	in->used = response.body_len;
	return RD_OK;
}

/* header: with its CR LF, or "". */
static enum rd_status ask_imds(const struct ps_config *config, const char *method, const char *path,
	const char *header, struct rd_buf *ret_body)
{
	char text[1024];
	struct rd_buf request = rd_buf_fixed(text, sizeof(text));
	RD_CLEANUP(rd_fd_close) int fd = connect_imds(config);
	enum rd_status st;

	RD_ENSURE(fd >= 0, RD_UNAVAILABLE);
	RD_TRY(rd_buf_printf(&request,
		"%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n",
		method, path, config->imds_address, header));
	RD_TRY(rd_fd_write_full(fd, rd_buf_view(&request)));
	st = read_response(fd, ret_body);
	return st == RD_AGAIN ? RD_TIMEOUT : st;
}

/* A line of printable characters: what goes into a header or a path. */
static enum rd_status take_line(struct rd_buf *body, char *ret, size_t size)
{
	RD_ENSURE(body->used > 0 && body->used < size, RD_LIMIT);
	memcpy(ret, body->ptr, body->used);
	ret[body->used] = '\0';
	ret[strcspn(ret, "\r\n")] = '\0';
	RD_ENSURE(is_credential(ret), RD_MALFORMED);
	body->used = 0;
	return RD_OK;
}

static enum rd_status from_imds(const struct ps_config *config, struct ps_credentials *ret)
{
	struct rd_buf body RD_CLEANUP(rd_buf_finish) = rd_buf_wiping(2 * DOCUMENT_MAX);
	char token[512], role[128], header[640], path[256];

	RD_TRY(ask_imds(config, "PUT", "/latest/api/token",
		"X-aws-ec2-metadata-token-ttl-seconds: 60\r\n", &body));
	RD_TRY(take_line(&body, token, sizeof(token)));
	snprintf(header, sizeof(header), "X-aws-ec2-metadata-token: %s\r\n", token);
	RD_TRY(ask_imds(config, "GET", IMDS_BASE, header, &body));
	RD_TRY(take_line(&body, role, sizeof(role)));
	snprintf(path, sizeof(path), IMDS_BASE "%s", role);
	RD_TRY(ask_imds(config, "GET", path, header, &body));
	return ps_credentials_parse(rd_buf_view(&body), ret);
}

/* --- the others --- */

static enum rd_status from_file(const char *path, struct ps_credentials *ret)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_wiping(DOCUMENT_MAX);
	RD_CLEANUP(rd_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	RD_TRY(rd_fd_read_all(fd, &text));
	return ps_credentials_parse(rd_buf_view(&text), ret);
}

enum rd_status ps_credentials_get(
	const struct ps_config *config, struct ps_credentials *ret, struct rd_error *err)
{
	const char *from = "the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)";
	enum rd_status st = RD_INTERNAL;

	memset(ret, 0, sizeof(*ret));
	switch (config->credentials_from) {
	case PS_CREDENTIALS_ENVIRONMENT:
		st = set_all(ret, getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"),
			getenv("AWS_SESSION_TOKEN"));
		break;
	case PS_CREDENTIALS_IMDS:
		from = "the instance's metadata";
		st = from_imds(config, ret);
		break;
	case PS_CREDENTIALS_FILE:
		from = config->credentials_file;
		st = from_file(config->credentials_file, ret);
		break;
	}
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, st, "no credentials from %s: %s", from, rd_status_text(st));
}
