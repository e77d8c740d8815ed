/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubt-kms's service door, as a client (src/kms/service.h): JSON over HTTP over a Unix socket,
 * by libcurl, one kept connection for each worker.
 */
#ifndef EC2_DOOR_H
#define EC2_DOOR_H

#include "ec2/authority.h"

struct ec2_door;

/* connections: of workers, numbered from 0. Nothing is connected yet. */
enum rd_status ec2_door_new(const char *socket_path, unsigned connections, struct ec2_door **ret,
	struct rd_error *err) RD_MUST_USE;
void ec2_door_free(struct ec2_door **door);

/* With the door as its ctx. */
const struct ec2_authority *ec2_door_authority(struct ec2_door *door);

/*
 * Asks "/path" with a body, on a connection that is nobody else's meanwhile. Takes question over.
 * *ret_answer: an object, the caller's. RD_UNAVAILABLE: nobody there, or no answer of that form;
 * RD_FORBIDDEN: refused, and the answer has __type and message.
 */
enum rd_status ec2_door_ask(struct ec2_door *door, unsigned connection, const char *path,
	json_t *question, json_t **ret_answer) RD_MUST_USE;

#endif
