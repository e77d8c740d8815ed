/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security groups. A rule that opens ports to addresses gives each of them a port of the host's
 * loopback (instances.h, ec2_ports_assign); which one is in the tags redoubt:tcp:<port> that
 * DescribeInstances shows. A rule whose sources cannot come there opens nothing (network.h,
 * ec2_sources_include); one that cannot be enforced is refused.
 */
#include "ec2/ops.h"

#include "base/text.h"
#include "ec2/authority.h"
#include "ec2/ids.h"
#include "ec2/instances.h"
#include "ec2/network.h"
#include "log/log.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* EC2's quotas of a region, of a group, and what one rule may open here (each takes a host's port).
 */
#define GROUPS_MAX     2500
#define RULES_MAX      60
#define RULE_PORTS_MAX 16

/* --- groups --- */

static enum rd_status make_default(struct rd_db *db, void *arg)
{
	(void)db;
	return ec2_default_group_make(arg);
}

static void group_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_group *g = record;
	char vpc[EC2_ID_SIZE];

	(void)call;
	ec2_fact(f, "group-id", g->head.id);
	ec2_fact(f, "group-name", g->head.name);
	ec2_fact(f, "description", g->description);
	ec2_fact(f, "owner-id", g->head.account);
	if (ec2_vpc_id(g->head.account, vpc) == RD_OK) {
		ec2_fact(f, "vpc-id", vpc);
	}
}

static const char *const group_filters[] = {
	"group-id", "group-name", "description", "owner-id", "vpc-id", "tag:", "tag-key", NULL};

static const struct ec2_select select_groups = {.kind = EC2_KIND_GROUP,
	.ids = "GroupId",
	.id_fault = EC2_FAULT_GROUP_NOT_FOUND,
	.names = "GroupName",
	.name_fault = EC2_FAULT_GROUP_NOT_FOUND,
	.what = "security group",
	.filters = group_filters,
	.facts = group_facts};

static void put_range(struct rd_xml_out *x, const char *set, const char *name, const char *value,
	const char *text)
{
	rd_xml_out_begin(x, set);
	if (value[0] != '\0') {
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, name, value);
		if (text[0] != '\0') {
			rd_xml_out_str(x, "description", text);
		}
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
}

static void put_permission(struct rd_xml_out *x, const struct ec2_rule *r)
{
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "ipProtocol", r->protocol);
	if (strcmp(r->protocol, "-1") != 0) {
		rd_xml_out_int(x, "fromPort", r->from);
		rd_xml_out_int(x, "toPort", r->to);
	}
	rd_xml_out_begin(x, "groups");
	if (r->group[0] != '\0') {
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "groupId", r->group);
		rd_xml_out_str(x, "userId", r->head.account);
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
	put_range(x, "ipRanges", "cidrIp", r->cidr, r->description);
	put_range(x, "ipv6Ranges", "cidrIpv6", r->cidr6, r->description);
	rd_xml_out_begin(x, "prefixListIds");
	rd_xml_out_end(x);
	rd_xml_out_end(x);
}

static void put_permissions(
	struct rd_xml_out *x, const char *name, const struct ec2_list *rules, bool egress)
{
	rd_xml_out_begin(x, name);
	for (size_t n = 0; n < rules->n; n++) {
		const struct ec2_rule *r = ec2_list_at(rules, n);

		if (r->egress == egress) {
			put_permission(x, r);
		}
	}
	rd_xml_out_end(x);
}

static enum rd_status put_group(struct ec2_call *call, const struct ec2_group *g)
{
	struct ec2_list rules RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_RULE};
	struct rd_xml_out *x = call->x;
	char vpc[EC2_ID_SIZE];

	RD_TRY(ec2_vpc_id(g->head.account, vpc));
	RD_TRY(ec2_store_load(call->db, NULL, g->head.id, &rules));
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "ownerId", g->head.account);
	rd_xml_out_str(x, "groupId", g->head.id);
	rd_xml_out_str(x, "groupName", g->head.name);
	rd_xml_out_str(x, "groupDescription", g->description);
	rd_xml_out_str(x, "vpcId", vpc);
	put_permissions(x, "ipPermissions", &rules, false);
	put_permissions(x, "ipPermissionsEgress", &rules, true);
	ec2_put_tags(x, g->head.tags);
	rd_xml_out_end(x);
	return RD_OK;
}

enum rd_status ec2_describe_security_groups(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_GROUP};
	char next[EC2_NEXT_SIZE];

	RD_TRY(ec2_allow_any(call));
	RD_TRY(rd_db_transact(call->db, make_default, call));
	RD_TRY(ec2_select(call, &select_groups, &list, next));
	rd_xml_out_begin(call->x, "securityGroupInfo");
	for (size_t n = 0; n < list.n; n++) {
		RD_TRY(put_group(call, ec2_list_at(&list, n)));
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}

struct creation {
	struct ec2_call *call;
	struct ec2_group *group;
};

static enum rd_status create_work(struct rd_db *db, void *arg)
{
	const struct creation *c = arg;
	struct ec2_rule out = {.egress = true, .protocol = "-1", .from = -1, .to = -1};
	int64_t n = 0;

	RD_TRY(ec2_default_group_make(c->call));
	RD_TRY(ec2_store_count(db, EC2_KIND_GROUP, c->call->who.account, &n));
	RD_ENSURE(n < GROUPS_MAX, RD_LIMIT);
	RD_TRY(ec2_store_add(db, EC2_KIND_GROUP, c->group));
	RD_TRY(ec2_make_id("sgr-", out.head.id));
	memcpy(out.head.account, c->group->head.account, sizeof(out.head.account));
	memcpy(out.head.parent, c->group->head.id, sizeof(out.head.parent));
	out.head.created_ms = c->call->now_ms;
	snprintf(out.cidr, sizeof(out.cidr), "0.0.0.0/0");
	return ec2_store_add(db, EC2_KIND_RULE, &out);
}

static enum rd_status read_group(struct ec2_call *call, struct ec2_group *g)
{
	struct ec2_in in = ec2_in(call);
	char vpc[EC2_ID_SIZE], own[EC2_ID_SIZE];

	RD_TRY(ec2_in_need(in, "GroupName", g->head.name, sizeof(g->head.name)));
	RD_TRY(ec2_in_need(in, "GroupDescription", g->description, sizeof(g->description)));
	RD_TRY(ec2_in_text(in, "VpcId", vpc, sizeof(vpc)));
	RD_TRY(ec2_vpc_id(call->who.account, own));
	if (vpc[0] != '\0' && strcmp(vpc, own) != 0) {
		return ec2_not_found_name(call, EC2_FAULT_VPC_NOT_FOUND, "vpc ID", vpc);
	}
	if (strncmp(g->head.name, "sg-", 3) == 0 || strcmp(g->head.name, "default") == 0) {
		return ec2_fail(call, EC2_FAULT_GROUP_RESERVED,
			"The security group name '%s' is reserved.", g->head.name);
	}
	RD_TRY(ec2_in_tags(in, "security-group", &g->head.tags));
	RD_TRY(ec2_make_id("sg-", g->head.id));
	memcpy(g->head.account, call->who.account, sizeof(g->head.account));
	g->head.created_ms = call->now_ms;
	return RD_OK;
}

enum rd_status ec2_create_security_group(struct ec2_call *call)
{
	struct ec2_group g RD_CLEANUP(ec2_group_finish) = {.description = ""};
	struct creation c = {.call = call, .group = &g};
	json_t *checks;
	char arn[EC2_ARN_SIZE];
	enum rd_status st;

	RD_TRY(read_group(call, &g));
	checks = ec2_checks_new();
	ec2_arn(call, "security-group", "*", arn);
	ec2_check_add(call, checks, "ec2:CreateSecurityGroup", arn, NULL);
	ec2_check_tags(call, checks, EC2_KIND_GROUP, g.head.tags);
	RD_TRY(ec2_allow(call, checks));
	st = rd_db_transact(call->db, create_work, &c);
	if (st == RD_EXISTS) {
		return ec2_fail(call, EC2_FAULT_GROUP_DUPLICATE,
			"The security group '%s' already exists", g.head.name);
	}
	if (st == RD_LIMIT) {
		return ec2_fail(call, EC2_FAULT_GROUP_LIMIT,
			"An account has at most %d security groups.", GROUPS_MAX);
	}
	RD_TRY(st);
	rd_xml_out_str(call->x, "groupId", g.head.id);
	ec2_put_tags(call->x, g.head.tags);
	return RD_OK;
}

/* By GroupId or GroupName, checked with the authority, then required. */
static enum rd_status need_group(struct ec2_call *call, struct ec2_group *ret)
{
	struct ec2_in in = ec2_in(call);
	char id[EC2_ID_SIZE], name[EC2_NAME_SIZE];
	json_t *checks;
	enum rd_status st;

	RD_TRY(rd_db_transact(call->db, make_default, call));
	RD_TRY(ec2_in_text(in, "GroupId", id, sizeof(id)));
	RD_TRY(ec2_in_text(in, "GroupName", name, sizeof(name)));
	if (id[0] == '\0' && name[0] == '\0') {
		return ec2_fail(call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter GroupName or GroupId");
	}
	st = id[0] != '\0'
		     ? ec2_store_get(call->db, EC2_KIND_GROUP, call->who.account, id, ret)
		     : ec2_store_by_name(call->db, EC2_KIND_GROUP, call->who.account, name, ret);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	checks = ec2_checks_new();
	ec2_check_record(call, checks, EC2_KIND_GROUP,
		st == RD_OK     ? ret->head.id
		: id[0] != '\0' ? id
				: "*",
		st == RD_OK ? ret : NULL);
	RD_TRY(ec2_allow(call, checks));
	if (st == RD_NOTFOUND) {
		return id[0] != '\0' ? ec2_not_found(call, EC2_KIND_GROUP, id)
				     : ec2_not_found_name(call, EC2_FAULT_GROUP_NOT_FOUND,
					       "security group", name);
	}
	return RD_OK;
}

/* --- who is in a group --- */

static bool is_member(const struct ec2_instance *i, const char *group)
{
	return i->state != EC2_TERMINATED && strstr(i->groups, group) != NULL;
}

static enum rd_status delete_work(struct rd_db *db, void *arg)
{
	const struct creation *c = arg;
	struct ec2_list instances RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	struct ec2_list rules RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_RULE};
	const char *id = c->group->head.id;

	RD_TRY(ec2_store_load(db, c->call->who.account, NULL, &instances));
	for (size_t n = 0; n < instances.n; n++) {
		if (is_member(ec2_list_at(&instances, n), id)) {
			return ec2_fail(c->call, EC2_FAULT_GROUP_IN_USE,
				"resource %s has a dependent object", id);
		}
	}
	RD_TRY(ec2_store_load(db, c->call->who.account, NULL, &rules));
	for (size_t n = 0; n < rules.n; n++) {
		const struct ec2_rule *r = ec2_list_at(&rules, n);

		if (strcmp(r->head.parent, id) == 0) {
			RD_TRY(ec2_store_delete(db, EC2_KIND_RULE, r->head.id));
		} else if (strcmp(r->group, id) == 0) {
			return ec2_fail(c->call, EC2_FAULT_GROUP_IN_USE,
				"resource %s has a dependent object", id);
		}
	}
	return ec2_store_delete(db, EC2_KIND_GROUP, id);
}

enum rd_status ec2_delete_security_group(struct ec2_call *call)
{
	struct ec2_group g RD_CLEANUP(ec2_group_finish) = {.description = ""};
	struct creation c = {.call = call, .group = &g};

	RD_TRY(need_group(call, &g));
	if (strcmp(g.head.name, "default") == 0) {
		return ec2_fail(call, EC2_FAULT_CANNOT_DELETE,
			"the specified group: \"%s\" name: \"default\" cannot be deleted by a user",
			g.head.id);
	}
	RD_TRY(rd_db_transact(call->db, delete_work, &c));
	rd_xml_out_bool(call->x, "return", true);
	rd_xml_out_str(call->x, "groupId", g.head.id);
	return RD_OK;
}

/* --- rules of a request --- */

/* So many of one call, EC2's quota of a group. */
struct rules {
	struct ec2_rule items[RULES_MAX];
	size_t n;
};

static enum rd_status check_cidr(
	struct ec2_call *call, const char *text, int family, unsigned bits_max)
{
	const char *slash = strchr(text, '/');
	uint8_t bytes[sizeof(struct in6_addr)];
	char address[64] = "";
	uint64_t bits = 0;

	if (slash != NULL && (size_t)(slash - text) < sizeof(address)) {
		memcpy(address, text, (size_t)(slash - text));
	}
	if (slash == NULL || rd_parse_u64(slash + 1, 0, bits_max, &bits) != RD_OK ||
		inet_pton(family, address, bytes) != 1) {
		return ec2_fail(
			call, EC2_FAULT_PARAMETER_VALUE, "CIDR block %s is malformed", text);
	}
	return RD_OK;
}

static enum rd_status check_ports(struct ec2_call *call, struct ec2_rule *r)
{
	bool ports = strcmp(r->protocol, "tcp") == 0 || strcmp(r->protocol, "udp") == 0;

	if (!ports) {
		return RD_OK;
	}
	if (r->from < 0 || r->to < r->from || r->to > UINT16_MAX) {
		return ec2_fail(call, EC2_FAULT_PARAMETER_VALUE,
			"Invalid value for portRange. Must specify both from and to ports with "
			"TCP/UDP.");
	}
	if (!r->egress && r->group[0] == '\0' &&
		(r->from < 1 || r->to - r->from >= RULE_PORTS_MAX)) {
		return ec2_fail(call, EC2_FAULT_PARAMETER_VALUE,
			"The range %d-%d: a rule opens at most %d ports here, because each takes "
			"one of the host's loopback.",
			r->from, r->to, RULE_PORTS_MAX);
	}
	return RD_OK;
}

static enum rd_status read_protocol(struct ec2_in in, const char *prefix, struct ec2_rule *r)
{
	static const char *const words[] = {
		"tcp", "udp", "icmp", "icmpv6", "-1", "6", "17", "1", "58", "all", NULL};
	char name[EC2_PARAM_NAME_SIZE];
	unsigned word = 0;
	int64_t from = -1, to = -1;

	snprintf(name, sizeof(name), "%sIpProtocol", prefix);
	if (!ec2_in_has(in, name)) {
		return ec2_fail(in.call, EC2_FAULT_MISSING_PARAMETER,
			"The request must contain the parameter %s", name);
	}
	RD_TRY(ec2_in_word(in, name, words, &word));
	snprintf(r->protocol, sizeof(r->protocol), "%s", words[word < 5 ? word : word - 5]);
	snprintf(name, sizeof(name), "%sFromPort", prefix);
	RD_TRY(ec2_in_number(in, name, -1, UINT16_MAX, &from));
	snprintf(name, sizeof(name), "%sToPort", prefix);
	RD_TRY(ec2_in_number(in, name, -1, UINT16_MAX, &to));
	r->from = (int32_t)from;
	r->to = (int32_t)to;
	return RD_OK;
}

/* It would look as if only they were let in. */
static enum rd_status check_sources(struct ec2_call *call, const struct ec2_rule *r)
{
	if (r->egress || r->cidr[0] == '\0' || ec2_sources_known(&call->ec2->config) ||
		ec2_sources_include(&call->ec2->config, r->cidr)) {
		return RD_OK;
	}
	return ec2_fail(call, EC2_FAULT_UNSUPPORTED,
		"Sources (%s) cannot be told apart at %s, where ports of instances are published: "
		"allow 0.0.0.0/0, and keep others out with the host's firewall.",
		r->cidr, call->ec2->config.forward_address);
}

static enum rd_status add_rule(
	struct ec2_call *call, const struct ec2_rule *base, struct rules *rules)
{
	struct ec2_rule *r = &rules->items[rules->n];

	if (rules->n == RULES_MAX) {
		return ec2_fail(call, EC2_FAULT_RULE_LIMIT,
			"The maximum number of rules per security group is %d.", RULES_MAX);
	}
	*r = *base;
	if (r->cidr[0] != '\0') {
		RD_TRY(check_cidr(call, r->cidr, AF_INET, 32));
	}
	if (r->cidr6[0] != '\0') {
		RD_TRY(check_cidr(call, r->cidr6, AF_INET6, 128));
	}
	if (r->group[0] != '\0') {
		struct ec2_group g RD_CLEANUP(ec2_group_finish) = {.description = ""};

		RD_TRY(ec2_find(call, EC2_KIND_GROUP, r->group, &g));
	}
	RD_TRY(check_ports(call, r));
	RD_TRY(check_sources(call, r));
	rules->n++;
	return RD_OK;
}

struct source {
	const char *list, *value;
	size_t offset, size;
};

/* IpPermissions.N.IpRanges.M, Ipv6Ranges.M, Groups.M: a rule for each. */
static enum rd_status read_sources(
	struct ec2_in in, size_t n, const struct ec2_rule *base, struct rules *rules)
{
	static const struct source sources[] = {
		{"IpRanges", "CidrIp", offsetof(struct ec2_rule, cidr),
			sizeof(((struct ec2_rule *)NULL)->cidr)},
		{"Ipv6Ranges", "CidrIpv6", offsetof(struct ec2_rule, cidr6),
			sizeof(((struct ec2_rule *)NULL)->cidr6)},
		{"Groups", "GroupId", offsetof(struct ec2_rule, group),
			sizeof(((struct ec2_rule *)NULL)->group)},
	};
	char list[EC2_PARAM_NAME_SIZE], name[EC2_PARAM_NAME_SIZE];

	for (size_t s = 0; s < RD_ARRAY_LEN(sources); s++) {
		size_t m = 0;

		ec2_in_name(list, "IpPermissions", n, sources[s].list);
		RD_TRY(ec2_in_count(in, list, RULES_MAX, &m));
		for (size_t i = 1; i <= m; i++) {
			struct ec2_rule r = *base;

			RD_TRY(ec2_in_need(in, ec2_in_name(name, list, i, sources[s].value),
				(char *)&r + sources[s].offset, sources[s].size));
			RD_TRY(ec2_in_text(in, ec2_in_name(name, list, i, "Description"),
				r.description, sizeof(r.description)));
			RD_TRY(add_rule(in.call, &r, rules));
		}
	}
	return RD_OK;
}

static enum rd_status read_rules(struct ec2_call *call, struct rules *rules)
{
	struct ec2_in in = ec2_in(call);
	struct ec2_rule base = {.egress = false};
	char prefix[EC2_PARAM_NAME_SIZE];
	size_t n = 0;

	if (ec2_in_has(in, "IpProtocol")) {
		RD_TRY(read_protocol(in, "", &base));
		RD_TRY(ec2_in_need(in, "CidrIp", base.cidr, sizeof(base.cidr)));
		return add_rule(call, &base, rules);
	}
	RD_TRY(ec2_in_count(in, "IpPermissions", RULES_MAX, &n));
	for (size_t i = 1; i <= n; i++) {
		size_t before = rules->n;

		base = (struct ec2_rule){.egress = false};
		RD_TRY(read_protocol(in, ec2_in_name(prefix, "IpPermissions", i, ""), &base));
		RD_TRY(read_sources(in, i, &base, rules));
		if (rules->n == before) {
			return ec2_fail(call, EC2_FAULT_MISSING_PARAMETER,
				"IpPermissions.%zu names no IpRanges, Ipv6Ranges or Groups.", i);
		}
	}
	return RD_OK;
}

static bool is_same(const struct ec2_rule *a, const struct ec2_rule *b)
{
	return a->egress == b->egress && strcmp(a->protocol, b->protocol) == 0 &&
	       a->from == b->from && a->to == b->to && strcmp(a->cidr, b->cidr) == 0 &&
	       strcmp(a->cidr6, b->cidr6) == 0 && strcmp(a->group, b->group) == 0;
}

static const struct ec2_rule *find_same(const struct ec2_list *list, const struct ec2_rule *r)
{
	for (size_t n = 0; n < list->n; n++) {
		if (is_same(ec2_list_at(list, n), r)) {
			return ec2_list_at(list, n);
		}
	}
	return NULL;
}

/* --- changing rules --- */

struct change {
	struct ec2_call *call;
	const struct ec2_group *group;
	struct rules *rules;
	json_t *tags;
	size_t n_ids; /* SecurityGroupRuleId.N of a revocation */
	char ids[RULES_MAX][EC2_ID_SIZE];
	struct ec2_list members; /* whose ports have changed */
};

/* Every instance of the group gets the ports that its rules open now. */
static enum rd_status assign_all(struct rd_db *db, struct change *c)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};

	RD_TRY(ec2_store_load(db, c->call->who.account, NULL, &list));
	for (size_t n = 0; n < list.n; n++) {
		const struct ec2_instance *i = ec2_list_at(&list, n);
		struct ec2_instance copy = {.state = 0};
		bool changed = false;

		if (!is_member(i, c->group->head.id)) {
			continue;
		}
		RD_TRY(ec2_ports_assign(c->call, i, &changed));
		if (changed && (i->state == EC2_RUNNING || i->state == EC2_PENDING)) {
			RD_TRY(ec2_record_copy(EC2_KIND_INSTANCE, i, &copy));
			RD_TRY(ec2_list_push(&c->members, &copy));
		}
	}
	return RD_OK;
}

static void tell_members(const struct change *c)
{
	for (size_t n = 0; n < c->members.n; n++) {
		const struct ec2_instance *i = ec2_list_at(&c->members, n);
		struct ec2_refusal why = {.text = ""};

		if (ec2_host_forwards(c->call->ec2, c->call->db, i, &why) != RD_OK) {
			rd_log(RD_LOG_WARNING, "%s: its open ports: %s", i->head.id, why.text);
		}
	}
}

static enum rd_status authorize_work(struct rd_db *db, void *arg)
{
	struct change *c = arg;
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_RULE};

	ec2_list_finish(&c->members);
	RD_TRY(ec2_store_load(db, NULL, c->group->head.id, &list));
	if (list.n + c->rules->n > RULES_MAX) {
		return ec2_fail(c->call, EC2_FAULT_RULE_LIMIT,
			"The maximum number of rules per security group is %d.", RULES_MAX);
	}
	for (size_t n = 0; n < c->rules->n; n++) {
		struct ec2_rule *r = &c->rules->items[n];

		if (find_same(&list, r) != NULL) {
			return ec2_fail(c->call, EC2_FAULT_RULE_DUPLICATE,
				"the specified rule \"peer: %s%s%s, %s, from port: %d, to port: %d, "
				"ALLOW\" already exists",
				r->cidr, r->cidr6, r->group, r->protocol, r->from, r->to);
		}
		RD_TRY(ec2_make_id("sgr-", r->head.id));
		memcpy(r->head.account, c->call->who.account, sizeof(r->head.account));
		memcpy(r->head.parent, c->group->head.id, sizeof(r->head.parent));
		r->head.created_ms = c->call->now_ms;
		r->head.tags = c->tags; /* borrowed while it is written */
		RD_TRY(ec2_store_add(db, EC2_KIND_RULE, r));
		r->head.tags = NULL;
	}
	return assign_all(db, c);
}

static void put_rule(struct rd_xml_out *x, const struct ec2_rule *r, const json_t *tags)
{
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "securityGroupRuleId", r->head.id);
	rd_xml_out_str(x, "groupId", r->head.parent);
	rd_xml_out_str(x, "groupOwnerId", r->head.account);
	rd_xml_out_bool(x, "isEgress", r->egress);
	rd_xml_out_str(x, "ipProtocol", r->protocol);
	rd_xml_out_int(x, "fromPort", r->from);
	rd_xml_out_int(x, "toPort", r->to);
	if (r->cidr[0] != '\0') {
		rd_xml_out_str(x, "cidrIpv4", r->cidr);
	}
	if (r->cidr6[0] != '\0') {
		rd_xml_out_str(x, "cidrIpv6", r->cidr6);
	}
	if (r->group[0] != '\0') {
		rd_xml_out_begin(x, "referencedGroupInfo");
		rd_xml_out_str(x, "groupId", r->group);
		rd_xml_out_str(x, "userId", r->head.account);
		rd_xml_out_end(x);
	}
	if (r->description[0] != '\0') {
		rd_xml_out_str(x, "description", r->description);
	}
	ec2_put_tags(x, tags);
	rd_xml_out_end(x);
}

static enum rd_status authorize(struct change *c)
{
	struct ec2_call *call = c->call;

	RD_TRY(read_rules(call, c->rules));
	if (c->rules->n == 0) {
		return ec2_fail(call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter ipPermissions");
	}
	RD_TRY(ec2_in_tags(ec2_in(call), "security-group-rule", &c->tags));
	RD_TRY(rd_db_transact(call->db, authorize_work, c));
	tell_members(c);
	rd_xml_out_bool(call->x, "return", true);
	rd_xml_out_begin(call->x, "securityGroupRuleSet");
	for (size_t n = 0; n < c->rules->n; n++) {
		put_rule(call->x, &c->rules->items[n], c->tags);
	}
	rd_xml_out_end(call->x);
	return RD_OK;
}

static enum rd_status revoke_ids(struct rd_db *db, struct change *c, const struct ec2_list *list)
{
	for (size_t i = 0; i < c->n_ids; i++) {
		bool found = false;

		for (size_t n = 0; n < list->n && !found; n++) {
			const struct ec2_rule *r = ec2_list_at(list, n);

			found = strcmp(r->head.id, c->ids[i]) == 0 && !r->egress;
		}
		if (!found) {
			return ec2_not_found(c->call, EC2_KIND_RULE, c->ids[i]);
		}
		RD_TRY(ec2_store_delete(db, EC2_KIND_RULE, c->ids[i]));
	}
	return RD_OK;
}

static enum rd_status revoke_work(struct rd_db *db, void *arg)
{
	struct change *c = arg;
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_RULE};

	ec2_list_finish(&c->members);
	RD_TRY(ec2_store_load(db, NULL, c->group->head.id, &list));
	RD_TRY(revoke_ids(db, c, &list));
	for (size_t n = 0; n < c->rules->n; n++) {
		const struct ec2_rule *same = find_same(&list, &c->rules->items[n]);

		if (same == NULL) {
			return ec2_fail(c->call, EC2_FAULT_RULE_NOT_FOUND, "%s",
				"The specified rule does not exist in this security group.");
		}
		RD_TRY(ec2_store_delete(db, EC2_KIND_RULE, same->head.id));
	}
	return assign_all(db, c);
}

static enum rd_status revoke(struct change *c)
{
	struct ec2_call *call = c->call;

	RD_TRY(read_rules(call, c->rules));
	RD_TRY(ec2_in_count(ec2_in(call), "SecurityGroupRuleId", RULES_MAX, &c->n_ids));
	for (size_t i = 0; i < c->n_ids; i++) {
		RD_TRY(ec2_in_item(
			ec2_in(call), "SecurityGroupRuleId", i + 1, c->ids[i], EC2_ID_SIZE));
	}
	if (c->rules->n + c->n_ids == 0) {
		return ec2_fail(call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter ipPermissions");
	}
	RD_TRY(rd_db_transact(call->db, revoke_work, c));
	tell_members(c);
	rd_xml_out_bool(call->x, "return", true);
	return RD_OK;
}

static enum rd_status with_change(struct ec2_call *call, enum rd_status (*run)(struct change *c))
{
	struct ec2_group g RD_CLEANUP(ec2_group_finish) = {.description = ""};
	struct change *c = calloc(1, sizeof(*c));
	struct rules *rules = calloc(1, sizeof(*rules));
	enum rd_status st = c == NULL || rules == NULL ? RD_NOMEM : need_group(call, &g);

	if (st == RD_OK) {
		c->call = call;
		c->group = &g;
		c->rules = rules;
		c->members.kind = EC2_KIND_INSTANCE;
		st = run(c);
		ec2_list_finish(&c->members);
		json_decref(c->tags);
	}
	free(rules);
	free(c);
	return st;
}

enum rd_status ec2_authorize_security_group_ingress(struct ec2_call *call)
{
	return with_change(call, authorize);
}

enum rd_status ec2_revoke_security_group_ingress(struct ec2_call *call)
{
	return with_change(call, revoke);
}

/* --- rules on record --- */

static void rule_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_rule *r = record;

	(void)call;
	ec2_fact(f, "group-id", r->head.parent);
	ec2_fact(f, "security-group-rule-id", r->head.id);
}

static const char *const rule_filters[] = {
	"group-id", "security-group-rule-id", "tag:", "tag-key", NULL};

static const struct ec2_select select_rules = {.kind = EC2_KIND_RULE,
	.ids = "SecurityGroupRuleId",
	.id_fault = EC2_FAULT_RULE_ID_NOT_FOUND,
	.what = "security group rule ID",
	.filters = rule_filters,
	.facts = rule_facts};

enum rd_status ec2_describe_security_group_rules(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_RULE};
	char next[EC2_NEXT_SIZE];

	RD_TRY(ec2_allow_any(call));
	RD_TRY(rd_db_transact(call->db, make_default, call));
	RD_TRY(ec2_select(call, &select_rules, &list, next));
	rd_xml_out_begin(call->x, "securityGroupRuleSet");
	for (size_t n = 0; n < list.n; n++) {
		const struct ec2_rule *r = ec2_list_at(&list, n);

		put_rule(call->x, r, r->head.tags);
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}
