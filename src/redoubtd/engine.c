/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of engine. */
#include "redoubtd/engine.h"

#include "log/log.h"
#include "os/fd.h"
#include "os/paths.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void decide(struct rd_engine *e, enum rd_ctl_engine engine, const char *reason)
{
	e->known = true;
	e->engine = engine;
	rd_ctl_text_clean(rd_view_str(reason), e->reason, sizeof(e->reason));
	rd_log(engine == RD_CTL_ENGINE_QEMU_TCG ? RD_LOG_WARNING : RD_LOG_INFO,
		"engine: qemu with %s: %s",
		engine == RD_CTL_ENGINE_QEMU_TCG ? "TCG (emulation)" : "KVM", e->reason);
	rd_engine_stop(e);
}

/* The probe's own line, without its line end; or what we know without it. */
static void decide_without_kvm(struct rd_engine *e, const char *otherwise)
{
	char line[RD_CTL_TEXT_MAX + 1] = "";
	size_t n = 0;

	if (e->probe_out >= 0 && rd_fd_read(e->probe_out, line, sizeof(line) - 1, &n) == RD_OK) {
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
	}
	decide(e, RD_CTL_ENGINE_QEMU_TCG, line[0] != '\0' ? line : otherwise);
}

static void probe_exited(void *arg, unsigned events)
{
	struct rd_engine *e = arg;
	struct rd_exit how;

	(void)events;
	rd_watch_free(&e->exit_watch);
	if (rd_child_reap(&e->probe, true, &how) != RD_OK) {
		decide_without_kvm(e, "the KVM probe cannot be waited for");
	} else if (!how.signalled && how.code == 0) {
		decide(e, RD_CTL_ENGINE_QEMU_KVM, "KVM runs guest code at speed");
	} else {
		decide_without_kvm(e, "KVM is not usable");
	}
}

static void probe_timed_out(void *arg)
{
	decide_without_kvm(arg, "the KVM probe did not end in time");
}

static enum rd_status spawn_probe(struct rd_engine *e, int out, struct rd_error *err)
{
	char path[RD_PATH_MAX];
	const char *argv[] = {"redoubt-vmm", "--probe-kvm", NULL};
	struct rd_spawn_fd fds[] = {{.from = out, .to = STDOUT_FILENO}};
	struct rd_spawn how = {
		.path = path,
		.argv = argv,
		.fds = fds,
		.fd_count = RD_ARRAY_LEN(fds),
		.death_signal = SIGKILL,
		.no_new_privs = true,
	};

	RD_TRY(rd_paths_libexec("redoubt-vmm", path, err));
	return rd_spawn(&how, &e->probe, err);
}

static enum rd_status start_probe(struct rd_engine *e, struct rd_loop *loop, struct rd_error *err)
{
	int out RD_CLEANUP(rd_fd_close) = -1;
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0) {
		return rd_fail(err, RD_IO, "no pipe for the probe");
	}
	e->probe_out = pipes[0];
	out = pipes[1];
	RD_TRY(spawn_probe(e, out, err));
	if (e->probe.pidfd < 0) {
		return rd_fail(err, RD_UNSUPPORTED, "the kernel has no pidfds");
	}
	RD_TRY(rd_loop_watch_fd(
		loop, e->probe.pidfd, RD_LOOP_READ, probe_exited, e, &e->exit_watch));
	RD_TRY(rd_loop_timer(loop, probe_timed_out, e, &e->timer));
	return rd_watch_arm(e->timer, RD_ENGINE_PROBE_TIMEOUT_MS);
}

void rd_engine_start(
	struct rd_engine *engine, struct rd_loop *loop, enum rd_config_engine configured)
{
	struct rd_error err = {.text = "internal error"};

	*engine = (struct rd_engine){.probe = RD_CHILD_INIT, .probe_out = -1};
	if (configured == RD_ENGINE_QEMU) {
		decide(engine, RD_CTL_ENGINE_QEMU_TCG, "configured");
	} else if (configured == RD_ENGINE_QEMU_KVM) {
		decide(engine, RD_CTL_ENGINE_QEMU_KVM, "configured");
	} else if (access("/dev/kvm", R_OK | W_OK) < 0) {
		decide(engine, RD_CTL_ENGINE_QEMU_TCG, "/dev/kvm is not there or not ours to use");
	} else if (start_probe(engine, loop, &err) != RD_OK) {
		decide(engine, RD_CTL_ENGINE_QEMU_TCG, err.text);
	}
}

void rd_engine_stop(struct rd_engine *engine)
{
	rd_watch_free(&engine->exit_watch);
	rd_watch_free(&engine->timer);
	rd_child_finish(&engine->probe);
	rd_fd_close(&engine->probe_out);
}
