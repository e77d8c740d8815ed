/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's PID 1, step by step. main.c has the order; each of the other files is one subject.
 *
 * Every step that fails gives one line in a struct rd_error, which main.c prints on the console and
 * sends to the hypervisor before it resets the machine. Nothing here runs after the application's
 * end but the report.
 */
#ifndef RD_GUEST_INIT_H
#define RD_GUEST_INIT_H

#include "base/bytes.h"
#include "base/error.h"
#include "vsock/guest.h"

#include <sys/types.h>

/* ---- mounts.c: file systems and the root ---- */

/* devtmpfs, the console as standard streams, and /proc and /sys for init itself. */
enum rd_status init_mount_early(struct rd_error *err) RD_MUST_USE;
/* Takes away /proc and /sys of the ramdisk and makes /rootfs the root of this process. */
enum rd_status init_switch_root(struct rd_error *err) RD_MUST_USE;
/* What an application expects to be mounted. A failure is told on the console and survived. */
void init_mount_root(void);

/* ---- modules.c ---- */

/* /modules/NN-*.ko in the order of their names, then /nsm.ko. All are removed once loaded. */
enum rd_status init_load_modules(struct rd_error *err) RD_MUST_USE;

/* ---- clock.c ---- */

/* RD_UNTRUSTED when time does not come from kvm-clock or the TSC. */
enum rd_status init_check_clock(struct rd_error *err) RD_MUST_USE;

/* ---- entropy.c ---- */

/*
 * Seeds the kernel's generator with 256 bytes of the NSM: by ioctl where the kernel has an NSM
 * device, which must then be the kernel's own source too, else over the hypervisor's NSM port.
 */
enum rd_status init_seed_entropy(struct rd_error *err) RD_MUST_USE;

/* ---- nsm.c ---- */

bool init_has_nsm_device(void);
/* Starts /nsm-cuse and waits for the device. *ret_pid is 0 when the kernel has one of its own. */
enum rd_status init_start_nsm(pid_t *ret_pid, struct rd_error *err) RD_MUST_USE;

/* ---- network.c ---- */

/* lo up with 127.0.0.1/8 and ::1; hostname. Told on the console and survived when it fails. */
void init_set_up_network(void);

/* ---- spec.c: what to run ---- */

#define INIT_GROUPS_MAX 256 /* supplementary groups; Linux allows 65536, no image has so many */

struct init_spec {
	char **argv; /* NULL-terminated, at least one */
	char **envp; /* NULL-terminated; the image's, then our defaults */
	const char *cwd;
	uid_t uid;
	gid_t gid;
	gid_t groups[INIT_GROUPS_MAX];
	size_t group_count;
};

/*
 * Reads /process, or /cmd and /env when there is none, and removes them. What spec points to lives
 * until the end of the process.
 */
enum rd_status init_read_spec(struct init_spec *ret_spec, struct rd_error *err) RD_MUST_USE;

/* Frees the lists, not what they point to. */
void init_spec_finish(struct init_spec *spec);

/* The two formats; bytes are changed in place and stay referenced. */
enum rd_status init_parse_process(
	char *bytes, size_t len, struct init_spec *ret_spec, struct rd_error *err) RD_MUST_USE;
enum rd_status init_parse_lines(char *cmd, size_t cmd_len, char *env, size_t env_len,
	struct init_spec *ret_spec, struct rd_error *err) RD_MUST_USE;

/* The value of a variable in envp, or NULL. */
const char *init_getenv(char *const *envp, const char *name);

/* ---- process.c ---- */

/* Starts the application; an exec that failed is an error here, not an exit code. */
enum rd_status init_start_process(
	const struct init_spec *spec, pid_t *ret_pid, struct rd_error *err) RD_MUST_USE;
/* Reaps everything until the application ends. helper is nsm-cuse's pid, or 0. */
struct rd_guest_end init_wait(pid_t application, pid_t helper);

/* ---- report.c ---- */

/* "init: …\n" on the console. */
void init_say(const char *fmt, ...) RD_PRINTF(1, 2);
/* The vmm's answer means that it sees us: RD_CLOSED, RD_TIMEOUT or RD_UNTRUSTED otherwise. */
enum rd_status init_heartbeat(struct rd_error *err) RD_MUST_USE;
/* Tells console and hypervisor, then resets the machine. */
_Noreturn void init_end(const struct rd_guest_end *end);
_Noreturn void init_fail(const struct rd_error *err);

#endif
