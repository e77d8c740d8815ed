/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt audit show: records as JSON, one a line. */
#include "redoubt/audit.h"

#include "os/fd.h"
#include "redoubt/redoubt.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Chosen lines: all are printed at once, or the last ones are kept in a ring until the end. */
struct showing {
	const struct audit_args *args;
	char **ring; /* args->last of them */
	uint64_t kept;
	uint64_t shown;
};

/* Printed anew, in ASCII: a record of a log that nobody has checked may hold anything. */
static char *printable(json_t *record, uint64_t index)
{
	if (json_object_set_new(record, "logIndex", json_integer((json_int_t)index)) < 0) {
		return NULL;
	}
	return json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
}

static bool is_wanted(const struct audit_args *args, json_t *record)
{
	const char *id = json_string_value(json_object_get(record, "requestID"));

	return args->request_id == NULL || (id != NULL && strcmp(id, args->request_id) == 0);
}

static enum rd_audit_result put_line(struct showing *s, char *line, struct rd_error *err)
{
	char **slot;

	if (line == NULL) {
		(void)rd_fail(err, RD_NOMEM, "out of memory");
		return RD_AUDIT_ERROR;
	}
	if (s->ring != NULL) {
		slot = &s->ring[s->kept++ % s->args->last];
		free(*slot);
		*slot = line;
		return RD_AUDIT_OK;
	}
	s->shown++;
	puts(line);
	free(line);
	return RD_AUDIT_OK;
}

static enum rd_audit_result see_record(
	void *ctx, uint64_t index, struct rd_view json, struct rd_error *err)
{
	struct showing *s = ctx;
	json_t *record = json_loadb((const char *)json.ptr, json.len, 0, NULL);
	enum rd_audit_result result = RD_AUDIT_OK;

	if (!json_is_object(record)) {
		result = rd_audit_refuse(
			err, RD_AUDIT_FORM, "record %" PRIu64 ": is not a JSON object", index);
	} else if (is_wanted(s->args, record)) {
		result = put_line(s, printable(record, index), err);
	}
	json_decref(record);
	return result;
}

static void print_ring(struct showing *s)
{
	uint64_t first = s->kept > s->args->last ? s->kept - s->args->last : 0;

	for (uint64_t i = first; i < s->kept; i++) {
		puts(s->ring[i % s->args->last]);
		s->shown++;
	}
	for (uint64_t i = 0; i < s->args->last; i++) {
		free(s->ring[i]);
	}
	free(s->ring);
}

int audit_show(const struct audit_args *args)
{
	struct showing s = {.args = args};
	struct rd_audit_visitor visitor = {.ctx = &s, .record = see_record};
	RD_CLEANUP(rd_fd_close) int dir = -1;
	enum rd_audit_result result;
	struct rd_error err = {0};

	if (audit_open_dir(args, &dir) != RD_OK) {
		return RD_EXIT_FAILURE;
	}
	if (args->last > 0 && (s.ring = calloc(args->last, sizeof(*s.ring))) == NULL) {
		fprintf(stderr, "redoubt audit show: out of memory\n");
		return RD_EXIT_FAILURE;
	}
	result = rd_audit_each(dir, args->last, &visitor, &err);
	if (s.ring != NULL) {
		print_ring(&s);
	}
	if (fflush(stdout) != 0) {
		fprintf(stderr, "redoubt audit show: cannot write the records\n");
		return RD_EXIT_FAILURE;
	}
	if (result != RD_AUDIT_OK) {
		fprintf(stderr, "redoubt audit show: %s: %s\n", args->dir, err.text);
	} else if (args->request_id != NULL && s.shown == 0) {
		fprintf(stderr, "redoubt audit show: %s: no record of request %s\n", args->dir,
			args->request_id);
		return RD_EXIT_FAILURE;
	}
	return (int)result;
}
