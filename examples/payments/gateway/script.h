/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway is told to answer, and how badly: by a script, and by the last two digits of an
 * amount. It decides for whom there is nothing stored yet; a repeated request gets the first
 * answer, and gets it.
 *
 * A script has one rule a line, "MTI SELECTOR ACTION"; the first that fits is taken. Empty lines
 * and what follows a '#' are nothing.
 *
 *	MTI       0100, 0200, 0400, 0800, or any
 *	SELECTOR  any
 *	          amount=N    minor units
 *	          ends=NN     the amount's last two digits
 *	          last4=NNNN  the PAN's last four (0100 only)
 *	          rrn=TEXT    12 characters
 *	          nth=N       every Nth message that comes to this rule
 *	ACTION    approve, decline=CC (field 39), no-answer, late=MS, twice, close, wrong-rrn,
 *	          garbage; lost and drop: as no-answer and close, but nothing is recorded either
 */
#ifndef GATEWAY_SCRIPT_H
#define GATEWAY_SCRIPT_H

#include "base/error.h"
#include "card/gateway_message.h"

/* More rules than a test has ideas. */
#define GW_RULES_MAX 256
/* An answer later than this is a lost one. */
#define GW_LATE_MAX_MS 600000

enum gw_delivery {
	GW_ANSWER,
	GW_NO_ANSWER,
	GW_LATE,
	GW_TWICE,
	GW_CLOSE,
	GW_WRONG_RRN,
	GW_GARBAGE,
	GW_LOST, /* nothing is recorded */
	GW_DROP  /* nor here, and the connection ends */
};

struct gw_play {
	enum gw_delivery delivery;
	char response[2 + 1]; /* field 39, if the gateway's own rules allow it */
	unsigned late_ms;
};

enum gw_selector { GW_ANY, GW_AMOUNT, GW_ENDS, GW_LAST4, GW_RRN, GW_NTH };

struct gw_rule {
	char mti[PAY_ISO_MTI_SIZE + 1]; /* "" for any */
	enum gw_selector selector;
	uint64_t number;   /* of amount, ends and nth */
	char text[12 + 1]; /* of last4 and rrn */
	uint64_t count;    /* messages that nth has seen */
	struct gw_play play;
};

struct gw_script {
	struct gw_rule rules[GW_RULES_MAX];
	size_t n_rules;
	unsigned late_ms; /* of amounts that end in 81 */
};

/* Reads a script; the error names its line. */
enum rd_status gw_script_read(const char *path, struct gw_script *ret, struct rd_error *err)
	RD_MUST_USE;

/* What is to become of a request. Counts what nth counts. */
struct gw_play gw_script_choose(
	struct gw_script *script, const struct pay_gateway_request *request);

#endif
