/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine qemu: QEMU as CPU and board in a sandbox of its own; the queues come over vhost-user.
 *
 *	memory file ──► QEMU maps it as the guest's memory, this process as its own
 *	vhost-user  ──► where the queues lie in it, eventfds for kicks and interrupts
 *	serial      ──► the console's bytes, in debug mode
 *	stderr      ──► why it died, if it died
 *
 * QEMU asks over vhost-user before it starts the CPUs and waits for the answer, and nobody answers
 * before attach: so the guest's first instruction comes after this process has isolated itself.
 */
#include "engine.h"

#include "os/fd.h"
#include "os/spawn.h"
#include "vhost/user.h"

#include "qemu_args.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* rx and tx; QEMU keeps the event queue. */
#define QUEUES 2

/* Serial output taken in one turn of the loop. */
#define SERIAL_STEP 4096

/* QEMU opens a dozen files and one descriptor for each queue. */
#define QEMU_NOFILE 256

/* QEMU writes no file; a memory file that is mapped is not written through a descriptor. */
#define QEMU_FSIZE (1 << 20)

/*
 * A parent's QEMU writes the overlay: the guest's disk, and qcow2's tables, which need 8 bytes for
 * a cluster of 64 KiB twice over and a little for each table's table: far below a thousandth.
 */
#define QEMU_OVERLAY_EXTRA (64ull << 20)
#define QEMU_OVERLAY_PART  1000

/* What the prepared child says to its parent: in a page that both share. */
struct prepared {
	struct rd_isolate_report report;
	struct rd_error err;
};

struct rd_engine {
	struct rd_vmm_memory *memory;
	struct rd_child child;
	struct rd_vhost_session *session;
	int vhost_fd;
	int serial_fd;
	int stderr_fd;
	struct rd_loop *loop;
	const struct rd_engine_events *events;
	void *ctx;
	struct rd_watch *vhost_watch, *serial_watch, *stderr_watch, *child_watch;
	struct rd_watch *kick_watch[QUEUES];
	struct kick {
		struct rd_engine *engine;
		unsigned index;
	} kicks[QUEUES];
	bool killed;
	char said[RD_ENGINE_TEXT_MAX]; /* the end of stderr */
	size_t said_len;
	char failure[RD_ENGINE_TEXT_MAX]; /* why we killed it, if it was our decision */
};

/* --- before isolation --- */

static const char *find_qemu(void)
{
	static const char *const places[] = {
		"/usr/bin/qemu-system-x86_64",
		"/usr/local/bin/qemu-system-x86_64",
	};
	size_t i;

	for (i = 0; i < RD_ARRAY_LEN(places); i++) {
		if (access(places[i], X_OK) == 0) {
			return places[i];
		}
	}
	return NULL;
}

struct prepare {
	const struct rd_engine_config *config;
	gid_t gid;
	struct prepared *shared;
};

static uint64_t fsize_max(const struct rd_engine_config *config)
{
	uint64_t disk = config->parent == NULL ? 0 : config->parent->disk_bytes;

	return disk == 0 ? QEMU_FSIZE : disk + disk / QEMU_OVERLAY_PART + QEMU_OVERLAY_EXTRA;
}

/*
 * In QEMU's process, before exec. It sees its program, its libraries, /proc of its own PID
 * namespace (to open descriptors again), and the KVM device if it is to use it.
 */
static int isolate_child(void *arg)
{
	const struct prepare *prepare = arg;
	const struct rd_isolate_bind binds[] = {
		{.path = "/usr"},
		{.path = "/lib", .optional = true},
		{.path = "/lib64", .optional = true},
		{.path = "/bin", .optional = true},
		{.path = "/etc/ld.so.cache", .optional = true},
		{.path = "/dev/null", .device = true, .writable = true},
		{.path = "/dev/urandom", .device = true},
		{.path = "/dev/kvm", .device = true, .writable = true, .optional = true},
	};
	const struct rd_isolate_root root = {
		.binds = binds,
		.bind_count = RD_ARRAY_LEN(binds) - (prepare->config->kvm ? 0 : 1),
		.proc = true,
	};
	const struct rd_isolate_ns ns = {.net = true};
	const struct rd_isolate_drop drop = {
		.uid = prepare->config->uid,
		.gid = prepare->gid,
		.nofile_max = QEMU_NOFILE,
		.fsize_max = fsize_max(prepare->config),
	};
	struct prepared *shared = prepare->shared;

	if (rd_isolate_namespaces(&ns, &shared->report, &shared->err) != RD_OK ||
		rd_isolate_root(&root, &shared->report, &shared->err) != RD_OK ||
		rd_isolate_drop(&drop, &shared->report, &shared->err) != RD_OK) {
		errno = shared->err.os_errno != 0 ? shared->err.os_errno : EPERM;
		return -1;
	}
	return 0;
}

/* The group that may use /dev/kvm; QEMU gets no other right from it. */
static gid_t qemu_gid(const struct rd_engine_config *config)
{
	struct stat sb;

	if (config->kvm && config->uid != 0 && stat("/dev/kvm", &sb) == 0) {
		return sb.st_gid;
	}
	return config->gid;
}

/* Our ends and QEMU's of everything that connects the two. -1: not used. */
struct wires {
	int vhost;
	int serial;
	int stderr_end;
};

static void wires_finish(struct wires *wires)
{
	rd_fd_close(&wires->vhost);
	rd_fd_close(&wires->serial);
	rd_fd_close(&wires->stderr_end);
}

static enum rd_status wire_pair(int type, int *ret_ours, int *ret_theirs)
{
	int ends[2];

	RD_ENSURE(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0,
		rd_status_from_errno(errno));
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return rd_fd_set_nonblock(ends[0], true);
}

static enum rd_status make_wires(struct rd_engine *engine, bool serial, struct wires *theirs)
{
	int ends[2];

	RD_TRY(wire_pair(SOCK_STREAM, &engine->vhost_fd, &theirs->vhost));
	if (serial) {
		RD_TRY(wire_pair(SOCK_STREAM, &engine->serial_fd, &theirs->serial));
	}
	RD_ENSURE(pipe2(ends, O_CLOEXEC) == 0, rd_status_from_errno(errno));
	engine->stderr_fd = ends[0];
	theirs->stderr_end = ends[1];
	return rd_fd_set_nonblock(engine->stderr_fd, true);
}

/* Everything that QEMU gets; those that this guest has not are left out. */
static size_t child_fds(const struct rd_engine_config *config, const struct wires *theirs,
	struct rd_spawn_fd ret[RD_SPAWN_FDS_MAX])
{
	const struct rd_engine_parent none = {
		.overlay_fd = -1, .base_fd = -1, .qmp_fd = -1, .net_fd = -1};
	const struct rd_engine_parent *parent = config->parent == NULL ? &none : config->parent;
	const struct rd_spawn_fd all[] = {
		{.from = theirs->stderr_end, .to = 2},
		{.from = config->memory->fd, .to = RD_QEMU_FD_MEMORY},
		{.from = theirs->vhost, .to = RD_QEMU_FD_VHOST},
		{.from = theirs->serial, .to = RD_QEMU_FD_SERIAL},
		{.from = config->kernel_fd, .to = RD_QEMU_FD_KERNEL},
		{.from = config->initrd_fd, .to = RD_QEMU_FD_INITRD},
		{.from = parent->overlay_fd, .to = RD_QEMU_FD_OVERLAY},
		{.from = parent->base_fd, .to = RD_QEMU_FD_BASE},
		{.from = parent->qmp_fd, .to = RD_QEMU_FD_QMP},
		{.from = parent->net_fd, .to = RD_QEMU_FD_NET},
	};
	size_t count = 0;

	for (size_t i = 0; i < RD_ARRAY_LEN(all); i++) {
		if (all[i].from >= 0) {
			ret[count++] = all[i];
		}
	}
	return count;
}

static enum rd_status spawn_qemu(struct rd_engine *engine, const struct rd_engine_config *config,
	const struct wires *theirs, struct prepared *shared, struct rd_error *err)
{
	struct rd_spawn_fd fds[RD_SPAWN_FDS_MAX];
	struct prepare prepare = {.config = config, .gid = qemu_gid(config), .shared = shared};
	struct rd_qemu_args args;
	struct rd_spawn how = {
		.path = find_qemu(),
		.argv = args.argv,
		.fds = fds,
		.fd_count = child_fds(config, theirs, fds),
		.death_signal = SIGKILL,
		.new_session = true,
		.no_new_privs = true,
		.prepare = isolate_child,
		.prepare_arg = &prepare,
	};
	enum rd_status st;

	if (how.path == NULL) {
		return rd_fail(err, RD_NOTFOUND,
			"QEMU not found (qemu-system-x86_64 in /usr/bin or /usr/local/bin): "
			"apt-get install qemu-system-x86");
	}
	RD_TRY(rd_qemu_args_build(config, &args, err));
	st = rd_spawn(&how, &engine->child, err);
	if (st != RD_OK && shared->err.status != RD_OK && err != NULL) {
		*err = shared->err;
		return rd_error_wrap(err, st, "cannot isolate QEMU");
	}
	return st;
}

static enum rd_status locate(
	void *ctx, const struct rd_vhost_region *region, int fd, uint8_t **ret_hva);
static void queue_started(void *ctx, unsigned index, int kick_fd);
static void queue_stopped(void *ctx, unsigned index);

static const struct rd_vhost_ops vhost_ops = {
	.map = locate,
	.queue_started = queue_started,
	.queue_stopped = queue_stopped,
};

static enum rd_status fill_engine(struct rd_engine *engine, const struct rd_engine_config *config,
	struct rd_isolate_report *report, struct rd_error *err)
{
	struct wires theirs RD_CLEANUP(wires_finish) = {-1, -1, -1};
	struct rd_vhost_config vhost = {
		.features = config->vsock_features,
		.queue_count = QUEUES,
		.device_config = config->vsock_config,
		.ops = &vhost_ops,
		.ctx = engine,
	};
	struct prepared *shared;
	enum rd_status st;

	st = make_wires(engine, config->debug, &theirs);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot make the sockets to QEMU");
	}
	vhost.fd = engine->vhost_fd;
	st = rd_vhost_session_new(&vhost, &engine->session);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot make the vhost-user session");
	}
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		return rd_fail_errno(err, errno, "cannot map a page");
	}
	st = spawn_qemu(engine, config, &theirs, shared, err);
	*report = shared->report;
	(void)munmap(shared, sizeof(*shared));
	return st;
}

static void qemu_free(struct rd_engine **engine);

static enum rd_status qemu_start(const struct rd_engine_config *config, struct rd_engine **ret,
	struct rd_isolate_report *report, struct rd_error *err)
{
	struct rd_engine *engine RD_CLEANUP(qemu_free) = calloc(1, sizeof(*engine));
	unsigned i;

	if (engine == NULL) {
		return rd_fail(err, RD_NOMEM, "no memory for the engine");
	}
	engine->memory = config->memory;
	engine->child = (struct rd_child)RD_CHILD_INIT;
	engine->vhost_fd = engine->serial_fd = engine->stderr_fd = -1;
	for (i = 0; i < QUEUES; i++) {
		engine->kicks[i] = (struct kick){.engine = engine, .index = i};
	}
	RD_TRY(fill_engine(engine, config, report, err));
	if (engine->child.pidfd < 0) {
		return rd_fail(
			err, RD_UNSUPPORTED, "this kernel has no pidfd: Linux 5.3 is needed");
	}
	*ret = rd_steal(&engine, NULL);
	return RD_OK;
}

/* --- in the loop --- */

static void qemu_kill(struct rd_engine *engine)
{
	/* If it has ended by itself there is nothing to kill, and the child watch tells. */
	if (rd_child_kill(&engine->child, SIGKILL) == RD_OK) {
		engine->killed = true;
	}
}

/* Kills QEMU for something that it did, and remembers what. */
static void give_up(struct rd_engine *engine, const char *what, enum rd_status st)
{
	if (engine->failure[0] == '\0') {
		snprintf(engine->failure, sizeof(engine->failure), "QEMU: %s: %s", what,
			rd_status_text(st));
	}
	qemu_kill(engine);
}

static enum rd_status locate(
	void *ctx, const struct rd_vhost_region *region, int fd, uint8_t **ret_hva)
{
	const struct rd_engine *engine = ctx;

	return rd_vmm_memory_locate(engine->memory, fd, region->fd_offset, region->size, ret_hva);
}

static void on_kick(void *arg, unsigned events)
{
	const struct kick *kick = arg;
	struct rd_engine *engine = kick->engine;

	(void)events;
	rd_vhost_kicked(engine->session, kick->index);
	engine->events->kicked(engine->ctx, kick->index);
}

static void queue_started(void *ctx, unsigned index, int kick_fd)
{
	struct rd_engine *engine = ctx;
	enum rd_status st;

	rd_watch_free(&engine->kick_watch[index]);
	if (kick_fd < 0) {
		/* QEMU always gives one; a front end that wants us to poll is not QEMU. */
		give_up(engine, "vhost-user queue without a kick", RD_UNSUPPORTED);
		return;
	}
	st = rd_loop_watch_fd(engine->loop, kick_fd, RD_LOOP_READ, on_kick, &engine->kicks[index],
		&engine->kick_watch[index]);
	if (st != RD_OK) {
		give_up(engine, "cannot watch a queue", st);
		return;
	}
	engine->events->kicked(engine->ctx, index);
}

static void queue_stopped(void *ctx, unsigned index)
{
	struct rd_engine *engine = ctx;

	rd_watch_free(&engine->kick_watch[index]);
	if (engine->events != NULL) {
		engine->events->stopped(engine->ctx, index);
	}
}

static void on_vhost(void *arg, unsigned events)
{
	struct rd_engine *engine = arg;
	enum rd_status st = rd_vhost_readable(engine->session);
	char what[64];

	(void)events;
	if (st == RD_OK) {
		return;
	}
	rd_watch_free(&engine->vhost_watch);
	if (st == RD_CLOSED) {
		return; /* it is ending */
	}
	snprintf(what, sizeof(what), "vhost-user request %s",
		rd_vhost_last_request(engine->session));
	give_up(engine, what, st);
}

/* One piece of serial output; false when there is no more now. */
static bool read_serial(struct rd_engine *engine)
{
	uint8_t step[SERIAL_STEP];
	size_t n;
	enum rd_status st = rd_fd_read(engine->serial_fd, step, sizeof(step), &n);

	if (st != RD_OK || n == 0) {
		if (st != RD_AGAIN) {
			rd_watch_free(&engine->serial_watch);
		}
		return false;
	}
	engine->events->console(engine->ctx, rd_view(step, n));
	return true;
}

static void on_serial(void *arg, unsigned events)
{
	(void)events;
	(void)read_serial(arg);
}

/* Keeps the last bytes that QEMU said. */
static bool read_stderr(struct rd_engine *engine)
{
	char step[256];
	size_t n, keep;
	enum rd_status st = rd_fd_read(engine->stderr_fd, step, sizeof(step), &n);

	if (st != RD_OK || n == 0) {
		if (st != RD_AGAIN) {
			rd_watch_free(&engine->stderr_watch);
		}
		return false;
	}
	/* RD_ENGINE_TEXT_MAX is more than a step, so all of the step is always kept. */
	keep = sizeof(engine->said) - 1 - n;
	keep = engine->said_len < keep ? engine->said_len : keep;
	memmove(engine->said, engine->said + engine->said_len - keep, keep);
	memcpy(engine->said + keep, step, n);
	engine->said_len = keep + n;
	engine->said[engine->said_len] = '\0';
	return true;
}

static void on_stderr(void *arg, unsigned events)
{
	(void)events;
	(void)read_stderr(arg);
}

/* What QEMU said, as one line fit for a terminal. */
static void tidy(char *text)
{
	char *p;

	for (p = text; *p != '\0'; p++) {
		if (!isprint((unsigned char)*p)) {
			*p = ' ';
		}
	}
	while (p > text && p[-1] == ' ') {
		*--p = '\0';
	}
}

static void describe_end(
	struct rd_engine *engine, const struct rd_exit *status, struct rd_engine_end *ret)
{
	tidy(engine->said);
	if (engine->failure[0] != '\0') {
		snprintf(ret->text, sizeof(ret->text), "%s", engine->failure);
	} else if (engine->killed) {
		snprintf(ret->text, sizeof(ret->text), "QEMU was told to end");
	} else if (status->signalled) {
		snprintf(ret->text, sizeof(ret->text), "QEMU died of signal %d (%s)%s%.200s",
			status->code, strsignal(status->code), engine->said_len > 0 ? ": " : "",
			engine->said);
	} else if (status->code != 0) {
		snprintf(ret->text, sizeof(ret->text), "QEMU failed with status %d%s%.200s",
			status->code, engine->said_len > 0 ? ": " : "", engine->said);
	} else {
		ret->orderly = true;
		snprintf(ret->text, sizeof(ret->text), "the guest reset or halted");
	}
}

static void on_child(void *arg, unsigned events)
{
	struct rd_engine *engine = arg;
	struct rd_engine_end end = {0};
	struct rd_exit status;

	(void)events;
	if (rd_child_reap(&engine->child, false, &status) != RD_OK) {
		return;
	}
	rd_watch_free(&engine->child_watch);
	/* What it still said lies in the sockets, which are bounded. */
	while (engine->serial_watch != NULL && read_serial(engine)) {
	}
	while (engine->stderr_watch != NULL && read_stderr(engine)) {
	}
	describe_end(engine, &status, &end);
	engine->events->ended(engine->ctx, &end);
}

static enum rd_status qemu_attach(struct rd_engine *engine, struct rd_loop *loop,
	const struct rd_engine_events *events, void *ctx)
{
	engine->loop = loop;
	engine->events = events;
	engine->ctx = ctx;
	RD_TRY(rd_loop_watch_fd(
		loop, engine->vhost_fd, RD_LOOP_READ, on_vhost, engine, &engine->vhost_watch));
	RD_TRY(rd_loop_watch_fd(
		loop, engine->stderr_fd, RD_LOOP_READ, on_stderr, engine, &engine->stderr_watch));
	if (engine->serial_fd >= 0) {
		RD_TRY(rd_loop_watch_fd(loop, engine->serial_fd, RD_LOOP_READ, on_serial, engine,
			&engine->serial_watch));
	}
	return rd_loop_watch_fd(
		loop, engine->child.pidfd, RD_LOOP_READ, on_child, engine, &engine->child_watch);
}

static struct rd_queue *qemu_queue(struct rd_engine *engine, unsigned index)
{
	return rd_vhost_queue(engine->session, index);
}

static void qemu_notify(struct rd_engine *engine, unsigned index)
{
	rd_vhost_notify(engine->session, index);
}

static pid_t qemu_pid(const struct rd_engine *engine)
{
	return engine->child.pid > 0 ? engine->child.pid : 0;
}

static void qemu_free(struct rd_engine **engine)
{
	struct rd_engine *e = *engine;
	unsigned i;

	if (e == NULL) {
		return;
	}
	e->events = NULL; /* nothing is told to anyone from here on */
	rd_watch_free(&e->child_watch);
	rd_child_finish(&e->child);
	rd_vhost_session_free(&e->session);
	rd_watch_free(&e->vhost_watch);
	rd_watch_free(&e->serial_watch);
	rd_watch_free(&e->stderr_watch);
	for (i = 0; i < QUEUES; i++) {
		rd_watch_free(&e->kick_watch[i]);
	}
	rd_fd_close(&e->vhost_fd);
	rd_fd_close(&e->serial_fd);
	rd_fd_close(&e->stderr_fd);
	free(e);
	*engine = NULL;
}

const struct rd_engine_ops rd_engine_qemu = {
	.name = "qemu",
	.start = qemu_start,
	.attach = qemu_attach,
	.queue = qemu_queue,
	.notify = qemu_notify,
	.kill = qemu_kill,
	.pid = qemu_pid,
	.free = qemu_free,
};
