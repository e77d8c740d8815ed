# SPDX-License-Identifier: Apache-2.0
"""A key server for tests of its clients: TLS by the ssl module under a CA of the openssl command's making, SigV4 checked
by aws-tool and by botocore's signer, the document taken apart by cbor2, envelopes made by crypto-driver.
"""
import base64
import datetime
import json
import os
import socket
import ssl
import subprocess
import threading

import cbor2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

CRYPTO, AWS_TOOL = os.environ["CRYPTO_DRIVER"], os.environ["AWS_TOOL"]
AKID, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "tok/en+1=="
CREDENTIALS = ["-k", AKID, "-s", SECRET, "-t", TOKEN]
NAME = "kms.us-east-1.amazonaws.com"
ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = f"arn:aws:kms:us-east-1:111122223333:key/{ID}"
PLAINTEXT = b"the secret that the enclave wants"
BLOB = b"\x01\x02opaque ciphertext"


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True, timeout=60)


class Authority:
    """A CA of the openssl command's making, in a directory of its own."""

    def __init__(self, where):
        self.where = where
        where.mkdir()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem", cwd=where)

    @property
    def file(self):
        return str(self.where / "ca.pem")

    def issue(self, name, san, subject="/CN=server"):
        (self.where / f"{name}.ext").write_text(san and f"subjectAltName={san}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=self.where)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "10", "-extfile", f"{name}.ext", "-out", f"{name}.pem", cwd=self.where)
        self.redate(name, -1, 10)
        return str(self.where / f"{name}.pem"), str(self.where / f"{name}.key")

    def redate(self, name, first, last):
        """The certificate once more, from one day to another, counted from today: the openssl command of Debian 12 begins
        now, and an enclave's clock may be a second late; that of Debian 13 makes none that has expired."""
        day, now = datetime.timedelta(days=1), datetime.datetime.now(datetime.timezone.utc)
        key = serialization.load_pem_private_key((self.where / "ca.key").read_bytes(), None)
        old = x509.load_pem_x509_certificate((self.where / f"{name}.pem").read_bytes())
        builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number,
                                          now + first * day, now + last * day, list(old.extensions))
        (self.where / f"{name}.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def seal(spki, plaintext):
    done = subprocess.run([CRYPTO, "cms-seal", spki.hex(), plaintext.hex() or "-"], capture_output=True, text=True,
                          timeout=60, check=True)
    return bytes.fromhex(done.stdout)


class Request:
    """What came in, taken apart."""

    def __init__(self, head, body):
        self.body = body
        lines = head.decode().split("\r\n")
        self.line = lines[0]
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        self.json = json.loads(body)

    def header(self, name):
        found = [v for k, v in self.headers if k.lower() == name.lower()]
        assert len(found) == 1, name
        return found[0]

    def document(self):
        cose = cbor2.loads(base64.b64decode(self.json["Recipient"]["AttestationDocument"]))
        return cbor2.loads(cose[2])

    @property
    def spki(self):
        return self.document()["public_key"]

    def verified(self, secret=SECRET):
        """By our verifier; and botocore signs the same request the same."""
        head = "POST /\n" + "".join(f"{k}:{v}\n" for k, v in self.headers) + "\n"
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        done = subprocess.run([AWS_TOOL, "verify", secret, "kms", now], input=head.encode() + self.body,
                              capture_output=True, timeout=60, check=True)
        return done.stdout.decode()

    def signature_of_botocore(self):
        signed = self.header("Authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
        request = AWSRequest(method="POST", url=f"https://{self.header('Host')}/", data=self.body,
                             headers={k: v for k, v in self.headers if k.lower() in signed})
        request.context["timestamp"] = self.header("X-Amz-Date")
        request.context["payload_signing_enabled"] = True
        signer = SigV4Auth(Credentials(AKID, SECRET), "kms", "us-east-1")
        canonical = signer.canonical_request(request)
        return signer.signature(signer.string_to_sign(request, canonical), request)


def answer(body, status="200 OK", chunked=False):
    """A response as it goes over the wire."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.1\r\nx-amzn-RequestId: 1\r\n"
    if not chunked:
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    pieces = [body[i:i + 100] for i in range(0, len(body), 100)]
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(p), p) for p in pieces)
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\nT: x\r\n\r\n"


def good_reply(request, plaintext=None):
    operation = request.header("X-Amz-Target").split(".")[1]
    length = request.json.get("NumberOfBytes") or {"AES_256": 32, "AES_128": 16}.get(request.json.get("KeySpec"))
    plaintext = plaintext if plaintext is not None else PLAINTEXT if operation == "Decrypt" else b"k" * length
    reply = {"CiphertextForRecipient": base64.b64encode(seal(request.spki, plaintext)).decode()}
    if operation != "GenerateRandom":
        reply |= {"KeyId": ARN, "KeyMaterialId": "0" * 64}
    if operation == "Decrypt":
        reply |= {"EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    if operation == "GenerateDataKey":
        reply |= {"CiphertextBlob": base64.b64encode(BLOB).decode()}
    return reply


class Server:
    """One connection at a time on a Unix socket; respond makes the answer's bytes, or writes them itself."""

    def __init__(self, path, certificate, respond, configure=None):
        self.path, self.respond, self.requests, self.alpn, self.sni = str(path), respond, [], [], []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.context.sni_callback = lambda _sock, name, _context: self.sni.append(name)
        if configure:
            configure(self.context)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(30)
        self.listener.close()
        assert not self.thread.is_alive()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(30)
            try:
                with self.context.wrap_socket(connection, server_side=True) as tls:
                    self.alpn.append(tls.selected_alpn_protocol())
                    self.serve(tls)
            except OSError:
                pass  # the client has given up, as it should
            finally:
                connection.close()

    def serve(self, tls):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more(tls)
        head, body = data.split(b"\r\n\r\n", 1)
        length = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.startswith(b"Content-Length")))
        while len(body) < length:
            body += self.more(tls)
        self.requests.append(Request(head, body))
        response = self.respond(self.requests[-1], tls)
        if response is not None:
            tls.sendall(response)
            tls.unwrap()

    @staticmethod
    def more(tls):
        piece = tls.recv(65536)
        if not piece:
            raise OSError("gone")
        return piece


def serve_good(request, _tls):
    return answer(good_reply(request))
