/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON written into a buffer, member by member, without a tree in between.
 *
 * The writer remembers its first failure and does nothing from then on, so that a reply is written
 * in one go and judged once, by rd_json_out_finish. name is the member's name inside an object and
 * NULL inside a list (and for the outermost value). Which of the two it is in, and that every
 * object and list is ended, are the caller's own matter: asserted. Names are the program's own, too,
 * of plain ASCII without '"' and '\'; for one that is data there is rd_json_out_pair.
 *
 * Numbers are written from integers: a double has no exact 1700000000.123 (kms.md 1.1).
 */
#ifndef RD_AWS_JSON_OUT_H
#define RD_AWS_JSON_OUT_H

#include "base/bytes.h"

/* Replies nest four deep (KeyMetadata, MultiRegionConfiguration, ReplicaKeys, its elements). */
#define RD_JSON_OUT_DEPTH_MAX 16

struct rd_json_out {
	struct rd_buf *out;
	enum rd_status st;
	unsigned depth;
	bool is_list[RD_JSON_OUT_DEPTH_MAX];
	bool has_members[RD_JSON_OUT_DEPTH_MAX];
};

/* Appends to out, which stays the caller's. */
struct rd_json_out rd_json_out(struct rd_buf *out);
/* The first failure: the buffer's RD_NOSPACE or RD_NOMEM, RD_MALFORMED for text that is not UTF-8.
 */
enum rd_status rd_json_out_finish(const struct rd_json_out *j) RD_MUST_USE;

void rd_json_out_object(struct rd_json_out *j, const char *name);
void rd_json_out_list(struct rd_json_out *j, const char *name);
void rd_json_out_end(struct rd_json_out *j);

/* An absent view is left out, as the real service does; null is never written. */
void rd_json_out_string(struct rd_json_out *j, const char *name, struct rd_view text);
/* The same for a NUL-terminated string; NULL is left out. */
void rd_json_out_str(struct rd_json_out *j, const char *name, const char *text);
void rd_json_out_base64(struct rd_json_out *j, const char *name, struct rd_view bytes);
void rd_json_out_int(struct rd_json_out *j, const char *name, int64_t value);
void rd_json_out_bool(struct rd_json_out *j, const char *name, bool value);
/* A value that is JSON already, as it is: null, or what another writer made. */
void rd_json_out_json(struct rd_json_out *j, const char *name, struct rd_view json);
/* Seconds since the epoch with milliseconds: 1700000000.123. */
void rd_json_out_time(struct rd_json_out *j, const char *name, uint64_t unix_ms);

/* A member whose name is data (an encryption context's key): in an object only. */
void rd_json_out_pair(struct rd_json_out *j, struct rd_view name, struct rd_view text);

#endif
