/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSH's formats out of PKCS#8 and SubjectPublicKeyInfo. Multi-precision integers are what DER's
 * INTEGERs hold: two's complement, shortest form.
 */
#include "ec2/ssh_key.h"

#include "aws/uri.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/ed25519.h"
#include "crypto/random.h"
#include "crypto/rsa.h"

#include <stdio.h>
#include <string.h>

#define RSA_BITS     2048
#define ED25519_SIZE 32
/* PEM (RFC 7468): 64 characters a line; OpenSSH's own has 70. */
#define PEM_LINE 64

/* --- public --- */

static enum rd_status put_string(struct rd_buf *out, struct rd_view v)
{
	RD_TRY(rd_buf_be32(out, (uint32_t)v.len));
	return rd_buf_put_view(out, v);
}

/* SEQUENCE { SEQUENCE algorithm, BIT STRING key }: the bits. */
static enum rd_status take_spki(struct rd_view spki, struct rd_view *ret_key)
{
	struct rd_cur c = rd_cur(spki), in;
	struct rd_view sequence, view;
	uint8_t unused_bits = 0;

	RD_TRY(rd_der_take(&c, RD_DER_SEQUENCE, &sequence));
	in = rd_cur(sequence);
	RD_TRY(rd_der_take(&in, RD_DER_SEQUENCE, &view));
	RD_TRY(rd_der_take(&in, RD_DER_BIT_STRING, &view));
	in = rd_cur(view);
	RD_TRY(rd_cur_u8(&in, &unused_bits));
	*ret_key = rd_view(in.ptr, in.left);
	return RD_OK;
}

static enum rd_status rsa_blob(struct rd_view spki, struct rd_buf *out)
{
	struct rd_view key, sequence, n, e;
	struct rd_cur c;

	RD_TRY(take_spki(spki, &key));
	c = rd_cur(key);
	RD_TRY(rd_der_take(&c, RD_DER_SEQUENCE, &sequence));
	c = rd_cur(sequence);
	RD_TRY(rd_der_take(&c, RD_DER_INTEGER, &n));
	RD_TRY(rd_der_take(&c, RD_DER_INTEGER, &e));
	RD_TRY(put_string(out, rd_view_str("ssh-rsa")));
	RD_TRY(put_string(out, e));
	return put_string(out, n);
}

static enum rd_status ed25519_blob(struct rd_view key, struct rd_buf *out)
{
	RD_ENSURE(key.len == ED25519_SIZE, RD_MALFORMED);
	RD_TRY(put_string(out, rd_view_str("ssh-ed25519")));
	return put_string(out, key);
}

static enum rd_status put_line(const char *type, struct rd_view blob, char ret[EC2_SSH_LINE_MAX])
{
	struct rd_buf out = rd_buf_fixed(ret, EC2_SSH_LINE_MAX - 1);

	RD_TRY(rd_buf_put_str(&out, type));
	RD_TRY(rd_buf_u8(&out, ' '));
	RD_TRY(rd_base64_encode(blob, &out));
	ret[out.used] = '\0';
	return RD_OK;
}

/* --- private --- */

/* Base64 in lines between two others. */
static enum rd_status put_pem(const char *label, struct rd_view der, struct rd_secret *ret)
{
	struct rd_secret text RD_CLEANUP(rd_secret_finish) = {.len = 0};
	struct rd_buf base64, out;
	enum rd_status st;

	RD_TRY(rd_secret_init(&text, EC2_SSH_PRIVATE_MAX));
	base64 = rd_buf_fixed(text.ptr, text.cap);
	RD_TRY(rd_base64_encode(der, &base64));
	rd_secret_finish(ret);
	RD_TRY(rd_secret_init(ret, EC2_SSH_PRIVATE_MAX));
	out = rd_buf_fixed(ret->ptr, ret->cap);
	st = rd_buf_printf(&out, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < base64.used && st == RD_OK; at += PEM_LINE) {
		size_t left = base64.used - at;

		st = rd_buf_put(&out, base64.ptr + at, left < PEM_LINE ? left : PEM_LINE);
		if (st == RD_OK) {
			st = rd_buf_u8(&out, '\n');
		}
	}
	if (st == RD_OK) {
		st = rd_buf_printf(&out, "-----END %s-----", label);
	}
	ret->len = out.used;
	return st;
}

/* SEQUENCE { INTEGER, SEQUENCE algorithm, OCTET STRING key }: the key. */
static enum rd_status take_pkcs8(struct rd_view pkcs8, struct rd_view *ret_key)
{
	struct rd_cur c = rd_cur(pkcs8);
	struct rd_view sequence, view;

	RD_TRY(rd_der_take(&c, RD_DER_SEQUENCE, &sequence));
	c = rd_cur(sequence);
	RD_TRY(rd_der_take(&c, RD_DER_INTEGER, &view));
	RD_TRY(rd_der_take(&c, RD_DER_SEQUENCE, &view));
	return rd_der_take(&c, RD_DER_OCTET_STRING, ret_key);
}

static enum rd_status put_rsa(const struct rd_rsa_key *key, struct rd_secret *ret_private,
	char ret_line[EC2_SSH_LINE_MAX])
{
	struct rd_secret pkcs8 RD_CLEANUP(rd_secret_finish) = {.len = 0};
	uint8_t spki_bytes[RD_RSA_SPKI_SIZE_MAX], blob_bytes[EC2_SSH_BLOB_MAX];
	struct rd_buf spki = rd_buf_fixed(spki_bytes, sizeof(spki_bytes));
	struct rd_buf blob = rd_buf_fixed(blob_bytes, sizeof(blob_bytes));
	struct rd_view pkcs1;

	RD_TRY(rd_rsa_key_to_spki(key, &spki));
	RD_TRY(rsa_blob(rd_buf_view(&spki), &blob));
	RD_TRY(put_line("ssh-rsa", rd_buf_view(&blob), ret_line));
	RD_TRY(rd_secret_init(&pkcs8, RD_RSA_PKCS8_SIZE_MAX));
	RD_TRY(rd_rsa_key_to_pkcs8(key, &pkcs8));
	RD_TRY(take_pkcs8(rd_secret_view(&pkcs8), &pkcs1));
	return put_pem("RSA PRIVATE KEY", pkcs1, ret_private);
}

enum rd_status ec2_ssh_make_rsa(struct rd_secret *ret_private, char ret_line[EC2_SSH_LINE_MAX])
{
	struct rd_rsa_key *key = NULL;
	enum rd_status st;

	RD_TRY(rd_rsa_key_generate(RSA_BITS, &key));
	st = put_rsa(key, ret_private, ret_line);
	rd_rsa_key_free(&key);
	return st;
}

/* OpenSSH, PROTOCOL.key: no cipher, one key, a check number twice, padded to eight bytes with 1, 2,
 * 3 … */
static enum rd_status put_openssh(
	struct rd_view seed, struct rd_view public, struct rd_view blob, struct rd_buf *out)
{
	uint8_t check[4];
	size_t start;

	RD_TRY(rd_random_bytes(check, sizeof(check)));
	RD_TRY(rd_buf_put(out, "openssh-key-v1", sizeof("openssh-key-v1")));
	RD_TRY(put_string(out, rd_view_str("none")));
	RD_TRY(put_string(out, rd_view_str("none")));
	RD_TRY(put_string(out, rd_view_str("")));
	RD_TRY(rd_buf_be32(out, 1));
	RD_TRY(put_string(out, blob));
	/* check twice, type, public, seed and public, comment: 8 + 15 + 36 + 68 + 4, and padding */
	RD_TRY(rd_buf_be32(out, 136));
	start = out->used;
	RD_TRY(rd_buf_put(out, check, sizeof(check)));
	RD_TRY(rd_buf_put(out, check, sizeof(check)));
	RD_TRY(rd_buf_put_view(out, blob));
	RD_TRY(rd_buf_be32(out, 2 * ED25519_SIZE));
	RD_TRY(rd_buf_put_view(out, seed));
	RD_TRY(rd_buf_put_view(out, public));
	RD_TRY(rd_buf_be32(out, 0));
	for (uint8_t pad = 1; out->used - start < 136; pad++) {
		RD_TRY(rd_buf_u8(out, pad));
	}
	return RD_OK;
}

static enum rd_status put_ed25519(const struct rd_ed25519_key *key, struct rd_secret *ret_private,
	char ret_line[EC2_SSH_LINE_MAX])
{
	struct rd_secret pkcs8 RD_CLEANUP(rd_secret_finish) = {.len = 0};
	struct rd_secret plain RD_CLEANUP(rd_secret_finish) = {.len = 0};
	uint8_t spki_bytes[RD_ED25519_DER_MAX], blob_bytes[EC2_SSH_BLOB_MAX];
	struct rd_buf spki = rd_buf_fixed(spki_bytes, sizeof(spki_bytes));
	struct rd_buf blob = rd_buf_fixed(blob_bytes, sizeof(blob_bytes));
	struct rd_buf out;
	struct rd_view public, octets, seed;
	struct rd_cur c;

	RD_TRY(rd_ed25519_key_to_spki(key, &spki));
	RD_TRY(take_spki(rd_buf_view(&spki), &public));
	RD_TRY(ed25519_blob(public, &blob));
	RD_TRY(put_line("ssh-ed25519", rd_buf_view(&blob), ret_line));
	RD_TRY(rd_secret_init(&pkcs8, RD_ED25519_DER_MAX));
	RD_TRY(rd_ed25519_key_to_pkcs8(key, &pkcs8));
	RD_TRY(take_pkcs8(rd_secret_view(&pkcs8), &octets));
	c = rd_cur(octets);
	RD_TRY(rd_der_take(&c, RD_DER_OCTET_STRING, &seed));
	RD_ENSURE(seed.len == ED25519_SIZE, RD_MALFORMED);
	RD_TRY(rd_secret_init(&plain, EC2_SSH_BLOB_MAX));
	out = rd_buf_fixed(plain.ptr, plain.cap);
	RD_TRY(put_openssh(seed, public, rd_buf_view(&blob), &out));
	return put_pem("OPENSSH PRIVATE KEY", rd_buf_view(&out), ret_private);
}

enum rd_status ec2_ssh_make_ed25519(struct rd_secret *ret_private, char ret_line[EC2_SSH_LINE_MAX])
{
	struct rd_ed25519_key *key = NULL;
	enum rd_status st;

	RD_TRY(rd_ed25519_key_generate(&key));
	st = put_ed25519(key, ret_private, ret_line);
	rd_ed25519_key_free(&key);
	return st;
}

/* --- reading --- */

static enum rd_status take_string(struct rd_cur *c, struct rd_view *ret)
{
	uint32_t len = 0;

	RD_TRY(rd_cur_be32(c, &len));
	return rd_cur_take(c, len, ret);
}

/* Of a positive number in its shortest form. */
static enum rd_status count_bits(struct rd_view n, size_t *ret)
{
	size_t bits;
	uint8_t first;

	RD_ENSURE(n.len > 1 && (n.ptr[0] & 0x80) == 0, RD_MALFORMED);
	RD_ENSURE(n.ptr[0] != 0 || (n.ptr[1] & 0x80) != 0, RD_NONCANONICAL);
	first = n.ptr[0] == 0 ? n.ptr[1] : n.ptr[0];
	bits = 8 * (n.ptr[0] == 0 ? n.len - 1 : n.len);
	while ((first & 0x80) == 0) {
		first = (uint8_t)(first << 1);
		bits--;
	}
	*ret = bits;
	return RD_OK;
}

static enum rd_status check_rsa(struct rd_cur *c)
{
	struct rd_view e, n;
	size_t bits = 0;

	RD_TRY(take_string(c, &e));
	RD_ENSURE(e.len > 0 && (e.ptr[0] & 0x80) == 0 && (e.ptr[e.len - 1] & 1) != 0, RD_MALFORMED);
	RD_TRY(take_string(c, &n));
	RD_TRY(count_bits(n, &bits));
	RD_ENSURE(bits >= RD_RSA_BITS_MIN && bits <= RD_RSA_BITS_MAX, RD_OUT_OF_RANGE);
	return rd_cur_finish(c);
}

static enum rd_status check_blob(struct rd_view blob, const char *type)
{
	struct rd_cur c = rd_cur(blob);
	struct rd_view name, key;

	RD_TRY(take_string(&c, &name));
	RD_ENSURE(rd_text_is(name, type), RD_MALFORMED);
	if (strcmp(type, "ssh-rsa") == 0) {
		return check_rsa(&c);
	}
	RD_TRY(take_string(&c, &key));
	RD_ENSURE(key.len == ED25519_SIZE, RD_MALFORMED);
	return rd_cur_finish(&c);
}

static struct rd_view trimmed(struct rd_view text)
{
	while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r' ||
				       text.ptr[text.len - 1] == ' ')) {
		text.len--;
	}
	return text;
}

enum rd_status ec2_ssh_read_line(
	struct rd_view text, const char **ret_type, char ret_line[EC2_SSH_LINE_MAX])
{
	uint8_t bytes[EC2_SSH_BLOB_MAX];
	struct rd_buf blob = rd_buf_fixed(bytes, sizeof(bytes));
	struct rd_view rest, comment;
	struct rd_view type = rd_text_cut(trimmed(text), ' ', &rest);
	bool rsa = rd_text_is(type, "ssh-rsa");
	const char *name = rsa ? "ssh-rsa" : "ssh-ed25519";

	RD_ENSURE(rsa || rd_text_is(type, "ssh-ed25519"), RD_UNSUPPORTED);
	RD_ENSURE(rest.ptr != NULL, RD_MALFORMED);
	RD_TRY(rd_base64_decode(rd_text_cut(rest, ' ', &comment), &blob));
	RD_TRY(check_blob(rd_buf_view(&blob), name));
	RD_TRY(put_line(name, rd_buf_view(&blob), ret_line));
	*ret_type = rsa ? "rsa" : "ed25519";
	return RD_OK;
}

enum rd_status ec2_ssh_fingerprint(const char *line, char ret[EC2_SSH_FINGERPRINT_SIZE])
{
	uint8_t bytes[EC2_SSH_BLOB_MAX], digest[RD_SHA256_SIZE];
	struct rd_buf blob = rd_buf_fixed(bytes, sizeof(bytes));
	struct rd_buf out = rd_buf_fixed(ret, EC2_SSH_FINGERPRINT_SIZE - 1);
	struct rd_view rest;

	(void)rd_text_cut(rd_view_str(line), ' ', &rest);
	RD_ENSURE(rest.ptr != NULL, RD_MALFORMED);
	RD_TRY(rd_base64_decode(rest, &blob));
	RD_TRY(rd_digest_once(RD_SHA256, rd_buf_view(&blob), digest));
	RD_TRY(rd_base64_encode(rd_view(digest, sizeof(digest)), &out));
	ret[out.used] = '\0';
	return RD_OK;
}
