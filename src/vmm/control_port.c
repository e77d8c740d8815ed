/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's control port: nitro-cli in a parent, at (RD_CID_HYPERVISOR,
 * RD_GUEST_PORT_CONTROL). ctl/stream.h has the protocol.
 *
 *	request ── RUN ──► image ──► answers ── CONSOLE_FD ──► console ──► end
 *	   │  └──── others ────────────►┘ │                                ▲
 *	   └── refused: ERROR, and what still comes is dropped ────────────┘
 *
 * Everything here was written by a guest's root. The bytes are read here and nowhere else: what
 * goes on to redoubtd is written anew from the decoded message, on a socket of its own for each
 * connection, on which redoubtd serves this parent as it serves nitro-cli on the host. The image
 * goes into a memory file that is sealed before anybody looks into it.
 *
 * Bounds: connections at a time, connections a second, announced bytes of images at a time, and
 * time without progress until the request is complete. A guest that takes no answers holds up
 * nobody but its own connection.
 */
#include "vsock_internal.h"

#include "base/text.h"
#include "ctl/codes.h"
#include "ctl/ring.h"
#include "ctl/stream.h"
#include "eif/format.h"
#include "os/fd.h"
#include "os/msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Commands at a time; below RD_VSOCK_CONNECTIONS_RESERVED. Followers of consoles count, too. */
#define STREAMS_MAX 12
/* Commands a second, and how many at once: a script that asks in a loop is let through. */
#define TOKENS_PER_S 20
#define TOKENS_MAX   40
/* Bytes must come until the request is complete; a guest under emulation may pause for seconds. */
#define IDLE_MS 10000
/* A piece of a request, copied out of guest memory before anyone looks at it. */
#define STEP 1024
/* A piece of a console. */
#define CONSOLE_STEP 16384
/* What comes behind an answer: an enclave's metadata, or, smaller, its kept console. */
#define FOLLOWS_MAX RD_CTL_METADATA_MAX
_Static_assert(RD_RING_CAPACITY <= FOLLOWS_MAX, "a kept console fits");
/* Refusals are logged, but a guest shall not fill the host's log. */
#define LOG_INTERVAL_MS 1000

enum control_phase { REQUEST, IMAGE, REFUSED, ANSWERS, CONSOLE };

struct rd_control_stream {
	struct rd_end *end;
	enum control_phase phase;
	struct rd_watch *timer; /* no progress */
	int image;              /* a memory file, or -1 */
	uint64_t image_left;
	uint64_t announced; /* of host->control_uploads */
	int source;         /* redoubtd's answers, or the console; -1: none */
	struct rd_watch *watch;
	struct rd_buf out; /* for the guest */
	size_t out_done;
	bool closing; /* nothing follows what is in out */
	struct rd_ctl_request request;
};

static void say(struct rd_vsock_host *host, const char *text)
{
	uint64_t now = rd_loop_now_ms();

	if (now - host->control_logged_ms >= LOG_INTERVAL_MS) {
		host->control_logged_ms = now;
		fprintf(stderr, "redoubt-vmm: control port: %s\n", text);
	}
}

static void close_source(struct rd_control_stream *s)
{
	rd_watch_free(&s->watch);
	rd_fd_close(&s->source);
}

static void give_up_image(struct rd_control_stream *s)
{
	rd_fd_close(&s->image);
	s->end->host->control_uploads -= s->announced;
	s->announced = 0;
}

/* --- to the guest --- */

static void put_error(struct rd_control_stream *s, enum rd_ctl_code code, const char *text)
{
	struct rd_ctl_message m = {.type = RD_CTL_ERROR, .error = {.code = (uint64_t)code}};

	rd_ctl_text_clean(rd_view_str(text), m.error.text, sizeof(m.error.text));
	if (rd_ctl_stream_put(&m, &s->out) != RD_OK) {
		s->out.used = 0; /* no memory for the reason: the end alone */
	}
	s->closing = true;
	rd_vsock_host_readable(s->end->conn);
}

/* The guest's fault or its luck: it is told, and may send what it likes. */
static void refuse(struct rd_control_stream *s, enum rd_ctl_code code, const char *text)
{
	say(s->end->host, text);
	give_up_image(s);
	s->phase = REFUSED;
	put_error(s, code, text);
}

static enum rd_status control_read(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_got)
{
	struct rd_control_stream *s = end->control;
	size_t left = s->out.used - s->out_done;

	if (left > 0) {
		*ret_got = rd_iov_copy_in(iov, count, 0, s->out.ptr + s->out_done, left);
		s->out_done += *ret_got;
		return RD_OK;
	}
	s->out.used = 0;
	s->out_done = 0;
	if (s->closing) {
		return RD_CLOSED;
	}
	if (s->watch != NULL) {
		RD_TRY(rd_watch_set(s->watch, RD_LOOP_READ));
	}
	return RD_AGAIN;
}

/* --- the console --- */

static void on_console(void *arg, unsigned events)
{
	struct rd_control_stream *s = arg;
	uint8_t *to = NULL;
	size_t n = 0;
	enum rd_status st;

	(void)events;
	s->out.used = 0;
	s->out_done = 0;
	st = rd_buf_reserve(&s->out, CONSOLE_STEP, &to);
	s->out.used = 0;
	st = st == RD_OK ? rd_fd_read(s->source, to, CONSOLE_STEP, &n) : st;
	if (st == RD_AGAIN) {
		return;
	}
	s->out.used = st == RD_OK ? n : 0;
	if (s->out.used == 0) {
		close_source(s);
		s->closing = true;
	} else if (rd_watch_set(s->watch, 0) != RD_OK) {
		rd_vsock_reset(s->end->conn);
		return;
	}
	rd_vsock_host_readable(s->end->conn);
}

/* What was kept of an ended enclave's console, behind the frame that is in out already. */
static enum rd_status put_ring(struct rd_control_stream *s, int fd)
{
	struct rd_buf ring RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_RING_SIZE);
	struct rd_view parts[2];
	uint64_t written;

	RD_TRY(rd_fd_read_all(fd, &ring));
	RD_TRY(rd_ring_read(rd_buf_view(&ring), parts, &written));
	RD_TRY(rd_buf_put_view(&s->out, parts[0]));
	return rd_buf_put_view(&s->out, parts[1]);
}

static enum rd_status follow_console(struct rd_control_stream *s, int take_fd)
{
	int fd RD_CLEANUP(rd_fd_close) = take_fd;

	close_source(s);
	RD_TRY(rd_fd_set_nonblock(fd, true));
	s->source = rd_steal(&fd, -1);
	s->phase = CONSOLE;
	return rd_loop_watch_fd(s->end->host->config.loop, s->source, 0, on_console, s, &s->watch);
}

/* --- redoubtd's answers --- */

/* An enclave, and the metadata of its image if that was asked for. */
static enum rd_status put_enclave(
	struct rd_control_stream *s, struct rd_ctl_message *m, const struct rd_msg_fds *fds)
{
	struct rd_buf metadata RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_METADATA_MAX);

	if (fds->count > 0) {
		RD_TRY(rd_fd_read_all(fds->fd[0], &metadata));
	}
	m->enclave.metadata_size = metadata.used;
	RD_TRY(rd_ctl_stream_put(m, &s->out));
	return rd_buf_put_view(&s->out, rd_buf_view(&metadata));
}

static enum rd_status pass_on(
	struct rd_control_stream *s, struct rd_ctl_message *m, struct rd_msg_fds *fds)
{
	bool ring = m->type == RD_CTL_CONSOLE_FD && m->console_fd.ring;

	if (m->type == RD_CTL_ENCLAVE) {
		return put_enclave(s, m, fds);
	}
	if (m->type == RD_CTL_CONSOLE_FD) {
		m->console_fd.ring = false; /* the guest gets bytes, whatever they are kept in */
	}
	RD_TRY(rd_ctl_stream_put(m, &s->out));
	if (ring) {
		close_source(s);
		s->closing = true;
		return put_ring(s, fds->fd[0]);
	}
	if (m->type == RD_CTL_CONSOLE_FD) {
		return follow_console(s, rd_msg_fds_steal(fds, 0));
	}
	return RD_OK;
}

static enum rd_status take_answer(struct rd_control_stream *s)
{
	static uint8_t storage[RD_MSG_BYTES_MAX];
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct rd_ctl_message m;
	size_t len = 0;

	RD_TRY(rd_msg_recv(s->source, storage, sizeof(storage), &len, &fds));
	RD_TRY(rd_ctl_decode(rd_view(storage, len), fds.count, RD_CTL_DAEMON_TO_CLIENT, &m));
	return pass_on(s, &m, &fds);
}

/* One answer a turn, and the next when the guest has taken it. */
static void on_answer(void *arg, unsigned events)
{
	struct rd_control_stream *s = arg;
	enum rd_status st;

	(void)events;
	st = take_answer(s);
	if (st == RD_AGAIN) {
		return;
	}
	if (st != RD_OK) {
		close_source(s);
		s->closing = true;
	} else if (s->watch != NULL && rd_watch_set(s->watch, 0) != RD_OK) {
		rd_vsock_reset(s->end->conn);
		return;
	}
	rd_vsock_host_readable(s->end->conn);
}

static enum rd_status send_request(struct rd_control_stream *s)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_msg_fds fds = {.fd = {s->image, -1, -1, -1}, .count = s->image < 0 ? 0 : 1};

	RD_TRY(rd_ctl_encode(&s->request.message, &buf));
	return rd_msg_send(s->source, rd_buf_view(&buf), &fds);
}

/* The request is complete: from here on redoubtd has time-outs of its own. */
static void ask_daemon(struct rd_control_stream *s)
{
	struct rd_vsock_host *host = s->end->host;
	enum rd_status st = host->config.events->client(host->config.ctx, &s->source);

	if (st == RD_OK) {
		st = send_request(s);
	}
	if (st == RD_OK) {
		st = rd_loop_watch_fd(
			host->config.loop, s->source, RD_LOOP_READ, on_answer, s, &s->watch);
	}
	if (st != RD_OK) {
		refuse(s, RD_E_CONNECTION,
			"the hypervisor's service does not answer (it is being restarted): try "
			"again");
		return;
	}
	give_up_image(s); /* redoubtd has it */
	rd_watch_disarm(s->timer);
	s->phase = ANSWERS;
}

/* --- from the guest --- */

static void begin_image(struct rd_control_stream *s)
{
	struct rd_vsock_host *host = s->end->host;
	uint64_t size = s->request.image_size;
	uint64_t memory_mib = s->request.message.run.memory_mib;

	if (size > RD_EIF_FILE_MAX || size >> 20 > memory_mib) {
		refuse(s, RD_E_MEMORY_TOO_SMALL,
			"the image is larger than the enclave's memory: raise --memory");
		return;
	}
	if (size > host->config.control_memory - host->control_uploads) {
		refuse(s, RD_E_MEMORY_NOT_AVAILABLE,
			"the image is larger than what this parent may send (half of its memory, for "
			"all images that are under way)");
		return;
	}
	if (rd_fd_memfd("eif", 0, &s->image) != RD_OK) {
		refuse(s, RD_E_MEMORY_NOT_AVAILABLE, "the hypervisor has no room for the image");
		return;
	}
	s->announced = size;
	host->control_uploads += size;
	s->image_left = size;
	s->phase = IMAGE;
}

static void on_request(struct rd_control_stream *s)
{
	if (s->request.message.type == RD_CTL_RUN) {
		begin_image(s);
	} else {
		ask_daemon(s);
	}
}

static size_t take_request(struct rd_control_stream *s, const struct iovec *iov, size_t count)
{
	size_t total = rd_iov_bytes(iov, count), taken = 0;
	uint8_t step[STEP];
	enum rd_status st;

	while (taken < total && s->phase == REQUEST) {
		size_t n = rd_iov_copy_out(iov, count, taken, step, sizeof(step));
		struct rd_cur in = rd_cur(rd_view(step, n));

		st = rd_ctl_request_feed(&s->request, &in);
		taken += n - in.left;
		if (st != RD_OK) {
			char text[96];

			snprintf(text, sizeof(text), "not a request of nitro-cli (%s)",
				rd_status_text(st));
			refuse(s, RD_E_CONNECTION, text);
		} else if (s->request.phase == RD_CTL_REQUEST_WHOLE) {
			on_request(s);
		}
	}
	return taken;
}

static void image_complete(struct rd_control_stream *s)
{
	if (rd_fd_seal_content(s->image) != RD_OK) {
		refuse(s, RD_E_FILE, "the hypervisor cannot seal the image");
		return;
	}
	ask_daemon(s);
}

/* Straight from guest memory into the file. */
static size_t take_image(
	struct rd_control_stream *s, const struct iovec *iov, size_t count, size_t skip)
{
	size_t taken = 0;

	for (size_t i = 0; i < count && s->image_left > 0; i++) {
		size_t off = skip < iov[i].iov_len ? skip : iov[i].iov_len;
		size_t len = iov[i].iov_len - off;

		skip -= off;
		len = len < s->image_left ? len : (size_t)s->image_left;
		if (rd_fd_write_full(s->image, rd_view((uint8_t *)iov[i].iov_base + off, len)) !=
			RD_OK) {
			refuse(s, RD_E_MEMORY_NOT_AVAILABLE,
				"the hypervisor has no memory for the image");
			break;
		}
		taken += len;
		s->image_left -= len;
	}
	if (s->phase == IMAGE && s->image_left == 0) {
		image_complete(s);
	}
	return taken;
}

static enum rd_status control_write(
	struct rd_end *end, const struct iovec *iov, size_t count, size_t *ret_taken)
{
	struct rd_control_stream *s = end->control;
	size_t total = rd_iov_bytes(iov, count), taken = 0;

	if (s->phase == REQUEST) {
		taken = take_request(s, iov, count);
	}
	if (s->phase == IMAGE && taken < total) {
		taken += take_image(s, iov, count, taken);
	}
	if (s->phase == REFUSED) {
		taken = total;
	}
	/* Nothing is to come after a complete request. */
	RD_ENSURE(taken == total || s->phase == REQUEST || s->phase == IMAGE, RD_TRAILING);
	*ret_taken = taken;
	if (s->phase <= REFUSED) {
		RD_TRY(rd_watch_arm(s->timer, IDLE_MS));
	}
	return RD_OK;
}

static void on_idle(void *arg)
{
	struct rd_control_stream *s = arg;

	say(s->end->host, "a request that did not come to its end");
	rd_vsock_reset(s->end->conn);
}

static void control_shutdown(struct rd_end *end, unsigned how)
{
	struct rd_control_stream *s = end->control;

	/* Half a request will never be one. */
	if ((how & RD_VSOCK_SHUT_SEND) != 0 && s->phase <= REFUSED) {
		s->closing = true;
	}
	rd_vsock_host_readable(end->conn);
}

static void control_finish(struct rd_end *end)
{
	struct rd_control_stream *s = end->control;

	close_source(s);
	give_up_image(s);
	rd_watch_free(&s->timer);
	rd_buf_finish(&s->out);
	end->host->control_streams--;
	free(s);
}

static const struct rd_end_ops control_ops = {
	.write = control_write,
	.read = control_read,
	.shutdown = control_shutdown,
	.finish = control_finish,
};

/* --- a new connection --- */

static bool take_token(struct rd_vsock_host *host)
{
	uint64_t now = rd_loop_now_ms();
	uint64_t passed = now - host->control_token_ms;
	uint64_t tokens;

	if (passed >= 1000 / TOKENS_PER_S) {
		passed = passed < 60000 ? passed : 60000;
		tokens = host->control_tokens + passed * TOKENS_PER_S / 1000;
		host->control_tokens = tokens < TOKENS_MAX ? (uint32_t)tokens : TOKENS_MAX;
		host->control_token_ms = now;
	}
	if (host->control_tokens == 0) {
		return false;
	}
	host->control_tokens--;
	return true;
}

enum rd_status rd_control_port_open(
	struct rd_vsock_host *host, uint32_t guest_port, struct rd_end **ret_end)
{
	struct rd_control_stream *s;
	struct rd_end *end;

	if (guest_port > RD_GUEST_PORT_PRIVILEGED_MAX) {
		say(host, "refused a program of the parent that is not privileged");
		return RD_DENIED;
	}
	if (host->control_streams >= STREAMS_MAX || !take_token(host)) {
		say(host, "refused, too many commands at a time");
		return RD_LIMIT;
	}
	s = calloc(1, sizeof(*s));
	RD_ENSURE(s != NULL, RD_NOMEM);
	s->image = s->source = -1;
	s->out = rd_buf_growable(RD_CTL_STREAM_HEAD + RD_CTL_MESSAGE_MAX + FOLLOWS_MAX);
	rd_ctl_request_init(&s->request);
	end = rd_end_new(host, &control_ops);
	if (end == NULL) {
		free(s);
		return RD_NOMEM;
	}
	host->control_streams++;
	s->end = end;
	end->control = s;
	if (rd_loop_timer(host->config.loop, on_idle, s, &s->timer) != RD_OK ||
		rd_watch_arm(s->timer, IDLE_MS) != RD_OK) {
		rd_end_free(end);
		return RD_NOMEM;
	}
	*ret_end = end;
	return RD_OK;
}
