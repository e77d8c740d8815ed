# SPDX-License-Identifier: Apache-2.0
"""Operations by their names, as JSON on the wire: for members and operations that the installed botocore is too old for.

Wire(kms).generate_data_key(KeyId=…) calls GenerateDataKey; blobs are bytes on both sides.
"""

import base64

BLOBS = {"AttestationDocument", "CiphertextBlob", "CiphertextForRecipient", "Mac", "Message", "Plaintext",
         "PrivateKeyCiphertextBlob", "PrivateKeyPlaintext", "PublicKey", "SharedSecret", "Signature"}


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(answer.type, answer.message)
        self.status, self.kind, self.message, self.json = answer.status, answer.type, answer.message, answer.json


def to_wire(value):
    if isinstance(value, dict):
        return {name: to_wire(member) for name, member in value.items()}
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def from_wire(answer):
    return {name: base64.b64decode(value, validate=True) if name in BLOBS else value
            for name, value in (answer or {}).items()}


class Wire:
    def __init__(self, kms, credentials=None):
        self.kms, self.credentials = kms, credentials

    def __getattr__(self, name):
        operation = "".join(part.capitalize() for part in name.split("_"))

        def call(**parameters):
            answer = self.kms.call(operation, to_wire(parameters), credentials=self.credentials)
            if answer.status != 200:
                raise Refused(answer)
            return from_wire(answer.json)

        return call
