/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of `redoubt doctor`: what is found out about a host, and what each finding is called.
 *
 * Files are read below a directory, "/" unless told otherwise, so that tests bring a host of their
 * own. What cannot be found out is a warning that says so, never silence.
 */
#ifndef RD_REDOUBT_DOCTOR_H
#define RD_REDOUBT_DOCTOR_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Checks are a dozen, each with one finding or two. */
#define DOCTOR_FINDINGS_MAX 16
/* One terminal line each. */
#define DOCTOR_TEXT_MAX 256
/* What we read of /proc and /sys is a page at most. */
#define DOCTOR_FILE_MAX 8192

enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_WARN, /* it works, but slower or less protected than it could */
	DOCTOR_BAD,  /* something of ours does not work */
	DOCTOR_VERDICT_COUNT
};

struct doctor_finding {
	const char *name;
	enum doctor_verdict verdict;
	char text[DOCTOR_TEXT_MAX];
	char remedy[DOCTOR_TEXT_MAX]; /* "" when all is well */
};

struct doctor {
	const char *root_path;
	int root;
	struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
	size_t count;
};

const char *doctor_verdict_name(enum doctor_verdict verdict);

/* A further finding; remedy is what to do, NULL for DOCTOR_OK. */
void doctor_add(struct doctor *d, const char *name, enum doctor_verdict verdict, const char *remedy,
	const char *fmt, ...) RD_PRINTF(5, 6);

/*
 * The file's text, without a line end at its end, NUL-terminated. path is relative to the root:
 * "proc/meminfo".
 */
enum rd_status doctor_read(const struct doctor *d, const char *path, char ret[DOCTOR_FILE_MAX])
	RD_MUST_USE;

/* The next word of a line, of at most cap - 1 characters; *text is behind it then. */
enum rd_status doctor_word(const char **text, char *ret, size_t cap) RD_MUST_USE;

/* Where a program is, along PATH and the administrator's directories; path has the root in front.
 */
enum rd_status doctor_find_program(const struct doctor *d, const char *name, char *ret, size_t cap)
	RD_MUST_USE;

/* Runs path with one argument; its standard output's first line, and how it ended. */
enum rd_status doctor_run(const char *path, const char *argument, char ret[DOCTOR_TEXT_MAX],
	int *ret_code, struct rd_error *err) RD_MUST_USE;

/* doctor_programs.c: KVM, QEMU, what building images needs. */
void doctor_check_kvm(struct doctor *d);
void doctor_check_qemu(struct doctor *d);
void doctor_check_programs(struct doctor *d);

/* doctor_kernel.c: how the host's kernel is set up. */
void doctor_check_smt(struct doctor *d);
void doctor_check_swap(struct doctor *d);
void doctor_check_ksm(struct doctor *d);
void doctor_check_hugepages(struct doctor *d);
void doctor_check_limits(struct doctor *d);
void doctor_check_cgroup(struct doctor *d);
void doctor_check_clock(struct doctor *d);

/* doctor_room.c: how much fits. */
void doctor_check_memory(struct doctor *d);
void doctor_check_disk(struct doctor *d, uint64_t free_mib);
void doctor_check_sizes(struct doctor *d);

#endif
