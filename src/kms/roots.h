/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust in attestation documents: the roots that the configuration names (or redoubtd's own), and
 * the recipients made of them. Read anew on SIGHUP; what calls still use stays until the end.
 */
#ifndef KMS_ROOTS_H
#define KMS_ROOTS_H

#include "kms/kms.h"
#include "os/paths.h"

struct kms_trust;

/*
 * Sets kms->recipients, the first time and again; on failure nothing changes. Without a root of any
 * kind every document is refused, and the log says so. The few KiB of earlier ones are kept: calls
 * that run hold no reference.
 */
enum rd_status kms_trust_load(struct kms *kms, const struct kms_config *config,
	const struct rd_paths *paths, struct rd_error *err) RD_MUST_USE;
/* No call runs any more. */
void kms_trust_free(struct kms_trust **trust);

#endif
