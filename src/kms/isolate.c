/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of redoubt-kms: it accepts connections, reads and writes its own files, and starts
 * nothing.
 */
#include "kms/isolate.h"

#include "log/log.h"
#include "os/server.h"

/* Connections (http.c), database files of each thread, the audit log; and room. */
#define NOFILE_MAX 8192

static const struct rd_seccomp_rule client_rules[] = {
	RD_ALLOW(connect), RD_ALLOW(sendmmsg), /* name resolution: two questions at once */
};

enum rd_status kms_isolate(bool clients, struct rd_error *err)
{
	const struct rd_seccomp_list own = {
		.rules = client_rules, .count = clients ? RD_ARRAY_LEN(client_rules) : 0};
	char text[RD_SERVER_ISOLATION_MAX];

	RD_TRY(rd_server_isolate(NOFILE_MAX, own, text, err));
	rd_log(RD_LOG_INFO, "isolation: %s", text);
	return RD_OK;
}
