/* SPDX-License-Identifier: Apache-2.0 */
/* Loads system call allow-lists through libseccomp. */
#include "os/seccomp.h"

#include "base/status.h"

#include <errno.h>
#include <seccomp.h>

#ifdef RD_SANITIZED
static const struct rd_seccomp_rule sanitizer_rules[] = {
	RD_ALLOW(open),
	RD_ALLOW(openat),
	RD_ALLOW(readlink),
	RD_ALLOW(readlinkat),
	RD_ALLOW(stat),
	RD_ALLOW(ioctl),
	RD_ALLOW(gettid),
	RD_ALLOW(tgkill),
	RD_ALLOW(kill),
	RD_ALLOW(clone),
	RD_ALLOW(prctl),
	RD_ALLOW(ptrace),
	RD_ALLOW(sigaltstack),
	RD_ALLOW(rt_sigaction),
	RD_ALLOW(sched_yield),
	RD_ALLOW(sched_getaffinity),
	RD_ALLOW(getrlimit),
	RD_ALLOW(setrlimit),
	RD_ALLOW(prlimit64),
	RD_ALLOW(getuid),
	RD_ALLOW(geteuid),
	RD_ALLOW(getppid),
	RD_ALLOW(getdents),
	RD_ALLOW(getdents64),
	RD_ALLOW(process_vm_readv),
	RD_ALLOW(uname),
	RD_ALLOW(dup),
	RD_ALLOW(pipe),
	RD_ALLOW(pipe2),
	RD_ALLOW(nanosleep),
	RD_ALLOW(clock_nanosleep),
	RD_ALLOW(write),
	RD_ALLOW(read),
	RD_ALLOW(mmap),
	RD_ALLOW(munmap),
	RD_ALLOW(mprotect),
	RD_ALLOW(madvise),
	RD_ALLOW(futex),
	RD_ALLOW(fcntl),
	RD_ALLOW(getpid),
	RD_ALLOW(wait4),
	RD_ALLOW(exit),
};

const struct rd_seccomp_list rd_seccomp_sanitizer = {
	.rules = sanitizer_rules, .count = RD_ARRAY_LEN(sanitizer_rules)};
#else
const struct rd_seccomp_list rd_seccomp_sanitizer = {.rules = NULL, .count = 0};
#endif

static enum rd_status add_rule(
	scmp_filter_ctx filter, const struct rd_seccomp_rule *rule, struct rd_error *err)
{
	struct scmp_arg_cmp cmp = {
		.arg = rule->arg.index,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = rule->arg.mask,
		.datum_b = rule->arg.value,
	};
	int rc = seccomp_rule_add_exact_array(
		filter, SCMP_ACT_ALLOW, rule->nr, rule->arg.mask == 0 ? 0 : 1, &cmp);

	/* EEXIST: two lists name the same call. */
	if (rc != 0 && rc != -EEXIST) {
		return rd_fail_errno(err, -rc, "seccomp: cannot allow system call %d", rule->nr);
	}
	return RD_OK;
}

static enum rd_status fill(scmp_filter_ctx filter, const struct rd_seccomp_list *lists,
	size_t list_count, struct rd_error *err)
{
	size_t i, j;
	int rc;

	/* Calls by the i386 or x32 table have other numbers, so no rule is about them: kill too. */
	rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc != 0) {
		return rd_fail_errno(err, -rc, "seccomp: cannot close other architectures");
	}
	for (i = 0; i < list_count; i++) {
		for (j = 0; j < lists[i].count; j++) {
			RD_TRY(add_rule(filter, &lists[i].rules[j], err));
		}
	}
	rc = seccomp_load(filter);
	if (rc != 0) {
		return rd_fail_errno(err, -rc, "seccomp: cannot load the filter");
	}
	return RD_OK;
}

enum rd_status rd_seccomp_load(
	const struct rd_seccomp_list *lists, size_t list_count, struct rd_error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	enum rd_status st;

	if (filter == NULL) {
		return rd_fail(err, RD_NOMEM, "seccomp: cannot make a filter");
	}
	st = fill(filter, lists, list_count, err);
	seccomp_release(filter);
	return st;
}
