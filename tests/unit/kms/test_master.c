/* SPDX-License-Identifier: Apache-2.0 */
/* Key files, pass phrases, and a real PKCS#11 token (SoftHSM). */
#include "token.h"

#include "crypto/random.h"
#include "kms/master.h"
#include "kms/store.h"

#include <p11-kit/p11-kit.h>

#define DIGITS "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct test_place place;

static int setup(void **state)
{
	(void)state;
	test_place_make(&place);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_place_remove(&place);
	return 0;
}

static void named(const char *scheme, const char *name, char ret[512])
{
	snprintf(ret, 512, "%s:%s/%s", scheme, place.dir, name);
}

static struct kms_master *new_master(const char *text)
{
	struct rd_error err = {.text = ""};
	struct kms_master *master = NULL;

	if (kms_master_new(text, &master, &err) != RD_OK) {
		fail_msg("%s: %s", text, err.text);
	}
	return master;
}

static struct kms_master *open_master(const char *text)
{
	struct rd_error err = {.text = ""};
	struct kms_master *master = new_master(text);

	if (kms_master_open(master, &err) != RD_OK) {
		fail_msg("%s: %s", text, err.text);
	}
	return master;
}

/* One line that names `what`, and says what to do. */
static void open_fails(const char *text, enum rd_status want, const char *what)
{
	struct rd_error err = {.text = ""};
	struct kms_master *master = new_master(text);

	assert_status(kms_master_open(master, &err), want);
	assert_non_null(strstr(err.text, what));
	assert_null(strchr(err.text, '\n'));
	/* Nothing is left of the attempt: it can be made again. */
	assert_status(kms_master_open(master, NULL), want);
	kms_master_free(&master);
}

static void new_fails(const char *text, enum rd_status want, const char *what)
{
	struct rd_error err = {.text = ""};
	struct kms_master *master = NULL;

	assert_status(kms_master_new(text, &master, &err), want);
	assert_null(master);
	assert_non_null(strstr(err.text, what));
}

#define AAD    rd_view("generation 1", 12)
#define OTHER  rd_view("generation 2", 12)
#define SECRET rd_view("0123456789abcdef0123456789abcdef", 32)

struct wrapped {
	uint8_t bytes[KMS_ROOT_WRAPPED_MAX];
	size_t len;
};

static void wrap(struct kms_master *master, struct wrapped *ret)
{
	struct rd_error err = {.text = ""};
	struct rd_buf out = rd_buf_fixed(ret->bytes, sizeof(ret->bytes));

	if (kms_master_wrap(master, AAD, SECRET, &out, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
	ret->len = out.used;
}

static enum rd_status unwrap(struct kms_master *master, struct rd_view aad, const struct wrapped *w)
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};
	enum rd_status st;

	assert_ok(rd_secret_init(&secret, KMS_ROOT_SIZE));
	st = kms_master_unwrap(master, aad, rd_view(w->bytes, w->len), &secret, NULL);
	assert_true((st == RD_OK) == rd_view_equal(rd_secret_view(&secret), SECRET));
	return st;
}

/* Opens what it wrapped, and nothing that differs from it in any byte. */
static void wraps_and_refuses(const char *text)
{
	struct kms_master *master = open_master(text);
	struct wrapped w;
	size_t whole;

	wrap(master, &w);
	assert_ok(unwrap(master, AAD, &w));
	assert_status(unwrap(master, OTHER, &w), RD_WRONG_KEY);
	for (size_t i = 0; i < w.len; i += i < 4 || i + 4 > w.len ? 1 : 7) {
		w.bytes[i] ^= 0x20;
		assert_status(unwrap(master, AAD, &w), RD_WRONG_KEY);
		w.bytes[i] ^= 0x20;
	}
	whole = w.len;
	for (w.len = 0; w.len < whole; w.len += w.len + 5 < whole ? 5 : 1) {
		assert_status(unwrap(master, AAD, &w), RD_WRONG_KEY);
	}
	/* Closed and opened again, it is the same. */
	kms_master_close(master);
	assert_ok(kms_master_open(master, NULL));
	assert_ok(unwrap(master, AAD, &w));
	kms_master_free(&master);
}

static void key_file_is_made_once_and_wraps(void **state)
{
	struct rd_error err = {.text = ""};
	struct kms_master *master;
	struct stat sb;
	char text[512];
	char path[96];

	(void)state;
	named("file", "key", text);
	master = new_master(text);
	assert_ok(kms_master_make(master, NULL));
	test_path(&place, "key", path);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	assert_int_equal(sb.st_size, 65);
	assert_status(kms_master_make(master, &err), RD_EXISTS);
	assert_non_null(strstr(err.text, "left as it is"));
	kms_master_free(&master);
	wraps_and_refuses(text);
}

static void key_file_is_refused(void **state)
{
	char text[512];
	char path[96];

	(void)state;
	named("file", "key", text);
	open_fails(text, RD_NOTFOUND, "--make-master");
	test_write(&place, "key", DIGITS "\n", 0640);
	open_fails(text, RD_DENIED, "chmod 600");
	test_write(&place, "key", DIGITS "\n", 0602);
	open_fails(text, RD_DENIED, "chmod 600");
	test_write(&place, "key", "0001\n", 0600);
	open_fails(text, RD_TRUNCATED, "has 4 hex digits");
	test_write(&place, "key", "", 0600);
	open_fails(text, RD_TRUNCATED, "has 0 hex digits");
	test_write(&place, "key", DIGITS "00\n", 0600);
	open_fails(text, RD_MALFORMED, "backup");
	test_write(&place, "key", "zz" DIGITS, 0600);
	open_fails(text, RD_MALFORMED, "backup");
	test_write(&place, "key", DIGITS "\n" DIGITS "\n", 0600);
	open_fails(text, RD_TRAILING, "more than one line");
	test_write(&place, "key", DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS,
		0600);
	open_fails(text, RD_LIMIT, "too long");
	test_path(&place, "key", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	open_fails(text, RD_BAD_TYPE, "not a file");
	named("file", "link", text);
	test_write(&place, "real", DIGITS "\n", 0600);
	test_path(&place, "link", path);
	assert_int_equal(symlink("real", path), 0);
	{
		struct kms_master *master = new_master(text);
		assert_int_not_equal(kms_master_open(master, NULL), RD_OK);
		kms_master_free(&master);
	}
	if (geteuid() == 0) {
		named("file", "theirs", text);
		test_write(&place, "theirs", DIGITS "\n", 0600);
		test_path(&place, "theirs", path);
		assert_int_equal(chown(path, 65534, 65534), 0);
		open_fails(text, RD_DENIED, "chown");
	}
}

static void names_are_refused(void **state)
{
	(void)state;
	new_fails("master.key", RD_USAGE, "neither file:");
	new_fails("file:master.key", RD_USAGE, "from / on");
	new_fails("passphrase:x", RD_USAGE, "from / on");
	new_fails("pkcs11:token", RD_USAGE, "RFC 7512");
	new_fails("pkcs11:token=a?module-path=/m.so&pin-source=file:/p", RD_USAGE, "names no key");
	new_fails("pkcs11:object=a?pin-source=file:/p", RD_USAGE, "names no module");
	new_fails(
		"pkcs11:object=a?module-path=m.so&pin-source=file:/p", RD_USAGE, "names no module");
	new_fails("pkcs11:object=a?module-path=/m.so", RD_USAGE, "names no PIN");
	new_fails("pkcs11:object=a?module-path=/m.so&pin-source=|cmd", RD_USAGE, "names no PIN");
	new_fails("pkcs11:object=a;colour=red?module-path=/m.so&pin-source=file:/p", RD_UNSUPPORTED,
		"do not know");
	new_fails("pkcs11:object=a?module-path=/nowhere/m.so&pin-source=file:/p", RD_NOTFOUND,
		"/nowhere/m.so");
}

static void a_pin_in_the_uri_is_refused_and_not_repeated(void **state)
{
	struct rd_error err = {.text = ""};
	struct kms_master *master = NULL;

	(void)state;
	assert_status(
		kms_master_new("pkcs11:object=a?module-path=/m.so&pin-value=135799", &master, &err),
		RD_FORBIDDEN);
	assert_null(strstr(err.text, "135799"));
	assert_non_null(strstr(err.text, "pin-source"));
}

static void pass_phrase_wraps(void **state)
{
	struct kms_master *master;
	struct wrapped w;
	char text[512];

	(void)state;
	named("passphrase", "phrase", text);
	test_write(&place, "phrase", "correct horse battery staple\n", 0600);
	master = open_master(text);
	assert_status(kms_master_make(master, NULL), RD_UNSUPPORTED);
	wrap(master, &w);
	assert_ok(unwrap(master, AAD, &w));
	assert_status(unwrap(master, OTHER, &w), RD_WRONG_KEY);
	/* Its own parameters come with it. */
	kms_master_close(master);
	assert_ok(kms_master_open(master, NULL));
	assert_ok(unwrap(master, AAD, &w));
	/* Parameters that would cost nothing, or everything. */
	for (unsigned log2_n = 0; log2_n < 256; log2_n += 5) {
		if (log2_n < 14 || log2_n > 21) {
			w.bytes[1] = (uint8_t)log2_n;
			assert_status(unwrap(master, AAD, &w), RD_WRONG_KEY);
		}
	}
	kms_master_free(&master);
	w.bytes[1] = 17;
	test_write(&place, "phrase", "correct horse battery stable\n", 0600);
	master = open_master(text);
	assert_status(unwrap(master, AAD, &w), RD_WRONG_KEY);
	kms_master_free(&master);
}

static void pass_phrase_is_refused(void **state)
{
	char text[512];

	(void)state;
	named("passphrase", "phrase", text);
	open_fails(text, RD_NOTFOUND, "write it");
	test_write(&place, "phrase", "too short\n", 0600);
	open_fails(text, RD_TRUNCATED, "at least");
	test_write(&place, "phrase", "correct horse battery staple\n", 0644);
	open_fails(text, RD_DENIED, "chmod 600");
	test_write(&place, "phrase", "correct horse\nbattery staple\n", 0600);
	open_fails(text, RD_TRAILING, "more than one line");
}

static void masters_do_not_open_each_others(void **state)
{
	struct kms_master *file;
	struct kms_master *phrase;
	struct wrapped w;
	char text[512];

	(void)state;
	test_write(&place, "phrase", "correct horse battery staple\n", 0600);
	test_write(&place, "key", DIGITS "\n", 0600);
	named("passphrase", "phrase", text);
	phrase = open_master(text);
	named("file", "key", text);
	file = open_master(text);
	wrap(file, &w);
	assert_status(unwrap(phrase, AAD, &w), RD_WRONG_KEY);
	wrap(phrase, &w);
	assert_status(unwrap(file, AAD, &w), RD_WRONG_KEY);
	kms_master_free(&file);
	kms_master_free(&phrase);
}

static void require_token(char uri[512])
{
	if (!test_token_make(&place)) {
		puts("skipped: SoftHSM is not installed (tools/setup check)");
		skip();
	}
	test_token_uri(&place, "root", uri);
}

static void make_in_token(const char *uri)
{
	struct rd_error err = {.text = ""};
	struct kms_master *master = new_master(uri);

	if (kms_master_make(master, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
	kms_master_free(&master);
}

static void token_makes_a_key_once_and_wraps(void **state)
{
	struct kms_master *master;
	char uri[512];

	(void)state;
	require_token(uri);
	open_fails(uri, RD_NOTFOUND, "--make-master");
	make_in_token(uri);
	master = new_master(uri);
	assert_status(kms_master_make(master, NULL), RD_EXISTS);
	assert_ok(kms_master_open(master, NULL));
	{
		struct wrapped w;
		wrap(master, &w);
		assert_int_equal(w.bytes[0], KMS_MASTER_PKCS11_GCM);
		assert_int_equal(w.len, 1 + 12 + 32 + 16);
	}
	kms_master_free(&master);
	wraps_and_refuses(uri);
}

/* What another program would put there. */
static void make_foreign_key(CK_ULONG size, bool extractable, bool encrypt, bool wraps)
{
	CK_FUNCTION_LIST *f = p11_kit_module_load(test_softhsm(), P11_KIT_MODULE_CRITICAL);
	CK_SLOT_ID slots[4];
	CK_ULONG n = 4;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	CK_BYTE pin[] = TOKEN_PIN;
	CK_BYTE label[] = "root";
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL may_leave = extractable ? CK_TRUE : CK_FALSE;
	CK_BBOOL may_encrypt = encrypt ? CK_TRUE : CK_FALSE;
	CK_BBOOL may_wrap = wraps ? CK_TRUE : CK_FALSE;
	CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
	CK_ATTRIBUTE attributes[] = {
		{CKA_VALUE_LEN, &size, sizeof(size)},
		{CKA_LABEL, label, 4},
		{CKA_TOKEN, &yes, sizeof(yes)},
		{CKA_PRIVATE, &yes, sizeof(yes)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &may_leave, sizeof(yes)},
		{CKA_ENCRYPT, &may_encrypt, sizeof(yes)},
		{CKA_DECRYPT, &may_encrypt, sizeof(yes)},
		{CKA_WRAP, &may_wrap, sizeof(yes)},
		{CKA_UNWRAP, &may_wrap, sizeof(yes)},
	};

	assert_non_null(f);
	assert_int_equal(p11_kit_module_initialize(f), CKR_OK);
	assert_int_equal(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	assert_int_equal(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
				 &session),
		CKR_OK);
	assert_int_equal(f->C_Login(session, CKU_USER, pin, sizeof(pin) - 1), CKR_OK);
	assert_int_equal(
		f->C_GenerateKey(session, &mechanism, attributes, RD_ARRAY_LEN(attributes), &key),
		CKR_OK);
	p11_kit_module_finalize(f);
	p11_kit_module_release(f);
}

static void token_that_only_wraps_keys_wraps(void **state)
{
	struct kms_master *master;
	struct wrapped w;
	char uri[512];

	(void)state;
	require_token(uri);
	make_foreign_key(32, false, false, true);
	master = open_master(uri);
	wrap(master, &w);
	assert_int_equal(w.bytes[0], KMS_MASTER_PKCS11_WRAP);
	kms_master_free(&master);
	wraps_and_refuses(uri);
}

struct foreign_key {
	CK_ULONG size;
	bool extractable, encrypt, wraps;
};

static void refuses_foreign_key(const struct foreign_key *key, const char *why)
{
	char uri[512];

	require_token(uri);
	make_foreign_key(key->size, key->extractable, key->encrypt, key->wraps);
	open_fails(uri, RD_WRONG_KEY, why);
}

static void token_key_may_not_leave(void **state)
{
	const struct foreign_key key = {
		.size = 32, .extractable = true, .encrypt = true, .wraps = true};

	(void)state;
	refuses_foreign_key(&key, "may leave its token");
}

static void token_key_is_aes_256(void **state)
{
	const struct foreign_key key = {.size = 16, .encrypt = true, .wraps = true};

	(void)state;
	refuses_foreign_key(&key, "no AES-256 key");
}

static void token_key_may_do_something(void **state)
{
	const struct foreign_key key = {.size = 32};

	(void)state;
	refuses_foreign_key(&key, "neither AES-GCM nor");
}

static void token_with_two_such_keys_is_refused(void **state)
{
	char uri[512];

	(void)state;
	require_token(uri);
	make_foreign_key(32, false, true, true);
	make_foreign_key(32, false, true, true);
	open_fails(uri, RD_DUPLICATE, "add id=");
}

static void another_key_in_the_token_opens_nothing(void **state)
{
	struct kms_master *master;
	struct wrapped w;
	char uri[512];

	(void)state;
	require_token(uri);
	make_in_token(uri);
	master = open_master(uri);
	wrap(master, &w);
	kms_master_free(&master);
	test_token_uri(&place, "other", uri);
	make_in_token(uri);
	master = open_master(uri);
	assert_status(unwrap(master, AAD, &w), RD_WRONG_KEY);
	kms_master_free(&master);
}

static void wrong_pin_is_told_apart(void **state)
{
	struct kms_master *master;
	char uri[512];
	char path[96];

	(void)state;
	require_token(uri);
	make_in_token(uri);
	test_write(&place, "pin", "11112222\n", 0600);
	open_fails(uri, RD_DENIED, "refuses the PIN");
	master = new_master(uri);
	assert_status(kms_master_open(master, NULL), RD_DENIED);
	assert_true(master->refused);
	test_write(&place, "pin", TOKEN_PIN "\n", 0644);
	assert_status(kms_master_open(master, NULL), RD_DENIED);
	test_write(&place, "pin", TOKEN_PIN "\n", 0600);
	assert_ok(kms_master_open(master, NULL));
	assert_false(master->refused);
	kms_master_free(&master);
	test_path(&place, "pin", path);
	assert_int_equal(unlink(path), 0);
	open_fails(uri, RD_NOTFOUND, "/pin");
}

static void token_goes_and_comes_back(void **state)
{
	struct rd_error err = {.text = ""};
	struct kms_master *master;
	struct wrapped w;
	char uri[512];

	(void)state;
	require_token(uri);
	make_in_token(uri);
	master = open_master(uri);
	wrap(master, &w);
	/* While it is open. */
	test_token_pull(&place, true);
	{
		struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};
		enum rd_status st;

		assert_ok(rd_secret_init(&secret, KMS_ROOT_SIZE));
		st = kms_master_unwrap(master, AAD, rd_view(w.bytes, w.len), &secret, &err);
		/* SoftHSM may still have the key in memory; never is it taken for another key. */
		assert_true(st == RD_UNAVAILABLE || st == RD_OK);
	}
	kms_master_close(master);
	assert_status(kms_master_open(master, &err), RD_UNAVAILABLE);
	assert_non_null(strstr(err.text, "no such token"));
	test_token_pull(&place, false);
	assert_ok(kms_master_open(master, NULL));
	assert_ok(unwrap(master, AAD, &w));
	kms_master_free(&master);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_file_is_made_once_and_wraps),
		TEST(key_file_is_refused),
		TEST(names_are_refused),
		TEST(a_pin_in_the_uri_is_refused_and_not_repeated),
		TEST(pass_phrase_wraps),
		TEST(pass_phrase_is_refused),
		TEST(masters_do_not_open_each_others),
		TEST(token_makes_a_key_once_and_wraps),
		TEST(token_that_only_wraps_keys_wraps),
		TEST(token_key_may_not_leave),
		TEST(token_key_is_aes_256),
		TEST(token_key_may_do_something),
		TEST(token_with_two_such_keys_is_refused),
		TEST(another_key_in_the_token_opens_nothing),
		TEST(wrong_pin_is_told_apart),
		TEST(token_goes_and_comes_back),
	};

	if (rd_secret_heap_open(1024 * 1024, NULL) != RD_OK) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
