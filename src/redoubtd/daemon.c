/* SPDX-License-Identifier: Apache-2.0 */
/* Putting the daemon together and taking it apart. */
#include "redoubtd/daemon.h"

#include "log/log.h"
#include "os/cgroup.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/server.h"
#include "redoubtd/adopt.h"
#include "redoubtd/clients.h"
#include "redoubtd/enclave.h"
#include "redoubtd/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t rd_daemon_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum rd_status open_base(const char *path, int *ret_fd, struct rd_error *err)
{
	RD_TRY(rd_paths_make_dir(path, 0755, err));
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	return RD_OK;
}

static enum rd_status open_dirs(struct rd_daemon *d, struct rd_error *err)
{
	struct rd_dirs *dirs = &d->dirs;

	RD_TRY(open_base(d->paths.run, &dirs->run, err));
	RD_TRY(open_base(d->paths.state, &dirs->state, err));
	/* Owners pass through to their own enclave's directory and see no others. */
	RD_TRY(rd_dir_make(dirs->run, "enclaves", 0711, &dirs->enclaves, err));
	RD_TRY(rd_dir_make(dirs->run, "records", 0700, &dirs->records, err));
	RD_TRY(rd_dir_make(dirs->state, "ended", 0700, &dirs->ended, err));
	RD_TRY(rd_dir_make(dirs->run, "instances", 0700, &dirs->run_instances, err));
	RD_TRY(rd_dir_make(dirs->state, "instances", 0700, &dirs->state_instances, err));
	return rd_dir_make(dirs->state, "pki", 0700, &dirs->pki, err);
}

/* Held as long as we live; the kernel lets it go however we die. */
static enum rd_status take_lock(struct rd_daemon *d, struct rd_error *err)
{
	enum rd_status st = rd_server_lock(d->dirs.run, "redoubtd.lock", &d->lock, err);

	if (st == RD_EXISTS) {
		return rd_fail(err, st, "another redoubtd serves %s: stop it first", d->paths.run);
	}
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", d->paths.run);
}

static enum rd_status load_config(
	struct rd_daemon *d, const struct rd_daemon_options *options, struct rd_error *err)
{
	struct rd_config_host host;
	char path[RD_PATH_MAX];
	const char *file = options->config_path;

	RD_TRY(rd_config_host(&host, err));
	if (file == NULL) {
		RD_TRY(rd_paths_join(path, d->paths.config, "redoubtd.yaml", NULL));
		file = path;
	}
	return rd_config_load(&host, file, options->config_path != NULL, &d->config, err);
}

static enum rd_status load_identity(struct rd_daemon *d, struct rd_error *err)
{
	if (d->config.instance_id[0] != '\0') {
		memcpy(d->instance_id, d->config.instance_id, sizeof(d->instance_id));
	} else {
		RD_TRY(rd_identity_load(d->dirs.state, d->instance_id, err));
	}
	return rd_pki_store_open(&d->pki, d->dirs.pki, d->dirs.state, d->config.region,
		d->instance_id, (int64_t)(rd_daemon_now_ms() / 1000), err);
}

/* Three descriptors an enclave and up to two a client: the usual soft limit of 1024 is tight. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void stop(void *arg)
{
	struct rd_daemon *d = arg;

	rd_loop_stop(d->loop);
}

static enum rd_status open_loop(struct rd_daemon *d, struct rd_error *err)
{
	if (rd_loop_new(&d->loop) != RD_OK ||
		rd_loop_signal(d->loop, SIGTERM, stop, d, &d->signals[0]) != RD_OK ||
		rd_loop_signal(d->loop, SIGINT, stop, d, &d->signals[1]) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "cannot set up the event loop");
	}
	return RD_OK;
}

static void init(struct rd_daemon *d, const struct rd_daemon_options *options)
{
	memset(d, 0, sizeof(*d));
	d->dirs = (struct rd_dirs){-1, -1, -1, -1, -1, -1, -1, -1};
	d->lock = -1;
	d->listener = -1;
	d->engine = (struct rd_engine){.probe = RD_CHILD_INIT, .probe_out = -1};
	d->use_cgroups = options->use_cgroups;
	rd_registry_init(&d->host.registry);
}

enum rd_status rd_daemon_open(
	struct rd_daemon *d, const struct rd_daemon_options *options, struct rd_error *err)
{
	init(d, options);
	raise_file_limit();
	RD_TRY(rd_paths_init(&d->paths, err));
	RD_TRY(load_config(d, options, err));
	RD_TRY(open_dirs(d, err));
	RD_TRY(take_lock(d, err));
	RD_TRY(load_identity(d, err));
	RD_TRY(rd_ended_load(&d->ended, d->dirs.ended, err));
	rd_pool_init(&d->host.pool, &d->config);
	memcpy(d->host.instance_id, d->instance_id, sizeof(d->host.instance_id));
	d->host.enclaves_max = RD_ENCLAVES_MAX;
	RD_TRY(open_loop(d, err));
	if (d->use_cgroups) {
		/* Why not is said when an enclave has no group. */
		(void)!rd_cgroup_prepare(NULL);
	}
	rd_engine_start(&d->engine, d->loop, d->config.engine);
	RD_TRY(rd_instances_adopt(d, err));
	RD_TRY(rd_adopt(d, err));
	rd_instances_settle(d);
	RD_TRY(rd_clients_open(d, err));
	rd_log(RD_LOG_INFO, "ready: %s, %zu CPU slots, %llu MiB, instance %s", d->paths.run,
		d->config.cpu_slot_count, (unsigned long long)d->config.memory_mib, d->instance_id);
	return RD_OK;
}

enum rd_status rd_daemon_run(struct rd_daemon *d)
{
	return rd_loop_run(d->loop);
}

void rd_daemon_close(struct rd_daemon *d)
{
	int *fds[] = {&d->dirs.run, &d->dirs.enclaves, &d->dirs.records, &d->dirs.state,
		&d->dirs.ended, &d->dirs.pki, &d->dirs.run_instances, &d->dirs.state_instances,
		&d->lock};

	rd_clients_close(d);
	while (d->host.registry.first != NULL) {
		rd_enclave_forget(d->host.registry.first);
	}
	rd_instances_forget(d);
	rd_engine_stop(&d->engine);
	rd_pki_store_close(&d->pki);
	for (size_t i = 0; i < RD_ARRAY_LEN(d->signals); i++) {
		rd_watch_free(&d->signals[i]);
	}
	rd_loop_free(&d->loop);
	for (size_t i = 0; i < RD_ARRAY_LEN(fds); i++) {
		rd_fd_close(fds[i]);
	}
}
