/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON written in the one form that a request-bound document's digest is made of: no white space,
 * strings in UTF-8, escaped only where JSON demands it. The caller gives members in the order of
 * their names.
 */
#ifndef RDKMS_JSON_H
#define RDKMS_JSON_H

#include "base/bytes.h"

/* Remembers its first failure, and is silent from then on. */
struct rdkms_json {
	struct rd_buf *out;
	enum rd_status st;
	bool first; /* no comma before the next member or element */
};

struct rdkms_json rdkms_json(struct rd_buf *out);

/* name NULL: inside a list, or the outermost value. */
void rdkms_json_open(struct rdkms_json *j, const char *name, char bracket);
void rdkms_json_close(struct rdkms_json *j, char bracket);
/* text NULL: left out. RD_MALFORMED when it is not UTF-8. */
void rdkms_json_string(struct rdkms_json *j, const char *name, const char *text);
/* An absent view is left out. */
void rdkms_json_base64(struct rdkms_json *j, const char *name, struct rd_view bytes);
void rdkms_json_number(struct rdkms_json *j, const char *name, uint32_t value);

#endif
