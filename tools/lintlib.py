# SPDX-License-Identifier: Apache-2.0
"""What the lints share: which files there are, their text without comments, and how findings are printed.

A lint is a script with a function check(root), which yields findings as (path, line, text), and ends with
lintlib.main(check). It prints path:line: text, and exits 1 when there are findings, 77 when a tool is missing.
"""

import os
import re
import sys

C_FOLDERS = ("lib", "src", "guest", "examples", "tests")
SKIPPED_FOLDERS = {".git", "out", "__pycache__", "corpus", "data", "fatal"}


class Skip(Exception):
    """A lint that cannot run here, and why."""


def files(root, folders=C_FOLDERS, suffixes=(".c", ".h")):
    """Paths relative to root, sorted, of the tree's own files: no build directories, no test data."""
    found = []
    for folder in folders:
        for where, names, members in os.walk(os.path.join(root, folder)):
            names[:] = [n for n in names if n not in SKIPPED_FOLDERS and not n.startswith("build")]
            found += [os.path.relpath(os.path.join(where, m), root) for m in members if m.endswith(suffixes)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


_TOKENS = re.compile(
    r"//[^\n]*|/\*.*?\*/|" r'"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)


def code_only(text):
    """C source with comments and the insides of literals blanked; every line keeps its number."""

    def blank(match):
        token = match.group()
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        return token[0] + " " * (len(token) - 2) + token[-1]

    return _TOKENS.sub(blank, text)


def comments(text):
    """(line, comment) for each comment of C source."""
    for match in _TOKENS.finditer(text):
        if match.group()[0] == "/":
            yield text.count("\n", 0, match.start()) + 1, match.group()


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(text):
    """(line, is_system, name) for each include directive."""
    for match in _INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) == "<", match.group(2)


def main(check):
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    count = 0
    try:
        for path, line, text in check(os.path.normpath(root)):
            print(f"{path}:{line}: {text}")
            count += 1
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    print(f"{count} findings")
    sys.exit(1 if count else 0)
