/* SPDX-License-Identifier: Apache-2.0 */
/* What `redoubt verify` says of a document, for people and as JSON. */
#include "redoubt/verify.h"

#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* A chain certificate's subject as one line. */
#define SUBJECT_MAX 1024
/* The longest byte string of a document, in hex. */
#define HEX_MAX (2 * RD_DOC_FIELD_MAX + 1)
/* A certificate in base64. */
#define BASE64_MAX (4 * ((RD_DOC_CERT_MAX + 2) / 3) + 1)

static bool is_zero(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] != 0) {
			return false;
		}
	}
	return true;
}

/* Chain entry i: cabundle, then the leaf. */
static struct rd_view chain_entry(const struct rd_doc *doc, size_t i)
{
	return i < doc->n_cabundle ? doc->cabundle[i] : doc->certificate;
}

static enum rd_status subject_text(const struct rd_cert *cert, char text[SUBJECT_MAX])
{
	struct rd_buf b = rd_buf_fixed(text, SUBJECT_MAX);

	RD_TRY(rd_cert_name_text(cert, RD_CERT_SUBJECT, &b));
	return rd_buf_u8(&b, '\0');
}

static void print_bytes(const char *label, struct rd_view v)
{
	char hex[HEX_MAX];

	if (v.ptr != NULL) {
		rd_hex_string(v, hex);
		printf("%-12s %zu bytes%s%s\n", label, v.len, v.len > 0 ? " " : "", hex);
	}
}

static void print_pcrs(const struct rd_doc *doc)
{
	char hex[2 * RD_DOC_PCR_SIZE + 1];
	char label[16];

	for (size_t i = 0; i < RD_DOC_PCR_COUNT; i++) {
		if (doc->pcrs[i].ptr != NULL && !is_zero(doc->pcrs[i])) {
			rd_hex_string(doc->pcrs[i], hex);
			snprintf(label, sizeof(label), "PCR%zu", i);
			printf("%-12s %s\n", label, hex);
		}
	}
}

static enum rd_status print_chain(const struct rd_doc *doc)
{
	for (size_t i = 0; i <= doc->n_cabundle; i++) {
		RD_CLEANUP(rd_cert_free) struct rd_cert *cert = NULL;
		char subject[SUBJECT_MAX];

		RD_TRY(rd_cert_from_der(chain_entry(doc, i), &cert));
		RD_TRY(subject_text(cert, subject));
		printf("%-12s %s\n", i == 0 ? "chain" : "", subject);
	}
	return RD_OK;
}

enum rd_status verify_print_text(const struct rd_verify_report *report)
{
	const struct rd_doc *doc = &report->doc;
	char time[RD_TIME_TEXT_SIZE];

	rd_time_string(doc->timestamp_ms, time);
	printf("%-12s the document is genuine%s\n", "verified",
		report->debug ? ", but the enclave runs in DEBUG MODE: it proves no image" : "");
	printf("%-12s %.*s\n", "module id", (int)doc->module_id.len,
		(const char *)doc->module_id.ptr);
	printf("%-12s %s\n", "time", time);
	print_pcrs(doc);
	print_bytes("public key", doc->public_key);
	print_bytes("user data", doc->user_data);
	print_bytes("nonce", doc->nonce);
	RD_TRY(print_chain(doc));
	return fflush(stdout) == 0 ? RD_OK : RD_IO;
}

static json_t *json_hex(struct rd_view v)
{
	char hex[HEX_MAX];

	if (v.ptr == NULL) {
		return json_null();
	}
	rd_hex_string(v, hex);
	return json_string(hex);
}

static json_t *json_base64(struct rd_view v)
{
	char text[BASE64_MAX];
	struct rd_buf b = rd_buf_fixed(text, sizeof(text));

	if (rd_base64_encode(v, &b) != RD_OK) {
		return NULL;
	}
	return json_stringn(text, b.used);
}

static json_t *json_pcrs(const struct rd_doc *doc)
{
	json_t *pcrs = json_object();
	char key[8];

	for (size_t i = 0; i < RD_DOC_PCR_COUNT; i++) {
		if (doc->pcrs[i].ptr != NULL) {
			snprintf(key, sizeof(key), "%zu", i);
			json_object_set_new(pcrs, key, json_hex(doc->pcrs[i]));
		}
	}
	return pcrs;
}

static json_t *json_cabundle(const struct rd_doc *doc)
{
	json_t *list = json_array();

	for (size_t i = 0; i < doc->n_cabundle; i++) {
		json_array_append_new(list, json_base64(doc->cabundle[i]));
	}
	return list;
}

static json_t *json_time(int64_t unix_s)
{
	char text[RD_TIME_TEXT_SIZE];

	rd_time_string((uint64_t)unix_s * 1000, text);
	return json_string(text);
}

static json_t *json_cert(struct rd_view der)
{
	RD_CLEANUP(rd_cert_free) struct rd_cert *cert = NULL;
	const struct rd_cert_info *info;
	char subject[SUBJECT_MAX];

	if (rd_cert_from_der(der, &cert) != RD_OK || subject_text(cert, subject) != RD_OK) {
		return NULL;
	}
	info = rd_cert_info(cert);
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "subject", subject, "serial",
		json_hex(info->serial), "not_before", json_time(info->not_before_s), "not_after",
		json_time(info->not_after_s), "sha256",
		json_hex(rd_view(info->fingerprint, sizeof(info->fingerprint))));
}

static json_t *json_chain(const struct rd_doc *doc)
{
	json_t *list = json_array();

	for (size_t i = 0; i <= doc->n_cabundle; i++) {
		json_array_append_new(list, json_cert(chain_entry(doc, i)));
	}
	return list;
}

static enum rd_status dump(json_t *root)
{
	enum rd_status st = RD_OK;

	if (root == NULL) {
		return RD_NOMEM;
	}
	if (json_dumpf(root, stdout, JSON_INDENT(2)) != 0 || putchar('\n') == EOF ||
		fflush(stdout) != 0) {
		st = RD_IO;
	}
	json_decref(root);
	return st;
}

enum rd_status verify_print_json(const struct rd_verify_report *report)
{
	const struct rd_doc *doc = &report->doc;
	char time[RD_TIME_TEXT_SIZE];

	rd_time_string(doc->timestamp_ms, time);
	return dump(json_pack("{s:b, s:b, s:s%, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"verified", 1, "debug", (int)report->debug, "module_id",
		(const char *)doc->module_id.ptr, doc->module_id.len, "digest", "SHA384", "time",
		time, "timestamp", (json_int_t)doc->timestamp_ms, "pcrs", json_pcrs(doc),
		"public_key", json_hex(doc->public_key), "user_data", json_hex(doc->user_data),
		"nonce", json_hex(doc->nonce), "certificate", json_base64(doc->certificate),
		"cabundle", json_cabundle(doc), "chain", json_chain(doc)));
}

enum rd_status verify_print_refusal_json(enum rd_verify_result result, const char *reason)
{
	return dump(json_pack("{s:b, s:s, s:i, s:s}", "verified", 0, "result",
		rd_verify_name(result), "code", (int)result, "reason", reason));
}
