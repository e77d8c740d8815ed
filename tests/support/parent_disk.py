# SPDX-License-Identifier: Apache-2.0
"""A small bootable disk for parent instances: GRUB, Debian's cloud kernel, an initramfs of busybox and what a test adds.

Partition 1 has kernel and initramfs, partition 2 nothing but bytes: a shell script at its beginning, which the guest runs, and
room behind it that a script may write to and find again after a reboot.
"""

import glob
import os
import shutil
import subprocess

SECTOR = 512
MIB = 1 << 20
FIRST_AT = MIB
SCRIPT_SIZE = 64 * 1024
SECOND_SIZE = 64 * MIB
GRUB = "/usr/lib/grub/i386-pc"
# In load order.
MODULES = ["virtio_blk", "failover", "net_failover", "virtio_net", "vsock", "vmw_vsock_virtio_transport_common",
           "vmw_vsock_virtio_transport", "virtio_balloon", "evdev", "button", "virtio-rng"]

INIT = """#!/bin/sh
export PATH=/bin:/sbin:/usr/bin HOME=/root
busybox mkdir -p /proc /sys /dev /tmp /root /run /etc
busybox mount -t proc proc /proc
busybox --install -s /bin
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod $module || echo "insmod $module failed"; done
ip link set lo up
echo "guest: up $(uname -r)"
power &
i=0
while [ ! -b /dev/vda2 ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
dd if=/dev/vda2 of=/script bs=64k count=1 2>/dev/null
tr -d '\\000' < /script > /run.sh
sh /run.sh
echo "guest: script ended"
while :; do sleep 1000; done
"""

# The power button is an input event: type EV_KEY, code KEY_POWER.
POWER = """#!/bin/sh
for event in /dev/input/event*; do
  (hexdump -v -n 24 -e '1/2 "%u "' $event > /dev/null 2>&1 && echo "guest: power button" && poweroff -f) &
done
wait
"""


def cloud_kernel():
    """The cached package of the distribution's cloud kernel, as "make" has fetched it."""
    found = sorted(glob.glob(os.path.expanduser("~/.cache/redoubt/deb/linux-image-*-cloud-amd64_*.deb")))
    assert found, "no linux-image-cloud-amd64 in ~/.cache/redoubt/deb: run make first"
    return found[-1]


def put(root, name, data, mode=0o755):
    path = os.path.join(root, name.lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(data, str):
        data = data.encode()
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def libraries(program):
    """What the dynamic linker would load, and the linker itself."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    return [word for line in done.stdout.splitlines() for word in line.split() if word.startswith("/")]


def copy_program(root, source, name):
    target = os.path.join(root, name.lstrip("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)
    for library in libraries(source):
        place = os.path.join(root, library.lstrip("/"))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if not os.path.exists(place):
            shutil.copy(library, place)


def add_modules(root, kernel):
    for number, name in enumerate(MODULES):
        found = glob.glob(os.path.join(kernel, "lib/modules/*/kernel/**", name + ".ko*"), recursive=True)
        if not found:
            continue  # built in
        data = open(found[0], "rb").read()
        if found[0].endswith(".xz"):
            data = subprocess.run(["xz", "-dc", found[0]], capture_output=True, check=True).stdout
        put(root, f"modules/{number:02}-{name}.ko", data, 0o644)


def make_initramfs(work, kernel, programs):
    root = os.path.join(work, "root")
    copy_program(root, shutil.which("busybox"), "bin/busybox")
    os.symlink("busybox", os.path.join(root, "bin/sh"))
    put(root, "init", INIT)
    put(root, "bin/power", POWER)
    add_modules(root, kernel)
    for name, source in programs.items():
        copy_program(root, source, name)
    names = subprocess.run(["find", ".", "-mindepth", "1", "-print0"], cwd=root, capture_output=True, check=True).stdout
    packed = subprocess.run(["cpio", "-0", "-o", "-H", "newc", "--quiet"], cwd=root, input=names, capture_output=True,
                            check=True).stdout
    return subprocess.run(["gzip", "-1"], input=packed, capture_output=True, check=True).stdout


def make_file_system(work, kernel, initramfs):
    top = os.path.join(work, "top")
    os.makedirs(os.path.join(top, "boot"))
    shutil.copy(glob.glob(os.path.join(kernel, "boot/vmlinuz-*"))[0], os.path.join(top, "boot/vmlinuz"))
    put(top, "boot/initrd", initramfs, 0o644)
    size = (sum(os.path.getsize(os.path.join(top, "boot", n)) for n in ("vmlinuz", "initrd")) // MIB + 12) * MIB
    image = os.path.join(work, "fs")
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-d", top, image, f"{size // 1024}k"], check=True, capture_output=True)
    return image, size


def make_grub(work):
    config = os.path.join(work, "grub.cfg")
    put(work, "grub.cfg", "serial --unit=0 --speed=115200\nterminal_output serial\n"
        "linux (hd0,msdos1)/boot/vmlinuz console=ttyS0 no_timer_check panic=5 quiet\ninitrd (hd0,msdos1)/boot/initrd\nboot\n", 0o644)
    core = os.path.join(work, "core.img")
    subprocess.run(["grub-mkimage", "-O", "i386-pc", "-o", core, "-p", "(hd0,msdos1)/boot/grub", "-c", config,
                    "biosdisk", "part_msdos", "ext2", "linux", "serial", "terminal", "boot"], check=True)
    return core


def make(path, work, programs):
    """A raw disk at path. programs: {name in the guest: file here}; their libraries come along."""
    kernel = os.path.join(work, "kernel")
    subprocess.run(["dpkg-deb", "-x", cloud_kernel(), kernel], check=True)
    image, size = make_file_system(work, kernel, make_initramfs(work, kernel, programs))
    core = open(make_grub(work), "rb").read()
    assert len(core) <= FIRST_AT - SECTOR, "GRUB does not fit before the first partition"
    with open(path, "wb") as disk:
        disk.truncate(FIRST_AT + size + SECOND_SIZE + MIB)
    table = f"label: dos\nstart={FIRST_AT // SECTOR}, size={size // SECTOR}, type=83, bootable\n" \
            f"start={(FIRST_AT + size) // SECTOR}, size={SECOND_SIZE // SECTOR}, type=da\n"
    subprocess.run(["sfdisk", "-q", path], input=table.encode(), check=True)
    with open(path, "r+b") as disk:
        disk.write(open(os.path.join(GRUB, "boot.img"), "rb").read()[:440])
        disk.seek(SECTOR)
        disk.write(core)
        disk.seek(FIRST_AT)
        with open(image, "rb") as source:
            shutil.copyfileobj(source, disk)


def second_partition(path):
    """Where the second partition begins, from the partition table's second entry."""
    with open(path, "rb") as disk:
        disk.seek(446 + 16 + 8)
        return int.from_bytes(disk.read(4), "little") * SECTOR


def with_script(base, path, script, more=b""):
    """A copy of the disk that runs this script; more: what lies behind it."""
    subprocess.run(["cp", "--sparse=always", base, path], check=True)
    data = script.encode()
    assert len(data) <= SCRIPT_SIZE and len(more) <= SECOND_SIZE - SCRIPT_SIZE
    with open(path, "r+b") as disk:
        disk.seek(second_partition(base))
        disk.write(data.ljust(SCRIPT_SIZE, b"\0") + more)
