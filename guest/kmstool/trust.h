/* SPDX-License-Identifier: Apache-2.0 */
/* The CA certificates of the system, or of a file. */
#ifndef RDKMS_TRUST_H
#define RDKMS_TRUST_H

#include "crypto/tls_client.h"

/* path NULL: the first of the system's bundles that is there (kms.md 5.2). RD_NOTFOUND: none is;
 * else errors of the file and of rd_tls_client_new, with the file's name. */
enum rd_status rdkms_trust_load(const char *path, struct rd_tls_client **ret, struct rd_error *err)
	RD_MUST_USE;

#endif
