# SPDX-License-Identifier: Apache-2.0
"""The JavaScript clients of tests/js as Python sees them: one process of Node.js for a module's tests."""

import base64
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from kms_host import ANSWER_S, REGION

ROOT = pathlib.Path(__file__).parent.parent.parent


class JsRefused(Exception):
    """An operation failed; modeled: the SDK has made it an instance of the exception's own class."""

    def __init__(self, answer):
        super().__init__(answer["error"], answer["message"])
        self.name, self.message = answer["error"], answer["message"]
        self.modeled, self.status, self.attempts = answer["modeled"], answer.get("status"), answer.get("attempts")
        self.clock_offset_ms = answer["clockOffset"]


def to_js(value):
    if isinstance(value, dict):
        return {name: to_js(member) for name, member in value.items()}
    return {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def from_js(value):
    if isinstance(value, list):
        return [from_js(member) for member in value]
    if not isinstance(value, dict):
        return value
    if "$bytes" in value:
        return base64.b64decode(value["$bytes"])
    return {name: from_js(member) for name, member in value.items()}


class Js:
    """Skips the test where Node.js or the packages are not to be had."""

    def __init__(self, kms):
        self.kms = kms
        if shutil.which("node") is None:
            pytest.skip("Node.js is not installed")
        found = subprocess.run([ROOT / "tools" / "npm-packages"], capture_output=True, text=True, check=False)
        if found.returncode != 0:
            pytest.skip(found.stderr.strip().rpartition("redoubt: error: ")[2])
        env = {"PATH": os.environ["PATH"], "HOME": kms.home,
               "NODE_PATH": os.path.join(found.stdout.strip(), "node_modules"), "NODE_NO_WARNINGS": "1"}
        self.node = subprocess.Popen(["node", ROOT / "tests" / "js" / "clients.js"], env=env, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)

    def close(self):
        self.node.stdin.close()
        self.node.wait(ANSWER_S)
        self.node.stdout.close()

    def config(self, url=None, attempts=1):
        return {"region": REGION, "endpoint": url or self.kms.url, "maxAttempts": attempts,
                "credentials": {"accessKeyId": self.kms.admin.akid, "secretAccessKey": self.kms.admin.secret}}

    def ask(self, purpose, *, url=None, attempts=1, **command):
        config = self.config(url, attempts)
        self.node.stdin.write(json.dumps(to_js({"purpose": purpose, "config": config, **command})) + "\n")
        self.node.stdin.flush()
        answer = json.loads(self.node.stdout.readline())
        if "error" in answer:
            raise JsRefused(answer)
        return from_js(answer)

    def call(self, operation, *, url=None, attempts=1, **parameters):
        """{"output", "attempts", "requestId", "clockOffset" in ms}"""
        return self.ask("call", url=url, attempts=attempts, operation=operation, input=parameters)
