/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's command line: for an enclave the microvm board, for a parent q35, with nothing on it but
 * what the guest needs.
 */
#ifndef RD_VMM_QEMU_ARGS_H
#define RD_VMM_QEMU_ARGS_H

#include "base/status.h"

#include "engine.h"

/* The child's descriptors. */
enum rd_qemu_fd {
	RD_QEMU_FD_MEMORY = 3,
	RD_QEMU_FD_KERNEL,
	RD_QEMU_FD_INITRD,
	RD_QEMU_FD_VHOST,
	RD_QEMU_FD_SERIAL, /* debug mode, and a parent's */
	/* a parent's */
	RD_QEMU_FD_OVERLAY,
	RD_QEMU_FD_BASE,
	RD_QEMU_FD_QMP,
	RD_QEMU_FD_NET,
};

/* About seventy words are used for a parent. */
#define RD_QEMU_ARGS_MAX 96
/* The longest, the kernel's command line, is 2 KiB; the rest together is under one. */
#define RD_QEMU_TEXT_MAX 6144

/*
 * What the board adds to the kernel's command line when there is no ACPI ("virtio_mmio.device=
 * 512@0xfeb00e00:12"), and what we add.
 */
#define RD_QEMU_CMDLINE_ROOM 192

struct rd_qemu_args {
	const char *argv[RD_QEMU_ARGS_MAX];
	size_t argc;
	char text[RD_QEMU_TEXT_MAX];
	size_t used;
};

/* RD_LIMIT, with the figures in err, when the command line has no room for what is added. */
enum rd_status rd_qemu_args_build(const struct rd_engine_config *config, struct rd_qemu_args *ret,
	struct rd_error *err) RD_MUST_USE;

/* Private to qemu_args.c and qemu_parent_args.c. RD_LIMIT: no room. */
enum rd_status rd_qemu_args_add(struct rd_qemu_args *args, const char *fmt, ...)
	RD_MUST_USE RD_PRINTF(2, 3);
enum rd_status rd_qemu_args_add_words(
	struct rd_qemu_args *args, const char *const *words, size_t count) RD_MUST_USE;
/* What every guest has: nothing by default, the memory file, vsock, the serial console. */
enum rd_status rd_qemu_args_add_nothing(struct rd_qemu_args *args) RD_MUST_USE;
enum rd_status rd_qemu_args_add_cpu(
	struct rd_qemu_args *args, const struct rd_engine_config *config) RD_MUST_USE;
enum rd_status rd_qemu_args_add_serial(struct rd_qemu_args *args) RD_MUST_USE;
enum rd_status rd_qemu_parent_args(struct rd_qemu_args *args, const struct rd_engine_config *config)
	RD_MUST_USE;

#endif
