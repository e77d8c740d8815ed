/* SPDX-License-Identifier: Apache-2.0 */
/* Asking /dev/nsm. */
#include "kmstool/document.h"

#include "base/secret.h"
#include "crypto/random.h"

#include <nsm.h>

/* As AWS's program asks for. */
#define SEED_SIZE 1024

int rdkms_nsm_attest(void *arg, const uint8_t *public_key, size_t public_key_len,
	const uint8_t *user_data, size_t user_data_len, uint8_t *document, size_t *ret_len)
{
	uint32_t len = RDKMS_DOCUMENT_MAX;
	int32_t fd = nsm_lib_init();
	enum ErrorCode e;

	(void)arg;
	if (fd < 0) {
		return -1;
	}
	e = nsm_get_attestation_doc(fd, user_data, (uint32_t)user_data_len, NULL, 0, public_key,
		(uint32_t)public_key_len, document, &len);
	nsm_lib_exit(fd);
	if (e != ERROR_CODE_SUCCESS) {
		return -1;
	}
	*ret_len = len;
	return 0;
}

/* The NSM gives 256 bytes at a time. */
static enum ErrorCode fill(int32_t fd, uint8_t *dst, size_t n)
{
	while (n > 0) {
		uintptr_t got = n;
		enum ErrorCode e = nsm_get_random(fd, dst, &got);

		if (e != ERROR_CODE_SUCCESS || got == 0) {
			return e == ERROR_CODE_SUCCESS ? ERROR_CODE_INVALID_RESPONSE : e;
		}
		dst += got;
		n -= got;
	}
	return ERROR_CODE_SUCCESS;
}

enum rdkms_status rdkms_seed_entropy(struct rdkms_error *err)
{
	uint8_t seed[SEED_SIZE];
	int32_t fd = nsm_lib_init();
	enum ErrorCode e = fd < 0 ? ERROR_CODE_INTERNAL_ERROR : fill(fd, seed, sizeof(seed));

	if (fd >= 0) {
		nsm_lib_exit(fd);
	}
	if (e == ERROR_CODE_SUCCESS) {
		rd_random_mix(rd_view(seed, sizeof(seed)));
	}
	rd_wipe(seed, sizeof(seed));
	if (e == ERROR_CODE_SUCCESS) {
		return RDKMS_OK;
	}
	*err = (struct rdkms_error){.status = RDKMS_NSM,
		.text = "cannot get random bytes from /dev/nsm: this works inside an enclave only"};
	return RDKMS_NSM;
}
