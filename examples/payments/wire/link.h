/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link between payments-server and payments-enclave: its messages, written as one table that
 * encodes and decodes them at both ends.
 *
 * The server connects to vsock port PAY_LINK_PORT of the enclave. Where the enclave is reached by a
 * Unix socket (its vsock.sock, or that of payments-enclave-host) the server first sends
 * "CONNECT 7000\n" and reads one line, "OK <number>\n". From then on both sides send frames:
 *
 *	be32 length (1 to PAY_FRAME_MAX), then so many bytes: a CBOR array [type, id, {name: value}]
 *
 * in strict CBOR (definite lengths, shortest heads, no duplicate names), and every name of the map
 * must be of the type's table: an unknown one, one of the wrong kind or outside its range, and a
 * missing mandatory one end the link. Optional fields are left out when they are zero or empty.
 *
 * Questions of the server and answers of the enclave:
 *
 *	START      → STARTED        credentials, keyring, log; first on a link
 *	ATTEST     → ATTESTED       a document for a nonce of the page's
 *	AUTHORISE  → RESULT         AUTHORISED, DECLINED, INVALID or REVERSED (nobody was charged)
 *	CAPTURE    → RESULT         CAPTURED or DECLINED
 *	REFUND     → RESULT         REFUNDED or DECLINED
 *	REVERSE    → RESULT         REVERSED
 *	REWRAP     → REWRAPPED      the same card under the newest key
 *	ROTATE     → ROTATED        a new version of the key of card records
 *	CHALLENGE  → NONCE          for one EXPORT or POLICY
 *	EXPORT     → EXPORTED       a card number for whom two custodians name
 *	POLICY     → POLICY_SET     a new policy that two custodians signed
 *	any        → ERROR          it did not happen: enum pay_error_code says why
 *
 * and, while it works on one, questions of the enclave to the server:
 *
 *	RECORD     → RECORDED       commit this audit record, and what it comes with
 *	LOOKUP     → FOUND          which token a card has already
 *	PROOF      → PROVED         that the log begins with an earlier one
 *	NEW_KEY    → KEPT           keep this wrapped key before it is used
 *
 * An answer carries the id of its question. Each side counts ids of its own from 1; any number of
 * the server's questions may be open, PAY_OPEN_MAX at most (ERROR BUSY beyond). Answers come in any
 * order. ERROR with id 0 says why the enclave ends the link.
 *
 * Audit. Whatever has index, record and head is to be committed in the order in which the frames
 * arrive, in one transaction with what it belongs to: a RECORD's token and vault, a RESULT's state.
 * index is the record's place, head the signed head of a log of index + 1 records (lib/merkle's
 * head.h). RECORDED is sent after the commit, and only then the enclave goes on. A server that
 * cannot commit drops the link; START then gives the enclave the log as it is. A PROOF is about
 * records that came before it: it is answered when those are committed.
 *
 * A link that breaks ends all that was under way on it. The server asks again under the same
 * operation id, or REVERSEs. Either is safe: retrieval reference numbers (RRN) come from ids alone,
 * and the gateway gives a repeated one its first answer.
 */
#ifndef PAYMENTS_WIRE_LINK_H
#define PAYMENTS_WIRE_LINK_H

#include "base/bytes.h"

#define PAY_LINK_PORT 7000
/* One frame: a keyring of PAY_KEYS_MAX keys, or a document, and room. */
#define PAY_FRAME_MAX 65536
/* Questions of the server that are open at a time on one link. */
#define PAY_OPEN_MAX 256

/* Merchant: DE 42 of ISO 8583 has 15. */
#define PAY_MERCHANT_MAX 15
/* Order ids, payment keys (the page's idempotency key) and operation ids. */
#define PAY_ID_MAX 64
/* "tok_" and 22 base62 digits. */
#define PAY_TOKEN_MAX 26
/* A card number's length: ISO/IEC 7812. */
#define PAY_PAN_MAX 19
/* ISO 4217. */
#define PAY_CURRENCY_MAX 3
/* DE 4 is n12. */
#define PAY_AMOUNT_MAX UINT64_C(999999999999)
/* DE 37, 38 and 39. */
#define PAY_RRN_MAX      12
#define PAY_APPROVAL_MAX 6
#define PAY_RESPONSE_MAX 2
/* Words of ours: "luhn", "visa"; who asks and from where: "merchant:shop-1", an IPv6 address. */
#define PAY_WORD_MAX 64
/* An operator's line, as in struct rd_error. */
#define PAY_TEXT_MAX 511

/* What the page seals: enc (65), 256 bytes and a tag (card.h). */
#define PAY_SEALED_CARD_SIZE 337
/* A card's record sealed by lib/seal: 128 bytes at present. */
#define PAY_VAULT_MAX 512
/* Blind index: HMAC-SHA-256. */
#define PAY_BLIND_SIZE 32
/* A wrapped data key (redoubt-kms: 184 bytes) and the log's private key sealed by one. */
#define PAY_WRAPPED_MAX 512
/* Rotation once a month for five years, and the other purposes. */
#define PAY_KEYS_MAX 64
/* One audit record. */
#define PAY_RECORD_MAX 4096
/* merkle/head.h, merkle/range.h, merkle/proof.h: as bytes. */
#define PAY_HEAD_SIZE 152
#define PAY_PEAKS_MAX (63 * 32)
#define PAY_PROOF_MAX (64 * 32)
/* What the NSM takes for a nonce is 512; a page's has 32. */
#define PAY_PAGE_NONCE_MIN 16
#define PAY_PAGE_NONCE_MAX 64
#define PAY_DOCUMENT_MAX   16384
#define PAY_CREDENTIAL_MAX 4096
/* A policy's JSON, signed by custodians, which a struct rd_secret holds; the same sealed. */
#define PAY_POLICY_MAX        7168
#define PAY_POLICY_SEALED_MAX (PAY_POLICY_MAX + 256)
/* What custodians sign: the policy and a few fields more. */
#define PAY_SIGNED_MAX (PAY_POLICY_MAX + 512)
/* The enclave's nonce for dual control. */
#define PAY_NONCE_SIZE 32
/* ECDSA P-256 with SHA-256, r || s: WebCrypto's form too. */
#define PAY_SIGNATURE_SIZE 64
#define PAY_SIGNATURES_MAX 4
/* An exported card, HPKE: enc, a map with PAN and expiry, tag. */
#define PAY_EXPORT_MAX 512

/* Numbers are on the wire: never reuse one. */
enum pay_type {
	PAY_START = 1,
	PAY_ATTEST = 2,
	PAY_AUTHORISE = 3,
	PAY_CAPTURE = 4,
	PAY_REFUND = 5,
	PAY_REVERSE = 6,
	PAY_REWRAP = 7,
	PAY_ROTATE = 8,
	PAY_CHALLENGE = 9,
	PAY_EXPORT = 10,
	PAY_POLICY = 11,

	PAY_STARTED = 32,
	PAY_ATTESTED = 33,
	PAY_RESULT = 34,
	PAY_REWRAPPED = 35,
	PAY_ROTATED = 36,
	PAY_NONCE = 37,
	PAY_EXPORTED = 38,
	PAY_POLICY_SET = 39,
	PAY_ERROR = 40,
	PAY_PREPARED = 41,

	PAY_RECORD = 64,
	PAY_LOOKUP = 65,
	PAY_PROOF = 66,
	PAY_NEW_KEY = 67,

	PAY_RECORDED = 80,
	PAY_FOUND = 81,
	PAY_PROVED = 82,
	PAY_KEPT = 83,
};

/* Which way a message goes: an end takes only what is for it. */
enum pay_direction { PAY_TO_ENCLAVE = 1, PAY_TO_SERVER = 2 };

/* What a key of the keyring is for; each is a data key of its own. */
enum pay_purpose {
	PAY_KEY_CARD = 1, /* seals card records; has versions */
	PAY_KEY_INDEX,    /* blind index */
	PAY_KEY_TOKEN,    /* format-preserving tokens */
	PAY_KEY_RRN,      /* retrieval reference numbers */
	PAY_KEY_LOG,      /* seals the log's signing key, which comes beside it */
	PAY_KEY_POLICY,   /* seals policies */
	PAY_PURPOSE_END
};

/* How a payment or an operation ended. */
enum pay_state {
	PAY_AUTHORISED = 1,
	PAY_DECLINED, /* by the gateway (response), or by the policy (reason); no money moves */
	PAY_INVALID,  /* the card (reason); the gateway never heard of it */
	PAY_REVERSED, /* nobody is charged: it was reversed, by request or after a time-out */
	PAY_CAPTURED,
	PAY_REFUNDED,
	PAY_STATE_END
};

/* Why something did not happen. The gateway has acted on nothing that ends with one of these,
 * except after GATEWAY, which leaves that open: ask again, or REVERSE. */
enum pay_error_code {
	PAY_ERROR_LINK = 1,    /* a frame that is no message; the link ends */
	PAY_ERROR_NOT_STARTED, /* START comes first */
	PAY_ERROR_BUSY,        /* PAY_OPEN_MAX questions are open */
	PAY_ERROR_CHANNEL, /* not sealed for this enclave's key, this order, payment and amount */
	PAY_ERROR_CARD,    /* sealed well, but no card message (card.h) */
	PAY_ERROR_SEALED,  /* vault: not a record of this token and merchant, or altered */
	PAY_ERROR_KEYS,    /* KMS refused, or the keyring lacks a key */
	PAY_ERROR_LOG,     /* the log that was given is not that of its head */
	PAY_ERROR_WITNESS, /* the log is not a continuation of the one that was witnessed */
	PAY_ERROR_GATEWAY, /* away, or its answer was lost and could not be reversed yet */
	PAY_ERROR_POLICY,  /* the policy does not allow it, or is older than the one in force */
	PAY_ERROR_SIGNATURES, /* not two custodians' over this request */
	PAY_ERROR_NONCE,      /* not a nonce of this enclave's, or used, or too old */
	PAY_ERROR_DOCUMENT,   /* no attestation document */
	PAY_ERROR_INTERNAL,
	PAY_ERROR_END
};

/* Lists are arrays; an item is an array too. */
struct pay_key {
	uint64_t purpose;       /* enum pay_purpose */
	uint64_t version;       /* from 1 */
	struct rd_view wrapped; /* KMS ciphertext under context {app, purpose, version} */
	struct rd_view sealed;  /* PAY_KEY_LOG: the log's key under this one; otherwise empty */
};

struct pay_keys {
	size_t n;
	struct pay_key items[PAY_KEYS_MAX]; /* on the wire [purpose, version, wrapped, sealed] */
};

struct pay_signature {
	struct rd_view custodian; /* name in the policy, 1 to PAY_WORD_MAX characters */
	struct rd_view rs;        /* PAY_SIGNATURE_SIZE bytes over the request */
};

struct pay_signatures {
	size_t n;
	struct pay_signature items[PAY_SIGNATURES_MAX]; /* on the wire [custodian, rs] */
};

/* Identifiers are 1 to their MAX of A-Z a-z 0-9 - _; texts are printable ASCII. Both are NUL-
 * terminated here, and "" when optional and absent. */
struct pay_start {
	struct rd_view access_key_id, secret_access_key, session_token; /* session_token optional */
	struct pay_keys keyring; /* may be empty, while the log is */
	struct rd_view policy;   /* optional: the newest POLICY_SET's sealed */
	uint64_t size;           /* of the log */
	struct rd_view peaks;    /* optional: 32 bytes for each set bit of size, largest first */
	struct rd_view head;     /* optional: the head of that size; absent for an empty log */
	/* Optional, mandatory unless the log is empty: its last record, and the proof that it is
	 * (rd_merkle_proof_encode; absent for the only one). It says which policy was in force. */
	struct rd_view last, last_proof;
	/* Optional: 1: only the keys are opened, which is what takes time; the answer is PREPARED,
	 * and the START that is meant comes later. The enclave that serves goes on meanwhile. */
	uint64_t prepare;
};

struct pay_started {
	uint64_t size; /* of the log now: what STARTED's own RECORD added is counted */
	struct rd_view head;
	struct rd_view log_id;   /* SHA-256 of the log key's SPKI */
	struct rd_view log_key;  /* that SPKI, DER */
	uint64_t image_version;  /* of the enclave's configuration */
	uint64_t policy_version; /* in force */
};

struct pay_attest {
	struct rd_view nonce; /* PAY_PAGE_NONCE_MIN to PAY_PAGE_NONCE_MAX bytes */
};

/* The document's public_key is the channel key's point 04 || X || Y, its user_data the CBOR map
 * {"app": "redoubt-payments", "version": image version, "log": log id}. */
struct pay_attested {
	struct rd_view document;
};

struct pay_authorise {
	char merchant[PAY_MERCHANT_MAX + 1];
	char order[PAY_ID_MAX + 1];
	char payment[PAY_ID_MAX + 1]; /* the idempotency key; with the order it names the payment:
					 its RRN comes from the two */
	uint64_t amount;              /* minor units, 1 to PAY_AMOUNT_MAX */
	char currency[PAY_CURRENCY_MAX + 1]; /* "EUR" */
	struct rd_view sealed;               /* PAY_SEALED_CARD_SIZE bytes, from the page */
	char who[PAY_WORD_MAX + 1];          /* for the record: who asks */
	char origin[PAY_WORD_MAX + 1];       /* optional: from where */
};

/* CAPTURE, REFUND and REVERSE of the payment that order and payment name. A REVERSE is safe whether
 * or not the gateway has heard of the payment: afterwards it declines it. */
struct pay_follow {
	char merchant[PAY_MERCHANT_MAX + 1];
	char order[PAY_ID_MAX + 1];
	char payment[PAY_ID_MAX + 1];
	char operation[PAY_ID_MAX + 1]; /* of this operation, kept before it is asked for; the RRN
					   of CAPTURE and REFUND comes from it */
	uint64_t amount;                /* minor units; REVERSE: the authorised amount */
	char currency[PAY_CURRENCY_MAX + 1];
	char token[PAY_TOKEN_MAX + 1]; /* optional: for the record */
	char masked[PAY_PAN_MAX + 1];  /* optional: for the record */
	char who[PAY_WORD_MAX + 1];
	char origin[PAY_WORD_MAX + 1];
};

struct pay_logged {
	uint64_t index;
	struct rd_view record; /* JSON */
	struct rd_view head;   /* PAY_HEAD_SIZE bytes, of index + 1 records */
};

struct pay_result {
	uint64_t state;                      /* enum pay_state */
	char reason[PAY_WORD_MAX + 1];       /* optional: "number", "expiry", "cvv" (INVALID);
						"limit", "velocity", "currency" (the policy's);
						"timeout" (REVERSED) */
	char response[PAY_RESPONSE_MAX + 1]; /* optional: DE 39 */
	char approval[PAY_APPROVAL_MAX + 1]; /* optional: DE 38 */
	char rrn[PAY_RRN_MAX + 1];           /* optional: DE 37; absent when nothing was sent */
	char token[PAY_TOKEN_MAX + 1];       /* optional */
	char fpe[PAY_PAN_MAX + 1];           /* optional: the format-preserving token */
	char masked[PAY_PAN_MAX + 1];        /* optional: "411111******1111" */
	char brand[PAY_WORD_MAX + 1];        /* optional: "visa" */
	struct pay_logged logged;            /* committed in one transaction with the state */
};

struct pay_rewrap {
	char merchant[PAY_MERCHANT_MAX + 1];
	char token[PAY_TOKEN_MAX + 1];
	struct rd_view vault;
};

struct pay_rewrapped {
	struct rd_view vault;
	uint64_t version;         /* of the card key that it is sealed under now */
	struct pay_logged logged; /* committed with the new vault */
};

struct pay_rotate {
	char who[PAY_WORD_MAX + 1];
	char origin[PAY_WORD_MAX + 1];
};

struct pay_rotated {
	uint64_t version;
	struct pay_logged logged;
};

struct pay_nonce {
	struct rd_view nonce; /* PAY_NONCE_SIZE bytes, good once, for ten minutes */
};

/*
 * Dual control. request is what the custodians signed, byte for byte, a CBOR array:
 *
 *	EXPORT   ["redoubt-payments export v1", nonce, merchant, token, recipient (65 bytes: the
 *	         P-256 point that the card is sealed to), reason (text, 1 to PAY_WORD_MAX)]
 *	POLICY   ["redoubt-payments policy v1", nonce, policy (byte string: its JSON)]
 *
 * Two signatures at least, each by another custodian of the policy in force, ECDSA P-256 with
 * SHA-256 over request.
 */
struct pay_dual {
	struct rd_view request; /* 1 to PAY_SIGNED_MAX bytes */
	struct pay_signatures signatures;
	struct rd_view vault; /* EXPORT: the token's record; POLICY: absent */
	char origin[PAY_WORD_MAX + 1];
};

/* HPKE as card.h has it, info PAY_EXPORT_INFO, aad = request, plaintext the CBOR map
 * {1: PAN, 2: month, 3: year}: enc (65) || ciphertext. */
struct pay_exported {
	struct rd_view sealed;
};

struct pay_policy_set {
	uint64_t version;
	struct rd_view sealed;    /* to be given with START from now on */
	struct pay_logged logged; /* committed with it */
};

struct pay_error {
	uint64_t code; /* enum pay_error_code */
	char text[PAY_TEXT_MAX + 1];
	struct pay_logged logged; /* optional as a whole: record absent when nothing was recorded */
};

struct pay_record {
	uint64_t request; /* the server's question that it belongs to; 0 for none */
	struct pay_logged logged;
	/* Of an AUTHORISE: the card, to be kept if the blind index is new for this merchant. */
	char token[PAY_TOKEN_MAX + 1];
	char fpe[PAY_PAN_MAX + 1];
	struct rd_view blind;
	struct rd_view vault;
	uint64_t version; /* of the card key that vault is sealed under */
	/* Optional, of a start: the attestation document that the record names, to be kept in the
	 * same transaction. */
	struct rd_view document;
};

struct pay_recorded {
	uint64_t size; /* of the log, after the commit: RECORD's index + 1 at least */
};

struct pay_lookup {
	char merchant[PAY_MERCHANT_MAX + 1];
	struct rd_view blind; /* PAY_BLIND_SIZE bytes */
};

struct pay_found {
	char token[PAY_TOKEN_MAX + 1]; /* optional: absent when the card is new */
	struct rd_view vault;          /* with token */
};

struct pay_proof {
	uint64_t old_size, size; /* 1 <= old_size < size */
};

struct pay_proved {
	struct rd_view proof; /* rd_merkle_proof_encode's; empty proofs are not asked for */
};

/* A question: KEPT once it is durable. */
struct pay_new_key {
	uint64_t purpose;
	uint64_t version;
	struct rd_view wrapped;
	struct rd_view sealed;
};

struct pay_message {
	enum pay_type type;
	uint64_t id;
	union {
		struct pay_start start;
		struct pay_started started;
		struct pay_attest attest;
		struct pay_attested attested;
		struct pay_authorise authorise;
		struct pay_follow follow; /* CAPTURE, REFUND, REVERSE */
		struct pay_result result;
		struct pay_rewrap rewrap;
		struct pay_rewrapped rewrapped;
		struct pay_rotate rotate;
		struct pay_rotated rotated;
		struct pay_nonce nonce;
		struct pay_dual dual; /* EXPORT, POLICY */
		struct pay_exported exported;
		struct pay_policy_set policy_set;
		struct pay_error error;
		struct pay_record record;
		struct pay_recorded recorded;
		struct pay_lookup lookup;
		struct pay_found found;
		struct pay_proof proof;
		struct pay_proved proved;
		struct pay_new_key new_key;
	};
};

/*
 * Reads a frame's body. Views point into it. RD_LIMIT: larger than PAY_FRAME_MAX, or a part larger
 * than its maximum; RD_UNSUPPORTED: no such type; RD_FORBIDDEN: a type that does not go this way,
 * or an unknown field; RD_MISSING: a mandatory field; RD_OUT_OF_RANGE: a number or a length below
 * its minimum or above its maximum; RD_MALFORMED: a text with other characters; and those of
 * cbor/decode.h. *ret_field is the field's name then, or "".
 */
enum rd_status pay_link_decode(struct rd_view body, enum pay_direction direction,
	struct pay_message *ret, const char **ret_field) RD_MUST_USE;

/* Appends a whole frame, its length first. RD_USAGE: a field that the decoder would refuse;
 * RD_NOSPACE: larger than PAY_FRAME_MAX, or than out. What was appended is taken back. */
enum rd_status pay_link_encode(const struct pay_message *m, struct rd_buf *out) RD_MUST_USE;

/* The frame at the start of what has come: RD_AGAIN while it is not whole, RD_OUT_OF_RANGE for a
 * length of 0 or above PAY_FRAME_MAX. *ret_size: the frame with its length. */
enum rd_status pay_link_frame(struct rd_view bytes, struct rd_view *ret_body, size_t *ret_size)
	RD_MUST_USE;

/* "AUTHORISE", "channel": for logs; never NULL. */
const char *pay_type_name(uint64_t type);
const char *pay_error_name(uint64_t code);
const char *pay_state_name(uint64_t state);
/* "card": the purpose's name in encryption contexts; NULL for a number that is none. */
const char *pay_purpose_name(uint64_t purpose);

#endif
