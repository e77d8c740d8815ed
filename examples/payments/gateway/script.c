/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a script: reading and choosing. */
#include "gateway/script.h"

#include "base/text.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define SCRIPT_MAX 65536
#define LATE_MS    3000
#define WORDS      3

static const char *const mtis[PAY_GATEWAY_KIND_COUNT] = {
	[PAY_GATEWAY_AUTHORISE] = "0100",
	[PAY_GATEWAY_CAPTURE] = "0200",
	[PAY_GATEWAY_REFUND] = "0200",
	[PAY_GATEWAY_REVERSE] = "0400",
	[PAY_GATEWAY_SIGN_ON] = "0800",
	[PAY_GATEWAY_ECHO] = "0800",
};

/* By an amount's last two digits, for authorisation, capture and refund. --help has this table. */
static const struct {
	unsigned ends;
	struct gw_play play;
} amounts[] = {
	{5, {GW_ANSWER, PAY_GATEWAY_DECLINED, 0}},
	{14, {GW_ANSWER, PAY_GATEWAY_INVALID, 0}},
	{51, {GW_ANSWER, PAY_GATEWAY_FUNDS, 0}},
	{54, {GW_ANSWER, PAY_GATEWAY_EXPIRED, 0}},
	{91, {GW_ANSWER, PAY_GATEWAY_UNAVAILABLE, 0}},
	{96, {GW_ANSWER, PAY_GATEWAY_ERROR, 0}},
	{80, {GW_NO_ANSWER, PAY_GATEWAY_APPROVED, 0}},
	{81, {GW_LATE, PAY_GATEWAY_APPROVED, 0}},
	{82, {GW_TWICE, PAY_GATEWAY_APPROVED, 0}},
	{83, {GW_CLOSE, PAY_GATEWAY_APPROVED, 0}},
	{84, {GW_WRONG_RRN, PAY_GATEWAY_APPROVED, 0}},
	{85, {GW_GARBAGE, PAY_GATEWAY_APPROVED, 0}},
};

static const struct gw_play approve = {GW_ANSWER, PAY_GATEWAY_APPROVED, 0};

/* --- reading --- */

static bool read_mti(const char *word, char ret[PAY_ISO_MTI_SIZE + 1])
{
	ret[0] = '\0';
	if (strcmp(word, "any") == 0) {
		return true;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(mtis); i++) {
		if (strcmp(word, mtis[i]) == 0) {
			rd_text_copy(ret, PAY_ISO_MTI_SIZE + 1, word);
			return true;
		}
	}
	return false;
}

/* What follows "name=", or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

static bool read_text(const char *value, size_t len, char *ret, size_t size)
{
	rd_text_copy(ret, size, value);
	return strlen(value) == len;
}

static bool read_selector(const char *word, struct gw_rule *ret)
{
	static const struct {
		const char *name;
		enum gw_selector selector;
		uint64_t min, max; /* of a number */
		size_t len;        /* of a text */
	} kinds[] = {
		{"amount", GW_AMOUNT, 1, PAY_GATEWAY_AMOUNT_MAX, 0},
		{"ends", GW_ENDS, 0, 99, 0},
		{"nth", GW_NTH, 1, UINT32_MAX, 0},
		{"last4", GW_LAST4, 0, 0, 4},
		{"rrn", GW_RRN, 0, 0, 12},
	};

	if (strcmp(word, "any") == 0) {
		ret->selector = GW_ANY;
		return true;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(kinds); i++) {
		const char *value = value_of(word, kinds[i].name);

		if (value != NULL) {
			ret->selector = kinds[i].selector;
			return kinds[i].len > 0 ? read_text(value, kinds[i].len, ret->text,
							  sizeof(ret->text))
						: rd_parse_u64(value, kinds[i].min, kinds[i].max,
							  &ret->number) == RD_OK;
		}
	}
	return false;
}

static bool is_response(const char *text)
{
	return strlen(text) == 2 && text[0] >= '0' && text[0] <= '9' && text[1] >= '0' &&
	       text[1] <= '9' && strcmp(text, PAY_GATEWAY_APPROVED) != 0;
}

static bool read_action(const char *word, struct gw_play *ret)
{
	static const struct {
		const char *name;
		enum gw_delivery delivery;
	} plain[] = {
		{"approve", GW_ANSWER},
		{"no-answer", GW_NO_ANSWER},
		{"twice", GW_TWICE},
		{"close", GW_CLOSE},
		{"wrong-rrn", GW_WRONG_RRN},
		{"garbage", GW_GARBAGE},
		{"lost", GW_LOST},
		{"drop", GW_DROP},
	};
	const char *response = value_of(word, "decline"), *late = value_of(word, "late");
	uint64_t ms;

	*ret = approve;
	for (size_t i = 0; i < RD_ARRAY_LEN(plain); i++) {
		if (strcmp(word, plain[i].name) == 0) {
			ret->delivery = plain[i].delivery;
			return true;
		}
	}
	if (response != NULL && is_response(response)) {
		rd_text_copy(ret->response, sizeof(ret->response), response);
		return true;
	}
	if (late != NULL && rd_parse_u64(late, 1, GW_LATE_MAX_MS, &ms) == RD_OK) {
		ret->delivery = GW_LATE;
		ret->late_ms = (unsigned)ms;
		return true;
	}
	return false;
}

/* How many words a line has; what is more than WORDS is not kept. */
static size_t split(char *line, char *words[WORDS])
{
	size_t n = 0;
	char *word;

	line[strcspn(line, "#")] = '\0';
	while ((word = strsep(&line, " \t\r")) != NULL) {
		if (word[0] == '\0') {
			continue;
		}
		if (n < WORDS) {
			words[n] = word;
		}
		n++;
	}
	return n;
}

static enum rd_status read_line(
	char *line, size_t number, struct gw_script *ret, struct rd_error *err)
{
	struct gw_rule rule = {.mti = ""};
	char *words[WORDS] = {0};
	size_t n = split(line, words);

	if (n == 0) {
		return RD_OK;
	}
	if (n != WORDS) {
		return rd_fail(err, RD_MALFORMED,
			"line %zu: three words are wanted: MTI SELECTOR ACTION", number);
	}
	if (!read_mti(words[0], rule.mti)) {
		return rd_fail(err, RD_MALFORMED,
			"line %zu: \"%s\" is not 0100, 0200, 0400, 0800 or any", number, words[0]);
	}
	if (!read_selector(words[1], &rule)) {
		return rd_fail(err, RD_MALFORMED,
			"line %zu: \"%s\" selects nothing: any, amount=N, ends=NN, last4=NNNN, "
			"rrn=TEXT or nth=N is wanted",
			number, words[1]);
	}
	if (!read_action(words[2], &rule.play)) {
		return rd_fail(err, RD_MALFORMED, "line %zu: \"%s\" is no action: see --help",
			number, words[2]);
	}
	if (ret->n_rules == GW_RULES_MAX) {
		return rd_fail(err, RD_LIMIT, "line %zu: more than %d rules", number, GW_RULES_MAX);
	}
	ret->rules[ret->n_rules++] = rule;
	return RD_OK;
}

static enum rd_status read_lines(char *text, struct gw_script *ret, struct rd_error *err)
{
	size_t number = 0;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		RD_TRY(read_line(line, ++number, ret, err));
	}
	return RD_OK;
}

enum rd_status gw_script_read(const char *path, struct gw_script *ret, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(SCRIPT_MAX);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;

	*ret = (struct gw_script){.late_ms = LATE_MS};
	if (path == NULL) {
		return RD_OK;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	st = rd_fd_read_all(fd, &text);
	st = st == RD_OK ? rd_buf_u8(&text, '\0') : st;
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read %s: %s", path, rd_status_text(st));
	}
	st = read_lines((char *)text.ptr, ret, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", path);
}

/* --- choosing --- */

static bool selects(struct gw_rule *rule, const struct pay_gateway_request *request)
{
	const size_t pan = strlen(request->pan);

	switch (rule->selector) {
	case GW_AMOUNT:
		return request->op.amount == rule->number;
	case GW_ENDS:
		return request->op.amount > 0 && request->op.amount % 100 == rule->number;
	case GW_LAST4:
		return pan > 4 && strcmp(request->pan + pan - 4, rule->text) == 0;
	case GW_RRN:
		return strcmp(request->op.rrn, rule->text) == 0;
	case GW_NTH:
		return ++rule->count % rule->number == 0;
	case GW_ANY:
	default:
		return true;
	}
}

static struct gw_play by_amount(
	const struct gw_script *script, const struct pay_gateway_request *request)
{
	const unsigned ends = (unsigned)(request->op.amount % 100);
	struct gw_play play = approve;

	for (size_t i = 0; i < RD_ARRAY_LEN(amounts); i++) {
		if (amounts[i].ends == ends) {
			play = amounts[i].play;
		}
	}
	play.late_ms = script->late_ms;
	return play;
}

struct gw_play gw_script_choose(struct gw_script *script, const struct pay_gateway_request *request)
{
	const bool by_its_amount = request->kind == PAY_GATEWAY_AUTHORISE ||
				   request->kind == PAY_GATEWAY_CAPTURE ||
				   request->kind == PAY_GATEWAY_REFUND;

	for (size_t i = 0; i < script->n_rules; i++) {
		struct gw_rule *rule = &script->rules[i];

		if ((rule->mti[0] == '\0' || strcmp(rule->mti, mtis[request->kind]) == 0) &&
			selects(rule, request)) {
			return rule->play;
		}
	}
	return by_its_amount ? by_amount(script, request) : approve;
}
