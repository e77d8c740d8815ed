/* SPDX-License-Identifier: Apache-2.0 */
/* Names and addresses of the one network. */
#include "ec2/network.h"

#include "base/text.h"
#include "crypto/random.h"
#include "ec2/ids.h"
#include "ec2/store.h"
#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* 172.31.16.0, and the first address that is not EC2's own. */
#define SUBNET_BASE  0xac1f1000u
#define FIRST_OFFSET 4u

void ec2_zone(const struct ec2 *ec2, char ret[EC2_ZONE_SIZE])
{
	snprintf(ret, EC2_ZONE_SIZE, "%sa", ec2->config.region);
}

enum rd_status ec2_vpc_id(const char *account, char ret[EC2_ID_SIZE])
{
	return ec2_derive_id("vpc-", account, "default vpc", ret);
}

enum rd_status ec2_subnet_id(const char *account, char ret[EC2_ID_SIZE])
{
	return ec2_derive_id("subnet-", account, "default subnet", ret);
}

enum rd_status ec2_default_group_id(const char *account, char ret[EC2_ID_SIZE])
{
	return ec2_derive_id("sg-", account, "default security group", ret);
}

static enum rd_status add_rule(struct ec2_call *call, const struct ec2_group *group, bool egress)
{
	struct ec2_rule rule = {.egress = egress, .protocol = "-1", .from = -1, .to = -1};

	RD_TRY(ec2_make_id("sgr-", rule.head.id));
	memcpy(rule.head.account, group->head.account, sizeof(rule.head.account));
	memcpy(rule.head.parent, group->head.id, sizeof(rule.head.parent));
	rule.head.created_ms = call->now_ms;
	if (egress) {
		snprintf(rule.cidr, sizeof(rule.cidr), "0.0.0.0/0");
	} else {
		memcpy(rule.group, group->head.id, sizeof(rule.group));
	}
	return ec2_store_add(call->db, EC2_KIND_RULE, &rule);
}

enum rd_status ec2_default_group_make(struct ec2_call *call)
{
	struct ec2_group group = {
		.head = {.name = "default"}, .description = "default VPC security group"};
	enum rd_status st;

	RD_TRY(ec2_default_group_id(call->who.account, group.head.id));
	memcpy(group.head.account, call->who.account, sizeof(group.head.account));
	group.head.created_ms = call->now_ms;
	st = ec2_store_add(call->db, EC2_KIND_GROUP, &group);
	if (st == RD_EXISTS) {
		return RD_OK;
	}
	RD_TRY(st);
	RD_TRY(add_rule(call, &group, false));
	return add_rule(call, &group, true);
}

void ec2_hostname(const char *ip, char ret[EC2_HOSTNAME_SIZE])
{
	if (ip[0] == '\0') {
		ret[0] = '\0';
		return;
	}
	snprintf(ret, EC2_HOSTNAME_SIZE, "ip-%s", ip);
	for (char *dot = ret; (dot = strchr(dot, '.')) != NULL;) {
		*dot = '-';
	}
}

void ec2_private_dns(const struct ec2 *ec2, const char *ip, char ret[EC2_DNS_SIZE])
{
	char host[EC2_HOSTNAME_SIZE];

	ec2_hostname(ip, host);
	ret[0] = '\0';
	if (host[0] != '\0') {
		snprintf(ret, EC2_DNS_SIZE, "%s.%s.compute.internal", host, ec2->config.region);
	}
}

static void address_text(uint32_t offset, char ret[EC2_ADDRESS_SIZE])
{
	uint32_t a = SUBNET_BASE + offset;

	snprintf(ret, EC2_ADDRESS_SIZE, "%u.%u.%u.%u", a >> 24, a >> 16 & 0xff, a >> 8 & 0xff,
		a & 0xff);
}

static enum rd_status take_wanted(
	struct ec2_call *call, const char *instance, const char *wanted, char ret[EC2_ADDRESS_SIZE])
{
	struct in_addr address;
	uint32_t offset = UINT32_MAX;
	enum rd_status st;

	if (inet_pton(AF_INET, wanted, &address) == 1) {
		offset = ntohl(address.s_addr) - SUBNET_BASE;
	}
	if (offset < FIRST_OFFSET || offset >= FIRST_OFFSET + EC2_SUBNET_ADDRESSES) {
		return ec2_fail(call, EC2_FAULT_PARAMETER_VALUE,
			"Address %s does not fall within the subnet's address range "
			"(" EC2_SUBNET_CIDR ")",
			wanted);
	}
	address_text(offset, ret);
	st = ec2_store_address_take(call->db, call->who.account, ret, instance);
	if (st == RD_EXISTS) {
		return ec2_fail(call, EC2_FAULT_ADDRESS_IN_USE, "Address %s is in use.", wanted);
	}
	return st;
}

/* From behind those that are taken on: nearly always the first try. */
enum rd_status ec2_address_take(
	struct ec2_call *call, const char *instance, const char *wanted, char ret[EC2_ADDRESS_SIZE])
{
	int64_t taken = 0;

	if (wanted[0] != '\0') {
		return take_wanted(call, instance, wanted, ret);
	}
	RD_TRY(ec2_store_address_count(call->db, call->who.account, &taken));
	for (uint32_t i = 0; taken < EC2_SUBNET_ADDRESSES && i < EC2_SUBNET_ADDRESSES; i++) {
		enum rd_status st;

		address_text(FIRST_OFFSET + ((uint32_t)taken + i) % EC2_SUBNET_ADDRESSES, ret);
		st = ec2_store_address_take(call->db, call->who.account, ret, instance);
		if (st != RD_EXISTS) {
			return st;
		}
	}
	return ec2_fail(call, EC2_FAULT_ADDRESSES, "%s",
		"There are not enough free addresses in the subnet (" EC2_SUBNET_CIDR ").");
}

enum rd_status ec2_mac_make(char ret[EC2_MAC_SIZE])
{
	uint8_t random[5];

	/* 06: locally administered, unicast, as EC2's are. */
	RD_TRY(rd_random_bytes(random, sizeof(random)));
	snprintf(ret, EC2_MAC_SIZE, "06:%02x:%02x:%02x:%02x:%02x", random[0], random[1], random[2],
		random[3], random[4]);
	return RD_OK;
}

/* TCP as libslirp binds it: beside what is left of old connections, not beside who listens. */
bool ec2_host_port_is_free(void *config, const char *protocol, uint16_t port)
{
	const struct ec2_config *c = config;
	const bool tcp = strcmp(protocol, "tcp") == 0;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int on = tcp;
	int fd RD_CLEANUP(rd_fd_close) = socket(
		AF_INET, SOCK_CLOEXEC | (tcp ? SOCK_STREAM : SOCK_DGRAM), 0);

	if (fd < 0 || inet_pton(AF_INET, c->forward_address, &at.sin_addr) != 1) {
		return true; /* whoever binds it will say what is wrong */
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 || errno != EADDRINUSE;
}

/* --- sources --- */

#define LOOPBACK_NET 127u

static bool read_address(const char *text, size_t len, uint32_t *ret)
{
	char copy[sizeof("255.255.255.255")] = "";
	struct in_addr a;

	if (len >= sizeof(copy)) {
		return false;
	}
	memcpy(copy, text, len);
	if (inet_pton(AF_INET, copy, &a) != 1) {
		return false;
	}
	*ret = ntohl(a.s_addr);
	return true;
}

bool ec2_sources_known(const struct ec2_config *config)
{
	uint32_t address = 0;

	return read_address(config->forward_address, strlen(config->forward_address), &address) &&
	       address >> 24 == LOOPBACK_NET;
}

bool ec2_sources_include(const struct ec2_config *config, const char *cidr)
{
	const char *slash = strchr(cidr, '/');
	uint32_t net = 0, source = 0, mask;
	uint64_t bits = 0;

	if (slash == NULL || !read_address(cidr, (size_t)(slash - cidr), &net) ||
		rd_parse_u64(slash + 1, 0, 32, &bits) != RD_OK) {
		return false;
	}
	mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
	if (!ec2_sources_known(config)) {
		return mask == 0;
	}
	/* Who connects to an address of loopback without choosing another one comes from it. */
	return read_address(config->forward_address, strlen(config->forward_address), &source) &&
	       ((net ^ source) & mask) == 0;
}
