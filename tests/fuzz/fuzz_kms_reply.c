/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a reply to each of librdkms's calls, and as an error. */
#include "kmstool/reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "1234abcd-12ab-34cd-56ef-1234567890ab"

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void check(struct rd_view body, const struct rdkms_request *request)
{
	static struct rdkms_reply reply;
	enum rdkms_operation operation = request->operation;
	bool has_key = operation != RDKMS_GENERATE_RANDOM;

	if (rdkms_reply_read(body, request, &reply, NULL) != RD_OK) {
		return;
	}
	/* What a good reply always has, and never has. */
	require((reply.envelope_len > 0) == (operation != RDKMS_ENCRYPT));
	require((reply.ciphertext_len > 0) ==
		(operation == RDKMS_ENCRYPT || operation == RDKMS_GENERATE_DATA_KEY));
	require(reply.envelope_len <= RDKMS_CIPHERTEXT_MAX);
	require(reply.ciphertext_len <= RDKMS_CIPHERTEXT_MAX);
	require((strncmp(reply.key_arn, "arn:", 4) == 0) == has_key);
	require(request->key_id == NULL || strstr(reply.key_arn, ":key/" KEY) != NULL);
}

static void check_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	require(len < size);
	for (size_t i = 0; i < len; i++) {
		require(text[i] >= ' ' && text[i] <= '~');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rdkms_request requests[] = {
		{.operation = RDKMS_DECRYPT},
		{.operation = RDKMS_DECRYPT, .key_id = KEY, .algorithm = "SYMMETRIC_DEFAULT"},
		{.operation = RDKMS_GENERATE_DATA_KEY, .key_id = KEY, .key_spec = "AES_256"},
		{.operation = RDKMS_GENERATE_RANDOM, .number_of_bytes = 32},
		{.operation = RDKMS_ENCRYPT, .key_id = KEY},
	};
	char type[64], message[256];

	for (size_t i = 0; i < RD_ARRAY_LEN(requests); i++) {
		check(rd_view(data, size), &requests[i]);
	}
	rdkms_reply_read_error(rd_view(data, size), type, message);
	check_text(type, sizeof(type));
	check_text(message, sizeof(message));
	return 0;
}
