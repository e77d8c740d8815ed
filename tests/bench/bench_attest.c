/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation documents built and signed per second, in process, by one thread: payload, COSE and
 * ES384 signature of what an enclave with three full fields would get. Prints one number. Compare
 * with `openssl speed ecdsap384`, which signs and does nothing else; as that program does, time is
 * this process's own CPU time, so that other load on the machine does not matter.
 */
#include "attest/document.h"
#include "attest/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MEASURE_NS INT64_C(3000000000)
#define BATCH      50

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void require(enum rd_status st)
{
	if (st != RD_OK) {
		fprintf(stderr, "bench_attest: %s\n", rd_status_text(st));
		exit(1);
	}
}

static void sign_batch(struct rd_doc *doc, const struct rd_ec_key *key)
{
	for (int i = 0; i < BATCH; i++) {
		uint8_t storage[RD_DOC_SIZE_MAX];
		struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

		doc->timestamp_ms++;
		require(rd_doc_sign(doc, key, &out));
	}
}

int main(void)
{
	static const uint8_t field[RD_DOC_FIELD_MAX];
	static const uint8_t cert[700]; /* as large as a real one; its content costs nothing here */
	struct rd_doc doc = {.module_id = rd_view("i-0123456789abcdef0-enc0199aabbccddeeff", 39),
		.timestamp_ms = UINT64_C(1900000000000),
		.certificate = rd_view(cert, sizeof(cert)),
		.n_cabundle = RD_DOC_CABUNDLE_MAX,
		.public_key = rd_view(field, sizeof(field)),
		.user_data = rd_view(field, sizeof(field)),
		.nonce = rd_view(field, sizeof(field))};
	struct rd_ec_key *key = NULL;
	int64_t start_ns;
	int64_t spent_ns;
	double n = 0;

	for (size_t i = 0; i < RD_DOC_CABUNDLE_MAX; i++) {
		doc.cabundle[i] = rd_view(cert, sizeof(cert));
	}
	for (size_t i = 0; i < 16; i++) {
		doc.pcrs[i] = rd_view(field, RD_DOC_PCR_SIZE);
	}
	require(rd_ec_key_generate(RD_P384, &key));
	start_ns = cpu_ns();
	do {
		sign_batch(&doc, key);
		n += BATCH;
		spent_ns = cpu_ns() - start_ns;
	} while (spent_ns < MEASURE_NS);
	printf("%.1f\n", n * 1e9 / (double)spent_ns);
	rd_ec_key_free(&key);
	return 0;
}
