/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages between nitro-cli, redoubt-ec2, redoubtd and redoubt-vmm (docs/architecture.md,
 * "Control messages"): one schema, written as tables in schema.c, encodes and decodes them at both
 * ends.
 *
 * One SOCK_SEQPACKET datagram is one message: a CBOR array [type, {name: value, ...}]. This library
 * does no I/O; lib/os/msg.h moves datagrams and descriptors.
 *
 * Optional fields have no separate "present" flag: absent and zero (0, false, "", empty, all-zero
 * digest) are the same thing. The encoder leaves zero optional fields out, the decoder zeroes what
 * is absent. A mandatory field must be on the wire even when it is zero.
 *
 * Texts are UTF-8 without control characters, because they end up in logs and on terminals.
 * Numbers outside their field's range, unknown types, types that do not belong on this link,
 * duplicate fields, a wrong number of descriptors and bytes after the end are refused. Unknown
 * fields are skipped, so that one end may be newer than the other.
 */
#ifndef RD_CTL_MESSAGE_H
#define RD_CTL_MESSAGE_H

#include "base/bytes.h"

/* A datagram: fits a Unix socket's default buffer three times over. */
#define RD_CTL_MESSAGE_MAX 65536
/* Descriptors with one datagram; no message needs more than two. */
#define RD_CTL_FDS_MAX 4

/* "i-" + 17 hex + "-enc" + 16 hex = 39 on EC2; a host's own asset tag may be longer. */
#define RD_CTL_ID_MAX 95
/* Enclave and image names: a file name's length. */
#define RD_CTL_NAME_MAX 255
/* The enclave directory; has to fit sun_path (108) with "/vsock.sock_4294967295" after it. */
#define RD_CTL_DIR_MAX 84
/* An operator's line, as in struct rd_error. */
#define RD_CTL_TEXT_MAX 511
/* vCPUs of one enclave: what the microvm board and the guest kernel are configured for. */
#define RD_CTL_CPUS_MAX 64
/* CPU slot numbers, as in Linux's largest NR_CPUS. */
#define RD_CTL_CPU_ID_MAX 8191
/* Memory of one enclave in MiB: 64 TiB, far above any host and far below overflow in bytes. */
#define RD_CTL_MEMORY_MIB_MAX (64u << 20)
/* A public key's SubjectPublicKeyInfo (P-384: 120 bytes) and a certificate of ours (< 1 KiB). */
#define RD_CTL_SPKI_MAX        512
#define RD_CTL_CERTIFICATE_MAX 4096
#define RD_CTL_CABUNDLE_MAX    8
/* A measurement register: SHA-384. */
#define RD_CTL_PCR_SIZE 48
/* A role's ARN: a path of 512 and a name of 64 characters (IAM), and what is before them. */
#define RD_CTL_ARN_MAX 767
/* A path of ours that a socket must fit: sun_path (108). */
#define RD_CTL_PATH_MAX 107
/* One label of a host name (RFC 1035). */
#define RD_CTL_HOSTNAME_MAX 63
/* "255.255.255.255/32", "52:54:00:12:34:56", an account number, "qcow2". */
#define RD_CTL_WORD_MAX 23
/* "tcp:255.255.255.255:65535:65535" and a little. */
#define RD_CTL_FORWARD_MAX 47
/* Forwarded ports of one instance: a security group has 60 rules. */
/* Of an image (eif/format.h). */
#define RD_CTL_METADATA_MAX (1u << 20)
/* As EC2 has it. */
#define RD_CTL_HOPS_MAX     64
#define RD_CTL_FORWARDS_MAX 60
/* The largest disk that EC2 has (EBS io2: 64 TiB), in GiB. */
#define RD_CTL_DISK_GIB_MAX 65536

/* Who sends to whom on the link that a datagram arrived on. */
enum rd_ctl_link {
	RD_CTL_CLIENT_TO_DAEMON = 1,
	RD_CTL_DAEMON_TO_CLIENT = 2,
	RD_CTL_DAEMON_TO_VMM = 4,
	RD_CTL_VMM_TO_DAEMON = 8,
};

/* Numbers are on the wire: never reuse one. */
enum rd_ctl_type {
	RD_CTL_RUN = 1,
	RD_CTL_DESCRIBE = 2,
	RD_CTL_TERMINATE = 3,
	RD_CTL_CONSOLE = 4,
	RD_CTL_RESERVE = 5,

	RD_CTL_PROGRESS = 16,
	RD_CTL_STARTED = 17,
	RD_CTL_RUNNING = 18,
	RD_CTL_ENCLAVE = 19,
	RD_CTL_TERMINATED = 20,
	RD_CTL_CONSOLE_FD = 21,
	RD_CTL_DONE = 22,
	RD_CTL_ERROR = 23,

	RD_CTL_VMM_LAUNCH = 32,
	RD_CTL_VMM_ATTACH = 33,
	RD_CTL_VMM_TERMINATE = 34,
	RD_CTL_VMM_CONSOLE = 35,
	RD_CTL_VMM_LEAF = 36,

	RD_CTL_VMM_LEAF_REQUEST = 48,
	RD_CTL_VMM_STATUS = 49,
	RD_CTL_VMM_BOOTED = 50,
	RD_CTL_VMM_ENDED = 51,

	RD_CTL_INSTANCE_RUN = 64,
	RD_CTL_INSTANCE_STOP = 65,
	RD_CTL_INSTANCE_REBOOT = 66,
	RD_CTL_INSTANCE_TERMINATE = 67,
	RD_CTL_INSTANCE_DESCRIBE = 68,
	RD_CTL_INSTANCE_CONSOLE = 69,
	RD_CTL_INSTANCE_WATCH = 70,
	RD_CTL_INSTANCE_FORWARDS = 71,

	RD_CTL_INSTANCE = 80,

	RD_CTL_VMM_PARENT = 96,
	RD_CTL_VMM_STOP = 97,
	RD_CTL_VMM_REBOOT = 98,
	RD_CTL_VMM_BALLOON = 99,
	RD_CTL_VMM_PEER = 100,
	RD_CTL_VMM_FORWARDS = 101,

	RD_CTL_VMM_PARENT_CLIENT = 112,
	RD_CTL_VMM_PARENT_RESET = 113,
	RD_CTL_VMM_BALLOON_AT = 114,
};

/* Which CPU runs the guest. A KVM engine of our own takes the next number. */
enum rd_ctl_engine {
	RD_CTL_ENGINE_QEMU_TCG = 1,
	RD_CTL_ENGINE_QEMU_KVM = 2,
};

enum rd_ctl_state {
	RD_CTL_STATE_BOOTING = 1,
	RD_CTL_STATE_RUNNING = 2,
	RD_CTL_STATE_ENDING = 3,
	RD_CTL_STATE_ENDED = 4, /* only in ENCLAVE */
};

/* An instance's states are EC2's. */
enum rd_ctl_instance_state {
	RD_CTL_INSTANCE_PENDING = 1,       /* admitted; its disk is being made, its vmm started */
	RD_CTL_INSTANCE_RUNNING = 2,       /* its VM runs */
	RD_CTL_INSTANCE_STOPPING = 3,      /* somebody asked for its stop */
	RD_CTL_INSTANCE_STOPPED = 4,       /* nothing runs, the disk is kept */
	RD_CTL_INSTANCE_SHUTTING_DOWN = 5, /* to be terminated */
	RD_CTL_INSTANCE_TERMINATED = 6,    /* nothing is left; said once */
};

/*
 * Why an enclave or an instance ended. The first six come from the vmm, the last two only redoubtd
 * can know.
 */
enum rd_ctl_cause {
	RD_CTL_CAUSE_EXITED = 1,   /* the application exited, exit_status is its code; an instance:
				    * its guest powered itself off */
	RD_CTL_CAUSE_SIGNALED = 2, /* a signal ended it; exit_status is the signal's number */
	RD_CTL_CAUSE_GAVE_UP = 3,  /* init refused to go on; text says why */
	RD_CTL_CAUSE_TERMINATED = 4, /* terminate-enclave */
	RD_CTL_CAUSE_CRASHED = 5,    /* the guest reset or halted without an end report */
	RD_CTL_CAUSE_ENGINE = 6,     /* the vmm or its engine could not start or failed */
	RD_CTL_CAUSE_TIMEOUT = 7,    /* no heartbeat within the boot time-out */
	RD_CTL_CAUSE_VMM_LOST = 8,   /* the vmm went without saying anything */
};

struct rd_ctl_u64s {
	size_t count;
	uint64_t items[RD_CTL_CPUS_MAX];
};

/* Forwarded ports of an instance: "tcp:127.0.0.1:2222:22" (or udp), host's address first. */
struct rd_ctl_texts {
	size_t count;
	char items[RD_CTL_FORWARDS_MAX][RD_CTL_FORWARD_MAX + 1];
};

/* Views into the datagram: valid as long as it is. */
struct rd_ctl_views {
	size_t count;
	struct rd_view items[RD_CTL_CABUNDLE_MAX];
};

/* nitro-cli → redoubtd; 1 descriptor: the EIF, open for reading. */
struct rd_ctl_run {
	char name[RD_CTL_NAME_MAX + 1];
	uint64_t memory_mib;
	uint64_t cpu_count; /* either this or cpu_ids */
	struct rd_ctl_u64s cpu_ids;
	uint64_t cid; /* 0: redoubtd chooses */
	bool debug;
	char eif_path[RD_CTL_TEXT_MAX + 1]; /* only for messages */
};

/* nitro-cli → redoubtd: answered by ENCLAVE* DONE, one ENCLAVE for each that matches. */
struct rd_ctl_describe {
	char enclave_id[RD_CTL_ID_MAX + 1]; /* empty: any */
	char name[RD_CTL_NAME_MAX + 1];     /* empty: any */
	bool metadata;                      /* send the metadata section's JSON along */
	bool ended;                         /* list ended enclaves instead of live ones */
	/* Of this parent instance, for clients of the host; empty: of where the client is. */
	char instance_id[RD_CTL_ID_MAX + 1];
};

/* nitro-cli → redoubtd; TERMINATE: exactly one of the three. CONSOLE: one of the first two. */
struct rd_ctl_target {
	char enclave_id[RD_CTL_ID_MAX + 1];
	char name[RD_CTL_NAME_MAX + 1];
	bool all;
};

/*
 * nitro-enclaves-allocator → redoubtd, from inside a parent instance: so much of its memory is to
 * be set aside for enclaves, in the place of what was; 0: nothing. Answered by DONE when the guest
 * has given it up, or by ERROR, and then what was set aside before still is.
 */
struct rd_ctl_reserve {
	uint64_t memory_mib;
};

/* redoubtd → nitro-cli: a line for stderr. */
struct rd_ctl_progress {
	char text[RD_CTL_TEXT_MAX + 1];
};

/*
 * redoubtd → nitro-cli: STARTED when the vmm has been launched, RUNNING at the heartbeat, ENCLAVE
 * in answer to DESCRIBE. ENCLAVE may have 1 descriptor: the image's metadata JSON.
 */
struct rd_ctl_enclave {
	char name[RD_CTL_NAME_MAX + 1];
	char enclave_id[RD_CTL_ID_MAX + 1];
	uint64_t pid; /* the vmm's */
	uint64_t cid;
	struct rd_ctl_u64s cpu_ids;
	uint64_t memory_mib;
	uint64_t state; /* enum rd_ctl_state */
	bool debug;
	bool full; /* the asker is owner or root: everything below is filled */
	uint64_t owner_uid;
	uint8_t pcr0[RD_CTL_PCR_SIZE];
	uint8_t pcr1[RD_CTL_PCR_SIZE];
	uint8_t pcr2[RD_CTL_PCR_SIZE];
	uint8_t pcr8[RD_CTL_PCR_SIZE];
	uint64_t started_ms; /* Unix time */
	uint64_t ended_ms;
	uint64_t cause; /* enum rd_ctl_cause, when ended */
	uint64_t exit_status;
	char text[RD_CTL_TEXT_MAX + 1]; /* how it ended */
	uint64_t metadata_size; /* over a stream (stream.h): what follows; else a descriptor has it
				 */
};

/* redoubtd → nitro-cli: TERMINATED; CONSOLE_FD carries the enclave's CID and 1 descriptor. */
struct rd_ctl_terminated {
	char name[RD_CTL_NAME_MAX + 1];
	char enclave_id[RD_CTL_ID_MAX + 1];
};

/*
 * CONSOLE_FD's descriptor: a pipe to read until its end while the enclave lives; after its end the
 * kept ring file (ring = true), to be unrolled by lib/ctl/ring.h.
 */
struct rd_ctl_console_fd {
	char enclave_id[RD_CTL_ID_MAX + 1];
	uint64_t cid;
	bool ring;
};

/*
 * What such a pipe has, and nothing more, when the vmm refuses to feed it: it has as many readers
 * as it may have. A guest that begins with the same bytes refuses its own output to its debugger.
 */
#define RD_CTL_CONSOLE_FULL "\0console full\n"
static inline struct rd_view rd_ctl_console_full(void)
{
	return rd_view(RD_CTL_CONSOLE_FULL, sizeof(RD_CTL_CONSOLE_FULL) - 1);
}

/* redoubtd → nitro-cli: code is the number of nitro-cli's Exx; to redoubt-ec2 also RD_I_…. */
struct rd_ctl_error {
	uint64_t code;
	char text[RD_CTL_TEXT_MAX + 1];
};

/* DONE, ATTACH and the vmm's TERMINATE say nothing beyond their type. */
struct rd_ctl_empty {
	char unused;
};

/*
 * redoubtd → redoubt-vmm, first message on fd 3. Descriptors: [0] the EIF, a sealed memfd whose
 * CRC, signature and section table redoubtd has checked (the vmm reads the table again, from the
 * sealed bytes); then, if `parent` is set, the link to the parent's vmm (vmm/peer.h); then, in
 * debug mode only, the console ring file, open for reading and writing.
 */
struct rd_ctl_launch {
	char enclave_id[RD_CTL_ID_MAX + 1];
	uint64_t slot_uid;
	char name[RD_CTL_NAME_MAX + 1];
	uint64_t cid;
	uint64_t memory_mib;
	struct rd_ctl_u64s cpu_ids;
	bool debug;
	uint64_t engine;                         /* enum rd_ctl_engine */
	char engine_reason[RD_CTL_TEXT_MAX + 1]; /* why this engine, for the vmm's log */
	uint8_t pcr0[RD_CTL_PCR_SIZE];
	uint8_t pcr1[RD_CTL_PCR_SIZE];
	uint8_t pcr2[RD_CTL_PCR_SIZE];
	uint8_t pcr8[RD_CTL_PCR_SIZE]; /* all zero: the image is unsigned */
	char instance_id[RD_CTL_ID_MAX + 1];
	char region[RD_CTL_ID_MAX + 1];
	char dir[RD_CTL_DIR_MAX + 1]; /* the enclave's directory, absolute, made by redoubtd */
	uint64_t owner_uid;
	uint64_t owner_gid;
	uint64_t eif_size;
	bool parent;                       /* its parent is an instance, not this host */
	char role_arn[RD_CTL_ARN_MAX + 1]; /* of the parent, for PCR3; empty: it has none */
	uint64_t uid_index; /* of the vmm's user id when parent is set; see vmm/isolate.h */
};

/* redoubtd → redoubt-vmm: LEAF, answering LEAF_REQUEST. DER; the bundle starts with the root. */
struct rd_ctl_leaf {
	struct rd_view certificate;
	struct rd_ctl_views cabundle;
};

/* redoubt-vmm → redoubtd: SubjectPublicKeyInfo DER of a fresh P-384 key. */
struct rd_ctl_leaf_request {
	struct rd_view spki;
};

/* redoubt-vmm → redoubtd: STATUS; the answer to LAUNCH (state booting) and to ATTACH. */
struct rd_ctl_status {
	char enclave_id[RD_CTL_ID_MAX + 1];
	uint64_t state; /* enum rd_ctl_state */
	uint64_t vmm_pid;
	uint64_t engine_pid; /* 0: not started yet */
};

/* redoubt-vmm → redoubtd: BOOTED, the heartbeat came. */
struct rd_ctl_booted {
	uint64_t boot_ms; /* from LAUNCH to heartbeat */
};

/* redoubt-vmm → redoubtd: ENDED, its last message. */
struct rd_ctl_ended {
	uint64_t cause;       /* enum rd_ctl_cause */
	uint64_t exit_status; /* of the application, when cause is EXITED or SIGNALED */
	uint64_t code;        /* Exx for run-enclave when the enclave never booted, or 0 */
	char text[RD_CTL_TEXT_MAX + 1];
};

/*
 * redoubt-ec2 → redoubtd: INSTANCE_RUN. 1 descriptor: the base image, a regular file open for
 * reading only; it stays as it is, the instance writes into an overlay of its own. Answered by
 * INSTANCE (pending) and DONE, or ERROR. A stopped instance is started by the same message with
 * fresh = false and the same image.
 */
struct rd_ctl_instance_run {
	char instance_id[RD_CTL_ID_MAX + 1];
	uint64_t cpus;
	uint64_t memory_mib;
	bool enclaves; /* it may have enclaves: EnclaveOptions.Enabled */
	bool strict;   /* enclaves take whole cores, as on AWS; see docs/decisions/0010 */
	bool fresh;    /* a new disk; else the one that it had */
	char role_arn[RD_CTL_ARN_MAX + 1];      /* its instance profile's role; empty: none */
	char account[RD_CTL_WORD_MAX + 1];      /* for the log only */
	char image_format[RD_CTL_WORD_MAX + 1]; /* "raw" or "qcow2" */
	uint64_t disk_gib;                      /* 0: the image's size */
	char mac[RD_CTL_WORD_MAX + 1];          /* empty: no network at all */
	char private_ip[RD_CTL_WORD_MAX + 1]; /* with its prefix ("172.31.16.5/20"); /20 without */
	char hostname[RD_CTL_HOSTNAME_MAX + 1]; /* what DHCP says */
	char imds[RD_CTL_PATH_MAX + 1]; /* run/imds/<instance id>.sock; empty: no metadata */
	uint64_t hops;                  /* of metadata's answers to PUT; 0: no limit */
	struct rd_ctl_texts forwards;
};

/*
 * redoubt-ec2 → redoubtd. STOP, REBOOT and TERMINATE are answered by DONE when the end has begun;
 * WATCH tells when it has come. DESCRIBE: INSTANCE* DONE (empty id: all, the stopped ones too).
 * CONSOLE: CONSOLE_FD with the kept ring. WATCH: INSTANCE for each, then one at every change, for
 * as long as the connection lasts.
 */
struct rd_ctl_instance_target {
	char instance_id[RD_CTL_ID_MAX + 1];
	bool hard; /* STOP and REBOOT: without asking the guest */
};

/*
 * redoubt-ec2 → redoubtd: INSTANCE_FORWARDS, what changes of a network while it runs: the whole new
 * list, and the hop limit (0: as it was); answered by DONE.
 */
struct rd_ctl_instance_forwards {
	char instance_id[RD_CTL_ID_MAX + 1];
	struct rd_ctl_texts forwards;
	uint64_t hops;
};

/* redoubtd → redoubt-ec2. Of a stopped instance that an earlier daemon ran, only id and state. */
struct rd_ctl_instance {
	char instance_id[RD_CTL_ID_MAX + 1];
	uint64_t state; /* enum rd_ctl_instance_state */
	uint64_t pid;   /* the vmm's */
	uint64_t started_ms;
	uint64_t cause; /* enum rd_ctl_cause, when it has ended */
	char text[RD_CTL_TEXT_MAX + 1];
	uint64_t cpus;
	uint64_t memory_mib;
	uint64_t enclave_count;
	struct rd_ctl_texts forwards;
};

/*
 * redoubtd → redoubt-vmm, first message on fd 3 of a parent's vmm. Descriptors: [0] the overlay,
 * qcow2 without a backing file in its header, open for reading and writing; [1] the base image,
 * open for reading; [2] the console ring file.
 */
struct rd_ctl_parent {
	char instance_id[RD_CTL_ID_MAX + 1];
	uint64_t cpus;
	struct rd_ctl_u64s cpu_ids; /* of the host's pool, as many; for redoubtd's own record */
	uint64_t memory_mib;
	bool enclaves; /* it has a hypervisor's control port */
	uint64_t started_ms;
	uint64_t engine; /* enum rd_ctl_engine */
	char engine_reason[RD_CTL_TEXT_MAX + 1];
	char dir[RD_CTL_DIR_MAX + 1]; /* run/instances/<id>, absolute */
	uint64_t uid_index;           /* of the vmm's user id; see vmm/isolate.h */
	char image_format[RD_CTL_WORD_MAX + 1];
	uint64_t disk_bytes; /* what the guest sees */
	char mac[RD_CTL_WORD_MAX + 1];
	char private_ip[RD_CTL_WORD_MAX + 1];
	char hostname[RD_CTL_HOSTNAME_MAX + 1];
	char imds[RD_CTL_PATH_MAX + 1];
	uint64_t hops;
	struct rd_ctl_texts forwards;
	bool strict; /* this and what follows is for redoubtd's own record */
	char role_arn[RD_CTL_ARN_MAX + 1];
	char account[RD_CTL_WORD_MAX + 1];
	uint64_t reserve_mib; /* set aside for enclaves, whether one has it or not */
};

/* redoubtd → a parent's vmm: VMM_STOP, VMM_REBOOT. */
struct rd_ctl_vmm_stop {
	bool hard; /* without asking the guest */
};

/*
 * BALLOON, redoubtd → a parent's vmm: how much memory the guest is to have. BALLOON_AT, back: what
 * it has, when that is no more than the target, and again when it changes; also after a while when
 * the guest does not get there.
 */
struct rd_ctl_balloon {
	uint64_t target_mib;
	uint64_t actual_mib; /* BALLOON_AT */
	bool gave_up;        /* BALLOON_AT: the guest did not get there in time */
};

/* redoubtd → a parent's vmm: PEER, its end of the link to one of its enclaves; 1 descriptor. */
struct rd_ctl_peer {
	uint64_t cid;
};

/* redoubtd → a parent's vmm: VMM_FORWARDS, as INSTANCE_FORWARDS has it. */
struct rd_ctl_vmm_forwards {
	struct rd_ctl_texts forwards;
	uint64_t hops;
};

struct rd_ctl_message {
	enum rd_ctl_type type;
	union {
		struct rd_ctl_run run;               /* RUN */
		struct rd_ctl_describe describe;     /* DESCRIBE */
		struct rd_ctl_target target;         /* TERMINATE, CONSOLE */
		struct rd_ctl_reserve reserve;       /* RESERVE */
		struct rd_ctl_progress progress;     /* PROGRESS */
		struct rd_ctl_enclave enclave;       /* STARTED, RUNNING, ENCLAVE */
		struct rd_ctl_terminated terminated; /* TERMINATED */
		struct rd_ctl_console_fd console_fd; /* CONSOLE_FD */
		struct rd_ctl_error error;           /* ERROR */
		/* DONE, VMM_ATTACH, VMM_TERMINATE, VMM_CONSOLE, INSTANCE_WATCH, VMM_PARENT_… */
		struct rd_ctl_empty empty;
		struct rd_ctl_launch launch;             /* VMM_LAUNCH */
		struct rd_ctl_leaf leaf;                 /* VMM_LEAF */
		struct rd_ctl_leaf_request leaf_request; /* VMM_LEAF_REQUEST */
		struct rd_ctl_status status;             /* VMM_STATUS */
		struct rd_ctl_booted booted;             /* VMM_BOOTED */
		struct rd_ctl_ended ended;               /* VMM_ENDED */
		struct rd_ctl_instance_run instance_run; /* INSTANCE_RUN */
		/* INSTANCE_STOP, _REBOOT, _TERMINATE, _DESCRIBE, _CONSOLE */
		struct rd_ctl_instance_target instance_target;
		struct rd_ctl_instance_forwards instance_forwards; /* INSTANCE_FORWARDS */
		struct rd_ctl_instance instance;                   /* INSTANCE */
		struct rd_ctl_parent parent;                       /* VMM_PARENT */
		struct rd_ctl_vmm_stop vmm_stop;                   /* VMM_STOP, VMM_REBOOT */
		struct rd_ctl_balloon balloon;                     /* VMM_BALLOON, VMM_BALLOON_AT */
		struct rd_ctl_peer peer;                           /* VMM_PEER */
		struct rd_ctl_vmm_forwards vmm_forwards;           /* VMM_FORWARDS */
	};
};

/*
 * Puts text from elsewhere (an argument, a line of a guest's report) into a message's field: what
 * is not UTF-8 or is a control character becomes '?', what does not fit in cap bytes is cut.
 */
void rd_ctl_text_clean(struct rd_view text, char *ret_text, size_t cap);

/* "LAUNCH", for logs; "unknown" for what is not in the table. */
const char *rd_ctl_type_name(enum rd_ctl_type type);

/*
 * Appends the datagram to out (reserve RD_CTL_MESSAGE_MAX). RD_USAGE: a field breaks its own rule
 * (range, text, mandatory list empty), which is the caller's bug; RD_NOSPACE: out is too small.
 */
enum rd_status rd_ctl_encode(const struct rd_ctl_message *m, struct rd_buf *out) RD_MUST_USE;

/*
 * Decodes a whole datagram that arrived on `link` together with fd_count descriptors (the caller
 * keeps owning and, on refusal, closing them). ret_m is written only on success; views in it point
 * into the datagram.
 *
 * RD_LIMIT: longer than RD_CTL_MESSAGE_MAX, or a list or string longer than its field allows.
 * RD_UNSUPPORTED: unknown type. RD_FORBIDDEN: type not allowed on this link, or wrong number of
 * descriptors. RD_MISSING, RD_DUPLICATE, RD_BAD_TYPE, RD_OUT_OF_RANGE: a field. RD_TRUNCATED,
 * RD_TRAILING, RD_MALFORMED, RD_NONCANONICAL, RD_TOO_DEEP: the CBOR itself.
 */
enum rd_status rd_ctl_decode(struct rd_view datagram, size_t fd_count, enum rd_ctl_link link,
	struct rd_ctl_message *ret_m) RD_MUST_USE;

/* The same, and on refusal the name of the field concerned ("" when it is not about a field). */
enum rd_status rd_ctl_decode_named(struct rd_view datagram, size_t fd_count, enum rd_ctl_link link,
	struct rd_ctl_message *ret_m, const char **ret_field) RD_MUST_USE;

#endif
