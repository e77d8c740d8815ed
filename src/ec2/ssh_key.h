/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as OpenSSH has them (RFC 4253 6.6, RFC 8709, OpenSSH's PROTOCOL.key). */
#ifndef EC2_SSH_KEY_H
#define EC2_SSH_KEY_H

#include "base/bytes.h"
#include "crypto/secret.h"

/* 4,096 bits in base64 and the type: under 800 characters. */
#define EC2_SSH_LINE_MAX 1024
#define EC2_SSH_BLOB_MAX 768
/* A 2,048-bit RSA key in PEM is 1.7 KiB. */
#define EC2_SSH_PRIVATE_MAX 4096

/*
 * Makes a key pair: the private half as text, "-----BEGIN RSA PRIVATE KEY-----" (2,048 bits) or
 * "-----BEGIN OPENSSH PRIVATE KEY-----", into ret_private (wiped by its owner), the public one as a
 * line "ssh-ed25519 AAAA…" without a comment.
 */
enum rd_status ec2_ssh_make_rsa(struct rd_secret *ret_private, char ret_line[EC2_SSH_LINE_MAX])
	RD_MUST_USE;
enum rd_status ec2_ssh_make_ed25519(struct rd_secret *ret_private, char ret_line[EC2_SSH_LINE_MAX])
	RD_MUST_USE;

/*
 * Reads a public key as a line of authorized_keys ("ssh-rsa" or "ssh-ed25519", base64, perhaps a
 * comment, which is dropped). *ret_type: "rsa" or "ed25519". RD_UNSUPPORTED: another type;
 * RD_MALFORMED; RD_OUT_OF_RANGE: RSA of other than 2,048 to 4,096 bits.
 */
enum rd_status ec2_ssh_read_line(
	struct rd_view text, const char **ret_type, char ret_line[EC2_SSH_LINE_MAX]) RD_MUST_USE;

/* SHA-256 over the line's blob in base64 with its padding, as EC2 shows ed25519 keys. */
#define EC2_SSH_FINGERPRINT_SIZE 48
enum rd_status ec2_ssh_fingerprint(const char *line, char ret[EC2_SSH_FINGERPRINT_SIZE])
	RD_MUST_USE;

#endif
