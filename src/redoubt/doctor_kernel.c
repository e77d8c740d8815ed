/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt doctor: settings of the host's kernel that isolation and speed depend on. */
#include "redoubt/doctor.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* vsock-proxy wants this many at most (8192 connections with two each, and enclaves' sockets); a
 * vmm wants 2048. */
#define FILES_WANTED 20480
#define FILES_NEEDED 4096
/* redoubt-kms keeps secrets in locked memory; see its manual. */
#define MEMLOCK_WANTED (64ull << 20)

static void unknown(struct doctor *d, const char *name, const char *path, enum rd_status st)
{
	doctor_add(d, name, DOCTOR_WARN, "look at it yourself; in a container, ask its host",
		"/%s cannot be read: %s", path, rd_status_text(st));
}

void doctor_check_smt(struct doctor *d)
{
	static const char path[] = "sys/devices/system/cpu/smt/control";
	char text[DOCTOR_FILE_MAX];
	enum rd_status st = doctor_read(d, path, text);

	if (st == RD_NOTFOUND) {
		doctor_add(
			d, "smt", DOCTOR_OK, NULL, "the kernel has no simultaneous multithreading");
	} else if (st != RD_OK) {
		unknown(d, "smt", path, st);
	} else if (strcmp(text, "on") == 0) {
		doctor_add(d, "smt", DOCTOR_WARN,
			"echo off > /sys/devices/system/cpu/smt/control, or boot with nosmt",
			"two guests may share a core and see traces of each other in its caches");
	} else {
		doctor_add(d, "smt", DOCTOR_OK, NULL, "no two threads on a core: %.32s", text);
	}
}

/* Lines after the heading; those whose swap stays in memory do not count. */
static unsigned swaps_on_disk(const char *text)
{
	unsigned count = 0;

	for (const char *line = strchr(text, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
		count += strncmp(line + 1, "/dev/zram", 9) != 0;
	}
	return count;
}

void doctor_check_swap(struct doctor *d)
{
	static const char path[] = "proc/swaps";
	char text[DOCTOR_FILE_MAX];
	enum rd_status st = doctor_read(d, path, text);

	if (st != RD_OK) {
		unknown(d, "swap", path, st);
	} else if (swaps_on_disk(text) > 0) {
		doctor_add(d, "swap", DOCTOR_WARN,
			"swapoff -a and take it out of /etc/fstab, or encrypt it",
			"guests' memory, with their secrets, may be written to a disk");
	} else {
		doctor_add(d, "swap", DOCTOR_OK, NULL, "no swap on a disk");
	}
}

void doctor_check_ksm(struct doctor *d)
{
	static const char path[] = "sys/kernel/mm/ksm/run";
	char text[DOCTOR_FILE_MAX];
	enum rd_status st = doctor_read(d, path, text);

	if (st == RD_NOTFOUND || (st == RD_OK && strcmp(text, "1") != 0)) {
		doctor_add(d, "ksm", DOCTOR_OK, NULL, "equal pages are not merged");
	} else if (st != RD_OK) {
		unknown(d, "ksm", path, st);
	} else {
		doctor_add(d, "ksm", DOCTOR_WARN,
			"echo 2 > /sys/kernel/mm/ksm/run; disable ksmtuned",
			"equal pages are merged: who measures its writes learns of others' memory");
	}
}

void doctor_check_hugepages(struct doctor *d)
{
	static const char path[] = "sys/kernel/mm/transparent_hugepage/enabled";
	char text[DOCTOR_FILE_MAX];
	enum rd_status st = doctor_read(d, path, text);

	if (st == RD_OK && strstr(text, "[never]") == NULL) {
		doctor_add(d, "hugepages", DOCTOR_OK, NULL, "transparent huge pages: %.64s", text);
	} else if (st == RD_OK || st == RD_NOTFOUND) {
		doctor_add(d, "hugepages", DOCTOR_WARN,
			"echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
			"there are no transparent huge pages: guests are slower than they could be");
	} else {
		unknown(d, "hugepages", path, st);
	}
}

/* The hard limit of this name in /proc/PID/limits: the second word; UINT64_MAX for unlimited. */
static enum rd_status hard_limit(const char *text, const char *name, uint64_t *ret)
{
	const char *at = strstr(text, name);
	char hard[32];

	RD_ENSURE(at != NULL, RD_MISSING);
	at += strlen(name);
	RD_TRY(doctor_word(&at, hard, sizeof(hard)));
	RD_TRY(doctor_word(&at, hard, sizeof(hard)));
	if (strcmp(hard, "unlimited") == 0) {
		*ret = UINT64_MAX;
		return RD_OK;
	}
	return rd_parse_u64(hard, 0, UINT64_MAX, ret);
}

static void check_files(struct doctor *d, uint64_t files)
{
	if (files >= FILES_WANTED) {
		doctor_add(d, "files", DOCTOR_OK, NULL, "enough files may be open");
		return;
	}
	doctor_add(d, "files", files >= FILES_NEEDED ? DOCTOR_WARN : DOCTOR_BAD,
		"raise ulimit -Hn (or LimitNOFILE=) to 20480", "at most %llu files may be open: %s",
		(unsigned long long)files,
		files >= FILES_NEEDED ? "busy proxies turn connections away"
				      : "a busy enclave does not get along with that");
}

static void check_memlock(struct doctor *d, uint64_t bytes)
{
	if (bytes >= MEMLOCK_WANTED) {
		doctor_add(d, "memlock", DOCTOR_OK, NULL, "enough memory may be locked");
		return;
	}
	doctor_add(d, "memlock", DOCTOR_WARN, "raise ulimit -Hl (or LimitMEMLOCK=) to 64 MiB",
		"at most %llu KiB of memory may be locked: redoubt-kms can hold few keys",
		(unsigned long long)(bytes >> 10));
}

void doctor_check_limits(struct doctor *d)
{
	static const char path[] = "proc/self/limits";
	char text[DOCTOR_FILE_MAX];
	uint64_t files = 0, memlock = 0;
	enum rd_status st = doctor_read(d, path, text);

	st = st == RD_OK ? hard_limit(text, "Max open files", &files) : st;
	st = st == RD_OK ? hard_limit(text, "Max locked memory", &memlock) : st;
	if (st != RD_OK) {
		unknown(d, "limits", path, st);
		return;
	}
	check_files(d, files);
	check_memlock(d, memlock);
}

/* Is it one of the words? */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
		if ((at == text || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' ')) {
			return true;
		}
	}
	return false;
}

void doctor_check_cgroup(struct doctor *d)
{
	static const char remedy[] =
		"boot with systemd.unified_cgroup_hierarchy=1; in a container, "
		"let it have control groups";
	static const char path[] = "sys/fs/cgroup/cgroup.controllers";
	char text[DOCTOR_FILE_MAX];
	enum rd_status st = doctor_read(d, path, text);

	if (st == RD_OK && has_word(text, "memory") && has_word(text, "pids")) {
		doctor_add(d, "cgroup", DOCTOR_OK, NULL, "version 2, with memory and pids");
	} else if (st == RD_OK || st == RD_NOTFOUND) {
		doctor_add(d, "cgroup", DOCTOR_WARN, remedy,
			"no control groups (version 2) with memory and pids: nothing limits a "
			"virtual machine's process from outside");
	} else {
		unknown(d, "cgroup", path, st);
	}
}

void doctor_check_clock(struct doctor *d)
{
	static const char path[] =
		"sys/devices/system/clocksource/clocksource0/current_clocksource";
	char text[DOCTOR_FILE_MAX];
	enum rd_status st = doctor_read(d, path, text);

	if (st != RD_OK) {
		unknown(d, "clock", path, st);
	} else if (strcmp(text, "tsc") == 0 || strcmp(text, "kvm-clock") == 0) {
		doctor_add(d, "clock", DOCTOR_OK, NULL, "clock source %s", text);
	} else {
		doctor_add(d, "clock", DOCTOR_WARN,
			"see dmesg for why not tsc; boot with tsc=reliable if it is wrong",
			"clock source %.32s: each look at the time costs a microsecond and more",
			text);
	}
}
