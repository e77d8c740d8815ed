/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeding of the kernel's random generator from the NSM, before anything that needs it.
 *
 * An enclave has no disk, no network and little interrupt noise of its own; what the processor
 * offers is the host's word. The NSM is the source that attestation rests on anyway.
 */
#include "init/init.h"

#include "common/stream.h"
#include "init/file.h"
#include "nsm/codec.h"
#include "nsm/frame.h"
#include "nsm/uapi.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RNG_CURRENT "/sys/class/misc/hw_random/rng_current"
#define RNG_NSM     "nsm-hwrng"

/* GetRandom's answer is 278 bytes; an error is shorter. */
#define ANSWER_MAX 512

/* The hypervisor answers in microseconds; a slow emulated boot does not need more than this. */
#define NSM_TIMEOUT_MS 20000

static enum rd_status check_kernel_source(struct rd_error *err)
{
	char name[32];

	if (init_read_line(RNG_CURRENT, name, sizeof(name)) != RD_OK) {
		return rd_fail(err, RD_UNTRUSTED,
			"cannot read " RNG_CURRENT ": the kernel must use " RNG_NSM);
	}
	if (strcmp(name, RNG_NSM) != 0) {
		return rd_fail(err, RD_UNTRUSTED,
			"the kernel's random source is %s: it must be " RNG_NSM, name);
	}
	return RD_OK;
}

static enum rd_status ask_device(
	struct rd_view request, uint8_t *dst, size_t *len, struct rd_error *err)
{
	struct rd_nsm_raw raw = {
		.request = {.addr = (uintptr_t)request.ptr, .len = request.len},
		.response = {.addr = (uintptr_t)dst, .len = *len},
	};
	int fd RD_CLEANUP(rd_fd_close) = open(RD_NSM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, RD_NSM_IOCTL_RAW, &raw) < 0) {
		return rd_fail_errno(err, errno, "cannot ask " RD_NSM_DEVICE " for random bytes");
	}
	*len = (size_t)raw.response.len;
	return RD_OK;
}

static enum rd_status receive_frame(
	int fd, struct rd_nsm_frame_reader *r, int64_t deadline_ms, struct rd_view *ret_message)
{
	for (;;) {
		uint8_t piece[ANSWER_MAX];
		struct rd_cur in;
		enum rd_status st;
		size_t n;

		RD_TRY(guest_stream_receive(fd, piece, sizeof(piece), deadline_ms, &n));
		in = rd_cur(rd_view(piece, n));
		st = rd_nsm_frame_feed(r, &in, ret_message);
		if (st != RD_AGAIN) {
			return st == RD_OK ? rd_cur_finish(&in) : st;
		}
	}
}

static enum rd_status ask_port(
	struct rd_view request, uint8_t *dst, size_t *len, struct rd_error *err)
{
	int64_t deadline_ms = guest_now_ms() + NSM_TIMEOUT_MS;
	uint8_t storage[RD_NSM_FRAME_HEAD + 16];
	struct rd_buf frame = rd_buf_fixed(storage, sizeof(storage));
	struct rd_nsm_frame_reader reader;
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct rd_view answer;
	enum rd_status st;

	RD_TRY(rd_nsm_frame_put(request, &frame));
	st = guest_stream_connect(RD_CID_HYPERVISOR, RD_GUEST_PORT_NSM, deadline_ms, &fd, err);
	if (st != RD_OK) {
		return rd_error_wrap(err, st, "cannot reach the NSM");
	}
	rd_nsm_frame_init(&reader, dst, *len);
	st = guest_stream_send(fd, rd_buf_view(&frame), deadline_ms);
	if (st == RD_OK) {
		st = receive_frame(fd, &reader, deadline_ms, &answer);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "the NSM did not answer: %s", rd_status_text(st));
	}
	*len = answer.len;
	return RD_OK;
}

static enum rd_status get_random(uint8_t ret_bytes[RD_NSM_RANDOM_SIZE], struct rd_error *err)
{
	static const struct rd_nsm_request get = {.op = RD_NSM_GET_RANDOM};
	uint8_t request_storage[16], answer[ANSWER_MAX], flat[ANSWER_MAX];
	struct rd_buf request = rd_buf_fixed(request_storage, sizeof(request_storage));
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));
	size_t len = sizeof(answer);
	struct rd_nsm_response res;

	RD_TRY(rd_nsm_request_encode(&get, &request));
	if (init_has_nsm_device()) {
		RD_TRY(check_kernel_source(err));
		RD_TRY(ask_device(rd_buf_view(&request), answer, &len, err));
	} else {
		RD_TRY(ask_port(rd_buf_view(&request), answer, &len, err));
	}
	if (len > sizeof(answer) ||
		rd_nsm_response_decode(rd_view(answer, len), &scratch, &res) != RD_OK ||
		res.op != RD_NSM_GET_RANDOM || res.data.len != RD_NSM_RANDOM_SIZE) {
		return rd_fail(err, RD_UNTRUSTED,
			"the NSM's answer to GetRandom is not %d random bytes", RD_NSM_RANDOM_SIZE);
	}
	memcpy(ret_bytes, res.data.ptr, RD_NSM_RANDOM_SIZE);
	explicit_bzero(answer, sizeof(answer));
	explicit_bzero(flat, sizeof(flat));
	return RD_OK;
}

/* struct rand_pool_info with its bytes. */
struct pool {
	int entropy_bits;
	int size;
	uint8_t bytes[RD_NSM_RANDOM_SIZE];
};

enum rd_status init_seed_entropy(struct rd_error *err)
{
	struct pool pool = {.entropy_bits = 8 * RD_NSM_RANDOM_SIZE, .size = RD_NSM_RANDOM_SIZE};
	int fd RD_CLEANUP(rd_fd_close) = -1;
	int rc;

	RD_TRY(get_random(pool.bytes, err));
	fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	rc = fd < 0 ? -1 : ioctl(fd, RNDADDENTROPY, &pool);
	explicit_bzero(&pool, sizeof(pool));
	/* Without the reseed, numbers drawn before the next interval would not have it. */
	if (rc < 0 || ioctl(fd, RNDRESEEDCRNG) < 0) {
		return rd_fail_errno(err, errno, "cannot seed the kernel's random generator");
	}
	return RD_OK;
}
