/* SPDX-License-Identifier: Apache-2.0 */
/* libslirp and what it asks of its user. */
#include "net/stack.h"

#include "log/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct rd_net_stack {
	Slirp *slirp;
	struct rd_net_link *link;
	struct rd_net_filter filter;
	struct rd_log_brake brake; /* of what the guest does wrong */
	/* Of the poll that is being prepared, or has returned. */
	struct pollfd *polls;
	size_t max, *n;
};

static int64_t now_ns(void *opaque)
{
	struct timespec t;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static ssize_t send_packet(const void *bytes, size_t len, void *opaque)
{
	struct rd_net_stack *stack = opaque;
	uint8_t frame[RD_NET_FRAME_MAX];

	if (len > sizeof(frame)) {
		return (ssize_t)len; /* the MTU is ours: there is none */
	}
	memcpy(frame, bytes, len);
	rd_net_to_guest(&stack->filter, frame, len);
	rd_net_link_put(stack->link, rd_view(frame, len));
	return (ssize_t)len;
}

static void guest_error(const char *message, void *opaque)
{
	struct rd_net_stack *stack = opaque;
	unsigned skipped;

	if (rd_log_may(&stack->brake, (uint64_t)now_ns(NULL) / 1000000, &skipped)) {
		rd_log(RD_LOG_WARNING, "guest: %s (%u more before)", message, skipped);
	}
}

/* Timers are for IPv6's advertisements, which there are none of. */
static void *no_timer(SlirpTimerCb fn, void *arg, void *opaque)
{
	(void)fn;
	(void)arg;
	return opaque;
}

static void free_timer(void *timer, void *opaque)
{
	(void)timer;
	(void)opaque;
}

static void set_timer(void *timer, int64_t when, void *opaque)
{
	(void)timer;
	(void)when;
	(void)opaque;
}

/* poll(2) is given every descriptor each time anew. */
static void ignore_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static void ignore(void *opaque)
{
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = now_ns,
	.timer_new = no_timer,
	.timer_free = free_timer,
	.timer_mod = set_timer,
	.register_poll_fd = ignore_fd,
	.unregister_poll_fd = ignore_fd,
	.notify = ignore,
};

static struct in_addr address(uint32_t a)
{
	return (struct in_addr){.s_addr = htonl(a)};
}

static enum rd_status open_slirp(
	struct rd_net_stack *stack, const struct rd_net_settings *s, struct rd_error *err)
{
	const struct rd_net_addresses *a = &s->addresses;
	struct in_addr imds = address(a->imds);
	const SlirpConfig config = {
		.version = 3,
		.in_enabled = true,
		.vnetwork = address(a->network),
		.vnetmask = address(a->mask),
		.vhost = address(a->gateway),
		.vhostname = s->hostname[0] != '\0' ? s->hostname : NULL,
		.vdhcp_start = address(a->guest),
		.vnameserver = address(a->nameserver),
		.disable_host_loopback = true,
	};

	stack->slirp = slirp_new(&config, &callbacks, stack);
	if (stack->slirp == NULL) {
		return rd_fail(err, RD_INTERNAL, "libslirp does not take these addresses");
	}
	if (s->imds[0] != '\0' &&
		slirp_add_unix(stack->slirp, s->imds, &imds, RD_NET_IMDS_PORT) != 0) {
		return rd_fail(err, RD_INTERNAL, "libslirp does not serve %s", s->imds);
	}
	return RD_OK;
}

enum rd_status rd_net_stack_new(const struct rd_net_settings *settings, struct rd_net_link *link,
	struct rd_net_stack **ret, struct rd_error *err)
{
	struct rd_net_stack *stack = calloc(1, sizeof(*stack));
	enum rd_status st;

	RD_ENSURE(stack != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	stack->link = link;
	stack->filter.addresses = settings->addresses;
	stack->filter.has_imds = settings->imds[0] != '\0';
	/* libslirp's own way would leave the guest without a route to the metadata service. */
	stack->filter.restricted = settings->restricted;
	stack->filter.flows = calloc(RD_NET_FLOWS, sizeof(*stack->filter.flows));
	rd_net_stack_update(stack, settings);
	st = stack->filter.flows != NULL ? open_slirp(stack, settings, err)
					 : rd_fail(err, RD_NOMEM, "out of memory");
	if (st != RD_OK) {
		rd_net_stack_free(&stack);
		return st;
	}
	*ret = stack;
	return RD_OK;
}

void rd_net_stack_free(struct rd_net_stack **stack_p)
{
	struct rd_net_stack *stack = rd_steal(stack_p, NULL);

	if (stack == NULL) {
		return;
	}
	if (stack->slirp != NULL) {
		slirp_cleanup(stack->slirp);
	}
	free(stack->filter.flows);
	free(stack);
}

void rd_net_stack_input(struct rd_net_stack *stack, uint8_t *frame, size_t len)
{
	uint8_t answer[RD_NET_ARP_SIZE];

	switch (rd_net_from_guest(&stack->filter, frame, len, answer)) {
	case RD_NET_PASS:
		slirp_input(stack->slirp, frame, (int)len);
		break;
	case RD_NET_ANSWER:
		rd_net_link_put(stack->link, rd_view(answer, sizeof(answer)));
		break;
	case RD_NET_DROP:
	default:
		break;
	}
}

/* --- waiting --- */

static int add_poll(int fd, int events, void *opaque)
{
	struct rd_net_stack *stack = opaque;
	short want = 0;

	if (*stack->n == stack->max) {
		return -1;
	}
	want |= (events & SLIRP_POLL_IN) != 0 ? POLLIN : 0;
	want |= (events & SLIRP_POLL_OUT) != 0 ? POLLOUT : 0;
	want |= (events & SLIRP_POLL_PRI) != 0 ? POLLPRI : 0;
	stack->polls[*stack->n] = (struct pollfd){.fd = fd, .events = want};
	return (int)(*stack->n)++;
}

static int get_revents(int i, void *opaque)
{
	const struct rd_net_stack *stack = opaque;
	int got = 0;
	short events;

	if (i < 0 || (size_t)i >= stack->max) {
		return 0;
	}
	events = stack->polls[i].revents;
	got |= (events & POLLIN) != 0 ? SLIRP_POLL_IN : 0;
	got |= (events & POLLOUT) != 0 ? SLIRP_POLL_OUT : 0;
	got |= (events & POLLPRI) != 0 ? SLIRP_POLL_PRI : 0;
	got |= (events & POLLERR) != 0 ? SLIRP_POLL_ERR : 0;
	got |= (events & POLLHUP) != 0 ? SLIRP_POLL_HUP : 0;
	return got;
}

void rd_net_stack_wait(
	struct rd_net_stack *stack, struct pollfd *polls, size_t max, size_t *n, int *timeout_ms)
{
	uint32_t ms = *timeout_ms < 0 ? UINT32_MAX : (uint32_t)*timeout_ms;

	stack->polls = polls;
	stack->max = max;
	stack->n = n;
	slirp_pollfds_fill(stack->slirp, &ms, add_poll, stack);
	*timeout_ms = ms > INT32_MAX ? -1 : (int)ms;
}

void rd_net_stack_run(struct rd_net_stack *stack, int rc)
{
	slirp_pollfds_poll(stack->slirp, rc < 0, get_revents, stack);
}

void rd_net_stack_send(struct rd_net_stack *stack)
{
	/* As after a poll that has failed: nothing is asked of any socket. */
	slirp_pollfds_poll(stack->slirp, 1, get_revents, stack);
}

/* --- forwards --- */

enum rd_status rd_net_stack_forward(
	struct rd_net_stack *stack, const struct rd_net_forward *f, struct rd_error *err)
{
	const uint32_t a = f->address;

	errno = 0;
	if (slirp_add_hostfwd(stack->slirp, f->udp, address(a), f->port,
		    address(stack->filter.addresses.guest), f->guest_port) == 0) {
		return RD_OK;
	}
	return rd_fail_errno(err, errno != 0 ? errno : EADDRINUSE,
		"cannot listen on %u.%u.%u.%u port %u", a >> 24, a >> 16 & 0xff, a >> 8 & 0xff,
		a & 0xff, f->port);
}

void rd_net_stack_unforward(struct rd_net_stack *stack, const struct rd_net_forward *f)
{
	(void)slirp_remove_hostfwd(stack->slirp, f->udp, address(f->address), f->port);
}

void rd_net_stack_update(struct rd_net_stack *stack, const struct rd_net_settings *settings)
{
	stack->filter.hops = settings->hops;
}
