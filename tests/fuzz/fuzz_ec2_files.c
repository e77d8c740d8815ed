/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a disk image's head, a public key's line, and a record's document. */
#include "ec2/disk.h"
#include "ec2/record.h"
#include "ec2/ssh_key.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void as_disk(struct rd_view bytes)
{
	struct rd_view head = rd_view(
		bytes.ptr, bytes.len < EC2_DISK_HEAD ? bytes.len : EC2_DISK_HEAD);
	struct ec2_disk disk;
	struct rd_error err;

	if (ec2_disk_examine(head, bytes.len, &disk, &err) == RD_OK) {
		require(disk.size_bytes >= 512 && disk.size_bytes <= RD_DISK_BYTES_MAX);
	}
}

/* What is taken once is taken again, and stays as it is. */
static void as_key(struct rd_view bytes)
{
	char line[EC2_SSH_LINE_MAX], again[EC2_SSH_LINE_MAX], print[EC2_SSH_FINGERPRINT_SIZE];
	const char *type;

	if (ec2_ssh_read_line(bytes, &type, line) == RD_OK) {
		require(ec2_ssh_read_line(rd_view_str(line), &type, again) == RD_OK);
		require(strcmp(line, again) == 0);
		require(ec2_ssh_fingerprint(line, print) == RD_OK);
	}
}

static void as_record(struct rd_view bytes)
{
	for (unsigned kind = 1; kind < EC2_KIND_COUNT; kind++) {
		union ec2_record record;
		char *text = NULL;

		memset(&record, 0, sizeof(record));
		if (ec2_record_read((enum ec2_kind)kind, bytes, &record) == RD_OK) {
			require(ec2_record_write((enum ec2_kind)kind, &record, &text) == RD_OK);
			free(text);
		}
		ec2_record_finish((enum ec2_kind)kind, &record);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_disk(rd_view(data, size));
	as_key(rd_view(data, size));
	as_record(rd_view(data, size));
	return 0;
}
