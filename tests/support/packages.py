# SPDX-License-Identifier: Apache-2.0
"""The project's Debian packages, made of ./out, and what an instance lacks to install one."""

import fcntl
import os
import pathlib
import platform
import re
import subprocess
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# On a busy machine, and over a slow network.
PACK_S, DOWNLOAD_S = 600, 600
# As tools/common.sh has it.
CACHE = pathlib.Path(os.environ.get("REDOUBT_CACHE") or
                     os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "redoubt"))


def pack(folder):
    """name: path of the two packages."""
    # Without a repository, which may get a commit between two runs.
    result = subprocess.run([ROOT / "tools/deb", folder], capture_output=True, text=True, timeout=PACK_S, check=False,
                            env={**os.environ, "GIT_DIR": "/nowhere", "SOURCE_DATE_EPOCH": "1767225600"})
    assert result.returncode == 0, result.stderr
    return {os.path.basename(path).split("_")[0]: path for path in result.stdout.split()}


def apt_get(status, archives, *words):
    """What APT says about a machine with this dpkg status, of the lists that its image was made with."""
    lists = CACHE / "ami" / f"apt-{platform.freedesktop_os_release()['VERSION_CODENAME']}"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    options = {"Dir::Etc::sourcelist": lists / "sources.list", "Dir::Etc::sourceparts": "-", "Dir::State": lists / "state",
               "Dir::State::status": status, "Dir::Cache": status.parent, "Dir::Cache::archives": archives,
               "APT::Sandbox::User": "", "APT::Architecture": "amd64", "APT::Architectures": "amd64", "Acquire::Retries": 2}
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    result = subprocess.run(["apt-get", *given, "-q", "-y", "--no-install-recommends", *words], capture_output=True, text=True,
                            timeout=DOWNLOAD_S, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def with_dependencies(instance, package):
    """The package's path and those of what the instance lacks for it. This host fetches them, which has what its image is made
    of from there, too; an instance may not reach that archive. They are kept: the next run needs no network."""
    kept = CACHE / "node-debs"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, open(kept / "users", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status = pathlib.Path(folder) / "status"
        status.write_bytes(instance.run("cat /var/lib/dpkg/status").stdout)
        # Those that are there already would not be listed.
        listed = apt_get(status, status.parent / "none", "--print-uris", "install", package)
        names = set(re.findall(r"^'\S+' (\S+) ", listed, re.MULTILINE)) - {os.path.basename(package)}
        apt_get(status, kept, "--download-only", "install", package)
        for old in kept.glob("*.deb"):
            if old.name not in names:
                old.unlink()
    return [package, *(kept / name for name in sorted(names))]


def install(instance, package):
    """With apt-get, as an administrator does it."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for path in with_dependencies(instance, package):
                tar.add(path, os.path.basename(path))
        file.seek(0)
        instance.run("mkdir debs && tar --no-same-owner -C debs -xf -", stdin=file)
    instance.run("sudo DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ./debs/*.deb")
