/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FF1 (SP 800-38G, algorithms 7 and 8).
 *
 * A ten-round Feistel network over the halves A (u numerals) and B (v): in each round
 * A' = A + F(B) modulo radix^m, m numerals long, and the halves change places; decryption runs the
 * rounds backward and subtracts. F is a CBC-MAC of what is constant (P), the tweak, the round and B
 * as a number, stretched by the cipher to d bytes. Sums are made numeral by numeral with a carry:
 * only F's output is ever divided by the radix, so no numbers longer than d bytes are needed, and
 * none of the standard's logarithms.
 */
#include "card/ff1.h"

#include "base/byteorder.h"
#include "base/secret.h"

#include <string.h>

#define ROUNDS 10
/* The longer half, as a number: 64 numerals below 36 have 331 bits. */
#define HALF_MAX   (RD_FF1_NUMERALS_MAX / 2)
#define NUMBER_MAX 42
/* d = 4 * ceil(b / 4) + 4, in whole blocks. */
#define STRETCHED_MAX (4 * RD_AES_BLOCK_SIZE)

struct ff1 {
	struct rd_aes *aes;
	unsigned radix;
	struct rd_view tweak;
	size_t u;           /* numerals of A */
	size_t v;           /* numerals of B */
	size_t number_size; /* b */
	size_t stretched;   /* d */
	uint8_t p[RD_AES_BLOCK_SIZE];
	uint8_t halves[2][HALF_MAX];
	/* One round's. */
	uint8_t number[NUMBER_MAX];
	uint8_t stream[STRETCHED_MAX];
	uint8_t sum[HALF_MAX];
};

static void wipe(struct ff1 *f)
{
	rd_wipe(f, sizeof(*f));
}

/* number = number * radix + numeral, big-endian. The sizes are chosen so that it fits. */
static void multiply_add(uint8_t *number, size_t size, unsigned radix, unsigned numeral)
{
	unsigned carry = numeral;

	for (size_t i = size; i > 0; i--) {
		carry += number[i - 1] * radix;
		number[i - 1] = (uint8_t)carry;
		carry >>= 8;
	}
}

/* number = number / radix; the remainder is returned. */
static unsigned divide(uint8_t *number, size_t size, unsigned radix)
{
	unsigned remainder = 0;

	for (size_t i = 0; i < size; i++) {
		remainder = remainder << 8 | number[i];
		number[i] = (uint8_t)(remainder / radix);
		remainder %= radix;
	}
	return remainder;
}

/* b, step 3: the bytes of the largest number of v numerals, which is what the standard's logarithm
 * comes to. */
static size_t bytes_of_numerals(unsigned radix, size_t v)
{
	uint8_t largest[NUMBER_MAX] = {0};
	size_t zeros = 0;

	for (size_t i = 0; i < v; i++) {
		multiply_add(largest, sizeof(largest), radix, radix - 1);
	}
	while (zeros < sizeof(largest) && largest[zeros] == 0) {
		zeros++;
	}
	return sizeof(largest) - zeros;
}

static bool domain_is_large_enough(unsigned radix, size_t n)
{
	uint64_t domain = 1;

	for (size_t i = 0; i < n && domain < RD_FF1_DOMAIN_MIN; i++) {
		domain *= radix;
	}
	return domain >= RD_FF1_DOMAIN_MIN;
}

static enum rd_status check(unsigned radix, struct rd_view tweak, struct rd_view numerals)
{
	RD_ENSURE(radix >= RD_FF1_RADIX_MIN && radix <= RD_FF1_RADIX_MAX, RD_USAGE);
	RD_ENSURE(numerals.len <= RD_FF1_NUMERALS_MAX && tweak.len <= RD_FF1_TWEAK_MAX, RD_LIMIT);
	RD_ENSURE(domain_is_large_enough(radix, numerals.len), RD_OUT_OF_RANGE);
	for (size_t i = 0; i < numerals.len; i++) {
		RD_ENSURE(numerals.ptr[i] < radix, RD_BAD_NUMBER);
	}
	return RD_OK;
}

/* Steps 1 to 5. */
static enum rd_status start(struct ff1 *f, struct rd_view numerals)
{
	struct rd_cur c = rd_cur(numerals);

	RD_TRY(check(f->radix, f->tweak, numerals));
	f->u = numerals.len / 2;
	f->v = numerals.len - f->u;
	f->number_size = bytes_of_numerals(f->radix, f->v);
	f->stretched = 4 * ((f->number_size + 3) / 4) + 4;
	RD_TRY(rd_cur_copy(&c, f->halves[0], f->u));
	RD_TRY(rd_cur_copy(&c, f->halves[1], f->v));
	/* [1] [2] [1] [radix]3 [10] [u mod 256] [n]4 [t]4 */
	rd_put_be32(f->p, 0x01020100);
	rd_put_be32(f->p + 4, f->radix << 16 | ROUNDS << 8 | (uint8_t)f->u);
	rd_put_be32(f->p + 8, (uint32_t)numerals.len);
	rd_put_be32(f->p + 12, (uint32_t)f->tweak.len);
	return RD_OK;
}

/* A CBC-MAC under way: block holds what is chained and, in its first bytes, what came since. */
struct mac {
	struct rd_aes *aes;
	uint8_t block[RD_AES_BLOCK_SIZE];
	size_t fill;
};

static enum rd_status absorb(struct mac *m, uint8_t byte)
{
	m->block[m->fill++] ^= byte;
	if (m->fill == sizeof(m->block)) {
		m->fill = 0;
		return rd_aes_encrypt_block(m->aes, m->block, m->block);
	}
	return RD_OK;
}

static enum rd_status absorb_all(struct mac *m, struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		RD_TRY(absorb(m, v.ptr[i]));
	}
	return RD_OK;
}

/* Steps 6.i and 6.ii: R = PRF(P || Q), Q = T || 0… || [round] || [NUM(B)]b, in whole blocks. */
static enum rd_status prf(const struct ff1 *f, unsigned round, struct mac *m)
{
	size_t q_size = f->tweak.len + 1 + f->number_size;
	size_t zeros = (RD_AES_BLOCK_SIZE - q_size % RD_AES_BLOCK_SIZE) % RD_AES_BLOCK_SIZE;

	RD_TRY(absorb_all(m, rd_view(f->p, sizeof(f->p))));
	RD_TRY(absorb_all(m, f->tweak));
	for (size_t i = 0; i < zeros; i++) {
		RD_TRY(absorb(m, 0));
	}
	RD_TRY(absorb(m, (uint8_t)round));
	return absorb_all(m, rd_view(f->number, f->number_size));
}

/* Step 6.iii: S = the first d bytes of R || E(R ^ [1]16) || E(R ^ [2]16) || …, E the block cipher.
 */
static enum rd_status stretch(struct ff1 *f, const uint8_t r[RD_AES_BLOCK_SIZE])
{
	uint8_t *at = f->stream;

	memcpy(at, r, RD_AES_BLOCK_SIZE);
	for (uint8_t j = 1; (size_t)j * RD_AES_BLOCK_SIZE < f->stretched; j++) {
		at += RD_AES_BLOCK_SIZE;
		memcpy(at, r, RD_AES_BLOCK_SIZE);
		at[RD_AES_BLOCK_SIZE - 1] ^= j;
		RD_TRY(rd_aes_encrypt_block(f->aes, at, at));
	}
	return RD_OK;
}

static enum rd_status round_function(
	struct ff1 *f, unsigned round, const uint8_t *half, size_t half_len)
{
	struct mac m = {.aes = f->aes};
	enum rd_status st;

	memset(f->number, 0, sizeof(f->number));
	for (size_t i = 0; i < half_len; i++) {
		multiply_add(f->number, f->number_size, f->radix, half[i]);
	}
	st = prf(f, round, &m);
	if (st == RD_OK) {
		st = stretch(f, m.block);
	}
	rd_wipe(&m, sizeof(m));
	return st;
}

/* Steps 6.v to 6.vii: the m numerals of A + y, or A - y, modulo radix^m. */
static void add_modulo(struct ff1 *f, const uint8_t *a, size_t m, bool subtract)
{
	unsigned carry = 0;

	for (size_t i = m; i > 0; i--) {
		unsigned y = divide(f->stream, f->stretched, f->radix) + carry;
		unsigned sum = subtract ? a[i - 1] + 2 * f->radix - y : a[i - 1] + y;

		f->sum[i - 1] = (uint8_t)(sum % f->radix);
		carry = subtract ? 2 - sum / f->radix : sum / f->radix;
	}
}

/*
 * One round, on the halves where they are: in an even round the first half gets the sum and the
 * second is F's input, in an odd one it is the other way round. So they need not change places.
 */
static enum rd_status do_round(struct ff1 *f, unsigned round, bool subtract)
{
	const size_t lengths[2] = {f->u, f->v};
	unsigned changed = round % 2;

	RD_TRY(round_function(f, round, f->halves[!changed], lengths[!changed]));
	add_modulo(f, f->halves[changed], lengths[changed], subtract);
	memcpy(f->halves[changed], f->sum, lengths[changed]);
	return RD_OK;
}

static void write_result(const struct ff1 *f, uint8_t *ret_numerals)
{
	memcpy(ret_numerals, f->halves[0], f->u);
	memcpy(ret_numerals + f->u, f->halves[1], f->v);
}

enum rd_status rd_ff1_encrypt(struct rd_aes *aes, unsigned radix, struct rd_view tweak,
	struct rd_view numerals, uint8_t *ret_numerals)
{
	RD_CLEANUP(wipe) struct ff1 f = {.aes = aes, .radix = radix, .tweak = tweak};

	RD_TRY(start(&f, numerals));
	for (unsigned round = 0; round < ROUNDS; round++) {
		RD_TRY(do_round(&f, round, false));
	}
	write_result(&f, ret_numerals);
	return RD_OK;
}

enum rd_status rd_ff1_decrypt(struct rd_aes *aes, unsigned radix, struct rd_view tweak,
	struct rd_view numerals, uint8_t *ret_numerals)
{
	RD_CLEANUP(wipe) struct ff1 f = {.aes = aes, .radix = radix, .tweak = tweak};

	RD_TRY(start(&f, numerals));
	for (unsigned round = ROUNDS; round > 0; round--) {
		RD_TRY(do_round(&f, round - 1, true));
	}
	write_result(&f, ret_numerals);
	return RD_OK;
}
