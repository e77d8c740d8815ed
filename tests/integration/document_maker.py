# SPDX-License-Identifier: Apache-2.0
"""Attestation documents made without our code: python3-cryptography and python3-cbor2, from AWS's description."""

import datetime
import hashlib
import os

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

INSTANCE_ID = "i-0a1b2c3d4e5f60718"
ENCLAVE_ID = "0199aabbccddeeff"
MODULE_ID = f"{INSTANCE_ID}-enc{ENCLAVE_ID}"
NAMES = ["py.enclaves", "0123456789abcdef.us-east-1.py.enclaves", "fedcba9876543210.zonal.us-east-1.py.enclaves",
         f"{INSTANCE_ID}.us-east-1.py.enclaves", f"{MODULE_ID}.us-east-1.py"]


def name_of(level):
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"),
                      x509.NameAttribute(NameOID.COMMON_NAME, NAMES[level])])


class Maker:
    """A chain from a root of its own, and an enclave under it."""

    def __init__(self, directory):
        self.keys = [ec.generate_private_key(ec.SECP384R1()) for _ in NAMES]
        self.ders = [self.issue(level) for level in range(len(NAMES))]
        self.root = os.path.join(directory, "python.pem")
        with open(self.root, "wb") as file:
            file.write(x509.load_der_x509_certificate(self.ders[0]).public_bytes(serialization.Encoding.PEM))
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.spki = self.rsa.public_key().public_bytes(serialization.Encoding.DER,
                                                       serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_file = os.path.join(directory, "enclave.pem")
        with open(self.key_file, "wb") as file:
            file.write(self.rsa.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                              serialization.NoEncryption()))
        self.pcrs = {i: bytes(48) for i in range(16)}
        self.pcrs.update({0: b"\xa0" * 48, 1: b"\xa1" * 48, 2: b"\xa2" * 48,
                          4: hashlib.sha384(bytes(48) + INSTANCE_ID.encode()).digest()})

    def issue(self, level, key=None, authority=None, hours_ago=1):
        """As AWS has them, or for another key, or a leaf that may issue (authority), or begun hours_ago: four hours."""
        now = datetime.datetime.utcnow().replace(microsecond=0)
        leaf = level == len(NAMES) - 1
        path = None if level in (0, len(NAMES) - 1) else len(NAMES) - 2 - level
        serial = int(ENCLAVE_ID, 16) << 64 | int(now.timestamp())
        usage = x509.KeyUsage(digital_signature=leaf, content_commitment=False, key_encipherment=False,
                              data_encipherment=False, key_agreement=False, key_cert_sign=not leaf, crl_sign=False,
                              encipher_only=False, decipher_only=False)
        certificate = (x509.CertificateBuilder().subject_name(name_of(level)).issuer_name(name_of(max(level - 1, 0)))
                       .public_key((key or self.keys[level]).public_key()).serial_number(serial)
                       .not_valid_before(now - datetime.timedelta(hours=hours_ago))
                       .not_valid_after(now + datetime.timedelta(hours=4 - hours_ago))
                       .add_extension(x509.BasicConstraints(ca=not leaf if authority is None else authority,
                                                            path_length=path), critical=True)
                       .add_extension(usage, critical=True)
                       .sign(self.keys[max(level - 1, 0)], hashes.SHA384()))
        return certificate.public_bytes(serialization.Encoding.DER)

    def document(self, **changes):
        """Signed now; any member of the payload may be another."""
        return self.sign(cbor2.dumps(self.payload(**changes)))

    def payload(self, **changes):
        return {"module_id": MODULE_ID, "digest": "SHA384",
                   "timestamp": int(datetime.datetime.now().timestamp() * 1000), "pcrs": self.pcrs,
                   "certificate": self.ders[-1], "cabundle": self.ders[:-1], "public_key": self.spki,
                   "user_data": None, "nonce": None, **changes}

    def sign(self, payload, protected=cbor2.dumps({1: -35}), unprotected=None, key=None):
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        r, s = decode_dss_signature((key or self.keys[-1]).sign(signed, ec.ECDSA(hashes.SHA384())))
        return cbor2.dumps([protected, unprotected or {}, payload, r.to_bytes(48, "big") + s.to_bytes(48, "big")])

    def recipient(self, **changes):
        """The parameter, as botocore takes it."""
        return {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": self.document(**changes)}
