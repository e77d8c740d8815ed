/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real Linux guest under a real QEMU, whose vsock device is this process: the part that the
 * integration tests share. One machine at a time. What goes wrong here ends the test.
 */
#ifndef RD_TEST_MACHINE_H
#define RD_TEST_MACHINE_H

#include "vsock/device.h"

struct machine;

/* One entry of the boot ramdisk: a host's file, or bytes, or (both NULL) a directory. */
struct machine_file {
	const char *name;
	const char *path;
	const void *data;
	size_t size;
};

/* The enclave kernel, where it was built, and the distribution's. */
#define MACHINE_KERNELS_MAX 2

struct machine_kernel {
	const char *flavour;
	char blobs[1024]; /* a directory with bzImage and modules/NN-name.ko */
	bool acpi;        /* it finds its devices by ACPI only */
};

/*
 * Those in $REDOUBT_OUT/share/redoubt/blobs, at least one. Without any, or without QEMU, the test
 * fails: make provides both.
 */
size_t machine_kernels(struct machine_kernel ret[MACHINE_KERNELS_MAX]);

uint64_t machine_now_ms(void);

/* The vsock device and the transport's end. Only then may ops be called. */
struct machine *machine_new(const struct rd_vsock_ops *ops, void *ctx);

/* Starts QEMU with these files and the kernel's modules; console is its serial line, -1 for stdout.
 */
void machine_start(struct machine *m, const struct machine_kernel *kernel,
	const struct machine_file *files, size_t count, int console);

/* One turn of the loop. False when the guest's machine has ended. */
bool machine_turn(struct machine *m);

/* Ends QEMU, whatever it does, and frees everything. */
void machine_free(struct machine **m);

struct rd_vsock_device *machine_device(struct machine *m);
/* For the ops of the same names. */
void machine_notify(struct machine *m, unsigned queue);
void machine_schedule(struct machine *m);

#endif
