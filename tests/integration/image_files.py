# SPDX-License-Identifier: Apache-2.0
"""Images made by hand, with Python's tarfile: layers, `docker save` archives, OCI layouts."""
import gzip
import hashlib
import io
import json
import tarfile

OCI = "application/vnd.oci.image."
MANIFEST, INDEX, CONFIG = OCI + "manifest.v1+json", OCI + "index.v1+json", OCI + "config.v1+json"
LAYER = OCI + "layer.v1.tar"
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


def entry(name, data=None, kind=tarfile.REGTYPE, link="", mode=0o644, xattr=None, **attributes):
    """One member of a layer, as (TarInfo, content)."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    for key, value in attributes.items():
        setattr(info, key, value)
    if xattr:
        info.pax_headers["SCHILY.xattr.security.capability"] = xattr.decode("utf-8", "surrogateescape")
    if data is not None:
        info.size = len(data)
    return info, data


def directory(name, mode=0o755, **attributes):
    return entry(name, kind=tarfile.DIRTYPE, mode=mode, **attributes)


def symlink(name, target):
    return entry(name, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def hardlink(name, target, **attributes):
    return entry(name, kind=tarfile.LNKTYPE, link=target, **attributes)


def layer(*entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def config(layers, **settings):
    settings.setdefault("Cmd", ["/bin/app"])
    return json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2024-05-06T07:08:09Z",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(l) for l in layers]},
    }).encode()


def save_archive(path, layers, cfg, tags=("app:1",), old=True, links=True):
    """What `docker save` writes: old engines by directory, newer ones by digest."""
    members, names, seen = [], [], {}
    cfg_name = digest(cfg) + ".json" if old else "blobs/sha256/" + digest(cfg)
    members.append(entry(cfg_name, cfg))
    for i, data in enumerate(layers):
        if not old:
            names.append("blobs/sha256/" + digest(data))
            members.append(entry(names[-1], data))
            continue
        names.append(f"{i:064x}/layer.tar")
        members.append(directory(f"{i:064x}/"))
        if links and data in seen:
            members.append(symlink(names[-1], "../" + seen[data]))
        else:
            members.append(entry(names[-1], data))
            seen[data] = names[-1]
    manifest = [{"Config": cfg_name, "RepoTags": list(tags), "Layers": names}]
    members.append(entry("manifest.json", json.dumps(manifest).encode()))
    path.write_bytes(layer(*members, form=tarfile.USTAR_FORMAT))
    return path


class Layout:
    """An OCI image layout in a directory; blobs can be damaged before finish()."""

    def __init__(self, path):
        self.path = path
        (path / "blobs/sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.entries = []

    def blob(self, data, media):
        (self.path / "blobs/sha256" / digest(data)).write_bytes(data)
        return {"mediaType": media, "digest": "sha256:" + digest(data), "size": len(data)}

    def blob_path(self, descriptor):
        return self.path / "blobs/sha256" / descriptor["digest"][7:]

    def manifest(self, layers, cfg, compress=True):
        self.layers = [
            self.blob(gzip.compress(l, mtime=0), LAYER + "+gzip") if compress else self.blob(l, LAYER)
            for l in layers]
        doc = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(cfg, CONFIG), "layers": self.layers}
        return self.blob(json.dumps(doc).encode(), MANIFEST)

    def add(self, descriptor, tag=None, platform=None):
        if tag:
            descriptor = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
        if platform:
            descriptor = {**descriptor, "platform": dict(zip(("os", "architecture"), platform.split("/")))}
        self.entries.append(descriptor)
        return self

    def index(self):
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.entries}

    def finish(self):
        (self.path / "index.json").write_text(json.dumps(self.index()))
        return self.path


def simple_layout(path, layers, cfg, **how):
    layout = Layout(path)
    layout.add(layout.manifest(layers, cfg, **how), tag="latest")
    layout.finish()
    return layout


def tree_layers():
    """Three layers with something of everything."""
    base = layer(
        directory("./", mode=0o755, mtime=11), directory("etc/", mtime=1700000000),
        entry("etc/passwd", b"root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n"),
        entry("etc/group", b"root:x:0:\napp:x:1001:\naudio:x:63:app\n"),
        directory("tmp", mode=0o1777), entry("bin/su", b"su", mode=0o4755, uid=0, gid=5),
        entry("opt/gone", b"1"), entry("opt/kept", b"2"), entry("var/lib/old", b"3"),
        entry("usr/lib/libx.so.1", b"lib"), symlink("lib", "usr/lib"), symlink("abs", "/etc/passwd"),
        entry("n" * 120 + "/" + "m" * 200, b"long"), entry("caf\u00e9 \udcff", b"bytes"))
    middle = layer(
        entry("opt/.wh.gone", b""), entry("var/lib/.wh..wh..opq", b""), entry("var/lib/new", b"4"),
        hardlink("bin/su2", "bin/su", mode=0o4755, gid=5), entry("lib/liby.so", b"through a link"),
        entry("bin/ping", b"ping", mode=0o755, xattr=CAPABILITY), form=tarfile.PAX_FORMAT)
    top = layer(
        entry("opt", b"a file now"), directory("usr/lib/libx.so.1", mode=0o700),
        entry("dev/null", kind=tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3),
        entry("run/pipe", kind=tarfile.FIFOTYPE, mode=0o600), form=tarfile.GNU_FORMAT)
    return [base, middle, top]


TREE_PATHS = [
    "", "abs", "bin", "bin/ping", "bin/su", "bin/su2", "caf\u00e9 \udcff", "dev", "dev/null", "etc", "etc/group",
    "etc/passwd", "lib", "n" * 120, "n" * 120 + "/" + "m" * 200, "opt", "run", "run/pipe", "tmp", "usr",
    "usr/lib", "usr/lib/libx.so.1", "usr/lib/liby.so", "var", "var/lib", "var/lib/new",
]
