/* SPDX-License-Identifier: Apache-2.0 */
/* libnsm: each function is one request to /dev/nsm and a copy of what came back. */
#include "libnsm/nsm.h"

#include "nsm/codec.h"
#include "nsm/uapi.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* The codec's values are this interface's. */
static_assert((int)RD_NSM_E_COUNT == ERROR_CODE_INTERNAL_ERROR + 1, "error codes");
static_assert((int)RD_NSM_E_READ_ONLY_INDEX == ERROR_CODE_READ_ONLY_INDEX, "error codes");
static_assert((int)RD_NSM_SHA512 == DIGEST_SHA512, "digests");
static_assert(sizeof(NsmDescription) == 252, "ABI of nsm-lib 0.5.1");

#define LOCKED_MAX (sizeof(((NsmDescription *)0)->locked_pcrs) / sizeof(uint16_t))
static_assert(RD_NSM_PCR_COUNT <= LOCKED_MAX, "every register fits in locked_pcrs");

/* One request and its answer; too large for the stack of a small thread. */
struct exchange {
	uint8_t request[RD_NSM_REQUEST_MAX];
	uint8_t response[RD_NSM_RESPONSE_MAX];
	uint8_t flat[RD_NSM_RESPONSE_MAX];
	struct rd_nsm_response res; /* its views point into response or flat */
};

static void exchange_free(struct exchange **x)
{
	free(*x);
	*x = NULL;
}

static enum ErrorCode transfer(int32_t fd, struct exchange *x, size_t request_len, size_t *ret_len)
{
	struct rd_nsm_raw raw = {
		.request = {.addr = (uintptr_t)x->request, .len = request_len},
		.response = {.addr = (uintptr_t)x->response, .len = sizeof(x->response)},
	};

	/* The driver's wait cannot be interrupted, and a repeated extend would count twice: no
	 * retry. */
	if (ioctl(fd, RD_NSM_IOCTL_RAW, &raw) < 0) {
		return errno == EMSGSIZE ? ERROR_CODE_INPUT_TOO_LARGE : ERROR_CODE_INTERNAL_ERROR;
	}
	if (raw.response.len > sizeof(x->response)) {
		return ERROR_CODE_INTERNAL_ERROR;
	}
	*ret_len = (size_t)raw.response.len;
	return ERROR_CODE_SUCCESS;
}

/* Sends req. On success *ret_x holds the answer, of the same variant, and is the caller's to free.
 */
static enum ErrorCode call(int32_t fd, const struct rd_nsm_request *req, struct exchange **ret_x)
{
	struct exchange *x RD_CLEANUP(exchange_free) = malloc(sizeof(*x));
	struct rd_buf request, flat;
	enum ErrorCode e;
	size_t len = 0;

	if (x == NULL) {
		return ERROR_CODE_INTERNAL_ERROR;
	}
	request = rd_buf_fixed(x->request, sizeof(x->request));
	flat = rd_buf_fixed(x->flat, sizeof(x->flat));
	if (rd_nsm_request_encode(req, &request) != RD_OK) {
		return ERROR_CODE_INPUT_TOO_LARGE;
	}
	e = transfer(fd, x, request.used, &len);
	if (e != ERROR_CODE_SUCCESS) {
		return e;
	}
	if (rd_nsm_response_decode(rd_view(x->response, len), &flat, &x->res) != RD_OK) {
		return ERROR_CODE_INTERNAL_ERROR;
	}
	if (x->res.op == RD_NSM_ERROR) {
		/* Error(Success) is passed on like any other where success promises no outputs. */
		bool has_outputs = req->op != RD_NSM_LOCK_PCR && req->op != RD_NSM_LOCK_PCRS;

		return x->res.error == RD_NSM_E_SUCCESS && has_outputs
			       ? ERROR_CODE_INVALID_RESPONSE
			       : (enum ErrorCode)x->res.error;
	}
	if (x->res.op != req->op) {
		return ERROR_CODE_INVALID_RESPONSE;
	}
	*ret_x = rd_steal(&x, NULL);
	return ERROR_CODE_SUCCESS;
}

/* The output rule in nsm.h. */
static enum ErrorCode copy_out(struct rd_view bytes, uint8_t *out, uint32_t *len)
{
	size_t room = out == NULL ? 0 : *len;
	size_t n = bytes.len < room ? bytes.len : room;

	if (n > 0) {
		memcpy(out, bytes.ptr, n);
	}
	*len = (uint32_t)n;
	return n < bytes.len || out == NULL ? ERROR_CODE_BUFFER_TOO_SMALL : ERROR_CODE_SUCCESS;
}

EXPORT int32_t nsm_lib_init(void)
{
	return open(RD_NSM_DEVICE, O_RDWR | O_CLOEXEC);
}

EXPORT void nsm_lib_exit(int32_t fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

EXPORT enum ErrorCode nsm_extend_pcr(int32_t fd, uint16_t index, const uint8_t *data,
	uint32_t data_len, uint8_t *pcr_data, uint32_t *pcr_data_len)
{
	struct rd_nsm_request req = {
		.op = RD_NSM_EXTEND_PCR, .index = index, .data = rd_view(data, data_len)};
	struct exchange *x RD_CLEANUP(exchange_free) = NULL;
	enum ErrorCode e;

	if (data == NULL || pcr_data_len == NULL) {
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	e = call(fd, &req, &x);
	return e == ERROR_CODE_SUCCESS ? copy_out(x->res.data, pcr_data, pcr_data_len) : e;
}

EXPORT enum ErrorCode nsm_describe_pcr(
	int32_t fd, uint16_t index, bool *lock, uint8_t *data, uint32_t *data_len)
{
	struct rd_nsm_request req = {.op = RD_NSM_DESCRIBE_PCR, .index = index};
	struct exchange *x RD_CLEANUP(exchange_free) = NULL;
	enum ErrorCode e;

	if (lock == NULL || data_len == NULL) {
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	e = call(fd, &req, &x);
	if (e != ERROR_CODE_SUCCESS) {
		return e;
	}
	*lock = x->res.lock;
	return copy_out(x->res.data, data, data_len);
}

EXPORT enum ErrorCode nsm_lock_pcr(int32_t fd, uint16_t index)
{
	struct rd_nsm_request req = {.op = RD_NSM_LOCK_PCR, .index = index};
	struct exchange *x RD_CLEANUP(exchange_free) = NULL;

	return call(fd, &req, &x);
}

EXPORT enum ErrorCode nsm_lock_pcrs(int32_t fd, uint16_t range)
{
	struct rd_nsm_request req = {.op = RD_NSM_LOCK_PCRS, .index = range};
	struct exchange *x RD_CLEANUP(exchange_free) = NULL;

	return call(fd, &req, &x);
}

static void describe(const struct rd_nsm_description *from, NsmDescription *to)
{
	size_t n = from->module_id.len;
	uint32_t locked = 0;

	if (n > sizeof(to->module_id) - 1) {
		n = sizeof(to->module_id) - 1;
	}
	to->version_major = from->version_major;
	to->version_minor = from->version_minor;
	to->version_patch = from->version_patch;
	memcpy(to->module_id, from->module_id.ptr, n);
	to->module_id[n] = 0;
	to->module_id_len = (uint32_t)n;
	to->max_pcrs = from->max_pcrs;
	for (uint16_t i = 0; i < RD_NSM_PCR_COUNT; i++) {
		if (from->locked >> i & 1) {
			to->locked_pcrs[locked++] = i;
		}
	}
	to->locked_pcrs_len = locked;
	to->digest = (enum Digest)from->digest;
}

EXPORT enum ErrorCode nsm_get_description(int32_t fd, NsmDescription *nsm_description)
{
	struct rd_nsm_request req = {.op = RD_NSM_DESCRIBE_NSM};
	struct exchange *x RD_CLEANUP(exchange_free) = NULL;
	enum ErrorCode e;

	if (nsm_description == NULL) {
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	e = call(fd, &req, &x);
	if (e == ERROR_CODE_SUCCESS) {
		describe(&x->res.description, nsm_description);
	}
	return e;
}

EXPORT enum ErrorCode nsm_get_attestation_doc(int32_t fd, const uint8_t *user_data,
	uint32_t user_data_len, const uint8_t *nonce_data, uint32_t nonce_len,
	const uint8_t *pub_key_data, uint32_t pub_key_len, uint8_t *att_doc_data,
	uint32_t *att_doc_len)
{
	struct rd_nsm_request req = {
		.op = RD_NSM_ATTESTATION,
		.attest =
			{
				.user_data = rd_view(user_data, user_data_len),
				.nonce = rd_view(nonce_data, nonce_len),
				.public_key = rd_view(pub_key_data, pub_key_len),
			},
	};
	struct exchange *x RD_CLEANUP(exchange_free) = NULL;
	enum ErrorCode e;

	if (att_doc_len == NULL) {
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	e = call(fd, &req, &x);
	return e == ERROR_CODE_SUCCESS ? copy_out(x->res.data, att_doc_data, att_doc_len) : e;
}

EXPORT enum ErrorCode nsm_get_random(int32_t fd, uint8_t *buf, uintptr_t *buf_len)
{
	struct rd_nsm_request req = {.op = RD_NSM_GET_RANDOM};
	struct exchange *x RD_CLEANUP(exchange_free) = NULL;
	enum ErrorCode e;

	if (fd < 0 || buf == NULL || buf_len == NULL || *buf_len == 0) {
		return ERROR_CODE_INVALID_ARGUMENT;
	}
	e = call(fd, &req, &x);
	if (e != ERROR_CODE_SUCCESS) {
		return e;
	}
	if (*buf_len > x->res.data.len) {
		*buf_len = x->res.data.len;
	}
	if (*buf_len > 0) {
		memcpy(buf, x->res.data.ptr, *buf_len);
	}
	return ERROR_CODE_SUCCESS;
}
