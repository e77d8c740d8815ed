/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a launch: of RunInstances, of a launch template, or of both merged. */
#ifndef EC2_LAUNCH_H
#define EC2_LAUNCH_H

#include "ec2/params.h"

/* Words of enumerations; 0 is "not given". */
enum ec2_tokens { EC2_TOKENS_UNSET, EC2_TOKENS_OPTIONAL, EC2_TOKENS_REQUIRED };
enum ec2_switch { EC2_UNSET, EC2_OFF, EC2_ON };

struct ec2_launch {
	char image[EC2_ID_SIZE]; /* "": not given, and so below */
	char type[EC2_TYPE_SIZE];
	char key_name[EC2_NAME_SIZE];
	char subnet[EC2_ID_SIZE];
	char private_ip[EC2_ADDRESS_SIZE];
	char zone[64];
	char profile_name[EC2_NAME_SIZE];
	char profile_arn[EC2_ARN_SIZE];
	char root_device[32];
	char groups[EC2_GROUPS_MAX][EC2_ID_SIZE];
	size_t n_groups;
	char group_names[EC2_GROUPS_MAX][EC2_NAME_SIZE];
	size_t n_group_names;
	int64_t root_gib; /* 0: the image's */
	int64_t hop_limit;
	enum ec2_tokens tokens;
	enum ec2_switch metadata, metadata_tags, enclaves, monitoring, ebs_optimized;
	enum ec2_switch termination_disabled, stop_disabled, shutdown_terminates;
	char *user_data;
	json_t *instance_tags, *volume_tags, *interface_tags;
};

/* Names that a launch may have, lists as N. */
extern const char *const ec2_launch_params[];

/* Zeroed before; finished by the caller, whatever comes back. */
enum rd_status ec2_launch_parse(struct ec2_in in, struct ec2_launch *ret) RD_MUST_USE;
void ec2_launch_finish(struct ec2_launch *launch);

/* User data: base64 of at most 16 KiB. */
enum rd_status ec2_user_data_check(struct ec2_call *call, const char *text) RD_MUST_USE;

/* --- merging --- */

/* A request's parameters over those of a template: whatever the request has of a parameter ("Tag…",
 * "MetadataOptions…") takes the place of all that the template has of it. On the heap. */
struct ec2_merged {
	struct rd_query q;
	struct rd_query base;
	struct rd_buf storage;
};
/* data: the template's query text. */
enum rd_status ec2_merge(struct ec2_call *call, const struct rd_query *request, const char *data,
	struct ec2_merged **ret) RD_MUST_USE;
void ec2_merged_free(struct ec2_merged **merged);

/* The version that LaunchTemplate.LaunchTemplateId or Name and Version name: its data, on the heap.
 * *ret_data NULL: none is named. The record of the template, for authorisation. */
enum rd_status ec2_template_data(struct ec2_in in, struct ec2_template *ret_template,
	int64_t *ret_number, char **ret_data) RD_MUST_USE;

#endif
