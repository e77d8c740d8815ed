# SPDX-License-Identifier: Apache-2.0
"""tools/test-summary: counts what ran, and takes nothing that did not run for a success."""

import os
import subprocess

import pytest

TOOL = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "test-summary")
HEAD = '<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="unit">'
FOOT = "</testsuite></testsuites>"
PASSED = '<testcase name="a"/>'
FAILED = '<testcase name="b"><failure/><system-out>%s</system-out></testcase>'
SKIPPED = '<testcase name="c"><skipped/></testcase>'


@pytest.mark.parametrize("log, code, lines", [
    (HEAD + PASSED + SKIPPED + FOOT, 0, ["skipped: unit: c", "1 passed, 0 failed, 1 skipped"]),
    (HEAD + PASSED + FAILED % "why" + FOOT, 1, ["failed: unit: b", "1 passed, 1 failed, 0 skipped"]),
    # A guest's console, say.
    (HEAD + PASSED + FAILED % "\x1b[31m\x00\x07 \ufffe" + FOOT, 1, ["failed: unit: b", "1 passed, 1 failed, 0 skipped"]),
    (HEAD + FOOT, 1, ["0 passed, 1 failed, 0 skipped"]),
    (HEAD + PASSED, 1, ["0 passed, 1 failed, 0 skipped"]),
    (None, 1, ["0 passed, 1 failed, 0 skipped"]),
])
def test_counts(tmp_path, log, code, lines):
    path = tmp_path / "log.xml"
    if log is not None:
        path.write_text(log, encoding="utf-8")
    done = subprocess.run([TOOL, path], capture_output=True, text=True, check=False)
    assert done.returncode == code and done.stderr == ""
    assert done.stdout.splitlines()[-len(lines):] == lines


def test_bytes_that_are_no_utf8(tmp_path):
    path = tmp_path / "log.xml"
    path.write_bytes((HEAD + FAILED % "X" + FOOT).encode().replace(b"X", b"\xff\xc3"))
    assert subprocess.run([TOOL, path], capture_output=True, text=True, check=False).stdout.endswith("1 failed, 0 skipped\n")
