/* SPDX-License-Identifier: Apache-2.0 */
/* TLS clients over memory. */
#include "crypto/tls_client.h"

#include "crypto/internal.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct rd_tls_client {
	SSL_CTX *ctx;
};

struct rd_tls_session {
	SSL *ssl;
	BIO *in;  /* from the stream; both are ssl's */
	BIO *out; /* to the stream */
};

static enum rd_status add_roots(SSL_CTX *ctx, struct rd_view roots, struct rd_error *err)
{
	BIO *bio RD_CLEANUP(rd_crypto_bio_free) = BIO_new_mem_buf(roots.ptr, (int)roots.len);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	int count = 0, rc = 1;
	X509 *cert;

	RD_ENSURE(bio != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	while (rc == 1 && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		rc = ++count <= RD_TLS_ROOTS_MAX ? X509_STORE_add_cert(store, cert) : 0;
		X509_free(cert);
	}
	/* The end of the text is "no start line"; everything else is a certificate that is broken.
	 */
	if (rc == 1 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		rc = 0;
	}
	ERR_clear_error();
	if (count > RD_TLS_ROOTS_MAX) {
		return rd_fail(err, RD_LIMIT, "more than %d certificates", RD_TLS_ROOTS_MAX);
	}
	if (count == 0 || rc != 1) {
		return rd_fail(err, RD_MALFORMED,
			"certificate %d cannot be read: a PEM file of CA certificates is wanted",
			count + 1);
	}
	return RD_OK;
}

static enum rd_status set_up(SSL_CTX *ctx, struct rd_view roots, struct rd_error *err)
{
	static const unsigned char alpn[] = "\x08http/1.1";

	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0) {
		return rd_fail(err, RD_NOMEM, "cannot make a TLS context");
	}
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					       SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	RD_ENSURE(roots.len <= INT32_MAX, rd_fail(err, RD_LIMIT, "the CA file is too large"));
	return add_roots(ctx, roots, err);
}

enum rd_status rd_tls_client_new(
	struct rd_view roots, struct rd_tls_client **ret, struct rd_error *err)
{
	struct rd_tls_client *client = calloc(1, sizeof(*client));
	enum rd_status st;

	RD_ENSURE(client != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	client->ctx = SSL_CTX_new(TLS_client_method());
	st = client->ctx == NULL ? rd_fail(err, RD_NOMEM, "cannot make a TLS context")
				 : set_up(client->ctx, roots, err);
	if (st != RD_OK) {
		rd_tls_client_free(&client);
		return st;
	}
	*ret = client;
	return RD_OK;
}

void rd_tls_client_free(struct rd_tls_client **client)
{
	if (*client != NULL) {
		SSL_CTX_free((*client)->ctx);
		free(*client);
		*client = NULL;
	}
}

static bool is_address(const char *host)
{
	uint8_t storage[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, storage) == 1 || inet_pton(AF_INET6, host, storage) == 1;
}

static enum rd_status set_host(SSL *ssl, const char *host)
{
	size_t len = strlen(host);

	RD_ENSURE(len > 0 && len <= RD_TLS_HOST_MAX, RD_USAGE);
	if (is_address(host)) {
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 ? RD_OK
										     : RD_NOMEM;
	}
	SSL_set_hostflags(
		ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	RD_ENSURE(SSL_set1_host(ssl, host) == 1, RD_NOMEM);
	/* What the macro SSL_set_tlsext_host_name does, which casts const away. */
	return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		       (void *)(uintptr_t)host) == 1
		       ? RD_OK
		       : RD_NOMEM;
}

static enum rd_status start(
	struct rd_tls_session *session, struct rd_tls_client *client, const char *host)
{
	session->ssl = SSL_new(client->ctx);
	session->in = BIO_new(BIO_s_mem());
	session->out = BIO_new(BIO_s_mem());
	if (session->ssl == NULL || session->in == NULL || session->out == NULL) {
		BIO_free(session->in);
		BIO_free(session->out);
		return RD_NOMEM;
	}
	/* An empty memory BIO means "not yet", not the end. */
	(void)BIO_set_mem_eof_return(session->in, -1);
	SSL_set_bio(session->ssl, session->in, session->out);
	SSL_set_connect_state(session->ssl);
	return set_host(session->ssl, host);
}

enum rd_status rd_tls_session_new(
	struct rd_tls_client *client, const char *host, struct rd_tls_session **ret)
{
	struct rd_tls_session *session = calloc(1, sizeof(*session));
	enum rd_status st;

	RD_ENSURE(session != NULL, RD_NOMEM);
	st = start(session, client, host);
	ERR_clear_error();
	if (st != RD_OK) {
		rd_tls_session_free(&session);
		return st;
	}
	*ret = session;
	return RD_OK;
}

void rd_tls_session_free(struct rd_tls_session **session)
{
	if (*session != NULL) {
		SSL_free((*session)->ssl);
		free(*session);
		*session = NULL;
	}
}

/* The queue of errors is this thread's: it is emptied before each call and after. */
static enum rd_status outcome(struct rd_tls_session *session, int rc)
{
	int why = SSL_get_error(session->ssl, rc);

	if (why == SSL_ERROR_ZERO_RETURN) {
		return RD_CLOSED;
	}
	return why == SSL_ERROR_WANT_READ ? RD_AGAIN : RD_MALFORMED;
}

static enum rd_status refuse(struct rd_tls_session *session, struct rd_error *err)
{
	long verdict = SSL_get_verify_result(session->ssl);
	unsigned long e = ERR_peek_error();

	if (verdict != X509_V_OK) {
		return rd_fail(err, RD_UNTRUSTED, "the server's certificate is not trusted: %s",
			X509_verify_cert_error_string(verdict));
	}
	return rd_fail(err, RD_MALFORMED, "the TLS handshake failed: %s",
		e == 0 ? "unexpected bytes" : ERR_reason_error_string(e));
}

enum rd_status rd_tls_session_handshake(struct rd_tls_session *session, struct rd_error *err)
{
	enum rd_status st;
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(session->ssl);
	st = rc == 1 ? RD_OK : outcome(session, rc);
	if (st != RD_OK && st != RD_AGAIN) {
		st = refuse(session, err);
	}
	ERR_clear_error();
	return st;
}

enum rd_status rd_tls_session_input(struct rd_tls_session *session, struct rd_view bytes)
{
	RD_ENSURE(bytes.len > 0 && bytes.len <= INT32_MAX, RD_USAGE);
	return BIO_write(session->in, bytes.ptr, (int)bytes.len) == (int)bytes.len ? RD_OK
										   : RD_NOMEM;
}

enum rd_status rd_tls_session_output(struct rd_tls_session *session, struct rd_buf *out)
{
	size_t n = (size_t)BIO_pending(session->out);
	uint8_t *dst;

	if (n > out->max - out->used) {
		n = out->max - out->used;
	}
	if (n == 0) {
		return RD_OK;
	}
	RD_TRY(rd_buf_reserve(out, n, &dst));
	return BIO_read(session->out, dst, (int)n) == (int)n ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_tls_session_write(struct rd_tls_session *session, struct rd_view bytes)
{
	size_t written = 0;
	int rc;

	RD_ENSURE(bytes.len > 0, RD_USAGE);
	ERR_clear_error();
	rc = SSL_write_ex(session->ssl, bytes.ptr, bytes.len, &written);
	ERR_clear_error();
	/* A memory BIO takes everything. */
	return rc == 1 && written == bytes.len ? RD_OK : RD_INTERNAL;
}

enum rd_status rd_tls_session_read(
	struct rd_tls_session *session, void *dst, size_t n, size_t *ret_got)
{
	enum rd_status st = RD_OK;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(session->ssl, dst, n, ret_got);
	if (rc != 1) {
		st = outcome(session, rc);
	}
	ERR_clear_error();
	return st;
}
