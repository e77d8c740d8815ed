/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neighbour of the hostile guest: an enclave that attests to whoever asks, one after the other.
 *
 *	host -> enclave (port 5000)   one byte n, then n bytes: a nonce
 *	enclave -> host               four bytes, big-endian: a length, then the document
 */
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nsm.h>

#define PORT         5000
#define DOCUMENT_MAX (16 * 1024)

static bool receive(int fd, void *dst, size_t n)
{
	return n == 0 || recv(fd, dst, n, MSG_WAITALL) == (ssize_t)n;
}

static bool answer(int fd, int32_t nsm)
{
	static uint8_t message[4 + DOCUMENT_MAX];
	uint32_t len = DOCUMENT_MAX;
	uint8_t nonce[UINT8_MAX];
	uint8_t nonce_len;

	if (!receive(fd, &nonce_len, 1) || !receive(fd, nonce, nonce_len)) {
		return false;
	}
	if (nsm_get_attestation_doc(nsm, NULL, 0, nonce, nonce_len, NULL, 0, message + 4, &len) !=
		ERROR_CODE_SUCCESS) {
		return false;
	}
	for (int i = 0; i < 4; i++) {
		message[i] = (uint8_t)(len >> (24 - 8 * i));
	}
	return send(fd, message, 4 + len, MSG_NOSIGNAL) == (ssize_t)(4 + len);
}

int main(void)
{
	const struct sockaddr_vm here = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = PORT};
	int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int32_t nsm = nsm_lib_init();

	if (listener < 0 || nsm < 0 ||
		bind(listener, (const struct sockaddr *)&here, sizeof(here)) != 0 ||
		listen(listener, 8) != 0) {
		perror("answering-guest");
		return 1;
	}
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && !answer(fd, nsm)) {
			printf("answering-guest: no answer given\n");
		}
		close(fd);
	}
}
