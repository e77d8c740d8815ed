/* SPDX-License-Identifier: Apache-2.0 */
/* nitro-enclaves-allocator: has an instance set memory aside, so that enclaves need not wait for
 * it.
 */
#include "ctl/message.h"
#include "nitro-cli/allocator_yaml.h"
#include "nitro-cli/hypervisor_client.h"
#include "os/fd.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXIT_USAGE 2
/* The instance's vmm gives its guest 30 s; with a margin for a host that is busy. */
#define ANSWER_MS 60000

enum { OPTION_CONFIG = 256, OPTION_RELEASE };

struct args {
	const char *config;
	bool release;
	bool help;
	bool version;
};

static const char usage[] = "Usage: nitro-enclaves-allocator [OPTIONS]\n";

static const char help[] =
	"\nSets memory of this instance aside for enclaves.\n\n"
	"Options:\n"
	"      --config FILE  YAML file with what to set aside (" CLI_ALLOCATOR_YAML ")\n"
	"      --release      Give back what was set aside, as far as no enclave has it\n"
	"  -h, --help         Print this\n"
	"  -V, --version      Print the version\n";

static enum rd_status take_option(int option, char **argv, struct args *a, struct rd_error *err)
{
	switch (option) {
	case OPTION_CONFIG:
		a->config = optarg;
		return RD_OK;
	case OPTION_RELEASE:
		a->release = true;
		return RD_OK;
	case 'h':
		a->help = true;
		return RD_OK;
	case 'V':
		a->version = true;
		return RD_OK;
	case ':':
		return rd_fail(err, RD_USAGE, "\"%s\" needs a value", argv[optind - 1]);
	default:
		return rd_fail(err, RD_USAGE, "unknown option \"%s\"", argv[optind - 1]);
	}
}

static enum rd_status parse_args(int argc, char **argv, struct args *ret, struct rd_error *err)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, OPTION_CONFIG},
		{"release", no_argument, NULL, OPTION_RELEASE},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option;

	*ret = (struct args){.config = CLI_ALLOCATOR_YAML};
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":hV", options, NULL)) != -1) {
		RD_TRY(take_option(option, argv, ret, err));
	}
	if (optind < argc) {
		return rd_fail(err, RD_USAGE, "unexpected argument \"%s\"", argv[optind]);
	}
	return RD_OK;
}

static enum rd_status wanted_memory(const struct args *a, uint64_t *ret_mib, struct rd_error *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	if (a->release) {
		*ret_mib = 0;
		return RD_OK;
	}
	if (cpus < 1) {
		return rd_fail(err, RD_INTERNAL, "the system does not say how many CPUs it has");
	}
	return cli_allocator_load(a->config, (uint64_t)cpus, ret_mib, err);
}

static enum rd_status answer(int sock, struct rd_error *err)
{
	static uint8_t storage[RD_CTL_MESSAGE_MAX];
	static struct rd_ctl_message m;
	size_t len = 0;
	enum rd_status st = cli_hypervisor_receive(sock, ANSWER_MS, storage, &len);

	if (st == RD_OK) {
		st = rd_ctl_decode(rd_view(storage, len), 0, RD_CTL_DAEMON_TO_CLIENT, &m);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "the hypervisor's answer: %s%s", rd_status_text(st),
			st == RD_CLOSED ? " (its service was restarted): try again" : "");
	}
	if (m.type == RD_CTL_ERROR) {
		return rd_fail(
			err, RD_DENIED, "[ E%02u ] %s", (unsigned)m.error.code, m.error.text);
	}
	return m.type == RD_CTL_DONE ? RD_OK
				     : rd_fail(err, RD_BAD_TYPE, "the hypervisor answered %s",
					       rd_ctl_type_name(m.type));
}

static enum rd_status reserve(uint64_t memory_mib, struct rd_error *err)
{
	struct rd_ctl_message m = {.type = RD_CTL_RESERVE, .reserve = {.memory_mib = memory_mib}};
	int sock RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;

	if (!cli_hypervisor_here()) {
		return rd_fail(err, RD_UNSUPPORTED,
			"this machine is no parent instance of Redoubt's: there is no hypervisor "
			"that could set its memory aside");
	}
	RD_TRY(cli_hypervisor_connect(&sock, err));
	st = cli_hypervisor_send(sock, &m, -1);
	/* Who hangs up before our request may have said why: that is the answer, then. */
	if (st != RD_OK && st != RD_CLOSED) {
		return rd_fail(err, st, "cannot ask the hypervisor: %s", rd_status_text(st));
	}
	return answer(sock, err);
}

static enum rd_status run(const struct args *a, struct rd_error *err)
{
	uint64_t memory_mib = 0;

	RD_TRY(wanted_memory(a, &memory_mib, err));
	RD_TRY(reserve(memory_mib, err));
	if (a->release) {
		puts("Nothing is set aside for enclaves");
	} else {
		printf("%llu MiB are set aside for enclaves\n", (unsigned long long)memory_mib);
	}
	return RD_OK;
}

int main(int argc, char **argv)
{
	struct rd_error err = {.text = "internal error"};
	struct args a;

	signal(SIGPIPE, SIG_IGN);
	if (parse_args(argc, argv, &a, &err) != RD_OK) {
		fprintf(stderr, "error: %s\n\n%s\nFor more information try '--help'\n", err.text,
			usage);
		return EXIT_USAGE;
	}
	if (a.help) {
		printf("%s%s", usage, help);
		return 0;
	}
	if (a.version) {
		puts("nitro-enclaves-allocator " RD_VERSION);
		return 0;
	}
	if (run(&a, &err) != RD_OK) {
		fprintf(stderr, "error: %s\n", err.text);
		return EXIT_FAILURE;
	}
	return 0;
}
