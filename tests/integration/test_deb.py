# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: the same bytes twice, what is in them, lintian's verdict, and units as hardened as they claim."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
from packages import PACK_S, ROOT, pack

# systemd-analyze security's scale: 0 is a unit that may do nothing. redoubtd makes namespaces, users and control groups.
EXPOSURE_MAX = {"redoubtd": 6.0, "redoubt-kms": 2.0, "redoubt-ec2": 2.0, "nitro-enclaves-vsock-proxy": 3.5,
                "nitro-enclaves-allocator": 2.0}

pytestmark = [
    pytest.mark.skipif(shutil.which("dh") is None, reason="debhelper is not installed"),
    pytest.mark.skipif(not os.access(ROOT / "out/bin/nitro-cli", os.X_OK), reason="nothing is built: run make"),
]


@pytest.fixture(scope="module", name="packages")
def make_packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    yield pack(folder)
    shutil.rmtree(folder)


def files(package):
    """path: (mode and owner) of what is in it."""
    listing = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    return {line.split()[5].lstrip("."): line.split()[:2] for line in listing.splitlines()}


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", package, name], capture_output=True, text=True, check=True).stdout.strip()


def test_same_tree_same_bytes(packages, tmp_path):
    again = pack(tmp_path)
    for name, path in packages.items():
        assert pathlib.Path(path).read_bytes() == pathlib.Path(again[name]).read_bytes()
    shutil.rmtree(tmp_path)


def test_node_has_everything(packages):
    inside = files(packages["redoubt"])
    wanted = {f"/usr/{path.relative_to(ROOT / 'out')}" for path in (ROOT / "out").glob("*/**/*")
              if path.is_file() and not re.search(r"share/(redoubt/(etc|systemd|ami/redoubt-parent)|man)", str(path))}
    assert wanted <= set(inside)
    pages = {path.name + ".gz" for path in (ROOT / "out/share/man").glob("*/*")}
    assert pages == {os.path.basename(name) for name in inside if name.startswith("/usr/share/man/") and name.endswith(".gz")}
    assert {"/etc/redoubt/kms.yaml", "/etc/redoubt/redoubtd.yaml", "/etc/redoubt/vsock-proxy.yaml",
            "/usr/share/redoubt/ami/redoubt-parent.deb", "/usr/lib/sysusers.d/redoubt.conf",
            "/usr/lib/tmpfiles.d/redoubt.conf"} <= set(inside)
    units = {os.path.basename(name) for name in inside if "/systemd/system/" in name and name.endswith(".service")}
    assert {"redoubtd.service", "redoubt-kms.service", "nitro-enclaves-vsock-proxy.service"} <= units


def test_parent_has_what_builds_images_and_nothing_of_a_host(packages):
    inside = files(packages["redoubt-parent"])
    programs = {os.path.basename(name) for name in inside if name.startswith("/usr/bin/") and not name.endswith("/")}
    assert programs == {"nitro-cli", "nitro-enclaves-allocator", "vsock-proxy"}
    assert [os.path.basename(name) for name in inside if "/libexec/" in name and not name.endswith("/")] == ["nitro-cli-build-enclave"]
    assert not [name for name in inside if "redoubtd" in name or "kms.yaml" in name]
    assert {f"/usr/share/redoubt/guest/{name}" for name in ("init", "nsm-cuse", "nsm-cli", "kmstool_enclave_cli")} <= set(inside)
    assert field(packages["redoubt-parent"], "Conflicts") == "redoubt"


def test_the_allocator_is_a_parents_and_starts_when_it_is_told_to(packages, tmp_path):
    inside = files(packages["redoubt-parent"])
    unit = next(name for name in inside if name.endswith("/systemd/system/nitro-enclaves-allocator.service"))
    assert not [name for name in inside if name.endswith(".wants/nitro-enclaves-allocator.service")]
    assert not [name for name in files(packages["redoubt"]) if "allocator.service" in name or "allocator.yaml" in name]
    subprocess.run(["dpkg-deb", "-R", packages["redoubt-parent"], tmp_path], check=True)
    assert "/etc/nitro_enclaves/allocator.yaml" in (tmp_path / "DEBIAN/conffiles").read_text(encoding="ascii").split()
    assert "systemctl enable" not in (tmp_path / "DEBIAN/postinst").read_text(encoding="utf-8")
    for program in re.findall(r"^Exec\w+=(\S+)", (tmp_path / unit[1:]).read_text(encoding="utf-8"), re.MULTILINE):
        assert os.access(tmp_path / program[1:], os.X_OK)
    shutil.rmtree(tmp_path)


def test_measured_parts_are_those_of_the_build(packages, tmp_path):
    for name, path in packages.items():
        subprocess.run(["dpkg-deb", "-x", path, tmp_path / name], check=True)
        for part in (ROOT / "out/share/redoubt/blobs").glob("**/*"):
            if part.is_file():
                packed = tmp_path / name / "usr" / part.relative_to(ROOT / "out")
                assert packed.read_bytes() == part.read_bytes()
    shutil.rmtree(tmp_path)


def test_files_are_roots_and_nobody_else_may_write_them(packages):
    for path in packages.values():
        for name, (mode, owner) in files(path).items():
            assert owner == "root/root" and (mode[0] == "l" or (mode[5], mode[8]) == ("-", "-")), name
            assert "s" not in mode[1:], name


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
def test_lintian_finds_no_errors(packages):
    result = subprocess.run(["lintian", "--fail-on", "error", "--tag-display-limit", "0", *packages.values()],
                            capture_output=True, text=True, timeout=PACK_S, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("unit", sorted(EXPOSURE_MAX))
def test_exposure_of_units(unit):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", ROOT / f"packaging/systemd/{unit}.service"],
                            capture_output=True, text=True, timeout=60, check=False)
    level = re.search(r"exposure level for \S+: ([0-9.]+)", result.stdout)
    assert level, result.stderr
    assert float(level.group(1)) <= EXPOSURE_MAX[unit]


@pytest.mark.parametrize("unit", sorted(EXPOSURE_MAX))
def test_units_name_nothing_that_an_older_systemd_lacks(unit):
    """Debian 12's 252 says "not found" of a set of calls that it does not know, and goes on without it."""
    text = (ROOT / f"packaging/systemd/{unit}.service").read_text(encoding="utf-8")
    sets = set(re.findall(r"@[a-z-]+", " ".join(re.findall(r"^SystemCallFilter=(.*)$", text, re.MULTILINE))))
    assert sets <= {"@clock", "@cpu-emulation", "@module", "@obsolete", "@raw-io", "@reboot", "@swap", "@system-service"}
