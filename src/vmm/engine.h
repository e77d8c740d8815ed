/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs the CPU. An engine brings CPU, chipset and the transport of the virtqueues; guest
 * memory, queues and devices are on our side of this interface, so that another engine can stand
 * beside QEMU without vsock, NSM or redoubtd noticing.
 *
 * Life: start (before this process isolates itself; the engine takes from the host what it needs,
 * and must not let the guest run yet), attach (after isolation; from here on events come from the
 * loop and the guest runs), kill, free.
 */
#ifndef RD_VMM_ENGINE_H
#define RD_VMM_ENGINE_H

#include "base/bytes.h"
#include "base/error.h"
#include "os/isolate.h"
#include "os/loop.h"
#include "virtio/queue.h"

#include "memory.h"

/* A line or two of what the engine said last. */
#define RD_ENGINE_TEXT_MAX 320

/* What a parent's VM has and an enclave's has not. Descriptors are borrowed; -1: not used. */
struct rd_engine_parent {
	const char *instance_id;
	int overlay_fd; /* qcow2, no backing file in its header, read and write */
	int base_fd;    /* the image, read only */
	bool base_qcow2;
	uint64_t disk_bytes;
	int qmp_fd; /* QEMU's end of its monitor */
	int net_fd; /* QEMU's end of the network: u32 BE length, frame */
	const char *mac;
};

/* Everything is borrowed, for the duration of start only, but the memory: until free. */
struct rd_engine_config {
	const struct rd_engine_parent *parent; /* NULL: an enclave */
	struct rd_vmm_memory *memory;
	int kernel_fd; /* the EIF's kernel section, a memory file */
	int initrd_fd; /* its ramdisks, back to back */
	struct rd_view cmdline;
	unsigned cpus;
	uint32_t guest_cid;
	bool acpi;  /* give the guest ACPI tables */
	bool debug; /* a serial console */
	bool kvm;   /* for engines that can do with or without */
	uint64_t tsc_khz;
	uid_t uid; /* for the engine's own process; 0: ours */
	gid_t gid;
	struct rd_view vsock_config; /* the device's configuration space */
	uint64_t vsock_features;
};

struct rd_engine_end {
	bool orderly; /* the guest reset or halted; otherwise the engine failed */
	char text[RD_ENGINE_TEXT_MAX];
};

/* From the loop, never from within an engine's function. */
struct rd_engine_events {
	void (*kicked)(void *ctx, unsigned queue);  /* the guest put something there */
	void (*stopped)(void *ctx, unsigned queue); /* the guest's driver let go of it */
	void (*console)(void *ctx, struct rd_view bytes);
	void (*ended)(void *ctx, const struct rd_engine_end *end); /* once; nothing follows */
};

struct rd_engine;

struct rd_engine_ops {
	const char *name;
	/* report: which isolation stages hold for the engine's own process. */
	enum rd_status (*start)(const struct rd_engine_config *config, struct rd_engine **ret,
		struct rd_isolate_report *report, struct rd_error *err);
	enum rd_status (*attach)(struct rd_engine *engine, struct rd_loop *loop,
		const struct rd_engine_events *events, void *ctx);
	/* The walker of a queue: valid until free, started or not. */
	struct rd_queue *(*queue)(struct rd_engine *engine, unsigned index);
	/* Interrupts the guest for this queue. */
	void (*notify)(struct rd_engine *engine, unsigned index);
	/* Ends the guest at once; `ended` follows. */
	void (*kill)(struct rd_engine *engine);
	/* The engine's process, or 0 when it is this one. */
	pid_t (*pid)(const struct rd_engine *engine);
	/* Ends what still runs. Accepts NULL; clears the caller's pointer. */
	void (*free)(struct rd_engine **engine);
};

extern const struct rd_engine_ops rd_engine_qemu;

#endif
