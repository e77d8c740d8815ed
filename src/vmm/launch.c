/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From LAUNCH to the loop. The order matters:
 *
 *  1. everything by name: the enclave's directory, its sockets
 *  2. the connector's fork, while this process knows nothing worth knowing
 *  3. image, guest memory
 *  4. namespaces; then QEMU, which becomes the first process of its own and cannot run the guest
 *     before we answer it
 *  5. while QEMU loads its libraries: the leaf key, and the first of the guest's pages
 *  6. empty root, own uid, no capabilities, seccomp
 */
#include "vmm.h"

#include "os/fd.h"
#include "os/msg.h"

#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* redoubtd sends it right after exec; a busy host may take seconds. */
#define LAUNCH_TIMEOUT_MS 30000

/* A kernel, its ramdisks and their unpacked contents do not fit into less. */
#define MEMORY_MIB_MIN 32

/* As many descriptors as seccomp's stage allows later. */
#define NOFILE_WANTED 2048

static enum rd_status check_launch(const struct rd_ctl_launch *launch, struct rd_error *err)
{
	if (launch->cid < RD_VSOCK_CID_GUEST_MIN || launch->cid >= UINT32_MAX) {
		return rd_fail(err, RD_OUT_OF_RANGE, "CID %llu is not an enclave's",
			(unsigned long long)launch->cid);
	}
	if (launch->memory_mib < MEMORY_MIB_MIN) {
		return rd_fail(err, RD_OUT_OF_RANGE, "%llu MiB of memory: at least %d are needed",
			(unsigned long long)launch->memory_mib, MEMORY_MIB_MIN);
	}
	if (launch->cpu_ids.count == 0) {
		return rd_fail(err, RD_OUT_OF_RANGE, "an enclave needs at least one CPU");
	}
	if (launch->dir[0] != '/') {
		return rd_fail(err, RD_BAD_PATH, "directory %s: not absolute", launch->dir);
	}
	if (launch->engine != RD_CTL_ENGINE_QEMU_TCG && launch->engine != RD_CTL_ENGINE_QEMU_KVM) {
		return rd_fail(err, RD_UNSUPPORTED, "unknown engine %llu",
			(unsigned long long)launch->engine);
	}
	return RD_OK;
}

/* A root makes the owner's socket as the owner: the directory is the owner's, and full of traps. */
static enum rd_status become(uid_t uid, gid_t gid, struct rd_error *err)
{
	bool ok = uid == 0 ? seteuid(0) == 0 && setegid(gid) == 0
			   : setegid(gid) == 0 && seteuid(uid) == 0;

	return ok ? RD_OK : rd_fail_errno(err, errno, "cannot act as uid %u", (unsigned)uid);
}

static enum rd_status listen_as_owner(struct rd_vmm *vmm, int dir_fd, struct rd_error *err)
{
	bool root = geteuid() == 0 && vmm->launch.owner_uid != 0;
	gid_t own_gid = getegid();
	enum rd_status st;

	if (root) {
		RD_TRY(become((uid_t)vmm->launch.owner_uid, (gid_t)vmm->launch.owner_gid, err));
	}
	st = rd_msg_listen_at(dir_fd, "vsock.sock", SOCK_STREAM, 0600, &vmm->vsock_listener);
	if (root) {
		RD_TRY(become(0, own_gid, err));
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot listen on %s/vsock.sock: %s", vmm->launch.dir,
			rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status open_directory(struct rd_vmm *vmm, struct rd_error *err)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = open(
		vmm->launch.dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum rd_status st;

	if (dir_fd < 0) {
		return rd_fail_errno(err, errno, "cannot open directory %s", vmm->launch.dir);
	}
	st = rd_msg_listen_at(dir_fd, "control.sock", SOCK_SEQPACKET, 0600, &vmm->control.listener);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot listen on %s/control.sock: %s", vmm->launch.dir,
			rd_status_text(st));
	}
	vmm->control.daemon_uid = geteuid();
	if (vmm->launch.parent) {
		return RD_OK; /* this host's programs are not its parent */
	}
	RD_TRY(listen_as_owner(vmm, dir_fd, err));
	return rd_connector_start(&vmm->connector, dir_fd, (uid_t)vmm->launch.owner_uid,
		(gid_t)vmm->launch.owner_gid, err);
}

static enum rd_status request_leaf(void *ctx, struct rd_view spki)
{
	struct rd_vmm *vmm = ctx;
	struct rd_ctl_message message = {
		.type = RD_CTL_VMM_LEAF_REQUEST, .leaf_request = {.spki = spki}};

	return rd_control_send(&vmm->control, &message);
}

static enum rd_status prepare_devices(
	struct rd_vmm *vmm, struct rd_msg_fds *fds, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(rd_vmm_memory_open(vmm->launch.memory_mib << 20, &vmm->memory, err));
	if (vmm->launch.debug) {
		st = rd_console_init(&vmm->console, fds->fd[vmm->launch.parent ? 2 : 1]);
		if (st != RD_OK) {
			return rd_fail(
				err, st, "console file from redoubtd: %s", rd_status_text(st));
		}
	}
	st = rd_vmm_prepare_loop(vmm);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "cannot make an event loop");
}

/* 0: we are not root and keep our own. */
static uid_t own_uid(const struct rd_ctl_launch *launch)
{
	if (geteuid() != 0) {
		return 0;
	}
	return launch->parent ? rd_vmm_uid_indexed(launch->uid_index) : rd_vmm_uid(launch->cid);
}

static enum rd_status start_engine(struct rd_vmm *vmm, uid_t uid, struct rd_error *err)
{
	uint8_t vsock_config[RD_VSOCK_CONFIG_SIZE];
	struct rd_engine_config config = {
		.memory = &vmm->memory,
		.kernel_fd = vmm->image.kernel_fd,
		.initrd_fd = vmm->image.initrd_fd,
		.cmdline = rd_view_str(vmm->image.cmdline),
		.cpus = (unsigned)vmm->launch.cpu_ids.count,
		.guest_cid = (uint32_t)vmm->launch.cid,
		.acpi = vmm->image.acpi,
		.debug = vmm->launch.debug,
		.kvm = vmm->launch.engine == RD_CTL_ENGINE_QEMU_KVM,
		.tsc_khz = rd_tsc_khz_since(&vmm->tsc),
		.uid = uid,
		.gid = uid,
		.vsock_config = rd_view(vsock_config, sizeof(vsock_config)),
		.vsock_features = RD_VSOCK_HOST_FEATURES,
	};
	struct rd_isolate_report report = {0};
	char text[320];

	rd_vsock_host_device_config((uint32_t)vmm->launch.cid, vsock_config);
	vmm->engine_ops = &rd_engine_qemu;
	RD_TRY(vmm->engine_ops->start(&config, &vmm->engine, &report, err));
	rd_vmm_isolate_describe("engine", &report, false, text, sizeof(text));
	fprintf(stderr, "redoubt-vmm: engine %s (%s), %s\n", vmm->engine_ops->name,
		vmm->launch.engine_reason, text);
	return RD_OK;
}

static enum rd_status make_nsm(struct rd_vmm *vmm, struct rd_error *err)
{
	struct rd_nsm_service_config nsm = {
		.launch = &vmm->launch, .request_leaf = request_leaf, .ctx = vmm};

	return rd_nsm_service_new(&nsm, &vmm->nsm, err);
}

static enum rd_status isolate_and_start(struct rd_vmm *vmm, struct rd_error *err)
{
	struct rd_isolate_report report = {0};
	uid_t uid = own_uid(&vmm->launch);
	char text[320];

	RD_TRY(rd_vmm_isolate_namespaces(&report, err));
	RD_TRY(start_engine(vmm, uid, err));
	RD_TRY(make_nsm(vmm, err));
	rd_vmm_memory_warm(&vmm->memory);
	RD_TRY(rd_vmm_isolate_finally(uid, vmm->launch.parent, &report, err));
	rd_vmm_isolate_describe("vmm", &report, true, text, sizeof(text));
	fprintf(stderr, "redoubt-vmm: %s\n", text);
	return RD_OK;
}

static void raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < NOFILE_WANTED) {
		limit.rlim_cur = limit.rlim_max < NOFILE_WANTED ? limit.rlim_max : NOFILE_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/*
 * SIGHUP: an enclave outlives the terminal that it was started from. SIGXFSZ: a file-size limit
 * holds for memory files too, and is to be an error with a text.
 */
static void ignore_signals(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	(void)sigaction(SIGXFSZ, &ignore, NULL);
}

enum rd_status rd_vmm_begin(
	int sock, struct rd_ctl_message *ret, struct rd_msg_fds *ret_fds, struct rd_error *err)
{
	ignore_signals();
	raise_nofile();
	if (rd_fd_set_cloexec(sock, true) != RD_OK || rd_fd_set_nonblock(sock, true) != RD_OK) {
		return rd_fail_errno(err, errno,
			"descriptor %d is not open: redoubt-vmm is started by redoubtd", sock);
	}
	return rd_control_receive(sock, LAUNCH_TIMEOUT_MS, ret, ret_fds, err);
}

/* Takes the descriptors that LAUNCH may come with; the EIF stays in fds. */
static enum rd_status take_launch(struct rd_vmm *vmm, const struct rd_ctl_launch *launch,
	struct rd_msg_fds *fds, struct rd_error *err)
{
	size_t want = 1u + (launch->parent ? 1u : 0u) + (launch->debug ? 1u : 0u);

	vmm->launch = *launch;
	vmm->launched_ms = rd_loop_now_ms();
	vmm->state = RD_CTL_STATE_BOOTING;
	if (fds->count != want) {
		return rd_fail(err, RD_FORBIDDEN, "LAUNCH with %zu descriptors instead of %zu",
			fds->count, want);
	}
	if (launch->parent) {
		vmm->parent_link = rd_msg_fds_steal(fds, 1);
	}
	return check_launch(&vmm->launch, err);
}

enum rd_status rd_vmm_launch(struct rd_vmm *vmm, const struct rd_ctl_launch *launch,
	struct rd_msg_fds *fds, struct rd_error *err)
{
	RD_TRY(take_launch(vmm, launch, fds, err));
	RD_TRY(open_directory(vmm, err));
	RD_TRY(rd_vmm_image_open(fds->fd[0], &vmm->image, err));
	/* Its parts have files of their own now; this one would hold the memory of all of them. */
	rd_fd_close(&fds->fd[0]);
	RD_TRY(prepare_devices(vmm, fds, err));
	return isolate_and_start(vmm, err);
}
