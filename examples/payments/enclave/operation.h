/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One open question of the server that takes more than a moment: a payment's operation, a rotation
 * or an export. How it goes on is said in operation.c and duties.c.
 */
#ifndef ENCLAVE_OPERATION_H
#define ENCLAVE_OPERATION_H

#include "card/gateway_message.h"
#include "crypto/secret.h"
#include "wire/link.h"

struct enclave;
struct journal_facts;

enum operation_stage {
	OPERATION_FREE,
	OPERATION_LOOKING,   /* which token the card has */
	OPERATION_RECORDING, /* the server commits what is about to be done */
	OPERATION_ASKING,    /* the gateway has been asked */
	OPERATION_REVERSING, /* it has been asked to undo it */
	OPERATION_KMS,       /* a key is made (duties.c) */
	OPERATION_KEEPING,   /* and kept by the server */
};

struct operation {
	enum operation_stage stage;
	enum pay_type type;
	uint64_t id;           /* the server's question */
	uint64_t question;     /* ours, while LOOKING, RECORDING or KEEPING */
	struct pay_follow ask; /* an AUTHORISE's members, too; its operation is its payment */

	/* Names for the gateway: the operation's, and the authorisation's that it is about. */
	char rrn[PAY_RRN_MAX + 1], stan[7];
	char original_rrn[PAY_RRN_MAX + 1], original_stan[7];

	/* AUTHORISE: struct pay_card, until it is sent. */
	struct rd_secret card;
	uint8_t blind[PAY_BLIND_SIZE];
	char fpe[PAY_PAN_MAX + 1];
	char brand[PAY_WORD_MAX + 1];
	uint8_t vault[PAY_VAULT_MAX];
	size_t vault_len;
	uint32_t key_version;

	/* The record that the server is committing. */
	uint64_t recorded_size;
	uint8_t recorded_head[PAY_HEAD_SIZE];

	/* The gateway. */
	bool sent;            /* the present message is under way */
	uint64_t deadline_ms; /* of its answer */
	uint64_t give_up_ms;  /* of the whole */
	const char *reason;   /* why it is being reversed */

	/* EXPORT: what leaves once it is recorded. */
	uint8_t sealed[PAY_EXPORT_MAX];
	size_t sealed_len;
};

/* RD_LIMIT: all are in use. Empty but for type and id. */
enum rd_status operation_new(
	struct enclave *e, enum pay_type type, uint64_t id, struct operation **ret) RD_MUST_USE;
/* Wipes and frees. */
void operation_end(struct operation *op);
void operation_end_all(struct enclave *e);
struct operation *operation_of_question(struct enclave *e, uint64_t question);

/* Appends a record and asks the server to commit it; the operation goes on when it has. false: it
 * could not, and the operation has ended with an ERROR. */
bool operation_record(struct enclave *e, struct operation *op, const struct journal_facts *facts);

/* Questions of the server. */
void operation_authorise(struct enclave *e, uint64_t id, const struct pay_authorise *ask);
void operation_follow(
	struct enclave *e, enum pay_type type, uint64_t id, const struct pay_follow *ask);
/* Its answer to our question; a RECORD's is passed to duties.c for its types. */
void operation_answer(struct enclave *e, struct operation *op, const struct pay_message *m);

/* The gateway's answer, and its being signed on again. */
void operation_gateway(struct enclave *e, const struct pay_gateway_answer *answer);
void operation_gateway_up(struct enclave *e);
void operation_gateway_down(struct enclave *e);
void operation_tick(struct enclave *e, uint64_t now_ms);

#endif
