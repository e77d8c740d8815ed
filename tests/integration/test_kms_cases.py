# SPDX-License-Identifier: Apache-2.0
"""Which test is for which of the 173 conformance cases of the KMS reference (section 8), and that none is without one.

A test names its cases in its name, at the front or at the end (test_46_47_disabling, case_54_the_date_passes,
test_contexts_63_to_66), or in its docstring, or in the comment right before it ("Cases 8, 9 and 11 to 13."). Run this file
as a program to print the index: case, file, test.
"""

import ast
import collections
import os
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).parent.parent
LAST = 173
# Cases of which no test can be run on a Debian machine, and why.
NOT_HERE = {88: "OpenSSL of Debian 12 has no ML-DSA; that such keys are refused, test_ml_dsa_keys_are_refused shows"}

NUMBERS = r"\d+(?:(?:, ?| and | to )\d+)*"
C_TEST = re.compile(r"(?:/\*((?:(?!\*/).)*)\*/\n)?static void (\w+)\(void \*\*(?:state|unused)\)\n\{", re.DOTALL)


def spread(words):
    """The numbers of a list as written: 8, 9 and 11 to 13."""
    found = []
    for first, last in re.findall(r"(\d+)(?: to (\d+))?", words):
        found += range(int(first), int(last or first) + 1)
    return found


def named_in_prose(text):
    return [case for words in re.findall(rf"\bcases? ({NUMBERS})", " ".join((text or "").split()), re.IGNORECASE)
            for case in spread(words)]


def named_in_name(name):
    numbers = r"\d+(?:_(?:to_)?\d+)*"
    found = re.match(rf"(?:test|cases?)_({numbers})(?:_|$)", name) or re.search(rf"_({numbers})$", name)
    cases = spread(re.sub(r"_(?!to)", " ", found.group(1)).replace("_", " ")) if found else []
    return [case for case in cases if case <= LAST]  # 256 is a size, 200 a status


def found_in_python(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, named_in_name(node.name) + named_in_prose(ast.get_docstring(node))


def found_in_c(text, by_name):
    """by_name: a number at a name's end is a case's; after "case_" it always is."""
    for comment, name in C_TEST.findall(text):
        yield name, (named_in_name(name) if by_name or name.startswith("case") else []) + named_in_prose(comment)


def every_test():
    """(file, test, its cases)"""
    for path in sorted([*TESTS.glob("integration/test_kms*.py"), *TESTS.glob("e2e/test_kms*.py")]):
        if path.name != os.path.basename(__file__):
            yield from ((path, *found) for found in found_in_python(path.read_text(encoding="utf-8")))
    for path in sorted(TESTS.glob("unit/*/test_*.c")):
        found = found_in_c(path.read_text(encoding="utf-8"), path.parent.name == "kms")
        yield from ((path, *one) for one in found)


def index():
    found = collections.defaultdict(list)
    for path, name, cases in every_test():
        for case in cases:
            found[case].append(f"{path.relative_to(TESTS)}: {name}")
    return found


def test_every_case_has_a_test_or_a_reason_why_not():
    found = index()
    missing = [case for case in range(1, LAST + 1) if case not in found and case not in NOT_HERE]
    assert not missing, f"no test names these cases: {missing}"


def test_no_case_is_named_that_there_is_not():
    assert not [case for case in index() if not 1 <= case <= LAST]


def test_what_has_a_test_needs_no_reason():
    assert not set(NOT_HERE) & set(index())


def test_cases_are_read_as_they_are_written():
    assert named_in_prose("Cases 8, 9 and 11 to\n13: x") == [8, 9, 11, 12, 13] and named_in_prose("in 14") == []
    assert named_in_name("test_46_47_disabling") == [46, 47] and named_in_name("test_contexts_63_to_66") == [63, 64, 65, 66]
    assert named_in_name("reads_127_134_to_136") == [127, 134, 135, 136] and named_in_name("test_the_2_of_them") == []
    source = "/* Case 9. */\nstatic void reads(void **state)\n{\n}\n\nstatic void writes_7(void **state)\n{\n}\n"
    assert list(found_in_c(source, True)) == [("reads", [9]), ("writes_7", [7])]
    assert list(found_in_python('def test_3_x():\n    """Case 5."""\n')) == [("test_3_x", [3, 5])]


if __name__ == "__main__":
    INDEX = index()
    for NUMBER in range(1, LAST + 1):
        for WHERE in INDEX.get(NUMBER) or [f"- {NOT_HERE.get(NUMBER, 'no test')}"]:
            print(NUMBER, WHERE, sep="\t")
    sys.exit(0)
