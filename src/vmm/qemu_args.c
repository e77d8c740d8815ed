/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's command line. Options were checked with QEMU 7.2 and 10.0.
 *
 * - Guest memory is memory-backend-file on our memory file, opened again through /proc/self/fd:
 *   QEMU has no option that takes the descriptor itself, and memory-backend-memfd would make one
 *   of QEMU's own. share=on is what lets vhost-user see the guest's writes.
 * - pit=on: without a timer to calibrate against the kernel needs two seconds more, or hangs.
 * - rtc=on: the guest's only source of the time of day.
 * - x-option-roms=off: none is needed to boot a kernel.
 * - tsc_early_khz, tsc=reliable: under translation the guest reads the host's TSC, but cannot
 *   calibrate it (one boot in five hangs), and the watchdog would call it unstable under load.
 * - lpj: without it each processor after the first measures its delay loop, 0.2 s each.
 * - erms=off, fsrm=off under translation: with them the kernel clears and copies pages by byte-wise
 *   string instructions, which are translated one byte at a time.
 * - redoubt.lapic_timer_khz: the translated APIC has no deadline timer and counts nanoseconds;
 *   without the word (guest/kernel/patches) the kernel measures that, 0.2 s.
 */
#include "qemu_args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eif/format.h"

/*
 * CONFIG_HZ of both our kernels: lpj counts TSC ticks a jiffy. A kernel with another HZ would only
 * make its delays longer or shorter by the ratio, and has no device here that minds.
 */
#define GUEST_HZ 250

static const char tcg_cpu[] = "max,erms=off,fsrm=off";

enum rd_status rd_qemu_args_add(struct rd_qemu_args *args, const char *fmt, ...)
{
	size_t room = sizeof(args->text) - args->used;
	va_list ap;
	int n;

	/* One slot stays for the NULL at the end. */
	RD_ENSURE(args->argc < RD_QEMU_ARGS_MAX - 1, RD_LIMIT);
	va_start(ap, fmt);
	n = vsnprintf(args->text + args->used, room, fmt, ap);
	va_end(ap);
	RD_ENSURE(n >= 0 && (size_t)n < room, RD_LIMIT);
	args->argv[args->argc++] = args->text + args->used;
	args->used += (size_t)n + 1;
	return RD_OK;
}

enum rd_status rd_qemu_args_add_words(
	struct rd_qemu_args *args, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		RD_TRY(rd_qemu_args_add(args, "%s", words[i]));
	}
	return RD_OK;
}

/* Nothing by default, nothing to talk to, nothing that the process itself may do. */
enum rd_status rd_qemu_args_add_nothing(struct rd_qemu_args *args)
{
	static const char *const words[] = {
		"qemu-system-x86_64",
		"-nodefaults",
		"-no-user-config",
		"-display",
		"none",
		"-monitor",
		"none",
		"-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
	};

	return rd_qemu_args_add_words(args, words, RD_ARRAY_LEN(words));
}

enum rd_status rd_qemu_args_add_cpu(
	struct rd_qemu_args *args, const struct rd_engine_config *config)
{
	RD_TRY(rd_qemu_args_add(args, "-cpu"));
	RD_TRY(rd_qemu_args_add(args, "%s", config->kvm ? "host" : tcg_cpu));
	RD_TRY(rd_qemu_args_add(args, "-smp"));
	RD_TRY(rd_qemu_args_add(args, "%u", config->cpus));
	RD_TRY(rd_qemu_args_add(args, "-m"));
	RD_TRY(rd_qemu_args_add(args, "%lluM", (unsigned long long)(config->memory->size >> 20)));
	RD_TRY(rd_qemu_args_add(args, "-object"));
	return rd_qemu_args_add(args,
		"memory-backend-file,id=ram,mem-path=/proc/self/fd/%d,share=on,size=%llu",
		RD_QEMU_FD_MEMORY, (unsigned long long)config->memory->size);
}

enum rd_status rd_qemu_args_add_serial(struct rd_qemu_args *args)
{
	RD_TRY(rd_qemu_args_add(args, "-chardev"));
	RD_TRY(rd_qemu_args_add(args, "socket,id=console,fd=%d", RD_QEMU_FD_SERIAL));
	RD_TRY(rd_qemu_args_add(args, "-serial"));
	return rd_qemu_args_add(args, "chardev:console");
}

static enum rd_status add_board(struct rd_qemu_args *args, const struct rd_engine_config *config)
{
	RD_TRY(rd_qemu_args_add(args, "-no-reboot"));
	RD_TRY(rd_qemu_args_add(args, "-machine"));
	RD_TRY(rd_qemu_args_add(args,
		"microvm,accel=%s,acpi=%s,isa-serial=%s,pit=on,rtc=on,x-option-roms=off,"
		"memory-backend=ram,mem-merge=off,dump-guest-core=off",
		config->kvm ? "kvm" : "tcg", config->acpi ? "on" : "off",
		config->debug ? "on" : "off"));
	/* The board's own choice differs: Debian 13 has SeaBIOS there, which hangs without ROMs. */
	RD_TRY(rd_qemu_args_add(args, "-bios"));
	RD_TRY(rd_qemu_args_add(args, "qboot.rom"));
	return rd_qemu_args_add_cpu(args, config);
}

static enum rd_status add_devices(struct rd_qemu_args *args, const struct rd_engine_config *config)
{
	RD_TRY(rd_qemu_args_add(args, "-global"));
	RD_TRY(rd_qemu_args_add(args, "virtio-mmio.force-legacy=false"));
	RD_TRY(rd_qemu_args_add(args, "-chardev"));
	RD_TRY(rd_qemu_args_add(args, "socket,id=vsock,fd=%d", RD_QEMU_FD_VHOST));
	RD_TRY(rd_qemu_args_add(args, "-device"));
	RD_TRY(rd_qemu_args_add(args, "vhost-user-vsock-device,chardev=vsock"));
	return config->debug ? rd_qemu_args_add_serial(args) : RD_OK;
}

static enum rd_status add_kernel(struct rd_qemu_args *args, const struct rd_engine_config *config)
{
	RD_TRY(rd_qemu_args_add(args, "-kernel"));
	RD_TRY(rd_qemu_args_add(args, "/proc/self/fd/%d", RD_QEMU_FD_KERNEL));
	RD_TRY(rd_qemu_args_add(args, "-initrd"));
	RD_TRY(rd_qemu_args_add(args, "/proc/self/fd/%d", RD_QEMU_FD_INITRD));
	RD_TRY(rd_qemu_args_add(args, "-append"));
	return rd_qemu_args_add(args, "%.*s tsc_early_khz=%llu tsc=reliable lpj=%llu%s",
		(int)config->cmdline.len, (const char *)config->cmdline.ptr,
		(unsigned long long)config->tsc_khz,
		(unsigned long long)config->tsc_khz * 1000 / GUEST_HZ,
		config->kvm ? "" : " redoubt.lapic_timer_khz=1000000");
}

static enum rd_status enclave_args(struct rd_qemu_args *args, const struct rd_engine_config *config)
{
	RD_TRY(rd_qemu_args_add_nothing(args));
	RD_TRY(add_board(args, config));
	RD_TRY(add_devices(args, config));
	return add_kernel(args, config);
}

enum rd_status rd_qemu_args_build(
	const struct rd_engine_config *config, struct rd_qemu_args *ret, struct rd_error *err)
{
	enum rd_status st;

	if (config->cmdline.len > RD_EIF_CMDLINE_MAX - RD_QEMU_CMDLINE_ROOM) {
		return rd_fail(err, RD_LIMIT,
			"the image's kernel command line has %zu bytes; the qemu engine has room for "
			"%d: shorten it",
			config->cmdline.len, RD_EIF_CMDLINE_MAX - RD_QEMU_CMDLINE_ROOM);
	}
	ret->argc = 0;
	ret->used = 0;
	st = config->parent == NULL ? enclave_args(ret, config) : rd_qemu_parent_args(ret, config);
	if (st != RD_OK) {
		return rd_fail(err, st, "QEMU's command line does not fit its buffer");
	}
	ret->argv[ret->argc] = NULL;
	return RD_OK;
}
