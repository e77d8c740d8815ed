/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what TLS is made of. */
#include "http/tls_files.h"

#include "base/secret.h"
#include "os/file.h"

/* Certificates of a chain; a key is far smaller. */
#define PEM_MAX 65536

enum rd_status rd_http_tls_load(const char *chain_path, const char *key_path,
	struct rd_tls_server **tls, struct rd_error *err)
{
	struct rd_buf chain RD_CLEANUP(rd_buf_finish) = rd_buf_growable(PEM_MAX);
	uint8_t text[PEM_MAX / 8];
	struct rd_buf key = rd_buf_fixed(text, sizeof(text));
	enum rd_status st;

	RD_TRY(rd_file_read(chain_path, &chain, err));
	st = rd_file_read(key_path, &key, err);
	if (st == RD_OK && *tls == NULL) {
		st = rd_tls_server_new(rd_buf_view(&chain), rd_buf_view(&key), tls, err);
	} else if (st == RD_OK) {
		st = rd_tls_server_replace(*tls, rd_buf_view(&chain), rd_buf_view(&key), err);
	}
	rd_wipe(text, sizeof(text));
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "tls_certificate and tls_key");
}
