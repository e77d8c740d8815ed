/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials for the enclave's requests to the key server. They are the parent's own, as on AWS:
 * whoever has them can ask, and gets nothing that he can read without the enclave.
 */
#ifndef PS_CREDENTIALS_H
#define PS_CREDENTIALS_H

#include "server/config.h"
#include "wire/link.h"

struct ps_credentials {
	char access_key_id[PAY_WORD_MAX * 2 + 1];
	char secret_access_key[PAY_WORD_MAX * 2 + 1];
	char session_token[PAY_CREDENTIAL_MAX + 1]; /* "": none */
};

/* From where the configuration says; waits for the metadata service, some seconds at most. The
 * caller wipes them. */
enum rd_status ps_credentials_get(const struct ps_config *config, struct ps_credentials *ret,
	struct rd_error *err) RD_MUST_USE;

/* Of JSON, as the metadata service (AccessKeyId, SecretAccessKey, Token) and the command line tools
 * (the same under "Credentials", and SessionToken) write them. RD_MALFORMED, RD_MISSING, RD_LIMIT.
 */
enum rd_status ps_credentials_parse(struct rd_view json, struct ps_credentials *ret) RD_MUST_USE;

#endif
