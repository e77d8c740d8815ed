/* SPDX-License-Identifier: Apache-2.0 */
/* Ids. */
#include "ec2/ids.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#include <stdio.h>

#define DIGITS 17

enum rd_status ec2_make_id(const char *prefix, char ret[EC2_ID_SIZE])
{
	uint8_t random[(DIGITS + 1) / 2];
	char hex[2 * sizeof(random) + 1];

	RD_TRY(rd_random_bytes(random, sizeof(random)));
	rd_hex_string(rd_view(random, sizeof(random)), hex);
	snprintf(ret, EC2_ID_SIZE, "%s%.*s", prefix, DIGITS, hex);
	return RD_OK;
}

enum rd_status ec2_derive_id(
	const char *prefix, const char *account, const char *what, char ret[EC2_ID_SIZE])
{
	char text[128];
	uint8_t digest[RD_SHA256_SIZE];
	char hex[2 * RD_SHA256_SIZE + 1];

	snprintf(text, sizeof(text), "redoubt-ec2 %s %s", account, what);
	RD_TRY(rd_digest_once(RD_SHA256, rd_view_str(text), digest));
	rd_hex_string(rd_view(digest, sizeof(digest)), hex);
	snprintf(ret, EC2_ID_SIZE, "%s%.*s", prefix, DIGITS, hex);
	return RD_OK;
}
