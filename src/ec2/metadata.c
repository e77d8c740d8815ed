/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers of metadata, and what they tell. A server's thread asks for its instance under `asking`,
 * which guards the one connection to the database and the one to the door; `listed` guards the
 * list, and is never waited for under the other: a server that ends is joined under it.
 */
#include "ec2/metadata.h"

#include "base/text.h"
#include "ec2/door.h"
#include "ec2/imds.h"
#include "ec2/instances.h"
#include "ec2/network.h"
#include "log/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* User ids that redoubt-vmm and redoubt-net of instances have (vmm/isolate.h). */
#define NET_UID_FIRST 0x70000000u
#define NET_UID_LAST  0x7fffffffu

struct served {
	char id[EC2_ID_SIZE];
	struct imds_server *server;
};

struct ec2_metadata {
	struct ec2 *ec2;
	struct rd_db *db;
	unsigned connection;
	struct imds_signer *signer;
	struct imds_source source;
	pthread_mutex_t asking, listed;
	struct served *served;
	size_t n, room;
};

/* --- what is told --- */

static enum rd_status add_line(char *list, size_t size, const char *text)
{
	size_t used = strlen(list);

	RD_ENSURE(used + strlen(text) + 2 <= size, RD_LIMIT);
	snprintf(list + used, size - used, "%s%s", used == 0 ? "" : "\n", text);
	return RD_OK;
}

static enum rd_status tell_groups(struct rd_db *db, const char *groups, struct imds_instance *ret)
{
	char id[EC2_ID_SIZE];

	while (ec2_groups_next(&groups, id)) {
		struct ec2_group group RD_CLEANUP(ec2_group_finish) = {.description = ""};
		enum rd_status st = ec2_store_get(db, EC2_KIND_GROUP, NULL, id, &group);

		RD_TRY(add_line(ret->security_group_ids, sizeof(ret->security_group_ids), id));
		if (st == RD_OK) {
			st = add_line(ret->security_groups, sizeof(ret->security_groups),
				group.head.name);
		}
		RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	}
	return RD_OK;
}

static enum rd_status tell_user_data(const struct ec2_instance *i, struct imds_instance *ret)
{
	struct rd_buf plain = rd_buf_growable(EC2_USER_DATA_MAX);
	enum rd_status st;

	RD_ENSURE(i->user_data != NULL, RD_OK);
	st = rd_base64_decode(rd_view_str(i->user_data), &plain);
	if (st == RD_OK && plain.used > 0) {
		ret->user_data = malloc(plain.used);
		st = ret->user_data == NULL ? RD_NOMEM : RD_OK;
	}
	if (st == RD_OK && plain.used > 0) {
		memcpy(ret->user_data, plain.ptr, plain.used);
		ret->user_data_len = plain.used;
	}
	rd_buf_finish(&plain);
	return st;
}

static void copy(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
}

#define COPY(member, text) copy(ret->member, sizeof(ret->member), text)

static enum rd_status tell_network(
	const struct ec2 *ec2, const struct ec2_instance *i, struct imds_instance *ret)
{
	char id[EC2_ID_SIZE], zone[EC2_ZONE_SIZE], dns[EC2_DNS_SIZE];

	ec2_zone(ec2, zone);
	ec2_private_dns(ec2, i->private_ip, dns);
	COPY(zone, zone);
	COPY(zone_id, zone);
	COPY(hostname, dns);
	COPY(private_ip, i->private_ip);
	COPY(mac, i->mac);
	COPY(interface, i->interface);
	RD_TRY(ec2_subnet_id(i->head.account, id));
	COPY(subnet, id);
	COPY(subnet_cidr, EC2_SUBNET_CIDR);
	RD_TRY(ec2_vpc_id(i->head.account, id));
	COPY(vpc, id);
	COPY(vpc_cidr, EC2_VPC_CIDR);
	return RD_OK;
}

static enum rd_status tell(
	struct ec2_metadata *m, const struct ec2_instance *i, struct imds_instance *ret)
{
	COPY(id, i->head.id);
	COPY(type, i->type);
	COPY(image, i->image);
	COPY(account, i->head.account);
	COPY(region, m->ec2->config.region);
	COPY(reservation, i->head.parent);
	COPY(key_name, i->key_name);
	COPY(root_device, i->root_device);
	COPY(profile_arn, i->profile_arn);
	COPY(profile_id, i->profile_id);
	COPY(role_arn, i->role_arn);
	ret->launch_index = i->launch_index;
	ret->launched_ms = i->launched_ms;
	ret->off = i->metadata_off;
	ret->tokens_required = i->tokens_required;
	ret->tags_shown = i->metadata_tags;
	ret->tags = json_deep_copy(i->head.tags);
	RD_ENSURE(ret->tags != NULL, RD_NOMEM);
	if (i->public_key != NULL) {
		ret->public_key = strdup(i->public_key);
		RD_ENSURE(ret->public_key != NULL, RD_NOMEM);
	}
	RD_TRY(tell_network(m->ec2, i, ret));
	RD_TRY(tell_groups(m->db, i->groups, ret));
	return tell_user_data(i, ret);
}

static enum rd_status get_instance(void *ctx, const char *id, struct imds_instance *ret)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	struct ec2_metadata *m = ctx;
	enum rd_status st;

	pthread_mutex_lock(&m->asking);
	st = ec2_store_get(m->db, EC2_KIND_INSTANCE, NULL, id, &i);
	if (st == RD_OK) {
		st = i.state == EC2_TERMINATED ? RD_NOTFOUND : tell(m, &i, ret);
	}
	pthread_mutex_unlock(&m->asking);
	return st;
}

static enum rd_status get_credentials(
	void *ctx, const struct imds_instance *instance, uint32_t seconds, json_t **ret_answer)
{
	struct ec2_metadata *m = ctx;
	json_t *question = json_pack("{ss ss ss ss si}", "account", instance->account, "role_arn",
		instance->role_arn, "session", instance->id, "service", "ec2.amazonaws.com",
		"duration_s", (int)seconds);
	enum rd_status st;

	pthread_mutex_lock(&m->asking);
	st = ec2_door_ask(m->ec2->door, m->connection, "/role-credentials", question, ret_answer);
	pthread_mutex_unlock(&m->asking);
	return st;
}

static void seen(void *ctx, const char *id)
{
	struct ec2_metadata *m = ctx;

	pthread_mutex_lock(&m->asking);
	/* What could not be noted now is, at the next question. */
	if (ec2_reached(m->ec2, m->db, id) != RD_OK) {
		rd_log(RD_LOG_DEBUG, "%s: its first question is not noted yet", id);
	}
	pthread_mutex_unlock(&m->asking);
}

/* --- servers --- */

static struct served *find(struct ec2_metadata *m, const char *id)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->served[i].id, id) == 0) {
			return &m->served[i];
		}
	}
	return NULL;
}

static enum rd_status make_room(struct ec2_metadata *m)
{
	size_t room = m->room == 0 ? 16 : 2 * m->room;
	struct served *served;

	RD_ENSURE(m->n == m->room, RD_OK);
	served = reallocarray(m->served, room, sizeof(*served));
	RD_ENSURE(served != NULL, RD_NOMEM);
	m->served = served;
	m->room = room;
	return RD_OK;
}

static enum rd_status serve(struct ec2_metadata *m, const char *id, struct rd_error *err)
{
	const struct imds_config config = {.run = m->ec2->config.run,
		.instance_id = id,
		.signer = m->signer,
		.source = &m->source,
		.uid_first = NET_UID_FIRST,
		.uid_last = NET_UID_LAST};
	enum rd_status st = make_room(m);

	if (st != RD_OK) {
		return rd_fail(err, st, "out of memory for metadata of %s", id);
	}
	RD_TRY(imds_server_new(&config, &m->served[m->n].server, err));
	snprintf(m->served[m->n].id, EC2_ID_SIZE, "%s", id);
	m->n++;
	return RD_OK;
}

enum rd_status ec2_metadata_serve(
	struct ec2_metadata *metadata, const char *id, struct rd_error *err)
{
	enum rd_status st;

	RD_ENSURE(metadata != NULL, RD_OK);
	pthread_mutex_lock(&metadata->listed);
	st = find(metadata, id) != NULL ? RD_OK : serve(metadata, id, err);
	pthread_mutex_unlock(&metadata->listed);
	return st;
}

void ec2_metadata_drop(struct ec2_metadata *metadata, const char *id)
{
	struct served *found;

	if (metadata == NULL) {
		return;
	}
	pthread_mutex_lock(&metadata->listed);
	found = find(metadata, id);
	if (found != NULL) {
		imds_server_free(&found->server);
		*found = metadata->served[--metadata->n];
		imds_remove(metadata->ec2->config.run, id);
	}
	pthread_mutex_unlock(&metadata->listed);
}

enum rd_status ec2_metadata_serve_all(
	struct ec2_metadata *metadata, struct rd_db *db, struct rd_error *err)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	enum rd_status st = ec2_store_load(db, NULL, NULL, &list);

	if (st != RD_OK) {
		return rd_fail(err, st, "instances cannot be listed: %s", rd_db_error(db));
	}
	for (size_t n = 0; n < list.n; n++) {
		const struct ec2_instance *i = ec2_list_at(&list, n);

		if (i->desired == EC2_WANT_RUNNING) {
			RD_TRY(ec2_metadata_serve(metadata, i->head.id, err));
		}
	}
	return RD_OK;
}

/* --- start and end --- */

enum rd_status ec2_metadata_new(struct ec2 *ec2, struct rd_db *db, unsigned connection,
	struct ec2_metadata **ret, struct rd_error *err)
{
	struct ec2_metadata *m = calloc(1, sizeof(*m));
	enum rd_status st;

	RD_ENSURE(m != NULL, rd_fail(err, RD_NOMEM, "out of memory for metadata"));
	m->ec2 = ec2;
	m->db = db;
	m->connection = connection;
	m->source = (struct imds_source){.instance = get_instance,
		.credentials = get_credentials,
		.seen = seen,
		.now_ms = ec2->now_ms,
		.ctx = m};
	pthread_mutex_init(&m->asking, NULL);
	pthread_mutex_init(&m->listed, NULL);
	st = imds_signer_open(
		ec2->config.directory, ec2->config.region, ec2->now_ms() / 1000, &m->signer, err);
	if (st != RD_OK) {
		ec2_metadata_free(&m);
		return st;
	}
	*ret = m;
	return RD_OK;
}

void ec2_metadata_free(struct ec2_metadata **metadata)
{
	struct ec2_metadata *m = rd_steal(metadata, NULL);

	if (m == NULL) {
		return;
	}
	while (m->n > 0) {
		imds_server_free(&m->served[--m->n].server);
	}
	free(m->served);
	imds_signer_free(&m->signer);
	pthread_mutex_destroy(&m->asking);
	pthread_mutex_destroy(&m->listed);
	free(m);
}
