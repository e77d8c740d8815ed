/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for an audit log and its key, for tests of the key server's writer. */
#ifndef RD_TEST_KMS_AUDIT_FIXTURE_H
#define RD_TEST_KMS_AUDIT_FIXTURE_H

#include "test.h"

#include "audit/verify.h"
#include "kms/audit.h"

#define SEGMENT0 "0000000000000000000"

struct audit_fixture {
	char dir[64]; /* of the log */
	char copy[80];
	struct rd_ec_key *key;
	struct kms_audit *audit;
};

int log_setup(void **state);
int log_teardown(void **state);

void log_open(struct audit_fixture *f);
/* Waits until the record is durable or refused. ret_index may be NULL. */
enum rd_status log_append(struct kms_audit *audit, const char *text, uint64_t *ret_index)
	RD_MUST_USE;
/* Records {"n":from} to {"n":to - 1}, whose numbers are their indexes. */
void log_append_many(struct audit_fixture *f, int from, int to);

enum rd_audit_result log_verify_with(const char *dir, const struct rd_audit_verify_options *options,
	struct rd_audit_verify_report *report, struct rd_error *err);
/* Prints why not. report may be NULL. */
enum rd_audit_result log_verify(const char *dir, struct rd_audit_verify_report *report);

void log_path(char path[256], const char *dir, const char *name);
/* The caller frees it. */
uint8_t *log_read_file(const char *dir, const char *name, size_t *ret_len);
void log_write_file(const char *dir, const char *name, const uint8_t *bytes, size_t len);
void log_remove_tree(const char *path);

#endif
