/* SPDX-License-Identifier: Apache-2.0 */
/* Running a command and printing its result in AWS's form. */
#include "kmstool/cli.h"

#include "base/secret.h"
#include "base/text.h"
#include "crypto/secret.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* By operation: what AWS's program says last. */
static const char *const failures[] = {
	[RDKMS_DECRYPT] = "Could not decrypt ciphertext",
	[RDKMS_GENERATE_DATA_KEY] = "Could not generate data key",
	[RDKMS_GENERATE_RANDOM] = "Could not generate random bytes",
};

static int say(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return CLI_EXIT_FAILED;
}

/* Scripts match AWS's line, which ends behind the number; what we know more comes behind it. */
static int complain(const struct cli_args *args, const struct rdkms_error *err)
{
	if (err->status == RDKMS_REFUSED) {
		fprintf(stderr, "Got non-200 answer from KMS: %u\n", err->http_status);
	}
	fprintf(stderr, "kmstool_enclave_cli: %s\n", err->text);
	return say(failures[args->operation]);
}

static enum rd_status write_all(int fd, struct rd_view bytes)
{
	struct rd_cur c = rd_cur(bytes);

	while (c.left > 0) {
		ssize_t n = write(fd, c.ptr, c.left);

		RD_ENSURE(n >= 0 || errno == EINTR, RD_IO);
		RD_TRY(rd_cur_skip(&c, n < 0 ? 0 : (size_t)n));
	}
	return RD_OK;
}

static enum rd_status put_line(struct rd_buf *out, const char *name, struct rd_view bytes)
{
	RD_TRY(rd_buf_put_str(out, name));
	RD_TRY(rd_base64_encode(bytes, out));
	return rd_buf_u8(out, '\n');
}

/* From locked memory: stdio would keep a copy. */
static enum rd_status print_plaintext(struct rd_view plaintext)
{
	struct rd_secret text RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_buf out;

	RD_TRY(rd_secret_init(&text, RD_SECRET_SIZE_MAX));
	out = rd_buf_fixed(text.ptr, text.cap);
	RD_TRY(put_line(&out, "PLAINTEXT: ", plaintext));
	return write_all(STDOUT_FILENO, rd_buf_view(&out));
}

static enum rd_status print(const struct rdkms_result *result)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(2 * RDKMS_CIPHERTEXT_MAX);

	if (result->ciphertext_len > 0) {
		RD_TRY(put_line(
			&out, "CIPHERTEXT: ", rd_view(result->ciphertext, result->ciphertext_len)));
		RD_TRY(write_all(STDOUT_FILENO, rd_buf_view(&out)));
	}
	return print_plaintext(rd_view(result->plaintext.ptr, result->plaintext.len));
}

static bool is_algorithm(const char *name)
{
	return name != NULL &&
	       (strcmp(name, "SYMMETRIC_DEFAULT") == 0 || strcmp(name, "RSAES_OAEP_SHA_1") == 0 ||
		       strcmp(name, "RSAES_OAEP_SHA_256") == 0);
}

static int call(const struct cli_args *args, struct rdkms_client *client, struct rd_buf *ciphertext)
{
	struct rdkms_result result = {0};
	struct rdkms_error err;
	struct rdkms_request request = {
		.operation = args->operation,
		.key_id = args->key_id,
		.key_spec = args->key_spec,
		.number_of_bytes = args->length,
		.context = args->context,
		.n_context = args->n_context,
	};
	int code = CLI_EXIT_DONE;

	if (args->operation == RDKMS_DECRYPT) {
		request.ciphertext = (struct rdkms_bytes){ciphertext->ptr, ciphertext->used};
		/* Without a key AWS's program drops the algorithm. */
		request.algorithm = args->key_id == NULL ? NULL : args->algorithm;
	}
	if (rdkms_call(client, &request, &result, &err) != RDKMS_OK) {
		return complain(args, &err);
	}
	if (print(&result) != RD_OK) {
		code = say("kmstool_enclave_cli: cannot write to standard output");
	}
	rdkms_result_finish(&result);
	return code;
}

static int run(struct cli_args *args, const struct cli_surroundings *surroundings)
{
	struct rd_buf ciphertext RD_CLEANUP(rd_buf_finish) = rd_buf_growable(
		RDKMS_CIPHERTEXT_MAX + 2);
	struct rdkms_client *client RD_CLEANUP(rdkms_client_free) = NULL;
	struct rdkms_error err;

	if (args->operation == RDKMS_DECRYPT && args->key_id != NULL &&
		!is_algorithm(args->algorithm)) {
		return say("Invalid encryption algorithm");
	}
	if (args->ciphertext != NULL &&
		rd_base64_decode(rd_view_str(args->ciphertext), &ciphertext) != RD_OK) {
		(void)say("kmstool_enclave_cli: --ciphertext is not base64, or longer than a "
			  "ciphertext can be");
		return say(failures[args->operation]);
	}
	args->config.documents = surroundings->documents;
	args->config.unix_path = surroundings->unix_path;
	if (rdkms_init(&err) != RDKMS_OK || surroundings->seed(&err) != RDKMS_OK ||
		rdkms_client_new(&args->config, &client, &err) != RDKMS_OK) {
		return complain(args, &err);
	}
	return call(args, client, &ciphertext);
}

/* Out of /proc/self/cmdline, for what that is worth: they were there until now. */
static void wipe(const char *text)
{
	if (text != NULL) {
		rd_wipe((char *)(uintptr_t)text, strlen(text));
	}
}

int cli_run(int argc, char **argv, const struct cli_surroundings *surroundings)
{
	static struct cli_args args;
	int code = cli_parse(argc, argv, stderr, &args);

	if (code == 0) {
		code = run(&args, surroundings);
	}
	wipe(args.config.secret_access_key);
	wipe(args.config.session_token);
	return code;
}
