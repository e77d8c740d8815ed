# SPDX-License-Identifier: Apache-2.0
"""Parent instances: a VM from a disk image, the enclaves that its own nitro-cli runs, and what its root may try."""

import base64
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile

import cbor2
import images
import instances
import parent_disk
import pytest
from document import Document
from instances import ASKED, NOTFOUND, PENDING, RUNNING, STOPPED, TERMINATED, Instances, Refused, Watcher
from redoubt import descendants, reap_orphans, wait_for

ONE, TWO = "i-0123456789abcdef0", "i-0fedcba9876543210"
# DESCRIBE of lib/ctl, nitro-cli's.
DESCRIBE_ENCLAVES = 2
# nitro-enclaves-allocator's, and the code for what makes no sense here.
RESERVE, INVALID_ARGUMENT = 5, 3
ROLE = "arn:aws:iam::123456789012:role/app"
ATTACK = os.environ["PARENT_ATTACK"]
ENDED = "guest: script ended"
# What a request of the e2e guest looks like, and nitro-cli's words for an enclave that does as told.
SHELL = r"""
req() {
  n=0; for w in "$@"; do n=$((n + ${#w} + 1)); done
  printf "\\000\\000\\$(printf %03o $((n / 256)))\\$(printf %03o $((n % 256)))"; printf '%s\000' "$@"
}
free_mib() { awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo; }
"""


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    """(base disk, directory): the base runs whatever script is put into its second partition."""
    work = tmp_path_factory.mktemp("parent")
    out = os.environ["REDOUBT_OUT"]
    base = str(work / "base.raw")
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        parent_disk.make(base, scratch, {"bin/nitro-cli": os.path.join(out, "bin", "nitro-cli"), "bin/attack": ATTACK,
                                         "bin/nitro-enclaves-allocator": os.path.join(out, "bin", "nitro-enclaves-allocator"),
                                         "bin/socat": "/usr/bin/socat"})
    return base, work


@pytest.fixture
def disk(disks):
    base, work = disks

    def make(script, name="disk", more=b""):
        path = str(work / f"{name}.raw")
        parent_disk.with_script(base, path, SHELL + script, more)
        return path
    return make


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def nothing_is_left(host, instance):
    """No process but the daemon, no directory, no disk."""
    def gone():
        reap_orphans()
        return not descendants(host.daemon.pid)
    wait_for("the end of every process", gone)
    for place in ("run", "state"):
        assert instance not in os.listdir(host.path(place, "instances"))
    assert os.listdir(host.path("run", "enclaves")) == [] and os.listdir(host.path("run", "records")) == []


def test_life_of_an_instance(host, disk):
    image = disk("""
if dd if=/dev/vda2 bs=64k skip=1 count=1 2>/dev/null | grep -q been-here; then
  echo "guest: again $(cat /sys/class/dmi/id/chassis_asset_tag) $(cat /sys/class/dmi/id/product_uuid)"
else
  echo been-here | dd of=/dev/vda2 bs=64k seek=1 conv=sync,fsync 2>/dev/null
  echo "guest: first $(cat /sys/class/dmi/id/chassis_asset_tag) $(cat /sys/class/dmi/id/product_uuid)"
fi
""")
    ours = Instances(host)
    before = hashlib.sha256(open(image, "rb").read()).digest()
    with Watcher(ours) as watcher:
        forward = f"tcp:127.0.0.1:{free_port()}:22"
        assert ours.run(ONE, image, disk_gib=1, mac="06:00:00:00:00:01", private_ip="172.31.16.5/20", hops=1,
                        forwards=[forward])["state"] == PENDING
        ours.reach(ONE, RUNNING)
        states = [watcher.next()["state"] for _ in range(3)]
        assert states[0] == PENDING and states[-1] == RUNNING
    identity = f"{ONE} ec200000-0000-0000-1234-56789abcdef0"
    ours.said(ONE, f"guest: first {identity}")
    listed = json.loads(host.run("bin/redoubt", "instances", "--json").stdout)
    assert listed[0]["PublishedPorts"] == [forward]
    port = forward.split(":")[2]
    assert f"  port 22/tcp        127.0.0.1:{port}" in host.run("bin/redoubt", "instances").stdout.decode().splitlines()
    with pytest.raises(Refused) as refused:
        ours.run(ONE, image)
    assert refused.value.code == instances.STATE

    # A reboot that the guest is asked for: the VM is the same, its disk keeps what was written.
    pid = ours.describe(ONE)[0]["pid"]
    ours.reboot(ONE)
    ours.said(ONE, f"guest: again {identity}")
    assert ours.describe(ONE)[0]["pid"] == pid

    # Another daemon finds it as it is.
    host.end_daemon(signal.SIGKILL)
    host.start_daemon()
    found = ours.reach(ONE, RUNNING)
    assert found["pid"] == pid and found["memory_mib"] == 512
    ours.said(ONE, "guest: again")

    ours.stop(ONE)
    stopped = ours.reach(ONE, STOPPED, instances.BOOT_S)
    assert stopped["cause"] == ASKED and "powered off on request" in stopped["text"]
    assert "guest: power button" in ours.console(ONE)
    assert os.path.exists(host.path("state", "instances", ONE, "disk.qcow2"))
    assert os.listdir(host.path("run", "instances")) == []

    # Stopped instances are known after a restart, too, and start with the disk that they had.
    host.end_daemon()
    host.start_daemon()
    assert ours.state(ONE) == STOPPED
    ours.run(ONE, image, fresh=False)
    ours.said(ONE, "guest: again")
    # A vmm that is killed takes everything with it.
    os.kill(ours.describe(ONE)[0]["pid"], signal.SIGKILL)
    lost = ours.reach(ONE, STOPPED)
    assert lost["cause"] == instances.VMM_LOST
    ours.terminate(ONE)
    ours.reach(ONE, TERMINATED)
    nothing_is_left(host, ONE)
    assert hashlib.sha256(open(image, "rb").read()).digest() == before


def test_the_power_button_is_pressed_until_the_guest_hears_it(host, disk):
    ours = Instances(host)
    ours.run(ONE, disk("""
killall hexdump; echo "guest: deaf"; sleep 13; echo "guest: hears"; power &
""", "deaf"), memory_mib=256, cpus=1)
    ours.said(ONE, "guest: deaf")
    ours.stop(ONE)
    stopped = ours.reach(ONE, STOPPED, instances.BOOT_S)
    assert "powered off on request" in stopped["text"]  # and not by the limit, which says "ended on request"
    console = ours.console(ONE)
    assert console.index("guest: hears") < console.index("guest: power button")
    ours.terminate(ONE)
    ours.reach(ONE, TERMINATED)
    nothing_is_left(host, ONE)


@pytest.mark.parametrize("spare", [0, 256])
def test_a_parent_that_keeps_its_memory_has_no_enclave(make_host, disk, spare):
    # The host can lend the enclave's memory meanwhile, or cannot: it boots, or is not begun.
    host = make_host(config={"memory_mib": 512 + spare, "cpu_count": 2})
    ours = Instances(host)
    eif, _ = images.guest(host, "app")
    with open(eif, "rb") as file:
        image = file.read()
    ours.run(ONE, disk(f"""
dd if=/dev/vda2 of=/app.eif bs=64k skip=1 2>/dev/null; truncate -s {len(image)} /app.eif
rmmod virtio_balloon; echo "guest: no balloon $?"
nitro-cli run-enclave --eif-path /app.eif --cpu-count 2 --memory 256 --enclave-name kept; echo "guest: refused $?"
nitro-cli describe-enclaves | grep -c EnclaveID
insmod /modules/*virtio_balloon.ko; echo "guest: balloon $?"
nitro-cli run-enclave --eif-path /app.eif --cpu-count 2 --memory 256 --enclave-name given; echo "guest: given $?"
nitro-cli describe-enclaves --metadata; echo "guest: metadata $?"
sleep 1; reboot -f
""", f"kept-{spare}", image), enclaves=True, memory_mib=512, cpus=2)
    console = ours.said(ONE, "guest: metadata")
    assert after(console, "guest: no balloon") == ["0"] and after(console, "guest: balloon") == ["0"], console[-3000:]
    assert after(console, "guest: refused") == ["27"] and "did not give up enough of its memory" in console
    assert after(console, "guest: given") == ["0"], console[-3000:]
    assert '"DockerInfo"' in console.split("guest: given")[1], "describe-enclaves --metadata"
    booted = "no heartbeat" not in host.read_log() and host.read_log().count(": up after")
    assert booted == (2 if spare else 1), host.read_log()[-3000:]
    # One line for a guest that begins anew, though its firmware does so twice.
    ours.said(ONE, "guest: up", count=2)
    assert host.read_log().count("begins anew") == 1
    ours.terminate(ONE)
    ours.reach(ONE, TERMINATED)
    nothing_is_left(host, ONE)


def reserve_script(eif_size):
    """Sets memory aside, has it used, gives it back, and takes what it has set aside along into a reboot."""
    return f"""
allocate() {{ printf "$1" > /etc/nitro_enclaves/allocator.yaml; nitro-enclaves-allocator; echo "guest: $2 $?"; }}
run() {{ nitro-cli run-enclave --eif-path /app.eif --cpu-count 1 --memory 128 > /dev/null; echo "guest: $1 $?"; }}
memory() {{ sleep 2; echo "guest: memory $(free_mib)"; }}
mkdir -p /etc/nitro_enclaves
dd if=/dev/vda2 of=/app.eif bs=64k skip=1 2>/dev/null; truncate -s {eif_size} /app.eif
if dd if=/dev/vda2 bs=64k skip=1000 count=1 2>/dev/null | grep -q been-here; then
  memory; rmmod virtio_balloon; run "run after the reboot"
  exit
fi
echo been-here | dd of=/dev/vda2 bs=64k seek=1000 conv=sync,fsync 2>/dev/null
memory
allocate 'memory_mib: 400' "more than there is"
allocate 'memory_mib: 160\ncpu_number: 2' "unknown key"
rmmod virtio_balloon
allocate 'memory_mib: 200' "not given"
insmod /modules/*virtio_balloon.ko; memory
allocate 'memory_mib: 160\ncpu_count: 2' "set aside"; memory
run "run beside the driver"; memory
nitro-cli terminate-enclave --all > /dev/null; memory
echo "guest: waits for another daemon"
while nitro-cli describe-enclaves > /dev/null 2>&1; do sleep 1; done; echo "guest: no daemon"
until nitro-cli describe-enclaves > /dev/null 2>&1; do sleep 1; done
rmmod virtio_balloon; run "run without the driver"; run "run beyond what is set aside"
nitro-cli terminate-enclave --all > /dev/null; insmod /modules/*virtio_balloon.ko; memory
nitro-enclaves-allocator --release; echo "guest: released $?"; memory
allocate 'memory_mib: 160' "taken along"
sleep 1; reboot -f
"""


def test_memory_that_is_set_aside_is_there_when_an_enclave_comes(make_host, disk):
    # The host can lend nothing: an enclave that has to wait for the balloon is not begun before it has come.
    host = make_host(config={"memory_mib": 512, "cpu_count": 2})
    ours = Instances(host)
    eif, _ = images.guest(host, "app")
    with open(eif, "rb") as file:
        image = file.read()
    with pytest.raises(Refused) as refused:
        ours.ask(RESERVE, {"memory_mib": 1})
    assert refused.value.code == INVALID_ARGUMENT and "only a parent instance" in refused.value.text
    ours.run(ONE, disk(reserve_script(len(image)), "reserve", image), enclaves=True, memory_mib=512, cpus=2)
    ours.said(ONE, "guest: waits for another daemon")
    host.end_daemon(signal.SIGKILL)

    def alone():
        with open(host.path("state", "instances", ONE, "console"), "rb") as ring:
            return b"guest: no daemon" in ring.read()
    wait_for("the guest to miss the daemon", alone)
    host.start_daemon()
    console = ours.said(ONE, "guest: run after the reboot")
    whole, restored, *set_aside, released, rebooted = (int(word) for word in after(console, "guest: memory"))
    assert restored == released == rebooted == whole, console[-3000:]
    assert len(set_aside) == 4 and all(whole - 160 <= mib <= whole - 154 for mib in set_aside), set_aside
    for step in ("set aside", "run beside the driver", "run without the driver", "released", "taken along"):
        assert after(console, f"guest: {step} ") == ["0"], (step, console[-3000:])
    for step in ("more than there is", "unknown key", "not given"):
        assert after(console, f"guest: {step}") == ["1"], (step, console[-3000:])
    assert "[ E27 ] 400 MiB asked for, but of its 512 MiB the instance can set aside 320 MiB" in console
    assert '/etc/nitro_enclaves/allocator.yaml:2: unknown key "cpu_number"' in console
    assert "[ E27 ] the instance gave up 0 of 200 MiB" in console
    # Without its driver the guest gives nothing: what it had given before has to do, and after a reboot that is nothing.
    for step in ("run beyond what is set aside", "run after the reboot"):
        assert after(console, f"guest: {step}") == ["27"], (step, console[-3000:])
    ours.terminate(ONE)
    ours.reach(ONE, TERMINATED)
    nothing_is_left(host, ONE)


def enclave_script(eif_size):
    """Runs the image that lies behind the script, asks its application things, and says what came of it all."""
    return f"""
dd if=/dev/vda2 of=/app.eif bs=64k skip=1 2>/dev/null; truncate -s {eif_size} /app.eif
attack reach 0 0x4e534d; attack reach 0 0x45584954; attack reach 0 9000
for cid in 1 2 4 16 17; do attack reach $cid 5000; done
attack plain 0 0x4e434c49
attack send 00000000; attack send ffffffff; attack send 04000000ffffffff; attack send 10
attack send {frame(instances.TERMINATE).hex()}
attack send {frame(DESCRIBE_ENCLAVES).hex()}
attack stuff 16; attack stuff 4000; attack stuff 100000
echo "guest: memory $(free_mib)"
nitro-cli run-enclave --eif-path /app.eif --cpu-count 1 --memory 4000; echo "guest: too much $?"
{{ req run /nsm-cli attest; req serve 7000; req connect 3 7100; req connect 3 7101; req connect 16 5000; req connect 17 5000
  req connect 0 1313033289; req print a-line-of-the-enclave; sleep 600; }} | socat - VSOCK-LISTEN:5000 > /answers 2>/dev/null &
socat VSOCK-LISTEN:7100,fork /dev/null &
nitro-cli run-enclave --eif-path /app.eif --cpu-count 1 --memory 256 --enclave-cid 16 --debug-mode; echo "guest: run $?"
echo "guest: memory $(free_mib)"
nitro-cli describe-enclaves; echo "guest: describe $?"
i=0; while [ "$(wc -c < /answers)" -lt 4000 ] && [ $i -lt 60 ]; do sleep 1; i=$((i + 1)); done; sleep 5
echo "guest: echo $(echo hello-enclave | timeout 20 socat -t 10 - VSOCK-CONNECT:16:7000)"
attack reach 16 7001
echo "guest: answers"; base64 /answers; echo "guest: end of answers"
nitro-cli console --enclave-name app --disconnect-timeout 3 > /console; echo "guest: console $?"
grep -c a-line-of-the-enclave /console; echo "guest: shown $?"
attack hold 40 3 & sleep 1; attack flood 300; wait %3 2>/dev/null; sleep 4
nitro-cli describe-enclaves | grep -c EnclaveID; echo "guest: after the flood $?"
nitro-cli terminate-enclave --all; echo "guest: terminate $?"
nitro-cli console --enclave-name app | grep -c a-line-of-the-enclave; echo "guest: kept $?"
nitro-cli describe-enclaves --ended | grep -c "terminated on request"; echo "guest: ended $?"
sleep 3; echo "guest: memory $(free_mib)"
nitro-cli run-enclave --eif-path /app.eif --cpu-count 1 --memory 256 --enclave-name second; echo "guest: second run $?"
"""


def frame(kind):
    """A message about another instance, which redoubt-ec2 and the host's administrator may send, and no parent."""
    body = cbor2.dumps([kind, {"instance_id": TWO}])
    return struct.pack("<I", len(body)) + body


def answers_of(console):
    """[(status, bytes)] of the enclave's application."""
    text = console.split("guest: answers")[1].split("guest: end of answers")[0]
    data = base64.b64decode("".join(text.split()))
    found = []
    while len(data) >= 8:
        status, length = struct.unpack(">II", data[:8])
        found.append((status, data[8:8 + length]))
        data = data[8 + length:]
    return found


def after(console, word):
    """The rests of the lines that begin so."""
    return [line.split(word, 1)[1].strip() for line in console.splitlines() if word in line]


def test_enclaves_of_an_instance_and_what_its_root_may_try(host, disk):
    eif, _ = images.guest(host, "app")
    with open(eif, "rb") as file:
        image = file.read()
    ours = Instances(host)
    # A neighbour, which looks for the other's enclaves the whole time.
    ours.run(TWO, disk("""
while :; do for cid in 3 4 16 17; do attack reach $cid 5000; attack reach $cid 7000; done; nitro-cli describe-enclaves; sleep 5; done
""", "two"), enclaves=True, memory_mib=256, cpus=1)
    ours.run(ONE, disk(enclave_script(len(image)), "one", image), enclaves=True, memory_mib=1024, role_arn=ROLE, cpus=2)
    console = ours.said(ONE, ENDED, 280)

    # The command line, from inside.
    for step in ("run", "describe", "console", "shown", "after the flood", "terminate", "kept", "ended", "second run"):
        assert after(console, f"guest: {step}") == ["0"], (step, console[-6000:])
    assert after(console, "guest: too much") == ["27"] and "[ E27 ]" in console
    assert f'"EnclaveID": "{ONE}-enc' in console and '"EnclaveCID": 16' in console
    # Memory went from the instance to its enclave, and came back.
    whole, less, again = (int(word) for word in after(console, "guest: memory"))
    assert whole - less >= 250 and again == whole

    # Connections both ways, and to nobody else: 7101 has no listener, 16 is itself, 17 nobody, 0 knows no nitro-cli there.
    attested, served, heard, unheard, itself, nobody, control = answers_of(console)[:7]
    assert [served[0], heard[0]] == [0, 0]
    assert all(status != 0 for status, _ in (unheard, itself, nobody, control))
    assert after(console, "guest: echo") == ["hello-enclave"]

    # The document: this instance's, with its role.
    assert attested[0] == 0
    document = Document(attested[1], host.root_pem)
    pcrs = document.doc["pcrs"]
    assert document.doc["module_id"].startswith(f"{ONE}-enc")
    assert pcrs[3] == hashlib.sha384(bytes(48) + ROLE.encode()).digest()
    assert pcrs[4] == hashlib.sha384(bytes(48) + ONE.encode()).digest()
    host.verify(attested[1], "--allow-debug")

    # What its root tried.
    attacks = after(console, "attack: ")
    reached = [line for line in attacks if line.startswith(("reach", "plain"))]
    assert reached and all("Connection reset" in line or "No such device" in line for line in reached), reached
    assert sum("not a request of nitro-cli" in line for line in attacks) == 4, attacks
    assert sum("an instance may not ask that" in line for line in attacks) == 1, attacks
    stuffed = [line for line in attacks if line.startswith("stuff")]
    assert len(stuffed) == 3 and all("(0 bytes)" not in line for line in stuffed), stuffed
    assert sum("than what this parent may send" in line for line in stuffed) == 2, stuffed
    held = [int(line.split()[1]) for line in attacks if line.startswith("hold")]
    taken = [int(line.split()[1]) for line in attacks if line.startswith("flood")]
    assert held and held[0] <= 12 and taken and taken[0] < 300
    assert "control port" in host.read_log()

    # The neighbour saw nothing, and still runs; neither did this host's own nitro-cli.
    other = ours.said(TWO, "[]")
    assert "connected" not in other and ONE not in other
    assert ours.state(TWO) == RUNNING and host.describe() == []
    assert ours.describe(ONE)[0]["enclave_count"] == 1

    # Whoever runs the host sees which enclaves are whose.
    listed = {i["InstanceId"]: i["Enclaves"] for i in json.loads(host.run("bin/redoubt", "instances", "--json").stdout)}
    assert listed[TWO] == [] and len(listed[ONE]) == 1
    assert listed[ONE][0]["EnclaveID"].startswith(ONE + "-enc") and listed[ONE][0]["EnclaveName"] == "second"
    with pytest.raises(Refused) as unknown:
        ours.ask(DESCRIBE_ENCLAVES, {"instance_id": "i-00000000000000000"})
    assert unknown.value.code == NOTFOUND

    # Whoever kills the parent's vmm kills its enclaves; this host's daemon may be away.
    enclave = [pid for pid, name in descendants(host.daemon.pid).items() if name == "redoubt-vmm"]
    assert len(enclave) == 3
    host.end_daemon(signal.SIGKILL)
    os.kill(int(ours_pid(host, ONE)), signal.SIGKILL)
    host.start_daemon()
    assert "enclave_count" not in ours.reach(ONE, STOPPED)  # none
    assert os.listdir(host.path("run", "enclaves")) == []
    for instance in (ONE, TWO):
        ours.terminate(instance)
        ours.reach(instance, TERMINATED)
    nothing_is_left(host, ONE)


def ours_pid(host, instance):
    """The vmm's, as redoubtd noted it."""
    with open(host.path("run", "instances", instance, "vmm"), encoding="ascii") as file:
        return file.read().split()[0]


def test_refusals_leave_nothing_behind(make_host, disk):
    host = make_host(config={"memory_mib": 1024, "cpu_count": 4})
    ours = Instances(host)
    image = disk("")

    def refused(code, words, instance=ONE, path=image, **fields):
        with pytest.raises(Refused) as refusal:
            ours.run(instance, path, **fields)
        assert refusal.value.code == code and words in refusal.value.text, refusal.value

    refused(instances.CAPACITY, "MiB", memory_mib=2048)
    refused(instances.CAPACITY, "CPUs", cpus=5)
    refused(instances.INVALID, "instance_id", instance="i-../../etc/passwd")
    refused(instances.INVALID, "image_format", image_format="vmdk")
    refused(instances.INVALID, "mac", mac="52:54:00:12:,x=y")
    refused(instances.INVALID, "imds", imds="/run/dbus/system_bus_socket")
    refused(instances.INVALID, "private_ip", mac="52:54:00:12:34:56", private_ip="localhost")
    refused(instances.NOTFOUND, "no disk", fresh=False)
    refused(instances.IMAGE, "no qcow2", image_format="qcow2")
    refused(instances.IMAGE, "regular file", path="/dev/null")
    for kind in (instances.STOP, instances.REBOOT, instances.TERMINATE, instances.CONSOLE, instances.DESCRIBE):
        with pytest.raises(Refused) as unknown:
            ours.ask(kind, {"instance_id": ONE})
        assert unknown.value.code == instances.NOTFOUND
    with pytest.raises(Refused):
        ours.ask(instances.STOP, {"instance_id": ""})

    # An image that would have QEMU open another file.
    hostile = image + ".qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", hostile, "1G"], check=True)
    refused(instances.IMAGE, "backing file", path=hostile, image_format="qcow2")

    assert ours.describe() == []
    nothing_is_left(host, ONE)


def test_strict_mode_keeps_a_core(make_host, disk):
    host = make_host(config={"cpu_count": 8})
    ours = Instances(host)
    eif, _ = images.guest(host, "app")
    with open(eif, "rb") as file:
        image = file.read()
    ours.run(ONE, disk(f"""
dd if=/dev/vda2 of=/app.eif bs=64k skip=1 2>/dev/null; truncate -s {len(image)} /app.eif
nitro-cli run-enclave --eif-path /app.eif --cpu-count 1 --memory 256; echo "guest: half a core $?"
nitro-cli run-enclave --eif-path /app.eif --cpu-count 4 --memory 256; echo "guest: all cores $?"
nitro-cli run-enclave --eif-path /app.eif --cpu-count 2 --memory 256; echo "guest: a core $?"
sleep 1; reboot -f
""", "strict", image), enclaves=True, strict=True, memory_mib=1024, cpus=4)
    # A reboot ends the enclave: then there is a core again.
    console = ours.said(ONE, "guest: a core", count=2)
    assert after(console, "guest: half a core") == ["22", "22"]
    assert after(console, "guest: all cores") == ["22", "22"]
    assert after(console, "guest: a core") == ["0", "0"]
    ours.terminate(ONE)
    ours.reach(ONE, TERMINATED)
    nothing_is_left(host, ONE)


def test_strict_mode_has_four_enclaves(make_host, disk):
    host = make_host(config={"cpu_count": 12})
    ours = Instances(host)
    eif, _ = images.guest(host, "app")
    with open(eif, "rb") as file:
        image = file.read()
    ours.run(ONE, disk(f"""
dd if=/dev/vda2 of=/app.eif bs=64k skip=1 2>/dev/null; truncate -s {len(image)} /app.eif
for n in 1 2 3 4 5; do
  nitro-cli run-enclave --eif-path /app.eif --cpu-count 2 --memory 256 > /dev/null; echo "guest: enclave $n $?"
done
nitro-cli terminate-enclave --all > /dev/null
nitro-cli run-enclave --eif-path /app.eif --cpu-ids 1 2 --memory 256; echo "guest: two halves $?"
nitro-cli run-enclave --eif-path /app.eif --cpu-ids 0 6 --memory 256; echo "guest: the first core $?"
nitro-cli run-enclave --eif-path /app.eif --cpu-ids 1 7 --memory 256; echo "guest: a core $?"
""", "four", image), enclaves=True, strict=True, memory_mib=2048, cpus=12)
    console = ours.said(ONE, "guest: a core")
    assert after(console, "guest: enclave") == ["1 0", "2 0", "3 0", "4 0", "5 5"], console[-3000:]
    assert "there are 4 enclaves already" in console
    assert after(console, "guest: two halves") == ["21"] and "shares its core" in console
    assert after(console, "guest: the first core") == ["21"]
    assert after(console, "guest: a core") == ["0"]
    ours.terminate(ONE)
    ours.reach(ONE, TERMINATED)
    nothing_is_left(host, ONE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small file system")
def test_full_host_is_an_error_of_the_guests_disk(host, disk):
    ours = Instances(host)
    host.end_daemon()
    small = host.path("state", "instances")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", small], check=True)
    try:
        host.start_daemon()
        ours.run(ONE, disk("""
dd if=/dev/urandom of=/dev/vda2 bs=64k seek=100 count=800 conv=fsync 2>/dev/null; echo "guest: write $?"
""", "full"), memory_mib=256, cpus=1)
        console = ours.said(ONE, ENDED)
        assert after(console, "guest: write") == ["1"]
        assert ours.state(ONE) == RUNNING and "an error of its disk" in host.read_log()
        # Another one has no room at all, and says so.
        with open(os.path.join(small, "rest"), "wb") as file, pytest.raises(OSError):
            file.write(bytes(8 << 20))
        with pytest.raises(Refused) as refused:
            ours.run(TWO, disk("", "none"), memory_mib=256, cpus=1)
        assert refused.value.code == instances.STORAGE and "o space left" in refused.value.text
        assert ours.state(TWO) == TERMINATED
        ours.terminate(ONE)
        ours.reach(ONE, TERMINATED)
        assert os.listdir(small) == ["rest"]
    finally:
        subprocess.run(["umount", "-l", small], check=True)
