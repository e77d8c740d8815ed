# SPDX-License-Identifier: Apache-2.0
"""`redoubt audit`: logs that redoubt-kms's own writer made, read by another implementation of their format, and back.

The Merkle tree, the heads and the files are written anew here with python3-cryptography, so that neither side's mistake
is its own proof.
"""
import base64
import fcntl
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from audit_log import (HEAD_SIZE, SEGMENT0, frame, head_entry, heads_of, peaks_of, read_segment, root_of, segment, sha256,
                       sign_head, spki_of, write_log)
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

REDOUBT = os.environ["REDOUBT"]
WRITER = os.environ["AUDIT_WRITER"]
CODES = {"NO_LOG": 10, "KEY": 11, "FORM": 12, "SEGMENT": 13, "MOVED": 14, "HEAD_SIGNATURE": 15, "HEAD_ORDER": 16,
         "MISSING": 17, "ALTERED": 18, "UNCOVERED": 19, "DOCUMENT_MISSING": 20, "DOCUMENT_ALTERED": 21, "SAVED_HEAD": 22,
         "ROLLED_BACK": 23, "FORKED": 24}


def record(n, **more):
    return json.dumps({"eventName": "Decrypt", "requestID": f"request-{n}", **more}).encode()


def naming(digest):
    return {"additionalEventData": {"recipient": {"attestationDocumentSha256": digest}}}


def redoubt(*args):
    return subprocess.run([REDOUBT, "audit", *map(str, args)], capture_output=True, text=True, timeout=120, check=False)


def verify(folder, *args):
    """(exit code, the name of the result in JSON); the sentence is one line."""
    done = redoubt("verify", folder, "--json", *args)
    result = json.loads(done.stdout)
    assert result["verified"] == (done.returncode == 0)
    if done.returncode != 0:
        assert done.stderr.count("\n") == 1 and result["reason"] in done.stderr
        assert CODES[result["code"]] == done.returncode == result["exit"]
    return result.get("code", "OK"), result


@pytest.fixture(name="key", scope="module")
def key_fixture():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(name="pem", scope="module")
def pem_fixture(key, tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "key.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    return path


@pytest.fixture(name="log")
def log_fixture(tmp_path, pem):
    """Five records and a document, by the server's writer."""
    folder = tmp_path / "log"
    write(folder, pem, [b"@a document", record(0), record(1, **naming(sha256(b"a document").hex())), record(2)])
    write(folder, pem, [record(3), record(4)])
    assert verify(folder)[0] == "OK"
    return folder


def write(folder, pem, lines, segment_max=None):
    args = [WRITER, folder, pem] + ([str(segment_max)] if segment_max else [])
    done = subprocess.run(args, input=b"\n".join(lines) + b"\n", capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().split()


def check_independently(folder, key):
    """Reads a whole log as its format says; the records."""
    leaves, last = [], None
    for path in sorted(folder.glob("log-*")):
        first, peaks, entries = read_segment(path.read_bytes())
        assert first == int(path.name[len("log-"):]) == len(leaves) and peaks == peaks_of(leaves)
        assert entries[0][1] and entries[0][2] == (last or entries[0][2]) and entries[-1][1]
        batch = []
        for _, is_head, value, word in entries:
            if not is_head:
                batch.append(value)
                leaves.append(value)
                continue
            check_head(value, key, leaves)
            assert word & 0x7fffffff == sum(len(frame(r)) for r in batch)
            last, batch = value, []
    return leaves


def check_head(head, key, leaves):
    body, r, s = head[:88], int.from_bytes(head[88:120], "big"), int.from_bytes(head[120:], "big")
    key.public_key().verify(utils.encode_dss_signature(r, s), body, ec.ECDSA(hashes.SHA256()))
    assert body[:8] == b"RDLOGH2\0" and body[8:40] == sha256(spki_of(key))
    assert int.from_bytes(body[48:56], "big") == len(leaves) and body[56:] == root_of(leaves)


def test_the_servers_log_is_what_its_format_says(tmp_path, key, pem):
    records = [record(i) for i in range(40)]
    indexes = []
    for i in range(0, 40, 8):
        indexes += write(tmp_path / "log", pem, records[i:i + 8], 700)
    assert indexes == [str(i) for i in range(40)]
    assert len(list((tmp_path / "log").glob("log-*"))) > 1
    assert check_independently(tmp_path / "log", key) == records
    with pytest.raises(InvalidSignature):
        check_independently(tmp_path / "log", ec.generate_private_key(ec.SECP256R1()))


def test_a_log_of_another_writer_verifies(tmp_path, key):
    write_log(tmp_path, key, [[record(0)], [record(1), record(2)], [record(i) for i in range(3, 20)]])
    name, result = verify(tmp_path)
    assert (name, result["records"], result["heads"], result["live"]) == ("OK", 20, 3, False)
    assert result["root"] == root_of([record(i) for i in range(20)]).hex()
    assert result["logId"] == sha256(spki_of(key)).hex()
    done = redoubt("verify", tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("The log is whole: records 0 to 19")


def test_a_log_that_was_kept_elsewhere_needs_no_head_of_nothing(tmp_path, key):
    """Its first head covers records; and it covers no others."""
    good = [[record(0), record(1)], [record(2)]]
    heads = heads_of(key, good)
    write_log(tmp_path, key, good)
    path = tmp_path / f"log-{SEGMENT0}"

    def without_first(batches):
        data = segment(batches, heads)
        return data[:16] + data[16 + 4 + HEAD_SIZE:]

    path.write_bytes(without_first(good))
    name, result = verify(tmp_path)
    assert (name, result["records"], result["heads"]) == ("OK", 3, 2)
    for batches, expected in (([[record(0), record(9)], [record(2)]], "ALTERED"), ([[record(0)], []], "MISSING"),
                              ([[record(1), record(0)], [record(2)]], "ALTERED")):
        path.write_bytes(without_first(batches))
        assert verify(tmp_path)[0] == expected
    path.write_bytes(b"RDLOGS2\0" + bytes(8) + frame(record(0)))
    assert verify(tmp_path)[0] == "FORM"


def test_a_later_segment_begins_with_its_head(tmp_path, pem):
    folder = tmp_path / "log"
    for i in range(12):
        write(folder, pem, [record(i)], 400)
    path = sorted(folder.glob("log-*"))[1]
    data = path.read_bytes()
    at = read_segment(data)[2][0][0]
    path.write_bytes(data[:at] + data[at + 4 + HEAD_SIZE:])
    assert verify(folder)[0] == "SEGMENT"
    first = int(path.name[len("log-"):])
    before = [record(i) for i in range(first)]
    key = serialization.load_pem_private_key(pem.read_bytes(), None)
    # Signed, of the same tree, and not the head that the segment before ends with.
    path.write_bytes(data[:at] + head_entry(sign_head(key, 1, before), []) + data[at + 4 + HEAD_SIZE:])
    assert verify(folder)[0] == "SEGMENT"
    path.write_bytes(data[:16] + sha256(b"") + data[48:])
    assert verify(folder)[0] == "SEGMENT"
    path.write_bytes(data)
    assert verify(folder)[0] == "OK"


@pytest.mark.parametrize("what, batches, expected", [
    ("dropped", [[record(0)], [], [record(2)]], "MISSING"),
    ("dropped from a batch", [[record(0)], [record(1)], [record(3)]], "MISSING"),
    ("reordered", [[record(1)], [record(0)], [record(2), record(3)]], "ALTERED"),
    ("reordered in a batch", [[record(0)], [record(1)], [record(3), record(2)]], "ALTERED"),
    ("inserted", [[record(0)], [record(9), record(1)], [record(2), record(3)]], "ALTERED"),
    ("twice", [[record(0)], [record(1), record(1)], [record(2), record(3)]], "ALTERED"),
    ("cut", [[record(0)], [record(1)], []], "MISSING"),
    ("altered", [[record(0)], [record(1, errorCode="AccessDenied")], [record(2), record(3)]], "ALTERED"),
])
def test_records_other_than_the_signed_ones(tmp_path, key, what, batches, expected):
    good = [[record(0)], [record(1)], [record(2), record(3)]]
    write_log(tmp_path, key, good)
    assert verify(tmp_path)[0] == "OK"
    (tmp_path / f"log-{SEGMENT0}").write_bytes(segment(batches, heads_of(key, good)))
    assert verify(tmp_path)[0] == expected, what


def test_heads_that_go_backwards_or_are_anothers(tmp_path, key):
    batches = [[record(0)], [record(1)]]
    write_log(tmp_path, key, batches)
    path = tmp_path / f"log-{SEGMENT0}"
    heads = heads_of(key, batches)
    for last, expected in ((heads[1], "HEAD_ORDER"), (sign_head(key, 1, sum(batches, [])), "HEAD_ORDER"),
                           (heads[2][:-1] + bytes([heads[2][-1] ^ 1]), "HEAD_SIGNATURE"),
                           (sign_head(ec.generate_private_key(ec.SECP256R1()), 1767225600001, sum(batches, [])), "HEAD_SIGNATURE")):
        path.write_bytes(segment(batches, [*heads[:2], last]))
        assert verify(tmp_path)[0] == expected
    path.write_bytes(segment(batches, heads) + head_entry(heads[2], []))
    assert verify(tmp_path)[0] == "HEAD_ORDER"


def test_heads_that_are_dropped(tmp_path, key):
    """One in the middle leaves its batch to the next one's, whose size it does not have; the last leaves a tail."""
    batches = [[record(0)], [record(1)], [record(2)]]
    write_log(tmp_path, key, batches)
    path = tmp_path / f"log-{SEGMENT0}"
    data = path.read_bytes()
    offsets = [at for at, is_head, *_ in read_segment(data)[2] if is_head]
    assert verify(tmp_path)[0] == "OK"
    for at, expected in zip(offsets[1:], ("ALTERED", "ALTERED", "UNCOVERED")):
        path.write_bytes(data[:at] + data[at + 4 + HEAD_SIZE:])
        assert verify(tmp_path)[0] == expected


# What a crash leaves of the last batch is cut off at the next start; anything else is refused.

@pytest.fixture(name="long")
def long_fixture(tmp_path, pem):
    """A log whose last batch has several sectors; its file, its bytes and where that batch begins."""
    folder = tmp_path / "log"
    write(folder, pem, [record(0)])
    write(folder, pem, [record(1, filler="x" * 2000)])
    path = folder / f"log-{SEGMENT0}"
    data = path.read_bytes()
    return folder, path, data, read_segment(data)[2][-2][0]


def reopened(folder, pem, key, records):
    """The server's writer cuts off the torn batch, says so, and goes on."""
    assert verify(folder)[0] == "UNCOVERED"
    write(folder, pem, [record(7)])
    assert verify(folder)[0] == "OK"
    *before, cut, last = check_independently(folder, key)
    assert before == records and json.loads(cut)["eventName"] == "AuditLogTailCut" and last == record(7)
    return json.loads(cut)["additionalEventData"]["bytes"]


def test_a_batch_that_ends_too_early_is_cut_off(long, key, pem):
    folder, path, data, at = long
    for end in [*range(at + 1, at + 20), *range(at + 20, len(data), 97), *range(len(data) - 160, len(data), 13)]:
        path.write_bytes(data[:end])
        assert reopened(folder, pem, key, [record(0)]) == end - at


def test_a_batch_that_lost_sectors_is_cut_off(long, key, pem):
    folder, path, data, at = long
    edges = [at, *range(at + 512 - at % 512, len(data), 512), len(data)]
    assert len(edges) >= 5
    for start, end in zip(edges, edges[1:]):
        path.write_bytes(data[:start] + bytes(end - start) + data[end:])
        assert reopened(folder, pem, key, [record(0)]) == len(data) - at
        path.write_bytes(data[:at] + bytes(start - at) + data[start:end] + bytes(len(data) - end))
        assert reopened(folder, pem, key, [record(0)]) == len(data) - at


def test_a_batch_that_was_durable_is_not_cut_off(long, pem):
    folder, path, data, at = long
    end = len(data)
    write(folder, pem, [record(2, filler="x" * 600)])
    data = path.read_bytes()
    for start in range(at + 512 - at % 512, end, 512):
        torn = data[:start] + bytes(512) + data[start + 512:]
        path.write_bytes(torn)
        assert verify(folder)[0] not in ("OK", "UNCOVERED")
        done = subprocess.run([WRITER, folder, pem], input=record(7) + b"\n", capture_output=True, timeout=120, check=False)
        assert done.returncode != 0 and path.read_bytes() == torn


def test_a_last_batch_that_was_altered_is_not_cut_off(long, pem):
    folder, path, data, at = long
    for i in [at + 1, at + 2, at + 3, at + 30, len(data) - 156, len(data) - 155, len(data) - 153, len(data) - 150, len(data) - 90,
              len(data) - 1]:
        altered = data[:i] + bytes([data[i] ^ 0x10]) + data[i + 1:]
        path.write_bytes(altered)
        assert verify(folder)[0] not in ("OK", "UNCOVERED"), i - at
        done = subprocess.run([WRITER, folder, pem], input=record(7) + b"\n", capture_output=True, timeout=120, check=False)
        assert done.returncode != 0 and path.read_bytes() == altered


def test_the_format_before_is_refused(tmp_path, key, pem):
    write_log(tmp_path, key, [[record(0)]])
    path = tmp_path / f"log-{SEGMENT0}"
    path.write_bytes(b"RDLOGS1" + path.read_bytes()[7:])
    assert verify(tmp_path)[0] == "FORM"
    (tmp_path / f"heads-{SEGMENT0}").touch()
    name, result = verify(tmp_path)
    assert name == "FORM" and "older format" in result["reason"]
    assert redoubt("show", tmp_path).returncode == CODES["FORM"]
    done = subprocess.run([WRITER, tmp_path, pem], input=b"", capture_output=True, timeout=120, check=False)
    assert done.returncode != 0 and b"older format" in done.stderr


def test_one_byte_changed_in_any_file(log):
    for path in [p for p in log.rglob("*") if p.is_file() and p.name not in ("lock", "key.pem")]:
        good = path.read_bytes()
        for i in range(0, len(good), max(1, len(good) // 40)):
            path.write_bytes(good[:i] + bytes([good[i] ^ 0x20]) + good[i + 1:])
            assert verify(log)[0] != "OK", (path.name, i)
        path.write_bytes(good)
    assert verify(log)[0] == "OK"


def test_documents(log):
    digest = sha256(b"a document").hex()
    path = log / "documents" / digest
    assert path.read_bytes() == b"a document"
    path.write_bytes(b"another document")
    assert verify(log)[0] == "DOCUMENT_ALTERED"
    path.unlink()
    name, result = verify(log)
    assert name == "DOCUMENT_MISSING" and digest in result["reason"]


def test_the_key_from_elsewhere(log, key, tmp_path):
    public, other = tmp_path / "public.pem", tmp_path / "other.pem"
    public.write_bytes((log / "key.pem").read_bytes())
    assert verify(log, "--key", public)[1]["keyGiven"]
    spki = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    other.write_bytes(spki)
    assert verify(log, "--key", other)[0] == "KEY"
    # Whoever rewrites the log under a key of their own also replaces key.pem: only --key finds it.
    forged = ec.generate_private_key(ec.SECP256R1())
    write_log(tmp_path / "forged", forged, [[record(0)]])
    assert verify(tmp_path / "forged")[0] == "OK"
    assert verify(tmp_path / "forged", "--key", public)[0] == "KEY"
    done = redoubt("verify", log, "--key", log / "documents")
    assert done.returncode == 1 and "documents" in done.stderr


def test_a_saved_head_finds_forks_and_rollbacks(log, key, pem, tmp_path):
    copy, saved = tmp_path / "copy", tmp_path / "head"
    shutil.copytree(log, copy)
    write(log, pem, [record(5), record(6)])
    assert verify(log, "--save-head", saved)[0] == "OK"
    assert saved.stat().st_size == HEAD_SIZE
    write(log, pem, [record(7)])
    assert verify(log, "--against", saved)[0] == "OK"
    assert verify(copy, "--against", saved)[0] == "ROLLED_BACK"
    write(copy, pem, [record(50), record(60)])
    assert verify(copy)[0] == "OK"
    assert verify(copy, "--against", saved)[0] == "FORKED"
    for bad in (b"", saved.read_bytes()[:-1], saved.read_bytes() + b"x"):
        (tmp_path / "bad").write_bytes(bad)
        assert redoubt("verify", log, "--against", tmp_path / "bad").returncode != 0


def test_a_tail_without_a_head_is_a_note_while_a_server_writes(log):
    path = log / f"log-{SEGMENT0}"
    with path.open("ab") as file:
        file.write(frame(record(5))[:30])
    assert verify(log)[0] == "UNCOVERED"
    with (log / "lock").open("r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        name, result = verify(log)
        assert (name, result["live"], result["uncoveredBytes"]) == ("OK", True, 30)


def test_segments_that_were_moved_away(tmp_path, pem):
    folder, archive = tmp_path / "log", tmp_path / "archive"
    for i in range(12):
        write(folder, pem, [record(i)], 400)
    archive.mkdir()
    first, second, third, _ = sorted(folder.glob("log-*"))[:4]
    first.rename(archive / first.name)
    assert verify(folder)[0] == "MOVED"
    name, result = verify(folder, "--moved")
    assert (name, result["records"], result["first"]) == ("OK", 12, int(second.name[4:]))
    shutil.copy(folder / "key.pem", archive)
    assert verify(archive)[0] == "OK"
    third.unlink()
    assert verify(folder, "--moved")[0] == "SEGMENT"


def test_two_servers_have_a_log_each(tmp_path, pem, key):
    write(tmp_path / "a", pem, [record(0)])
    write(tmp_path / "b", pem, [record(1)])
    assert verify(tmp_path / "a")[0] == verify(tmp_path / "b")[0] == "OK"
    assert verify(tmp_path / "a", "--save-head", tmp_path / "head")[0] == "OK"
    assert verify(tmp_path / "b", "--against", tmp_path / "head")[0] == "FORKED"
    assert check_independently(tmp_path / "b", key) == [record(1)]


def test_show(log):
    shown = [json.loads(line) for line in redoubt("show", log).stdout.splitlines()]
    assert [r["requestID"] for r in shown] == [f"request-{i}" for i in range(5)]
    assert [r["logIndex"] for r in shown] == list(range(5))
    last = redoubt("show", log, "--last", 2).stdout.splitlines()
    assert [json.loads(line)["requestID"] for line in last] == ["request-3", "request-4"]
    one = redoubt("show", log, "--request-id", "request-1")
    assert json.loads(one.stdout)["additionalEventData"] and one.stdout.count("\n") == 1
    none = redoubt("show", log, "--request-id", "request-9")
    assert (none.returncode, none.stdout) == (1, "") and "request-9" in none.stderr


def test_show_does_nothing_to_a_terminal(tmp_path, key):
    write_log(tmp_path, key, [[json.dumps({"userAgent": "\x1b[2J\u202e"}).encode()]])
    assert redoubt("show", tmp_path).stdout.isascii() and "\x1b" not in redoubt("show", tmp_path).stdout
    write_log(tmp_path, key, [[b"\x1b[2J"]])
    done = redoubt("show", tmp_path)
    assert done.returncode == CODES["FORM"] and "\x1b" not in done.stdout + done.stderr
    assert verify(tmp_path)[0] == "FORM"


@pytest.mark.parametrize("args", [
    [], ["verify"], ["verify", "a", "b"], ["verify", "a", "--last", "1"], ["show", "a", "--last", "0"], ["prune", "a"],
    ["show", "a", "--last", "1", "--request-id", "x"], ["show", "a", "--json"],
])
def test_wrong_usage(args):
    done = redoubt(*args)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_no_log(tmp_path):
    assert redoubt("verify", tmp_path / "nothing").returncode == 1
    write_log(tmp_path, ec.generate_private_key(ec.SECP256R1()), [])
    assert verify(tmp_path)[0] == "OK"
    (tmp_path / f"log-{SEGMENT0}").unlink()
    assert verify(tmp_path)[0] == "NO_LOG"
    assert redoubt("show", tmp_path).returncode == CODES["NO_LOG"]
    (tmp_path / "key.pem").write_text("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(bytes(64)).decode() + "\n")
    assert verify(tmp_path)[0] == "KEY"


def test_help_lists_every_exit_code_in_the_manual():
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "man" / "redoubt-audit.1.scd").read_text()
    for code in CODES.values():
        assert f"*{code}*" in page
