/* SPDX-License-Identifier: Apache-2.0 */
/* Making documents for the verifier's tests. */
#include "maker.h"

#include "base/byteorder.h"

static const char *const common_names[MAKER_LEVELS] = {
	"test.enclaves",
	"0011223344556677.test-1.test.enclaves",
	"8899aabbccddeeff.zonal.test-1.test.enclaves",
	MAKER_INSTANCE_ID ".test-1.test.enclaves",
	MAKER_MODULE_ID ".test-1.test",
};

void maker_init(struct maker *m)
{
	memset(m, 0, sizeof(*m));
	for (int i = 0; i < MAKER_LEVELS; i++) {
		assert_ok(rd_ec_key_generate(RD_P384, &m->keys[i]));
		m->ders[i] = rd_buf_growable(RD_CERT_SIZE_MAX);
	}
	maker_reset(m);
}

void maker_finish(struct maker *m)
{
	for (int i = 0; i < MAKER_LEVELS; i++) {
		rd_ec_key_free(&m->keys[i]);
		rd_buf_finish(&m->ders[i]);
	}
	rd_cert_free(&m->root);
}

static void reset_cert(struct maker *m, int level)
{
	struct maker_cert *c = &m->certs[level];
	bool leaf = level == MAKER_LEAF;

	*c = (struct maker_cert){
		.dn = {{RD_DN_C, "XX"}, {RD_DN_CN, common_names[level]}},
		.n_dn = 2,
		.exts = {RD_EXT_BASIC_CONSTRAINTS, RD_EXT_SUBJECT_KEY_ID, RD_EXT_KEY_USAGE},
		.subject_key = m->keys[level],
		.issuer_key = m->keys[level == 0 ? 0 : level - 1],
		.issuer = level - 1,
		.t =
			{
				.n_exts = 3,
				.not_before_s = MAKER_NOW_S - 1000000,
				.not_after_s = MAKER_NOW_S + 1000000,
				.is_ca = !leaf,
				.path_len = level == 0 || leaf ? RD_PATH_LEN_NONE
							       : MAKER_INSTANCE - level,
				.key_usage = leaf ? RD_KU_DIGITAL_SIGNATURE : RD_KU_KEY_CERT_SIGN,
				.key_usage_critical = !leaf,
			},
	};
	rd_put_be64(c->serial, UINT64_C(0x0199aabbccddeeff));
	rd_put_be64(c->serial + 8, MAKER_NOW_S + (uint64_t)level);
}

static void reset_pcrs(struct maker *m)
{
	uint8_t message[RD_DOC_PCR_SIZE + sizeof(MAKER_INSTANCE_ID) - 1] = {0};

	memset(m->pcrs, 0, sizeof(m->pcrs));
	for (uint8_t i = 0; i < 3; i++) {
		memset(m->pcrs[i], 0xa0 + i, RD_DOC_PCR_SIZE);
	}
	memcpy(message + RD_DOC_PCR_SIZE, MAKER_INSTANCE_ID, sizeof(MAKER_INSTANCE_ID) - 1);
	assert_ok(rd_sha384(rd_view(message, sizeof(message)), m->pcrs[4]));
}

void maker_reset(struct maker *m)
{
	for (int i = 0; i < MAKER_LEVELS; i++) {
		reset_cert(m, i);
	}
	reset_pcrs(m);
	memset(m->nonce, 0x5e, sizeof(m->nonce));
	m->doc = (struct rd_doc){
		.module_id = rd_view_str(MAKER_MODULE_ID),
		.timestamp_ms = UINT64_C(1000) * MAKER_NOW_S + 500,
		.nonce = rd_view(m->nonce, sizeof(m->nonce)),
	};
	for (int i = 0; i < 16; i++) {
		m->doc.pcrs[i] = rd_view(m->pcrs[i], RD_DOC_PCR_SIZE);
	}
	m->options = (struct rd_verify_options){.now_s = MAKER_NOW_S};
}

/* One INTEGER of at most 48 bytes: leading zeros off, one on where the top bit is set. */
static void put_der_integer(struct rd_buf *b, const uint8_t *number)
{
	size_t skip = 0;
	bool pad;

	while (skip < 47 && number[skip] == 0) {
		skip++;
	}
	pad = number[skip] >= 0x80;
	assert_ok(rd_buf_u8(b, 0x02));
	assert_ok(rd_buf_u8(b, (uint8_t)(48 - skip + (pad ? 1 : 0))));
	if (pad) {
		assert_ok(rd_buf_u8(b, 0));
	}
	assert_ok(rd_buf_put(b, number + skip, 48 - skip));
}

/* SEQUENCE { TBS, algorithm, BIT STRING { SEQUENCE { r, s } } }, with the TBS as it is in der. */
static void sign_again(struct rd_buf *der, const struct rd_ec_key *key)
{
	static const uint8_t algorithm[] = {
		0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
	uint8_t storage[128];
	struct rd_buf sig = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf out = rd_buf_growable(RD_CERT_SIZE_MAX);
	struct rd_view tbs = rd_view(der->ptr + 4, 4 + (size_t)rd_get_be16(der->ptr + 6));
	uint8_t rs[96];

	assert_ok(rd_ec_sign(key, tbs, rs));
	put_der_integer(&sig, rs);
	put_der_integer(&sig, rs + 48);
	assert_ok(rd_buf_be16(&out, 0x3082));
	assert_ok(rd_buf_be16(&out, (uint16_t)(tbs.len + sizeof(algorithm) + 5 + sig.used)));
	assert_ok(rd_buf_put_view(&out, tbs));
	assert_ok(rd_buf_put(&out, algorithm, sizeof(algorithm)));
	assert_ok(rd_buf_u8(&out, 0x03));
	assert_ok(rd_buf_u8(&out, (uint8_t)(sig.used + 3)));
	assert_ok(rd_buf_u8(&out, 0x00));
	assert_ok(rd_buf_u8(&out, 0x30));
	assert_ok(rd_buf_u8(&out, (uint8_t)sig.used));
	assert_ok(rd_buf_put_view(&out, rd_buf_view(&sig)));
	rd_buf_finish(der);
	*der = out;
}

static void issue(struct maker *m, int level)
{
	struct maker_cert *c = &m->certs[level];
	struct rd_cert *issuer = NULL;

	c->t.subject = c->dn;
	c->t.n_subject = c->n_dn;
	c->t.serial = rd_view(c->serial, sizeof(c->serial));
	c->t.exts = c->exts;
	m->ders[level].used = 0;
	if (c->issuer >= 0) {
		assert_ok(rd_cert_from_der(rd_buf_view(&m->ders[c->issuer]), &issuer));
	}
	assert_ok(rd_cert_issue(&c->t, c->subject_key, issuer, c->issuer_key, &m->ders[level]));
	if (c->patch != NULL) {
		c->patch(m->ders[level].ptr, m->ders[level].used);
		sign_again(&m->ders[level], c->issuer_key);
	}
	rd_cert_free(&issuer);
}

void maker_chain(struct maker *m)
{
	for (int i = 0; i < MAKER_LEVELS; i++) {
		issue(m, i);
	}
	for (int i = 0; i < MAKER_LEAF; i++) {
		m->doc.cabundle[i] = rd_buf_view(&m->ders[i]);
	}
	m->doc.n_cabundle = MAKER_LEAF;
	m->doc.certificate = rd_buf_view(&m->ders[MAKER_LEAF]);
	rd_cert_free(&m->root);
	assert_ok(rd_cert_from_der(rd_buf_view(&m->ders[0]), &m->root));
	m->roots[0] = m->root;
	m->options.roots = m->roots;
	m->options.n_roots = 1;
}

struct rd_buf maker_sign(struct maker *m)
{
	struct rd_buf b = rd_buf_growable(RD_VERIFY_INPUT_MAX);

	assert_ok(rd_doc_sign(&m->doc, m->keys[MAKER_LEAF], &b));
	return b;
}

struct rd_buf maker_sign_payload(struct maker *m, struct rd_view payload)
{
	struct rd_buf b = rd_buf_growable(RD_VERIFY_INPUT_MAX);

	assert_ok(rd_cose_sign1_sign(payload, m->keys[MAKER_LEAF], &b));
	return b;
}

enum rd_verify_result maker_verify(
	struct maker *m, struct rd_view document, struct rd_verify_report *ret)
{
	return rd_verify(document, &m->options, ret);
}

enum rd_verify_result maker_run(struct maker *m, struct rd_verify_report *ret)
{
	enum rd_verify_result result;
	struct rd_buf b;

	maker_chain(m);
	b = maker_sign(m);
	result = maker_verify(m, rd_buf_view(&b), ret);
	rd_buf_finish(&b);
	return result;
}
