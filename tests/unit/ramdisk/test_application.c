/* SPDX-License-Identifier: Apache-2.0 */
/* The application ramdisk: what of an image's tree arrives in the archive, read back entry by
 * entry. */
#include "test.h"

#include "ramdisk/ramdisk.h"

#include <sys/stat.h>

#define ARCHIVE_MAX ((size_t)4 << 20)
#define ENTRIES_MAX 64

struct entry {
	char name[64];
	uint32_t ino;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink;
	uint32_t mtime;
	uint32_t rdev_major;
	uint32_t rdev_minor;
	struct rd_view data;
};

struct archive {
	struct rd_buf bytes;
	struct entry entries[ENTRIES_MAX];
	size_t n;
	struct rd_ramdisk_report report;
};

static enum rd_status into_buf(void *ctx, struct rd_view bytes, struct rd_error *err)
{
	(void)err;
	return rd_buf_put_view(ctx, bytes);
}

static uint32_t field(const uint8_t *header, unsigned index)
{
	char text[9] = {0};

	memcpy(text, header + 6 + 8 * index, 8);
	return (uint32_t)strtoul(text, NULL, 16);
}

/* A reader of our own, so that the writer is not its own judge. */
static void read_archive(struct archive *a)
{
	size_t at = 0;

	for (a->n = 0; a->n < ENTRIES_MAX; a->n++) {
		const uint8_t *h = a->bytes.ptr + at;
		struct entry *e = &a->entries[a->n];

		assert_true(at + 110 <= a->bytes.used);
		assert_memory_equal(h, "070701", 6);
		*e = (struct entry){.ino = field(h, 0),
			.mode = field(h, 1),
			.uid = field(h, 2),
			.gid = field(h, 3),
			.nlink = field(h, 4),
			.mtime = field(h, 5),
			.rdev_major = field(h, 9),
			.rdev_minor = field(h, 10)};
		snprintf(e->name, sizeof(e->name), "%s", (const char *)h + 110);
		assert_int_equal(strlen((const char *)h + 110) + 1, field(h, 11));
		at += (110 + field(h, 11) + 3) & ~3u;
		e->data = rd_view(a->bytes.ptr + at, field(h, 6));
		at += (field(h, 6) + 3) & ~3u;
		if (strcmp(e->name, "TRAILER!!!") == 0) {
			assert_int_equal((at + 511) & ~(size_t)511, a->bytes.used);
			return;
		}
	}
	fail_msg("no trailer");
}

static const struct entry *find(const struct archive *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->entries[i].name, name) == 0) {
			return &a->entries[i];
		}
	}
	fail_msg("%s is not in the archive", name);
	return NULL;
}

static char *args_v[] = {(char[]){"/bin/app"}, (char[]){"two\nlines"}};
static char *env_v[] = {(char[]){"PATH=/bin"}};
static const struct rd_strings args = {args_v, 2};
static const struct rd_strings env = {env_v, 1};
static const uint32_t groups[] = {10, 20};

static const struct rd_ramdisk_process process = {.args = &args,
	.env = &env,
	.cwd = "/srv",
	.uid = 1000,
	.gid = 100,
	.groups = groups,
	.n_groups = 2};

static void write_archive(struct rd_tree *tree, struct archive *a)
{
	struct rd_cpio_sink sink = {into_buf, &a->bytes};
	struct rd_error err = {0};

	a->bytes = rd_buf_growable(ARCHIVE_MAX);
	if (rd_ramdisk_write_application(tree, &process, sink, &a->report, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
	read_archive(a);
}

static void put_file(struct rd_tree *t, const char *path, const char *text)
{
	const struct rd_tree_entry e = {.path = path,
		.type = RD_TREE_FILE,
		.mode = 0644,
		.uid = 1,
		.gid = 2,
		.mtime_s = 1700000000};
	struct rd_view data = rd_view_str(text);

	assert_ok(rd_tree_put(t, &e, &data, NULL));
}

static struct rd_tree *new_tree(void)
{
	struct rd_tree *t = NULL;

	assert_ok(rd_tree_new("/tmp", &t, NULL));
	return t;
}

static void packs_every_kind_of_entry(void **state)
{
	const struct rd_tree_entry entries[] = {
		{.path = "bin", .type = RD_TREE_DIR, .mode = 0755},
		{.path = "srv",
			.type = RD_TREE_DIR,
			.mode = 02750,
			.uid = 7,
			.gid = 8,
			.mtime_s = 1600000000},
		{.path = "bin/sh", .type = RD_TREE_SYMLINK, .mode = 0777, .target = "/bin/app"},
		{.path = "dev/null",
			.type = RD_TREE_CHAR,
			.mode = 0666,
			.rdev_major = 1,
			.rdev_minor = 3},
		{.path = "srv/pipe", .type = RD_TREE_FIFO, .mode = 0600},
	};
	struct rd_tree *t = new_tree();
	struct archive a;
	const struct entry *e;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(entries); i++) {
		assert_ok(rd_tree_put(t, &entries[i], NULL, NULL));
	}
	put_file(t, "bin/app", "#!app");
	write_archive(t, &a);
	assert_string_equal(a.entries[0].name, "rootfs");
	assert_int_equal(a.entries[0].mode, S_IFDIR | 0755);
	assert_int_equal(a.entries[0].ino, 721);
	e = find(&a, "rootfs/srv");
	assert_int_equal(e->mode, S_IFDIR | 02750);
	assert_int_equal(e->nlink, 2);
	assert_int_equal(e->uid, 7);
	assert_int_equal(e->gid, 8);
	assert_int_equal(e->mtime, 1600000000);
	e = find(&a, "rootfs/bin/app");
	assert_int_equal(e->mode, S_IFREG | 0644);
	assert_int_equal(e->nlink, 1);
	assert_true(rd_view_equal(e->data, rd_view_str("#!app")));
	e = find(&a, "rootfs/bin/sh");
	assert_int_equal(e->mode, S_IFLNK | 0777);
	assert_true(rd_view_equal(e->data, rd_view_str("/bin/app")));
	e = find(&a, "rootfs/dev/null");
	assert_int_equal(e->mode, S_IFCHR | 0666);
	assert_int_equal(e->rdev_major, 1);
	assert_int_equal(e->rdev_minor, 3);
	assert_int_equal(find(&a, "rootfs/srv/pipe")->mode, S_IFIFO | 0600);
	rd_buf_finish(&a.bytes);
	rd_tree_free(&t);
}

static void says_how_to_start_it_in_both_formats(void **state)
{
	static const char records[] = "arg=/bin/app\0arg=two\nlines\0env=PATH=/bin\0cwd=/srv\0"
				      "uid=1000\0gid=100\0group=10\0group=20";
	struct rd_tree *t = new_tree();
	struct archive a;

	(void)state;
	write_archive(t, &a);
	assert_string_equal(a.entries[a.n - 3].name, "cmd");
	assert_string_equal(a.entries[a.n - 2].name, "env");
	assert_string_equal(a.entries[a.n - 1].name, "process");
	assert_true(rd_view_equal(find(&a, "cmd")->data, rd_view_str("/bin/app\ntwo\nlines\n")));
	assert_true(rd_view_equal(find(&a, "env")->data, rd_view_str("PATH=/bin\n")));
	assert_true(rd_view_equal(find(&a, "process")->data, rd_view(records, sizeof(records))));
	assert_int_equal(find(&a, "process")->mode, S_IFREG | 0644);
	rd_buf_finish(&a.bytes);
	rd_tree_free(&t);
}

static void hard_links_stay_hard_links_with_the_data_last(void **state)
{
	struct rd_tree *t = new_tree();
	struct archive a;
	const struct entry *first;
	const struct entry *last;

	(void)state;
	put_file(t, "a", "shared");
	assert_ok(rd_tree_link(t, "m/b", "a", NULL));
	assert_ok(rd_tree_link(t, "z", "a", NULL));
	put_file(t, "other", "own");
	write_archive(t, &a);
	first = find(&a, "rootfs/a");
	last = find(&a, "rootfs/z");
	assert_int_equal(first->nlink, 3);
	assert_int_equal(first->data.len, 0);
	assert_int_equal(find(&a, "rootfs/m/b")->data.len, 0);
	assert_int_equal(find(&a, "rootfs/m/b")->ino, first->ino);
	assert_int_equal(last->ino, first->ino);
	assert_true(rd_view_equal(last->data, rd_view_str("shared")));
	assert_int_not_equal(find(&a, "rootfs/other")->ino, first->ino);
	assert_int_equal(find(&a, "rootfs/other")->nlink, 1);
	rd_buf_finish(&a.bytes);
	rd_tree_free(&t);
}

static void provides_what_an_engine_provides(void **state)
{
	static const char *const dirs[] = {"rootfs/dev", "rootfs/proc", "rootfs/run", "rootfs/sys",
		"rootfs/tmp", "rootfs/etc"};
	struct rd_tree *t = new_tree();
	struct archive a;

	(void)state;
	write_archive(t, &a);
	for (size_t i = 0; i < RD_ARRAY_LEN(dirs); i++) {
		assert_true(S_ISDIR(find(&a, dirs[i])->mode));
	}
	assert_int_equal(find(&a, "rootfs/tmp")->mode, S_IFDIR | 01777);
	assert_memory_equal(find(&a, "rootfs/etc/hosts")->data.ptr, "127.0.0.1\tlocalhost\n", 20);
	rd_buf_finish(&a.bytes);
	rd_tree_free(&t);
}

static void leaves_alone_what_the_image_has(void **state)
{
	const struct rd_tree_entry tmp = {.path = "tmp", .type = RD_TREE_DIR, .mode = 0700};
	const struct rd_tree_entry run = {
		.path = "run", .type = RD_TREE_SYMLINK, .mode = 0777, .target = "var/run"};
	struct rd_tree *t = new_tree();
	struct archive a;

	(void)state;
	assert_ok(rd_tree_put(t, &tmp, NULL, NULL));
	assert_ok(rd_tree_put(t, &run, NULL, NULL));
	put_file(t, "etc/hosts", "10.0.0.1 db\n");
	write_archive(t, &a);
	assert_int_equal(find(&a, "rootfs/tmp")->mode, S_IFDIR | 0700);
	assert_true(S_ISLNK(find(&a, "rootfs/run")->mode));
	assert_true(
		rd_view_equal(find(&a, "rootfs/etc/hosts")->data, rd_view_str("10.0.0.1 db\n")));
	rd_buf_finish(&a.bytes);
	put_file(t, "etc/hosts", "");
	write_archive(t, &a);
	assert_int_not_equal(find(&a, "rootfs/etc/hosts")->data.len, 0);
	rd_buf_finish(&a.bytes);
	rd_tree_free(&t);
}

static void reports_attributes_that_a_cpio_cannot_hold(void **state)
{
	const struct rd_tree_xattr cap = {"security.capability", {(const uint8_t *)"x", 1}};
	const struct rd_tree_entry ping = {.path = "bin/ping",
		.type = RD_TREE_FILE,
		.mode = 0755,
		.xattrs = &cap,
		.n_xattrs = 1};
	struct rd_view data = rd_view_str("ping");
	struct rd_tree *t = new_tree();
	struct archive a;

	(void)state;
	put_file(t, "bin/app", "app");
	assert_ok(rd_tree_put(t, &ping, &data, NULL));
	write_archive(t, &a);
	assert_int_equal(a.report.xattrs_dropped, 1);
	assert_string_equal(a.report.first_xattr, "bin/ping");
	assert_string_equal(a.report.first_attr, "security.capability");
	assert_int_equal(a.report.entries, a.n - 3);
	rd_buf_finish(&a.bytes);
	rd_tree_free(&t);
}

static void order_of_making_does_not_matter(void **state)
{
	struct rd_tree *one = new_tree();
	struct rd_tree *two = new_tree();
	struct archive a;
	struct archive b;

	(void)state;
	put_file(one, "x/1", "1");
	put_file(one, "a", "2");
	put_file(one, "x-y", "3");
	put_file(two, "x-y", "3");
	put_file(two, "a", "first, replaced");
	put_file(two, "a", "2");
	put_file(two, "x/1", "1");
	write_archive(one, &a);
	write_archive(two, &b);
	assert_true(rd_view_equal(rd_buf_view(&a.bytes), rd_buf_view(&b.bytes)));
	rd_buf_finish(&a.bytes);
	rd_buf_finish(&b.bytes);
	rd_tree_free(&one);
	rd_tree_free(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_every_kind_of_entry),
		cmocka_unit_test(says_how_to_start_it_in_both_formats),
		cmocka_unit_test(hard_links_stay_hard_links_with_the_data_last),
		cmocka_unit_test(provides_what_an_engine_provides),
		cmocka_unit_test(leaves_alone_what_the_image_has),
		cmocka_unit_test(reports_attributes_that_a_cpio_cannot_hold),
		cmocka_unit_test(order_of_making_does_not_matter),
	};

	return cmocka_run_group_tests_name("application ramdisk", tests, NULL, NULL);
}
