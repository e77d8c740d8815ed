/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubt evidence: a folder that an auditor verifies offline.
 *
 *	manifest.json  what the folder holds: every file with its SHA-256, the images' measurements
 *	README.txt     how to verify it, and what it does not show
 *	log/           the application's audit log (audit/format.h), documents and all
 *	root.pem       the attestation root that the documents were made under
 *	witness.log    optional: tree heads that another party kept, one a line
 *	kms-log/       optional: redoubt-kms's audit log
 *	policy.json    optional: the policy of the key that the application's keys are wrapped by
 *
 * Nothing in the folder is believed: verify computes everything anew, and what only an outsider can
 * know, the root, is the auditor's to bring.
 */
#ifndef RD_REDOUBT_EVIDENCE_H
#define RD_REDOUBT_EVIDENCE_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/x509.h"
#include "merkle/range.h"

#include <jansson.h>

#define EVIDENCE_MANIFEST "manifest.json"
#define EVIDENCE_README   "README.txt"
#define EVIDENCE_LOG      "log"
#define EVIDENCE_ROOT     "root.pem"
#define EVIDENCE_WITNESS  "witness.log"
#define EVIDENCE_KMS_LOG  "kms-log"
#define EVIDENCE_POLICY   "policy.json"

/* The image in use, the one before, and the next, in each of a few regions. */
#define EVIDENCE_IMAGES_MAX 16
/* Documents and segments of a year; a folder with more is no folder of ours. */
#define EVIDENCE_FILES_MAX 100000
/* As many files with their digests. */
#define EVIDENCE_MANIFEST_MAX (EVIDENCE_FILES_MAX * 256)
/* log/documents/<64 hex digits>, and room. */
#define EVIDENCE_PATH_MAX 256
/* "5 heads of another party are of this log" */
#define EVIDENCE_DETAIL_MAX RD_ERROR_TEXT_MAX

struct evidence_args {
	bool verify, json, help;
	const char *folder;
	const char *log, *root, *witness, *kms_log, *policy;
	const char *images[EVIDENCE_IMAGES_MAX];
	size_t n_images;
};

/* Makes the folder, which must not be there yet. What fails leaves nothing behind. */
enum rd_status evidence_make(const struct evidence_args *args, struct rd_error *err) RD_MUST_USE;

/* --- evidence_files.c --- */

/* path is relative to the directory, fd open for reading. Anything but RD_OK ends the walk. */
typedef enum rd_status evidence_file_fn(void *ctx, const char *path, int fd, struct rd_error *err);

/*
 * Every regular file below dir_fd, to two directories deep, in no order. RD_BAD_TYPE for whatever
 * is neither file nor directory, RD_LIMIT for more than EVIDENCE_FILES_MAX or a path too long.
 */
enum rd_status evidence_walk(int dir_fd, evidence_file_fn *see, void *ctx, struct rd_error *err)
	RD_MUST_USE;
/* SHA-256 of a file as hex text. */
enum rd_status evidence_digest(int fd, char ret_hex[65], struct rd_error *err) RD_MUST_USE;
/* A new file with these bytes; and a file copied from anywhere. */
enum rd_status evidence_put(
	int dir_fd, const char *name, struct rd_view bytes, struct rd_error *err) RD_MUST_USE;
enum rd_status evidence_copy_file(
	const char *from, int dir_fd, const char *name, struct rd_error *err) RD_MUST_USE;
/* All of an audit log's directory but its lock. */
enum rd_status evidence_copy_log(
	const char *from, int dir_fd, const char *name, struct rd_error *err) RD_MUST_USE;
/* Appends all of a file of the folder to out, which bounds it. */
enum rd_status evidence_read(int dir_fd, const char *name, struct rd_buf *out, struct rd_error *err)
	RD_MUST_USE;
/* A folder and all in it. */
void evidence_remove(const char *folder);

/* --- evidence_manifest.c --- */

/* Writes it, over all files that are there. */
enum rd_status evidence_manifest_write(
	int dir_fd, const struct evidence_args *args, struct rd_error *err) RD_MUST_USE;
/* The caller gives it back with json_decref. */
enum rd_status evidence_manifest_read(int dir_fd, json_t **ret, struct rd_error *err) RD_MUST_USE;

/* --- evidence_proofs.c --- */

/* What one proof came to. Absent: the folder has nothing for it, which is said and is no failure.
 */
enum evidence_outcome { EVIDENCE_HOLDS, EVIDENCE_ABSENT, EVIDENCE_FAILS };

struct evidence_proof {
	const char *name;
	const char *pci;   /* lines of PCI DSS v4.0.1, separated by ", " */
	const char *claim; /* what it shows when it holds */
	enum evidence_outcome outcome;
	char detail[EVIDENCE_DETAIL_MAX]; /* figures, or why not */
};

#define EVIDENCE_PROOFS_MAX 16

struct evidence_report {
	size_t n;
	struct evidence_proof proofs[EVIDENCE_PROOFS_MAX];
};

/* Exit codes of a proof that fails: this one for the first of the list, and so on. */
#define EVIDENCE_EXIT_FIRST 10

/* Sentences, ended by NULL. */
extern const char *const evidence_not_claimed[];

/*
 * root: PEM of the attestation root that the caller trusts. Fills in every proof; RD_UNTRUSTED when
 * one of them fails.
 */
enum rd_status evidence_check(int dir_fd, struct rd_view root, struct evidence_report *ret,
	struct rd_error *err) RD_MUST_USE;

/* --- evidence_heads.c --- */

struct evidence_heads;

/* The last word of each line that is not empty is a head in base64, signed by the log's key. */
enum rd_status evidence_heads_read(struct rd_view text, const struct rd_ec_key *key,
	struct evidence_heads **ret, struct rd_error *err) RD_MUST_USE;
void evidence_heads_free(struct evidence_heads **heads);
/* For each tree of the growing log. RD_UNTRUSTED: a head of its size has another root. */
enum rd_status evidence_heads_meet(struct evidence_heads *heads,
	const struct rd_merkle_range *range, struct rd_error *err) RD_MUST_USE;
/* After the whole log: all were met. Gives their number. */
enum rd_status evidence_heads_finish(
	const struct evidence_heads *heads, size_t *ret_n, struct rd_error *err) RD_MUST_USE;

/* --- evidence_documents.c --- */

/*
 * The attestation documents in a log: each is genuine under root at its own time, of no enclave in
 * debug mode, and of one of the images; and one of them at least names log_id as the log's of its
 * enclave (user_data, a CBOR map whose "log" it is). Gives their number.
 */
enum rd_status evidence_documents_check(int documents_fd, const struct rd_cert *root,
	const json_t *images, const struct rd_merkle_hash *log_id, size_t *ret_n,
	struct rd_error *err) RD_MUST_USE;

/* --- evidence_policy.c --- */

/* A policy may have 32 KB, and whitespace around. */
#define EVIDENCE_POLICY_MAX (128 * 1024)

/*
 * A key policy allows something to PCR0 of each image, and redoubt kms lint-policy knows no way
 * around it; that somebody may change it is counted in *ret_notes. RD_UNTRUSTED, or what is wrong
 * with its text.
 */
enum rd_status evidence_policy_check(struct rd_view text, const json_t *images, size_t *ret_notes,
	struct rd_error *err) RD_MUST_USE;

/* --- evidence_pan.c --- */

/* RD_FORBIDDEN: the file has a run of digits that is a card number by length, issuer and Luhn. */
enum rd_status evidence_pan_scan(const char *path, int fd, struct rd_error *err) RD_MUST_USE;

#endif
