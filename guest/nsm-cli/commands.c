/* SPDX-License-Identifier: Apache-2.0 */
/* nsm-cli's commands: one call of libnsm each, and its result as JSON or bytes. */
#include "nsm-cli/cli.h"

#include "base/text.h"
#include "nsm/codec.h"

#include <stdio.h>
#include <string.h>

static int refused(const char *what, enum ErrorCode e)
{
	cli_say("the NSM refused to %s: %s", what, rd_nsm_error_name((enum rd_nsm_error)e));
	return EXIT_REFUSED;
}

static int write_result(const struct cli_options *o, struct rd_view bytes)
{
	struct rd_error err;

	if (cli_write(o, bytes, &err) != RD_OK) {
		cli_say("%s", err.text);
		return EXIT_SYSTEM;
	}
	return EXIT_DONE;
}

/* Module ids are the device's text: what JSON cannot take plain is escaped. */
static enum rd_status put_json_string(struct rd_buf *out, struct rd_view text)
{
	RD_TRY(rd_buf_u8(out, '"'));
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
			RD_TRY(rd_buf_printf(out, "\\u%04x", c));
		} else {
			RD_TRY(rd_buf_u8(out, c));
		}
	}
	return rd_buf_u8(out, '"');
}

static enum rd_status put_description(struct rd_buf *out, const NsmDescription *d)
{
	RD_TRY(rd_buf_printf(out, "{\n  \"version\": \"%u.%u.%u\",\n  \"module_id\": ",
		d->version_major, d->version_minor, d->version_patch));
	RD_TRY(put_json_string(out, rd_view(d->module_id, d->module_id_len)));
	RD_TRY(rd_buf_printf(out, ",\n  \"max_pcrs\": %u,\n  \"locked_pcrs\": [", d->max_pcrs));
	for (uint32_t i = 0; i < d->locked_pcrs_len; i++) {
		RD_TRY(rd_buf_printf(out, "%s%u", i == 0 ? "" : ", ", d->locked_pcrs[i]));
	}
	return rd_buf_printf(out, "],\n  \"digest\": \"%s\"\n}\n",
		rd_nsm_digest_name((enum rd_nsm_digest)d->digest));
}

int cli_describe(int32_t fd, const struct cli_options *o)
{
	uint8_t storage[2048];
	struct rd_buf text = rd_buf_fixed(storage, sizeof(storage));
	NsmDescription d;
	enum ErrorCode e = nsm_get_description(fd, &d);

	if (e != ERROR_CODE_SUCCESS) {
		return refused("describe itself", e);
	}
	if (put_description(&text, &d) != RD_OK) {
		cli_say("the description is too long");
		return EXIT_SYSTEM;
	}
	return write_result(o, rd_buf_view(&text));
}

/* NULL for an option that was not given: the field is then null, not empty. */
static const uint8_t *bytes_or_null(const struct cli_input *in)
{
	static const uint8_t empty[1];

	if (!in->given) {
		return NULL;
	}
	return in->bytes.used == 0 ? empty : in->bytes.ptr;
}

int cli_attest(int32_t fd, const struct cli_options *o)
{
	static uint8_t document[CLI_DOCUMENT_MAX];
	uint32_t len = sizeof(document);
	enum ErrorCode e = nsm_get_attestation_doc(fd, bytes_or_null(&o->user_data),
		(uint32_t)o->user_data.bytes.used, bytes_or_null(&o->nonce),
		(uint32_t)o->nonce.bytes.used, bytes_or_null(&o->public_key),
		(uint32_t)o->public_key.bytes.used, document, &len);

	if (e != ERROR_CODE_SUCCESS) {
		return refused("attest", e);
	}
	return write_result(o, rd_view(document, len));
}

static int print_pcr(
	const struct cli_options *o, uint16_t index, const char *lock, struct rd_view value)
{
	char hex[2 * 64 + 1];
	uint8_t storage[512];
	struct rd_buf text = rd_buf_fixed(storage, sizeof(storage));

	rd_hex_string(value, hex);
	if (rd_buf_printf(&text, "{\n  \"index\": %u,\n%s  \"data\": \"%s\"\n}\n", index, lock,
		    hex) != RD_OK) {
		cli_say("the register's value is too long");
		return EXIT_SYSTEM;
	}
	return write_result(o, rd_buf_view(&text));
}

int cli_pcr(int32_t fd, const struct cli_options *o)
{
	uint8_t value[64]; /* SHA-512, the longest that the protocol has */
	uint32_t len = sizeof(value);
	uint16_t index = (uint16_t)o->number;
	bool lock;
	enum ErrorCode e = nsm_describe_pcr(fd, index, &lock, value, &len);

	if (e != ERROR_CODE_SUCCESS) {
		return refused("describe the register", e);
	}
	return print_pcr(o, index, lock ? "  \"lock\": true,\n" : "  \"lock\": false,\n",
		rd_view(value, len));
}

int cli_extend(int32_t fd, const struct cli_options *o)
{
	uint8_t value[64];
	uint32_t len = sizeof(value);
	uint16_t index = (uint16_t)o->number;
	enum ErrorCode e;

	if (!o->data.given) {
		cli_say("extend needs --data FILE or --data-hex HEX");
		return EXIT_USAGE;
	}
	e = nsm_extend_pcr(
		fd, index, bytes_or_null(&o->data), (uint32_t)o->data.bytes.used, value, &len);
	if (e != ERROR_CODE_SUCCESS) {
		return refused("extend the register", e);
	}
	return print_pcr(o, index, "", rd_view(value, len));
}

int cli_lock(int32_t fd, const struct cli_options *o)
{
	enum ErrorCode e = nsm_lock_pcr(fd, (uint16_t)o->number);

	return e == ERROR_CODE_SUCCESS ? EXIT_DONE : refused("lock the register", e);
}

int cli_lock_range(int32_t fd, const struct cli_options *o)
{
	enum ErrorCode e = nsm_lock_pcrs(fd, (uint16_t)o->number);

	return e == ERROR_CODE_SUCCESS ? EXIT_DONE : refused("lock the registers", e);
}

/* The NSM gives 256 bytes at a time. */
static enum ErrorCode fill_random(int32_t fd, uint8_t *dst, size_t n)
{
	while (n > 0) {
		uintptr_t got = n;
		enum ErrorCode e = nsm_get_random(fd, dst, &got);

		if (e != ERROR_CODE_SUCCESS) {
			return e;
		}
		if (got == 0) {
			return ERROR_CODE_INVALID_RESPONSE;
		}
		dst += got;
		n -= got;
	}
	return ERROR_CODE_SUCCESS;
}

int cli_random(int32_t fd, const struct cli_options *o)
{
	static uint8_t bytes[CLI_RANDOM_MAX];
	enum ErrorCode e = fill_random(fd, bytes, o->number);

	if (e != ERROR_CODE_SUCCESS) {
		return refused("give random bytes", e);
	}
	return write_result(o, rd_view(bytes, o->number));
}
