# SPDX-License-Identifier: Apache-2.0
"""Audit logs written without our code: the Merkle tree of RFC 6962, signed heads, the files of a segment."""

import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

SEGMENT0 = "0" * 19
HEAD_SIZE = 152


def sha256(data):
    return hashlib.sha256(data).digest()


def root_of(leaves):
    """RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0])
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:]))


def spki_of(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign_head(key, time_ms, leaves):
    body = b"RDLOGH2\0" + sha256(spki_of(key)) + time_ms.to_bytes(8, "big") + len(leaves).to_bytes(8, "big") + root_of(leaves)
    r, s = utils.decode_dss_signature(key.sign(body, ec.ECDSA(hashes.SHA256())))
    return body + r.to_bytes(32, "big") + s.to_bytes(32, "big")


def frame(record):
    return len(record).to_bytes(4, "big") + record


def write_log(folder, key, batches, time_ms=1767225600000):
    """A log of one segment; each batch of records under a head."""
    folder.mkdir(exist_ok=True)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pem").write_bytes(pem)
    log, heads, leaves = b"RDLOGS1\0" + bytes(8), sign_head(key, time_ms, []), []
    for i, batch in enumerate(batches):
        leaves += batch
        log += b"".join(map(frame, batch))
        heads += sign_head(key, time_ms + i, leaves)
    (folder / f"log-{SEGMENT0}").write_bytes(log)
    (folder / f"heads-{SEGMENT0}").write_bytes(heads)
