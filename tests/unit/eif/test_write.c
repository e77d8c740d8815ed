/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: byte for byte the synthetic image; a failed build leaves the old one and nothing else.
 */
#include "test.h"

#include "eif/write.h"

#include "synthetic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The linker sends the library's open here: a file system that cannot hold nameless files. */
static bool without_tmpfile;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	if (without_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	va_start(ap, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return __real_open64(path, flags, mode);
}

static char dir[] = "/tmp/rd-eif-XXXXXX";
static char out[sizeof(dir) + 16];

static int make_dir(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	snprintf(out, sizeof(out), "%s/app.eif", mkdtemp(dir) != NULL ? dir : "");
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(out);
	return rmdir(dir);
}

static unsigned files_in_dir(void)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL) {
		n++;
	}
	closedir(d);
	return n - 2;
}

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static size_t get_file(const char *path, uint8_t *bytes, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(bytes, 1, cap, f);
	fclose(f);
	return n;
}

static void put_sections(struct rd_eif_writer *w)
{
	for (unsigned i = 0; i < RD_ARRAY_LEN(synthetic_sections); i++) {
		const char *data = synthetic_sections[i].data;

		assert_ok(
			rd_eif_writer_begin(w, (enum rd_eif_type)synthetic_sections[i].type, NULL));
		/* In two pieces: what a section is made of must not matter. */
		assert_ok(rd_eif_writer_put(w, rd_view(data, 1), NULL));
		assert_ok(rd_eif_writer_put(w, rd_view_str(data + 1), NULL));
	}
}

static void writes_the_synthetic_image(void **state)
{
	uint8_t want[SYNTHETIC_SIZE];
	uint8_t got[SYNTHETIC_SIZE + 1];
	struct rd_eif_writer *w = NULL;
	struct rd_eif_pcrs pcrs;

	(void)state;
	assemble_synthetic(want);
	assert_ok(rd_eif_writer_open(out, false, &w, NULL));
	put_sections(w);
	assert_ok(rd_eif_writer_pcrs(w, &pcrs));
	assert_view_hex(rd_view(pcrs.pcr0, 48), SYNTHETIC_PCR0);
	assert_int_equal(files_in_dir(), 0);
	assert_ok(rd_eif_writer_commit(w, NULL));
	rd_eif_writer_close(&w);
	assert_int_equal(get_file(out, got, sizeof(got)), SYNTHETIC_SIZE);
	assert_memory_equal(got, want, SYNTHETIC_SIZE);
	assert_int_equal(files_in_dir(), 1);
}

static void does_the_same_where_files_need_names(void **state)
{
	uint8_t got[SYNTHETIC_SIZE + 1];
	struct rd_eif_writer *w = NULL;

	(void)state;
	put_file(out, "old");
	without_tmpfile = true;
	assert_ok(rd_eif_writer_open(out, false, &w, NULL));
	assert_int_equal(files_in_dir(), 2);
	rd_eif_writer_close(&w);
	assert_int_equal(files_in_dir(), 1);
	assert_ok(rd_eif_writer_open(out, false, &w, NULL));
	put_sections(w);
	assert_int_equal(get_file(out, got, sizeof(got)), 3);
	assert_ok(rd_eif_writer_commit(w, NULL));
	rd_eif_writer_close(&w);
	without_tmpfile = false;
	assert_int_equal(get_file(out, got, sizeof(got)), SYNTHETIC_SIZE);
	assert_int_equal(files_in_dir(), 1);
}

static void an_abandoned_build_leaves_the_old_image(void **state)
{
	struct rd_eif_writer *w = NULL;
	uint8_t got[16];

	(void)state;
	put_file(out, "old");
	assert_ok(rd_eif_writer_open(out, false, &w, NULL));
	put_sections(w);
	rd_eif_writer_close(&w);
	assert_int_equal(get_file(out, got, sizeof(got)), 3);
	assert_int_equal(files_in_dir(), 1);
}

static void replaces_the_old_image_through_a_symbolic_link(void **state)
{
	char link[sizeof(out) + 8];
	struct rd_eif_writer *w = NULL;
	struct stat st;

	(void)state;
	put_file(out, "old");
	snprintf(link, sizeof(link), "%s.link", out);
	assert_int_equal(symlink("app.eif", link), 0);
	assert_ok(rd_eif_writer_open(link, false, &w, NULL));
	put_sections(w);
	assert_ok(rd_eif_writer_commit(w, NULL));
	rd_eif_writer_close(&w);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(out, &st), 0);
	assert_int_equal(st.st_size, SYNTHETIC_SIZE);
	unlink(link);
}

/* What only its owner could read must not become readable because it was built or signed again. */
static void replaced_file_keeps_its_owner_and_mode(void **state)
{
	bool root = geteuid() == 0;
	struct rd_eif_writer *w = NULL;
	struct stat st;

	(void)state;
	put_file(out, "old");
	assert_int_equal(chmod(out, 0600), 0);
	assert_int_equal(root ? chown(out, 1234, 4321) : 0, 0);
	assert_ok(rd_eif_writer_open(out, false, &w, NULL));
	put_sections(w);
	assert_ok(rd_eif_writer_commit(w, NULL));
	rd_eif_writer_close(&w);
	assert_int_equal(stat(out, &st), 0);
	assert_int_equal(st.st_size, SYNTHETIC_SIZE);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_uid, root ? 1234 : geteuid());
	assert_int_equal(st.st_gid, root ? 4321 : getegid());
}

static void refuses_outputs_that_are_no_files(void **state)
{
	struct rd_eif_writer *w = NULL;
	struct rd_error err;

	(void)state;
	assert_status(rd_eif_writer_open("/dev/null", false, &w, &err), RD_USAGE);
	assert_status(rd_eif_writer_open(dir, false, &w, &err), RD_USAGE);
	assert_status(rd_eif_writer_open("/nonexistent/app.eif", false, &w, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "/nonexistent/app.eif"));
	assert_null(w);
}

/* A file size limit stands for the full disk: the same path through the writer. */
static void a_full_disk_leaves_nothing_behind(void **state)
{
	static const uint8_t big[8192];
	struct rlimit old;
	struct rlimit small;
	struct rd_eif_writer *w = NULL;
	struct rd_error err;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_ok(rd_eif_writer_open(out, false, &w, NULL));
	assert_ok(rd_eif_writer_begin(w, RD_EIF_KERNEL, NULL));
	assert_status(rd_eif_writer_put(w, rd_view(big, sizeof(big)), &err), RD_NOSPACE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(err.text, "app.eif"));
	assert_non_null(strstr(err.text, "--output-file"));
	rd_eif_writer_close(&w);
	assert_int_equal(files_in_dir(), 0);
}

static void refuses_a_33rd_section(void **state)
{
	struct rd_eif_writer *w = NULL;

	(void)state;
	assert_ok(rd_eif_writer_open(out, false, &w, NULL));
	for (int i = 0; i < RD_EIF_SECTIONS_MAX; i++) {
		assert_ok(rd_eif_writer_begin(w, RD_EIF_RAMDISK, NULL));
	}
	assert_status(rd_eif_writer_begin(w, RD_EIF_RAMDISK, NULL), RD_LIMIT);
	rd_eif_writer_close(&w);
}

static void copies_files_and_names_them_in_errors(void **state)
{
	struct rd_eif_writer *w = NULL;
	struct rd_error err;
	int fd;

	(void)state;
	put_file(out, "KERNEL");
	fd = open(out, O_RDONLY | O_CLOEXEC);
	assert_ok(rd_eif_writer_open(out, false, &w, NULL));
	assert_ok(rd_eif_writer_begin(w, RD_EIF_KERNEL, NULL));
	assert_ok(rd_eif_writer_put_fd(w, fd, "bzImage", NULL));
	close(fd);
	assert_status(rd_eif_writer_put_fd(w, fd, "bzImage", &err), RD_IO);
	assert_non_null(strstr(err.text, "bzImage"));
	rd_eif_writer_close(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_the_synthetic_image),
		TEST(does_the_same_where_files_need_names),
		TEST(an_abandoned_build_leaves_the_old_image),
		TEST(replaces_the_old_image_through_a_symbolic_link),
		TEST(replaced_file_keeps_its_owner_and_mode),
		TEST(refuses_outputs_that_are_no_files),
		TEST(a_full_disk_leaves_nothing_behind),
		TEST(refuses_a_33rd_section),
		TEST(copies_files_and_names_them_in_errors),
	};

	return cmocka_run_group_tests_name("eif write", tests, NULL, NULL);
}
