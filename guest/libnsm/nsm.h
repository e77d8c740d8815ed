/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnsm: the Nitro Security Module's C interface, binary compatible with AWS's nsm-lib 0.5.1.
 *
 * The names, the typedefs and the order of arguments are that library's. All functions may be
 * called from several threads; the device serialises requests.
 *
 * Outputs of nsm_extend_pcr, nsm_describe_pcr and nsm_get_attestation_doc go by one rule: *len is
 * the buffer's capacity going in. Enough room: the bytes are copied, *len is their number,
 * ERROR_CODE_SUCCESS. Too little: what fits is copied, *len stays the capacity (the size needed is
 * not told), ERROR_CODE_BUFFER_TOO_SMALL; a NULL buffer counts as none and sets *len to 0. A
 * register is extended even when its new value did not fit.
 *
 * ERROR_CODE_INPUT_TOO_LARGE: the request exceeds 4096 bytes. ERROR_CODE_INTERNAL_ERROR: the ioctl
 * failed or the answer was not understood. ERROR_CODE_INVALID_RESPONSE: the answer belongs to
 * another request. Else the device's own error.
 */
#ifndef NSM_LIB_H
#define NSM_LIB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum Digest {
	DIGEST_SHA256,
	DIGEST_SHA384,
	DIGEST_SHA512,
} Digest;

typedef enum ErrorCode {
	ERROR_CODE_SUCCESS,
	ERROR_CODE_INVALID_ARGUMENT,
	ERROR_CODE_INVALID_INDEX,
	ERROR_CODE_INVALID_RESPONSE,
	ERROR_CODE_READ_ONLY_INDEX,
	ERROR_CODE_INVALID_OPERATION,
	ERROR_CODE_BUFFER_TOO_SMALL,
	ERROR_CODE_INPUT_TOO_LARGE,
	ERROR_CODE_INTERNAL_ERROR,
} ErrorCode;

typedef struct NsmDescription {
	uint16_t version_major;
	uint16_t version_minor;
	uint16_t version_patch;
	uint8_t module_id[100]; /* cut at 99 bytes, NUL-terminated */
	uint32_t module_id_len; /* without the NUL */
	uint16_t max_pcrs;
	uint16_t locked_pcrs[64]; /* ascending; those from locked_pcrs_len on are untouched */
	uint32_t locked_pcrs_len;
	enum Digest digest;
} NsmDescription;

/* Opens /dev/nsm. Returns a descriptor, or -1; nothing is sent. */
int32_t nsm_lib_init(void);

void nsm_lib_exit(int32_t fd);

/* PCR := SHA-384(PCR || data). NULL data is ERROR_CODE_INVALID_ARGUMENT; empty data is a real
 * extend. */
enum ErrorCode nsm_extend_pcr(int32_t fd, uint16_t index, const uint8_t *data, uint32_t data_len,
	uint8_t *pcr_data, uint32_t *pcr_data_len);

enum ErrorCode nsm_describe_pcr(
	int32_t fd, uint16_t index, bool *lock, uint8_t *data, uint32_t *data_len);

enum ErrorCode nsm_lock_pcr(int32_t fd, uint16_t index);

/* Locks registers [0, range): range is a count, so 17 locks 0..16 and leaves 17 open. */
enum ErrorCode nsm_lock_pcrs(int32_t fd, uint16_t range);

enum ErrorCode nsm_get_description(int32_t fd, NsmDescription *nsm_description);

/* A NULL pointer leaves the field out; a pointer with length 0 is a field that is there and empty.
 */
enum ErrorCode nsm_get_attestation_doc(int32_t fd, const uint8_t *user_data, uint32_t user_data_len,
	const uint8_t *nonce_data, uint32_t nonce_len, const uint8_t *pub_key_data,
	uint32_t pub_key_len, uint8_t *att_doc_data, uint32_t *att_doc_len);

/*
 * One GetRandom: at most 256 bytes. *buf_len becomes the number copied, and fewer than asked for is
 * no error: loop for more. A negative fd, a NULL buf or *buf_len 0 is ERROR_CODE_INVALID_ARGUMENT.
 */
enum ErrorCode nsm_get_random(int32_t fd, uint8_t *buf, uintptr_t *buf_len);

#ifdef __cplusplus
}
#endif

#endif
