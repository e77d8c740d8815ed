/* SPDX-License-Identifier: Apache-2.0 */
/* What init runs: /process, and AWS's two files of lines. */
#include "test.h"

#include "init/init.h"

#define PATH_VAR "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct init_spec spec;
static struct rd_error err;
static char bytes[8192];

/* A literal's NULs included, its last one not. */
#define PROCESS(literal) parse(literal, sizeof(literal) - 1)

static enum rd_status parse(const char *text, size_t len)
{
	err = (struct rd_error){0};
	memcpy(bytes, text, len);
	bytes[len] = 0;
	return init_parse_process(bytes, len, &spec, &err);
}

static enum rd_status lines(const char *cmd, const char *env)
{
	static char env_bytes[1024];

	err = (struct rd_error){0};
	strcpy(bytes, cmd);
	strcpy(env_bytes, env);
	return init_parse_lines(bytes, strlen(cmd), env_bytes, strlen(env), &spec, &err);
}

static void assert_list(char *const *list, const char *const *want)
{
	size_t i = 0;

	for (; want[i] != NULL; i++) {
		assert_non_null(list[i]);
		assert_string_equal(list[i], want[i]);
	}
	assert_null(list[i]);
}

static void process_says_everything(void **state)
{
	(void)state;
	assert_ok(PROCESS("arg=/bin/app\0arg=\0arg=a\nb\0env=PATH=/bin\0env=HOME=\0env=X=1=2\n3\0"
			  "cwd=/srv\0uid=1000\0gid=4294967294\0group=5\0group=0\0"));
	assert_list(spec.argv, (const char *const[]){"/bin/app", "", "a\nb", NULL});
	assert_list(spec.envp, (const char *const[]){"PATH=/bin", "HOME=", "X=1=2\n3", NULL});
	assert_string_equal(spec.cwd, "/srv");
	assert_int_equal(spec.uid, 1000);
	assert_int_equal(spec.gid, 4294967294);
	assert_int_equal(spec.group_count, 2);
	assert_int_equal(spec.groups[0], 5);
	assert_int_equal(spec.groups[1], 0);
	init_spec_finish(&spec);
}

static void defaults_fill_what_is_missing(void **state)
{
	(void)state;
	assert_ok(PROCESS("arg=app\0"));
	assert_list(spec.envp, (const char *const[]){PATH_VAR, "HOME=/root", NULL});
	assert_string_equal(spec.cwd, "/");
	assert_int_equal(spec.uid, 0);
	init_spec_finish(&spec);
	assert_ok(PROCESS("uid=7\0env=PATHX=1\0arg=app\0"));
	assert_list(spec.envp, (const char *const[]){"PATHX=1", PATH_VAR, "HOME=/", NULL});
	init_spec_finish(&spec);
}

static void refuse(enum rd_status st, enum rd_status want, const char *says)
{
	assert_status(st, want);
	if (strstr(err.text, says) == NULL) {
		fail_msg("'%s' does not say '%s'", err.text, says);
	}
}

static void process_refuses_what_it_does_not_know(void **state)
{
	char groups[INIT_GROUPS_MAX * 8 + 64] = "arg=a";
	size_t len = 6;

	(void)state;
	refuse(PROCESS(""), RD_MISSING, "names no program");
	refuse(PROCESS("env=A=1\0"), RD_MISSING, "names no program");
	refuse(PROCESS("arg=\0"), RD_MISSING, "names no program");
	refuse(PROCESS("arg=a"), RD_TRUNCATED, "middle of a record");
	refuse(PROCESS("arg=a\0nice=5\0"), RD_UNSUPPORTED, "record 2, 'nice=5'");
	refuse(PROCESS("arg=a\0\0"), RD_UNSUPPORTED, "record 2");
	refuse(PROCESS("arg=a\0cwd=srv\0"), RD_MALFORMED, "cwd=srv");
	refuse(PROCESS("arg=a\0cwd=/a\0cwd=/b\0"), RD_DUPLICATE, "record 3");
	refuse(PROCESS("arg=a\0uid=1\0uid=1\0"), RD_DUPLICATE, "uid=1");
	refuse(PROCESS("arg=a\0uid=\0"), RD_BAD_NUMBER, "uid=");
	refuse(PROCESS("arg=a\0uid=-1\0"), RD_BAD_NUMBER, "uid=-1");
	refuse(PROCESS("arg=a\0gid=4294967295\0"), RD_BAD_NUMBER, "gid=");
	refuse(PROCESS("arg=a\0group=x\0"), RD_BAD_NUMBER, "group=x");
	refuse(PROCESS("arg=a\0env=NOVALUE\0"), RD_MALFORMED, "NOVALUE");
	refuse(PROCESS("arg=a\0env==x\0"), RD_MALFORMED, "env==x");
	for (int i = 0; i <= INIT_GROUPS_MAX; i++) {
		len += (size_t)snprintf(groups + len, 8, "group=1") + 1;
	}
	refuse(parse(groups, len), RD_LIMIT, "exceeds a limit");
	assert_ok(parse(groups, len - 8));
	init_spec_finish(&spec);
}

static void lines_are_arguments_and_variables(void **state)
{
	(void)state;
	assert_ok(lines("/app\n\n-v\n", "A=1\nPATH=/x\n"));
	assert_list(spec.argv, (const char *const[]){"/app", "", "-v", NULL});
	assert_list(spec.envp, (const char *const[]){"A=1", "PATH=/x", "HOME=/root", NULL});
	init_spec_finish(&spec);
	/* The last line may lack its end. */
	assert_ok(lines("/app\nx", ""));
	assert_list(spec.argv, (const char *const[]){"/app", "x", NULL});
	assert_list(spec.envp, (const char *const[]){PATH_VAR, "HOME=/root", NULL});
	init_spec_finish(&spec);
}

static void lines_refuse_no_program_and_nul(void **state)
{
	char cmd[] = "a\0b", env[] = "A=1";

	(void)state;
	refuse(lines("", "A=1\n"), RD_MISSING, "/cmd names no program");
	refuse(lines("\nx\n", ""), RD_MISSING, "/cmd names no program");
	refuse(init_parse_lines(cmd, 3, env, 3, &spec, &err), RD_MALFORMED, "NUL");
}

static void getenv_compares_whole_names(void **state)
{
	char a[] = "PATHS=1", b[] = "PATH", c[] = "PATH=/x";
	char *envp[] = {a, b, c, NULL};

	(void)state;
	assert_string_equal(init_getenv(envp, "PATH"), "/x");
	assert_null(init_getenv(envp, "PAT"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_says_everything),
		cmocka_unit_test(defaults_fill_what_is_missing),
		cmocka_unit_test(process_refuses_what_it_does_not_know),
		cmocka_unit_test(lines_are_arguments_and_variables),
		cmocka_unit_test(lines_refuse_no_program_and_nul),
		cmocka_unit_test(getenv_compares_whole_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
