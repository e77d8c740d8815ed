/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata service of one instance as a program, without redoubt-ec2:
 *
 *	imds-host RUN STATE INSTANCE DOOR
 *
 * INSTANCE is a JSON file that is read at every request, so that a test may change it: the members
 * of struct imds_instance; "clock_ms" moves the time. DOOR is redoubt-kms's service door. Prints
 * "ready" and serves until its input ends; then "seen N".
 */
#include "base/text.h"
#include "crypto/secret.h"
#include "ec2/imds.h"
#include "http/response.h"
#include "os/fd.h"
#include "os/msg.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 65536

static const char *instance_file, *door;
static atomic_uint seen_count;

static const struct {
	const char *name;
	size_t offset, size;
} texts[] = {
#define X(member)                                                                                  \
	{                                                                                          \
#member, offsetof(struct imds_instance, member),                                   \
			sizeof(((struct imds_instance *)0)->member)                                \
	}
	X(id),
	X(type),
	X(image),
	X(account),
	X(region),
	X(zone),
	X(zone_id),
	X(private_ip),
	X(mac),
	X(hostname),
	X(reservation),
	X(key_name),
	X(security_groups),
	X(security_group_ids),
	X(interface),
	X(subnet),
	X(subnet_cidr),
	X(vpc),
	X(vpc_cidr),
	X(root_device),
	X(profile_arn),
	X(profile_id),
	X(role_arn),
#undef X
};

static json_t *load(void)
{
	json_t *in = json_load_file(instance_file, 0, NULL);

	if (in == NULL) {
		fprintf(stderr, "imds-host: cannot read %s\n", instance_file);
	}
	return in;
}

static void take(const json_t *in, struct imds_instance *ret)
{
	const char *user_data = json_string_value(json_object_get(in, "user_data"));
	const char *key = json_string_value(json_object_get(in, "public_key"));

	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		const char *text = json_string_value(json_object_get(in, texts[i].name));

		snprintf((char *)ret + texts[i].offset, texts[i].size, "%s", text ? text : "");
	}
	ret->launched_ms = json_integer_value(json_object_get(in, "launched_ms"));
	ret->off = json_is_true(json_object_get(in, "off"));
	ret->tokens_required = json_is_true(json_object_get(in, "tokens_required"));
	ret->tags_shown = json_is_true(json_object_get(in, "tags_shown"));
	ret->tags = json_incref(json_object_get(in, "tags"));
	ret->public_key = key != NULL ? strdup(key) : NULL;
	if (user_data != NULL) {
		ret->user_data = (uint8_t *)strdup(user_data);
		ret->user_data_len = strlen(user_data);
	}
}

static enum rd_status get_instance(void *ctx, const char *id, struct imds_instance *ret)
{
	json_t *in = load();
	enum rd_status st = RD_NOTFOUND;

	(void)ctx;
	if (in != NULL && strcmp(json_string_value(json_object_get(in, "id")), id) == 0 &&
		!json_is_true(json_object_get(in, "gone"))) {
		take(in, ret);
		st = RD_OK;
	}
	json_decref(in);
	return st;
}

static int64_t now_ms(void)
{
	json_t *in = load();
	int64_t shift = json_integer_value(json_object_get(in, "clock_ms"));
	struct timespec t;

	json_decref(in);
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + shift;
}

static void on_seen(void *ctx, const char *id)
{
	(void)ctx;
	(void)id;
	atomic_fetch_add(&seen_count, 1);
}

/* --- the door --- */

static enum rd_status exchange(const char *question, char *text, size_t size, size_t *ret_len)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	char head[256];
	ssize_t n;
	int len;

	RD_TRY(rd_msg_connect(door, SOCK_STREAM, &fd, NULL));
	RD_TRY(rd_fd_set_nonblock(fd, false));
	len = snprintf(head, sizeof(head),
		"POST /role-credentials HTTP/1.1\r\nHost: door\r\nConnection: close\r\n"
		"Content-Length: %zu\r\n\r\n",
		strlen(question));
	RD_TRY(rd_fd_write_full(fd, rd_view(head, (size_t)len)));
	RD_TRY(rd_fd_write_full(fd, rd_view_str(question)));
	*ret_len = 0;
	while ((n = read(fd, text + *ret_len, size - *ret_len)) > 0) {
		*ret_len += (size_t)n;
	}
	return n == 0 ? RD_OK : RD_IO;
}

static enum rd_status get_credentials(
	void *ctx, const struct imds_instance *instance, uint32_t seconds, json_t **ret_answer)
{
	json_t *question = json_pack("{ss ss ss ss si}", "account", instance->account, "role_arn",
		instance->role_arn, "session", instance->id, "service", "ec2.amazonaws.com",
		"duration_s", (int)seconds);
	char *body = json_dumps(question, 0);
	static char text[ANSWER_MAX]; /* from the one thread of the server */
	struct rd_http_response response;
	size_t len = 0;
	enum rd_status st = exchange(body, text, sizeof(text), &len);

	(void)ctx;
	free(body);
	json_decref(question);
	RD_TRY(st);
	RD_TRY(rd_http_parse_response(rd_view(text, len), &response));
	*ret_answer = json_loadb(text + response.head_len, len - response.head_len, 0, NULL);
	RD_ENSURE(*ret_answer != NULL, RD_MALFORMED);
	return response.status == 200 ? RD_OK : RD_FORBIDDEN;
}

static int serve(char **argv)
{
	static const struct imds_source source = {.instance = get_instance,
		.credentials = get_credentials,
		.seen = on_seen,
		.now_ms = now_ms};
	struct rd_error err = {.text = "internal error"};
	struct imds_config config = {.run = argv[1], .source = &source};
	struct imds_signer *signer = NULL;
	struct imds_server *server = NULL;
	json_t *in = load();
	char id[IMDS_ID_SIZE], byte;
	enum rd_status st;

	snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(in, "id")));
	json_decref(in);
	config.instance_id = id;
	st = imds_signer_open(argv[2], "us-east-1", time(NULL), &signer, &err);
	config.signer = signer;
	if (st == RD_OK) {
		st = imds_server_new(&config, &server, &err);
	}
	if (st != RD_OK) {
		fprintf(stderr, "imds-host: %s\n", err.text);
		imds_signer_free(&signer);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
	imds_server_free(&server);
	imds_signer_free(&signer);
	printf("seen %u\n", atomic_load(&seen_count));
	return 0;
}

int main(int argc, char **argv)
{
	struct rd_error err = {.text = ""};

	if (argc != 5 || rd_secret_heap_open(1 << 20, &err) != RD_OK) {
		fprintf(stderr, "imds-host RUN STATE INSTANCE DOOR %s\n", err.text);
		return 2;
	}
	instance_file = argv[3];
	door = argv[4];
	return serve(argv);
}
