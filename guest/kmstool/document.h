/* SPDX-License-Identifier: Apache-2.0 */
/* The NSM as a source of documents and of entropy. */
#ifndef RDKMS_DOCUMENT_H
#define RDKMS_DOCUMENT_H

#include "base/error.h"
#include "kmstool/rdkms.h"

/* struct rdkms_document_source's function over /dev/nsm; arg is not used. */
int rdkms_nsm_attest(void *arg, const uint8_t *public_key, size_t public_key_len,
	const uint8_t *user_data, size_t user_data_len, uint8_t *document, size_t *ret_len);

#endif
