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

/*
 * $NITRO_CLI_BLOBS, which holds bzImage and modules/NN-name.ko. Exits with 77, saying why, when
 * there is none or no QEMU.
 */
const char *machine_blobs(void);

uint64_t machine_now_ms(void);

/* The vsock device and the transport's end. Only then may ops be called. */
struct machine *machine_new(const struct rd_vsock_ops *ops, void *ctx);

/* Starts QEMU with these files and the blobs' modules; console is its serial line, -1 for stdout.
 */
void machine_start(struct machine *m, const char *blobs, const struct machine_file *files,
	size_t count, int console);

/* One turn of the loop. False when the guest's machine has ended. */
bool machine_turn(struct machine *m);

/* Ends QEMU, whatever it does, and frees everything. */
void machine_free(struct machine **m);

struct rd_vsock_device *machine_device(struct machine *m);
/* For the ops of the same names. */
void machine_notify(struct machine *m, unsigned queue);
void machine_schedule(struct machine *m);

#endif
