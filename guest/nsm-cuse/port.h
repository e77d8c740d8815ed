/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream to the hypervisor's NSM: one request at a time, never blocking.
 *
 * A stream that breaks costs the request under way (EIO); the next one makes a new stream. The same
 * holds for one that goes silent (ETIMEDOUT): its late answer must not be taken for another's.
 */
#ifndef RD_GUEST_PORT_H
#define RD_GUEST_PORT_H

#include "nsm/codec.h"
#include "nsm/frame.h"

/* As the kernel's driver waits. */
#define PORT_TIMEOUT_MS 120000

enum port_state { PORT_IDLE, PORT_CONNECTING, PORT_SENDING, PORT_RECEIVING };

enum port_result {
	PORT_PENDING, /* call again when port_events is ready, or at the deadline */
	PORT_DONE,    /* *ret_response is the answer */
	PORT_FAILED,  /* *ret_errno says why */
};

struct port {
	int (*start)(void); /* a connecting or connected descriptor, or -1 */
	enum port_state state;
	int fd;
	int64_t deadline_ms;
	struct rd_view unsent; /* of frame */
	struct rd_nsm_frame_reader reader;
	uint8_t frame[RD_NSM_FRAME_HEAD + RD_NSM_REQUEST_MAX];
	uint8_t answer[RD_NSM_RESPONSE_MAX];
};

void port_init(struct port *p, int (*start)(void));

/* Makes the stream before there is a request, and takes its time. Afterwards as after an answer. */
enum rd_status port_connect(struct port *p, int timeout_ms) RD_MUST_USE;

/* Takes one request, at most RD_NSM_REQUEST_MAX bytes, when idle; then call port_step. */
enum rd_status port_submit(struct port *p, struct rd_view request, int64_t now_ms) RD_MUST_USE;

/* What to poll p->fd for; 0 when there is none. */
short port_events(const struct port *p);

/* Goes on as far as it can. An answer is valid until the next call of anything here. */
enum port_result port_step(
	struct port *p, int64_t now_ms, struct rd_view *ret_response, int *ret_errno);

/* For an idle port whose descriptor is ready: nobody asked, so the stream is closed. */
void port_drop(struct port *p);

#endif
