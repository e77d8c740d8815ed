# SPDX-License-Identifier: Apache-2.0
"""An attestation document judged by programs that share no code with us.

First judge: python3-cbor2 and python3-cryptography. Second: the openssl command line. Both take the
format from AWS's description; neither knows that Redoubt exists.
"""

import datetime
import hashlib
import subprocess

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtensionOID, NameOID

KEYS = ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "public_key", "user_data", "nonce"]
EPOCH = datetime.datetime(1970, 1, 1)


def openssl(*args):
    return subprocess.run(["openssl", *map(str, args)], capture_output=True, timeout=60, check=False)


class Document:
    """Taken apart by cbor2; every check is an AssertionError or an exception of the judge's."""

    def __init__(self, raw, root_pem):
        self.raw = raw
        self.root = root_pem
        self.cose = cbor2.loads(raw)
        self.protected, self.unprotected, self.payload, self.signature = self.cose
        self.doc = cbor2.loads(self.payload)
        self.bundle = [x509.load_der_x509_certificate(c) for c in self.doc["cabundle"]]
        self.leaf = x509.load_der_x509_certificate(self.doc["certificate"])
        self.chain = self.bundle + [self.leaf]
        self.signed = cbor2.dumps(["Signature1", self.protected, b"", self.payload])

    def signature_der(self):
        return encode_dss_signature(int.from_bytes(self.signature[:48], "big"),
                                    int.from_bytes(self.signature[48:], "big"))

    def check_shape(self):
        assert self.raw.startswith(bytes.fromhex("8444a1013822a059"))
        assert self.unprotected == {} and len(self.signature) == 96
        assert self.payload[0] == 0xA9
        assert list(self.doc) == KEYS
        assert all(len(value) == 48 for value in self.doc["pcrs"].values())
        # Another encoder makes the same bytes of the same values.
        assert cbor2.dumps(self.doc) == self.payload
        assert cbor2.dumps(self.cose) == self.raw

    def check_signature(self):
        key, scheme = self.leaf.public_key(), ec.ECDSA(hashes.SHA384())
        key.verify(self.signature_der(), self.signed, scheme)
        try:
            key.verify(self.signature_der(), self.signed + b"\0", scheme)
        except InvalidSignature:
            return
        raise AssertionError("the judge accepts everything")

    def check_chain(self):
        with open(self.root, "rb") as file:
            pinned = x509.load_pem_x509_certificate(file.read())
        assert pinned.public_bytes(serialization.Encoding.DER) == self.doc["cabundle"][0]
        for cert, issuer in zip(self.chain, [self.chain[0]] + self.chain[:-1]):
            issuer.public_key().verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(hashes.SHA384()))
            assert cert.issuer == issuer.subject
            assert issuer.not_valid_before <= cert.not_valid_before
            assert cert.not_valid_after <= issuer.not_valid_after
            assert isinstance(cert.public_key().curve, ec.SECP384R1)
        lengths = [c.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS).value.path_length
                   for c in self.chain]
        assert lengths == [None, 2, 1, 0, None]

    def check_leaf(self):
        """The module's own: its number, its name, three hours, and the instance in PCR4."""
        module_id = self.doc["module_id"]
        instance_id, slot = module_id.rsplit("-enc", 1)
        issued = int((self.leaf.not_valid_before - EPOCH).total_seconds()) + 3
        assert issued <= self.doc["timestamp"] // 1000 < issued + 3 * 3600
        assert len(slot) == 16 and self.leaf.serial_number == int(slot, 16) << 64 | issued
        assert (self.leaf.not_valid_after - self.leaf.not_valid_before).total_seconds() == 3 * 3600 + 3
        name = self.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        assert name == module_id + ".local-1.redoubt"
        assert self.doc["pcrs"][4] == hashlib.sha384(bytes(48) + instance_id.encode()).digest()

    def check_with_openssl(self, directory):
        """directory: a pathlib.Path for what openssl reads from files."""
        def pem(name, certs):
            path = directory / name
            path.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certs))
            return path

        base = ["verify", "-CAfile", self.root, "-untrusted", pem("untrusted.pem", self.bundle[1:])]
        leaf = pem("leaf.pem", [self.leaf])
        now = self.doc["timestamp"] // 1000
        good = openssl(*base, "-attime", now, leaf)
        assert good.returncode == 0, good.stderr
        assert openssl(*base, "-attime", now + 4 * 3600, leaf).returncode != 0
        assert openssl(*base, "-attime", now - 4 * 3600, leaf).returncode != 0

        public = directory / "leaf.pub"
        public.write_bytes(self.leaf.public_key().public_bytes(serialization.Encoding.PEM,
                                                               serialization.PublicFormat.SubjectPublicKeyInfo))
        (directory / "sig.der").write_bytes(self.signature_der())
        (directory / "signed").write_bytes(self.signed)
        args = ["dgst", "-sha384", "-verify", public, "-signature", directory / "sig.der", directory / "signed"]
        good = openssl(*args)
        assert good.returncode == 0, good.stderr
        (directory / "signed").write_bytes(self.signed[:-1])
        assert openssl(*args).returncode != 0

    def check(self, directory):
        self.check_shape()
        self.check_signature()
        self.check_chain()
        self.check_leaf()
        self.check_with_openssl(directory)
