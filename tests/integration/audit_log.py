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


def head_entry(head, batch):
    """A head as it stands behind the records of its batch."""
    return (0x80000000 | sum(len(frame(record)) for record in batch)).to_bytes(4, "big") + head


def segment(batches, heads, before=()):
    """A segment's bytes: the head of what was before it, and each batch with its head."""
    assert len(heads) == len(batches) + 1
    parts = [b"RDLOGS2\0" + len(before).to_bytes(8, "big"), *peaks_of(before), head_entry(heads[0], [])]
    for batch, head in zip(batches, heads[1:]):
        parts += [*map(frame, batch), head_entry(head, batch)]
    return b"".join(parts)


def peaks_of(leaves):
    """Roots of the full trees that make up a tree, the largest first."""
    peaks = []
    while leaves:
        k = 1 << (len(leaves).bit_length() - 1)
        peaks.append(root_of(leaves[:k]))
        leaves = leaves[k:]
    return peaks


def heads_of(key, batches, time_ms=1767225600000):
    leaves, heads = [], [sign_head(key, time_ms, [])]
    for i, batch in enumerate(batches):
        leaves = leaves + batch
        heads.append(sign_head(key, time_ms + i, leaves))
    return heads


def write_log(folder, key, batches, time_ms=1767225600000):
    """A log of one segment; each batch of records under a head."""
    folder.mkdir(exist_ok=True)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pem").write_bytes(pem)
    (folder / f"log-{SEGMENT0}").write_bytes(segment(batches, heads_of(key, batches, time_ms)))


def read_segment(data):
    """The number of records before it, the peaks of their tree, and entries: (offset, is a head, its bytes, the word
    before them)."""
    assert data[:8] == b"RDLOGS2\0"
    first = int.from_bytes(data[8:16], "big")
    at = 16 + 32 * first.bit_count()
    peaks = [data[i:i + 32] for i in range(16, at, 32)]
    entries = []
    while at < len(data):
        word = int.from_bytes(data[at:at + 4], "big")
        size = HEAD_SIZE if word >> 31 else word
        entries.append((at, bool(word >> 31), data[at + 4:at + 4 + size], word))
        at += 4 + size
    assert at == len(data)
    return first, peaks, entries


def records_of(data):
    return [value for _, is_head, value, _ in read_segment(data)[2] if not is_head]
