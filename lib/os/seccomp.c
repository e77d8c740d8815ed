/* SPDX-License-Identifier: Apache-2.0 */
/* Loads system call allow-lists through libseccomp. */
#include "os/seccomp.h"

#include <errno.h>
#include <seccomp.h>

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
