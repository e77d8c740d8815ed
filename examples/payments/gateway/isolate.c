/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of payments-gateway: it accepts connections, writes its own files, reads its
 * certificate again, and starts nothing. It reads what anybody sends, and card numbers among it.
 */
#include "gateway/isolate.h"

#include "os/server.h"

#include <stdio.h>

/* Connections (server.h), the database's files, and room. */
#define NOFILE_MAX 512

static const struct rd_seccomp_rule rules[] = {
	RD_ALLOW(ioctl), /* FIONREAD of libevent */
};

enum rd_status gw_isolate(struct rd_error *err)
{
	const struct rd_seccomp_list own = {.rules = rules, .count = RD_ARRAY_LEN(rules)};
	char text[RD_SERVER_ISOLATION_MAX];

	RD_TRY(rd_server_isolate(NOFILE_MAX, own, text, err));
	fprintf(stderr, "payments-gateway: isolation: %s\n", text);
	return RD_OK;
}
