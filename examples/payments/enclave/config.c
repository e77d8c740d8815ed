/* SPDX-License-Identifier: Apache-2.0 */
/* Reading config.json. */
#include "enclave/config.h"

#include "enclave/members.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>

/* Longer than any message should take, and shorter than a page waits. */
#define TIMEOUT_MS_MAX 60000
/* vsock ports below the wildcard. */
#define PORT_MAX 0xfffffffeu

static enum rd_status take_parts(
	json_t *kms, json_t *gateway, struct config *c, struct rd_error *err)
{
	const struct member of_kms[] = {
		{"region", MEMBER_TEXT, c->kms.region, CONFIG_TEXT_MAX},
		{"endpoint", MEMBER_TEXT, c->kms.endpoint, CONFIG_TEXT_MAX},
		{"key_id", MEMBER_TEXT, c->kms.key_id, CONFIG_TEXT_MAX},
		{"ca_file", MEMBER_TEXT, c->kms.ca_file, CONFIG_TEXT_MAX},
		{"port", MEMBER_U32, &c->kms.port, PORT_MAX},
	};
	const struct member of_gateway[] = {
		{"name", MEMBER_TEXT, c->gateway.name, CONFIG_TEXT_MAX},
		{"ca_file", MEMBER_TEXT, c->gateway.ca_file, CONFIG_TEXT_MAX},
		{"port", MEMBER_U32, &c->gateway.port, PORT_MAX},
		{"terminal", MEMBER_TEXT, c->gateway.terminal, CONFIG_TERMINAL_MAX},
		{"timeout_ms", MEMBER_U32, &c->gateway.timeout_ms, TIMEOUT_MS_MAX},
	};

	RD_TRY(members_take(kms, "configuration: kms", of_kms, RD_ARRAY_LEN(of_kms), err));
	return members_take(
		gateway, "configuration: gateway", of_gateway, RD_ARRAY_LEN(of_gateway), err);
}

enum rd_status config_parse(struct rd_view json, struct config *ret, struct rd_error *err)
{
	json_t *root = NULL, *kms = NULL, *gateway = NULL;
	struct config c = {0};
	const struct member members[] = {
		{"version", MEMBER_U32, &c.version, UINT32_MAX},
		{"kms", MEMBER_OBJECT, &kms, 0},
		{"gateway", MEMBER_OBJECT, &gateway, 0},
		{"policy_file", MEMBER_TEXT, c.policy_file, CONFIG_TEXT_MAX},
	};
	enum rd_status st;

	RD_TRY(members_parse(json, "configuration", &root, err));
	st = members_take(root, "configuration", members, RD_ARRAY_LEN(members), err);
	if (st == RD_OK) {
		st = take_parts(kms, gateway, &c, err);
	}
	json_decref(root);
	if (st == RD_OK) {
		*ret = c;
	}
	return st;
}

enum rd_status config_read_file(const char *path, struct rd_buf *out, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	st = rd_fd_read_all(fd, out);
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "cannot read %s: it %s", path, rd_status_text(st));
}
