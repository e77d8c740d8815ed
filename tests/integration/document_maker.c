/* SPDX-License-Identifier: Apache-2.0 */
/* Making the chain and the document. */
#include "document_maker.h"

#include "crypto/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCE_ID "i-0a1b2c3d4e5f60718"
#define MODULE_ID   INSTANCE_ID "-enc0199aabbccddeeff"

void document_require(enum rd_status st, const char *what)
{
	if (st != RD_OK) {
		fprintf(stderr, "document maker: %s: %s\n", what, rd_status_text(st));
		exit(1);
	}
}

static void issue(struct document_maker *m, int level)
{
	uint8_t storage[RD_PKI_CERT_MAX];
	struct rd_buf der = rd_buf_fixed(storage, sizeof(storage));
	struct rd_pki_request req = {
		.level = (enum rd_pki_level)level,
		.now_s = m->now_s,
		.region = "local-1",
		.authority_id = UINT64_C(0x0123456789abcdef),
		.instance_id = INSTANCE_ID,
		.module_id = MODULE_ID,
		.issuer = level == RD_PKI_ROOT ? NULL : m->certs[level - 1],
	};

	document_require(rd_ec_key_generate(RD_P384, &m->keys[level]), "key");
	document_require(rd_random_bytes(req.serial, sizeof(req.serial)), "serial");
	document_require(rd_random_bytes(req.crl_uuid, sizeof(req.crl_uuid)), "uuid");
	req.subject_key = m->keys[level];
	req.issuer_key = m->keys[level == RD_PKI_ROOT ? 0 : level - 1];
	document_require(rd_pki_issue(&req, &der), "certificate");
	document_require(rd_cert_from_der(rd_buf_view(&der), &m->certs[level]), "own certificate");
}

void document_maker_init(struct document_maker *m, int64_t now_s)
{
	*m = (struct document_maker){.now_s = now_s};
	for (int level = 0; level < RD_PKI_LEVEL_COUNT; level++) {
		issue(m, level);
	}
}

static FILE *open_part(const char *dir, const char *name, int level, const char *mode)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s%d.pem", dir, name, level);
	return fopen(path, mode);
}

static void write_part(const char *dir, const char *name, int level, struct rd_view text)
{
	FILE *file = open_part(dir, name, level, "wbx");

	document_require(
		file != NULL && fwrite(text.ptr, 1, text.len, file) == text.len && fclose(file) == 0
			? RD_OK
			: RD_IO,
		name);
}

static struct rd_view read_part(
	const char *dir, const char *name, int level, char *storage, size_t size)
{
	FILE *file = open_part(dir, name, level, "rb");
	size_t n;

	document_require(file == NULL ? RD_NOTFOUND : RD_OK, name);
	n = fread(storage, 1, size, file);
	fclose(file);
	return rd_view(storage, n);
}

static void save(const struct document_maker *m, const char *dir)
{
	static char storage[RD_EC_PEM_SIZE_MAX];

	for (int level = 0; level < RD_PKI_LEVEL_COUNT; level++) {
		struct rd_buf pem = rd_buf_fixed(storage, sizeof(storage));

		document_require(rd_ec_key_to_pem(m->keys[level], &pem), "key");
		write_part(dir, "key", level, rd_buf_view(&pem));
		pem.used = 0;
		document_require(rd_cert_to_pem(m->certs[level], &pem), "certificate");
		write_part(dir, "cert", level, rd_buf_view(&pem));
	}
}

static void load(struct document_maker *m, const char *dir)
{
	static char storage[RD_EC_PEM_SIZE_MAX];

	for (int level = 0; level < RD_PKI_LEVEL_COUNT; level++) {
		document_require(
			rd_ec_key_from_pem(read_part(dir, "key", level, storage, sizeof(storage)),
				&m->keys[level]),
			"key");
		document_require(
			rd_cert_from_pem(read_part(dir, "cert", level, storage, sizeof(storage)),
				&m->certs[level]),
			"certificate");
	}
}

void document_maker_keep(struct document_maker *m, const char *dir, int64_t now_s)
{
	FILE *there = open_part(dir, "cert", RD_PKI_LEVEL_COUNT - 1, "rb");

	if (there == NULL) {
		document_maker_init(m, now_s);
		save(m, dir);
		return;
	}
	fclose(there);
	*m = (struct document_maker){.now_s = now_s};
	load(m, dir);
}

void document_maker_finish(struct document_maker *m)
{
	for (int level = 0; level < RD_PKI_LEVEL_COUNT; level++) {
		rd_ec_key_free(&m->keys[level]);
		rd_cert_free(&m->certs[level]);
	}
}

void document_maker_sign(
	const struct document_maker *m, const struct document_fields *fields, struct rd_buf *out)
{
	uint8_t instance[RD_DOC_PCR_SIZE + sizeof(INSTANCE_ID) - 1] = {0};
	uint8_t pcrs[17][RD_DOC_PCR_SIZE] = {0};
	struct rd_doc doc = {
		.module_id = rd_view_str(MODULE_ID),
		.timestamp_ms = (uint64_t)m->now_s * 1000 + 123,
		.certificate = rd_cert_info(m->certs[RD_PKI_LEAF])->der,
		.n_cabundle = RD_PKI_LEAF,
		.public_key = fields->public_key,
		.user_data = fields->user_data,
		.nonce = fields->nonce,
	};

	for (int i = 0; i < 3; i++) {
		memset(pcrs[i], 0x10 + i, RD_DOC_PCR_SIZE);
	}
	memset(pcrs[16], 0x77, RD_DOC_PCR_SIZE);
	memcpy(instance + RD_DOC_PCR_SIZE, INSTANCE_ID, sizeof(INSTANCE_ID) - 1);
	document_require(rd_sha384(rd_view(instance, sizeof(instance)), pcrs[4]), "PCR4");
	for (size_t i = 0; i < RD_ARRAY_LEN(pcrs); i++) {
		doc.pcrs[i] = rd_view(pcrs[i], RD_DOC_PCR_SIZE);
	}
	for (int i = 0; i < RD_PKI_LEAF; i++) {
		doc.cabundle[i] = rd_cert_info(m->certs[i])->der;
	}
	document_require(rd_doc_sign(&doc, m->keys[RD_PKI_LEAF], out), "document");
}
