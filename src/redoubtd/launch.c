/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a vmm. The order is what makes kill -9 harmless: record, process, its pid on disk, and
 * only then LAUNCH. A vmm that has not got LAUNCH ends when its socket closes; one that has can be
 * found again.
 */
#include "redoubtd/launch.h"

#include "log/log.h"
#include "os/fd.h"
#include "os/msg.h"
#include "redoubtd/enclave.h"
#include "redoubtd/instance.h"
#include "redoubtd/places.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The vmm's end of the control socket. */
#define VMM_CONTROL_FD 3
/* What vmm and engine need above the guest's own memory, generously: QEMU under TCG takes 100 MiB.
 */
#define CGROUP_OVERHEAD_MIB 768
/* vmm, connector, QEMU and its threads: one a vCPU and a handful more. */
#define CGROUP_PIDS_MAX (64 + 2 * RD_CTL_CPUS_MAX)

/* Environment that a vmm may see; all of it is about where our own programs are and how to log. */
static const char *const passed_on[] = {
	"PATH", "REDOUBT_HOME", "REDOUBT_LIBEXEC", "REDOUBT_SHARE", "RUST_LOG", "TMPDIR"};

void rd_launch_cgroup_name(const char *slot, char ret[RD_CGROUP_NAME_MAX])
{
	snprintf(ret, RD_CGROUP_NAME_MAX, "enclave-%s", slot);
}

struct environment {
	char *v[RD_ARRAY_LEN(passed_on) + 1];
};

static void finish_environment(struct environment *env)
{
	for (size_t i = 0; env->v[i] != NULL; i++) {
		free(env->v[i]);
	}
}

static enum rd_status make_environment(struct environment *env)
{
	size_t n = 0;

	for (size_t i = 0; i < RD_ARRAY_LEN(passed_on); i++) {
		const char *value = getenv(passed_on[i]);

		if (value == NULL) {
			continue;
		}
		if (asprintf(&env->v[n], "%s=%s", passed_on[i], value) < 0) {
			env->v[n] = NULL;
			return RD_NOMEM;
		}
		n++;
	}
	return RD_OK;
}

void rd_launch_open_cgroup(struct rd_enclave *e)
{
	struct rd_cgroup_limits limits = {
		/* Until the guest runs, kernel and ramdisks are held beside its memory. */
		.memory_max = ((e->launch.memory_mib + CGROUP_OVERHEAD_MIB) << 20) +
			      e->launch.eif_size,
		.pids_max = CGROUP_PIDS_MAX,
	};
	struct rd_error err = {.text = "internal error"};
	char name[RD_CGROUP_NAME_MAX];

	if (!e->daemon->use_cgroups) {
		return;
	}
	rd_launch_cgroup_name(e->slot, name);
	if (rd_cgroup_open(name, &limits, &e->cgroup_fd, &err) != RD_OK) {
		rd_log(RD_LOG_WARNING, "enclaves run without cgroups of their own: %s", err.text);
		e->daemon->use_cgroups = false;
		e->cgroup_fd = -1;
	}
}

enum rd_status rd_launch_vmm(
	const char *id, int control, int cgroup_fd, struct rd_child *ret, struct rd_error *err)
{
	struct environment env RD_CLEANUP(finish_environment) = {0};
	char path[RD_PATH_MAX];
	const char *argv[] = {"redoubt-vmm", id, NULL};
	struct rd_spawn_fd fds[] = {
		{.from = control, .to = VMM_CONTROL_FD},
		{.from = STDERR_FILENO, .to = STDERR_FILENO},
	};
	struct rd_spawn how = {
		.path = path,
		.argv = argv,
		.envp = (const char *const *)env.v,
		.fds = fds,
		.fd_count = RD_ARRAY_LEN(fds),
		.cgroup_fd = cgroup_fd,
		.new_session = true,
	};

	RD_TRY(make_environment(&env));
	RD_TRY(rd_paths_libexec("redoubt-vmm", path, err));
	RD_TRY(rd_spawn(&how, ret, err));
	if (ret->pidfd < 0) {
		return rd_fail(err, RD_UNSUPPORTED,
			"the kernel has no pidfds: Linux 5.3 or newer is needed");
	}
	return RD_OK;
}

/* The link to the parent's vmm: its end is sent to it, the enclave's is the caller's. */
static enum rd_status link_parent(struct rd_enclave *e, int *ret_link, struct rd_error *err)
{
	int ours RD_CLEANUP(rd_fd_close) = -1, theirs RD_CLEANUP(rd_fd_close) = -1;
	int pair[2];

	if (!e->launch.parent) {
		return RD_OK;
	}
	if (rd_msg_pair(pair) != RD_OK) {
		return rd_fail(err, RD_IO, "no socket pair for the link to the instance");
	}
	ours = pair[0];
	theirs = pair[1];
	if (rd_instance_link(e->domain, e->launch.cid, theirs) != RD_OK) {
		return rd_fail(err, RD_CLOSED, "the instance is ending");
	}
	*ret_link = rd_steal(&ours, -1);
	return RD_OK;
}

static enum rd_status send_launch(
	struct rd_enclave *e, int eif_fd, int console_fd, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_ctl_message m = {.type = RD_CTL_VMM_LAUNCH, .launch = e->launch};
	struct rd_msg_fds fds = {.fd = {eif_fd, -1, -1, -1}, .count = 1};
	int link RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;

	RD_TRY(link_parent(e, &link, err));
	if (link >= 0) {
		fds.fd[fds.count++] = link;
	}
	if (console_fd >= 0) {
		fds.fd[fds.count++] = console_fd;
	}
	st = rd_ctl_encode(&m, &buf);
	if (st == RD_OK) {
		st = rd_msg_send(e->sock, rd_buf_view(&buf), &fds);
	}
	if (st != RD_OK) {
		return rd_fail(
			err, st, "cannot send LAUNCH to redoubt-vmm: %s", rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status start(
	struct rd_enclave *e, int eif_fd, int console_fd, struct rd_refusal *ref)
{
	int theirs RD_CLEANUP(rd_fd_close) = -1;
	int pair[2];

	if (rd_msg_pair(pair) != RD_OK) {
		return rd_refuse(ref, RD_E_SPAWN, RD_IO, "no socket pair for redoubt-vmm");
	}
	e->sock = pair[0];
	theirs = pair[1];
	rd_launch_open_cgroup(e);
	ref->code = RD_E_SPAWN;
	RD_TRY(rd_launch_vmm(e->launch.enclave_id, theirs, e->cgroup_fd, &e->vmm, &ref->err));
	ref->code = RD_E_FILE;
	RD_TRY(rd_places_write_vmm(e->daemon, e, e->vmm.pid, &ref->err));
	ref->code = RD_E_SPAWN;
	return send_launch(e, eif_fd, console_fd, &ref->err);
}

static enum rd_status watch(struct rd_enclave *e, struct rd_refusal *ref)
{
	if (rd_enclave_watch(e) != RD_OK ||
		rd_watch_arm(e->timer, rd_enclave_boot_timeout_ms(&e->launch)) != RD_OK) {
		return rd_refuse(ref, RD_E_SPAWN, RD_NOMEM, "cannot watch redoubt-vmm");
	}
	return RD_OK;
}

enum rd_status rd_launch(
	struct rd_enclave *e, int eif_fd, struct rd_view metadata, struct rd_refusal *ref)
{
	int console RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;

	ref->code = RD_E_FILE;
	RD_TRY(rd_places_make(e->daemon, e, metadata, &console, &ref->err));
	st = start(e, eif_fd, console, ref);
	if (st == RD_OK) {
		st = watch(e, ref);
	}
	e->launched = st == RD_OK;
	return st;
}
