/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the cache, read from the database. */
#include "kms/cache-internal.h"

#include "aws/arn.h"
#include "kms/material.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

static enum rd_status grow(void **array, size_t n, size_t size)
{
	void *grown = reallocarray(*array, n + 1, size);

	RD_ENSURE(grown != NULL, RD_NOMEM);
	*array = grown;
	memset((uint8_t *)grown + n * size, 0, size);
	return RD_OK;
}

static enum rd_status parse_policy(
	const char *text, enum rd_policy_kind kind, struct rd_policy **ret)
{
	return rd_policy_new(rd_view_str(text), kind, ret, NULL);
}

/* Keys. */

static void material_finish(struct kms_cached_material *m)
{
	rd_rsa_key_free(&m->rsa);
	rd_ec_key_free(&m->ec);
	rd_ed25519_key_free(&m->ed25519);
	rd_secret_finish(&m->secret);
	kms_material_finish(&m->record);
}

static void key_clear(struct kms_cached_key *key)
{
	for (size_t i = 0; i < key->n_materials; i++) {
		material_finish(&key->materials[i]);
	}
	free(key->materials);
	free(key->tags);
	free(key->aliases);
	rd_policy_free(&key->policy);
	kms_key_finish(&key->record);
	memset(key, 0, sizeof(*key));
}

static enum rd_status keep_material(void *arg, struct kms_material *material)
{
	struct kms_cached_key *key = arg;
	void *array = key->materials;

	RD_ENSURE(key->n_materials < KMS_MATERIALS_PER_KEY, RD_LIMIT);
	RD_TRY(grow(&array, key->n_materials, sizeof(*key->materials)));
	key->materials = array;
	key->materials[key->n_materials++].record = rd_steal(material, (struct kms_material){0});
	return RD_OK;
}

static enum rd_status keep_tag(void *arg, const struct kms_tag *tag)
{
	struct kms_cached_key *key = arg;
	void *array = key->tags;

	RD_ENSURE(key->n_tags < KMS_TAGS_PER_KEY, RD_LIMIT);
	RD_TRY(grow(&array, key->n_tags, sizeof(*key->tags)));
	key->tags = array;
	key->tags[key->n_tags++] = *tag;
	return RD_OK;
}

static enum rd_status keep_alias(void *arg, const struct kms_alias *alias)
{
	struct kms_cached_key *key = arg;
	void *array = key->aliases;

	RD_ENSURE(key->n_aliases < KMS_ALIASES_PER_KEY, RD_LIMIT);
	RD_TRY(grow(&array, key->n_aliases, sizeof(*key->aliases)));
	key->aliases = array;
	memcpy(key->aliases[key->n_aliases++], alias->name, sizeof(alias->name));
	return RD_OK;
}

static enum rd_status parse_material(const struct kms_key *key, struct kms_cached_material *m)
{
	const struct rd_view der = rd_secret_view(&m->secret);

	switch (key->spec) {
	case KMS_SPEC_RSA_2048:
	case KMS_SPEC_RSA_3072:
	case KMS_SPEC_RSA_4096:
		return rd_rsa_key_from_own_pkcs8(der, &m->rsa);
	case KMS_SPEC_ECC_NIST_P256:
		return rd_ec_key_from_pkcs8(der, RD_P256, &m->ec);
	case KMS_SPEC_ECC_NIST_P384:
		return rd_ec_key_from_pkcs8(der, RD_P384, &m->ec);
	case KMS_SPEC_ECC_NIST_P521:
		return rd_ec_key_from_pkcs8(der, RD_P521, &m->ec);
	case KMS_SPEC_ECC_SECG_P256K1:
		return rd_ec_key_from_pkcs8(der, RD_SECP256K1, &m->ec);
	case KMS_SPEC_ECC_NIST_EDWARDS25519:
		return rd_ed25519_key_from_pkcs8(der, &m->ed25519);
	case KMS_SPEC_SYMMETRIC_DEFAULT:
	case KMS_SPEC_HMAC_224:
	case KMS_SPEC_HMAC_256:
	case KMS_SPEC_HMAC_384:
	case KMS_SPEC_HMAC_512:
		return RD_OK;
	case KMS_SPEC_COUNT:
	default:
		return RD_INTERNAL;
	}
}

static void forget_wrapped(struct kms_material *record)
{
	free(record->wrapped);
	record->wrapped = NULL;
	record->wrapped_len = 0;
}

/* A row that was exchanged, altered or taken from another installation: somebody has to look. */
static enum rd_status unwrap(
	const struct kms_load *load, const struct kms_key *key, struct kms_cached_material *m)
{
	enum rd_status st = kms_material_unwrap(
		load->keyring, load->db, key, &m->record, &m->secret);

	if (rd_category(st) == RD_CAT_UNTRUSTED) {
		rd_log(RD_LOG_ERROR,
			"ALARM: key %s: its material of generation %u does not open: the database "
			"does not hold what was written",
			key->id, (unsigned)m->record.generation);
	}
	return st;
}

static enum rd_status open_materials(const struct kms_load *load, struct kms_cached_key *key)
{
	for (size_t i = 0; i < key->n_materials; i++) {
		struct kms_cached_material *m = &key->materials[i];

		if (m->record.present && key->record.state == KMS_STATE_ENABLED) {
			RD_TRY(unwrap(load, &key->record, m));
			RD_TRY(parse_material(&key->record, m));
		}
		forget_wrapped(&m->record);
	}
	return RD_OK;
}

static enum rd_status put_arn(const struct kms_load *load, struct kms_cached_key *key)
{
	struct rd_buf arn = rd_buf_fixed(key->arn, sizeof(key->arn) - 1);

	return rd_arn_put_key(rd_view_str(load->region), rd_view_str(key->record.account),
		rd_view_str(key->record.id), &arn);
}

/* State and material belong together: they are of one moment. */
static enum rd_status read_key(const struct kms_load *load, struct kms_cached_key *key)
{
	const struct kms_whole_key whole = {
		.material = keep_material, .tag = keep_tag, .alias = keep_alias, .arg = key};

	return kms_store_whole_key_get(load->db, load->id, &key->record, &whole);
}

static enum rd_status load_key(const struct kms_load *load, struct kms_cached_key *key)
{
	RD_TRY(read_key(load, key));
	RD_TRY(put_arn(load, key));
	RD_TRY(parse_policy(key->record.policy, RD_POLICY_KEY, &key->policy));
	return open_materials(load, key);
}

/* Aliases. */

static enum rd_status load_alias(const struct kms_load *load, struct kms_alias *alias)
{
	char account[KMS_ACCOUNT_SIZE];
	const char *colon = strchr(load->id, ':');

	RD_ENSURE(colon != NULL && (size_t)(colon - load->id) < sizeof(account), RD_INTERNAL);
	memcpy(account, load->id, (size_t)(colon - load->id));
	account[colon - load->id] = '\0';
	return kms_store_alias_get(load->db, account, colon + 1, alias);
}

/* Principals. */

static void principal_clear(struct kms_cached_principal *principal)
{
	for (size_t i = 0; i < principal->n_policies; i++) {
		rd_policy_free(&principal->policies[i]);
		free(principal->policy_names[i]);
	}
	free(principal->policies);
	free(principal->policy_names);
	rd_policy_free(&principal->boundary);
	kms_principal_finish(&principal->record);
	memset(principal, 0, sizeof(*principal));
}

static enum rd_status keep_policy(
	void *arg, const char *name, const char *arn, const char *document)
{
	struct kms_cached_principal *principal = arg;
	const size_t n = principal->n_policies;
	void *policies = principal->policies;
	void *names = principal->policy_names;

	(void)arn;
	RD_TRY(grow(&policies, n, sizeof(*principal->policies)));
	principal->policies = policies;
	RD_TRY(grow(&names, n, sizeof(*principal->policy_names)));
	principal->policy_names = names;
	principal->n_policies++;
	principal->policy_names[n] = strdup(name);
	RD_ENSURE(principal->policy_names[n] != NULL, RD_NOMEM);
	return parse_policy(document, RD_POLICY_IDENTITY, &principal->policies[n]);
}

static enum rd_status keep_boundary(
	void *arg, const char *name, const char *arn, const char *document)
{
	struct kms_cached_principal *principal = arg;

	(void)name;
	(void)arn;
	return parse_policy(document, RD_POLICY_IDENTITY, &principal->boundary);
}

static enum rd_status put_principal_arn(struct kms_cached_principal *principal)
{
	const struct kms_principal *record = &principal->record;
	struct rd_buf arn = rd_buf_fixed(principal->arn, sizeof(principal->arn) - 1);
	struct rd_principal p = {
		.partition = rd_view_str("aws"), .account = rd_view_str(record->account)};

	switch (record->kind) {
	case KMS_USER:
		p.kind = RD_PRINCIPAL_USER;
		break;
	case KMS_ROLE:
		p.kind = RD_PRINCIPAL_ROLE;
		break;
	case KMS_ROOT:
	default:
		p.kind = RD_PRINCIPAL_ROOT;
		return rd_principal_put(&p, &arn);
	}
	p.path = rd_view_str(record->path);
	p.name = rd_view_str(record->name);
	return rd_principal_put(&p, &arn);
}

static enum rd_status load_principal(
	const struct kms_load *load, struct kms_cached_principal *principal)
{
	enum rd_status st;

	RD_TRY(kms_store_principal_by_uid(load->db, load->id, &principal->record));
	RD_TRY(put_principal_arn(principal));
	RD_TRY(kms_store_policies_of(load->db, load->id, keep_policy, principal));
	if (principal->record.boundary == NULL) {
		return RD_OK;
	}
	st = kms_store_managed_get(load->db, principal->record.account, principal->record.boundary,
		keep_boundary, principal);
	/* A boundary that is not there bounds everything; it must not look like no principal. */
	return st == RD_NOTFOUND ? RD_MISSING : st;
}

/* Credentials. */

static void credential_clear(struct kms_cached_credential *credential)
{
	rd_secret_finish(&credential->secret);
	memset(credential, 0, sizeof(*credential));
}

static enum rd_status load_credential(
	const struct kms_load *load, struct kms_cached_credential *credential)
{
	RD_TRY(kms_store_credential_get(load->db, load->id, &credential->record));
	if (credential->record.active) {
		RD_TRY(kms_credential_unwrap(
			load->keyring, load->db, &credential->record, &credential->secret));
	}
	memset(credential->record.wrapped, 0, sizeof(credential->record.wrapped));
	credential->record.wrapped_len = 0;
	return RD_OK;
}

enum rd_status kms_cached_load(const struct kms_load *load, union kms_cached *ret)
{
	switch (load->kind) {
	case KMS_CACHE_KEY:
		return load_key(load, &ret->key);
	case KMS_CACHE_ALIAS:
		return load_alias(load, &ret->alias);
	case KMS_CACHE_PRINCIPAL:
		return load_principal(load, &ret->principal);
	case KMS_CACHE_CREDENTIAL:
		return load_credential(load, &ret->credential);
	default:
		return RD_INTERNAL;
	}
}

void kms_cached_finish(enum kms_cache_kind kind, union kms_cached *cached)
{
	switch (kind) {
	case KMS_CACHE_KEY:
		key_clear(&cached->key);
		break;
	case KMS_CACHE_PRINCIPAL:
		principal_clear(&cached->principal);
		break;
	case KMS_CACHE_CREDENTIAL:
		credential_clear(&cached->credential);
		break;
	case KMS_CACHE_ALIAS:
	default:
		break;
	}
}
