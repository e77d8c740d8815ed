/* SPDX-License-Identifier: Apache-2.0 */
/* A SoftHSM token of its own for each test, and the files of the other masters. */
#ifndef RD_TEST_TOKEN_H
#define RD_TEST_TOKEN_H

#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_PIN "24680135"

struct test_place {
	char dir[48];
};

static inline void test_path(const struct test_place *place, const char *name, char ret[96])
{
	snprintf(ret, 96, "%s/%s", place->dir, name);
}

static inline void test_write(
	const struct test_place *place, const char *name, const char *text, mode_t mode)
{
	char path[96];
	FILE *f;

	test_path(place, name, path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static inline void test_place_make(struct test_place *place)
{
	strcpy(place->dir, "/tmp/redoubt-master-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
}

static inline void test_place_remove(const struct test_place *place)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf '%s'", place->dir);
	assert_int_equal(system(command), 0);
}

static inline const char *test_softhsm(void)
{
	static const char *const places[] = {"/usr/lib/softhsm/libsofthsm2.so",
		"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"};

	for (size_t i = 0; i < RD_ARRAY_LEN(places); i++) {
		if (access(places[i], R_OK) == 0) {
			return places[i];
		}
	}
	return NULL;
}

/* Below the place: softhsm.conf, tokens/, pin. false: SoftHSM is not installed. */
static inline bool test_token_make(const struct test_place *place)
{
	char path[96];
	char text[256];

	if (test_softhsm() == NULL) {
		return false;
	}
	test_path(place, "tokens", path);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(text, sizeof(text), "directories.tokendir = %s\nlog.level = ERROR\n", path);
	test_write(place, "softhsm.conf", text, 0600);
	test_write(place, "pin", TOKEN_PIN "\n", 0600);
	test_path(place, "softhsm.conf", path);
	assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
	assert_int_equal(system("softhsm2-util --init-token --free --label redoubt --pin " TOKEN_PIN
				" --so-pin 99887766 >/dev/null"),
		0);
	return true;
}

/* The token is pulled out, or put back in. */
static inline void test_token_pull(const struct test_place *place, bool out)
{
	char in_path[96];
	char out_path[96];

	test_path(place, "tokens", in_path);
	test_path(place, "tokens.away", out_path);
	if (out) {
		assert_int_equal(rename(in_path, out_path), 0);
		assert_int_equal(mkdir(in_path, 0700), 0);
	} else {
		assert_int_equal(rmdir(in_path), 0);
		assert_int_equal(rename(out_path, in_path), 0);
	}
}

static inline void test_token_uri(const struct test_place *place, const char *object, char ret[512])
{
	snprintf(ret, 512, "pkcs11:token=redoubt;object=%s?module-path=%s&pin-source=file:%s/pin",
		object, test_softhsm(), place->dir);
}

#endif
