/* SPDX-License-Identifier: Apache-2.0 */
/* Making, finding and removing an enclave's places. */
#include "redoubtd/places.h"

#include "base/text.h"
#include "ctl/ring.h"
#include "log/log.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char record_file[] = "record";
static const char vmm_file[] = "vmm";
static const char metadata_file[] = "metadata";
static const char console_file[] = "console";

/* /proc/<pid>/stat is one line of about 52 numbers and a name of 16 bytes. */
#define PROC_STAT_MAX 2048
/* Field 22 of it, counted after the name's closing bracket, where field 3 is the first. */
#define START_TIME_FIELD (22 - 3)
/* The kernel gives out no higher ones on 64-bit machines. */
#define PID_NUMBER_MAX (4 * 1024 * 1024)

static enum rd_status write_record(int dir_fd, const struct rd_enclave *e, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_ctl_message m = {.type = RD_CTL_VMM_LAUNCH, .launch = e->launch};

	if (rd_ctl_encode(&m, &buf) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "the enclave's record does not encode");
	}
	return rd_file_replace(dir_fd, record_file, rd_buf_view(&buf), 0600, err);
}

/* Allocated whole now, so that a full disk is met here and not by the vmm, as SIGBUS. */
enum rd_status rd_places_make_console(int dir_fd, int *ret_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	uint8_t header[RD_RING_HEADER] = {0};
	int rc;

	fd = openat(dir_fd, console_file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EEXIST) {
		return RD_EXISTS;
	}
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot create the console's file");
	}
	rc = posix_fallocate(fd, 0, RD_RING_SIZE);
	if (rc != 0) {
		return rd_fail_errno(err, rc, "no room for the console's file");
	}
	rd_ring_format(header);
	if (rd_fd_pwrite_full(fd, rd_view(header, sizeof(header)), 0) != RD_OK) {
		return rd_fail_errno(err, errno, "cannot write the console's file");
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

static enum rd_status make_record_dir(struct rd_daemon *d, const struct rd_enclave *e,
	struct rd_view metadata, int *ret_console_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	RD_TRY(rd_dir_make(d->dirs.records, e->slot, 0700, &fd, err));
	if (metadata.len > 0) {
		RD_TRY(rd_file_replace(fd, metadata_file, metadata, 0600, err));
	}
	if (e->launch.debug) {
		RD_TRY(rd_places_make_console(fd, ret_console_fd, err));
	}
	return write_record(fd, e, err);
}

static enum rd_status make_enclave_dir(
	struct rd_daemon *d, const struct rd_enclave *e, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	RD_TRY(rd_dir_make(d->dirs.enclaves, e->slot, 0700, &fd, err));
	if (geteuid() == 0 &&
		fchown(fd, (uid_t)e->launch.owner_uid, (gid_t)e->launch.owner_gid) < 0) {
		return rd_fail_errno(
			err, errno, "cannot give the enclave's directory to its owner");
	}
	return RD_OK;
}

enum rd_status rd_places_make(struct rd_daemon *d, const struct rd_enclave *e,
	struct rd_view metadata, int *ret_console_fd, struct rd_error *err)
{
	int console RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st = make_record_dir(d, e, metadata, &console, err);

	if (st == RD_OK) {
		st = make_enclave_dir(d, e, err);
	}
	if (st != RD_OK) {
		rd_places_remove(d, e->slot);
		return rd_error_wrap(err, st, "%s", d->paths.run);
	}
	*ret_console_fd = rd_steal(&console, -1);
	return RD_OK;
}

static void remove_one(int dir_fd, const char *slot)
{
	struct rd_error err = {.text = ""};
	enum rd_status st = rd_dir_remove(dir_fd, slot, &err);

	if (st != RD_OK && st != RD_NOTFOUND) {
		rd_log(RD_LOG_WARNING, "%s: %s", slot, err.text);
	}
}

void rd_places_remove(struct rd_daemon *d, const char *slot)
{
	remove_one(d->dirs.enclaves, slot);
	remove_one(d->dirs.records, slot);
}

/* In clock ticks since boot: with the pid, it names one process for ever. */
static enum rd_status start_time(pid_t pid, unsigned long long *ret)
{
	uint8_t storage[PROC_STAT_MAX + 1];
	struct rd_buf buf = rd_buf_fixed(storage, PROC_STAT_MAX);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	char path[32];
	char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	RD_ENSURE(fd >= 0, RD_NOTFOUND);
	RD_TRY(rd_fd_read_all(fd, &buf));
	storage[buf.used] = '\0';
	p = strrchr((char *)storage, ')');
	RD_ENSURE(p != NULL && p[1] == ' ', RD_MALFORMED);
	p += 2;
	for (int i = 0; i < START_TIME_FIELD; i++) {
		p = strchr(p, ' ');
		RD_ENSURE(p != NULL, RD_MALFORMED);
		p++;
	}
	*ret = strtoull(p, NULL, 10);
	return RD_OK;
}

enum rd_status rd_places_write_process(int dir_fd, pid_t pid, struct rd_error *err)
{
	unsigned long long start = 0;
	char text[64];

	if (start_time(pid, &start) != RD_OK) {
		return rd_fail(err, RD_NOTFOUND, "redoubt-vmm ended at once: see the daemon's log");
	}
	snprintf(text, sizeof(text), "%d %llu\n", (int)pid, start);
	return rd_file_replace(dir_fd, vmm_file, rd_view_str(text), 0600, err);
}

enum rd_status rd_places_write_vmm(
	struct rd_daemon *d, const struct rd_enclave *e, pid_t pid, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	RD_TRY(rd_dir_make(d->dirs.records, e->slot, 0700, &fd, err));
	return rd_places_write_process(fd, pid, err);
}

enum rd_status rd_places_open(struct rd_daemon *d, const char *slot, const char *name, int *ret_fd)
{
	char path[64];
	int fd;

	RD_ENSURE(
		(size_t)snprintf(path, sizeof(path), "%s/%s", slot, name) < sizeof(path), RD_USAGE);
	fd = openat(d->dirs.records, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	RD_ENSURE(fd >= 0, RD_NOTFOUND);
	*ret_fd = fd;
	return RD_OK;
}

enum rd_status rd_places_load_launch(
	struct rd_daemon *d, const char *slot, struct rd_ctl_launch *ret)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct rd_ctl_message m;
	char text[RD_SLOT_TEXT_SIZE];

	RD_TRY(rd_places_open(d, slot, record_file, &fd));
	RD_TRY(rd_fd_read_all(fd, &buf));
	RD_TRY(rd_ctl_decode(rd_buf_view(&buf), 1, RD_CTL_DAEMON_TO_VMM, &m));
	RD_ENSURE(m.type == RD_CTL_VMM_LAUNCH, RD_BAD_TYPE);
	rd_slot_text(m.launch.slot_uid, text);
	RD_ENSURE(strcmp(text, slot) == 0, RD_NONCANONICAL);
	*ret = m.launch;
	return RD_OK;
}

/* A pidfd of exactly that process: opened first, compared afterwards, so that a pid that is used
 * again in between is noticed. */
static enum rd_status open_process(pid_t pid, unsigned long long started, int *ret_pidfd)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	unsigned long long now = 0;
	struct pollfd p;

	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	RD_TRY(start_time(pid, &now));
	RD_ENSURE(now == started, RD_NOTFOUND);
	/* A zombie still has a start time. */
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	RD_ENSURE(poll(&p, 1, 0) == 0, RD_NOTFOUND);
	*ret_pidfd = rd_steal(&fd, -1);
	return RD_OK;
}

/* "<pid> <start time>\n" */
static enum rd_status parse_process(char *text, uint64_t *ret_pid, uint64_t *ret_started)
{
	char *space = strchr(text, ' ');

	RD_ENSURE(space != NULL, RD_MALFORMED);
	*space = '\0';
	space[1 + strcspn(space + 1, "\n")] = '\0';
	RD_TRY(rd_parse_u64(text, 2, PID_NUMBER_MAX, ret_pid));
	return rd_parse_u64(space + 1, 0, UINT64_MAX, ret_started);
}

void rd_places_load_vmm(struct rd_daemon *d, const char *slot, struct rd_child *ret)
{
	int fd RD_CLEANUP(rd_fd_close) = openat(
		d->dirs.records, slot, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	rd_places_load_process(fd, ret);
}

void rd_places_load_process(int dir_fd, struct rd_child *ret)
{
	char text[64] = "";
	struct rd_buf buf = rd_buf_fixed(text, sizeof(text) - 1);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	uint64_t pid = 0, started = 0;

	*ret = (struct rd_child)RD_CHILD_INIT;
	fd = dir_fd < 0 ? -1 : openat(dir_fd, vmm_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || rd_fd_read_all(fd, &buf) != RD_OK ||
		parse_process(text, &pid, &started) != RD_OK) {
		return;
	}
	if (open_process((pid_t)pid, started, &ret->pidfd) == RD_OK) {
		ret->pid = (pid_t)pid;
	}
}
