/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages: every type makes the round trip, and every rule of the schema has its refusal.
 */
#include "test.h"

#include "cbor/encode.h"
#include "ctl/message.h"

/* A datagram under construction and what came out of it. */
struct wire {
	struct rd_buf buf;
	uint8_t storage[RD_CTL_MESSAGE_MAX + 16];
	struct rd_ctl_message out;
	const char *field;
};

static void wire_init(struct wire *w)
{
	memset(w, 0, sizeof(*w));
	w->buf = rd_buf_fixed(w->storage, sizeof(w->storage));
}

static enum rd_status wire_decode(struct wire *w, size_t fds, enum rd_ctl_link link)
{
	return rd_ctl_decode_named(rd_buf_view(&w->buf), fds, link, &w->out, &w->field);
}

static void wire_head(struct wire *w, enum rd_ctl_type type, size_t pairs)
{
	wire_init(w);
	assert_ok(rd_cbor_put_array(&w->buf, 2));
	assert_ok(rd_cbor_put_uint(&w->buf, (uint64_t)type));
	assert_ok(rd_cbor_put_map(&w->buf, pairs));
}

static void wire_u64(struct wire *w, const char *name, uint64_t v)
{
	assert_ok(rd_cbor_put_str(&w->buf, name));
	assert_ok(rd_cbor_put_uint(&w->buf, v));
}

static void wire_str(struct wire *w, const char *name, const char *v)
{
	assert_ok(rd_cbor_put_str(&w->buf, name));
	assert_ok(rd_cbor_put_str(&w->buf, v));
}

static struct wire w1;
static struct wire w2;

static void round_trip(const struct rd_ctl_message *m, size_t fds, enum rd_ctl_link link)
{
	wire_init(&w1);
	assert_ok(rd_ctl_encode(m, &w1.buf));
	assert_ok(wire_decode(&w1, fds, link));
	assert_int_equal(w1.out.type, m->type);
	wire_init(&w2);
	assert_ok(rd_ctl_encode(&w1.out, &w2.buf));
	assert_true(rd_view_equal(rd_buf_view(&w1.buf), rd_buf_view(&w2.buf)));
}

static struct rd_ctl_message sample_launch(void)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_LAUNCH};

	strcpy(m.launch.enclave_id, "i-0123456789abcdef0-enc19b0c1d2e3f4a5b");
	m.launch.slot_uid = 0x19b0c1d2e3f4a5b;
	strcpy(m.launch.name, "hello");
	m.launch.cid = 16;
	m.launch.memory_mib = 512;
	m.launch.cpu_ids = (struct rd_ctl_u64s){.count = 2, .items = {1, 3}};
	m.launch.debug = true;
	m.launch.engine = RD_CTL_ENGINE_QEMU_TCG;
	strcpy(m.launch.engine_reason, "no usable KVM");
	memset(m.launch.pcr0, 0xa0, RD_CTL_PCR_SIZE);
	memset(m.launch.pcr1, 0xa1, RD_CTL_PCR_SIZE);
	memset(m.launch.pcr2, 0xa2, RD_CTL_PCR_SIZE);
	strcpy(m.launch.instance_id, "i-0123456789abcdef0");
	strcpy(m.launch.region, "local-1");
	strcpy(m.launch.dir, "/run/redoubt/enclaves/19b0c1d2e3f4a5b");
	m.launch.owner_uid = 1000;
	m.launch.owner_gid = 1000;
	m.launch.eif_size = 4096;
	return m;
}

static struct rd_ctl_message sample_enclave(enum rd_ctl_type type)
{
	struct rd_ctl_message m = {.type = type};

	strcpy(m.enclave.name, "na\xc3\xafve");
	strcpy(m.enclave.enclave_id, "i-0-enc1");
	m.enclave.pid = 4242;
	m.enclave.cid = 16;
	m.enclave.cpu_ids = (struct rd_ctl_u64s){.count = 1, .items = {7}};
	m.enclave.memory_mib = 64;
	m.enclave.state = RD_CTL_STATE_ENDED;
	m.enclave.full = true;
	m.enclave.owner_uid = 1;
	memset(m.enclave.pcr8, 8, RD_CTL_PCR_SIZE);
	m.enclave.started_ms = 1;
	m.enclave.ended_ms = 2;
	m.enclave.cause = RD_CTL_CAUSE_SIGNALED;
	m.enclave.exit_status = 9;
	strcpy(m.enclave.text, "killed by signal 9");
	return m;
}

static void client_messages_make_the_round_trip(void **state)
{
	static struct rd_ctl_message run = {.type = RD_CTL_RUN};
	static struct rd_ctl_message describe = {.type = RD_CTL_DESCRIBE};
	static struct rd_ctl_message target = {.type = RD_CTL_TERMINATE};
	static struct rd_ctl_message reserve = {.type = RD_CTL_RESERVE};

	(void)state;
	strcpy(run.run.name, "app");
	run.run.memory_mib = 1024;
	run.run.cpu_count = 2;
	run.run.cid = UINT64_MAX;
	strcpy(run.run.eif_path, "app.eif");
	round_trip(&run, 1, RD_CTL_CLIENT_TO_DAEMON);
	assert_string_equal(w1.out.run.name, "app");
	assert_int_equal(w1.out.run.cpu_count, 2);
	assert_false(w1.out.run.debug);
	assert_true(w1.out.run.cid == UINT64_MAX);

	describe.describe.metadata = true;
	strcpy(describe.describe.instance_id, "i-0123456789abcdef0");
	round_trip(&describe, 0, RD_CTL_CLIENT_TO_DAEMON);
	assert_true(w1.out.describe.metadata);
	assert_string_equal(w1.out.describe.instance_id, "i-0123456789abcdef0");
	assert_false(w1.out.describe.ended);

	target.target.all = true;
	round_trip(&target, 0, RD_CTL_CLIENT_TO_DAEMON);
	target.type = RD_CTL_CONSOLE;
	strcpy(target.target.enclave_id, "i-0-enc1");
	round_trip(&target, 0, RD_CTL_CLIENT_TO_DAEMON);
	assert_string_equal(w1.out.target.enclave_id, "i-0-enc1");

	reserve.reserve.memory_mib = RD_CTL_MEMORY_MIB_MAX;
	round_trip(&reserve, 0, RD_CTL_CLIENT_TO_DAEMON);
	assert_int_equal(w1.out.reserve.memory_mib, RD_CTL_MEMORY_MIB_MAX);
	reserve.reserve.memory_mib = 0; /* gives all back, and has to say so */
	round_trip(&reserve, 0, RD_CTL_CLIENT_TO_DAEMON);
	assert_int_equal(w1.out.reserve.memory_mib, 0);
}

static void refuses_reserves_that_cannot_be(void **state)
{
	static struct rd_ctl_message m = {.type = RD_CTL_RESERVE};

	(void)state;
	wire_init(&w1);
	assert_ok(rd_ctl_encode(&m, &w1.buf));
	assert_status(wire_decode(&w1, 1, RD_CTL_CLIENT_TO_DAEMON), RD_FORBIDDEN);
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_FORBIDDEN);
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_VMM), RD_FORBIDDEN);
	assert_status(wire_decode(&w1, 0, RD_CTL_VMM_TO_DAEMON), RD_FORBIDDEN);
	wire_head(&w1, RD_CTL_RESERVE, 0);
	assert_status(wire_decode(&w1, 0, RD_CTL_CLIENT_TO_DAEMON), RD_MISSING);
	wire_head(&w1, RD_CTL_RESERVE, 1);
	wire_u64(&w1, "memory_mib", RD_CTL_MEMORY_MIB_MAX + 1);
	assert_status(wire_decode(&w1, 0, RD_CTL_CLIENT_TO_DAEMON), RD_OUT_OF_RANGE);
	m.reserve.memory_mib = RD_CTL_MEMORY_MIB_MAX + 1;
	wire_init(&w1);
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);
}

static void daemon_answers_make_the_round_trip(void **state)
{
	static const enum rd_ctl_type kinds[] = {RD_CTL_STARTED, RD_CTL_RUNNING, RD_CTL_ENCLAVE};
	struct rd_ctl_message m;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(kinds); i++) {
		m = sample_enclave(kinds[i]);
		round_trip(&m, 0, RD_CTL_DAEMON_TO_CLIENT);
		assert_memory_equal(&w1.out.enclave, &m.enclave, sizeof(m.enclave));
	}
	m = (struct rd_ctl_message){.type = RD_CTL_PROGRESS, .progress = {.text = "…"}};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_CLIENT);
	m = (struct rd_ctl_message){.type = RD_CTL_TERMINATED, .terminated = {.name = "a"}};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_CLIENT);
	m = (struct rd_ctl_message){.type = RD_CTL_CONSOLE_FD, .console_fd = {.cid = 4}};
	round_trip(&m, 1, RD_CTL_DAEMON_TO_CLIENT);
	m = (struct rd_ctl_message){.type = RD_CTL_DONE};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_CLIENT);
	m = (struct rd_ctl_message){
		.type = RD_CTL_ERROR, .error = {.code = 26, .text = "too small"}};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_CLIENT);
	assert_int_equal(w1.out.error.code, 26);
	assert_string_equal(w1.out.error.text, "too small");
}

static void vmm_messages_make_the_round_trip(void **state)
{
	struct rd_ctl_message m = sample_launch();

	(void)state;
	round_trip(&m, 2, RD_CTL_DAEMON_TO_VMM);
	assert_memory_equal(&w1.out.launch, &m.launch, sizeof(m.launch));
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_ATTACH};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_VMM);
	m.type = RD_CTL_VMM_TERMINATE;
	round_trip(&m, 0, RD_CTL_DAEMON_TO_VMM);
	m.type = RD_CTL_VMM_CONSOLE;
	round_trip(&m, 1, RD_CTL_DAEMON_TO_VMM);
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_STATUS,
		.status = {.enclave_id = "i-0-enc1", .state = RD_CTL_STATE_BOOTING, .vmm_pid = 1}};
	round_trip(&m, 0, RD_CTL_VMM_TO_DAEMON);
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_BOOTED, .booted = {.boot_ms = 820}};
	round_trip(&m, 0, RD_CTL_VMM_TO_DAEMON);
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_ENDED,
		.ended = {.cause = RD_CTL_CAUSE_EXITED, .exit_status = 255, .text = "bye"}};
	round_trip(&m, 0, RD_CTL_VMM_TO_DAEMON);
	assert_int_equal(w1.out.ended.exit_status, 255);
}

static void certificates_travel_as_views(void **state)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_LEAF};

	(void)state;
	m.leaf.certificate = rd_view_str("leaf");
	m.leaf.cabundle.count = 2;
	m.leaf.cabundle.items[0] = rd_view_str("root");
	m.leaf.cabundle.items[1] = rd_view_str("instance");
	round_trip(&m, 0, RD_CTL_DAEMON_TO_VMM);
	assert_true(rd_view_equal(w1.out.leaf.certificate, rd_view_str("leaf")));
	assert_int_equal(w1.out.leaf.cabundle.count, 2);
	assert_true(rd_view_equal(w1.out.leaf.cabundle.items[1], rd_view_str("instance")));
	assert_true(w1.out.leaf.certificate.ptr > w1.storage);

	m = (struct rd_ctl_message){.type = RD_CTL_VMM_LEAF_REQUEST};
	m.leaf_request.spki = rd_view_str("spki");
	round_trip(&m, 0, RD_CTL_VMM_TO_DAEMON);
}

static struct rd_ctl_message sample_instance_run(void)
{
	struct rd_ctl_message m = {.type = RD_CTL_INSTANCE_RUN};

	strcpy(m.instance_run.instance_id, "i-0123456789abcdef0");
	m.instance_run.cpus = 2;
	m.instance_run.memory_mib = 8192;
	m.instance_run.enclaves = true;
	m.instance_run.fresh = true;
	strcpy(m.instance_run.role_arn, "arn:aws:iam::123456789012:role/app");
	strcpy(m.instance_run.account, "123456789012");
	strcpy(m.instance_run.image_format, "qcow2");
	m.instance_run.disk_gib = 8;
	strcpy(m.instance_run.mac, "52:54:00:12:34:56");
	strcpy(m.instance_run.private_ip, "172.31.16.5/20");
	strcpy(m.instance_run.hostname, "ip-172-31-16-5");
	strcpy(m.instance_run.imds, "/run/redoubt/imds/i-0123456789abcdef0.sock");
	m.instance_run.hops = 64;
	m.instance_run.forwards.count = 2;
	strcpy(m.instance_run.forwards.items[0], "tcp:127.0.0.1:2222:22");
	strcpy(m.instance_run.forwards.items[1], "udp:127.0.0.1:5353:53");
	return m;
}

static struct rd_ctl_message sample_parent(void)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_PARENT};

	strcpy(m.parent.instance_id, "i-0123456789abcdef0");
	m.parent.cpus = 2;
	m.parent.cpu_ids = (struct rd_ctl_u64s){.count = 2, .items = {0, 1}};
	m.parent.memory_mib = 8192;
	m.parent.started_ms = 1;
	m.parent.engine = RD_CTL_ENGINE_QEMU_TCG;
	strcpy(m.parent.engine_reason, "no usable KVM");
	strcpy(m.parent.dir, "/run/redoubt/instances/i-0123456789abcdef0");
	m.parent.uid_index = 1;
	strcpy(m.parent.image_format, "raw");
	m.parent.disk_bytes = 1 << 30;
	m.parent.strict = true;
	strcpy(m.parent.role_arn, "arn:aws:iam::123456789012:role/app");
	m.parent.reserve_mib = 512;
	return m;
}

static void instance_messages_make_the_round_trip(void **state)
{
	static const enum rd_ctl_type targets[] = {RD_CTL_INSTANCE_STOP, RD_CTL_INSTANCE_REBOOT,
		RD_CTL_INSTANCE_TERMINATE, RD_CTL_INSTANCE_CONSOLE};
	struct rd_ctl_message m = sample_instance_run();

	(void)state;
	round_trip(&m, 1, RD_CTL_CLIENT_TO_DAEMON);
	assert_memory_equal(&w1.out.instance_run, &m.instance_run, sizeof(m.instance_run));
	for (size_t i = 0; i < RD_ARRAY_LEN(targets); i++) {
		m = (struct rd_ctl_message){.type = targets[i],
			.instance_target = {.instance_id = "i-1", .hard = true}};
		round_trip(&m, 0, RD_CTL_CLIENT_TO_DAEMON);
		assert_true(w1.out.instance_target.hard);
	}
	m = (struct rd_ctl_message){.type = RD_CTL_INSTANCE_DESCRIBE};
	round_trip(&m, 0, RD_CTL_CLIENT_TO_DAEMON);
	m = (struct rd_ctl_message){.type = RD_CTL_INSTANCE_WATCH};
	round_trip(&m, 0, RD_CTL_CLIENT_TO_DAEMON);
	m = (struct rd_ctl_message){
		.type = RD_CTL_INSTANCE_FORWARDS, .instance_forwards = {.instance_id = "i-1"}};
	round_trip(&m, 0, RD_CTL_CLIENT_TO_DAEMON);
	assert_int_equal(w1.out.instance_forwards.forwards.count, 0);
	assert_int_equal(w1.out.instance_forwards.hops, 0);
	m.instance_forwards.hops = 1;
	round_trip(&m, 0, RD_CTL_CLIENT_TO_DAEMON);
	assert_int_equal(w1.out.instance_forwards.hops, 1);
	m = (struct rd_ctl_message){.type = RD_CTL_INSTANCE,
		.instance = {.instance_id = "i-1",
			.state = RD_CTL_INSTANCE_STOPPED,
			.cause = RD_CTL_CAUSE_EXITED,
			.text = "the guest powered itself off",
			.forwards = {.count = 1, .items = {"tcp:127.0.0.1:20000:22"}}}};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_CLIENT);
	assert_memory_equal(&w1.out.instance, &m.instance, sizeof(m.instance));
}

static void metadata_of_an_enclave_has_a_size_and_a_limit(void **state)
{
	struct rd_ctl_message m = sample_enclave(RD_CTL_ENCLAVE);

	(void)state;
	m.enclave.metadata_size = RD_CTL_METADATA_MAX;
	round_trip(&m, 0, RD_CTL_DAEMON_TO_CLIENT);
	assert_int_equal(w1.out.enclave.metadata_size, RD_CTL_METADATA_MAX);
	m.enclave.metadata_size++;
	wire_init(&w1);
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);
}

static void parent_messages_make_the_round_trip(void **state)
{
	struct rd_ctl_message m = sample_parent();

	(void)state;
	round_trip(&m, 3, RD_CTL_DAEMON_TO_VMM);
	assert_memory_equal(&w1.out.parent, &m.parent, sizeof(m.parent));
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_STOP, .vmm_stop = {.hard = true}};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_VMM);
	m.type = RD_CTL_VMM_REBOOT;
	round_trip(&m, 0, RD_CTL_DAEMON_TO_VMM);
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_BALLOON, .balloon = {.target_mib = 7680}};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_VMM);
	m.type = RD_CTL_VMM_BALLOON_AT;
	m.balloon.gave_up = true;
	round_trip(&m, 0, RD_CTL_VMM_TO_DAEMON);
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_PEER, .peer = {.cid = 16}};
	round_trip(&m, 1, RD_CTL_DAEMON_TO_VMM);
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_FORWARDS, .vmm_forwards = {.hops = 2}};
	round_trip(&m, 0, RD_CTL_DAEMON_TO_VMM);
	assert_int_equal(w1.out.vmm_forwards.hops, 2);
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_PARENT_CLIENT};
	round_trip(&m, 1, RD_CTL_VMM_TO_DAEMON);
	m.type = RD_CTL_VMM_PARENT_RESET;
	round_trip(&m, 0, RD_CTL_VMM_TO_DAEMON);
}

static void refuses_instances_that_cannot_be(void **state)
{
	struct rd_ctl_message m = sample_instance_run();

	(void)state;
	wire_init(&w1);
	assert_ok(rd_ctl_encode(&m, &w1.buf));
	assert_status(wire_decode(&w1, 0, RD_CTL_CLIENT_TO_DAEMON), RD_FORBIDDEN);
	assert_status(wire_decode(&w1, 2, RD_CTL_CLIENT_TO_DAEMON), RD_FORBIDDEN);
	assert_status(wire_decode(&w1, 1, RD_CTL_VMM_TO_DAEMON), RD_FORBIDDEN);
	m.instance_run.cpus = RD_CTL_CPUS_MAX + 1;
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);

	/* An id may be left out of DESCRIBE, and of nothing else. */
	wire_head(&w1, RD_CTL_INSTANCE_STOP, 1);
	wire_str(&w1, "instance_id", "");
	assert_status(wire_decode(&w1, 0, RD_CTL_CLIENT_TO_DAEMON), RD_OUT_OF_RANGE);
	assert_string_equal(w1.field, "instance_id");
	wire_head(&w1, RD_CTL_INSTANCE_DESCRIBE, 1);
	wire_str(&w1, "instance_id", "");
	assert_ok(wire_decode(&w1, 0, RD_CTL_CLIENT_TO_DAEMON));

	wire_head(&w1, RD_CTL_INSTANCE, 2);
	wire_str(&w1, "instance_id", "i-1");
	wire_u64(&w1, "state", RD_CTL_INSTANCE_TERMINATED + 1);
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_OUT_OF_RANGE);
}

static void refuses_lists_of_texts_that_are_none(void **state)
{
	char text[RD_CTL_FORWARD_MAX + 2];

	(void)state;
	/* One too many. */
	wire_head(&w1, RD_CTL_VMM_FORWARDS, 1);
	assert_ok(rd_cbor_put_str(&w1.buf, "forwards"));
	assert_ok(rd_cbor_put_array(&w1.buf, RD_CTL_FORWARDS_MAX + 1));
	for (size_t i = 0; i <= RD_CTL_FORWARDS_MAX; i++) {
		assert_ok(rd_cbor_put_str(&w1.buf, "tcp:127.0.0.1:1:1"));
	}
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_VMM), RD_LIMIT);
	/* Too long, empty, with a line break, a number, and no list. */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	wire_head(&w1, RD_CTL_VMM_FORWARDS, 1);
	assert_ok(rd_cbor_put_str(&w1.buf, "forwards"));
	assert_ok(rd_cbor_put_array(&w1.buf, 1));
	assert_ok(rd_cbor_put_str(&w1.buf, text));
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_VMM), RD_LIMIT);
	wire_head(&w1, RD_CTL_VMM_FORWARDS, 1);
	assert_ok(rd_cbor_put_str(&w1.buf, "forwards"));
	assert_ok(rd_cbor_put_array(&w1.buf, 1));
	assert_ok(rd_cbor_put_str(&w1.buf, ""));
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_VMM), RD_OUT_OF_RANGE);
	wire_head(&w1, RD_CTL_VMM_FORWARDS, 1);
	assert_ok(rd_cbor_put_str(&w1.buf, "forwards"));
	assert_ok(rd_cbor_put_array(&w1.buf, 1));
	assert_ok(rd_cbor_put_str(&w1.buf, "tcp:127.0.0.1:1:1\nimds /"));
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_VMM), RD_MALFORMED);
	wire_head(&w1, RD_CTL_VMM_FORWARDS, 1);
	wire_str(&w1, "forwards", "tcp:127.0.0.1:1:1");
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_VMM), RD_BAD_TYPE);
}

static void writer_refuses_what_the_reader_would(void **state)
{
	struct rd_ctl_message m = sample_launch();

	(void)state;
	wire_init(&w1);
	m.launch.cid = 3;
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);
	m = sample_launch();
	m.launch.cpu_ids.count = 0;
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);
	m = sample_launch();
	strcpy(m.launch.name, "two\nlines");
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);
	m = sample_launch();
	memset(m.launch.name, 'x', sizeof(m.launch.name));
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);
	m = sample_launch();
	m.type = (enum rd_ctl_type)999;
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);
	m = (struct rd_ctl_message){.type = RD_CTL_VMM_LEAF_REQUEST};
	assert_status(rd_ctl_encode(&m, &w1.buf), RD_USAGE);
}

static void refuses_types_from_the_wrong_side(void **state)
{
	struct rd_ctl_message m = {.type = RD_CTL_DONE};

	(void)state;
	wire_init(&w1);
	assert_ok(rd_ctl_encode(&m, &w1.buf));
	assert_ok(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT));
	assert_status(wire_decode(&w1, 0, RD_CTL_CLIENT_TO_DAEMON), RD_FORBIDDEN);
	assert_status(wire_decode(&w1, 0, RD_CTL_VMM_TO_DAEMON), RD_FORBIDDEN);
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_VMM), RD_FORBIDDEN);
	wire_head(&w1, (enum rd_ctl_type)999, 0);
	assert_status(wire_decode(&w1, 0, RD_CTL_CLIENT_TO_DAEMON), RD_UNSUPPORTED);
}

static void counts_descriptors(void **state)
{
	struct rd_ctl_message m = sample_launch();

	(void)state;
	wire_init(&w1);
	assert_ok(rd_ctl_encode(&m, &w1.buf));
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_VMM), RD_FORBIDDEN);
	assert_ok(wire_decode(&w1, 1, RD_CTL_DAEMON_TO_VMM));
	assert_ok(wire_decode(&w1, 3, RD_CTL_DAEMON_TO_VMM));
	assert_status(wire_decode(&w1, 4, RD_CTL_DAEMON_TO_VMM), RD_FORBIDDEN);
}

static void names_the_missing_field(void **state)
{
	(void)state;
	wire_head(&w1, RD_CTL_ERROR, 1);
	wire_str(&w1, "text", "why");
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_MISSING);
	assert_string_equal(w1.field, "code");
	/* Zero is a value: it has to be there, and then it counts. */
	wire_head(&w1, RD_CTL_ERROR, 2);
	wire_str(&w1, "text", "why");
	wire_u64(&w1, "code", 0);
	assert_ok(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT));
}

static void skips_unknown_fields(void **state)
{
	(void)state;
	wire_head(&w1, RD_CTL_ERROR, 3);
	wire_str(&w1, "text", "why");
	assert_ok(rd_cbor_put_str(&w1.buf, "from-the-future"));
	assert_ok(rd_cbor_put_array(&w1.buf, 2));
	assert_ok(rd_cbor_put_null(&w1.buf));
	assert_ok(rd_cbor_put_map(&w1.buf, 0));
	wire_u64(&w1, "code", 39);
	assert_ok(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT));
	assert_int_equal(w1.out.error.code, 39);
}

static void refuses_wrong_types_ranges_and_duplicates(void **state)
{
	(void)state;
	wire_head(&w1, RD_CTL_ERROR, 2);
	wire_u64(&w1, "text", 1);
	wire_u64(&w1, "code", 1);
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_BAD_TYPE);
	assert_string_equal(w1.field, "text");

	wire_head(&w1, RD_CTL_ERROR, 2);
	wire_u64(&w1, "code", 128);
	wire_str(&w1, "text", "why");
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_OUT_OF_RANGE);
	assert_string_equal(w1.field, "code");

	wire_head(&w1, RD_CTL_ERROR, 3);
	wire_u64(&w1, "code", 1);
	wire_str(&w1, "text", "why");
	wire_u64(&w1, "code", 1);
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_DUPLICATE);

	wire_head(&w1, RD_CTL_VMM_STATUS, 3);
	wire_str(&w1, "enclave_id", "i-0-enc1");
	wire_u64(&w1, "vmm_pid", 1);
	wire_u64(&w1, "state", 0);
	assert_status(wire_decode(&w1, 0, RD_CTL_VMM_TO_DAEMON), RD_OUT_OF_RANGE);
}

static void refuses_texts_that_could_forge_a_log_line(void **state)
{
	static const char *const bad[] = {"a\nb", "a\rb", "\x1b[2J", "\x7f", "\xc2\x85"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(bad); i++) {
		wire_head(&w1, RD_CTL_PROGRESS, 1);
		wire_str(&w1, "text", bad[i]);
		assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_MALFORMED);
	}
	wire_head(&w1, RD_CTL_PROGRESS, 1);
	assert_ok(rd_cbor_put_str(&w1.buf, "text"));
	assert_ok(rd_cbor_put_text(&w1.buf, rd_view("a\0b", 3)));
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_MALFORMED);
	wire_head(&w1, RD_CTL_PROGRESS, 1);
	wire_str(&w1, "text", "\xc0\x80");
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_MALFORMED);
}

static void refuses_long_texts_and_lists(void **state)
{
	char text[RD_CTL_TEXT_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[RD_CTL_TEXT_MAX] = '\0';
	wire_head(&w1, RD_CTL_PROGRESS, 1);
	wire_str(&w1, "text", text);
	assert_ok(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT));
	assert_string_equal(w1.out.progress.text, text);
	text[RD_CTL_TEXT_MAX] = 'x';
	text[RD_CTL_TEXT_MAX + 1] = '\0';
	wire_head(&w1, RD_CTL_PROGRESS, 1);
	wire_str(&w1, "text", text);
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_LIMIT);

	wire_head(&w1, RD_CTL_RUN, 1);
	assert_ok(rd_cbor_put_str(&w1.buf, "cpu_ids"));
	assert_ok(rd_cbor_put_array(&w1.buf, RD_CTL_CPUS_MAX + 1));
	for (size_t i = 0; i <= RD_CTL_CPUS_MAX; i++) {
		assert_ok(rd_cbor_put_uint(&w1.buf, i));
	}
	assert_status(wire_decode(&w1, 1, RD_CTL_CLIENT_TO_DAEMON), RD_LIMIT);
	assert_string_equal(w1.field, "cpu_ids");
}

static void refuses_digests_of_another_size(void **state)
{
	struct rd_ctl_message m = sample_enclave(RD_CTL_ENCLAVE);
	uint8_t *pcr;

	(void)state;
	wire_init(&w1);
	assert_ok(rd_ctl_encode(&m, &w1.buf));
	pcr = memmem(w1.storage, w1.buf.used, "\x64pcr8\x58\x30", 7);
	assert_non_null(pcr);
	/* One byte shorter: then the digest's last byte is where the next key should be. */
	pcr[6] = 0x2f;
	assert_status(wire_decode(&w1, 0, RD_CTL_DAEMON_TO_CLIENT), RD_OUT_OF_RANGE);
	assert_string_equal(w1.field, "pcr8");
}

static void refuses_every_cut_and_every_appendix(void **state)
{
	struct rd_ctl_message m = sample_launch();

	(void)state;
	wire_init(&w1);
	assert_ok(rd_ctl_encode(&m, &w1.buf));
	for (size_t n = 0; n < w1.buf.used; n++) {
		struct rd_view cut = rd_view(w1.storage, n);

		assert_int_equal(rd_category(rd_ctl_decode(cut, 1, RD_CTL_DAEMON_TO_VMM, &w1.out)),
			RD_CAT_MALFORMED);
	}
	assert_ok(rd_buf_u8(&w1.buf, 0));
	assert_status(wire_decode(&w1, 1, RD_CTL_DAEMON_TO_VMM), RD_TRAILING);
	w1.buf.used = RD_CTL_MESSAGE_MAX + 1;
	assert_status(wire_decode(&w1, 1, RD_CTL_DAEMON_TO_VMM), RD_LIMIT);
}

static void cleaning_makes_any_bytes_sendable(void **state)
{
	struct rd_ctl_message m = {.type = RD_CTL_PROGRESS};
	char tiny[4];

	(void)state;
	rd_ctl_text_clean(
		rd_view("a\nb\xff\xc3\xa4\0z", 8), m.progress.text, sizeof(m.progress.text));
	assert_string_equal(m.progress.text, "a?b?\xc3\xa4?z");
	round_trip(&m, 0, RD_CTL_DAEMON_TO_CLIENT);
	/* Cut between characters, never inside one. */
	rd_ctl_text_clean(rd_view_str("ab\xc3\xa4"), tiny, sizeof(tiny));
	assert_string_equal(tiny, "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_messages_make_the_round_trip),
		cmocka_unit_test(refuses_reserves_that_cannot_be),
		cmocka_unit_test(daemon_answers_make_the_round_trip),
		cmocka_unit_test(vmm_messages_make_the_round_trip),
		cmocka_unit_test(instance_messages_make_the_round_trip),
		cmocka_unit_test(metadata_of_an_enclave_has_a_size_and_a_limit),
		cmocka_unit_test(parent_messages_make_the_round_trip),
		cmocka_unit_test(refuses_instances_that_cannot_be),
		cmocka_unit_test(refuses_lists_of_texts_that_are_none),
		cmocka_unit_test(certificates_travel_as_views),
		cmocka_unit_test(writer_refuses_what_the_reader_would),
		cmocka_unit_test(refuses_types_from_the_wrong_side),
		cmocka_unit_test(counts_descriptors),
		cmocka_unit_test(names_the_missing_field),
		cmocka_unit_test(skips_unknown_fields),
		cmocka_unit_test(refuses_wrong_types_ranges_and_duplicates),
		cmocka_unit_test(refuses_texts_that_could_forge_a_log_line),
		cmocka_unit_test(refuses_long_texts_and_lists),
		cmocka_unit_test(refuses_digests_of_another_size),
		cmocka_unit_test(refuses_every_cut_and_every_appendix),
		cmocka_unit_test(cleaning_makes_any_bytes_sendable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
