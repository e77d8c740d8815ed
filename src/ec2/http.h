/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP side: lib/http serves, exchange.c is told. */
#ifndef EC2_HTTP_H
#define EC2_HTTP_H

#include "ec2/ec2.h"

enum rd_status ec2_http_start(struct ec2 *ec2, struct rd_error *err) RD_MUST_USE;
/* Certificate and key from their files anew. */
enum rd_status ec2_http_reload(struct ec2 *ec2, struct rd_error *err) RD_MUST_USE;
void ec2_http_stop(struct ec2 *ec2);

#endif
