/* SPDX-License-Identifier: Apache-2.0 */
/* Small files and directories: replaced whole, read with suspicion, removed without following. */
#include "place.h"

#include "os/fd.h"

#include <sys/stat.h>

static struct place place;
static struct rd_error err;

static int make_place(void **state)
{
	(void)state;
	place_make(&place);
	err = (struct rd_error){0};
	return 0;
}

static int remove_place(void **state)
{
	(void)state;
	place_remove(&place);
	return 0;
}

static bool exists(const char *name)
{
	return faccessat(place.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void files_are_replaced_whole(void **state)
{
	uint8_t storage[16];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct stat st;

	(void)state;
	assert_ok(rd_file_replace(place.fd, "f", rd_view_str("one"), 0644, &err));
	assert_ok(rd_file_replace(place.fd, "f", rd_view_str("two"), 0600, &err));
	assert_ok(rd_file_load(place.fd, "f", &out, &err));
	assert_true(rd_view_equal(rd_buf_view(&out), rd_view_str("two")));
	assert_int_equal(fstatat(place.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(exists("f.tmp"));
}

static void loading_refuses_links_fifos_and_giants(void **state)
{
	uint8_t storage[4];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_status(rd_file_load(place.fd, "f", &out, &err), RD_NOTFOUND);
	assert_int_equal(symlinkat("/etc/passwd", place.fd, "link"), 0);
	assert_int_not_equal(rd_file_load(place.fd, "link", &out, &err), RD_OK);
	assert_int_equal(mkfifoat(place.fd, "fifo", 0600), 0);
	assert_status(rd_file_load(place.fd, "fifo", &out, &err), RD_BAD_TYPE);
	assert_ok(rd_file_replace(place.fd, "big", rd_view_str("12345"), 0600, &err));
	assert_status(rd_file_load(place.fd, "big", &out, &err), RD_LIMIT);
}

static void directories_go_with_everything_but_not_through_links(void **state)
{
	int victim = -1;
	int dir = -1;

	(void)state;
	assert_ok(rd_dir_make(place.fd, "victim", 0700, &victim, &err));
	assert_ok(rd_file_replace(victim, "precious", rd_view_str("x"), 0600, &err));
	assert_ok(rd_dir_make(place.fd, "d", 0700, &dir, &err));
	assert_ok(rd_file_replace(dir, "f", rd_view_str("x"), 0600, &err));
	assert_int_equal(symlinkat("../victim", dir, "link"), 0);
	assert_int_equal(mkdirat(dir, "deep", 0700), 0);
	assert_int_equal(mkdirat(dir, "deep/er", 0700), 0);
	assert_ok(rd_dir_remove(place.fd, "d", &err));
	assert_false(exists("d"));
	assert_true(exists("victim/precious"));
	assert_status(rd_dir_remove(place.fd, "d", &err), RD_NOTFOUND);
	rd_fd_close(&dir);
	rd_fd_close(&victim);
}

static void what_an_operator_named_may_be_a_link(void **state)
{
	uint8_t storage[4];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	char link[80], missing[80];

	(void)state;
	snprintf(link, sizeof(link), "%s/link", place.path);
	snprintf(missing, sizeof(missing), "%s/missing", place.path);
	assert_ok(rd_file_replace(place.fd, "f", rd_view_str("one"), 0600, &err));
	assert_int_equal(symlinkat("f", place.fd, "link"), 0);
	assert_ok(rd_file_read(link, &out, &err));
	assert_true(rd_view_equal(rd_buf_view(&out), rd_view_str("one")));
	assert_status(rd_file_read(place.path, &out, &err), RD_BAD_TYPE);
	assert_status(rd_file_read(missing, &out, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, missing));
	assert_ok(rd_file_replace(place.fd, "f", rd_view_str("12345"), 0600, &err));
	assert_status(rd_file_read(link, &out, &err), RD_LIMIT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(files_are_replaced_whole),
		T(loading_refuses_links_fifos_and_giants),
		T(directories_go_with_everything_but_not_through_links),
		T(what_an_operator_named_may_be_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
