/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of redoubt-kms: it accepts connections, reads and writes its own files, and starts
 * nothing.
 */
#include "kms/isolate.h"

#include "log/log.h"
#include "os/isolate.h"
#include "os/seccomp.h"

/* Connections (http.c), database files of each thread, the audit log; and room. */
#define NOFILE_MAX 8192

static const struct rd_seccomp_rule client_rules[] = {
	RD_ALLOW(connect), RD_ALLOW(sendmmsg), /* name resolution: two questions at once */
};

enum rd_status kms_isolate(bool clients, struct rd_error *err)
{
	const struct rd_isolate_drop drop = {.nofile_max = NOFILE_MAX};
	const uint32_t wanted = (1u << RD_ISOLATE_CAPS) | (1u << RD_ISOLATE_LIMITS) |
				(1u << RD_ISOLATE_NO_NEW_PRIVS) | (1u << RD_ISOLATE_SECCOMP);
	struct rd_seccomp_list lists[3] = {rd_seccomp_server};
	struct rd_isolate_report report = {0};
	char text[256];
	size_t n = 1;

	if (clients) {
		lists[n++] = (struct rd_seccomp_list){
			.rules = client_rules, .count = RD_ARRAY_LEN(client_rules)};
	}
	lists[n++] = rd_seccomp_sanitizer;
	RD_TRY(rd_isolate_drop(&drop, &report, err));
	RD_TRY(rd_seccomp_load(lists, n, err));
	report.in_force |= 1u << RD_ISOLATE_SECCOMP;
	rd_isolate_describe(&report, wanted, text, sizeof(text));
	rd_log(RD_LOG_INFO, "isolation: %s", text);
	return RD_OK;
}
