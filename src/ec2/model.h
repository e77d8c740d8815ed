/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What redoubt-ec2 has on record. Every kind of resource is a struct that begins with struct
 * ec2_head; record.c knows the fields of each, so that one store keeps them all.
 */
#ifndef EC2_MODEL_H
#define EC2_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* "eipassoc-", "iip-assoc-" and 17 hex digits, and "lt-…:0000000001". */
#define EC2_ID_SIZE      48
#define EC2_ACCOUNT_SIZE 13
/* The longest names: 255 characters of a key pair or group, ASCII. */
#define EC2_NAME_SIZE        256
#define EC2_DESCRIPTION_SIZE 256
#define EC2_ARN_SIZE         768
#define EC2_TYPE_SIZE        24
#define EC2_ADDRESS_SIZE     16
#define EC2_MAC_SIZE         18
#define EC2_TOKEN_SIZE       65
#define EC2_PATH_SIZE        1024
/* Five groups of an interface, as on EC2, each with a blank behind it. */
#define EC2_GROUPS_MAX  5
#define EC2_GROUPS_SIZE (EC2_GROUPS_MAX * 24)
/* User tags of a resource, as on EC2; the system's own do not count. A question to the service door
 * has room for so many (KMS_FACTS_MAX). */
#define EC2_TAGS_MAX      50
#define EC2_TAG_KEY_MAX   128
#define EC2_TAG_VALUE_MAX 256
/* EC2's limit, before it is encoded. */
#define EC2_USER_DATA_MAX 16384

/* First member of every record. */
struct ec2_head {
	char id[EC2_ID_SIZE];
	char account[EC2_ACCOUNT_SIZE];
	char parent[EC2_ID_SIZE]; /* what it belongs to; "": nothing */
	char name[EC2_NAME_SIZE]; /* unique among those of its kind and account; "": it has none */
	int64_t created_ms;
	json_t *tags; /* an object of strings; never NULL in a record that was read */
};

/* Numbers are EC2's own. */
enum ec2_state {
	EC2_PENDING = 0,
	EC2_RUNNING = 16,
	EC2_SHUTTING_DOWN = 32,
	EC2_TERMINATED = 48,
	EC2_STOPPING = 64,
	EC2_STOPPED = 80,
};

/* What an instance is to come to, whatever it does now: committed before redoubtd is asked. */
enum ec2_desired { EC2_WANT_RUNNING = 1, EC2_WANT_STOPPED = 2, EC2_WANT_TERMINATED = 3 };

/* parent: the reservation. */
struct ec2_instance {
	struct ec2_head head;
	uint32_t launch_index;
	char image[EC2_ID_SIZE];
	char type[EC2_TYPE_SIZE];
	uint32_t state;           /* enum ec2_state */
	uint32_t desired;         /* enum ec2_desired */
	bool fresh;               /* its disk is still to be made */
	bool stop_hard;           /* EC2_WANT_STOPPED: without asking the guest */
	char reason_code[64];     /* StateReason: "Client.UserInitiatedShutdown"; "": none */
	char reason_message[256]; /* and its message */
	char transition[160];     /* StateTransitionReason */
	int64_t launched_ms;      /* the last start */
	int64_t changed_ms;       /* the last change of state */
	bool reachable;           /* the guest has asked for its metadata since the last start */
	char key_name[EC2_NAME_SIZE];
	char private_ip[EC2_ADDRESS_SIZE];
	char mac[EC2_MAC_SIZE];
	char volume[EC2_ID_SIZE];
	char interface[EC2_ID_SIZE];
	char attachment[EC2_ID_SIZE];
	char groups[EC2_GROUPS_SIZE]; /* ids with a blank behind each */
	uint32_t root_gib;
	char root_device[32];
	char profile_arn[EC2_ARN_SIZE]; /* "": none, and so below */
	char profile_id[EC2_ID_SIZE];
	char role_arn[EC2_ARN_SIZE];
	char association[EC2_ID_SIZE];
	int64_t associated_ms;
	bool enclaves;
	bool termination_disabled;
	bool stop_disabled;
	bool ebs_optimized;
	bool monitoring;
	bool shutdown_terminates; /* what the guest's own power-off comes to */
	bool tokens_required;     /* metadata options: IMDSv2 only */
	bool metadata_off;
	bool metadata_tags;
	uint32_t hop_limit;
	char client_token[EC2_TOKEN_SIZE];
	char location[EC2_PATH_SIZE]; /* the image's, which may be deregistered meanwhile */
	char format[8];
	char *public_key; /* of key_name, as it was at the launch; NULL: none */
	char *user_data;  /* base64 as it was given; NULL: none */
};

struct ec2_image {
	struct ec2_head head; /* name: AMI name */
	char description[EC2_DESCRIPTION_SIZE];
	char location[EC2_PATH_SIZE]; /* the file, absolute */
	char format[8];               /* "raw" or "qcow2" */
	char root_device[32];
	char boot_mode[24];
	int64_t size_bytes; /* of the disk that the guest sees */
	bool ena;
	bool imds_v2; /* ImdsSupport v2.0: instances require tokens by default */
};

struct ec2_key_pair {
	struct ec2_head head;
	char type[16]; /* "rsa" or "ed25519" */
	char fingerprint[128];
	char *public_key; /* a line as in authorized_keys */
};

struct ec2_group {
	struct ec2_head head;
	char description[EC2_DESCRIPTION_SIZE];
};

/* parent: the group. */
struct ec2_rule {
	struct ec2_head head;
	bool egress;
	char protocol[8]; /* "tcp", "udp", "icmp", "icmpv6" or "-1" */
	int32_t from, to; /* -1: all */
	char cidr[24];    /* one of the three */
	char cidr6[48];
	char group[EC2_ID_SIZE];
	char description[EC2_DESCRIPTION_SIZE];
};

/* parent: the instance. */
struct ec2_volume {
	struct ec2_head head;
	uint32_t size_gib;
	char device[32];
	char snapshot[EC2_ID_SIZE];
};

/* parent: the instance. */
struct ec2_interface {
	struct ec2_head head;
	char private_ip[EC2_ADDRESS_SIZE];
	char mac[EC2_MAC_SIZE];
	char attachment[EC2_ID_SIZE];
	char groups[EC2_GROUPS_SIZE];
};

struct ec2_template {
	struct ec2_head head;
	char created_by[EC2_ARN_SIZE];
	int64_t default_version, latest_version;
	int64_t last_number; /* that was given: none is given twice */
};

/* parent: the template; id: "<template>:<number>", ten digits. */
struct ec2_version {
	struct ec2_head head;
	char created_by[EC2_ARN_SIZE];
	char description[EC2_DESCRIPTION_SIZE];
	int64_t number;
	char *data; /* parameters as in RunInstances, a query's text */
};

/* X(name in the enumeration, struct, prefix of ids, resource type) */
#define EC2_KIND_LIST(X)                                                                           \
	X(INSTANCE, ec2_instance, "i-", "instance")                                                \
	X(IMAGE, ec2_image, "ami-", "image")                                                       \
	X(KEY_PAIR, ec2_key_pair, "key-", "key-pair")                                              \
	X(GROUP, ec2_group, "sg-", "security-group")                                               \
	X(RULE, ec2_rule, "sgr-", "security-group-rule")                                           \
	X(VOLUME, ec2_volume, "vol-", "volume")                                                    \
	X(INTERFACE, ec2_interface, "eni-", "network-interface")                                   \
	X(TEMPLATE, ec2_template, "lt-", "launch-template")                                        \
	X(VERSION, ec2_version, "", "launch-template-version")

/* Numbers are stored. */
enum ec2_kind {
	EC2_KIND_NONE,
#define X(name, type, prefix, resource) EC2_KIND_##name,
	EC2_KIND_LIST(X)
#undef X
		EC2_KIND_COUNT
};

/* Any of them, for those who keep one of a kind that only a number names. */
union ec2_record {
	struct ec2_head head;
	struct ec2_instance instance;
	struct ec2_image image;
	struct ec2_key_pair key_pair;
	struct ec2_group group;
	struct ec2_rule rule;
	struct ec2_volume volume;
	struct ec2_interface interface;
	struct ec2_template template;
	struct ec2_version version;
};

#endif
