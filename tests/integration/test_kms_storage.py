# SPDX-License-Identifier: Apache-2.0
"""What is acknowledged is there, whatever ends: the server, the disk, the token. Cases 167, 168, 172 and
173 of the KMS reference; 169 to 171 are in test_kms_servers.py and the unit tests of the schedule.
"""

import base64
import concurrent.futures
import contextlib
import ctypes
import glob
import http.client
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest
from kms_host import ACCOUNT, REDOUBT_KMS, Kms, until

POSTGRES = os.environ.get("TEST_POSTGRES")
REDOUBT = os.environ["REDOUBT"]
WRITES = 10000
# As many writes as there is time for, in so many lives of the server.
LIVES, LIFE_S = 5, 4
AGAIN_S = 60
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def verify_log(kms):
    """`redoubt audit verify` of a log whose server is stopped or stands still."""
    directory = kms.path("state", "kms", "audit")
    done = subprocess.run([REDOUBT, "audit", "verify", directory], capture_output=True, text=True, timeout=120,
                          env=kms.env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def log_bytes(kms):
    """Of all segments: records are JSON, as they are."""
    return b"".join(open(path, "rb").read() for path in glob.glob(kms.path("state", "kms", "audit", "*")) if
                    os.path.isfile(path))


@contextlib.contextmanager
def running(config="", **how):
    kms = Kms(config, **how)
    try:
        yield kms
        kms.assert_well()
    finally:
        kms.close()


# the server ends

def empty_database(name):
    """The configuration's line for a database of the test's own in the cluster that all share."""
    psql = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
    subprocess.run([psql, "-q", "-d", POSTGRES, "-c", f"CREATE DATABASE {name}"], check=True, timeout=60)
    return f'database: "{POSTGRES.replace("///postgres?", f"///{name}?")}"\n'


@pytest.mark.parametrize("postgresql", [False, pytest.param(
    True, marks=pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed"))])
def test_167_kill_right_after_the_reply(postgresql):
    with running(empty_database("killed") if postgresql else "") as kms:
        for _ in range(5):
            key = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
            kms.restart(signal.SIGKILL)
            described = kms.call("DescribeKey", {"KeyId": key})
            assert described.status == 200 and described.json["KeyMetadata"]["KeyState"] == "Enabled"
        kms.stop()
        verify_log(kms)
        kms.start()


class Writer:
    """One client that changes things until it is told, and keeps what was acknowledged."""

    def __init__(self, kms, seed):
        self.kms, self.rng = kms, random.Random(seed)
        self.keys, self.grants, self.aliases, self.disabled, self.ids = [], [], {}, {}, []

    def call(self, sock, operation, body):
        answer = self.kms.exchange(sock, self.kms.request(operation, body))
        if answer.status == 200:
            self.ids.append(answer.headers["x-amzn-RequestId"])
        else:
            assert answer.type in ("ThrottlingException", "KMSInvalidStateException", "DisabledException"), answer.bytes
        return answer

    def step(self, sock):
        what = self.rng.randrange(6) if self.keys else 0
        if what == 0:
            answer = self.call(sock, "CreateKey", {})
            if answer.status == 200:
                self.keys.append(answer.json["KeyMetadata"]["KeyId"])
            return
        key = self.rng.choice(self.keys)
        if what in (1, 2) and not self.disabled.get(key):
            answer = self.call(sock, "CreateGrant", {"KeyId": key, "GranteePrincipal": ROOT,
                                                     "Operations": ["Encrypt", "Decrypt"]})
            if answer.status == 200:
                self.grants.append((key, answer.json["GrantId"]))
        elif what == 3:
            name = f"alias/a{self.rng.getrandbits(64):x}"
            if self.call(sock, "CreateAlias", {"AliasName": name, "TargetKeyId": key}).status == 200:
                self.aliases[name] = key
        elif what in (4, 5):
            operation, value = (("DisableKey", True), ("EnableKey", False))[what - 4]
            self.disabled.pop(key, None)  # unknown until it is acknowledged
            if self.call(sock, operation, {"KeyId": key}).status == 200:
                self.disabled[key] = value

    def run(self, until_):
        """Until the time is over or the server has gone."""
        # What an answer that broke off comes to.
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            with self.kms.connect() as sock:
                while time.monotonic() < until_:
                    self.step(sock)


def check_kept(kms, writers):
    log = set(re.findall(rb'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', log_bytes(kms)))
    for writer in writers:
        missing = [id_ for id_ in writer.ids if id_.encode() not in log]
        assert not missing, missing[:3]
    # Many at once: each waits for its record to be synced.
    with concurrent.futures.ThreadPoolExecutor(len(writers)) as pool:
        for done in [pool.submit(check_kept_of, kms, writer) for writer in writers]:
            done.result()


def check_kept_of(kms, writer):
    with kms.connect() as sock:
        def ask(operation, **body):
            answer = kms.exchange(sock, kms.request(operation, body))
            assert answer.status == 200, (operation, body, answer.bytes)
            return answer.json

        grants = {}
        for key, grant in writer.grants:
            grants.setdefault(key, set()).add(grant)
        for key in writer.keys:
            state = ask("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"]
            known = writer.disabled.get(key)
            assert known is None or state == ("Disabled" if known else "Enabled"), key
            if key in grants:
                listed = ask("ListGrants", KeyId=key, Limit=100)
                assert listed["Truncated"] or grants[key] <= {g["GrantId"] for g in listed["Grants"]}
        for name, key in writer.aliases.items():
            assert ask("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == key


def test_kill_during_mixed_writes_loses_nothing_acknowledged():
    with running() as kms:
        writers = [Writer(kms, seed) for seed in range(8)]
        rng, total = random.Random(7), 0
        for _ in range(LIVES):
            end = time.monotonic() + LIFE_S
            with concurrent.futures.ThreadPoolExecutor(len(writers)) as pool:
                runs = [pool.submit(writer.run, end) for writer in writers]
                time.sleep(rng.uniform(LIFE_S / 3, LIFE_S))
                kms.stop(signal.SIGKILL)
                for run in runs:
                    run.result()
            kms.start()
            verify_log(kms)  # the start has cut off what was never acknowledged
            total = sum(len(writer.ids) for writer in writers)
            if total >= WRITES:
                break
        print(f"{total} writes acknowledged")
        assert total > 200
        check_kept(kms, writers)
        kms.stop()
        verify_log(kms)
        kms.start()


# the database is not as it was left

def swap(path, table, column, rows):
    """The column's values of two rows change places."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        (a, b) = [db.execute(f"SELECT {column} FROM {table} WHERE key_id = ?", (key,)).fetchone()[0] for key in rows]
        assert a != b
        for key, value in zip(rows, (b, a)):
            assert db.execute(f"UPDATE {table} SET {column} = ? WHERE key_id = ?", (value, key)).rowcount == 1


def test_168_rows_of_two_keys_swapped():
    with running() as kms:
        keys = [kms.call("CreateKey").json["KeyMetadata"]["KeyId"] for _ in range(3)]
        blobs = [kms.call("Encrypt", {"KeyId": key, "Plaintext": base64.b64encode(key.encode()).decode()})
                 .json["CiphertextBlob"] for key in keys]
        kms.stop()
        path, = glob.glob(kms.path("state", "kms", "*.db"))
        swap(path, "key_material", "wrapped", keys[:2])
        kms.start()
        for key, blob in zip(keys[:2], blobs[:2]):
            for answer in (kms.call("Decrypt", {"CiphertextBlob": blob}), kms.call("GenerateDataKey", {
                    "KeyId": key, "KeySpec": "AES_256"}), kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="})):
                assert (answer.status, answer.type) == (500, "KMSInternalException"), answer.bytes
        alarms = [line for line in kms.log_text().splitlines() if "ALARM" in line]
        assert any(keys[0] in line for line in alarms) and any(keys[1] in line for line in alarms), alarms
        assert kms.call("Decrypt", {"CiphertextBlob": blobs[2]}).status == 200
        kms.stop()
        swap(path, "key_material", "wrapped", keys[:2])
        kms.start()
        for key, blob in zip(keys, blobs):
            answer = kms.call("Decrypt", {"CiphertextBlob": blob})
            assert base64.b64decode(answer.json["Plaintext"]).decode() == key


def test_172_root_key_is_rotated_during_load():
    with running() as kms:
        keys = [kms.call("CreateKey").json["KeyMetadata"]["KeyId"] for _ in range(20)]
        stop, failures, done = threading.Event(), [], []

        def work(seed):
            rng = random.Random(seed)
            with kms.connect() as sock:
                while not stop.is_set():
                    key = rng.choice(keys)
                    made = kms.exchange(sock, kms.request("Encrypt", {"KeyId": key, "Plaintext": "eA=="}))
                    other = kms.exchange(sock, kms.request("CreateKey", {}))
                    if made.status != 200 or other.status != 200:
                        failures.append((made.bytes, other.bytes))
                        return
                    opened = kms.exchange(sock, kms.request("Decrypt", {
                        "CiphertextBlob": made.json["CiphertextBlob"]}))
                    if opened.status != 200 or opened.json["Plaintext"] != "eA==":
                        failures.append(opened.bytes)
                        return
                    done.append(other.json["KeyMetadata"]["KeyId"])

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(1)
            kms.tool("--rotate-root")
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join(AGAIN_S)
        assert not failures and len(done) > 10, (failures, kms.log_text()[-2000:])
        kms.stop(signal.SIGKILL)
        with contextlib.closing(sqlite3.connect(*glob.glob(kms.path("state", "kms", "*.db")))) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        kms.start()
        for key in keys + done:
            assert kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="}).status == 200


# the disk is full

@contextlib.contextmanager
def small_disk(megabytes):
    """A tmpfs of our own for the state directory, or a skip."""
    directory = tempfile.mkdtemp(prefix="rdk-small-", dir="/tmp")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", directory.encode(), b"tmpfs", 0, f"size={megabytes}m,mode=700".encode()) != 0:
        os.rmdir(directory)
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield directory
    finally:
        libc.umount2(directory.encode(), 2)
        shutil.rmtree(directory)


def fill(directory):
    path = os.path.join(directory, "filler")
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return path


def check_full_disk(kms, directory, expected_reads):
    key = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
    blob = kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="}).json["CiphertextBlob"]
    filler, kept, refusals = fill(directory), [], 0
    for _ in range(60):
        answer = kms.call("CreateKey")
        if answer.status == 200:
            kept.append(answer.json["KeyMetadata"]["KeyId"])
        else:
            assert (answer.status, answer.type) == (500, "KMSInternalException"), answer.bytes
            refusals += 1
    assert refusals > 0
    if expected_reads == "refused":
        answer = until(lambda: (a := kms.call("Decrypt", {"CiphertextBlob": blob})).status != 200 and a, AGAIN_S)
        assert (answer.status, answer.type) == (500, "KMSInternalException") and b"Plaintext" not in answer.bytes
        assert kms.get("/healthz").status == 503
    os.unlink(filler)
    # Without a restart.
    assert until(lambda: kms.call("CreateKey").status == 200, AGAIN_S), kms.log_text()[-2000:]
    assert kms.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == "eA=="
    kms.restart(signal.SIGKILL)
    for acknowledged in [key, *kept]:
        assert kms.call("DescribeKey", {"KeyId": acknowledged}).status == 200
    kms.stop()


def test_disk_of_the_database_is_full():
    with small_disk(8) as small, running(f'database: "sqlite:{small}/kms.db"\n') as kms:
        check_full_disk(kms, small, "served")
        verify_log(kms)
        kms.start()


def test_disk_of_the_audit_log_is_full():
    with small_disk(4) as small, running(f'audit: "{small}/audit"\n') as kms:
        check_full_disk(kms, small, "refused")
        done = subprocess.run([REDOUBT, "audit", "verify", f"{small}/audit"], capture_output=True, text=True,
                              timeout=120, env=kms.env, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        kms.start()


# the token goes and comes

SOFTHSM = next((path for path in ("/usr/lib/softhsm/libsofthsm2.so", *glob.glob("/usr/lib/*/softhsm/libsofthsm2.so"))
                if os.path.exists(path)), None)


@pytest.mark.skipif(not SOFTHSM, reason="SoftHSM is not installed")
def test_173_token_that_vanishes_at_run_time_and_returns():
    with tempfile.TemporaryDirectory(prefix="rdk-hsm-") as directory:
        tokens, away = os.path.join(directory, "tokens"), os.path.join(directory, "away")
        os.mkdir(tokens)
        for name, text in (("softhsm.conf", f"directories.tokendir = {tokens}\nlog.level = ERROR\n"), ("pin", "1234\n")):
            with open(os.path.join(directory, name), "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) \
                    as file:
                file.write(text)
        env = {**os.environ, "SOFTHSM2_CONF": f"{directory}/softhsm.conf"}
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "redoubt", "--pin", "1234", "--so-pin",
                        "99887766"], check=True, env=env, capture_output=True)
        uri = f"pkcs11:token=redoubt;object=master?module-path={SOFTHSM}&pin-source=file:{directory}/pin"
        home = tempfile.mkdtemp(prefix="rdk-", dir="/tmp")
        subprocess.run([REDOUBT_KMS, "--make-master", uri], check=True, capture_output=True,
                       env={**env, "REDOUBT_HOME": home})
        try:
            with running(f'master: "{uri}"\n', home=home, env={"SOFTHSM2_CONF": f"{directory}/softhsm.conf"}) as kms:
                check_token(kms, tokens, away)
        finally:
            shutil.rmtree(home, ignore_errors=True)


def check_token(kms, tokens, away):
    warm = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
    blob = kms.call("Encrypt", {"KeyId": warm, "Plaintext": "eA=="}).json["CiphertextBlob"]
    os.rename(tokens, away)
    os.mkdir(tokens)
    # Keys that are open stay so: the root key is in memory, and the token only opens that.
    for _ in range(5):
        assert kms.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == "eA=="
    answer = kms.call("CreateKey")
    assert answer.status == 200 or answer.type in ("KMSInternalException", "KeyUnavailableException"), answer.bytes
    # Whoever has to ask the token is told so.
    text = kms.tool("--rotate-root", ok=False)
    assert "token" in text.lower() or "pkcs11" in text.lower(), text
    os.rmdir(tokens)
    os.rename(away, tokens)
    kms.tool("--rotate-root")
    assert until(lambda: kms.call("CreateKey").status == 200, AGAIN_S)
    assert kms.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == "eA=="
