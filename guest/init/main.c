/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's PID 1: brings the machine up for one application, runs it, reports its end, resets.
 *
 * The order matters. Nothing that uses random numbers runs before the generator is seeded from the
 * NSM; nothing of the image runs, nor is the heartbeat sent, before entropy and clock are known to
 * come from the hypervisor. Whatever fails ends the machine at once, with its reason, instead of
 * leaving it to a kernel panic and its delay.
 */
#include "init/init.h"

#include <signal.h>
#include <sys/stat.h>

static enum rd_status bring_up(pid_t *ret_nsm, struct init_spec *ret_spec, struct rd_error *err)
{
	RD_TRY(init_mount_early(err));
	RD_TRY(init_load_modules(err));
	RD_TRY(init_seed_entropy(err));
	RD_TRY(init_check_clock(err));
	RD_TRY(init_heartbeat(err));
	RD_TRY(init_start_nsm(ret_nsm, err));
	RD_TRY(init_read_spec(ret_spec, err));
	init_set_up_network();
	RD_TRY(init_switch_root(err));
	init_mount_root();
	return RD_OK;
}

int main(void)
{
	struct rd_error err = {0};
	struct init_spec spec;
	struct rd_guest_end end;
	pid_t application;
	pid_t nsm = 0;
	sigset_t all;

	/* PID 1 is not killed by signals without a handler, but nothing shall interrupt its calls.
	 */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	umask(022);
	if (bring_up(&nsm, &spec, &err) != RD_OK) {
		init_fail(&err);
	}
	if (init_start_process(&spec, &application, &err) != RD_OK) {
		init_fail(&err);
	}
	end = init_wait(application, nsm);
	init_end(&end);
}
