/* SPDX-License-Identifier: Apache-2.0 */
/* The attestation documents of an evidence folder. */
#include "redoubt/evidence.h"

#include "attest/verify.h"
#include "base/text.h"
#include "cbor/decode.h"
#include "os/fd.h"

#include <string.h>

#define PCR_TEXT (2 * RD_DOC_PCR_SIZE + 1)

struct check {
	const struct rd_cert *root;
	const json_t *images;
	const struct rd_merkle_hash *log_id;
	size_t n;
	bool bound; /* one of them names the log */
};

static enum rd_status time_of(struct rd_view document, int64_t *ret_s)
{
	struct rd_cose_sign1 sign1;
	enum rd_doc_flaw flaw;
	struct rd_doc doc;

	RD_TRY(rd_cose_sign1_decode(document, &sign1));
	RD_TRY(rd_doc_decode(sign1.payload, &doc, &flaw));
	RD_ENSURE(doc.timestamp_ms / 1000 <= INT64_MAX, RD_OUT_OF_RANGE);
	*ret_s = (int64_t)(doc.timestamp_ms / 1000);
	return RD_OK;
}

static bool is_of_image(const struct check *c, const struct rd_doc *doc)
{
	char text[PCR_TEXT];
	const json_t *image;
	size_t i;

	rd_hex_string(doc->pcrs[0], text);
	json_array_foreach(c->images, i, image)
	{
		const char *pcr0 = json_string_value(json_object_get(image, "PCR0"));

		if (pcr0 != NULL && strcmp(pcr0, text) == 0) {
			return true;
		}
	}
	return false;
}

/* What an application puts into user_data is its own affair: anything else names no log. */
static bool names_log(const struct check *c, struct rd_view user_data)
{
	static const char *const names[] = {"log"};
	struct rd_cbor_fields fields;
	struct rd_view value = {0};
	struct rd_cbor d;
	bool found = false;
	int key;

	rd_cbor_init(&d, user_data, RD_CBOR_STRICT);
	if (user_data.ptr == NULL || rd_cbor_fields_begin(&d, names, 1, &fields) != RD_OK) {
		return false;
	}
	while (rd_cbor_fields_next(&d, &fields, &key) == RD_OK && key != RD_CBOR_KEY_END) {
		enum rd_status st = key == 0 ? rd_cbor_bytes(&d, &value) : rd_cbor_skip(&d, NULL);

		if (st != RD_OK) {
			return false;
		}
		found = found || (key == 0 && value.len == RD_MERKLE_HASH_SIZE &&
					 memcmp(value.ptr, c->log_id->bytes, value.len) == 0);
	}
	return found;
}

static enum rd_status see_document(void *ctx, const char *path, int fd, struct rd_error *err)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf bytes = rd_buf_growable(RD_VERIFY_INPUT_MAX);
	struct check *c = ctx;
	struct rd_verify_options options = {.roots = &c->root, .n_roots = 1};
	struct rd_verify_report report = {.cert = -1, .pcr = -1};
	enum rd_verify_result result;
	enum rd_status st = rd_fd_read_all(fd, &bytes);

	st = st == RD_OK ? time_of(rd_buf_view(&bytes), &options.now_s) : st;
	if (st != RD_OK) {
		return rd_fail(err, RD_UNTRUSTED, "document %s: %s", path, rd_status_text(st));
	}
	result = rd_verify(rd_buf_view(&bytes), &options, &report);
	if (result != RD_VERIFY_OK) {
		return rd_fail(err, RD_UNTRUSTED, "document %s: %s", path, rd_verify_text(result));
	}
	if (!is_of_image(c, &report.doc)) {
		return rd_fail(err, RD_UNTRUSTED,
			"document %s: is of an image that is none of the manifest's", path);
	}
	c->n++;
	c->bound = c->bound || names_log(c, report.doc.user_data);
	return RD_OK;
}

enum rd_status evidence_documents_check(int documents_fd, const struct rd_cert *root,
	const json_t *images, const struct rd_merkle_hash *log_id, size_t *ret_n,
	struct rd_error *err)
{
	struct check c = {.root = root, .images = images, .log_id = log_id};

	RD_TRY(evidence_walk(documents_fd, see_document, &c, err));
	if (!c.bound) {
		return rd_fail(err, RD_UNTRUSTED,
			"no document names the key that signs the log: anybody may have written it");
	}
	*ret_n = c.n;
	return RD_OK;
}
