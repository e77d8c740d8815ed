/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a chain and a document as redoubtd and the NSM do, for programs that share no code with us
 * to judge: make-document DIR writes document.bin, root.pem and leaf.spki.der there.
 */
#include "document_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void save(const char *dir, const char *name, struct rd_view bytes)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(bytes.ptr, 1, bytes.len, f) != bytes.len || fclose(f) != 0) {
		fprintf(stderr, "make-document: cannot write %s\n", path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	const struct document_fields fields = {
		.public_key = rd_view("", 0),
		.nonce = rd_view_str("thirty-two bytes make up a nonce"),
	};
	struct document_maker m;
	struct rd_buf document = rd_buf_growable(RD_DOC_SIZE_MAX);
	struct rd_buf pem = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	struct rd_buf spki = rd_buf_growable(RD_EC_SPKI_SIZE_MAX);

	if (argc != 2) {
		fprintf(stderr, "usage: make-document DIR\n");
		return 2;
	}
	document_maker_init(&m, time(NULL));
	document_maker_sign(&m, &fields, &document);
	document_require(rd_cert_to_pem(m.certs[RD_PKI_ROOT], &pem), "PEM");
	document_require(rd_ec_key_to_spki(m.keys[RD_PKI_LEAF], &spki), "SPKI");
	save(argv[1], "document.bin", rd_buf_view(&document));
	save(argv[1], "root.pem", rd_buf_view(&pem));
	save(argv[1], "leaf.spki.der", rd_buf_view(&spki));
	document_maker_finish(&m);
	rd_buf_finish(&document);
	rd_buf_finish(&pem);
	rd_buf_finish(&spki);
	return 0;
}
