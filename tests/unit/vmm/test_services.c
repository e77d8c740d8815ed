/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about console, connector, control connection and NSM service. */
#include "test.h"

#include "attest/document.h"
#include "attest/pki.h"
#include "ctl/message.h"
#include "ctl/ring.h"
#include "os/fd.h"
#include "os/loop.h"
#include "vsock/device.h"

#include "connector.h"
#include "console.h"
#include "control.h"
#include "nsm_service.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char module_id[] = "i-0000000000000000-enc019b0c1d2e3f4a5b";

static void stop(void *arg)
{
	rd_loop_stop(arg);
}

/* Lets the loop do its work for a moment. */
static void run_for(struct rd_loop *loop, uint64_t ms)
{
	struct rd_watch *timer;

	assert_ok(rd_loop_timer(loop, stop, loop, &timer));
	assert_ok(rd_watch_arm(timer, ms));
	assert_ok(rd_loop_run(loop));
	rd_watch_free(&timer);
}

/* --- console --- */

struct console_test {
	struct rd_loop *loop;
	struct rd_console console;
	int ring_fd;
};

static void console_open(struct console_test *t)
{
	*t = (struct console_test){.ring_fd = -1};
	assert_ok(rd_loop_new(&t->loop));
	assert_ok(rd_fd_memfd("ring", RD_RING_SIZE, &t->ring_fd));
	assert_ok(rd_console_init(&t->console, t->ring_fd));
	rd_console_attach(&t->console, t->loop);
}

static void console_close(struct console_test *t)
{
	rd_console_finish(&t->console);
	rd_loop_free(&t->loop);
	rd_fd_close(&t->ring_fd);
}

static void console_replays_and_follows(void **state)
{
	struct console_test t;
	char text[64] = "";
	int ends[2];
	size_t n;

	(void)state;
	console_open(&t);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	rd_console_write(&t.console, rd_view_str("before "));
	assert_ok(rd_console_follow(&t.console, ends[1]));
	rd_console_write(&t.console, rd_view_str("after"));
	assert_ok(rd_fd_read(ends[0], text, sizeof(text) - 1, &n));
	assert_string_equal(text, "before after");
	console_close(&t);
	assert_ok(rd_fd_read(ends[0], text, sizeof(text), &n));
	assert_int_equal(n, 0); /* end of file with the enclave */
	rd_fd_close(&ends[0]);
}

static void slow_follower_waits_then_is_dropped_and_others_are_not(void **state)
{
	static uint8_t chunk[16384], back[RD_RING_CAPACITY];
	struct console_test t;
	int slow[2], fast[2];
	size_t n, i, total = 0;

	(void)state;
	console_open(&t);
	assert_int_equal(pipe2(slow, O_CLOEXEC), 0);
	assert_int_equal(pipe2(fast, O_CLOEXEC | O_NONBLOCK), 0);
	assert_ok(rd_console_follow(&t.console, slow[1]));
	assert_ok(rd_console_follow(&t.console, fast[1]));
	for (i = 0; i < 64; i++) { /* 1 MiB: four rings, sixteen pipes */
		rd_console_write(&t.console, rd_view(chunk, sizeof(chunk)));
		while (rd_fd_read(fast[0], back, sizeof(back), &n) == RD_OK && n > 0) {
			total += n;
		}
	}
	assert_int_equal(total, 64 * sizeof(chunk));
	for (total = 0; rd_fd_read(slow[0], back, sizeof(back), &n) == RD_OK && n > 0;) {
		total += n;
	}
	assert_true(total < 64 * sizeof(chunk)); /* what its pipe held, then the end */
	rd_fd_close(&slow[0]);
	rd_fd_close(&fast[0]);
	console_close(&t);
}

static void console_refuses_too_many_followers_and_foreign_files(void **state)
{
	struct console_test t;
	struct rd_console other = {0};
	char told[64];
	int ends[2];
	int i, fd;
	size_t n;

	(void)state;
	console_open(&t);
	for (i = 0; i < RD_CONSOLE_FOLLOWERS_MAX; i++) {
		assert_ok(rd_console_follow(&t.console, open("/dev/null", O_WRONLY | O_CLOEXEC)));
	}
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_status(rd_console_follow(&t.console, ends[1]), RD_LIMIT);
	assert_int_equal(fcntl(ends[1], F_GETFD), -1); /* taken over all the same */
	assert_ok(rd_fd_read(ends[0], told, sizeof(told), &n));
	assert_true(rd_view_equal(rd_view(told, n), rd_ctl_console_full()));
	assert_ok(rd_fd_read(ends[0], told, sizeof(told), &n));
	assert_int_equal(n, 0);
	rd_fd_close(&ends[0]);
	console_close(&t);
	assert_ok(rd_fd_memfd("short", RD_RING_SIZE - 1, &fd));
	assert_status(rd_console_init(&other, fd), RD_OUT_OF_RANGE);
	rd_fd_close(&fd);
	assert_status(
		rd_console_follow(&other, open("/dev/null", O_WRONLY | O_CLOEXEC)), RD_NOTFOUND);
}

/* The guest says nothing, so that no write could tell. */
static void a_follower_that_has_gone_leaves_its_place(void **state)
{
	struct console_test t;
	int gone[2], next[2];

	(void)state;
	console_open(&t);
	assert_int_equal(pipe2(gone, O_CLOEXEC), 0);
	assert_int_equal(pipe2(next, O_CLOEXEC), 0);
	for (int i = 1; i < RD_CONSOLE_FOLLOWERS_MAX; i++) {
		assert_ok(rd_console_follow(&t.console, open("/dev/null", O_WRONLY | O_CLOEXEC)));
	}
	assert_ok(rd_console_follow(&t.console, gone[1]));
	rd_fd_close(&gone[0]);
	assert_ok(rd_console_follow(&t.console, next[1]));
	assert_status(
		rd_console_follow(&t.console, open("/dev/null", O_WRONLY | O_CLOEXEC)), RD_LIMIT);
	rd_fd_close(&next[0]);
	console_close(&t);
}

/* --- connector --- */

/* As many as the vsock device lets be unanswered. */
#define ASKED_MAX RD_VSOCK_PENDING_MAX

struct answers {
	enum rd_status st[ASKED_MAX];
	int fd[ASKED_MAX];
	unsigned count;
};

static void on_answer(void *ctx, uint32_t id, enum rd_status st, int take_fd)
{
	struct answers *a = ctx;

	assert_true(id < ASKED_MAX);
	a->st[id] = st;
	a->fd[id] = take_fd;
	a->count++;
}

static void connector_opens_the_owners_sockets_only(void **state)
{
	struct rd_connector connector = RD_CONNECTOR_INIT;
	struct answers answers = {0};
	char dir[] = "/tmp/rd-test-XXXXXX";
	struct rd_loop *loop;
	struct rd_msg_peer peer;
	uid_t owner = geteuid() == 0 ? 65534 : geteuid();
	int dir_fd, listener, file, server;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fchown(dir_fd, owner, (gid_t)-1), 0);
	assert_ok(rd_msg_listen_at(dir_fd, "vsock.sock_7", SOCK_STREAM, 0666, &listener));
	file = openat(dir_fd, "vsock.sock_8", O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	assert_int_equal(symlinkat("/etc/passwd", dir_fd, "vsock.sock_9"), 0);
	assert_ok(rd_connector_start(&connector, dir_fd, owner, owner, NULL));
	assert_ok(rd_loop_new(&loop));
	assert_ok(rd_connector_attach(&connector, loop, on_answer, &answers));
	assert_ok(rd_connector_ask(&connector, 0, 7));
	assert_ok(rd_connector_ask(&connector, 1, 8));
	assert_ok(rd_connector_ask(&connector, 2, 9));
	assert_ok(rd_connector_ask(&connector, 3, 10));
	while (answers.count < 4) {
		run_for(loop, 20);
	}
	assert_status(answers.st[0], RD_OK);
	assert_ok(rd_msg_accept(listener, &server));
	assert_ok(rd_msg_peer(server, &peer));
	assert_int_equal(peer.uid, owner);
	assert_int_not_equal(answers.st[1], RD_OK);
	assert_int_not_equal(answers.st[2], RD_OK);
	assert_status(answers.st[3], RD_NOTFOUND);
	assert_int_equal(answers.fd[3], -1);
	rd_fd_close(&answers.fd[0]);
	rd_fd_close(&server);
	rd_fd_close(&listener);
	rd_fd_close(&file);
	rd_connector_finish(&connector);
	rd_loop_free(&loop);
	unlinkat(dir_fd, "vsock.sock_7", 0);
	unlinkat(dir_fd, "vsock.sock_8", 0);
	unlinkat(dir_fd, "vsock.sock_9", 0);
	rd_fd_close(&dir_fd);
	rmdir(dir);
}

/* A directory of the connector's own with one socket, where port 7 listens. */
struct connector_test {
	struct rd_connector connector;
	struct answers answers;
	struct rd_loop *loop;
	char dir[32];
	int dir_fd;
	int listener;
};

static void connector_open(struct connector_test *t)
{
	uid_t owner = geteuid() == 0 ? 65534 : geteuid();

	*t = (struct connector_test){.connector = RD_CONNECTOR_INIT, .dir = "/tmp/rd-test-XXXXXX"};
	assert_non_null(mkdtemp(t->dir));
	t->dir_fd = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fchown(t->dir_fd, owner, (gid_t)-1), 0);
	assert_ok(rd_msg_listen_at(t->dir_fd, "vsock.sock_7", SOCK_STREAM, 0666, &t->listener));
	assert_int_equal(listen(t->listener, 2 * ASKED_MAX), 0);
	assert_ok(rd_connector_start(&t->connector, t->dir_fd, owner, owner, NULL));
	assert_ok(rd_loop_new(&t->loop));
	assert_ok(rd_connector_attach(&t->connector, t->loop, on_answer, &t->answers));
}

/* Asks with ids up to `last`, runs until all are answered. */
static void connector_ask_up_to(struct connector_test *t, unsigned last)
{
	unsigned id;

	for (id = t->answers.count; id <= last; id++) {
		assert_ok(rd_connector_ask(&t->connector, id, 7));
	}
	/* Time for all the answers to lie in the socket before the first is taken. */
	(void)usleep(200000);
	for (id = 0; id < 100 && t->answers.count <= last; id++) {
		run_for(t->loop, 50);
	}
	assert_int_equal(t->answers.count, last + 1);
}

static void connector_close(struct connector_test *t)
{
	unsigned i;

	for (i = 0; i < t->answers.count; i++) {
		if (t->answers.st[i] == RD_OK) {
			rd_fd_close(&t->answers.fd[i]);
		}
	}
	rd_fd_close(&t->listener);
	rd_connector_finish(&t->connector);
	rd_loop_free(&t->loop);
	unlinkat(t->dir_fd, "vsock.sock_7", 0);
	rd_fd_close(&t->dir_fd);
	rmdir(t->dir);
}

static void connector_survives_a_burst(void **state)
{
	struct connector_test t;
	unsigned i;

	(void)state;
	connector_open(&t);
	connector_ask_up_to(&t, 199);
	for (i = 0; i < 200; i++) {
		assert_status(t.answers.st[i], RD_OK);
	}
	connector_close(&t);
}

static void connector_survives_our_lack_of_descriptors(void **state)
{
	struct rlimit before, few;
	struct connector_test t;

	(void)state;
	connector_open(&t);
	connector_ask_up_to(&t, 0);
	assert_status(t.answers.st[0], RD_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)t.answers.fd[0] + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	connector_ask_up_to(&t, 1);
	assert_status(t.answers.st[1], RD_LIMIT);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	connector_ask_up_to(&t, 2);
	assert_status(t.answers.st[2], RD_OK);
	connector_close(&t);
}

/* --- control --- */

struct heard {
	unsigned attach;
	unsigned console;
};

static void on_message(void *ctx, const struct rd_ctl_message *message, struct rd_msg_fds *fds)
{
	struct heard *heard = ctx;

	heard->attach += message->type == RD_CTL_VMM_ATTACH;
	heard->console += message->type == RD_CTL_VMM_CONSOLE && fds->count == 1;
}

static void send_message(int sock, enum rd_ctl_type type)
{
	uint8_t bytes[256];
	struct rd_buf buf = rd_buf_fixed(bytes, sizeof(bytes));
	struct rd_ctl_message message = {.type = type};

	assert_ok(rd_ctl_encode(&message, &buf));
	assert_ok(rd_msg_send(sock, rd_buf_view(&buf), NULL));
}

static void control_outlives_daemons_and_hears_only_the_right_one(void **state)
{
	struct rd_control control = RD_CONTROL_INIT;
	struct rd_ctl_message booted = {.type = RD_CTL_VMM_BOOTED};
	struct heard heard = {0};
	char dir[] = "/tmp/rd-test-XXXXXX";
	struct rd_loop *loop;
	int dir_fd, socks[2], daemon;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_ok(rd_msg_listen_at(dir_fd, "c", SOCK_SEQPACKET, 0600, &control.listener));
	assert_ok(rd_msg_pair(socks));
	assert_ok(rd_loop_new(&loop));
	control.sock = socks[0];
	control.daemon_uid = geteuid();
	assert_ok(rd_control_attach(&control, loop, on_message, &heard));
	send_message(socks[1], RD_CTL_VMM_ATTACH);
	run_for(loop, 20);
	assert_int_equal(heard.attach, 1);
	rd_fd_close(&socks[1]);
	run_for(loop, 20);
	assert_false(rd_control_connected(&control));
	assert_status(rd_control_send(&control, &booted), RD_CLOSED);
	/* Somebody else. */
	control.daemon_uid = geteuid() + 1;
	assert_ok(rd_msg_connect_at(dir_fd, "c", SOCK_SEQPACKET, &daemon));
	run_for(loop, 20);
	assert_false(rd_control_connected(&control));
	rd_fd_close(&daemon);
	/* The right one, then nonsense from it. */
	control.daemon_uid = geteuid();
	assert_ok(rd_msg_connect_at(dir_fd, "c", SOCK_SEQPACKET, &daemon));
	run_for(loop, 20);
	assert_ok(rd_control_send(&control, &booted));
	send_message(daemon, RD_CTL_VMM_ATTACH);
	assert_ok(rd_msg_send(daemon, rd_view("nonsense", 8), NULL));
	run_for(loop, 20);
	assert_int_equal(heard.attach, 2);
	assert_false(rd_control_connected(&control));
	rd_fd_close(&daemon);
	rd_control_finish(&control);
	rd_loop_free(&loop);
	unlinkat(dir_fd, "c", 0);
	rd_fd_close(&dir_fd);
	rmdir(dir);
}

/* --- NSM --- */

/* redoubtd's side: remembers the key that was sent. */
struct issuer {
	uint8_t spki[RD_CTL_SPKI_MAX];
	size_t len;
	unsigned asked;
	bool away;
};

static enum rd_status request_leaf(void *ctx, struct rd_view spki)
{
	struct issuer *issuer = ctx;

	issuer->asked++;
	if (issuer->away) {
		return RD_CLOSED;
	}
	memcpy(issuer->spki, spki.ptr, spki.len);
	issuer->len = spki.len;
	return RD_OK;
}

/* A self-signed "instance" and the leaf below it; enough for the service, which trusts redoubtd. */
static void issue(
	struct issuer *issuer, const char *id, struct rd_buf *ret_leaf, struct rd_buf *ret_root)
{
	struct rd_ec_key *root_key = NULL, *leaf_key = NULL;
	struct rd_cert *root = NULL;
	const struct rd_dn_attr subject[] = {{RD_DN_CN, "test"}};
	const enum rd_cert_ext exts[] = {RD_EXT_BASIC_CONSTRAINTS};
	struct rd_cert_template tmpl = {.subject = subject,
		.n_subject = 1,
		.serial = rd_view("\1", 1),
		.not_before_s = time(NULL) - 10,
		.not_after_s = time(NULL) + 86400,
		.is_ca = true,
		.path_len = 0,
		.exts = exts,
		.n_exts = 1};
	struct rd_pki_request req = {
		.level = RD_PKI_LEAF, .now_s = time(NULL), .region = "local", .module_id = id};

	assert_ok(rd_ec_key_generate(RD_P384, &root_key));
	assert_ok(rd_cert_issue(&tmpl, root_key, NULL, root_key, ret_root));
	assert_ok(rd_cert_from_der(rd_buf_view(ret_root), &root));
	assert_ok(rd_ec_key_from_spki(rd_view(issuer->spki, issuer->len), &leaf_key));
	req.subject_key = leaf_key;
	req.issuer = root;
	req.issuer_key = root_key;
	assert_ok(rd_pki_issue(&req, ret_leaf));
	rd_cert_free(&root);
	rd_ec_key_free(&root_key);
	rd_ec_key_free(&leaf_key);
}

static struct rd_nsm_service *new_service(struct issuer *issuer)
{
	static struct rd_ctl_launch launch;
	struct rd_nsm_service_config config = {
		.launch = &launch, .request_leaf = request_leaf, .ctx = issuer};
	struct rd_nsm_service *service = NULL;

	snprintf(launch.enclave_id, sizeof(launch.enclave_id),
		"i-0000000000000000-enc19b0c1d2e3f4a5b");
	launch.slot_uid = 0x19b0c1d2e3f4a5b;
	snprintf(launch.instance_id, sizeof(launch.instance_id), "i-0000000000000000");
	memset(launch.pcr0, 0x11, sizeof(launch.pcr0));
	assert_ok(rd_nsm_service_new(&config, &service, NULL));
	return service;
}

/* Sends a request in pieces and decodes the whole response. */
static void ask(
	struct rd_nsm_stream *stream, const struct rd_nsm_request *req, struct rd_nsm_response *ret)
{
	static uint8_t bytes[RD_NSM_RESPONSE_MAX], flat[RD_NSM_RESPONSE_MAX];
	uint8_t request[512], framed[520];
	struct rd_buf buf = rd_buf_fixed(request, sizeof(request));
	struct rd_buf frame = rd_buf_fixed(framed, sizeof(framed));
	struct rd_buf scratch = rd_buf_fixed(flat, sizeof(flat));
	struct rd_cur in;
	struct rd_view out;
	size_t i;

	assert_ok(rd_nsm_request_encode(req, &buf));
	assert_ok(rd_nsm_frame_put(rd_buf_view(&buf), &frame));
	for (i = 0; i < frame.used; i++) {
		assert_int_equal(rd_nsm_stream_pending(stream).len, 0);
		in = rd_cur(rd_view(framed + i, 1));
		assert_ok(rd_nsm_stream_put(stream, &in));
		assert_int_equal(in.left, 0);
	}
	out = rd_nsm_stream_pending(stream);
	assert_true(out.len > RD_NSM_FRAME_HEAD && out.len <= sizeof(bytes));
	memcpy(bytes, out.ptr, out.len);
	rd_nsm_stream_consume(stream, 3);
	rd_nsm_stream_consume(stream, out.len - 3);
	assert_ok(rd_nsm_response_decode(
		rd_view(bytes + RD_NSM_FRAME_HEAD, out.len - RD_NSM_FRAME_HEAD), &scratch, ret));
}

static void nsm_attests_once_it_has_its_certificate(void **state)
{
	static uint8_t leaf_bytes[2048], root_bytes[2048];
	struct rd_buf leaf = rd_buf_fixed(leaf_bytes, sizeof(leaf_bytes));
	struct rd_buf root = rd_buf_fixed(root_bytes, sizeof(root_bytes));
	struct issuer issuer = {.away = true};
	struct rd_nsm_service *service = new_service(&issuer);
	struct rd_nsm_stream *stream;
	struct rd_nsm_request req = {
		.op = RD_NSM_ATTESTATION, .attest = {.nonce = rd_view("nonce", 5)}};
	struct rd_nsm_response res;
	struct rd_ctl_leaf message;
	struct rd_cose_sign1 sign1;
	struct rd_cert *cert = NULL;
	enum rd_doc_flaw flaw;
	struct rd_doc doc;

	(void)state;
	assert_ok(rd_nsm_stream_new(service, &stream));
	ask(stream, &req, &res);
	assert_int_equal(res.op, RD_NSM_ERROR);
	assert_int_equal(res.error, RD_NSM_E_INTERNAL_ERROR);
	rd_nsm_service_check_leaf(service);
	issuer.away = false;
	rd_nsm_service_check_leaf(service);
	assert_int_equal(issuer.asked, 2);
	issue(&issuer, module_id, &leaf, &root);
	message = (struct rd_ctl_leaf){.certificate = rd_buf_view(&leaf),
		.cabundle = {.count = 1, .items = {rd_buf_view(&root)}}};
	assert_ok(rd_nsm_service_take_leaf(service, &message));
	assert_status(rd_nsm_service_take_leaf(service, &message), RD_FORBIDDEN);
	rd_nsm_service_check_leaf(service);
	assert_int_equal(issuer.asked, 2); /* three hours are left */
	ask(stream, &req, &res);
	assert_int_equal(res.op, RD_NSM_ATTESTATION);
	assert_ok(rd_cose_sign1_decode(res.data, &sign1));
	assert_ok(rd_cert_from_der(rd_buf_view(&leaf), &cert));
	assert_ok(rd_cose_sign1_verify(&sign1, rd_cert_key(cert)));
	assert_ok(rd_doc_decode(sign1.payload, &doc, &flaw));
	assert_true(rd_view_equal(doc.module_id, rd_view_str(module_id)));
	assert_true(rd_view_equal(doc.nonce, rd_view("nonce", 5)));
	assert_int_equal(doc.pcrs[0].ptr[0], 0x11);
	assert_int_equal(doc.n_cabundle, 1);
	rd_cert_free(&cert);
	rd_nsm_stream_free(&stream);
	rd_nsm_service_free(&service);
}

static void nsm_refuses_a_certificate_for_another_key(void **state)
{
	static uint8_t leaf_bytes[2048], root_bytes[2048];
	struct rd_buf leaf = rd_buf_fixed(leaf_bytes, sizeof(leaf_bytes));
	struct rd_buf root = rd_buf_fixed(root_bytes, sizeof(root_bytes));
	struct issuer issuer = {0}, other = {0};
	struct rd_nsm_service *service = new_service(&issuer), *second = new_service(&other);
	struct rd_ctl_leaf message;

	(void)state;
	rd_nsm_service_check_leaf(second);
	issue(&other, module_id, &leaf, &root);
	message = (struct rd_ctl_leaf){.certificate = rd_buf_view(&leaf),
		.cabundle = {.count = 1, .items = {rd_buf_view(&root)}}};
	assert_status(rd_nsm_service_take_leaf(service, &message), RD_WRONG_KEY);
	message.certificate.len--;
	assert_int_not_equal(rd_nsm_service_take_leaf(service, &message), RD_OK);
	rd_nsm_service_free(&service);
	rd_nsm_service_free(&second);
}

static void nsm_stream_takes_nothing_while_an_answer_waits(void **state)
{
	struct issuer issuer = {0};
	struct rd_nsm_service *service = new_service(&issuer);
	struct rd_nsm_stream *streams[RD_NSM_STREAMS_MAX], *one_more;
	uint8_t bytes[64];
	struct rd_buf buf = rd_buf_fixed(bytes, sizeof(bytes));
	struct rd_cur in;
	size_t i;

	(void)state;
	for (i = 0; i < RD_NSM_STREAMS_MAX; i++) {
		assert_ok(rd_nsm_stream_new(service, &streams[i]));
	}
	assert_status(rd_nsm_stream_new(service, &one_more), RD_LIMIT);
	assert_ok(rd_nsm_frame_put(rd_view("nonsense", 8), &buf));
	assert_ok(rd_nsm_frame_put(rd_view("nonsense", 8), &buf));
	in = rd_cur(rd_buf_view(&buf));
	assert_ok(rd_nsm_stream_put(streams[0], &in));
	assert_int_equal(in.left, 12); /* the second stays where it is */
	assert_ok(rd_nsm_stream_put(streams[0], &in));
	assert_int_equal(in.left, 12);
	in = rd_cur(rd_view("\xff\xff\xff\xff", 4));
	assert_status(rd_nsm_stream_put(streams[1], &in), RD_LIMIT);
	for (i = 0; i < RD_NSM_STREAMS_MAX; i++) {
		rd_nsm_stream_free(&streams[i]);
	}
	rd_nsm_service_free(&service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(console_replays_and_follows),
		cmocka_unit_test(slow_follower_waits_then_is_dropped_and_others_are_not),
		cmocka_unit_test(console_refuses_too_many_followers_and_foreign_files),
		cmocka_unit_test(a_follower_that_has_gone_leaves_its_place),
		cmocka_unit_test(connector_opens_the_owners_sockets_only),
		cmocka_unit_test(connector_survives_a_burst),
		cmocka_unit_test(connector_survives_our_lack_of_descriptors),
		cmocka_unit_test(control_outlives_daemons_and_hears_only_the_right_one),
		cmocka_unit_test(nsm_attests_once_it_has_its_certificate),
		cmocka_unit_test(nsm_refuses_a_certificate_for_another_key),
		cmocka_unit_test(nsm_stream_takes_nothing_while_an_answer_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
