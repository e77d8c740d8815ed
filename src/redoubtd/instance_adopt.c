/* SPDX-License-Identifier: Apache-2.0 */
/* After a restart: the instances of the daemon before us, running or stopped. */
#include "redoubtd/instance.h"

#include "log/log.h"
#include "os/fd.h"
#include "redoubtd/adopt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static enum rd_status find_or_add(
	struct rd_daemon *d, const char *instance_id, struct rd_instance **ret)
{
	*ret = rd_instance_find(d, instance_id);
	return *ret != NULL ? RD_OK : rd_instance_add(d, instance_id, ret);
}

/* A disk or a console: stopped, unless it turns out to run. */
static void adopt_stopped(struct rd_daemon *d, const char *instance_id)
{
	struct rd_instance *in;

	if (find_or_add(d, instance_id, &in) != RD_OK) {
		rd_log(RD_LOG_WARNING, "state/instances/%s is no instance of ours", instance_id);
	}
}

static void attach(struct rd_instance *in)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_ATTACH};
	const char *id = in->domain.instance_id;
	enum rd_status st = rd_adopt_connect(
		in->daemon->dirs.run_instances, id, in->vmm.pid, id, &in->sock);

	in->state = RD_CTL_INSTANCE_PENDING;
	if (rd_instance_watch(in) != RD_OK ||
		rd_watch_arm(in->timer, RD_INSTANCE_BOOT_MS) != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s: cannot be watched", id);
		return;
	}
	if (st != RD_OK || rd_instance_send(in, &m, -1) != RD_OK) {
		rd_instance_abort(in, RD_CTL_CAUSE_VMM_LOST,
			"redoubt-vmm could not be reached after a restart of redoubtd");
	}
}

static void adopt_running(struct rd_daemon *d, const char *instance_id)
{
	struct rd_ctl_parent parent;
	struct rd_instance *in;

	if (rd_instance_load_record(d, instance_id, &parent) != RD_OK ||
		find_or_add(d, instance_id, &in) != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: no usable record: removing it", instance_id);
		rd_instance_remove_run(d, instance_id);
		return;
	}
	in->parent = parent;
	in->adopted = true;
	rd_instance_init_domain(in);
	rd_pool_retake(&d->host.pool, parent.memory_mib, &parent.cpu_ids);
	rd_instance_open_cgroup(in, parent.memory_mib);
	rd_instance_load_vmm(d, instance_id, &in->vmm);
	if (in->vmm.pid < 0) {
		in->vmm_gone = true;
		in->has_end = true;
		in->end.cause = RD_CTL_CAUSE_VMM_LOST;
		snprintf(in->end.text, sizeof(in->end.text),
			"redoubt-vmm ended while redoubtd was away");
		return; /* settled when its enclaves are known */
	}
	rd_log(RD_LOG_INFO, "%s: adopted (pid %d)", instance_id, (int)in->vmm.pid);
	attach(in);
}

static enum rd_status for_each(struct rd_daemon *d, int dir_fd,
	void (*fn)(struct rd_daemon *d, const char *name), struct rd_error *err)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (dir == NULL) {
		rd_fd_close(&copy);
		return rd_fail_errno(err, errno, "cannot list the instances");
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			fn(d, entry->d_name);
		}
	}
	closedir(dir);
	return RD_OK;
}

enum rd_status rd_instances_adopt(struct rd_daemon *d, struct rd_error *err)
{
	RD_TRY(for_each(d, d->dirs.state_instances, adopt_stopped, err));
	return for_each(d, d->dirs.run_instances, adopt_running, err);
}

enum rd_status rd_instance_domain(
	struct rd_daemon *d, const char *instance_id, struct rd_domain **ret)
{
	struct rd_instance *in = rd_instance_find(d, instance_id);

	if (in == NULL) {
		RD_TRY(rd_instance_add(d, instance_id, &in));
		in->terminate = true;
		in->vmm_gone = true;
	}
	if (in->vmm.pid < 0) {
		in->vmm_gone = true;
	}
	*ret = &in->domain;
	return RD_OK;
}

void rd_instances_settle(struct rd_daemon *d)
{
	struct rd_instance *next;

	for (struct rd_instance *in = d->instances; in != NULL; in = next) {
		next = in->next;
		if (in->vmm_gone) {
			rd_instance_vmm_gone(in);
		}
	}
}
