/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's init, nsm-cuse and hello-attest in a real Linux guest; this process is the
 * hypervisor.
 *
 *	guest-host <init> <nsm-cuse> <guest-app> <hello-attest>
 *
 * Each case boots a machine, serves heartbeat and NSM as the case says, and compares the end
 * report; once with each kernel that there is: see machine.h.
 */
#include "../unit/nsm/model.h"
#include "machine.h"

#include "base/byteorder.h"
#include "base/text.h"
#include "nsm/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A boot takes seconds; a machine that is busy with other tests, many times as long. */
#define TIMEOUT_MS 180000u
#define HELLO_PORT 5000u
#define NONCE      "\5nonce"

enum fault { NO_FAULT, NO_NSM, BAD_RANDOM, WRONG_ECHO, NO_HEARTBEAT };

struct boot_case {
	const char *name;
	enum fault fault;
	const char *process; /* records, NUL-terminated ones as '|'; NULL: cmd and env */
	const char *cmd;
	const char *env;
	bool no_cuse; /* leave nsm-cuse out of the ramdisk */
	bool no_root; /* leave /rootfs out */
	enum rd_guest_end_kind kind;
	uint32_t value;
	const char *text; /* part of the report's, and of a line on the console */
};

static const struct boot_case cases[] = {
	{.name = "checks from the inside",
		.process = "arg=app|arg=checks|arg=|arg=two\nlines|env=GREETING=hello\nworld|"
			   "env=PATH=/odd:/opt/bin|cwd=/srv/made/for me|uid=1000|gid=1001|"
			   "group=5|group=1002|",
		.kind = RD_GUEST_EXITED,
		.value = 42,
		.text = "exited with code 42"},
	{.name = "cmd and env; end by signal",
		.cmd = "/opt/bin/app\nsignal\n",
		.env = "A=1\n",
		.kind = RD_GUEST_SIGNALLED,
		.value = 15,
		.text = "signal 15"},
	{.name = "out of memory leaves the NSM alone",
		.process = "arg=/opt/bin/app|arg=hog|",
		.kind = RD_GUEST_EXITED,
		.value = 43,
		.text = "exited with code 43"},
	{.name = "hello-attest",
		.process = "arg=/hello-attest|",
		.kind = RD_GUEST_EXITED,
		.value = 0,
		.text = "exited with code 0"},
	{.name = "a program that is not there",
		.process = "arg=nothere|",
		.kind = RD_GUEST_INIT_FAILED,
		.value = 2,
		.text = "cannot execute 'nothere': No such file or directory"},
	{.name = "a program that may not be executed",
		.process = "arg=/etc/data|",
		.kind = RD_GUEST_INIT_FAILED,
		.value = 13,
		.text = "cannot execute '/etc/data': Permission denied"},
	{.name = "a relative program, from the working directory",
		.process = "arg=bin/app|arg=signal|cwd=/opt|",
		.kind = RD_GUEST_SIGNALLED,
		.value = 15,
		.text = "signal 15"},
	{.name = "a working directory that cannot be",
		.process = "arg=/opt/bin/app|cwd=/etc/data/x|",
		.kind = RD_GUEST_INIT_FAILED,
		.value = 20,
		.text = "cannot enter the working directory '/etc/data/x': Not a directory"},
	{.name = "neither process nor cmd",
		.kind = RD_GUEST_INIT_FAILED,
		.value = 2,
		.text = "cannot open /cmd: No such file or directory"},
	{.name = "cmd without env",
		.cmd = "/opt/bin/app\n",
		.kind = RD_GUEST_INIT_FAILED,
		.value = 2,
		.text = "cannot open /env: No such file or directory"},
	{.name = "an image without a root",
		.process = "arg=/x|",
		.no_root = true,
		.kind = RD_GUEST_INIT_FAILED,
		.value = 2,
		.text = "cannot use /rootfs"},
	{.name = "no NSM, no entropy, no start",
		.fault = NO_NSM,
		.process = "arg=/opt/bin/app|",
		.kind = RD_GUEST_INIT_FAILED,
		.value = 104,
		.text = "cannot reach the NSM"},
	{.name = "an NSM without random bytes",
		.fault = BAD_RANDOM,
		.process = "arg=/opt/bin/app|",
		.kind = RD_GUEST_INIT_FAILED,
		.text = "the NSM's answer to GetRandom is not 256 random bytes"},
	{.name = "a heartbeat answered by a stranger",
		.fault = WRONG_ECHO,
		.process = "arg=/opt/bin/app|",
		.kind = RD_GUEST_INIT_FAILED,
		.text = "the heartbeat was answered with 0x00"},
	{.name = "a heartbeat refused",
		.fault = NO_HEARTBEAT,
		.process = "arg=/opt/bin/app|",
		.kind = RD_GUEST_INIT_FAILED,
		.value = 104,
		.text = "cannot send the heartbeat"},
	{.name = "no device and nobody to serve it",
		.no_cuse = true,
		.process = "arg=/opt/bin/app|",
		.kind = RD_GUEST_INIT_FAILED,
		.value = 2,
		.text = "no /nsm-cuse in the boot ramdisk"},
};

struct host {
	struct machine *machine;
	const struct boot_case *c;
	struct model model;
	unsigned heartbeats;
	uint64_t start_ms;
	bool reported;
	struct rd_guest_end end;
	struct rd_vsock_conn *hello; /* waits for its nonce */
	struct rd_buf document;      /* from hello-attest, its length in front */
};

/* One of the guest's streams. */
struct stream {
	uint32_t port;
	struct rd_nsm_frame_reader reader;
	uint8_t request[RD_NSM_REQUEST_MAX];
	struct rd_buf in;  /* end report */
	struct rd_buf out; /* not yet taken by the guest, from out_done on */
	size_t out_done;
};

static void fail(const struct host *h, const char *what)
{
	fprintf(stderr, "guest-host: %s: FAIL: %s\n", h->c->name, what);
}

static enum rd_status serve_nsm(struct host *h, struct stream *s, struct rd_cur *in)
{
	static uint8_t storage[RD_NSM_RESPONSE_MAX];
	struct rd_view request;
	enum rd_status st;

	while ((st = rd_nsm_frame_feed(&s->reader, in, &request)) == RD_OK) {
		struct rd_buf answer = rd_buf_fixed(storage, sizeof(storage));

		h->model.fails = h->c->fault == BAD_RANDOM ? RD_INTERNAL : RD_OK;
		RD_TRY(rd_nsm_handle(&h->model.nsm, request, &answer));
		RD_TRY(rd_nsm_frame_put(rd_buf_view(&answer), &s->out));
	}
	return st == RD_AGAIN ? RD_OK : st;
}

static enum rd_status take(struct host *h, struct stream *s, struct rd_view bytes)
{
	struct rd_cur in = rd_cur(bytes);
	uint8_t beat;

	switch (s->port) {
	case RD_GUEST_PORT_NSM:
		return serve_nsm(h, s, &in);
	case RD_GUEST_PORT_HEARTBEAT:
		RD_TRY(rd_cur_u8(&in, &beat));
		RD_ENSURE(beat == RD_GUEST_HEARTBEAT, RD_MALFORMED);
		h->heartbeats++;
		return rd_buf_u8(&s->out, h->c->fault == WRONG_ECHO ? 0 : beat);
	case HELLO_PORT:
		return rd_buf_put_view(&h->document, bytes);
	default:
		return rd_buf_put_view(&s->in, bytes);
	}
}

static bool is_served(const struct host *h, const struct rd_vsock_address *a)
{
	if (a->host_cid == RD_CID_HYPERVISOR) {
		return a->host_port == RD_GUEST_PORT_EXIT ||
		       (a->host_port == RD_GUEST_PORT_NSM && h->c->fault != NO_NSM);
	}
	return a->host_port == HELLO_PORT ||
	       (a->host_port == RD_GUEST_PORT_HEARTBEAT && h->c->fault != NO_HEARTBEAT);
}

static enum rd_status on_connect(
	void *ctx, struct rd_vsock_conn *conn, const struct rd_vsock_address *address)
{
	struct host *h = ctx;
	struct stream *s;

	RD_ENSURE(is_served(h, address), RD_DENIED);
	s = calloc(1, sizeof(*s));
	RD_ENSURE(s != NULL, RD_NOMEM);
	s->port = address->host_port;
	s->in = rd_buf_growable(RD_GUEST_END_MAX);
	s->out = rd_buf_growable(1 << 20);
	rd_nsm_frame_init(&s->reader, s->request, sizeof(s->request));
	rd_vsock_conn_set_user(conn, s);
	h->hello = s->port == HELLO_PORT ? conn : h->hello;
	return RD_OK;
}

/* The stream exists only after on_connect has returned: what we say first is said a turn later. */
static void say_nonce(struct host *h)
{
	struct stream *s;

	if (h->hello != NULL) {
		s = rd_vsock_conn_user(h->hello);
		if (rd_buf_put_str(&s->out, NONCE) != RD_OK) {
			abort();
		}
		rd_vsock_host_readable(h->hello);
		h->hello = NULL;
	}
}

static void on_connected(void *ctx, struct rd_vsock_conn *conn)
{
	(void)ctx;
	(void)conn;
}

static enum rd_status on_write(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_taken)
{
	struct stream *s = rd_vsock_conn_user(conn);
	uint8_t piece[8192];
	size_t n = rd_iov_copy_out(iov, count, 0, piece, sizeof(piece));

	RD_TRY(take(ctx, s, rd_view(piece, n)));
	*ret_taken = n;
	rd_vsock_host_readable(conn);
	return RD_OK;
}

static enum rd_status on_read(void *ctx, struct rd_vsock_conn *conn, const struct iovec *iov,
	size_t count, size_t *ret_got)
{
	struct stream *s = rd_vsock_conn_user(conn);
	size_t left = s->out.used - s->out_done;

	(void)ctx;
	RD_ENSURE(left > 0, RD_AGAIN);
	*ret_got = rd_iov_copy_in(iov, count, 0, s->out.ptr + s->out_done, left);
	s->out_done += *ret_got;
	return RD_OK;
}

static void on_shutdown(void *ctx, struct rd_vsock_conn *conn, unsigned how)
{
	struct host *h = ctx;
	struct stream *s = rd_vsock_conn_user(conn);

	if (s->port == RD_GUEST_PORT_EXIT && !h->reported) {
		h->reported = rd_guest_end_decode(rd_buf_view(&s->in), &h->end) == RD_OK;
	}
	if (how & RD_VSOCK_SHUT_SEND) {
		rd_vsock_shutdown(conn, RD_VSOCK_SHUT_SEND | RD_VSOCK_SHUT_RECEIVE);
	}
}

static void on_closed(void *ctx, struct rd_vsock_conn *conn, enum rd_status why)
{
	struct stream *s = rd_vsock_conn_user(conn);

	(void)ctx;
	(void)why;
	rd_buf_finish(&s->in);
	rd_buf_finish(&s->out);
	free(s);
}

static void on_notify(void *ctx, unsigned queue)
{
	struct host *h = ctx;

	machine_notify(h->machine, queue);
}

static void on_schedule(void *ctx)
{
	struct host *h = ctx;

	machine_schedule(h->machine);
}

static const struct rd_vsock_ops ops = {
	.connect = on_connect,
	.connected = on_connected,
	.write = on_write,
	.read = on_read,
	.shutdown = on_shutdown,
	.closed = on_closed,
	.notify = on_notify,
	.schedule = on_schedule,
};

/* ---- one boot ---- */

#define FILES_MAX 12

struct ramdisk {
	struct machine_file files[FILES_MAX];
	size_t count;
	char process[512];
};

static void add(
	struct ramdisk *r, const char *name, const char *path, const void *data, size_t size)
{
	if (r->count == FILES_MAX) {
		abort();
	}
	r->files[r->count++] = (struct machine_file){name, path, data, size};
}

static void add_root(struct ramdisk *r, char **paths)
{
	add(r, "rootfs", NULL, NULL, 0);
	add(r, "rootfs/opt", NULL, NULL, 0);
	add(r, "rootfs/opt/bin", NULL, NULL, 0);
	add(r, "rootfs/opt/bin/app", paths[2], NULL, 0);
	add(r, "rootfs/hello-attest", paths[3], NULL, 0);
	add(r, "rootfs/etc", NULL, NULL, 0);
	add(r, "rootfs/etc/data", NULL, "data", 4);
}

static void fill_ramdisk(struct ramdisk *r, const struct boot_case *c, char **paths)
{
	add(r, "init", paths[0], NULL, 0);
	if (!c->no_cuse) {
		add(r, "nsm-cuse", paths[1], NULL, 0);
	}
	if (!c->no_root) {
		add_root(r, paths);
	}
	if (c->process != NULL) {
		size_t n = strlen(c->process);

		for (size_t i = 0; i < n; i++) {
			r->process[i] = c->process[i] == '|' ? 0 : c->process[i];
		}
		add(r, "process", NULL, r->process, n);
	}
	if (c->cmd != NULL) {
		add(r, "cmd", NULL, c->cmd, strlen(c->cmd));
	}
	if (c->env != NULL) {
		add(r, "env", NULL, c->env, strlen(c->env));
	}
}

static bool check_document(const struct host *h)
{
	static const char want[] = "hello from the enclave|nonce|null|0000ffff";
	const struct rd_buf *d = &h->document;

	return d->used == 4 + sizeof(want) - 1 && rd_get_be32(d->ptr) == sizeof(want) - 1 &&
	       memcmp(d->ptr + 4, want, sizeof(want) - 1) == 0;
}

static bool judge(const struct host *h, const char *console)
{
	const struct boot_case *c = h->c;

	if (!h->reported) {
		fail(h, "there was no end report");
		return false;
	}
	if (h->end.kind != c->kind || h->end.value != c->value ||
		strstr(h->end.text, c->text) == NULL) {
		fail(h, "the end report is another");
		fprintf(stderr, "  kind %d, value %u, '%s'\n", (int)h->end.kind, h->end.value,
			h->end.text);
		return false;
	}
	if (strstr(console, "init: ") == NULL || strstr(console, c->text) == NULL) {
		fail(h, "the console does not say it");
		return false;
	}
	if (strcmp(c->name, "hello-attest") == 0 && !check_document(h)) {
		fail(h, "hello-attest sent another document");
		return false;
	}
	return true;
}

static bool run_case(const struct boot_case *c, const struct machine_kernel *kernel, char **paths)
{
	static struct host h;
	static char console[1 << 16];
	struct ramdisk ramdisk = {0};
	int console_fd = memfd_create("console", MFD_CLOEXEC);
	bool ok;

	h = (struct host){.c = c, .start_ms = machine_now_ms()};
	h.document = rd_buf_growable(1 << 16);
	if (console_fd < 0 || model_init(&h.model) != RD_OK) {
		abort();
	}
	fill_ramdisk(&ramdisk, c, paths);
	h.machine = machine_new(&ops, &h);
	machine_start(h.machine, kernel, ramdisk.files, ramdisk.count, console_fd);
	while (machine_turn(h.machine) && machine_now_ms() - h.start_ms < TIMEOUT_MS) {
		say_nonce(&h);
	}
	machine_free(&h.machine);
	memset(console, 0, sizeof(console));
	ok = pread(console_fd, console, sizeof(console) - 1, 0) > 0 && judge(&h, console);
	printf("%s: %s: %s, %.1f s\n", kernel->flavour, c->name, ok ? "ok" : "FAILED",
		(double)(machine_now_ms() - h.start_ms) / 1e3);
	if (!ok || getenv("GUEST_CONSOLE") != NULL) {
		printf("%s\n", console);
	}
	fflush(stdout);
	close(console_fd);
	rd_buf_finish(&h.document);
	return ok;
}

static unsigned run_cases(const struct machine_kernel *kernel, char **paths)
{
	const char *only = getenv("GUEST_CASE");
	unsigned failed = 0;

	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		if (only == NULL || strstr(cases[i].name, only) != NULL) {
			failed += !run_case(&cases[i], kernel, paths);
		}
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct machine_kernel kernels[MACHINE_KERNELS_MAX];
	unsigned failed = 0;
	size_t count;

	if (argc != 5) {
		fprintf(stderr, "usage: guest-host INIT NSM-CUSE GUEST-APP HELLO-ATTEST\n");
		return 2;
	}
	count = machine_kernels(kernels);
	for (size_t i = 0; i < count; i++) {
		failed += run_cases(&kernels[i], argv + 1);
	}
	return failed == 0 ? 0 : 1;
}
