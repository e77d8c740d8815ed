/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt doctor: memory, disk space, and the instance sizes that fit into them. */
#include "redoubt/doctor.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* An enclave with the smallest kernel wants this much; a parent to work in, that. */
#define MEMORY_NEEDED_MIB 512
#define MEMORY_WANTED_MIB 4096
/* An image and a few overlays on it. */
#define DISK_NEEDED_MIB 1024
#define DISK_WANTED_MIB 10240
/* redoubtd's default: a vCPU is a thread, and a host CPU stands for two. */
#define VCPUS_PER_CPU 2

/* Linux runs on 8192 at most. */
#define CPUS_MAX 8192

/* AWS's sizes of M5, C5 and R5, smallest first. */
struct size {
	const char *name;
	unsigned vcpus;
	unsigned memory_gib;
};

#define SIZES_MAX 8

static const struct {
	const char *family;
	struct size sizes[SIZES_MAX]; /* unused ones have no name */
} families[] = {
	{"m5", {{"large", 2, 8}, {"xlarge", 4, 16}, {"2xlarge", 8, 32}, {"4xlarge", 16, 64},
		       {"8xlarge", 32, 128}, {"12xlarge", 48, 192}, {"16xlarge", 64, 256},
		       {"24xlarge", 96, 384}}},
	{"c5", {{"large", 2, 4}, {"xlarge", 4, 8}, {"2xlarge", 8, 16}, {"4xlarge", 16, 32},
		       {"9xlarge", 36, 72}, {"12xlarge", 48, 96}, {"18xlarge", 72, 144},
		       {"24xlarge", 96, 192}}},
	{"r5", {{"large", 2, 16}, {"xlarge", 4, 32}, {"2xlarge", 8, 64}, {"4xlarge", 16, 128},
		       {"8xlarge", 32, 256}, {"12xlarge", 48, 384}, {"16xlarge", 64, 512},
		       {"24xlarge", 96, 768}}},
};

static enum rd_status mem_available_mib(const struct doctor *d, uint64_t *ret)
{
	static const char name[] = "MemAvailable:";
	char text[DOCTOR_FILE_MAX], number[32];
	const char *at;

	RD_TRY(doctor_read(d, "proc/meminfo", text));
	at = strstr(text, name);
	RD_ENSURE(at != NULL, RD_MISSING);
	at += strlen(name);
	RD_TRY(doctor_word(&at, number, sizeof(number)));
	RD_TRY(rd_parse_u64(number, 0, UINT64_MAX, ret));
	*ret /= 1024;
	return RD_OK;
}

/* "5" or "0-3". */
static enum rd_status count_range(char *range, unsigned *count)
{
	char *dash = strchr(range, '-');
	uint64_t first = 0, last = 0;

	if (dash != NULL) {
		*dash = '\0';
	}
	RD_TRY(rd_parse_u64(range, 0, CPUS_MAX, &first));
	RD_TRY(rd_parse_u64(dash != NULL ? dash + 1 : range, first, CPUS_MAX, &last));
	*count += (unsigned)(last - first) + 1;
	return RD_OK;
}

/* "0-3,5": what is online. */
static enum rd_status cpu_count(const struct doctor *d, unsigned *ret)
{
	char text[DOCTOR_FILE_MAX];
	char *save = NULL;
	unsigned count = 0;

	RD_TRY(doctor_read(d, "sys/devices/system/cpu/online", text));
	for (char *range = strtok_r(text, ",", &save); range != NULL;
		range = strtok_r(NULL, ",", &save)) {
		RD_TRY(count_range(range, &count));
	}
	RD_ENSURE(count > 0, RD_MISSING);
	*ret = count;
	return RD_OK;
}

void doctor_check_memory(struct doctor *d)
{
	uint64_t mib = 0;
	enum rd_status st = mem_available_mib(d, &mib);

	if (st != RD_OK) {
		doctor_add(d, "memory", DOCTOR_WARN, "look at it yourself: free -m",
			"/proc/meminfo cannot be read: %s", rd_status_text(st));
	} else if (mib < MEMORY_WANTED_MIB) {
		doctor_add(d, "memory", mib < MEMORY_NEEDED_MIB ? DOCTOR_BAD : DOCTOR_WARN,
			"end other programs, or add memory",
			"%llu MiB are available: too little for %s", (unsigned long long)mib,
			mib < MEMORY_NEEDED_MIB ? "any enclave" : "a parent instance");
	} else {
		doctor_add(d, "memory", DOCTOR_OK, NULL, "%llu MiB are available",
			(unsigned long long)mib);
	}
}

void doctor_check_disk(struct doctor *d, uint64_t free_mib)
{
	if (free_mib < DISK_WANTED_MIB) {
		doctor_add(d, "disk", free_mib < DISK_NEEDED_MIB ? DOCTOR_BAD : DOCTOR_WARN,
			"make room where the state directory is",
			"%llu MiB are free: too little for %s", (unsigned long long)free_mib,
			free_mib < DISK_NEEDED_MIB ? "an image" : "more than a few instances");
		return;
	}
	doctor_add(d, "disk", DOCTOR_OK, NULL, "%llu GiB are free",
		(unsigned long long)(free_mib / 1024));
}

static const struct size *largest_fitting(size_t family, unsigned vcpus, uint64_t mib)
{
	const struct size *found = NULL;

	for (size_t i = 0; i < SIZES_MAX; i++) {
		const struct size *s = &families[family].sizes[i];

		if (s->vcpus <= vcpus && (uint64_t)s->memory_gib * 1024 <= mib) {
			found = s;
		}
	}
	return found;
}

void doctor_check_sizes(struct doctor *d)
{
	char list[DOCTOR_TEXT_MAX / 2];
	struct rd_buf text = rd_buf_fixed(list, sizeof(list) - 1);
	uint64_t mib = 0;
	unsigned cpus = 0;

	if (mem_available_mib(d, &mib) != RD_OK || cpu_count(d, &cpus) != RD_OK) {
		doctor_add(d, "sizes", DOCTOR_WARN, "look at it yourself: nproc, free -m",
			"it cannot be told which instance types fit");
		return;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(families); i++) {
		const struct size *s = largest_fitting(i, cpus * VCPUS_PER_CPU, mib);

		/* Three short names fit. */
		if (s != NULL) {
			(void)!rd_buf_printf(&text, "%s%s.%s", text.used > 0 ? ", " : "",
				families[i].family, s->name);
		}
	}
	list[text.used] = '\0';
	if (text.used == 0) {
		doctor_add(d, "sizes", DOCTOR_WARN, "add memory: c5.large has 4 GiB",
			"no instance type fits");
		return;
	}
	doctor_add(d, "sizes", DOCTOR_OK, NULL, "instance types up to %s fit", list);
}
