/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt doctor: KVM, QEMU, and the programs that images are built with. */
#include "redoubt/doctor.h"

#include "base/text.h"
#include "os/paths.h"

#include <stdio.h>
#include <string.h>

/* -netdev stream, which parent instances have, is as old as that; and it is Debian 12's. */
#define QEMU_MAJOR_MIN  7
#define QEMU_MINOR_MIN  2
#define QEMU_NUMBER_MAX 9999

void doctor_check_kvm(struct doctor *d)
{
	/* redoubt-vmm --probe-kvm's exit status: fast, slow, absent. */
	enum { FAST, SLOW, ABSENT };
	static const char slow[] = "use a host whose KVM runs on the hardware: bare metal, or "
				   "nested virtualization switched on below it";
	static const char absent[] = "switch virtualization on in the firmware, load kvm_intel or "
				     "kvm_amd, and let redoubtd use /dev/kvm";
	char path[RD_PATH_MAX], line[DOCTOR_TEXT_MAX];
	struct rd_error err;
	int code = ABSENT;

	if (rd_paths_libexec("redoubt-vmm", path, &err) != RD_OK ||
		doctor_run(path, "--probe-kvm", line, &code, &err) != RD_OK) {
		doctor_add(d, "kvm", DOCTOR_BAD, "install Redoubt whole", "%s", err.text);
	} else if (code == FAST) {
		doctor_add(d, "kvm", DOCTOR_OK, NULL, "%s", line);
	} else {
		doctor_add(d, "kvm", DOCTOR_WARN, code == SLOW ? slow : absent,
			"virtual machines are emulated, which is slow and no security boundary: %s",
			line);
	}
}

/* "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)": the first two numbers. */
static enum rd_status qemu_version(const char *line, uint64_t *ret_major, uint64_t *ret_minor)
{
	static const char word[] = "version ";
	const char *at = strstr(line, word);
	char *dot, *rest, number[32];

	RD_ENSURE(at != NULL, RD_MISSING);
	at += strlen(word);
	RD_TRY(doctor_word(&at, number, sizeof(number)));
	dot = strchr(number, '.');
	RD_ENSURE(dot != NULL, RD_MALFORMED);
	*dot = '\0';
	rest = dot + 1;
	rest[strcspn(rest, ".")] = '\0';
	RD_TRY(rd_parse_u64(number, 0, QEMU_NUMBER_MAX, ret_major));
	return rd_parse_u64(rest, 0, QEMU_NUMBER_MAX, ret_minor);
}

void doctor_check_qemu(struct doctor *d)
{
	static const char remedy[] = "apt-get install qemu-system-x86";
	char path[RD_PATH_MAX], line[DOCTOR_TEXT_MAX];
	uint64_t major = 0, minor = 0;
	struct rd_error err;
	int code = 0;

	if (doctor_find_program(d, "qemu-system-x86_64", path, sizeof(path)) != RD_OK) {
		doctor_add(d, "qemu", DOCTOR_BAD, remedy, "there is no qemu-system-x86_64");
		return;
	}
	if (doctor_run(path, "--version", line, &code, &err) != RD_OK || code != 0 ||
		qemu_version(line, &major, &minor) != RD_OK) {
		doctor_add(d, "qemu", DOCTOR_BAD, remedy, "%s does not say its version", path);
		return;
	}
	if (major < QEMU_MAJOR_MIN || (major == QEMU_MAJOR_MIN && minor < QEMU_MINOR_MIN)) {
		doctor_add(d, "qemu", DOCTOR_BAD, "install QEMU 7.2 or newer, as Debian 12 has it",
			"version %u.%u is too old", (unsigned)major, (unsigned)minor);
		return;
	}
	doctor_add(d, "qemu", DOCTOR_OK, NULL, "version %u.%u", (unsigned)major, (unsigned)minor);
}

/* A program, or one of two, and the package that brings it. */
static const struct {
	const char *name;
	const char *other;
	const char *package;
} wanted[] = {
	{"docker", "buildah", "buildah"},
	{"mmdebstrap", NULL, "mmdebstrap"},
	{"mke2fs", NULL, "e2fsprogs"},
	{"sfdisk", NULL, "fdisk"},
	{"grub-mkimage", NULL, "grub-pc-bin"},
	{"qemu-img", NULL, "qemu-utils"},
	{"zstd", NULL, "zstd"},
};

static bool has(const struct doctor *d, const char *name)
{
	char path[RD_PATH_MAX];

	return name != NULL && doctor_find_program(d, name, path, sizeof(path)) == RD_OK;
}

void doctor_check_programs(struct doctor *d)
{
	char missing[DOCTOR_TEXT_MAX / 2] = "", remedy[DOCTOR_TEXT_MAX] = "apt-get install";
	struct rd_buf names = rd_buf_fixed(missing, sizeof(missing) - 1);
	size_t used;

	for (size_t i = 0; i < RD_ARRAY_LEN(wanted); i++) {
		if (has(d, wanted[i].name) || has(d, wanted[i].other)) {
			continue;
		}
		used = strlen(remedy);
		(void)snprintf(remedy + used, sizeof(remedy) - used, " %s", wanted[i].package);
		/* The table fits. */
		(void)!rd_buf_printf(&names, "%s%s", names.used > 0 ? ", " : "", wanted[i].name);
	}
	if (names.used == 0) {
		doctor_add(d, "programs", DOCTOR_OK, NULL, "images can be built");
		return;
	}
	missing[names.used] = '\0';
	doctor_add(d, "programs", DOCTOR_WARN, remedy,
		"not all images can be built: there is no %s", missing);
}
