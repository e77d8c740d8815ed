/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket of one instance's metadata service, and the thread that serves it: an instance that
 * floods its own is alone there. A connection ends with its first answer, so that what redoubt-net
 * found out about its first request (the hop limit) is true of all of it.
 */
#include "ec2/imds-internal.h"

#include "base/secret.h"
#include "crypto/random.h"
#include "http/server.h"
#include "os/fd.h"
#include "os/msg.h"
#include "os/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A dozen programs of one guest, each with a connection or two. */
#define CONNECTIONS 64
#define HEADERS_MAX 8192
#define BODY_MAX    1024
#define REQUEST_MS  10000
#define GRACE_MS    1000

struct imds_server {
	struct imds_service service;
	uid_t uid_first, uid_last;
	struct rd_http_server *http;
};

/* <run>/imds, and in it what belongs to one instance. */
struct places {
	char parent[RD_PATH_MAX];
	char directory[RD_PATH_MAX]; /* <id>.d */
	char socket[RD_PATH_MAX];    /* imds.sock in it */
	char link[RD_PATH_MAX];      /* <id>.sock */
};

static enum rd_status find_places(const char *run, const char *id, struct places *ret)
{
	char name[IMDS_ID_SIZE + sizeof(".sock")];

	RD_TRY(rd_paths_join(ret->parent, run, "imds", NULL));
	(void)snprintf(name, sizeof(name), "%s.d", id);
	RD_TRY(rd_paths_join(ret->directory, ret->parent, name, NULL));
	RD_TRY(rd_paths_join(ret->socket, ret->directory, "imds.sock", NULL));
	(void)snprintf(name, sizeof(name), "%s.sock", id);
	return rd_paths_join(ret->link, ret->parent, name, NULL);
}

void imds_instance_finish(struct imds_instance *i)
{
	json_decref(i->tags);
	free(i->public_key);
	free(i->user_data);
	*i = (struct imds_instance){.launch_index = 0};
}

static bool may_ask(const struct imds_server *s, const struct rd_http_request *request)
{
	return request->has_uid && (request->uid == 0 || request->uid == geteuid() ||
					   (s->uid_last != 0 && request->uid >= s->uid_first &&
						   request->uid <= s->uid_last));
}

static void send_answer(struct rd_http_call *call, const struct imds_answer *a)
{
	char ttl[16];
	struct rd_http_header headers[] = {
		{rd_view_str("Content-Type"), rd_view_str(a->type)},
		{rd_view_str("Server"), rd_view_str("EC2ws")},
		{rd_view_str("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"), rd_view_str("")},
	};

	(void)snprintf(ttl, sizeof(ttl), "%u", a->ttl_s);
	headers[2].value = rd_view_str(ttl);
	rd_http_answer(call, a->status, headers, a->ttl_s != 0 ? 3 : 2, rd_buf_view(&a->body));
}

static void handle(void *ctx, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *call)
{
	struct imds_server *s = ctx;
	struct imds_answer a = {
		.status = 403, .type = "text/plain", .body = rd_buf_growable(IMDS_BODY_MAX)};

	(void)thread;
	if (may_ask(s, request)) {
		imds_answer(&s->service, request, &a);
	}
	send_answer(call, &a);
	if (a.body.ptr != NULL) {
		rd_wipe(a.body.ptr, a.body.used);
	}
	rd_buf_finish(&a.body);
}

static void refusal(
	void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body)
{
	(void)ctx;
	(void)what;
	*ret_type = "text/plain";
	*ret_body = "";
}

/* --- start and end --- */

static enum rd_status make_link(const struct places *p, const char *id, struct rd_error *err)
{
	char target[IMDS_ID_SIZE + sizeof(".d/imds.sock")];

	(void)snprintf(target, sizeof(target), "%s.d/imds.sock", id);
	if ((unlink(p->link) != 0 && errno != ENOENT) || symlink(target, p->link) != 0) {
		return rd_fail_errno(err, errno, "cannot make %s", p->link);
	}
	return RD_OK;
}

/*
 * Anybody who reaches the directory may connect: whom we answer is decided by who it is, because
 * redoubt-net has a user of its own for each instance.
 */
static enum rd_status listen_in(const char *run, const char *id, int *ret_fd, struct rd_error *err)
{
	struct places p;

	RD_TRY(find_places(run, id, &p));
	RD_TRY(rd_paths_make_dir(p.parent, 0755, err));
	RD_TRY(rd_paths_make_dir(p.directory, 0755, err));
	RD_TRY(rd_msg_listen(p.socket, SOCK_STREAM, 0666, ret_fd, err));
	return make_link(&p, id, err);
}

void imds_remove(const char *run, const char *instance_id)
{
	struct places p;

	if (find_places(run, instance_id, &p) == RD_OK) {
		(void)unlink(p.link);
		(void)unlink(p.socket);
		(void)rmdir(p.directory);
	}
}

static enum rd_status start(
	struct imds_server *s, const struct imds_config *config, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct rd_http_config http = {
		.threads = 1,
		.one_request = true,
		.limits = {.body_max = BODY_MAX,
			.headers_max = HEADERS_MAX,
			.header_ms = REQUEST_MS,
			.body_ms = REQUEST_MS,
			.idle_ms = REQUEST_MS,
			.write_ms = REQUEST_MS,
			.connections = CONNECTIONS},
		.handle = handle,
		.refusal = refusal,
		.ctx = s,
	};

	RD_TRY(listen_in(config->run, config->instance_id, &fd, err));
	http.listener = fd;
	return rd_http_server_new(&http, &s->http, err);
}

/* It becomes part of paths. */
static bool is_id(const char *id)
{
	return id[0] != '\0' && strlen(id) < IMDS_ID_SIZE &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(id);
}

enum rd_status imds_server_new(
	const struct imds_config *config, struct imds_server **ret, struct rd_error *err)
{
	struct imds_server *s;
	enum rd_status st;

	RD_ENSURE(is_id(config->instance_id),
		rd_fail(err, RD_USAGE, "\"%.64s\" is no instance id", config->instance_id));
	s = calloc(1, sizeof(*s));
	RD_ENSURE(s != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	(void)snprintf(s->service.id, sizeof(s->service.id), "%s", config->instance_id);
	s->service.signer = config->signer;
	s->service.source = config->source;
	s->service.credentials_s = config->credentials_s != 0 ? config->credentials_s
							      : IMDS_CREDENTIALS_S;
	s->uid_first = config->uid_first;
	s->uid_last = config->uid_last;
	st = rd_random_bytes(s->service.token_key, sizeof(s->service.token_key));
	st = st == RD_OK ? start(s, config, err) : rd_fail(err, st, "no random numbers");
	if (st != RD_OK) {
		imds_server_free(&s);
		return st;
	}
	*ret = s;
	return RD_OK;
}

void imds_server_free(struct imds_server **server)
{
	struct imds_server *s = rd_steal(server, NULL);

	if (s == NULL) {
		return;
	}
	rd_http_server_free(&s->http, GRACE_MS);
	imds_credentials_finish(&s->service.credentials);
	rd_wipe(&s->service, sizeof(s->service));
	free(s);
}
