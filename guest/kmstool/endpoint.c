/* SPDX-License-Identifier: Apache-2.0 */
/* Names of servers. Source: kms.md section 5.2. */
#include "kmstool/endpoint.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HTTPS_PORT 443

/* First match counts: "us-isob-" begins as "us-iso" does, but not with its dash. */
static const struct {
	const char *prefix;
	const char *suffix;
} partitions[] = {
	{"cn-", "amazonaws.com.cn"},
	{"eusc-", "amazonaws.eu"},
	{"us-iso-", "c2s.ic.gov"},
	{"us-isob-", "sc2s.sgov.gov"},
	{"eu-isoe-", "cloud.adc-e.uk"},
	{"us-isof-", "csp.hci.ic.gov"},
	{"", "amazonaws.com"},
};

static const char *suffix_of(const char *region)
{
	size_t i = 0;

	while (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) != 0) {
		i++;
	}
	return partitions[i].suffix;
}

/* Letters, digits and what else is given. */
static bool consists_of(struct rd_view text, const char *others)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = (char)text.ptr[i];

		if (c == '\0' || (!isalnum((unsigned char)c) && strchr(others, c) == NULL)) {
			return false;
		}
	}
	return text.len > 0;
}

static enum rd_status set_region(
	const char *region, struct rdkms_endpoint *ret, struct rd_error *err)
{
	struct rd_view text = rd_view_str(region == NULL ? "" : region);

	if (text.len > RDKMS_REGION_MAX || !consists_of(text, "-")) {
		return rd_fail(err, RD_USAGE, "'%.40s' is no region, such as us-east-1",
			(const char *)text.ptr);
	}
	memcpy(ret->region, text.ptr, text.len + 1);
	return RD_OK;
}

/* Cuts HOST:PORT; *ret_port is "" without one. */
static bool cut(struct rd_view text, struct rd_view *ret_name, const char **ret_port)
{
	bool brackets = text.len > 0 && text.ptr[0] == '[';
	const uint8_t *end = text.len == 0 ? NULL
					   : memchr(text.ptr, brackets ? ']' : ':', text.len);
	size_t name_len = end == NULL ? text.len : (size_t)(end - text.ptr);

	if (brackets && end == NULL) {
		return false;
	}
	*ret_name = brackets ? rd_view(text.ptr + 1, name_len - 1) : rd_view(text.ptr, name_len);
	name_len += brackets ? 1 : 0;
	*ret_port = name_len == text.len ? "" : (const char *)text.ptr + name_len + 1;
	if (name_len < text.len && text.ptr[name_len] != ':') {
		return false;
	}
	return (name_len == text.len || **ret_port != '\0') &&
	       consists_of(*ret_name, brackets ? ":." : "-.");
}

static enum rd_status set_host(const char *text, struct rdkms_endpoint *ret, struct rd_error *err)
{
	struct rd_view whole = rd_view_str(text), name;
	uint64_t number = HTTPS_PORT;
	const char *port;

	if (whole.len >= sizeof(ret->host) || !cut(whole, &name, &port) ||
		(*port != '\0' && rd_parse_u64(port, 1, UINT16_MAX, &number) != RD_OK)) {
		return rd_fail(err, RD_USAGE,
			"'%.300s' is no endpoint: HOST or HOST:PORT is wanted, without https://",
			text);
	}
	memcpy(ret->name, name.ptr, name.len);
	ret->name[name.len] = '\0';
	memcpy(ret->host, whole.ptr, whole.len + 1);
	/* As clients write it: without the port that goes without saying. */
	if (number == HTTPS_PORT && *port != '\0') {
		ret->host[(size_t)(port - text) - 1] = '\0';
	}
	return RD_OK;
}

enum rd_status rdkms_endpoint_parse(
	const char *region, const char *text, struct rdkms_endpoint *ret, struct rd_error *err)
{
	char own[RDKMS_HOST_SIZE];

	RD_TRY(set_region(region, ret, err));
	if (text != NULL) {
		return set_host(text, ret, err);
	}
	(void)snprintf(own, sizeof(own), "kms.%s.%s", ret->region, suffix_of(ret->region));
	return set_host(own, ret, err);
}
