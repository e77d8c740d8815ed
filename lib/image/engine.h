/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking HTTP to a Docker Engine on its Unix socket (Docker Engine API; paths without a version,
 * which every engine answers with the newest it has).
 */
#ifndef RD_IMAGE_ENGINE_H
#define RD_IMAGE_ENGINE_H

#include "base/bytes.h"
#include "image/spool.h"

/* A local socket answers at once or never. */
#define RD_ENGINE_CONNECT_S 10
/* Silence during a transfer: a registry's slow start, the export of a large image. Not for builds.
 */
#define RD_ENGINE_SILENCE_S 300

struct rd_engine;

/*
 * $DOCKER_HOST (unix:///path only), else /var/run/docker.sock. Does not connect. RD_UNSUPPORTED for
 * another kind of address.
 */
enum rd_status rd_engine_open(struct rd_engine **ret_engine, struct rd_error *err) RD_MUST_USE;
void rd_engine_close(struct rd_engine **e);

struct rd_engine_request {
	const char *path;          /* with query, already escaped */
	bool post;                 /* else GET */
	const char *registry_auth; /* X-Registry-Auth; NULL: none */
	struct rd_blob body;       /* of a POST, a tar archive; fd -1: none */
	bool may_be_silent;        /* a build's step may say nothing for hours */
	/* Gets the body of a 200 answer, piece by piece. */
	enum rd_status (*take)(void *ctx, struct rd_view bytes, struct rd_error *err);
	void *ctx;
};

/*
 * Performs it. *ret_http is the answer's status code, written whenever there was an answer; then
 * the result is RD_OK for 200, RD_NOTFOUND for 404, RD_DENIED for 401 and 403, RD_IO for others,
 * and err has the engine's own message. RD_CLOSED: nobody listens on the socket.
 */
enum rd_status rd_engine_perform(struct rd_engine *e, const struct rd_engine_request *request,
	long *ret_http, struct rd_error *err) RD_MUST_USE;

#endif
