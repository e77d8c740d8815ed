/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of payments-gateway: it accepts connections, writes its own files, reads its
 * certificate again, and starts nothing. It reads what anybody sends, and card numbers among it.
 */
#include "gateway/isolate.h"

#include "os/isolate.h"
#include "os/seccomp.h"

#include <stdio.h>

/* Connections (server.h), the database's files, and room. */
#define NOFILE_MAX 512

static const struct rd_seccomp_rule rules[] = {
	RD_ALLOW(ioctl), /* FIONREAD of libevent */
};

enum rd_status gw_isolate(struct rd_error *err)
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
	fprintf(stderr, "payments-gateway: isolation: %s\n", text);
	return RD_OK;
}
