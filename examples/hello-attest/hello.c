/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest useful enclave application: it proves to its parent what it is.
 *
 *	parent -> enclave   one byte n, then n bytes: a nonce, so that the proof is fresh
 *	enclave -> parent   four bytes, big-endian: a length, then the attestation document
 *
 * The parent is always CID 3. Whoever has verified the document ("redoubt verify") knows that this
 * very image asked for it, after the nonce was made. Nothing that the parent sends can change what
 * the document says about the image.
 */
#include "common/parent.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nsm.h>

#define PARENT_PORT  5000
#define DOCUMENT_MAX (16 * 1024)
/* Half a minute. */
#define CONNECT_ATTEMPTS 300

/* The application's own part of the document; a real one puts the hash of its public key here. */
static const char user_data[] = "hello from the enclave";

/* MSG_NOSIGNAL: a parent that has gone is an error to report, not a signal to die of. */
static int write_all(int fd, const uint8_t *src, size_t n)
{
	while (n > 0) {
		ssize_t put = send(fd, src, n, MSG_NOSIGNAL);

		if (put < 0) {
			perror("hello: cannot write to the parent");
			return -1;
		}
		src += put;
		n -= (size_t)put;
	}
	return 0;
}

/* A document with the nonce and our own data, from the security module. */
static int attest(const uint8_t *nonce, uint8_t nonce_len, uint8_t *document, uint32_t *len)
{
	int32_t nsm = nsm_lib_init();
	enum ErrorCode e;

	if (nsm < 0) {
		perror("hello: cannot open /dev/nsm");
		return -1;
	}
	e = nsm_get_attestation_doc(nsm, (const uint8_t *)user_data, sizeof(user_data) - 1, nonce,
		nonce_len, NULL, 0, document, len);
	nsm_lib_exit(nsm);
	if (e != ERROR_CODE_SUCCESS) {
		fprintf(stderr, "hello: the NSM refused to attest, error %d\n", (int)e);
		return -1;
	}
	return 0;
}

int main(void)
{
	static uint8_t document[DOCUMENT_MAX];
	uint32_t len = sizeof(document);
	uint8_t nonce[UINT8_MAX];
	uint8_t nonce_len;
	uint8_t head[4];
	int parent = connect_to_parent(PARENT_PORT, CONNECT_ATTEMPTS);

	if (parent < 0) {
		perror("hello: cannot connect to the parent's port 5000");
		return 1;
	}
	if (!read_all(parent, &nonce_len, 1) || !read_all(parent, nonce, nonce_len)) {
		perror("hello: cannot read the nonce");
		return 1;
	}
	if (attest(nonce, nonce_len, document, &len) < 0) {
		return 1;
	}
	printf("hello: a document of %u bytes for a nonce of %u bytes\n", len, nonce_len);
	for (int i = 0; i < 4; i++) {
		head[i] = (uint8_t)(len >> (24 - 8 * i));
	}
	if (write_all(parent, head, sizeof(head)) < 0 || write_all(parent, document, len) < 0) {
		return 1;
	}
	return close(parent) == 0 ? 0 : 1;
}
