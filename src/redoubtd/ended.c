/* SPDX-License-Identifier: Apache-2.0 */
/* Ended enclaves. */
#include "redoubtd/ended.h"

#include "ctl/ring.h"
#include "os/fd.h"
#include "os/file.h"
#include "redoubtd/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONSOLE_SUFFIX ".console"
#define NAME_SIZE      (RD_SLOT_TEXT_SIZE + sizeof(CONSOLE_SUFFIX))

static void console_name(uint64_t slot_uid, char ret[NAME_SIZE])
{
	snprintf(ret, NAME_SIZE, "%llx" CONSOLE_SUFFIX, (unsigned long long)slot_uid);
}

static void remove_files(int dir_fd, uint64_t slot_uid)
{
	char slot[RD_SLOT_TEXT_SIZE];
	char console[NAME_SIZE];

	rd_slot_text(slot_uid, slot);
	console_name(slot_uid, console);
	unlinkat(dir_fd, slot, 0);
	unlinkat(dir_fd, console, 0);
}

static enum rd_status load_record(int dir_fd, const char *name, struct rd_ended_record *ret)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_ctl_message m;
	uint64_t slot = 0;

	RD_TRY(rd_file_load(dir_fd, name, &buf, NULL));
	RD_TRY(rd_ctl_decode(rd_buf_view(&buf), 0, RD_CTL_DAEMON_TO_CLIENT, &m));
	RD_ENSURE(m.type == RD_CTL_ENCLAVE, RD_BAD_TYPE);
	RD_TRY(rd_slot_of_id(m.enclave.enclave_id, &slot));
	*ret = (struct rd_ended_record){.slot_uid = slot, .enclave = m.enclave};
	return RD_OK;
}

/* Slots begin with the time of the start; the end is what orders them. */
static int by_end(const void *a, const void *b)
{
	const struct rd_ended_record *x = a;
	const struct rd_ended_record *y = b;

	return (x->enclave.ended_ms > y->enclave.ended_ms) -
	       (x->enclave.ended_ms < y->enclave.ended_ms);
}

static void push(struct rd_ended *ended, const struct rd_ended_record *record)
{
	if (ended->count == RD_ENDED_MAX) {
		remove_files(ended->dir_fd, ended->records[0].slot_uid);
		memmove(&ended->records[0], &ended->records[1],
			(RD_ENDED_MAX - 1) * sizeof(ended->records[0]));
		ended->count--;
	}
	ended->records[ended->count++] = *record;
}

static void load_entry(struct rd_ended *ended, const char *name)
{
	struct rd_ended_record record;

	if (name[0] == '.' || strstr(name, CONSOLE_SUFFIX) != NULL) {
		return;
	}
	if (load_record(ended->dir_fd, name, &record) != RD_OK) {
		unlinkat(ended->dir_fd, name, 0);
		return;
	}
	push(ended, &record);
}

enum rd_status rd_ended_load(struct rd_ended *ended, int dir_fd, struct rd_error *err)
{
	struct dirent *entry;
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (dir == NULL) {
		rd_fd_close(&copy);
		return rd_fail_errno(err, errno, "cannot list the records of ended enclaves");
	}
	*ended = (struct rd_ended){.dir_fd = dir_fd};
	while ((entry = readdir(dir)) != NULL) {
		load_entry(ended, entry->d_name);
	}
	closedir(dir);
	qsort(ended->records, ended->count, sizeof(ended->records[0]), by_end);
	return RD_OK;
}

static enum rd_status keep_console(
	const struct rd_ended *ended, uint64_t slot_uid, int console_fd, struct rd_error *err)
{
	uint8_t *ring = malloc(RD_RING_SIZE);
	char name[NAME_SIZE];
	enum rd_status st = ring == NULL ? RD_NOMEM : RD_OK;

	console_name(slot_uid, name);
	if (st == RD_OK) {
		st = rd_fd_pread_full(console_fd, ring, RD_RING_SIZE, 0);
	}
	if (st == RD_OK) {
		st = rd_file_replace(ended->dir_fd, name, rd_view(ring, RD_RING_SIZE), 0600, err);
	} else {
		st = rd_fail(err, st, "cannot read the console: %s", rd_status_text(st));
	}
	free(ring);
	return st;
}

enum rd_status rd_ended_add(struct rd_ended *ended, const struct rd_ended_record *record,
	int console_fd, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_ctl_message m = {.type = RD_CTL_ENCLAVE, .enclave = record->enclave};
	char slot[RD_SLOT_TEXT_SIZE];

	push(ended, record);
	if (console_fd >= 0) {
		RD_TRY(keep_console(ended, record->slot_uid, console_fd, err));
	}
	if (rd_ctl_encode(&m, &buf) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "the record does not encode");
	}
	rd_slot_text(record->slot_uid, slot);
	return rd_file_replace(ended->dir_fd, slot, rd_buf_view(&buf), 0600, err);
}

bool rd_ended_is_of(const char *enclave_id, const char *instance_id)
{
	size_t len = strlen(instance_id);

	return strncmp(enclave_id, instance_id, len) == 0 &&
	       strncmp(enclave_id + len, "-enc", strlen("-enc")) == 0;
}

const struct rd_ended_record *rd_ended_find(
	const struct rd_ended *ended, uint64_t slot_uid, const char *name, const char *instance_id)
{
	for (size_t i = ended->count; i > 0; i--) {
		const struct rd_ended_record *r = &ended->records[i - 1];

		if (rd_ended_is_of(r->enclave.enclave_id, instance_id) &&
			(slot_uid != 0 ? r->slot_uid == slot_uid
				       : strcmp(r->enclave.name, name) == 0)) {
			return r;
		}
	}
	return NULL;
}

enum rd_status rd_ended_console(const struct rd_ended *ended, uint64_t slot_uid, int *ret_fd)
{
	char name[NAME_SIZE];
	int fd;

	console_name(slot_uid, name);
	fd = openat(ended->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	RD_ENSURE(fd >= 0, RD_NOTFOUND);
	*ret_fd = fd;
	return RD_OK;
}
