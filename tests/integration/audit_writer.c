/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes an audit log as redoubt-kms does, for tests: audit-writer DIR KEY.pem [SEGMENT_MAX].
 * Each line of standard input is a record; one that begins with '@' is a document, whose name is
 * printed. Ends with a line for each record: its index.
 */
#include "base/text.h"
#include "kms/audit.h"
#include "os/fd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_index(void *arg, enum rd_status st, uint64_t index)
{
	bool *failed = arg;

	*failed = *failed || st != RD_OK;
	printf("%" PRIu64 "\n", index);
}

static enum rd_status read_key(const char *path, struct rd_ec_key **ret)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf pem = rd_buf_growable(RD_EC_PEM_SIZE_MAX);
	RD_CLEANUP(rd_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	RD_ENSURE(fd >= 0, RD_NOTFOUND);
	RD_TRY(rd_fd_read_all(fd, &pem));
	return rd_ec_key_from_pem(rd_buf_view(&pem), ret);
}

static enum rd_status write_lines(struct kms_audit *audit, bool *failed)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	enum rd_status st = RD_OK;

	while (st == RD_OK && (n = getline(&line, &cap, stdin)) > 0) {
		struct rd_view text = rd_view(line, (size_t)n - (line[n - 1] == '\n'));
		char name[65];

		if (line[0] == '@') {
			st = kms_audit_keep_document(audit, rd_view(line + 1, text.len - 1), name);
			printf("%s\n", st == RD_OK ? name : "");
		} else {
			st = kms_audit_append(audit, text, print_index, failed);
		}
	}
	free(line);
	return st;
}

int main(int argc, char **argv)
{
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;
	struct kms_audit *audit = NULL;
	struct rd_error err = {0};
	uint64_t segment_max = 0;
	bool failed = false;
	enum rd_status st;

	if (argc < 3 || (argc > 3 && rd_parse_u64(argv[3], 1, INT32_MAX, &segment_max) != RD_OK)) {
		return 2;
	}
	st = read_key(argv[2], &key);
	if (st == RD_OK) {
		st = kms_audit_open(argv[1], key, &audit, &err);
	}
	if (st == RD_OK) {
		kms_audit_limit_segments(audit, segment_max);
		st = write_lines(audit, &failed);
		kms_audit_close(&audit);
	}
	if (st != RD_OK || failed) {
		fprintf(stderr, "%s: %s\n", rd_status_name(st), err.text);
		return 1;
	}
	return 0;
}
