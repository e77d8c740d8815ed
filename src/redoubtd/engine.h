/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which engine runs new enclaves. `auto` asks redoubt-vmm --probe-kvm once, in the background: it
 * runs guest instructions against a clock, since a /dev/kvm that opens may still be useless.
 */
#ifndef RD_REDOUBTD_ENGINE_H
#define RD_REDOUBTD_ENGINE_H

#include "ctl/message.h"
#include "os/loop.h"
#include "os/spawn.h"
#include "redoubtd/config.h"

/* The probe is to answer within a second; a hung one must not hold up the first enclave for long.
 */
#define RD_ENGINE_PROBE_TIMEOUT_MS 5000

struct rd_engine {
	bool known;
	enum rd_ctl_engine engine;
	char reason[RD_CTL_TEXT_MAX + 1];
	struct rd_child probe;
	int probe_out; /* the probe's stdout: why not */
	struct rd_watch *exit_watch;
	struct rd_watch *timer;
};

/* Decides at once, or starts the probe. Never fails: what cannot be probed is not used. */
void rd_engine_start(
	struct rd_engine *engine, struct rd_loop *loop, enum rd_config_engine configured);
void rd_engine_stop(struct rd_engine *engine);

#endif
