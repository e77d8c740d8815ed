/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of vsock-proxy. */
#include "vsock-proxy/args.h"

#include "base/text.h"

#include "vsock-proxy/allowlist.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define SLOT_MARK "-enc"

/* The original starts so many threads; more than this is a slip of the keyboard. */
#define WORKERS_MAX 65536

enum { OPTION_CONFIG = 256, OPTION_ENCLAVE_ID, OPTION_LISTEN, OPTION_RESOLV_CONF };

static const struct option options[] = {
	{"ipv4", no_argument, NULL, '4'},
	{"ipv6", no_argument, NULL, '6'},
	{"num_workers", required_argument, NULL, 'w'},
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"enclave-id", required_argument, NULL, OPTION_ENCLAVE_ID},
	{"listen", required_argument, NULL, OPTION_LISTEN},
	{"resolv-conf", required_argument, NULL, OPTION_RESOLV_CONF},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static enum rd_status set_families(
	struct rd_proxy_args *a, enum rd_proxy_families families, struct rd_error *err)
{
	if (a->families != RD_PROXY_MIXED && a->families != families) {
		return rd_fail(err, RD_USAGE, "--ipv4 and --ipv6 exclude each other");
	}
	a->families = families;
	return RD_OK;
}

static enum rd_status check_workers(const char *text, struct rd_error *err)
{
	uint64_t n;

	if (rd_parse_u64(text, 1, WORKERS_MAX, &n) != RD_OK) {
		return rd_fail(err, RD_BAD_NUMBER, "--num_workers \"%s\" is no number from 1 to %d",
			text, WORKERS_MAX);
	}
	return RD_OK;
}

bool rd_proxy_is_slot(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= RD_PROXY_SLOT_MAX && strspn(text, "0123456789abcdef") == len;
}

static enum rd_status set_enclave(struct rd_proxy_args *a, const char *id, struct rd_error *err)
{
	const char *mark = strstr(id, SLOT_MARK);
	const char *slot = mark == NULL ? "" : mark + strlen(SLOT_MARK);

	if (!rd_proxy_is_slot(slot)) {
		return rd_fail(err, RD_MALFORMED,
			"--enclave-id \"%s\" is no enclave's id: see nitro-cli describe-enclaves",
			id);
	}
	memcpy(a->slot, slot, strlen(slot) + 1);
	return RD_OK;
}

static enum rd_status set_source(struct rd_proxy_args *a, const char *where, struct rd_error *err)
{
	if (strcmp(where, "vsock") == 0) {
		a->source = RD_PROXY_VSOCK;
	} else if (strcmp(where, "local") == 0) {
		a->source = RD_PROXY_LOCAL;
	} else {
		return rd_fail(err, RD_USAGE, "--listen \"%s\": use vsock or local", where);
	}
	return RD_OK;
}

static enum rd_status take_option(
	int option, char **argv, struct rd_proxy_args *a, struct rd_error *err)
{
	switch (option) {
	case '4':
		return set_families(a, RD_PROXY_IPV4, err);
	case '6':
		return set_families(a, RD_PROXY_IPV6, err);
	case 'w':
		return check_workers(optarg, err);
	case OPTION_CONFIG:
		a->config = optarg;
		return RD_OK;
	case OPTION_ENCLAVE_ID:
		return set_enclave(a, optarg, err);
	case OPTION_LISTEN:
		return set_source(a, optarg, err);
	case OPTION_RESOLV_CONF:
		a->resolv_conf = optarg;
		return RD_OK;
	case 'h':
		a->action = RD_PROXY_HELP;
		return RD_OK;
	case 'V':
		a->action = RD_PROXY_VERSION;
		return RD_OK;
	case ':':
		return rd_fail(err, RD_USAGE, "\"%s\" needs a value", argv[optind - 1]);
	default:
		return rd_fail(err, RD_USAGE, "unknown option \"%s\"", argv[optind - 1]);
	}
}

static enum rd_status take_words(
	int count, char **words, struct rd_proxy_args *a, struct rd_error *err)
{
	uint64_t n = 0;

	if (count != 3) {
		return rd_fail(err, RD_USAGE,
			"%d words where <local_port> <remote_addr> <remote_port> are wanted",
			count);
	}
	if (rd_parse_u64(words[0], 0, UINT32_MAX - 1, &n) != RD_OK) {
		return rd_fail(err, RD_BAD_NUMBER, "local port \"%s\" is no vsock port", words[0]);
	}
	a->local_port = (uint32_t)n;
	if (!rd_allow_address_valid(words[1])) {
		return rd_fail(err, RD_MALFORMED,
			"remote address \"%s\" is neither an address nor a name in ASCII "
			"(a name in another script is written as xn--…)",
			words[1]);
	}
	a->remote = words[1];
	if (rd_parse_u64(words[2], 1, UINT16_MAX, &n) != RD_OK) {
		return rd_fail(err, RD_BAD_NUMBER, "remote port \"%s\" is no TCP port", words[2]);
	}
	a->remote_port = (uint16_t)n;
	return RD_OK;
}

enum rd_status rd_proxy_args_parse(
	int argc, char **argv, struct rd_proxy_args *ret, struct rd_error *err)
{
	struct rd_proxy_args a = {0};
	int option;

	optind = 0; /* glibc: start over, also after an earlier call */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":46w:hV", options, NULL)) != -1) {
		RD_TRY(take_option(option, argv, &a, err));
		if (a.action != RD_PROXY_RUN) {
			break;
		}
	}
	if (a.slot[0] != '\0' && a.source == RD_PROXY_VSOCK) {
		return rd_fail(err, RD_USAGE, "--enclave-id needs --listen local");
	}
	if (a.action == RD_PROXY_RUN) {
		RD_TRY(take_words(argc - optind, argv + optind, &a, err));
	}
	*ret = a;
	return RD_OK;
}
