/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies: JSON as AWS's C SDK takes it (kms.md 3.4, 5.4), and held against what was asked.
 *
 * The rules, beyond JSON's: a member that we know is a string or is not there (null is neither);
 * members that we do not know are ignored; a reply to an attested call has its plaintext in
 * CiphertextForRecipient, and Plaintext is not there, or empty.
 */
#ifndef RDKMS_REPLY_H
#define RDKMS_REPLY_H

#include "base/bytes.h"
#include "base/error.h"
#include "kmstool/rdkms.h"

/* Two blobs in base64, an ARN, and room for members of the future. */
#define RDKMS_REPLY_MAX (64u << 10)

struct rdkms_reply {
	char key_arn[RDKMS_KEY_ID_MAX + 1];
	size_t ciphertext_len;
	size_t envelope_len; /* 0: none */
	/* Two more than the limits: the base64 decoder counts whole groups. */
	uint8_t ciphertext[RDKMS_CIPHERTEXT_MAX + 2];
	uint8_t envelope[RDKMS_CIPHERTEXT_MAX + 2]; /* CiphertextForRecipient */
};

/*
 * The reply to request, which asked with a Recipient if its operation has one. RD_UNTRUSTED: about
 * another key or algorithm; anything else: not a reply. *ret is to be ignored then.
 */
enum rd_status rdkms_reply_read(struct rd_view body, const struct rdkms_request *request,
	struct rdkms_reply *ret, struct rd_error *err) RD_MUST_USE;

/* What an answer other than 200 says of itself: the type without a namespace, and its message. What
 * cannot be read is empty; both are printable ASCII. */
void rdkms_reply_read_error(struct rd_view body, char ret_type[64], char ret_message[256]);

#endif
