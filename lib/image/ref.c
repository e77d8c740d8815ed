/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing image references. */
#include "image/ref.h"

#include "image/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define ALNUM LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

void rd_ref_finish(struct rd_ref *r)
{
	free(r->full);
	free(r->name);
	free(r->domain);
	free(r->tag);
	free(r->digest);
	*r = (struct rd_ref){0};
}

static bool is_all(const char *text, size_t len, const char *set)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\0' || strchr(set, text[i]) == NULL) {
			return false;
		}
	}
	return true;
}

/* The first component is a registry if it cannot be a path: it has a dot, a port, or is localhost.
 */
static size_t domain_len(const char *name)
{
	size_t len = strcspn(name, "/");

	if (name[len] == '\0') {
		return 0;
	}
	if (memchr(name, '.', len) != NULL || memchr(name, ':', len) != NULL ||
		(len == strlen("localhost") && strncmp(name, "localhost", len) == 0)) {
		return len;
	}
	return 0;
}

/* Components of [a-z0-9] with '.', '_' and '-' inside; none of them empty. */
static bool is_path(const char *path)
{
	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");

		if (len == 0 || !is_all(p, len, LOWER "._-") || strchr("._-", p[0]) != NULL ||
			strchr("._-", p[len - 1]) != NULL) {
			return false;
		}
		p += len;
		if (*p == '\0') {
			return true;
		}
	}
}

static bool is_name(const char *name)
{
	size_t domain = domain_len(name);

	if (strlen(name) > RD_REF_NAME_MAX || !is_all(name, domain, ALNUM ".-:[]")) {
		return false;
	}
	return is_path(domain > 0 ? name + domain + 1 : name);
}

static bool is_tag(const char *tag)
{
	size_t len = strlen(tag);

	return len > 0 && len <= RD_REF_TAG_MAX && is_all(tag, len, ALNUM "_.-") && tag[0] != '.' &&
	       tag[0] != '-';
}

/* Cuts text, which is ours, at the digest and at the tag. */
static bool cut(char *text, const char **ret_tag, const char **ret_digest)
{
	char *at = strchr(text, '@');
	char *slash;
	char *colon;

	*ret_tag = NULL;
	*ret_digest = NULL;
	if (at != NULL) {
		*at = '\0';
		*ret_digest = at + 1;
	}
	/* A colon before the last slash belongs to the registry's port. */
	slash = strrchr(text, '/');
	colon = strchr(slash != NULL ? slash : text, ':');
	if (colon != NULL) {
		*colon = '\0';
		*ret_tag = colon + 1;
	}
	return is_name(text) && (*ret_tag == NULL || is_tag(*ret_tag)) &&
	       (*ret_digest == NULL || rd_digest_is_valid(*ret_digest));
}

static char *copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

static enum rd_status fill(
	const char *name, const char *tag, const char *digest, struct rd_ref *ret_ref)
{
	struct rd_ref r RD_CLEANUP(rd_ref_finish) = {0};
	size_t domain = domain_len(name);

	if (tag == NULL && digest == NULL) {
		tag = "latest";
	}
	r.name = strdup(name);
	r.domain = domain > 0 ? strndup(name, domain) : strdup("docker.io");
	r.tag = copy(tag);
	r.digest = copy(digest);
	if (asprintf(&r.full, "%s%s%s%s%s", name, tag != NULL ? ":" : "", tag != NULL ? tag : "",
		    digest != NULL ? "@" : "", digest != NULL ? digest : "") == -1) {
		r.full = NULL;
	}
	if (r.full == NULL || r.name == NULL || r.domain == NULL ||
		(tag != NULL && r.tag == NULL) || (digest != NULL && r.digest == NULL)) {
		return RD_NOMEM;
	}
	*ret_ref = rd_steal(&r, (struct rd_ref){0});
	return RD_OK;
}

enum rd_status rd_ref_parse(const char *text, struct rd_ref *ret_ref, struct rd_error *err)
{
	char *own = strdup(text);
	const char *tag;
	const char *digest;
	enum rd_status st;

	RD_ENSURE(own != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	if (cut(own, &tag, &digest)) {
		st = fill(own, tag, digest, ret_ref);
		st = st == RD_OK ? RD_OK : rd_fail(err, st, "out of memory");
	} else {
		st = rd_fail(err, RD_MALFORMED,
			"\"%s\" is not an image: write NAME[:TAG] in lower case, "
			"REGISTRY[:PORT]/NAME[:TAG], docker-archive:FILE or oci:DIR",
			text);
	}
	free(own);
	return st;
}
