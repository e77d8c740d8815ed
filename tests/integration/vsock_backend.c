/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/virtio, lib/vsock and lib/vhost against a real QEMU and a real Linux guest.
 *
 *	vsock-backend <guest init>
 *
 * Once with each kernel that there is: see machine.h.
 */
#include "vsock_services.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 180000u

static void serve(struct services *s)
{
	uint64_t end_ms = machine_now_ms() + TIMEOUT_MS;

	while (machine_turn(s->machine)) {
		services_turn(s);
		if (machine_now_ms() > end_ms) {
			fprintf(stderr, "vsock-backend: the guest did not finish in time\n");
			return;
		}
	}
}

static void say_stats(const struct rd_vsock_stats *s)
{
	printf("device: %llu packets and %llu bytes to the guest, %llu and %llu from it, "
	       "%llu connections, %llu resets, %llu garbage\n",
		(unsigned long long)s->rx_packets, (unsigned long long)s->rx_bytes,
		(unsigned long long)s->tx_packets, (unsigned long long)s->tx_bytes,
		(unsigned long long)s->connections, (unsigned long long)s->resets_sent,
		(unsigned long long)s->dropped_garbage);
}

static bool run(const struct machine_kernel *kernel, const char *init_path)
{
	static struct services services;
	const struct machine_file init = {.name = "init", .path = init_path};

	printf("== kernel %s\n", kernel->flavour);
	services = (struct services){0};
	pattern_init(services.pattern);
	services.machine = machine_new(&services_ops, &services);
	machine_start(services.machine, kernel, &init, 1, -1);
	serve(&services);
	say_stats(rd_vsock_stats(machine_device(services.machine)));
	fflush(stdout);
	machine_free(&services.machine);
	return services.passed && !services.failed && services.probe_ok;
}

int main(int argc, char **argv)
{
	struct machine_kernel kernels[MACHINE_KERNELS_MAX];
	size_t count;
	int status = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: vsock-backend GUEST-INIT\n");
		return 2;
	}
	count = machine_kernels(kernels);
	for (size_t i = 0; i < count; i++) {
		if (!run(&kernels[i], argv[1])) {
			fprintf(stderr, "vsock-backend: kernel %s: failed\n", kernels[i].flavour);
			status = 1;
		}
	}
	return status;
}
