/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From PARENT to the loop. The order matters:
 *
 *  1. everything by name: the instance's directory and its socket
 *  2. redoubt-net, which needs the host's network
 *  3. guest memory, console, QMP
 *  4. namespaces; then QEMU, which cannot run the guest before we answer it (engine_qemu.c)
 *  5. empty root, own uid, no capabilities, seccomp
 */
#include "parent.h"

#include "os/fd.h"
#include "os/isolate.h"

#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* SeaBIOS and a loader run in less; no kernel with an initramfs does. */
#define MEMORY_MIB_MIN 64

enum { FD_OVERLAY, FD_BASE, FD_CONSOLE };

static enum rd_status check(const struct rd_ctl_parent *config, struct rd_error *err)
{
	if (config->memory_mib < MEMORY_MIB_MIN) {
		return rd_fail(err, RD_OUT_OF_RANGE, "%llu MiB of memory: at least %d are needed",
			(unsigned long long)config->memory_mib, MEMORY_MIB_MIN);
	}
	if (config->dir[0] != '/') {
		return rd_fail(err, RD_BAD_PATH, "directory %s: not absolute", config->dir);
	}
	/* It becomes a part of QEMU's command line, where a comma would begin another option. */
	if (strspn(config->instance_id, "i-0123456789abcdef") != strlen(config->instance_id) ||
		strspn(config->mac, "0123456789abcdef:") != strlen(config->mac)) {
		return rd_fail(err, RD_MALFORMED, "not an instance id, or not a MAC address");
	}
	if (strcmp(config->image_format, "raw") != 0 &&
		strcmp(config->image_format, "qcow2") != 0) {
		return rd_fail(
			err, RD_UNSUPPORTED, "unknown image format %s", config->image_format);
	}
	return RD_OK;
}

static enum rd_status open_directory(struct rd_parent *parent, struct rd_error *err)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = open(
		parent->config.dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum rd_status st;

	if (dir_fd < 0) {
		return rd_fail_errno(err, errno, "cannot open directory %s", parent->config.dir);
	}
	st = rd_msg_listen_at(
		dir_fd, "control.sock", SOCK_SEQPACKET, 0600, &parent->control.listener);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot listen on %s/control.sock: %s", parent->config.dir,
			rd_status_text(st));
	}
	parent->control.daemon_uid = geteuid();
	return RD_OK;
}

static enum rd_status prepare(
	struct rd_parent *parent, const struct rd_msg_fds *fds, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(rd_vmm_memory_open(parent->config.memory_mib << 20, &parent->memory, err));
	st = rd_console_init(&parent->console, fds->fd[FD_CONSOLE]);
	if (st != RD_OK) {
		return rd_fail(err, st, "console file from redoubtd: %s", rd_status_text(st));
	}
	st = rd_parent_prepare_loop(parent);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "cannot make an event loop");
}

/* Our end of the monitor stays, QEMU's is the caller's. */
static enum rd_status make_qmp(struct rd_parent *parent, int *ret_theirs, struct rd_error *err)
{
	int ends[2];
	enum rd_status st;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		return rd_fail_errno(err, errno, "no socket for QEMU's monitor");
	}
	parent->qmp_sock = ends[0];
	*ret_theirs = ends[1];
	st = rd_fd_set_nonblock(parent->qmp_sock, true);
	st = st == RD_OK ? rd_qmp_new(parent->qmp_sock, &parent->qmp) : st;
	return st == RD_OK ? RD_OK : rd_fail(err, st, "cannot make QEMU's monitor");
}

static enum rd_status start_engine(struct rd_parent *parent, const struct rd_msg_fds *fds,
	int net_fd, uid_t uid, struct rd_error *err)
{
	int qmp RD_CLEANUP(rd_fd_close) = -1;
	uint8_t vsock_config[RD_VSOCK_CONFIG_SIZE];
	struct rd_engine_parent disk = {
		.instance_id = parent->config.instance_id,
		.overlay_fd = fds->fd[FD_OVERLAY],
		.base_fd = fds->fd[FD_BASE],
		.base_qcow2 = strcmp(parent->config.image_format, "qcow2") == 0,
		.disk_bytes = parent->config.disk_bytes,
		.net_fd = net_fd,
		.mac = parent->config.mac,
	};
	struct rd_engine_config config = {
		.parent = &disk,
		.memory = &parent->memory,
		.kernel_fd = -1,
		.initrd_fd = -1,
		.cpus = (unsigned)parent->config.cpus,
		.guest_cid = RD_CID_PARENT,
		.debug = true, /* it has a serial console */
		.kvm = parent->config.engine == RD_CTL_ENGINE_QEMU_KVM,
		.uid = uid,
		.gid = uid,
		.vsock_config = rd_view(vsock_config, sizeof(vsock_config)),
		.vsock_features = RD_VSOCK_HOST_FEATURES,
	};
	struct rd_isolate_report report = {0};
	char text[320];

	RD_TRY(make_qmp(parent, &qmp, err));
	disk.qmp_fd = qmp;
	rd_vsock_host_device_config(RD_CID_PARENT, vsock_config);
	parent->engine_ops = &rd_engine_qemu;
	RD_TRY(parent->engine_ops->start(&config, &parent->engine, &report, err));
	rd_vmm_isolate_describe("engine", &report, false, text, sizeof(text));
	fprintf(stderr, "redoubt-vmm: %s: engine %s (%s), %s\n", parent->config.instance_id,
		parent->engine_ops->name, parent->config.engine_reason, text);
	return RD_OK;
}

static enum rd_status isolate_and_start(
	struct rd_parent *parent, const struct rd_msg_fds *fds, int net_fd, struct rd_error *err)
{
	struct rd_isolate_report report = {0};
	uid_t uid = geteuid() == 0 ? rd_vmm_uid_indexed(parent->config.uid_index) : 0;
	char text[320];

	RD_TRY(rd_vmm_isolate_namespaces(&report, err));
	RD_TRY(start_engine(parent, fds, net_fd, uid, err));
	RD_TRY(rd_vmm_isolate_finally(uid, true, &report, err));
	rd_vmm_isolate_describe("vmm", &report, true, text, sizeof(text));
	fprintf(stderr, "redoubt-vmm: %s: %s\n", parent->config.instance_id, text);
	return RD_OK;
}

enum rd_status rd_parent_launch(struct rd_parent *parent, const struct rd_ctl_parent *config,
	struct rd_msg_fds *fds, struct rd_error *err)
{
	int net_fd RD_CLEANUP(rd_fd_close) = -1;

	parent->config = *config;
	RD_TRY(check(config, err));
	RD_TRY(open_directory(parent, err));
	if (config->mac[0] != '\0') {
		RD_TRY(rd_net_start(&parent->net, config, &net_fd, err));
	}
	RD_TRY(prepare(parent, fds, err));
	return isolate_and_start(parent, fds, net_fd, err);
}
