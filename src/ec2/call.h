/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One API call, from its HTTP request to its answer.
 *
 *	http thread   size and form
 *	  ▼
 *	worker        service door: who calls → parameters are known and of the right form →
 *	              service door: may they → dry run? → work, within one transaction → XML
 *
 * A handler returns RD_OK with its elements written to call->x, or sets call->fault (ec2_fail) and
 * returns its status. Nothing is written to the answer before a transaction has been committed.
 */
#ifndef EC2_CALL_H
#define EC2_CALL_H

#include "aws/query.h"
#include "aws/xml_out.h"
#include "ec2/ec2.h"
#include "ec2/fault.h"
#include "ec2/model.h"

#define EC2_REQUEST_ID_SIZE 37
/* Holds two ARNs, or a refusal of redoubtd's. */
#define EC2_MESSAGE_SIZE 2048
/* 32 random bytes in hex. */
#define EC2_HANDLE_SIZE 129

/* Who calls, as the service door knows them. */
struct ec2_identity {
	char account[EC2_ACCOUNT_SIZE];
	char arn[EC2_ARN_SIZE];
	char handle[EC2_HANDLE_SIZE]; /* names the caller to the door for a minute */
};

struct ec2_fault {
	enum ec2_fault_type type;
	char message[EC2_MESSAGE_SIZE];
};

struct ec2_op;

struct ec2_call {
	struct ec2 *ec2;
	struct rd_db *db; /* the worker's */
	unsigned worker;
	const struct ec2_op *op;
	char request_id[EC2_REQUEST_ID_SIZE];
	int64_t now_ms;
	const struct rd_query *q;
	struct ec2_identity who;
	struct ec2_fault fault;
	struct rd_xml_out xml;
	struct rd_xml_out *x; /* the answer, while a handler runs: xml */
};

/* Sets the fault and returns RD_FORBIDDEN, which a handler passes on. */
enum rd_status ec2_fail(struct ec2_call *call, enum ec2_fault_type type, const char *message, ...)
	RD_PRINTF(3, 4);

typedef enum rd_status ec2_handler(struct ec2_call *call);

struct ec2_op {
	const char *name;     /* "RunInstances" */
	const char *response; /* "RunInstancesResponse" */
	ec2_handler *handler;
	/* Parameters that it takes, list indices written as N; NULL-terminated. A trailing '*'
	 * stands for any rest. Action, Version and DryRun go without saying. */
	const char *const *params;
};

/* NULL for an unknown one. ops.c has the table. */
const struct ec2_op *ec2_op_find(struct rd_view name);
extern const struct ec2_op ec2_ops[];
extern const size_t ec2_ops_count;

/*
 * From a query to the answer's body: call has ec2, db, who, request_id and now_ms. Never fails
 * without an answer; *ret_http is its status. out: growable, empty.
 */
void ec2_call_run(
	struct ec2_call *call, const struct rd_query *q, struct rd_buf *out, int *ret_http);
/* The body of call->fault. */
void ec2_call_fault(struct ec2_call *call, struct rd_buf *out, int *ret_http);

/* EC2's largest answers: 1,000 instances at some 6 KiB. */
#define EC2_ANSWER_MAX (32u << 20)

/* "3f1c…-…": a random UUID, version 4. */
enum rd_status ec2_request_id(char ret[EC2_REQUEST_ID_SIZE]) RD_MUST_USE;

#endif
