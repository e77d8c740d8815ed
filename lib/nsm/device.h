/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NSM as a state machine: one CBOR request in, exactly one CBOR response out.
 *
 * It does no I/O. Random bytes and attestation documents come from its owner through struct
 * rd_nsm_ops. Requests come from a hostile guest; every one of them, undecodable ones included, is
 * answered, and what cannot be answered otherwise gets Error(…).
 *
 *	undecodable, empty, not a request   InvalidOperation
 *	over RD_NSM_REQUEST_MAX             InputTooLarge
 *	register index, lock range          InvalidIndex
 *	register locked                     ReadOnlyIndex (extend, lock; a lock range never)
 *	response exceeds the room           BufferTooSmall
 *	random or attest failed             InternalError
 */
#ifndef RD_NSM_DEVICE_H
#define RD_NSM_DEVICE_H

#include "nsm/codec.h"
#include "nsm/pcr.h"

struct rd_nsm_ops {
	/* Fills dst with n unpredictable bytes. */
	enum rd_status (*random)(void *ctx, uint8_t *dst, size_t n);
	/*
	 * Appends the signed document for these fields and for the locked registers of pcrs
	 * (rd_nsm_pcr_is_locked). out is empty and takes at most RD_NSM_RESPONSE_MAX bytes.
	 */
	enum rd_status (*attest)(void *ctx, const struct rd_nsm_attest_request *req,
		const struct rd_nsm_pcrs *pcrs, struct rd_buf *out);
};

struct rd_nsm {
	const struct rd_nsm_ops *ops;
	void *ctx;
	struct rd_nsm_pcrs pcrs;
	char module_id[RD_NSM_MODULE_ID_MAX];
	uint8_t flat[RD_NSM_REQUEST_MAX];     /* byte strings that did not come in one piece */
	uint8_t payload[RD_NSM_RESPONSE_MAX]; /* random bytes or document of the answer */
};

/*
 * module_id is "<instance id>-enc<16 hex digits>", ASCII, copied. ops and ctx must outlive the
 * device. RD_LIMIT for a module_id of RD_NSM_MODULE_ID_MAX bytes or more, and as rd_nsm_pcrs_boot.
 */
enum rd_status rd_nsm_init(struct rd_nsm *nsm, const struct rd_nsm_boot *boot,
	const char *module_id, const struct rd_nsm_ops *ops, void *ctx) RD_MUST_USE;

/*
 * Answers one request, a copy that the guest cannot change meanwhile. Appends exactly one response
 * item to out, whose free room is the guest's response buffer; never more than RD_NSM_RESPONSE_MAX
 * bytes. When a response does not fit, its side effect has happened all the same (as on hardware)
 * and BufferTooSmall is answered. RD_NOSPACE, with out as it was, only when not even that fits.
 */
enum rd_status rd_nsm_handle(struct rd_nsm *nsm, struct rd_view request, struct rd_buf *out)
	RD_MUST_USE;

#endif
