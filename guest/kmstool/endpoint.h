/* SPDX-License-Identifier: Apache-2.0 */
/* Which server a region has, and how it is named in TLS and in the Host header. */
#ifndef RDKMS_ENDPOINT_H
#define RDKMS_ENDPOINT_H

#include "base/bytes.h"
#include "base/error.h"

/* AWS's longest is 14; ours are at most 16. */
#define RDKMS_REGION_MAX 32
/* DNS's limit, brackets, a colon and a port. */
#define RDKMS_HOST_SIZE 264

struct rdkms_endpoint {
	char region[RDKMS_REGION_MAX + 1];
	char name[RDKMS_HOST_SIZE]; /* for TLS: without brackets and port */
	char host[RDKMS_HOST_SIZE]; /* for Host: as given, without ":443" */
};

/* text is HOST, HOST:PORT, [IPv6] or [IPv6]:PORT; NULL: the region's own. RD_USAGE. */
enum rd_status rdkms_endpoint_parse(const char *region, const char *text,
	struct rdkms_endpoint *ret, struct rd_error *err) RD_MUST_USE;

#endif
