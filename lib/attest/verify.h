/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an attestation document is to be believed: form, chain to a pinned root, signature,
 * consistency, freshness and policy, in this order, and a code of its own for each refusal.
 *
 * The document's own root (cabundle[0]) is only ever compared with the pinned ones. Validity is
 * judged at options.now_s for every certificate, edges included (RFC 5280 4.1.2.5). Whoever checks
 * an archived document at its own time must know its freshness otherwise.
 */
#ifndef RD_ATTEST_VERIFY_H
#define RD_ATTEST_VERIFY_H

#include "attest/document.h"
#include "crypto/x509.h"

/* Largest genuine document is 7.5 KB; /dev/nsm can give 12 KB. */
#define RD_VERIFY_INPUT_MAX 32768
/* A shorter challenge can be guessed, or met twice. */
#define RD_VERIFY_NONCE_MIN 16
/* A fresh leaf begins 3 s before its making: a slow clock must not refuse it. */
#define RD_VERIFY_SKEW_S 60
/* Chain: leaf and cabundle. */
#define RD_VERIFY_CHAIN_MAX (1 + RD_DOC_CABUNDLE_MAX)

/* X(name, stable exit code, "one sentence") */
#define RD_VERIFY_LIST(X)                                                                          \
	X(RD_VERIFY_OK, 0, "the document is genuine")                                              \
	X(RD_VERIFY_ERROR, 1, "the check could not be made")                                       \
	X(RD_VERIFY_USAGE, 2, "what was asked for makes no sense")                                 \
	X(RD_VERIFY_TOO_LARGE, 10, "the input is larger than any attestation document")            \
	X(RD_VERIFY_NOT_COSE, 11, "the input is not a COSE_Sign1 message")                         \
	X(RD_VERIFY_TRAILING, 12, "bytes follow the document's end")                               \
	X(RD_VERIFY_PROTECTED, 13, "the protected header is not exactly one algorithm")            \
	X(RD_VERIFY_ALGORITHM, 14, "the signature algorithm is not ES384")                         \
	X(RD_VERIFY_SIGNATURE_SIZE, 15, "the signature is not 96 bytes long")                      \
	X(RD_VERIFY_PAYLOAD_SIZE, 16, "the payload is empty or larger than 16384 bytes")           \
	X(RD_VERIFY_PAYLOAD, 17, "the payload is not a well-formed attestation map")               \
	X(RD_VERIFY_DUPLICATE, 18, "the payload has a key twice")                                  \
	X(RD_VERIFY_MISSING, 19, "the payload lacks a mandatory field")                            \
	X(RD_VERIFY_NITROTPM, 20, "this is a NitroTPM document, not an enclave's")                 \
	X(RD_VERIFY_MODULE_ID, 21, "module_id is not of the form i-<hex>-enc<16 hex>")             \
	X(RD_VERIFY_DIGEST, 22, "digest is not SHA384")                                            \
	X(RD_VERIFY_TIMESTAMP, 23, "timestamp is zero or not a number")                            \
	X(RD_VERIFY_PCRS, 24, "the PCRs are not 1 to 32 values of 48 bytes, indexed 0 to 31")      \
	X(RD_VERIFY_CERTIFICATE, 25, "the certificate is not 1 to 1024 bytes long")                \
	X(RD_VERIFY_CABUNDLE, 26, "cabundle is not 1 to 4 entries of 1 to 1024 bytes")             \
	X(RD_VERIFY_FIELD, 27, "public_key, user_data or nonce is not null or up to 1024 bytes")   \
	X(RD_VERIFY_BAD_CERT, 30, "a certificate of the chain is not well-formed X.509 v3")        \
	X(RD_VERIFY_UNKNOWN_ROOT, 31, "the chain does not begin at a trusted root")                \
	X(RD_VERIFY_CERT_ALGORITHM, 32, "a certificate is not P-384 with ecdsa-with-SHA384")       \
	X(RD_VERIFY_CRITICAL, 33, "a certificate has an unknown critical extension")               \
	X(RD_VERIFY_CA, 34, "a certificate above the leaf is not an authority's")                  \
	X(RD_VERIFY_PATH_LENGTH, 35, "a certificate's path length is exceeded")                    \
	X(RD_VERIFY_LEAF, 36, "the leaf may not sign documents, or is an authority's")             \
	X(RD_VERIFY_ISSUER, 37, "a certificate does not name the one above it as its issuer")      \
	X(RD_VERIFY_CERT_SIGNATURE, 38, "a certificate's signature does not verify")               \
	X(RD_VERIFY_NOT_YET_VALID, 39, "a certificate is not valid yet")                           \
	X(RD_VERIFY_EXPIRED, 40, "a certificate is no longer valid")                               \
	X(RD_VERIFY_SIGNATURE, 50, "the document's signature does not verify")                     \
	X(RD_VERIFY_LEAF_NAME, 51, "the leaf's name is not that of module_id")                     \
	X(RD_VERIFY_LEAF_SERIAL, 52, "the leaf's serial number is not that of module_id")          \
	X(RD_VERIFY_INSTANCE_NAME, 53, "the leaf's issuer is not the instance of module_id")       \
	X(RD_VERIFY_PCR4, 54, "PCR4 is not the measurement of module_id's instance")               \
	X(RD_VERIFY_FUTURE, 60, "the document was made in the future")                             \
	X(RD_VERIFY_TOO_OLD, 61, "the document is too old")                                        \
	X(RD_VERIFY_NONCE, 62, "the nonce is not the expected one")                                \
	X(RD_VERIFY_DEBUG, 63, "the enclave runs in debug mode: PCR0, 1 or 2 is zero")             \
	X(RD_VERIFY_PCR, 64, "a PCR is not the expected one")

enum rd_verify_result {
#define X(name, code, text) name = (code),
	RD_VERIFY_LIST(X)
#undef X
};

/* "RD_VERIFY_EXPIRED", and its sentence; never NULL. */
const char *rd_verify_name(enum rd_verify_result r);
const char *rd_verify_text(enum rd_verify_result r);

/*
 * A memory of chains whose signatures held, for whoever checks many documents: under a chain that
 * it knows, a document costs one signature check, its own.
 *
 * A chain is named by SHA-256 over all of its certificates, root first, each behind its length as
 * be32. That the certificates' signatures hold is taken from the memory, which time does not
 * change, and that the same bytes have the same form; their lives are checked for every document,
 * within the time that all of them share by that alone. What is remembered is for the memory to
 * bound: after life.not_after_s nothing is gained by knowing the chain any longer. Both functions
 * may be called at once by several threads that share the memory.
 */
struct rd_verify_life {
	int64_t not_before_s; /* the last beginning of a certificate of the chain */
	int64_t not_after_s;  /* the first end; both edges belong to it */
};

struct rd_verify_chain_cache {
	/* What was remembered with the chain, when it is known. */
	bool (*knows)(void *ctx, const uint8_t chain[RD_SHA256_SIZE], struct rd_verify_life *ret);
	void (*remember)(
		void *ctx, const uint8_t chain[RD_SHA256_SIZE], const struct rd_verify_life *life);
	void *ctx;
};

struct rd_verify_options {
	const struct rd_cert *const *roots; /* pinned; at least one */
	size_t n_roots;
	int64_t now_s;
	uint32_t skew_s;      /* tolerance for beginnings and for timestamps ahead of now */
	uint32_t max_age_s;   /* of the timestamp; 0: only the leaf's life limits it */
	struct rd_view nonce; /* NULL: any; else at least RD_VERIFY_NONCE_MIN bytes */
	struct rd_view pcrs[RD_DOC_PCR_COUNT]; /* NULL: any; zeros only with allow_debug */
	bool allow_debug;
	const struct rd_verify_chain_cache *chain_cache; /* NULL: every signature is checked */
};

/* What a refusal is about. Filled as far as the check came; views are into the input. */
struct rd_verify_report {
	struct rd_doc doc;
	bool has_doc;
	int cert;   /* index in the chain (0: root, … leaf last) that a refusal concerns, or -1 */
	int pcr;    /* the register that a refusal concerns, or -1 */
	bool debug; /* PCR0, 1 or 2 is zero */
	size_t root; /* which of options.roots anchored the chain; only when accepted */
};

/*
 * RD_VERIFY_OK only if everything holds. RD_VERIFY_ERROR: no memory or the like. report may be
 * NULL.
 */
enum rd_verify_result rd_verify(struct rd_view input, const struct rd_verify_options *options,
	struct rd_verify_report *report) RD_MUST_USE;

#endif
