/* SPDX-License-Identifier: Apache-2.0 */
/* From a query to an answer's body. */
#include "ec2/call.h"

#include "aws/uri.h"
#include "base/text.h"
#include "crypto/random.h"
#include "ec2/params.h"
#include "log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define API_VERSION "2016-11-15"

enum rd_status ec2_request_id(char ret[EC2_REQUEST_ID_SIZE])
{
	uint8_t id[16];
	char hex[33];

	RD_TRY(rd_random_bytes(id, sizeof(id)));
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	rd_hex_string(rd_view(id, sizeof(id)), hex);
	snprintf(ret, EC2_REQUEST_ID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
		hex + 16, hex + 20);
	return RD_OK;
}

enum rd_status ec2_fail(struct ec2_call *call, enum ec2_fault_type type, const char *message, ...)
{
	va_list args;

	call->fault.type = type;
	va_start(args, message);
	(void)vsnprintf(call->fault.message, sizeof(call->fault.message), message, args);
	va_end(args);
	return RD_FORBIDDEN;
}

const struct ec2_op *ec2_op_find(struct rd_view name)
{
	for (size_t i = 0; i < ec2_ops_count; i++) {
		if (rd_text_is(name, ec2_ops[i].name)) {
			return &ec2_ops[i];
		}
	}
	return NULL;
}

static enum rd_status put_declaration(struct rd_buf *out)
{
	return rd_buf_put_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

static enum rd_status put_fault(
	const struct ec2_call *call, const char *message, struct rd_buf *out)
{
	struct rd_xml_out x = rd_xml_out(out);

	out->used = 0;
	RD_TRY(put_declaration(out));
	rd_xml_out_begin(&x, "Response");
	rd_xml_out_begin(&x, "Errors");
	rd_xml_out_begin(&x, "Error");
	rd_xml_out_str(&x, "Code", ec2_fault_code(call->fault.type));
	rd_xml_out_str(&x, "Message", message);
	rd_xml_out_end(&x);
	rd_xml_out_end(&x);
	rd_xml_out_str(&x, "RequestID", call->request_id);
	rd_xml_out_end(&x);
	return rd_xml_out_finish(&x);
}

void ec2_call_fault(struct ec2_call *call, struct rd_buf *out, int *ret_http)
{
	*ret_http = ec2_fault_http(call->fault.type);
	/* A message may quote what XML cannot hold; its code is what counts. */
	if (put_fault(call, call->fault.message, out) != RD_OK &&
		put_fault(call, "", out) != RD_OK) {
		out->used = 0;
	}
}

static enum rd_status find_operation(struct ec2_call *call)
{
	struct rd_view action = rd_query_get(call->q, "Action");
	struct rd_view version = rd_query_get(call->q, "Version");

	if (action.ptr == NULL) {
		return ec2_fail(call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter Action");
	}
	if (!rd_text_is(version, API_VERSION)) {
		return ec2_fail(call, EC2_FAULT_VERSION, "%s",
			"This server speaks version " API_VERSION " of the API, and no other.");
	}
	call->op = ec2_op_find(action);
	if (call->op == NULL) {
		return ec2_fail(call, EC2_FAULT_INVALID_ACTION,
			"The action %.*s is not valid for this web service.",
			(int)(action.len < 128 ? action.len : 128), (const char *)action.ptr);
	}
	return ec2_params_known(call, call->q, call->op->params);
}

static enum rd_status run(struct ec2_call *call, struct rd_buf *out)
{
	RD_TRY(find_operation(call));
	RD_TRY(put_declaration(out));
	call->xml = rd_xml_out(out);
	call->x = &call->xml;
	rd_xml_out_root(call->x, call->op->response, RD_EC2_XMLNS);
	rd_xml_out_str(call->x, "requestId", call->request_id);
	RD_TRY(call->op->handler(call));
	rd_xml_out_end(call->x);
	return rd_xml_out_finish(call->x);
}

void ec2_call_run(
	struct ec2_call *call, const struct rd_query *q, struct rd_buf *out, int *ret_http)
{
	enum rd_status st;

	call->q = q;
	*ret_http = 200;
	st = run(call, out);
	if (st == RD_OK) {
		return;
	}
	if (call->fault.type == EC2_FAULT_NONE) {
		rd_log(RD_LOG_ERROR, "%s: %s: %s (database: %s)", call->request_id,
			call->op == NULL ? "?" : call->op->name, rd_status_name(st),
			rd_db_error(call->db));
		(void)ec2_fail(call, EC2_FAULT_INTERNAL, "%s",
			"An internal error has occurred. The request can be retried.");
	}
	ec2_call_fault(call, out, ret_http);
}
