/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance's places.
 *
 *	state/instances/<id>/disk.qcow2   its overlay; named so when it is whole
 *	                     console      the ring (ctl/ring.h) of its last run
 *	run/instances/<id>/record         PARENT, as it was sent; written before the vmm is started
 *	                   vmm            "<pid> <start time>"; written before PARENT is sent
 *	                   control.sock   the vmm's
 *
 * All of them are ours alone. The ids have been checked: they are names without slashes.
 */
#include "redoubtd/instance.h"

#include "ctl/ring.h"
#include "disk/qcow2.h"
#include "log/log.h"
#include "os/fd.h"
#include "os/file.h"
#include "redoubtd/places.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char record_file[] = "record";
static const char console_file[] = "console";

enum rd_status rd_instance_state_dir(
	struct rd_daemon *d, const char *instance_id, int *ret_fd, struct rd_error *err)
{
	return rd_dir_make(d->dirs.state_instances, instance_id, 0700, ret_fd, err);
}

enum rd_status rd_instance_open_disk(struct rd_daemon *d, const char *instance_id, int *ret_fd,
	uint64_t *ret_bytes, struct rd_error *err)
{
	int dir RD_CLEANUP(rd_fd_close) = -1, fd RD_CLEANUP(rd_fd_close) = -1;
	uint8_t header[RD_QCOW2_HEADER_SIZE];
	uint64_t size = 0;

	RD_TRY(rd_instance_state_dir(d, instance_id, &dir, err));
	fd = openat(dir, RD_INSTANCE_DISK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "%s/instances/%s/" RD_INSTANCE_DISK,
			d->paths.state, instance_id);
	}
	if (rd_fd_size(fd, &size) != RD_OK ||
		rd_fd_pread_full(fd, header, sizeof(header), 0) != RD_OK) {
		return rd_fail(
			err, RD_TRUNCATED, "%s: its disk is too short to be one", instance_id);
	}
	RD_TRY(rd_qcow2_check(rd_view(header, sizeof(header)), size, ret_bytes, err));
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

enum rd_status rd_instance_open_console(
	struct rd_daemon *d, const char *instance_id, bool fresh, int *ret_fd, struct rd_error *err)
{
	int dir RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;

	RD_TRY(rd_instance_state_dir(d, instance_id, &dir, err));
	if (!fresh) {
		*ret_fd = openat(dir, console_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		return *ret_fd >= 0 ? RD_OK : rd_fail_errno(err, errno, "no console was kept");
	}
	(void)unlinkat(dir, console_file, 0);
	st = rd_places_make_console(dir, ret_fd, err);
	return st == RD_EXISTS ? rd_fail(err, st, "the old console cannot be removed") : st;
}

static enum rd_status run_dir(
	struct rd_daemon *d, const char *instance_id, int *ret_fd, struct rd_error *err)
{
	return rd_dir_make(d->dirs.run_instances, instance_id, 0700, ret_fd, err);
}

enum rd_status rd_instance_write_record(const struct rd_instance *in, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_ctl_message m = {.type = RD_CTL_VMM_PARENT, .parent = in->parent};
	int fd RD_CLEANUP(rd_fd_close) = -1;

	if (rd_ctl_encode(&m, &buf) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "the instance's record does not encode");
	}
	RD_TRY(run_dir(in->daemon, in->domain.instance_id, &fd, err));
	return rd_file_replace(fd, record_file, rd_buf_view(&buf), 0600, err);
}

enum rd_status rd_instance_write_vmm(const struct rd_instance *in, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	RD_TRY(run_dir(in->daemon, in->domain.instance_id, &fd, err));
	return rd_places_write_process(fd, in->vmm.pid, err);
}

enum rd_status rd_instance_load_record(
	struct rd_daemon *d, const char *instance_id, struct rd_ctl_parent *ret)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	int dir RD_CLEANUP(rd_fd_close) = -1;
	struct rd_ctl_message m;

	dir = openat(d->dirs.run_instances, instance_id,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	RD_ENSURE(dir >= 0, RD_NOTFOUND);
	RD_TRY(rd_file_load(dir, record_file, &buf, NULL));
	RD_TRY(rd_ctl_decode(rd_buf_view(&buf), 3, RD_CTL_DAEMON_TO_VMM, &m));
	RD_ENSURE(m.type == RD_CTL_VMM_PARENT, RD_BAD_TYPE);
	RD_ENSURE(strcmp(m.parent.instance_id, instance_id) == 0, RD_NONCANONICAL);
	*ret = m.parent;
	return RD_OK;
}

void rd_instance_load_vmm(struct rd_daemon *d, const char *instance_id, struct rd_child *ret)
{
	int dir RD_CLEANUP(rd_fd_close) = openat(d->dirs.run_instances, instance_id,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	rd_places_load_process(dir, ret);
}

static void remove_from(int dir_fd, const char *instance_id)
{
	struct rd_error err = {.text = ""};
	enum rd_status st = rd_dir_remove(dir_fd, instance_id, &err);

	if (st != RD_OK && st != RD_NOTFOUND) {
		rd_log(RD_LOG_WARNING, "%s: %s", instance_id, err.text);
	}
}

void rd_instance_remove_run(struct rd_daemon *d, const char *instance_id)
{
	remove_from(d->dirs.run_instances, instance_id);
}

void rd_instance_remove_state(struct rd_daemon *d, const char *instance_id)
{
	remove_from(d->dirs.state_instances, instance_id);
}
