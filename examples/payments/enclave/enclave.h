/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave as a whole: one thread, one loop; what its parts share.
 *
 * Each part has its file. Those below this header know nothing of the enclave (link, gateway, kms,
 * keyring, vault, policy, journal, channel); those above work on it: start.c brings it up for a new
 * link, witness.c shows its log to the gateway, operation.c is what happens to a payment, duties.c
 * are the custodians' and the operators' requests, dispatch.c passes messages to them.
 */
#ifndef ENCLAVE_ENCLAVE_H
#define ENCLAVE_ENCLAVE_H

#include "enclave/channel.h"
#include "enclave/gateway.h"
#include "enclave/journal.h"
#include "enclave/keyring.h"
#include "enclave/kms.h"
#include "enclave/link.h"
#include "enclave/operation.h"
#include "enclave/policy.h"
#include "enclave/velocity.h"

/* How often open operations' deadlines are looked at. */
#define ENCLAVE_TICK_MS 50
/* Secret memory: a card and a message for each open payment (1 KiB), TLS's and KMS's keys. */
#define ENCLAVE_SECRETS_SIZE (1u << 20)

/* Where attestation documents come from: the NSM, or a test's. Writes at most PAY_DOCUMENT_MAX
 * bytes; views may be absent. Anything but 0 is a failure. */
struct documents {
	int (*make)(void *arg, struct rd_view public_key, struct rd_view user_data,
		struct rd_view nonce, struct rd_buf *out);
	void *arg;
};

struct surroundings {
	struct transport link, kms, gateway;
	struct documents documents;
};

/* What start.c is about. */
enum start_stage {
	START_NONE,    /* no START on this link yet */
	START_KEYS,    /* the KMS is asked */
	START_KEEPING, /* a new key is being kept by the server */
	START_PROVING, /* the log against the one that this process remembers */
	START_GATEWAY, /* waiting for the gateway, and for what it witnessed */
	START_RECORD,  /* the start's own record is being committed */
	START_DONE,
};

struct start {
	enum start_stage stage;
	uint64_t id;       /* START's */
	uint64_t question; /* our open question, or 0 */
	bool stale;        /* the job that runs was begun for another link */
	bool making;       /* the job makes a key */
	bool preparing;    /* the keys are all that is wanted */
	uint64_t deadline_ms;
	/* Of START, whose views do not last. */
	uint64_t size;
	size_t peaks_len, policy_len, sealed_log_len, last_len, last_proof_len;
	bool has_head;
	uint8_t peaks[PAY_PEAKS_MAX];
	uint8_t head[PAY_HEAD_SIZE];
	uint8_t last[PAY_RECORD_MAX];
	uint8_t last_proof[PAY_PROOF_MAX];
	uint8_t policy[PAY_POLICY_SEALED_MAX];
	uint8_t sealed_log[PAY_WRAPPED_MAX]; /* the log's key, sealed */
};

enum witness_stage { WITNESS_NONE, WITNESS_SENT, WITNESS_PROVING, WITNESS_GOOD, WITNESS_BAD };

struct witness {
	enum witness_stage stage;
	char stan[7];
	uint64_t question;
	uint64_t deadline_ms, next_ms;
	struct rd_audit_author checked; /* what a proof is for */
	uint8_t last[PAY_HEAD_SIZE];    /* what the gateway had before */
	uint8_t sent[PAY_HEAD_SIZE];    /* what it is being shown */
	uint8_t shown[PAY_HEAD_SIZE];   /* what it was shown before */
	bool has_shown;
	char why[PAY_TEXT_MAX + 1]; /* of WITNESS_BAD */
};

/* A nonce for dual control, good once. */
#define NONCES_MAX        16
#define NONCE_LIFETIME_MS (10u * 60 * 1000)

struct nonce {
	uint8_t bytes[PAY_NONCE_SIZE];
	uint64_t expires_ms; /* 0: free */
};

struct enclave {
	const struct config *config;
	const struct surroundings *around;
	struct rd_loop *loop;
	struct rd_watch *tick;
	struct channel channel;
	struct link link;
	struct gateway gateway;
	struct kms kms;
	struct keyring keyring;
	struct policy policy; /* in force */
	uint32_t image_policy_version;
	struct velocity velocity;
	struct journal journal;
	struct start start;
	struct witness witness;
	struct nonce nonces[NONCES_MAX];
	/* The newest head that the server has said is committed: it may not go behind it. */
	bool has_acknowledged;
	uint8_t acknowledged[PAY_HEAD_SIZE];
	uint64_t acknowledged_size;
	uint32_t stan; /* of network messages */
	struct operation operations[PAY_OPEN_MAX];
};

/* All of it, and the loop's end: in the order in which things are made. err says what is wrong. */
enum rd_status enclave_run(const struct config *config, struct rd_view policy_json,
	const struct surroundings *around, struct rd_error *err) RD_MUST_USE;

/* dispatch.c: answers. The question's id; code's text. */
void enclave_refuse(struct enclave *e, uint64_t id, enum pay_error_code code, const char *fmt, ...)
	RD_PRINTF(4, 5);
/* Sends; a message that must not leave, or makes no sense, is answered with INTERNAL. */
void enclave_send(struct enclave *e, const struct pay_message *m);
/* A head that the server has committed. */
void enclave_acknowledge(struct enclave *e, uint64_t size, const uint8_t head[PAY_HEAD_SIZE]);

/* start.c */
void start_begin(struct enclave *e, uint64_t id, const struct pay_start *start);
void start_answer(struct enclave *e, const struct pay_message *m); /* to start.question */
void start_keys_done(struct enclave *e);                           /* the KMS's job */
void start_witnessed(struct enclave *e);                           /* witness.stage has changed */
void start_tick(struct enclave *e, uint64_t now_ms);
void start_reset(struct enclave *e); /* the link has gone */

/* witness.c */
void witness_begin(struct enclave *e); /* the gateway is up */
void witness_down(struct enclave *e);  /* and has gone */
void witness_reset(struct enclave *e); /* the link has gone */
bool witness_answer(struct enclave *e, const struct pay_gateway_answer *answer);
void witness_proved(struct enclave *e, const struct pay_message *m); /* to witness.question */
void witness_tick(struct enclave *e, uint64_t now_ms);

/* duties.c */
/* Appends an attestation document of the channel's key and the log's id; false: there is none. */
bool duties_document(struct enclave *e, struct rd_view nonce, struct rd_buf *out);
void duties_attest(struct enclave *e, uint64_t id, const struct pay_attest *attest);
void duties_rewrap(struct enclave *e, uint64_t id, const struct pay_rewrap *rewrap);
void duties_rotate(struct enclave *e, uint64_t id, const struct pay_rotate *rotate);
void duties_challenge(struct enclave *e, uint64_t id);
void duties_export(struct enclave *e, uint64_t id, const struct pay_dual *dual);
void duties_policy(struct enclave *e, uint64_t id, const struct pay_dual *dual);
void duties_rotate_done(struct enclave *e);
void duties_answer(struct enclave *e, struct operation *op, const struct pay_message *m);

#endif
