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
import json
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
import urllib.parse

import pytest
from kms_host import ACCOUNT, REDOUBT_KMS, Kms, until

POSTGRES = os.environ.get("TEST_POSTGRES")
REDOUBT = os.environ["REDOUBT"]
WRITES = 10000
# In so many lives of the server at least, and some seconds each; far less than the last on a machine of one's own.
LIVES, LIFE_S, WRITES_S = 5, 3, 400
AGAIN_S = 60
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def verify_log(kms):
    """`redoubt audit verify` of a log whose server is stopped or stands still."""
    directory = kms.path("state", "kms", "audit")
    done = subprocess.run([REDOUBT, "audit", "verify", directory], capture_output=True, text=True, timeout=120,
                          env=kms.env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def log_bytes(directory):
    """Of all segments: records are JSON, as they are."""
    return b"".join(open(path, "rb").read() for path in glob.glob(os.path.join(directory, "log-*")))


def audit_of(kms):
    return kms.path("state", "kms", "audit")


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
        self.kms, self.rng, self.seed = kms, random.Random(seed), seed
        self.ids, self.keys, self.grants, self.aliases = [], [], [], {}
        # By key or user; what was under way when the server was killed is not known, and left out.
        self.disabled, self.tags, self.policies, self.users = {}, {}, {}, {}

    def send(self, sock, request):
        """True when it is acknowledged."""
        answer = self.kms.exchange(sock, request)
        if answer.status == 200:
            self.ids.append(answer.headers["x-amzn-RequestId"])
        else:
            assert answer.type in ("ThrottlingException", "KMSInvalidStateException", "DisabledException"), answer.bytes
        return answer if answer.status == 200 else None

    def call(self, sock, operation, **body):
        return self.send(sock, self.kms.request(operation, body))

    def iam(self, sock, action, **parameters):
        return self.send(sock, iam_request(self.kms, action, **parameters))

    def some(self, things):
        return self.rng.choice(things)

    def set(self, sock, known, name, value, operation, **body):
        known.pop(name, None)
        if self.call(sock, operation, **body):
            known[name] = value

    def make_key(self, sock):
        answer = self.call(sock, "CreateKey")
        if answer:
            self.keys.append(answer.json["KeyMetadata"]["KeyId"])

    def grant(self, sock):
        key = self.some(self.keys)
        if not self.disabled.get(key):
            answer = self.call(sock, "CreateGrant", KeyId=key, GranteePrincipal=ROOT, Operations=["Encrypt", "Decrypt"])
            if answer:
                self.grants.append((key, answer.json["GrantId"]))

    def alias(self, sock):
        key, name = self.some(self.keys), f"alias/a{self.rng.getrandbits(64):x}"
        self.set(sock, self.aliases, name, key, "CreateAlias", AliasName=name, TargetKeyId=key)

    def tag(self, sock):
        key, value = self.some(self.keys), f"{self.rng.getrandbits(64):x}"
        self.set(sock, self.tags, key, value, "TagResource", KeyId=key, Tags=[{"TagKey": "t", "TagValue": value}])

    def policy(self, sock):
        key = self.some(self.keys)
        policy = json.dumps({"Version": "2012-10-17", "Id": f"{self.rng.getrandbits(64):x}", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}]})
        self.set(sock, self.policies, key, policy, "PutKeyPolicy", KeyId=key, PolicyName="default", Policy=policy)

    def state(self, sock):
        key, off = self.some(self.keys), self.rng.random() < 0.5
        self.set(sock, self.disabled, key, off, "DisableKey" if off else "EnableKey", KeyId=key)

    def user(self, sock):
        name = f"u{self.seed}-{self.rng.getrandbits(64):x}"
        if self.iam(sock, "CreateUser", UserName=name):
            self.users[name] = None

    def user_policy(self, sock):
        if not self.users:
            return
        name = self.some(list(self.users))
        policy = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Sid": f"S{self.rng.getrandbits(64):x}", "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}]})
        del self.users[name]
        if self.iam(sock, "PutUserPolicy", UserName=name, PolicyName="p", PolicyDocument=policy):
            self.users[name] = policy

    def run(self, end):
        """Until the time is over or the server has gone."""
        steps = [self.make_key, self.grant, self.grant, self.alias, self.tag, self.policy, self.state, self.user,
                 self.user_policy]
        # What an answer that broke off comes to.
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            with self.kms.connect() as sock:
                while not end.is_set():
                    (self.some(steps) if self.keys else self.make_key)(sock)


def iam_request(kms, action, **parameters):
    form = urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", **parameters})
    return kms.request(None, form.encode(), service="iam",
                       headers=[("Content-Type", "application/x-www-form-urlencoded")])


def check_kept(kms, writers, select):
    """All of it in the log and in the database, and some of it by asking."""
    log = set(re.findall(rb'"requestID":"([0-9a-f-]{36})"', log_bytes(audit_of(kms))))
    keys, aliases = select("SELECT id FROM kms_key"), select("SELECT name || ' ' || key_id FROM alias")
    grants = select("SELECT key_id || ' ' || id FROM kms_grant")
    tags = select("SELECT key_id || ' ' || tag_value FROM tag")
    policies = select("SELECT id || ' ' || policy FROM kms_key")
    users = select("SELECT name FROM principal")
    for writer in writers:
        assert {id_.encode() for id_ in writer.ids} <= log
        assert set(writer.keys) <= keys and set(writer.users) <= users
        assert {f"{key} {grant}" for key, grant in writer.grants} <= grants
        assert {f"{name} {key}" for name, key in writer.aliases.items()} <= aliases
        assert {f"{key} {value}" for key, value in writer.tags.items()} <= tags
        assert {f"{key} {policy}" for key, policy in writer.policies.items()} <= policies
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

        def some(things):
            return list(things)[::10]

        for key in some(writer.keys):
            state = ask("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"]
            known = writer.disabled.get(key)
            assert known is None or state == ("Disabled" if known else "Enabled"), key
        for key, grant in some(writer.grants):
            assert [g["GrantId"] for g in ask("ListGrants", KeyId=key, GrantId=grant)["Grants"]] == [grant]
        for name, key in some(writer.aliases.items()):
            assert ask("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == key
        for key, value in some(writer.tags.items()):
            assert ask("ListResourceTags", KeyId=key)["Tags"] == [{"TagKey": "t", "TagValue": value}]
        for key, policy in some(writer.policies.items()):
            assert ask("GetKeyPolicy", KeyId=key, PolicyName="default")["Policy"] == policy
        for name, policy in some(writer.users.items()):
            request = iam_request(kms, "GetUserPolicy", UserName=name, PolicyName="p") if policy else \
                iam_request(kms, "GetUser", UserName=name)
            answer = kms.exchange(sock, request)
            assert answer.status == 200 and (not policy or urllib.parse.quote(policy, safe="-._~") in answer.bytes.decode())


def recorded(directory):
    """Names of keys, aliases and users that a record says were made."""
    known = set()
    # Each begins with the member that sorts first.
    for record in log_bytes(directory).split(b'{"additionalEventData"')[1:]:
        if re.search(rb'"eventName":"Create(Key|Alias|User)"', record) and b'"errorCode"' not in record:
            for parts in re.findall(rb'key/([0-9a-f-]{36})|"(alias/[^"]+)"|user/([^"]+)"', record):
                known |= {part.decode() for part in parts if part}
    return known


def unrecorded(directory, select):
    """What is in the database, whether or not anybody was told, and not in the log."""
    known = recorded(directory)
    return {row for sql in ("SELECT id FROM kms_key", "SELECT name FROM alias",
                            "SELECT name FROM principal WHERE name LIKE 'u%'") for row in select(sql)} - known


def selecting(kms, url):
    """Reads a column of the server's database."""
    if url:
        psql = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
        return lambda sql: set(subprocess.run([psql, "-A", "-t", "-d", url, "-c", sql], check=True, timeout=60,
                                              capture_output=True, text=True).stdout.splitlines())

    def select(sql):
        with contextlib.closing(sqlite3.connect(*glob.glob(kms.path("state", "kms", "*.db")))) as db:
            return {row[0] for row in db.execute(sql)}
    return select


def one_life(kms, writers, seconds):
    """All write until the server is killed under them."""
    end = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(len(writers)) as pool:
        runs = [pool.submit(writer.run, end) for writer in writers]
        time.sleep(seconds)
        kms.stop(signal.SIGKILL)
        end.set()
        for run in runs:
            run.result()


@pytest.mark.parametrize("postgresql", [False, pytest.param(
    True, marks=pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed"))])
def test_kill_during_10000_mixed_writes_loses_nothing_acknowledged(postgresql):
    with running(empty_database("writes") if postgresql else "") as kms:
        select = selecting(kms, POSTGRES.replace("///postgres?", "///writes?") if postgresql else None)
        writers = [Writer(kms, seed) for seed in range(8)]
        rng, total, lives, start = random.Random(7), 0, 0, time.monotonic()
        while (total < WRITES or lives < LIVES) and time.monotonic() < start + WRITES_S:
            one_life(kms, writers, rng.uniform(0.5, 1.5) * LIFE_S)
            kms.start()
            lives, total = lives + 1, sum(len(writer.ids) for writer in writers)
        print(f"{total} writes acknowledged in {lives} lives and {time.monotonic() - start:.0f} s")
        assert total >= WRITES and lives >= LIVES
        verify_log(kms)  # each start has cut off what was never acknowledged
        # On PostgreSQL it might be another server's: it is waited for (journal.h: KMS_PENDING_MS).
        assert until(lambda: not select("SELECT request_id FROM pending_record"), AGAIN_S)
        check_kept(kms, writers, select)
        kms.stop()
        verify_log(kms)
        assert select("SELECT name FROM principal") and not unrecorded(audit_of(kms), select)
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
        # What was refused because its record could not be written has been done.
        undone = selecting(kms, None)("SELECT id FROM kms_key") - {key, *kept}
        assert undone
        answer = until(lambda: (a := kms.call("Decrypt", {"CiphertextBlob": blob})).status != 200 and a, AGAIN_S)
        assert (answer.status, answer.type) == (500, "KMSInternalException") and b"Plaintext" not in answer.bytes
        assert kms.get("/healthz").status == 503
    os.unlink(filler)
    # Without a restart.
    assert until(lambda: kms.call("CreateKey").status == 200, AGAIN_S), kms.log_text()[-2000:]
    assert kms.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == "eA=="
    if expected_reads == "refused":
        # And is recorded once it can be, as what it is.
        assert until(lambda: not unrecorded(f"{directory}/audit", selecting(kms, None)), AGAIN_S)
        log = log_bytes(f"{directory}/audit").split(b'{"additionalEventData"')
        for key_id in undone:
            record, = (record for record in log if key_id.encode() in record)
            assert b'"recovered":true' in record and b'"eventName":"CreateKey"' in record
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
needs_softhsm = pytest.mark.skipif(not SOFTHSM, reason="SoftHSM is not installed")


class Token:
    """A SoftHSM token with a master key, in a directory that can go."""

    def __init__(self, directory, copy_of=None):
        self.directory, self.tokens, self.away = directory, f"{directory}/tokens", f"{directory}/away"
        os.mkdir(directory)
        if copy_of:
            shutil.copytree(copy_of.tokens, self.tokens)
        else:
            os.mkdir(self.tokens)
        for name, text in (("softhsm.conf", f"directories.tokendir = {self.tokens}\nlog.level = ERROR\n"),
                           ("pin", "1234\n")):
            with open(f"{directory}/{name}", "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(text)
        self.env = {"SOFTHSM2_CONF": f"{directory}/softhsm.conf"}
        self.config = f'master: "pkcs11:token=redoubt;object=master?module-path={SOFTHSM}&pin-source=file:{directory}/pin"\n'
        if not copy_of:
            self.make()

    def make(self):
        env = {**os.environ, **self.env}
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "redoubt", "--pin", "1234", "--so-pin",
                        "99887766"], check=True, env=env, capture_output=True)
        with tempfile.TemporaryDirectory() as home:
            subprocess.run([REDOUBT_KMS, "--make-master", self.config[len('master: "'):-2]], check=True,
                           capture_output=True, env={**env, "REDOUBT_HOME": home})

    def remove(self):
        os.rename(self.tokens, self.away)
        os.mkdir(self.tokens)

    def bring_back(self):
        os.rmdir(self.tokens)
        os.rename(self.away, self.tokens)


@needs_softhsm
def test_173_token_that_vanishes_at_run_time_and_returns(tmp_path):
    token = Token(f"{tmp_path}/one")
    with running(token.config, env=token.env) as kms:
        warm = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
        blob = kms.call("Encrypt", {"KeyId": warm, "Plaintext": "eA=="}).json["CiphertextBlob"]
        token.remove()
        # Keys that are open stay so: the root key is in memory, and the token only opens that.
        for _ in range(5):
            assert kms.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == "eA=="
        answer = kms.call("CreateKey")
        assert answer.status == 200 or answer.type in ("KMSInternalException", "KeyUnavailableException"), answer.bytes
        # Whoever has to ask the token is told so.
        text = kms.tool("--rotate-root", ok=False)
        assert "token" in text.lower() or "pkcs11" in text.lower(), text
        token.bring_back()
        kms.tool("--rotate-root")
        assert until(lambda: kms.call("CreateKey").status == 200, AGAIN_S)
        assert kms.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == "eA=="


@needs_softhsm
@pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed")
def test_173_cold_key_while_the_token_is_away(tmp_path):
    """The other server has a copy of the token and rotates the root key, which this one then cannot open."""
    token = Token(f"{tmp_path}/one")
    other = Token(f"{tmp_path}/two", copy_of=token)
    database = empty_database("tokens")
    with running(database + token.config, env=token.env) as kms, \
            running(database + other.config, env=other.env, admin=kms.admin) as second:
        warm = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
        old = kms.call("Encrypt", {"KeyId": warm, "Plaintext": "eA=="}).json["CiphertextBlob"]
        token.remove()
        second.tool("--rotate-root")

        def made_cold():
            key = second.call("CreateKey").json["KeyMetadata"]["KeyId"]
            blob = second.call("Encrypt", {"KeyId": key, "Plaintext": "eQ=="}).json["CiphertextBlob"]
            return blob if kms.call("Decrypt", {"CiphertextBlob": blob}).status != 200 else None

        blob = until(made_cold, AGAIN_S)
        for operation, body in (("Decrypt", {"CiphertextBlob": blob}), ("Decrypt", {"CiphertextBlob": blob})):
            answer = kms.call(operation, body)
            assert (answer.status, answer.type) == (500, "KeyUnavailableException"), answer.bytes
            assert b"Plaintext" not in answer.bytes
        assert second.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == "eQ=="
        # What it has in memory it goes on using, also when the other has wrapped it anew.
        assert kms.call("Decrypt", {"CiphertextBlob": old}).json["Plaintext"] == "eA=="
        token.bring_back()
        answer = until(lambda: (a := kms.call("Decrypt", {"CiphertextBlob": blob})).status == 200 and a, AGAIN_S)
        assert answer.json["Plaintext"] == "eQ=="
