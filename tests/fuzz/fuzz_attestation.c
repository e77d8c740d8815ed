/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an attestation document, and as a certificate. The document's own root is trusted
 * here, so that mutants reach the chain's deeper rules; its fields survive writing and reading.
 */
#include "attest/verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static bool same(struct rd_view a, struct rd_view b)
{
	return (a.ptr == NULL) == (b.ptr == NULL) && rd_view_equal(a, b);
}

/* Everything that is ever asked of a certificate. */
static void read_cert(struct rd_view der)
{
	RD_CLEANUP(rd_cert_free) struct rd_cert *cert = NULL;
	RD_CLEANUP(rd_buf_finish) struct rd_buf text = rd_buf_growable(1 << 20);
	struct rd_cert_attr attr;

	if (rd_cert_from_der(der, &cert) != RD_OK) {
		return;
	}
	require(rd_view_equal(rd_cert_info(cert)->der, der));
	require(rd_cert_name_text(cert, RD_CERT_SUBJECT, &text) == RD_OK);
	for (size_t i = 0; i < text.used; i++) {
		require(text.ptr[i] >= ' ' && text.ptr[i] < 0x7f);
	}
	for (size_t i = 0; i < rd_cert_attr_count(cert, RD_CERT_ISSUER); i++) {
		require(rd_cert_attr(cert, RD_CERT_ISSUER, i, &attr) != RD_NOTFOUND);
	}
	if (rd_cert_common_name(cert, RD_CERT_SUBJECT, &attr) == RD_OK &&
		rd_cert_key(cert) != NULL) {
		(void)!rd_cert_verify(cert, rd_cert_key(cert));
	}
}

static void write_and_read(const struct rd_doc *doc)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf out = rd_buf_growable(2 * RD_DOC_PAYLOAD_MAX);
	struct rd_doc back;
	enum rd_doc_flaw flaw;

	require(rd_doc_encode(doc, &out) == RD_OK);
	if (doc->timestamp_ms <= UINT32_MAX) {
		return; /* written wide, as AWS does, and so not shortest for times of 1970 */
	}
	require(rd_doc_decode(rd_buf_view(&out), &back, &flaw) == RD_OK);
	require(same(doc->module_id, back.module_id) && same(doc->nonce, back.nonce) &&
		same(doc->user_data, back.user_data) && same(doc->public_key, back.public_key) &&
		same(doc->certificate, back.certificate) &&
		doc->timestamp_ms == back.timestamp_ms && doc->n_cabundle == back.n_cabundle);
	for (size_t i = 0; i < RD_DOC_PCR_COUNT; i++) {
		require(same(doc->pcrs[i], back.pcrs[i]));
	}
}

static void verify_under_own_root(struct rd_view input, const struct rd_doc *doc)
{
	RD_CLEANUP(rd_cert_free) struct rd_cert *root = NULL;
	const struct rd_cert *roots[1];
	struct rd_verify_options options = {.roots = roots,
		.n_roots = 1,
		.now_s = (int64_t)(doc->timestamp_ms / 1000),
		.allow_debug = true};
	struct rd_verify_report report;

	if (rd_cert_from_der(doc->cabundle[0], &root) != RD_OK) {
		return;
	}
	roots[0] = root;
	if (rd_verify(input, &options, &report) == RD_VERIFY_OK) {
		require(report.has_doc && report.cert == -1 && report.pcr == -1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_view input = rd_view(data, size);
	struct rd_cose_sign1 sign1;
	enum rd_doc_flaw flaw;
	struct rd_doc doc;

	read_cert(input);
	if (rd_cose_sign1_decode(input, &sign1) != RD_OK ||
		rd_doc_decode(sign1.payload, &doc, &flaw) != RD_OK) {
		return 0;
	}
	write_and_read(&doc);
	for (size_t i = 0; i < doc.n_cabundle; i++) {
		read_cert(doc.cabundle[i]);
	}
	read_cert(doc.certificate);
	verify_under_own_root(input, &doc);
	return 0;
}
