/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/aws as a program, for tests/integration/test_botocore.py, which has botocore on the other
 * side.
 *
 *     aws-tool verify SECRET SERVICE NOW  < head and body  ->  "accepted AKID TOKEN" or "TYPE:
 * message" aws-tool sign AKID SECRET SERVICE   < head and body  ->  the Authorization header
 *     aws-tool query                      < form body      ->  {"Name":"value",...}
 *     aws-tool error TYPE MESSAGE                          ->  a JSON error body
 *     aws-tool xml-error CODE MESSAGE                      ->  an IAM error body
 *     aws-tool user NAME, identity ARN                     ->  replies of GetUser,
 * GetCallerIdentity
 *
 * A head is "METHOD TARGET", then "name:value" lines, then an empty line; lines end in LF.
 */
#include "aws/error.h"
#include "aws/json_out.h"
#include "aws/query.h"
#include "aws/sigv4.h"
#include "aws/uri.h"
#include "aws/xml_out.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 64
#define INPUT_MAX   (1u << 20)
#define USAGE       2

static const char *const regions[] = {"us-east-1", "eu-central-1"};

static enum rd_status read_input(struct rd_buf *in)
{
	uint8_t chunk[4096];
	size_t n;

	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
		RD_TRY(rd_buf_put(in, chunk, n));
	}
	return RD_OK;
}

static enum rd_status read_request(
	struct rd_buf *in, struct rd_sigv4_header *headers, struct rd_sigv4_request *r)
{
	struct rd_view rest;
	struct rd_view line;
	struct rd_view target;

	RD_TRY(read_input(in));
	rest = rd_buf_view(in);
	line = rd_text_cut(rest, '\n', &rest);
	r->method = rd_text_cut(line, ' ', &target);
	r->path = rd_text_cut(target, '?', &r->query);
	r->headers = headers;
	for (;;) {
		line = rd_text_cut(rest, '\n', &rest);
		if (line.len == 0) {
			break;
		}
		RD_ENSURE(r->n_headers < HEADERS_MAX, RD_LIMIT);
		headers[r->n_headers].name = rd_text_cut(line, ':', &headers[r->n_headers].value);
		r->n_headers++;
	}
	r->body = rest;
	return RD_OK;
}

static enum rd_status verify(char **argv, struct rd_buf *in, struct rd_buf *out)
{
	struct rd_sigv4_header headers[HEADERS_MAX];
	struct rd_sigv4_rules rules = {argv[3], regions, RD_ARRAY_LEN(regions), 0, 300};
	struct rd_sigv4_refusal refusal = {0};
	struct rd_sigv4_request r = {0};
	struct rd_sigv4_claim claim;
	uint8_t key[RD_SIGV4_KEY_SIZE];
	enum rd_status st;

	RD_TRY(rd_parse_time(argv[4], &rules.now_s));
	RD_TRY(read_request(in, headers, &r));
	st = rd_sigv4_parse(&r, &rules, &claim, &refusal);
	if (st == RD_OK) {
		RD_TRY(rd_sigv4_derive_key(rd_view_str(argv[2]), claim.date, claim.region,
			rd_view_str(claim.service), key));
		st = rd_sigv4_verify(&r, &claim, key, &refusal);
	}
	if (st == RD_UNTRUSTED) {
		RD_TRY(rd_buf_printf(out, "%s: ", rd_sigv4_type(refusal.why)));
		return rd_sigv4_message(&refusal, out);
	}
	RD_TRY(st);
	RD_TRY(rd_buf_put_str(out, "accepted "));
	RD_TRY(rd_buf_put_view(out, claim.akid));
	RD_TRY(rd_buf_u8(out, ' '));
	return rd_buf_put_view(out, claim.token);
}

static enum rd_status sign(char **argv, struct rd_buf *in, struct rd_buf *out)
{
	struct rd_sigv4_header headers[HEADERS_MAX];
	const struct rd_sigv4_signer signer = {
		rd_view_str(argv[2]), rd_view_str(argv[3]), rd_view_str("us-east-1"), argv[4]};
	struct rd_sigv4_request r = {0};

	RD_TRY(read_request(in, headers, &r));
	return rd_sigv4_sign(&r, &signer, out);
}

static enum rd_status query(char **argv, struct rd_buf *in, struct rd_buf *out)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(INPUT_MAX);
	struct rd_json_out json = rd_json_out(out);
	struct rd_query q;

	(void)argv;
	RD_TRY(read_input(in));
	RD_TRY(rd_query_parse(rd_buf_view(in), &storage, &q));
	rd_json_out_object(&json, NULL);
	for (size_t i = 0; i < q.n; i++) {
		rd_json_out_pair(&json, q.params[i].name, q.params[i].value);
	}
	rd_json_out_end(&json);
	return rd_json_out_finish(&json);
}

static enum rd_status error(char **argv, struct rd_buf *in, struct rd_buf *out)
{
	(void)in;
	return rd_aws_error_json(argv[2], rd_view_str(argv[3]), out);
}

static enum rd_status xml_error(char **argv, struct rd_buf *in, struct rd_buf *out)
{
	(void)in;
	return rd_aws_error_xml(RD_IAM_XMLNS, argv[2], 404, rd_view_str(argv[3]), "id-1", out);
}

static enum rd_status user(char **argv, struct rd_buf *in, struct rd_buf *out)
{
	struct rd_xml_out x = rd_xml_out(out);

	(void)in;
	rd_xml_out_reply(&x, "GetUserResponse", "GetUserResult", RD_IAM_XMLNS);
	rd_xml_out_begin(&x, "User");
	rd_xml_out_str(&x, "Path", "/");
	rd_xml_out_str(&x, "UserName", argv[2]);
	rd_xml_out_time(&x, "CreateDate", 1767225600);
	rd_xml_out_begin(&x, "Tags");
	rd_xml_out_begin(&x, "member");
	rd_xml_out_str(&x, "Key", "k");
	rd_xml_out_str(&x, "Value", argv[2]);
	rd_xml_out_reply_end(&x, "id-1");
	return rd_xml_out_finish(&x);
}

static enum rd_status identity(char **argv, struct rd_buf *in, struct rd_buf *out)
{
	struct rd_xml_out x = rd_xml_out(out);

	(void)in;
	rd_xml_out_reply(&x, "GetCallerIdentityResponse", "GetCallerIdentityResult", RD_STS_XMLNS);
	rd_xml_out_str(&x, "Arn", argv[2]);
	rd_xml_out_reply_end(&x, "id-1");
	return rd_xml_out_finish(&x);
}

static const struct {
	const char *name;
	int args;
	enum rd_status (*run)(char **argv, struct rd_buf *in, struct rd_buf *out);
} commands[] = {
	{"verify", 5, verify},
	{"sign", 5, sign},
	{"query", 2, query},
	{"error", 4, error},
	{"xml-error", 4, xml_error},
	{"user", 3, user},
	{"identity", 3, identity},
};

int main(int argc, char **argv)
{
	struct rd_buf in RD_CLEANUP(rd_buf_finish) = rd_buf_growable(INPUT_MAX);
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(INPUT_MAX);

	for (size_t i = 0; argc > 1 && i < RD_ARRAY_LEN(commands); i++) {
		enum rd_status st;

		if (strcmp(argv[1], commands[i].name) != 0 || argc != commands[i].args) {
			continue;
		}
		st = commands[i].run(argv, &in, &out);
		if (st != RD_OK) {
			fprintf(stderr, "aws-tool: %s: %s\n", argv[1], rd_status_name(st));
			return 1;
		}
		return fwrite(out.ptr, 1, out.used, stdout) == out.used ? 0 : 1;
	}
	fprintf(stderr, "usage: aws-tool verify|sign|query|error|xml-error|user|identity …\n");
	return USAGE;
}
