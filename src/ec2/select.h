/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Describe calls have in common: by id, by name, by filter, page by page.
 *
 * Records come in the order of parent and id. NextToken names the last one that was shown, so that
 * what is made or deleted between two pages disturbs nobody.
 */
#ifndef EC2_SELECT_H
#define EC2_SELECT_H

#include "ec2/filter.h"
#include "ec2/store.h"

struct ec2_select {
	enum ec2_kind kind;
	const char *ids; /* list parameter, "InstanceId" */
	enum ec2_fault_type id_fault;
	const char *names; /* list parameter, or NULL */
	enum ec2_fault_type name_fault;
	const char *what;           /* "instance ID", for both faults' messages */
	const char *const *filters; /* names, NULL-terminated */
	void (*facts)(struct ec2_call *call, struct ec2_filters *f, const void *record);
	/* Not to be seen; NULL: all are. */
	bool (*hidden)(struct ec2_call *call, const void *record);
};

/* Parent, id and what is around them, in base64. */
#define EC2_NEXT_SIZE 192
/* EC2: five at least, a thousand at most; a page without MaxResults has no limit but this. */
#define EC2_PAGE_MIN 5
#define EC2_PAGE_MAX 1000

/* list: zeroed but for nothing; to be finished by the caller. ret_next "": that was the last page.
 */
enum rd_status ec2_select(struct ec2_call *call, const struct ec2_select *how, struct ec2_list *ret,
	char ret_next[EC2_NEXT_SIZE]) RD_MUST_USE;

/* One of the account's by id, or the fault. */
enum rd_status ec2_find(struct ec2_call *call, enum ec2_kind kind, const char *id, void *ret_record)
	RD_MUST_USE;
/* The fault of an id that is not there, or is none. */
enum rd_status ec2_not_found(struct ec2_call *call, enum ec2_kind kind, const char *id);

/* "The <what> '<name>' does not exist". */
enum rd_status ec2_not_found_name(
	struct ec2_call *call, enum ec2_fault_type type, const char *what, const char *name);

/* --- elements that many answers have --- */

void ec2_put_tags(struct rd_xml_out *x, const json_t *tags);
/* nextToken, when there is one. */
void ec2_put_next(struct rd_xml_out *x, const char *next);
/* <name><value>…</value></name>. */
void ec2_put_value(struct rd_xml_out *x, const char *name, const char *value);
void ec2_put_bool_value(struct rd_xml_out *x, const char *name, bool value);
/* Milliseconds to 2031-02-03T04:05:06.000Z. */
void ec2_put_time(struct rd_xml_out *x, const char *name, int64_t ms);

#endif
