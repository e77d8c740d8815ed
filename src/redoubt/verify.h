/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `redoubt verify`: its command line, and what it prints. */
#ifndef RD_REDOUBT_VERIFY_H
#define RD_REDOUBT_VERIFY_H

#include "attest/verify.h"
#include "base/error.h"

/* A verifier that trusts more partitions than this at once trusts too many. */
#define VERIFY_ROOTS_MAX 16

struct verify_args {
	struct rd_verify_options
		options; /* nonce and pcrs point into what follows; roots is not set */
	struct rd_cert *roots[VERIFY_ROOTS_MAX];
	uint8_t nonce[RD_DOC_FIELD_MAX];
	uint8_t pcrs[RD_DOC_PCR_COUNT][RD_DOC_PCR_SIZE];
	const char *file; /* "-" for standard input */
	bool json;
	bool help;
};

/* RD_USAGE for what makes no sense; other codes for a root that cannot be read. */
enum rd_status verify_args_parse(
	int argc, char **argv, struct verify_args *ret, struct rd_error *err) RD_MUST_USE;
void verify_args_finish(struct verify_args *args);
void verify_print_help(void);

/* An accepted document, for people or for programs. Text is escaped; nothing unverified comes. */
enum rd_status verify_print_text(const struct rd_verify_report *report) RD_MUST_USE;
enum rd_status verify_print_json(const struct rd_verify_report *report) RD_MUST_USE;
/* A refusal as JSON: its name, code and reason, and no field of the document. */
enum rd_status verify_print_refusal_json(enum rd_verify_result result, const char *reason)
	RD_MUST_USE;

#endif
