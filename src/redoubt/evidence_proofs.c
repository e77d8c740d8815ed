/* SPDX-License-Identifier: Apache-2.0 */
/* What an evidence folder shows, each with the lines of PCI DSS v4.0.1 that it serves. */
#include "redoubt/evidence.h"

#include "audit/verify.h"
#include "base/text.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A head a minute for a year. */
#define WITNESS_MAX (256u * 1024 * 1024)

const char *const evidence_not_claimed[] = {
	"This is no hardware security module and no certified product (PTS HSM, FIPS 140, P2PE).",
	"The host of the hypervisor is trusted: its root can read an enclave's memory.",
	"PIN blocks may be handled by secure cryptographic devices only: there are none here.",
	"Who serves the checkout page decides what it does with a card number before it is sealed.",
	"That the root is the right one is for the auditor to know: bring your own copy.",
	"Records after the last witnessed head may have been cut off together with their heads.",
	NULL,
};

struct folder {
	int fd;
	struct rd_view root;
	json_t *manifest;
	struct rd_ec_key *key; /* the log's, NULL until it was read */
	struct rd_merkle_hash log_id;
	struct evidence_heads *heads; /* of the witness; NULL: none, or witness says why */
	struct rd_error witness;      /* not RD_OK: its heads are not of this log */
	uint64_t calls, bare;         /* records, and those without a field that they should have */
	uint64_t first_bare;
	bool absent;                      /* there is nothing for this proof */
	char detail[EVIDENCE_DETAIL_MAX]; /* of the proof that holds */
};

/* RD_OK: it holds, and f->detail has the figures, or f->absent says that nothing is there. */
typedef enum rd_status proof_fn(struct folder *f, struct rd_error *err);

static RD_PRINTF(2, 3) enum rd_status say(struct folder *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->detail, sizeof(f->detail), fmt, ap);
	va_end(ap);
	return RD_OK;
}

static enum rd_status say_absent(struct folder *f)
{
	f->absent = true;
	return say(f, "not in this folder");
}

static bool has(const struct folder *f, const char *name)
{
	return faccessat(f->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- the folder itself --- */

struct files_check {
	const json_t *files;
	size_t n;
};

static enum rd_status check_file(void *ctx, const char *path, int fd, struct rd_error *err)
{
	struct files_check *c = ctx;
	const char *want = json_string_value(json_object_get(c->files, path));
	char hex[65];

	if (strcmp(path, EVIDENCE_MANIFEST) == 0) {
		return RD_OK;
	}
	if (want == NULL) {
		return rd_fail(err, RD_UNTRUSTED, "%s: is not in the manifest", path);
	}
	RD_TRY(evidence_digest(fd, hex, err));
	if (strcmp(hex, want) != 0) {
		return rd_fail(err, RD_UNTRUSTED, "%s: was altered", path);
	}
	c->n++;
	return RD_OK;
}

static enum rd_status prove_files(struct folder *f, struct rd_error *err)
{
	struct files_check c = {.files = json_object_get(f->manifest, "files")};

	RD_TRY(evidence_walk(f->fd, check_file, &c, err));
	if (c.n != json_object_size(c.files)) {
		return rd_fail(err, RD_UNTRUSTED, "%zu files of the manifest are missing",
			json_object_size(c.files) - c.n);
	}
	return say(f, "%zu files", c.n);
}

static enum rd_status scan_file(void *ctx, const char *path, int fd, struct rd_error *err)
{
	(void)ctx;
	return evidence_pan_scan(path, fd, err);
}

static enum rd_status prove_no_card(struct folder *f, struct rd_error *err)
{
	RD_TRY(evidence_walk(f->fd, scan_file, NULL, err));
	return say(f, "no run of digits is a card number");
}

/* --- the log --- */

/* CloudTrail's names for what PCI DSS 10.2.2 asks for; success is that there is no errorCode. */
static bool has_fields(const json_t *record)
{
	static const char *const names[] = {
		"eventTime", "eventName", "userIdentity", "sourceIPAddress", "resources"};

	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		if (json_object_get(record, names[i]) == NULL) {
			return false;
		}
	}
	return true;
}

static enum rd_audit_result see_record(
	void *ctx, uint64_t index, struct rd_view json, struct rd_error *err)
{
	struct folder *f = ctx;
	json_t *record = json_loadb((const char *)json.ptr, json.len, 0, NULL);

	(void)err;
	if (!has_fields(record)) {
		f->first_bare = f->bare++ == 0 ? index : f->first_bare;
	}
	f->calls++;
	json_decref(record);
	return RD_AUDIT_OK;
}

/* A log may be whole and not be that of its witness: this is told by a proof of its own. */
static enum rd_audit_result see_tree(
	void *ctx, const struct rd_merkle_range *range, struct rd_error *err)
{
	struct folder *f = ctx;

	(void)err;
	if (f->heads != NULL && evidence_heads_meet(f->heads, range, &f->witness) != RD_OK) {
		evidence_heads_free(&f->heads);
	}
	return RD_AUDIT_OK;
}

static enum rd_status read_key(struct folder *f, struct rd_error *err)
{
	uint8_t bytes[RD_AUDIT_PEM_MAX];
	struct rd_buf pem = rd_buf_fixed(bytes, sizeof(bytes));

	RD_TRY(evidence_read(f->fd, EVIDENCE_LOG "/" RD_AUDIT_KEY_FILE, &pem, err));
	if (rd_audit_key_parse(rd_buf_view(&pem), &f->key) != RD_OK ||
		rd_merkle_log_id(f->key, &f->log_id) != RD_OK) {
		return rd_fail(err, RD_UNTRUSTED, "the log's key.pem is no public P-256 key");
	}
	return RD_OK;
}

static enum rd_status read_witness(struct folder *f, struct rd_error *err)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf text = rd_buf_growable(WITNESS_MAX);

	if (!has(f, EVIDENCE_WITNESS)) {
		return RD_OK;
	}
	RD_TRY(evidence_read(f->fd, EVIDENCE_WITNESS, &text, err));
	(void)!evidence_heads_read(rd_buf_view(&text), f->key, &f->heads, &f->witness);
	return RD_OK;
}

static enum rd_status verify_log(struct folder *f, const char *name,
	const struct rd_audit_visitor *also, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close)
	int dir = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct rd_audit_verify_options options = {0};
	struct rd_audit_verify_report report;
	enum rd_audit_result result;

	if (dir < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be opened", name);
	}
	if (also != NULL) {
		options.also = *also;
	}
	result = rd_audit_verify(dir, &options, &report, err);
	if (result != RD_AUDIT_OK) {
		return rd_error_wrap(err, RD_UNTRUSTED, "%s", rd_audit_result_text(result));
	}
	return say(f, "%" PRIu64 " records under %" PRIu64 " signed heads", report.head.size,
		report.heads);
}

static enum rd_status prove_log(struct folder *f, struct rd_error *err)
{
	struct rd_audit_visitor also = {.ctx = f, .record = see_record, .tree = see_tree};

	RD_TRY(read_key(f, err));
	RD_TRY(read_witness(f, err));
	return verify_log(f, EVIDENCE_LOG, &also, err);
}

static enum rd_status prove_fields(struct folder *f, struct rd_error *err)
{
	if (f->bare > 0) {
		return rd_fail(err, RD_UNTRUSTED,
			"%" PRIu64 " records lack a field, record %" PRIu64 " the first", f->bare,
			f->first_bare);
	}
	if (f->calls == 0) {
		return rd_fail(err, RD_UNTRUSTED, "there is no record");
	}
	return say(f, "%" PRIu64 " records", f->calls);
}

static enum rd_status prove_witness(struct folder *f, struct rd_error *err)
{
	size_t n = 0;

	if (f->heads == NULL && !has(f, EVIDENCE_WITNESS)) {
		return say_absent(f);
	}
	if (f->heads == NULL) {
		return rd_fail(err, RD_UNTRUSTED, "%s",
			f->witness.text[0] != '\0' ? f->witness.text : "the log has no key");
	}
	RD_TRY(evidence_heads_finish(f->heads, &n, err));
	return say(f, "%zu heads", n);
}

static enum rd_status prove_kms_log(struct folder *f, struct rd_error *err)
{
	if (!has(f, EVIDENCE_KMS_LOG)) {
		return say_absent(f);
	}
	return verify_log(f, EVIDENCE_KMS_LOG, NULL, err);
}

/* --- what wrote it --- */

static enum rd_status prove_documents(struct folder *f, struct rd_error *err)
{
	RD_CLEANUP(rd_cert_free) struct rd_cert *root = NULL;
	RD_CLEANUP(rd_fd_close) int dir = -1;
	size_t n = 0;

	if (f->key == NULL) {
		return rd_fail(err, RD_UNTRUSTED, "the log has no key");
	}
	if (rd_cert_from_pem(f->root, &root) != RD_OK) {
		return rd_fail(err, RD_UNTRUSTED, "the root is no certificate in PEM");
	}
	dir = openat(f->fd, EVIDENCE_LOG "/" RD_AUDIT_DOCUMENTS_DIR,
		O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0) {
		return rd_fail_errno(err, errno, "the log's documents cannot be opened");
	}
	RD_TRY(evidence_documents_check(
		dir, root, json_object_get(f->manifest, "images"), &f->log_id, &n, err));
	return say(f, "%zu documents", n);
}

static enum rd_status prove_policy(struct folder *f, struct rd_error *err)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf text = rd_buf_growable(EVIDENCE_POLICY_MAX);
	size_t notes = 0;

	if (!has(f, EVIDENCE_POLICY)) {
		return say_absent(f);
	}
	RD_TRY(evidence_read(f->fd, EVIDENCE_POLICY, &text, err));
	RD_TRY(evidence_policy_check(
		rd_buf_view(&text), json_object_get(f->manifest, "images"), &notes, err));
	return say(f, "no way around the attestation%s",
		notes > 0 ? " but for who may change the policy" : "");
}

static const struct {
	const char *name, *pci, *claim;
	proof_fn *prove;
} proofs[] = {
	{"files", "10.3.4, 11.5.2", "the folder is as it was made", prove_files},
	{"log", "10.3.2, 10.3.4, 10.5.1",
		"the log is whole: nothing was dropped, reordered, altered or inserted", prove_log},
	{"records", "10.2.1, 10.2.2",
		"each record says who, what, when, from where, to what and how it ended",
		prove_fields},
	{"witness", "10.3.3", "the log is the one of which another party kept heads",
		prove_witness},
	{"documents", "3.7.1, 6.3.2, 11.5.2",
		"the log was written by genuine enclaves of the named images, under a key of theirs",
		prove_documents},
	{"policy", "3.6.1.3, 7.2.5", "the key that wraps all keys is for the named images alone",
		prove_policy},
	{"kms-log", "3.7.1, 10.2.1", "the key server's log is whole", prove_kms_log},
	{"no-card-number", "3.3.1, 3.4.1, 3.5.1", "no file has a card number in it", prove_no_card},
};

static enum rd_status prove(struct folder *f, size_t i, struct evidence_proof *ret)
{
	struct rd_error why = {0};
	enum rd_status st;

	f->absent = false;
	st = proofs[i].prove(f, &why);
	*ret = (struct evidence_proof){
		.name = proofs[i].name, .pci = proofs[i].pci, .claim = proofs[i].claim};
	ret->outcome = st != RD_OK ? EVIDENCE_FAILS : f->absent ? EVIDENCE_ABSENT : EVIDENCE_HOLDS;
	rd_text_copy(ret->detail, sizeof(ret->detail),
		st == RD_OK           ? f->detail
		: why.text[0] != '\0' ? why.text
				      : rd_status_text(st));
	return st;
}

static enum rd_status prove_all(struct folder *f, struct evidence_report *ret, struct rd_error *err)
{
	enum rd_status all = RD_OK;

	for (size_t i = 0; i < RD_ARRAY_LEN(proofs); i++) {
		struct evidence_proof *p = &ret->proofs[ret->n++];
		enum rd_status st = prove(f, i, p);

		if (st != RD_OK && all == RD_OK) {
			all = rd_fail(err, RD_UNTRUSTED, "%s: %s", p->name, p->detail);
		}
	}
	return all;
}

enum rd_status evidence_check(
	int dir_fd, struct rd_view root, struct evidence_report *ret, struct rd_error *err)
{
	struct folder f = {.fd = dir_fd, .root = root};
	enum rd_status st;

	ret->n = 0;
	RD_TRY(evidence_manifest_read(dir_fd, &f.manifest, err));
	st = prove_all(&f, ret, err);
	evidence_heads_free(&f.heads);
	rd_ec_key_free(&f.key);
	json_decref(f.manifest);
	return st;
}
