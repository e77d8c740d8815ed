# SPDX-License-Identifier: Apache-2.0
"""The API's protocol and authentication: cases 1 to 28, 159, 165 and 167 of the KMS reference, against the real server.

Case 4, the two vectors with the clock fixed, is in the unit test of lib/aws (sigv4); 17, an expired session, in that of
authentication, which moves the clock. JavaScript's SDK itself is in test_kms_clients.py.
"""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time

import botocore.exceptions
import pytest
from kms_door import records
from kms_host import ACCOUNT, JSON, REGION, Credentials, Kms, Request, amz_time, until

MIB = 1 << 20
TOO_SLOW_S = 45  # http.c: HEADER_MS and BODY_MS are below


@pytest.fixture(name="slow", scope="module", autouse=True)
def slow_fixture(kms):
    """Two clients that stop in the middle of their request, before anything else happens."""
    data = kms.request("ListKeys", b'{"Limit":10}').bytes()
    with kms.connect() as head, kms.connect() as body:
        head.sendall(data[:30])
        body.sendall(data[:-4])
        yield head, body


@pytest.fixture(autouse=True)
def well(kms):
    """After each test the server is well and serves others at once."""
    yield
    kms.assert_well()
    start = time.monotonic()
    assert kms.call("ListKeys").status == 200
    assert time.monotonic() - start < 5


@pytest.fixture(name="key", scope="module")
def key_fixture(kms):
    return kms.client().create_key()["KeyMetadata"]["KeyId"]


def refused(answer, kind, *words, status=400):
    assert (answer.status, answer.type) == (status, kind), (answer.status, answer.bytes)
    assert answer.headers["Content-Type"] == JSON
    for word in words:
        assert word in answer.message, answer.bytes
    return answer


def served(answer):
    assert answer.status == 200, answer.bytes
    return answer


# --- 1 to 3: what is right


def test_1_signed_request_is_answered(kms):
    answer = served(kms.call("ListKeys"))
    assert answer.json["Truncated"] is False and isinstance(answer.json["Keys"], list)
    assert len(answer.headers["x-amzn-RequestId"]) == 36
    assert answer.headers["Content-Type"] == JSON
    assert answer.headers["Cache-Control"] == "no-cache, no-store, must-revalidate, private"
    assert (answer.headers["Pragma"], answer.headers["Expires"]) == ("no-cache", "0")


def test_1_request_ids_differ(kms):
    assert len({kms.call("ListKeys").headers["x-amzn-RequestId"] for _ in range(5)}) == 5


def test_2_empty_body_is_an_empty_object(kms):
    assert "Keys" in served(kms.call("ListKeys", b"")).json


def test_3_aws_cli_and_botocore(kms, key):
    assert key in [k["KeyId"] for k in kms.aws("kms", "list-keys")["Keys"]]
    answer = kms.client().list_keys()
    assert key in [k["KeyId"] for k in answer["Keys"]]
    assert answer["ResponseMetadata"]["RequestId"] == answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    who = kms.aws("sts", "get-caller-identity")
    assert (who["Account"], who["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/admin")


def test_3_headers_as_javascript_signs_them(kms):
    body = b"{}"
    request = kms.request("ListKeys", body, headers=[
        ("amz-sdk-invocation-id", "6b1d2f5e-0000-4000-8000-000000000000"), ("amz-sdk-request", "attempt=1; max=3"),
        ("content-length", str(len(body))), ("x-amz-user-agent", "aws-sdk-js/3.1164.0"),
        ("x-amz-content-sha256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")])
    request.headers = [(name.lower(), value) for name, value in request.headers]
    served(kms.send(request))


# --- 5 to 19: who asks


def test_5_no_authorization(kms):
    refused(kms.send(kms.request().set("Authorization", None)), "MissingAuthenticationTokenException",
            "Missing Authentication Token")


@pytest.mark.parametrize("part", ["Signature", "SignedHeaders", "Credential"])
def test_6_authorization_lacks_a_component(kms, part):
    request = kms.request()
    algorithm, _, rest = request.get("Authorization").partition(" ")
    kept = ", ".join(p for p in rest.split(", ") if not p.startswith(part + "="))
    refused(kms.send(request.set("Authorization", f"{algorithm} {kept}")), "IncompleteSignatureException", part)


def test_7_no_date_at_all(kms):
    request = kms.request(signed=["content-type", "host", "x-amz-target"])
    refused(kms.send(request.set("X-Amz-Date", None)), "IncompleteSignatureException")


def test_8_unknown_access_key(kms):
    refused(kms.call("ListKeys", credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "x" * 40)),
            "UnrecognizedClientException", "security token included in the request is invalid")


def test_8_known_access_key_with_another_secret(kms):
    refused(kms.call("ListKeys", credentials=Credentials(kms.admin.akid, "x" * 40)), "InvalidSignatureException",
            "signature we calculated does not match")


def test_9_body_altered_after_signing(kms):
    request = kms.request("ListKeys", b'{"Limit": 10}')
    request.body = b'{"Limit": 11}'
    refused(kms.send(request), "InvalidSignatureException")


def test_10_target_altered_after_signing(kms):
    request = kms.request("Decrypt", {"CiphertextBlob": "AAAA"})
    refused(kms.send(request.set("X-Amz-Target", "TrentService.Encrypt")), "InvalidSignatureException")


def test_11_target_is_not_signed(kms):
    request = kms.request(signed=["content-type", "host", "x-amz-date"])
    assert kms.send(request).type in ("InvalidSignatureException", "IncompleteSignatureException")


@pytest.mark.parametrize("shift, words", [(-360, "Signature expired"), (360, "Signature not yet current")])
def test_12_clock_is_six_minutes_off(kms, shift, words):
    refused(kms.call("ListKeys", when=amz_time(shift)), "InvalidSignatureException", words, "5 min")


@pytest.mark.parametrize("shift", [-240, 240])
def test_12_clock_is_four_minutes_off(kms, shift):
    served(kms.call("ListKeys", when=amz_time(shift)))


def test_13_scope_of_another_day(kms):
    refused(kms.call("ListKeys", scope_date="20200101"), "InvalidSignatureException", "Date in Credential scope")


def test_14_scope_of_another_region(kms):
    refused(kms.call("ListKeys", region="eu-west-1"), "InvalidSignatureException", "valid region", "eu-west-1")


def test_15_scope_of_another_service(kms):
    refused(kms.call("ListKeys", service="s3"), "InvalidSignatureException", "correct service", "kms")


def test_15_kms_operation_signed_for_iam(kms):
    refused(kms.call("ListKeys", service="iam"), "InvalidSignatureException", "correct service", "kms")


def test_16_temporary_credentials_need_their_own_token(kms):
    first, second = (Credentials.of(kms.client("sts").get_session_token()["Credentials"]) for _ in range(2))
    served(kms.call("ListKeys", credentials=first))
    for token in (None, second.token, "junk", first.token[:-4] + "AAAA"):
        refused(kms.call("ListKeys", credentials=Credentials(first.akid, first.secret, token)),
                "UnrecognizedClientException")
    refused(kms.call("ListKeys", credentials=Credentials(kms.admin.akid, kms.admin.secret, first.token)),
            "UnrecognizedClientException")


@pytest.mark.parametrize("value", ["0" * 64, "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"])
def test_18_content_hash_that_is_not_the_body_s(kms, value):
    refused(kms.call("ListKeys", headers=[("x-amz-content-sha256", value)]), "InvalidSignatureException")


def test_19_blanks_in_a_signed_header_are_collapsed(kms):
    served(kms.call("ListKeys", headers=[("x-amz-note", "two  blanks   inside  ")]))


# --- 20 to 26: what is asked


@pytest.mark.parametrize("target", ["TrentService.Nope", "ListKeys", "TrentService.", "Other.ListKeys",
                                    "TrentService.listkeys", "TrentService.ListKeys2", None])
def test_20_unknown_target(kms, target):
    request = Request(target, host=kms.host, credentials=kms.admin)
    refused(kms.send(request), "UnknownOperationException")


def test_20_two_targets(kms):
    request = kms.request("ListKeys")
    request.headers.append(("X-Amz-Target", "TrentService.CreateKey"))
    request.sign()
    refused(kms.send(request), "UnknownOperationException")


@pytest.mark.parametrize("method, path", [("GET", "/"), ("PUT", "/"), ("POST", "/x"), ("POST", "/healthz")])
def test_20_wrong_method_or_path(kms, method, path):
    refused(kms.call("ListKeys", method=method, path=path), "UnknownOperationException")


def test_20_operations_that_are_known_and_not_supported(kms, key):
    for name in ("ReplicateKey", "UpdatePrimaryRegion", "ConnectCustomKeyStore", "CreateCustomKeyStore",
                 "DeleteCustomKeyStore", "DisconnectCustomKeyStore", "UpdateCustomKeyStore", "Encapsulate",
                 "Decapsulate"):
        refused(kms.call(name, {"KeyId": key}), "UnsupportedOperationException", name)
    assert served(kms.call("DescribeCustomKeyStores")).json == {"CustomKeyStores": [], "Truncated": False}
    refused(kms.call("DescribeCustomKeyStores", {"CustomKeyStoreId": "cks-1"}), "CustomKeyStoreNotFoundException")


DEEP = b'{"a":' * 40 + b"1" + b"}" * 40


@pytest.mark.parametrize("target, body", [
    ("ListKeys", b"not JSON"), ("ListKeys", b"[]"), ("ListKeys", b'{"Limit":1'), ("ListKeys", b'{"Limit":1}x'),
    ("DescribeKey", b'{"KeyId":5}'), ("ListKeys", b'{"Limit":"5"}'), ("ListKeys", DEEP), ("ListKeys", b"\xff\xfe"),
    ("DescribeKey", b'{"KeyId":"\\ud800"}'), ("DescribeKey", b'{"KeyId":"a\\u0000"}'),
    ("Encrypt", b'{"KeyId":"x","Plaintext":"***"}'), ("Encrypt", b'{"KeyId":"x","Plaintext":"QQ"}'),
    ("Encrypt", b'{"KeyId":"x","Plaintext":"QR=="}')])
def test_21_not_json_or_of_the_wrong_type(kms, target, body):
    refused(kms.call(target, body), "SerializationException")


def test_22_unknown_members_are_ignored(kms):
    served(kms.call("ListKeys", {"DryRunModifiers": ["X"], "Nope": {"a": [1, None]}, "Limit": None}))


def test_23_escaped_slashes_in_base64(kms, key):
    plain = b"\xff\xff\xff"  # "////"
    body = b'{ "KeyId": "%s", "Plaintext": "\\/\\/\\/\\/" }' % key.encode()
    blob = served(kms.call("Encrypt", body)).json["CiphertextBlob"]
    text = json.dumps({"CiphertextBlob": blob}).replace("/", "\\/").encode()
    assert base64.b64decode(served(kms.call("Decrypt", text)).json["Plaintext"]) == plain


@pytest.mark.parametrize("body", [b'{"Limit":1,"Limit":1}', b'{"Limit":1,"Limi\\u0074":2}', b'{"a":{"b":1,"b":2}}'])
def test_24_member_twice(kms, body):
    refused(kms.call("ListKeys", body), "SerializationException")


def test_25_two_mebibytes(kms):
    refused(kms.call("ListKeys", b'{"a":"' + b"x" * 2 * MIB + b'"}'), "ValidationException", "1048576", status=413)


def test_25_one_mebibyte_is_read(kms):
    room = MIB - len(b'{"a":""}')
    served(kms.call("ListKeys", b'{"a":"' + b"x" * room + b'"}'))


def test_25_headers_without_end(kms):
    refused(kms.call("ListKeys", headers=[("x-amz-note", "x" * 40000)]), "ValidationException", status=431)


@pytest.mark.parametrize("data", [
    b"\r\n\r\nnonsense\r\n\r\n", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    b"POST / HTTP/1.1\r\n\r\n", b"POST / HTTP/3.0\r\nHost: h\r\n\r\n", b"POST / HTTP/1.1\r\nHost : h\r\n\r\n"])
def test_26_no_http_that_is_served_is_refused_in_json(kms, data):
    refused(kms.send(data), "SerializationException")


def test_26_faults_have_a_type_and_botocore_maps_them(kms):
    client = kms.client()
    with pytest.raises(client.exceptions.NotFoundException) as caught:
        client.describe_key(KeyId="00000000-0000-4000-8000-000000000000")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "does not exist" in caught.value.response["Error"]["Message"]
    said = kms.aws("kms", "describe-key", "--key-id", "alias/none", ok=False)
    assert "(NotFoundException) when calling the DescribeKey operation" in said, said


def test_26_denial_has_its_message_with_a_capital(kms):
    kms.client("iam").create_user(UserName="nobody")
    who = Credentials.of(kms.client("iam").create_access_key(UserName="nobody")["AccessKey"])
    answer = refused(kms.call("ListKeys", credentials=who), "AccessDeniedException")
    assert f"arn:aws:iam::{ACCOUNT}:user/nobody is not authorized to perform: kms:ListKeys" in answer.json["Message"]
    assert "message" not in answer.json
    answer = kms.call("CreateKey", b"{}", credentials=who)
    refused(answer, "AccessDeniedException")


def test_26_iam_and_sts_answer_in_xml(kms):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        kms.client("iam").get_user(UserName="no-such-user")
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        kms.client("sts", Credentials("AKIAIOSFODNN7EXAMPLE", "x" * 40)).get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_26_form_signed_for_kms_is_no_operation(kms):
    refused(kms.call(None, b"Action=ListUsers&Version=2010-05-08", service="kms",
                     headers=[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]),
            "UnknownOperationException")


def test_27_times_are_numbers(kms, key):
    text = served(kms.call("DescribeKey", {"KeyId": key})).bytes
    date = json.loads(text)["KeyMetadata"]["CreationDate"]
    assert isinstance(date, (int, float)) and abs(date - time.time()) < 600
    assert len(str(date).partition(".")[2]) <= 3, text


# --- 28: connections


def test_28_twenty_requests_on_one_connection(kms):
    with kms.connect() as sock:
        for i in range(20):
            answer = kms.exchange(sock, kms.request("ListKeys" if i % 3 else "Nope"))
            assert answer.status == (200 if i % 3 else 400)


def test_28_pipelined_requests_are_answered_in_order(kms, key):
    requests = [kms.request("ListKeys"), kms.request("CreateAlias", {"AliasName": "alias/piped", "TargetKeyId": key}),
                kms.request("Nope"), kms.request("DescribeKey", {"KeyId": key})]
    data = b"".join(r.bytes() for r in requests)
    with kms.connect() as sock:
        sock.sendall(data[:-100])
        time.sleep(0.2)
        sock.sendall(data[-100:])
        file = sock.makefile("rb")
        seen = []
        for _ in requests:
            response = http.client.HTTPResponse(FromFile(file))
            response.begin()
            seen.append((response.status, response.read()))
    assert [status for status, _ in seen] == [200, 200, 400, 200]
    assert b"Keys" in seen[0][1] and seen[1][1] == b"" and key.encode() in seen[3][1]


class FromFile:
    """A socket for HTTPResponse that keeps what it has read ahead."""

    def __init__(self, file):
        self.file = file

    def makefile(self, _mode):
        return Unclosed(self.file)


class Unclosed:
    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def close(self):
        """The next response is in the same file."""


def test_28_client_that_goes_away_leaves_nothing(kms):
    before = kms.metric("connections")
    for cut in (1, 40, -1):
        with kms.connect() as sock:
            sock.sendall(kms.request("ListKeys").bytes()[:cut])
    with kms.connect() as sock:
        sock.sendall(kms.request("CreateKey").bytes())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert until(lambda: kms.metric("connections") <= before)


# --- 165: overload


def test_165_full_queue_of_rsa_keys_is_throttled_and_others_go_on(kms, key):
    def make(_):
        return kms.call("GenerateDataKeyPairWithoutPlaintext", {"KeyId": key, "KeyPairSpec": "RSA_2048"})

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        made = [pool.submit(make, i) for i in range(64)]
        time.sleep(0.2)
        start = time.monotonic()
        served(kms.call("Encrypt", {"KeyId": key, "Plaintext": "QQ=="}))
        served(kms.call("CreateAlias", {"AliasName": "alias/meanwhile", "TargetKeyId": key}))
        assert time.monotonic() - start < 10
        answers = [m.result() for m in made]
    throttled = [a for a in answers if a.status != 200]
    assert 0 < len(throttled) < len(answers)
    for answer in throttled:
        refused(answer, "ThrottlingException", "Rate exceeded")


# --- 28 again: what the others have not been held up by


def test_28_slow_clients_are_ended(slow):
    for sock in slow:
        sock.settimeout(TOO_SLOW_S)
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert (response.status, json.loads(response.read())["__type"]) == (408, "RequestTimeoutException")
        assert sock.recv(1) == b""


# --- the server around it


def test_metrics_count_calls_by_outcome(kms):
    before = kms.metric("requests_total", operation="ListKeys", outcome="OK")
    refusals = kms.metric("requests_total", operation="ListKeys", outcome="InvalidSignatureException")
    seconds = kms.metric("request_seconds_count", operation="ListKeys")
    served(kms.call("ListKeys"))
    refused(kms.call("ListKeys", region="eu-west-1"), "InvalidSignatureException")
    assert kms.metric("requests_total", operation="ListKeys", outcome="OK") == before + 1
    assert kms.metric("requests_total", operation="ListKeys", outcome="InvalidSignatureException") == refusals + 1
    assert kms.metric("request_seconds_count", operation="ListKeys") == seconds + 2
    assert kms.metric("audit_healthy") == 1
    assert kms.metric("cache_hits_total") > 0


def test_process_can_neither_gain_nor_be_looked_into(kms):
    with open(f"/proc/{kms.process.pid}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    for task in os.listdir(f"/proc/{kms.process.pid}/task"):
        with open(f"/proc/{kms.process.pid}/task/{task}/status", encoding="ascii") as file:
            assert "Seccomp:\t2\n" in file.read()


def test_second_server_of_the_same_state_is_refused(kms):
    said = kms.tool(ok=False)
    assert "another redoubt-kms runs in" in said


def test_configuration_is_printed_and_refused_with_its_line(kms):
    assert f"region: {REGION}" in kms.tool("--check-config")
    path = kms.path("bad.yaml")
    with open(path, "w", encoding="ascii") as file:
        file.write("region: a\nlissen: 1\n")
    assert f"{path}:2: unknown key" in kms.tool("--check-config", "--config", path, ok=False)


@contextlib.contextmanager
def another(config=""):
    server = Kms(config)
    try:
        yield server
        server.assert_well()
    finally:
        server.close()


def test_167_key_is_there_when_the_server_is_killed_after_its_answer():
    with another() as server:
        for signo in (signal.SIGKILL, signal.SIGTERM):
            made = server.client().create_key()["KeyMetadata"]
            server.restart(signo)
            assert server.client().describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made
            blob = server.client().encrypt(KeyId=made["KeyId"], Plaintext=b"kept")["CiphertextBlob"]
            server.restart(signo)
            assert server.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"


# --- TLS


@pytest.fixture(name="certificate", scope="module")
def certificate_fixture(tmp_path_factory):
    where = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
               "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=where, check=True, capture_output=True, timeout=60)
    return where


def test_159_http_1_1_is_chosen_where_h2_is_offered(certificate):
    context = ssl.create_default_context(cafile=certificate / "cert.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    config = f"tls_certificate: {certificate}/cert.pem\ntls_key: {certificate}/key.pem\n"
    server = Kms(config, tls=context)
    try:
        with server.connect() as sock:
            assert sock.selected_alpn_protocol() == "http/1.1" and sock.version() in ("TLSv1.2", "TLSv1.3")
            served(server.exchange(sock, server.request("ListKeys")))
        context.set_alpn_protocols(["h2"])
        with server.connect() as sock:
            assert sock.selected_alpn_protocol() is None
            served(server.exchange(sock, server.request("ListKeys")))
        assert server.client(verify=str(certificate / "cert.pem")).list_keys()["Truncated"] is False
        with pytest.raises(botocore.exceptions.SSLError):
            server.client().list_keys()
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
            server.exchange(sock, server.request("ListKeys"))
        server.assert_well()
    finally:
        server.close()


def test_first_start_makes_the_master_key_and_no_other_does():
    server = Kms()

    def fails_to_start(says):
        assert says in server.tool(ok=False)
    try:
        path = server.path("state", "kms", "master.key")
        assert f"made the master key, {path}" in server.log_text()
        assert os.stat(path).st_mode & 0o777 == 0o600
        server.restart()
        assert server.log_text().count("made the master key") == 1
        server.stop()
        os.rename(path, path + ".away")
        fails_to_start("there is no master key")  # beside a database
        assert not os.path.exists(path)
        os.remove(server.path("state", "kms", "kms.db"))
        server.write_config(f"master: file:{path}.other\n")
        fails_to_start("there is no master key")  # elsewhere, and perhaps not mounted
        assert f'"file:{path}.other"' in server.tool("--make-master", f"file:{path}.other")
        assert f'"file:{path}.third"' in server.tool("--make-master", "file:master.key.third")
        assert "yours to make" in server.tool("--make-master", "passphrase:/x", ok=False)
        assert "master" in server.tool("--make-master", "vault:/x", ok=False)
    finally:
        server.close()


def test_root_key_is_rotated_and_the_master_changed():
    with another() as server:
        key = server.client().create_key()["KeyMetadata"]["KeyId"]
        blob = server.client().encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
        assert "root key 2 is in use" in server.tool("--rotate-root")
        time.sleep(3)
        assert server.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
        server.client().create_key()
        master = server.path("other.key")
        server.tool("--make-master", master)
        assert "exists" in server.tool("--make-master", master, ok=False)
        server.tool("--change-master", "file:" + master)
        server.stop()
        server.write_config(f"master: file:{master}\n")
        server.start()
        assert server.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
        made = records(server, eventName="CreateAdministrator")
        assert [r["requestParameters"] for r in made] == [{"accessKeyId": server.admin.akid, "userName": "admin"}]
        for name, option in (("RotateRootKey", "--rotate-root"), ("ChangeMasterKey", "--change-master")):
            record, = records(server, eventName=name)
            assert record["eventType"] == "AwsServiceEvent" and not record["readOnly"]
            assert record["userAgent"] == f"redoubt-kms {option}, user id {os.getuid()}"


def test_backup_of_a_running_server_has_its_keys():
    with another() as server:
        key = server.client().create_key()["KeyMetadata"]["KeyId"]
        copy = server.path("copy.db")
        server.tool("--backup", copy)
        later = server.client().create_key()["KeyMetadata"]["KeyId"]
        server.stop()
        server.write_config(f"database: sqlite:{copy}\n")
        server.start()
        assert server.client().describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key
        with pytest.raises(botocore.exceptions.ClientError, match="NotFoundException"):
            server.client().describe_key(KeyId=later)


def test_sighup_takes_limits_and_refuses_what_does_not_hold():
    with another() as server:
        refused(server.call("ListKeys", when=amz_time(-400)), "InvalidSignatureException")
        server.write_config("clock_skew: 600\n")
        server.process.send_signal(signal.SIGHUP)
        assert until(lambda: "are reloaded" in server.log_text())
        served(server.call("ListKeys", when=amz_time(-400)))
        with contextlib.ExitStack() as held:
            sockets = [held.enter_context(server.connect()) for _ in range(3)]
            for sock in sockets:
                served(server.exchange(sock, server.request("ListKeys")))
            server.write_config("clock_skew: 600\nconnections_per_client: 3\n")
            server.process.send_signal(signal.SIGHUP)
            assert until(lambda: server.log_text().count("are reloaded") == 2)
            with pytest.raises((http.client.HTTPException, ConnectionError)):
                server.call("ListKeys")
            served(server.exchange(sockets[0], server.request("ListKeys")))
        assert until(lambda: server.metric("connections") == 0)
        served(server.call("ListKeys"))
        server.write_config("clock_skew: 600\nroots: [/nonexistent.pem]\n")
        server.process.send_signal(signal.SIGHUP)
        assert until(lambda: "not reloaded: roots: cannot open /nonexistent.pem" in server.log_text())
        served(server.call("ListKeys", when=amz_time(-400)))
