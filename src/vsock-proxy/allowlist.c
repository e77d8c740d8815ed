/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be reached: the rules. The file's reader is allowlist_yaml.c.
 */
#include "vsock-proxy/allowlist.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 1035, section 2.3.4. */
#define LABEL_MAX 63

void rd_allowlist_finish(struct rd_allowlist *list)
{
	free(list->entries);
	*list = (struct rd_allowlist){0};
}

bool rd_allow_literal(const char *text, struct rd_dns_address *ret)
{
	struct rd_dns_address a = {0};

	if (inet_pton(AF_INET6, text, a.bytes) == 1) {
		a.v6 = true;
	} else if (inet_pton(AF_INET, text, a.bytes) != 1) {
		return false;
	}
	*ret = a;
	return true;
}

bool rd_allow_address_valid(const char *text)
{
	struct rd_dns_address address;
	size_t len = strlen(text);
	size_t label = 0;

	if (rd_allow_literal(text, &address)) {
		return true;
	}
	len -= len > 0 && text[len - 1] == '.' ? 1 : 0;
	if (len == 0 || len > RD_DNS_NAME_MAX) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '.' && label > 0) {
			label = 0;
			continue;
		}
		if (++label > LABEL_MAX || c > 0x7f || (!isalnum(c) && c != '-' && c != '_')) {
			return false;
		}
	}
	/* Digits and dots alone are a mistyped address, which a resolver might read in its way. */
	return label > 0 && strspn(text, "0123456789.") != strlen(text);
}

static bool same_name(const char *listed, const char *remote)
{
	size_t len = strlen(remote);

	len -= len > 0 && remote[len - 1] == '.' ? 1 : 0;
	return strlen(listed) == len && strncasecmp(listed, remote, len) == 0;
}

static bool same_address(const struct rd_dns_address *a, const struct rd_dns_address *b)
{
	return a->v6 == b->v6 && memcmp(a->bytes, b->bytes, a->v6 ? 16 : 4) == 0;
}

static bool is_special4(const uint8_t b[4])
{
	return b[0] == 0 || b[0] == 127 || (b[0] == 169 && b[1] == 254) || b[0] >= 224;
}

static bool is_special(const struct rd_dns_address *a)
{
	static const uint8_t zeros[15] = {0};
	struct in6_addr in6;

	if (!a->v6) {
		return is_special4(a->bytes);
	}
	memcpy(&in6, a->bytes, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		return is_special4(a->bytes + 12);
	}
	return memcmp(a->bytes, zeros, sizeof(zeros)) == 0 || IN6_IS_ADDR_LINKLOCAL(&in6) ||
	       IN6_IS_ADDR_MULTICAST(&in6);
}

bool rd_allowlist_may(const struct rd_allowlist *list, const char *remote, uint16_t port)
{
	struct rd_dns_address literal;
	bool is_literal = rd_allow_literal(remote, &literal);

	for (size_t i = 0; i < list->count; i++) {
		const struct rd_allow_entry *e = &list->entries[i];

		if (e->port != port) {
			continue;
		}
		/* A name may turn out to have a listed address. */
		if (e->name[0] != '\0' ? !is_literal && same_name(e->name, remote)
				       : !is_literal || same_address(&e->address, &literal)) {
			return true;
		}
	}
	return false;
}

bool rd_allowlist_allows(const struct rd_allowlist *list, const char *remote,
	const struct rd_dns_address *address, uint16_t port)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct rd_allow_entry *e = &list->entries[i];

		if (e->port != port) {
			continue;
		}
		if (e->name[0] != '\0' ? same_name(e->name, remote) && !is_special(address)
				       : same_address(&e->address, address)) {
			return true;
		}
	}
	return false;
}
