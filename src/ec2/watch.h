/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that listens to redoubtd, and puts right what has come apart. */
#ifndef EC2_WATCH_H
#define EC2_WATCH_H

#include "ec2/ec2.h"

struct ec2_watch;

/* db: its own connection, borrowed. */
enum rd_status ec2_watch_start(struct ec2 *ec2, struct rd_db *db, struct ec2_watch **ret,
	struct rd_error *err) RD_MUST_USE;
/* Accepts NULL. */
void ec2_watch_stop(struct ec2_watch **watch);

#endif
