/* SPDX-License-Identifier: Apache-2.0 */
/* Layers onto the merged tree: whiteouts, replacement, links, attributes, and hostile archives. */
#include "layers.h"

#include "base/error.h"
#include "crypto/digest.h"
#include "image/tree-internal.h"

#include <errno.h>
#include <locale.h>

static int fresh_tree(void **state)
{
	struct rd_tree *t;

	assert_ok(rd_tree_new(NULL, &t, NULL));
	*state = t;
	return 0;
}

static int drop_tree(void **state)
{
	struct rd_tree *t = *state;

	rd_tree_free(&t);
	assert_null(t);
	return 0;
}

static void entries_come_in_order_with_implied_parents(void **state)
{
	struct rd_tree *t = *state;

	assert_ok(apply(t, {'f', "usr/share/z", "z"}, {'f', "/etc/passwd", "root"}, {'d', "./a-b/"},
		{'f', "a/file", "1"}, {'l', "bin", "usr/bin"}));
	/* By component: "a" and what is below it before "a-b", although '-' sorts before '/'. */
	assert_listing(
		t, "a/ a/file a-b/ bin->usr/bin etc/ etc/passwd usr/ usr/share/ usr/share/z");
	assert_content(t, "etc/passwd", "root");
}

static void attributes_survive(void **state)
{
	struct rd_tree *t = *state;
	struct rd_tree_entry e;

	assert_ok(apply(t,
		{'f', "su", "#!", .mode = 06755, .uid = 70000, .gid = 3000000000,
			.mtime = 1700000000, .xattr = "security.capability", .xattr_value = "cap"},
		{'d', "tmp", .mode = 01777, .mtime = -5}, {'c', "dev/console", .mode = 0600},
		{'b', "dev/sda"}, {'p', "pipe"}));
	assert_ok(rd_tree_lookup(t, "su", false, &e));
	assert_int_equal(e.mode, 06755);
	assert_int_equal(e.uid, 70000);
	assert_int_equal(e.gid, 3000000000);
	assert_int_equal(e.mtime_s, 1700000000);
	assert_int_equal(e.n_xattrs, 1);
	assert_string_equal(e.xattrs[0].name, "security.capability");
	assert_true(rd_view_equal(e.xattrs[0].value, rd_view_str("cap")));
	assert_ok(rd_tree_lookup(t, "tmp", false, &e));
	assert_int_equal(e.mode, 01777);
	assert_int_equal(e.mtime_s, 0);
	assert_ok(rd_tree_lookup(t, "/dev/console", false, &e));
	assert_int_equal(e.type, RD_TREE_CHAR);
	assert_int_equal(e.rdev_major, 5);
	assert_int_equal(e.rdev_minor, 1);
	assert_ok(rd_tree_lookup(t, "dev/sda", false, &e));
	assert_int_equal(e.type, RD_TREE_BLOCK);
	assert_ok(rd_tree_lookup(t, "pipe", false, &e));
	assert_int_equal(e.type, RD_TREE_FIFO);
}

static void marks_of_storage_drivers_are_dropped(void **state)
{
	struct rd_tree *t = *state;
	struct rd_tree_entry e;

	assert_ok(apply(t, {'d', "d", .xattr = "trusted.overlay.opaque", .xattr_value = "y"}));
	assert_ok(rd_tree_lookup(t, "d", false, &e));
	assert_int_equal(e.n_xattrs, 0);
}

static void whiteout_hides_lower_layers_only(void **state)
{
	struct rd_tree *t = *state;

	assert_ok(apply(t, {'f', "d/old", "1"}, {'f', "d/both", "1"}, {'f', "x/y/z", "1"}));
	/* Whatever the order in which the upper layer has them. */
	assert_ok(apply(t, {'f', "d/both", "2"}, {'f', "d/.wh.both", ""}, {'f', "d/.wh.old", ""},
		{'f', ".wh.x", ""}, {'f', ".wh.never-was", ""}, {'f', "no/such/.wh.dir", ""}));
	assert_listing(t, "d/ d/both");
	assert_content(t, "d/both", "2");
}

static void whiteout_of_a_directory_that_comes_again(void **state)
{
	struct rd_tree *t = *state;
	struct rd_tree_entry e;

	assert_ok(apply(t, {'d', "d", .mode = 0700, .uid = 5}, {'f', "d/old", "1"}));
	assert_ok(apply(t, {'f', "d/new", "2"}, {'f', ".wh.d", ""}));
	assert_listing(t, "d/ d/new");
	assert_ok(rd_tree_lookup(t, "d", false, &e));
	assert_int_equal(e.mode, 0755);
	assert_int_equal(e.uid, 0);
}

static void opaque_directory_keeps_only_its_own(void **state)
{
	struct rd_tree *t = *state;

	assert_ok(apply(t, {'f', "d/old", "1"}, {'f', "d/sub/old", "1"}, {'f', "d/sub/kept", "1"}));
	assert_ok(apply(
		t, {'f', "d/sub/kept", "2"}, {'f', "d/.wh..wh..opq", ""}, {'f', "d/new", "2"}));
	assert_listing(t, "d/ d/new d/sub/ d/sub/kept");
	assert_content(t, "d/sub/kept", "2");
	/* AUFS leaves its own names in old images. */
	assert_ok(apply(t, {'d', ".wh..wh.plnk"}, {'f', ".wh..wh.plnk/1.2", "x"},
		{'f', ".wh..wh.aufs", ""}));
	assert_listing(t, "d/ d/new d/sub/ d/sub/kept");
}

static void refuses_whiteouts_that_mean_nothing(void **state)
{
	struct rd_tree *t = *state;

	assert_status(apply(t, {'f', "d/.wh.", ""}), RD_BAD_PATH);
	assert_status(apply(t, {'f', "d/.wh..", ""}), RD_BAD_PATH);
	assert_status(apply(t, {'f', "d/.wh...", ""}), RD_BAD_PATH);
	assert_status(apply(t, {'f', ".wh.d/file", ""}), RD_FORBIDDEN);
}

static void types_replace_each_other(void **state)
{
	struct rd_tree *t = *state;

	assert_ok(apply(t, {'f', "dir-to-file/x", "1"}, {'f', "file-to-dir", "1"},
		{'l', "link-to-dir", "dir-to-file"}));
	assert_ok(apply(t, {'f', "dir-to-file", "2"}, {'d', "file-to-dir"},
		{'f', "file-to-dir/y", "2"}, {'d', "link-to-dir"}));
	assert_listing(t, "dir-to-file file-to-dir/ file-to-dir/y link-to-dir/");
}

static void directory_again_keeps_its_children(void **state)
{
	struct rd_tree *t = *state;
	struct rd_tree_entry e;

	assert_ok(apply(t, {'d', "d", .mode = 0755}, {'f', "d/x", "1"}));
	assert_ok(apply(t, {'d', "d", .mode = 0700, .uid = 9}));
	assert_listing(t, "d/ d/x");
	assert_ok(rd_tree_lookup(t, "d", false, &e));
	assert_int_equal(e.mode, 0700);
	assert_int_equal(e.uid, 9);
}

static void root_takes_attributes(void **state)
{
	struct rd_tree *t = *state;
	struct rd_tree_entry e;

	assert_ok(apply(t, {'d', "./", .mode = 0711, .mtime = 77}, {'f', "x", "1"}));
	assert_ok(rd_tree_lookup(t, "/", false, &e));
	assert_string_equal(e.path, "");
	assert_int_equal(e.mode, 0711);
	assert_int_equal(e.mtime_s, 77);
	assert_status(apply(t, {'l', "/", "x"}), RD_FORBIDDEN);
	assert_status(apply(t, {'l', "./", "x"}), RD_FORBIDDEN);
}

static void hard_links_share_an_inode(void **state)
{
	struct rd_tree *t = *state;
	const struct rd_tree_entry *e;
	size_t n;

	assert_ok(apply(t, {'f', "b", "data"}, {'h', "a", "b"}, {'f', "alone", "x"}));
	assert_ok(apply(t, {'h', "c", "/b"}, {'f', "z", "zz"}, {'h', "y", "./z"}));
	assert_ok(rd_tree_entries(t, &e, &n));
	assert_int_equal(n, 7);
	assert_int_equal(e[1].link_id, 1); /* a, b, c */
	assert_int_equal(e[2].link_id, 0); /* alone */
	assert_int_equal(e[3].link_id, 1);
	assert_int_equal(e[4].link_id, 1);
	assert_int_equal(e[4].n_links, 3);
	assert_int_equal(e[5].link_id, 2); /* y, z */
	assert_int_equal(e[1].data_offset, e[4].data_offset);
	assert_int_equal(rd_tree_data_bytes(t), 7);
	/* Another name is replaced and hidden: the content stays under those that are left. */
	assert_ok(apply(t, {'f', "a", "other"}, {'f', ".wh.b", ""}));
	assert_content(t, "c", "data");
	assert_content(t, "a", "other");
	assert_ok(rd_tree_entries(t, &e, &n));
	assert_int_equal(e[3].n_links, 1);
	assert_int_equal(e[3].link_id, 0);
}

static void refuses_hard_links_to_nothing(void **state)
{
	struct rd_tree *t = *state;

	assert_ok(apply(t, {'f', "d/f", "x"}, {'l', "up", "../../.."}));
	assert_status(apply(t, {'h', "a", "missing"}), RD_NOTFOUND);
	assert_status(apply(t, {'h', "a", "d/f/below"}), RD_NOTFOUND);
	assert_status(apply(t, {'h', "a", "../etc/passwd"}), RD_BAD_PATH);
	assert_status(apply(t, {'h', "a", "/etc/passwd"}), RD_NOTFOUND);
	assert_status(apply(t, {'h', "a", "d"}), RD_BAD_TYPE);
}

static void refuses_names_that_leave_the_root(void **state)
{
	struct rd_tree *t = *state;
	struct rd_error err;
	const struct made_entry up = {'f', "../etc/cron.d/x", "x"};

	assert_status(apply_made(t, &up, 1, MADE_PLAIN, &err), RD_BAD_PATH);
	assert_non_null(strstr(err.text, "\"../etc/cron.d/x\""));
	assert_status(apply(t, {'f', "a/../../x", "x"}), RD_BAD_PATH);
	assert_status(apply(t, {'d', ".."}), RD_BAD_PATH);
	assert_status(apply(t, {'f', "a/../.wh.x", ""}), RD_BAD_PATH);
	assert_ok(apply(t, {'f', "..a/b..", "x"}));
	assert_listing(t, "..a/ ..a/b..");
}

static void links_are_followed_inside_the_tree_only(void **state)
{
	struct rd_tree *t = *state;

	assert_ok(apply(t, {'d', "usr/lib"}, {'l', "lib", "usr/lib"}, {'l', "abs", "/usr"},
		{'l', "out", "../../../../tmp"}, {'l', "self", "self"},
		{'l', "dangling", "gone/dir"}));
	assert_ok(apply(t, {'f', "lib/a", "1"}, {'f', "abs/b", "2"}, {'f', "out/c", "3"},
		{'f', "dangling/d", "4"}));
	assert_listing(t,
		"abs->/usr dangling->gone/dir gone/ gone/dir/ gone/dir/d lib->usr/lib "
		"out->../../../../tmp self->self tmp/ tmp/c usr/ usr/b usr/lib/ usr/lib/a");
	assert_content(t, "lib/a", "1");
	assert_status(apply(t, {'f', "self/x", "x"}), RD_TOO_DEEP);
	assert_status(apply(t, {'f', "usr/b/below-a-file", "x"}), RD_FORBIDDEN);
	/* The last component is replaced, never followed. */
	assert_ok(apply(t, {'f', "lib", "now a file"}));
	assert_content(t, "usr/lib/a", "1");
}

static void names_are_bytes_in_every_locale(void **state)
{
	struct rd_tree *t = *state;

	/* Decomposed e-acute, Latin-1 and an invalid sequence: none may be changed. */
	assert_ok(apply(
		t, {'f', "e\xcc\x81", "1"}, {'f', "latin-\xe9", "2"}, {'f', "\xff\xfe", "3"}));
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	assert_ok(apply(t, {'f', "e\xcc\x81", "4"}, {'f', "o\xcc\x88", "4"}, {'f', "u-\xfc", "5"}));
	assert_non_null(setlocale(LC_ALL, "C"));
	assert_listing(t, "e\xcc\x81 latin-\xe9 o\xcc\x88 u-\xfc \xff\xfe");
	assert_content(t, "e\xcc\x81", "4");
}

static void long_names_are_whole_and_longer_ones_refused(void **state)
{
	struct rd_tree *t = *state;
	char name[RD_TREE_PATH_MAX + 3];
	struct made_entry e = {'f', name, "x"};
	struct rd_tree_entry found;

	memset(name, 'n', sizeof(name));
	for (size_t i = 200; i < sizeof(name); i += 200) {
		name[i] = '/';
	}
	name[RD_TREE_PATH_MAX] = '\0';
	assert_ok(apply_made(t, &e, 1, MADE_PLAIN, NULL));
	assert_ok(rd_tree_lookup(t, name, false, &found));
	assert_string_equal(found.path, name);
	memcpy(name + RD_TREE_PATH_MAX, "n", 2);
	assert_status(apply_made(t, &e, 1, MADE_PLAIN, NULL), RD_LIMIT);
	memset(name, 'c', RD_TREE_NAME_MAX + 1);
	name[RD_TREE_NAME_MAX + 1] = '\0';
	assert_status(apply_made(t, &e, 1, MADE_PLAIN, NULL), RD_LIMIT);
	name[RD_TREE_NAME_MAX] = '\0';
	assert_ok(apply_made(t, &e, 1, MADE_PLAIN, NULL));
}

static void depth_has_an_end(void **state)
{
	struct rd_tree *t = *state;
	char name[2 * (RD_TREE_DEPTH_MAX + 1) + 1];
	struct made_entry e = {'d', name, NULL};

	for (size_t i = 0; i + 1 < sizeof(name); i += 2) {
		memcpy(name + i, "d/", 2);
	}
	name[2 * RD_TREE_DEPTH_MAX] = '\0';
	assert_ok(apply_made(t, &e, 1, MADE_PLAIN, NULL));
	memcpy(name + 2 * RD_TREE_DEPTH_MAX, "d", 2);
	assert_status(apply_made(t, &e, 1, MADE_PLAIN, NULL), RD_TOO_DEEP);
}

static void compressed_layers_are_the_same(void **state)
{
	struct rd_tree *t = *state;
	const struct made_entry one = {'f', "a", "gz"};
	const struct made_entry two = {'f', "b", "zst"};

	assert_ok(apply_made(t, &one, 1, MADE_GZIP, NULL));
	assert_ok(apply_made(t, &two, 1, MADE_ZSTD, NULL));
	assert_listing(t, "a b");
	assert_content(t, "b", "zst");
}

static void digest_text(struct rd_view bytes, char ret_text[80])
{
	uint8_t digest[RD_SHA256_SIZE];

	assert_ok(rd_digest_once(RD_SHA256, bytes, digest));
	strcpy(ret_text, "sha256:");
	rd_hex_string(rd_view(digest, sizeof(digest)), ret_text + 7);
}

static void map_digest(int fd, char ret_text[80])
{
	struct rd_blob b = made_blob(fd);
	void *p = mmap(NULL, b.size, PROT_READ, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	digest_text(rd_view(p, b.size), ret_text);
	munmap(p, b.size);
}

static void digests_are_verified_on_both_sides(void **state)
{
	struct rd_tree *t = *state;
	const struct made_entry one = {'f', "a", "gz"};
	int plain = make_layer(&one, 1, MADE_PLAIN);
	int gzip = make_layer(&one, 1, MADE_GZIP);
	char blob_digest[80];
	char diff_id[80];
	struct rd_layer layer = {
		.blob = made_blob(gzip), .digest = blob_digest, .diff_id = diff_id};
	struct rd_error err;

	map_digest(plain, diff_id);
	map_digest(gzip, blob_digest);
	assert_ok(rd_layer_apply(t, &layer, NULL));
	layer.diff_id = blob_digest;
	assert_status(rd_layer_apply(t, &layer, &err), RD_UNTRUSTED);
	assert_non_null(strstr(err.text, "diff ID"));
	layer.diff_id = diff_id;
	layer.digest = diff_id;
	assert_status(rd_layer_apply(t, &layer, NULL), RD_UNTRUSTED);
	close(plain);
	close(gzip);
}

static void refuses_archives_cut_short(void **state)
{
	struct rd_tree *t = *state;
	static char big[5000];
	const struct made_entry one = {'f', "a", big};
	int plain;
	int gzip;
	struct rd_layer layer;

	memset(big, 'x', sizeof(big) - 1);
	plain = make_layer(&one, 1, MADE_PLAIN);
	gzip = make_layer(&one, 1, MADE_GZIP);
	layer = (struct rd_layer){.blob = {.fd = plain, .size = 3000}};
	assert_status(rd_layer_apply(t, &layer, NULL), RD_MALFORMED);
	layer.blob = made_blob(gzip);
	layer.blob.size -= 12;
	assert_status(rd_layer_apply(t, &layer, NULL), RD_MALFORMED);
	/* A blob that says more than the file has. */
	layer.blob = made_blob(plain);
	layer.blob.size += 100000;
	assert_status(rd_layer_apply(t, &layer, NULL), rd_status_from_errno(ENODATA));
	close(plain);
	close(gzip);
}

static void refuses_what_is_no_archive(void **state)
{
	struct rd_tree *t = *state;
	int fd = made_fd("certainly not a tar archive, nor compressed in any way", 54);
	struct rd_layer layer = {.blob = made_blob(fd)};

	assert_status(rd_layer_apply(t, &layer, NULL), RD_MALFORMED);
	close(fd);
	layer.blob.size = 0;
	assert_ok(rd_layer_apply(t, &layer, NULL)); /* nothing is no change */
}

/* 64 MiB of zeros take 64 KiB as gzip: the limit counts what comes out. */
static void stops_a_decompression_bomb(void **state)
{
	struct rd_tree *t = *state;
	int fd = memfd_create("bomb", MFD_CLOEXEC);
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	static char zeros[1 << 16];
	struct rd_layer layer;

	assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	archive_entry_copy_pathname(e, "bomb");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_size(e, 64 << 20);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	for (int i = 0; i < 1024; i++) {
		assert_int_equal(archive_write_data(a, zeros, sizeof(zeros)), sizeof(zeros));
	}
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(e);
	archive_write_free(a);
	layer = (struct rd_layer){.blob = made_blob(fd)};
	assert_true(layer.blob.size < 1 << 20);
	rd_tree_limit_data(t, 16 << 20);
	assert_status(rd_layer_apply(t, &layer, NULL), RD_LIMIT);
	close(fd);
}

int main(void)
{
#define with_tree(f) cmocka_unit_test_setup_teardown(f, fresh_tree, drop_tree)
	const struct CMUnitTest tests[] = {
		with_tree(entries_come_in_order_with_implied_parents),
		with_tree(attributes_survive),
		with_tree(marks_of_storage_drivers_are_dropped),
		with_tree(whiteout_hides_lower_layers_only),
		with_tree(whiteout_of_a_directory_that_comes_again),
		with_tree(opaque_directory_keeps_only_its_own),
		with_tree(refuses_whiteouts_that_mean_nothing),
		with_tree(types_replace_each_other),
		with_tree(directory_again_keeps_its_children),
		with_tree(root_takes_attributes),
		with_tree(hard_links_share_an_inode),
		with_tree(refuses_hard_links_to_nothing),
		with_tree(refuses_names_that_leave_the_root),
		with_tree(links_are_followed_inside_the_tree_only),
		with_tree(names_are_bytes_in_every_locale),
		with_tree(long_names_are_whole_and_longer_ones_refused),
		with_tree(depth_has_an_end),
		with_tree(compressed_layers_are_the_same),
		with_tree(digests_are_verified_on_both_sides),
		with_tree(refuses_archives_cut_short),
		with_tree(refuses_what_is_no_archive),
		with_tree(stops_a_decompression_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
