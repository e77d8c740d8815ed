/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkms: attested calls to a KMS from inside an enclave.
 *
 * One call is one connection: a fresh RSA-2048 key pair, an attestation document that holds its
 * public half, a request signed with SigV4, TLS that ends in this process, over vsock to a proxy on
 * the parent; then the reply's CiphertextForRecipient is opened with the private half. The parent
 * carries bytes that it can neither read nor change. A reply that has plaintext in the clear, is
 * about another key than was asked for, or has another length than was asked for is refused.
 *
 * Works against redoubt-kms and AWS KMS. Source: kms.md sections 1.1, 3.4 and 5.4.
 *
 *	struct rdkms_config config;
 *	struct rdkms_client *client;
 *	struct rdkms_error err;
 *	struct rdkms_result result = {0};
 *	struct rdkms_pair context[] = {{"app", "signer"}};
 *	struct rdkms_request request = {
 *		.operation = RDKMS_DECRYPT, .ciphertext = {blob, blob_len},
 *		.key_id = "arn:aws:kms:local-1:111122223333:key/…",
 *		.context = context, .n_context = 1,
 *	};
 *
 *	rdkms_config_init(&config);
 *	config.region = "local-1";
 *	config.access_key_id = …; config.secret_access_key = …; config.session_token = …;
 *	if (rdkms_init(&err) != RDKMS_OK || rdkms_client_new(&config, &client, &err) != RDKMS_OK ||
 *		rdkms_call(client, &request, &result, &err) != RDKMS_OK) {
 *		fprintf(stderr, "%s\n", err.text);
 *	} else {
 *		use(result.plaintext.ptr, result.plaintext.len);
 *	}
 *	rdkms_result_finish(&result);
 *	rdkms_client_free(&client);
 *
 * Link with: -lrdkms -lnsm -lssl -lcrypto -ljansson (pkg-config --static librdkms).
 */
#ifndef RDKMS_H
#define RDKMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits of the service's model. */
#define RDKMS_PLAINTEXT_MAX  4096
#define RDKMS_CIPHERTEXT_MAX 6144
#define RDKMS_RANDOM_MAX     1024
#define RDKMS_KEY_ID_MAX     2048
/* Names and values of an encryption context together, and how many there may be. */
#define RDKMS_CONTEXT_SIZE_MAX 8192
#define RDKMS_CONTEXT_MAX      256
#define RDKMS_GRANT_TOKENS_MAX 10
/* What the NSM's device can answer, and more. */
#define RDKMS_DOCUMENT_MAX 16384

enum rdkms_status {
	RDKMS_OK,
	RDKMS_USAGE,    /* an argument makes no sense; nothing was sent */
	RDKMS_SYSTEM,   /* no memory, memory that cannot be locked, a file that cannot be read */
	RDKMS_NSM,      /* no attestation document */
	RDKMS_CONNECT,  /* no connection, or it broke */
	RDKMS_TLS,      /* the server's certificate, or no TLS */
	RDKMS_TIMEOUT,  /* the whole call took longer than the configuration allows */
	RDKMS_REFUSED,  /* the server said no: http_status and type tell why */
	RDKMS_REPLY,    /* what came back is no reply to this request */
	RDKMS_ENVELOPE, /* CiphertextForRecipient cannot be opened with our key */
	RDKMS_MISMATCH, /* a good reply to another question: key, algorithm or length differ */
};

/* Filled when a call fails, untouched when it succeeds. Texts are printable ASCII. */
struct rdkms_error {
	enum rdkms_status status;
	unsigned http_status; /* of RDKMS_REFUSED */
	char type[64];        /* of RDKMS_REFUSED: "AccessDeniedException"; may be empty */
	char text[512];       /* one line: what, where, what to do */
};

/*
 * Where attestation documents come from. Writes a document with this public key (DER
 * SubjectPublicKeyInfo) and this user_data (NULL: none) to document, which has room for
 * RDKMS_DOCUMENT_MAX bytes, and its size to *ret_len. Anything but 0 is a failure.
 */
struct rdkms_document_source {
	int (*attest)(void *arg, const uint8_t *public_key, size_t public_key_len,
		const uint8_t *user_data, size_t user_data_len, uint8_t *document, size_t *ret_len);
	void *arg;
};

/* Strings are borrowed until rdkms_client_new returns; the client has copies. */
struct rdkms_config {
	const char *region; /* "us-east-1" */
	/* HOST or HOST:PORT: the server's name in TLS and in Host, not where to connect. NULL:
	 * kms.<region>.amazonaws.com, or the region's own suffix. */
	const char *endpoint;
	uint32_t vsock_cid;    /* 3, the parent */
	uint32_t vsock_port;   /* 8000, where vsock-proxy listens */
	const char *unix_path; /* connect to this socket instead: outside an enclave; or NULL */
	const char *ca_file;   /* PEM; NULL: the system's bundle */
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token; /* NULL: none */
	uint32_t timeout_ms;       /* of a whole call; 30000 */
	/*
	 * user_data is SHA-256 over the operation's name, a line feed, and the request's JSON
	 * without Recipient (its members sorted by name, no white space, UTF-8): the document is
	 * good for this one request.
	 */
	bool bind_request;
	struct rdkms_document_source documents; /* the NSM, unless told otherwise */
};

/* All defaults; region and credentials are NULL. */
void rdkms_config_init(struct rdkms_config *ret);

/*
 * Locks memory for secrets, once for the process and before it has threads; calling it again does
 * nothing. RDKMS_SYSTEM: the memory cannot be locked.
 */
enum rdkms_status rdkms_init(struct rdkms_error *err);
/* Mixes 1,024 bytes of the NSM into this process's random generator. RDKMS_NSM: no device. */
enum rdkms_status rdkms_seed_entropy(struct rdkms_error *err);

/* Any number of threads may call with one client. */
struct rdkms_client;

/* RDKMS_USAGE, or RDKMS_SYSTEM when there are no CA certificates. */
enum rdkms_status rdkms_client_new(
	const struct rdkms_config *config, struct rdkms_client **ret, struct rdkms_error *err);
/* Wipes the credentials. Accepts NULL; clears the caller's pointer. */
void rdkms_client_free(struct rdkms_client **client);

enum rdkms_operation {
	RDKMS_DECRYPT,           /* ciphertext; key_id, algorithm, context, grant tokens */
	RDKMS_GENERATE_DATA_KEY, /* key_id, key_spec or number_of_bytes; context, grant tokens */
	RDKMS_GENERATE_RANDOM,   /* number_of_bytes */
	RDKMS_ENCRYPT,           /* key_id, plaintext; algorithm, context, grant tokens */
};

struct rdkms_bytes {
	const uint8_t *ptr;
	size_t len;
};

struct rdkms_pair {
	const char *name;
	const char *value;
};

/*
 * Everything is borrowed. What an operation does not take must be left out (RDKMS_USAGE): a member
 * that was ignored would protect nothing.
 *
 * key_id: an id, ARN, alias or alias ARN. The reply must be about that key when it is an id or an
 * ARN; which key an alias stands for only the server knows, so result.key_arn is the caller's to
 * check. Without a key_id the server goes by the ciphertext, and whoever carries the request might
 * have exchanged that: bind the ciphertext by a context, by the key, or by bind_request.
 */
struct rdkms_request {
	enum rdkms_operation operation;
	const char *key_id;
	const char *algorithm; /* "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1" */
	const char *key_spec;  /* "AES_256", "AES_128" */
	uint32_t number_of_bytes; /* 1 to 1,024 */
	struct rdkms_bytes ciphertext;
	struct rdkms_bytes plaintext;
	const struct rdkms_pair *context; /* encryption context; each name once, in any order */
	size_t n_context;
	const char *const *grant_tokens;
	size_t n_grant_tokens;
};

/* In locked memory, which is left out of core dumps. */
struct rdkms_secret {
	uint8_t *ptr;
	size_t len;
	size_t room; /* the library's own */
};

/* Zero-initialise. */
struct rdkms_result {
	char key_arn[RDKMS_KEY_ID_MAX + 1];       /* which key it was; "" for random bytes */
	struct rdkms_secret plaintext;            /* of all but RDKMS_ENCRYPT */
	uint8_t ciphertext[RDKMS_CIPHERTEXT_MAX]; /* of RDKMS_ENCRYPT and RDKMS_GENERATE_DATA_KEY */
	size_t ciphertext_len;
};

/*
 * One call; there are no retries. On failure *ret is empty. RDKMS_ENCRYPT needs no document: what
 * it sends is protected by TLS alone.
 */
enum rdkms_status rdkms_call(struct rdkms_client *client, const struct rdkms_request *request,
	struct rdkms_result *ret, struct rdkms_error *err);
/* Wipes and empties it. */
void rdkms_result_finish(struct rdkms_result *result);

#ifdef __cplusplus
}
#endif

#endif
