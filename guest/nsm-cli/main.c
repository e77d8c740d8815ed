/* SPDX-License-Identifier: Apache-2.0 */
/* nsm-cli: the NSM from a shell or a script inside an enclave. */
#include "nsm-cli/cli.h"

#include "base/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: nsm-cli COMMAND [OPTION]...\n"
	"\n"
	"Commands:\n"
	"  describe           what the NSM says of itself, as JSON\n"
	"  attest             a signed attestation document\n"
	"  pcr N              lock and value of register N, as JSON\n"
	"  extend N           extend register N with --data or --data-hex\n"
	"  lock N             lock register N, for the enclave's lifetime\n"
	"  lock-range N       lock the first N registers, 0 to N-1\n"
	"  random [N]         N random bytes, 32 unless told\n"
	"\n"
	"Options of attest:\n"
	"  --user-data FILE   --user-data-hex HEX\n"
	"  --nonce FILE       --nonce-hex HEX\n"
	"  --public-key FILE  --public-key-hex HEX\n"
	"Options of extend:\n"
	"  --data FILE        --data-hex HEX\n"
	"Output of attest and random, raw bytes on standard output unless told:\n"
	"  --hex, --base64    as a line of text\n"
	"  --output FILE      to a file\n"
	"\n"
	"FILE may be - for standard input.\n"
	"Exit codes: 0 done, 1 wrong usage, 2 no device or file error, 3 refused by the NSM.\n";

enum option_id {
	OPT_HELP = 256,
	OPT_OUTPUT,
	OPT_HEX,
	OPT_BASE64,
	OPT_FILE, /* from here on inputs, in pairs: file, hex */
};

#define INPUT_COUNT 4

static const struct option long_options[] = {
	{"help", no_argument, NULL, OPT_HELP},
	{"output", required_argument, NULL, OPT_OUTPUT},
	{"hex", no_argument, NULL, OPT_HEX},
	{"base64", no_argument, NULL, OPT_BASE64},
	{"user-data", required_argument, NULL, OPT_FILE + 0},
	{"user-data-hex", required_argument, NULL, OPT_FILE + 1},
	{"nonce", required_argument, NULL, OPT_FILE + 2},
	{"nonce-hex", required_argument, NULL, OPT_FILE + 3},
	{"public-key", required_argument, NULL, OPT_FILE + 4},
	{"public-key-hex", required_argument, NULL, OPT_FILE + 5},
	{"data", required_argument, NULL, OPT_FILE + 6},
	{"data-hex", required_argument, NULL, OPT_FILE + 7},
	{0},
};

/* What a command takes; an option that would be ignored is an error. */
enum takes { TAKES_FIELDS = 1, TAKES_DATA = 2, TAKES_OUTPUT = 4, TAKES_NUMBER = 8 };

/* What the protocol can say; the NSM itself judges what is too large. */
#define PROTOCOL_NUMBER                                                                            \
	{                                                                                          \
		0, UINT16_MAX, 0                                                                   \
	}

static const struct command {
	const char *name;
	unsigned takes;
	struct number {
		uint32_t min;
		uint32_t max;
		uint32_t otherwise; /* when it is left out; 0: it may not be */
	} number;
	int (*run)(int32_t fd, const struct cli_options *o);
} commands[] = {
	{"describe", 0, {0}, cli_describe},
	{"attest", TAKES_FIELDS | TAKES_OUTPUT, {0}, cli_attest},
	{"pcr", TAKES_NUMBER, PROTOCOL_NUMBER, cli_pcr},
	{"extend", TAKES_NUMBER | TAKES_DATA, PROTOCOL_NUMBER, cli_extend},
	{"lock", TAKES_NUMBER, PROTOCOL_NUMBER, cli_lock},
	{"lock-range", TAKES_NUMBER, PROTOCOL_NUMBER, cli_lock_range},
	{"random", TAKES_NUMBER | TAKES_OUTPUT, {1, CLI_RANDOM_MAX, CLI_RANDOM_DEFAULT},
		cli_random},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(commands); i++) {
		if (strcmp(name, commands[i].name) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

static int take_input(struct cli_input *in, bool hex, const char *name, const char *value)
{
	struct rd_error err;
	enum rd_status st;

	if (in->given) {
		cli_say("--%s: given twice", name);
		return EXIT_USAGE;
	}
	in->given = true;
	if (hex) {
		st = rd_hex_decode(rd_view_str(value), &in->bytes);
		if (st != RD_OK) {
			cli_say("--%s: not hexadecimal, or longer than %d bytes", name,
				CLI_INPUT_MAX);
			return EXIT_USAGE;
		}
		return EXIT_DONE;
	}
	if (cli_read_file(value, &in->bytes, &err) != RD_OK) {
		cli_say("--%s: %s", name, err.text);
		return EXIT_SYSTEM;
	}
	return EXIT_DONE;
}

static int take_option(const struct command *cmd, struct cli_options *o, int id, const char *name)
{
	struct cli_input *const inputs[INPUT_COUNT] = {
		&o->user_data, &o->nonce, &o->public_key, &o->data};
	unsigned input = (unsigned)(id - OPT_FILE) / 2;
	unsigned needs = TAKES_OUTPUT;

	if (id >= OPT_FILE) {
		needs = inputs[input] == &o->data ? TAKES_DATA : TAKES_FIELDS;
	}
	if (!(cmd->takes & needs)) {
		cli_say("%s takes no --%s", cmd->name, name);
		return EXIT_USAGE;
	}
	if (id >= OPT_FILE) {
		return take_input(inputs[input], (id - OPT_FILE) % 2 == 1, name, optarg);
	}
	if (id == OPT_OUTPUT) {
		o->output = optarg;
	} else {
		o->form = id == OPT_HEX ? FORM_HEX : FORM_BASE64;
	}
	return EXIT_DONE;
}

static int take_operand(const struct command *cmd, struct cli_options *o, char **left, int count)
{
	int most = cmd->takes & TAKES_NUMBER ? 1 : 0;
	uint64_t n = cmd->number.otherwise;

	if (count > most) {
		cli_say("%s does not understand '%s'", cmd->name, left[most]);
		return EXIT_USAGE;
	}
	if (most == 1 && count == 0 && n == 0) {
		cli_say("%s needs a number", cmd->name);
		return EXIT_USAGE;
	}
	if (count == 1 && rd_parse_u64(left[0], cmd->number.min, cmd->number.max, &n) != RD_OK) {
		cli_say("'%s' is not a number from %u to %u", left[0], cmd->number.min,
			cmd->number.max);
		return EXIT_USAGE;
	}
	o->number = (uint32_t)n;
	return EXIT_DONE;
}

/* *ret_help: print the usage and be done. argv starts with the command's name. */
static int parse(
	const struct command *cmd, int argc, char **argv, struct cli_options *o, bool *ret_help)
{
	int at = 0;
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "h", long_options, &at)) != -1) {
		int code;

		if (id == '?') {
			cli_say("%s: '%s' is no option of nsm-cli, or lacks its value", cmd->name,
				argv[optind - 1]);
			return EXIT_USAGE;
		}
		if (id == 'h' || id == OPT_HELP) {
			*ret_help = true;
			return EXIT_DONE;
		}
		code = take_option(cmd, o, id, long_options[at].name);
		if (code != EXIT_DONE) {
			return code;
		}
	}
	return take_operand(cmd, o, argv + optind, argc - optind);
}

static int run(const struct command *cmd, const struct cli_options *o)
{
	int32_t fd = nsm_lib_init();
	int code;

	if (fd < 0) {
		cli_say("cannot open /dev/nsm: %s: nsm-cli works inside an enclave only",
			strerror(errno));
		return EXIT_SYSTEM;
	}
	code = cmd->run(fd, o);
	nsm_lib_exit(fd);
	return code;
}

int main(int argc, char **argv)
{
	static uint8_t storage[INPUT_COUNT][CLI_INPUT_MAX];
	struct cli_options o = {
		.user_data.bytes = rd_buf_fixed(storage[0], CLI_INPUT_MAX),
		.nonce.bytes = rd_buf_fixed(storage[1], CLI_INPUT_MAX),
		.public_key.bytes = rd_buf_fixed(storage[2], CLI_INPUT_MAX),
		.data.bytes = rd_buf_fixed(storage[3], CLI_INPUT_MAX),
	};
	const struct command *cmd;
	bool help = false;
	int code;

	if (argc < 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(usage, stdout);
		return EXIT_DONE;
	}
	cmd = find_command(argv[1]);
	if (cmd == NULL) {
		cli_say("unknown command '%s': see nsm-cli --help", argv[1]);
		return EXIT_USAGE;
	}
	code = parse(cmd, argc - 1, argv + 1, &o, &help);
	if (help) {
		fputs(usage, stdout);
		return EXIT_DONE;
	}
	return code == EXIT_DONE ? run(cmd, &o) : code;
}
