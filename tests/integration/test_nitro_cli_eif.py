# SPDX-License-Identifier: Apache-2.0
"""nitro-cli build-enclave, describe-eif, sign-eif, pcr, explain: against readers of our own."""

import json
import os
import resource
import shutil
import signal
import stat
import struct
import subprocess
import tarfile

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from eif_support import (CMDLINE, KERNEL, METADATA, RAMDISK, SIGNATURE, Eif, assemble, bootstrap_cpio, bzimage,
                         docker_archive, extend, layer, read_cpio, run)

PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:100::/home/app:/bin/sh\n"
GROUP = b"root:x:0:\nusers:x:100:\nextra:x:200:app\n"
CONFIG = {"Entrypoint": ["/bin/app"], "Cmd": ["one", "two\nlines"], "Env": ["A=b", "C=d\ne"],
          "WorkingDir": "/srv/data", "User": "app"}
SYNTHETIC = [(KERNEL, b"KERNEL"), (CMDLINE, b"console=ttyS0"), (METADATA, b"{}"), (RAMDISK, b"RAM0"),
             (RAMDISK, b"RAM1")]
CURVES = {"prime256v1": (-7, hashes.SHA256(), 32), "secp384r1": (-35, hashes.SHA384(), 48),
          "secp521r1": (-36, hashes.SHA512(), 66)}


def app_layers():
    base = layer([("bin", {"type": tarfile.DIRTYPE}), ("bin/app", {"data": b"#!app\n" * 1000}),
                  ("bin/old", {"data": b"old"}), ("etc", {"type": tarfile.DIRTYPE}),
                  ("etc/passwd", {"data": PASSWD, "mode": 0o644}), ("etc/group", {"data": GROUP, "mode": 0o644}),
                  ("bin/same", {"type": tarfile.LNKTYPE, "linkname": "bin/app"}),
                  ("bin/sh", {"type": tarfile.SYMTYPE, "linkname": "app"})])
    top = layer([("bin/.wh.old", {"data": b""}), ("bin/new", {"data": b"new", "uid": 5, "gid": 6, "mode": 0o4711})])
    return [base, top]


@pytest.fixture(name="blobs")
def blobs_fixture(tmp_path):
    path = tmp_path / "blobs"
    (path / "modules").mkdir(parents=True)
    (path / "bzImage").write_bytes(bzimage(100_000, os.urandom))
    (path / "bzImage.config").write_text("#\n# Automatically generated\n# Linux/x86 6.12.57 Kernel Configuration\n")
    (path / "cmdline").write_text("  console=ttyS0 reboot=k \n")
    (path / "init").write_bytes(b"\x7fELF init")
    (path / "nsm-cuse").write_bytes(b"\x7fELF cuse")
    (path / "modules" / "01-b.ko").write_bytes(b"b")
    (path / "modules" / "00-a.ko").write_bytes(b"a")
    return path


@pytest.fixture(name="archive")
def archive_fixture(tmp_path):
    path = tmp_path / "app.tar"
    docker_archive(path, app_layers(), CONFIG)
    return path


def build(blobs, archive, output, *more, env=None, check=0, **kwargs):
    return run("build-enclave", "--docker-uri", f"docker-archive:{archive}", "--output-file", output, *more,
               env=dict(env or {}, NITRO_CLI_BLOBS=str(blobs)), check=check, **kwargs)


def describe(path):
    return json.loads(run("describe-eif", "--eif-path", path, check=0).stdout)


def make_key(directory, curve, name="signer"):
    key, cert = directory / f"{name}.key", directory / f"{name}.pem"
    subprocess.run(["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", key], check=True)
    subprocess.run(["openssl", "req", "-new", "-x509", "-key", key, "-out", cert, "-days", "30", "-subj",
                    "/C=XX/O=Acme/OU=first/OU=last/CN=acme-signer"], check=True, stderr=subprocess.DEVNULL)
    return key, cert


def assert_failure(done, code, *words):
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    block = next(line for line in done.stderr.splitlines() if line.startswith("[ E"))
    assert block.startswith(f"[ E{code:02d} ] "), block
    assert f"cli-errors.html#E{code:02d}\n" in done.stderr
    for word in words:
        assert word in block, block


# --- building ---


def test_output_and_measurements_are_those_of_an_independent_reader(tmp_path, blobs, archive):
    done = build(blobs, archive, tmp_path / "app.eif")
    assert done.stderr.splitlines() == ["Start building the Enclave Image...",
                                        "Enclave Image successfully created."]
    eif = Eif(tmp_path / "app.eif")
    assert [kind for kind, _ in eif.sections] == [KERNEL, CMDLINE, METADATA, RAMDISK, RAMDISK]
    assert (eif.version, eif.flags) == (4, 0)
    assert eif.all(KERNEL) == [(blobs / "bzImage").read_bytes()]
    assert eif.all(CMDLINE) == [b"console=ttyS0 reboot=k"]
    want = dict({"HashAlgorithm": "Sha384 { ... }"}, **eif.pcrs())
    assert done.stdout == json.dumps({"Measurements": want}, indent=2) + "\n"
    described = describe(tmp_path / "app.eif")
    assert described["Measurements"] == want
    assert list(described) == ["EifVersion", "Measurements", "IsSigned", "CheckCRC", "ImageName", "ImageVersion",
                               "Metadata"]
    assert (described["EifVersion"], described["IsSigned"], described["CheckCRC"]) == (4, False, True)


def test_bootstrap_ramdisk_is_the_dialect_byte_for_byte(tmp_path, blobs, archive):
    build(blobs, archive, tmp_path / "app.eif")
    assert Eif(tmp_path / "app.eif").all(RAMDISK)[0] == bootstrap_cpio(blobs)


def test_application_ramdisk_holds_the_merged_image(tmp_path, blobs, archive):
    build(blobs, archive, tmp_path / "app.eif")
    files = read_cpio(Eif(tmp_path / "app.eif").all(RAMDISK)[1])
    names = list(files)
    assert names[0] == "rootfs" and names[-3:] == ["cmd", "env", "process"]
    assert "rootfs/bin/old" not in files and "rootfs/bin/.wh.old" not in files
    new = files["rootfs/bin/new"]
    assert (new["data"], new["uid"], new["gid"], new["mode"]) == (b"new", 5, 6, stat.S_IFREG | 0o4711)
    assert files["rootfs/bin/sh"]["data"] == b"app"
    app, same = files["rootfs/bin/app"], files["rootfs/bin/same"]
    assert app["ino"] == same["ino"] and app["nlink"] == same["nlink"] == 2
    assert (app["data"], same["data"]) == (b"", b"#!app\n" * 1000)
    assert app["mtime"] == 1700000000
    assert stat.S_ISDIR(files["rootfs/srv/data"]["mode"])


def test_process_follows_the_image_configuration(tmp_path, blobs, archive):
    build(blobs, archive, tmp_path / "app.eif")
    files = read_cpio(Eif(tmp_path / "app.eif").all(RAMDISK)[1])
    records = files["process"]["data"].decode().split("\0")
    assert records == ["arg=/bin/app", "arg=one", "arg=two\nlines", "env=A=b", "env=C=d\ne",
                       "env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "env=HOME=/home/app", "cwd=/srv/data", "uid=1000", "gid=100", "group=200", ""]
    assert files["cmd"]["data"] == b"/bin/app\none\ntwo\nlines\n"
    assert files["env"]["data"].startswith(b"A=b\nC=d\ne\n")


def test_cpio_unpacks_both_ramdisks(tmp_path, blobs, archive):
    if shutil.which("cpio") is None:
        pytest.skip("cpio is not installed")
    build(blobs, archive, tmp_path / "app.eif")
    for i, ramdisk in enumerate(Eif(tmp_path / "app.eif").all(RAMDISK)):
        where = tmp_path / f"ram{i}"
        where.mkdir()
        subprocess.run(["cpio", "-id", "--quiet", "--no-preserve-owner"], input=ramdisk, cwd=where, check=True)
    root = tmp_path / "ram1" / "rootfs"
    assert os.stat(root / "bin/app").st_ino == os.stat(root / "bin/same").st_ino
    assert (root / "bin/app").read_bytes() == b"#!app\n" * 1000
    assert os.readlink(root / "bin/sh") == "app"
    assert (tmp_path / "ram0" / "modules" / "01-b.ko").read_bytes() == b"b"


def test_metadata_says_where_it_comes_from(tmp_path, blobs, archive):
    build(blobs, archive, tmp_path / "app.eif")
    eif = Eif(tmp_path / "app.eif")
    metadata = eif.metadata()
    assert list(metadata) == ["ImageName", "ImageVersion", "BuildMetadata", "DockerInfo", "CustomMetadata"]
    assert metadata["ImageName"] == "acme/app"
    assert "sha256:" + metadata["ImageVersion"] == metadata["DockerInfo"]["Id"]
    assert metadata["BuildMetadata"] == {
        "BuildTime": "2024-01-02T03:04:05+00:00", "BuildTool": "nitro-cli", "BuildToolVersion": "1.5.0",
        "OperatingSystem": "Linux", "KernelVersion": "6.12.57"}
    assert list(metadata["BuildMetadata"])[0] == "BuildTime"
    info = metadata["DockerInfo"]
    assert info["Architecture"] == "amd64" and info["Config"]["Entrypoint"] == ["/bin/app"]
    assert list(info) == sorted(info) and list(info["Config"]) == sorted(info["Config"])
    assert metadata["CustomMetadata"] is None
    assert b" " not in eif.all(METADATA)[0].replace(b"two\\nlines", b"").split(b'"DockerInfo"')[0]


def test_same_input_gives_the_same_bytes_anywhere(tmp_path, blobs, archive):
    build(blobs, archive, tmp_path / "one.eif")
    one = (tmp_path / "one.eif").read_bytes()
    build(blobs, archive, tmp_path / "two.eif")
    assert (tmp_path / "two.eif").read_bytes() == one
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    shutil.copytree(blobs, elsewhere / "b")
    shutil.copy(archive, elsewhere / "renamed.tar")
    os.utime(elsewhere / "b" / "init", (1, 1))
    build("b", "renamed.tar", "three.eif", cwd=elsewhere, umask=0o077,
          env={"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"})
    assert (elsewhere / "three.eif").read_bytes() == one


def test_source_date_epoch_sets_the_build_time_alone(tmp_path, blobs, archive):
    build(blobs, archive, tmp_path / "one.eif")
    build(blobs, archive, tmp_path / "two.eif", env={"SOURCE_DATE_EPOCH": "86400"})
    one, two = Eif(tmp_path / "one.eif"), Eif(tmp_path / "two.eif")
    assert two.metadata()["BuildMetadata"]["BuildTime"] == "1970-01-02T00:00:00+00:00"
    assert one.pcrs() == two.pcrs()
    done = build(blobs, archive, tmp_path / "two.eif", env={"SOURCE_DATE_EPOCH": "soon"}, check=48)
    assert_failure(done, 48, "SOURCE_DATE_EPOCH")


def test_names_and_versions(tmp_path, blobs):
    def name_of(tag, *more):
        digest = docker_archive(tmp_path / "i.tar", app_layers(), CONFIG, tag=tag)
        build(blobs, tmp_path / "i.tar", tmp_path / "i.eif", *more)
        metadata = Eif(tmp_path / "i.eif").metadata()
        return metadata["ImageName"], metadata["ImageVersion"], digest

    assert name_of("app:latest")[0] == "app"
    # A registry's port is not a tag.
    assert name_of("reg.example:5000/team/app:1")[0] == "reg.example:5000/team/app"
    name, version, digest = name_of(None)
    assert (name, version) == (digest[:12], digest)
    assert name_of("app:1", "--name", "mine", "--version", "7")[:2] == ("mine", "7")


def test_custom_metadata_is_kept_and_flattened(tmp_path, blobs, archive):
    custom = tmp_path / "custom.json"
    custom.write_text('{"Team": "acme", "N": [1, {"x": null}]}')
    build(blobs, archive, tmp_path / "app.eif", "--metadata", custom)
    assert Eif(tmp_path / "app.eif").metadata()["CustomMetadata"] == {"Team": "acme", "N": [1, {"x": None}]}
    shown = describe(tmp_path / "app.eif")["Metadata"]
    assert shown["Team"] == "acme" and "CustomMetadata" not in shown
    # A name that is taken must not make two equal keys, nor hide what the builder says.
    custom.write_text('{"BuildTime": "never"}')
    build(blobs, archive, tmp_path / "app.eif", "--metadata", custom)
    shown = describe(tmp_path / "app.eif")["Metadata"]
    assert shown["CustomMetadata"] == {"BuildTime": "never"} and shown["BuildTime"].startswith("2024")
    custom.write_text('"just text"')
    build(blobs, archive, tmp_path / "app.eif", "--metadata", custom)
    assert describe(tmp_path / "app.eif")["Metadata"]["CustomMetadata"] == "just text"


@pytest.mark.parametrize("text", ['{"v":1.1,"w":[0.1,-2.5e-07,1e+300]}', '{"v":0.30000000000000004}', "9007199254740993", "0.5"])
def test_numbers_are_kept_as_they_are_written(tmp_path, blobs, archive, text):
    custom = tmp_path / "custom.json"
    custom.write_text(text)
    build(blobs, archive, tmp_path / "app.eif", "--metadata", custom)
    section = Eif(tmp_path / "app.eif").all(METADATA)[0].decode()
    kept = section.split('"CustomMetadata":')[1][:-1]
    assert json.loads(kept) == json.loads(text) and len(kept) <= len(text) + 2, kept


@pytest.mark.parametrize("text,code,word", [("{", 48, "line 1"), ('{"a":1,"a":2}', 48, "duplicate"),
                                            ('"' + "x" * 4096 + '"', 48, "4096")])
def test_bad_custom_metadata_is_refused(tmp_path, blobs, archive, text, code, word):
    custom = tmp_path / "custom.json"
    custom.write_text(text)
    assert_failure(build(blobs, archive, tmp_path / "app.eif", "--metadata", custom, check=code), code, word)


def test_lost_attributes_are_reported(tmp_path, blobs):
    members = [("bin/ping", {"data": b"ping", "pax_headers": {"SCHILY.xattr.security.capability": "cap"}})]
    docker_archive(tmp_path / "x.tar", [layer(members)], CONFIG | {"User": ""})
    done = build(blobs, tmp_path / "x.tar", tmp_path / "x.eif")
    assert "warning: 1 file(s) lose extended attributes" in done.stderr
    assert "/bin/ping (security.capability)" in done.stderr


def test_names_of_an_image_do_not_reach_the_terminal_raw(tmp_path, blobs):
    odd = "p\x1b[31m\n\x7f\u009b2J"
    capability = {"SCHILY.xattr.security.capability": "cap"}
    docker_archive(tmp_path / "x.tar", [layer([(odd, {"data": b"", "pax_headers": capability})])], CONFIG | {"User": ""})
    done = build(blobs, tmp_path / "x.tar", tmp_path / "x.eif")
    assert "the first is /p?[31m????2J (security.capability)\n" in done.stderr
    docker_archive(tmp_path / "x.tar", [layer([(odd + "/../x", {"data": b""})])], CONFIG)
    done = build(blobs, tmp_path / "x.tar", tmp_path / "x.eif", check=48)
    assert '"p?[31m????2J/../x" contains ".."' in done.stderr


# --- building: what goes wrong ---


def files_of(directory):
    return sorted(p.name for p in directory.iterdir())


def test_failed_builds_leave_the_previous_image(tmp_path, blobs, archive):
    out = tmp_path / "out"
    out.mkdir()
    (out / "app.eif").write_text("previous")
    archive.write_bytes(archive.read_bytes()[:9000])
    assert build(blobs, archive, out / "app.eif", check=None).returncode in (19, 48)
    (blobs / "init").unlink()
    assert build(blobs, archive, out / "app.eif", check=None).returncode in (19, 48)
    assert (out / "app.eif").read_text() == "previous"
    assert files_of(out) == ["app.eif"]


def limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, resource.RLIM_INFINITY))


def test_a_file_size_limit_is_a_write_error(tmp_path, blobs, archive):
    out = tmp_path / "out"
    out.mkdir()
    done = build(blobs, archive, out / "app.eif", check=19, preexec_fn=limit_file_size)
    assert_failure(done, 19, "app.eif", "File too large", "--output-file")
    assert files_of(out) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path, blobs, archive):
    out = tmp_path / "full"
    out.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", out], check=False,
                             stderr=subprocess.DEVNULL)
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        done = build(blobs, archive, out / "app.eif", check=19)
        assert_failure(done, 19, "app.eif", "No space left on device", "free some space")
        assert files_of(out) == []
    finally:
        subprocess.run(["umount", out], check=True)


def test_other_architectures_are_refused(tmp_path, blobs, archive):
    docker_archive(tmp_path / "arm.tar", app_layers(), CONFIG, architecture="arm64")
    assert_failure(build(blobs, tmp_path / "arm.tar", tmp_path / "a.eif", check=48), 48, "arm64")
    for kernel, words in ((b"MZ" + bytes(1000), ["x86_64"]), (bzimage(4096)[:4000], ["cut off", "4000", "4096"]), (b"", ["x86_64"])):
        (blobs / "bzImage").write_bytes(kernel)
        done = build(blobs, archive, tmp_path / "a.eif", check=None)
        assert_failure(done, 48, "bzImage", *words)


@pytest.mark.parametrize("missing", ["bzImage", "cmdline", "init"])
def test_missing_blobs_are_named(tmp_path, blobs, archive, missing):
    (blobs / missing).unlink()
    assert_failure(build(blobs, archive, tmp_path / "a.eif", check=19), 19, missing, "No such file")
    assert not (tmp_path / "a.eif").exists()


def test_bad_outputs_and_sources(tmp_path, blobs, archive):
    assert_failure(build(blobs, archive, tmp_path / "no" / "a.eif", check=19), 19, "no/a.eif")
    assert_failure(build(blobs, archive, "/dev/null", check=19), 19, "not a regular file")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert_failure(build(blobs, tmp_path / "none.tar", tmp_path / "a.eif", check=19), 19, "none.tar")


def test_bad_signing_material_is_found_before_the_image_is_read(tmp_path, blobs):
    key, cert = make_key(tmp_path, "secp384r1")
    other_key, _ = make_key(tmp_path, "secp384r1", "other")
    rsa = tmp_path / "rsa.key"
    subprocess.run(["openssl", "genrsa", "-out", rsa, "2048"], check=True, stderr=subprocess.DEVNULL)
    cases = [(tmp_path / "none.key", cert, "none.key"), (key, tmp_path / "none.pem", "none.pem"),
             (other_key, cert, "another key"), (rsa, cert, "private key"), (key, key, "not a PEM certificate"),
             ("arn:aws:kms:x:1:key/1", cert, "KMS")]
    for bad_key, bad_cert, word in cases:
        done = build(blobs, tmp_path / "not-even-there.tar", tmp_path / "a.eif", "--signing-certificate", bad_cert,
                     "--private-key", bad_key, check=48)
        assert_failure(done, 48, word)
        assert not (tmp_path / "a.eif").exists()


def test_no_blobs_directory_is_explained(tmp_path, archive):
    done = run("build-enclave", "--docker-uri", f"docker-archive:{archive}", "--output-file", tmp_path / "a.eif",
               env={"NITRO_CLI_BLOBS": "", "REDOUBT_SHARE": str(tmp_path / "none")}, check=52)
    assert_failure(done, 52, "NITRO_CLI_BLOBS")


# --- signatures ---


def unpack_signature(section):
    (entry,) = cbor2.loads(section)
    assert list(entry) == ["signing_certificate", "signature"]
    assert all(isinstance(v, list) for v in entry.values())
    return bytes(entry["signing_certificate"]), bytes(entry["signature"])


@pytest.mark.parametrize("curve", CURVES)
def test_signatures_verify_independently(tmp_path, blobs, archive, curve):
    key, cert = make_key(tmp_path, curve)
    done = build(blobs, archive, tmp_path / "app.eif", "--signing-certificate", cert, "--private-key", key)
    eif = Eif(tmp_path / "app.eif")
    assert eif.sections[-1][0] == SIGNATURE
    pem, cose = unpack_signature(eif.all(SIGNATURE)[0])
    assert pem == cert.read_bytes()
    protected, unprotected, payload, signature = cbor2.loads(cose)
    alg, digest, width = CURVES[curve]
    assert (cbor2.loads(protected), unprotected) == ({1: alg}, {})
    assert cbor2.loads(payload) == {"register_index": 0,
                                    "register_value": list(bytes.fromhex(eif.pcrs()["PCR0"]))}
    certificate = x509.load_pem_x509_certificate(pem)
    r, s = int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")
    assert len(signature) == 2 * width
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    certificate.public_key().verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(digest))
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert json.loads(done.stdout)["Measurements"]["PCR8"] == extend(der)

    described = describe(tmp_path / "app.eif")
    assert list(described) == ["EifVersion", "Measurements", "IsSigned", "SigningCertificate", "CheckCRC",
                               "SignatureCheck", "ImageName", "ImageVersion", "Metadata"]
    assert described["IsSigned"] and described["CheckCRC"] and described["SignatureCheck"]
    assert described["Measurements"]["PCR8"] == extend(der)
    shown = described["SigningCertificate"]
    assert list(shown) == ["IssuerName", "Algorithm", "NotBefore", "NotAfter", "Signature"]
    assert list(shown["IssuerName"].items()) == [("commonName", "acme-signer"), ("countryName", "XX"),
                                                 ("organizationName", "Acme"), ("organizationalUnitName", "last")]
    assert shown["Algorithm"] == "ecdsa-with-SHA256"
    assert shown["Signature"] == ":".join("%02X" % b for b in certificate.signature)
    text = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-startdate", "-enddate"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    assert f"notBefore={shown['NotBefore']}\nnotAfter={shown['NotAfter']}\n" == text


def test_signing_changes_no_measurement_but_pcr8(tmp_path, blobs, archive):
    key, cert = make_key(tmp_path, "secp384r1")
    build(blobs, archive, tmp_path / "plain.eif")
    build(blobs, archive, tmp_path / "signed.eif", "--signing-certificate", cert, "--private-key", key)
    assert Eif(tmp_path / "plain.eif").pcrs() == Eif(tmp_path / "signed.eif").pcrs()
    assert Eif(tmp_path / "plain.eif").sections == Eif(tmp_path / "signed.eif").sections[:-1]


def test_sign_eif_adds_and_replaces(tmp_path, blobs, archive):
    image = tmp_path / "app.eif"
    build(blobs, archive, image)
    sections = Eif(image).sections
    for curve in ("prime256v1", "secp521r1", "prime256v1"):
        key, cert = make_key(tmp_path, curve, curve)
        done = run("sign-eif", "--eif-path", image, "--signing-certificate", cert, "--private-key", key, check=0)
        assert done.stderr == "Enclave Image successfully signed.\n"
        # The strict reader also shows that the size in the header's table follows (bug B-11).
        eif = Eif(image)
        assert eif.sections[:-1] == sections
        described = describe(image)
        assert described["SignatureCheck"]
        assert json.loads(done.stdout)["Measurements"] == described["Measurements"]


def test_sign_eif_refusals(tmp_path, blobs, archive):
    image = tmp_path / "app.eif"
    key, cert = make_key(tmp_path, "secp384r1")
    build(blobs, archive, image)
    assert_failure(run("sign-eif"), 1, "--eif-path")
    assert_failure(run("sign-eif", "--eif-path", image), 60, "--private-key")
    assert run("sign-eif", "--eif-path", image, "--private-key", key).returncode == 2
    before = bytearray(image.read_bytes())
    before[-1] ^= 1
    image.write_bytes(before)
    done = run("sign-eif", "--eif-path", image, "--signing-certificate", cert, "--private-key", key)
    assert_failure(done, 35, "checksum")
    assert image.read_bytes() == before


def test_a_signature_of_another_image_is_reported(tmp_path, blobs, archive):
    key, cert = make_key(tmp_path, "secp384r1")
    build(blobs, archive, tmp_path / "a.eif", "--signing-certificate", cert, "--private-key", key)
    sections = Eif(tmp_path / "a.eif").sections
    (tmp_path / "b.eif").write_bytes(assemble(SYNTHETIC + [sections[-1]]))
    described = describe(tmp_path / "b.eif")
    assert described["IsSigned"] and described["CheckCRC"] and described["SignatureCheck"] is False


def test_a_broken_signature_fails(tmp_path, blobs, archive):
    key, cert = make_key(tmp_path, "secp384r1")
    build(blobs, archive, tmp_path / "a.eif", "--signing-certificate", cert, "--private-key", key)
    sections = Eif(tmp_path / "a.eif").sections
    pem, cose = unpack_signature(sections[-1][1])
    broken = bytearray(cose)
    broken[-1] ^= 1
    section = cbor2.dumps([{"signing_certificate": list(pem), "signature": list(broken)}])
    (tmp_path / "b.eif").write_bytes(assemble(sections[:-1] + [(SIGNATURE, section)]))
    assert_failure(run("describe-eif", "--eif-path", tmp_path / "b.eif"), 35, "b.eif", "does not verify")
    section = cbor2.dumps([{"signing_certificate": pem, "signature": cose}])
    (tmp_path / "b.eif").write_bytes(assemble(sections[:-1] + [(SIGNATURE, section)]))
    assert_failure(run("describe-eif", "--eif-path", tmp_path / "b.eif"), 35, "signature section")


# --- describing ---


def test_the_synthetic_image_of_the_specification(tmp_path):
    image = tmp_path / "synthetic.eif"
    image.write_bytes(assemble(SYNTHETIC))
    assert image.stat().st_size == 637
    assert struct.unpack(">I", image.read_bytes()[544:548])[0] == 0x966cfe6b
    described = describe(image)
    assert described["Measurements"]["PCR0"].startswith("545bfd6f8627a970")
    assert described["Measurements"] == dict({"HashAlgorithm": "Sha384 { ... }"}, **Eif(image).pcrs())
    # Metadata without a single key is what QEMU's images have.
    assert described["Metadata"] == {} and "ImageName" not in described


def test_one_ramdisk_old_versions_and_aarch64(tmp_path):
    image = tmp_path / "i.eif"
    image.write_bytes(assemble(SYNTHETIC[:4], flags=1))
    assert describe(image)["Measurements"]["PCR2"].startswith("21b9efbc184807662e966d34f390821309eeac68")
    image.write_bytes(assemble([SYNTHETIC[0], SYNTHETIC[1], SYNTHETIC[3]], version=3))
    described = describe(image)
    assert described["EifVersion"] == 3 and "Metadata" not in described


def test_a_wrong_checksum_is_reported_with_success(tmp_path):
    image = tmp_path / "i.eif"
    data = bytearray(assemble(SYNTHETIC))
    data[-1] ^= 1
    image.write_bytes(data)
    assert describe(image)["CheckCRC"] is False


def overlapping():
    data = bytearray(assemble(SYNTHETIC))
    struct.pack_into(">Q", data, 28 + 8, 560)
    return data


@pytest.mark.parametrize("data,word", [
    (b"", "ends after 0 bytes"),
    (b"\x7fELF" + bytes(1000), "not an enclave image"),
    (assemble(SYNTHETIC)[:600], "ends after 600 of 637 bytes"),
    (assemble(SYNTHETIC) + b"x", "follow the last section"),
    (overlapping(), "overlap"),
    (assemble(SYNTHETIC[1:]), "before the kernel"),
    (assemble(SYNTHETIC[:3]), "no ramdisk"),
    (assemble(SYNTHETIC + SYNTHETIC[:1]), "second kernel"),
    (assemble(SYNTHETIC, version=1), "version 1"),
    (assemble(SYNTHETIC + [(9, b"?")]), "type 9"),
    (assemble(SYNTHETIC[:2] + [(METADATA, b"[]")] + SYNTHETIC[3:]), "not a JSON object"),
    (assemble(SYNTHETIC[:2] + [(METADATA, b"{")] + SYNTHETIC[3:]), "not JSON"),
])
def test_what_is_no_image_is_refused_by_name(tmp_path, data, word):
    image = tmp_path / "bad.eif"
    image.write_bytes(data)
    assert_failure(run("describe-eif", "--eif-path", image), 35, "bad.eif", word)


def test_unreadable_files_are_named(tmp_path):
    assert_failure(run("describe-eif", "--eif-path", tmp_path / "none"), 19, "none", "No such file")
    assert_failure(run("describe-eif", "--eif-path", tmp_path), 19, "Is a directory")


# --- the rest ---


def test_pcr_of_files_and_certificates(tmp_path):
    key, cert = make_key(tmp_path, "secp384r1")
    del key
    (tmp_path / "f").write_bytes(b"x" * 1_000_000)
    assert run("pcr", "--input", tmp_path / "f", check=0).stdout == '{\n  "PCR": "%s"\n}\n' % extend(b"x" * 1_000_000)
    der = x509.load_pem_x509_certificate(cert.read_bytes()).public_bytes(serialization.Encoding.DER)
    assert json.loads(run("pcr", "--signing-certificate", cert, check=0).stdout) == {"PCR8": extend(der)}
    assert_failure(run("pcr", "--signing-certificate", tmp_path / "f"), 19)
    (tmp_path / "f").write_bytes(b"no certificate")
    assert_failure(run("pcr", "--signing-certificate", tmp_path / "f"), 57, "not a PEM certificate")
    assert run("pcr", "--signing-certificate", cert, "--input", cert).returncode == 2


@pytest.mark.parametrize("args", [
    [], ["no-such-command"], ["build-enclave"], ["describe-eif"], ["describe-eif", "--eif-path"],
    ["describe-eif", "--eif-path", "a", "--eif-path", "b"], ["describe-eif", "-x"], ["describe-eif", "extra"],
    ["build-enclave", "--docker-uri", "a", "--output-file", "b", "--private-key", "k"], ["explain"]])
def test_usage_errors_exit_2(args):
    done = run(*args, check=2)
    assert done.stdout == "" and "Usage: nitro-cli" in done.stderr


def test_version_and_help():
    assert run("--version", check=0).stdout == "Nitro CLI 1.5.0\n"
    assert run("-V", check=0).stdout == "Nitro CLI 1.5.0\n"
    commands = run("--help", check=0).stdout
    for name in ("build-enclave", "describe-eif", "explain", "pcr", "sign-eif"):
        assert name in commands
        assert "Usage: nitro-cli " + name in run(name, "--help", check=0).stdout
        assert run("help", name, check=0).stdout == run(name, "-h", check=0).stdout


def test_explain_knows_every_code():
    for number in range(61):
        done = run("explain", "--error-code", f"E{number:02d}", check=0)
        assert done.stdout == "" and done.stderr.startswith(f"[ E{number:02d} ] ")
    assert "No such error code" in run("explain", "--error-code", "E61", check=0).stderr
    assert "No such error code" in run("explain", "--error-code", "e19", check=0).stderr


def test_log_is_kept_where_it_can_be(tmp_path):
    done = run("describe-eif", "--eif-path", tmp_path / "none", env={"NITRO_CLI_LOGS_PATH": str(tmp_path)}, check=19)
    (error_file,) = [p for p in tmp_path.iterdir() if p.name.startswith("err")]
    assert str(error_file) in done.stderr
    assert "[ E19 ]" in error_file.read_text()
    assert "[nitro-cli:" in (tmp_path / "nitro_enclaves.log").read_text()


def test_closed_output_is_an_error(tmp_path):
    (tmp_path / "i.eif").write_bytes(assemble(SYNTHETIC))
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([os.environ["NITRO_CLI"], "describe-eif", "--eif-path", tmp_path / "i.eif"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 19 and "No space left on device" in done.stderr
