/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of payments-server: it accepts connections, connects to its enclave, reads and writes
 * its own files, and starts nothing. Each entry has its reason beside it.
 */
#include "server/isolate.h"

#include "log/log.h"
#include "os/isolate.h"
#include "os/seccomp.h"

/* Connections (http.c), database files of each worker, pages; and room. */
#define NOFILE_MAX 8192

static const struct rd_seccomp_rule rules[] = {
	RD_ALLOW(connect),  /* the enclave, the metadata service, PostgreSQL */
	RD_ALLOW(sendmmsg), /* name resolution: two questions at once */
#ifdef __NR_openat2
	RD_ALLOW(openat2), /* pages: paths that must not leave their folder */
#endif
};

enum rd_status ps_isolate(struct rd_error *err)
{
	const struct rd_isolate_drop drop = {.nofile_max = NOFILE_MAX};
	const uint32_t wanted = (1u << RD_ISOLATE_CAPS) | (1u << RD_ISOLATE_LIMITS) |
				(1u << RD_ISOLATE_NO_NEW_PRIVS) | (1u << RD_ISOLATE_SECCOMP);
	const struct rd_seccomp_list lists[] = {rd_seccomp_server,
		{.rules = rules, .count = RD_ARRAY_LEN(rules)}, rd_seccomp_sanitizer};
	struct rd_isolate_report report = {0};
	char text[256];

	RD_TRY(rd_isolate_drop(&drop, &report, err));
	RD_TRY(rd_seccomp_load(lists, RD_ARRAY_LEN(lists), err));
	report.in_force |= 1u << RD_ISOLATE_SECCOMP;
	rd_isolate_describe(&report, wanted, text, sizeof(text));
	rd_log(RD_LOG_INFO, "isolation: %s", text);
	return RD_OK;
}
