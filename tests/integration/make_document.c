/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a chain and a document as redoubtd and the NSM do, for programs that share no code with us
 * to judge: make-document DIR writes document.bin, root.pem and leaf.spki.der there.
 */
#include "attest/document.h"
#include "attest/pki.h"
#include "crypto/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INSTANCE_ID "i-0a1b2c3d4e5f60718"
#define MODULE_ID   INSTANCE_ID "-enc0199aabbccddeeff"

struct maker {
	struct rd_ec_key *keys[RD_PKI_LEVEL_COUNT];
	struct rd_cert *certs[RD_PKI_LEVEL_COUNT];
	int64_t now_s;
};

static void require(enum rd_status st, const char *what)
{
	if (st != RD_OK) {
		fprintf(stderr, "make-document: %s: %s\n", what, rd_status_text(st));
		exit(1);
	}
}

static void issue(struct maker *m, int level)
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

	require(rd_ec_key_generate(RD_P384, &m->keys[level]), "key");
	require(rd_random_bytes(req.serial, sizeof(req.serial)), "serial");
	require(rd_random_bytes(req.crl_uuid, sizeof(req.crl_uuid)), "uuid");
	req.subject_key = m->keys[level];
	req.issuer_key = m->keys[level == RD_PKI_ROOT ? 0 : level - 1];
	require(rd_pki_issue(&req, &der), "certificate");
	require(rd_cert_from_der(rd_buf_view(&der), &m->certs[level]), "own certificate");
}

static void save(const char *dir, const char *name, struct rd_view bytes)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(bytes.ptr, 1, bytes.len, f) != bytes.len || fclose(f) != 0) {
		fprintf(stderr, "make-document: cannot write %s\n", path);
		exit(1);
	}
}

static void sign(const struct maker *m, struct rd_buf *out)
{
	uint8_t instance[RD_DOC_PCR_SIZE + sizeof(INSTANCE_ID) - 1] = {0};
	uint8_t pcrs[17][RD_DOC_PCR_SIZE] = {0};
	struct rd_doc doc = {
		.module_id = rd_view_str(MODULE_ID),
		.timestamp_ms = (uint64_t)m->now_s * 1000 + 123,
		.certificate = rd_cert_info(m->certs[RD_PKI_LEAF])->der,
		.n_cabundle = RD_PKI_LEAF,
		.public_key = rd_view("", 0),
		.nonce = rd_view_str("thirty-two bytes make up a nonce"),
	};

	for (int i = 0; i < 3; i++) {
		memset(pcrs[i], 0x10 + i, RD_DOC_PCR_SIZE);
	}
	memset(pcrs[16], 0x77, RD_DOC_PCR_SIZE);
	memcpy(instance + RD_DOC_PCR_SIZE, INSTANCE_ID, sizeof(INSTANCE_ID) - 1);
	require(rd_sha384(rd_view(instance, sizeof(instance)), pcrs[4]), "PCR4");
	for (size_t i = 0; i < RD_ARRAY_LEN(pcrs); i++) {
		doc.pcrs[i] = rd_view(pcrs[i], RD_DOC_PCR_SIZE);
	}
	for (int i = 0; i < RD_PKI_LEAF; i++) {
		doc.cabundle[i] = rd_cert_info(m->certs[i])->der;
	}
	require(rd_doc_sign(&doc, m->keys[RD_PKI_LEAF], out), "document");
}

int main(int argc, char **argv)
{
	struct maker m = {.now_s = time(NULL)};
	struct rd_buf document = rd_buf_growable(RD_DOC_SIZE_MAX);
	struct rd_buf pem = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	struct rd_buf spki = rd_buf_growable(RD_EC_SPKI_SIZE_MAX);

	if (argc != 2) {
		fprintf(stderr, "usage: make-document DIR\n");
		return 2;
	}
	for (int level = 0; level < RD_PKI_LEVEL_COUNT; level++) {
		issue(&m, level);
	}
	sign(&m, &document);
	require(rd_cert_to_pem(m.certs[RD_PKI_ROOT], &pem), "PEM");
	require(rd_ec_key_to_spki(m.keys[RD_PKI_LEAF], &spki), "SPKI");
	save(argv[1], "document.bin", rd_buf_view(&document));
	save(argv[1], "root.pem", rd_buf_view(&pem));
	save(argv[1], "leaf.spki.der", rd_buf_view(&spki));
	for (int level = 0; level < RD_PKI_LEVEL_COUNT; level++) {
		rd_ec_key_free(&m.keys[level]);
		rd_cert_free(&m.certs[level]);
	}
	rd_buf_finish(&document);
	rd_buf_finish(&pem);
	rd_buf_finish(&spki);
	return 0;
}
