/* SPDX-License-Identifier: Apache-2.0 */
/* TLS for servers: contexts, and the sessions that are made of them. */
#include "crypto/tls.h"

#include "crypto/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Root, zonal and instance certificates of any real hierarchy. */
#define CHAIN_MAX 8

struct rd_tls_server {
	pthread_mutex_t lock; /* of what follows; sessions take a reference of ctx */
	SSL_CTX *ctx;
	int min_version;
};

static void free_ctx(SSL_CTX **ctx)
{
	SSL_CTX_free(*ctx);
}

/* Clients that offer h2 as well get http/1.1; those that offer neither go on without. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
	const unsigned char *offered, unsigned offered_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, offered, offered_len) !=
		OPENSSL_NPN_NEGOTIATED) {
		return SSL_TLSEXT_ERR_NOACK;
	}
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static enum rd_status use_chain(SSL_CTX *ctx, struct rd_view chain, struct rd_error *err)
{
	BIO *bio RD_CLEANUP(rd_crypto_bio_free) = BIO_new_mem_buf(chain.ptr, (int)chain.len);
	int count = 0, rc = 1;
	X509 *cert;

	if (bio == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	while (count < CHAIN_MAX && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		rc = count == 0 ? SSL_CTX_use_certificate(ctx, cert)
				: SSL_CTX_add1_chain_cert(ctx, cert);
		X509_free(cert);
		if (rc != 1) {
			break;
		}
		count++;
	}
	ERR_clear_error();
	if (count == 0 || rc != 1) {
		return rd_fail(err, RD_MALFORMED,
			"certificate %d of the TLS chain cannot be used: a PEM file with the "
			"server's certificate first is wanted",
			count + 1);
	}
	return RD_OK;
}

static enum rd_status use_key(SSL_CTX *ctx, struct rd_view key, struct rd_error *err)
{
	BIO *bio RD_CLEANUP(rd_crypto_bio_free) = BIO_new_mem_buf(key.ptr, (int)key.len);
	/* An empty passphrase: a terminal must never be asked. */
	EVP_PKEY *pkey = bio == NULL ? NULL
				     : PEM_read_bio_PrivateKey(bio, NULL, NULL, (char[]){""});
	int rc = pkey == NULL ? 0 : SSL_CTX_use_PrivateKey(ctx, pkey);

	EVP_PKEY_free(pkey);
	ERR_clear_error();
	if (pkey == NULL) {
		return rd_fail(err, RD_MALFORMED,
			"the TLS key is not an unencrypted private key in PEM form");
	}
	if (rc != 1 || SSL_CTX_check_private_key(ctx) != 1) {
		ERR_clear_error();
		return rd_fail(err, RD_WRONG_KEY, "the TLS key does not belong to the certificate");
	}
	return RD_OK;
}

static enum rd_status make_ctx(struct rd_view chain, struct rd_view key, int min_version,
	SSL_CTX **ret, struct rd_error *err)
{
	SSL_CTX *ctx RD_CLEANUP(free_ctx) = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, min_version) != 1) {
		return rd_fail(err, RD_NOMEM, "cannot make a TLS context");
	}
	/* Requests and answers hold secrets: records are not left in clear once they are read. */
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					       SSL_OP_IGNORE_UNEXPECTED_EOF |
					       SSL_OP_CLEANSE_PLAINTEXT);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	RD_TRY(use_chain(ctx, chain, err));
	RD_TRY(use_key(ctx, key, err));
	*ret = rd_steal(&ctx, NULL);
	return RD_OK;
}

enum rd_status rd_tls_server_new(
	struct rd_view chain, struct rd_view key, struct rd_tls_server **ret, struct rd_error *err)
{
	struct rd_tls_server *server;
	SSL_CTX *ctx = NULL;

	RD_TRY(make_ctx(chain, key, TLS1_2_VERSION, &ctx, err));
	server = calloc(1, sizeof(*server));
	if (server == NULL) {
		SSL_CTX_free(ctx);
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	(void)pthread_mutex_init(&server->lock, NULL);
	server->ctx = ctx;
	server->min_version = TLS1_2_VERSION;
	*ret = server;
	return RD_OK;
}

enum rd_status rd_tls_server_require_13(struct rd_tls_server *server)
{
	int rc;

	(void)pthread_mutex_lock(&server->lock);
	server->min_version = TLS1_3_VERSION;
	rc = SSL_CTX_set_min_proto_version(server->ctx, TLS1_3_VERSION);
	(void)pthread_mutex_unlock(&server->lock);
	return rc == 1 ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_tls_server_replace(struct rd_tls_server *server, struct rd_view chain,
	struct rd_view key, struct rd_error *err)
{
	SSL_CTX *ctx = NULL, *old;
	int min_version;

	(void)pthread_mutex_lock(&server->lock);
	min_version = server->min_version;
	(void)pthread_mutex_unlock(&server->lock);
	RD_TRY(make_ctx(chain, key, min_version, &ctx, err));
	(void)pthread_mutex_lock(&server->lock);
	old = server->ctx;
	server->ctx = ctx;
	(void)pthread_mutex_unlock(&server->lock);
	SSL_CTX_free(old);
	return RD_OK;
}

void rd_tls_server_free(struct rd_tls_server **server)
{
	if (*server != NULL) {
		SSL_CTX_free((*server)->ctx);
		(void)pthread_mutex_destroy(&(*server)->lock);
		free(*server);
		*server = NULL;
	}
}

/* --- sessions --- */

struct rd_tls_server_session {
	SSL *ssl;
};

enum rd_status rd_tls_server_session_new(
	struct rd_tls_server *server, int fd, struct rd_tls_server_session **ret)
{
	struct rd_tls_server_session *session = calloc(1, sizeof(*session));

	RD_ENSURE(session != NULL, RD_NOMEM);
	(void)pthread_mutex_lock(&server->lock);
	session->ssl = SSL_new(server->ctx);
	(void)pthread_mutex_unlock(&server->lock);
	if (session->ssl == NULL || SSL_set_fd(session->ssl, fd) != 1) {
		ERR_clear_error();
		rd_tls_server_session_free(&session);
		return RD_NOMEM;
	}
	SSL_set_accept_state(session->ssl);
	*ret = session;
	return RD_OK;
}

void rd_tls_server_session_free(struct rd_tls_server_session **session)
{
	if (*session != NULL) {
		SSL_free((*session)->ssl);
		free(rd_steal(session, NULL));
	}
}

static enum rd_status why(const struct rd_tls_server_session *session, enum rd_tls_wait *ret_wait)
{
	int error = SSL_get_error(session->ssl, 0);

	ERR_clear_error();
	switch (error) {
	case SSL_ERROR_WANT_READ:
		*ret_wait = RD_TLS_WAIT_READ;
		return RD_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		*ret_wait = RD_TLS_WAIT_WRITE;
		return RD_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return RD_CLOSED;
	default:
		return RD_IO;
	}
}

enum rd_status rd_tls_server_session_read(struct rd_tls_server_session *session, void *dst,
	size_t cap, size_t *ret_n, enum rd_tls_wait *ret_wait)
{
	ERR_clear_error();
	if (SSL_read_ex(session->ssl, dst, cap, ret_n) == 1) {
		return RD_OK;
	}
	return why(session, ret_wait);
}

enum rd_status rd_tls_server_session_write(struct rd_tls_server_session *session,
	struct rd_view bytes, size_t *ret_n, enum rd_tls_wait *ret_wait)
{
	ERR_clear_error();
	if (SSL_write_ex(session->ssl, bytes.ptr, bytes.len, ret_n) == 1) {
		return RD_OK;
	}
	return why(session, ret_wait);
}
