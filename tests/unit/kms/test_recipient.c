/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation documents of calls: what is accepted, what is refused, what is said of either. */
#include "data.h"

#include "attest/maker.h"
#include "crypto/cms.h"
#include "crypto/random.h"
#include "crypto/rsa.h"
#include "kms/recipient.h"

#define NOW_MS    (MAKER_NOW_S * INT64_C(1000))
#define MUTATIONS 500

static struct maker m;
static struct rd_buf rsa2048; /* SPKI */
static const char *const names[] = {"test root"};

static int setup(void **state)
{
	(void)state;
	assert_ok(rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL));
	rsa2048 = test_data("crypto/rsa2048.spki.der");
	maker_init(&m);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	maker_finish(&m);
	rd_buf_finish(&rsa2048);
	return 0;
}

/* A right document for the RSA-2048 key, under m's root. */
static void reset(void)
{
	maker_reset(&m);
	m.doc.public_key = rd_buf_view(&rsa2048);
	maker_chain(&m);
}

static struct kms_recipient_config config_of(const struct rd_cert *const *roots)
{
	return (struct kms_recipient_config){
		.roots = roots, .root_names = names, .n_roots = 1, .max_age_s = 300, .skew_s = 60};
}

static struct kms_recipients *recipients_of(const struct kms_recipient_config *config)
{
	struct kms_recipients *recipients = NULL;

	assert_ok(kms_recipients_new(config, &recipients));
	return recipients;
}

static struct kms_recipients *usual(void)
{
	struct kms_recipient_config config = config_of(m.roots);

	return recipients_of(&config);
}

static bool is_all_zero(const struct kms_attested *attested)
{
	static const struct kms_attested nothing;

	return memcmp(attested, &nothing, sizeof(nothing)) == 0;
}

static void assert_refused(struct kms_recipients *recipients, struct rd_view document,
	int64_t now_ms, const char *want)
{
	static struct kms_attested attested; /* large, and this is inlined a dozen times */
	const char *why = NULL;

	memset(&attested, 0xff, sizeof(attested));
	assert_status(
		kms_recipient_verify(recipients, document, now_ms, &attested, &why), RD_UNTRUSTED);
	assert_string_equal(why, want);
	assert_true(is_all_zero(&attested));
}

static void accepts_a_right_document_and_copies_it(void **state)
{
	struct kms_recipients *recipients;
	struct kms_attested attested;
	uint8_t digest[RD_SHA256_SIZE];
	const char *why;
	struct rd_buf doc;

	(void)state;
	reset();
	m.doc.user_data = rd_view("hello", 5);
	doc = maker_sign(&m);
	recipients = usual();
	assert_ok(kms_recipient_verify(recipients, rd_buf_view(&doc), NOW_MS, &attested, &why));
	assert_ok(rd_digest_once(RD_SHA256, rd_buf_view(&doc), digest));
	memset(doc.ptr, 0, doc.used);
	rd_buf_finish(&doc);
	assert_true(attested.present);
	assert_false(attested.debug);
	assert_string_equal(attested.module_id, MAKER_MODULE_ID);
	assert_string_equal(attested.root_name, "test root");
	assert_int_equal(attested.timestamp_ms, NOW_MS + 500);
	assert_int_equal(attested.pcr_mask, 0xffff);
	assert_memory_equal(attested.pcr, m.pcrs, 16 * sizeof(m.pcrs[0]));
	assert_int_equal(attested.public_key_len, rsa2048.used);
	assert_memory_equal(attested.public_key, rsa2048.ptr, rsa2048.used);
	assert_true(attested.has_user_data);
	assert_int_equal(attested.user_data_len, 5);
	assert_memory_equal(attested.user_data, "hello", 5);
	assert_memory_equal(attested.digest, digest, sizeof(digest));
	kms_recipients_free(&recipients);
}

/* Case 140, and 146: the same document again. */
static void accepts_tag_18_and_the_same_document_twice(void **state)
{
	struct rd_buf tagged = rd_buf_growable(RD_VERIFY_INPUT_MAX);
	struct kms_recipients *recipients;
	struct kms_attested attested;
	uint64_t hits;
	uint64_t misses;
	const char *why;
	struct rd_buf doc;

	(void)state;
	reset();
	doc = maker_sign(&m);
	recipients = usual();
	assert_ok(rd_buf_u8(&tagged, 0xd2));
	assert_ok(rd_buf_put_view(&tagged, rd_buf_view(&doc)));
	assert_ok(kms_recipient_verify(recipients, rd_buf_view(&doc), NOW_MS, &attested, &why));
	assert_ok(kms_recipient_verify(recipients, rd_buf_view(&doc), NOW_MS, &attested, &why));
	assert_ok(kms_recipient_verify(recipients, rd_buf_view(&tagged), NOW_MS, &attested, &why));
	kms_recipients_stats(recipients, &hits, &misses);
	assert_int_equal(hits, 2);
	assert_int_equal(misses, 1);
	kms_recipients_free(&recipients);
	rd_buf_finish(&tagged);
	rd_buf_finish(&doc);
}

/* Case 139, and a known chain whose time is over. */
static void refuses_other_roots_and_expired_chains(void **state)
{
	struct kms_recipient_config config = config_of(m.roots);
	struct kms_recipients *recipients;
	struct kms_recipients *rootless;
	struct kms_attested attested;
	struct rd_cert *pinned;
	const struct rd_cert *roots[1];
	const char *why;
	struct rd_buf doc;

	(void)state;
	reset();
	doc = maker_sign(&m);
	pinned = rd_steal(&m.root, NULL);
	m.certs[0].t.not_after_s++;
	maker_chain(&m); /* another root is the trusted one now */
	recipients = usual();
	assert_refused(recipients, rd_buf_view(&doc), NOW_MS, "RD_VERIFY_UNKNOWN_ROOT");
	kms_recipients_free(&recipients);
	config.n_roots = 0;
	rootless = recipients_of(&config);
	assert_refused(rootless, rd_buf_view(&doc), NOW_MS, "RD_VERIFY_UNKNOWN_ROOT");
	kms_recipients_free(&rootless);
	roots[0] = pinned;
	config = config_of(roots);
	config.max_age_s = 0;
	recipients = recipients_of(&config);
	assert_ok(kms_recipient_verify(recipients, rd_buf_view(&doc), NOW_MS, &attested, &why));
	assert_refused(
		recipients, rd_buf_view(&doc), NOW_MS + INT64_C(1000001000), "RD_VERIFY_EXPIRED");
	kms_recipients_free(&recipients);
	rd_cert_free(&pinned);
	rd_buf_finish(&doc);
}

/* Case 145. */
static void age_and_skew_are_bounded_as_configured(void **state)
{
	struct kms_recipient_config config = config_of(m.roots);
	struct kms_recipients *recipients;
	struct kms_attested attested;
	const char *why;
	struct rd_buf doc;

	(void)state;
	reset();
	doc = maker_sign(&m);
	recipients = usual();
	assert_ok(kms_recipient_verify(
		recipients, rd_buf_view(&doc), NOW_MS + 300000, &attested, &why));
	assert_refused(recipients, rd_buf_view(&doc), NOW_MS + 301000, "RD_VERIFY_TOO_OLD");
	assert_ok(kms_recipient_verify(
		recipients, rd_buf_view(&doc), NOW_MS - 60000, &attested, &why));
	assert_refused(recipients, rd_buf_view(&doc), NOW_MS - 61000, "RD_VERIFY_FUTURE");
	kms_recipients_free(&recipients);
	config.max_age_s = 0;
	recipients = recipients_of(&config);
	assert_ok(kms_recipient_verify(
		recipients, rd_buf_view(&doc), NOW_MS + 301000, &attested, &why));
	kms_recipients_free(&recipients);
	rd_buf_finish(&doc);
}

/* Case 147. */
static void debug_enclaves_only_where_allowed(void **state)
{
	struct kms_recipient_config config = config_of(m.roots);
	struct kms_recipients *recipients;
	struct kms_attested attested;
	char hex[97];
	const char *why;
	struct rd_buf doc;

	(void)state;
	reset();
	memset(m.pcrs[0], 0, sizeof(m.pcrs[0]));
	doc = maker_sign(&m);
	recipients = usual();
	assert_refused(recipients, rd_buf_view(&doc), NOW_MS, "RD_VERIFY_DEBUG");
	kms_recipients_free(&recipients);
	config.allow_debug = true;
	recipients = recipients_of(&config);
	assert_ok(kms_recipient_verify(recipients, rd_buf_view(&doc), NOW_MS, &attested, &why));
	assert_true(attested.debug);
	assert_true(kms_attested_key(&attested, "kms:RecipientAttestation:ImageSha384", hex));
	assert_int_equal(strspn(hex, "0"), 96);
	kms_recipients_free(&recipients);
	rd_buf_finish(&doc);
}

static void refuses_public_key(struct rd_view public_key)
{
	struct kms_recipients *recipients;
	struct rd_buf doc;

	reset();
	m.doc.public_key = public_key;
	doc = maker_sign(&m);
	recipients = usual();
	assert_refused(recipients, rd_buf_view(&doc), NOW_MS, "PUBLIC_KEY");
	kms_recipients_free(&recipients);
	rd_buf_finish(&doc);
}

/* Case 143. The PKCS#1 form is what the SPKI wraps: its last 270 bytes. */
static void refuses_public_keys_of_other_kinds(void **state)
{
	static const char *const files[] = {
		"crypto/rsa1024.spki.der", "crypto/rsa2048-e3.spki.der", "crypto/p384.spki.der"};
	uint8_t trailing[512];

	(void)state;
	memcpy(trailing, rsa2048.ptr, rsa2048.used);
	trailing[rsa2048.used] = 0;
	refuses_public_key((struct rd_view){.ptr = NULL});
	refuses_public_key(rd_view("", 0));
	refuses_public_key(rd_view(rsa2048.ptr + rsa2048.used - 270, 270));
	refuses_public_key(rd_view(trailing, rsa2048.used + 1));
	for (size_t i = 0; i < RD_ARRAY_LEN(files); i++) {
		struct rd_buf key = test_data(files[i]);

		refuses_public_key(rd_buf_view(&key));
		rd_buf_finish(&key);
	}
}

static void seals_for(unsigned bits, size_t secret_len, size_t want)
{
	struct rd_buf spki = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
	struct rd_buf cms = rd_buf_growable(RD_CMS_SIZE_MAX);
	struct rd_secret opened RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	uint8_t secret[64];
	struct kms_recipients *recipients;
	struct kms_attested attested;
	struct rd_rsa_key *key;
	const char *why;
	struct rd_buf doc;

	assert_ok(rd_rsa_key_generate(bits, &key));
	assert_ok(rd_rsa_key_to_spki(key, &spki));
	assert_ok(rd_random_bytes(secret, secret_len));
	reset();
	m.doc.public_key = rd_buf_view(&spki);
	doc = maker_sign(&m);
	recipients = usual();
	assert_ok(kms_recipient_verify(recipients, rd_buf_view(&doc), NOW_MS, &attested, &why));
	assert_ok(kms_recipient_seal(&attested, rd_view(secret, secret_len), &cms));
	assert_int_equal(cms.used, want);
	assert_ok(rd_secret_init(&opened, RD_CMS_SIZE_MAX));
	assert_ok(rd_cms_open(key, rd_buf_view(&cms), &opened));
	assert_true(rd_view_equal(rd_secret_view(&opened), rd_view(secret, secret_len)));
	kms_recipients_free(&recipients);
	rd_rsa_key_free(&key);
	rd_buf_finish(&doc);
	rd_buf_finish(&spki);
	rd_buf_finish(&cms);
}

/* Cases 128 and 144. */
static void seals_for_keys_of_2048_to_4096_bits(void **state)
{
	(void)state;
	seals_for(2048, 16, 477);
	seals_for(2048, 32, 493);
	seals_for(2048, 48, 509);
	seals_for(3072, 32, 493 + 128);
	seals_for(4096, 32, 493 + 256);
}

static void nothing_is_sealed_without_a_document(void **state)
{
	struct kms_attested attested = {.present = false};
	struct rd_buf cms = rd_buf_growable(RD_CMS_SIZE_MAX);

	(void)state;
	memcpy(attested.public_key, rsa2048.ptr, rsa2048.used);
	attested.public_key_len = rsa2048.used;
	assert_status(kms_recipient_seal(&attested, rd_view("secret", 6), &cms), RD_USAGE);
	assert_int_equal(cms.used, 0);
	rd_buf_finish(&cms);
}

static void condition_keys_are_the_registers(void **state)
{
	struct kms_attested attested = {.present = true, .pcr_mask = 0x00ff};
	char hex[97];

	(void)state;
	memset(attested.pcr[0], 0xab, sizeof(attested.pcr[0]));
	memset(attested.pcr[7], 0x12, sizeof(attested.pcr[7]));
	assert_true(kms_attested_key(&attested, "kms:RecipientAttestation:ImageSha384", hex));
	assert_string_equal(hex, "abababababababababababababababababababababababab"
				 "abababababababababababababababababababababababab");
	assert_true(kms_attested_key(&attested, "KMS:recipientATTESTATION:pcr7", hex));
	assert_int_equal(strspn(hex, "12"), 96);
	assert_false(kms_attested_key(&attested, "kms:RecipientAttestation:PCR8", hex));
	assert_false(kms_attested_key(&attested, "kms:RecipientAttestation:PCR07", hex));
	assert_false(kms_attested_key(&attested, "kms:RecipientAttestation:PCR32", hex));
	assert_false(kms_attested_key(&attested, "kms:RecipientAttestation:NitroTPMPCR7", hex));
	assert_false(kms_attested_key(&attested, "kms:RecipientAttestation", hex));
	attested.present = false;
	assert_false(kms_attested_key(&attested, "kms:RecipientAttestation:PCR7", hex));
}

/* Case 138, many times: one bit of a good document, anywhere, and nothing is left of it. */
static void refuses_every_mutated_document(void **state)
{
	struct kms_recipients *recipients;
	struct rd_buf doc;
	uint32_t x = 20260101; /* xorshift32: the same places each time */

	(void)state;
	reset();
	doc = maker_sign(&m);
	recipients = usual();
	for (int i = 0; i < MUTATIONS; i++) {
		struct kms_attested attested;
		const char *why;
		size_t at;

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		at = x % (doc.used * 8);
		doc.ptr[at / 8] ^= (uint8_t)(1u << at % 8);
		memset(&attested, 0xff, sizeof(attested));
		assert_status(kms_recipient_verify(
				      recipients, rd_buf_view(&doc), NOW_MS, &attested, &why),
			RD_UNTRUSTED);
		assert_true(is_all_zero(&attested));
		doc.ptr[at / 8] ^= (uint8_t)(1u << at % 8);
	}
	kms_recipients_free(&recipients);
	rd_buf_finish(&doc);
}

/* Case 138 and 142: cut short anywhere, lengthened, empty, noise. */
static void refuses_cut_and_lengthened_documents(void **state)
{
	struct kms_recipients *recipients;
	uint8_t noise[256];
	struct rd_buf doc;

	(void)state;
	reset();
	doc = maker_sign(&m);
	recipients = usual();
	for (size_t n = 0; n < doc.used; n += 37) {
		struct kms_attested attested;
		const char *why;

		assert_status(kms_recipient_verify(
				      recipients, rd_view(doc.ptr, n), NOW_MS, &attested, &why),
			RD_UNTRUSTED);
	}
	assert_ok(rd_buf_u8(&doc, 0));
	assert_refused(recipients, rd_buf_view(&doc), NOW_MS, "RD_VERIFY_TRAILING");
	assert_ok(rd_random_bytes(noise, sizeof(noise)));
	noise[0] = 0;
	assert_refused(recipients, rd_view(noise, sizeof(noise)), NOW_MS, "RD_VERIFY_NOT_COSE");
	kms_recipients_free(&recipients);
	rd_buf_finish(&doc);
}

/* AWS's own documents under AWS's root, each at its time: those with an RSA key are good for us. */
static void judges_genuine_documents(void **state)
{
	static const struct {
		const char *file;
		int64_t timestamp_ms;
		const char *why; /* NULL: accepted */
	} vectors[] = {
		{"02-2021-03-us-east-2-prod-rsa2048.bin", INT64_C(1616602241734), NULL},
		{"14-2024-05-us-east-1-prod-emptyfields.bin", INT64_C(1715103786613), "PUBLIC_KEY"},
		{"01-2021-03-us-east-2-prod-nofields.bin", INT64_C(1616018515685), "PUBLIC_KEY"},
		{"16-2024-09-prod-1024x3.bin", INT64_C(1725719859545), "PUBLIC_KEY"},
		{"17-2024-11-us-east-1-prod-ecpk.bin", INT64_C(1732983768387), "PUBLIC_KEY"},
		{"12-2024-01-us-east-2-debug-full.bin", INT64_C(1706120065635), "RD_VERIFY_DEBUG"},
		{"neg-01-bad-cose-signature.bin", INT64_C(1721770180771), "RD_VERIFY_SIGNATURE"},
		{"neg-02-foreign-root.bin", INT64_C(1734080745008), "RD_VERIFY_UNKNOWN_ROOT"},
	};
	struct rd_buf pem = test_data("attestation/aws-nitro-enclaves-root-g1.pem");
	struct rd_cert *root = NULL;
	const struct rd_cert *roots[1];
	struct kms_recipient_config config;
	struct kms_recipients *recipients;

	(void)state;
	assert_ok(rd_cert_from_pem(rd_buf_view(&pem), &root));
	roots[0] = root;
	config = config_of(roots);
	recipients = recipients_of(&config);
	for (size_t i = 0; i < RD_ARRAY_LEN(vectors); i++) {
		struct kms_attested attested;
		const char *why = NULL;
		char name[128];
		struct rd_buf doc;
		enum rd_status st;

		snprintf(name, sizeof(name), "attestation/%s", vectors[i].file);
		doc = test_data(name);
		st = kms_recipient_verify(
			recipients, rd_buf_view(&doc), vectors[i].timestamp_ms, &attested, &why);
		assert_status(st, vectors[i].why == NULL ? RD_OK : RD_UNTRUSTED);
		assert_string_equal(why, vectors[i].why == NULL ? "RD_VERIFY_OK" : vectors[i].why);
		rd_buf_finish(&doc);
	}
	kms_recipients_free(&recipients);
	rd_cert_free(&root);
	rd_buf_finish(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_a_right_document_and_copies_it),
		cmocka_unit_test(accepts_tag_18_and_the_same_document_twice),
		cmocka_unit_test(refuses_other_roots_and_expired_chains),
		cmocka_unit_test(age_and_skew_are_bounded_as_configured),
		cmocka_unit_test(debug_enclaves_only_where_allowed),
		cmocka_unit_test(refuses_public_keys_of_other_kinds),
		cmocka_unit_test(seals_for_keys_of_2048_to_4096_bits),
		cmocka_unit_test(nothing_is_sealed_without_a_document),
		cmocka_unit_test(condition_keys_are_the_registers),
		cmocka_unit_test(refuses_every_mutated_document),
		cmocka_unit_test(refuses_cut_and_lengthened_documents),
		cmocka_unit_test(judges_genuine_documents),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
