/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition keys of a question (kms.md 3.7, 4.7): first those that the operation supplies, then
 * those of every call and of the key, then the families that have a key for each tag, pair or
 * register.
 */
#include "kms/authorize-internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kms_pairs_finish(struct kms_pairs *pairs)
{
	free(pairs->keys);
	free(pairs->values);
	*pairs = (struct kms_pairs){.n = 0};
}

static int compare_folded(struct rd_view a, struct rd_view b)
{
	size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++) {
		int d = tolower(a.ptr[i]) - tolower(b.ptr[i]);

		if (d != 0) {
			return d;
		}
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

struct pair {
	struct rd_view key, value;
};

static int compare_pairs(const void *a, const void *b)
{
	return compare_folded(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* Takes pairs over. */
static enum rd_status sort_pairs(struct pair *pairs, size_t n, struct kms_pairs *ret)
{
	struct kms_pairs sorted = {.n = n};

	if (n == 0) {
		free(pairs);
		return RD_OK;
	}
	qsort(pairs, n, sizeof(*pairs), compare_pairs);
	sorted.keys = calloc(n, sizeof(*sorted.keys));
	sorted.values = calloc(n, sizeof(*sorted.values));
	if (sorted.keys == NULL || sorted.values == NULL) {
		kms_pairs_finish(&sorted);
		free(pairs);
		return RD_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		sorted.keys[i] = pairs[i].key;
		sorted.values[i] = pairs[i].value;
	}
	free(pairs);
	*ret = sorted;
	return RD_OK;
}

enum rd_status kms_pairs_of_json(json_t *object, struct kms_pairs *ret)
{
	size_t room = json_object_size(object), n = 0;
	struct pair *pairs;
	const char *key;
	json_t *value;

	*ret = (struct kms_pairs){.n = 0};
	if (room == 0) {
		return RD_OK;
	}
	pairs = calloc(room, sizeof(*pairs));
	RD_ENSURE(pairs != NULL, RD_NOMEM);
	json_object_foreach(object, key, value)
	{
		if (json_is_string(value)) {
			pairs[n++] = (struct pair){.key = rd_view_str(key),
				.value = rd_view(
					json_string_value(value), json_string_length(value))};
		}
	}
	return sort_pairs(pairs, n, ret);
}

static enum rd_status pairs_of_tags(const struct kms_tag *tags, size_t n, struct kms_pairs *ret)
{
	struct pair *pairs;

	*ret = (struct kms_pairs){.n = 0};
	if (n == 0) {
		return RD_OK;
	}
	pairs = calloc(n, sizeof(*pairs));
	RD_ENSURE(pairs != NULL, RD_NOMEM);
	for (size_t i = 0; i < n; i++) {
		pairs[i] = (struct pair){
			.key = rd_view_str(tags[i].key), .value = rd_view_str(tags[i].value)};
	}
	return sort_pairs(pairs, n, ret);
}

static enum rd_status begin(struct kms_context *c, const char *name, size_t n_values)
{
	RD_ENSURE(c->n_entries < KMS_CONTEXT_ENTRIES, RD_LIMIT);
	RD_ENSURE(n_values <= KMS_CONTEXT_VALUES - c->n_values, RD_LIMIT);
	c->entries[c->n_entries++] = (struct rd_policy_entry){
		.key = rd_view_str(name), .values = {.v = c->values + c->n_values, .n = n_values}};
	return RD_OK;
}

/* NULL and "": the key is absent. */
static enum rd_status add(struct kms_context *c, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0') {
		return RD_OK;
	}
	RD_TRY(begin(c, name, 1));
	c->values[c->n_values++] = rd_view_str(value);
	return RD_OK;
}

static enum rd_status add_facts(struct kms_context *c, const struct kms_fact *facts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct kms_fact *fact = &facts[i];

		RD_TRY(begin(c, fact->name, fact->n_values));
		for (size_t k = 0; k < fact->n_values; k++) {
			c->values[c->n_values++] = rd_view_str(fact->values[k]);
		}
	}
	return RD_OK;
}

static enum rd_status add_operation(struct kms_context *c, const struct kms_question *question)
{
	RD_TRY(add_facts(c, question->facts, question->n_facts));
	return add_facts(c, question->service_facts, question->n_service_facts);
}

static enum rd_status add_aliases(struct kms_context *c, const struct kms_cached_key *key)
{
	RD_TRY(begin(c, "kms:ResourceAliases", key->n_aliases));
	for (size_t i = 0; i < key->n_aliases; i++) {
		c->values[c->n_values++] = rd_view_str(key->aliases[i]);
	}
	return RD_OK;
}

static enum rd_status add_key(struct kms_context *c, const struct kms_cached_key *key)
{
	const char *spec = kms_spec_name(key->record.spec);
	const char *usage = kms_usage_name(key->record.usage);

	RD_TRY(add(c, "kms:KeySpec", spec));
	RD_TRY(add(c, "kms:CustomerMasterKeySpec", spec));
	RD_TRY(add(c, "kms:KeyUsage", usage));
	RD_TRY(add(c, "kms:CustomerMasterKeyUsage", usage));
	RD_TRY(add(c, "kms:KeyOrigin", kms_origin_name(key->record.origin)));
	RD_TRY(add(c, "kms:MultiRegion", "false"));
	RD_TRY(add(c, "aws:ResourceAccount", key->record.account));
	return add_aliases(c, key);
}

/* Those of keys that are only there for some actions, and are the same in every call. */
static enum rd_status add_action(struct kms_context *c, const char *action)
{
	static const char *const grants[] = {
		"kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"};

	for (size_t i = 0; i < RD_ARRAY_LEN(grants); i++) {
		if (strcmp(action, grants[i]) == 0) {
			return add(c, "kms:GrantIsForAWSResource", "false");
		}
	}
	return RD_OK;
}

static const char *principal_type(const struct kms_identity *who)
{
	switch (who->kind) {
	case KMS_USER:
		return "User";
	case KMS_ROLE:
		return "AssumedRole";
	case KMS_ROOT:
	default:
		return "Account";
	}
}

static enum rd_status add_caller(struct kms_context *c, const struct kms_identity *who,
	const struct kms_cached_principal *principal)
{
	(void)snprintf(c->userid, sizeof(c->userid), "%s%s%s",
		who->kind == KMS_ROOT ? who->account : who->uid, who->session[0] ? ":" : "",
		who->session);
	RD_TRY(add(c, "kms:CallerAccount", who->account));
	RD_TRY(add(c, "aws:PrincipalAccount", who->account));
	RD_TRY(add(c, "aws:PrincipalArn", who->role_arn[0] != '\0' ? who->role_arn : who->arn));
	RD_TRY(add(c, "aws:PrincipalType", principal_type(who)));
	RD_TRY(add(c, "aws:userid", c->userid));
	if (who->kind == KMS_USER && principal != NULL) {
		RD_TRY(add(c, "aws:username", principal->record.name));
	}
	if (who->token_issued_ms != 0) {
		rd_time_string((uint64_t)who->token_issued_ms, c->issue_time);
		RD_TRY(add(c, "aws:TokenIssueTime", c->issue_time));
		/* Long-lived credentials have no such key at all. */
		RD_TRY(add(c, "aws:MultiFactorAuthPresent", "false"));
	}
	return RD_OK;
}

/* An IPv4 peer of a socket that speaks both is "::ffff:192.0.2.1"; a link-local one has a scope. */
static const char *source_ip(struct kms_context *c, const char *peer)
{
	static const char mapped[] = "::ffff:";

	if (strncasecmp(peer, mapped, strlen(mapped)) == 0 && strchr(peer, '.') != NULL) {
		peer += strlen(mapped);
	}
	(void)snprintf(c->source_ip, sizeof(c->source_ip), "%s", peer);
	c->source_ip[strcspn(c->source_ip, "%")] = '\0';
	return c->source_ip;
}

static enum rd_status add_request(struct kms_context *c, const struct kms_call *call)
{
	rd_time_string((uint64_t)call->now_ms, c->current_time);
	(void)snprintf(c->epoch_time, sizeof(c->epoch_time), "%" PRId64, call->now_ms / 1000);
	RD_TRY(add(c, "aws:CurrentTime", c->current_time));
	RD_TRY(add(c, "aws:EpochTime", c->epoch_time));
	RD_TRY(add(c, "aws:SourceIp", source_ip(c, call->peer)));
	RD_TRY(add(c, "aws:SecureTransport", call->tls ? "true" : "false"));
	RD_TRY(add(c, "aws:UserAgent", call->user_agent));
	RD_TRY(add(c, "aws:RequestedRegion", call->kms->config.region));
	return add(c, "aws:ViaAWSService", "false");
}

static enum rd_status add_attested(
	struct kms_context *c, const struct kms_call *call, const struct kms_question *question)
{
	struct rd_view registers[RD_ATTESTED_REGISTERS] = {{.ptr = NULL}};
	const struct kms_attested *attested = &call->attested;

	if (!kms_attestation_applies(question->action, question->key)) {
		return RD_OK;
	}
	RD_TRY(add(c, KMS_ASK_ATTESTATION, attested->present ? "true" : "false"));
	if (!attested->present) {
		return RD_OK;
	}
	for (unsigned i = 0; i < RD_ATTESTED_REGISTERS; i++) {
		if ((attested->pcr_mask >> i & 1) != 0) {
			registers[i] = rd_view(attested->pcr[i], sizeof(attested->pcr[i]));
		}
	}
	RD_TRY(rd_attested_init(&c->attested, RD_ATTESTED_ENCLAVE, registers));
	c->has_attested = true;
	return RD_OK;
}

enum rd_status kms_context_init(struct kms_context *c, const struct kms_call *call,
	const struct kms_question *question, const struct kms_cached_principal *principal)
{
	memset(c, 0, sizeof(*c));
	RD_TRY(kms_pairs_of_json(question->context, &c->encryption));
	RD_TRY(pairs_of_tags(call->who.tags, call->who.n_tags, &c->principal_tags));
	RD_TRY(add_operation(c, question));
	RD_TRY(add_caller(c, &call->who, principal));
	RD_TRY(add_request(c, call));
	RD_TRY(add_action(c, question->action));
	RD_TRY(add(c, "kms:RequestAlias", question->alias));
	if (question->key != NULL) {
		RD_TRY(pairs_of_tags(
			question->key->tags, question->key->n_tags, &c->resource_tags));
		RD_TRY(add_key(c, question->key));
	} else {
		RD_TRY(add(c, "aws:ResourceAccount", call->who.account));
	}
	return add_attested(c, call, question);
}

void kms_context_finish(struct kms_context *c)
{
	kms_pairs_finish(&c->encryption);
	kms_pairs_finish(&c->resource_tags);
	kms_pairs_finish(&c->principal_tags);
}

/*
 * A name that is there exactly as the policy writes it counts alone; otherwise every one that
 * differs in case only, as the values of one key: none of them can hide another.
 */
static bool find_pair(
	const struct kms_pairs *pairs, struct rd_view name, struct rd_policy_values *ret_values)
{
	size_t first = 0, n = 0;

	for (size_t i = 0; i < pairs->n; i++) {
		if (compare_folded(pairs->keys[i], name) != 0) {
			continue;
		}
		if (rd_view_equal(pairs->keys[i], name)) {
			*ret_values = (struct rd_policy_values){.v = &pairs->values[i], .n = 1};
			return true;
		}
		first = n == 0 ? i : first;
		n++;
	}
	*ret_values = (struct rd_policy_values){.v = pairs->values + first, .n = n};
	return n > 0;
}

static bool is_family(struct rd_view key, const char *prefix, struct rd_view *ret_rest)
{
	size_t len = strlen(prefix);

	if (key.len <= len || compare_folded(rd_view(key.ptr, len), rd_view_str(prefix)) != 0) {
		return false;
	}
	*ret_rest = rd_view(key.ptr + len, key.len - len);
	return true;
}

static bool find_family(
	const struct kms_context *c, struct rd_view key, struct rd_policy_values *ret_values)
{
	struct rd_view rest;

	if (is_family(key, "kms:EncryptionContext:", &rest)) {
		return find_pair(&c->encryption, rest, ret_values);
	}
	if (is_family(key, "aws:ResourceTag/", &rest)) {
		return find_pair(&c->resource_tags, rest, ret_values);
	}
	if (is_family(key, "aws:PrincipalTag/", &rest)) {
		return find_pair(&c->principal_tags, rest, ret_values);
	}
	if (compare_folded(key, rd_view_str("kms:EncryptionContextKeys")) == 0) {
		*ret_values = (struct rd_policy_values){
			.v = c->encryption.keys, .n = c->encryption.n};
		return c->encryption.n > 0;
	}
	return c->has_attested && rd_attested_lookup(&c->attested, key, ret_values);
}

bool kms_context_lookup(
	const void *context, struct rd_view key, struct rd_policy_values *ret_values)
{
	const struct kms_context *c = context;
	const struct rd_policy_table table = {.entries = c->entries, .n = c->n_entries};

	return rd_policy_table_lookup(&table, key, ret_values) || find_family(c, key, ret_values);
}
