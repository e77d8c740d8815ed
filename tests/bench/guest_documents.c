/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's half of the documents bench: an application that asks /dev/nsm for attestation
 * documents for a few seconds and tells the parent how many it got, and of what size, as a line of
 * text. It waits for the parent first, so that nothing else happens in the guest meanwhile.
 */
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <nsm.h>

#define PARENT_CID  3
#define PARENT_PORT 5000
#define MEASURE_NS  INT64_C(3000000000)
/* The bench listens as soon as run-enclave has returned. */
#define CONNECT_TRIES    300
#define CONNECT_PAUSE_NS (100 * 1000 * 1000)

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int connect_to_parent(void)
{
	const struct timespec pause = {.tv_nsec = CONNECT_PAUSE_NS};
	struct sockaddr_vm parent = {
		.svm_family = AF_VSOCK, .svm_cid = PARENT_CID, .svm_port = PARENT_PORT};

	for (int i = 0; i < CONNECT_TRIES; i++) {
		int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&parent, sizeof(parent)) == 0) {
			return fd;
		}
		close(fd);
		nanosleep(&pause, NULL);
	}
	return -1;
}

/* With three full fields, as bench_attest.c signs them. */
static int attest(int32_t nsm, uint32_t *ret_size)
{
	static const uint8_t field[1024];
	static uint8_t document[16 * 1024];

	*ret_size = sizeof(document);
	return nsm_get_attestation_doc(nsm, field, sizeof(field), field, sizeof(field), field,
		sizeof(field), document, ret_size);
}

int main(void)
{
	int parent = connect_to_parent();
	int32_t nsm = nsm_lib_init();
	unsigned count = 0;
	uint32_t size = 0;
	int64_t start_ns = now_ns();
	int64_t spent_ns;
	int error = 0;
	char line[80];
	int n;

	do {
		error = attest(nsm, &size);
		count += error == 0;
		spent_ns = now_ns() - start_ns;
	} while (error == 0 && spent_ns < MEASURE_NS);
	n = snprintf(
		line, sizeof(line), "%u %lld %u %d\n", count, (long long)spent_ns, size, error);
	return send(parent, line, (size_t)n, MSG_NOSIGNAL) == n ? 0 : 1;
}
