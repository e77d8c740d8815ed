/* SPDX-License-Identifier: Apache-2.0 */
/* Records to JSON documents and back; what each kind is called. */
#ifndef EC2_RECORD_H
#define EC2_RECORD_H

#include "base/bytes.h"
#include "ec2/model.h"

/* User data of 16 KiB in base64 and a KiB of the rest; a template's data is no longer. */
#define EC2_DOCUMENT_MAX (64u << 10)

size_t ec2_record_size(enum ec2_kind kind);
const char *ec2_kind_prefix(enum ec2_kind kind);
/* "instance", as in ARNs and tag specifications. */
const char *ec2_kind_resource(enum ec2_kind kind);
/* EC2_KIND_NONE for what is no id or resource type of ours. */
enum ec2_kind ec2_kind_of_id(const char *id);
enum ec2_kind ec2_kind_of_resource(struct rd_view resource);
/* The prefix and 8 or 17 lower-case hex digits. */
bool ec2_id_is_valid(enum ec2_kind kind, const char *id);

/* All but the head's id, account, parent and name, which are columns. Caller frees. */
enum rd_status ec2_record_write(enum ec2_kind kind, const void *record, char **ret) RD_MUST_USE;
/* Into a zeroed record whose columns are set; owned by it afterwards. RD_MALFORMED, RD_LIMIT: the
 * document is not one of ours; the record may be finished. */
enum rd_status ec2_record_read(enum ec2_kind kind, struct rd_view document, void *record)
	RD_MUST_USE;
/* Frees what a record owns and zeroes it. */
void ec2_record_finish(enum ec2_kind kind, void *record);
/* Deep. */
enum rd_status ec2_record_copy(enum ec2_kind kind, const void *from, void *ret) RD_MUST_USE;

#define EC2_FINISH(name, kind)                                                                     \
	static inline void ec2_##name##_finish(struct ec2_##name *record)                          \
	{                                                                                          \
		ec2_record_finish(kind, record);                                                   \
	}
EC2_FINISH(instance, EC2_KIND_INSTANCE)
EC2_FINISH(image, EC2_KIND_IMAGE)
EC2_FINISH(key_pair, EC2_KIND_KEY_PAIR)
EC2_FINISH(group, EC2_KIND_GROUP)
EC2_FINISH(rule, EC2_KIND_RULE)
EC2_FINISH(volume, EC2_KIND_VOLUME)
EC2_FINISH(interface, EC2_KIND_INTERFACE)
EC2_FINISH(template, EC2_KIND_TEMPLATE)
EC2_FINISH(version, EC2_KIND_VERSION)
#undef EC2_FINISH

#endif
