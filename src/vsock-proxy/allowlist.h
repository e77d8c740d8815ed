/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be reached: pairs of address and port from vsock-proxy.yaml.
 *
 *	allowlist:
 *	- {address: kms.example-1.amazonaws.com, port: 443}
 *	- {address: 192.0.2.7, port: 8443}
 *
 * A name stands for itself alone, whatever other names have its address; letters of either case
 * and a final dot are the same. An address stands for itself, however it was arrived at.
 */
#ifndef RD_VSOCK_PROXY_ALLOWLIST_H
#define RD_VSOCK_PROXY_ALLOWLIST_H

#include "base/error.h"
#include "os/dns.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shipped list has 76; a file of this size holds the maximum with room for comments. */
#define RD_ALLOWLIST_ENTRIES_MAX 4096
#define RD_ALLOWLIST_FILE_MAX    (1u << 20)

struct rd_allow_entry {
	char name[RD_DNS_NAME_MAX + 1]; /* lower case, no final dot; "" for an address */
	struct rd_dns_address address;
	uint16_t port;
};

/* Zero-initialise; end with finish. */
struct rd_allowlist {
	struct rd_allow_entry *entries;
	size_t count;
};

/*
 * Strict: an unknown or repeated key, a missing one, a value of another type, an alias are refused
 * with "<name>:<line>: …". A file without a document, or with an empty list, allows nothing.
 */
enum rd_status rd_allowlist_parse(const char *name, const char *text, size_t len,
	struct rd_allowlist *ret, struct rd_error *err) RD_MUST_USE;
enum rd_status rd_allowlist_load(const char *path, struct rd_allowlist *ret, struct rd_error *err)
	RD_MUST_USE;
void rd_allowlist_finish(struct rd_allowlist *list);

/* An IPv4 or IPv6 literal; false for anything else. */
bool rd_allow_literal(const char *text, struct rd_dns_address *ret);

/* A literal, or a host name of ASCII letters, digits, "-", "_" and dots. */
bool rd_allow_address_valid(const char *text);

/* Could remote:port be reached at all? The question at start-up; resolves nothing. */
bool rd_allowlist_may(const struct rd_allowlist *list, const char *remote, uint16_t port);

/*
 * May this address be connected to, for remote (which it was resolved from, or is)? The question
 * of each connection. A listed name does not open loopback, link-local, multicast or unspecified
 * addresses: whoever controls the name's DNS would be inside the parent, or at its metadata
 * service. Such an address has to be listed itself.
 */
bool rd_allowlist_allows(const struct rd_allowlist *list, const char *remote,
	const struct rd_dns_address *address, uint16_t port);

#endif
