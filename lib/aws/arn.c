/* SPDX-License-Identifier: Apache-2.0 */
/* ARNs. */
#include "aws/arn.h"

#include "aws/uri.h"

#include <assert.h>
#include <string.h>

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

bool rd_aws_account_is_valid(struct rd_view account)
{
	for (size_t i = 0; i < account.len; i++) {
		if (!is_digit(account.ptr[i])) {
			return false;
		}
	}
	return account.len == RD_ACCOUNT_SIZE;
}

bool rd_aws_region_is_valid(struct rd_view region)
{
	for (size_t i = 0; i < region.len; i++) {
		uint8_t c = region.ptr[i];

		if (!is_lower(c) && (i == 0 || (!is_digit(c) && c != '-'))) {
			return false;
		}
	}
	return region.len > 0 && region.len <= RD_REGION_MAX;
}

const char *rd_aws_partition(struct rd_view region)
{
	if (rd_text_has_prefix(region, "cn-")) {
		return "aws-cn";
	}
	return rd_text_has_prefix(region, "us-gov-") ? "aws-us-gov" : "aws";
}

static bool is_plain(struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7f) {
			return false;
		}
	}
	return true;
}

enum rd_status rd_arn_parse(struct rd_view text, struct rd_arn *ret)
{
	struct rd_view rest = text;
	struct rd_view parts[5];

	RD_ENSURE(text.len <= RD_ARN_SIZE_MAX && is_plain(text), RD_MALFORMED);
	for (size_t i = 0; i < RD_ARRAY_LEN(parts); i++) {
		RD_ENSURE(rest.ptr != NULL, RD_MALFORMED);
		parts[i] = rd_text_cut(rest, ':', &rest);
	}
	RD_ENSURE(rest.ptr != NULL && rest.len > 0, RD_MALFORMED);
	RD_ENSURE(rd_text_is(parts[0], "arn"), RD_MALFORMED);
	RD_ENSURE(
		rd_aws_region_is_valid(parts[1]) && rd_aws_region_is_valid(parts[2]), RD_MALFORMED);
	RD_ENSURE(parts[3].len == 0 || rd_aws_region_is_valid(parts[3]), RD_MALFORMED);
	RD_ENSURE(parts[4].len == 0 || rd_aws_account_is_valid(parts[4]), RD_MALFORMED);
	*ret = (struct rd_arn){parts[1], parts[2], parts[3], parts[4], rest};
	return RD_OK;
}

static enum rd_status put_kms(struct rd_view region, struct rd_view account, struct rd_buf *out)
{
	RD_TRY(rd_buf_printf(out, "arn:%s:kms:", rd_aws_partition(region)));
	RD_TRY(rd_buf_put_view(out, region));
	RD_TRY(rd_buf_u8(out, ':'));
	RD_TRY(rd_buf_put_view(out, account));
	return rd_buf_u8(out, ':');
}

enum rd_status rd_arn_put_key(
	struct rd_view region, struct rd_view account, struct rd_view key_id, struct rd_buf *out)
{
	RD_TRY(put_kms(region, account, out));
	RD_TRY(rd_buf_put_str(out, "key/"));
	return rd_buf_put_view(out, key_id);
}

enum rd_status rd_arn_put_alias(struct rd_view region, struct rd_view account,
	struct rd_view alias_name, struct rd_buf *out)
{
	RD_TRY(put_kms(region, account, out));
	return rd_buf_put_view(out, alias_name);
}

bool rd_iam_name_is_valid(struct rd_view name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];

		if (!is_lower(c) && !is_upper(c) && !is_digit(c) &&
			(c == '\0' || strchr("_+=,.@-", c) == NULL)) {
			return false;
		}
	}
	return name.len > 0 && name.len <= RD_IAM_NAME_MAX;
}

bool rd_iam_path_is_valid(struct rd_view path)
{
	if (path.len == 0 || path.len > RD_IAM_PATH_MAX || !is_plain(path) || path.ptr[0] != '/' ||
		path.ptr[path.len - 1] != '/') {
		return false;
	}
	for (size_t i = 1; i < path.len; i++) {
		/* A wildcard in a path would be one in every policy that names it. */
		if ((path.ptr[i] == '/' && path.ptr[i - 1] == '/') || path.ptr[i] == '*' ||
			path.ptr[i] == '?') {
			return false;
		}
	}
	return true;
}

/* "user/a/b/name" behind its kind: path "/a/b/", name "name". */
static enum rd_status read_iam(
	enum rd_principal_kind kind, struct rd_view after_kind, struct rd_principal *p)
{
	size_t at = after_kind.len;

	/* after_kind starts with the slash behind "user" or "role". */
	while (at > 0 && after_kind.ptr[at - 1] != '/') {
		at--;
	}
	p->kind = kind;
	p->path = rd_view(after_kind.ptr, at);
	p->name = rd_text_from(after_kind, at);
	RD_ENSURE(rd_iam_path_is_valid(p->path) && rd_iam_name_is_valid(p->name), RD_UNSUPPORTED);
	return RD_OK;
}

static enum rd_status read_sts(struct rd_view resource, struct rd_principal *p)
{
	struct rd_view rest;
	struct rd_view kind = rd_text_cut(resource, '/', &rest);

	if (rd_text_is(kind, "assumed-role")) {
		p->kind = RD_PRINCIPAL_ASSUMED_ROLE;
		p->name = rd_text_cut(rest, '/', &p->session);
		RD_ENSURE(rd_iam_name_is_valid(p->session) && p->session.len >= RD_IAM_SESSION_MIN,
			RD_UNSUPPORTED);
	} else if (rd_text_is(kind, "federated-user")) {
		p->kind = RD_PRINCIPAL_FEDERATED_USER;
		p->name = rest;
	} else {
		return RD_UNSUPPORTED;
	}
	return rd_iam_name_is_valid(p->name) ? RD_OK : RD_UNSUPPORTED;
}

enum rd_status rd_principal_parse(struct rd_view text, struct rd_principal *ret)
{
	struct rd_principal p = {0};
	struct rd_arn arn;

	RD_TRY(rd_arn_parse(text, &arn));
	RD_ENSURE(arn.region.len == 0 && arn.account.len > 0, RD_UNSUPPORTED);
	p.partition = arn.partition;
	p.account = arn.account;
	if (rd_text_is(arn.service, "sts")) {
		RD_TRY(read_sts(arn.resource, &p));
	} else if (!rd_text_is(arn.service, "iam")) {
		return RD_UNSUPPORTED;
	} else if (rd_text_is(arn.resource, "root")) {
		p.kind = RD_PRINCIPAL_ROOT;
	} else if (rd_text_has_prefix(arn.resource, "user/")) {
		RD_TRY(read_iam(RD_PRINCIPAL_USER, rd_text_from(arn.resource, 4), &p));
	} else if (rd_text_has_prefix(arn.resource, "role/")) {
		RD_TRY(read_iam(RD_PRINCIPAL_ROLE, rd_text_from(arn.resource, 4), &p));
	} else {
		return RD_UNSUPPORTED;
	}
	*ret = p;
	return RD_OK;
}

static enum rd_status put_resource(const struct rd_principal *p, struct rd_buf *out)
{
	static const char *const kinds[RD_PRINCIPAL_KIND_COUNT] = {
		[RD_PRINCIPAL_ROOT] = "root",
		[RD_PRINCIPAL_USER] = "user",
		[RD_PRINCIPAL_ROLE] = "role",
		[RD_PRINCIPAL_ASSUMED_ROLE] = "assumed-role/",
		[RD_PRINCIPAL_FEDERATED_USER] = "federated-user/",
	};

	assert(p->kind < RD_PRINCIPAL_KIND_COUNT);
	RD_TRY(rd_buf_put_str(out, kinds[p->kind]));
	RD_TRY(rd_buf_put_view(out, p->path));
	RD_TRY(rd_buf_put_view(out, p->name));
	if (p->kind == RD_PRINCIPAL_ASSUMED_ROLE) {
		RD_TRY(rd_buf_u8(out, '/'));
		RD_TRY(rd_buf_put_view(out, p->session));
	}
	return RD_OK;
}

/* What is written is read again: one set of rules for both directions. */
enum rd_status rd_principal_put(const struct rd_principal *p, struct rd_buf *out)
{
	bool sts = p->kind == RD_PRINCIPAL_ASSUMED_ROLE || p->kind == RD_PRINCIPAL_FEDERATED_USER;
	struct rd_principal again;
	size_t start = out->used;
	struct rd_view text;

	RD_TRY(rd_buf_put_str(out, "arn:"));
	RD_TRY(rd_buf_put_view(out, p->partition));
	RD_TRY(rd_buf_put_str(out, sts ? ":sts::" : ":iam::"));
	RD_TRY(rd_buf_put_view(out, p->account));
	RD_TRY(rd_buf_u8(out, ':'));
	RD_TRY(put_resource(p, out));
	text = rd_view(out->ptr + start, out->used - start);
	RD_ENSURE(rd_principal_parse(text, &again) == RD_OK && again.kind == p->kind &&
			  rd_view_equal(again.name, p->name),
		RD_MALFORMED);
	return RD_OK;
}
