/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration, USER and references, as an engine reads them. */
#include "test.h"

#include "base/error.h"
#include "image/config.h"
#include "image/ref.h"
#include "image/user.h"

#define PLATFORM "\"os\":\"linux\",\"architecture\":\"amd64\""

static enum rd_status parse(const char *json, struct rd_image_config *c, struct rd_error *err)
{
	return rd_image_config_parse(rd_view_str(json), c, err);
}

/* What a config object parses to; the configuration is dropped. */
static enum rd_status parse_config(const char *config, struct rd_error *err)
{
	struct rd_image_config c = {0};
	char json[1024];
	enum rd_status st;

	assert_true(snprintf(json, sizeof(json), "{" PLATFORM ",\"config\":%s}", config) <
		    (int)sizeof(json));
	st = parse(json, &c, err);
	rd_image_config_finish(&c);
	return st;
}

static void entrypoint_and_cmd_are_joined(void **state)
{
	struct rd_image_config c;

	(void)state;
	assert_ok(parse("{" PLATFORM ",\"created\":\"2024-01-01T00:00:00Z\","
			"\"config\":{\"Entrypoint\":[\"/e\",\"a\\nb\"],\"Cmd\":[\"c d\",\"\"],"
			"\"Env\":[\"A=1\",\"B=\"],\"WorkingDir\":\"/srv//x/../y/.\","
			"\"User\":\"u:g\"},\"rootfs\":{\"diff_ids\":[]}}",
		&c, NULL));
	assert_int_equal(c.args.n, 4);
	assert_string_equal(c.args.v[0], "/e");
	assert_string_equal(c.args.v[1], "a\nb");
	assert_string_equal(c.args.v[2], "c d");
	assert_string_equal(c.args.v[3], "");
	assert_int_equal(c.env.n, 2);
	assert_string_equal(c.workdir, "/srv/y");
	assert_string_equal(c.user, "u:g");
	assert_string_equal(c.created, "2024-01-01T00:00:00Z");
	rd_image_config_finish(&c);
}

static void either_of_them_is_enough_and_one_is_needed(void **state)
{
	struct rd_error err;

	(void)state;
	assert_ok(parse_config("{\"Cmd\":[\"/a\"]}", NULL));
	assert_ok(parse_config("{\"Entrypoint\":[\"/a\"],\"Cmd\":null}", NULL));
	assert_ok(parse_config("{\"Entrypoint\":\"/a\"}", NULL));
	assert_status(parse_config("{}", &err), RD_MISSING);
	assert_non_null(strstr(err.text, "CMD"));
	assert_status(parse_config("{\"Entrypoint\":[],\"Cmd\":[]}", NULL), RD_MISSING);
	assert_status(parse_config("{\"Cmd\":[1]}", NULL), RD_BAD_TYPE);
	assert_status(parse_config("{\"Cmd\":{}}", NULL), RD_BAD_TYPE);
}

static void working_directory_cannot_climb(void **state)
{
	static const char *const pairs[][2] = {{"", "/"}, {"/", "/"}, {"..", "/"},
		{"/../../a", "/a"}, {"a/b", "/a/b"}, {"/a/./b/..", "/a"}, {"/..a", "/..a"}};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(pairs); i++) {
		struct rd_image_config c;
		char json[256];

		(void)snprintf(json, sizeof(json),
			"{" PLATFORM ",\"config\":{\"Cmd\":[\"x\"],\"WorkingDir\":\"%s\"}}",
			pairs[i][0]);
		assert_ok(parse(json, &c, NULL));
		assert_string_equal(c.workdir, pairs[i][1]);
		rd_image_config_finish(&c);
	}
}

static void refuses_other_platforms(void **state)
{
	struct rd_image_config c;
	struct rd_error err;

	(void)state;
	assert_status(parse("{\"os\":\"linux\",\"architecture\":\"arm64\",\"config\":"
			    "{\"Cmd\":[\"x\"]}}",
			      &c, &err),
		RD_BAD_ARCH);
	assert_non_null(strstr(err.text, "linux/arm64"));
	assert_status(
		parse("{\"os\":\"windows\",\"architecture\":\"amd64\"}", &c, NULL), RD_BAD_ARCH);
	assert_status(parse("{}", &c, NULL), RD_BAD_ARCH);
}

static void refuses_bad_json(void **state)
{
	struct rd_image_config c;

	(void)state;
	assert_status(parse("{\"os\":\"linux\",\"os\":\"linux\"}", &c, NULL), RD_DUPLICATE);
	assert_status(parse("[]", &c, NULL), RD_BAD_TYPE);
	assert_status(parse("{", &c, NULL), RD_MALFORMED);
	assert_status(parse("{\"os\":\"a\\u0000b\"}", &c, NULL), RD_MALFORMED);
	assert_status(parse_config("{\"Cmd\":[\"x\"],\"Env\":[\"NOVALUE\"]}", NULL), RD_MALFORMED);
	assert_status(parse_config("{\"Cmd\":[\"x\"],\"Env\":[\"=x\"]}", NULL), RD_MALFORMED);
	assert_status(parse_config("{\"Cmd\":[\"x\"],\"User\":5}", NULL), RD_BAD_TYPE);
	assert_status(parse("{" PLATFORM ",\"config\":{\"Cmd\":[\"x\"]},\"rootfs\":"
			    "{\"diff_ids\":[\"md5:00\"]}}",
			      &c, NULL),
		RD_UNSUPPORTED);
}

#define PASSWD                                                                                     \
	"root:x:0:0:root:/root:/bin/sh\n"                                                          \
	"broken line\n"                                                                            \
	"nouid:x:abc:1::/:/x\n"                                                                    \
	"app:x:1000:1001:App,,,:/home/app:/bin/sh\n"                                               \
	"1000:x:7:7::/seven:/bin/sh\n"                                                             \
	"nohome:x:1002:1002:::\n"                                                                  \
	"last:x:4294967294:5::/last"
#define GROUP                                                                                      \
	"root:x:0:\n"                                                                              \
	"app:x:1001:\n"                                                                            \
	"wheel:x:10:root,app\n"                                                                    \
	"audio:x:63:app,last\n"                                                                    \
	"audio2:x:63:app\n"                                                                        \
	"appendix:x:64:app2,xapp\n"                                                                \
	"broken\n"

static enum rd_status resolve(const char *spec, struct rd_image_user *u, struct rd_error *err)
{
	return rd_user_resolve_text(rd_view_str(PASSWD), rd_view_str(GROUP), spec, u, err);
}

static void assert_user(
	const char *spec, uint32_t uid, uint32_t gid, const char *home, size_t n_groups)
{
	struct rd_image_user u;

	assert_ok(resolve(spec, &u, NULL));
	assert_int_equal(u.uid, uid);
	assert_int_equal(u.gid, gid);
	assert_string_equal(u.home, home);
	assert_int_equal(u.n_groups, n_groups);
	rd_user_finish(&u);
}

static void users_resolve_as_in_an_engine(void **state)
{
	struct rd_image_user u;

	(void)state;
	assert_user("", 0, 0, "/root", 1); /* nobody named: root, with root's groups */
	assert_user("app", 1000, 1001, "/home/app", 2);
	assert_user("1000", 1000, 1001, "/home/app", 2); /* a number is an id, never a name */
	assert_user("app:wheel", 1000, 10, "/home/app", 0);
	assert_user("app:77", 1000, 77, "/home/app", 0);
	assert_user(":wheel", 0, 10, "/root", 0);
	assert_user("app:", 1000, 1001, "/home/app", 2);
	assert_user("5555", 5555, 0, "/", 0);
	assert_user("5555:6666", 5555, 6666, "/", 0);
	assert_user("nohome", 1002, 1002, "/", 0);
	assert_user("last", 4294967294u, 5, "/last", 1);
	assert_ok(resolve("app", &u, NULL));
	assert_int_equal(u.groups[0], 10);
	assert_int_equal(u.groups[1], 63);
	rd_user_finish(&u);
}

static void users_resolve_without_files(void **state)
{
	struct rd_view none = rd_view(NULL, 0);
	struct rd_image_user u;

	(void)state;
	assert_ok(rd_user_resolve_text(none, none, "12:34", &u, NULL));
	assert_int_equal(u.uid, 12);
	assert_int_equal(u.gid, 34);
	rd_user_finish(&u);
	assert_ok(rd_user_resolve_text(none, none, "", &u, NULL));
	assert_int_equal(u.uid, 0);
	rd_user_finish(&u);
	assert_status(rd_user_resolve_text(none, none, "app", &u, NULL), RD_NOTFOUND);
}

static void refuses_unknown_names_with_a_remedy(void **state)
{
	struct rd_image_user u;
	struct rd_error err;

	(void)state;
	assert_status(resolve("ghost", &u, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "\"ghost\" is not in its /etc/passwd"));
	assert_status(resolve("nouid", &u, NULL), RD_NOTFOUND);
	assert_status(resolve("app:ghosts", &u, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "/etc/group"));
	assert_status(resolve("4294967295", &u, NULL), RD_NOTFOUND); /* -1 is no user */
	assert_status(resolve("-1", &u, NULL), RD_NOTFOUND);
}

static void user_files_are_read_inside_the_image(void **state)
{
	struct rd_tree *t;
	struct rd_image_user u;
	struct rd_view text = rd_view_str("app:x:9:8::/a:\n");
	struct rd_tree_entry link = {
		.path = "etc/passwd", .type = RD_TREE_SYMLINK, .target = "/../usr/lib/passwd"};
	struct rd_tree_entry file = {.path = "usr/lib/passwd", .type = RD_TREE_FILE, .mode = 0644};
	struct rd_tree_entry dir = {.path = "etc/group", .type = RD_TREE_DIR, .mode = 0755};

	(void)state;
	assert_ok(rd_tree_new(NULL, &t, NULL));
	assert_ok(rd_tree_put(t, &link, NULL, NULL));
	/* The host has /etc/passwd; a link in the image that leads nowhere does not lead there. */
	assert_status(rd_user_resolve(t, "app", &u, NULL), RD_NOTFOUND);
	assert_ok(rd_tree_put(t, &file, &text, NULL));
	assert_ok(rd_user_resolve(t, "app", &u, NULL));
	assert_int_equal(u.uid, 9);
	rd_user_finish(&u);
	assert_ok(rd_tree_put(t, &dir, NULL, NULL));
	assert_status(rd_user_resolve(t, "app", &u, NULL), RD_BAD_TYPE);
	rd_tree_free(&t);
}

static void assert_ref(const char *text, const char *full, const char *name, const char *domain)
{
	struct rd_ref r;

	assert_ok(rd_ref_parse(text, &r, NULL));
	assert_string_equal(r.full, full);
	assert_string_equal(r.name, name);
	assert_string_equal(r.domain, domain);
	rd_ref_finish(&r);
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void references_know_ports_from_tags(void **state)
{
	(void)state;
	assert_ref("hello", "hello:latest", "hello", "docker.io");
	assert_ref("hello:1.2", "hello:1.2", "hello", "docker.io");
	assert_ref("reg:5000/x", "reg:5000/x:latest", "reg:5000/x", "reg:5000");
	assert_ref("reg:5000/a/b:T_1", "reg:5000/a/b:T_1", "reg:5000/a/b", "reg:5000");
	assert_ref("localhost/x", "localhost/x:latest", "localhost/x", "localhost");
	assert_ref("team/x", "team/x:latest", "team/x", "docker.io");
	assert_ref(
		"ghcr.io/o/i@sha256:" HEX64, "ghcr.io/o/i@sha256:" HEX64, "ghcr.io/o/i", "ghcr.io");
	assert_ref("x:t@sha256:" HEX64, "x:t@sha256:" HEX64, "x", "docker.io");
}

static void refuses_what_is_no_reference(void **state)
{
	static const char *const bad[] = {"", "Hello", "a b", "a//b", "/a", "a/", "x:", "x:.t",
		"x:a/b:c:d", "x@sha256:12", "x@md5:" HEX64, "x?y=z", "x/../y", "reg:5000/x y",
		"x\ny", "-x"};
	struct rd_ref r;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		assert_status(rd_ref_parse(bad[i], &r, NULL), RD_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entrypoint_and_cmd_are_joined),
		cmocka_unit_test(either_of_them_is_enough_and_one_is_needed),
		cmocka_unit_test(working_directory_cannot_climb),
		cmocka_unit_test(refuses_other_platforms),
		cmocka_unit_test(refuses_bad_json),
		cmocka_unit_test(users_resolve_as_in_an_engine),
		cmocka_unit_test(users_resolve_without_files),
		cmocka_unit_test(refuses_unknown_names_with_a_remedy),
		cmocka_unit_test(user_files_are_read_inside_the_image),
		cmocka_unit_test(references_know_ports_from_tags),
		cmocka_unit_test(refuses_what_is_no_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
