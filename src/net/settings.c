/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the control socket, read strictly: the sender is ours, but what it passes on was an
 * API's caller's. */
#include "net/settings.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* More words than any line has. */
#define WORDS_MAX 6
/* As in a VPC: /16 to /28, and larger ones for those who like them. */
#define PREFIX_MIN 8
#define PREFIX_MAX 28

struct words {
	char text[RD_NET_LINE_MAX];
	const char *word[WORDS_MAX];
	size_t n;
};

static enum rd_status split(const char *line, struct words *w, struct rd_error *err)
{
	char *at = w->text, *word;

	RD_ENSURE(strlen(line) < sizeof(w->text), rd_fail(err, RD_LIMIT, "the line is too long"));
	memcpy(w->text, line, strlen(line) + 1);
	while ((word = strsep(&at, " ")) != NULL) {
		if (word[0] == '\0' || w->n == WORDS_MAX) {
			return rd_fail(err, RD_MALFORMED, "words are separated by one space");
		}
		w->word[w->n++] = word;
	}
	return RD_OK;
}

static enum rd_status bad(struct rd_error *err, const char *what, const char *text)
{
	return rd_fail(err, RD_USAGE, "\"%.64s\" is no %s", text, what);
}

static enum rd_status read_mac(const char *text, struct rd_net_settings *s, struct rd_error *err)
{
	struct rd_buf out = rd_buf_fixed(s->addresses.guest_mac, RD_NET_MAC_SIZE);

	RD_ENSURE(strlen(text) == 3 * RD_NET_MAC_SIZE - 1, bad(err, "MAC address", text));
	for (size_t i = 0; i < RD_NET_MAC_SIZE; i++) {
		char end = text[3 * i + 2];

		if (rd_hex_decode(rd_view(text + 3 * i, 2), &out) != RD_OK ||
			end != (i == RD_NET_MAC_SIZE - 1 ? '\0' : ':')) {
			return bad(err, "MAC address", text);
		}
	}
	if ((s->addresses.guest_mac[0] & 1) != 0) {
		return bad(err, "MAC address of one card", text);
	}
	s->has_mac = true;
	return RD_OK;
}

static enum rd_status read_address(const char *text, uint32_t *ret, struct rd_error *err)
{
	struct in_addr a;

	RD_ENSURE(inet_pton(AF_INET, text, &a) == 1, bad(err, "IPv4 address", text));
	*ret = ntohl(a.s_addr);
	return RD_OK;
}

/* What libslirp calls its own end, whatever asks. */
static void name_gateway(struct rd_net_addresses *a)
{
	a->gateway_mac[0] = 0x52;
	a->gateway_mac[1] = 0x55;
	for (unsigned i = 0; i < 4; i++) {
		a->gateway_mac[2 + i] = (uint8_t)(a->gateway >> (24 - 8 * i));
	}
}

static enum rd_status judge_addresses(const struct rd_net_addresses *a, struct rd_error *err)
{
	const uint32_t taken[] = {a->network, a->network | ~a->mask, a->nameserver, a->imds};

	for (size_t i = 0; i < RD_ARRAY_LEN(taken); i++) {
		if (a->guest == taken[i] || a->gateway == taken[i]) {
			return rd_fail(err, RD_USAGE,
				"a subnet's first, third, fourth and last address are taken");
		}
	}
	if (a->guest == a->gateway || (a->gateway & a->mask) != a->network) {
		return rd_fail(err, RD_USAGE, "guest and gateway must be two of one subnet");
	}
	return RD_OK;
}

/* "172.31.16.5/20", "gateway", "172.31.16.1" */
static enum rd_status read_ip(
	const struct words *w, struct rd_net_settings *s, struct rd_error *err)
{
	struct rd_net_addresses *a = &s->addresses;
	char text[sizeof("255.255.255.255")];
	const char *slash = strchr(w->word[1], '/');
	uint64_t prefix;

	if (slash == NULL || (size_t)(slash - w->word[1]) >= sizeof(text) ||
		strcmp(w->word[2], "gateway") != 0 ||
		rd_parse_u64(slash + 1, PREFIX_MIN, PREFIX_MAX, &prefix) != RD_OK) {
		return rd_fail(err, RD_USAGE, "write: ip ADDRESS/PREFIX gateway ADDRESS");
	}
	(void)snprintf(text, sizeof(text), "%.*s", (int)(slash - w->word[1]), w->word[1]);
	RD_TRY(read_address(text, &a->guest, err));
	RD_TRY(read_address(w->word[3], &a->gateway, err));
	a->mask = UINT32_MAX << (32 - prefix);
	a->network = a->guest & a->mask;
	a->nameserver = a->network + 2;
	a->imds = a->network + 3;
	RD_TRY(judge_addresses(a, err));
	name_gateway(a);
	s->has_ip = true;
	return RD_OK;
}

static enum rd_status read_hostname(
	const char *text, struct rd_net_settings *s, struct rd_error *err)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

	if (strlen(text) >= sizeof(s->hostname) || strspn(text, letters) != strlen(text)) {
		return bad(err, "host name", text);
	}
	(void)snprintf(s->hostname, sizeof(s->hostname), "%s", text);
	return RD_OK;
}

static enum rd_status read_imds(const char *text, struct rd_net_settings *s, struct rd_error *err)
{
	if (text[0] != '/' || strlen(text) >= RD_SOCKET_PATH_MAX || strstr(text, "/../") != NULL) {
		return bad(err, "absolute path of a socket", text);
	}
	(void)snprintf(s->imds, sizeof(s->imds), "%s", text);
	return RD_OK;
}

static enum rd_status read_hops(const char *text, struct rd_net_settings *s, struct rd_error *err)
{
	uint64_t n;

	RD_ENSURE(rd_parse_u64(text, 1, 64, &n) == RD_OK, bad(err, "hop limit (1 to 64)", text));
	s->hops = (uint8_t)n;
	return RD_OK;
}

static enum rd_status read_user(const char *text, struct rd_net_settings *s, struct rd_error *err)
{
	uint64_t n;

	RD_ENSURE(rd_parse_u64(text, 1, INT32_MAX, &n) == RD_OK, bad(err, "uid", text));
	s->user = (uid_t)n;
	s->has_user = true;
	return RD_OK;
}

/* "tcp", "127.0.0.1:2222", and of a forward "22" */
static enum rd_status read_forward(
	const struct words *w, struct rd_net_forward *ret, struct rd_error *err)
{
	struct rd_net_forward f = {.udp = strcmp(w->word[1], "udp") == 0};
	char address[sizeof("255.255.255.255")];
	const char *colon = strchr(w->word[2], ':');
	uint64_t port, guest_port = 1;

	if ((!f.udp && strcmp(w->word[1], "tcp") != 0) || colon == NULL ||
		(size_t)(colon - w->word[2]) >= sizeof(address) ||
		rd_parse_u64(colon + 1, 1, UINT16_MAX, &port) != RD_OK ||
		(w->n == 4 && rd_parse_u64(w->word[3], 1, UINT16_MAX, &guest_port) != RD_OK)) {
		return rd_fail(err, RD_USAGE, "write: %s tcp|udp ADDRESS:PORT%s", w->word[0],
			w->n == 4 ? " GUEST-PORT" : "");
	}
	(void)snprintf(address, sizeof(address), "%.*s", (int)(colon - w->word[2]), w->word[2]);
	RD_TRY(read_address(address, &f.address, err));
	if (f.udp && f.address >> 24 == 127) {
		return rd_fail(err, RD_UNSUPPORTED,
			"datagrams to %s cannot be forwarded: name another address of the host",
			address);
	}
	f.port = (uint16_t)port;
	f.guest_port = w->n == 4 ? (uint16_t)guest_port : 0;
	*ret = f;
	return RD_OK;
}

static bool is(const struct words *w, const char *command, size_t n)
{
	return w->n == n && strcmp(w->word[0], command) == 0;
}

static enum rd_status read_setting(
	const struct words *w, struct rd_net_settings *s, struct rd_error *err)
{
	if (is(w, "mac", 2)) {
		return read_mac(w->word[1], s, err);
	}
	if (is(w, "ip", 4)) {
		return read_ip(w, s, err);
	}
	if (is(w, "hostname", 2)) {
		return read_hostname(w->word[1], s, err);
	}
	if (is(w, "imds", 2)) {
		return read_imds(w->word[1], s, err);
	}
	if (is(w, "user", 2)) {
		return read_user(w->word[1], s, err);
	}
	if (is(w, "restrict", 1)) {
		s->restricted = true;
		return RD_OK;
	}
	return bad(err, "line that is known here", w->word[0]);
}

enum rd_status rd_net_line(const char *line, struct rd_net_settings *settings,
	enum rd_net_command *ret_command, struct rd_net_forward *ret_forward, struct rd_error *err)
{
	struct words w = {.n = 0};

	RD_TRY(split(line, &w, err));
	if (is(&w, "forward", 4)) {
		*ret_command = RD_NET_FORWARD;
		return read_forward(&w, ret_forward, err);
	}
	if (is(&w, "unforward", 3)) {
		*ret_command = RD_NET_UNFORWARD;
		return read_forward(&w, ret_forward, err);
	}
	if (is(&w, "hops", 2)) {
		*ret_command = RD_NET_HOPS;
		return read_hops(w.word[1], settings, err);
	}
	if (is(&w, "start", 1)) {
		*ret_command = RD_NET_START;
		return RD_OK;
	}
	*ret_command = RD_NET_SET;
	return read_setting(&w, settings, err);
}

enum rd_status rd_net_settings_check(const struct rd_net_settings *s, struct rd_error *err)
{
	if (!s->has_mac || !s->has_ip) {
		return rd_fail(err, RD_MISSING, "mac and ip come before start");
	}
	return RD_OK;
}

static size_t find(const struct rd_net_settings *s, const struct rd_net_forward *f)
{
	size_t i = 0;

	while (i < s->n_forwards &&
		(s->forwards[i].udp != f->udp || s->forwards[i].address != f->address ||
			s->forwards[i].port != f->port)) {
		i++;
	}
	return i;
}

enum rd_status rd_net_forward_add(
	struct rd_net_settings *s, const struct rd_net_forward *f, struct rd_error *err)
{
	if (find(s, f) < s->n_forwards) {
		return rd_fail(err, RD_EXISTS, "port %u is forwarded already", f->port);
	}
	if (s->n_forwards == RD_NET_FORWARDS_MAX) {
		return rd_fail(err, RD_LIMIT, "more than %d forwards", RD_NET_FORWARDS_MAX);
	}
	s->forwards[s->n_forwards++] = *f;
	return RD_OK;
}

enum rd_status rd_net_forward_remove(
	struct rd_net_settings *s, const struct rd_net_forward *f, struct rd_error *err)
{
	const size_t i = find(s, f);

	if (i == s->n_forwards) {
		return rd_fail(err, RD_NOTFOUND, "port %u is not forwarded", f->port);
	}
	s->forwards[i] = s->forwards[--s->n_forwards];
	return RD_OK;
}
