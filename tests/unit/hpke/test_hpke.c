/* SPDX-License-Identifier: Apache-2.0 */
/* HPKE against RFC 9180's vectors, and what is refused. */
#include "vectors.h"

#include "hpke/hpke.h"

#define VECTORS "hpke/base-p256-sha256-aes256gcm.json"

/* PKCS#8 (RFC 5208, RFC 5915) of a P-256 private key, up to its scalar and from there to its point.
 */
#define PKCS8_HEAD   "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"
#define PKCS8_MIDDLE "a144034200"

static struct rd_ec_key *key_of(const char *scalar_hex, const char *point_hex)
{
	uint8_t der[256];
	struct rd_buf b = rd_buf_fixed(der, sizeof(der));
	struct rd_ec_key *key = NULL;

	assert_ok(rd_hex_decode(rd_view_str(PKCS8_HEAD), &b));
	assert_ok(rd_hex_decode(rd_view_str(scalar_hex), &b));
	assert_ok(rd_hex_decode(rd_view_str(PKCS8_MIDDLE), &b));
	assert_ok(rd_hex_decode(rd_view_str(point_hex), &b));
	assert_ok(rd_ec_key_from_pkcs8(rd_buf_view(&b), RD_P256, &key));
	return key;
}

/* Both sides of the vectors' exchange. */
struct exchange {
	json_t *root;
	struct rd_ec_key *ephemeral;
	struct rd_ec_key *recipient;
	struct rd_buf point; /* the recipient's */
	struct rd_buf enc;
	struct rd_buf info;
	struct rd_hpke sender;
	struct rd_hpke receiver;
};

static int set_up(void **state)
{
	struct exchange *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	x->root = test_vectors(VECTORS);
	x->ephemeral = key_of(vector_text(x->root, "skEm"), vector_text(x->root, "pkEm"));
	x->recipient = key_of(vector_text(x->root, "skRm"), vector_text(x->root, "pkRm"));
	x->point = vector_bytes(x->root, "pkRm");
	x->enc = vector_bytes(x->root, "enc");
	x->info = vector_bytes(x->root, "info");
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct exchange *x = *state;

	rd_hpke_finish(&x->sender);
	rd_hpke_finish(&x->receiver);
	rd_ec_key_free(&x->ephemeral);
	rd_ec_key_free(&x->recipient);
	rd_buf_finish(&x->point);
	rd_buf_finish(&x->enc);
	rd_buf_finish(&x->info);
	json_decref(x->root);
	free(x);
	return 0;
}

static void init_both(struct exchange *x)
{
	uint8_t enc[RD_HPKE_POINT_SIZE];

	assert_ok(rd_hpke_sender_init(
		rd_buf_view(&x->point), rd_buf_view(&x->info), x->ephemeral, &x->sender, enc));
	assert_true(rd_view_equal(rd_view(enc, sizeof(enc)), rd_buf_view(&x->enc)));
	assert_ok(rd_hpke_receiver_init(
		x->recipient, rd_buf_view(&x->enc), rd_buf_view(&x->info), &x->receiver));
}

/* Messages between those that the vectors have. */
static void skip_to(struct exchange *x, uint64_t sequence)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret opened = {0};

	assert_ok(rd_secret_init(&opened, 64));
	while (x->sender.sequence < sequence) {
		uint8_t storage[64];
		struct rd_buf sealed = rd_buf_fixed(storage, sizeof(storage));

		assert_ok(rd_hpke_seal(&x->sender, rd_view("", 0), rd_view("x", 1), &sealed));
		assert_ok(
			rd_hpke_open(&x->receiver, rd_view("", 0), rd_buf_view(&sealed), &opened));
	}
}

static void run_message(struct exchange *x, const json_t *vector)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf aad = vector_bytes(vector, "aad");
	RD_CLEANUP(rd_buf_finish) struct rd_buf plaintext = vector_bytes(vector, "pt");
	RD_CLEANUP(rd_buf_finish) struct rd_buf want = vector_bytes(vector, "ct");
	RD_CLEANUP(rd_buf_finish) struct rd_buf sealed = rd_buf_growable(4096);
	RD_CLEANUP(rd_secret_finish) struct rd_secret opened = {0};

	assert_ok(rd_secret_init(&opened, 4096));
	skip_to(x, vector_number(vector, "sequence"));
	assert_ok(rd_hpke_seal(&x->sender, rd_buf_view(&aad), rd_buf_view(&plaintext), &sealed));
	assert_true(rd_view_equal(rd_buf_view(&sealed), rd_buf_view(&want)));
	assert_ok(rd_hpke_open(&x->receiver, rd_buf_view(&aad), rd_buf_view(&want), &opened));
	assert_true(rd_view_equal(rd_secret_view(&opened), rd_buf_view(&plaintext)));
}

static void seals_and_opens_the_rfcs_messages(void **state)
{
	struct exchange *x = *state;
	const json_t *messages = json_object_get(x->root, "encryptions");

	init_both(x);
	assert_int_equal(json_array_size(messages), 6);
	for (size_t i = 0; i < json_array_size(messages); i++) {
		run_message(x, json_array_get(messages, i));
	}
	assert_int_equal(x->receiver.sequence, 257);
}

static void exports_the_rfcs_secrets(void **state)
{
	struct exchange *x = *state;
	const json_t *exports = json_object_get(x->root, "exports");

	init_both(x);
	assert_int_equal(json_array_size(exports), 3);
	for (size_t i = 0; i < json_array_size(exports); i++) {
		const json_t *vector = json_array_get(exports, i);
		RD_CLEANUP(rd_buf_finish)
		struct rd_buf context = vector_bytes(vector, "exporter_context");
		uint8_t secret[32];

		assert_int_equal(vector_number(vector, "L"), sizeof(secret));
		assert_ok(
			rd_hpke_export(&x->sender, rd_buf_view(&context), secret, sizeof(secret)));
		assert_view_hex(
			rd_view(secret, sizeof(secret)), vector_text(vector, "exported_value"));
		memset(secret, 0, sizeof(secret));
		assert_ok(rd_hpke_export(
			&x->receiver, rd_buf_view(&context), secret, sizeof(secret)));
		assert_view_hex(
			rd_view(secret, sizeof(secret)), vector_text(vector, "exported_value"));
	}
}

static void exports_no_more_than_it_may(void **state)
{
	static const uint8_t context[RD_HPKE_EXPORT_MAX + 1];
	struct exchange *x = *state;
	uint8_t secret[RD_HPKE_EXPORT_MAX + 1];

	init_both(x);
	assert_ok(rd_hpke_export(
		&x->sender, rd_view(context, RD_HPKE_EXPORT_MAX), secret, RD_HPKE_EXPORT_MAX));
	assert_status(
		rd_hpke_export(&x->sender, rd_view(context, RD_HPKE_EXPORT_MAX + 1), secret, 32),
		RD_LIMIT);
	assert_status(rd_hpke_export(&x->sender, rd_view("", 0), secret, RD_HPKE_EXPORT_MAX + 1),
		RD_LIMIT);
	assert_status(rd_hpke_export(&(struct rd_hpke){0}, rd_view("", 0), secret, 32), RD_USAGE);
}

/* A message of ours, sealed once with the exchange's keys. */
static struct rd_view seal_once(struct exchange *x, uint8_t *storage, size_t cap)
{
	struct rd_buf b = rd_buf_fixed(storage, cap);

	assert_ok(rd_hpke_seal_once(rd_buf_view(&x->point), rd_view_str("info"), rd_view_str("aad"),
		rd_view_str("plaintext"), x->ephemeral, &b));
	assert_int_equal(b.used, strlen("plaintext") + RD_HPKE_OVERHEAD);
	return rd_buf_view(&b);
}

static enum rd_status open_once(
	const struct exchange *x, const char *info, const char *aad, struct rd_view message)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	enum rd_status st;

	assert_ok(rd_secret_init(&out, 256));
	assert_ok(rd_secret_set(&out, rd_view_str("left over")));
	st = rd_hpke_open_once(x->recipient, rd_view_str(info), rd_view_str(aad), message, &out);
	assert_true(
		rd_view_equal(rd_secret_view(&out), rd_view_str(st == RD_OK ? "plaintext" : "")));
	return st;
}

static void opens_one_message_and_no_changed_one(void **state)
{
	struct exchange *x = *state;
	uint8_t storage[256];
	struct rd_view message = seal_once(x, storage, sizeof(storage));

	assert_ok(open_once(x, "info", "aad", message));
	assert_status(open_once(x, "infO", "aad", message), RD_UNTRUSTED);
	assert_status(open_once(x, "", "aad", message), RD_UNTRUSTED);
	assert_status(open_once(x, "info", "aad2", message), RD_UNTRUSTED);
	assert_status(open_once(x, "info", "", message), RD_UNTRUSTED);
	/* Each byte of enc, ciphertext and tag. */
	for (size_t i = 0; i < message.len; i++) {
		storage[i] ^= 1;
		assert_status(open_once(x, "info", "aad", message), RD_UNTRUSTED);
		storage[i] ^= 1;
	}
	assert_status(open_once(x, "info", "aad", rd_view(storage, message.len - 1)), RD_UNTRUSTED);
	assert_status(open_once(x, "info", "aad", rd_view(storage, message.len + 1)), RD_UNTRUSTED);
	assert_status(
		open_once(x, "info", "aad", rd_view(storage, RD_HPKE_OVERHEAD - 1)), RD_TRUNCATED);
	assert_status(open_once(x, "info", "aad", rd_view(storage, 0)), RD_TRUNCATED);
	assert_ok(open_once(x, "info", "aad", message));
}

static void another_key_opens_nothing(void **state)
{
	struct exchange *x = *state;
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *other = NULL;
	uint8_t storage[256];
	struct rd_view message = seal_once(x, storage, sizeof(storage));

	assert_ok(rd_secret_init(&out, 256));
	assert_ok(rd_ec_key_generate(RD_P256, &other));
	assert_status(
		rd_hpke_open_once(other, rd_view_str("info"), rd_view_str("aad"), message, &out),
		RD_UNTRUSTED);
	assert_int_equal(out.len, 0);
}

/* Infinity has no uncompressed form; zeros, a coordinate at the prime, and a point of the curve's
 * twist are what else has been tried. */
static void refuses_points_that_are_none(void **state)
{
	static const char *const points[] = {
		"",
		"00",
		/* one byte short; compressed; hybrid; the right point with a byte behind it */
		"04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0"
		"f2ef99cdc3a05ccf5ded7860c7c021238f9e2073d235",
		"02abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f",
		"06abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0"
		"f2ef99cdc3a05ccf5ded7860c7c021238f9e2073d2356c",
		"04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0"
		"f2ef99cdc3a05ccf5ded7860c7c021238f9e2073d2356c00",
		/* not on the curve */
		"04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0"
		"f2ef99cdc3a05ccf5ded7860c7c021238f9e2073d2356d",
		"04000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000000000000000000",
		/* x is the field's prime, y a root of b */
		"04ffffffff00000001000000000000000000000000ffffffffffffffffffffffff66485c780e2f83d72433"
		"bd5d84a06bb6541c2af31dae871728bf856a174f93f4",
	};
	struct exchange *x = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(points); i++) {
		uint8_t enc[RD_HPKE_POINT_SIZE] = {0}, storage[128];
		struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));

		assert_ok(rd_hex_decode(rd_view_str(points[i]), &b));
		assert_status(rd_hpke_receiver_init(
				      x->recipient, rd_buf_view(&b), rd_view("", 0), &x->receiver),
			RD_UNTRUSTED);
		assert_null(x->receiver.keys.ptr);
		assert_status(rd_hpke_sender_init(rd_buf_view(&b), rd_view("", 0), x->ephemeral,
				      &x->sender, enc),
			RD_UNTRUSTED);
		assert_null(x->sender.keys.ptr);
		assert_int_equal(enc[0], 0);
	}
}

static void keeps_the_order_of_messages(void **state)
{
	struct exchange *x = *state;
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t first_storage[64], second_storage[64];
	struct rd_buf first = rd_buf_fixed(first_storage, sizeof(first_storage));
	struct rd_buf second = rd_buf_fixed(second_storage, sizeof(second_storage));

	init_both(x);
	assert_ok(rd_secret_init(&out, 64));
	assert_ok(rd_hpke_seal(&x->sender, rd_view("", 0), rd_view("same", 4), &first));
	assert_ok(rd_hpke_seal(&x->sender, rd_view("", 0), rd_view("same", 4), &second));
	assert_false(rd_view_equal(rd_buf_view(&first), rd_buf_view(&second)));
	assert_status(rd_hpke_open(&x->receiver, rd_view("", 0), rd_buf_view(&second), &out),
		RD_UNTRUSTED);
	assert_ok(rd_hpke_open(&x->receiver, rd_view("", 0), rd_buf_view(&first), &out));
	assert_status(rd_hpke_open(&x->receiver, rd_view("", 0), rd_buf_view(&first), &out),
		RD_UNTRUSTED);
	assert_ok(rd_hpke_open(&x->receiver, rd_view("", 0), rd_buf_view(&second), &out));
	/* No nonce twice. */
	x->sender.sequence = UINT64_MAX;
	first.used = 0;
	assert_status(
		rd_hpke_seal(&x->sender, rd_view("", 0), rd_view("same", 4), &first), RD_LIMIT);
	assert_int_equal(first.used, 0);
	x->receiver.sequence = UINT64_MAX;
	assert_status(
		rd_hpke_open(&x->receiver, rd_view("", 0), rd_buf_view(&second), &out), RD_LIMIT);
}

static void a_context_has_one_direction(void **state)
{
	struct exchange *x = *state;
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t storage[64];
	struct rd_buf b = rd_buf_fixed(storage, sizeof(storage));

	init_both(x);
	assert_ok(rd_secret_init(&out, 64));
	assert_status(rd_hpke_seal(&x->receiver, rd_view("", 0), rd_view("x", 1), &b), RD_USAGE);
	assert_ok(rd_hpke_seal(&x->sender, rd_view("", 0), rd_view("x", 1), &b));
	assert_status(rd_hpke_open(&x->sender, rd_view("", 0), rd_buf_view(&b), &out), RD_USAGE);
	assert_status(
		rd_hpke_open(&x->receiver, rd_view("", 0), rd_view("x", 1), &out), RD_TRUNCATED);
	assert_status(
		rd_hpke_seal(&(struct rd_hpke){0}, rd_view("", 0), rd_view("x", 1), &b), RD_USAGE);
	assert_status(rd_hpke_open(&(struct rd_hpke){.is_sender = false}, rd_view("", 0),
			      rd_buf_view(&b), &out),
		RD_USAGE);
}

static void refuses_keys_that_cannot_be_its_own(void **state)
{
	static const uint8_t info[RD_HPKE_INFO_MAX + 1];
	struct exchange *x = *state;
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *p384 = NULL;
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *public_half = NULL;
	uint8_t enc[RD_HPKE_POINT_SIZE];

	assert_ok(rd_ec_key_generate(RD_P384, &p384));
	assert_ok(rd_ec_key_from_point(RD_P256, rd_buf_view(&x->point), &public_half));
	assert_true(rd_ec_key_same(public_half, x->recipient));
	assert_status(
		rd_hpke_receiver_init(p384, rd_buf_view(&x->enc), rd_view("", 0), &x->receiver),
		RD_USAGE);
	assert_status(rd_hpke_receiver_init(
			      public_half, rd_buf_view(&x->enc), rd_view("", 0), &x->receiver),
		RD_USAGE);
	assert_status(rd_hpke_sender_init(
			      rd_buf_view(&x->point), rd_view("", 0), public_half, &x->sender, enc),
		RD_USAGE);
	assert_status(rd_hpke_sender_init(rd_buf_view(&x->point), rd_view(info, sizeof(info)),
			      x->ephemeral, &x->sender, enc),
		RD_LIMIT);
	assert_ok(rd_hpke_sender_init(rd_buf_view(&x->point), rd_view(info, RD_HPKE_INFO_MAX),
		x->ephemeral, &x->sender, enc));
}

static void leaves_nothing_behind_where_there_is_no_room(void **state)
{
	struct exchange *x = *state;
	RD_CLEANUP(rd_secret_finish) struct rd_secret small = {0};
	uint8_t storage[256];
	struct rd_buf b = rd_buf_fixed(storage, RD_HPKE_OVERHEAD + 8);
	struct rd_view message;

	assert_ok(rd_buf_put(&b, "kept", 4));
	assert_status(rd_hpke_seal_once(rd_buf_view(&x->point), rd_view("", 0), rd_view("", 0),
			      rd_view("12345", 5), x->ephemeral, &b),
		RD_NOSPACE);
	assert_int_equal(b.used, 4);
	assert_ok(rd_hpke_seal_once(rd_buf_view(&x->point), rd_view("", 0), rd_view("", 0),
		rd_view("1234", 4), x->ephemeral, &b));
	message = seal_once(x, storage, sizeof(storage));
	assert_ok(rd_secret_init(&small, 8));
	assert_status(rd_hpke_open_once(x->recipient, rd_view_str("info"), rd_view_str("aad"),
			      message, &small),
		RD_NOSPACE);
	assert_int_equal(small.len, 0);
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(seals_and_opens_the_rfcs_messages),
		TEST(exports_the_rfcs_secrets),
		TEST(exports_no_more_than_it_may),
		TEST(opens_one_message_and_no_changed_one),
		TEST(another_key_opens_nothing),
		TEST(refuses_points_that_are_none),
		TEST(keeps_the_order_of_messages),
		TEST(a_context_has_one_direction),
		TEST(refuses_keys_that_cannot_be_its_own),
		TEST(leaves_nothing_behind_where_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
