/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's half of hello-attest: gives the enclave a nonce, takes its attestation document.
 *
 * A guest's connection to (CID 3, port 5000) arrives at the Unix socket vsock.sock_5000 in the
 * enclave's directory, which this program makes. On it the parent sends one byte of length and the
 * nonce; the enclave answers with four bytes of length, big-endian, and the document. The
 * document's sender is not trusted: `redoubt verify` decides what it is worth.
 */
#include "common/parent.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define NONCE_MAX 64
/* /dev/nsm never answers with more. */
#define DOCUMENT_MAX 12288
/* An enclave under emulation boots in a few seconds; a busy machine may need ten times that. */
#define WAIT_MS 60000

static int fail(const char *what)
{
	fprintf(stderr, "hello-parent: %s: %s\n", what, strerror(errno));
	return 1;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));

	return at == NULL ? -1 : (int)(at - digits);
}

/* Two hex digits a byte; -1 for anything else. */
static int parse_nonce(const char *hex, uint8_t nonce[NONCE_MAX])
{
	size_t digits = strlen(hex);

	if (digits == 0 || digits % 2 != 0 || digits / 2 > NONCE_MAX) {
		return -1;
	}
	for (size_t i = 0; i < digits / 2; i++) {
		int high = hex_digit(hex[2 * i]);
		int low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0) {
			return -1;
		}
		nonce[i] = (uint8_t)(high << 4 | low);
	}
	return (int)(digits / 2);
}

static int listen_at(const char *dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/vsock.sock_5000", dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		errno = fd < 0 ? errno : ENAMETOOLONG;
		return -1;
	}
	unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1) != 0) {
		return -1;
	}
	return fd;
}

static int wait_for_enclave(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct timeval patience = {.tv_sec = WAIT_MS / 1000};
	int fd = -1;

	if (poll(&p, 1, WAIT_MS) != 1) {
		errno = ETIMEDOUT;
		return -1;
	}
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	}
	return fd;
}

/* The document's length, or 0 with errno set. */
static uint32_t exchange(int fd, const uint8_t *nonce, uint8_t nonce_len, uint8_t *document)
{
	uint8_t request[1 + NONCE_MAX] = {nonce_len};
	uint32_t len = 0;

	memcpy(request + 1, nonce, nonce_len);
	if (send(fd, request, 1u + nonce_len, MSG_NOSIGNAL) != 1 + nonce_len ||
		!read_all(fd, &len, sizeof(len))) {
		return 0;
	}
	len = ntohl(len);
	if (len == 0 || len > DOCUMENT_MAX) {
		errno = EMSGSIZE;
		return 0;
	}
	return read_all(fd, document, len) ? len : 0;
}

static int save(const char *path, const uint8_t *document, uint32_t len)
{
	FILE *f = fopen(path, "wbe");

	if (f == NULL) {
		return fail(path);
	}
	if (fwrite(document, 1, len, f) != len) {
		fclose(f);
		return fail(path);
	}
	return fclose(f) == 0 ? 0 : fail(path);
}

int main(int argc, char **argv)
{
	static uint8_t document[DOCUMENT_MAX];
	uint8_t nonce[NONCE_MAX];
	int nonce_len = argc == 4 ? parse_nonce(argv[2], nonce) : -1;
	int listener = -1;
	int enclave = -1;
	uint32_t len = 0;

	if (nonce_len < 0) {
		fprintf(stderr, "usage: hello-parent ENCLAVE-DIRECTORY NONCE-HEX OUTPUT\n");
		return 2;
	}
	listener = listen_at(argv[1]);
	if (listener < 0) {
		return fail(argv[1]);
	}
	enclave = wait_for_enclave(listener);
	if (enclave < 0) {
		return fail("no connection from the enclave");
	}
	len = exchange(enclave, nonce, (uint8_t)nonce_len, document);
	if (len == 0) {
		return fail("the enclave's answer");
	}
	return save(argv[3], document, len);
}
