/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attestation document's payload: nine fields in AWS's order, absent ones as null, inside a
 * COSE_Sign1 without a tag. Writing is byte-shaped as AWS's documents are; reading
 * checks the shape and the ranges, and believes nothing (that is attest/verify.h).
 */
#ifndef RD_ATTEST_DOCUMENT_H
#define RD_ATTEST_DOCUMENT_H

#include "cose/sign1.h"

/* Register values are SHA-384: the only digest that any NSM has. */
#define RD_DOC_PCR_SIZE  RD_SHA384_SIZE
#define RD_DOC_PCR_COUNT 32
/* AWS's list is always 4 long, and its path lengths (2, 1, 0) allow no more. */
#define RD_DOC_CABUNDLE_MAX 4
/* Ranges of AWS's specification. */
#define RD_DOC_CERT_MAX    1024
#define RD_DOC_FIELD_MAX   1024
#define RD_DOC_PAYLOAD_MAX 16384
/* A module_id is 39 characters; this leaves room for other id schemes. */
#define RD_DOC_MODULE_ID_MAX 128
/* The response buffer that /dev/nsm's driver gives the device: a document never needs more. */
#define RD_DOC_SIZE_MAX 0x3000

/* All views are borrowed. A NULL view is an absent field; an empty one is present. */
struct rd_doc {
	struct rd_view module_id;
	uint64_t timestamp_ms;
	struct rd_view pcrs[RD_DOC_PCR_COUNT];        /* by index; NULL when not in the document */
	struct rd_view certificate;                   /* leaf, DER */
	struct rd_view cabundle[RD_DOC_CABUNDLE_MAX]; /* root first, issuer of the leaf last */
	size_t n_cabundle;
	struct rd_view public_key;
	struct rd_view user_data;
	struct rd_view nonce;
};

/* Appends the payload. PCRs ascend by index; a register of another size is RD_USAGE. */
enum rd_status rd_doc_encode(const struct rd_doc *doc, struct rd_buf *out) RD_MUST_USE;

/* Appends the signed document: ES384 with the leaf's key, which is on P-384 (else RD_WRONG_KEY). */
enum rd_status rd_doc_sign(
	const struct rd_doc *doc, const struct rd_ec_key *leaf_key, struct rd_buf *out) RD_MUST_USE;

/* Which rule of the payload's form was broken; RD_DOC_OK only with RD_OK. */
enum rd_doc_flaw {
	RD_DOC_OK,
	RD_DOC_FLAW_CBOR,      /* not one CBOR map of text keys, or values of wrong types */
	RD_DOC_FLAW_DUPLICATE, /* a key comes twice */
	RD_DOC_FLAW_MISSING,   /* a mandatory key is not there */
	RD_DOC_FLAW_NITROTPM,  /* nitrotpm_pcrs: a NitroTPM's document, not an enclave's */
	RD_DOC_FLAW_MODULE_ID, /* empty or too long */
	RD_DOC_FLAW_DIGEST,    /* not "SHA384" */
	RD_DOC_FLAW_TIMESTAMP, /* 0 */
	RD_DOC_FLAW_PCRS,      /* none or > 32, index > 31 or not an integer, twice, not 48 bytes */
	RD_DOC_FLAW_CERTIFICATE, /* not 1..1024 bytes */
	RD_DOC_FLAW_CABUNDLE,    /* empty, too long, or an entry not 1..1024 bytes */
	RD_DOC_FLAW_FIELD,       /* public_key, user_data or nonce not null or up to 1024 bytes */
	RD_DOC_FLAW_COUNT
};

/* Reads a payload (without the COSE around it); *ret is written only on success. */
enum rd_status rd_doc_decode(struct rd_view payload, struct rd_doc *ret, enum rd_doc_flaw *ret_flaw)
	RD_MUST_USE;

#endif
