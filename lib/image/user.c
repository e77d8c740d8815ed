/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolving USER the way container engines do.
 *
 * The files are the image's, so hostile: lines are cut at colons inside a bounded view, a line that
 * does not parse is passed over, as the engines do, and never guessed at.
 */
#include "image/user.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* name:password:uid:gid:gecos:home:shell and name:password:gid:members */
#define PASSWD_FIELDS 7
#define GROUP_FIELDS  4
/* (uid_t)-1 means "leave unchanged" to the kernel. */
#define ID_MAX (UINT32_MAX - 1)
/* Users and groups have short names; longer ones cannot come from a Dockerfile's USER. */
#define NAME_MAX_LEN 255

struct line_cur {
	struct rd_view text;
	size_t pos;
};

/* The next line cut into at most n fields; missing fields are empty. */
static bool next_line(struct line_cur *c, struct rd_view *fields, size_t n)
{
	const uint8_t *end;
	const uint8_t *p;

	if (c->pos >= c->text.len) {
		return false;
	}
	p = c->text.ptr + c->pos;
	end = memchr(p, '\n', c->text.len - c->pos);
	end = end != NULL ? end : c->text.ptr + c->text.len;
	c->pos = (size_t)(end - c->text.ptr) + 1;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *colon = memchr(p, ':', (size_t)(end - p));
		/* The last field takes what is left, colons and all. */
		const uint8_t *stop = colon != NULL && i + 1 < n ? colon : end;

		fields[i] = rd_view(p, (size_t)(stop - p));
		p = stop < end ? stop + 1 : end;
	}
	return true;
}

static bool parse_id(struct rd_view field, uint32_t *ret_id)
{
	char text[16];
	uint64_t id;

	if (field.len >= sizeof(text)) {
		return false;
	}
	memcpy(text, field.ptr, field.len);
	text[field.len] = '\0';
	if (rd_parse_u64(text, 0, ID_MAX, &id) != RD_OK) {
		return false;
	}
	*ret_id = (uint32_t)id;
	return true;
}

/* One half of the specification: absent, a number, or a name. */
struct who {
	struct rd_view text;
	bool numeric;
	uint32_t id;
};

static struct who read_who(const char *text, size_t len)
{
	struct who w = {.text = rd_view(text, len)};

	w.numeric = len > 0 && parse_id(w.text, &w.id);
	return w;
}

static bool who_is(const struct who *w, struct rd_view name, uint32_t id)
{
	return w->numeric ? w->id == id : rd_view_equal(w->text, name);
}

static char *copy_view(struct rd_view v)
{
	return strndup((const char *)v.ptr, v.len);
}

/* Finds the user's line. ret_name is empty if there is none. */
static enum rd_status find_user(struct rd_view passwd, const struct who *user,
	struct rd_image_user *u, struct rd_view *ret_name, struct rd_error *err)
{
	struct line_cur c = {.text = passwd};
	struct rd_view f[PASSWD_FIELDS];

	*ret_name = rd_view(NULL, 0);
	while (next_line(&c, f, PASSWD_FIELDS)) {
		uint32_t uid;
		uint32_t gid;

		if (f[0].len == 0 || !parse_id(f[2], &uid) || !parse_id(f[3], &gid)) {
			continue;
		}
		if (who_is(user, f[0], uid)) {
			u->uid = uid;
			u->gid = gid;
			u->home = f[5].len > 0 && f[5].ptr[0] == '/' ? copy_view(f[5])
								     : strdup("/");
			*ret_name = f[0];
			return u->home != NULL ? RD_OK : rd_fail(err, RD_NOMEM, "out of memory");
		}
	}
	if (!user->numeric) {
		return rd_fail(err, RD_NOTFOUND,
			"the image's USER \"%.*s\" is not in its /etc/passwd: add it there (RUN "
			"useradd …) or use a number",
			(int)user->text.len, (const char *)user->text.ptr);
	}
	u->uid = user->id;
	u->home = strdup("/");
	return u->home != NULL ? RD_OK : rd_fail(err, RD_NOMEM, "out of memory");
}

static enum rd_status find_group(struct rd_view group, const struct who *wanted,
	struct rd_image_user *u, struct rd_error *err)
{
	struct line_cur c = {.text = group};
	struct rd_view f[GROUP_FIELDS];

	while (next_line(&c, f, GROUP_FIELDS)) {
		uint32_t gid;

		if (f[0].len > 0 && parse_id(f[2], &gid) && who_is(wanted, f[0], gid)) {
			u->gid = gid;
			return RD_OK;
		}
	}
	if (!wanted->numeric) {
		return rd_fail(err, RD_NOTFOUND,
			"the group \"%.*s\" of the image's USER is not in its /etc/group: add it "
			"there (RUN groupadd …) or use a number",
			(int)wanted->text.len, (const char *)wanted->text.ptr);
	}
	u->gid = wanted->id;
	return RD_OK;
}

static bool is_member(struct rd_view members, struct rd_view name)
{
	const uint8_t *end = members.ptr + members.len;

	for (const uint8_t *p = members.ptr; p < end;) {
		const uint8_t *comma = memchr(p, ',', (size_t)(end - p));
		const uint8_t *stop = comma != NULL ? comma : end;

		if (rd_view_equal(rd_view(p, (size_t)(stop - p)), name)) {
			return true;
		}
		p = stop < end ? stop + 1 : end;
	}
	return false;
}

static enum rd_status add_group(struct rd_image_user *u, uint32_t gid, struct rd_error *err)
{
	uint32_t *grown;

	if (gid == u->gid) {
		return RD_OK;
	}
	for (size_t i = 0; i < u->n_groups; i++) {
		if (u->groups[i] == gid) {
			return RD_OK;
		}
	}
	if (u->n_groups == RD_USER_GROUPS_MAX) {
		return rd_fail(err, RD_LIMIT, "the image's user is in more than %d groups",
			RD_USER_GROUPS_MAX);
	}
	/* By one: a handful of groups, and a file of 4 MiB cannot name so many that it matters. */
	grown = reallocarray(u->groups, u->n_groups + 1, sizeof(*grown));
	RD_ENSURE(grown != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	u->groups = grown;
	u->groups[u->n_groups++] = gid;
	return RD_OK;
}

static enum rd_status find_memberships(
	struct rd_view group, struct rd_view name, struct rd_image_user *u, struct rd_error *err)
{
	struct line_cur c = {.text = group};
	struct rd_view f[GROUP_FIELDS];

	while (next_line(&c, f, GROUP_FIELDS)) {
		uint32_t gid;

		if (f[0].len > 0 && parse_id(f[2], &gid) && is_member(f[3], name)) {
			RD_TRY(add_group(u, gid, err));
		}
	}
	return RD_OK;
}

enum rd_status rd_user_resolve_text(struct rd_view passwd, struct rd_view group, const char *spec,
	struct rd_image_user *ret_user, struct rd_error *err)
{
	struct rd_image_user u RD_CLEANUP(rd_user_finish) = {0};
	const char *colon = strchr(spec, ':');
	size_t user_len = colon != NULL ? (size_t)(colon - spec) : strlen(spec);
	struct who user = read_who(spec, user_len);
	struct rd_view name;

	if (user.text.len == 0) {
		user.numeric = true; /* nobody named: root, by number */
	}
	if (strlen(spec) > NAME_MAX_LEN) {
		return rd_fail(
			err, RD_LIMIT, "the image's USER is longer than %d bytes", NAME_MAX_LEN);
	}
	RD_TRY(find_user(passwd, &user, &u, &name, err));
	if (colon != NULL && colon[1] != '\0') {
		struct who wanted = read_who(colon + 1, strlen(colon + 1));

		RD_TRY(find_group(group, &wanted, &u, err));
	} else if (name.len > 0) {
		RD_TRY(find_memberships(group, name, &u, err));
	}
	*ret_user = rd_steal(&u, (struct rd_image_user){0});
	return RD_OK;
}

void rd_user_finish(struct rd_image_user *u)
{
	free(u->groups);
	free(u->home);
	*u = (struct rd_image_user){0};
}

/* A small file of the image; absent is empty, anything but a file is refused. */
static enum rd_status read_file(
	struct rd_tree *tree, const char *path, struct rd_buf *out, struct rd_error *err)
{
	struct rd_tree_entry e;
	uint8_t *dst;
	enum rd_status st = rd_tree_lookup(tree, path, true, &e);

	if (st == RD_NOTFOUND) {
		return RD_OK;
	}
	if (st != RD_OK || e.type != RD_TREE_FILE) {
		return rd_fail(err, RD_BAD_TYPE,
			"/%s of the image is not a file, so USER cannot be resolved", path);
	}
	if (e.size > RD_USER_FILE_MAX) {
		return rd_fail(err, RD_LIMIT, "/%s of the image is larger than %u bytes", path,
			RD_USER_FILE_MAX);
	}
	if (e.size == 0) {
		return RD_OK;
	}
	RD_TRY(rd_buf_reserve(out, e.size, &dst));
	return rd_tree_read(&e, 0, dst, e.size);
}

enum rd_status rd_user_resolve(struct rd_tree *tree, const char *spec,
	struct rd_image_user *ret_user, struct rd_error *err)
{
	struct rd_buf passwd RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_USER_FILE_MAX);
	struct rd_buf group RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_USER_FILE_MAX);

	RD_TRY(read_file(tree, "etc/passwd", &passwd, err));
	RD_TRY(read_file(tree, "etc/group", &group, err));
	return rd_user_resolve_text(rd_buf_view(&passwd), rd_buf_view(&group), spec, ret_user, err);
}
