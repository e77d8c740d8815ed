# SPDX-License-Identifier: Apache-2.0
"""An EIF reader, a cpio reader and writer, and a container image maker, independent of the C code."""

import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import tarfile
import zlib

KERNEL, CMDLINE, RAMDISK, SIGNATURE, METADATA = 1, 2, 3, 4, 5
FIXED_MTIME = 1492533000


def run(*args, env=None, check=None, **kwargs):
    """Runs nitro-cli; check is the exit code that it must give."""
    full = dict(os.environ, NITRO_CLI_LOGS_PATH="/nonexistent")
    full.update(env or {})
    done = subprocess.run([os.environ["NITRO_CLI"], *map(str, args)], env=full, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **kwargs)
    assert "Sanitizer" not in done.stderr, done.stderr
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


def bzimage(size=1024, fill=bytes):
    """A kernel that is none but for its header: two sectors of set-up, the rest of size to be loaded at 1 MiB."""
    kernel = bytearray(fill(size))
    kernel[0x1f1] = 1
    struct.pack_into("<I", kernel, 0x1f4, (size - 1024) // 16)
    struct.pack_into("<H", kernel, 0x1fe, 0xaa55)
    kernel[0x202:0x208] = b"HdrS\x0f\x02"
    kernel[0x211] = 1
    struct.pack_into("<I", kernel, 0x260, 1 << 20)
    return bytes(kernel)


def extend(content):
    return hashlib.sha384(bytes(48) + hashlib.sha384(content).digest()).hexdigest()


def assemble(sections, version=4, flags=0):
    """An EIF of (type, data) pairs."""
    offsets, sizes, body, at = [], [], b"", 548
    for kind, data in sections:
        offsets.append(at)
        sizes.append(len(data))
        body += struct.pack(">HHQ", kind, 0, len(data)) + data
        at += 12 + len(data)
    head = struct.pack(">4sHHQQHH", b".eif", version, flags, 1 << 30, 2, 0, len(sections))
    head += struct.pack(">32Q", *(offsets + [0] * (32 - len(offsets))))
    head += struct.pack(">32Q", *(sizes + [0] * (32 - len(sizes))))
    head += bytes(4)
    return head + struct.pack(">I", zlib.crc32(body, zlib.crc32(head))) + body


class Eif:
    """Everything that the header says is checked against the file."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.bytes = f.read()
        b = self.bytes
        magic, self.version, self.flags, mem, cpus, reserved, n = struct.unpack(">4sHHQQHH", b[:28])
        assert (magic, mem, cpus, reserved) == (b".eif", 1 << 30, 2, 0)
        offsets, sizes = struct.unpack(">32Q", b[28:284]), struct.unpack(">32Q", b[284:540])
        assert not any(offsets[n:]) and not any(sizes[n:])
        self.sections, at = [], 548
        for i in range(n):
            kind, flags, size = struct.unpack(">HHQ", b[at:at + 12])
            assert (offsets[i], sizes[i], flags) == (at, size, 0)
            self.sections.append((kind, b[at + 12:at + 12 + size]))
            at += 12 + size
        assert at == len(b)
        assert struct.unpack(">I", b[544:548])[0] == zlib.crc32(b[548:], zlib.crc32(b[:544]))

    def all(self, kind):
        return [data for k, data in self.sections if k == kind]

    def pcrs(self):
        ram = self.all(RAMDISK)
        base = self.all(KERNEL)[0] + self.all(CMDLINE)[0]
        return {"PCR0": extend(base + b"".join(ram)), "PCR1": extend(base + ram[0]),
                "PCR2": extend(b"".join(ram[1:]))}

    def metadata(self):
        return json.loads(self.all(METADATA)[0])


def cpio_entry(ino, name, mode, data=b"", nlink=1, mtime=FIXED_MTIME):
    fields = (ino, mode, 0, 0, nlink, mtime, len(data), 3, 1, 0, 0, len(name) + 1, 0)
    out = b"070701" + b"".join(b"%08x" % v for v in fields) + name.encode() + b"\0"
    out += bytes(-len(out) % 4)
    return out + data + bytes(-len(data) % 4)


def bootstrap_cpio(blobs):
    """The bootstrap ramdisk as the format's description says."""
    out = cpio_entry(721, "dev", stat.S_IFDIR | 0o755, nlink=2)
    ino = 722
    names = ["init", "nsm.ko", "nsm-cuse"]
    modules = sorted(os.listdir(blobs / "modules")) if (blobs / "modules").exists() else []
    for name in names:
        if (blobs / name).exists():
            out += cpio_entry(ino, name, stat.S_IFREG | 0o755, (blobs / name).read_bytes())
            ino += 1
    if modules:
        out += cpio_entry(ino, "modules", stat.S_IFDIR | 0o755, nlink=2)
        ino += 1
    for name in modules:
        data = (blobs / "modules" / name).read_bytes()
        out += cpio_entry(ino, "modules/" + name, stat.S_IFREG | 0o755, data)
        ino += 1
    out += cpio_entry(ino, "TRAILER!!!", 0, mtime=0)
    return out + bytes(-len(out) % 512)


def read_cpio(data):
    """{name: dict} in order."""
    entries, at = {}, 0
    while True:
        assert data[at:at + 6] == b"070701"
        f = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + f[11] - 1].decode()
        at += 110 + f[11]
        at += -at % 4
        body = data[at:at + f[6]]
        at += f[6]
        at += -at % 4
        if name == "TRAILER!!!":
            assert not any(data[at:])
            return entries
        assert name not in entries
        entries[name] = {"ino": f[0], "mode": f[1], "uid": f[2], "gid": f[3], "nlink": f[4], "mtime": f[5],
                         "data": body}


def layer(members):
    """A layer of (name, keyword arguments of TarInfo and data) pairs."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, attrs in members:
            info = tarfile.TarInfo(name)
            data = attrs.pop("data", None)
            info.mtime = 1700000000
            info.mode = 0o755
            for key, value in attrs.items():
                setattr(info, key, value)
            if data is not None:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


def docker_archive(path, layers, config, tag="acme/app:1.2", architecture="amd64", labels=None):
    """What `docker save` writes."""
    diff_ids = ["sha256:" + hashlib.sha256(data).hexdigest() for data in layers]
    full = {"architecture": architecture, "os": "linux", "created": "2024-01-02T03:04:05.678Z",
            "config": dict(config, Labels=labels), "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    text = json.dumps(full).encode()
    digest = hashlib.sha256(text).hexdigest()
    manifest = [{"Config": digest + ".json", "RepoTags": [tag] if tag else None,
                 "Layers": ["%d/layer.tar" % i for i in range(len(layers))]}]
    members = [(digest + ".json", text), ("manifest.json", json.dumps(manifest).encode())]
    members += [("%d/layer.tar" % i, data) for i, data in enumerate(layers)]
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return digest
