# SPDX-License-Identifier: Apache-2.0
"""`redoubt evidence`: folders of logs, documents and heads that were all made without our code."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import cbor2
import eif_support
import pytest
from audit_log import SEGMENT0, sha256, sign_head, spki_of, write_log
from cryptography.hazmat.primitives.asymmetric import ec
from document_maker import Maker

REDOUBT = os.environ["REDOUBT"]
PROOFS = ["files", "log", "records", "witness", "documents", "policy", "kms-log", "no-card-number"]
VISA = "4111111111111111"


def record(n, **more):
    return json.dumps({"eventTime": "2026-01-01T00:00:00Z", "eventName": "Authorise", "userIdentity": {"userName": "shop"},
                       "sourceIPAddress": "192.0.2.7", "resources": [{"payment": f"p{n}"}], **more}).encode()


class Folder:
    """What a folder is made of, and the folder."""

    def __init__(self, path):
        self.path, self.log = path, path / "source"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.maker = Maker(str(path))
        kernel, command, ramdisk = eif_support.bzimage(), b"console=none", b"0707"
        self.image = path / "app.eif"
        self.image.write_bytes(eif_support.assemble([
            (eif_support.KERNEL, kernel), (eif_support.CMDLINE, command),
            (eif_support.METADATA, b"{}"), (eif_support.RAMDISK, ramdisk)]))
        self.pcr0 = eif_support.extend(kernel + command + ramdisk)
        self.maker.pcrs[0] = bytes.fromhex(self.pcr0)
        self.documents = [self.document()]
        self.records = [record(0), record(1, errorCode="Declined"), record(2)]
        self.witnessed = [self.records[:1], self.records]

    def document(self, **changes):
        data = cbor2.dumps({"app": "payments", "version": 1, "log": sha256(spki_of(self.key))})
        return self.maker.document(**{"user_data": data, **changes})

    def policy(self, pcr0):
        return {"Version": "2012-10-17", "Statement": [
            {"Sid": "App", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/app"},
             "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*",
             "Condition": {"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": pcr0}}}]}

    def write(self):
        shutil.rmtree(self.log, ignore_errors=True)
        named = [json.dumps({**json.loads(r), "additionalEventData": {"recipient": {
            "attestationDocumentSha256": hashlib.sha256(self.documents[0]).hexdigest()}}}).encode()
                 if i == 0 and self.documents else r for i, r in enumerate(self.records)]
        self.records = named
        write_log(self.log, self.key, [named])
        (self.log / "documents").mkdir()
        (self.log / "lock").touch()
        for document in self.documents:
            (self.log / "documents" / hashlib.sha256(document).hexdigest()).write_bytes(document)
        lines = [f"2026-01-01T00:00:0{i}Z {base64.b64encode(sign_head(self.key, 1767225600000 + i, named[:len(part)])).decode()}\n"
                 for i, part in enumerate(self.witnessed)]
        (self.path / "witness.log").write_text("".join(lines))
        (self.path / "policy.json").write_text(json.dumps(self.policy(self.pcr0)))

    def make(self, *more, name="evidence"):
        return run("make", "--log", self.log, "--root", self.maker.root, "--image", self.image, "--witness",
                   self.path / "witness.log", "--policy", self.path / "policy.json", *more, self.path / name)


def run(*args):
    return subprocess.run([REDOUBT, "evidence", *map(str, args)], capture_output=True, text=True, timeout=120, check=False)


def verify(folder, root):
    """{proof: (outcome, detail)}, and the exit code."""
    done = run("verify", "--json", "--root", root, folder)
    assert "Sanitizer" not in done.stderr, done.stderr
    result = json.loads(done.stdout)
    assert result["verified"] == (done.returncode == 0) and len(result["notClaimed"]) >= 5
    assert [p["name"] for p in result["proofs"]] == PROOFS and all(p["pciDss"] for p in result["proofs"])
    return {p["name"]: (p["outcome"], p["detail"]) for p in result["proofs"]}, done.returncode


@pytest.fixture(name="source")
def source_fixture(tmp_path):
    made = Folder(tmp_path)
    made.write()
    return made


@pytest.fixture(name="folder")
def folder_fixture(source):
    done = source.make()
    assert done.returncode == 0, (done.stdout, done.stderr)
    return source.path / "evidence"


def test_all_holds_and_nothing_is_missing(source, folder):
    proofs, code = verify(folder, source.maker.root)
    assert code == 0
    assert {name: outcome for name, (outcome, _) in proofs.items()} == {
        **dict.fromkeys(PROOFS, "holds"), "kms-log": "absent"}
    assert proofs["log"][1] == "3 records under 1 signed heads" and proofs["witness"][1] == "2 heads"
    assert proofs["documents"][1] == "1 documents"
    assert not (folder / "log" / "lock").exists() and not pathlib.Path(f"{folder}.new").exists()
    readme = (folder / "README.txt").read_text()
    assert "redoubt evidence verify" in readme and "no hardware security module" in readme
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["images"][0]["PCR0"] == source.pcr0
    # A folder is made once.
    again = source.make()
    assert again.returncode == 1 and "there already" in again.stderr
    # And one with redoubt-kms's log.
    with_kms = source.make("--kms-log", source.log, name="both")
    assert with_kms.returncode == 0 and "kms-log" in with_kms.stdout, with_kms.stderr


def failing(folder, source):
    proofs, code = verify(folder, source.maker.root)
    failed = [name for name in PROOFS if proofs[name][0] == "fails"]
    assert failed and code == 10 + PROOFS.index(failed[0])
    return {name: proofs[name][1] for name in failed}


def relist(folder):
    """What whoever alters a folder does to its manifest, too."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
                         for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_every_file_is_watched(source, folder):
    for path in [p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"]:
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert "was altered" in failing(folder, source)["files"]
        path.unlink()
        assert "are missing" in failing(folder, source)["files"]
        path.write_bytes(data)
    (folder / "more").touch()
    assert failing(folder, source) == {"files": "more: is not in the manifest"}
    (folder / "more").unlink()
    (folder / "link").symlink_to("/etc/passwd")
    assert "files" in failing(folder, source)


def test_a_log_that_was_altered(source, folder):
    log = folder / "log" / f"log-{SEGMENT0}"
    log.write_bytes(log.read_bytes().replace(b'"p1"', b'"p7"'))
    relist(folder)
    failed = failing(folder, source)
    assert "altered, dropped" in failed["log"] and "files" not in failed


def test_a_log_that_was_cut_is_shorter_than_its_witness(source, folder):
    write_log(folder / "log", source.key, [source.records[:2]])
    relist(folder)
    assert failing(folder, source) == {"witness": "the other party has a head of 3 records: the log is shorter"}


def test_a_log_that_was_forked(source, folder):
    write_log(folder / "log", source.key, [[source.records[0], record(9), source.records[2]]])
    relist(folder)
    failed = failing(folder, source)
    assert failed == {"witness": "the log's first 3 records are not those that the other party has a head of"}


def test_a_log_that_somebody_else_wrote(source, folder):
    other = ec.generate_private_key(ec.SECP256R1())
    write_log(folder / "log", other, [source.records])
    (folder / "witness.log").write_text("")
    relist(folder)
    assert failing(folder, source) == {
        "documents": "no document names the key that signs the log: anybody may have written it"}


def test_heads_of_another_log(source, folder):
    other = ec.generate_private_key(ec.SECP256R1())
    for text in (base64.b64encode(sign_head(other, 1, source.records)).decode(), "nonsense", "AAAA"):
        (folder / "witness.log").write_text(text)
        relist(folder)
        failed = failing(folder, source)
        assert list(failed) == ["witness"] and "line 1" in failed["witness"]


def test_documents_of_others(source):
    """Another image, another root, debug mode, no document."""
    good = source.documents
    other = source.path / "other"
    other.mkdir()
    pcrs = source.maker.pcrs
    for number, (documents, reason) in enumerate((
            ([source.document(pcrs={**pcrs, 0: b"\x01" * 48})], "none of the manifest's"),
            ([good[0], source.document(pcrs={**pcrs, 0: bytes(48)})], "debug mode"),
            ([good[0], Maker(str(other)).document()], "does not begin at a trusted root"),
            ([good[0][:-1] + b"\0"], "signature does not verify"),
            ([source.document(user_data=None)], "no document names the key"),
            ([source.document(user_data=cbor2.dumps({"log": bytes(32)}))], "no document names the key"),
            ([source.document(user_data=b"\xa1clog")], "no document names the key"),
            ([], "no document names the key"))):
        source.documents, source.records = documents, [record(0)]
        source.witnessed = []
        source.write()
        done = source.make(name=f"e{number}")
        assert done.returncode == 10 + PROOFS.index("documents") and reason in done.stdout, (number, done.stdout)


def test_records_without_a_field(source):
    source.records[2] = json.dumps({"eventName": "Authorise"}).encode()
    source.write()
    done = source.make()
    assert done.returncode == 12 and "1 records lack a field, record 2 the first" in done.stdout


def test_policies_that_let_others_in(source):
    open_policy = source.policy(source.pcr0)
    del open_policy["Statement"][0]["Condition"]
    beside = source.policy(source.pcr0)
    beside["Statement"].append({**open_policy["Statement"][0], "Sid": "Open"})
    managed = source.policy(source.pcr0)
    managed["Statement"].append({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/admin"},
                                 "Action": ["kms:PutKeyPolicy", "kms:DescribeKey"], "Resource": "*"})
    (source.path / "policy.json").write_text(json.dumps(managed))
    done = source.make(name="managed")
    assert done.returncode == 0 and "but for who may change the policy" in done.stdout, done.stdout
    for number, (policy, reason) in enumerate(((open_policy, "allows nothing to PCR0 of image 1"), (beside, "unattested-plaintext"),
                                               (source.policy("a" * 96), "allows nothing to PCR0 of image 1"),
                                               ({"Version": "2012-10-17"}, "policy"))):
        (source.path / "policy.json").write_text(json.dumps(policy))
        done = source.make(name=f"p{number}")
        assert done.returncode == 15 and reason in done.stdout, (number, done.stdout, done.stderr)


def test_card_numbers_are_found(source):
    for number, (text, found) in enumerate((
            (f"pan {VISA}", True), (f'{{"n":"{VISA}"}}', True), (f"/cards/{VISA}/", True), ("378282246310005", True),
            ("4111111111111112", False), (f"x{VISA}", False), (f"{VISA}0000000", False), ("1767225600000", False),
            ("411111", False), (f"{VISA}f", False), (f"0{VISA}", False))):
        source.records = [record(0, note=text)]
        source.witnessed = []
        source.write()
        done = source.make(name=f"c{number}")
        assert (done.returncode == 17) == found, (text, done.stdout)
        assert VISA not in done.stdout + done.stderr
        if found:
            assert "has a card number at byte" in done.stdout


def test_bad_command_lines_and_folders(source, folder):
    for args in ((), ("make",), ("verify", folder), ("make", folder), ("nonsense",), ("verify", "--root"),
                 ("make", "--log", source.log, folder)):
        assert run(*args).returncode == 2, args
    assert run("--help").returncode == 0
    root = ("--root", source.maker.root)
    assert run("verify", *root, source.path / "none").returncode == 1
    assert run("verify", *root, source.path).returncode == 1
    for text in ("", "[]", '{"format":1}', '{"format":2,"files":{},"images":[]}'):
        (folder / "manifest.json").write_text(text)
        done = run("verify", *root, folder)
        assert done.returncode == 1 and "no manifest" in done.stderr
    missing = run("make", "--log", source.path / "none", *root, "--image", source.image, source.path / "new")
    assert missing.returncode == 1 and not (source.path / "new").exists() and not (source.path / "new.new").exists()
    bad_image = run("make", "--log", source.log, *root, "--image", source.log / "key.pem", source.path / "new")
    assert bad_image.returncode == 1 and "not an enclave image" in bad_image.stderr
    assert not (source.path / "new.new").exists()
