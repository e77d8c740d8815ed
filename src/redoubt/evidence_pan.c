/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for card numbers (ISO/IEC 7812): 13 to 19 digits in a row, with nothing that a longer word
 * or number is made of on either side, that begin as a card brand's do (2 to 6) and pass Luhn. Of
 * random numbers of that length one in twenty does; times in milliseconds begin with 1.
 */
#include "redoubt/evidence.h"

#include "base/luhn.h"
#include "base/secret.h"
#include "os/fd.h"

#define PAN_MIN 13
#define PAN_MAX 19
#define STEP    65536

struct scan {
	char digits[PAN_MAX];
	size_t n;    /* of the run, PAN_MAX + 1 when it is longer */
	bool inside; /* a word that began with something else */
	uint64_t offset, found;
	bool any;
};

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_card_number(const struct scan *s)
{
	return s->n >= PAN_MIN && s->n <= PAN_MAX && s->digits[0] >= '2' && s->digits[0] <= '6' &&
	       rd_luhn_valid(rd_view(s->digits, s->n));
}

static void end_word(struct scan *s)
{
	if (!s->inside && is_card_number(s) && !s->any) {
		s->any = true;
		s->found = s->offset - s->n;
	}
	s->n = 0;
	s->inside = false;
}

static void take(struct scan *s, uint8_t c)
{
	if (!is_word(c)) {
		end_word(s);
	} else if (c < '0' || c > '9') {
		s->inside = true;
	} else if (s->n < PAN_MAX) {
		s->digits[s->n++] = (char)c;
	} else {
		s->inside = true;
	}
	s->offset++;
}

enum rd_status evidence_pan_scan(const char *path, int fd, struct rd_error *err)
{
	static uint8_t step[STEP];
	struct scan s = {0};
	enum rd_status st = RD_OK;
	size_t got = 0;

	do {
		st = rd_fd_read(fd, step, sizeof(step), &got);
		for (size_t i = 0; st == RD_OK && i < got; i++) {
			take(&s, step[i]);
		}
	} while (st == RD_OK && got > 0);
	end_word(&s);
	rd_wipe(s.digits, sizeof(s.digits));
	rd_wipe(step, sizeof(step));
	if (st != RD_OK) {
		return rd_fail(err, st, "%s: cannot be read: %s", path, rd_status_text(st));
	}
	if (s.any) {
		return rd_fail(err, RD_FORBIDDEN, "%s: has a card number at byte %llu", path,
			(unsigned long long)s.found);
	}
	return RD_OK;
}
