/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialogue of enclave and gateway: what each message must and may have, in one table, and both
 * ways between structs and fields. Values are gathered in a scratch (struct text), because fields
 * borrow and numbers have to be written somewhere.
 */
#include "card/gateway_message.h"

#include "base/secret.h"
#include "base/text.h"

#include <time.h>

#define FIELDS_MAX 16

/* Processing, function and network codes of the dialect. */
#define PURCHASE     "000000"
#define REFUND       "200000"
#define F_AUTHORISE  "100"
#define F_FINANCIAL  "200" /* original: a refund is no continuation of a hold */
#define F_CAPTURE    "201" /* of what was authorised before */
#define F_REVERSE    "400"
#define N_SIGN_ON    "001"
#define N_ECHO       "301"
#define MTI_ORIGINAL "0100"

/* Original data elements: MTI, STAN, then time and two institutions, which RRNs make superfluous.
 */
#define ORIGINAL_STAN  4
#define ORIGINAL_ZEROS 10
#define ORIGINAL_SIZE  42

/* Base64 of a head and of a key, over so many subfields of the same size. */
#define HEAD_PARTS    3
#define HEAD_TEXT     204
#define LOG_KEY_PARTS 2
#define LOG_KEY_TEXT  124
#define PRIVATE_MAX   999
#define NO_TAG        PAY_ISO_TAGS

enum way { REQUEST, ANSWER };

struct layout {
	const char *mti[2];                          /* by way */
	const char *processing, *function, *network; /* NULL: the field is not there */
	uint8_t must[2][FIELDS_MAX];                 /* by way, ends with 0 */
	uint8_t may[2][2];
	/* Subfields of 48: what must be there in a request, and first tags of what may. */
	uint8_t tag_must;
	uint8_t tags_may[2][3];
};

#define OPERATION_FIELDS                                                                           \
	PAY_ISO_F_PROCESSING, PAY_ISO_F_AMOUNT, PAY_ISO_F_SENT, PAY_ISO_F_STAN, PAY_ISO_F_RRN,     \
		PAY_ISO_F_TERMINAL, PAY_ISO_F_MERCHANT, PAY_ISO_F_CURRENCY
#define REQUEST_FIELDS OPERATION_FIELDS, PAY_ISO_F_TIME, PAY_ISO_F_DATE, PAY_ISO_F_FUNCTION
#define ANSWER_FIELDS                                                                              \
	{                                                                                          \
		OPERATION_FIELDS, PAY_ISO_F_RESPONSE                                               \
	}
#define ANSWER_MAY                                                                                 \
	{                                                                                          \
		PAY_ISO_F_AUTH_CODE, PAY_ISO_F_PRIVATE                                             \
	}
#define FINANCIAL(processing_, function_)                                                          \
	{                                                                                          \
		.mti = {"0200", "0210"}, .processing = (processing_), .function = (function_),     \
		.must = {{REQUEST_FIELDS, PAY_ISO_F_PRIVATE}, ANSWER_FIELDS},                      \
		.may = {{0}, ANSWER_MAY}, .tag_must = PAY_ISO_T_ORIGINAL_RRN,                      \
		.tags_may = {{PAY_ISO_T_ORIGINAL_RRN}, {PAY_ISO_T_REASON}},                        \
	}
#define NETWORK(network_, ...)                                                                     \
	{                                                                                          \
		.mti = {"0800", "0810"}, .network = (network_), .tag_must = NO_TAG,                \
		.must = {{PAY_ISO_F_SENT, PAY_ISO_F_STAN, PAY_ISO_F_NETWORK},                      \
			{PAY_ISO_F_SENT, PAY_ISO_F_STAN, PAY_ISO_F_RESPONSE, PAY_ISO_F_NETWORK}},  \
		__VA_ARGS__                                                                        \
	}

static const struct layout layouts[PAY_GATEWAY_KIND_COUNT] = {
	[PAY_GATEWAY_AUTHORISE] =
		{
			.mti = {"0100", "0110"},
			.processing = PURCHASE,
			.function = F_AUTHORISE,
			.must = {{REQUEST_FIELDS, PAY_ISO_F_PAN, PAY_ISO_F_EXPIRY, PAY_ISO_F_ENTRY},
				ANSWER_FIELDS},
			.may = {{PAY_ISO_F_PRIVATE}, ANSWER_MAY},
			.tag_must = NO_TAG,
			.tags_may = {{PAY_ISO_T_CVV}, {PAY_ISO_T_REASON}},
		},
	[PAY_GATEWAY_CAPTURE] = FINANCIAL(PURCHASE, F_CAPTURE),
	[PAY_GATEWAY_REFUND] = FINANCIAL(REFUND, F_FINANCIAL),
	[PAY_GATEWAY_REVERSE] =
		{
			.mti = {"0400", "0410"},
			.processing = PURCHASE,
			.function = F_REVERSE,
			.must = {{REQUEST_FIELDS, PAY_ISO_F_ORIGINAL}, ANSWER_FIELDS},
			.may = {{0}, ANSWER_MAY},
			.tag_must = NO_TAG,
			.tags_may = {{0}, {PAY_ISO_T_REASON}},
		},
	[PAY_GATEWAY_SIGN_ON] = NETWORK(N_SIGN_ON,
		.may = {{PAY_ISO_F_PRIVATE}, {PAY_ISO_F_PRIVATE}},
		.tags_may = {{PAY_ISO_T_HEAD, PAY_ISO_T_LOG_KEY},
			{PAY_ISO_T_HEAD, PAY_ISO_T_REASON}}),
	[PAY_GATEWAY_ECHO] = NETWORK(N_ECHO, .may = {{0}, {0}}),
};

/* Everything that fields of one message borrow but the struct itself. */
struct text {
	char amount[12 + 1];
	char terminal[8 + 1], merchant[15 + 1];
	char original[ORIGINAL_SIZE + 1];
	char head[HEAD_TEXT], log_key[LOG_KEY_TEXT];
	uint8_t data[PRIVATE_MAX];
};

/* A request or an answer, as far as they are the same. */
struct parts {
	enum pay_gateway_kind *kind;
	struct pay_gateway_stamp *stamp;
	struct pay_gateway_operation *op;
	struct pay_gateway_head *head;
};

static bool is_operation(enum pay_gateway_kind kind)
{
	return kind < PAY_GATEWAY_SIGN_ON;
}

void pay_gateway_time(int64_t unix_s, char ret[10 + 1])
{
	time_t t = unix_s;
	struct tm tm = {0};

	(void)gmtime_r(&t, &tm);
	(void)strftime(ret, 10 + 1, "%m%d%H%M%S", &tm);
}

static unsigned two_digits(const char *text)
{
	return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

/* A year is not said: the 29th of February is a date, and second 60 is a leap second. */
static enum rd_status check_sent(const char sent[10 + 1])
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned month = two_digits(sent), day = two_digits(sent + 2);

	RD_ENSURE(month >= 1 && month <= 12, RD_OUT_OF_RANGE);
	RD_ENSURE(day >= 1 && day <= days[month - 1], RD_OUT_OF_RANGE);
	RD_ENSURE(two_digits(sent + 4) < 24 && two_digits(sent + 6) < 60, RD_OUT_OF_RANGE);
	RD_ENSURE(two_digits(sent + 8) <= 60, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status check_lengths(const struct pay_gateway_request *request)
{
	size_t pan = strlen(request->pan), cvv = strlen(request->cvv);

	if (request->kind != PAY_GATEWAY_AUTHORISE) {
		return RD_OK;
	}
	RD_ENSURE(pan >= PAY_GATEWAY_PAN_MIN, RD_OUT_OF_RANGE);
	RD_ENSURE(cvv == 0 || cvv == 3 || cvv == 4, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status all_digits(struct rd_view value)
{
	for (size_t i = 0; i < value.len; i++) {
		RD_ENSURE(value.ptr[i] >= '0' && value.ptr[i] <= '9', RD_BAD_TYPE);
	}
	return RD_OK;
}

static enum rd_status all_letters_and_digits(struct rd_view value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.ptr[i], lower = c | 0x20;

		RD_ENSURE((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z'), RD_BAD_TYPE);
	}
	return RD_OK;
}

/* --- from structs to fields --- */

static enum rd_status set_text(struct pay_iso *msg, unsigned number, const char *text)
{
	return pay_iso_set(msg, number, rd_view_str(text));
}

/* Blanks on the right, up to the field's size, which is the array's without its NUL. */
static enum rd_status set_padded(
	struct pay_iso *msg, unsigned number, const char *text, char *scratch, size_t size)
{
	size_t len = strlen(text);

	RD_ENSURE(len > 0 && text[len - 1] != ' ', RD_OUT_OF_RANGE);
	RD_ENSURE(len < size, RD_LIMIT);
	memset(scratch, ' ', size - 1);
	memcpy(scratch, text, len);
	return pay_iso_set(msg, number, rd_view(scratch, size - 1));
}

static enum rd_status set_amount(struct pay_iso *msg, uint64_t amount, struct text *text)
{
	RD_ENSURE(amount >= 1 && amount <= PAY_GATEWAY_AMOUNT_MAX, RD_OUT_OF_RANGE);
	for (size_t i = sizeof(text->amount) - 1; i > 0; i--) {
		text->amount[i - 1] = (char)('0' + amount % 10);
		amount /= 10;
	}
	return pay_iso_set(msg, PAY_ISO_F_AMOUNT, rd_view(text->amount, sizeof(text->amount) - 1));
}

static enum rd_status set_operation(struct pay_iso *msg, const struct layout *layout,
	const struct pay_gateway_operation *op, struct text *text)
{
	RD_TRY(set_text(msg, PAY_ISO_F_PROCESSING, layout->processing));
	RD_TRY(set_amount(msg, op->amount, text));
	RD_TRY(set_text(msg, PAY_ISO_F_RRN, op->rrn));
	RD_TRY(set_padded(
		msg, PAY_ISO_F_TERMINAL, op->terminal, text->terminal, sizeof(text->terminal)));
	RD_TRY(set_padded(
		msg, PAY_ISO_F_MERCHANT, op->merchant, text->merchant, sizeof(text->merchant)));
	return set_text(msg, PAY_ISO_F_CURRENCY, op->currency);
}

/* What every message has. */
static enum rd_status set_common(struct pay_iso *msg, const struct layout *layout, enum way way,
	const struct pay_gateway_stamp *stamp)
{
	memcpy(msg->mti, layout->mti[way], sizeof(msg->mti));
	RD_TRY(set_text(msg, PAY_ISO_F_SENT, stamp->sent));
	RD_TRY(check_sent(stamp->sent));
	RD_TRY(set_text(msg, PAY_ISO_F_STAN, stamp->stan));
	return layout->network == NULL ? RD_OK : set_text(msg, PAY_ISO_F_NETWORK, layout->network);
}

static enum rd_status set_original(
	struct pay_iso *msg, const struct pay_gateway_request *request, struct text *text)
{
	RD_ENSURE(
		strlen(request->original_stan) == ORIGINAL_ZEROS - ORIGINAL_STAN, RD_OUT_OF_RANGE);
	memset(text->original, '0', ORIGINAL_SIZE);
	memcpy(text->original, MTI_ORIGINAL, ORIGINAL_STAN);
	memcpy(text->original + ORIGINAL_STAN, request->original_stan,
		ORIGINAL_ZEROS - ORIGINAL_STAN);
	return pay_iso_set(msg, PAY_ISO_F_ORIGINAL, rd_view(text->original, ORIGINAL_SIZE));
}

static enum rd_status set_request(
	struct pay_iso *msg, const struct pay_gateway_request *request, struct text *text)
{
	const struct layout *layout = &layouts[request->kind];

	RD_TRY(set_operation(msg, layout, &request->op, text));
	RD_TRY(set_text(msg, PAY_ISO_F_FUNCTION, layout->function));
	RD_TRY(pay_iso_set(msg, PAY_ISO_F_TIME, rd_view(request->stamp.sent + 4, 6)));
	RD_TRY(pay_iso_set(msg, PAY_ISO_F_DATE, rd_view(request->stamp.sent, 4)));
	if (request->kind == PAY_GATEWAY_AUTHORISE) {
		RD_TRY(check_lengths(request));
		RD_TRY(set_text(msg, PAY_ISO_F_PAN, request->pan));
		RD_TRY(set_text(msg, PAY_ISO_F_EXPIRY, request->expiry));
		RD_TRY(set_text(msg, PAY_ISO_F_ENTRY, request->entry));
	}
	return request->kind == PAY_GATEWAY_REVERSE ? set_original(msg, request, text) : RD_OK;
}

/* Base64 over several subfields of the same size. */
static enum rd_status set_parts(struct pay_iso_private *data, unsigned tag, unsigned parts,
	struct rd_view bytes, char *scratch, size_t size)
{
	struct rd_buf b = rd_buf_fixed(scratch, size);
	size_t each = size / parts;

	RD_TRY(rd_base64_encode(bytes, &b));
	RD_ENSURE(b.used == size, RD_INTERNAL);
	for (unsigned i = 0; i < parts; i++) {
		data->tags[tag + i] = rd_view(scratch + i * each, each);
	}
	return RD_OK;
}

static enum rd_status set_head(
	struct pay_iso_private *data, const struct pay_gateway_head *head, struct text *text)
{
	if (!head->present) {
		return RD_OK;
	}
	RD_TRY(set_parts(data, PAY_ISO_T_HEAD, HEAD_PARTS,
		rd_view(head->bytes, sizeof(head->bytes)), text->head, sizeof(text->head)));
	return !head->has_key ? RD_OK
			      : set_parts(data, PAY_ISO_T_LOG_KEY, LOG_KEY_PARTS,
					rd_view(head->key, sizeof(head->key)), text->log_key,
					sizeof(text->log_key));
}

/* Field 48, when there is anything for it. */
static enum rd_status set_private(
	struct pay_iso *msg, const struct pay_iso_private *data, struct text *text)
{
	struct rd_buf b = rd_buf_fixed(text->data, sizeof(text->data));

	RD_TRY(pay_iso_private_encode(data, &b));
	return b.used == 0 ? RD_OK : pay_iso_set(msg, PAY_ISO_F_PRIVATE, rd_buf_view(&b));
}

static enum rd_status build_request(
	const struct pay_gateway_request *request, struct text *text, struct pay_iso *msg)
{
	struct pay_iso_private data = {0};

	RD_TRY(set_common(msg, &layouts[request->kind], REQUEST, &request->stamp));
	if (is_operation(request->kind)) {
		RD_TRY(set_request(msg, request, text));
	}
	if (request->kind == PAY_GATEWAY_AUTHORISE && request->cvv[0] != '\0') {
		data.tags[PAY_ISO_T_CVV] = rd_view_str(request->cvv);
		RD_TRY(all_digits(data.tags[PAY_ISO_T_CVV]));
	}
	if (layouts[request->kind].tag_must == PAY_ISO_T_ORIGINAL_RRN) {
		data.tags[PAY_ISO_T_ORIGINAL_RRN] = rd_view_str(request->original_rrn);
		RD_ENSURE(strlen(request->original_rrn) == sizeof(request->original_rrn) - 1,
			RD_OUT_OF_RANGE);
		RD_TRY(all_letters_and_digits(data.tags[PAY_ISO_T_ORIGINAL_RRN]));
	}
	if (request->kind == PAY_GATEWAY_SIGN_ON) {
		RD_TRY(set_head(&data, &request->head, text));
	}
	return set_private(msg, &data, text);
}

enum rd_status pay_gateway_request_encode(
	const struct pay_gateway_request *request, struct rd_buf *out)
{
	struct pay_iso msg = {.mti = ""};
	struct text text;
	enum rd_status st = build_request(request, &text, &msg);

	st = st == RD_OK ? pay_iso_encode(&msg, out) : st;
	rd_wipe(&text, sizeof(text)); /* the CVV is in it */
	return st;
}

static enum rd_status build_answer(
	const struct pay_gateway_answer *answer, struct text *text, struct pay_iso *msg)
{
	const struct layout *layout = &layouts[answer->kind];
	struct pay_iso_private data = {0};

	RD_TRY(set_common(msg, layout, ANSWER, &answer->stamp));
	if (is_operation(answer->kind)) {
		RD_TRY(set_operation(msg, layout, &answer->op, text));
	}
	RD_TRY(set_text(msg, PAY_ISO_F_RESPONSE, answer->response));
	if (is_operation(answer->kind) && answer->auth_code[0] != '\0') {
		RD_TRY(set_text(msg, PAY_ISO_F_AUTH_CODE, answer->auth_code));
	}
	if (answer->kind != PAY_GATEWAY_ECHO && answer->reason[0] != '\0') {
		data.tags[PAY_ISO_T_REASON] = rd_view_str(answer->reason);
	}
	if (answer->kind == PAY_GATEWAY_SIGN_ON) {
		RD_ENSURE(!answer->head.has_key, RD_USAGE);
		RD_TRY(set_head(&data, &answer->head, text));
	}
	return set_private(msg, &data, text);
}

enum rd_status pay_gateway_answer_encode(
	const struct pay_gateway_answer *answer, struct rd_buf *out)
{
	struct pay_iso msg = {.mti = ""};
	struct text text;

	RD_TRY(build_answer(answer, &text, &msg));
	return pay_iso_encode(&msg, out);
}

/* --- from fields to structs --- */

/* Into an array of this size: a value is shorter, its field's maximum says so. */
static void get_text(struct rd_view value, char *ret, size_t size)
{
	assert(value.len < size);
	memcpy(ret, value.ptr, value.len);
	ret[value.len] = '\0';
}

#define GET(msg, number, array) get_text((msg)->fields[number], array, sizeof(array))

static enum rd_status get_padded(struct rd_view value, char *ret, size_t size)
{
	while (value.len > 0 && value.ptr[value.len - 1] == ' ') {
		value.len--;
	}
	RD_ENSURE(value.len > 0, RD_OUT_OF_RANGE);
	get_text(value, ret, size);
	return RD_OK;
}

static bool field_is(const struct pay_iso *msg, unsigned number, const char *want)
{
	return want == NULL ? !pay_iso_has(msg, number)
			    : rd_view_equal(msg->fields[number], rd_view_str(want));
}

/* Which of the kinds a message is, by its MTI and the codes that tell kinds of one MTI apart. */
static enum rd_status find_kind(const struct pay_iso *msg, enum way way, enum pay_gateway_kind *ret)
{
	bool known = false;

	for (unsigned kind = 0; kind < PAY_GATEWAY_KIND_COUNT; kind++) {
		const struct layout *layout = &layouts[kind];

		if (memcmp(msg->mti, layout->mti[way], sizeof(msg->mti)) != 0) {
			continue;
		}
		known = true;
		if (field_is(msg, PAY_ISO_F_PROCESSING, layout->processing) &&
			field_is(msg, PAY_ISO_F_NETWORK, layout->network) &&
			(way == ANSWER || field_is(msg, PAY_ISO_F_FUNCTION, layout->function))) {
			*ret = (enum pay_gateway_kind)kind;
			return RD_OK;
		}
	}
	RD_ENSURE(known, RD_UNSUPPORTED);
	/* Codes that are not there are missing rather than unknown. */
	RD_ENSURE(pay_iso_has(msg, PAY_ISO_F_PROCESSING) || pay_iso_has(msg, PAY_ISO_F_NETWORK),
		RD_MISSING);
	RD_ENSURE(way == ANSWER || pay_iso_has(msg, PAY_ISO_F_FUNCTION) ||
			  pay_iso_has(msg, PAY_ISO_F_NETWORK),
		RD_MISSING);
	return RD_UNSUPPORTED;
}

static bool is_among(const uint8_t *list, size_t n, unsigned number)
{
	for (size_t i = 0; i < n && list[i] != 0; i++) {
		if (list[i] == number) {
			return true;
		}
	}
	return false;
}

static enum rd_status check_fields(
	const struct pay_iso *msg, const struct layout *layout, enum way way)
{
	for (unsigned number = 1; number <= PAY_ISO_FIELD_MAX; number++) {
		bool must = is_among(layout->must[way], FIELDS_MAX, number);

		RD_ENSURE(!must || pay_iso_has(msg, number), RD_MISSING);
		RD_ENSURE(must || !pay_iso_has(msg, number) ||
				  is_among(layout->may[way], sizeof(layout->may[way]), number),
			RD_FORBIDDEN);
	}
	return RD_OK;
}

/* A value over several subfields is one of its first one's. */
static unsigned first_tag(unsigned tag)
{
	if (tag > PAY_ISO_T_HEAD && tag < PAY_ISO_T_HEAD + HEAD_PARTS) {
		return PAY_ISO_T_HEAD;
	}
	if (tag > PAY_ISO_T_LOG_KEY && tag < PAY_ISO_T_LOG_KEY + LOG_KEY_PARTS) {
		return PAY_ISO_T_LOG_KEY;
	}
	return tag;
}

static enum rd_status read_private(const struct pay_iso *msg, const struct layout *layout,
	enum way way, struct pay_iso_private *ret)
{
	*ret = (struct pay_iso_private){0};
	if (pay_iso_has(msg, PAY_ISO_F_PRIVATE)) {
		RD_TRY(pay_iso_private_decode(msg->fields[PAY_ISO_F_PRIVATE], ret));
	}
	for (unsigned tag = 0; tag < PAY_ISO_TAGS; tag++) {
		RD_ENSURE(ret->tags[tag].ptr == NULL ||
				  is_among(layout->tags_may[way], sizeof(layout->tags_may[way]),
					  first_tag(tag)),
			RD_FORBIDDEN);
	}
	RD_ENSURE(way == ANSWER || layout->tag_must == NO_TAG ||
			  ret->tags[layout->tag_must].ptr != NULL,
		RD_MISSING);
	return RD_OK;
}

static enum rd_status get_parts(const struct pay_iso_private *data, unsigned tag, unsigned parts,
	size_t text_size, uint8_t *ret, size_t size)
{
	char text[HEAD_TEXT];
	struct rd_buf gathered = rd_buf_fixed(text, sizeof(text)), out = rd_buf_fixed(ret, size);

	for (unsigned i = 0; i < parts; i++) {
		RD_ENSURE(data->tags[tag + i].ptr != NULL, RD_MISSING);
		RD_ENSURE(data->tags[tag + i].len == text_size / parts, RD_MALFORMED);
		RD_TRY(rd_buf_put_view(&gathered, data->tags[tag + i]));
	}
	RD_ENSURE(rd_base64_decode(rd_buf_view(&gathered), &out) == RD_OK, RD_MALFORMED);
	RD_ENSURE(out.used == size, RD_MALFORMED);
	return RD_OK;
}

static bool has_parts(const struct pay_iso_private *data, unsigned tag, unsigned parts)
{
	for (unsigned i = 0; i < parts; i++) {
		if (data->tags[tag + i].ptr != NULL) {
			return true;
		}
	}
	return false;
}

static enum rd_status get_head(const struct pay_iso_private *data, struct pay_gateway_head *ret)
{
	ret->present = has_parts(data, PAY_ISO_T_HEAD, HEAD_PARTS);
	ret->has_key = has_parts(data, PAY_ISO_T_LOG_KEY, LOG_KEY_PARTS);
	RD_ENSURE(ret->present || !ret->has_key, RD_MISSING);
	if (ret->present) {
		RD_TRY(get_parts(data, PAY_ISO_T_HEAD, HEAD_PARTS, HEAD_TEXT, ret->bytes,
			sizeof(ret->bytes)));
	}
	return ret->has_key ? get_parts(data, PAY_ISO_T_LOG_KEY, LOG_KEY_PARTS, LOG_KEY_TEXT,
				      ret->key, sizeof(ret->key))
			    : RD_OK;
}

static enum rd_status get_operation(const struct pay_iso *msg, struct pay_gateway_operation *ret)
{
	struct rd_view amount = msg->fields[PAY_ISO_F_AMOUNT];

	ret->amount = 0;
	for (size_t i = 0; i < amount.len; i++) {
		ret->amount = ret->amount * 10 + (amount.ptr[i] - (uint64_t)'0');
	}
	RD_ENSURE(ret->amount >= 1, RD_OUT_OF_RANGE);
	GET(msg, PAY_ISO_F_RRN, ret->rrn);
	GET(msg, PAY_ISO_F_CURRENCY, ret->currency);
	RD_TRY(get_padded(msg->fields[PAY_ISO_F_TERMINAL], ret->terminal, sizeof(ret->terminal)));
	return get_padded(msg->fields[PAY_ISO_F_MERCHANT], ret->merchant, sizeof(ret->merchant));
}

/* All that requests and answers share, and field 48 taken apart. */
static enum rd_status get_common(struct rd_view bytes, enum way way, const struct parts *ret,
	struct pay_iso *msg, struct pay_iso_private *data)
{
	const struct layout *layout;

	RD_TRY(pay_iso_decode(bytes, msg));
	RD_TRY(find_kind(msg, way, ret->kind));
	layout = &layouts[*ret->kind];
	RD_TRY(check_fields(msg, layout, way));
	RD_TRY(read_private(msg, layout, way, data));
	GET(msg, PAY_ISO_F_SENT, ret->stamp->sent);
	RD_TRY(check_sent(ret->stamp->sent));
	GET(msg, PAY_ISO_F_STAN, ret->stamp->stan);
	RD_TRY(get_head(data, ret->head));
	return is_operation(*ret->kind) ? get_operation(msg, ret->op) : RD_OK;
}

static enum rd_status get_card(const struct pay_iso *msg, const struct pay_iso_private *data,
	struct pay_gateway_request *ret)
{
	struct rd_view cvv = data->tags[PAY_ISO_T_CVV];

	GET(msg, PAY_ISO_F_PAN, ret->pan);
	GET(msg, PAY_ISO_F_EXPIRY, ret->expiry);
	GET(msg, PAY_ISO_F_ENTRY, ret->entry);
	if (cvv.ptr != NULL) {
		RD_TRY(all_digits(cvv));
		RD_ENSURE(cvv.len < sizeof(ret->cvv), RD_OUT_OF_RANGE);
		get_text(cvv, ret->cvv, sizeof(ret->cvv));
	}
	return check_lengths(ret);
}

static enum rd_status get_original(const struct pay_iso *msg, struct pay_gateway_request *ret)
{
	struct rd_view original = msg->fields[PAY_ISO_F_ORIGINAL];

	RD_ENSURE(rd_view_equal(rd_view(original.ptr, ORIGINAL_STAN), rd_view_str(MTI_ORIGINAL)),
		RD_UNSUPPORTED);
	for (size_t i = ORIGINAL_ZEROS; i < original.len; i++) {
		RD_ENSURE(original.ptr[i] == '0', RD_UNSUPPORTED);
	}
	get_text(rd_view(original.ptr + ORIGINAL_STAN, ORIGINAL_ZEROS - ORIGINAL_STAN),
		ret->original_stan, sizeof(ret->original_stan));
	return RD_OK;
}

static enum rd_status get_request(const struct pay_iso *msg, const struct pay_iso_private *data,
	struct pay_gateway_request *ret)
{
	struct rd_view original = data->tags[PAY_ISO_T_ORIGINAL_RRN];

	if (!is_operation(ret->kind)) {
		return RD_OK;
	}
	/* One clock: ours is UTC throughout. */
	RD_ENSURE(rd_view_equal(msg->fields[PAY_ISO_F_TIME], rd_view(ret->stamp.sent + 4, 6)),
		RD_OUT_OF_RANGE);
	RD_ENSURE(rd_view_equal(msg->fields[PAY_ISO_F_DATE], rd_view(ret->stamp.sent, 4)),
		RD_OUT_OF_RANGE);
	if (original.ptr != NULL) {
		RD_ENSURE(original.len == sizeof(ret->original_rrn) - 1, RD_OUT_OF_RANGE);
		RD_TRY(all_letters_and_digits(original));
		get_text(original, ret->original_rrn, sizeof(ret->original_rrn));
	}
	if (ret->kind == PAY_GATEWAY_REVERSE) {
		return get_original(msg, ret);
	}
	return ret->kind == PAY_GATEWAY_AUTHORISE ? get_card(msg, data, ret) : RD_OK;
}

enum rd_status pay_gateway_request_decode(struct rd_view bytes, struct pay_gateway_request *ret)
{
	struct pay_gateway_request request = {0};
	const struct parts parts = {&request.kind, &request.stamp, &request.op, &request.head};
	struct pay_iso_private data;
	struct pay_iso msg;
	enum rd_status st = get_common(bytes, REQUEST, &parts, &msg, &data);

	st = st == RD_OK ? get_request(&msg, &data, &request) : st;
	if (st == RD_OK) {
		*ret = request;
	}
	rd_wipe(&request, sizeof(request));
	return st;
}

enum rd_status pay_gateway_answer_decode(struct rd_view bytes, struct pay_gateway_answer *ret)
{
	struct pay_gateway_answer answer = {0};
	const struct parts parts = {&answer.kind, &answer.stamp, &answer.op, &answer.head};
	struct pay_iso_private data;
	struct pay_iso msg;

	RD_TRY(get_common(bytes, ANSWER, &parts, &msg, &data));
	GET(&msg, PAY_ISO_F_RESPONSE, answer.response);
	if (pay_iso_has(&msg, PAY_ISO_F_AUTH_CODE)) {
		GET(&msg, PAY_ISO_F_AUTH_CODE, answer.auth_code);
	}
	if (data.tags[PAY_ISO_T_REASON].ptr != NULL) {
		get_text(data.tags[PAY_ISO_T_REASON], answer.reason, sizeof(answer.reason));
	}
	*ret = answer;
	return RD_OK;
}

/* --- both --- */

bool pay_gateway_answers(
	const struct pay_gateway_request *request, const struct pay_gateway_answer *answer)
{
	const struct pay_gateway_operation *a = &request->op, *b = &answer->op;

	if (request->kind != answer->kind || strcmp(request->stamp.stan, answer->stamp.stan) != 0) {
		return false;
	}
	return !is_operation(request->kind) ||
	       (strcmp(a->rrn, b->rrn) == 0 && a->amount == b->amount &&
		       strcmp(a->currency, b->currency) == 0 &&
		       strcmp(a->terminal, b->terminal) == 0 &&
		       strcmp(a->merchant, b->merchant) == 0);
}
