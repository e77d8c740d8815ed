/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's tree against the known eight-leaf tree of Certificate Transparency's reference code,
 * and against the definitions of RFC 6962 written down as they stand, for every size up to 130.
 */
#include "test.h"

#include "base/byteorder.h"
#include "merkle/head.h"
#include "merkle/proof.h"

#define SIZE_MAX_TESTED 130u
#define LEVELS_TESTED   9u

/* Stored nodes, and how often they were asked for. */
struct store {
	struct rd_merkle_hash nodes[LEVELS_TESTED][SIZE_MAX_TESTED];
	bool has[LEVELS_TESTED][SIZE_MAX_TESTED];
	unsigned fetches;
	unsigned fail_at; /* the store fails when this level is stored; 0 never */
};

static struct rd_merkle_hash leaves[SIZE_MAX_TESTED];
static struct store full;

static enum rd_status keep(
	void *ctx, unsigned level, uint64_t index, const struct rd_merkle_hash *hash)
{
	struct store *s = ctx;

	assert_true(level < LEVELS_TESTED && index < SIZE_MAX_TESTED);
	if (s->fail_at != 0 && level == s->fail_at) {
		return RD_IO;
	}
	assert_false(s->has[level][index]);
	s->has[level][index] = true;
	s->nodes[level][index] = *hash;
	return RD_OK;
}

static enum rd_status fetch(void *ctx, unsigned level, uint64_t index, struct rd_merkle_hash *ret)
{
	struct store *s = ctx;

	s->fetches++;
	if (level >= LEVELS_TESTED || index >= SIZE_MAX_TESTED || !s->has[level][index]) {
		return RD_NOTFOUND;
	}
	*ret = s->nodes[level][index];
	return RD_OK;
}

/* MTH of RFC 6962, 2.1. */
static struct rd_merkle_hash naive_root(uint64_t start, uint64_t end)
{
	struct rd_merkle_hash left;
	struct rd_merkle_hash right;
	struct rd_merkle_hash out;
	uint64_t k = 1;

	if (end - start == 1) {
		return leaves[start];
	}
	while (2 * k < end - start) {
		k *= 2;
	}
	left = naive_root(start, start + k);
	right = naive_root(start + k, end);
	assert_ok(rd_merkle_node(&left, &right, &out));
	return out;
}

/* PATH of 2.1.1. */
static void naive_path(uint64_t m, uint64_t start, uint64_t end, struct rd_merkle_proof *p)
{
	uint64_t k = 1;

	if (end - start == 1) {
		return;
	}
	while (2 * k < end - start) {
		k *= 2;
	}
	if (m < k) {
		naive_path(m, start, start + k, p);
		p->path[p->n++] = naive_root(start + k, end);
	} else {
		naive_path(m - k, start + k, end, p);
		p->path[p->n++] = naive_root(start, start + k);
	}
}

/* SUBPROOF of 2.1.2. */
static void naive_subproof(
	uint64_t m, uint64_t start, uint64_t end, bool whole, struct rd_merkle_proof *p)
{
	uint64_t k = 1;

	if (m == end - start) {
		if (!whole) {
			p->path[p->n++] = naive_root(start, end);
		}
		return;
	}
	while (2 * k < end - start) {
		k *= 2;
	}
	if (m <= k) {
		naive_subproof(m, start, start + k, whole, p);
		p->path[p->n++] = naive_root(start + k, end);
	} else {
		naive_subproof(m - k, start + k, end, false, p);
		p->path[p->n++] = naive_root(start, start + k);
	}
}

static void assert_same_proof(const struct rd_merkle_proof *a, const struct rd_merkle_proof *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->path, b->path, a->n * sizeof(a->path[0]));
}

static int make_full_tree(void **state)
{
	struct rd_merkle_range range = {0};

	(void)state;
	for (uint32_t i = 0; i < SIZE_MAX_TESTED; i++) {
		uint8_t entry[4];

		rd_put_be32(entry, i);
		assert_ok(rd_merkle_leaf(rd_view(entry, sizeof(entry)), &leaves[i]));
		assert_ok(rd_merkle_append(&range, &leaves[i], keep, &full));
	}
	return 0;
}

static const struct {
	const char *entry;
	const char *root;
} ct_tree[] = {
	{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
	{"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	{"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	{"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
	{"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
	{"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
	{"606162636465666768696a6b6c6d6e6f",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static void leaf_of_hex(const char *hex, struct rd_merkle_hash *ret)
{
	uint8_t storage[32];
	struct rd_buf entry = rd_buf_fixed(storage, sizeof(storage));

	assert_ok(rd_hex_decode(rd_view_str(hex), &entry));
	assert_ok(rd_merkle_leaf(rd_buf_view(&entry), ret));
}

static void make_ct_tree(struct store *s)
{
	struct rd_merkle_range range = {0};
	struct rd_merkle_hash leaf;

	for (size_t i = 0; i < RD_ARRAY_LEN(ct_tree); i++) {
		leaf_of_hex(ct_tree[i].entry, &leaf);
		assert_ok(rd_merkle_append(&range, &leaf, keep, s));
	}
}

static void roots_are_those_of_the_reference_tree(void **state)
{
	struct rd_merkle_range range = {0};
	struct rd_merkle_hash hash;

	(void)state;
	assert_ok(rd_merkle_root(&range, &hash));
	assert_view_hex(rd_view(hash.bytes, 32),
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t i = 0; i < RD_ARRAY_LEN(ct_tree); i++) {
		leaf_of_hex(ct_tree[i].entry, &hash);
		assert_ok(rd_merkle_append(&range, &hash, NULL, NULL));
		assert_ok(rd_merkle_root(&range, &hash));
		assert_view_hex(rd_view(hash.bytes, 32), ct_tree[i].root);
	}
}

static void assert_proof_hex(const struct rd_merkle_proof *p, const char *hex)
{
	uint8_t storage[RD_MERKLE_PROOF_MAX * RD_MERKLE_HASH_SIZE];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	assert_ok(rd_merkle_proof_encode(p, &out));
	assert_view_hex(rd_buf_view(&out), hex);
}

/* index, size, path */
static const struct {
	uint64_t m;
	uint64_t n;
	const char *path;
} ct_inclusion[] = {
	{0, 1, ""},
	{0, 8,
		"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
		"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"},
	{5, 8,
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{2, 3, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	{1, 5,
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"},
};

/* old size, size, proof */
static const struct {
	uint64_t m;
	uint64_t n;
	const char *path;
} ct_consistency[] = {
	{1, 1, ""},
	{1, 8,
		"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
		"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"},
	{6, 8,
		"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{2, 5,
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"},
};

static void proofs_are_those_of_the_reference_tree(void **state)
{
	static struct store s;
	struct rd_merkle_proof p;

	(void)state;
	make_ct_tree(&s);
	for (size_t i = 0; i < RD_ARRAY_LEN(ct_inclusion); i++) {
		assert_ok(rd_merkle_prove_inclusion(
			ct_inclusion[i].m, ct_inclusion[i].n, fetch, &s, &p));
		assert_proof_hex(&p, ct_inclusion[i].path);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(ct_consistency); i++) {
		assert_ok(rd_merkle_prove_consistency(
			ct_consistency[i].m, ct_consistency[i].n, fetch, &s, &p));
		assert_proof_hex(&p, ct_consistency[i].path);
	}
}

static void every_small_root_is_the_definition_s(void **state)
{
	struct rd_merkle_range range = {0};

	(void)state;
	for (uint64_t n = 1; n <= SIZE_MAX_TESTED; n++) {
		struct rd_merkle_hash want = naive_root(0, n);
		struct rd_merkle_range loaded;
		struct rd_merkle_hash got;

		assert_ok(rd_merkle_append(&range, &leaves[n - 1], NULL, NULL));
		assert_ok(rd_merkle_root(&range, &got));
		assert_true(rd_merkle_equal(&got, &want));
		assert_ok(rd_merkle_range_load(n, fetch, &full, &loaded));
		assert_ok(rd_merkle_root(&loaded, &got));
		assert_true(rd_merkle_equal(&got, &want));
	}
}

static void every_small_inclusion_proof_is_the_definition_s_and_verifies(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= SIZE_MAX_TESTED; n++) {
		struct rd_merkle_hash root = naive_root(0, n);

		for (uint64_t m = 0; m < n; m++) {
			struct rd_merkle_proof want = {0};
			struct rd_merkle_proof got;

			naive_path(m, 0, n, &want);
			full.fetches = 0;
			assert_ok(rd_merkle_prove_inclusion(m, n, fetch, &full, &got));
			assert_true(full.fetches <= 2 * LEVELS_TESTED);
			assert_same_proof(&got, &want);
			assert_ok(rd_merkle_verify_inclusion(m, n, &leaves[m], &got, &root));
		}
	}
}

static void every_small_consistency_proof_is_the_definition_s_and_verifies(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= SIZE_MAX_TESTED; n++) {
		struct rd_merkle_hash root = naive_root(0, n);

		for (uint64_t m = 1; m <= n; m++) {
			struct rd_merkle_hash old = naive_root(0, m);
			struct rd_merkle_proof want = {0};
			struct rd_merkle_proof got;

			naive_subproof(m, 0, n, true, &want);
			assert_ok(rd_merkle_prove_consistency(m, n, fetch, &full, &got));
			assert_same_proof(&got, &want);
			assert_ok(rd_merkle_verify_consistency(m, n, &old, &root, &got));
		}
	}
}

/* Every hash damaged, one missing, one too many. ask says whether a proof is believed. */
static void refuses_each_mutation(struct rd_merkle_proof *p,
	enum rd_status (*ask)(void *ctx, const struct rd_merkle_proof *p), void *ctx)
{
	assert_ok(ask(ctx, p));
	for (size_t i = 0; i < p->n; i++) {
		p->path[i].bytes[i % 32] ^= 0x10;
		assert_status(ask(ctx, p), RD_UNTRUSTED);
		p->path[i].bytes[i % 32] ^= 0x10;
	}
	if (p->n > 0) {
		p->n--;
		assert_status(ask(ctx, p), RD_UNTRUSTED);
		p->n++;
	}
	memset(&p->path[p->n++], 0x5a, sizeof(p->path[0]));
	assert_status(ask(ctx, p), RD_UNTRUSTED);
	p->path[p->n - 1] = p->path[0];
	assert_status(ask(ctx, p), RD_UNTRUSTED);
	p->n = RD_MERKLE_PROOF_MAX + 1;
	assert_status(ask(ctx, p), RD_LIMIT);
}

struct question {
	uint64_t m;
	uint64_t n;
	struct rd_merkle_hash first; /* leaf, or old root */
	struct rd_merkle_hash root;
};

static enum rd_status ask_inclusion(void *ctx, const struct rd_merkle_proof *p)
{
	struct question *q = ctx;

	return rd_merkle_verify_inclusion(q->m, q->n, &q->first, p, &q->root);
}

static enum rd_status ask_consistency(void *ctx, const struct rd_merkle_proof *p)
{
	struct question *q = ctx;

	return rd_merkle_verify_consistency(q->m, q->n, &q->first, &q->root, p);
}

static void mutated_inclusion_proofs_are_refused(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 34; n++) {
		for (uint64_t m = 0; m < n; m++) {
			struct question q = {m, n, leaves[m], naive_root(0, n)};
			struct rd_merkle_proof p;

			assert_ok(rd_merkle_prove_inclusion(m, n, fetch, &full, &p));
			/* Another place in the tree, and another entry in this place. */
			for (q.m = 0; q.m < n; q.m++) {
				assert_status(
					ask_inclusion(&q, &p), q.m == m ? RD_OK : RD_UNTRUSTED);
			}
			q.m = m;
			q.first = leaves[(m + 1) % n];
			assert_status(ask_inclusion(&q, &p), n == 1 ? RD_OK : RD_UNTRUSTED);
			q.first = leaves[m];
			refuses_each_mutation(&p, ask_inclusion, &q);
		}
	}
}

static void mutated_consistency_proofs_are_refused(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 34; n++) {
		for (uint64_t m = 1; m <= n; m++) {
			struct question q = {m, n, naive_root(0, m), naive_root(0, n)};
			struct rd_merkle_proof p;

			assert_ok(rd_merkle_prove_consistency(m, n, fetch, &full, &p));
			/* A log that forked: an old root of other entries. */
			q.first = naive_root(1, m + 1);
			assert_status(ask_consistency(&q, &p), RD_UNTRUSTED);
			q.first = naive_root(0, m);
			q.root = naive_root(1, n + 1);
			assert_status(ask_consistency(&q, &p), RD_UNTRUSTED);
			q.root = naive_root(0, n);
			refuses_each_mutation(&p, ask_consistency, &q);
		}
	}
}

static void questions_without_an_answer_are_out_of_range(void **state)
{
	struct rd_merkle_proof p = {0};
	struct rd_merkle_hash h = leaves[0];
	uint64_t huge = RD_MERKLE_SIZE_MAX + 1;

	(void)state;
	assert_status(rd_merkle_prove_inclusion(5, 5, fetch, &full, &p), RD_OUT_OF_RANGE);
	assert_status(rd_merkle_prove_inclusion(0, 0, fetch, &full, &p), RD_OUT_OF_RANGE);
	assert_status(rd_merkle_prove_inclusion(0, huge, fetch, &full, &p), RD_LIMIT);
	assert_status(rd_merkle_verify_inclusion(0, 0, &h, &p, &h), RD_OUT_OF_RANGE);
	assert_status(rd_merkle_verify_inclusion(5, 5, &h, &p, &h), RD_OUT_OF_RANGE);
	assert_status(rd_merkle_verify_inclusion(0, huge, &h, &p, &h), RD_LIMIT);
	assert_status(rd_merkle_prove_consistency(0, 5, fetch, &full, &p), RD_OUT_OF_RANGE);
	assert_status(rd_merkle_prove_consistency(6, 5, fetch, &full, &p), RD_OUT_OF_RANGE);
	assert_status(rd_merkle_verify_consistency(0, 5, &h, &h, &p), RD_OUT_OF_RANGE);
	assert_status(rd_merkle_verify_consistency(6, 5, &h, &h, &p), RD_OUT_OF_RANGE);
	assert_status(rd_merkle_verify_consistency(1, huge, &h, &h, &p), RD_LIMIT);
	assert_status(
		rd_merkle_range_load(huge, fetch, &full, &(struct rd_merkle_range){0}), RD_LIMIT);
}

static void the_largest_tree_fits_a_proof(void **state)
{
	struct rd_merkle_proof p = {.n = RD_MERKLE_LEVELS};
	struct rd_merkle_hash h = leaves[0];

	(void)state;
	/* 63 hashes are walked to the end, and then the root is wrong; a 64th has no level. */
	assert_status(rd_merkle_verify_inclusion(0, RD_MERKLE_SIZE_MAX, &h, &p, &h), RD_UNTRUSTED);
	p.n = RD_MERKLE_PROOF_MAX;
	assert_status(
		rd_merkle_verify_consistency(3, RD_MERKLE_SIZE_MAX, &h, &h, &p), RD_UNTRUSTED);
}

static void missing_nodes_end_the_work(void **state)
{
	static struct store empty;
	struct rd_merkle_proof p;
	struct rd_merkle_range r;

	(void)state;
	assert_status(rd_merkle_prove_inclusion(0, 5, fetch, &empty, &p), RD_NOTFOUND);
	assert_status(rd_merkle_prove_consistency(3, 5, fetch, &empty, &p), RD_NOTFOUND);
	assert_status(rd_merkle_range_load(5, fetch, &empty, &r), RD_NOTFOUND);
}

static void a_failed_append_changes_nothing(void **state)
{
	static struct store s;
	struct rd_merkle_range before;
	struct rd_merkle_range range = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_ok(rd_merkle_append(&range, &leaves[i], NULL, NULL));
	}
	before = range;
	s.fail_at = 2;
	assert_status(rd_merkle_append(&range, &leaves[3], keep, &s), RD_IO);
	assert_memory_equal(&range, &before, sizeof(range));
	range.size = RD_MERKLE_SIZE_MAX;
	assert_status(rd_merkle_append(&range, &leaves[3], NULL, NULL), RD_LIMIT);
}

static void proofs_round_trip_as_bytes(void **state)
{
	uint8_t storage[(RD_MERKLE_PROOF_MAX + 1) * RD_MERKLE_HASH_SIZE] = {0};
	struct rd_merkle_proof again;
	struct rd_merkle_proof p;
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_ok(rd_merkle_prove_inclusion(77, 130, fetch, &full, &p));
	assert_ok(rd_merkle_proof_encode(&p, &out));
	assert_ok(rd_merkle_proof_decode(rd_buf_view(&out), &again));
	assert_same_proof(&p, &again);
	assert_status(rd_merkle_proof_decode(rd_view(storage, 33), &again), RD_MALFORMED);
	assert_status(rd_merkle_proof_decode(rd_view(storage, sizeof(storage)), &again), RD_LIMIT);
	assert_ok(rd_merkle_proof_decode(rd_view(NULL, 0), &again));
	assert_int_equal(again.n, 0);
}

static struct rd_ec_key *new_key(enum rd_ec_curve curve)
{
	struct rd_ec_key *key = NULL;

	assert_ok(rd_ec_key_generate(curve, &key));
	return key;
}

static void heads_verify_and_are_refused_when_changed(void **state)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = new_key(RD_P256);
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *other = new_key(RD_P256);
	struct rd_merkle_head head = {.time_ms = 1767225600123, .size = 7};
	uint8_t bytes[RD_MERKLE_HEAD_SIZE + 1] = {0};
	struct rd_merkle_head again;

	(void)state;
	head.root = naive_root(0, 7);
	assert_ok(rd_merkle_head_sign(key, &head, bytes));
	assert_ok(rd_merkle_head_verify(key, rd_view(bytes, RD_MERKLE_HEAD_SIZE), &again));
	assert_true(again.time_ms == head.time_ms && again.size == head.size);
	assert_true(rd_merkle_equal(&again.root, &head.root));
	assert_status(rd_merkle_head_verify(other, rd_view(bytes, RD_MERKLE_HEAD_SIZE), &again),
		RD_WRONG_KEY);
	assert_status(rd_merkle_head_verify(key, rd_view(bytes, RD_MERKLE_HEAD_SIZE - 1), &again),
		RD_TRUNCATED);
	assert_status(rd_merkle_head_verify(key, rd_view(bytes, RD_MERKLE_HEAD_SIZE + 1), &again),
		RD_TRAILING);
	for (size_t i = 0; i < RD_MERKLE_HEAD_SIZE; i++) {
		enum rd_status want = i < 8    ? RD_BAD_MAGIC
				      : i < 40 ? RD_WRONG_KEY
					       : RD_BAD_SIGNATURE;

		bytes[i] ^= 1;
		assert_status(
			rd_merkle_head_verify(key, rd_view(bytes, RD_MERKLE_HEAD_SIZE), &again),
			want);
		bytes[i] ^= 1;
	}
}

static void a_head_is_read_without_its_signature_only_when_asked(void **state)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = new_key(RD_P256);
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *other = new_key(RD_P256);
	struct rd_merkle_head head = {.time_ms = 7, .size = 3};
	uint8_t bytes[RD_MERKLE_HEAD_SIZE];
	struct rd_view v = rd_view(bytes, sizeof(bytes));
	struct rd_merkle_head again;

	(void)state;
	assert_ok(rd_merkle_head_sign(key, &head, bytes));
	bytes[RD_MERKLE_HEAD_BODY_SIZE + 5] ^= 1;
	assert_ok(rd_merkle_head_read(key, v, &again));
	assert_true(again.time_ms == 7 && again.size == 3);
	assert_status(rd_merkle_head_verify(key, v, &again), RD_BAD_SIGNATURE);
	assert_status(rd_merkle_head_read(other, v, &again), RD_WRONG_KEY);
	v.len--;
	assert_status(rd_merkle_head_read(key, v, &again), RD_TRUNCATED);
	bytes[48] = 0x80;
	v.len++;
	assert_status(rd_merkle_head_read(key, v, &again), RD_LIMIT);
	bytes[0] ^= 1;
	assert_status(rd_merkle_head_read(key, v, &again), RD_BAD_MAGIC);
}

static void head_bytes_are_as_documented(void **state)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = new_key(RD_P256);
	struct rd_merkle_head head = {.time_ms = 0x0102030405060708, .size = 0x1112};
	uint8_t bytes[RD_MERKLE_HEAD_SIZE];
	struct rd_merkle_hash id;

	(void)state;
	memset(&head.root, 0xab, sizeof(head.root));
	assert_ok(rd_merkle_head_sign(key, &head, bytes));
	assert_memory_equal(bytes, "RDLOGH2\0", 8);
	assert_ok(rd_merkle_log_id(key, &id));
	assert_memory_equal(bytes + 8, id.bytes, 32);
	assert_view_hex(rd_view(bytes + 40, 16), "01020304050607080000000000001112");
	assert_memory_equal(bytes + 56, head.root.bytes, 32);
	assert_ok(rd_ec_verify(key, rd_view(bytes, 88), rd_view(bytes + 88, 64)));
}

static void only_p256_keys_with_a_private_half_sign_heads(void **state)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *wrong = new_key(RD_P384);
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = new_key(RD_P256);
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *public = NULL;
	struct rd_buf spki RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EC_SPKI_SIZE_MAX);
	struct rd_merkle_head head = {.size = RD_MERKLE_SIZE_MAX + 1};
	uint8_t bytes[RD_MERKLE_HEAD_SIZE];

	(void)state;
	assert_ok(rd_ec_key_to_spki(key, &spki));
	assert_ok(rd_ec_key_from_spki(rd_buf_view(&spki), &public));
	assert_status(rd_merkle_head_sign(key, &head, bytes), RD_LIMIT);
	head.size = 1;
	assert_status(rd_merkle_head_sign(wrong, &head, bytes), RD_WRONG_KEY);
	assert_status(rd_merkle_head_sign_as(wrong, &head.root, &head, bytes), RD_WRONG_KEY);
	assert_status(rd_merkle_head_sign(public, &head, bytes), RD_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_the_reference_tree),
		cmocka_unit_test(proofs_are_those_of_the_reference_tree),
		cmocka_unit_test(every_small_root_is_the_definition_s),
		cmocka_unit_test(every_small_inclusion_proof_is_the_definition_s_and_verifies),
		cmocka_unit_test(every_small_consistency_proof_is_the_definition_s_and_verifies),
		cmocka_unit_test(mutated_inclusion_proofs_are_refused),
		cmocka_unit_test(mutated_consistency_proofs_are_refused),
		cmocka_unit_test(questions_without_an_answer_are_out_of_range),
		cmocka_unit_test(the_largest_tree_fits_a_proof),
		cmocka_unit_test(missing_nodes_end_the_work),
		cmocka_unit_test(a_failed_append_changes_nothing),
		cmocka_unit_test(proofs_round_trip_as_bytes),
		cmocka_unit_test(heads_verify_and_are_refused_when_changed),
		cmocka_unit_test(a_head_is_read_without_its_signature_only_when_asked),
		cmocka_unit_test(head_bytes_are_as_documented),
		cmocka_unit_test(only_p256_keys_with_a_private_half_sign_heads),
	};

	return cmocka_run_group_tests(tests, make_full_tree, NULL);
}
