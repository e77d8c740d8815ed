/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payments-enclave as an ordinary process: the same code over Unix sockets, documents by
 * document_maker.c under a chain that is kept in a directory, so that a key server can trust its
 * root however often the process is started.
 *
 *	payments-enclave-host CONFIG POLICY PKI_DIR LINK_SOCKET KMS_SOCKET GATEWAY_SOCKET
 *
 * It makes PKI_DIR's chain when there is none, prints "ready" and serves.
 */
#include "document_maker.h"
#include "enclave/enclave.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int make_document(void *arg, struct rd_view public_key, struct rd_view user_data,
	struct rd_view nonce, struct rd_buf *out)
{
	struct document_maker *maker = arg;
	const struct document_fields fields = {
		.public_key = public_key, .user_data = user_data, .nonce = nonce};

	maker->now_s = time(NULL);
	document_maker_sign(maker, &fields, out);
	return 0;
}

int main(int argc, char **argv)
{
	struct rd_buf json = rd_buf_growable(CONFIG_SIZE_MAX);
	struct rd_buf policy = rd_buf_growable(PAY_POLICY_MAX);
	struct document_maker maker;
	struct surroundings around = {.documents = {make_document, &maker}};
	struct rd_error err = {.text = ""};
	struct config config;

	if (argc != 7) {
		fprintf(stderr, "usage: payments-enclave-host CONFIG POLICY PKI_DIR LINK_SOCKET "
				"KMS_SOCKET GATEWAY_SOCKET\n");
		return 2;
	}
	around.link.unix_path = argv[4];
	around.kms.unix_path = argv[5];
	around.gateway.unix_path = argv[6];
	if (config_read_file(argv[1], &json, &err) != RD_OK ||
		config_parse(rd_buf_view(&json), &config, &err) != RD_OK ||
		config_read_file(argv[2], &policy, &err) != RD_OK) {
		fprintf(stderr, "payments-enclave-host: %s\n", err.text);
		return 1;
	}
	document_maker_keep(&maker, argv[3], time(NULL));
	puts("ready");
	(void)fflush(stdout);
	if (enclave_run(&config, rd_buf_view(&policy), &around, &err) != RD_OK) {
		fprintf(stderr, "payments-enclave-host: %s\n", err.text);
	}
	document_maker_finish(&maker);
	rd_buf_finish(&json);
	rd_buf_finish(&policy);
	return 1;
}
