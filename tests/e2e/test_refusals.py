# SPDX-License-Identifier: Apache-2.0
"""Bad input of the enclave commands: one line with cause and remedy, the code of the table, nothing left behind."""

import contextlib
import json
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import tempfile

import cbor2
import pytest
from daemon_host import (GROUP, OTHER, OUTSIDER, OWNER, Host, become, children, environment, refused, run_cli, until)
from eif_support import CMDLINE, KERNEL, METADATA, RAMDISK, SIGNATURE, assemble, bzimage, docker_archive, layer

MEMORY_MIB = 1024
SECTIONS = [(KERNEL, bzimage()), (CMDLINE, b"console=ttyS0"), (METADATA, b"{}"), (RAMDISK, b"RAM0"), (RAMDISK, b"RAM1")]
IMAGE = assemble(SECTIONS)
CONFIG = f"memory_mib: {MEMORY_MIB}\ncpu_pool: 2,4-5\nengine: qemu\n"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: several users, mounts")


def application(path):
    """An image whose application lives as long as its parent keeps it waiting."""
    with open(os.environ["HELLO"], "rb") as file:
        docker_archive(path, [layer([("hello-attest", {"data": file.read()})])], {"Entrypoint": ["/hello-attest"]})


@pytest.fixture(name="host", scope="module")
def host_fixture():
    host = Host(CONFIG + (f"group: {GROUP.gr_name}\n" if os.geteuid() == 0 else ""))
    host.image = host.file("image.eif", IMAGE)
    yield host
    host.close()


@pytest.fixture(name="clean")
def clean_fixture(host):
    """The host, with nothing more on it after the test than before."""
    live = {e["EnclaveID"].rpartition("-enc")[2] for e in host.described()}
    yield host
    host.assert_clean(live)


@pytest.fixture(name="real", scope="module")
def real_fixture(host):
    """A real image on the host."""
    archive = os.path.join(host.home, "hello.tar")
    application(archive)
    path = os.path.join(host.home, "hello.eif")
    host.good("build-enclave", "--docker-uri", f"docker-archive:{archive}", "--output-file", path)
    os.unlink(archive)
    return path


@contextlib.contextmanager
def waiting_parent(host, enclave):
    """What the application connects to; it gets no answer."""
    slot = enclave["EnclaveID"].rpartition("-enc")[2]
    path = os.path.join(host.home, "run", "enclaves", slot, "vsock.sock_5000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(path)
        os.chmod(path, 0o777)
        sock.listen(8)
        yield


@pytest.fixture(name="live", scope="module")
def live_fixture(host, real):
    """An enclave in debug mode, of the user OWNER if we are root, with CID 20 and CPUs 4 and 5."""
    uid = OWNER if os.geteuid() == 0 else None
    enclave = host.good("run-enclave", "--eif-path", real, "--memory", 256, "--cpu-ids", 4, 5, "--enclave-cid", 20,
                        "--enclave-name", "live", "--debug-mode", uid=uid)
    with waiting_parent(host, enclave):
        yield enclave
        host.good("terminate-enclave", "--enclave-id", enclave["EnclaveID"])
    host.assert_clean()


def run(host, *more, image=None, **how):
    args = {"--eif-path": image or host.image, "--memory": 64, "--cpu-count": 1}
    given = [str(a) for a in more]
    for option, value in args.items():
        if option not in given and not (option == "--cpu-count" and "--cpu-ids" in given):
            given += [option, str(value)]
    return host.cli("run-enclave", *given, **how)


# --- the image ---


def changed(at, form, value):
    data = bytearray(IMAGE)
    struct.pack_into(form, data, at, value)
    return data


def flipped():
    data = bytearray(IMAGE)
    data[-1] ^= 1
    return data


def badly_signed():
    entry = [{"signing_certificate": list(b"no certificate"), "signature": list(b"none")}]
    return assemble(SECTIONS + [(SIGNATURE, cbor2.dumps(entry))])


BAD_IMAGES = [
    ("empty", b"", 35, "too short"), ("text", b"not an image\n" * 100, 35, "not an enclave image"),
    ("elf", b"\x7fELF" + bytes(4096), 35, "not an enclave image"), ("short", IMAGE[:300], 35, "too short"),
    ("truncated", IMAGE[:-3], 35, "cut short"), ("longer", IMAGE + b"more", 35, "added to"), ("crc", flipped(), 35, "checksum"),
    ("overlapping", changed(28 + 8, ">Q", 560), 35, "overlap"), ("outside", changed(28 + 8, ">Q", 1 << 40), 35, ""),
    ("huge-section", changed(284, ">Q", 1 << 63), 35, ""), ("no-kernel", assemble(SECTIONS[1:]), 35, "kernel"),
    ("no-ramdisk", assemble(SECTIONS[:3]), 35, "ramdisk"), ("no-cmdline", assemble(SECTIONS[:1] + SECTIONS[2:]), 35, "cmdline"),
    ("no-metadata", assemble(SECTIONS[:2] + SECTIONS[3:]), 35, "metadata"), ("arm", assemble(SECTIONS, flags=1), 35, "x86_64"),
    ("old", assemble(SECTIONS, version=1), 35, "version 1"), ("two-kernels", assemble(SECTIONS + SECTIONS[:1]), 35, "second kernel"),
    ("signature", badly_signed(), 59, ""), ("kernel", assemble([(KERNEL, b"KERNEL")] + SECTIONS[1:]), 35, "bzImage"),
    ("elf-kernel", assemble([(KERNEL, b"\x7fELF" + bytes(4096))] + SECTIONS[1:]), 35, "bzImage"),
    ("cut-kernel", assemble([(KERNEL, bzimage(4096)[:4000])] + SECTIONS[1:]), 35, "cut off"),
]


@pytest.mark.parametrize("name,data,code,word", BAD_IMAGES, ids=[c[0] for c in BAD_IMAGES])
def test_images_that_are_none(clean, name, data, code, word):
    path = clean.file(f"{name}.eif", bytes(data))
    refused(run(clean, image=path), code, path, word)
    os.unlink(path)


def test_files_that_are_no_images(clean):
    refused(run(clean, image="/nonexistent/x.eif"), 19, "/nonexistent/x.eif", "No such file")
    refused(run(clean, image="/"), 19, "/ is not a regular file")
    refused(run(clean, image="/dev/null"), 19, "not a regular file")
    fifo = os.path.join(clean.home, "fifo")
    os.mkfifo(fifo)
    refused(run(clean, image=fifo), 19, "not a regular file")
    os.unlink(fifo)
    if os.geteuid() == 0:
        secret = clean.file("secret.eif", IMAGE, 0o600)
        refused(run(clean, image=secret, uid=OWNER), 19, secret, "Permission denied")


# --- memory, CPUs, CID ---


def test_too_little_memory_names_the_figure(clean, real):
    line = refused(run(clean, "--memory", 1, image=real), 26, "raise --memory")
    need = int(re.search(r"needs at least (\d+) MiB", line).group(1))
    refused(run(clean, "--memory", need - 1, image=real), 26, f"needs at least {need} MiB", f"{need - 1} MiB were asked for")
    refused(run(clean, "--memory", 0), 26, "needs at least")
    # The figure is enough.
    enclave = json.loads(run(clean, "--memory", need, image=real).stdout)
    assert enclave["MemoryMiB"] == need
    clean.good("terminate-enclave", "--enclave-id", enclave["EnclaveID"])


@pytest.mark.parametrize("args,code,words", [
    (["--memory", 1 << 20], 27, ["1048576 MiB asked for", f"of {MEMORY_MIB} MiB", "redoubtd.yaml"]),
    (["--memory", "2T"], 27, ["2097152 MiB"]), (["--memory", "12K"], 3, ['"12K"', "M, G or T"]),
    (["--memory", "x"], 3, ["--memory"]), (["--memory", "99999999999999999999"], 3, ["--memory"]),
    (["--memory", "18014398509481984G"], 3, ["--memory"]), (["--memory", ""], 3, ["--memory"]),
    (["--cpu-count", 4], 22, ["4 CPUs asked for", "of 3 in the pool", "cpu_count"]),
    (["--cpu-count", 1000], 22, ["at most 64"]), (["--cpu-count", 0], 3, ["--cpu-count"]), (["--cpu-count", "two"], 3, ['"two"']),
    (["--cpu-ids", 2, 2], 20, ["CPU 2 is named twice"]), (["--cpu-ids", 3], 21, ["CPU 3 is not in the pool (2, 4, 5)", "redoubtd.yaml"]),
    (["--cpu-ids", "2,4"], 3, ['"2,4"', "spaces"]), (["--cpu-ids", *range(1000, 1065)], 3, ["64"]),
    (["--enclave-cid", 1], 3, ["CID 1 is reserved", "4 to 4294967294"]), (["--enclave-cid", 2], 3, ["reserved"]),
    (["--enclave-cid", 3], 3, ["reserved"]), (["--enclave-cid", 4294967295], 3, ["reserved"]),
    (["--enclave-cid", 1 << 40], 3, ["1099511627776"]), (["--enclave-cid", "ten"], 3, ['"ten"']),
    (["--enclave-name", "x" * 256], 3, ["255"]), (["--enclave-name", "a\nb"], 3, ["control characters"]),
])
def test_resources_that_are_not_there(clean, args, code, words):
    refused(run(clean, *args), code, *words)


def test_resources_that_another_enclave_has(clean, live):
    refused(run(clean, "--enclave-cid", 20), 3, "CID 20 is in use", live["EnclaveID"], "choose another")
    refused(run(clean, "--cpu-ids", 2, 4), 21, "CPU 4 is in use", "free are 2")
    refused(run(clean, "--cpu-count", 2), 22, "2 CPUs asked for, 1 free of 3")
    refused(run(clean, "--memory", MEMORY_MIB), 27, f"{MEMORY_MIB - 256} MiB free of {MEMORY_MIB} MiB")


# --- the configuration file ---


def good_config(host, **more):
    return {"eif_path": host.image, "memory_mib": 64, "cpu_count": 1, **more}


@pytest.mark.parametrize("change,code,word", [
    ({"cpu_ids": [2]}, 2, "cpu_ids"), ({"cpu_count": None}, 1, "cpu_count"), ({"eif_path": None}, 17, "eif_path"),
    ({"eif_path": 7}, 17, "eif_path"), ({"memory_mib": None}, 17, "memory_mib"), ({"memory_mib": "64"}, 17, "memory_mib"),
    ({"memory_mib": -64}, 17, "memory_mib"), ({"memory_mib": 1.5}, 17, "memory_mib"), ({"cpu_count": "1"}, 17, "cpu_count"),
    ({"cpu_count": 0}, 3, "CPU"), ({"cpu_count": None, "cpu_ids": "2"}, 17, "cpu_ids"),
    ({"cpu_count": None, "cpu_ids": [2, -1]}, 17, "cpu_ids"), ({"cpu_count": None, "cpu_ids": []}, 3, "CPU"),
    ({"cpu_count": None, "cpu_ids": [2, 2]}, 20, "CPU 2 is named twice"), ({"enclave_cid": 3}, 3, "CID 3 is reserved"),
    ({"enclave_cid": 1 << 33}, 3, "reserved"), ({"enclave_cid": "x"}, 17, "enclave_cid"), ({"debug_mode": "yes"}, 17, "debug_mode"),
    ({"enclave_name": 5}, 17, "enclave_name"), ({"memory_mib": 1 << 40}, 3, "memory_mib"), ({"memory_mib": 1}, 26, "needs at least"),
])
def test_configurations_that_do_not_hold(clean, change, code, word):
    config = {k: v for k, v in good_config(clean, **change).items() if v is not None}
    path = clean.file("config.json", json.dumps(config).encode())
    refused(clean.cli("run-enclave", "--config", path), code, word)


@pytest.mark.parametrize("text,word", [
    (b"", ":"), (b"{", ":1"), (b"[]", "not a JSON object"), (b'{"cpu_count": 1,\n "cpu_count": 2}', "duplicate"), (b"\xff\xfe{}", ":1"),
    (b"{}", "eif_path"), (b"{" * 5000, ":1"),
])
def test_configurations_that_are_none(clean, text, word):
    path = clean.file("config.json", text)
    refused(clean.cli("run-enclave", "--config", path), 17, path, word)


def test_configuration_files_that_cannot_be_read(clean):
    refused(clean.cli("run-enclave", "--config", "/nonexistent.json"), 19, "/nonexistent.json")
    refused(clean.cli("run-enclave", "--config", "/"), 19, "/")
    refused(clean.cli("run-enclave", "--config", clean.file("big.json", b" " * 100_000)), 19, "big.json")


# --- names, ids, usage ---


@pytest.mark.parametrize("command", ["terminate-enclave", "console"])
def test_enclaves_that_are_not_there(clean, command):
    for unknown in ("i-0123456789abcdef0-enc1234567890abcdef", "nonsense", "-encxyz", "i-enc", ""):
        refused(clean.cli(command, f"--enclave-id={unknown}"), 11 if unknown else 58, unknown, "describe-enclaves")
    refused(clean.cli(command, "--enclave-name", "nobody"), 58, '"nobody"', "describe-enclaves")
    refused(clean.cli(command, "--enclave-id", "x" * 200), 3, "--enclave-id")
    refused(clean.cli(command, "--enclave-name", "x" * 300), 3, "--enclave-name")


def test_consoles_that_are_not_there(clean, real):
    enclave = json.loads(run(clean, "--enclave-name", "quiet", "--memory", 256, image=real).stdout)
    refused(clean.cli("console", "--enclave-name", "quiet"), 44, "--debug-mode")
    clean.good("terminate-enclave", "--enclave-name", "quiet")
    refused(clean.cli("console", "--enclave-id", enclave["EnclaveID"]), 44, "--debug-mode")
    refused(clean.cli("console", "--enclave-name", "x", "--disconnect-timeout", "soon"), 3, '"soon"')
    refused(clean.cli("terminate-enclave", "--enclave-id", enclave["EnclaveID"]), 11, "describe-enclaves")


@pytest.mark.parametrize("args", [
    ["run-enclave"], ["run-enclave", "--eif-path", "x"], ["run-enclave", "--eif-path", "x", "--memory", "64"],
    ["run-enclave", "--eif-path", "x", "--memory", "64", "--cpu-count", "1", "--cpu-ids", "2"],
    ["run-enclave", "--eif-path", "x", "--memory", "64", "--cpu-ids"],
    ["run-enclave", "--eif-path", "x", "--memory", "64", "--cpu-ids", "1", "--cpu-ids", "2"],
    ["run-enclave", "--config", "x", "--memory", "64"], ["run-enclave", "--config", "x", "--debug-mode"],
    ["run-enclave", "--config"], ["run-enclave", "--debug-mode=yes", "--config", "x"],
    ["terminate-enclave"], ["terminate-enclave", "--all", "--enclave-name", "x"],
    ["terminate-enclave", "--enclave-id", "x", "--enclave-name", "y"], ["console"], ["console", "--enclave-id", "x", "--enclave-name", "y"],
    ["describe-enclaves", "extra"], ["describe-enclaves", "--metadata", "--ended"], ["describe-enclaves", "-m"], ["help", "nonsense"],
])
def test_usage_errors_exit_2(clean, args):
    done = clean.cli(*args)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and "Usage: nitro-cli" in done.stderr


# --- other users ---


@needs_root
def test_others_may_look_and_no_more(host, live):
    identity = live["EnclaveID"]
    (seen,) = host.described(uid=OTHER)
    assert seen["EnclaveID"] == identity and seen["State"] == "RUNNING" and "Measurements" not in seen
    (seen,) = host.good("describe-enclaves", "--metadata", uid=OTHER)
    assert "Metadata" not in seen
    refused(host.cli("terminate-enclave", "--enclave-id", identity, uid=OTHER), 39, "another user", "owner and root")
    refused(host.cli("terminate-enclave", "--enclave-name", "live", uid=OTHER), 39, "another user")
    refused(host.cli("console", "--enclave-id", identity, uid=OTHER), 39, "another user")
    assert host.good("terminate-enclave", "--all", uid=OTHER) == []
    slot = os.path.join(host.home, "run", "enclaves", identity.rpartition("-enc")[2])
    look = subprocess.run(["ls", slot], preexec_fn=lambda: become(OTHER), check=False, capture_output=True, text=True)
    assert look.returncode != 0 and "Permission denied" in look.stderr
    (seen,) = host.described(uid=OWNER)
    assert seen["State"] == "RUNNING" and "Measurements" in seen


@needs_root
def test_others_see_no_end_and_no_kept_console(clean, real):
    ended = clean.good("run-enclave", "--eif-path", real, "--memory", 256, "--cpu-count", 1, "--debug-mode", "--enclave-name", "gone",
                       uid=OWNER)
    clean.good("terminate-enclave", "--enclave-id", ended["EnclaveID"], uid=OWNER)
    assert ended["EnclaveID"] not in json.dumps(clean.good("describe-enclaves", "--ended", uid=OTHER))
    assert ended["EnclaveID"] in json.dumps(clean.good("describe-enclaves", "--ended", uid=OWNER))
    refused(clean.cli("console", "--enclave-id", ended["EnclaveID"], uid=OTHER), 39, "another user")
    assert "Successfully connected" in clean.cli("console", "--enclave-id", ended["EnclaveID"], uid=OWNER).stdout


@needs_root
def test_who_is_not_in_the_group_stays_outside(clean):
    for command in (["describe-enclaves"], ["terminate-enclave", "--all"]):
        refused(clean.cli(*command, uid=OUTSIDER), 11, "redoubtd.sock", "membership of its group")


@needs_root
def test_a_service_of_a_stranger_is_not_spoken_to(clean):
    home = tempfile.mkdtemp(prefix="rdr-", dir="/tmp")
    os.chmod(home, 0o755)
    os.mkdir(os.path.join(home, "run"), 0o755)
    path = os.path.join(home, "run", "redoubtd.sock")
    trap = ("import os,socket\ns=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\n"
            f"s.bind({path!r})\nos.chmod({path!r},0o777)\ns.listen()\nprint(flush=True)\nc,_=s.accept()\nprint(len(c.recv(9)))\n")
    os.chown(os.path.join(home, "run"), OTHER, GROUP.gr_gid)
    with subprocess.Popen(["python3", "-c", trap], preexec_fn=lambda: become(OTHER), stdout=subprocess.PIPE, text=True) as stranger:
        stranger.stdout.readline()
        done = run_cli(home, "run-enclave", "--eif-path", clean.image, "--memory", 64, "--cpu-count", 1, uid=OWNER, program=clean.program)
        refused(done, 11, path, "another user", "REDOUBT_HOME")
        assert stranger.stdout.readline() == "0\n", "it got something"
    shutil.rmtree(home)


@needs_root
def test_traps_in_an_enclaves_directory_hurt_nobody(clean, real):
    enclave = clean.good("run-enclave", "--eif-path", real, "--memory", 256, "--cpu-count", 1, uid=OWNER)
    folder = os.path.join(clean.home, "run", "enclaves", enclave["EnclaveID"].rpartition("-enc")[2])
    treasure = os.path.join(clean.home, "treasure")
    os.mkdir(treasure)
    with open(os.path.join(treasure, "gold"), "wb"):
        pass
    plant = (f"cd {folder} && rm -f vsock.sock && ln -s {treasure} link && ln -s {treasure}/gold vsock.sock && mkfifo fifo && "
             f"mkdir -p a/b/c && ln -s {treasure} a/b/link && chmod 000 a/b && ln -s {treasure} enclaves && touch record.tmp")
    subprocess.run(["sh", "-c", plant], preexec_fn=lambda: become(OWNER), check=True)
    assert len(clean.described(uid=OWNER)) >= 1
    clean.good("terminate-enclave", "--enclave-id", enclave["EnclaveID"], uid=OWNER)
    assert not os.path.exists(folder) and os.listdir(treasure) == ["gold"]
    shutil.rmtree(treasure)


def test_a_run_that_is_interrupted_leaves_a_whole_enclave(clean, real):
    """Its starter dies between the launch and the heartbeat."""
    command = [os.environ["NITRO_CLI"], "run-enclave", "--eif-path", real, "--memory", "256", "--cpu-count", "1", "--enclave-name", "orphan"]

    def orphan():
        return [e for e in clean.described() if e["EnclaveName"] == "orphan"]
    with subprocess.Popen(command, env=environment(clean.home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as starter:
        assert until(orphan, 30)
        starter.kill()
        assert starter.stdout.read() == b""
    assert until(lambda: orphan() and orphan()[0]["State"] == "RUNNING", 90)
    clean.good("terminate-enclave", "--enclave-name", "orphan")


# --- the service ---


@pytest.fixture(name="home")
def home_fixture():
    """For services that do not start: nothing of them may run or lie there afterwards."""
    path = tempfile.mkdtemp(prefix="rdr-", dir="/tmp")
    os.mkdir(os.path.join(path, "config"))
    yield path
    assert [pid for pid in children(1) if path in open_environment(pid)] == []
    shutil.rmtree(path)


def open_environment(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def write_config(home, text):
    with open(os.path.join(home, "config", "redoubtd.yaml"), "w", encoding="ascii") as file:
        file.write(text)


def test_a_service_that_is_not_installed(home):
    empty = os.path.join(home, "empty")
    os.mkdir(empty)
    done = run_cli(home, "describe-enclaves", env={"REDOUBT_LIBEXEC": empty})
    refused(done, 11, "redoubtd not found", empty, "REDOUBT_LIBEXEC")
    assert sorted(os.listdir(home)) == ["config", "empty"]


@pytest.mark.parametrize("text,words", [
    ("memory: 5\n", [":1: unknown key", "memory_mib"]), ("memory_mib: lots\n", [":1:", '"lots"']), ("cpu_pool: 4-2\n", [":1:", "4-2"]),
    ("memory_mib: '5\n", ["not YAML"]), ("engine: fast\n", ["qemu-kvm"]), ("cpu_count: 1\ncpu_pool: 1\n", [":2:", "exclude"]),
    ("group: no-such-group\n", ["no-such-group"]), ("memory_mib: 1\nmemory_mib: 2\n", [":2:", "twice"]),
])
def test_a_service_whose_configuration_does_not_hold(home, text, words):
    write_config(home, text)
    refused(run_cli(home, "describe-enclaves"), 11, "redoubtd did not start", "redoubtd.yaml", *words)
    done = subprocess.run([os.environ["REDOUBTD"], "--check-config"], env=environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 78 and all(word in done.stderr for word in words)


def test_a_home_that_cannot_be(home):
    refused(run_cli("relative/home", "describe-enclaves"), 19, "REDOUBT_HOME", "absolute")
    refused(run_cli("/tmp/" + "x" * 100, "describe-enclaves"), 19, "too long", "shorter")
    file = os.path.join(home, "file")
    with open(file, "wb"):
        pass
    refused(run_cli(file, "describe-enclaves"), 11, file, "Not a directory")


def test_a_second_service_on_the_same_directory_is_refused(host):
    done = subprocess.run([os.environ["REDOUBTD"]], env=environment(host.home), capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 3 and "another redoubtd serves" in done.stderr


@needs_root
def test_without_qemu_the_package_is_named():
    hide = "for q in /usr/bin/qemu-system-x86_64 /usr/local/bin/qemu-system-x86_64; do test ! -e $q || mount --bind /dev/null $q; done"
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("no mount namespaces here")
    host = Host(CONFIG, prefix=["unshare", "-m", "sh", "-c", hide + '; exec "$@"', "sh"])
    try:
        host.image = host.file("image.eif", IMAGE)
        refused(run(host), 29, "QEMU not found", "apt-get install qemu-system-x86")
        host.assert_clean()
        assert host.described() == []
    finally:
        host.close()


# --- full disks and limits ---


@pytest.fixture(name="small_disk")
def small_disk_fixture():
    """A file system of 4 MiB, mounted; yields a function that fills it and one that frees it."""
    path = tempfile.mkdtemp(prefix="rdr-", dir="/tmp")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", path], check=False, capture_output=True, text=True)
    if made.returncode != 0:
        os.rmdir(path)
        pytest.skip(f"a tmpfs cannot be mounted here: {made.stderr.strip()}")
    yield path
    subprocess.run(["umount", path], check=True)
    os.rmdir(path)


def fill(folder):
    with open(os.path.join(folder, "ballast"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


@pytest.mark.parametrize("debug", [[], ["--debug-mode"]])
def test_a_full_disk_is_said_and_survived(small_disk, debug):
    host = Host(CONFIG, home=small_disk)
    try:
        image = host.file("image.eif", IMAGE)
        fill(small_disk)
        refused(run(host, *debug, image=image), 19, "No space left on device")
        host.assert_clean()
        os.unlink(os.path.join(small_disk, "ballast"))
        # As far as the engine, for which the kernel is none.
        refused(run(host, *debug, image=image), 36)
        host.assert_clean()
    finally:
        host.close()


def test_a_service_on_a_full_disk_says_why(small_disk):
    fill(small_disk)
    refused(run_cli(small_disk, "describe-enclaves"), 11, "No space left on device")


def test_an_end_that_cannot_be_written_down_is_still_an_end(small_disk, real):
    host = Host(CONFIG, home=small_disk)
    try:
        enclave = json.loads(run(host, "--memory", 256, "--debug-mode", image=real).stdout)
        with waiting_parent(host, enclave):
            fill(small_disk)
            host.good("terminate-enclave", "--enclave-id", enclave["EnclaveID"])
        host.assert_clean()
        assert "is not recorded on disk" in host.log_text() and "No space left" in host.log_text()
        (ended,) = host.good("describe-enclaves", "--ended")
        assert ended["EnclaveID"] == enclave["EnclaveID"] and ended["State"] == "TERMINATED"
    finally:
        host.close()


def limit_files(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_limit_on_file_sizes_is_an_error(clean, real):
    """RLIMIT_FSIZE, whose signal would end a program that does not expect it."""
    refused(run(clean, image=real, preexec=limit_files(65536)), 19, "File too large")
    output = os.path.join(clean.home, "new.eif")
    archive = os.path.join(clean.home, "limit.tar")
    application(archive)
    refused(clean.cli("build-enclave", "--docker-uri", f"docker-archive:{archive}", "--output-file", output,
                      preexec=limit_files(1 << 20)), 19, "File too large")
    os.unlink(archive)
    assert not os.path.exists(output)


def test_a_service_under_a_limit_on_file_sizes_stays():
    host = Host(CONFIG, preexec=limit_files(65536))
    try:
        image = host.file("image.eif", IMAGE)
        refused(run(host, "--debug-mode", image=image), 19, "File too large")
        refused(run(host, image=image), 29, "guest memory", "File too large")
        host.assert_clean()
        assert host.described() == []
    finally:
        host.close()


def test_output_that_nobody_takes_is_an_error(clean):
    with open("/dev/full", "w", encoding="ascii") as output:
        done = subprocess.run([os.environ["NITRO_CLI"], "describe-enclaves"], env=environment(clean.home), stdout=output,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode != 0 and "No space left on device" in done.stderr
