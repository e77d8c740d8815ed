/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the vmm's parts that need no guest: probe, image, memory, arguments, judgement. */
#include "test.h"

#include "base/byteorder.h"
#include "os/fd.h"
#include "os/loop.h"

#include "image.h"
#include "isolate.h"
#include "kvm_probe.h"
#include "memory.h"
#include "qemu_args.h"
#include "tsc.h"
#include "vmm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void probe_takes_less_than_a_second_and_says_why(void **state)
{
	struct rd_kvm_probe probe;
	uint64_t start = rd_loop_now_ms();

	(void)state;
	rd_kvm_probe("/dev/kvm", &probe);
	assert_true(rd_loop_now_ms() - start < 1000);
	assert_true(probe.verdict < RD_KVM_VERDICT_COUNT);
	assert_int_not_equal(probe.reason[0], '\0');
	assert_null(strchr(probe.reason, '\n'));
	if (probe.verdict == RD_KVM_FAST) {
		assert_true(probe.instructions > 0 && probe.elapsed_us < 250000);
	}
}

static void probe_without_a_device_is_absent(void **state)
{
	struct rd_kvm_probe probe;

	(void)state;
	rd_kvm_probe("/dev/no-such-kvm", &probe);
	assert_int_equal(probe.verdict, RD_KVM_ABSENT);
	assert_string_equal(
		probe.reason, "/dev/no-such-kvm cannot be opened: No such file or directory");
	rd_kvm_probe("/dev/null", &probe);
	assert_int_equal(probe.verdict, RD_KVM_ABSENT);
}

/* A minimal EIF: sections as (type, text); returns a memory file, not sealed. */
struct part {
	uint16_t type;
	const char *text;
};

static int make_eif(const struct part *parts, uint16_t count)
{
	uint8_t bytes[4096] = ".eif";
	size_t used = RD_EIF_HEADER_SIZE;
	uint16_t i;
	int fd;

	rd_put_be16(bytes + RD_EIF_OFF_NUM_SECTIONS, count);
	for (i = 0; i < count; i++) {
		rd_put_be16(bytes + used, parts[i].type);
		rd_put_be64(bytes + used + 4, strlen(parts[i].text));
		memcpy(bytes + used + RD_EIF_SECTION_HEADER_SIZE, parts[i].text,
			strlen(parts[i].text));
		used += RD_EIF_SECTION_HEADER_SIZE + strlen(parts[i].text);
	}
	assert_ok(rd_fd_memfd("eif", 0, &fd));
	assert_ok(rd_fd_write_full(fd, rd_view(bytes, used)));
	return fd;
}

static enum rd_status open_eif(const struct part *parts, uint16_t count, struct rd_vmm_image *ret)
{
	int fd RD_CLEANUP(rd_fd_close) = make_eif(parts, count);

	assert_ok(rd_fd_seal_content(fd));
	return rd_vmm_image_open(fd, ret, NULL);
}

static void assert_content(int fd, const char *want)
{
	char text[64] = "";
	uint64_t size;

	assert_ok(rd_fd_size(fd, &size));
	assert_int_equal(size, strlen(want));
	assert_ok(rd_fd_pread_full(fd, text, size, 0));
	assert_string_equal(text, want);
	assert_status(rd_fd_pwrite_full(fd, rd_view("x", 1), 0), RD_DENIED);
}

static void image_gives_kernel_cmdline_and_joined_ramdisks(void **state)
{
	static const struct part parts[] = {{RD_EIF_KERNEL, "KERNEL"},
		{RD_EIF_CMDLINE, "quiet redoubt.acpi"}, {RD_EIF_METADATA, "{}"},
		{RD_EIF_RAMDISK, "boot"}, {RD_EIF_RAMDISK, "app"}, {RD_EIF_SIGNATURE, "x"}};
	struct rd_vmm_image image = RD_VMM_IMAGE_INIT;

	(void)state;
	assert_ok(open_eif(parts, 6, &image));
	assert_content(image.kernel_fd, "KERNEL");
	assert_content(image.initrd_fd, "bootapp");
	assert_string_equal(image.cmdline, "quiet redoubt.acpi");
	assert_true(image.acpi);
	rd_vmm_image_close(&image);
}

/* As the engine sees it, which holds the files until the end. */
static void image_gives_its_memory_back(void **state)
{
	static const struct part parts[] = {
		{RD_EIF_KERNEL, "KERNEL"}, {RD_EIF_CMDLINE, "quiet"}, {RD_EIF_RAMDISK, "boot"}};
	struct rd_vmm_image image = RD_VMM_IMAGE_INIT;
	struct stat sb;
	int engine[2];

	(void)state;
	assert_ok(open_eif(parts, RD_ARRAY_LEN(parts), &image));
	engine[0] = dup(image.kernel_fd);
	engine[1] = dup(image.initrd_fd);
	assert_int_equal(pwrite(engine[0], "x", 1, 0), -1);
	assert_int_equal(ftruncate(engine[0], 4096), -1);
	rd_vmm_image_release(&image);
	assert_int_equal(image.kernel_fd, -1);
	assert_int_equal(image.initrd_fd, -1);
	for (size_t i = 0; i < RD_ARRAY_LEN(engine); i++) {
		assert_int_equal(fstat(engine[i], &sb), 0);
		assert_int_equal(sb.st_size, 0);
		assert_int_equal(sb.st_blocks, 0);
		close(engine[i]);
	}
	rd_vmm_image_release(&image);
}

static void image_refuses_what_could_change(void **state)
{
	static const struct part parts[] = {{RD_EIF_KERNEL, "K"}, {RD_EIF_CMDLINE, "c"}};
	int fd RD_CLEANUP(rd_fd_close) = make_eif(parts, 2);
	struct rd_vmm_image image = RD_VMM_IMAGE_INIT;

	(void)state;
	assert_status(rd_vmm_image_open(fd, &image, NULL), RD_FORBIDDEN);
	assert_int_equal(image.kernel_fd, -1);
}

static void image_refuses_bad_sections(void **state)
{
	static const struct part twice[] = {{RD_EIF_KERNEL, "K"}, {RD_EIF_KERNEL, "K"}};
	static const struct part none[] = {{RD_EIF_CMDLINE, "c"}, {RD_EIF_RAMDISK, "r"}};
	static const struct part strange[] = {{RD_EIF_KERNEL, "K"}, {99, "c"}};
	static const struct part one[] = {{RD_EIF_KERNEL, "K"}};
	struct rd_vmm_image image = RD_VMM_IMAGE_INIT;

	(void)state;
	assert_status(open_eif(twice, 2, &image), RD_DUPLICATE);
	assert_status(open_eif(none, 2, &image), RD_MISSING);
	assert_status(open_eif(strange, 2, &image), RD_BAD_TYPE);
	assert_status(open_eif(one, 1, &image), RD_OUT_OF_RANGE);
}

static void image_believes_no_size(void **state)
{
	static const struct part parts[] = {{RD_EIF_KERNEL, "K"}, {RD_EIF_CMDLINE, "c"}};
	static const uint64_t sizes[] = {2, 1000, UINT64_MAX, UINT64_MAX - RD_EIF_HEADER_SIZE};
	size_t i;

	(void)state;
	for (i = 0; i < RD_ARRAY_LEN(sizes); i++) {
		int fd RD_CLEANUP(rd_fd_close) = make_eif(parts, 2);
		struct rd_vmm_image image = RD_VMM_IMAGE_INIT;
		uint8_t be[8];

		rd_put_be64(be, sizes[i]);
		assert_ok(rd_fd_pwrite_full(fd, rd_view(be, sizeof(be)), RD_EIF_HEADER_SIZE + 4));
		assert_ok(rd_fd_seal_content(fd));
		assert_int_not_equal(rd_vmm_image_open(fd, &image, NULL), RD_OK);
	}
}

static void cmdline_words_are_whole(void **state)
{
	(void)state;
	assert_true(rd_vmm_cmdline_has("a redoubt.acpi b", "redoubt.acpi"));
	assert_true(rd_vmm_cmdline_has("redoubt.acpi", "redoubt.acpi"));
	assert_true(rd_vmm_cmdline_has("redoubt.acpix redoubt.acpi", "redoubt.acpi"));
	assert_false(rd_vmm_cmdline_has("xredoubt.acpi redoubt.acpi=1", "redoubt.acpi"));
	assert_false(rd_vmm_cmdline_has("", "redoubt.acpi"));
}

static void memory_is_found_again_and_nothing_else_is(void **state)
{
	struct rd_vmm_memory memory = RD_VMM_MEMORY_INIT;
	int other RD_CLEANUP(rd_fd_close) = -1, again RD_CLEANUP(rd_fd_close) = -1;
	uint8_t *hva = NULL;

	(void)state;
	assert_ok(rd_vmm_memory_open(1 << 20, &memory, NULL));
	again = fcntl(memory.fd, F_DUPFD_CLOEXEC, 0);
	assert_ok(rd_vmm_memory_locate(&memory, again, 4096, (1 << 20) - 4096, &hva));
	assert_ptr_equal(hva, memory.base + 4096);
	assert_status(rd_vmm_memory_locate(&memory, again, 4096, 1 << 20, &hva), RD_OUT_OF_RANGE);
	assert_status(rd_vmm_memory_locate(&memory, again, UINT64_MAX, 2, &hva), RD_OUT_OF_RANGE);
	assert_ok(rd_fd_memfd("other", 1 << 20, &other));
	assert_status(rd_vmm_memory_locate(&memory, other, 0, 4096, &hva), RD_FORBIDDEN);
	assert_int_equal(ftruncate(memory.fd, 0), -1);
	rd_vmm_memory_close(&memory);
}

/* Whoever still has the file (here: a second mapping) finds zeros, not the guest's secrets. */
static void memory_is_wiped(void **state)
{
	struct rd_vmm_memory memory = RD_VMM_MEMORY_INIT;
	const size_t size = 1 << 20;
	int again RD_CLEANUP(rd_fd_close) = -1;
	uint8_t *view;
	size_t i, left = 0;

	(void)state;
	assert_ok(rd_vmm_memory_open(size, &memory, NULL));
	again = fcntl(memory.fd, F_DUPFD_CLOEXEC, 0);
	view = mmap(NULL, size, PROT_READ, MAP_SHARED, again, 0);
	assert_ptr_not_equal(view, MAP_FAILED);
	memset(memory.base + 8192, 0xa5, 100);
	memset(memory.base + size - 100, 0xa5, 100);
	assert_int_equal(view[size - 1], 0xa5);
	rd_vmm_memory_close(&memory);
	for (i = 0; i < size; i++) {
		left += view[i] != 0;
	}
	assert_int_equal(left, 0);
	munmap(view, size);
}

static struct rd_engine_config example(struct rd_vmm_memory *memory)
{
	return (struct rd_engine_config){.memory = memory,
		.cmdline = rd_view_str("console=ttyS0 quiet"),
		.cpus = 2,
		.tsc_khz = 2300000};
}

static bool has_arg(const struct rd_qemu_args *args, const char *text)
{
	size_t i;

	for (i = 0; i < args->argc; i++) {
		if (strstr(args->argv[i], text) != NULL) {
			return true;
		}
	}
	return false;
}

static void qemu_gets_a_board_and_nothing_else(void **state)
{
	struct rd_vmm_memory memory = {.size = 256ull << 20};
	struct rd_engine_config config = example(&memory);
	struct rd_qemu_args args;

	(void)state;
	assert_ok(rd_qemu_args_build(&config, &args, NULL));
	assert_null(args.argv[args.argc]);
	assert_true(has_arg(&args, "-nodefaults"));
	assert_true(has_arg(&args, "-no-reboot"));
	assert_true(has_arg(&args, "obsolete=deny,elevateprivileges=deny,spawn=deny"));
	assert_true(has_arg(&args, "microvm,accel=tcg,acpi=off,isa-serial=off,pit=on"));
	assert_true(has_arg(&args, "qboot.rom"));
	assert_true(has_arg(&args, "mem-path=/proc/self/fd/3,share=on,size=268435456"));
	assert_true(has_arg(&args, "256M"));
	assert_true(has_arg(&args, "console=ttyS0 quiet tsc_early_khz=2300000 tsc=reliable "
				   "lpj=9200000 redoubt.lapic_timer_khz=1000000"));
	assert_false(has_arg(&args, "chardev:console"));
	assert_false(has_arg(&args, "-netdev"));
	assert_false(has_arg(&args, "-drive"));
}

static void serial_acpi_and_kvm_only_when_asked_for(void **state)
{
	struct rd_vmm_memory memory = {.size = 256ull << 20};
	struct rd_engine_config config = example(&memory);
	struct rd_qemu_args args;

	(void)state;
	config.debug = config.acpi = config.kvm = true;
	assert_ok(rd_qemu_args_build(&config, &args, NULL));
	assert_true(has_arg(&args, "microvm,accel=kvm,acpi=on,isa-serial=on,pit=on"));
	assert_true(has_arg(&args, "chardev:console"));
	assert_true(has_arg(&args, "host"));
	/* KVM has a deadline timer, and a bus frequency that may be set. */
	assert_false(has_arg(&args, "redoubt.lapic_timer_khz"));
}

static void cmdline_without_room_is_refused_with_figures(void **state)
{
	struct rd_vmm_memory memory = {.size = 256ull << 20};
	struct rd_engine_config config = example(&memory);
	struct rd_error err = {0};
	struct rd_qemu_args args;
	char cmdline[RD_EIF_CMDLINE_MAX + 1];

	(void)state;
	memset(cmdline, 'x', sizeof(cmdline));
	config.cmdline = rd_view(cmdline, RD_EIF_CMDLINE_MAX - RD_QEMU_CMDLINE_ROOM);
	assert_ok(rd_qemu_args_build(&config, &args, &err));
	config.cmdline.len++;
	assert_status(rd_qemu_args_build(&config, &args, &err), RD_LIMIT);
	assert_non_null(strstr(err.text, "1856 bytes"));
	assert_non_null(strstr(err.text, "1855"));
}

static void tsc_frequency_agrees_with_a_longer_measurement(void **state)
{
	struct timespec pause = {.tv_nsec = 50000000};
	struct rd_tsc_mark mark, early;
	uint64_t short_khz, long_khz;

	(void)state;
	rd_tsc_mark(&early);
	nanosleep(&pause, NULL);
	rd_tsc_mark(&mark);
	short_khz = rd_tsc_khz_since(&mark);
	long_khz = rd_tsc_khz_since(&early);
	assert_true(long_khz > 100000);
	/* One part in a thousand; the kernel's own calibration is content with half of that. */
	assert_true(short_khz > long_khz - long_khz / 1000);
	assert_true(short_khz < long_khz + long_khz / 1000);
}

static void uids_differ_between_enclaves(void **state)
{
	(void)state;
	assert_int_not_equal(rd_vmm_uid(16), rd_vmm_uid(17));
	assert_true(rd_vmm_uid(4) >= RD_VMM_UID_BASE);
	assert_true(rd_vmm_uid(UINT32_MAX) <= 0x7fffffff);
}

static void boot_timeout_follows_nitro_cli(void **state)
{
	const uint64_t gib = 1ull << 30;

	(void)state;
	assert_int_equal(rd_vmm_boot_timeout_ms(1, 64 << 20), 180000);
	assert_int_equal(rd_vmm_boot_timeout_ms(6 * gib, 100 * gib), 180000);
	assert_int_equal(rd_vmm_boot_timeout_ms(6 * gib + 1, 100 * gib), 270000);
	assert_int_equal(rd_vmm_boot_timeout_ms(6 * gib + 1, 100 * gib + 1), 360000);
}

static struct rd_ctl_ended judge(const struct rd_vmm *vmm, bool orderly, const char *text)
{
	struct rd_engine_end end = {.orderly = orderly};
	struct rd_ctl_ended ended;

	snprintf(end.text, sizeof(end.text), "%s", text);
	rd_vmm_judge(vmm, &end, &ended);
	return ended;
}

static void report_of_the_guest_gives_cause_and_status(void **state)
{
	struct rd_vmm vmm = {.state = RD_CTL_STATE_RUNNING, .reported = true};
	struct rd_ctl_ended ended;

	(void)state;
	vmm.report = (struct rd_guest_end){.kind = RD_GUEST_EXITED, .value = 7};
	ended = judge(&vmm, true, "the guest reset or halted");
	assert_int_equal(ended.cause, RD_CTL_CAUSE_EXITED);
	assert_int_equal(ended.exit_status, 7);
	assert_int_equal(ended.code, 0);
	assert_string_equal(ended.text, "the application exited with status 7");
	vmm.report = (struct rd_guest_end){.kind = RD_GUEST_SIGNALLED, .value = 11};
	ended = judge(&vmm, true, "");
	assert_int_equal(ended.cause, RD_CTL_CAUSE_SIGNALED);
	assert_int_equal(ended.exit_status, 11);
	vmm.state = RD_CTL_STATE_BOOTING;
	vmm.report = (struct rd_guest_end){.kind = RD_GUEST_INIT_FAILED, .text = "no clock"};
	ended = judge(&vmm, true, "");
	assert_int_equal(ended.cause, RD_CTL_CAUSE_GAVE_UP);
	assert_int_equal(ended.code, RD_E_BOOT);
	assert_string_equal(ended.text, "no clock");
}

static void ends_without_report_are_told_apart(void **state)
{
	struct rd_vmm vmm = {.state = RD_CTL_STATE_RUNNING};
	struct rd_ctl_ended ended;

	(void)state;
	ended = judge(&vmm, true, "the guest reset or halted");
	assert_int_equal(ended.cause, RD_CTL_CAUSE_CRASHED);
	assert_non_null(strstr(ended.text, "without an end report"));
	ended = judge(&vmm, false, "QEMU died of signal 9 (Killed)");
	assert_int_equal(ended.cause, RD_CTL_CAUSE_ENGINE);
	assert_string_equal(ended.text, "QEMU died of signal 9 (Killed)");
	vmm.state = RD_CTL_STATE_BOOTING;
	ended = judge(&vmm, true, "the guest reset or halted");
	assert_non_null(strstr(ended.text, "before its heartbeat"));
	assert_int_equal(ended.code, RD_E_BOOT);
	vmm.wrong_heartbeat = true;
	vmm.heartbeat_byte = 0x42;
	ended = judge(&vmm, false, "QEMU was told to end");
	assert_string_equal(ended.text, "wrong heartbeat 0x42 instead of 0xb7");
	vmm.terminating = true;
	ended = judge(&vmm, false, "QEMU was told to end");
	assert_int_equal(ended.cause, RD_CTL_CAUSE_TERMINATED);
	assert_int_equal(ended.code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_takes_less_than_a_second_and_says_why),
		cmocka_unit_test(probe_without_a_device_is_absent),
		cmocka_unit_test(image_gives_kernel_cmdline_and_joined_ramdisks),
		cmocka_unit_test(image_gives_its_memory_back),
		cmocka_unit_test(image_refuses_what_could_change),
		cmocka_unit_test(image_refuses_bad_sections),
		cmocka_unit_test(image_believes_no_size),
		cmocka_unit_test(cmdline_words_are_whole),
		cmocka_unit_test(memory_is_found_again_and_nothing_else_is),
		cmocka_unit_test(memory_is_wiped),
		cmocka_unit_test(qemu_gets_a_board_and_nothing_else),
		cmocka_unit_test(serial_acpi_and_kvm_only_when_asked_for),
		cmocka_unit_test(cmdline_without_room_is_refused_with_figures),
		cmocka_unit_test(tsc_frequency_agrees_with_a_longer_measurement),
		cmocka_unit_test(uids_differ_between_enclaves),
		cmocka_unit_test(boot_timeout_follows_nitro_cli),
		cmocka_unit_test(report_of_the_guest_gives_cause_and_status),
		cmocka_unit_test(ends_without_report_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
