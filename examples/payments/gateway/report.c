/* SPDX-License-Identifier: Apache-2.0 */
/* The report, written row by row: the books may have many. */
#include "gateway/report.h"

#include "base/text.h"
#include "card/gateway_message.h"
#include "db/db_rows.h"
#include "merkle/head.h"

#include <errno.h>
#include <jansson.h>

/* Where a signed head has its size and root (merkle/head.h). */
#define HEAD_SIZE_AT 48
#define HEAD_ROOT_AT 56

struct report {
	FILE *out;
	size_t titles; /* that have been printed */
	const char *before;
};

/* Its rows' arg. */
struct list {
	struct report *report;
	size_t number;
};

/* Up to list `number`, the ones without a row among them; or to the end. */
static enum rd_status print_titles(struct report *report, size_t number)
{
	static const char *const titles[] = {
		"{\"cards\": [\n", "],\n\"operations\": [\n", "],\n\"heads\": [\n", "]}\n"};

	while (report->titles <= number) {
		RD_ENSURE(fputs(titles[report->titles++], report->out) >= 0, RD_IO);
		report->before = "";
	}
	return RD_OK;
}

static enum rd_status print(const struct list *list, json_t *object)
{
	struct report *report = list->report;
	enum rd_status st = object == NULL ? RD_NOMEM : print_titles(report, list->number);

	if (st == RD_OK && (fputs(report->before, report->out) < 0 ||
				   json_dumpf(object, report->out, JSON_COMPACT) != 0)) {
		st = RD_IO;
	}
	json_decref(object);
	report->before = ",\n";
	return st;
}

static json_t *text(const struct rd_db_value *column)
{
	return json_stringn((const char *)column->bytes.ptr, column->bytes.len);
}

static json_t *hex(struct rd_view bytes)
{
	char digits[2 * RD_DIGEST_SIZE_MAX + 1];

	if (bytes.len > RD_DIGEST_SIZE_MAX) {
		return NULL;
	}
	rd_hex_string(bytes, digits);
	return json_string(digits);
}

static json_t *time_text(int64_t ms)
{
	char digits[RD_TIME_TEXT_SIZE];

	rd_time_string((uint64_t)ms, digits);
	return json_string(digits);
}

static json_t *number(const struct rd_db_value *column)
{
	return json_integer(column->number);
}

static enum rd_status print_card(void *arg, const struct rd_db_value *c, size_t n)
{
	RD_ENSURE(n == 8, RD_BAD_TYPE);
	return print(
		arg, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "card", hex(c[0].bytes),
			     "last4", text(&c[1]), "currency", text(&c[2]), "approved",
			     number(&c[3]), "reversed", number(&c[4]), "held", number(&c[5]),
			     "captured", number(&c[6]), "refunded", number(&c[7])));
}

static enum rd_status print_operation(void *arg, const struct rd_db_value *c, size_t n)
{
	static const char *const kinds[PAY_GATEWAY_KIND_COUNT] = {
		[PAY_GATEWAY_AUTHORISE] = "authorise",
		[PAY_GATEWAY_CAPTURE] = "capture",
		[PAY_GATEWAY_REFUND] = "refund",
	};

	RD_ENSURE(n == 14, RD_BAD_TYPE);
	RD_ENSURE(c[1].number >= 0 && c[1].number <= PAY_GATEWAY_REFUND, RD_BAD_TYPE);
	return print(arg,
		json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}",
			"rrn", text(&c[0]), "kind", kinds[c[1].number], "stan", text(&c[2]),
			"amount", number(&c[3]), "currency", text(&c[4]), "terminal", text(&c[5]),
			"merchant", text(&c[6]), "last4", text(&c[7]), "original", text(&c[8]),
			"response", text(&c[9]), "captured", number(&c[10]), "refunded",
			number(&c[11]), "reversed", c[12].number != 0, "time",
			time_text(c[13].number)));
}

static enum rd_status print_head(void *arg, const struct rd_db_value *c, size_t n)
{
	uint8_t base64[2 * RD_MERKLE_HEAD_SIZE];
	struct rd_buf b = rd_buf_fixed(base64, sizeof(base64));
	struct rd_cur head;
	struct rd_view root;
	uint64_t size;

	RD_ENSURE(n == 3 && c[1].bytes.len == RD_MERKLE_HEAD_SIZE, RD_BAD_TYPE);
	RD_TRY(rd_base64_encode(c[1].bytes, &b));
	head = rd_cur(c[1].bytes);
	RD_TRY(rd_cur_skip(&head, HEAD_SIZE_AT));
	RD_TRY(rd_cur_be64(&head, &size));
	RD_TRY(rd_cur_take(&head, RD_MERKLE_HASH_SIZE, &root));
	return print(arg, json_pack("{s:o, s:I, s:o, s:s%, s:o}", "log", hex(c[0].bytes), "size",
				  (json_int_t)size, "root", hex(root), "head", base64, b.used,
				  "time", time_text(c[2].number)));
}

/* The lists, all of one moment. */
static enum rd_status print_all(struct rd_db *db, FILE *out)
{
	struct report report = {.out = out};
	struct list cards = {&report, 0}, operations = {&report, 1}, heads = {&report, 2};
	const struct rd_db_read reads[] = {
		{"SELECT card, last4, currency, sum(response = '00'),"
		 " sum(response = '00' AND reversed = 1),"
		 " sum(CASE WHEN response = '00' AND reversed = 0 THEN amount ELSE 0 END),"
		 " sum(captured), sum(refunded) FROM operation WHERE card IS NOT NULL"
		 " GROUP BY card, last4, currency ORDER BY last4, card, currency",
			print_card, &cards},
		{"SELECT rrn, kind, stan, amount, currency, terminal, merchant, last4, original,"
		 " response, captured, refunded, reversed, at_ms FROM operation"
		 " ORDER BY at_ms, rrn",
			print_operation, &operations},
		{"SELECT log, head, at_ms FROM witness ORDER BY log", print_head, &heads},
	};

	RD_TRY(rd_db_read(db, reads, RD_ARRAY_LEN(reads), NULL, 0));
	RD_TRY(print_titles(&report, RD_ARRAY_LEN(reads)));
	return fflush(out) == 0 ? RD_OK : RD_IO;
}

enum rd_status gw_report_print(struct rd_db *db, FILE *out, struct rd_error *err)
{
	enum rd_status st = print_all(db, out);

	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "cannot write the report: %s",
				     st == RD_IO ? "output error" : rd_db_error(db));
}
