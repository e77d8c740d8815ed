# SPDX-License-Identifier: Apache-2.0
"""Bad input of build-enclave and sign-eif: hostile images, unreadable keys, full disks; nothing left behind."""

import json
import os
import resource
import stat
import subprocess
import tempfile
from pathlib import Path

import image_files as im
import pytest
from daemon_host import OUTSIDER, become, refused, run_cli
from eif_support import RAMDISK, Eif, bzimage, read_cpio

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another user, mounts")
BLOB = b"x" * (6 << 20)


class Builder:
    """build-enclave with directories of its own; every run is looked after."""

    def __init__(self, path):
        self.path = path
        self.scratch, self.output = os.path.join(path, "scratch"), os.path.join(path, "output")
        self.blobs = os.path.join(path, "blobs")
        for folder in (self.scratch, self.output, self.blobs):
            os.mkdir(folder)
        for name, data in (("bzImage", bzimage(100_000)), ("cmdline", b"console=ttyS0"), ("init", b"\x7fELF init")):
            with open(os.path.join(self.blobs, name), "wb") as file:
                file.write(data)
        self.old = self.eif("old.eif")
        with open(self.old, "wb") as file:
            file.write(b"an older image")

    def eif(self, name="new.eif"):
        return os.path.join(self.output, name)

    def run(self, source, *more, output=None, artifacts=None, program=os.environ["NITRO_CLI"], **how):
        before = sorted(os.listdir(self.output))
        done = run_cli(self.path, "build-enclave", "--docker-uri", source, "--output-file", output or self.eif(), *more,
                       program=program, env={"NITRO_CLI_BLOBS": self.blobs, "NITRO_CLI_ARTIFACTS": artifacts or self.scratch}, **how)
        assert os.listdir(self.scratch) == []
        if done.returncode != 0:
            assert sorted(os.listdir(self.output)) == before
            with open(self.old, "rb") as file:
                assert file.read() == b"an older image"
        return done

    def archive(self, *entries, name="image.tar", **settings):
        layers = [im.layer(*entries)]
        return f"docker-archive:{im.save_archive(Path(self.path) / name, layers, im.config(layers, **settings))}"


@pytest.fixture(name="builder")
def builder_fixture():
    with tempfile.TemporaryDirectory(prefix="rdr-", dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield Builder(path)
        assert not os.path.exists(os.path.join(os.path.dirname(path), "outside"))


@pytest.mark.parametrize("entries,word", [
    ([im.entry("../outside", b"x")], "../outside"), ([im.entry("a/../../outside", b"x")], "a/../../outside"),
    ([im.hardlink("a", "../../etc/shadow")], "../../etc/shadow"), ([im.hardlink("a", "/etc/shadow")], "etc/shadow"),
    ([im.symlink("loop", "loop"), im.entry("loop/x", b"x")], "loop"), ([im.entry("f", b"x"), im.entry("f/below", b"x")], "f/below"),
    ([im.entry("n" * 256, b"x")], "nnn"), ([im.entry("d/.wh...", b"")], "whiteout"),
])
def test_layers_that_reach_out(builder, entries, word):
    refused(builder.run(builder.archive(*entries)), 48, word)


def test_absolute_links_stay_inside(builder):
    source = builder.archive(im.symlink("etc", "/outside"), im.entry("etc/shadow", b"mine"), im.entry("bin/app", b"x"))
    assert builder.run(source).returncode == 0
    assert not os.path.exists("/outside")
    files = read_cpio(Eif(builder.eif()).all(RAMDISK)[1])
    assert files["rootfs/outside/shadow"]["data"] == b"mine" and files["rootfs/etc"]["data"] == b"/outside"


def lying(path, change):
    """A layout whose layer is not what the manifest says."""
    layers = [im.layer(im.entry("bin/app", os.urandom(4096)))]
    layout = im.Layout(path)
    cfg = im.config(layers)
    described = layout.blob(layers[0], im.LAYER)
    change(layout, described)
    doc = {"schemaVersion": 2, "mediaType": im.MANIFEST, "config": layout.blob(cfg, im.CONFIG), "layers": [described]}
    layout.add(layout.blob(json.dumps(doc).encode(), im.MANIFEST), tag="latest")
    return layout.finish()


@pytest.mark.parametrize("size", [0, 1, 4096, 1 << 40, -1])
def test_layers_that_lie_about_their_size(builder, tmp_path, size):
    layout = lying(tmp_path / "oci", lambda layout, layer: layer.update(size=size))
    refused(builder.run(f"oci:{layout}"), 48, str(layout))


def test_layers_whose_archive_lies_about_a_file(builder, tmp_path):
    data = bytearray(im.layer(im.entry("bin/app", b"x" * 100), form=0))
    for promised in (b"77777777777", b"00000100000"):
        data[124:135] = promised
        data[148:156] = b" " * 8
        data[148:156] = b"%06o\0 " % sum(data[:512])
        layers = [bytes(data)]
        archive = im.save_archive(tmp_path / "lie.tar", layers, im.config(layers))
        refused(builder.run(f"docker-archive:{archive}"), 48, "bin/app")


def test_images_that_are_cut_off_or_none(builder, tmp_path):
    source = builder.archive(im.entry("bin/app", os.urandom(100_000)))
    path = source.partition(":")[2]
    os.truncate(path, 60_000)
    refused(builder.run(source), 48, path)
    refused(builder.run(f"docker-archive:{builder.old}"), 48, builder.old)
    refused(builder.run("docker-archive:/nonexistent.tar"), 19, "/nonexistent.tar")
    arm = im.config([im.layer()]).replace(b"amd64", b"arm64")
    archive = im.save_archive(tmp_path / "arm.tar", [im.layer()], arm)
    refused(builder.run(f"docker-archive:{archive}"), 48, "arm64", "amd64")


@pytest.fixture(name="small_disk")
def small_disk_fixture():
    path = tempfile.mkdtemp(prefix="rdr-", dir="/tmp")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], check=False, capture_output=True, text=True)
    if made.returncode != 0:
        os.rmdir(path)
        pytest.skip(f"a tmpfs cannot be mounted here: {made.stderr.strip()}")
    yield path
    subprocess.run(["umount", path], check=True)
    os.rmdir(path)


def test_full_disks_are_named(builder, small_disk):
    source = builder.archive(im.entry("bin/app", BLOB))
    line = refused(builder.run(source, output=os.path.join(small_disk, "new.eif")), 19, "No space left on device", small_disk)
    assert "new.eif" in line and os.listdir(small_disk) == []
    refused(builder.run(source, artifacts=small_disk), 19, "No space left on device", "NITRO_CLI_ARTIFACTS")
    assert os.listdir(small_disk) == []


def test_a_limit_on_file_sizes_is_an_error(builder):
    source = builder.archive(im.entry("bin/app", BLOB))
    for limit in (4096, 3 << 20):
        done = builder.run(source, preexec=lambda size=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        refused(done, 19, "File too large")


def test_outputs_that_cannot_be(builder):
    source = builder.archive(im.entry("bin/app", b"x"))
    refused(builder.run(source, output=os.path.join(builder.path, "no", "new.eif")), 19, "no/new.eif", "No such file")
    refused(builder.run(source, output=builder.output), 19, builder.output)
    refused(builder.run(source, output="/dev/full"), 19, "/dev/full")
    refused(builder.run(source, output="/proc/new.eif"), 19, "/proc/new.eif")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    refused(builder.run(source, artifacts=os.path.join(builder.path, "no")), 19, "NITRO_CLI_ARTIFACTS")


@needs_root
def test_what_another_user_may_not_touch(builder):
    source = builder.archive(im.entry("bin/app", b"x"))
    program = os.path.join(builder.path, "nitro-cli")
    for part in ("", "-build-enclave"):
        subprocess.run(["cp", os.environ["NITRO_CLI"] + part, program + part], check=True)
    os.chmod(builder.scratch, 0o1777)
    refused(builder.run(source, program=program, uid=OUTSIDER), 19, "new.eif", "Permission denied")
    key, cert = os.path.join(builder.path, "key"), os.path.join(builder.path, "cert")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", key,
                    "-out", cert, "-subj", "/CN=signer", "-days", "2"], check=True, capture_output=True)
    os.chmod(key, 0o600)
    os.chmod(builder.output, 0o1777)
    signing = ["--private-key", key, "--signing-certificate", cert]
    refused(builder.run(source, *signing, program=program, uid=OUTSIDER), 48, key, "Permission denied")
    assert builder.run(source, *signing).returncode == 0
    done = run_cli(builder.path, "sign-eif", "--eif-path", builder.eif(), *signing, program=program, uid=OUTSIDER)
    refused(done, 60, key, "Permission denied")
    image = source.partition(":")[2]
    os.chmod(image, 0o600)
    refused(builder.run(source, program=program, uid=OUTSIDER), 19, image, "Permission denied")


def test_become_really_is_another_user():
    """The refusals above are those of an ordinary user."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    done = subprocess.run(["id", "-u"], preexec_fn=lambda: become(OUTSIDER), capture_output=True, text=True, check=True)
    assert done.stdout == f"{OUTSIDER}\n"
