/* SPDX-License-Identifier: Apache-2.0 */
/* Names, records, segment heads and the key file of an audit log. */
#include "audit/format.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INDEX_DIGITS 19
#define PEM_LINE     64

static const uint8_t magic[8] = "RDLOGS1";
static const char pem_begin[] = "-----BEGIN PUBLIC KEY-----";
static const char pem_end[] = "-----END PUBLIC KEY-----";
static const char *const prefixes[] = {[RD_AUDIT_LOG] = "log-", [RD_AUDIT_HEADS] = "heads-"};

void rd_audit_name(enum rd_audit_file kind, uint64_t first, char ret_name[RD_AUDIT_NAME_SIZE])
{
	snprintf(ret_name, RD_AUDIT_NAME_SIZE, "%s%0*" PRIu64, prefixes[kind], INDEX_DIGITS, first);
}

enum rd_status rd_audit_name_parse(
	const char *name, enum rd_audit_file *ret_kind, uint64_t *ret_first)
{
	for (size_t kind = 0; kind < RD_ARRAY_LEN(prefixes); kind++) {
		size_t n = strlen(prefixes[kind]);
		uint64_t first;

		if (strncmp(name, prefixes[kind], n) != 0 || strlen(name + n) != INDEX_DIGITS ||
			rd_parse_u64(name + n, 0, RD_MERKLE_SIZE_MAX, &first) != RD_OK) {
			continue;
		}
		*ret_kind = (enum rd_audit_file)kind;
		*ret_first = first;
		return RD_OK;
	}
	return RD_NOTFOUND;
}

enum rd_status rd_audit_record_put(struct rd_view record, struct rd_buf *out)
{
	RD_ENSURE(record.len > 0, RD_USAGE);
	RD_ENSURE(record.len <= RD_AUDIT_RECORD_MAX, RD_LIMIT);
	RD_TRY(rd_buf_be32(out, (uint32_t)record.len));
	return rd_buf_put_view(out, record);
}

enum rd_status rd_audit_record_next(struct rd_cur *c, struct rd_view *ret_record)
{
	struct rd_cur at = *c;
	uint32_t len;

	RD_TRY(rd_cur_be32(&at, &len));
	RD_ENSURE(len > 0 && len <= RD_AUDIT_RECORD_MAX, RD_OUT_OF_RANGE);
	RD_TRY(rd_cur_take(&at, len, ret_record));
	*c = at;
	return RD_OK;
}

enum rd_status rd_audit_segment_put(const struct rd_merkle_range *range, struct rd_buf *out)
{
	RD_TRY(rd_buf_put(out, magic, sizeof(magic)));
	RD_TRY(rd_buf_be64(out, range->size));
	for (unsigned i = 0; i < rd_merkle_peak_count(range->size); i++) {
		RD_TRY(rd_buf_put(out, range->peaks[i].bytes, sizeof(range->peaks[i].bytes)));
	}
	return RD_OK;
}

enum rd_status rd_audit_segment_next(struct rd_cur *c, struct rd_merkle_range *ret)
{
	struct rd_merkle_range range = {0};
	struct rd_cur at = *c;
	struct rd_view part;

	RD_TRY(rd_cur_take(&at, sizeof(magic), &part));
	RD_ENSURE(rd_view_equal(part, rd_view(magic, sizeof(magic))), RD_BAD_MAGIC);
	RD_TRY(rd_cur_be64(&at, &range.size));
	RD_ENSURE(range.size <= RD_MERKLE_SIZE_MAX, RD_LIMIT);
	for (unsigned i = 0; i < rd_merkle_peak_count(range.size); i++) {
		RD_TRY(rd_cur_copy(&at, range.peaks[i].bytes, sizeof(range.peaks[i].bytes)));
	}
	*ret = range;
	*c = at;
	return RD_OK;
}

enum rd_status rd_audit_key_put(const struct rd_ec_key *key, struct rd_buf *out)
{
	uint8_t spki_bytes[RD_EC_SPKI_SIZE_MAX];
	uint8_t text_bytes[2 * RD_EC_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(spki_bytes, sizeof(spki_bytes));
	struct rd_buf text = rd_buf_fixed(text_bytes, sizeof(text_bytes));
	struct rd_view line;
	struct rd_cur c;

	RD_TRY(rd_ec_key_to_spki(key, &spki));
	RD_TRY(rd_base64_encode(rd_buf_view(&spki), &text));
	RD_TRY(rd_buf_printf(out, "%s\n", pem_begin));
	c = rd_cur(rd_buf_view(&text));
	while (c.left > 0) {
		RD_TRY(rd_cur_take(&c, c.left < PEM_LINE ? c.left : PEM_LINE, &line));
		RD_TRY(rd_buf_put_view(out, line));
		RD_TRY(rd_buf_put_str(out, "\n"));
	}
	return rd_buf_printf(out, "%s\n", pem_end);
}

/* What stands before the next line feed; the cursor goes behind it. */
static enum rd_status next_line(struct rd_cur *c, struct rd_view *ret_line)
{
	const uint8_t *end = c->left > 0 ? memchr(c->ptr, '\n', c->left) : NULL;

	RD_ENSURE(end != NULL, RD_MALFORMED);
	RD_TRY(rd_cur_take(c, (size_t)(end - c->ptr), ret_line));
	return rd_cur_skip(c, 1);
}

enum rd_status rd_audit_key_parse(struct rd_view pem, struct rd_ec_key **ret)
{
	uint8_t text_bytes[2 * RD_EC_SPKI_SIZE_MAX];
	uint8_t spki_bytes[RD_EC_SPKI_SIZE_MAX];
	struct rd_buf text = rd_buf_fixed(text_bytes, sizeof(text_bytes));
	struct rd_buf spki = rd_buf_fixed(spki_bytes, sizeof(spki_bytes));
	struct rd_cur c = rd_cur(pem);
	struct rd_ec_key *key = NULL;
	struct rd_view line;

	RD_TRY(next_line(&c, &line));
	RD_ENSURE(rd_view_equal(line, rd_view_str(pem_begin)), RD_MALFORMED);
	RD_TRY(next_line(&c, &line));
	while (!rd_view_equal(line, rd_view_str(pem_end))) {
		RD_ENSURE(rd_buf_put_view(&text, line) == RD_OK, RD_MALFORMED);
		RD_TRY(next_line(&c, &line));
	}
	RD_TRY(rd_cur_finish(&c));
	RD_ENSURE(rd_base64_decode(rd_buf_view(&text), &spki) == RD_OK, RD_MALFORMED);
	RD_TRY(rd_ec_key_from_spki(rd_buf_view(&spki), &key));
	if (rd_ec_key_curve(key) != RD_P256) {
		rd_ec_key_free(&key);
		return RD_WRONG_KEY;
	}
	*ret = key;
	return RD_OK;
}
