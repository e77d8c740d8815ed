/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kmstool_enclave_cli as it is, but for the NSM, which is document_maker.c, and the way out, which
 * is the Unix socket KMSTOOL_SOCKET. KMSTOOL_NSM=fails: the NSM gives no document.
 *
 *     kmstool-driver decrypt|genkey|genrandom …           as kmstool_enclave_cli
 *     kmstool-driver encrypt CA_FILE KEY_ID PLAINTEXT     what only the library does
 */
#include "base/text.h"
#include "document_maker.h"
#include "kmstool/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int attest(void *arg, const uint8_t *public_key, size_t public_key_len,
	const uint8_t *user_data, size_t user_data_len, uint8_t *document, size_t *ret_len)
{
	const struct document_fields fields = {
		.public_key = rd_view(public_key, public_key_len),
		.user_data = rd_view(user_data, user_data_len),
	};
	struct rd_buf out = rd_buf_fixed(document, RDKMS_DOCUMENT_MAX);
	struct document_maker maker;

	(void)arg;
	if (getenv("KMSTOOL_NSM") != NULL) {
		return -1;
	}
	document_maker_init(&maker, time(NULL));
	document_maker_sign(&maker, &fields, &out);
	document_maker_finish(&maker);
	*ret_len = out.used;
	return 0;
}

static enum rdkms_status no_seed(struct rdkms_error *err)
{
	(void)err;
	return RDKMS_OK;
}

static int encrypt(char **argv, const struct cli_surroundings *surroundings)
{
	static struct rdkms_result result;
	static const struct rdkms_pair context[] = {{"b", "2"}, {"a", "\xc3\xa4\n"}};
	struct rdkms_client *client = NULL;
	struct rdkms_config config;
	struct rdkms_error err;
	const struct rdkms_request request = {
		.operation = RDKMS_ENCRYPT,
		.key_id = argv[3],
		.plaintext = {(const uint8_t *)argv[4], strlen(argv[4])},
		.context = context,
		.n_context = RD_ARRAY_LEN(context),
	};

	rdkms_config_init(&config);
	config.region = "us-east-1";
	config.unix_path = surroundings->unix_path;
	config.ca_file = argv[2];
	config.access_key_id = "AKIDEXAMPLE";
	config.secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
	if (rdkms_init(&err) != RDKMS_OK || rdkms_client_new(&config, &client, &err) != RDKMS_OK ||
		rdkms_call(client, &request, &result, &err) != RDKMS_OK) {
		fprintf(stderr, "%d %s\n", err.status, err.text);
		rdkms_client_free(&client);
		return 1;
	}
	printf("%s ", result.key_arn);
	(void)fwrite(result.ciphertext, 1, result.ciphertext_len, stdout);
	rdkms_result_finish(&result);
	rdkms_client_free(&client);
	return 0;
}

int main(int argc, char **argv)
{
	const struct cli_surroundings surroundings = {
		.documents.attest = attest,
		.seed = no_seed,
		.unix_path = getenv("KMSTOOL_SOCKET"),
	};

	if (argc == 5 && strcmp(argv[1], "encrypt") == 0) {
		return encrypt(argv, &surroundings);
	}
	return cli_run(argc, argv, &surroundings);
}
