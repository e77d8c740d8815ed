#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that each lint can fail: small trees with one fault each, what the lint must say, and a tree without fault.

usage: test_lints.py TOOLS_DIR LINT
"""

import json
import os
import subprocess
import sys
import tempfile

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"

# The tree that every lint must accept; a case adds or replaces files.
CLEAN = {
    "lib/meson.build": "# SPDX-License-Identifier: Apache-2.0\nsubdir('base')\nsubdir('os')\nsubdir('crypto')\nsubdir('cbor')\n",
    "lib/base/a.h": SPDX + "#ifndef A_H\n#define A_H\n#include <stdint.h>\nuint32_t a(void);\n#endif\n",
    "lib/base/a.c": SPDX + '#include "base/a.h"\n\nuint32_t a(void)\n{\n\treturn 1;\n}\n',
    "examples/common/c.h": SPDX + "#ifndef C_H\n#define C_H\nint c(void);\n#endif\n",
    "examples/payments/card/d.h": SPDX + "#ifndef D_H\n#define D_H\nint d(void);\n#endif\n",
    "examples/payments/server/e.c": SPDX + '#include "base/a.h"\n#include "card/d.h"\n#include "common/c.h"\n',
    "README.md": "Run `make check`.\n",
    "Makefile": "check:\n",
}

# What the lint "man" finds in the build: an option, a subcommand, and a configuration of one key.
PROGRAM = """#!/bin/sh
case $1 in
--check-config) echo 'p: unknown key "no-such-key" (known: size)'; exit 1 ;;
--help) printf 'Commands:\\n  run   Run it\\n  help  Help\\n\\nOptions:\\n  --kept  an option\\n' ;;
*) echo '  --kept  an option' ;;
esac
"""
MAN = {
    "docs/meson.build": "# SPDX-License-Identifier: Apache-2.0\nman_pages = ['p.1', 'p-run.1', 'p.yaml.5']\n",
    "docs/man/p.1.scd": "# OPTIONS\n\n*--kept*\n\tAn option.\n",
    "docs/man/p-run.1.scd": "# OPTIONS\n\n*--kept*\n\tAn option.\n",
    "docs/man/p.yaml.5.scd": "# KEYS\n\n*size*\n\tA key.\n",
}

LONG = "int b(int x);\nint b(int x)\n{\n" + "\tx++;\n" * 90 + "\treturn x;\n}\n"

# lint: (files, words that the lint's output must contain)
CASES = {
    "layers": [
        ({"lib/base/b.c": SPDX + '#include "cbor/x.h"\n'}, "base comes before lib/cbor"),
        ({"lib/cbor/b.c": SPDX + '#include "../src/x.h"\n'}, "a library includes libraries only"),
        ({"lib/cbor/b.c": SPDX + "#include <openssl/evp.h>\n"}, "lib/crypto/ only"),
        ({"lib/os/b.c": SPDX + "#include <linux/kvm.h>\n"}, "src/vmm/ only"),
        ({"lib/base/b.c": SPDX + "#include <cbor.h>\n"}, "lib/cbor/ only"),
        ({"lib/base/b.c": SPDX + "#include <event2/event.h>\n"}, "lib/os/ and lib/http/ only"),
        ({"lib/base/b.c": SPDX + "#include <seccomp.h>\n"}, "lib/os/ only"),
        ({"src/one/b.c": SPDX + "#include <yaml.h>\n"}, "lib/yaml/ only"),
        ({"lib/cbor/b.c": SPDX + "#include <unistd.h>\n"}, "codec"),
        ({"lib/cbor/b.c": SPDX + '#include "base/b-internal.h"\n', "lib/base/b-internal.h": SPDX}, "is internal to base"),
        ({"src/one/b.c": SPDX + '#include "two/x.h"\n', "src/two/x.h": SPDX}, "programs do not include each other"),
        ({"src/one/b.c": SPDX + '#include "../two/x.h"\n', "src/two/x.h": SPDX}, "programs do not include each other"),
        ({"guest/init/b.c": SPDX + '#include "crypto/x.h"\n'}, "a program of the guest"),
        ({"lib/base/b.c": SPDX + '#include "log/log.h"\n', "src/log/log.h": SPDX}, "a library includes libraries only"),
        ({"guest/init/b.c": SPDX + '#include "log/log.h"\n', "src/log/log.h": SPDX}, "programs do not include each other"),
        ({"src/one/b.c": SPDX + "int f(void)\n{\n\treturn unshare(0);\n}\n"}, "isolate.c"),
        ({"examples/payments/card/b.c": SPDX + "#include <unistd.h>\n"}, "codec"),
        ({"examples/payments/server/b.c": SPDX + '#include "enclave/x.h"\n', "examples/payments/enclave/x.h": SPDX},
         "parties do not include each other"),
        ({"examples/payments/card/b.c": SPDX + '#include "wire/x.h"\n', "examples/payments/wire/x.h": SPDX},
         "parties do not include each other"),
        ({"examples/payments/server/b.c": SPDX + '#include "card/gone.h"\n'}, "parties do not include each other"),
    ],
    "headers": [
        ({"lib/base/b.h": SPDX + "uint32_t b(void);\n"}, "does not compile alone"),
        ({"lib/base/b.h": SPDX + "struct b {\n\tint x;\n};\n"}, "redefinition"),
    ],
    "banned": [
        ({"lib/base/b.c": SPDX + "void f(char *d)\n{\n\tstrcpy(d, d);\n}\n"}, "strcpy"),
        ({"src/one/b.c": SPDX + "int f(char *d)\n{\n\treturn system(d);\n}\n"}, "system"),
        ({"src/one/b.c": SPDX + "int f(char *d)\n{\n\treturn atoi(d);\n}\n"}, "rd_parse_u64"),
        ({"lib/base/b.c": SPDX + "void f(void)\n{\n\texit(1);\n}\n"}, "banned in libraries"),
        ({"lib/base/b.c": SPDX + 'void f(void)\n{\n\tfputs("x", stderr);\n}\n'}, "does not print"),
        ({"lib/crypto/b.c": SPDX + "int f(char *d)\n{\n\treturn memcmp(d, d, 3);\n}\n"}, "rd_equal_constant_time"),
        ({"lib/base/b.c": SPDX + "// a comment\n"}, "// comment"),
        ({"lib/base/b.c": SPDX + "/* TO" + "DO: later */\n"}, "leave nothing for later"),
    ],
    "shape": [
        ({"lib/base/b.c": SPDX + LONG}, "80 at most"),
        ({"lib/base/b.c": SPDX + "\n" * 1000}, "999 at most"),
        ({"lib/base/b.c": "int b;\n"}, "no licence line"),
        ({"lib/base/b.c": SPDX + "/*\n * One\n *two\n */\nint b;\n"}, "goes on without a blank"),
        ({"lib/base/b.c": SPDX + "static int counter = 1;\n"}, "no mutable globals"),
        ({"lib/base/b.c": SPDX + "int f(void)\n{\n\tstatic int calls;\n\n\treturn calls++;\n}\n"}, "a mutable static"),
    ],
    "format": [({"lib/base/b.c": SPDX + "int  f( void ){ return 1; }\n"}, "clang-format-14 -i lib/base/b.c")],
    "tidy": [
        ({"lib/base/b.c": SPDX + "int f(int x);\nint f(int x)\n{\n\tif (x)\n\t\treturn 1;\n\treturn 0;\n}\n"}, "braces"),
        ({"lib/base/b.c": SPDX + "int f(int *p);\nint f(int *p)\n{\n\tp = 0;\n\treturn *p;\n}\n"}, "null pointer"),
    ],
    "cppcheck": [
        ({"lib/base/b.c": SPDX + "int f(void)\n{\n\tint a[2] = {0, 0};\n\n\treturn a[2];\n}\n"}, "arrayIndexOutOfBounds"),
    ],
    "shell": [({"tools/b": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nrm -rf $1/*\n"}, "SC2086")],
    "spelling": [({"docs/b.md": "This is t" + "eh documentation.\n"}, "t" + "eh ==> the")],
    "docs": [
        ({"README.md": "See [this](docs/missing.md).\n"}, "does not exist"),
        ({"README.md": "See `lib/base/missing.h`.\n"}, "does not exist"),
        ({"README.md": "Run `make coffee`.\n"}, "no such target"),
        ({"README.md": "```\nmake coffee\n```\n"}, "no such target"),
    ],
    "man": [
        ({"docs/man/p.1.scd": "# OPTIONS\n\n*--gone*\n\tNo more.\n"}, "--gone"),
        ({"docs/man/p.1.scd": "# OPTIONS\n"}, "--kept"),
        ({"docs/man/p.8.scd": "# OPTIONS\n", "docs/meson.build": "'p.1' 'p.8' 'p-run.1' 'p.yaml.5'"}, "p.8.scd:1: does not describe --kept"),
        ({"docs/man/q.8.scd": "# OPTIONS\n"}, "a program that the build does not have"),
        ({"docs/meson.build": "'p.1' 'p-run.1'"}, "p.yaml.5.scd:1: is not in docs/meson.build"),
        ({"docs/man/p-run.1.scd": None}, "no page of p-run"),
        ({"docs/man/p-run.1.scd": "# OPTIONS\n\n*--kept*\n*--gone*\n"}, "describes --gone"),
        ({"docs/man/p.yaml.5.scd": "# KEYS\n"}, "does not describe the key size"),
        ({"docs/man/p.yaml.5.scd": "# KEYS\n\n*size*\n\n*colour*\n"}, "p.yaml.5.scd:5: describes the key colour"),
    ],
}


def write_tree(root, files):
    for path, text in files.items():
        if text is None:
            continue
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def write_build(root):
    """What the lints that need a build directory read of one: a compilation database, and a program's --help."""
    build = os.path.join(root, "build-lint")
    os.makedirs(os.path.join(build, "src", "p"))
    sources = [os.path.join(where, n) for where, _, names in os.walk(os.path.join(root, "lib")) for n in names if n.endswith(".c")]
    entries = [{"directory": build, "file": path, "command": f"cc -I{root}/lib -Wlogical-op -c {path}"} for path in sources]
    with open(os.path.join(build, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(entries, file)
    program = os.path.join(build, "src", "p", "p")
    with open(program, "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    os.chmod(program, 0o755)
    return build


def run(lint, files):
    with tempfile.TemporaryDirectory() as root:
        tools = os.path.dirname(lint)
        with open(os.path.join(tools, "..", ".clang-tidy"), encoding="utf-8") as file:
            config = {".clang-tidy": file.read()}
        with open(os.path.join(tools, "..", ".clang-format"), encoding="utf-8") as file:
            config[".clang-format"] = file.read()
        write_tree(root, {**CLEAN, **config, **(MAN if os.path.basename(lint) == "check-man" else {}), **files})
        result = subprocess.run([lint, root, write_build(root)], capture_output=True, text=True, check=False)
        return result.returncode, result.stdout + result.stderr


def main(tools, name):
    lint = os.path.join(os.path.abspath(tools), "check-" + name)
    status, output = run(lint, {})
    if status == 77:
        print(output)
        return 77
    failures = 0
    if status != 0:
        print(f"the clean tree is refused (status {status}):\n{output}")
        failures += 1
    for files, words in CASES[name]:
        status, output = run(lint, files)
        if status != 1 or words not in output:
            print(f"{list(files)}: status {status}, wanted 1 and {words!r} in:\n{output}")
            failures += 1
    print(f"{len(CASES[name]) + 1} trees, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
