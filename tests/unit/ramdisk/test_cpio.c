/* SPDX-License-Identifier: Apache-2.0 */
/* The cpio dialect, byte for byte, and the bootstrap ramdisk made of a blobs directory. */
#include "test.h"

#include "ramdisk/ramdisk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARCHIVE_MAX (1 << 20)

/* Fields after the magic: ino, mode, uid, gid, nlink, mtime, size, dev 3:1, rdev, name size, 0. */
#define DEV_HEADER                                                                                 \
	"070701"                                                                                   \
	"000002d1"                                                                                 \
	"000041ed"                                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"00000002"                                                                                 \
	"58f63f08"                                                                                 \
	"00000000"                                                                                 \
	"00000003"                                                                                 \
	"00000001"                                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"00000004"                                                                                 \
	"00000000"                                                                                 \
	"dev\0\0\0"
#define INIT_HEADER                                                                                \
	"070701"                                                                                   \
	"000002d2"                                                                                 \
	"000081ed"                                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"00000001"                                                                                 \
	"58f63f08"                                                                                 \
	"00000005"                                                                                 \
	"00000003"                                                                                 \
	"00000001"                                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"00000005"                                                                                 \
	"00000000"                                                                                 \
	"init\0\0"
#define TRAILER_HEADER                                                                             \
	"070701"                                                                                   \
	"000002d3"                                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"00000001"                                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"00000003"                                                                                 \
	"00000001"                                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"0000000b"                                                                                 \
	"00000000"                                                                                 \
	"TRAILER!!!\0\0\0\0"

static enum rd_status into_buf(void *ctx, struct rd_view bytes, struct rd_error *err)
{
	(void)err;
	return rd_buf_put_view(ctx, bytes);
}

static enum rd_status refuse(void *ctx, struct rd_view bytes, struct rd_error *err)
{
	(void)ctx;
	(void)bytes;
	return rd_fail(err, RD_NOSPACE, "full");
}

static void make_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void remove_blobs(const char *dir)
{
	static const char *const names[] = {"init", "nsm.ko", "nsm-cuse", "modules/00-a.ko",
		"modules/01-b.ko", "modules/readme", "modules"};
	char path[256];

	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void bootstrap_is_the_dialect_byte_for_byte(void **state)
{
	static const char want[] = DEV_HEADER INIT_HEADER "hello\0\0\0" TRAILER_HEADER;
	char dir[] = "/tmp/rd-blobs-XXXXXX";
	struct rd_buf got = rd_buf_growable(ARCHIVE_MAX);
	struct rd_cpio_sink sink = {into_buf, &got};

	(void)state;
	assert_non_null(mkdtemp(dir));
	make_file(dir, "init", "hello");
	assert_ok(rd_ramdisk_write_bootstrap(dir, sink, NULL));
	assert_int_equal(got.used, 512);
	assert_memory_equal(got.ptr, want, sizeof(want) - 1);
	for (size_t i = sizeof(want) - 1; i < got.used; i++) {
		assert_int_equal(got.ptr[i], 0);
	}
	rd_buf_finish(&got);
	remove_blobs(dir);
}

/* Positions of names that must come in this order. */
static void assert_order(const struct rd_buf *archive, const char *const *names, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *found = memmem(
			archive->ptr + at, archive->used - at, names[i], strlen(names[i]) + 1);

		if (found == NULL) {
			fail_msg("%s is missing or too early", names[i]);
			return;
		}
		at = (size_t)(found - archive->ptr) + 1;
	}
}

static void modules_come_last_and_in_order(void **state)
{
	static const char *const order[] = {"dev", "init", "nsm.ko", "nsm-cuse", "modules",
		"modules/00-a.ko", "modules/01-b.ko", "TRAILER!!!"};
	char dir[] = "/tmp/rd-blobs-XXXXXX";
	char modules[64];
	struct rd_buf got = rd_buf_growable(ARCHIVE_MAX);
	struct rd_cpio_sink sink = {into_buf, &got};
	struct rd_error err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(modules, sizeof(modules), "%s/modules", dir);
	assert_int_equal(mkdir(modules, 0700), 0);
	make_file(dir, "modules/01-b.ko", "b");
	make_file(dir, "modules/00-a.ko", "a");
	make_file(dir, "nsm-cuse", "c");
	make_file(dir, "nsm.ko", "n");
	make_file(dir, "init", "i");
	assert_ok(rd_ramdisk_write_bootstrap(dir, sink, NULL));
	assert_order(&got, order, RD_ARRAY_LEN(order));
	rd_buf_finish(&got);

	got = rd_buf_growable(ARCHIVE_MAX);
	make_file(dir, "modules/readme", "?");
	assert_status(rd_ramdisk_write_bootstrap(dir, sink, &err), RD_BAD_PATH);
	assert_non_null(strstr(err.text, "modules/readme"));
	rd_buf_finish(&got);
	remove_blobs(dir);
}

static void bootstrap_needs_init_and_a_sink_that_takes_it(void **state)
{
	char dir[] = "/tmp/rd-blobs-XXXXXX";
	char link[64];
	struct rd_buf got = rd_buf_growable(ARCHIVE_MAX);
	struct rd_cpio_sink sink = {into_buf, &got};
	struct rd_cpio_sink full = {refuse, NULL};
	struct rd_error err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_status(rd_ramdisk_write_bootstrap(dir, sink, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "/init"));
	assert_status(rd_ramdisk_write_bootstrap("/nonexistent", sink, &err), RD_NOTFOUND);
	make_file(dir, "init", "i");
	assert_status(rd_ramdisk_write_bootstrap(dir, full, &err), RD_NOSPACE);
	remove_blobs(dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(link, sizeof(link), "%s/init", dir);
	assert_int_equal(symlink("/dev/zero", link), 0);
	assert_status(rd_ramdisk_write_bootstrap(dir, sink, &err), RD_BAD_TYPE);
	rd_buf_finish(&got);
	remove_blobs(dir);
}

static void refuses_what_the_format_cannot_hold(void **state)
{
	static char name[RD_CPIO_NAME_MAX + 2];
	struct rd_buf got = rd_buf_growable(ARCHIVE_MAX);
	struct rd_cpio_entry e = {.name = "big", .mode = S_IFREG | 0644};
	struct rd_cpio cpio;
	struct rd_error err;

	(void)state;
	rd_cpio_init(&cpio, (struct rd_cpio_sink){into_buf, &got});
	e.size = (uint64_t)1 << 32;
	assert_status(rd_cpio_begin(&cpio, &e, NULL, &err), RD_LIMIT);
	assert_non_null(strstr(err.text, "big has 4294967296 bytes"));
	e.size = UINT32_MAX;
	assert_ok(rd_cpio_begin(&cpio, &e, NULL, &err));
	assert_status(rd_cpio_finish(&cpio, &err), RD_INTERNAL);

	rd_cpio_init(&cpio, (struct rd_cpio_sink){into_buf, &got});
	memset(name, 'n', sizeof(name) - 1);
	e = (struct rd_cpio_entry){.name = name, .mode = S_IFREG | 0644};
	assert_status(rd_cpio_begin(&cpio, &e, NULL, &err), RD_LIMIT);
	name[RD_CPIO_NAME_MAX] = '\0';
	assert_ok(rd_cpio_begin(&cpio, &e, NULL, &err));
	e.root_dir = "rootfs";
	assert_status(rd_cpio_begin(&cpio, &e, NULL, &err), RD_LIMIT);
	assert_status(rd_cpio_data(&cpio, rd_view("x", 1), &err), RD_INTERNAL);
	rd_buf_finish(&got);
}

static void times_outside_the_field_are_clamped(void **state)
{
	static const struct {
		int64_t mtime_s;
		const char *field;
	} cases[] = {{-1, "00000000"}, {0, "00000000"}, {UINT32_MAX, "ffffffff"},
		{(int64_t)UINT32_MAX + 1, "ffffffff"}, {INT64_MAX, "ffffffff"}};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf got = rd_buf_growable(ARCHIVE_MAX);
		struct rd_cpio_entry e = {
			.name = "f", .mode = S_IFREG, .mtime_s = cases[i].mtime_s};
		struct rd_cpio cpio;

		rd_cpio_init(&cpio, (struct rd_cpio_sink){into_buf, &got});
		assert_ok(rd_cpio_begin(&cpio, &e, NULL, NULL));
		assert_memory_equal(got.ptr + 46, cases[i].field, 8);
		rd_buf_finish(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bootstrap_is_the_dialect_byte_for_byte),
		cmocka_unit_test(modules_come_last_and_in_order),
		cmocka_unit_test(bootstrap_needs_init_and_a_sink_that_takes_it),
		cmocka_unit_test(refuses_what_the_format_cannot_hold),
		cmocka_unit_test(times_outside_the_field_are_clamped),
	};

	return cmocka_run_group_tests_name("cpio", tests, NULL, NULL);
}
