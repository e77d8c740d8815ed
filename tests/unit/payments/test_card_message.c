/* SPDX-License-Identifier: Apache-2.0 */
/* What the page seals: one form, one length. */
#include "test.h"

#include "wire/card.h"

static const struct pay_card good = {
	.pan = "4111111111111111", .cvv = "123", .month = 12, .year = 2031};

static uint8_t plain[PAY_CARD_SIZE];

static void make(const struct pay_card *card)
{
	struct rd_buf out = rd_buf_fixed(plain, sizeof(plain));

	assert_ok(pay_card_encode(card, &out));
	assert_int_equal(out.used, PAY_CARD_SIZE);
}

static enum rd_status decode(struct pay_card *ret)
{
	return pay_card_decode(rd_view(plain, sizeof(plain)), ret);
}

static void every_card_has_one_length(void **state)
{
	struct pay_card card = good, back;

	(void)state;
	make(&card);
	assert_ok(decode(&back));
	assert_string_equal(back.pan, card.pan);
	assert_string_equal(back.cvv, card.cvv);
	assert_int_equal(back.month, 12);
	assert_int_equal(back.year, 2031);
	strcpy(card.pan, "378282246310005");
	strcpy(card.cvv, "1234");
	make(&card);
	assert_ok(decode(&back));
	strcpy(card.pan, "6304000000000000000");
	make(&card);
	assert_ok(decode(&back));
	assert_string_equal(back.pan, card.pan);
}

/* a5 01 70 <16 digits> 02 0c 03 19 07ef 04 63 <3> 05 58 <n> zeros */
static void is_the_map_that_is_described(void **state)
{
	(void)state;
	make(&good);
	assert_view_hex(rd_view(plain, 37),
		"a5017034313131313131313131313131313131020c031907ef0463313233"
		"0558df00000000");
}

static enum rd_status changed(size_t at, uint8_t value)
{
	struct pay_card back;

	make(&good);
	plain[at] = value;
	return decode(&back);
}

static void refuses_every_other_form(void **state)
{
	struct pay_card back;

	(void)state;
	assert_status(changed(0, 0xa4), RD_MISSING);      /* a key too few */
	assert_status(changed(0, 0xa6), RD_NONCANONICAL); /* and one too many */
	assert_status(changed(1, 0x02), RD_NONCANONICAL); /* another key first */
	assert_status(changed(2, 0x50), RD_BAD_TYPE);     /* bytes, not text */
	assert_status(changed(3, 'x'), RD_MALFORMED);
	assert_status(changed(3, ' '), RD_MALFORMED);
	assert_status(changed(20, 0x00), RD_OUT_OF_RANGE); /* month 0 */
	assert_status(changed(20, 0x0d), RD_OUT_OF_RANGE);
	assert_status(changed(23, 0x08), RD_OUT_OF_RANGE); /* year 2287 */
	assert_status(changed(23, 0x06), RD_OUT_OF_RANGE); /* year 1775 */
	assert_status(changed(27, '/'), RD_MALFORMED);
	assert_status(changed(100, 1), RD_NONCANONICAL); /* padding */
	assert_status(changed(32, 0xde), RD_TRAILING);   /* padding shorter */
	assert_status(changed(32, 0xe0), RD_TRUNCATED);
	make(&good);
	assert_status(pay_card_decode(rd_view(plain, PAY_CARD_SIZE - 1), &back), RD_LIMIT);
	assert_status(pay_card_decode(rd_view(plain, 0), &back), RD_LIMIT);
}

static void does_not_write_what_would_be_refused(void **state)
{
	struct rd_buf out = rd_buf_fixed(plain, sizeof(plain));
	struct pay_card card = good;

	(void)state;
	strcpy(card.pan, "41111111111");
	assert_status(pay_card_encode(&card, &out), RD_USAGE);
	assert_status(pay_card_export(&card, &out), RD_USAGE);
	card = good;
	card.month = 13;
	assert_status(pay_card_encode(&card, &out), RD_USAGE);
	card = good;
	card.cvv[0] = '\0';
	assert_status(pay_card_encode(&card, &out), RD_USAGE);
	assert_ok(pay_card_export(&card, &out));
	assert_view_hex(rd_buf_view(&out), "a3017034313131313131313131313131313131020c031907ef");
}

static void the_aad_names_the_payment(void **state)
{
	const struct pay_card_aad aad = {
		.order = "ord_1", .payment = "key", .amount = 1250, .currency = "EUR"};
	uint8_t room[PAY_CARD_AAD_MAX];
	struct rd_buf out = rd_buf_fixed(room, sizeof(room));

	(void)state;
	assert_ok(pay_card_aad(&aad, &out));
	assert_view_hex(rd_buf_view(&out), "856463617264656f72645f31636b65791904e263455552");
}

static void the_longest_aad_fits(void **state)
{
	char id[65];
	const struct pay_card_aad aad = {
		.order = id, .payment = id, .amount = UINT64_MAX, .currency = "EUR"};
	uint8_t room[PAY_CARD_AAD_MAX];
	struct rd_buf out = rd_buf_fixed(room, sizeof(room));

	(void)state;
	memset(id, 'a', 64);
	id[64] = '\0';
	assert_ok(pay_card_aad(&aad, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_card_has_one_length),
		cmocka_unit_test(is_the_map_that_is_described),
		cmocka_unit_test(refuses_every_other_form),
		cmocka_unit_test(does_not_write_what_would_be_refused),
		cmocka_unit_test(the_aad_names_the_payment),
		cmocka_unit_test(the_longest_aad_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
