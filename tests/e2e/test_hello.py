# SPDX-License-Identifier: Apache-2.0
"""From a container image to a verified document, with the example; every step's output as nitro-cli has it."""

import json
import os
import pathlib
import re
import secrets
import shutil

import images
import pytest
from document import Document

MEASUREMENTS = {"HashAlgorithm": str, "PCR0": str, "PCR1": str, "PCR2": str}
STARTED = {"EnclaveName": str, "EnclaveID": str, "ProcessID": int, "EnclaveCID": int, "NumberOfCPUs": int,
           "CPUIDs": list, "MemoryMiB": int}
DESCRIBED = {**STARTED, "State": str, "Flags": str, "Measurements": dict}
WITH_METADATA = {**DESCRIBED, "ImageName": str, "ImageVersion": str, "Metadata": dict}
ENDED = {**DESCRIBED, "ExitReason": str, "ExitStatus": int, "StartTime": str, "EndTime": str}
TERMINATED = {"EnclaveName": str, "EnclaveID": str, "Terminated": bool}
DESCRIBED_EIF = {"EifVersion": int, "Measurements": dict, "IsSigned": bool, "CheckCRC": bool, "ImageName": str,
                 "ImageVersion": str, "Metadata": dict}


def parse(done):
    """Standard output, which is one JSON value as nitro-cli writes it."""
    value = json.loads(done.stdout)
    assert done.stdout.decode() == json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return value


def assert_shape(value, shape):
    assert list(value) == list(shape)
    for key, kind in shape.items():
        assert type(value[key]) is kind, key  # pylint: disable=unidiomatic-typecheck (a bool is an int)


def hello_parent(host, enclave, nonce):
    output = host.path("hello.bin")
    host.run("share/redoubt/examples/hello-attest/hello-parent", host.enclave_dir(enclave), nonce.hex(), output)
    return pathlib.Path(output).read_bytes()


def check_start(host, eif):
    done = host.nitro_cli("run-enclave", "--eif-path", eif, "--cpu-count", 2, "--memory", "256M")
    enclave = parse(done)
    assert_shape(enclave, STARTED)
    assert enclave["EnclaveName"] == "hello" and enclave["MemoryMiB"] == 256
    assert enclave["NumberOfCPUs"] == len(enclave["CPUIDs"]) == 2
    assert re.fullmatch(r"i-[0-9a-f]{17}-enc[1-9a-f][0-9a-f]*", enclave["EnclaveID"])
    assert enclave["ProcessID"] in host.processes()
    a, b = enclave["CPUIDs"]
    assert done.stderr.decode() == (
        "Start allocating memory...\n"
        f"Started enclave with enclave-cid: {enclave['EnclaveCID']}, memory: 256 MiB, cpu-ids: [{a}, {b}]\n")
    return enclave


def check_description(host, enclave, built):
    done = host.nitro_cli("describe-enclaves")
    (described,) = parse(done)
    assert done.stderr == b""
    assert_shape(described, DESCRIBED)
    assert_shape(described["Measurements"], MEASUREMENTS)
    assert {key: described[key] for key in STARTED} == enclave
    assert (described["State"], described["Flags"]) == ("RUNNING", "NONE")
    assert described["Measurements"] == built["Measurements"]
    (full,) = parse(host.nitro_cli("describe-enclaves", "--metadata"))
    assert_shape(full, WITH_METADATA)
    assert list(full["Metadata"])[:5] == ["BuildTime", "BuildTool", "BuildToolVersion", "OperatingSystem",
                                          "KernelVersion"]


def check_document(host, raw, nonce, built, tmp_path):
    document = Document(raw, host.root_pem)
    document.check(tmp_path)
    pcrs = {f"PCR{n}": document.doc["pcrs"][n].hex() for n in range(3)}
    assert pcrs == {key: built["Measurements"][key] for key in pcrs}
    assert document.doc["nonce"] == nonce and document.doc["user_data"] == b"hello from the enclave"
    assert document.doc["public_key"] is None
    wanted = [word for n in range(3) for word in ("--pcr", f"{n}={pcrs[f'PCR{n}']}")]
    done = host.verify(raw, "--nonce", nonce.hex(), "--max-age", 300, *wanted)
    assert b"the document is genuine" in done.stdout
    host.verify(raw, "--nonce", secrets.token_bytes(32).hex(), check=62)
    host.verify(raw, "--pcr", f"0={pcrs['PCR1']}", check=64)
    host.verify(raw[:-1] + bytes([raw[-1] ^ 1]), check=50)


def test_image_to_verified_document(any_host, tmp_path):
    host = any_host
    eif, built = images.hello(host)
    assert_shape(built, {"Measurements": dict})
    assert_shape(built["Measurements"], MEASUREMENTS)
    described_eif = parse(host.nitro_cli("describe-eif", "--eif-path", eif))
    assert_shape(described_eif, DESCRIBED_EIF)
    assert described_eif["Measurements"] == built["Measurements"]

    enclave = check_start(host, eif)
    check_description(host, enclave, built)
    nonce = secrets.token_bytes(32)
    check_document(host, hello_parent(host, enclave, nonce), nonce, built, tmp_path)

    # The example is done when it has answered: a normal end.
    ended = host.ended(enclave)
    assert_shape(ended, ENDED)
    assert (ended["State"], ended["ExitStatus"], ended["ProcessID"]) == ("TERMINATED", 0, 0)
    assert ended["ExitReason"] == "the application exited with code 0"
    assert ended["StartTime"] < ended["EndTime"]
    assert parse(host.nitro_cli("describe-enclaves")) == []


def test_terminate_speaks_as_nitro_cli_does(host):
    eif, _ = images.hello(host)
    first, second = [host.start(eif) for _ in range(2)]
    assert [e["EnclaveName"] for e in (first, second)] == ["hello", "hello_1"]
    done = host.nitro_cli("terminate-enclave", "--enclave-name", "hello_1")
    assert_shape(parse(done), TERMINATED)
    assert parse(done) == {"EnclaveName": "hello_1", "EnclaveID": second["EnclaveID"], "Terminated": True}
    assert done.stderr.decode() == f"Successfully terminated enclave {second['EnclaveID']}.\n"
    ended = host.ended(second)
    assert ended["ExitStatus"] is None and ended["ExitReason"].startswith("terminated")
    done = host.nitro_cli("terminate-enclave", "--all")
    assert parse(done) == [{"EnclaveName": "hello", "EnclaveID": first["EnclaveID"], "Terminated": True}]
    assert parse(host.nitro_cli("terminate-enclave", "--all")) == []
    assert host.nitro_cli("terminate-enclave", "--enclave-id", first["EnclaveID"], check=11).stdout == b""
    assert host.nitro_cli("terminate-enclave", "--enclave-name", "hello", check=58).stdout == b""


@pytest.mark.parametrize("source", ["archive", "directory"])
def test_same_image_same_bytes(host, tmp_path, source):
    """Built twice, and from another path at another time."""
    if source == "archive":
        first = images.make(host, "a", images.guest_members(host), {"Entrypoint": ["/guest"]})
        other = tmp_path / "elsewhere" / "b.tar"
        other.parent.mkdir()
        shutil.copyfile(first.split(":", 1)[1], other)
        builds = [["--docker-uri", uri] for uri in (first, first, f"docker-archive:{other}")]
    else:
        example = os.path.join(host.out, "share", "redoubt", "examples", "hello-attest")
        other = tmp_path / "elsewhere"
        shutil.copytree(example, other, copy_function=shutil.copyfile)
        (other / "hello-attest").chmod(0o755)
        builds = [["--docker-dir", path, "--docker-uri", "hello-attest"] for path in (example, example, other)]
    outputs = []
    for number, words in enumerate(builds):
        outputs.append(pathlib.Path(host.path(f"{number}.eif")))
        host.json("build-enclave", *words, "--output-file", outputs[-1])
    first = outputs[0].read_bytes()
    assert len(first) > 1_000_000
    assert all(path.read_bytes() == first for path in outputs[1:])
