/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network that every account has without making one: a default VPC, one subnet in the one zone,
 * a default security group. Its instances see each other no more than the host lets them: each is
 * behind a redoubt-net of its own, and opened ports are on the host's loopback.
 */
#ifndef EC2_NETWORK_H
#define EC2_NETWORK_H

#include "ec2/call.h"

#define EC2_VPC_CIDR    "172.31.0.0/16"
#define EC2_SUBNET_CIDR "172.31.16.0/20"
#define EC2_SUBNET_BITS 20
/* EC2 keeps the first four and the last address of a subnet: 4,096 - 5. */
#define EC2_SUBNET_ADDRESSES 4091

/* "local-1a". */
#define EC2_ZONE_SIZE (EC2_REGION_SIZE + 1)
void ec2_zone(const struct ec2 *ec2, char ret[EC2_ZONE_SIZE]);

enum rd_status ec2_vpc_id(const char *account, char ret[EC2_ID_SIZE]) RD_MUST_USE;
enum rd_status ec2_subnet_id(const char *account, char ret[EC2_ID_SIZE]) RD_MUST_USE;
enum rd_status ec2_default_group_id(const char *account, char ret[EC2_ID_SIZE]) RD_MUST_USE;

/* The default group and its two rules, if this is the account's first call about groups. Within a
 * transaction. */
enum rd_status ec2_default_group_make(struct ec2_call *call) RD_MUST_USE;

/* "ip-172-31-16-5", "ip-172-31-16-5.local-1.compute.internal"; "" for no address. */
#define EC2_HOSTNAME_SIZE 24
#define EC2_DNS_SIZE      (EC2_HOSTNAME_SIZE + EC2_REGION_SIZE + 24)
void ec2_hostname(const char *ip, char ret[EC2_HOSTNAME_SIZE]);
void ec2_private_dns(const struct ec2 *ec2, const char *ip, char ret[EC2_DNS_SIZE]);

/* An address for an instance: that one, or any when wanted is "". InvalidIPAddress.InUse,
 * InsufficientFreeAddressesInSubnet, InvalidParameterValue. Within a transaction. */
enum rd_status ec2_address_take(struct ec2_call *call, const char *instance, const char *wanted,
	char ret[EC2_ADDRESS_SIZE]) RD_MUST_USE;

/*
 * Where ports of instances are published, the sources of connections are seen by nobody, since
 * libslirp connects anew: only what the address itself says is known. On loopback everybody comes
 * from there; elsewhere from anywhere, so that a rule with less than 0.0.0.0/0 cannot be enforced.
 */
bool ec2_sources_known(const struct ec2_config *config);
/* Whether a rule with these sources lets in whoever comes to a published port. */
bool ec2_sources_include(const struct ec2_config *config, const char *cidr);

/* struct ec2_port_range's is_free, for the address that ports are published on; config: struct
 * ec2_config. Somebody may take it before the instance has it: then the instance does not start,
 * and says so. */
bool ec2_host_port_is_free(void *config, const char *protocol, uint16_t port);

enum rd_status ec2_mac_make(char ret[EC2_MAC_SIZE]) RD_MUST_USE;

#endif
