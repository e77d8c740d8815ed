/* SPDX-License-Identifier: Apache-2.0 */
/* vsock-proxy: the program. */
#include "log/log.h"
#include "vsock-proxy/args.h"
#include "vsock-proxy/proxy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 2

static const char usage[] =
	"Usage: vsock-proxy [OPTIONS] <local_port> <remote_addr> <remote_port>\n";

static const char help[] =
	"\nPasses enclaves' connections to a vsock port on to one TCP service.\n\n"
	"Arguments:\n"
	"  <local_port>     vsock port to listen on\n"
	"  <remote_addr>    name or address of the service\n"
	"  <remote_port>    TCP port of the service\n\n"
	"Options:\n"
	"  -4, --ipv4             Use IPv4 only\n"
	"  -6, --ipv6             Use IPv6 only\n"
	"  -w, --num_workers N    Accepted and checked; connections need no workers\n"
	"      --config FILE      YAML file with the services that may be reached\n"
	"      --listen WHERE         vsock or local; otherwise found out\n"
	"      --enclave-id ID    Serve this enclave only (local mode)\n"
	"      --resolv-conf FILE Name servers, instead of /etc/resolv.conf\n"
	"  -h, --help             Print this\n"
	"  -V, --version          Print the version\n";

int main(int argc, char **argv)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct rd_error err = {.text = "internal error"};
	struct rd_proxy_args args;
	enum rd_status st = rd_proxy_args_parse(argc, argv, &args, &err);

	if (st == RD_USAGE) {
		fprintf(stderr, "error: %s\n\n%s\nFor more information try '--help'\n", err.text,
			usage);
		return EXIT_USAGE;
	}
	if (st == RD_OK && args.action == RD_PROXY_HELP) {
		printf("%s%s", usage, help);
		return 0;
	}
	if (st == RD_OK && args.action == RD_PROXY_VERSION) {
		puts("vsock-proxy " RD_VERSION);
		return 0;
	}
	(void)sigaction(SIGPIPE, &ignore, NULL);
	rd_log_set_level(getenv("RUST_LOG"), RD_LOG_WARNING);
	if (st == RD_OK) {
		st = rd_proxy_run(&args, &err);
	}
	if (st != RD_OK) {
		fprintf(stderr, "Error: \"%s\"\n", err.text);
		return EXIT_FAILURE;
	}
	return 0;
}
