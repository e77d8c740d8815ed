/* SPDX-License-Identifier: Apache-2.0 */
/* Links between vmms: their messages; the streams are vsock_stream.c's. */
#include "vsock_internal.h"

#include "os/fd.h"
#include "os/msg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum peer_kind { PEER_CONNECT = 1, PEER_ACCEPTED = 2, PEER_REFUSED = 3 };

struct packet {
	uint32_t kind; /* enum peer_kind */
	uint32_t id;
	uint32_t port; /* CONNECT */
};

struct rd_peer {
	struct rd_vsock_host *host;
	struct rd_peer *next;
	uint32_t cid;
	int sock;
	struct rd_watch *watch;
};

uint32_t rd_peer_cid(const struct rd_peer *peer)
{
	return peer->cid;
}

static struct rd_peer *find(const struct rd_vsock_host *host, uint32_t cid)
{
	struct rd_peer *peer = host->peers;

	while (peer != NULL && peer->cid != cid) {
		peer = peer->next;
	}
	return peer;
}

static void free_peer(struct rd_peer *peer)
{
	rd_watch_free(&peer->watch);
	rd_fd_close(&peer->sock);
	free(peer);
}

static void drop(struct rd_peer *peer)
{
	struct rd_vsock_host *host = peer->host;
	struct rd_peer **at = &host->peers;
	uint32_t cid = peer->cid;

	while (*at != peer) {
		at = &(*at)->next;
	}
	*at = peer->next;
	rd_stream_forget_peer(host, peer);
	free_peer(peer);
	host->config.events->peer_gone(host->config.ctx, cid);
}

/* The socket's buffer holds hundreds; an end that has let it fill hears nothing of this one. */
static enum rd_status send_packet(const struct rd_peer *peer, enum peer_kind kind, uint32_t id,
	uint32_t port, const struct rd_msg_fds *fds)
{
	struct packet packet = {.kind = (uint32_t)kind, .id = id, .port = port};

	return rd_msg_send(peer->sock, rd_view(&packet, sizeof(packet)), fds);
}

void rd_peer_answer(struct rd_peer *peer, uint32_t id, bool accepted)
{
	if (send_packet(peer, accepted ? PEER_ACCEPTED : PEER_REFUSED, id, 0, NULL) != RD_OK) {
		return; /* its guest gives up after a while */
	}
}

static void on_connect(struct rd_peer *peer, const struct packet *packet, struct rd_msg_fds *fds)
{
	if (rd_stream_from_peer(peer->host, peer, packet->port, packet->id,
		    rd_msg_fds_steal(fds, 0)) != RD_OK) {
		rd_peer_answer(peer, packet->id, false);
	}
}

/* One message. False when the link is of no more use. */
static bool take(struct rd_peer *peer)
{
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct packet packet = {0};
	size_t len = 0;
	enum rd_status st = rd_msg_recv(peer->sock, &packet, sizeof(packet), &len, &fds);

	if (st == RD_AGAIN) {
		return true;
	}
	if (st == RD_LIMIT && packet.kind == PEER_CONNECT) {
		/* We have no descriptor left for the stream; the question itself has arrived. */
		rd_peer_answer(peer, packet.id, false);
		return true;
	}
	if (st != RD_OK || len != sizeof(packet) ||
		(packet.kind == PEER_CONNECT ? 1u : 0u) != fds.count) {
		return false;
	}
	if (packet.kind == PEER_CONNECT) {
		on_connect(peer, &packet, &fds);
	} else if (packet.kind == PEER_ACCEPTED) {
		rd_stream_peer_answered(peer->host, peer, packet.id, RD_OK);
	} else if (packet.kind == PEER_REFUSED) {
		rd_stream_peer_answered(peer->host, peer, packet.id, RD_CLOSED);
	} else {
		return false;
	}
	return true;
}

static void on_message(void *arg, unsigned events)
{
	struct rd_peer *peer = arg;

	(void)events;
	if (!take(peer)) {
		drop(peer);
	}
}

enum rd_status rd_peer_add(struct rd_vsock_host *host, uint32_t cid, int take_sock)
{
	int sock RD_CLEANUP(rd_fd_close) = take_sock;
	struct rd_peer *peer;
	enum rd_status st;

	RD_ENSURE(find(host, cid) == NULL, RD_EXISTS);
	RD_TRY(rd_fd_set_nonblock(sock, true));
	peer = calloc(1, sizeof(*peer));
	RD_ENSURE(peer != NULL, RD_NOMEM);
	*peer = (struct rd_peer){.host = host, .cid = cid, .sock = rd_steal(&sock, -1)};
	st = rd_loop_watch_fd(
		host->config.loop, peer->sock, RD_LOOP_READ, on_message, peer, &peer->watch);
	if (st != RD_OK) {
		free_peer(peer);
		return st;
	}
	peer->next = host->peers;
	host->peers = peer;
	return RD_OK;
}

enum rd_status rd_peer_open(
	struct rd_vsock_host *host, uint32_t cid, uint32_t port, struct rd_end **ret_end)
{
	struct rd_peer *peer = find(host, cid);
	int ours RD_CLEANUP(rd_fd_close) = -1, theirs RD_CLEANUP(rd_fd_close) = -1;
	struct rd_msg_fds fds = RD_MSG_FDS_INIT;
	struct rd_end *end = NULL;
	int ends[2];
	enum rd_status st;

	RD_ENSURE(peer != NULL, RD_NOTFOUND);
	RD_ENSURE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0,
		rd_status_from_errno(errno));
	ours = ends[0];
	theirs = ends[1];
	RD_TRY(rd_stream_to_peer(host, peer, rd_steal(&ours, -1), &end));
	fds.fd[0] = theirs;
	fds.count = 1;
	st = send_packet(peer, PEER_CONNECT, end->stream.ask_id, port, &fds);
	if (st != RD_OK) {
		rd_end_free(end);
		/* RD_AGAIN would tell the device that an answer follows. */
		return st == RD_AGAIN ? RD_LIMIT : st;
	}
	*ret_end = end;
	return RD_AGAIN;
}

void rd_peer_drop_all(struct rd_vsock_host *host)
{
	while (host->peers != NULL) {
		drop(host->peers);
	}
}

void rd_peers_free(struct rd_vsock_host *host)
{
	while (host->peers != NULL) {
		struct rd_peer *peer = host->peers;

		host->peers = peer->next;
		free_peer(peer);
	}
}
