/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML replies of the query protocol, written into a buffer, element by element.
 *
 *     <CreateUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
 *       <CreateUserResult> … </CreateUserResult>
 *       <ResponseMetadata><RequestId> … </RequestId></ResponseMetadata>
 *     </CreateUserResponse>
 *
 * As in json_out.h the first failure is remembered and given once, by rd_xml_out_finish. Element
 * names are literals of the service model, with static storage: they are written again at the end.
 */
#ifndef RD_AWS_XML_OUT_H
#define RD_AWS_XML_OUT_H

#include "base/bytes.h"

#define RD_XML_OUT_DEPTH_MAX 16

#define RD_IAM_XMLNS "https://iam.amazonaws.com/doc/2010-05-08/"
#define RD_STS_XMLNS "https://sts.amazonaws.com/doc/2011-06-15/"
#define RD_EC2_XMLNS "http://ec2.amazonaws.com/doc/2016-11-15/"

struct rd_xml_out {
	struct rd_buf *out;
	enum rd_status st;
	unsigned depth;
	const char *names[RD_XML_OUT_DEPTH_MAX];
};

struct rd_xml_out rd_xml_out(struct rd_buf *out);
/* The first failure; RD_MALFORMED for text that is not UTF-8, RD_FORBIDDEN for characters that XML
 * 1.0 cannot hold in any form. */
enum rd_status rd_xml_out_finish(const struct rd_xml_out *x) RD_MUST_USE;

void rd_xml_out_root(struct rd_xml_out *x, const char *name, const char *xmlns);
void rd_xml_out_begin(struct rd_xml_out *x, const char *name);
void rd_xml_out_end(struct rd_xml_out *x);

/* <name>text</name>; an absent text leaves the element out. */
void rd_xml_out_text(struct rd_xml_out *x, const char *name, struct rd_view text);
void rd_xml_out_str(struct rd_xml_out *x, const char *name, const char *text);
/* Percent-encoded, as IAM gives policy documents back. */
void rd_xml_out_uri(struct rd_xml_out *x, const char *name, struct rd_view text);
void rd_xml_out_int(struct rd_xml_out *x, const char *name, int64_t value);
void rd_xml_out_bool(struct rd_xml_out *x, const char *name, bool value);
/* 2031-02-03T04:05:06Z. */
void rd_xml_out_time(struct rd_xml_out *x, const char *name, int64_t unix_s);

/* <ActionResponse xmlns><ActionResult>, both literals; and what closes them. Operations without
 * output have no result element (NULL). */
void rd_xml_out_reply(
	struct rd_xml_out *x, const char *response, const char *result, const char *xmlns);
void rd_xml_out_reply_end(struct rd_xml_out *x, const char *request_id);

#endif
