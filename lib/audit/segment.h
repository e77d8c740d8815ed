/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One segment of an audit log, read and checked, batch by batch.
 *
 *	segment's beginning → peaks ─┐
 *	first batch: a head alone ───┴ same size, same root
 *	for each further batch: its head's signature; larger and not earlier than the one before, by
 *	    as many records as there are; these appended to the peaks give its root
 *	what is left                   a batch that was never acknowledged (torn.h), or refused
 *
 * All roots come from one growing tree, so each head is consistent with every earlier one, and each
 * record is included under every later one.
 */
#ifndef RD_AUDIT_SEGMENT_H
#define RD_AUDIT_SEGMENT_H

#include "audit/format.h"
#include "base/error.h"

/* X(name, exit code of `redoubt audit verify`, "its sentence") */
#define RD_AUDIT_RESULT_LIST(X)                                                                    \
	X(RD_AUDIT_OK, 0, "the log is whole")                                                      \
	X(RD_AUDIT_ERROR, 1, "the check could not be made")                                        \
	X(RD_AUDIT_USAGE, 2, "what was asked for makes no sense")                                  \
	X(RD_AUDIT_NO_LOG, 10, "there is no log")                                                  \
	X(RD_AUDIT_KEY, 11, "the key is not the log's")                                            \
	X(RD_AUDIT_FORM, 12, "a file is not of the log's format")                                  \
	X(RD_AUDIT_SEGMENT, 13, "a segment is missing or does not continue the one before")        \
	X(RD_AUDIT_MOVED, 14, "the log's first segments are not there")                            \
	X(RD_AUDIT_HEAD_SIGNATURE, 15, "a tree head is not signed by the log's key")               \
	X(RD_AUDIT_HEAD_ORDER, 16, "tree heads go backwards")                                      \
	X(RD_AUDIT_MISSING, 17, "records that a tree head covers are missing")                     \
	X(RD_AUDIT_ALTERED, 18, "records were altered, dropped, inserted or reordered")            \
	X(RD_AUDIT_UNCOVERED, 19, "bytes follow what the last tree head covers")                   \
	X(RD_AUDIT_DOCUMENT_MISSING, 20, "a document that a record names is missing")              \
	X(RD_AUDIT_DOCUMENT_ALTERED, 21, "a document is not that of its name")                     \
	X(RD_AUDIT_SAVED_HEAD, 22, "the saved head is not one of this log's key")                  \
	X(RD_AUDIT_ROLLED_BACK, 23, "the log is shorter than the saved head")                      \
	X(RD_AUDIT_FORKED, 24, "the log is not the one of the saved head")

enum rd_audit_result {
#define X(name, code, text) name = (code),
	RD_AUDIT_RESULT_LIST(X)
#undef X
};

/* Its own name without prefix ("ALTERED") and its sentence; never NULL. */
const char *rd_audit_result_name(enum rd_audit_result result);
const char *rd_audit_result_text(enum rd_audit_result result);

/* Fills err and gives the result, so that a refusal is one statement. */
#define rd_audit_refuse(err, result, ...)                                                          \
	__extension__({                                                                            \
		(void)rd_fail(err, RD_UNTRUSTED, __VA_ARGS__);                                     \
		(result);                                                                          \
	})

/* Told of what a head covers that has been checked; any may be NULL. RD_AUDIT_OK goes on, anything
 * else ends the work. */
struct rd_audit_visitor {
	void *ctx;
	enum rd_audit_result (*record)(
		void *ctx, uint64_t index, struct rd_view json, struct rd_error *err);
	/* After each record, and once before the first: the tree so far. */
	enum rd_audit_result (*tree)(
		void *ctx, const struct rd_merkle_range *range, struct rd_error *err);
};

struct rd_audit_segment {
	int fd;         /* borrowed */
	uint64_t first; /* by its name */
	const struct rd_ec_key *key;
	bool every_signature; /* false: the last head's alone, for a server that starts */
	struct rd_audit_visitor visitor;
};

/* Where a segment ends. */
struct rd_audit_end {
	struct rd_merkle_range range;
	struct rd_merkle_head head;
	uint8_t first_head[RD_MERKLE_HEAD_SIZE];
	uint8_t last_head[RD_MERKLE_HEAD_SIZE];
	uint64_t heads; /* without the first, when that is the segment before's, or of nothing */
	uint64_t end;   /* of the last head, in the file */
	uint64_t tail;  /* bytes of a torn batch behind it; at most RD_AUDIT_COMMIT_MAX */
};

/* err names the file and the record or head. */
enum rd_audit_result rd_audit_segment_read(
	const struct rd_audit_segment *segment, struct rd_audit_end *ret, struct rd_error *err);

#endif
