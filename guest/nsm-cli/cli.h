/* SPDX-License-Identifier: Apache-2.0 */
/* nsm-cli's commands, and what they share. */
#ifndef RD_NSM_CLI_H
#define RD_NSM_CLI_H

#include "base/bytes.h"
#include "base/error.h"

#include <nsm.h>

/* Exit codes; the man page has them. */
enum {
	EXIT_DONE = 0,
	EXIT_USAGE = 1,   /* the command line makes no sense */
	EXIT_SYSTEM = 2,  /* no /dev/nsm, a file could not be read or written */
	EXIT_REFUSED = 3, /* the NSM answered with an error, which is named */
};

/* No request is longer, so neither is anything that goes into one. */
#define CLI_INPUT_MAX 4096

/* A document takes at most 12288 bytes; base64 makes four of three, with a line's end. */
#define CLI_DOCUMENT_MAX 12288
#define CLI_OUTPUT_MAX   (1u << 21)

#define CLI_RANDOM_MAX     (1u << 20)
#define CLI_RANDOM_DEFAULT 32

/* One option's bytes: NULL pointer when it was not given. */
struct cli_input {
	struct rd_buf bytes;
	bool given;
};

enum cli_form { FORM_RAW, FORM_HEX, FORM_BASE64 };

struct cli_options {
	struct cli_input user_data;
	struct cli_input nonce;
	struct cli_input public_key;
	struct cli_input data;
	const char *output; /* NULL: standard output */
	enum cli_form form;
	uint32_t number; /* N */
};

/* ---- commands.c: each returns an exit code, having said on stderr what went wrong ---- */

int cli_describe(int32_t fd, const struct cli_options *o);
int cli_attest(int32_t fd, const struct cli_options *o);
int cli_pcr(int32_t fd, const struct cli_options *o);
int cli_extend(int32_t fd, const struct cli_options *o);
int cli_lock(int32_t fd, const struct cli_options *o);
int cli_lock_range(int32_t fd, const struct cli_options *o);
int cli_random(int32_t fd, const struct cli_options *o);

/* ---- io.c ---- */

/* "nsm-cli: …" on stderr. */
void cli_say(const char *fmt, ...) RD_PRINTF(1, 2);
/* The whole of a file, "-" for standard input; at most CLI_INPUT_MAX bytes. */
enum rd_status cli_read_file(const char *path, struct rd_buf *out, struct rd_error *err)
	RD_MUST_USE;
/* In the form asked for, to the file asked for. */
enum rd_status cli_write(const struct cli_options *o, struct rd_view bytes, struct rd_error *err)
	RD_MUST_USE;

#endif
