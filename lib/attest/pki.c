/* SPDX-License-Identifier: Apache-2.0 */
/* What each level of the chain looks like, as tables, and issuing from them. */
#include "attest/pki.h"

#include "base/byteorder.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY + DAY / 4)

/* A leaf begins 3 s before it is made, as AWS's do; the levels above an hour before. */
#define LEAF_BACKDATE_S      3
#define AUTHORITY_BACKDATE_S HOUR

/* X.520's upper bound for a commonName. */
#define CN_MAX 64

/* C is one of the codes that ISO 3166 leaves to its users: we are in no country. */
#define COUNTRY      "XX"
#define STATE        "Local"
#define LOCALITY     "Local"
#define ORGANISATION "Redoubt"
#define UNIT         "Enclaves"
#define PARTITION    "redoubt"

/* .invalid never resolves (RFC 2606): the extension is there for the shape, nobody fetches it. */
#define CRL_URL_FORMAT "http://crl.redoubt.invalid/%s.crl"
#define CRL_URL_MAX    80
#define UUID_TEXT_SIZE 37

#define SERIAL_RANDOM_SIZE 16
#define DN_MAX             6
#define EXTS_MAX           5

/* One row of section 6's tables. AWS's names have their parts in three different orders, and its
 * extensions in three others; both are kept. */
struct level {
	int64_t life_s; /* from the issue time on, without the backdating */
	int64_t backdate_s;
	int64_t due_age_s; /* from the issue time on */
	size_t serial_size;
	bool is_ca;
	long path_len;
	unsigned key_usage;
	bool key_usage_critical;
	size_t n_dn;
	enum rd_dn_type dn[DN_MAX];
	size_t n_exts;
	enum rd_cert_ext exts[EXTS_MAX];
};

#define AUTHORITY_USAGE (RD_KU_DIGITAL_SIGNATURE | RD_KU_KEY_CERT_SIGN | RD_KU_CRL_SIGN)

enum {
	ROOT_LIFE = 30 * YEAR,
	ROOT_DUE = 29 * YEAR,
	REGIONAL_LIFE = 20 * DAY,
	REGIONAL_DUE = 5 * DAY,
	ZONAL_LIFE = 144 * HOUR,
	ZONAL_DUE = 24 * HOUR,
	INSTANCE_LIFE = 23 * HOUR, /* with the backdating exactly 24 h */
	INSTANCE_DUE = 12 * HOUR,
	LEAF_LIFE = 3 * HOUR,
	LEAF_DUE = 2 * HOUR + 30 * MINUTE
};

/* Just before a level is due, what is issued under it must still fit. */
_Static_assert(ROOT_LIFE - ROOT_DUE >= REGIONAL_LIFE, "regional outlives root");
_Static_assert(REGIONAL_LIFE - REGIONAL_DUE >= ZONAL_LIFE, "zonal outlives regional");
_Static_assert(ZONAL_LIFE - ZONAL_DUE >= INSTANCE_LIFE, "instance outlives zonal");
_Static_assert(INSTANCE_LIFE - INSTANCE_DUE >= LEAF_LIFE, "leaf outlives instance");

static const struct level levels[RD_PKI_LEVEL_COUNT] = {
	[RD_PKI_ROOT] = {ROOT_LIFE, AUTHORITY_BACKDATE_S, ROOT_DUE, SERIAL_RANDOM_SIZE, true,
		RD_PATH_LEN_NONE, AUTHORITY_USAGE, true, 4, {RD_DN_C, RD_DN_O, RD_DN_OU, RD_DN_CN},
		3, {RD_EXT_BASIC_CONSTRAINTS, RD_EXT_SUBJECT_KEY_ID, RD_EXT_KEY_USAGE}},
	[RD_PKI_REGIONAL] = {REGIONAL_LIFE, AUTHORITY_BACKDATE_S, REGIONAL_DUE, SERIAL_RANDOM_SIZE,
		true, 2, AUTHORITY_USAGE, true, 4, {RD_DN_C, RD_DN_O, RD_DN_OU, RD_DN_CN}, 5,
		{RD_EXT_BASIC_CONSTRAINTS, RD_EXT_AUTHORITY_KEY_ID, RD_EXT_SUBJECT_KEY_ID,
			RD_EXT_KEY_USAGE, RD_EXT_CRL_URL}},
	[RD_PKI_ZONAL] = {ZONAL_LIFE, AUTHORITY_BACKDATE_S, ZONAL_DUE, SERIAL_RANDOM_SIZE, true, 1,
		AUTHORITY_USAGE, true, 6, {RD_DN_CN, RD_DN_OU, RD_DN_O, RD_DN_C, RD_DN_ST, RD_DN_L},
		5,
		{RD_EXT_BASIC_CONSTRAINTS, RD_EXT_AUTHORITY_KEY_ID, RD_EXT_SUBJECT_KEY_ID,
			RD_EXT_KEY_USAGE, RD_EXT_CRL_URL}},
	[RD_PKI_INSTANCE] = {INSTANCE_LIFE, AUTHORITY_BACKDATE_S, INSTANCE_DUE, RD_PKI_SERIAL_MAX,
		true, 0, RD_KU_KEY_CERT_SIGN, true, 6,
		{RD_DN_C, RD_DN_ST, RD_DN_L, RD_DN_O, RD_DN_OU, RD_DN_CN}, 4,
		{RD_EXT_BASIC_CONSTRAINTS, RD_EXT_KEY_USAGE, RD_EXT_SUBJECT_KEY_ID,
			RD_EXT_AUTHORITY_KEY_ID}},
	[RD_PKI_LEAF] = {LEAF_LIFE, LEAF_BACKDATE_S, LEAF_DUE, SERIAL_RANDOM_SIZE, false,
		RD_PATH_LEN_NONE, RD_KU_DIGITAL_SIGNATURE | RD_KU_NON_REPUDIATION, false, 6,
		{RD_DN_C, RD_DN_ST, RD_DN_L, RD_DN_O, RD_DN_OU, RD_DN_CN}, 2,
		{RD_EXT_BASIC_CONSTRAINTS, RD_EXT_KEY_USAGE}},
};

static bool is_lower_hex(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (strchr("0123456789abcdef", v.ptr[i]) == NULL || v.ptr[i] == '\0') {
			return false;
		}
	}
	return v.len > 0;
}

/* "i-" and up to 17 hex digits. */
static bool is_instance_id(struct rd_view id)
{
	return id.len > 2 && id.len <= 2 + 17 && memcmp(id.ptr, "i-", 2) == 0 &&
	       is_lower_hex(rd_view(id.ptr + 2, id.len - 2));
}

enum rd_status rd_module_id_parse(
	struct rd_view module_id, struct rd_view *ret_instance_id, uint64_t *ret_enclave_id)
{
	static const char mark[] = "-enc";
	const size_t tail = sizeof(mark) - 1 + 16;
	struct rd_view instance_id;
	uint8_t storage[8];
	struct rd_buf id = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view digits;

	RD_ENSURE(module_id.len > tail, RD_MALFORMED);
	instance_id = rd_view(module_id.ptr, module_id.len - tail);
	digits = rd_view(module_id.ptr + module_id.len - 16, 16);
	RD_ENSURE(is_instance_id(instance_id), RD_MALFORMED);
	RD_ENSURE(
		memcmp(module_id.ptr + instance_id.len, mark, sizeof(mark) - 1) == 0, RD_MALFORMED);
	RD_ENSURE(is_lower_hex(digits), RD_MALFORMED);
	RD_TRY(rd_hex_decode(digits, &id));
	*ret_instance_id = instance_id;
	*ret_enclave_id = rd_get_be64(storage);
	return RD_OK;
}

static bool is_region(const char *region)
{
	size_t len = region != NULL ? strlen(region) : 0;

	return len > 0 && len <= RD_PKI_REGION_MAX &&
	       strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static enum rd_status check_names(const struct rd_pki_request *req)
{
	struct rd_view instance_id;
	uint64_t enclave_id;

	RD_ENSURE((unsigned)req->level < RD_PKI_LEVEL_COUNT, RD_USAGE);
	RD_ENSURE(req->level == RD_PKI_ROOT || is_region(req->region), RD_USAGE);
	if (req->level == RD_PKI_INSTANCE) {
		RD_ENSURE(req->instance_id != NULL && is_instance_id(rd_view_str(req->instance_id)),
			RD_USAGE);
	}
	if (req->level == RD_PKI_LEAF) {
		RD_ENSURE(req->module_id != NULL, RD_USAGE);
		RD_ENSURE(rd_module_id_parse(
				  rd_view_str(req->module_id), &instance_id, &enclave_id) == RD_OK,
			RD_USAGE);
	}
	return RD_OK;
}

/* Keys on P-384, and the issuer's key the one that its certificate names. */
static enum rd_status check_keys(const struct rd_pki_request *req)
{
	RD_ENSURE(rd_ec_key_curve(req->subject_key) == RD_P384, RD_WRONG_KEY);
	RD_ENSURE(rd_ec_key_curve(req->issuer_key) == RD_P384, RD_WRONG_KEY);
	if (req->level == RD_PKI_ROOT) {
		RD_ENSURE(req->issuer == NULL, RD_USAGE);
		RD_ENSURE(rd_ec_key_same(req->subject_key, req->issuer_key), RD_WRONG_KEY);
		return RD_OK;
	}
	RD_ENSURE(req->issuer != NULL, RD_USAGE);
	RD_ENSURE(rd_cert_key(req->issuer) != NULL &&
			  rd_ec_key_same(rd_cert_key(req->issuer), req->issuer_key),
		RD_WRONG_KEY);
	return RD_OK;
}

static enum rd_status make_cn(const struct rd_pki_request *req, char cn[CN_MAX + 1])
{
	int n = 0;

	switch (req->level) {
	case RD_PKI_ROOT:
		n = snprintf(cn, CN_MAX + 1, PARTITION ".enclaves");
		break;
	case RD_PKI_REGIONAL:
		n = snprintf(cn, CN_MAX + 1, "%016" PRIx64 ".%s." PARTITION ".enclaves",
			req->authority_id, req->region);
		break;
	case RD_PKI_ZONAL:
		n = snprintf(cn, CN_MAX + 1, "%016" PRIx64 ".zonal.%s." PARTITION ".enclaves",
			req->authority_id, req->region);
		break;
	case RD_PKI_INSTANCE:
		n = snprintf(cn, CN_MAX + 1, "%s.%s." PARTITION ".enclaves", req->instance_id,
			req->region);
		break;
	case RD_PKI_LEAF:
		n = snprintf(cn, CN_MAX + 1, "%s.%s." PARTITION, req->module_id, req->region);
		break;
	case RD_PKI_LEVEL_COUNT:
		break;
	}
	return n > 0 && n <= CN_MAX ? RD_OK : RD_USAGE;
}

static const char *dn_value(enum rd_dn_type type, const char *cn)
{
	static const char *const fixed[] = {
		[RD_DN_C] = COUNTRY,
		[RD_DN_ST] = STATE,
		[RD_DN_L] = LOCALITY,
		[RD_DN_O] = ORGANISATION,
		[RD_DN_OU] = UNIT,
	};

	return type == RD_DN_CN ? cn : fixed[type];
}

/* Enclave id || issue time, or random; a random serial of zero is not allowed and cannot come. */
static void make_serial(const struct rd_pki_request *req, uint8_t serial[RD_PKI_SERIAL_MAX])
{
	struct rd_view instance_id;
	uint64_t enclave_id = 0;

	memcpy(serial, req->serial, RD_PKI_SERIAL_MAX);
	if (req->level == RD_PKI_LEAF && rd_module_id_parse(rd_view_str(req->module_id),
						 &instance_id, &enclave_id) == RD_OK) {
		rd_put_be64(serial, enclave_id);
		rd_put_be64(serial + 8, (uint64_t)req->now_s);
	}
}

static void make_crl_url(const uint8_t random[RD_PKI_UUID_SIZE], char url[CRL_URL_MAX])
{
	char hex[2 * RD_PKI_UUID_SIZE + 1];
	char uuid[UUID_TEXT_SIZE];
	uint8_t bytes[RD_PKI_UUID_SIZE];

	memcpy(bytes, random, sizeof(bytes));
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 ... */
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* ... of RFC 4122 */
	rd_hex_string(rd_view(bytes, sizeof(bytes)), hex);
	snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		hex + 20);
	snprintf(url, CRL_URL_MAX, CRL_URL_FORMAT, uuid);
}

static enum rd_status check_nesting(
	const struct rd_cert *issuer, int64_t not_before_s, int64_t not_after_s)
{
	if (issuer == NULL) {
		return RD_OK;
	}
	RD_ENSURE(not_before_s >= rd_cert_info(issuer)->not_before_s, RD_NOT_YET_VALID);
	RD_ENSURE(not_after_s <= rd_cert_info(issuer)->not_after_s, RD_EXPIRED);
	return RD_OK;
}

enum rd_status rd_pki_issue(const struct rd_pki_request *req, struct rd_buf *out)
{
	const struct level *level;
	struct rd_dn_attr subject[DN_MAX];
	uint8_t serial[RD_PKI_SERIAL_MAX];
	char url[CRL_URL_MAX];
	char cn[CN_MAX + 1];
	size_t start = out->used;
	struct rd_cert_template t;

	RD_TRY(check_names(req));
	RD_TRY(check_keys(req));
	RD_TRY(make_cn(req, cn));
	level = &levels[req->level];
	make_serial(req, serial);
	make_crl_url(req->crl_uuid, url);
	for (size_t i = 0; i < level->n_dn; i++) {
		subject[i] = (struct rd_dn_attr){level->dn[i], dn_value(level->dn[i], cn)};
	}
	t = (struct rd_cert_template){
		.subject = subject,
		.n_subject = level->n_dn,
		.serial = rd_view(serial, level->serial_size),
		.not_before_s = req->now_s - level->backdate_s,
		.not_after_s = req->now_s + level->life_s,
		.is_ca = level->is_ca,
		.path_len = level->path_len,
		.key_usage = level->key_usage,
		.key_usage_critical = level->key_usage_critical,
		.crl_url = url,
		.exts = level->exts,
		.n_exts = level->n_exts,
	};
	RD_TRY(check_nesting(req->issuer, t.not_before_s, t.not_after_s));
	RD_TRY(rd_cert_issue(&t, req->subject_key, req->issuer, req->issuer_key, out));
	return out->used - start <= RD_PKI_CERT_MAX ? RD_OK : RD_LIMIT;
}

bool rd_pki_due(enum rd_pki_level level, const struct rd_cert *cert, int64_t now_s)
{
	int64_t issued_s = rd_cert_info(cert)->not_before_s + levels[level].backdate_s;

	return now_s < rd_cert_info(cert)->not_before_s ||
	       now_s - issued_s >= levels[level].due_age_s;
}
