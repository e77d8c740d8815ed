/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NSM's seven commands.
 *
 * Each is a function from the decoded request to an error code and, for success, the response. The
 * response's bytes may lie in the device's payload buffer or bank: they are encoded before the
 * next request comes.
 */
#include "nsm/device.h"

#include <string.h>

/* What real hardware says of itself. */
#define VERSION_MAJOR 1
#define VERSION_MINOR 0
#define VERSION_PATCH 0

/* Of what the register bank returns. */
static enum rd_nsm_error error_of(enum rd_status st)
{
	if (st == RD_OK) {
		return RD_NSM_E_SUCCESS;
	}
	if (st == RD_OUT_OF_RANGE) {
		return RD_NSM_E_INVALID_INDEX;
	}
	return st == RD_DENIED ? RD_NSM_E_READ_ONLY_INDEX : RD_NSM_E_INTERNAL_ERROR;
}

static enum rd_nsm_error describe_pcr(
	struct rd_nsm *nsm, const struct rd_nsm_request *req, struct rd_nsm_response *res)
{
	if (req->index >= RD_NSM_PCR_COUNT) {
		return RD_NSM_E_INVALID_INDEX;
	}
	res->lock = rd_nsm_pcr_is_locked(&nsm->pcrs, req->index);
	res->data = rd_view(nsm->pcrs.value[req->index], RD_NSM_PCR_SIZE);
	return RD_NSM_E_SUCCESS;
}

static enum rd_nsm_error extend_pcr(
	struct rd_nsm *nsm, const struct rd_nsm_request *req, struct rd_nsm_response *res)
{
	enum rd_status st = rd_nsm_pcr_extend(&nsm->pcrs, req->index, req->data);

	if (st == RD_OK) {
		res->data = rd_view(nsm->pcrs.value[req->index], RD_NSM_PCR_SIZE);
	}
	return error_of(st);
}

static enum rd_nsm_error lock_pcr(
	struct rd_nsm *nsm, const struct rd_nsm_request *req, struct rd_nsm_response *res)
{
	(void)res;
	return error_of(rd_nsm_pcr_lock(&nsm->pcrs, req->index));
}

static enum rd_nsm_error lock_pcrs(
	struct rd_nsm *nsm, const struct rd_nsm_request *req, struct rd_nsm_response *res)
{
	(void)res;
	return error_of(rd_nsm_pcr_lock_range(&nsm->pcrs, req->index));
}

static enum rd_nsm_error describe_nsm(
	struct rd_nsm *nsm, const struct rd_nsm_request *req, struct rd_nsm_response *res)
{
	(void)req;
	res->description = (struct rd_nsm_description){
		.version_major = VERSION_MAJOR,
		.version_minor = VERSION_MINOR,
		.version_patch = VERSION_PATCH,
		.max_pcrs = RD_NSM_PCR_COUNT,
		.locked = nsm->pcrs.locked,
		.digest = RD_NSM_SHA384,
		.module_id = rd_view_str(nsm->module_id),
	};
	return RD_NSM_E_SUCCESS;
}

static enum rd_nsm_error attestation(
	struct rd_nsm *nsm, const struct rd_nsm_request *req, struct rd_nsm_response *res)
{
	struct rd_buf document = rd_buf_fixed(nsm->payload, sizeof(nsm->payload));

	if (nsm->ops->attest(nsm->ctx, &req->attest, &nsm->pcrs, &document) != RD_OK) {
		return RD_NSM_E_INTERNAL_ERROR;
	}
	res->data = rd_buf_view(&document);
	return RD_NSM_E_SUCCESS;
}

static enum rd_nsm_error get_random(
	struct rd_nsm *nsm, const struct rd_nsm_request *req, struct rd_nsm_response *res)
{
	(void)req;
	if (nsm->ops->random(nsm->ctx, nsm->payload, RD_NSM_RANDOM_SIZE) != RD_OK) {
		return RD_NSM_E_INTERNAL_ERROR;
	}
	res->data = rd_view(nsm->payload, RD_NSM_RANDOM_SIZE);
	return RD_NSM_E_SUCCESS;
}

typedef enum rd_nsm_error command_fn(
	struct rd_nsm *nsm, const struct rd_nsm_request *req, struct rd_nsm_response *res);

static command_fn *const commands[RD_NSM_OP_COUNT] = {
	[RD_NSM_DESCRIBE_PCR] = describe_pcr,
	[RD_NSM_EXTEND_PCR] = extend_pcr,
	[RD_NSM_LOCK_PCR] = lock_pcr,
	[RD_NSM_LOCK_PCRS] = lock_pcrs,
	[RD_NSM_DESCRIBE_NSM] = describe_nsm,
	[RD_NSM_ATTESTATION] = attestation,
	[RD_NSM_GET_RANDOM] = get_random,
};

enum rd_status rd_nsm_init(struct rd_nsm *nsm, const struct rd_nsm_boot *boot,
	const char *module_id, const struct rd_nsm_ops *ops, void *ctx)
{
	size_t len = strnlen(module_id, RD_NSM_MODULE_ID_MAX);

	RD_ENSURE(len < RD_NSM_MODULE_ID_MAX, RD_LIMIT);
	*nsm = (struct rd_nsm){.ops = ops, .ctx = ctx};
	memcpy(nsm->module_id, module_id, len);
	return rd_nsm_pcrs_boot(&nsm->pcrs, boot);
}

static enum rd_nsm_error execute(
	struct rd_nsm *nsm, struct rd_view request, struct rd_nsm_response *res)
{
	struct rd_buf scratch = rd_buf_fixed(nsm->flat, sizeof(nsm->flat));
	struct rd_nsm_request req;

	if (request.len > RD_NSM_REQUEST_MAX) {
		return RD_NSM_E_INPUT_TOO_LARGE;
	}
	if (rd_nsm_request_decode(request, &scratch, &req) != RD_OK) {
		return RD_NSM_E_INVALID_OPERATION;
	}
	res->op = req.op;
	return commands[req.op](nsm, &req, res);
}

/* The guest's buffer never takes more than the driver's maximum, however much room out has. */
static enum rd_status put_response(const struct rd_nsm_response *res, struct rd_buf *out)
{
	size_t mark = out->used;

	RD_TRY(rd_nsm_response_encode(res, out));
	if (out->used - mark > RD_NSM_RESPONSE_MAX) {
		out->used = mark;
		return RD_NOSPACE;
	}
	return RD_OK;
}

enum rd_status rd_nsm_handle(struct rd_nsm *nsm, struct rd_view request, struct rd_buf *out)
{
	struct rd_nsm_response res = {0};
	enum rd_nsm_error e = execute(nsm, request, &res);
	enum rd_status st;

	if (e != RD_NSM_E_SUCCESS) {
		res = (struct rd_nsm_response){.op = RD_NSM_ERROR, .error = e};
	}
	st = put_response(&res, out);
	if (st == RD_NOSPACE) {
		res = (struct rd_nsm_response){
			.op = RD_NSM_ERROR, .error = RD_NSM_E_BUFFER_TOO_SMALL};
		st = put_response(&res, out);
	}
	return st;
}
