/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's command line for a parent: the q35 board with SeaBIOS and a disk, as an ordinary image
 * expects them. Options were checked with QEMU 7.2.
 *
 * - q35 without what it would bring along: no SATA, SMBus, keyboard controller, VMware port, USB or
 *   display. It has ACPI, so that the guest can be asked to power off, and HPET and PM timer,
 * without which a kernel under translation cannot calibrate its clock.
 * - The disk's files come as descriptors (/dev/fdset), so QEMU needs no path and no right to one.
 *   The overlay's header names no backing file: the base is what is said here, and its format is
 *   not guessed. "backing": null keeps QEMU from following a name in the base's own header.
 * - werror=report: a full host is an error that the guest sees, not a VM that stands still.
 * - shutdown=pause: a guest that powers itself off stands still until the vmm has decided whether
 *   that was the end or the first half of a reboot.
 * - SMBIOS as on EC2: the instance id is the chassis' and the board's asset tag, the UUID begins
 *   with "ec2", and the serial number is the UUID; that is what cloud-init and our own redoubtd
 * look for.
 */
#include "qemu_args.h"

#include <string.h>

/* "i-" and hex digits, of which a UUID takes 17: ec2, then what is left of 32, zeros in between. */
#define UUID_HEX 32

/*
 * The instance id as a UUID: "ec2", zeros, and the id's digits at the end. Version and variant are
 * nobody's here.
 */
static void make_uuid(const char *instance_id, char ret[UUID_HEX + 5])
{
	static const uint8_t dashes[] = {8, 12, 16, 20};
	char hex[UUID_HEX + 1] = "ec200000000000000000000000000000";
	const char *digits = strchr(instance_id, '-');
	size_t len = digits == NULL ? 0 : strlen(digits + 1);
	size_t out = 0;

	len = len < UUID_HEX - 3 ? len : UUID_HEX - 3;
	if (len > 0) {
		memcpy(hex + UUID_HEX - len, digits + 1, len);
	}
	for (size_t i = 0, d = 0; i < UUID_HEX; i++) {
		if (d < sizeof(dashes) && dashes[d] == i) {
			ret[out++] = '-';
			d++;
		}
		ret[out++] = hex[i];
	}
	ret[out] = '\0';
}

static enum rd_status add_board(struct rd_qemu_args *args, const struct rd_engine_config *config)
{
	RD_TRY(rd_qemu_args_add(args, "-machine"));
	RD_TRY(rd_qemu_args_add(args,
		"q35,accel=%s,memory-backend=ram,mem-merge=off,dump-guest-core=off,vmport=off,"
		"sata=off,smbus=off,i8042=off,usb=off,graphics=off",
		config->kvm ? "kvm" : "tcg"));
	RD_TRY(rd_qemu_args_add(args, "-action"));
	RD_TRY(rd_qemu_args_add(args, "reboot=reset,shutdown=pause,panic=none"));
	RD_TRY(rd_qemu_args_add(args, "-boot"));
	RD_TRY(rd_qemu_args_add(args, "strict=on"));
	return rd_qemu_args_add_cpu(args, config);
}

static enum rd_status add_identity(struct rd_qemu_args *args, const char *instance_id)
{
	char uuid[UUID_HEX + 5];

	make_uuid(instance_id, uuid);
	RD_TRY(rd_qemu_args_add(args, "-smbios"));
	RD_TRY(rd_qemu_args_add(
		args, "type=1,manufacturer=Redoubt,product=parent,serial=%s,uuid=%s", uuid, uuid));
	RD_TRY(rd_qemu_args_add(args, "-smbios"));
	RD_TRY(rd_qemu_args_add(args, "type=2,manufacturer=Redoubt,asset=%s", instance_id));
	RD_TRY(rd_qemu_args_add(args, "-smbios"));
	return rd_qemu_args_add(args, "type=3,manufacturer=Redoubt,asset=%s", instance_id);
}

static enum rd_status add_disk(struct rd_qemu_args *args, const struct rd_engine_parent *parent)
{
	RD_TRY(rd_qemu_args_add(args, "-add-fd"));
	RD_TRY(rd_qemu_args_add(args, "fd=%d,set=1", RD_QEMU_FD_OVERLAY));
	RD_TRY(rd_qemu_args_add(args, "-add-fd"));
	RD_TRY(rd_qemu_args_add(args, "fd=%d,set=2", RD_QEMU_FD_BASE));
	RD_TRY(rd_qemu_args_add(args, "-blockdev"));
	RD_TRY(rd_qemu_args_add(args,
		"{\"driver\":\"file\",\"node-name\":\"base-file\",\"filename\":"
		"\"/dev/fdset/2\",\"read-only\":true,\"locking\":\"off\"}"));
	RD_TRY(rd_qemu_args_add(args, "-blockdev"));
	RD_TRY(rd_qemu_args_add(args,
		"{\"driver\":\"%s\",\"node-name\":\"base\",\"file\":\"base-file\",\"read-only\":true%s}",
		parent->base_qcow2 ? "qcow2" : "raw",
		parent->base_qcow2 ? ",\"backing\":null" : ""));
	RD_TRY(rd_qemu_args_add(args, "-blockdev"));
	RD_TRY(rd_qemu_args_add(args,
		"{\"driver\":\"file\",\"node-name\":\"disk-file\",\"filename\":"
		"\"/dev/fdset/1\",\"discard\":\"unmap\"}"));
	RD_TRY(rd_qemu_args_add(args, "-blockdev"));
	RD_TRY(rd_qemu_args_add(args,
		"{\"driver\":\"qcow2\",\"node-name\":\"disk\",\"file\":\"disk-file\","
		"\"backing\":\"base\",\"discard\":\"unmap\"}"));
	RD_TRY(rd_qemu_args_add(args, "-device"));
	return rd_qemu_args_add(
		args, "virtio-blk-pci,drive=disk,bootindex=1,werror=report,rerror=report");
}

static enum rd_status add_devices(struct rd_qemu_args *args, const struct rd_engine_parent *parent)
{
	static const char *const words[] = {"-device", "vhost-user-vsock-pci,chardev=vsock",
		"-device", "virtio-balloon-pci,id=balloon", "-object",
		"rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"};

	RD_TRY(rd_qemu_args_add(args, "-chardev"));
	RD_TRY(rd_qemu_args_add(args, "socket,id=vsock,fd=%d", RD_QEMU_FD_VHOST));
	RD_TRY(rd_qemu_args_add_words(args, words, RD_ARRAY_LEN(words)));
	RD_TRY(rd_qemu_args_add(args, "-chardev"));
	RD_TRY(rd_qemu_args_add(args, "socket,id=qmp,fd=%d", RD_QEMU_FD_QMP));
	RD_TRY(rd_qemu_args_add(args, "-mon"));
	RD_TRY(rd_qemu_args_add(args, "chardev=qmp,mode=control"));
	if (parent->net_fd < 0) {
		return RD_OK;
	}
	RD_TRY(rd_qemu_args_add(args, "-netdev"));
	RD_TRY(rd_qemu_args_add(
		args, "stream,id=net,server=off,addr.type=fd,addr.str=%d", RD_QEMU_FD_NET));
	RD_TRY(rd_qemu_args_add(args, "-device"));
	return rd_qemu_args_add(args, "virtio-net-pci,netdev=net,romfile=,mac=%s", parent->mac);
}

enum rd_status rd_qemu_parent_args(struct rd_qemu_args *args, const struct rd_engine_config *config)
{
	RD_TRY(rd_qemu_args_add_nothing(args));
	RD_TRY(add_board(args, config));
	RD_TRY(add_identity(args, config->parent->instance_id));
	RD_TRY(add_disk(args, config->parent));
	RD_TRY(add_devices(args, config->parent));
	return rd_qemu_args_add_serial(args);
}
