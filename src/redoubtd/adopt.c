/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adoption. The control socket is in a directory of the enclave's owner, who could put a socket of
 * their own there and ask us for certificates: so the process at its other end must be the very one
 * that the record names.
 */
#include "redoubtd/adopt.h"

#include "log/log.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/msg.h"
#include "redoubtd/enclave.h"
#include "redoubtd/instance.h"
#include "redoubtd/launch.h"
#include "redoubtd/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char control_socket[] = "control.sock";

/* A vmm that got LAUNCH just before the daemon died may not listen yet. */
#define CONNECT_TRIES       20
#define CONNECT_INTERVAL_US 100000

static enum rd_status connect_once(
	int dir_fd, const char *name, pid_t pid, const char *id, int *ret_sock)
{
	int dir RD_CLEANUP(rd_fd_close) = -1;
	int sock RD_CLEANUP(rd_fd_close) = -1;
	struct rd_msg_peer peer;

	dir = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	RD_ENSURE(dir >= 0, RD_NOTFOUND);
	RD_TRY(rd_msg_connect_at(dir, control_socket, SOCK_SEQPACKET, &sock));
	RD_TRY(rd_msg_peer(sock, &peer));
	if (peer.pid != pid) {
		rd_log(RD_LOG_ERROR, "%s: its control socket belongs to pid %d, not to its vmm", id,
			(int)peer.pid);
		return RD_DENIED;
	}
	*ret_sock = rd_steal(&sock, -1);
	return RD_OK;
}

enum rd_status rd_adopt_connect(
	int dir_fd, const char *name, pid_t pid, const char *id, int *ret_sock)
{
	enum rd_status st = RD_NOTFOUND;

	for (int i = 0; i < CONNECT_TRIES; i++) {
		st = connect_once(dir_fd, name, pid, id, ret_sock);
		if (st == RD_OK || st == RD_DENIED) {
			break;
		}
		usleep(CONNECT_INTERVAL_US);
	}
	return st;
}

static void attach(struct rd_daemon *d, struct rd_enclave *e)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_ATTACH};
	enum rd_status st = rd_adopt_connect(
		d->dirs.enclaves, e->slot, e->vmm.pid, e->launch.enclave_id, &e->sock);

	if (rd_enclave_watch(e) != RD_OK ||
		rd_watch_arm(e->timer, rd_enclave_boot_timeout_ms(&e->launch)) != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s: cannot be watched", e->launch.enclave_id);
		return;
	}
	if (st != RD_OK || rd_enclave_send(e, &m, -1) != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: its vmm cannot be reached (%s): ending it",
			e->launch.enclave_id, rd_status_text(st));
		rd_enclave_abort(e, RD_CTL_CAUSE_VMM_LOST,
			"redoubt-vmm could not be reached after a restart of redoubtd");
	}
}

static void end_dead(struct rd_enclave *e)
{
	e->has_end = true;
	e->end.cause = RD_CTL_CAUSE_VMM_LOST;
	strcpy(e->end.text, "redoubt-vmm ended while redoubtd was away");
	rd_enclave_gone(e);
}

static void adopt_one(struct rd_daemon *d, const char *slot)
{
	struct rd_domain *domain = &d->host;
	struct rd_enclave *e = NULL;
	struct rd_ctl_launch launch;
	enum rd_status st = rd_places_load_launch(d, slot, &launch);

	if (st != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: no usable record (%s): removing it", slot,
			rd_status_text(st));
		rd_places_remove(d, slot);
		return;
	}
	if (launch.parent) {
		st = rd_instance_domain(d, launch.instance_id, &domain);
	}
	if (st != RD_OK || rd_registry_add(&domain->registry, &e) != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s: too many enclaves to adopt", slot);
		return;
	}
	e->daemon = d;
	e->domain = domain;
	e->launch = launch;
	e->launched = true;
	e->adopted = true;
	rd_slot_text(launch.slot_uid, e->slot);
	rd_pool_retake(&domain->pool, launch.memory_mib, &launch.cpu_ids);
	rd_registry_note_cid(&domain->registry, launch.cid);
	rd_launch_open_cgroup(e);
	rd_places_load_vmm(d, slot, &e->vmm);
	if (e->vmm.pid < 0) {
		end_dead(e);
		return;
	}
	rd_log(RD_LOG_INFO, "%s: adopted (pid %d)", e->launch.enclave_id, (int)e->vmm.pid);
	attach(d, e);
}

/* A directory of sockets whose record has gone. */
static void remove_orphan(struct rd_daemon *d, const char *slot)
{
	struct rd_error err;

	if (faccessat(d->dirs.records, slot, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		rd_dir_remove(d->dirs.enclaves, slot, &err) == RD_OK) {
		rd_log(RD_LOG_INFO, "%s: removed a directory without a record", slot);
	}
}

static enum rd_status for_each(struct rd_daemon *d, int dir_fd,
	void (*fn)(struct rd_daemon *d, const char *name), struct rd_error *err)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (dir == NULL) {
		rd_fd_close(&copy);
		return rd_fail_errno(err, errno, "cannot list the enclaves");
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			fn(d, entry->d_name);
		}
	}
	closedir(dir);
	return RD_OK;
}

enum rd_status rd_adopt(struct rd_daemon *d, struct rd_error *err)
{
	for (size_t i = 0; i < d->ended.count; i++) {
		rd_registry_note_cid(&d->host.registry, d->ended.records[i].enclave.cid);
	}
	RD_TRY(for_each(d, d->dirs.records, adopt_one, err));
	return for_each(d, d->dirs.enclaves, remove_orphan, err);
}
