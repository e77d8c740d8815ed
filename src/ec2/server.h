/* SPDX-License-Identifier: Apache-2.0 */
/* Start and stop of the whole server. */
#ifndef EC2_SERVER_H
#define EC2_SERVER_H

#include "ec2/ec2.h"

/* config is set. RD_EXISTS: another server has the state directory. What was started before a
 * failure, stop ends. */
enum rd_status ec2_server_start(struct ec2 *ec2, struct rd_error *err) RD_MUST_USE;
void ec2_server_stop(struct ec2 *ec2);

#endif
