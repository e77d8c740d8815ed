/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INSTANCE_RUN: what was asked is checked, memory and CPUs are taken, the disk is made by qemu-img,
 * and then the vmm is started. As with enclaves the order makes kill -9 harmless: the disk gets its
 * name when it is whole; record, process, its pid on disk, and only then PARENT.
 *
 * The overlay's header names no backing file: which image it lies on is what redoubt-ec2 sends
 * along at every start, so that nothing in a file that a guest's QEMU writes can name another.
 */
#include "redoubtd/instance.h"

#include "disk/qcow2.h"
#include "log/log.h"
#include "os/fd.h"
#include "os/file.h"
#include "redoubtd/clients.h"
#include "redoubtd/launch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QEMU_IMG "/usr/bin/qemu-img"
/* The overlay's name until it is whole; and as qemu-img sees it, with the directory on fd 3. */
#define NEW_DISK    "disk.new"
#define IMAGING_DIR 3
static const char new_disk_at_3[] = "/proc/self/fd/3/" NEW_DISK;

#define SECTOR 512u
/* While the engine is being chosen. */
#define ENGINE_WAIT_MS 20
#define GIB            ((uint64_t)1 << 30)

/* --- what was asked --- */

static bool is_word(const char *text, const char *letters)
{
	return strspn(text, letters) == strlen(text);
}

static bool is_mac(const char *text)
{
	return text[0] == '\0' ||
	       (strlen(text) == strlen("52:54:00:12:34:56") && is_word(text, "0123456789abcdef:"));
}

static bool is_address(const char *text)
{
	char address[RD_CTL_WORD_MAX + 1];
	struct in_addr ip;

	snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "/"), text);
	return inet_pton(AF_INET, address, &ip) == 1;
}

/* Its own socket, and no other that redoubt-net, which is root, could open for its guest. */
static bool is_own_imds(const struct rd_daemon *d, const struct rd_ctl_instance_run *run)
{
	char want[RD_PATH_MAX + RD_CTL_ID_MAX + sizeof("/imds/.sock")];

	if (run->imds[0] == '\0') {
		return true;
	}
	snprintf(want, sizeof(want), "%s/imds/%s.sock", d->paths.run, run->instance_id);
	return strcmp(run->imds, want) == 0;
}

static enum rd_status check_request(
	const struct rd_daemon *d, const struct rd_ctl_instance_run *run, struct rd_refusal *ref)
{
	const char *bad = NULL;

	if (!rd_instance_id_valid(run->instance_id) ||
		strcmp(run->instance_id, d->instance_id) == 0) {
		bad = "instance_id: i- and 8 or 17 hex digits, and not this host's own";
	} else if (!is_mac(run->mac)) {
		bad = "mac: six bytes in lower-case hex, or nothing";
	} else if (run->mac[0] != '\0' && !is_address(run->private_ip)) {
		bad = "private_ip: an IPv4 address";
	} else if (!is_word(run->hostname, "abcdefghijklmnopqrstuvwxyz0123456789-.")) {
		bad = "hostname: letters, digits, dots and hyphens";
	} else if (!is_own_imds(d, run)) {
		bad = "imds: run/imds/<instance id>.sock, or nothing";
	} else if (strcmp(run->image_format, "raw") != 0 &&
		   strcmp(run->image_format, "qcow2") != 0) {
		bad = "image_format: raw or qcow2";
	} else if (run->memory_mib < 64) {
		bad = "memory_mib: at least 64";
	}
	return bad == NULL ? RD_OK : rd_refuse(ref, RD_I_INVALID, RD_USAGE, "%s", bad);
}

/* The image's own size; it is only read, so that many instances may have it. */
static enum rd_status check_image(
	const struct rd_ctl_instance_run *run, int fd, uint64_t *ret_bytes, struct rd_refusal *ref)
{
	uint8_t header[RD_QCOW2_HEADER_SIZE];
	int flags = fcntl(fd, F_GETFL);
	uint64_t size = 0;

	ref->code = RD_I_IMAGE;
	if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || rd_fd_size(fd, &size) != RD_OK) {
		return rd_fail(&ref->err, RD_BAD_TYPE,
			"the image is not a regular file that is open for reading only");
	}
	if (size < SECTOR || size / GIB > RD_CTL_DISK_GIB_MAX) {
		return rd_fail(&ref->err, RD_OUT_OF_RANGE, "the image is empty or too large");
	}
	if (strcmp(run->image_format, "raw") == 0) {
		*ret_bytes = size / SECTOR * SECTOR;
		return RD_OK;
	}
	if (rd_fd_pread_full(fd, header, sizeof(header), 0) != RD_OK) {
		return rd_fail(&ref->err, RD_TRUNCATED, "the image is too short for a qcow2 image");
	}
	return rd_qcow2_check(rd_view(header, sizeof(header)), size, ret_bytes, &ref->err);
}

static enum rd_status check_size(
	const struct rd_ctl_instance_run *run, uint64_t *bytes, struct rd_refusal *ref)
{
	if (run->disk_gib == 0) {
		return RD_OK;
	}
	if (run->disk_gib * GIB < *bytes) {
		return rd_refuse(ref, RD_I_IMAGE, RD_OUT_OF_RANGE,
			"a disk of %llu GiB is smaller than its image of %llu bytes",
			(unsigned long long)run->disk_gib, (unsigned long long)*bytes);
	}
	*bytes = run->disk_gib * GIB;
	return RD_OK;
}

/* --- admission --- */

static enum rd_status take(struct rd_instance *in, struct rd_refusal *ref)
{
	static const struct rd_ctl_u64s any;
	enum rd_status st = rd_pool_take(&in->daemon->host.pool, in->parent.memory_mib,
		in->parent.cpus, &any, &in->parent.cpu_ids, ref);

	if (st != RD_OK) {
		ref->code = RD_I_CAPACITY;
		in->parent = (struct rd_ctl_parent){0};
	}
	return st;
}

static void fill(struct rd_instance *in, const struct rd_ctl_instance_run *run, uint64_t bytes)
{
	struct rd_ctl_parent *p = &in->parent;

	*p = (struct rd_ctl_parent){
		.cpus = run->cpus,
		.memory_mib = run->memory_mib,
		.enclaves = run->enclaves,
		.strict = run->strict,
		.started_ms = rd_daemon_now_ms(),
		.disk_bytes = bytes,
		.hops = run->hops,
		.forwards = run->forwards,
	};
	memcpy(p->instance_id, run->instance_id, sizeof(p->instance_id));
	memcpy(p->image_format, run->image_format, sizeof(p->image_format));
	memcpy(p->role_arn, run->role_arn, sizeof(p->role_arn));
	memcpy(p->account, run->account, sizeof(p->account));
	memcpy(p->mac, run->mac, sizeof(p->mac));
	memcpy(p->private_ip, run->private_ip, sizeof(p->private_ip));
	memcpy(p->hostname, run->hostname, sizeof(p->hostname));
	memcpy(p->imds, run->imds, sizeof(p->imds));
}

/* Not launched: everything is given back, and a new instance is forgotten. */
static void give_up(struct rd_instance *in, struct rd_refusal *ref)
{
	rd_log(RD_LOG_WARNING, "%s: did not start: %s", in->domain.instance_id, ref->err.text);
	if (in->runner != NULL) {
		rd_client_error(in->runner, ref->code, ref->err.text);
		in->runner->starting = NULL;
		in->runner = NULL;
	}
	in->has_end = true;
	in->end = (struct rd_ctl_ended){.cause = RD_CTL_CAUSE_ENGINE};
	rd_ctl_text_clean(rd_view_str(ref->err.text), in->end.text, sizeof(in->end.text));
	rd_instance_stop_imaging(in);
	rd_watch_free(&in->exit_watch);
	rd_child_finish(&in->vmm);
	rd_instance_vmm_gone(in);
}

/* --- the launch --- */

static enum rd_status send_parent(
	struct rd_instance *in, int overlay, int console, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_ctl_message m = {.type = RD_CTL_VMM_PARENT, .parent = in->parent};
	struct rd_msg_fds fds = {.fd = {overlay, in->base, console, -1}, .count = 3};
	enum rd_status st = rd_ctl_encode(&m, &buf);

	st = st == RD_OK ? rd_msg_send(in->sock, rd_buf_view(&buf), &fds) : st;
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "cannot send PARENT to redoubt-vmm: %s",
				     rd_status_text(st));
}

static enum rd_status start_vmm(
	struct rd_instance *in, int overlay, int console, struct rd_refusal *ref)
{
	int theirs RD_CLEANUP(rd_fd_close) = -1;
	int pair[2];

	if (rd_msg_pair(pair) != RD_OK) {
		return rd_refuse(ref, RD_I_INTERNAL, RD_IO, "no socket pair for redoubt-vmm");
	}
	in->sock = pair[0];
	theirs = pair[1];
	rd_instance_open_cgroup(in, in->parent.memory_mib);
	ref->code = RD_I_INTERNAL;
	RD_TRY(rd_launch_vmm(in->domain.instance_id, theirs, in->cgroup_fd, &in->vmm, &ref->err));
	ref->code = RD_I_STORAGE;
	RD_TRY(rd_instance_write_vmm(in, &ref->err));
	ref->code = RD_I_INTERNAL;
	RD_TRY(send_parent(in, overlay, console, &ref->err));
	if (rd_instance_watch(in) != RD_OK ||
		rd_watch_arm(in->timer, RD_INSTANCE_BOOT_MS) != RD_OK) {
		return rd_refuse(ref, RD_I_INTERNAL, RD_NOMEM, "cannot watch redoubt-vmm");
	}
	return RD_OK;
}

static enum rd_status fill_engine(struct rd_instance *in, struct rd_refusal *ref)
{
	const struct rd_daemon *d = in->daemon;
	struct rd_ctl_parent *p = &in->parent;

	if ((size_t)snprintf(p->dir, sizeof(p->dir), "%s/instances/%s", d->paths.run,
		    p->instance_id) >= sizeof(p->dir)) {
		return rd_refuse(ref, RD_I_INTERNAL, RD_LIMIT,
			"the path of the run directory is too long for sockets: %s", d->paths.run);
	}
	p->engine = (uint64_t)d->engine.engine;
	memcpy(p->engine_reason, d->engine.reason, sizeof(p->engine_reason));
	return RD_OK;
}

static enum rd_status launch(struct rd_instance *in, struct rd_refusal *ref)
{
	int overlay RD_CLEANUP(rd_fd_close) = -1, console RD_CLEANUP(rd_fd_close) = -1;
	struct rd_daemon *d = in->daemon;

	RD_TRY(fill_engine(in, ref));
	ref->code = RD_I_STORAGE;
	RD_TRY(rd_instance_open_disk(
		d, in->domain.instance_id, &overlay, &in->parent.disk_bytes, &ref->err));
	RD_TRY(rd_instance_open_console(d, in->domain.instance_id, true, &console, &ref->err));
	RD_TRY(rd_instance_write_record(in, &ref->err));
	return start_vmm(in, overlay, console, ref);
}

static void launch_or_give_up(void *arg);

/* Right after the daemon's start; the probe has a time-out of its own. */
static enum rd_status wait_for_engine(struct rd_instance *in, struct rd_refusal *ref)
{
	if (in->engine_wait == NULL &&
		rd_loop_timer(in->daemon->loop, launch_or_give_up, in, &in->engine_wait) != RD_OK) {
		return rd_refuse(ref, RD_I_INTERNAL, RD_NOMEM, "out of memory");
	}
	if (rd_watch_arm(in->engine_wait, ENGINE_WAIT_MS) != RD_OK) {
		return rd_refuse(ref, RD_I_INTERNAL, RD_NOMEM, "out of memory");
	}
	return RD_AGAIN;
}

static void launch_or_give_up(void *arg)
{
	struct rd_refusal ref = {.code = RD_I_INTERNAL, .err = {.text = "internal error"}};
	struct rd_ctl_message m = {.type = RD_CTL_INSTANCE};
	struct rd_instance *in = arg;
	enum rd_status st = in->daemon->engine.known ? launch(in, &ref) : wait_for_engine(in, &ref);

	if (st == RD_AGAIN) {
		return;
	}
	rd_watch_free(&in->engine_wait);
	if (st != RD_OK) {
		give_up(in, &ref);
		return;
	}
	rd_fd_close(&in->base);
	in->terminate = false;
	rd_log(RD_LOG_INFO, "%s: started (pid %d), %llu CPUs, %llu MiB", in->domain.instance_id,
		(int)in->vmm.pid, (unsigned long long)in->parent.cpus,
		(unsigned long long)in->parent.memory_mib);
	rd_instance_set_state(in, RD_CTL_INSTANCE_PENDING); /* it has a pid now */
	if (in->runner != NULL) {
		rd_instance_describe(in, &m.instance);
		rd_client_send(in->runner, &m, -1);
		rd_client_done(in->runner);
		in->runner->starting = NULL;
		in->runner = NULL;
	}
}

/* --- the disk --- */

void rd_instance_stop_imaging(struct rd_instance *in)
{
	rd_watch_free(&in->imaging_watch);
	rd_watch_free(&in->engine_wait);
	rd_child_finish(&in->imaging);
	rd_fd_close(&in->imaging_out);
	rd_fd_close(&in->base);
}

/* What qemu-img said, as one line; a pipe's worth at most. */
static void imaging_text(int fd, char *ret, size_t cap)
{
	char text[256];
	size_t n = 0;

	if (rd_fd_read(fd, text, sizeof(text), &n) != RD_OK) {
		n = 0;
	}
	while (n > 0 && text[n - 1] == '\n') {
		n--;
	}
	rd_ctl_text_clean(rd_view(text, n), ret, cap);
}

static enum rd_status disk_made(struct rd_instance *in, struct rd_refusal *ref)
{
	int dir RD_CLEANUP(rd_fd_close) = -1;
	struct rd_exit how = {0};
	char text[200];

	ref->code = RD_I_STORAGE;
	RD_TRY(rd_instance_state_dir(in->daemon, in->domain.instance_id, &dir, &ref->err));
	(void)!rd_child_reap(&in->imaging, true, &how);
	imaging_text(in->imaging_out, text, sizeof(text));
	rd_fd_close(&in->imaging_out);
	if (how.signalled || how.code != 0) {
		(void)unlinkat(dir, NEW_DISK, 0);
		return rd_fail(&ref->err, RD_IO, "qemu-img cannot make the disk (%s %d): %s",
			how.signalled ? "signal" : "exit status", how.code, text);
	}
	if (renameat(dir, NEW_DISK, dir, RD_INSTANCE_DISK) < 0) {
		return rd_fail_errno(&ref->err, errno, "cannot rename the new disk");
	}
	return RD_OK;
}

static void on_imaging(void *arg, unsigned events)
{
	struct rd_refusal ref = {.code = RD_I_STORAGE, .err = {.text = "internal error"}};
	struct rd_instance *in = arg;

	(void)events;
	rd_watch_free(&in->imaging_watch);
	if (disk_made(in, &ref) != RD_OK) {
		give_up(in, &ref);
		return;
	}
	launch_or_give_up(in);
}

static enum rd_status spawn_imaging(struct rd_instance *in, int dir, int out, struct rd_error *err)
{
	char size[32];
	const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", new_disk_at_3, size, NULL};
	struct rd_spawn_fd fds[] = {
		{.from = out, .to = STDERR_FILENO}, {.from = dir, .to = IMAGING_DIR}};
	struct rd_spawn how = {
		.path = QEMU_IMG,
		.argv = argv,
		.fds = fds,
		.fd_count = RD_ARRAY_LEN(fds),
		.new_session = true,
		.no_new_privs = true,
	};

	snprintf(size, sizeof(size), "%llu", (unsigned long long)in->parent.disk_bytes);
	RD_TRY(rd_spawn(&how, &in->imaging, err));
	if (in->imaging.pidfd < 0 ||
		rd_loop_watch_fd(in->daemon->loop, in->imaging.pidfd, RD_LOOP_READ, on_imaging, in,
			&in->imaging_watch) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "cannot watch qemu-img");
	}
	return RD_OK;
}

static enum rd_status make_disk(struct rd_instance *in, struct rd_refusal *ref)
{
	int dir RD_CLEANUP(rd_fd_close) = -1, theirs RD_CLEANUP(rd_fd_close) = -1;
	int ends[2];

	ref->code = RD_I_STORAGE;
	RD_TRY(rd_instance_state_dir(in->daemon, in->domain.instance_id, &dir, &ref->err));
	(void)unlinkat(dir, NEW_DISK, 0);
	(void)unlinkat(dir, RD_INSTANCE_DISK, 0);
	if (pipe2(ends, O_CLOEXEC) < 0) {
		return rd_fail_errno(&ref->err, errno, "no pipe for qemu-img");
	}
	in->imaging_out = ends[0];
	theirs = ends[1];
	if (rd_fd_set_nonblock(in->imaging_out, true) != RD_OK) {
		return rd_fail(&ref->err, RD_IO, "no pipe for qemu-img");
	}
	return spawn_imaging(in, dir, theirs, &ref->err);
}

/* --- the request --- */

/* A stopped instance of that id; a new one if there is none. */
static enum rd_status find_stopped(struct rd_daemon *d, const struct rd_ctl_instance_run *run,
	struct rd_instance **ret, struct rd_refusal *ref)
{
	struct rd_instance *in = rd_instance_find(d, run->instance_id);

	if (in == NULL && !run->fresh) {
		return rd_refuse(
			ref, RD_I_NOTFOUND, RD_NOTFOUND, "%s has no disk here", run->instance_id);
	}
	if (in != NULL && in->state != RD_CTL_INSTANCE_STOPPED) {
		return rd_refuse(ref, RD_I_STATE, RD_EXISTS, "%s is not stopped", run->instance_id);
	}
	if (in == NULL && rd_instance_add(d, run->instance_id, &in) != RD_OK) {
		return rd_refuse(ref, RD_I_CAPACITY, RD_LIMIT,
			"there are %zu instances: terminate one", d->instance_count);
	}
	*ret = in;
	return RD_OK;
}

static enum rd_status admit(struct rd_client *c, const struct rd_ctl_instance_run *run, int base_fd,
	struct rd_instance **ret, struct rd_refusal *ref)
{
	struct rd_instance *in = NULL;
	uint64_t bytes = 0;

	*ret = NULL;
	RD_TRY(check_request(c->daemon, run, ref));
	RD_TRY(check_image(run, base_fd, &bytes, ref));
	RD_TRY(check_size(run, &bytes, ref));
	RD_TRY(find_stopped(c->daemon, run, &in, ref));
	*ret = in;
	fill(in, run, bytes);
	RD_TRY(take(in, ref));
	rd_instance_init_domain(in);
	return RD_OK;
}

void rd_instance_run(struct rd_client *c, const struct rd_ctl_instance_run *run, int base_fd)
{
	struct rd_refusal ref = {.code = RD_I_INTERNAL, .err = {.text = "internal error"}};
	int base RD_CLEANUP(rd_fd_close) = base_fd;
	bool is_new = rd_instance_find(c->daemon, run->instance_id) == NULL;
	struct rd_instance *in = NULL;

	if (admit(c, run, base, &in, &ref) != RD_OK) {
		rd_client_error(c, ref.code, ref.err.text);
		if (in != NULL && is_new) {
			rd_instance_terminate(in); /* made for this request alone */
		}
		return;
	}
	in->has_end = false;
	in->terminate = is_new; /* unless it gets as far as its launch */
	in->runner = c;
	c->starting = in;
	in->base = rd_steal(&base, -1);
	rd_instance_set_state(in, RD_CTL_INSTANCE_PENDING);
	if (!run->fresh) {
		launch_or_give_up(in);
	} else if (make_disk(in, &ref) != RD_OK) {
		give_up(in, &ref);
	}
}
