/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/crypto by the command line, for programs that share no code with us to judge:
 * crypto-driver OPERATION ARGUMENT… prints one line of hexadecimal and exits 0, or the name of the
 * status and exits 1. Arguments are numbers or hexadecimal bytes ("-" for none).
 */
#include "base/text.h"
#include "crypto/aead.h"
#include "crypto/cms.h"
#include "crypto/ec.h"
#include "crypto/ed25519.h"
#include "crypto/kdf.h"
#include "crypto/keywrap.h"
#include "crypto/rsa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAP     (256 * 1024)
#define ARGS_MAX 8
#define OUT_MAX  16384

struct call {
	struct rd_buf bytes[ARGS_MAX]; /* the arguments as hexadecimal */
	unsigned numbers[ARGS_MAX];    /* and as numbers */
	struct rd_buf out;
	struct rd_secret secret;
};

static struct rd_view arg(const struct call *c, size_t i)
{
	return rd_buf_view(&c->bytes[i]);
}

static enum rd_status print_secret(struct call *c)
{
	return rd_buf_put_view(&c->out, rd_secret_view(&c->secret));
}

/* KEY OAEP BYTES */
static enum rd_status oaep_encrypt(struct call *c)
{
	RD_CLEANUP(rd_rsa_key_free) struct rd_rsa_key *key = NULL;

	RD_TRY(rd_rsa_key_from_spki(arg(c, 0), &key));
	return rd_rsa_oaep_encrypt(key, (enum rd_rsa_oaep)c->numbers[1], arg(c, 2), &c->out);
}

static enum rd_status oaep_decrypt(struct call *c)
{
	RD_CLEANUP(rd_rsa_key_free) struct rd_rsa_key *key = NULL;

	RD_TRY(rd_rsa_key_from_pkcs8(arg(c, 0), &key));
	RD_TRY(rd_rsa_oaep_decrypt(key, (enum rd_rsa_oaep)c->numbers[1], arg(c, 2), &c->secret));
	return print_secret(c);
}

static enum rd_status rsa_aes_unwrap(struct call *c)
{
	RD_CLEANUP(rd_rsa_key_free) struct rd_rsa_key *key = NULL;

	RD_TRY(rd_rsa_key_from_pkcs8(arg(c, 0), &key));
	RD_TRY(rd_rsa_aes_unwrap(key, (enum rd_rsa_oaep)c->numbers[1], arg(c, 2), &c->secret));
	return print_secret(c);
}

/* KEY SCHEME DIGEST MESSAGE [SIGNATURE] */
static enum rd_status rsa_sign(struct call *c)
{
	RD_CLEANUP(rd_rsa_key_free) struct rd_rsa_key *key = NULL;

	RD_TRY(rd_rsa_key_from_pkcs8(arg(c, 0), &key));
	return rd_rsa_sign(key, (enum rd_rsa_scheme)c->numbers[1],
		(enum rd_digest_alg)c->numbers[2], arg(c, 3), &c->out);
}

static enum rd_status rsa_verify(struct call *c)
{
	RD_CLEANUP(rd_rsa_key_free) struct rd_rsa_key *key = NULL;

	RD_TRY(rd_rsa_key_from_spki(arg(c, 0), &key));
	return rd_rsa_verify(key, (enum rd_rsa_scheme)c->numbers[1],
		(enum rd_digest_alg)c->numbers[2], arg(c, 3), arg(c, 4));
}

/* BITS */
static enum rd_status rsa_generate(struct call *c)
{
	RD_CLEANUP(rd_rsa_key_free) struct rd_rsa_key *key = NULL;

	RD_TRY(rd_rsa_key_generate(c->numbers[0], &key));
	RD_TRY(rd_rsa_key_to_pkcs8(key, &c->secret));
	return print_secret(c);
}

/* CURVE */
static enum rd_status ec_generate(struct call *c)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;

	RD_TRY(rd_ec_key_generate((enum rd_ec_curve)c->numbers[0], &key));
	RD_TRY(rd_ec_key_to_pkcs8(key, &c->secret));
	return print_secret(c);
}

/* CURVE KEY PEER|DIGEST [SIGNATURE] */
static enum rd_status ecdh(struct call *c)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *peer = NULL;

	RD_TRY(rd_ec_key_from_pkcs8(arg(c, 1), (enum rd_ec_curve)c->numbers[0], &key));
	RD_TRY(rd_ec_key_from_spki(arg(c, 2), &peer));
	RD_TRY(rd_ec_derive(key, peer, &c->secret));
	return print_secret(c);
}

static enum rd_status ecdsa_sign(struct call *c)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;

	RD_TRY(rd_ec_key_from_pkcs8(arg(c, 1), (enum rd_ec_curve)c->numbers[0], &key));
	return rd_ec_sign_digest_der(key, arg(c, 2), &c->out);
}

static enum rd_status ecdsa_verify(struct call *c)
{
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;

	RD_TRY(rd_ec_key_from_pkcs8(arg(c, 1), (enum rd_ec_curve)c->numbers[0], &key));
	return rd_ec_verify_digest_der(key, arg(c, 2), arg(c, 3));
}

/* KEY MESSAGE */
static enum rd_status ed25519_sign(struct call *c)
{
	RD_CLEANUP(rd_ed25519_key_free) struct rd_ed25519_key *key = NULL;
	uint8_t signature[RD_ED25519_SIGNATURE_SIZE];

	RD_TRY(rd_ed25519_key_from_pkcs8(arg(c, 0), &key));
	RD_TRY(rd_ed25519_sign(key, arg(c, 1), signature));
	return rd_buf_put(&c->out, signature, sizeof(signature));
}

/* DIGEST SALT KEY INFO LENGTH */
static enum rd_status hkdf(struct call *c)
{
	enum rd_digest_alg alg = (enum rd_digest_alg)c->numbers[0];
	uint8_t prk[RD_DIGEST_SIZE_MAX];
	uint8_t *dst;

	RD_TRY(rd_hkdf_extract(alg, arg(c, 1), arg(c, 2), prk));
	RD_TRY(rd_buf_reserve(&c->out, c->numbers[4], &dst));
	return rd_hkdf_expand(
		alg, rd_view(prk, rd_digest_size(alg)), arg(c, 3), dst, c->numbers[4]);
}

/* DIGEST KEY LABEL CONTEXT LENGTH */
static enum rd_status kbkdf(struct call *c)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(&c->out, c->numbers[4], &dst));
	return rd_kbkdf_counter((enum rd_digest_alg)c->numbers[0], arg(c, 1), arg(c, 2), arg(c, 3),
		dst, c->numbers[4]);
}

/* PASS_PHRASE SALT LOG2_N */
static enum rd_status scrypt(struct call *c)
{
	uint8_t *dst;

	RD_TRY(rd_buf_reserve(&c->out, 32, &dst));
	return rd_scrypt(arg(c, 0), arg(c, 1), c->numbers[2], dst, 32);
}

/* KEY(32) BYTES */
static enum rd_status kwp_wrap(struct call *c)
{
	RD_ENSURE(c->bytes[0].used == RD_KWP_KEK_SIZE, RD_USAGE);
	return rd_kwp_wrap(c->bytes[0].ptr, arg(c, 1), &c->out);
}

static enum rd_status kwp_unwrap(struct call *c)
{
	RD_ENSURE(c->bytes[0].used == RD_KWP_KEK_SIZE, RD_USAGE);
	RD_TRY(rd_kwp_unwrap(c->bytes[0].ptr, arg(c, 1), &c->secret));
	return print_secret(c);
}

/* KEY(32) NONCE(12) AAD BYTES */
static enum rd_status gcm_seal(struct call *c)
{
	struct rd_view aad = arg(c, 2);

	RD_ENSURE(c->bytes[0].used == RD_AEAD_KEY_SIZE, RD_USAGE);
	RD_ENSURE(c->bytes[1].used == RD_AEAD_NONCE_SIZE, RD_USAGE);
	return rd_aead_seal(c->bytes[0].ptr, c->bytes[1].ptr, (struct rd_aead_aad){&aad, 1},
		arg(c, 3), &c->out);
}

/* KEY BYTES */
static enum rd_status cms_seal(struct call *c)
{
	return rd_cms_seal(arg(c, 0), arg(c, 1), &c->out);
}

static enum rd_status cms_open(struct call *c)
{
	RD_CLEANUP(rd_rsa_key_free) struct rd_rsa_key *key = NULL;

	RD_TRY(rd_rsa_key_from_pkcs8(arg(c, 0), &key));
	RD_TRY(rd_cms_open(key, arg(c, 1), &c->secret));
	return print_secret(c);
}

static const struct {
	const char *name;
	enum rd_status (*run)(struct call *c);
} operations[] = {
	{"oaep-encrypt", oaep_encrypt},
	{"oaep-decrypt", oaep_decrypt},
	{"rsa-aes-unwrap", rsa_aes_unwrap},
	{"rsa-sign", rsa_sign},
	{"rsa-verify", rsa_verify},
	{"rsa-generate", rsa_generate},
	{"ec-generate", ec_generate},
	{"ecdh", ecdh},
	{"ecdsa-sign", ecdsa_sign},
	{"ecdsa-verify", ecdsa_verify},
	{"ed25519-sign", ed25519_sign},
	{"hkdf", hkdf},
	{"kbkdf", kbkdf},
	{"scrypt", scrypt},
	{"kwp-wrap", kwp_wrap},
	{"kwp-unwrap", kwp_unwrap},
	{"gcm-seal", gcm_seal},
	{"cms-seal", cms_seal},
	{"cms-open", cms_open},
};

static void read_arguments(struct call *c, int n, char **texts)
{
	for (int i = 0; i < ARGS_MAX; i++) {
		c->bytes[i] = rd_buf_growable(OUT_MAX);
		if (i < n && strcmp(texts[i], "-") != 0) {
			/* A number of an odd number of digits is not hexadecimal, and needs not be.
			 */
			(void)!rd_hex_decode(rd_view_str(texts[i]), &c->bytes[i]);
			c->numbers[i] = (unsigned)strtoul(texts[i], NULL, 10);
		}
	}
}

static int print(const struct call *c, enum rd_status st)
{
	static char text[2 * OUT_MAX + 1];

	if (st != RD_OK) {
		puts(rd_status_name(st));
		return 1;
	}
	rd_hex_string(rd_buf_view(&c->out), text);
	puts(text);
	return 0;
}

static enum rd_status run(const char *name, struct call *c)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(operations); i++) {
		if (strcmp(operations[i].name, name) == 0) {
			return operations[i].run(c);
		}
	}
	return RD_USAGE;
}

int main(int argc, char **argv)
{
	static struct call c;
	int code = 2;

	if (argc < 3 || argc > 2 + ARGS_MAX || rd_secret_heap_open(HEAP, NULL) != RD_OK ||
		rd_secret_init(&c.secret, RD_SECRET_SIZE_MAX) != RD_OK) {
		fprintf(stderr, "usage: crypto-driver OPERATION ARGUMENT...\n");
		return code;
	}
	c.out = rd_buf_growable(OUT_MAX);
	read_arguments(&c, argc - 2, argv + 2);
	code = print(&c, run(argv[1], &c));
	rd_secret_finish(&c.secret);
	rd_buf_finish(&c.out);
	for (int i = 0; i < ARGS_MAX; i++) {
		rd_buf_finish(&c.bytes[i]);
	}
	return code;
}
