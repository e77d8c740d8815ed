/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What redoubt-net is told, line by line, by the vmm that has started it:
 *
 *	mac 52:54:00:12:34:56
 *	ip 172.31.16.5/20 gateway 172.31.16.1
 *	hostname ip-172-31-16-5
 *	imds /run/redoubt/imds/i-….sock          none: there is no metadata service; its directory
 *	                                         is visible in the sandbox, of a link the one that
 *	                                         it leads to
 *	hops 1                                   its hop limit; none: no limit
 *	restrict                                 the guest connects to nothing but IMDS and DNS
 *	forward tcp 127.0.0.1:2222 22            a port of the host for one of the guest; udp not on
 *	                                         loopback addresses, to which the guest may not send
 *	user 1879048200                          uid and gid to become; none: stay
 *	start
 *
 * and later, at any time:
 *
 *	forward …, unforward tcp 127.0.0.1:2222, hops …
 *
 * The resolver is the subnet's second address, the third is taken too: as in a VPC.
 */
#ifndef NET_SETTINGS_H
#define NET_SETTINGS_H

#include "base/error.h"
#include "net/filter.h"
#include "os/paths.h"

#include <sys/types.h>

/* A security group has 60 rules. */
#define RD_NET_FORWARDS_MAX 64
/* One line; a path is the longest part. */
#define RD_NET_LINE_MAX 1280

struct rd_net_forward {
	bool udp;
	uint32_t address; /* of the host, as a number */
	uint16_t port, guest_port;
};

enum rd_net_command {
	RD_NET_SET, /* something of the settings */
	RD_NET_FORWARD,
	RD_NET_UNFORWARD,
	RD_NET_HOPS,
	RD_NET_START,
};

struct rd_net_settings {
	struct rd_net_addresses addresses;
	bool has_mac, has_ip;
	char hostname[64];
	char imds[RD_PATH_MAX]; /* "": none */
	uint8_t hops;
	bool restricted;
	bool has_user;
	uid_t user;
	struct rd_net_forward forwards[RD_NET_FORWARDS_MAX];
	size_t n_forwards;
};

/*
 * One line, without its end. Before the start: into settings. What the line is about is in
 * *ret_command and, of forwards, in *ret_forward. err: one line that says what is wrong.
 */
enum rd_status rd_net_line(const char *line, struct rd_net_settings *settings,
	enum rd_net_command *ret_command, struct rd_net_forward *ret_forward, struct rd_error *err)
	RD_MUST_USE;

/* What must be there at the start is. */
enum rd_status rd_net_settings_check(const struct rd_net_settings *settings, struct rd_error *err)
	RD_MUST_USE;

/* The list as it is to be. RD_EXISTS, RD_LIMIT; RD_NOTFOUND. */
enum rd_status rd_net_forward_add(struct rd_net_settings *settings,
	const struct rd_net_forward *forward, struct rd_error *err) RD_MUST_USE;
enum rd_status rd_net_forward_remove(struct rd_net_settings *settings,
	const struct rd_net_forward *forward, struct rd_error *err) RD_MUST_USE;

#endif
