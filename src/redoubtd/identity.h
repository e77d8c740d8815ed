/* SPDX-License-Identifier: Apache-2.0 */
/* The instance id: who this host is, in enclave ids, PCR4 and certificates. */
#ifndef RD_REDOUBTD_IDENTITY_H
#define RD_REDOUBTD_IDENTITY_H

#include "base/error.h"

#include <stdbool.h>

/* "i-" and 17 hex digits, as on EC2 (8 digits on old instances). */
#define RD_INSTANCE_ID_MAX 19
/* As in attest/pki.h: CNs are capped at 64. */
#define RD_REGION_MAX 16

bool rd_instance_id_valid(const char *id);
bool rd_region_valid(const char *region);

/*
 * EC2's asset tag where the firmware has one; otherwise the id in state_fd's file "instance_id",
 * made of random digits at first start.
 */
enum rd_status rd_identity_load(
	int state_fd, char ret[RD_INSTANCE_ID_MAX + 1], struct rd_error *err) RD_MUST_USE;

#endif
