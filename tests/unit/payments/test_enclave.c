/* SPDX-License-Identifier: Apache-2.0 */
/* The enclave's parts that need no loop: configuration, policy, keys, vault, names, records. */
#include "test.h"

#include "enclave/channel.h"
#include "enclave/config.h"
#include "enclave/egress.h"
#include "enclave/journal.h"
#include "enclave/policy.h"
#include "enclave/rrn.h"
#include "enclave/vault.h"
#include "enclave/velocity.h"

/* Points of P-256: the generator and its double, negated. */
#define G                                                                                          \
	"046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"                       \
	"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"

static struct rd_ec_key *keys[4];
static struct keyring ring;

/* --- configuration --- */

#define CONFIG(version, kms_more, port)                                                            \
	"{\"version\":" version ",\"kms\":{\"region\":\"local-1\",\"endpoint\":\"kms\","           \
	"\"key_id\":\"k\",\"ca_file\":\"/a\"" kms_more ",\"port\":8443},\"gateway\":{"             \
	"\"name\":\"g\",\"ca_file\":\"/b\",\"port\":" port ",\"terminal\":\"T1\","                 \
	"\"timeout_ms\":5000},\"policy_file\":\"/p\"}"

static enum rd_status parse_config(const char *json)
{
	struct config config;
	struct rd_error err = {.text = ""};
	enum rd_status st = config_parse(rd_view_str(json), &config, &err);

	assert_true(st == RD_OK || err.text[0] != '\0');
	if (st == RD_OK) {
		assert_string_equal(config.kms.region, "local-1");
		assert_string_equal(config.gateway.terminal, "T1");
		assert_int_equal(config.kms.port, 8443);
		assert_int_equal(config.version, 1);
	}
	return st;
}

static void a_configuration_has_every_member_and_no_other(void **state)
{
	(void)state;
	assert_ok(parse_config(CONFIG("1", "", "8583")));
	assert_status(parse_config(CONFIG("0", "", "8583")), RD_OUT_OF_RANGE);
	assert_status(parse_config(CONFIG("\"1\"", "", "8583")), RD_BAD_TYPE);
	assert_status(parse_config(CONFIG("1", ",\"more\":1", "8583")), RD_FORBIDDEN);
	assert_status(parse_config(CONFIG("1", ",\"port\":1", "8583")), RD_MALFORMED);
	assert_status(parse_config(CONFIG("1", "", "4294967295")), RD_OUT_OF_RANGE);
	assert_status(parse_config("{\"version\":1}"), RD_MISSING);
	assert_status(parse_config("[]"), RD_BAD_TYPE);
	assert_status(parse_config(""), RD_MALFORMED);
	assert_status(parse_config(CONFIG("1", "", "8583") "x"), RD_MALFORMED);
}

/* --- policy --- */

static void point_hex(const struct rd_ec_key *key, char *ret)
{
	uint8_t room[RD_EC_POINT_SIZE_MAX];
	struct rd_buf out = rd_buf_fixed(room, sizeof(room));

	assert_ok(rd_ec_key_point(key, &out));
	rd_hex_string(rd_buf_view(&out), ret);
}

/* names: of so many custodians, with our keys in that order. */
static const char *policy_text(const char *const *names, const int *order, int n)
{
	static char text[4096];
	int used = snprintf(text, sizeof(text), "{\"version\":3,\"custodians\":[");

	for (int i = 0; i < n; i++) {
		char hex[2 * RD_EC_POINT_SIZE_MAX + 1];

		point_hex(keys[order[i]], hex);
		used += snprintf(text + used, sizeof(text) - (size_t)used,
			"%s{\"name\":\"%s\",\"key\":\"%s\"}", i > 0 ? "," : "", names[i], hex);
	}
	(void)snprintf(text + used, sizeof(text) - (size_t)used,
		"],\"amount_max\":5000,\"currencies\":[\"EUR\"],"
		"\"velocity\":{\"count\":2,\"window_s\":60}}");
	return text;
}

static const char *const names[] = {"alice", "bob", "carol", "dave"};
static const int order[] = {0, 1, 2, 3};

static struct policy make_policy(void)
{
	struct policy p = {0};

	assert_ok(policy_parse(rd_view_str(policy_text(names, order, 3)), &p, NULL));
	return p;
}

static enum rd_status parse_policy(const char *json)
{
	struct policy p = {0};
	struct rd_error err = {.text = ""};
	enum rd_status st = policy_parse(rd_view_str(json), &p, &err);

	assert_true(st == RD_OK || (err.text[0] != '\0' && p.n_custodians == 0));
	policy_finish(&p);
	return st;
}

static void a_policy_has_three_different_custodians(void **state)
{
	static const char *const twice[] = {"alice", "bob", "alice"};
	static const int same_key[] = {0, 1, 0};
	struct policy p = make_policy();

	(void)state;
	assert_int_equal(p.version, 3);
	assert_int_equal(p.n_custodians, 3);
	policy_finish(&p);
	assert_status(parse_policy(policy_text(names, order, 2)), RD_OUT_OF_RANGE);
	assert_status(parse_policy(policy_text(twice, order, 3)), RD_DUPLICATE);
	assert_status(parse_policy(policy_text(names, same_key, 3)), RD_DUPLICATE);
	assert_ok(parse_policy(policy_text(names, order, 4)));
}

#define POLICY(custodian, currencies)                                                              \
	"{\"version\":1,\"custodians\":[" custodian "," custodian "," custodian "],"               \
	"\"amount_max\":1,\"currencies\":" currencies ",\"velocity\":{\"count\":1,"                \
	"\"window_s\":1}}"

static void a_policys_keys_are_points(void **state)
{
	(void)state;
	assert_status(parse_policy(POLICY("{\"name\":\"a\",\"key\":\"" G "\"}", "[\"EUR\"]")),
		RD_DUPLICATE);
	assert_status(parse_policy(POLICY("{\"name\":\"a\",\"key\":\"04ff\"}", "[\"EUR\"]")),
		RD_MALFORMED);
	assert_status(
		parse_policy(POLICY("{\"name\":\"a\",\"key\":\"zz\"}", "[\"EUR\"]")), RD_MALFORMED);
	assert_status(parse_policy(POLICY("{\"name\":\"a\"}", "[\"EUR\"]")), RD_MISSING);
	assert_status(parse_policy(POLICY("1", "[\"EUR\"]")), RD_BAD_TYPE);
	assert_status(parse_policy(POLICY("1", "[]")), RD_OUT_OF_RANGE);
	assert_status(parse_policy(POLICY("1", "[\"EURO\"]")), RD_BAD_TYPE);
	assert_status(parse_policy(POLICY("1", "[1]")), RD_BAD_TYPE);
}

static void a_policy_has_limits(void **state)
{
	struct policy p = make_policy();

	(void)state;
	assert_null(policy_refuses(&p, 5000, "EUR"));
	assert_string_equal(policy_refuses(&p, 5001, "EUR"), "limit");
	assert_string_equal(policy_refuses(&p, 1, "USD"), "currency");
	policy_finish(&p);
}

static enum rd_status check(
	const struct policy *p, const char *a, int key_a, const char *b, int key_b)
{
	const struct rd_view request = rd_view_str("what is to be done");
	char signers[POLICY_SIGNERS_MAX];
	uint8_t rs[2][PAY_SIGNATURE_SIZE];
	struct pay_signatures list = {.n = b == NULL ? 1 : 2,
		.items = {{rd_view_str(a), rd_view(rs[0], sizeof(rs[0]))},
			{rd_view_str(b == NULL ? "" : b), rd_view(rs[1], sizeof(rs[1]))}}};

	assert_ok(rd_ec_sign(keys[key_a], request, rs[0]));
	assert_ok(rd_ec_sign(keys[key_b], request, rs[1]));
	return policy_check_signatures(p, request, &list, signers);
}

static void two_custodians_must_sign(void **state)
{
	struct policy p = make_policy();

	(void)state;
	assert_ok(check(&p, "alice", 0, "bob", 1));
	assert_ok(check(&p, "carol", 2, "alice", 0));
	assert_status(check(&p, "alice", 0, NULL, 1), RD_MISSING);
	assert_status(check(&p, "alice", 0, "alice", 0), RD_DUPLICATE);
	assert_status(check(&p, "alice", 0, "dave", 3), RD_NOTFOUND);
	assert_status(check(&p, "alice", 0, "bob", 2), RD_BAD_SIGNATURE);
	assert_status(check(&p, "bob", 0, "alice", 1), RD_BAD_SIGNATURE);
	policy_finish(&p);
}

/* --- names --- */

static struct rrn name(const char *kind, const char *order_id, const char *payment, const char *op)
{
	struct rrn r;

	assert_ok(rrn_derive(&ring, kind, order_id, payment, op, &r));
	assert_int_equal(strlen(r.rrn), PAY_RRN_MAX);
	assert_int_equal(strlen(r.stan), 6);
	return r;
}

static void names_come_from_ids_and_nothing_else(void **state)
{
	struct rrn a = name("authorise", "o1", "p1", "");
	struct keyring none = {0};
	struct rrn r;

	(void)state;
	assert_string_equal(a.rrn, name("authorise", "o1", "p1", "").rrn);
	assert_string_equal(a.stan, name("authorise", "o1", "p1", "").stan);
	assert_string_not_equal(a.rrn, name("authorise", "o1", "p2", "").rrn);
	assert_string_not_equal(a.rrn, name("authorise", "o1p", "1", "").rrn);
	assert_string_not_equal(a.rrn, name("capture", "o1", "p1", "").rrn);
	assert_string_not_equal(
		name("capture", "o1", "p1", "1").rrn, name("capture", "o1", "p1", "2").rrn);
	assert_status(rrn_derive(&none, "authorise", "o1", "p1", "", &r), RD_NOTFOUND);
}

/* --- the vault --- */

static const struct pay_card card = {
	.pan = "4111111111111111", .cvv = "737", .month = 12, .year = 2031};

static enum rd_status open_vault(
	const struct keyring *with, const char *merchant, const char *token, struct rd_view record)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	enum rd_status st = vault_open(with, merchant, token, record, &out);

	if (st == RD_OK) {
		const struct pay_card *c = channel_card(&out);

		assert_string_equal(c->pan, card.pan);
		assert_int_equal(c->month, 12);
		assert_int_equal(c->year, 2031);
		assert_string_equal(c->cvv, "");
	}
	return st;
}

static void a_record_opens_for_its_token_and_merchant(void **state)
{
	uint8_t room[PAY_VAULT_MAX];
	struct rd_buf vault = rd_buf_fixed(room, sizeof(room)),
		      log = rd_buf_fixed(room, sizeof(room));
	struct keyring none = {0};
	uint32_t version;

	(void)state;
	assert_ok(vault_seal(&ring, "shop", "tok_1", &card, &vault, &version));
	assert_int_equal(version, 2);
	assert_ok(open_vault(&ring, "shop", "tok_1", rd_buf_view(&vault)));
	assert_status(open_vault(&ring, "shop", "tok_2", rd_buf_view(&vault)), RD_UNTRUSTED);
	assert_status(open_vault(&ring, "shop2", "tok_1", rd_buf_view(&vault)), RD_UNTRUSTED);
	assert_status(open_vault(&none, "shop", "tok_1", rd_buf_view(&vault)), RD_NOTFOUND);
	room[13] = 1; /* the version: a key that is here, and not the record's */
	assert_status(open_vault(&ring, "shop", "tok_1", rd_buf_view(&vault)), RD_UNTRUSTED);
	room[13] = 9;
	assert_status(open_vault(&ring, "shop", "tok_1", rd_buf_view(&vault)), RD_NOTFOUND);
	assert_status(open_vault(&ring, "shop", "tok_1", rd_view(room, 20)), RD_TRUNCATED);
	rd_ec_key_free(&ring.log_key);
	assert_ok(keyring_make_log_key(&ring, &log));
	assert_status(open_vault(&ring, "shop", "tok_1", rd_buf_view(&log)), RD_FORBIDDEN);
}

static void the_logs_key_comes_back(void **state)
{
	uint8_t room[PAY_WRAPPED_MAX];
	struct rd_buf sealed = rd_buf_fixed(room, sizeof(room));
	struct rd_ec_key *first;

	(void)state;
	rd_ec_key_free(&ring.log_key);
	assert_ok(keyring_make_log_key(&ring, &sealed));
	first = rd_steal(&ring.log_key, NULL);
	assert_ok(keyring_open_log_key(&ring, rd_buf_view(&sealed)));
	assert_true(rd_ec_key_same(first, ring.log_key));
	rd_ec_key_free(&first);
	rd_ec_key_free(&ring.log_key);
	room[sealed.used - 1] ^= 1;
	assert_status(keyring_open_log_key(&ring, rd_buf_view(&sealed)), RD_UNTRUSTED);
	assert_null(ring.log_key);
}

static void a_policy_comes_back_as_a_policy_alone(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t room[PAY_WRAPPED_MAX];
	struct rd_buf sealed = rd_buf_fixed(room, sizeof(room));

	(void)state;
	assert_ok(rd_secret_init(&out, 64));
	assert_ok(keyring_seal_policy(&ring, rd_view_str("{}"), &sealed));
	assert_ok(keyring_open_policy(&ring, rd_buf_view(&sealed), &out));
	assert_true(rd_view_equal(rd_secret_view(&out), rd_view_str("{}")));
	assert_status(keyring_open_log_key(&ring, rd_buf_view(&sealed)), RD_FORBIDDEN);
}

static void a_purpose_has_one_key_but_cards(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret key = {0};
	struct rd_view wrapped = rd_view_str("w");

	(void)state;
	assert_ok(rd_secret_init(&key, 32));
	assert_ok(rd_secret_random(&key, 31));
	assert_status(keyring_add(&ring, PAY_KEY_CARD, 7, wrapped, &key), RD_OUT_OF_RANGE);
	assert_ok(rd_secret_random(&key, 32));
	assert_status(keyring_add(&ring, PAY_KEY_RRN, 2, wrapped, &key), RD_DUPLICATE);
	assert_status(keyring_add(&ring, PAY_KEY_CARD, 2, wrapped, &key), RD_DUPLICATE);
	assert_int_equal(key.len, 32);
	assert_int_equal(keyring_find(&ring, PAY_KEY_CARD, 0)->version, 2);
	assert_int_equal(keyring_find(&ring, PAY_KEY_CARD, 1)->version, 1);
	assert_null(keyring_find(&ring, PAY_KEY_CARD, 3));
}

static void a_key_is_kept_for_the_same_wrapped_form_alone(void **state)
{
	RD_CLEANUP(keyring_finish) struct keyring old = {0}, new = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret key = {0};
	struct rd_view wrapped = rd_view_str("wrapped"), other = rd_view_str("wrapped2");

	(void)state;
	assert_ok(rd_secret_init(&key, 32));
	assert_ok(rd_secret_random(&key, 32));
	assert_ok(keyring_add(&old, PAY_KEY_RRN, 1, wrapped, &key));
	assert_false(keyring_move(&old, PAY_KEY_RRN, 1, other, &new));
	assert_false(keyring_move(&old, PAY_KEY_RRN, 2, wrapped, &new));
	assert_false(keyring_move(&old, PAY_KEY_INDEX, 1, wrapped, &new));
	assert_true(keyring_move(&old, PAY_KEY_RRN, 1, wrapped, &new));
	assert_false(keyring_move(&old, PAY_KEY_RRN, 1, wrapped, &new));
	assert_non_null(keyring_find(&new, PAY_KEY_RRN, 1));
}

/* --- what leaves --- */

static bool has_pan(const char *text)
{
	return egress_has_pan(rd_view_str(text));
}

static void what_looks_like_a_number_does_not_leave(void **state)
{
	(void)state;
	assert_true(has_pan("4111111111111111"));
	assert_true(has_pan("card 378282246310005."));
	assert_true(has_pan("x_5555555555554444\n"));
	assert_false(has_pan("4111111111111112"));
	assert_false(has_pan("411111******1111"));
	assert_false(has_pan("a4111111111111111"));
	assert_false(has_pan("4111111111111111f"));
	assert_false(has_pan("999999999999"));
	assert_false(has_pan("9999999999999995"));
	assert_false(has_pan(""));
}

static void a_message_with_a_number_in_it_is_not_encoded(void **state)
{
	static struct pay_message m;
	static uint8_t room[4096];
	static const uint8_t blind[PAY_BLIND_SIZE];
	struct rd_buf out = rd_buf_fixed(room, sizeof(room));

	(void)state;
	m = (struct pay_message){
		.type = PAY_LOOKUP, .id = 1, .lookup.blind = rd_view(blind, sizeof(blind))};
	strcpy(m.lookup.merchant, "378282246310005");
	assert_status(egress_encode(&m, &out), RD_FORBIDDEN);
	assert_int_equal(out.used, 0);
	strcpy(m.lookup.merchant, "shop");
	assert_ok(egress_encode(&m, &out));
	m.lookup.blind.len = 1;
	assert_status(egress_encode(&m, &out), RD_USAGE);
}

static void a_record_is_json_and_has_no_number(void **state)
{
	static struct journal journal;
	static struct journal_entry entry;
	struct journal_facts facts = {.event = "Authorise",
		.stage = "done",
		.who = "merchant:\"x\\\x01",
		.amount = 5,
		.masked = "411111******1111"};
	static const char who[] = "\"userIdentity\":{\"principalId\":\"merchant:\\\"x\\\\?\"}";
	static const char what[] =
		"\"resources\":[{\"masked\":\"411111******1111\"}],\"amount\":5,";

	(void)state;
	journal = (struct journal){.image_version = 1};
	assert_status(journal_append(&journal, &facts, &entry), RD_USAGE);
	assert_ok(rd_audit_author_init(keys[0], 0, &journal.author));
	journal.open = true;
	assert_ok(journal_append(&journal, &facts, &entry));
	assert_int_equal(entry.logged.index, 0);
	assert_non_null(memmem(entry.storage, entry.logged.record.len, who, strlen(who)));
	assert_non_null(memmem(entry.storage, entry.logged.record.len, what, strlen(what)));
	assert_int_equal(journal.author.range.size, 1);
	facts.masked = card.pan;
	assert_status(journal_append(&journal, &facts, &entry), RD_FORBIDDEN);
	assert_int_equal(journal.author.range.size, 1);
}

static void a_card_is_counted_in_its_window(void **state)
{
	static struct velocity v;
	uint8_t a[PAY_BLIND_SIZE] = {1}, b[PAY_BLIND_SIZE] = {2};

	(void)state;
	assert_true(velocity_allows(&v, a, "p1", 2, 60, 1000));
	assert_true(velocity_allows(&v, a, "p1", 2, 60, 1001));
	assert_true(velocity_allows(&v, a, "p2", 2, 60, 1002));
	assert_false(velocity_allows(&v, a, "p3", 2, 60, 1003));
	assert_true(velocity_allows(&v, b, "p4", 2, 60, 1004));
	assert_false(velocity_allows(&v, a, "p5", 2, 60, 60999));
	assert_true(velocity_allows(&v, a, "p6", 2, 60, 61000));
}

static void a_full_table_forgets_the_oldest_card(void **state)
{
	static struct velocity v;
	uint8_t blind[PAY_BLIND_SIZE] = {0};

	(void)state;
	for (uint32_t i = 0; i <= VELOCITY_CARDS_MAX; i++) {
		memcpy(blind, &i, sizeof(i));
		assert_true(velocity_allows(&v, blind, "p", 1, 3600, 1000 + i));
	}
	assert_false(velocity_allows(&v, blind, "q", 1, 3600, 9000));
	memset(blind, 0, sizeof(blind));
	assert_true(velocity_allows(&v, blind, "q", 1, 3600, 9000));
}

/* --- */

static void add(uint32_t purpose, uint32_t version)
{
	struct rd_secret key = {0};

	assert_ok(rd_secret_init(&key, KEYRING_KEY_SIZE));
	assert_ok(rd_secret_random(&key, KEYRING_KEY_SIZE));
	assert_ok(keyring_add(&ring, purpose, version, rd_view_str("w"), &key));
}

static int set_up(void **state)
{
	(void)state;
	assert_ok(rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL));
	for (size_t i = 0; i < RD_ARRAY_LEN(keys); i++) {
		assert_ok(rd_ec_key_generate(RD_P256, &keys[i]));
	}
	for (uint32_t purpose = PAY_KEY_CARD; purpose < PAY_PURPOSE_END; purpose++) {
		add(purpose, 1);
	}
	add(PAY_KEY_CARD, 2);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	keyring_finish(&ring);
	for (size_t i = 0; i < RD_ARRAY_LEN(keys); i++) {
		rd_ec_key_free(&keys[i]);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_has_every_member_and_no_other),
		cmocka_unit_test(a_policy_has_three_different_custodians),
		cmocka_unit_test(a_policys_keys_are_points),
		cmocka_unit_test(a_policy_has_limits),
		cmocka_unit_test(two_custodians_must_sign),
		cmocka_unit_test(names_come_from_ids_and_nothing_else),
		cmocka_unit_test(a_record_opens_for_its_token_and_merchant),
		cmocka_unit_test(the_logs_key_comes_back),
		cmocka_unit_test(a_policy_comes_back_as_a_policy_alone),
		cmocka_unit_test(a_purpose_has_one_key_but_cards),
		cmocka_unit_test(a_key_is_kept_for_the_same_wrapped_form_alone),
		cmocka_unit_test(what_looks_like_a_number_does_not_leave),
		cmocka_unit_test(a_message_with_a_number_in_it_is_not_encoded),
		cmocka_unit_test(a_record_is_json_and_has_no_number),
		cmocka_unit_test(a_card_is_counted_in_its_window),
		cmocka_unit_test(a_full_table_forgets_the_oldest_card),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
