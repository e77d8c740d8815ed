/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths, from the table of leaves: what is one is answered with its text, what leads to some with
 * the list of what is next, directories among them with a slash. Two places have forms of their
 * own: the list of public keys ("0=name"), and tags, whose names are the owner's.
 */
#include "ec2/imds-internal.h"

#include <string.h>

#define TAGS "meta-data/tags/instance"

/* The next part of a path, and what follows its slash. */
static struct rd_view take_part(const char **path)
{
	const size_t len = strcspn(*path, "/");
	struct rd_view part = rd_view(*path, len);

	*path += len;
	if (**path == '/') {
		(*path)++;
	}
	return part;
}

static const char *name_of(const struct imds_view *view, struct rd_view part)
{
	static const char *const placeholders[] = {"{mac}", "{role}"};

	for (size_t i = 0; i < RD_ARRAY_LEN(placeholders); i++) {
		if (rd_view_equal(part, rd_view_str(placeholders[i]))) {
			return imds_name(view, placeholders[i]);
		}
	}
	return NULL;
}

static struct rd_view real_part(const struct imds_view *view, struct rd_view part)
{
	const char *name = name_of(view, part);

	return name != NULL ? rd_view_str(name) : part;
}

/*
 * Whether the leaf's path begins with this one. *ret_rest: what follows; "" when it is the leaf
 * itself.
 */
static bool leads_to(const struct imds_view *view, const char *path, const struct imds_leaf *leaf,
	const char **ret_rest)
{
	const char *rest = leaf->path;

	while (*path != '\0') {
		struct rd_view part = take_part(&path);
		struct rd_view want = real_part(view, take_part(&rest));

		if (want.len == 0 || !rd_view_equal(part, want)) {
			return false;
		}
	}
	*ret_rest = rest;
	return true;
}

static bool is_there(const struct imds_view *view, const struct imds_leaf *leaf)
{
	return leaf->has == NULL || leaf->has(view);
}

/* At the top directories have no slash, as on EC2. */
static enum rd_status put_entry(
	const struct imds_view *view, const char *rest, bool top, bool first, struct rd_buf *out)
{
	const char *after = rest;
	struct rd_view part = real_part(view, take_part(&after));

	if (!first) {
		RD_TRY(rd_buf_u8(out, '\n'));
	}
	RD_TRY(rd_buf_put_view(out, part));
	return *after != '\0' && !top ? rd_buf_u8(out, '/') : RD_OK;
}

/* The table is sorted, so that equal parts follow each other. */
static bool is_same_part(const char *a, const char *b)
{
	return a != NULL && rd_view_equal(take_part(&a), take_part(&b));
}

static enum rd_status put_list(const struct imds_view *view, const char *path, struct rd_buf *out)
{
	const char *last = NULL, *rest;

	for (size_t i = 0; i < imds_n_leaves; i++) {
		if (!is_there(view, &imds_leaves[i]) ||
			!leads_to(view, path, &imds_leaves[i], &rest) || is_same_part(last, rest)) {
			continue;
		}
		RD_TRY(put_entry(view, rest, *path == '\0', last == NULL, out));
		last = rest;
	}
	return last != NULL ? RD_OK : RD_NOTFOUND;
}

static enum rd_status put_tags(const struct imds_view *view, const char *key, struct rd_buf *out)
{
	json_t *tags = view->instance->tags_shown ? view->instance->tags : NULL;
	const char *name;
	json_t *value;
	bool first = true;

	RD_ENSURE(json_object_size(tags) > 0, RD_NOTFOUND);
	if (*key != '\0') {
		value = json_object_get(tags, key);
		RD_ENSURE(json_is_string(value), RD_NOTFOUND);
		return rd_buf_put_str(out, json_string_value(value));
	}
	json_object_foreach(tags, name, value)
	{
		RD_TRY(rd_buf_printf(out, "%s%s", first ? "" : "\n", name));
		first = false;
	}
	return RD_OK;
}

/* "meta-data/tags/instance", with or without what follows; NULL for another path. */
static const char *tag_of(const char *path)
{
	const size_t len = strlen(TAGS);

	if (strncmp(path, TAGS, len) != 0 || (path[len] != '\0' && path[len] != '/')) {
		return NULL;
	}
	return path[len] == '/' ? path + len + 1 : path + len;
}

static bool is_key_list(const char *path)
{
	return strcmp(path, "meta-data/public-keys") == 0 ||
	       strcmp(path, "meta-data/public-keys/") == 0;
}

enum rd_status imds_tree_get(const struct imds_view *view, const char *path, struct rd_buf *out)
{
	const char *tag = tag_of(path);
	const char *rest;

	if (tag != NULL) {
		return put_tags(view, tag, out);
	}
	if (is_key_list(path) && view->instance->public_key != NULL) {
		return rd_buf_printf(out, "0=%s", view->instance->key_name);
	}
	for (size_t i = 0; i < imds_n_leaves; i++) {
		if (is_there(view, &imds_leaves[i]) &&
			leads_to(view, path, &imds_leaves[i], &rest) && *rest == '\0') {
			/* A leaf is no directory. */
			RD_ENSURE(path[strlen(path) - 1] != '/', RD_NOTFOUND);
			return imds_leaves[i].put(view, out);
		}
	}
	return put_list(view, path, out);
}
