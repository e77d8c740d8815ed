/* SPDX-License-Identifier: Apache-2.0 */
/* payments-enclave: the program in the image. Documents by the NSM, everything else over vsock. */
#include "enclave/enclave.h"

#include "crypto/digest.h"

#include <nsm.h>
#include <stdio.h>

/* The first that is neither locked at the boot nor AWS's to define. */
#define VERSION_PCR 16

static int ask_nsm(void *arg, struct rd_view public_key, struct rd_view user_data,
	struct rd_view nonce, struct rd_buf *out)
{
	uint32_t len = (uint32_t)(out->cap - out->used);
	int32_t fd = nsm_lib_init();
	enum ErrorCode code;

	(void)arg;
	if (fd < 0) {
		return -1;
	}
	code = nsm_get_attestation_doc(fd, user_data.ptr, (uint32_t)user_data.len, nonce.ptr,
		(uint32_t)nonce.len, public_key.ptr, (uint32_t)public_key.len, out->ptr + out->used,
		&len);
	nsm_lib_exit(fd);
	if (code != ERROR_CODE_SUCCESS) {
		return -1;
	}
	out->used += len;
	return 0;
}

/*
 * The version goes into a register of its own, and nothing can go into that any more: a key policy
 * that names a signer (PCR8) and the registers of the versions from some one on needs no change for
 * the next image, and locks out older ones of the same signer. `nitro-cli pcr --input` of a file
 * with this text computes the register.
 */
static enum rd_status measure_version(uint64_t version, struct rd_error *err)
{
	uint8_t digest[RD_SHA384_SIZE], value[RD_SHA384_SIZE];
	uint32_t len = sizeof(value);
	char text[64];
	int32_t fd;
	bool ok;

	snprintf(text, sizeof(text), "redoubt-payments version %llu", (unsigned long long)version);
	RD_TRY(rd_sha384(rd_view_str(text), digest));
	fd = nsm_lib_init();
	ok = fd >= 0 &&
	     nsm_extend_pcr(fd, VERSION_PCR, digest, sizeof(digest), value, &len) ==
		     ERROR_CODE_SUCCESS &&
	     nsm_lock_pcr(fd, VERSION_PCR) == ERROR_CODE_SUCCESS;
	if (fd >= 0) {
		nsm_lib_exit(fd);
	}
	return ok ? RD_OK
		  : rd_fail(err, RD_IO, "the version does not go into PCR%d: is this an enclave?",
			    VERSION_PCR);
}

static enum rd_status run(struct rd_error *err)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf json = rd_buf_growable(CONFIG_SIZE_MAX);
	RD_CLEANUP(rd_buf_finish) struct rd_buf policy = rd_buf_growable(PAY_POLICY_MAX);
	struct surroundings around = {.documents.make = ask_nsm};
	struct rdkms_error why;
	struct config config;

	RD_TRY(config_read_file(CONFIG_PATH, &json, err));
	RD_TRY(config_parse(rd_buf_view(&json), &config, err));
	RD_TRY(measure_version(config.version, err));
	RD_TRY(config_read_file(config.policy_file, &policy, err));
	around.link.port = PAY_LINK_PORT;
	around.kms.port = config.kms.port;
	around.gateway.port = config.gateway.port;
	if (rdkms_seed_entropy(&why) != RDKMS_OK) {
		return rd_fail(err, RD_IO, "%s", why.text);
	}
	return enclave_run(&config, rd_buf_view(&policy), &around, err);
}

int main(void)
{
	struct rd_error err = {.text = ""};

	if (run(&err) == RD_OK) {
		return 0;
	}
	fprintf(stderr, "payments-enclave: %s\n", err.text);
	return 1;
}
