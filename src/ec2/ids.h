/* SPDX-License-Identifier: Apache-2.0 */
/* Making ids. */
#ifndef EC2_IDS_H
#define EC2_IDS_H

#include "ec2/model.h"

#include "base/bytes.h"

/* "<prefix>" and 17 random hex digits. */
enum rd_status ec2_make_id(const char *prefix, char ret[EC2_ID_SIZE]) RD_MUST_USE;
/* The same from a text, always the same: ids of what every account has without making it. */
enum rd_status ec2_derive_id(const char *prefix, const char *account, const char *what,
	char ret[EC2_ID_SIZE]) RD_MUST_USE;

#endif
