/* SPDX-License-Identifier: Apache-2.0 */
/* What operations on instances share: elements of answers, rules' ports. */
#ifndef EC2_INSTANCES_H
#define EC2_INSTANCES_H

#include "ec2/life.h"
#include "ec2/select.h"

/* The children of an <item> of instancesSet. */
enum rd_status ec2_put_instance(struct ec2_call *call, const struct ec2_instance *i) RD_MUST_USE;
/* <reservationId>, <ownerId>, <groupSet>, before <instancesSet>. */
void ec2_put_reservation(struct ec2_call *call, const struct ec2_instance *first);
/* <groupSet> of ids with a blank behind each. */
enum rd_status ec2_put_groups(struct ec2_call *call, const char *groups) RD_MUST_USE;
/* <name><code>16</code><name>running</name></name>. */
void ec2_put_state(struct rd_xml_out *x, const char *name, uint32_t state);
void ec2_put_metadata_options(struct rd_xml_out *x, const char *name, const struct ec2_instance *i);

/* The next id of a list of groups; false at its end. Begins with *at = groups. */
bool ec2_groups_next(const char **at, char ret[EC2_ID_SIZE]);

/* Ports of the host for what its groups' rules open, and none for what they do not. Within a
 * transaction. *ret_changed: redoubtd has to know. */
enum rd_status ec2_ports_assign(
	struct ec2_call *call, const struct ec2_instance *i, bool *ret_changed) RD_MUST_USE;

/* Instances by InstanceId.N, each once, in the request's order, the whole list or a fault; checked
 * with the authority, and the dry run ended. */
enum rd_status ec2_named_instances(struct ec2_call *call, struct ec2_list *ret) RD_MUST_USE;

#endif
