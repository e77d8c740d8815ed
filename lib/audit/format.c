/* SPDX-License-Identifier: Apache-2.0 */
/* Names, entries, segments' beginnings and the key file of an audit log. */
#include "audit/format.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INDEX_DIGITS 19
#define PEM_LINE     64
/* No record is so long. */
#define HEAD_BIT 0x80000000u

static const uint8_t magic[8] = "RDLOGS2";
static const char pem_begin[] = "-----BEGIN PUBLIC KEY-----";
static const char pem_end[] = "-----END PUBLIC KEY-----";
static const char prefix[] = "log-";
static const char old_prefix[] = "heads-";

void rd_audit_name(uint64_t first, char ret_name[RD_AUDIT_NAME_SIZE])
{
	snprintf(ret_name, RD_AUDIT_NAME_SIZE, "%s%0*" PRIu64, prefix, INDEX_DIGITS, first);
}

static bool parse_index(const char *name, const char *before, uint64_t *ret)
{
	size_t n = strlen(before);

	return strncmp(name, before, n) == 0 && strlen(name + n) == INDEX_DIGITS &&
	       rd_parse_u64(name + n, 0, RD_MERKLE_SIZE_MAX, ret) == RD_OK;
}

enum rd_status rd_audit_name_parse(const char *name, uint64_t *ret_first)
{
	uint64_t first;

	RD_ENSURE(!parse_index(name, old_prefix, &first), RD_BAD_MAGIC);
	RD_ENSURE(parse_index(name, prefix, &first), RD_NOTFOUND);
	*ret_first = first;
	return RD_OK;
}

enum rd_status rd_audit_record_put(struct rd_view record, struct rd_buf *out)
{
	RD_ENSURE(record.len > 0, RD_USAGE);
	RD_ENSURE(record.len <= RD_AUDIT_RECORD_MAX, RD_LIMIT);
	RD_TRY(rd_buf_be32(out, (uint32_t)record.len));
	return rd_buf_put_view(out, record);
}

enum rd_status rd_audit_head_put(
	const uint8_t head[RD_MERKLE_HEAD_SIZE], size_t batch_size, struct rd_buf *out)
{
	RD_ENSURE(batch_size <= RD_AUDIT_BATCH_MAX, RD_LIMIT);
	RD_TRY(rd_buf_be32(out, HEAD_BIT | (uint32_t)batch_size));
	return rd_buf_put(out, head, RD_MERKLE_HEAD_SIZE);
}

enum rd_status rd_audit_entry_next(struct rd_cur *c, struct rd_audit_entry *ret)
{
	struct rd_audit_entry entry = {0};
	struct rd_cur at = *c;
	uint32_t word;

	RD_TRY(rd_cur_be32(&at, &word));
	entry.is_head = (word & HEAD_BIT) != 0;
	if (entry.is_head) {
		entry.batch_size = word & ~HEAD_BIT;
		RD_TRY(rd_cur_take(&at, RD_MERKLE_HEAD_SIZE, &entry.bytes));
	} else {
		RD_ENSURE(word > 0 && word <= RD_AUDIT_RECORD_MAX, RD_OUT_OF_RANGE);
		RD_TRY(rd_cur_take(&at, word, &entry.bytes));
	}
	*ret = entry;
	*c = at;
	return RD_OK;
}

enum rd_status rd_audit_batch_next(struct rd_cur *c, struct rd_audit_batch *ret)
{
	struct rd_audit_batch batch = {.records = rd_view(c->ptr, 0)};
	struct rd_cur at = *c;

	RD_TRY(rd_audit_entry_next(&at, &batch.head));
	while (!batch.head.is_head) {
		batch.count++;
		batch.records.len = c->left - at.left;
		RD_ENSURE(batch.records.len <= RD_AUDIT_BATCH_MAX, RD_LIMIT);
		RD_TRY(rd_audit_entry_next(&at, &batch.head));
	}
	*ret = batch;
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
