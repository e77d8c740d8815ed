/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RegisterImage, DescribeImages, DeregisterImage. An image is a file of this host, named by its
 * path in ImageLocation (disk.h). One whose name has the form of an image id has that id.
 */
#include "ec2/ops.h"

#include "ec2/authority.h"
#include "ec2/disk.h"
#include "ec2/ids.h"
#include "ec2/select.h"
#include "os/fd.h"

#include <stdio.h>
#include <string.h>

#define ROOT_DEVICE  "/dev/xvda"
#define NAME_MIN     3
#define NAME_MAX_LEN 128
/* Of an account; each is a file of several hundred MiB. */
#define IMAGES_MAX 1000
#define GIB        (1LL << 30)

/* EC2: letters, digits, blanks and ()[]./-'@_ */
static enum rd_status check_name(struct ec2_call *call, const char *name)
{
	size_t len = strlen(name);

	if (len < NAME_MIN || len > NAME_MAX_LEN ||
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			     "()[] ./-'@_") != len) {
		return ec2_fail(call, EC2_FAULT_IMAGE_NAME_MALFORMED, "%s",
			"AMI names must be between 3 and 128 characters long, and may contain "
			"letters, numbers, '(', ')', '[', ']', ' ', '.', '/', '-', ''', '@' and "
			"'_'");
	}
	return RD_OK;
}

static enum rd_status require_word(struct ec2_call *call, const char *param, const char *only)
{
	char value[32];

	RD_TRY(ec2_in_text(ec2_in(call), param, value, sizeof(value)));
	if (value[0] != '\0' && strcmp(value, only) != 0) {
		return ec2_fail(call, EC2_FAULT_PARAMETER_VALUE, "%s '%s': images are for %s here.",
			param, value, only);
	}
	return RD_OK;
}

static enum rd_status read_image(struct ec2_call *call, struct ec2_image *i)
{
	static const char *const boot_modes[] = {"legacy-bios", NULL};
	static const char *const imds[] = {"v2.0", NULL};
	struct ec2_in in = ec2_in(call);
	unsigned word = 0;

	RD_TRY(ec2_in_need(in, "Name", i->head.name, sizeof(i->head.name)));
	RD_TRY(check_name(call, i->head.name));
	RD_TRY(ec2_in_need(in, "ImageLocation", i->location, sizeof(i->location)));
	RD_TRY(ec2_in_text(in, "Description", i->description, sizeof(i->description)));
	RD_TRY(require_word(call, "Architecture", "x86_64"));
	RD_TRY(require_word(call, "VirtualizationType", "hvm"));
	snprintf(i->root_device, sizeof(i->root_device), ROOT_DEVICE);
	if (ec2_in_has(in, "RootDeviceName")) {
		RD_TRY(ec2_in_need(in, "RootDeviceName", i->root_device, sizeof(i->root_device)));
	}
	RD_TRY(ec2_in_word(in, "BootMode", boot_modes, &word));
	snprintf(i->boot_mode, sizeof(i->boot_mode), "legacy-bios");
	RD_TRY(ec2_in_word(in, "ImdsSupport", imds, &word));
	i->imds_v2 = ec2_in_has(in, "ImdsSupport");
	RD_TRY(ec2_in_bool(in, "EnaSupport", &i->ena));
	return ec2_in_tags(in, "image", &i->head.tags);
}

/* Lessons and scripts name an image's id: a name of that form is the id. */
static enum rd_status choose_id(struct ec2_image *i)
{
	if (!ec2_id_is_valid(EC2_KIND_IMAGE, i->head.name)) {
		return ec2_make_id("ami-", i->head.id);
	}
	memcpy(i->head.id, i->head.name, strlen(i->head.name) + 1);
	return RD_OK;
}

static enum rd_status examine(struct ec2_call *call, struct ec2_image *i)
{
	struct rd_error err = {.text = ""};
	struct ec2_disk disk;
	int fd = -1;

	if (i->location[0] != '/') {
		return ec2_fail(call, EC2_FAULT_PARAMETER_VALUE,
			"ImageLocation '%s' is not the absolute path of a disk image.",
			i->location);
	}
	if (ec2_disk_open(&call->ec2->config, i->location, &fd, &disk, &err) != RD_OK) {
		return ec2_fail(call, EC2_FAULT_IMAGE_MANIFEST, "%s", err.text);
	}
	rd_fd_close(&fd);
	i->size_bytes = disk.size_bytes;
	memcpy(i->format, disk.format, sizeof(i->format));
	return RD_OK;
}

static enum rd_status register_work(struct rd_db *db, void *arg)
{
	const struct ec2_image *i = arg;
	int64_t n = 0;

	RD_TRY(ec2_store_count(db, EC2_KIND_IMAGE, i->head.account, &n));
	RD_ENSURE(n < IMAGES_MAX, RD_LIMIT);
	return ec2_store_add(db, EC2_KIND_IMAGE, i);
}

static enum rd_status add_image(struct ec2_call *call, struct ec2_image *i)
{
	enum rd_status st = rd_db_transact(call->db, register_work, i);

	if (st == RD_EXISTS) {
		return ec2_fail(call, EC2_FAULT_IMAGE_NAME,
			"AMI name %s is already in use by an AMI, or the id %s is.", i->head.name,
			i->head.id);
	}
	if (st == RD_LIMIT) {
		return ec2_fail(call, EC2_FAULT_RESOURCE_LIMIT, "An account has at most %d images.",
			IMAGES_MAX);
	}
	return st;
}

enum rd_status ec2_register_image(struct ec2_call *call)
{
	struct ec2_image i RD_CLEANUP(ec2_image_finish) = {.description = ""};
	json_t *checks;
	char arn[EC2_ARN_SIZE];

	RD_TRY(read_image(call, &i));
	RD_TRY(choose_id(&i));
	memcpy(i.head.account, call->who.account, sizeof(i.head.account));
	i.head.created_ms = call->now_ms;
	checks = ec2_checks_new();
	ec2_arn(call, "image", "*", arn);
	ec2_check_add(call, checks, "ec2:RegisterImage", arn, NULL);
	ec2_check_tags(call, checks, EC2_KIND_IMAGE, i.head.tags);
	RD_TRY(ec2_allow(call, checks));
	RD_TRY(examine(call, &i));
	RD_TRY(add_image(call, &i));
	rd_xml_out_str(call->x, "imageId", i.head.id);
	return RD_OK;
}

/* --- describing --- */

static void image_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_image *i = record;

	(void)call;
	ec2_fact(f, "architecture", "x86_64");
	ec2_fact(f, "block-device-mapping.device-name", i->root_device);
	ec2_fact_number(f, "block-device-mapping.volume-size", (i->size_bytes + GIB - 1) / GIB);
	ec2_fact_time(f, "creation-date", i->head.created_ms);
	ec2_fact(f, "description", i->description);
	ec2_fact_bool(f, "ena-support", i->ena);
	ec2_fact(f, "hypervisor", "xen");
	ec2_fact(f, "image-id", i->head.id);
	ec2_fact(f, "image-type", "machine");
	ec2_fact(f, "is-public", "false");
	ec2_fact(f, "manifest-location", i->location);
	ec2_fact(f, "name", i->head.name);
	ec2_fact(f, "owner-id", i->head.account);
	ec2_fact(f, "root-device-name", i->root_device);
	ec2_fact(f, "root-device-type", "ebs");
	ec2_fact(f, "state", "available");
	ec2_fact(f, "virtualization-type", "hvm");
}

static const char *const image_filters[] = {"architecture", "block-device-mapping.device-name",
	"block-device-mapping.volume-size", "creation-date", "description", "ena-support",
	"hypervisor", "image-id", "image-type", "is-public", "manifest-location", "name",
	"owner-id", "root-device-name", "root-device-type", "state", "virtualization-type",
	"tag:", "tag-key", NULL};

/* All images are the account's own: other owners have none. */
static bool is_hidden(struct ec2_call *call, const void *record)
{
	struct ec2_in in = ec2_in(call);
	size_t n = 0;

	(void)record;
	if (rd_query_items(in.q, "Owner", RD_QUERY_PARAMS_MAX, &n) != RD_OK) {
		return false;
	}
	for (size_t i = 1; i <= n; i++) {
		struct rd_view owner = rd_query_item(in.q, "Owner", i, NULL);

		if (rd_view_equal(owner, rd_view_str("self")) ||
			rd_view_equal(owner, rd_view_str(call->who.account))) {
			return false;
		}
	}
	return n > 0;
}

static const struct ec2_select select_images = {.kind = EC2_KIND_IMAGE,
	.ids = "ImageId",
	.id_fault = EC2_FAULT_IMAGE_NOT_FOUND,
	.what = "image id",
	.filters = image_filters,
	.facts = image_facts,
	.hidden = is_hidden};

static void put_mapping(struct rd_xml_out *x, const struct ec2_image *i)
{
	rd_xml_out_begin(x, "blockDeviceMapping");
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "deviceName", i->root_device);
	rd_xml_out_begin(x, "ebs");
	rd_xml_out_int(x, "volumeSize", (i->size_bytes + GIB - 1) / GIB);
	rd_xml_out_bool(x, "deleteOnTermination", true);
	rd_xml_out_str(x, "volumeType", "gp3");
	rd_xml_out_bool(x, "encrypted", false);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
}

static void put_image(struct rd_xml_out *x, const struct ec2_image *i)
{
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "imageId", i->head.id);
	rd_xml_out_str(x, "imageLocation", i->location);
	rd_xml_out_str(x, "imageState", "available");
	rd_xml_out_str(x, "imageOwnerId", i->head.account);
	ec2_put_time(x, "creationDate", i->head.created_ms);
	rd_xml_out_bool(x, "isPublic", false);
	rd_xml_out_str(x, "architecture", "x86_64");
	rd_xml_out_str(x, "imageType", "machine");
	rd_xml_out_str(x, "platformDetails", "Linux/UNIX");
	rd_xml_out_str(x, "usageOperation", "RunInstances");
	rd_xml_out_bool(x, "enaSupport", i->ena);
	rd_xml_out_str(x, "name", i->head.name);
	if (i->description[0] != '\0') {
		rd_xml_out_str(x, "description", i->description);
	}
	rd_xml_out_str(x, "rootDeviceType", "ebs");
	rd_xml_out_str(x, "rootDeviceName", i->root_device);
	put_mapping(x, i);
	rd_xml_out_str(x, "virtualizationType", "hvm");
	rd_xml_out_str(x, "hypervisor", "xen");
	rd_xml_out_str(x, "bootMode", i->boot_mode);
	if (i->imds_v2) {
		rd_xml_out_str(x, "imdsSupport", "v2.0");
	}
	ec2_put_tags(x, i->head.tags);
	rd_xml_out_end(x);
}

enum rd_status ec2_describe_images(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_IMAGE};
	char next[EC2_NEXT_SIZE];

	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_select(call, &select_images, &list, next));
	rd_xml_out_begin(call->x, "imagesSet");
	for (size_t n = 0; n < list.n; n++) {
		put_image(call->x, ec2_list_at(&list, n));
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}

/* Instances keep what they need of it: its file must stay as long as they do. */
enum rd_status ec2_deregister_image(struct ec2_call *call)
{
	struct ec2_image i RD_CLEANUP(ec2_image_finish) = {.description = ""};
	json_t *checks;
	char id[EC2_ID_SIZE];
	enum rd_status st;

	RD_TRY(ec2_in_need(ec2_in(call), "ImageId", id, sizeof(id)));
	st = ec2_store_get(call->db, EC2_KIND_IMAGE, call->who.account, id, &i);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	checks = ec2_checks_new();
	ec2_check_record(call, checks, EC2_KIND_IMAGE, id, st == RD_OK ? &i : NULL);
	RD_TRY(ec2_allow(call, checks));
	if (st == RD_OK) {
		st = ec2_store_delete(call->db, EC2_KIND_IMAGE, id);
	}
	if (st == RD_NOTFOUND) {
		return ec2_not_found(call, EC2_KIND_IMAGE, id);
	}
	RD_TRY(st);
	rd_xml_out_bool(call->x, "return", true);
	return RD_OK;
}
