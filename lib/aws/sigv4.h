/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4, header form, both directions (kms.md 1.4).
 *
 * Verification takes two steps, because the secret is the caller's to look up:
 *
 *     rd_sigv4_parse    the request's headers and the clock alone: claim, or a refusal
 *     (caller)          access key id -> secret or cached derived key, session token
 *     rd_sigv4_verify   the signature under that key
 *
 * For an unknown access key id the caller verifies under a dummy key as well and refuses with
 * RD_SIGV4_UNKNOWN_KEY afterwards, so that time does not tell which ids exist.
 *
 * The body is hashed as received. All views are borrowed from the request; nothing is kept.
 */
#ifndef RD_AWS_SIGV4_H
#define RD_AWS_SIGV4_H

#include "crypto/digest.h"

/* Session tokens are about 1 KiB on AWS, ours shorter; with one signed this is ample. */
#define RD_SIGV4_AUTHORIZATION_MAX 16384
/* Real clients sign at most a dozen headers. */
#define RD_SIGV4_SIGNED_MAX 64
/* Requests of KMS, IAM and STS have no query string; this is for the field's other services. */
#define RD_SIGV4_QUERY_PARAMS_MAX 64
/* The canonical request: a header block as large as an HTTP server takes, percent-encoded. */
#define RD_SIGV4_CANONICAL_MAX (64u << 10)
/* AWS secrets have 40 characters. */
#define RD_SIGV4_SECRET_MAX 128
#define RD_SIGV4_AKID_MAX   128
#define RD_SIGV4_KEY_SIZE   RD_SHA256_SIZE
/* "20260101T000000Z" and its NUL. */
#define RD_SIGV4_TIME_SIZE 17

struct rd_sigv4_header {
	struct rd_view name; /* any case */
	struct rd_view value;
};

struct rd_sigv4_request {
	struct rd_view method;
	struct rd_view path;                   /* as on the request line, up to '?' */
	struct rd_view query;                  /* behind '?'; empty when there is none */
	const struct rd_sigv4_header *headers; /* in the order received */
	size_t n_headers;
	struct rd_view body;
	const uint8_t *body_sha256; /* of a body that is elsewhere; NULL: of body */
};

/* What this server accepts. */
struct rd_sigv4_rules {
	const char *service;
	const char *const *regions;
	size_t n_regions;
	int64_t now_s;   /* seconds since the epoch */
	uint32_t skew_s; /* largest difference of clocks that is accepted, either way */
};

/* X(name, AWS's error type, "what the message says", or its beginning) */
#define RD_SIGV4_WHY_LIST(X)                                                                       \
	X(RD_SIGV4_ACCEPTED, NULL, "")                                                             \
	X(RD_SIGV4_NO_AUTH, MISSING, "Missing Authentication Token")                               \
	X(RD_SIGV4_QUERY_AUTH, MISSING, "Presigned requests are not supported: sign the headers")  \
	X(RD_SIGV4_HEADER_TWICE, INCOMPLETE, "Header is there more than once")                     \
	X(RD_SIGV4_TOO_LONG, INCOMPLETE, "Authorization header is too long")                       \
	X(RD_SIGV4_BAD_ALGORITHM, INCOMPLETE,                                                      \
		"Authorization header requires the algorithm 'AWS4-HMAC-SHA256'")                  \
	X(RD_SIGV4_BAD_COMPONENT, INCOMPLETE,                                                      \
		"Authorization header has a part that is not one of 'Credential', "                \
		"'SignedHeaders' and 'Signature'")                                                 \
	X(RD_SIGV4_COMPONENT_TWICE, INCOMPLETE, "Authorization header has a parameter twice")      \
	X(RD_SIGV4_NO_CREDENTIAL, INCOMPLETE,                                                      \
		"Authorization header requires 'Credential' parameter")                            \
	X(RD_SIGV4_NO_SIGNED_HEADERS, INCOMPLETE,                                                  \
		"Authorization header requires 'SignedHeaders' parameter")                         \
	X(RD_SIGV4_NO_SIGNATURE, INCOMPLETE,                                                       \
		"Authorization header requires 'Signature' parameter")                             \
	X(RD_SIGV4_BAD_CREDENTIAL, INCOMPLETE,                                                     \
		"Credential must have exactly 5 slash-delimited elements, e.g. "                   \
		"keyid/date/region/service/term")                                                  \
	X(RD_SIGV4_BAD_SIGNATURE_FORM, INCOMPLETE, "Signature must be 64 lowercase hex digits")    \
	X(RD_SIGV4_BAD_SIGNED_HEADERS, INCOMPLETE,                                                 \
		"SignedHeaders must be lowercase names, sorted, each once")                        \
	X(RD_SIGV4_UNSIGNED_HEADER, INCOMPLETE, "Header must be a 'SignedHeader'")                 \
	X(RD_SIGV4_ABSENT_HEADER, INCOMPLETE, "Signed header is not in the request")               \
	X(RD_SIGV4_BAD_HEADER, INCOMPLETE,                                                         \
		"Signed header has a character that no header may have")                           \
	X(RD_SIGV4_NO_DATE, INCOMPLETE,                                                            \
		"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "    \
		"header")                                                                          \
	X(RD_SIGV4_BAD_DATE, INCOMPLETE,                                                           \
		"Date must be in ISO-8601 'basic format' (yyyymmddThhmmssZ)")                      \
	X(RD_SIGV4_BAD_QUERY, INCOMPLETE, "Query string cannot be made canonical")                 \
	X(RD_SIGV4_SCOPE_DATE, INVALID, "Date in Credential scope does not match the request's")   \
	X(RD_SIGV4_WRONG_REGION, INVALID, "Credential should be scoped to a valid region")         \
	X(RD_SIGV4_WRONG_SERVICE, INVALID, "Credential should be scoped to correct service")       \
	X(RD_SIGV4_WRONG_TERMINATOR, INVALID,                                                      \
		"Credential should be scoped with a valid terminator: 'aws4_request'")             \
	X(RD_SIGV4_TOO_OLD, INVALID, "Signature expired")                                          \
	X(RD_SIGV4_TOO_NEW, INVALID, "Signature not yet current")                                  \
	X(RD_SIGV4_UNSIGNED_PAYLOAD, INVALID,                                                      \
		"x-amz-content-sha256 must be the hash of the body: unsigned and streaming "       \
		"payloads are not supported")                                                      \
	X(RD_SIGV4_WRONG_PAYLOAD_HASH, INVALID,                                                    \
		"The value of x-amz-content-sha256 does not match the hash of the body")           \
	X(RD_SIGV4_MISMATCH, INVALID,                                                              \
		"The request signature we calculated does not match the signature you provided. "  \
		"Check your AWS Secret Access Key and signing method. Consult the service "        \
		"documentation for details.")                                                      \
	X(RD_SIGV4_UNKNOWN_KEY, UNRECOGNIZED,                                                      \
		"The security token included in the request is invalid.")                          \
	X(RD_SIGV4_WRONG_TOKEN, UNRECOGNIZED,                                                      \
		"The security token included in the request is invalid.")                          \
	X(RD_SIGV4_EXPIRED_TOKEN, EXPIRED, "The security token included in the request is expired")

/* The last three are the caller's findings: they are here so that one table answers them all. */
enum rd_sigv4_why {
#define X(name, type, text) name,
	RD_SIGV4_WHY_LIST(X)
#undef X
		RD_SIGV4_WHY_COUNT
};

/* Why not, and what the message names. Borrows from the request and the rules. */
struct rd_sigv4_refusal {
	enum rd_sigv4_why why;
	struct rd_view
		got; /* the header, region, service, date, ... that is wrong; may be absent */
	struct rd_view want; /* what it should be; may be absent */
	int64_t time_s;      /* the request's own time, once known */
	int64_t now_s;
	uint32_t skew_s;
};

/* What a request says of its signature; unverified until rd_sigv4_verify. */
struct rd_sigv4_claim {
	struct rd_view akid;   /* 1 to RD_SIGV4_AKID_MAX of [A-Za-z0-9_] */
	struct rd_view date;   /* yyyymmdd */
	struct rd_view region; /* one of the rules' */
	struct rd_view token;  /* X-Amz-Security-Token, signed; absent when there is none */
	struct rd_view signed_headers;
	const char *service;
	char time[RD_SIGV4_TIME_SIZE];
	int64_t time_s;
	uint8_t signature[RD_SHA256_SIZE];
	uint8_t body_sha256[RD_SHA256_SIZE];
};

/*
 * Steps 1 to 4 and 9 of kms.md 1.4. RD_UNTRUSTED: refused, *ret_refusal says why and ret_claim is
 * untouched; any other failure is ours. Every x-amz-* header that is present must be signed, so a
 * signed request cannot be sent to another x-amz-target; whether there is one at all, the service's
 * dispatcher decides.
 */
enum rd_status rd_sigv4_parse(const struct rd_sigv4_request *req,
	const struct rd_sigv4_rules *rules, struct rd_sigv4_claim *ret_claim,
	struct rd_sigv4_refusal *ret_refusal) RD_MUST_USE;

/*
 * Steps 5 to 8. key is from rd_sigv4_derive_key for the claim's date, region and service.
 * RD_UNTRUSTED: refused, as above.
 */
enum rd_status rd_sigv4_verify(const struct rd_sigv4_request *req,
	const struct rd_sigv4_claim *claim, const uint8_t key[RD_SIGV4_KEY_SIZE],
	struct rd_sigv4_refusal *ret_refusal) RD_MUST_USE;

/*
 * The key for one day, region and service; may be cached for (akid, date, region), and is as secret
 * as the secret is for that day. RD_LIMIT for a secret above RD_SIGV4_SECRET_MAX.
 */
enum rd_status rd_sigv4_derive_key(struct rd_view secret, struct rd_view date,
	struct rd_view region, struct rd_view service, uint8_t ret_key[RD_SIGV4_KEY_SIZE])
	RD_MUST_USE;

/* "IncompleteSignatureException"; for RD_SIGV4_ACCEPTED NULL. */
const char *rd_sigv4_type(enum rd_sigv4_why why);
/* Appends the message, printable ASCII whatever the request held. */
enum rd_status rd_sigv4_message(const struct rd_sigv4_refusal *refusal, struct rd_buf *out)
	RD_MUST_USE;

/* "20260101T000000Z"; RD_OUT_OF_RANGE outside the years 1970 to 9999. */
enum rd_status rd_sigv4_time(int64_t unix_s, char ret_text[RD_SIGV4_TIME_SIZE]) RD_MUST_USE;
/* The reverse, strictly: RD_MALFORMED. */
enum rd_status rd_sigv4_parse_time(struct rd_view text, int64_t *ret_unix_s) RD_MUST_USE;

struct rd_sigv4_signer {
	struct rd_view akid;
	struct rd_view secret;
	struct rd_view region;
	const char *service;
};

/*
 * Signs a request of ours: appends the Authorization header's value. Every header given is signed
 * but those that proxies and libraries change under way (user-agent, connection, expect, upgrade,
 * x-amzn-trace-id, and authorization itself). There must be host and x-amz-date, once each
 * (RD_MISSING, RD_DUPLICATE); x-amz-security-token is a header like the others.
 */
enum rd_status rd_sigv4_sign(const struct rd_sigv4_request *req,
	const struct rd_sigv4_signer *signer, struct rd_buf *out) RD_MUST_USE;

/*
 * The text that is hashed and signed (step 5), for those who must find out why two sides differ.
 * RD_NOTFOUND: a signed header is absent; RD_FORBIDDEN: it has a control character; RD_MALFORMED:
 * the query's percent-encoding; RD_LIMIT: the query's parameters; RD_NOSPACE.
 */
enum rd_status rd_sigv4_canonical(const struct rd_sigv4_request *req, struct rd_view signed_headers,
	const uint8_t body_sha256[RD_SHA256_SIZE], struct rd_buf *out) RD_MUST_USE;

#endif
