/* SPDX-License-Identifier: Apache-2.0 */
/* The author of a log and its keeper: what the keeper gives back wrongly is refused. */
#include "test.h"

#include "audit/author.h"

/* A keeper has all nodes, and so can make proofs. */
#define LEAVES_MAX 16

struct keeper {
	struct rd_merkle_hash nodes[5][LEAVES_MAX];
	struct rd_merkle_range range;
};

static struct rd_ec_key *key, *other_key;

static enum rd_status store(
	void *ctx, unsigned level, uint64_t index, const struct rd_merkle_hash *hash)
{
	((struct keeper *)ctx)->nodes[level][index] = *hash;
	return RD_OK;
}

static enum rd_status fetch(void *ctx, unsigned level, uint64_t index, struct rd_merkle_hash *ret)
{
	*ret = ((struct keeper *)ctx)->nodes[level][index];
	return RD_OK;
}

static void keep(struct keeper *k, struct rd_view record)
{
	struct rd_merkle_hash leaf;

	assert_ok(rd_merkle_leaf(record, &leaf));
	assert_ok(rd_merkle_append(&k->range, &leaf, store, k));
}

static struct rd_view peaks(const struct keeper *k)
{
	return rd_view(
		k->range.peaks, rd_merkle_peak_count(k->range.size) * sizeof(k->range.peaks[0]));
}

static struct rd_view head_of(const struct rd_audit_author *a)
{
	return rd_view(a->head_bytes, sizeof(a->head_bytes));
}

/* n records, each other when salt is. */
static void write_records(struct rd_audit_author *a, struct keeper *k, unsigned n, char salt)
{
	for (unsigned i = 0; i < n; i++) {
		char text[32];
		uint64_t index = 0, before = a->range.size;
		int len = snprintf(text, sizeof(text), "{\"n\":%u%c}", i, salt);

		keep(k, rd_view(text, (size_t)len));
		assert_ok(rd_audit_author_append(a, rd_view(text, (size_t)len), 1000 + i, &index));
		assert_int_equal(index, before);
	}
}

static struct rd_view proof(struct keeper *k, uint64_t old_size)
{
	static uint8_t room[RD_MERKLE_PROOF_MAX * RD_MERKLE_HASH_SIZE];
	struct rd_buf out = rd_buf_fixed(room, sizeof(room));
	struct rd_merkle_proof p;

	assert_ok(rd_merkle_prove_consistency(old_size, k->range.size, fetch, k, &p));
	assert_ok(rd_merkle_proof_encode(&p, &out));
	return rd_buf_view(&out);
}

static const struct rd_view no_proof = {0};

static void heads_are_those_of_the_records(void **state)
{
	struct rd_audit_author a;
	struct keeper k = {0};
	struct rd_merkle_head head;
	struct rd_merkle_hash root;

	(void)state;
	assert_ok(rd_audit_author_init(key, 500, &a));
	assert_ok(rd_merkle_head_verify(key, head_of(&a), &head));
	assert_int_equal(head.size, 0);
	assert_int_equal(head.time_ms, 500);
	write_records(&a, &k, 13, ' ');
	assert_ok(rd_merkle_head_verify(key, head_of(&a), &head));
	assert_ok(rd_merkle_root(&k.range, &root));
	assert_int_equal(head.size, 13);
	assert_true(rd_merkle_equal(&head.root, &root));
}

static void time_in_heads_never_goes_back(void **state)
{
	struct rd_audit_author a;
	uint64_t index;

	(void)state;
	assert_ok(rd_audit_author_init(key, 2000, &a));
	assert_ok(rd_audit_author_append(&a, rd_view_str("{}"), 1000, &index));
	assert_int_equal(a.head.time_ms, 2000);
	assert_ok(rd_audit_author_append(&a, rd_view_str("{}"), 3000, &index));
	assert_int_equal(a.head.time_ms, 3000);
}

static void goes_on_after_a_restart_as_if_there_had_been_none(void **state)
{
	struct rd_audit_author a, b;
	struct keeper k = {0};

	(void)state;
	assert_ok(rd_audit_author_init(key, 0, &a));
	write_records(&a, &k, 11, ' ');
	assert_ok(rd_audit_author_restore(key, 11, peaks(&k), head_of(&a), &b));
	write_records(&a, &k, 3, 'x');
	k = (struct keeper){0};
	write_records(&b, &k, 3, 'x');
	assert_true(rd_merkle_equal(&a.head.root, &b.head.root));
	assert_int_equal(b.head.size, 14);
}

static void restores_an_empty_log(void **state)
{
	struct rd_audit_author a, b;

	(void)state;
	assert_ok(rd_audit_author_init(key, 0, &a));
	assert_ok(rd_audit_author_restore(key, 0, rd_view(NULL, 0), head_of(&a), &b));
	assert_int_equal(b.range.size, 0);
}

static void refuses_peaks_that_are_not_the_heads(void **state)
{
	struct rd_audit_author a, b;
	struct keeper k = {0};
	uint8_t bytes[RD_AUDIT_PEAKS_MAX];
	struct rd_view p;

	(void)state;
	assert_ok(rd_audit_author_init(key, 0, &a));
	write_records(&a, &k, 11, ' ');
	p = peaks(&k);
	assert_ok(rd_audit_author_restore(key, 11, p, head_of(&a), &b));
	memcpy(bytes, p.ptr, p.len);
	bytes[40] ^= 1;
	assert_status(rd_audit_author_restore(key, 11, rd_view(bytes, p.len), head_of(&a), &b),
		RD_UNTRUSTED);
	/* 7 and 11 have three peaks each. */
	assert_status(rd_audit_author_restore(key, 7, p, head_of(&a), &b), RD_UNTRUSTED);
	assert_status(rd_audit_author_restore(key, 12, p, head_of(&a), &b), RD_MALFORMED);
	assert_status(rd_audit_author_restore(key, 11, rd_view(p.ptr, p.len - 1), head_of(&a), &b),
		RD_MALFORMED);
	assert_status(rd_audit_author_restore(key, UINT64_MAX, p, head_of(&a), &b), RD_LIMIT);
}

static void refuses_a_head_that_is_not_the_keys(void **state)
{
	struct rd_audit_author a, b;
	struct keeper k = {0};
	uint8_t head[RD_MERKLE_HEAD_SIZE];

	(void)state;
	assert_ok(rd_audit_author_init(key, 0, &a));
	write_records(&a, &k, 3, ' ');
	assert_status(
		rd_audit_author_restore(other_key, 3, peaks(&k), head_of(&a), &b), RD_WRONG_KEY);
	memcpy(head, a.head_bytes, sizeof(head));
	head[47] ^= 1;
	assert_status(rd_audit_author_restore(key, 3, peaks(&k), rd_view(head, sizeof(head)), &b),
		RD_BAD_SIGNATURE);
	assert_status(
		rd_audit_author_restore(key, 3, peaks(&k), rd_view(head, 10), &b), RD_TRUNCATED);
	assert_status(
		rd_audit_author_restore(key, 3, peaks(&k), rd_view(NULL, 0), &b), RD_TRUNCATED);
}

static void asks_for_a_proof_and_takes_it(void **state)
{
	struct rd_audit_author a, early;
	struct keeper k = {0};
	uint64_t old_size = 0;

	(void)state;
	assert_ok(rd_audit_author_init(key, 0, &a));
	early = a;
	assert_ok(rd_audit_author_continues(&a, head_of(&early), no_proof, &old_size));
	write_records(&a, &k, 7, ' ');
	assert_ok(rd_audit_author_continues(&a, head_of(&early), no_proof, &old_size));
	early = a;
	assert_ok(rd_audit_author_continues(&a, head_of(&early), no_proof, &old_size));
	write_records(&a, &k, 6, ' ');
	assert_status(
		rd_audit_author_continues(&a, head_of(&early), no_proof, &old_size), RD_MISSING);
	assert_int_equal(old_size, 7);
	assert_ok(rd_audit_author_continues(&a, head_of(&early), proof(&k, 7), &old_size));
	assert_status(rd_audit_author_continues(&a, head_of(&early), proof(&k, 6), &old_size),
		RD_UNTRUSTED);
	assert_status(rd_audit_author_continues(&a, head_of(&early), rd_view("", 0), &old_size),
		RD_UNTRUSTED);
	assert_status(rd_audit_author_continues(&a, head_of(&early), rd_view("abc", 3), &old_size),
		RD_MALFORMED);
}

static void a_log_that_was_rolled_back_is_refused(void **state)
{
	struct rd_audit_author a, old;
	struct keeper k = {0};
	uint64_t old_size;

	(void)state;
	assert_ok(rd_audit_author_init(key, 0, &a));
	write_records(&a, &k, 5, ' ');
	assert_ok(rd_audit_author_restore(key, 5, peaks(&k), head_of(&a), &old));
	write_records(&a, &k, 1, ' ');
	assert_status(
		rd_audit_author_continues(&old, head_of(&a), no_proof, &old_size), RD_EXPIRED);
}

static void a_log_on_another_branch_is_refused(void **state)
{
	struct rd_audit_author a, b;
	struct keeper ka = {0}, kb;
	uint64_t old_size;

	(void)state;
	assert_ok(rd_audit_author_init(key, 0, &a));
	write_records(&a, &ka, 5, ' ');
	kb = ka;
	b = a;
	write_records(&a, &ka, 2, 'a');
	write_records(&b, &kb, 2, 'b');
	assert_status(
		rd_audit_author_continues(&b, head_of(&a), no_proof, &old_size), RD_UNTRUSTED);
	write_records(&b, &kb, 4, 'b');
	assert_status(rd_audit_author_continues(&b, head_of(&a), no_proof, &old_size), RD_MISSING);
	assert_status(
		rd_audit_author_continues(&b, head_of(&a), proof(&kb, 7), &old_size), RD_UNTRUSTED);
}

static void a_head_of_another_log_is_refused(void **state)
{
	struct rd_audit_author a, b;
	uint64_t old_size;

	(void)state;
	assert_ok(rd_audit_author_init(key, 0, &a));
	assert_ok(rd_audit_author_init(other_key, 0, &b));
	assert_status(
		rd_audit_author_continues(&b, head_of(&a), no_proof, &old_size), RD_WRONG_KEY);
}

static void needs_a_private_key_on_p256(void **state)
{
	uint8_t storage[RD_EC_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(storage, sizeof(storage));
	struct rd_ec_key *public = NULL, *p384 = NULL;
	struct rd_audit_author a, b;

	(void)state;
	assert_ok(rd_ec_key_to_spki(key, &spki));
	assert_ok(rd_ec_key_from_spki(rd_buf_view(&spki), &public));
	assert_ok(rd_ec_key_generate(RD_P384, &p384));
	assert_status(rd_audit_author_init(public, 0, &a), RD_USAGE);
	assert_status(rd_audit_author_init(p384, 0, &a), RD_WRONG_KEY);
	assert_ok(rd_audit_author_init(key, 0, &a));
	assert_status(
		rd_audit_author_restore(public, 0, rd_view(NULL, 0), head_of(&a), &b), RD_USAGE);
	rd_ec_key_free(&public);
	rd_ec_key_free(&p384);
}

static int make_keys(void **state)
{
	(void)state;
	return rd_ec_key_generate(RD_P256, &key) == RD_OK &&
			       rd_ec_key_generate(RD_P256, &other_key) == RD_OK
		       ? 0
		       : -1;
}

static int free_keys(void **state)
{
	(void)state;
	rd_ec_key_free(&key);
	rd_ec_key_free(&other_key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_those_of_the_records),
		cmocka_unit_test(time_in_heads_never_goes_back),
		cmocka_unit_test(goes_on_after_a_restart_as_if_there_had_been_none),
		cmocka_unit_test(restores_an_empty_log),
		cmocka_unit_test(refuses_peaks_that_are_not_the_heads),
		cmocka_unit_test(refuses_a_head_that_is_not_the_keys),
		cmocka_unit_test(asks_for_a_proof_and_takes_it),
		cmocka_unit_test(a_log_that_was_rolled_back_is_refused),
		cmocka_unit_test(a_log_on_another_branch_is_refused),
		cmocka_unit_test(a_head_of_another_log_is_refused),
		cmocka_unit_test(needs_a_private_key_on_p256),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
