# SPDX-License-Identifier: Apache-2.0
"""Clients that mean no good, against the real server: what they get is the documented error, what others notice is
nothing. test_kms_protocol.py has the single malformed requests of cases 1 to 28; here are the costly and the many.
"""

import base64
import contextlib
import json
import os
import random
import resource
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import pytest
from document_maker import Maker
from kms_host import ACCOUNT, ANSWER_S, Kms, Request, until

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
# A good client's call while others misbehave: the sanitizers and a busy machine are in it, no time-out of ours is.
BOUND_S = 5
# http.c: HEADER_MS, BODY_MS and WRITE_MS end the slow within half a minute.
ENDED_S = 60
IDLE = 3000
EVALUATIONS = 50000
REFUSAL = b'{"__type":"AccessDeniedException"'


def raise_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@pytest.fixture(name="maker", scope="module")
def maker_fixture():
    with tempfile.TemporaryDirectory(prefix="rdk-maker-") as directory:
        yield Maker(directory)


@pytest.fixture(name="kms", scope="module")
def kms_fixture(maker):
    raise_descriptors()
    server = Kms(config=f'roots: ["{maker.root}"]\n')
    yield server
    server.assert_well()
    server.close()


class TlsKms(Kms):
    """The same behind TLS: connect() makes a session."""

    def __init__(self, directory):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "3", "-subj", "/CN=kms", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        f"{directory}/tls.key", "-out", f"{directory}/tls.pem"], check=True, capture_output=True)
        self.context = ssl.create_default_context(cafile=f"{directory}/tls.pem")
        super().__init__(f"tls_certificate: {directory}/tls.pem\ntls_key: {directory}/tls.key\n")

    def connect_plainly(self):
        return super().connect()

    def connect(self):
        return self.context.wrap_socket(super().connect(), server_hostname="127.0.0.1")


@pytest.fixture(name="tls", scope="module")
def tls_fixture():
    with tempfile.TemporaryDirectory(prefix="rdk-tls-") as directory:
        server = TlsKms(directory)
        yield server
        server.assert_well()
        server.close()


@pytest.fixture(name="key", scope="module")
def key_fixture(kms):
    return kms.call("CreateKey").json["KeyMetadata"]["KeyId"]


def refused(answer, *kinds, status=400):
    assert answer.status == status and answer.type in kinds, (answer.status, answer.bytes)
    assert b"Plaintext" not in answer.bytes
    return answer


@contextlib.contextmanager
def others_are_served(kms, key):
    """A good client that encrypts on connections of its own all the while, each call within the bound."""
    stop, slowest, failures = threading.Event(), [0.0], []

    def work():
        while not stop.is_set():
            start = time.monotonic()
            try:
                answer = kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="})
            except OSError as error:
                failures.append(error)
                return
            slowest[0] = max(slowest[0], time.monotonic() - start)
            if answer.status != 200:
                failures.append(answer.bytes)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2 * ANSWER_S)
    assert not thread.is_alive() and not failures, failures
    assert slowest[0] < BOUND_S, slowest


def ends(sock, seconds):
    """Whether the server lets go of the connection within that time, whatever it says before."""
    sock.settimeout(seconds)
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while sock.recv(65536):
            pass
    return True


# what a request says

@pytest.mark.parametrize("body", [
    b"{" * 100000, b"[" * 500000, b'{"a":' * 150000 + b"1" + b"}" * 150000, b'{"KeyId":' + b"[" * 64 + b"]" * 64 + b"}",
    b'{"a":1e999999}', b'{"KeyId":"\xff\xfe"}', b'{"KeyId":"\\ud800"}', b'{"KeyId":"a\\u0000b"}', b"\0" * 1000,
    b'{"KeyId":"x"}garbage', b"null", b'"' + b"a" * 1000000 + b'"', b'{"' + b"k" * 1000000 + b'":1}'],
    ids=lambda body: body[:12].decode("latin-1"))
@pytest.mark.parametrize("target", ["Encrypt", "CreateGrant"])
def test_bodies_that_are_no_request(kms, target, body):
    refused(kms.call(target, body), "SerializationException", "ValidationException")


def test_member_given_twice_is_refused_at_every_depth(kms, key):
    doubled = f'{{"KeyId":"{key}","Plaintext":"eA==","EncryptionContext":{{"a":"1","a":"2"}}}}'
    refused(kms.call("Encrypt", doubled.encode()), "SerializationException")
    doubled = f'{{"KeyId":"{key}","KeyId":"{key}","Plaintext":"eA=="}}'
    refused(kms.call("Encrypt", doubled.encode()), "SerializationException")


def test_ten_megabytes_are_refused_before_they_are_read(kms, key):
    with others_are_served(kms, key):
        for _ in range(5):
            answer = kms.call("Encrypt", b'{"Plaintext":"' + b"A" * (10 << 20) + b'"}')
            refused(answer, "ValidationException", status=413)


def test_a_hundred_thousand_members(kms):
    body = json.dumps({f"k{i}": i for i in range(60000)}).encode()
    start = time.monotonic()
    refused(kms.call("Encrypt", body), "SerializationException", "ValidationException")
    assert time.monotonic() - start < BOUND_S


def test_names_that_would_share_a_bucket_cost_no_more(kms):
    """Members in the order and shape that fill chains of a table without a seed."""
    body = json.dumps({"KeyId": "x", "EncryptionContext": {f"{i:016x}"[::-1]: "v" for i in range(40000)}}).encode()
    start = time.monotonic()
    refused(kms.call("Encrypt", body[: 1 << 20]), "SerializationException", "ValidationException",
            "InvalidCiphertextException", "NotFoundException")
    assert time.monotonic() - start < BOUND_S


def test_random_bytes_in_every_part_of_a_request(kms, key):
    """600 requests with a few bytes changed after signing: none is served as if it were whole, none harms."""
    rng = random.Random(20260101)
    whole = kms.request("Encrypt", {"KeyId": key, "Plaintext": "c2VjcmV0"}).bytes()
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with kms.connect() as sock:
            sock.sendall(bytes(data))
            sock.shutdown(socket.SHUT_WR)
            got = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := sock.recv(65536):
                    got += piece
        status = got[9:12]
        assert status in (b"200", b"400", b"408", b"413", b"431", b""), got
    kms.assert_well()


def test_unsigned_and_mis_signed_calls_of_every_operation_get_nothing(kms, key):
    for target in ("Decrypt", "Encrypt", "GenerateDataKey", "GenerateRandom", "CreateKey", "ScheduleKeyDeletion"):
        body = {"KeyId": key}
        refused(kms.send(kms.request(target, body).set("Authorization", None)), "MissingAuthenticationTokenException")
        refused(kms.send(kms.request(target, body).set("X-Amz-Date", "20200101T000000Z")),
                "InvalidSignatureException", "IncompleteSignatureException")
        request = kms.request(target, body)
        mark = request.get("Authorization")
        flipped = mark[:-1] + ("0" if mark[-1] != "0" else "1")
        refused(kms.send(request.set("Authorization", flipped)), "InvalidSignatureException")
        refused(kms.send(kms.request(target, body).set("Authorization", mark[:-1])),
                "InvalidSignatureException", "IncompleteSignatureException")


# attestation documents

def mutations(document, count):
    """Documents that differ from this one: bits flipped, bytes set, cut, doubled, spliced."""
    rng = random.Random(20260102)
    while count > 0:
        data = bytearray(document)
        how, at = rng.randrange(6), rng.randrange(len(document))
        if how == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            data[at] = rng.randrange(256)
        elif how == 2:
            del data[at:]
        elif how == 3:
            del data[at:at + rng.randint(1, 64)]
        elif how == 4:
            data[at:at] = data[rng.randrange(len(data)):][: rng.randint(1, 64)]
        else:
            data[at:at + 4] = rng.randbytes(4)
        if data and bytes(data) != document:
            count -= 1
            yield bytes(data)


def test_five_hundred_mutated_documents_release_nothing(kms, key, maker):
    blob = kms.call("Encrypt", {"KeyId": key, "Plaintext": base64.b64encode(b"not for you").decode()}).json
    document = maker.document()

    def decrypt(sock, bytes_):
        recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                     "AttestationDocument": base64.b64encode(bytes_).decode()}
        return kms.exchange(sock, kms.request("Decrypt", {"CiphertextBlob": blob["CiphertextBlob"],
                                                          "Recipient": recipient}))

    with others_are_served(kms, key), kms.connect() as sock:
        assert "CiphertextForRecipient" in decrypt(sock, document).json
        for data in mutations(document, 500):
            answer = refused(decrypt(sock, data), "ValidationException")
            assert b"CiphertextForRecipient" not in answer.bytes
        assert "CiphertextForRecipient" in decrypt(sock, document).json


# policies

def pathological(effect="Allow"):
    """As near to 32 KiB as it may be: patterns that a matcher which tries everything never comes to the end of."""
    pattern = "*a" * 120 + "*b"
    statements = [{"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:PutKeyPolicy",
                   "Resource": "*"}]
    policy = {"Version": "2012-10-17", "Statement": statements}
    while len(json.dumps(policy)) < 32000:
        n = len(statements)
        statements.append({"Sid": f"S{n}", "Effect": effect, "Principal": {"AWS": ROOT}, "Resource": "*",
                           "Action": ["kms:*e*n*c*r*y*p*t*", "kms:E*n*"],
                           "Condition": {"StringLike": {f"kms:EncryptionContext:k{n % 4}": [pattern, pattern + "?c"]}}})
    statements.pop()
    return json.dumps(policy)


def test_pathological_wildcards_cost_no_more_than_their_length(kms):
    """50,000 evaluations, on many connections so that records share a sync; every one a refusal, in linear time."""
    policy = pathological()
    assert 31000 < len(policy) <= 32768
    made = kms.call("CreateKey", {"Policy": policy, "BypassPolicyLockoutSafetyCheck": True})
    assert made.status == 200, made.bytes
    key = made.json["KeyMetadata"]["KeyId"]
    other = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
    context = {f"k{i}": "a" * 200 for i in range(4)}
    body = {"KeyId": key, "Plaintext": "eA==", "EncryptionContext": context}
    refused(kms.call("Encrypt", body), "AccessDeniedException")
    once = time.monotonic()
    refused(kms.call("Encrypt", body), "AccessDeniedException")
    once = time.monotonic() - once
    assert once < BOUND_S
    data = kms.request("Encrypt", body).bytes()
    denied = kms.metric("requests_total", outcome="AccessDeniedException")
    with others_are_served(kms, other):
        flood(kms, data, EVALUATIONS // 50, 50)
    assert kms.metric("requests_total", outcome="AccessDeniedException") == denied + EVALUATIONS


def flood(kms, data, each, connections, at_once=20):
    """The same signed bytes again and again, some of them in advance; each answer is a refusal."""
    refusals = []

    def work():
        with kms.connect() as sock:
            for _ in range(each // at_once):
                sock.sendall(data * at_once)
                seen, rest = 0, b""
                while seen < at_once and (piece := sock.recv(1 << 20)):
                    seen += (rest + piece).count(REFUSAL)
                    rest = (rest + piece)[1 - len(REFUSAL):]
                refusals.append(seen)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert sum(refusals) == each * connections


# how a connection behaves

def test_thousands_of_idle_connections(kms, key):
    if raise_descriptors() < IDLE + 500:
        pytest.skip("the limit of descriptors is too low for thousands of connections")
    with contextlib.ExitStack() as stack, others_are_served(kms, key):
        for i in range(IDLE):
            sock = stack.enter_context(socket.socket())
            sock.bind((f"127.0.0.{2 + i // 1000}", 0))
            sock.connect(("127.0.0.1", kms.port))
        assert until(lambda: kms.metric("connections") >= IDLE, 30), kms.metric("connections")
        for _ in range(20):
            assert kms.call("ListKeys").status == 200
    assert until(lambda: kms.metric("connections") < 100, 30)


def test_one_address_has_its_limit_and_the_others_theirs(kms, key):
    """http.c: PER_PEER. What is over it is closed without a word."""
    if raise_descriptors() < 3000:
        pytest.skip("the limit of descriptors is too low for thousands of connections")
    with contextlib.ExitStack() as stack, others_are_served(kms, key):
        socks = []
        for _ in range(2048 + 50):
            sock = stack.enter_context(socket.socket())
            sock.bind(("127.0.0.9", 0))
            sock.connect(("127.0.0.1", kms.port))
            socks.append(sock)
        assert until(lambda: kms.metric("connections") >= 2048, 30)
        assert ends(socks[-1], 10)


def start_slow(kms, connect, key):
    """Clients that are in no hurry, each in its own way."""
    whole = kms.request("Encrypt", {"KeyId": key, "Plaintext": "eA=="}).bytes()
    head, _, _ = whole.partition(b"\r\n\r\n")
    socks = []
    for part in (b"", b"P", b"POST / HTTP/1.1\r\n", head, head + b"\r\n\r\n{", whole[:-1]):
        for _ in range(20):
            sock = connect()
            if part:
                sock.sendall(part)
            socks.append(sock)
    return socks


def half_closed(kms, key):
    with kms.connect() as sock:
        data = kms.request("Encrypt", {"KeyId": key, "Plaintext": "eA=="}).bytes()
        if isinstance(sock, ssl.SSLSocket):
            return kms.exchange(sock, data)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return kms.exchange(sock, b"")


def trickle(socks, stop):
    """A byte a second on each."""
    while not stop.wait(1):
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.send(b"a")


def check_slow(kms, connect, key):
    stop = threading.Event()
    with contextlib.ExitStack() as stack, others_are_served(kms, key):
        socks = [stack.enter_context(sock) for sock in start_slow(kms, connect, key)]
        trickler = threading.Thread(target=trickle, args=(socks[40:], stop))
        trickler.start()
        try:
            for _ in range(10):
                assert half_closed(kms, key).status == 200
            for sock in socks[20:]:
                assert ends(sock, ENDED_S)
        finally:
            stop.set()
            trickler.join()


def test_slow_and_half_closed_clients(kms, key):
    check_slow(kms, kms.connect, key)


def test_slow_and_half_closed_clients_behind_tls(tls):
    check_slow(tls, tls.connect, tls.call("CreateKey").json["KeyMetadata"]["KeyId"])


def test_pipelined_requests_before_a_half_close_are_all_answered(kms, key):
    request = kms.request("Encrypt", {"KeyId": key, "Plaintext": "eA=="}).bytes()
    with kms.connect() as sock:
        sock.sendall(request * 5)
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while piece := sock.recv(65536):
            got += piece
    assert got.count(b"HTTP/1.1 200 OK") == 5 and got.count(b"CiphertextBlob") == 5


def test_a_client_that_never_reads_is_ended(kms, key):
    """Answers of 32 KiB, asked for in advance and left in the socket until there is no room for more."""
    policy = {"Version": "2012-10-17", "Statement": [
        {"Sid": f"S{i}" + "A" * 1900, "Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*",
         "Resource": "*"} for i in range(15)]}
    made = kms.call("CreateKey", {"Policy": json.dumps(policy)})
    assert made.status == 200, made.bytes
    data = kms.request("GetKeyPolicy", {"KeyId": made.json["KeyMetadata"]["KeyId"], "PolicyName": "default"}).bytes()
    with others_are_served(kms, key), socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", kms.port))
        sock.settimeout(2)
        # The server reads no further request while an answer waits, so at some point we cannot send either.
        with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
            for _ in range(20000):
                sock.sendall(data)
        before = kms.metric("connections")
        assert until(lambda: kms.metric("connections") < before, ENDED_S)


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\x16\x03\x01\xff\xff" + b"\x01" * 65535, os.urandom(4096),
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x80\x2e\x01\x03\x01" + b"\0" * 41, b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x17\x03\x03\x40\x00" + b"x" * 0x4000], ids=range(8))
def test_no_handshake(tls, data):
    key = tls.call("CreateKey").json["KeyMetadata"]["KeyId"]
    with contextlib.ExitStack() as stack, others_are_served(tls, key):
        socks = [stack.enter_context(tls.connect_plainly()) for _ in range(20)]
        for sock in socks:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(data)
        for sock in socks:
            assert ends(sock, ENDED_S)


def test_junk_within_a_session_ends_it(tls):
    key = tls.call("CreateKey").json["KeyMetadata"]["KeyId"]
    with others_are_served(tls, key):
        for _ in range(10):
            sock = tls.connect()
            raw = socket.socket(fileno=sock.detach())  # what follows is no record
            with raw:
                raw.settimeout(ANSWER_S)
                raw.sendall(os.urandom(1000))
                assert ends(raw, ENDED_S)


def test_tls_connection_cut_in_the_middle_of_a_request(tls):
    data = Request("TrentService.ListKeys", b"{}", host=tls.host, credentials=tls.admin).bytes()
    for cut in range(1, len(data), 37):
        sock = tls.connect()
        sock.sendall(data[:cut])
        raw = socket.socket(fileno=sock.detach())
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raw.close()
    assert tls.call("ListKeys").status == 200


# what is left behind

def memory_of(pid):
    """What of the process's memory can be read, piece by piece."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        ranges = [line.split()[:2] for line in maps if not line.rstrip().endswith(("[vvar]", "[vsyscall]"))]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for where, mode in ranges:
            start, end = (int(number, 16) for number in where.split("-"))
            if "rw" not in mode or end - start > 1 << 31:
                continue
            memory.seek(start)
            for _ in range(start, end, 1 << 24):
                try:
                    piece = memory.read(min(1 << 24, end - memory.tell()))
                except OSError:
                    break
                if not piece:
                    break
                yield piece


@pytest.mark.parametrize("server", ["kms", "tls"])
def test_plaintexts_are_not_left_in_memory(server, request):
    """After Encrypt and Decrypt of many sizes: in no buffer, freed or not, in clear or in base64."""
    kms = request.getfixturevalue(server)
    key = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
    mark = b"plaintext-that-must-not-stay-" + os.urandom(3).hex().encode() + b"!"
    for size in (1, 20, 100):
        text = base64.b64encode(mark * size).decode()
        blob = kms.call("Encrypt", {"KeyId": key, "Plaintext": text}).json["CiphertextBlob"]
        assert kms.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == text
    for _ in range(100):
        assert kms.call("ListKeys").status == 200
    found = []
    try:
        for piece in memory_of(kms.process.pid):
            found += [needle for needle in (mark, base64.b64encode(mark * 4)[:40]) if needle in piece]
    except PermissionError:
        pytest.skip("the memory of another process cannot be read here")
    assert not found
