/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to the metadata service. */
#ifndef EC2_IMDS_INTERNAL_H
#define EC2_IMDS_INTERNAL_H

#include "ec2/imds.h"
#include "http/request.h"

#define IMDS_TOKEN_KEY_SIZE 32
/* 40 bytes as base64. */
#define IMDS_TOKEN_SIZE    (56 + 1)
#define IMDS_TOKEN_TTL_MAX 21600
/* User data are 16 KiB; a document, credentials or a list are less. */
#define IMDS_BODY_MAX 65536

/* The role's credentials as they were given last. Zero-initialise. */
struct imds_credentials {
	char role_arn[IMDS_ARN_SIZE];
	int64_t until_ms; /* they are good until then; 0: none */
	char *text;       /* wiped when it goes */
};

/* One instance's service, without its socket. */
struct imds_service {
	char id[IMDS_ID_SIZE];
	const struct imds_signer *signer;
	const struct imds_source *source;
	uint32_t credentials_s;
	uint8_t token_key[IMDS_TOKEN_KEY_SIZE];
	struct imds_credentials credentials;
};

struct imds_answer {
	int status;
	const char *type;
	struct rd_buf body; /* the caller's */
	unsigned ttl_s;     /* of the token; 0: no such header */
};

/* imds_request.c. Always an answer; body is wiped by the caller: it may hold credentials. */
void imds_answer(struct imds_service *service, const struct rd_http_request *request,
	struct imds_answer *ret);

/* imds_token.c. Tokens are good for this service alone (key) and until they expire. */
enum rd_status imds_token_make(const uint8_t key[IMDS_TOKEN_KEY_SIZE], int64_t now_ms,
	uint32_t ttl_s, char ret_token[IMDS_TOKEN_SIZE]) RD_MUST_USE;
/* RD_UNTRUSTED: not one of ours; RD_OUT_OF_RANGE: expired. */
enum rd_status imds_token_check(const uint8_t key[IMDS_TOKEN_KEY_SIZE], int64_t now_ms,
	struct rd_view token, unsigned *ret_left_s) RD_MUST_USE;

/* What leaves are made of. */
struct imds_view {
	struct imds_service *service;
	const struct imds_instance *instance;
	int64_t now_ms;
};

/* A path with names of its own in it: "{mac}" and the like. */
struct imds_leaf {
	const char *path; /* "placement/region" */
	enum rd_status (*put)(const struct imds_view *view, struct rd_buf *out); /* its text */
	bool (*has)(const struct imds_view *view);                               /* NULL: always */
};
/* imds_leaves.c, sorted by path. */
extern const struct imds_leaf imds_leaves[];
extern const size_t imds_n_leaves;

/* imds_tree.c: path is what follows "/latest/", decoded. RD_NOTFOUND. */
enum rd_status imds_tree_get(const struct imds_view *view, const char *path, struct rd_buf *out)
	RD_MUST_USE;
/* The name that stands for "{mac}" or "{role}" now; "": there is none. */
const char *imds_name(const struct imds_view *view, const char *placeholder);

/* imds_identity.c */
enum rd_status imds_put_document(const struct imds_view *view, struct rd_buf *out) RD_MUST_USE;
enum rd_status imds_put_signature(const struct imds_view *view, struct rd_buf *out) RD_MUST_USE;
enum rd_status imds_put_pkcs7(const struct imds_view *view, struct rd_buf *out) RD_MUST_USE;

/* imds_signer.c: appends base64 in lines of 64. */
enum rd_status imds_signer_sign(
	const struct imds_signer *signer, struct rd_view text, struct rd_buf *out) RD_MUST_USE;
enum rd_status imds_signer_envelop(
	const struct imds_signer *signer, struct rd_view text, struct rd_buf *out) RD_MUST_USE;

/* imds_credentials.c: the JSON at iam/security-credentials/<role>. */
enum rd_status imds_put_credentials(const struct imds_view *view, struct rd_buf *out) RD_MUST_USE;
void imds_credentials_finish(struct imds_credentials *credentials);
/* "2026-01-01T00:00:00Z" */
#define IMDS_TIME_SIZE 32
void imds_time(int64_t unix_ms, char ret[IMDS_TIME_SIZE]);

#endif
