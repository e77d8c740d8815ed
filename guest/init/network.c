/* SPDX-License-Identifier: Apache-2.0 */
/* The loopback interface, the only one there is, and the host's name. */
#include "init/init.h"

#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOSTNAME "enclave"

static int set_address(int fd, unsigned long request, const char *text)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	struct sockaddr_in addr = {.sin_family = AF_INET};

	inet_pton(AF_INET, text, &addr.sin_addr);
	memcpy(&ifr.ifr_addr, &addr, sizeof(addr));
	return ioctl(fd, request, &ifr);
}

/* With lo up, Linux gives it ::1 by itself wherever it has IPv6. */
static int bring_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	int fd RD_CLEANUP(rd_fd_close) = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr) < 0) {
		return -1;
	}
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP | IFF_RUNNING);
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 || set_address(fd, SIOCSIFADDR, "127.0.0.1") < 0 ||
		set_address(fd, SIOCSIFNETMASK, "255.0.0.0") < 0) {
		return -1;
	}
	return 0;
}

void init_set_up_network(void)
{
	/* A kernel without IP has no loopback to bring up: the application knows. */
	if (bring_up() < 0 && errno != EAFNOSUPPORT) {
		init_say("warning: cannot bring up the loopback interface: %m");
	}
	if (sethostname(HOSTNAME, strlen(HOSTNAME)) < 0) {
		init_say("warning: cannot set the host's name: %m");
	}
}
