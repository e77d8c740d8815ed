/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to the audit log: its files, used by one thread at a time (audit_file.c). */
#ifndef KMS_AUDIT_INTERNAL_H
#define KMS_AUDIT_INTERNAL_H

#include "kms/audit.h"

#include "audit/segment.h"

struct kms_audit_file {
	const struct rd_ec_key *key; /* borrowed */
	struct rd_merkle_hash id;    /* of the log: the key's */
	int dir_fd, lock_fd, documents_fd, log_fd;
	uint64_t segment_max;
	uint64_t first; /* of the open segment */
	uint64_t end;   /* where its next batch goes */
	struct rd_merkle_range range;
	struct rd_merkle_head head; /* the last durable one */
	uint8_t head_bytes[RD_MERKLE_HEAD_SIZE];
	uint64_t cut; /* bytes of a torn batch that opening cut off */
};

#define KMS_AUDIT_FILE_INIT                                                                        \
	{                                                                                          \
		.dir_fd = -1, .lock_fd = -1, .documents_fd = -1, .log_fd = -1                      \
	}

/* The directory, its lock, key.pem and documents/. Finished with kms_audit_file_close. */
enum rd_status kms_audit_file_open(struct kms_audit_file *file, const char *dir,
	const struct rd_ec_key *key, struct rd_error *err) RD_MUST_USE;
void kms_audit_file_close(struct kms_audit_file *file);

/* The last segment, checked, its torn tail cut off; or the first, made. Also after a failure, when
 * what is on the disk is not known: RD_UNTRUSTED if it is less than what was durable before. */
enum rd_status kms_audit_file_load(struct kms_audit_file *file, struct rd_error *err) RD_MUST_USE;

/* name: 64 digits. Durable after kms_audit_file_sync_documents. *ret_new: it was not there. */
enum rd_status kms_audit_file_keep(struct kms_audit_file *file, const char *name,
	struct rd_view document, bool *ret_new) RD_MUST_USE;
enum rd_status kms_audit_file_sync_documents(struct kms_audit_file *file) RD_MUST_USE;

/* A batch: records appended one by one to batch and range (which begins as a copy of file's), then
 * all made durable with a head, which is appended to batch too. After a failure only
 * kms_audit_file_load helps. */
enum rd_status kms_audit_file_add(
	struct rd_merkle_range *range, struct rd_buf *batch, struct rd_view record) RD_MUST_USE;
enum rd_status kms_audit_file_commit(struct kms_audit_file *file,
	const struct rd_merkle_range *range, struct rd_buf *batch) RD_MUST_USE;

#endif
