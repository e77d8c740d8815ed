/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to an engine: build contexts and credentials; and what comes back: progress. */
#include "test.h"

#include "base/error.h"
#include "image/auth.h"
#include "image/context.h"
#include "image/dockerignore.h"
#include "image/image.h"
#include "image/layer.h"
#include "image/progress.h"
#include "image/workdir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ignored(const char *lines, const char *path)
{
	struct rd_dockerignore d;
	bool result;

	assert_ok(rd_dockerignore_parse(rd_view_str(lines), &d, NULL));
	result = rd_dockerignore_match(&d, path);
	rd_dockerignore_finish(&d);
	return result;
}

static void dockerignore_matches_as_docker_does(void **state)
{
	(void)state;
	assert_true(ignored("secret\n", "secret"));
	assert_true(ignored("/secret/\r\n", "secret/deep/file"));
	assert_false(ignored("secret\n", "a/secret"));
	assert_false(ignored("secret\n", "secrets"));
	assert_true(ignored("*.o\n", "x.o"));
	assert_false(ignored("*.o\n", "a/x.o"));
	assert_true(ignored("**/*.o\n", "x.o"));
	assert_true(ignored("**/*.o\n", "a/b/x.o"));
	assert_true(ignored("a/**/z\n", "a/b/c/z"));
	assert_true(ignored("a?c\n", "abc"));
	assert_false(ignored("a?c\n", "a/c"));
	assert_true(ignored("[a-c]x\n", "bx"));
	assert_false(ignored("[^a-c]x\n", "bx"));
	assert_true(ignored("\\*x\n", "*x"));
	assert_false(ignored("\\*x\n", "yx"));
	assert_false(ignored("# comment\n\n   \n", "# comment"));
	assert_true(ignored("*\n", ".git"));
	assert_false(ignored("*\n!keep\n", "keep"));
	assert_false(ignored("*\n!keep\n", "keep/this"));
	assert_true(ignored("*\n!keep\nkeep/not\n", "keep/not"));
	assert_false(ignored("", "anything"));
}

static void dockerignore_ends_whatever_the_pattern(void **state)
{
	char path[2000];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_false(ignored("**a**a**a**a**a**a**a**a**a**a**b\n", path));
	memset(path, '*', sizeof(path) - 1);
	assert_true(ignored(path, "x"));
	assert_false(ignored("[\n", "x"));
	assert_false(ignored("[a-\n", "x"));
	assert_false(ignored("\\\n", "x"));
}

static void dockerignore_refuses_what_is_too_long(void **state)
{
	static char line[RD_DOCKERIGNORE_LINE_MAX + 2];
	struct rd_dockerignore d;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	assert_status(rd_dockerignore_parse(rd_view_str(line), &d, NULL), RD_LIMIT);
	line[RD_DOCKERIGNORE_LINE_MAX] = '\0';
	assert_ok(rd_dockerignore_parse(rd_view_str(line), &d, NULL));
	rd_dockerignore_finish(&d);
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	assert_true(snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path));
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void context_is_packed_in_order_and_owned_by_root(void **state)
{
	struct rd_workdir dir;
	struct rd_spool spool;
	struct rd_tree *t;
	struct rd_layer layer = {0};
	const struct rd_tree_entry *e;
	char sub[PATH_MAX + 8];
	size_t n;

	(void)state;
	assert_ok(rd_workdir_make(NULL, &dir, NULL));
	assert_ok(rd_spool_open(NULL, 1 << 20, &spool, NULL));
	assert_status(rd_context_pack(dir.path, &spool, NULL), RD_NOTFOUND);
	(void)snprintf(sub, sizeof(sub), "%s/sub", dir.path);
	assert_int_equal(mkdir(sub, 0755), 0);
	put_file(dir.path, "Dockerfile", "FROM scratch\n");
	put_file(dir.path, ".dockerignore", "*.o\nDockerfile\nsub/skip\n");
	put_file(dir.path, "a.o", "object");
	put_file(dir.path, "a.c", "source");
	put_file(sub, "keep", "kept");
	put_file(sub, "skip", "not");
	(void)snprintf(sub, sizeof(sub), "%s/link", dir.path);
	assert_int_equal(symlink("../outside", sub), 0);
	assert_ok(rd_context_pack(dir.path, &spool, NULL));
	layer.blob = rd_spool_blob(&spool, 0);
	assert_ok(rd_tree_new(NULL, &t, NULL));
	assert_ok(rd_layer_apply(t, &layer, NULL));
	assert_ok(rd_tree_entries(t, &e, &n));
	assert_int_equal(n, 7);
	assert_string_equal(e[1].path, ".dockerignore");
	assert_string_equal(e[2].path, "Dockerfile");
	assert_string_equal(e[3].path, "a.c");
	assert_int_equal(e[3].uid, 0);
	assert_string_equal(e[4].target, "../outside");
	assert_string_equal(e[6].path, "sub/keep");
	rd_tree_free(&t);
	rd_spool_close(&spool);
	(void)snprintf(sub, sizeof(sub), "%s", dir.path);
	assert_ok(rd_workdir_remove(&dir));
	assert_int_equal(access(sub, F_OK), -1);
}

#define CONFIG                                                                                     \
	"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpwOnc=\"},"                     \
	"\"evilreg.example\":{\"auth\":\"eDp5\"},\"reg:5000\":{\"auth\":\"dTpw\"},"                \
	"\"token\":{\"auth\":\"\",\"identitytoken\":\"T\"},\"empty\":{},\"bad\":{\"auth\":\"!\"}}}"

static void assert_auth(const char *domain, const char *want_json)
{
	struct rd_buf json = rd_buf_growable(4096);
	char *value;

	assert_ok(rd_auth_from_text(rd_view_str(CONFIG), domain, &value, NULL));
	if (want_json == NULL) {
		assert_null(value);
		return;
	}
	assert_non_null(value);
	for (char *p = value; *p != '\0'; p++) {
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	}
	assert_ok(rd_base64_decode(rd_view_str(value), &json));
	assert_ok(rd_buf_u8(&json, 0));
	assert_string_equal((char *)json.ptr, want_json);
	rd_buf_finish(&json);
	rd_auth_free(&value);
	assert_null(value);
}

static void credentials_go_to_their_own_registry_only(void **state)
{
	char *value;

	(void)state;
	assert_auth("docker.io", "{\"username\":\"u\",\"password\":\"p:w\",\"serveraddress\":"
				 "\"https://index.docker.io/v1/\"}");
	assert_auth("reg:5000",
		"{\"username\":\"u\",\"password\":\"p\",\"serveraddress\":\"reg:5000\"}");
	assert_auth("token", "{\"identitytoken\":\"T\",\"serveraddress\":\"token\"}");
	/* A registry whose name is part of another's. */
	assert_auth("reg.example", NULL);
	assert_auth("reg", NULL);
	assert_auth("evilreg.example.attacker", NULL);
	assert_auth("empty", NULL);
	assert_status(rd_auth_from_text(rd_view_str(CONFIG), "bad", &value, NULL), RD_MALFORMED);
	assert_status(
		rd_auth_from_text(rd_view_str("{\"auths\":[]}"), "x", &value, NULL), RD_BAD_TYPE);
	assert_ok(rd_auth_from_text(rd_view_str("{}"), "x", &value, NULL));
	assert_null(value);
}

static void docker_config_may_be_directory_or_file(void **state)
{
	struct rd_workdir dir;
	char path[PATH_MAX + 16];
	char *value;

	(void)state;
	assert_ok(rd_workdir_make(NULL, &dir, NULL));
	put_file(dir.path, "config.json", CONFIG);
	assert_int_equal(setenv("DOCKER_CONFIG", dir.path, 1), 0);
	assert_ok(rd_auth_find("reg:5000", &value, NULL));
	assert_non_null(value);
	rd_auth_free(&value);
	(void)snprintf(path, sizeof(path), "%s/config.json", dir.path);
	assert_int_equal(setenv("DOCKER_CONFIG", path, 1), 0);
	assert_ok(rd_auth_find("reg:5000", &value, NULL));
	assert_non_null(value);
	rd_auth_free(&value);
	assert_ok(rd_workdir_remove(&dir));
	assert_ok(rd_auth_find("reg:5000", &value, NULL));
	assert_null(value);
	assert_int_equal(unsetenv("DOCKER_CONFIG"), 0);
}

static void collect(void *ctx, const char *line)
{
	assert_ok(rd_buf_printf(ctx, "[%s]", line));
}

static void progress_is_safe_for_a_terminal(void **state)
{
	struct rd_buf lines = rd_buf_growable(1 << 16);
	const struct rd_image_options options = {.progress = collect, .progress_ctx = &lines};
	struct rd_progress p = {.options = &options};

	(void)state;
	rd_progress_add(&p, rd_view_str("one\ntw"));
	rd_progress_add(&p, rd_view_str("o\r\n\nred \x1b[31m\x07tab\t\n"));
	for (int i = 0; i < 3000; i++) {
		rd_progress_add(&p, rd_view_str("x"));
	}
	assert_ok(rd_buf_u8(&lines, 0));
	assert_string_equal((char *)lines.ptr, "[one][two][red ?[31m?tab\t]");
	lines.used = 0;
	rd_progress_flush(&p);
	assert_int_equal(lines.used, RD_PROGRESS_LINE_MAX - 1 + 2);
	rd_buf_finish(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dockerignore_matches_as_docker_does),
		cmocka_unit_test(dockerignore_ends_whatever_the_pattern),
		cmocka_unit_test(dockerignore_refuses_what_is_too_long),
		cmocka_unit_test(context_is_packed_in_order_and_owned_by_root),
		cmocka_unit_test(credentials_go_to_their_own_registry_only),
		cmocka_unit_test(docker_config_may_be_directory_or_file),
		cmocka_unit_test(progress_is_safe_for_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
