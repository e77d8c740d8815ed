/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This enclave's NSM: the device of lib/nsm, the leaf key that signs its documents, and the streams
 * on which the guest speaks to it.
 *
 * The key is made here and never leaves; its certificate comes from redoubtd (LEAF_REQUEST, LEAF)
 * and is renewed, with a new key, while half an hour of its life remains, and retried for as long
 * as redoubtd is away. Until the first certificate an attestation gets InternalError.
 */
#ifndef RD_VMM_NSM_SERVICE_H
#define RD_VMM_NSM_SERVICE_H

#include "base/error.h"
#include "ctl/message.h"
#include "nsm/device.h"
#include "nsm/frame.h"
#include "os/loop.h"

/* A third of a certificate's life of three hours would do; half an hour bridges a restart. */
#define RD_NSM_RENEW_BEFORE_S (30 * 60)
#define RD_NSM_RENEW_CHECK_MS (30 * 1000)

/* Streams to the NSM at a time: the guest's CUSE server needs one, init another for a moment. */
#define RD_NSM_STREAMS_MAX 4

struct rd_nsm_service;

struct rd_nsm_service_config {
	const struct rd_ctl_launch *launch;
	/* Sends LEAF_REQUEST; anything but RD_OK: try again later. */
	enum rd_status (*request_leaf)(void *ctx, struct rd_view spki);
	void *ctx;
};

/* Makes bank and first key; touches everything of OpenSSL that would open a file later. */
enum rd_status rd_nsm_service_new(const struct rd_nsm_service_config *config,
	struct rd_nsm_service **ret, struct rd_error *err) RD_MUST_USE;
void rd_nsm_service_free(struct rd_nsm_service **service);

enum rd_status rd_nsm_service_attach(struct rd_nsm_service *service, struct rd_loop *loop)
	RD_MUST_USE;

/* A connection to redoubtd has come (back): ask for what is due. */
void rd_nsm_service_check_leaf(struct rd_nsm_service *service);

/* redoubtd's answer. Refused when it is not for the key that was sent. */
enum rd_status rd_nsm_service_take_leaf(
	struct rd_nsm_service *service, const struct rd_ctl_leaf *leaf) RD_MUST_USE;

/* One stream: requests in, responses out, one at a time. */
struct rd_nsm_stream;

enum rd_status rd_nsm_stream_new(struct rd_nsm_service *service, struct rd_nsm_stream **ret)
	RD_MUST_USE;
void rd_nsm_stream_free(struct rd_nsm_stream **stream);

/*
 * Takes bytes of requests from in, up to the end of one request; none while a response waits to be
 * read. RD_LIMIT: an announced length that no request has.
 */
enum rd_status rd_nsm_stream_put(struct rd_nsm_stream *stream, struct rd_cur *in) RD_MUST_USE;

/* What waits to be read, and that n bytes of it were. */
struct rd_view rd_nsm_stream_pending(const struct rd_nsm_stream *stream);
void rd_nsm_stream_consume(struct rd_nsm_stream *stream, size_t n);

#endif
