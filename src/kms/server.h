/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: start, reload, stop. */
#ifndef KMS_SERVER_H
#define KMS_SERVER_H

#include "kms/kms.h"
#include "os/paths.h"

/*
 * Starts everything; kms is zeroed but for config, and the heap for secrets is open. What is there
 * after a failure, kms_server_stop ends. RD_EXISTS: another server has this state directory.
 */
enum rd_status kms_server_start(struct kms *kms, const struct rd_paths *paths, struct rd_error *err)
	RD_MUST_USE;
/* No new calls; those that run are answered; then everything is closed. */
void kms_server_stop(struct kms *kms);

/* Takes certificate, roots, clock_skew, max_document_age and allow_debug from a configuration that
 * was read anew. The first that fails is reported; what it would have changed stays. */
enum rd_status kms_server_reload(struct kms *kms, const struct kms_config *config,
	const struct rd_paths *paths, struct rd_error *err) RD_MUST_USE;

/* Makes the state directory, takes its lock: *ret_fd holds it. */
enum rd_status kms_state_lock(const struct kms_config *config, int *ret_fd, struct rd_error *err)
	RD_MUST_USE;

#endif
