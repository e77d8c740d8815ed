/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of redoubt-ec2: it accepts connections, asks two services of this host, reads and
 * writes its own files, and starts nothing. Each entry has its reason beside it.
 */
#include "ec2/isolate.h"

#include "log/log.h"
#include "os/server.h"

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
	const struct rd_seccomp_list own = {.rules = rules, .count = RD_ARRAY_LEN(rules)};
	char text[RD_SERVER_ISOLATION_MAX];

	RD_TRY(rd_server_isolate(NOFILE_MAX, own, text, err));
	rd_log(RD_LOG_INFO, "isolation: %s", text);
	return RD_OK;
}
