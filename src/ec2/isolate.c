/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of redoubt-ec2: it accepts connections, asks two services of this host, reads and
 * writes its own files, and starts nothing. Each entry has its reason beside it.
 */
#include "ec2/isolate.h"

#include "log/log.h"
#include "os/isolate.h"
#include "os/seccomp.h"

/* Connections (http.c), database files of each worker, metadata sockets; and room. */
#define NOFILE_MAX 8192

static const struct rd_seccomp_rule rules[] = {
	RD_ALLOW(connect),    /* redoubtd, the service door, PostgreSQL */
	RD_ALLOW(socketpair), /* libcurl wakes itself */
	RD_ALLOW(sendmmsg),   /* name resolution: two questions at once */
	RD_ALLOW(ioctl),      /* FIONREAD of libevent */
	RD_ALLOW(symlink),    /* metadata sockets, each in a directory of its own */
	RD_ALLOW(symlinkat),
	RD_ALLOW(rmdir),
};

enum rd_status ec2_isolate(struct rd_error *err)
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
