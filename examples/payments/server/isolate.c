/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of payments-server: it accepts connections, connects to its enclave, reads and writes
 * its own files, and starts nothing. Each entry has its reason beside it.
 */
#include "server/isolate.h"

#include "log/log.h"
#include "os/server.h"

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
	const struct rd_seccomp_list own = {.rules = rules, .count = RD_ARRAY_LEN(rules)};
	char text[RD_SERVER_ISOLATION_MAX];

	RD_TRY(rd_server_isolate(NOFILE_MAX, own, text, err));
	rd_log(RD_LOG_INFO, "isolation: %s", text);
	return RD_OK;
}
