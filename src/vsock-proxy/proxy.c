/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy: loop, allowlist, resolver, listener, sessions, signals.
 *
 * SIGHUP reads allowlist and resolv.conf again; a broken allowlist leaves the old one in force.
 * The first SIGTERM or SIGINT stops listening and waits for the sessions; a second, or
 * RD_PROXY_GRACE_MS, ends them.
 */
#include "vsock-proxy/proxy.h"

#include "os/fd.h"
#include "os/loop.h"
#include "os/paths.h"

#include "log/log.h"
#include "vsock-proxy/allowlist.h"
#include "vsock-proxy/isolate.h"
#include "vsock-proxy/listen.h"
#include "vsock-proxy/resolve.h"
#include "vsock-proxy/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Where the original has it; used when our own directory has none. */
#define ORIGINAL_CONFIG "/etc/nitro_enclaves/vsock-proxy.yaml"
#define RESOLV_CONF     "/etc/resolv.conf"

/* Directories and sockets of enclaves, and the handful that loop, log and name servers need. */
#define RESERVED_FILES (2 * RD_LISTEN_ENCLAVES_MAX + 64)

struct proxy {
	const struct rd_proxy_args *args;
	char config[RD_PATH_MAX];
	struct rd_loop *loop;
	struct rd_allowlist allowlist;
	struct rd_resolve resolve;
	struct rd_session_shared shared;
	struct rd_listen *listen;
	struct rd_watch *signals[3];
	struct rd_watch *grace;
	struct rd_log_brake full_brake;
	unsigned connections_max;
	bool stopping;
};

static enum rd_status raise_files(unsigned *ret_connections, struct rd_error *err)
{
	rlim_t wanted = 2 * RD_PROXY_CONNECTIONS_MAX + RESERVED_FILES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return rd_fail_errno(err, errno, "cannot read the limit on open files");
	}
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return rd_fail_errno(err, errno, "cannot raise the limit on open files");
	}
	if (limit.rlim_cur < RESERVED_FILES + 2) {
		return rd_fail(err, RD_LIMIT,
			"the limit on open files is %llu: allow at least %d (ulimit -n)",
			(unsigned long long)limit.rlim_cur, RESERVED_FILES + 2);
	}
	*ret_connections = (unsigned)(limit.rlim_cur - RESERVED_FILES) / 2;
	return RD_OK;
}

static void on_client(void *arg, int take_fd)
{
	struct proxy *p = arg;
	unsigned skipped = 0;

	if (p->shared.count >= p->connections_max) {
		rd_fd_close(&take_fd);
		if (rd_log_may(&p->full_brake, rd_loop_now_ms(), &skipped)) {
			rd_log(RD_LOG_WARNING,
				"%u connections are open, which is the maximum: a new one is closed "
				"(%u more since the last such line)",
				p->connections_max, skipped);
		}
		return;
	}
	if (rd_session_start(&p->shared, take_fd) != RD_OK) {
		rd_log(RD_LOG_ERROR, "out of memory: a connection is closed");
	}
}

static void on_hangup(void *arg)
{
	struct proxy *p = arg;
	struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_allowlist old;
	struct rd_error err = {0};

	if (rd_resolve_reload(&p->resolve, &err) != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s", err.text);
	}
	if (rd_allowlist_load(p->config, &list, &err) != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s; the old allowlist stays in force", err.text);
		return;
	}
	old = p->allowlist;
	p->allowlist = list;
	list = old;
	rd_log(RD_LOG_INFO, "%s read again: %zu entries", p->config, p->allowlist.count);
}

static void on_all_ended(void *arg)
{
	struct proxy *p = arg;

	if (p->stopping) {
		rd_loop_stop(p->loop);
	}
}

static void on_grace_end(void *arg)
{
	struct proxy *p = arg;

	rd_log(RD_LOG_WARNING, "%u connections are still open and are cut", p->shared.count);
	rd_loop_stop(p->loop);
}

static void on_terminate(void *arg)
{
	struct proxy *p = arg;

	if (p->stopping || p->shared.count == 0) {
		rd_loop_stop(p->loop);
		return;
	}
	p->stopping = true;
	rd_listen_close(&p->listen);
	rd_log(RD_LOG_INFO, "stopping; %u connections are open", p->shared.count);
	if (rd_watch_arm(p->grace, RD_PROXY_GRACE_MS) != RD_OK) {
		rd_loop_stop(p->loop);
	}
}

/* --config, or ours, or the original's. */
static enum rd_status find_config(struct proxy *p, struct rd_error *err)
{
	struct rd_paths paths;
	const char *path = p->args->config;
	FILE *f;

	if (path == NULL) {
		RD_TRY(rd_paths_init(&paths, err));
		RD_TRY(rd_paths_join(p->config, paths.config, "vsock-proxy.yaml", NULL));
		f = fopen(p->config, "re");
		if (f != NULL) {
			fclose(f);
			return RD_OK;
		}
		path = ORIGINAL_CONFIG;
	}
	if ((size_t)snprintf(p->config, sizeof(p->config), "%s", path) >= sizeof(p->config)) {
		return rd_fail(err, RD_LIMIT, "the path of the allowlist is too long");
	}
	return RD_OK;
}

static enum rd_status open_config(struct proxy *p, struct rd_error *err)
{
	RD_TRY(find_config(p, err));
	RD_TRY(rd_allowlist_load(p->config, &p->allowlist, err));
	if (!rd_allowlist_may(&p->allowlist, p->args->remote, p->args->remote_port)) {
		return rd_fail(err, RD_DENIED,
			"The given address and port are not allowed: add {address: %s, port: %u} to %s",
			p->args->remote, (unsigned)p->args->remote_port, p->config);
	}
	return RD_OK;
}

static enum rd_status open_loop(struct proxy *p, struct rd_error *err)
{
	enum rd_status st = rd_loop_new(&p->loop);

	st = st != RD_OK ? st : rd_loop_signal(p->loop, SIGTERM, on_terminate, p, &p->signals[0]);
	st = st != RD_OK ? st : rd_loop_signal(p->loop, SIGINT, on_terminate, p, &p->signals[1]);
	st = st != RD_OK ? st : rd_loop_signal(p->loop, SIGHUP, on_hangup, p, &p->signals[2]);
	st = st != RD_OK ? st : rd_loop_timer(p->loop, on_grace_end, p, &p->grace);
	if (st != RD_OK) {
		return rd_fail(err, st, "no event loop: %s", rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status proxy_open(struct proxy *p, struct rd_error *err)
{
	const struct rd_proxy_args *a = p->args;
	bool local = false;

	RD_TRY(raise_files(&p->connections_max, err));
	RD_TRY(open_config(p, err));
	RD_TRY(open_loop(p, err));
	RD_TRY(rd_resolve_open(&p->resolve, p->loop, a->remote, a->families,
		a->resolv_conf == NULL ? RESOLV_CONF : a->resolv_conf, err));
	p->shared = (struct rd_session_shared){
		.loop = p->loop,
		.resolve = &p->resolve,
		.allowlist = &p->allowlist,
		.remote = a->remote,
		.port = a->remote_port,
		.scratch = malloc(RD_RELAY_CHUNK),
		.all_ended = on_all_ended,
		.arg = p,
	};
	if (p->shared.scratch == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	RD_TRY(rd_listen_open(p->loop, a, on_client, p, &p->listen, &local, err));
	rd_log(RD_LOG_INFO, "%s port %u to %s port %u, at most %u connections",
		local ? "enclaves'" : "vsock", (unsigned)a->local_port, a->remote,
		(unsigned)a->remote_port, p->connections_max);
	return rd_proxy_isolate(err);
}

/* A second SIGTERM that comes now would find the default handler, and change how we end. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static void proxy_close(struct proxy *p)
{
	block_signals();
	p->stopping = false; /* the loop has ended already */
	rd_listen_close(&p->listen);
	rd_session_end_all(&p->shared);
	rd_resolve_close(&p->resolve);
	free(p->shared.scratch);
	for (size_t i = 0; i < RD_ARRAY_LEN(p->signals); i++) {
		rd_watch_free(&p->signals[i]);
	}
	rd_watch_free(&p->grace);
	rd_loop_free(&p->loop);
	rd_allowlist_finish(&p->allowlist);
}

enum rd_status rd_proxy_run(const struct rd_proxy_args *args, struct rd_error *err)
{
	struct proxy p = {.args = args};
	enum rd_status st = proxy_open(&p, err);

	if (st == RD_OK) {
		st = rd_loop_run(p.loop);
		if (st != RD_OK) {
			st = rd_fail(err, st, "the event loop failed");
		}
	}
	proxy_close(&p);
	return st;
}
