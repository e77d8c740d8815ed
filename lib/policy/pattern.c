/* SPDX-License-Identifier: Apache-2.0 */
/* Strings with wildcards and policy variables, compiled and expanded. */
#include "policy/pattern.h"

#include <string.h>

struct compiler {
	struct rd_cur in;
	struct rd_pattern_rules rules;
	struct rd_arena *arena;
	uint16_t *symbols;
	size_t len;
	struct rd_policy_variable *variables;
	size_t variable_count;
};

static struct rd_view trim(struct rd_view v)
{
	while (v.len > 0 && v.ptr[0] == ' ') {
		v = rd_view(v.ptr + 1, v.len - 1);
	}
	while (v.len > 0 && v.ptr[v.len - 1] == ' ') {
		v.len--;
	}
	return v;
}

/* "key" or "key, 'fallback'", already without its braces. */
static enum rd_status parse_variable(struct rd_view body, struct rd_policy_variable *ret)
{
	const uint8_t *comma = body.len > 0 ? memchr(body.ptr, ',', body.len) : NULL;
	struct rd_policy_variable v = {.key = trim(body)};

	if (comma != NULL) {
		size_t at = (size_t)(comma - body.ptr);
		struct rd_view quoted = trim(rd_view(comma + 1, body.len - at - 1));

		RD_ENSURE(quoted.len >= 2 && quoted.ptr[0] == '\'' &&
				  quoted.ptr[quoted.len - 1] == '\'',
			RD_MALFORMED);
		v.key = trim(rd_view(body.ptr, at));
		v.fallback = rd_view(quoted.ptr + 1, quoted.len - 2);
	}
	RD_ENSURE(v.key.len > 0 && memchr(v.key.ptr, '$', v.key.len) == NULL &&
			  memchr(v.key.ptr, '{', v.key.len) == NULL,
		RD_MALFORMED);
	*ret = v;
	return RD_OK;
}

/* How many "${" are still ahead: room for no more variables than there can be. */
static size_t count_braces(const struct rd_cur *in)
{
	size_t n = 1;

	for (size_t i = 1; i < in->left; i++) {
		n += in->ptr[i - 1] == '$' && in->ptr[i] == '{' ? 1 : 0;
	}
	return n < RD_POLICY_VARIABLES_MAX ? n : RD_POLICY_VARIABLES_MAX;
}

static enum rd_status add_variable(struct compiler *c, struct rd_view body)
{
	struct rd_policy_variable v = {0};

	if (body.len == 1 && strchr("*?$", body.ptr[0]) != NULL) {
		c->symbols[c->len++] = body.ptr[0];
		return RD_OK;
	}
	RD_TRY(parse_variable(body, &v));
	if (c->variables == NULL) {
		c->variables = rd_arena_alloc(
			c->arena, count_braces(&c->in), sizeof(*c->variables));
		RD_ENSURE(c->variables != NULL, RD_NOMEM);
	}
	RD_ENSURE(c->variable_count < RD_POLICY_VARIABLES_MAX, RD_LIMIT);
	c->symbols[c->len++] = (uint16_t)(RD_SYMBOL_VARIABLE + c->variable_count);
	c->variables[c->variable_count++] = v;
	return RD_OK;
}

/* What stands between "${" and "}"; a "}" within quotes belongs to the fallback. */
static enum rd_status take_braced(struct rd_cur *in, struct rd_view *ret_body)
{
	bool quoted = false;

	RD_TRY(rd_cur_skip(in, 2));
	for (size_t i = 0; i < in->left; i++) {
		if (in->ptr[i] == '\'') {
			quoted = !quoted;
		} else if (in->ptr[i] == '}' && !quoted) {
			RD_TRY(rd_cur_take(in, i, ret_body));
			return rd_cur_skip(in, 1);
		}
	}
	return RD_MALFORMED;
}

static enum rd_status compile_next(struct compiler *c)
{
	struct rd_view body = {0};
	uint8_t byte = 0;

	if (c->rules.variables && c->in.left >= 2 && c->in.ptr[0] == '$' && c->in.ptr[1] == '{') {
		RD_TRY(take_braced(&c->in, &body));
		return add_variable(c, body);
	}
	RD_TRY(rd_cur_u8(&c->in, &byte));
	if (c->rules.wildcards && byte == '*') {
		c->symbols[c->len++] = RD_SYMBOL_RUN;
	} else if (c->rules.wildcards && byte == '?') {
		c->symbols[c->len++] = RD_SYMBOL_ONE;
	} else {
		c->symbols[c->len++] = byte;
	}
	return RD_OK;
}

enum rd_status rd_pattern_compile(struct rd_view text, struct rd_pattern_rules rules,
	struct rd_arena *arena, struct rd_policy_pattern *ret)
{
	struct compiler c = {.in = rd_cur(text), .rules = rules, .arena = arena};

	c.symbols = rd_arena_alloc(arena, text.len, sizeof(*c.symbols));
	RD_ENSURE(c.symbols != NULL, RD_NOMEM);
	while (c.in.left > 0) {
		RD_TRY(compile_next(&c));
	}
	*ret = (struct rd_policy_pattern){
		.symbols = c.symbols,
		.len = c.len,
		.variables = c.variables,
		.variable_count = c.variable_count,
		.text = text,
	};
	return RD_OK;
}

static enum rd_status variable_value(const struct rd_policy_variable *v,
	const struct rd_policy_context *context, struct rd_view *ret)
{
	struct rd_policy_values values = {0};

	if (context->lookup(context->ctx, v->key, &values) && values.n > 0) {
		/* Which of several would be meant is not for us to choose. */
		RD_ENSURE(values.n == 1, RD_NOTFOUND);
		*ret = values.v[0];
		return RD_OK;
	}
	RD_ENSURE(v->fallback.ptr != NULL, RD_NOTFOUND);
	*ret = v->fallback;
	return RD_OK;
}

enum rd_status rd_pattern_expand(const struct rd_policy_pattern *p,
	const struct rd_policy_context *context, struct rd_scratch *scratch, struct rd_symbols *ret)
{
	size_t n = 0;

	if (p->variable_count == 0) {
		*ret = (struct rd_symbols){.v = p->symbols, .n = p->len};
		return RD_OK;
	}
	for (size_t i = 0; i < p->len; i++) {
		struct rd_view value = {0};

		if (p->symbols[i] < RD_SYMBOL_VARIABLE) {
			RD_ENSURE(n < RD_PATTERN_EXPANDED_MAX, RD_LIMIT);
			scratch->symbols[n++] = p->symbols[i];
			continue;
		}
		RD_TRY(variable_value(
			&p->variables[p->symbols[i] - RD_SYMBOL_VARIABLE], context, &value));
		RD_ENSURE(value.len <= RD_PATTERN_EXPANDED_MAX - n, RD_LIMIT);
		for (size_t k = 0; k < value.len; k++) {
			scratch->symbols[n++] = value.ptr[k];
		}
	}
	*ret = (struct rd_symbols){.v = scratch->symbols, .n = n};
	return RD_OK;
}
