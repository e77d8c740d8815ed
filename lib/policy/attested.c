/* SPDX-License-Identifier: Apache-2.0 */
/* The condition keys that an attestation document gives. */
#include "policy/attested.h"

#include "base/text.h"
#include "policy/match.h"

#include <string.h>

#define PREFIX "kms:RecipientAttestation:"

static bool take_folded(struct rd_view *text, const char *prefix)
{
	size_t n = strlen(prefix);

	if (!rd_view_starts_folded(*text, prefix)) {
		return false;
	}
	*text = rd_view(text->ptr + n, text->len - n);
	return true;
}

/* 0 to 31 without a leading zero. */
static enum rd_status parse_index(struct rd_view text, unsigned *ret)
{
	unsigned value = 0;

	RD_ENSURE(text.len == 1 || (text.len == 2 && text.ptr[0] != '0'), RD_NOTFOUND);
	for (size_t i = 0; i < text.len; i++) {
		RD_ENSURE(text.ptr[i] >= '0' && text.ptr[i] <= '9', RD_NOTFOUND);
		value = value * 10 + (unsigned)(text.ptr[i] - '0');
	}
	RD_ENSURE(value < RD_ATTESTED_REGISTERS, RD_NOTFOUND);
	*ret = value;
	return RD_OK;
}

enum rd_status rd_attested_key_parse(struct rd_view name, struct rd_attested_key *ret)
{
	struct rd_attested_key key = {0};

	RD_ENSURE(take_folded(&name, PREFIX), RD_NOTFOUND);
	if (rd_view_equal_folded(name, rd_view_str("ImageSha384"))) {
		key.kind = RD_ATTESTED_KEY_IMAGE;
	} else if (take_folded(&name, "PCR")) {
		key.kind = RD_ATTESTED_KEY_PCR;
		RD_TRY(parse_index(name, &key.index));
	} else {
		RD_ENSURE(take_folded(&name, "NitroTPMPCR"), RD_NOTFOUND);
		key.kind = RD_ATTESTED_KEY_NITROTPM;
		RD_TRY(parse_index(name, &key.index));
	}
	*ret = key;
	return RD_OK;
}

enum rd_status rd_attested_init(struct rd_attested *a, enum rd_attested_source source,
	const struct rd_view registers[RD_ATTESTED_REGISTERS])
{
	for (size_t i = 0; i < RD_ATTESTED_REGISTERS; i++) {
		RD_ENSURE(registers[i].ptr == NULL ||
				  (registers[i].len > 0 &&
					  registers[i].len <= RD_ATTESTED_REGISTER_SIZE),
			RD_OUT_OF_RANGE);
	}
	memset(a, 0, sizeof(*a));
	a->source = source;
	for (size_t i = 0; i < RD_ATTESTED_REGISTERS; i++) {
		if (registers[i].ptr != NULL) {
			rd_hex_string(registers[i], a->hex[i]);
			a->values[i] = rd_view_str(a->hex[i]);
		}
	}
	return RD_OK;
}

bool rd_attested_lookup(
	const void *attested, struct rd_view key, struct rd_policy_values *ret_values)
{
	const struct rd_attested *a = attested;
	struct rd_attested_key name = {0};
	bool tpm = a->source == RD_ATTESTED_NITROTPM;

	if (rd_attested_key_parse(key, &name) != RD_OK ||
		(name.kind == RD_ATTESTED_KEY_NITROTPM) != tpm ||
		a->values[name.index].ptr == NULL) {
		return false;
	}
	*ret_values = (struct rd_policy_values){.v = &a->values[name.index], .n = 1};
	return true;
}
