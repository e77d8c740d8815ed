/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the command line. */
#include "kmstool/args.h"

#include "base/text.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
	"usage: kmstool_enclave_cli COMMAND [OPTION]...\n"
	"\n"
	"Commands:\n"
	"  decrypt     decrypt a ciphertext: prints PLAINTEXT: <base64>\n"
	"  genkey      make a data key: prints CIPHERTEXT: <base64> and PLAINTEXT: <base64>\n"
	"  genrandom   make random bytes: prints PLAINTEXT: <base64>\n"
	"\n"
	"Options of all commands:\n"
	"  -r, --region REGION                the key's region, us-east-1 unless told\n"
	"  -x, --proxy-port PORT              vsock port of the proxy, 8000 unless told\n"
	"  -k, --aws-access-key-id ID         credentials: all three are needed\n"
	"  -s, --aws-secret-access-key KEY\n"
	"  -t, --aws-session-token TOKEN\n"
	"      --endpoint HOST[:PORT]         the server's name, kms.REGION.amazonaws.com unless told\n"
	"      --ca-file FILE                 CA certificates, the system's unless told\n"
	"      --vsock-cid CID                where the proxy is, 3 (the parent) unless told\n"
	"      --timeout SECONDS              for the whole call, 30 unless told\n"
	"      --bind-request                 put the request's digest into the document\n"
	"  -h, --help\n"
	"Options of decrypt and genkey:\n"
	"  -K, --key-id KEY                   id, ARN or alias; genkey needs it\n"
	"      --encryption-context NAME=VALUE  may be repeated\n"
	"Options of decrypt:\n"
	"  -c, --ciphertext BASE64            needed\n"
	"  -a, --encryption-algorithm NAME    SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1 or\n"
	"                                     RSAES_OAEP_SHA_256; needed with --key-id\n"
	"Options of genkey:\n"
	"  -p, --key-spec SPEC                AES-256 or AES-128; needed\n"
	"Options of genrandom:\n"
	"  -l, --length N                     1 to 1024 bytes; needed\n"
	"\n"
	"Exit codes: 0 done, 1 wrong usage, 255 failed.\n";

enum { OPT_ENDPOINT = 256, OPT_CA_FILE, OPT_CID, OPT_TIMEOUT, OPT_BIND, OPT_CONTEXT };

static const struct option options[] = {
	{"region", required_argument, NULL, 'r'},
	{"proxy-port", required_argument, NULL, 'x'},
	{"aws-access-key-id", required_argument, NULL, 'k'},
	{"aws-secret-access-key", required_argument, NULL, 's'},
	{"aws-session-token", required_argument, NULL, 't'},
	{"ciphertext", required_argument, NULL, 'c'},
	{"key-id", required_argument, NULL, 'K'},
	{"encryption-algorithm", required_argument, NULL, 'a'},
	{"key-spec", required_argument, NULL, 'p'},
	{"length", required_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{"endpoint", required_argument, NULL, OPT_ENDPOINT},
	{"ca-file", required_argument, NULL, OPT_CA_FILE},
	{"vsock-cid", required_argument, NULL, OPT_CID},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"bind-request", no_argument, NULL, OPT_BIND},
	{"encryption-context", required_argument, NULL, OPT_CONTEXT},
	{0},
};

/* An hour: nobody waits longer for one call. */
#define TIMEOUT_S_MAX 3600

static const struct {
	const char *name;
	enum rdkms_operation operation;
	int own[5]; /* its options besides those of all commands; 0 ends */
} commands[] = {
	{"decrypt", RDKMS_DECRYPT, {'c', 'K', 'a', OPT_CONTEXT, 0}},
	{"genkey", RDKMS_GENERATE_DATA_KEY, {'K', 'p', OPT_CONTEXT, 0, 0}},
	{"genrandom", RDKMS_GENERATE_RANDOM, {'l', 0, 0, 0, 0}},
};

static bool is_taken(size_t command, int id)
{
	static const int of_all[] = {
		'r', 'x', 'k', 's', 't', OPT_ENDPOINT, OPT_CA_FILE, OPT_CID, OPT_TIMEOUT, OPT_BIND};

	for (size_t i = 0; i < RD_ARRAY_LEN(of_all); i++) {
		if (of_all[i] == id) {
			return true;
		}
	}
	for (size_t i = 0; commands[command].own[i] != 0; i++) {
		if (commands[command].own[i] == id) {
			return true;
		}
	}
	return false;
}

static int show_usage(FILE *messages)
{
	fputs(usage, messages);
	return CLI_EXIT_USAGE;
}

static int take_number(const char *name, const char *text, uint64_t min, uint64_t max,
	FILE *messages, uint32_t *ret)
{
	uint64_t value;

	if (rd_parse_u64(text, min, max, &value) != RD_OK) {
		fprintf(messages, "--%s must be a number from %llu to %llu, not '%s'\n", name,
			(unsigned long long)min, (unsigned long long)max, text);
		return CLI_EXIT_USAGE;
	}
	*ret = (uint32_t)value;
	return 0;
}

static int take_context(char *text, FILE *messages, struct cli_args *args)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || equals == text) {
		fprintf(messages, "--encryption-context must be NAME=VALUE, not '%s'\n", text);
		return CLI_EXIT_USAGE;
	}
	*equals = '\0';
	for (size_t i = 0; i < args->n_context; i++) {
		if (strcmp(args->context[i].name, text) == 0) {
			fprintf(messages, "--encryption-context has '%s' twice\n", text);
			return CLI_EXIT_USAGE;
		}
	}
	if (args->n_context == RDKMS_CONTEXT_MAX) {
		fprintf(messages, "--encryption-context: more than %d\n", RDKMS_CONTEXT_MAX);
		return CLI_EXIT_USAGE;
	}
	args->context[args->n_context++] = (struct rdkms_pair){text, equals + 1};
	return 0;
}

/* AWS's program has a hyphen where the API has an underscore. */
static int take_key_spec(const char *text, FILE *messages, struct cli_args *args)
{
	if (strcmp(text, "AES-256") == 0) {
		args->key_spec = "AES_256";
	} else if (strcmp(text, "AES-128") == 0) {
		args->key_spec = "AES_128";
	} else {
		fprintf(messages, "--key-spec must be AES-256 or AES-128, not '%s'\n", text);
		return CLI_EXIT_USAGE;
	}
	return 0;
}

static int take_timeout(FILE *messages, struct cli_args *args)
{
	uint32_t seconds;
	int code = take_number("timeout", optarg, 1, TIMEOUT_S_MAX, messages, &seconds);

	if (code == 0) {
		args->config.timeout_ms = seconds * 1000;
	}
	return code;
}

static int take(int id, FILE *messages, struct cli_args *args)
{
	struct rdkms_config *config = &args->config;
	const struct {
		int id;
		const char **at;
	} texts[] = {
		{'r', &config->region},
		{'k', &config->access_key_id},
		{'s', &config->secret_access_key},
		{'t', &config->session_token},
		{'c', &args->ciphertext},
		{'K', &args->key_id},
		{'a', &args->algorithm},
		{OPT_ENDPOINT, &config->endpoint},
		{OPT_CA_FILE, &config->ca_file},
	};

	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		if (texts[i].id == id) {
			*texts[i].at = optarg;
			return 0;
		}
	}
	switch (id) {
	case 'x':
		return take_number(
			"proxy-port", optarg, 1, UINT32_MAX - 1, messages, &config->vsock_port);
	case 'l':
		return take_number("length", optarg, 1, RDKMS_RANDOM_MAX, messages, &args->length);
	case 'p':
		return take_key_spec(optarg, messages, args);
	case OPT_CID:
		return take_number(
			"vsock-cid", optarg, 0, UINT32_MAX - 1, messages, &config->vsock_cid);
	case OPT_TIMEOUT:
		return take_timeout(messages, args);
	case OPT_CONTEXT:
		return take_context(optarg, messages, args);
	default:
		config->bind_request = true;
		return 0;
	}
}

static int check(const struct cli_args *args, FILE *messages)
{
	enum rdkms_operation operation = args->operation;
	const struct {
		const char *name;
		bool missing;
	} needs[] = {
		{"aws-access-key-id", args->config.access_key_id == NULL},
		{"aws-secret-access-key", args->config.secret_access_key == NULL},
		{"aws-session-token", args->config.session_token == NULL},
		{"ciphertext", operation == RDKMS_DECRYPT && args->ciphertext == NULL},
		{"key-id", operation == RDKMS_GENERATE_DATA_KEY && args->key_id == NULL},
		{"key-spec", operation == RDKMS_GENERATE_DATA_KEY && args->key_spec == NULL},
		{"length", operation == RDKMS_GENERATE_RANDOM && args->length == 0},
	};

	for (size_t i = 0; i < RD_ARRAY_LEN(needs); i++) {
		if (needs[i].missing) {
			fprintf(messages, "--%s must be set\n", needs[i].name);
			return show_usage(messages);
		}
	}
	return 0;
}

static int parse_options(
	size_t command, int argc, char **argv, FILE *messages, struct cli_args *args)
{
	int id, code;

	opterr = 0;
	optind = 0; /* from the beginning, whoever has used getopt before */
	while ((id = getopt_long(argc, argv, "r:x:k:s:t:c:K:a:p:l:h", options, NULL)) != -1) {
		if (id == 'h') {
			return show_usage(messages);
		}
		if (id == '?' || !is_taken(command, id)) {
			fprintf(messages,
				"%s: '%s' is not understood, lacks its value or is an option of "
				"another command\n",
				commands[command].name, argv[optind - 1]);
			return show_usage(messages);
		}
		code = take(id, messages, args);
		if (code != 0) {
			return code;
		}
	}
	if (optind < argc) {
		fprintf(messages, "%s: '%s' is not understood\n", commands[command].name,
			argv[optind]);
		return show_usage(messages);
	}
	return check(args, messages);
}

int cli_parse(int argc, char **argv, FILE *messages, struct cli_args *ret)
{
	*ret = (struct cli_args){0};
	rdkms_config_init(&ret->config);
	ret->config.region = "us-east-1";
	for (size_t i = 0; argc > 1 && i < RD_ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			ret->operation = commands[i].operation;
			return parse_options(i, argc - 1, argv + 1, messages, ret);
		}
	}
	if (argc > 1 && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0) {
		fprintf(messages, "unknown command '%s'\n", argv[1]);
	}
	return show_usage(messages);
}
