/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, material, aliases, tags, grants and changes: what is stored is what comes back. */
#include "database.h"

static void add_key(struct rd_db *db, unsigned number, struct kms_key *ret)
{
	*ret = test_key(number);
	in_transaction(db, kms_store_key_add(db, ret));
}

static void keeps_every_field_of_a_key(void **state)
{
	struct test_database *t = *state;
	struct kms_key key = test_key(1), got;

	key.deletion_ms = 1;
	key.pending_days = 30;
	key.rotation_days = 365;
	key.next_rotation_ms = 3;
	key.on_demand_rotations = 4;
	key.expires = true;
	key.was_imported = true;
	key.valid_to_ms = INT64_MAX;
	in_transaction(t->db, kms_store_key_add(t->db, &key));
	assert_ok(kms_store_key_get(t->db, ACCOUNT, key.id, &got));
	assert_string_equal(got.account, ACCOUNT);
	assert_string_equal(got.id, key.id);
	assert_int_equal(got.spec, KMS_SPEC_RSA_2048);
	assert_int_equal(got.usage, KMS_SIGN_VERIFY);
	assert_int_equal(got.origin, KMS_ORIGIN_EXTERNAL);
	assert_int_equal(got.state, KMS_STATE_ENABLED);
	assert_string_equal(got.description, key.description);
	assert_string_equal(got.policy, key.policy);
	assert_true(got.created_ms == 1700000000123);
	assert_int_equal(got.deletion_ms, 1);
	assert_int_equal(got.pending_days, 30);
	assert_int_equal(got.rotation_days, 365);
	assert_int_equal(got.next_rotation_ms, 3);
	assert_int_equal(got.on_demand_rotations, 4);
	assert_true(got.expires && got.was_imported);
	assert_true(got.valid_to_ms == INT64_MAX);
	assert_int_equal(got.version, 1);
	kms_key_finish(&got);
	assert_status(kms_store_key_get(t->db, OTHER, key.id, &got), RD_NOTFOUND);
	assert_ok(kms_store_key_find(t->db, key.id, &got));
	kms_key_finish(&got);
	in_transaction_fails(t->db, kms_store_key_add(t->db, &key), RD_EXISTS);
}

static void keeps_empty_and_hostile_texts(void **state)
{
	struct test_database *t = *state;
	struct kms_key key = test_key(1), got;
	char hostile[] = "'; DROP TABLE kms_key; -- \xc3\xa9 $1 \\";

	key.description = hostile;
	key.policy = (char *)(uintptr_t) "";
	in_transaction(t->db, kms_store_key_add(t->db, &key));
	assert_ok(kms_store_key_find(t->db, key.id, &got));
	assert_string_equal(got.description, hostile);
	assert_string_equal(got.policy, "");
	kms_key_finish(&got);
	assert_status(kms_store_key_find(t->db, hostile, &got), RD_NOTFOUND);
}

static void updates_compare_the_version(void **state)
{
	struct test_database *t = *state;
	struct kms_key key, late, got;

	add_key(t->db, 1, &key);
	late = key;
	key.state = KMS_STATE_DISABLED;
	key.description = (char *)(uintptr_t) "other";
	in_transaction(t->db, kms_store_key_update(t->db, &key));
	assert_int_equal(key.version, 2);
	late.state = KMS_STATE_PENDING_DELETION;
	in_transaction_fails(t->db, kms_store_key_update(t->db, &late), RD_AGAIN);
	assert_int_equal(late.version, 1);
	assert_ok(kms_store_key_find(t->db, key.id, &got));
	assert_int_equal(got.state, KMS_STATE_DISABLED);
	assert_string_equal(got.description, "other");
	assert_int_equal(got.version, 2);
	kms_key_finish(&got);
	late = test_key(2);
	in_transaction_fails(t->db, kms_store_key_update(t->db, &late), RD_NOTFOUND);
}

struct names {
	char text[1024];
	unsigned n;
};

static enum rd_status put_name(struct names *names, const char *name)
{
	size_t used = strlen(names->text);

	snprintf(
		names->text + used, sizeof(names->text) - used, "%s%s", used == 0 ? "" : " ", name);
	names->n++;
	return RD_OK;
}

static enum rd_status key_name(void *arg, const char *id)
{
	return put_name(arg, id + strlen(id) - 2);
}

static enum rd_status stop_at_two(void *arg, const char *id)
{
	(void)id;
	return ++*(unsigned *)arg == 2 ? RD_DENIED : RD_OK;
}

static void lists_keys_of_an_account_in_order(void **state)
{
	struct test_database *t = *state;
	struct names names = {.n = 0};
	struct kms_key key;
	unsigned calls = 0;

	for (unsigned i = 5; i > 0; i--) {
		add_key(t->db, i, &key);
	}
	key = test_key(6);
	strcpy(key.account, OTHER);
	in_transaction(t->db, kms_store_key_add(t->db, &key));
	assert_ok(kms_store_keys_list(t->db, ACCOUNT, "", 3, key_name, &names));
	key = test_key(3);
	assert_ok(kms_store_keys_list(t->db, ACCOUNT, key.id, 10, key_name, &names));
	assert_string_equal(names.text, "01 02 03 04 05");
	assert_status(kms_store_keys_list(t->db, ACCOUNT, "", 9, stop_at_two, &calls), RD_DENIED);
	assert_int_equal(calls, 2);
}

static enum rd_status last_key(void *arg, const char *id)
{
	strcpy(arg, id);
	return RD_OK;
}

/* Even numbers are there from the start; odd ones come in between the pages, in front and behind.
 */
static void pages_neither_double_nor_skip_while_keys_are_added(void **state)
{
	struct test_database *t = *state;
	char after[KMS_KEY_ID_SIZE] = "", last[KMS_KEY_ID_SIZE];
	unsigned seen[100] = {0};
	struct rd_db *other = NULL;
	struct kms_key key;

	test_open(t, &other);
	for (unsigned i = 0; i < 100; i += 2) {
		add_key(t->db, i, &key);
	}
	for (unsigned page = 0; page < 100; page++) {
		last[0] = '\0';
		assert_ok(kms_store_keys_list(t->db, ACCOUNT, after, 1, last_key, last));
		if (last[0] == '\0') {
			break;
		}
		seen[strtoul(last + 24, NULL, 10)]++;
		strcpy(after, last);
		if (page < 50) {
			add_key(other, (page * 37 % 50) * 2 + 1, &key);
		}
	}
	for (unsigned i = 0; i < 100; i += 2) {
		assert_int_equal(seen[i], 1);
		assert_true(seen[i + 1] <= 1);
	}
	rd_db_close(&other);
}

static void finds_what_is_due_and_nothing_else(void **state)
{
	struct test_database *t = *state;
	struct kms_key key[4];
	struct kms_material m;
	struct names names = {.n = 0};

	for (unsigned i = 0; i < 4; i++) {
		key[i] = test_key(i);
		key[i].state = i < 2 ? KMS_STATE_PENDING_DELETION : KMS_STATE_ENABLED;
		key[i].deletion_ms = i < 2 ? 200 - i * 50 : 0;
		key[i].rotation_days = i == 3 ? 90 : 0;
		key[i].next_rotation_ms = 100;
		in_transaction(t->db, kms_store_key_add(t->db, &key[i]));
	}
	assert_ok(kms_store_keys_due(t->db, KMS_DUE_DELETION, 149, 0, 10, key_name, &names));
	assert_int_equal(names.n, 0);
	assert_ok(kms_store_keys_due(t->db, KMS_DUE_DELETION, 200, 0, 10, key_name, &names));
	assert_string_equal(names.text, "01 00");
	assert_ok(kms_store_keys_due(t->db, KMS_DUE_DELETION, 200, 0, 1, key_name, &names));
	assert_ok(kms_store_keys_due(t->db, KMS_DUE_ROTATION, 99, 0, 10, key_name, &names));
	assert_ok(kms_store_keys_due(t->db, KMS_DUE_ROTATION, 100, 0, 10, key_name, &names));
	assert_string_equal(names.text, "01 00 01 03");
	m = test_material(key[2].id, 1);
	m.expires = true;
	m.valid_to_ms = 300;
	in_transaction(t->db, kms_store_material_add(t->db, &m));
	assert_ok(kms_store_keys_due(t->db, KMS_DUE_EXPIRY, 299, 0, 10, key_name, &names));
	assert_int_equal(names.n, 4);
	assert_ok(kms_store_keys_due(t->db, KMS_DUE_EXPIRY, 300, 0, 10, key_name, &names));
	assert_string_equal(names.text, "01 00 01 03 02");
	m.present = false;
	in_transaction(t->db, kms_store_material_update(t->db, &m));
	assert_ok(kms_store_keys_due(t->db, KMS_DUE_EXPIRY, 300, 0, 10, key_name, &names));
	assert_int_equal(names.n, 5);
}

static enum rd_status keep_material(void *arg, struct kms_material *m)
{
	struct kms_material *all = arg;
	unsigned i = 0;

	while (all[i].generation != 0) {
		i++;
	}
	all[i] = *m;
	*m = (struct kms_material){.generation = 0};
	return RD_OK;
}

static void keeps_material_by_generation(void **state)
{
	struct test_database *t = *state;
	struct kms_material m, got[4] = {{.generation = 0}};
	struct kms_key key;

	add_key(t->db, 1, &key);
	m = test_material(key.id, 2);
	m.rotation = KMS_ROTATION_ON_DEMAND;
	m.rotated_ms = 77;
	in_transaction(t->db, kms_store_material_add(t->db, &m));
	in_transaction_fails(t->db, kms_store_material_add(t->db, &m), RD_EXISTS);
	m = test_material(key.id, 1);
	m.state = KMS_MATERIAL_NON_CURRENT;
	m.expires = true;
	m.valid_to_ms = 88;
	in_transaction(t->db, kms_store_material_add(t->db, &m));
	m.present = false;
	in_transaction(t->db, kms_store_material_update(t->db, &m));
	assert_ok(kms_store_material_list(t->db, key.id, keep_material, got));
	assert_int_equal(got[0].generation, 1);
	assert_false(got[0].present);
	assert_null(got[0].wrapped);
	assert_true(got[0].expires && got[0].valid_to_ms == 88);
	assert_int_equal(got[0].state, KMS_MATERIAL_NON_CURRENT);
	assert_int_equal(got[1].generation, 2);
	assert_true(got[1].present);
	assert_view_hex(rd_view(got[1].wrapped, got[1].wrapped_len), "00000007aabb");
	assert_int_equal(got[1].rotation, KMS_ROTATION_ON_DEMAND);
	assert_int_equal(got[1].rotated_ms, 77);
	assert_string_equal(got[1].description, "made here");
	assert_string_equal(got[1].id + 62, "02");
	assert_int_equal(got[2].generation, 0);
	kms_material_finish(&got[1]);
	m = test_material("no such key", 1);
	in_transaction_fails(t->db, kms_store_material_add(t->db, &m), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_material_update(t->db, &m), RD_NOTFOUND);
}

static enum rd_status material_name(void *arg, struct kms_material *m)
{
	return put_name(arg, m->id + 62);
}

static void names_material_of_older_root_generations(void **state)
{
	struct test_database *t = *state;
	uint8_t newer[] = {0, 0, 0, 8, 1};
	struct names names = {.n = 0};
	struct kms_material m;
	struct kms_key key;

	add_key(t->db, 1, &key);
	for (uint32_t i = 1; i <= 3; i++) {
		m = test_material(key.id, i);
		m.present = i != 3;
		in_transaction(t->db, kms_store_material_add(t->db, &m));
	}
	assert_ok(kms_store_material_stale(t->db, 7, 10, material_name, &names));
	assert_int_equal(names.n, 0);
	assert_ok(kms_store_material_stale(t->db, 8, 10, material_name, &names));
	assert_string_equal(names.text, "01 02");
	m = test_material(key.id, 1);
	m.wrapped = newer;
	m.wrapped_len = sizeof(newer);
	in_transaction(t->db, kms_store_material_update(t->db, &m));
	assert_ok(kms_store_material_stale(t->db, 8, 10, material_name, &names));
	assert_string_equal(names.text, "01 02 02");
}

static enum rd_status alias_name(void *arg, const struct kms_alias *alias)
{
	return put_name(arg, alias->name);
}

static void moves_aliases_between_keys(void **state)
{
	struct test_database *t = *state;
	struct kms_key one, two, foreign = test_key(3);
	struct kms_alias a, got;

	add_key(t->db, 1, &one);
	add_key(t->db, 2, &two);
	strcpy(foreign.account, OTHER);
	in_transaction(t->db, kms_store_key_add(t->db, &foreign));
	a = test_alias("alias/a", one.id);
	in_transaction(t->db, kms_store_alias_add(t->db, &a));
	in_transaction_fails(t->db, kms_store_alias_add(t->db, &a), RD_EXISTS);
	strcpy(a.key_id, two.id);
	a.updated_ms = 44;
	in_transaction(t->db, kms_store_alias_update(t->db, &a));
	assert_ok(kms_store_alias_get(t->db, ACCOUNT, "alias/a", &got));
	assert_string_equal(got.key_id, two.id);
	assert_int_equal(got.created_ms, 1);
	assert_int_equal(got.updated_ms, 44);
	assert_status(kms_store_alias_get(t->db, OTHER, "alias/a", &got), RD_NOTFOUND);
	strcpy(a.key_id, foreign.id);
	in_transaction_fails(t->db, kms_store_alias_update(t->db, &a), RD_NOTFOUND);
	strcpy(a.name, "alias/b");
	in_transaction_fails(t->db, kms_store_alias_add(t->db, &a), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_alias_update(t->db, &a), RD_NOTFOUND);
	in_transaction(t->db, kms_store_alias_delete(t->db, ACCOUNT, "alias/a"));
	in_transaction_fails(t->db, kms_store_alias_delete(t->db, ACCOUNT, "alias/a"), RD_NOTFOUND);
}

static void lists_aliases_by_bytes_of_all_keys_or_one(void **state)
{
	struct test_database *t = *state;
	static const char *const texts[] = {
		"alias/b", "alias/B", "alias/a_", "alias/a-", "alias/ab"};
	struct names names = {.n = 0};
	struct kms_key one, two;
	struct kms_alias a;

	add_key(t->db, 1, &one);
	add_key(t->db, 2, &two);
	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		a = test_alias(texts[i], i < 2 ? one.id : two.id);
		in_transaction(t->db, kms_store_alias_add(t->db, &a));
	}
	assert_ok(kms_store_aliases_list(t->db, ACCOUNT, NULL, "", 3, alias_name, &names));
	assert_string_equal(names.text, "alias/B alias/a- alias/a_");
	assert_ok(kms_store_aliases_list(t->db, ACCOUNT, NULL, "alias/a_", 9, alias_name, &names));
	assert_string_equal(names.text, "alias/B alias/a- alias/a_ alias/ab alias/b");
	names = (struct names){.n = 0};
	assert_ok(kms_store_aliases_list(t->db, ACCOUNT, one.id, "", 9, alias_name, &names));
	assert_string_equal(names.text, "alias/B alias/b");
	assert_ok(kms_store_aliases_list(t->db, OTHER, one.id, "", 9, alias_name, &names));
	assert_ok(kms_store_aliases_list(t->db, OTHER, NULL, "", 9, alias_name, &names));
	assert_int_equal(names.n, 2);
}

static void the_51st_alias_of_a_key_is_refused(void **state)
{
	struct test_database *t = *state;
	struct kms_key one, two;
	char name[32];
	struct kms_alias a;

	add_key(t->db, 1, &one);
	add_key(t->db, 2, &two);
	for (unsigned i = 0; i < KMS_ALIASES_PER_KEY; i++) {
		snprintf(name, sizeof(name), "alias/%u", i);
		a = test_alias(name, one.id);
		in_transaction(t->db, kms_store_alias_add(t->db, &a));
	}
	a = test_alias("alias/more", one.id);
	in_transaction_fails(t->db, kms_store_alias_add(t->db, &a), RD_LIMIT);
	strcpy(a.key_id, two.id);
	in_transaction(t->db, kms_store_alias_add(t->db, &a));
	strcpy(a.key_id, one.id);
	in_transaction_fails(t->db, kms_store_alias_update(t->db, &a), RD_LIMIT);
	in_transaction(t->db, kms_store_alias_delete(t->db, ACCOUNT, "alias/7"));
	in_transaction(t->db, kms_store_alias_update(t->db, &a));
	in_transaction(t->db, kms_store_alias_update(t->db, &a));
}

static enum rd_status tag_name(void *arg, const struct kms_tag *tag)
{
	RD_TRY(put_name(arg, tag->key));
	return put_name(arg, tag->value);
}

static enum rd_status whole_material(void *arg, struct kms_material *m)
{
	return put_name(arg, m->id + 62);
}

static void a_whole_key_has_what_belongs_to_it(void **state)
{
	struct test_database *t = *state;
	struct names names = {.n = 0};
	const struct kms_whole_key whole = {
		.material = whole_material, .tag = tag_name, .alias = alias_name, .arg = &names};
	struct kms_key keys[2], got = {.version = 0};
	struct kms_material m;
	struct kms_alias a;
	struct kms_tag tag = {.value = "v"};

	for (unsigned i = 0; i < 2; i++) {
		add_key(t->db, i + 1, &keys[i]);
		for (uint32_t generation = 2; generation > 0; generation--) {
			m = test_material(keys[i].id, 10 * (i + 1) + generation);
			in_transaction(t->db, kms_store_material_add(t->db, &m));
		}
		for (char c = 'b'; c >= 'a'; c--) {
			snprintf(tag.key, sizeof(tag.key), "%c%u", c, i);
			in_transaction(t->db, kms_store_tag_put(t->db, keys[i].id, &tag));
			a = test_alias("", keys[i].id);
			snprintf(a.name, sizeof(a.name), "alias/%c%u", c, i);
			in_transaction(t->db, kms_store_alias_add(t->db, &a));
		}
	}
	assert_ok(kms_store_whole_key_get(t->db, keys[0].id, &got, &whole));
	assert_string_equal(got.id, keys[0].id);
	assert_string_equal(got.account, ACCOUNT);
	assert_string_equal(got.policy, keys[0].policy);
	assert_string_equal(names.text, "11 12 a0 v b0 v alias/a0 alias/b0");
	kms_key_finish(&got);
	/* A row that nothing of ours has written. */
	in_transaction(t->db,
		rd_db_run(t->db, "UPDATE alias SET account = '" OTHER "' WHERE name = 'alias/a1'",
			NULL, 0, NULL, NULL, NULL));
	got = (struct kms_key){.version = 0};
	names = (struct names){.n = 0};
	assert_ok(kms_store_whole_key_get(t->db, keys[1].id, &got, &whole));
	assert_string_equal(names.text, "21 22 a1 v b1 v alias/b1");
	kms_key_finish(&got);
	got = (struct kms_key){.version = 0};
	names = (struct names){.n = 0};
	assert_status(kms_store_whole_key_get(t->db, "no such key", &got, &whole), RD_NOTFOUND);
	assert_status(kms_store_whole_key_get(t->db, "' OR '' = '", &got, &whole), RD_NOTFOUND);
	assert_int_equal(names.n, 0);
}

static void tags_are_put_over_and_counted(void **state)
{
	struct test_database *t = *state;
	struct kms_tag tag = {.key = "b", .value = "1"};
	struct names names = {.n = 0};
	struct kms_key key;

	add_key(t->db, 1, &key);
	in_transaction(t->db, kms_store_tag_put(t->db, key.id, &tag));
	strcpy(tag.value, "2");
	in_transaction(t->db, kms_store_tag_put(t->db, key.id, &tag));
	strcpy(tag.key, "a");
	in_transaction(t->db, kms_store_tag_put(t->db, key.id, &tag));
	assert_ok(kms_store_tags_list(t->db, key.id, "", 9, tag_name, &names));
	assert_ok(kms_store_tags_list(t->db, key.id, "a", 9, tag_name, &names));
	assert_string_equal(names.text, "a 2 b 2 b 2");
	for (unsigned i = 2; i < KMS_TAGS_PER_KEY; i++) {
		snprintf(tag.key, sizeof(tag.key), "t%u", i);
		in_transaction(t->db, kms_store_tag_put(t->db, key.id, &tag));
	}
	strcpy(tag.key, "more");
	in_transaction_fails(t->db, kms_store_tag_put(t->db, key.id, &tag), RD_LIMIT);
	in_transaction(t->db, kms_store_tag_delete(t->db, key.id, "a"));
	in_transaction_fails(t->db, kms_store_tag_delete(t->db, key.id, "a"), RD_NOTFOUND);
	in_transaction(t->db, kms_store_tag_put(t->db, key.id, &tag));
	in_transaction_fails(t->db, kms_store_tag_put(t->db, "none", &tag), RD_NOTFOUND);
}

static void keeps_every_field_of_a_grant(void **state)
{
	struct test_database *t = *state;
	struct kms_grant g, got;
	struct kms_key key;

	add_key(t->db, 1, &key);
	g = test_grant(key.id, 1);
	in_transaction(t->db, kms_store_grant_add(t->db, &g));
	in_transaction_fails(t->db, kms_store_grant_add(t->db, &g), RD_EXISTS);
	assert_ok(kms_store_grant_get(t->db, key.id, g.id, &got));
	assert_string_equal(got.key_id, key.id);
	assert_string_equal(got.account, ACCOUNT);
	assert_string_equal(got.id, g.id);
	assert_string_equal(got.name, "n");
	assert_string_equal(got.grantee, g.grantee);
	assert_string_equal(got.retiring, g.retiring);
	assert_string_equal(got.issuer, g.issuer);
	assert_int_equal(got.operations, 0x80000001);
	assert_null(got.context_equals);
	assert_string_equal(got.context_subset, g.context_subset);
	assert_int_equal(got.created_ms, 9);
	kms_grant_finish(&got);
	assert_status(kms_store_grant_get(t->db, "other key", g.id, &got), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_grant_delete(t->db, "other key", g.id), RD_NOTFOUND);
	in_transaction(t->db, kms_store_grant_delete(t->db, key.id, g.id));
	assert_status(kms_store_grant_get(t->db, key.id, g.id, &got), RD_NOTFOUND);
	g = test_grant("none", 2);
	in_transaction_fails(t->db, kms_store_grant_add(t->db, &g), RD_NOTFOUND);
}

static enum rd_status grant_name(void *arg, struct kms_grant *g)
{
	return put_name(arg, g->id + 62);
}

static void filters_grants_by_any_combination(void **state)
{
	struct test_database *t = *state;
	struct kms_key one, two;
	struct kms_grant g;

	add_key(t->db, 1, &one);
	add_key(t->db, 2, &two);
	for (unsigned i = 0; i < 16; i++) {
		g = test_grant((i & 1) != 0 ? two.id : one.id, i);
		strcpy(g.grantee, (i & 2) != 0 ? "g1" : "g0");
		strcpy(g.retiring, (i & 4) != 0 ? "r1" : "");
		strcpy(g.name, (i & 8) != 0 ? "n1" : "n0");
		in_transaction(t->db, kms_store_grant_add(t->db, &g));
	}
	for (unsigned mask = 0; mask < 32; mask++) {
		struct kms_grant_filter f = {
			.key_id = (mask & 1) != 0 ? two.id : NULL,
			.grantee = (mask & 2) != 0 ? "g1" : NULL,
			.retiring = (mask & 4) != 0 ? "r1" : NULL,
			.name = (mask & 8) != 0 ? "n1" : NULL,
			.id = (mask & 16) != 0 ? g.id : NULL,
		};
		struct names names = {.n = 0}, want = {.n = 0};

		if ((mask & 7) == 0) {
			assert_status(kms_store_grants_list(t->db, &f, "", 99, grant_name, &names),
				RD_USAGE);
			continue;
		}
		for (unsigned i = 0; i < 16; i++) {
			char digits[3];

			if ((i & mask & 15) == (mask & 15) && ((mask & 16) == 0 || i == 15)) {
				snprintf(digits, sizeof(digits), "%02u", i);
				put_name(&want, digits);
			}
		}
		assert_ok(kms_store_grants_list(t->db, &f, "", 99, grant_name, &names));
		assert_string_equal(names.text, want.text);
		names = (struct names){.n = 0};
		assert_ok(kms_store_grants_list(t->db, &f, g.id, 99, grant_name, &names));
		assert_int_equal(names.n, 0);
	}
}

static enum rd_status no_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	(void)arg;
	(void)columns;
	(void)n;
	return RD_OK;
}

static void quotas_of_grants_materials_and_keys_hold(void **state)
{
	struct test_database *t = *state;
	const struct rd_db_value full = rd_db_int(KMS_GRANTS_PER_KEY);
	struct kms_material m;
	struct kms_grant g;
	struct kms_key key;

	add_key(t->db, 1, &key);
	in_transaction(t->db, rd_db_run(t->db, "UPDATE kms_key SET n_grants = $1 - 1 WHERE id > ''",
				      &full, 1, no_row, NULL, NULL));
	g = test_grant(key.id, 1);
	in_transaction(t->db, kms_store_grant_add(t->db, &g));
	g = test_grant(key.id, 2);
	in_transaction_fails(t->db, kms_store_grant_add(t->db, &g), RD_LIMIT);
	for (uint32_t i = 1; i <= KMS_MATERIALS_PER_KEY; i++) {
		m = test_material(key.id, i);
		in_transaction(t->db, kms_store_material_add(t->db, &m));
	}
	m = test_material(key.id, KMS_MATERIALS_PER_KEY + 1);
	in_transaction_fails(t->db, kms_store_material_add(t->db, &m), RD_LIMIT);
	in_transaction(t->db,
		rd_db_run(t->db, "UPDATE account_keys SET n = 10000000 / 16 - 1 WHERE account > ''",
			NULL, 0, no_row, NULL, NULL));
	key = test_key(11);
	in_transaction(t->db, kms_store_key_add(t->db, &key));
	key = test_key(21);
	in_transaction_fails(t->db, kms_store_key_add(t->db, &key), RD_LIMIT);
	assert_status(kms_store_key_find(t->db, key.id, &key), RD_NOTFOUND);
	key = test_key(11);
	in_transaction(t->db, kms_store_key_destroy(t->db, key.id));
	key = test_key(21);
	in_transaction(t->db, kms_store_key_add(t->db, &key));
}

static void a_destroyed_key_takes_all_with_it_once(void **state)
{
	struct test_database *t = *state;
	struct kms_tag tag = {.key = "k", .value = "v"};
	struct names names = {.n = 0};
	struct kms_material m;
	struct kms_alias a, got;
	struct kms_grant g;
	struct kms_key key;

	add_key(t->db, 1, &key);
	m = test_material(key.id, 1);
	g = test_grant(key.id, 1);
	a = test_alias("alias/a", key.id);
	in_transaction(t->db, kms_store_material_add(t->db, &m));
	in_transaction(t->db, kms_store_grant_add(t->db, &g));
	in_transaction(t->db, kms_store_alias_add(t->db, &a));
	in_transaction(t->db, kms_store_tag_put(t->db, key.id, &tag));
	in_transaction(t->db, kms_store_key_destroy(t->db, key.id));
	assert_status(kms_store_key_find(t->db, key.id, &key), RD_NOTFOUND);
	assert_ok(kms_store_material_list(t->db, key.id, material_name, &names));
	assert_ok(kms_store_tags_list(t->db, key.id, "", 9, tag_name, &names));
	assert_int_equal(names.n, 0);
	assert_status(kms_store_grant_get(t->db, key.id, g.id, &g), RD_NOTFOUND);
	assert_status(kms_store_alias_get(t->db, ACCOUNT, "alias/a", &got), RD_NOTFOUND);
	in_transaction_fails(t->db, kms_store_key_destroy(t->db, key.id), RD_NOTFOUND);
}

struct seen {
	struct names names;
	int64_t number;
};

static enum rd_status see(void *arg, int64_t number, char kind, const char *id)
{
	struct seen *seen = arg;
	char text[64];

	snprintf(text, sizeof(text), "%c=%s", kind, id);
	assert_true(number >= seen->number);
	seen->number = number;
	return put_name(&seen->names, text);
}

static void every_write_of_what_is_cached_is_a_change(void **state)
{
	struct test_database *t = *state;
	struct kms_alias a;
	struct kms_key one, two;
	struct seen seen = {.number = 0};
	char want[256];

	add_key(t->db, 1, &one);
	add_key(t->db, 2, &two);
	assert_ok(kms_store_changes_last(t->db, &seen.number));
	a = test_alias("alias/a", one.id);
	in_transaction(t->db, kms_store_alias_add(t->db, &a));
	strcpy(a.key_id, two.id);
	in_transaction(t->db, kms_store_alias_update(t->db, &a));
	in_transaction(t->db, kms_store_key_destroy(t->db, two.id));
	in_transaction(t->db, kms_store_meta_add(t->db, "root", rd_view("x", 1)));
	assert_ok(kms_store_changes_since(t->db, seen.number, see, &seen));
	snprintf(want, sizeof(want),
		"k=%s k=%s k=%s a=111122223333:alias/a a=111122223333:alias/a k=%s r=root", one.id,
		one.id, two.id, two.id);
	assert_string_equal(seen.names.text, want);
	assert_ok(kms_store_changes_since(t->db, seen.number, see, &seen));
	assert_int_equal(seen.names.n, 7);
	in_transaction_fails(t->db, kms_store_meta_add(t->db, "root", rd_view("x", 1)), RD_EXISTS);
	assert_ok(kms_store_changes_since(t->db, seen.number, see, &seen));
	assert_int_equal(seen.names.n, 7);
}

/* Two writers, of which the first to begin is the last to commit: only PostgreSQL has such. */
static void a_change_that_is_committed_late_is_not_missed(void **state)
{
	struct test_database *t = *state;
	struct rd_db *other = NULL;
	struct seen seen = {.number = 0};
	unsigned n;

	if (!on_postgres) {
		print_message("SQLite has one writer at a time\n");
		skip();
	}
	test_open(t, &other);
	assert_ok(kms_store_changes_last(t->db, &seen.number));
	assert_ok(rd_db_begin(other));
	assert_ok(kms_store_change_add(other, 'k', "early"));
	in_transaction(t->db, kms_store_change_add(t->db, 'k', "late"));
	assert_ok(kms_store_changes_since(t->db, seen.number, see, &seen));
	assert_string_equal(seen.names.text, "k=late");
	assert_ok(rd_db_commit(other));
	seen.names = (struct names){.n = 0};
	assert_ok(kms_store_changes_since(t->db, seen.number, see, &seen));
	assert_string_equal(seen.names.text, "k=early k=late");
	n = seen.names.n;
	assert_ok(kms_store_changes_since(t->db, seen.number, see, &seen));
	assert_int_equal(seen.names.n, n);
	rd_db_close(&other);
}

static void pruned_changes_leave_the_numbers_alone(void **state)
{
	struct test_database *t = *state;
	struct seen seen = {.number = 0}, all = {.number = 0};

	for (unsigned i = 0; i < 3; i++) {
		in_transaction(t->db, kms_store_change_add(t->db, 'k', "old"));
	}
	assert_ok(kms_store_changes_last(t->db, &seen.number));
	in_transaction(t->db, kms_store_changes_prune(t->db, INT64_MAX));
	in_transaction(t->db, kms_store_change_add(t->db, 'c', "new"));
	assert_ok(kms_store_changes_since(t->db, seen.number, see, &seen));
	assert_string_equal(seen.names.text, "c=new");
	in_transaction(t->db, kms_store_changes_prune(t->db, 1));
	assert_ok(kms_store_changes_since(t->db, 0, see, &all));
	assert_string_equal(all.names.text, "k=old c=new");
}

static enum rd_status note_pending_id(void *arg, const char *request_id)
{
	return put_name(arg, request_id);
}

static enum rd_status note_pending(void *arg, const char *request_id, struct rd_view record)
{
	char text[128];

	snprintf(text, sizeof(text), "%s:%.*s", request_id, (int)record.len,
		(const char *)record.ptr);
	return put_name(arg, text);
}

static void pending_records_go_to_who_comes_first(void **state)
{
	static const char two[2][KMS_PENDING_ID_SIZE] = {"a", "nobody's"};
	struct test_database *t = *state;
	struct names names = {.n = 0}, old = {.n = 0}, left = {.n = 0};

	in_transaction(t->db, kms_store_pending_put(t->db, "b", rd_view_str("one")));
	in_transaction(t->db, kms_store_pending_put(t->db, "b", rd_view_str("another try")));
	in_transaction(t->db, kms_store_pending_put(t->db, "a", rd_view_str("two")));
	assert_ok(kms_store_pending_ids(t->db, "", 10, note_pending_id, &names));
	assert_string_equal(names.text, "a b");
	assert_ok(kms_store_pending_ids(t->db, "a", 10, note_pending_id, &left));
	assert_string_equal(left.text, "b");
	/* By their age: none is as old as a minute; then one of them is, for one server. */
	assert_ok(kms_store_pending_due(t->db, 60000, 10, note_pending, &old));
	assert_int_equal(old.n, 0);
	assert_status(kms_store_pending_claim(t->db, "b", 60000), RD_NOTFOUND);
	assert_ok(rd_db_run(t->db,
		"UPDATE pending_record SET at_ms = at_ms - 120000 WHERE request_id = 'b'", NULL, 0,
		NULL, NULL, NULL));
	assert_ok(kms_store_pending_due(t->db, 60000, 10, note_pending, &old));
	assert_string_equal(old.text, "b:another try");
	assert_ok(kms_store_pending_claim(t->db, "b", 60000));
	assert_status(kms_store_pending_claim(t->db, "b", 60000), RD_NOTFOUND);
	assert_ok(kms_store_pending_delete(t->db, two, 2));
	left = (struct names){.n = 0};
	assert_ok(kms_store_pending_ids(t->db, "", 10, note_pending_id, &left));
	assert_string_equal(left.text, "b");
	assert_status(kms_store_pending_delete(t->db, two, RD_DB_COLUMNS_MAX + 1), RD_USAGE);
}

static void keeps_named_values(void **state)
{
	struct test_database *t = *state;
	struct rd_buf out = rd_buf_growable(64);

	assert_status(kms_store_meta_get(t->db, "a", &out), RD_NOTFOUND);
	in_transaction(t->db, kms_store_meta_add(t->db, "a", rd_view("\0\1", 2)));
	in_transaction(t->db, kms_store_meta_add(t->db, "b", rd_view("", 0)));
	in_transaction_fails(t->db, kms_store_meta_add(t->db, "a", rd_view("c", 1)), RD_EXISTS);
	in_transaction(t->db, kms_store_meta_replace(t->db, "c", rd_view("\2", 1)));
	in_transaction(t->db, kms_store_meta_replace(t->db, "c", rd_view("\3", 1)));
	assert_ok(kms_store_meta_get(t->db, "a", &out));
	assert_ok(kms_store_meta_get(t->db, "b", &out));
	assert_ok(kms_store_meta_get(t->db, "c", &out));
	assert_view_hex(rd_buf_view(&out), "000103");
	rd_buf_finish(&out);
}

static void rows_of_others_making_are_refused(void **state)
{
	struct test_database *t = *state;
	struct kms_key key, got;

	add_key(t->db, 1, &key);
	in_transaction(t->db, rd_db_run(t->db, "UPDATE kms_key SET spec = 99 WHERE id > ''", NULL,
				      0, NULL, NULL, NULL));
	assert_status(kms_store_key_find(t->db, key.id, &got), RD_BAD_NUMBER);
	in_transaction(t->db, rd_db_run(t->db,
				      "UPDATE kms_key SET spec = 0, account = "
				      "'1111222233334' WHERE id > ''",
				      NULL, 0, NULL, NULL, NULL));
	assert_status(kms_store_key_find(t->db, key.id, &got), RD_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DATABASE_TEST(keeps_every_field_of_a_key),
		DATABASE_TEST(keeps_empty_and_hostile_texts),
		DATABASE_TEST(updates_compare_the_version),
		DATABASE_TEST(lists_keys_of_an_account_in_order),
		DATABASE_TEST(pages_neither_double_nor_skip_while_keys_are_added),
		DATABASE_TEST(finds_what_is_due_and_nothing_else),
		DATABASE_TEST(keeps_material_by_generation),
		DATABASE_TEST(names_material_of_older_root_generations),
		DATABASE_TEST(moves_aliases_between_keys),
		DATABASE_TEST(lists_aliases_by_bytes_of_all_keys_or_one),
		DATABASE_TEST(the_51st_alias_of_a_key_is_refused),
		DATABASE_TEST(a_whole_key_has_what_belongs_to_it),
		DATABASE_TEST(tags_are_put_over_and_counted),
		DATABASE_TEST(keeps_every_field_of_a_grant),
		DATABASE_TEST(filters_grants_by_any_combination),
		DATABASE_TEST(quotas_of_grants_materials_and_keys_hold),
		DATABASE_TEST(a_destroyed_key_takes_all_with_it_once),
		DATABASE_TEST(every_write_of_what_is_cached_is_a_change),
		DATABASE_TEST(a_change_that_is_committed_late_is_not_missed),
		DATABASE_TEST(pruned_changes_leave_the_numbers_alone),
		DATABASE_TEST(pending_records_go_to_who_comes_first),
		DATABASE_TEST(keeps_named_values),
		DATABASE_TEST(rows_of_others_making_are_refused),
	};

	return RUN_ON_BOTH(tests);
}
