/* SPDX-License-Identifier: Apache-2.0 */
/* What user.c (requests) and socket.c (bytes and descriptors) share. Private to lib/vhost. */
#ifndef RD_VHOST_SESSION_H
#define RD_VHOST_SESSION_H

#include "vhost/user.h"

/* virtio's configuration space as vhost-user carries it (VHOST_USER_MAX_CONFIG_SIZE). */
#define RD_VHOST_CONFIG_MAX 256

struct vhost_queue {
	struct rd_queue walker;
	bool num_set;
	bool addr_set;
	bool kick_set;
	bool enable_set;
	bool enable;
	bool running; /* the walker is started and the caller knows */
	uint16_t num;
	uint16_t base;
	/* front end's virtual addresses */
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	int kick_fd;
	int call_fd;
};

struct rd_vhost_session {
	const struct rd_vhost_ops *ops;
	void *ctx;
	uint64_t device_features;
	uint64_t features;
	uint64_t protocol_features;
	unsigned queue_count;
	int fd;
	const char *last_request;
	struct rd_guest_mem mem;
	uint64_t user_addr[RD_GUEST_MEM_REGIONS_MAX]; /* of mem.regions[i] at the front end */
	struct vhost_queue queues[RD_VHOST_QUEUES_MAX];
	uint8_t config[RD_VHOST_CONFIG_MAX];
	size_t config_len;

	/* The message that is being received. */
	uint8_t in[RD_VHOST_MESSAGE_MAX];
	size_t in_used;
	int in_fds[RD_VHOST_FDS_MAX];
	size_t in_fd_count;
};

/* Payload length from a header; RD_BAD_VERSION, RD_LIMIT, or RD_MALFORMED for a reply. */
enum rd_status rd_vhost_payload_size(const uint8_t header[RD_VHOST_HEADER_SIZE], uint32_t *ret_size)
	RD_MUST_USE;

void rd_vhost_close_fds(int *fds, size_t count);

#endif
