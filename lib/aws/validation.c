/* SPDX-License-Identifier: Apache-2.0 */
/* The validation message. */
#include "aws/validation.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

/* Enum sets are the longest rules: the 20 key specs need about 350 bytes. */
#define RULE_SIZE 1024

static enum rd_status put_clause(struct rd_buf *out, enum rd_validation_value how,
	struct rd_view value, const char *field, const char *rule)
{
	if (how == RD_VALUE_SHOWN) {
		RD_TRY(rd_buf_put_str(out, "Value '"));
		RD_TRY(rd_buf_put_view(out, rd_utf8_prefix(value, RD_VALIDATION_VALUE_MAX)));
		RD_TRY(value.len > RD_VALIDATION_VALUE_MAX ? rd_buf_put_str(out, "...") : RD_OK);
		RD_TRY(rd_buf_put_str(out, "' at '"));
	} else {
		RD_TRY(rd_buf_put_str(
			out, how == RD_VALUE_NULL ? "Value null at '" : "Value at '"));
	}
	return rd_buf_printf(out, "%s' failed to satisfy constraint: Member must %s", field, rule);
}

void rd_validation_add(struct rd_validation *v, enum rd_validation_value how, struct rd_view value,
	const char *field, const char *rule, ...)
{
	struct rd_buf out = rd_buf_fixed(v->text, sizeof(v->text));
	char text[RULE_SIZE];
	va_list ap;

	v->failed = true;
	va_start(ap, rule);
	vsnprintf(text, sizeof(text), rule, ap);
	va_end(ap);
	out.used = v->used;
	if (v->count > 0 && rd_buf_put_str(&out, "; ") != RD_OK) {
		return;
	}
	if (put_clause(&out, how, value, field, text) == RD_OK) {
		v->used = out.used;
		v->count++;
	}
}

enum rd_status rd_validation_message(const struct rd_validation *v, struct rd_buf *out)
{
	RD_TRY(rd_buf_printf(
		out, "%u validation error%s detected: ", v->count, v->count == 1 ? "" : "s"));
	return rd_buf_put(out, v->text, v->used);
}
