/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-user, the back end's side: QEMU hands the queues of one virtio device to this process over
 * a Unix stream socket (QEMU's docs/interop/vhost-user.rst).
 *
 * rd_vhost_handle is the protocol without I/O on the socket; rd_vhost_readable is the thin loop
 * around it. The session owns the descriptors that it was given (kick, call, error) and the queues;
 * the caller watches the kick descriptors and runs the device.
 *
 * The front end is a process that may have been taken over by its guest. It can ask for memory only
 * through the caller's `map` callback, a ring only inside that memory; anything that the protocol
 * does not allow ends the session with a status that says why.
 */
#ifndef RD_VHOST_USER_H
#define RD_VHOST_USER_H

#include "base/bytes.h"
#include "base/status.h"
#include "virtio/queue.h"

#include <stdbool.h>
#include <stdint.h>

/* vsock has two queues at the back end; room for one more kind of device. */
#define RD_VHOST_QUEUES_MAX 4
/* The protocol's own maximum of descriptors in one message (VHOST_MEMORY_BASELINE_NREGIONS). */
#define RD_VHOST_FDS_MAX 8
/* Header and largest payload that we accept: a memory table of eight regions is 264 bytes. */
#define RD_VHOST_HEADER_SIZE 12
#define RD_VHOST_PAYLOAD_MAX 512
#define RD_VHOST_MESSAGE_MAX (RD_VHOST_HEADER_SIZE + RD_VHOST_PAYLOAD_MAX)
/* Messages handled in one rd_vhost_readable, so that a chatty front end does not own the loop. */
#define RD_VHOST_MESSAGES_PER_TURN 64

struct rd_vhost_session;

/* A piece of guest memory as the front end describes it. */
struct rd_vhost_region {
	struct rd_gpa gpa;
	uint64_t size;
	uint64_t fd_offset; /* where the region begins in the file */
};

struct rd_vhost_ops {
	/*
	 * Where the bytes of this region are mapped in this process. The caller checks that fd is
	 * its own memory (fstat: device and inode) and answers from its own mapping; fd stays the
	 * session's and is closed after the call. Any status but RD_OK ends the session.
	 */
	enum rd_status (*map)(
		void *ctx, const struct rd_vhost_region *region, int fd, uint8_t **ret_hva);

	/* The queue runs: watch kick_fd (an eventfd, borrowed; −1 means poll) and look at it once
	 * now. */
	void (*queue_started)(void *ctx, unsigned index, int kick_fd);

	/* The queue no longer runs; kick_fd is closed after the call. */
	void (*queue_stopped)(void *ctx, unsigned index);
};

struct rd_vhost_config {
	uint64_t features; /* the device's feature bits, RD_VIRTIO_F_RINGS among them */
	unsigned queue_count;
	struct rd_view device_config; /* configuration space; copied, at most 256 bytes */
	const struct rd_vhost_ops *ops;
	void *ctx;
	int fd; /* connected stream socket, borrowed, non-blocking; −1 when only rd_vhost_handle is
		   used */
};

/* RD_USAGE: queue_count or device_config beyond its maximum. RD_NOMEM. */
enum rd_status rd_vhost_session_new(
	const struct rd_vhost_config *config, struct rd_vhost_session **ret_session) RD_MUST_USE;
/* Stops the queues (ops.queue_stopped) and closes their descriptors. NULL is accepted. */
void rd_vhost_session_free(struct rd_vhost_session **session);

/* The queue's walker; valid for the session's life, started or not. NULL when there is no such
 * queue. */
struct rd_queue *rd_vhost_queue(struct rd_vhost_session *session, unsigned index);

/* Interrupts the guest for this queue, if it gave a descriptor for that. */
void rd_vhost_notify(struct rd_vhost_session *session, unsigned index);

/* Clears the kick counter of a queue whose kick_fd is readable. */
void rd_vhost_kicked(struct rd_vhost_session *session, unsigned index);

/*
 * One whole message with its descriptors, which the session takes in every case: a used one is
 * kept, the rest are closed, and all entries of fds become −1. The reply, if one is due, is
 * appended to `reply`, which has room for RD_VHOST_MESSAGE_MAX bytes; else nothing is appended.
 *
 * Any other status than RD_OK means that the session is over; a reply may still have been appended,
 * to tell the front end so.
 */
enum rd_status rd_vhost_handle(struct rd_vhost_session *session, struct rd_view message, int *fds,
	size_t fd_count, struct rd_buf *reply) RD_MUST_USE;

/*
 * Reads and handles what is there, and answers. RD_OK: call again when readable. RD_CLOSED: the
 * front end hung up between two messages. Any other status: the session is over.
 */
enum rd_status rd_vhost_readable(struct rd_vhost_session *session) RD_MUST_USE;

/* A one-word name of the last message that was handled, for the caller's error text. */
const char *rd_vhost_last_request(const struct rd_vhost_session *session);

#endif
