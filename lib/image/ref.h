/* SPDX-License-Identifier: Apache-2.0 */
/* Image references: "reg:5000/team/app:1.2@sha256:…" (the grammar of distribution/reference). */
#ifndef RD_IMAGE_REF_H
#define RD_IMAGE_REF_H

#include "base/error.h"

/* A reference's name may have 255 bytes, a tag 128. */
#define RD_REF_NAME_MAX 255
#define RD_REF_TAG_MAX  128

struct rd_ref {
	char *full;   /* as given, with ":latest" if it had neither tag nor digest */
	char *name;   /* without tag and digest, as given: "reg:5000/team/app" */
	char *domain; /* the registry's host and port; "docker.io" if the name has none */
	char *tag;    /* NULL: a digest only */
	char *digest; /* NULL: none */
};

/* RD_MALFORMED with what a reference looks like. */
enum rd_status rd_ref_parse(const char *text, struct rd_ref *ret_ref, struct rd_error *err)
	RD_MUST_USE;
void rd_ref_finish(struct rd_ref *r);

#endif
