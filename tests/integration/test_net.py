# SPDX-License-Identifier: Apache-2.0
"""The network of a parent instance without one: redoubt-net with a guest made of frames, and where root may make a tap
device, with this kernel as the guest."""

import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from net_guest import (ACK, GATEWAY, IMDS, INSIDE, IP, MAC, PSH, RESOLVER, SYN, Net, Refused, Silence, ether, ipv4, tcp,
                       udp)

# Where silence is what is expected: far more than an answer takes, and not too long to wait.
QUIET_S = 1.5


def own_address():
    """An address of this host that is not its loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = sock.getsockname()[0]
    return None if address.startswith("127.") else address


OWN = own_address()
needs_address = pytest.mark.skipif(OWN is None, reason="this host has no address but its loopback's")


class Server:
    """Answers each connection with the same bytes, and closes it."""

    def __init__(self, address, answer=b"hello", family=socket.AF_INET):
        self.answer, self.seen = answer, []
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.listener.listen(16)
        self.where = self.listener.getsockname()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                self.seen.append(sock.recv(65536))
                sock.sendall(self.answer)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture
def directory():
    path = tempfile.mkdtemp(prefix="rdn-", dir="/tmp")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def imds(directory):
    path = f"{directory}/i-1/imds.sock"
    os.mkdir(os.path.dirname(path))
    with Server(path, b"HTTP/1.0 200 OK\r\n\r\nami-1", socket.AF_UNIX) as server:
        server.path = path
        yield server


@pytest.fixture
def net(imds):
    with Net(f"imds {imds.path}") as one:
        yield one


# --- what a guest has ---


def test_gives_its_address_by_dhcp(net):
    assert net.dhcp() == {"address": IP, "mask": "255.255.240.0", "gateway": GATEWAY, "resolver": RESOLVER,
                          "hostname": "ip-172-31-16-5"}


def test_the_gateway_answers_arp_and_so_does_the_metadata_service(net):
    gateway = net.resolve(GATEWAY)
    assert gateway and net.resolve(IMDS) == gateway


@needs_address
def test_connects_to_the_world(net):
    with Server((OWN, 0)) as server:
        assert net.connect(OWN, server.where[1]).ask("who is there") == b"hello"
        assert server.seen == [b"who is there"]


@needs_address
def test_sends_and_receives_datagrams(net):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((OWN, 0))
        server.settimeout(20)
        net.emit(udp(OWN, server.getsockname()[1], 5353, b"ping"), OWN, 17)
        data, peer = server.recvfrom(100)
        assert data == b"ping"
        server.sendto(b"pong", peer)
        assert net.packet(lambda p: p.proto == 17 and p.target_port == 5353).data == b"pong"


@needs_address
def test_a_large_answer_arrives_whole(net):
    answer = os.urandom(300000)
    with Server((OWN, 0), answer) as server:
        assert net.connect(OWN, server.where[1]).ask("x") == answer


@needs_address
def test_a_closed_port_is_refused(net):
    with socket.socket() as closed:
        closed.bind((OWN, 0))
        with pytest.raises(Refused):
            net.connect(OWN, closed.getsockname()[1])


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def serve_one(net, port=22, answer=b"SSH-2.0"):
    """The guest's side of one connection to its port."""
    syn = net.packet(lambda p: p.proto == 6 and p.target_port == port and p.flags & SYN)
    assert syn, "nobody has connected"
    assert syn.target == IP
    me, peer, seq, ack = port, syn.source, 1000, syn.seq + 1
    net.emit(tcp(peer, syn.source_port, me, seq, ack, SYN | ACK), peer, 6)
    net.emit(tcp(peer, syn.source_port, me, seq + 1, ack, PSH | ACK, answer), peer, 6)
    return peer


def test_forwards_ports_of_the_host(net):
    port = free_port()
    assert net.say(f"forward tcp 127.0.0.1:{port} 22") == "ok\n"
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        assert serve_one(net) == GATEWAY
        assert client.recv(100) == b"SSH-2.0"
    assert net.say(f"unforward tcp 127.0.0.1:{port}") == "ok\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 20)


def test_forwards_that_are_there_from_the_start():
    port = free_port()
    with Net(f"forward tcp 127.0.0.1:{port} 8080") as net:
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            serve_one(net, 8080, b"web")
            assert client.recv(100) == b"web"


@needs_address
def test_forwards_datagrams(net):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((OWN, 0))
        port = probe.getsockname()[1]
    assert net.say(f"forward udp {OWN}:{port} 53") == "ok\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(b"ask", (OWN, port))
        asked = net.packet(lambda p: p.proto == 17 and p.target_port == 53)
        assert asked.data == b"ask" and asked.source == OWN
        net.emit(udp(asked.source, asked.source_port, 53, b"answer"), asked.source, 17)
        assert client.recv(100) == b"answer"


# --- the metadata service ---


def test_the_metadata_service_is_reached(net, imds):
    connection = net.connect(IMDS, 80)
    assert connection.ask("GET /latest/meta-data/ami-id HTTP/1.0\r\n\r\n") == imds.answer
    assert imds.seen == [b"GET /latest/meta-data/ami-id HTTP/1.0\r\n\r\n"]
    assert net.connect(IMDS, 80).ask("GET / HTTP/1.0\r\n\r\n") == imds.answer


def test_each_instance_has_its_own(directory, imds):
    other = f"{directory}/i-2/imds.sock"
    os.mkdir(os.path.dirname(other))
    with Server(other, b"the other", socket.AF_UNIX) as second, Net(f"imds {other}") as net:
        assert net.connect(IMDS, 80).ask("GET /") == b"the other"
        assert imds.seen == [] and len(second.seen) == 1


def test_a_metadata_service_that_restarts_is_found_again(net, imds):
    assert net.connect(IMDS, 80).ask("GET /") == imds.answer
    imds.close()
    os.unlink(imds.path)
    with pytest.raises((Refused, Silence)):
        connection = net.connect(IMDS, 80, seconds=5)
        assert connection.ask("GET /", 5) == b""
        raise Refused
    with Server(imds.path, b"again", socket.AF_UNIX) as server:
        assert net.connect(IMDS, 80).ask("GET /") == b"again"
        imds.listener, imds.thread = socket.create_server(("127.0.0.1", 0)), threading.Thread()
        imds.thread.start()
        assert server.seen


def test_only_its_port_and_protocol_are_there(net, imds):
    for port in (443, 22, 8080):
        with pytest.raises(Silence):
            net.connect(IMDS, port, seconds=QUIET_S)
    net.emit(udp(IMDS, 80, 999, b"x"), IMDS, 17)
    net.emit(tcp(IMDS, 80, 999, 1, 0, SYN), IMDS, 6, fragment=0x2000)
    net.emit(tcp(IMDS, 80, 999, 1, 0, SYN, bad=True), IMDS, 6)
    assert net.packet(seconds=QUIET_S) is None
    # And where it really is, nobody answers.
    with pytest.raises(Silence):
        net.connect(INSIDE, 80, seconds=QUIET_S)
    assert imds.seen == []


def test_answers_to_put_go_no_further_than_the_hop_limit(net, imds):
    put, get = "PUT /latest/api/token HTTP/1.0\r\n\r\n", "GET /latest/ HTTP/1.0\r\n\r\n"

    def ttls(text):
        connection = net.connect(IMDS, 80)
        assert connection.ask(text) == imds.answer
        return connection.syn_ttl, set(connection.ttls)

    usual, (without,) = ttls(put)
    assert without == usual > 2
    assert net.say("hops 1") == "ok\n"
    assert ttls(put) == (usual, {1})
    assert ttls(get) == (usual, {usual})
    assert ttls("patch") == (usual, {1})
    assert net.say("hops 2") == "ok\n"
    assert ttls(put) == (usual, {2})


def test_the_hop_limit_cannot_be_talked_away(net, imds):
    assert net.say("hops 1") == "ok\n"

    def ttls(play):
        connection = net.connect(IMDS, 80)
        play(connection)
        assert connection.read() == imds.answer
        return set(connection.ttls)

    def bad_checksum(c):
        c.emit(PSH | ACK, b"G", bad=True)
        c.send(b"PUT /latest/api/token HTTP/1.0\r\n\r\n")

    def again_otherwise(c):
        first = c.seq
        c.send(b"PUT /latest/api/token HTTP/1.0\r\n\r\n")
        c.emit(PSH | ACK, b"GET", seq=first)

    def ahead(c):
        c.emit(PSH | ACK, b"GET", seq=c.seq + 100)
        c.send(b"PUT /latest/api/token HTTP/1.0\r\n\r\n")

    def another_syn(c):
        c.send(b"PUT /latest/api/token HTTP/1.0\r\n\r\n")
        c.emit(SYN, seq=c.seq + (1 << 30))
        c.emit(PSH | ACK, b"G", seq=c.seq + (1 << 30) + 1)

    for play in (bad_checksum, again_otherwise, ahead, another_syn):
        assert ttls(play) == {1}, play


def test_without_a_metadata_service_there_is_none():
    with Net() as net:
        with pytest.raises((Refused, Silence)):
            net.connect(IMDS, 80, seconds=QUIET_S)


# --- what a guest does not get ---


def test_the_hosts_loopback_is_closed(net):
    with Server(("127.0.0.1", 0)) as server, Server(("0.0.0.0", 0)) as wide:
        for target in ("127.0.0.1", "127.8.8.8", "0.0.0.0", GATEWAY, RESOLVER):
            for port in (server.where[1], wide.where[1]):
                with pytest.raises((Refused, Silence)):
                    net.connect(target, port, seconds=QUIET_S)
        assert server.seen == [] and wide.seen == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("0.0.0.0", 0))
        listener.settimeout(QUIET_S)
        for target in ("127.0.0.1", GATEWAY, RESOLVER, "0.0.0.0", IP):
            net.emit(udp(target, listener.getsockname()[1], 777, b"x"), target, 17)
        with pytest.raises(TimeoutError):
            listener.recv(10)


def test_another_instances_forwards_are_not_reached(net):
    port = free_port()
    with Net(f"forward tcp 127.0.0.1:{port} 22") as other:
        for target in (GATEWAY, "127.0.0.1", RESOLVER):
            with pytest.raises((Refused, Silence)):
                net.connect(target, port, seconds=QUIET_S)
        assert other.packet(seconds=QUIET_S) is None


@pytest.mark.parametrize("target", ["169.254.169.253", "169.254.1.1", "169.254.170.2", "224.0.0.251", "240.0.0.1",
                                    "255.255.255.255", "172.31.16.9", "172.31.31.255", "172.31.16.0", IP])
def test_addresses_that_lead_nowhere(net, target):
    net.emit(tcp(target, 80, 4000, 1, 0, SYN), target, 6)
    net.emit(udp(target, 53, 4000, b"x"), target, 17)
    assert net.packet(seconds=QUIET_S) is None


@needs_address
def test_frames_of_others_are_dropped(net):
    with Server((OWN, 0)) as server:
        port = server.where[1]
        net.emit(tcp(OWN, port, 4000, 1, 0, SYN, source="172.31.16.6"), OWN, 6, source="172.31.16.6")
        net.emit(tcp(OWN, port, 4000, 1, 0, SYN, source="10.1.1.1"), OWN, 6, source="10.1.1.1")
        net.send(ether(ipv4(tcp(OWN, port, 4000, 1, 0, SYN), OWN, 6), source="52:54:00:00:00:01"))
        net.send(net.arp(1, GATEWAY, sender="172.31.16.9"))
        net.send(net.arp(1, GATEWAY, sender_mac="52:54:00:00:00:01"))
        net.send(net.arp(1, "10.9.9.9"))
        net.send(ether(b"\x60" + b"\0" * 60, 0x86dd))  # IPv6
        net.send(ether(ipv4(b"x" * 20, OWN, 47)))      # GRE
        assert net.packet(seconds=QUIET_S) is None
        assert net.connect(OWN, port).ask("x") == b"hello"


def test_restricted_guests_have_their_own_services_alone(imds):
    port = free_port()
    with Net("restrict", f"imds {imds.path}", f"forward tcp 127.0.0.1:{port} 22") as net:
        assert net.dhcp()["address"] == IP
        assert net.connect(IMDS, 80).ask("GET /") == imds.answer
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            serve_one(net)
            assert client.recv(100) == b"SSH-2.0"
        if OWN:
            with Server((OWN, 0)) as server, pytest.raises((Refused, Silence)):
                net.connect(OWN, server.where[1], seconds=QUIET_S)


def test_garbage_and_floods_harm_nobody_else(net):
    rng = random.Random(7)
    good = ether(ipv4(tcp(IMDS, 80, 4000, 1, 0, SYN), IMDS, 6))
    for size in (1, 13, 14, 33, 34, 53, 1514, 1515, 9000, 65535, 69618):
        net.send(rng.randbytes(size))
        net.send(good[:14] + rng.randbytes(size))
    for _ in range(3000):
        frame = bytearray(good + rng.randbytes(rng.randrange(40)))
        for _ in range(rng.randrange(1, 4)):
            frame[rng.randrange(12, len(frame))] = rng.randrange(256)
        net.send(bytes(frame[:rng.randrange(1, len(frame) + 1)]))
    assert net.dhcp()["address"] == IP


def test_a_guest_that_does_not_read_is_not_waited_for(net):
    for number in range(20000):
        net.send(net.arp(1, GATEWAY))
    assert net.say("hops 3") == "ok\n"
    deadline = time.monotonic() + 30
    while net.receive(2) is not None and time.monotonic() < deadline:
        pass
    assert net.resolve(GATEWAY)


@pytest.mark.parametrize("length", [0, 69633, 0xffffffff])
def test_a_length_that_qemu_never_sends_ends_it(net, length):
    net.card.sendall(struct.pack(">I", length) + b"x" * 100)
    assert net.process.wait(20) == 1


def test_ends_with_qemu_and_with_the_vmm():
    for closed in ("card", "control"):
        net = Net()
        getattr(net, closed).close()
        assert net.process.wait(20) == 0
        net.close()


# --- the control socket ---


@pytest.mark.parametrize("line", [
    "mac 52:54:00:12:34", "mac 52:54:00:12:34:5g", "mac 53:54:00:12:34:56", "mac 52-54-00-12-34-56",
    "ip 172.31.16.5", "ip 172.31.16.5/20", "ip 172.31.16.5/29 gateway 172.31.16.1", "ip 172.31.16.5/20 gateway 10.0.0.1",
    "ip 172.31.16.2/20 gateway 172.31.16.1", "ip 172.31.16.3/20 gateway 172.31.16.1",
    "ip 172.31.16.1/20 gateway 172.31.16.1", "ip 172.31.16.5/20 gateway 172.31.31.255", "ip x/20 gateway 172.31.16.1",
    "hostname a_b", "hostname " + "a" * 64, "imds relative", "imds /a/../b", "imds /" + "x" * 108, "hops 0", "hops 65",
    "hops", "user 0", "user -1", "user root", "restrict it", "forward tcp 127.0.0.1 22", "forward tcp 127.0.0.1:0 22",
    "forward tcp 127.0.0.1:65536 22", "forward tcp localhost:1 22", "forward sctp 127.0.0.1:1 22", "forward udp 127.0.0.1:1 22", "forward tcp :1 22",
    "forward tcp 127.0.0.1:1", "unforward tcp 127.0.0.1:1", "start", "stop", "mac  52:54:00:12:34:56", " start", "x" * 1281,
])
def test_bad_lines_are_refused_and_change_nothing(line):
    net = Net(start=False)
    answer = net.say(line)
    assert answer.startswith("error ") and answer.endswith("\n") and answer.count("\n") == 1, answer
    assert net.say(f"mac {MAC}", f"ip {IP}/20 gateway {GATEWAY}", "start") == "ok\n"
    assert net.dhcp()["address"] == IP
    net.close()


def test_after_the_start_only_forwards_and_hops_change(net):
    for line in ("mac 52:54:00:00:00:01", "start", "restrict", "imds /x/y", "user 7"):
        assert net.say(line).startswith("error it has started"), line
    port = free_port()
    assert net.say(f"forward tcp 127.0.0.1:{port} 22") == "ok\n"
    assert net.say(f"forward tcp 127.0.0.1:{port} 23") == f"error port {port} is forwarded already\n"
    with Server(("127.0.0.1", 0)) as server:
        taken = server.where[1]
        assert net.say(f"forward tcp 127.0.0.1:{taken} 22").startswith(
            f"error cannot listen on 127.0.0.1 port {taken}: Address already in use")
        assert net.say(f"unforward tcp 127.0.0.1:{taken}") == f"error port {taken} is not forwarded\n"
    for number in range(63):
        assert net.say(f"forward tcp 127.0.0.1:{free_port()} {1000 + number}") == "ok\n"
    assert net.say(f"forward tcp 127.0.0.1:{free_port()} 1") == "error more than 64 forwards\n"


def test_a_port_that_is_taken_at_the_start_ends_it():
    with Server(("127.0.0.1", 0)) as server:
        net = Net(start=False)
        answer = net.say(f"mac {MAC}", f"ip {IP}/20 gateway {GATEWAY}", f"forward tcp 127.0.0.1:{server.where[1]} 22",
                         "start")
        assert answer.startswith("error cannot listen on 127.0.0.1"), answer
        assert net.process.wait(20) == 1
        net.close()


# --- the sandbox ---


@pytest.mark.skipif(os.geteuid() != 0, reason="whether it is nobody: needs root")
def test_has_nothing_left_to_lose(directory, imds):
    os.chmod(directory, 0o755)
    os.chmod(imds.path, 0o777)
    os.symlink("i-1/imds.sock", f"{directory}/i-1.sock")
    with Net(f"imds {directory}/i-1.sock", "user 1879048200") as net:
        pid = net.process.pid
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines())
        assert status["Uid"].split() == ["1879048200"] * 4 and status["Gid"].split() == ["1879048200"] * 4
        assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        top = os.listdir(f"/proc/{pid}/root")
        assert set(top) <= {"tmp", "etc"}, top
        assert os.listdir(f"/proc/{pid}/root{directory}") == ["i-1"]
        assert net.connect(IMDS, 80).ask("GET /") == imds.answer


@pytest.mark.parametrize("target", ["{}/other/imds.sock", "../other/imds.sock", "other/../../imds.sock", "imds.sock", "./i-1",
                                    "a/b/imds.sock"])
def test_a_link_to_somewhere_else_is_not_followed(directory, target):
    os.makedirs(f"{directory}/other", exist_ok=True)
    link = f"{directory}/i-2.sock"
    os.symlink(target.format(directory), link)
    net = Net(start=False)
    assert net.say(f"mac {MAC}", f"ip {IP}/20 gateway {GATEWAY}", f"imds {link}", "start") == \
        f"error {link} is a link to somewhere else\n"
    assert net.process.wait(20) == 1
    net.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="the private root: needs root")
def test_a_directory_that_became_a_link_shows_nothing(directory):
    other = f"{directory}/elsewhere"
    os.makedirs(other, exist_ok=True)
    os.symlink("elsewhere", f"{directory}/i-3.d")
    os.symlink("i-3.d/imds.sock", f"{directory}/i-3.sock")
    net = Net(start=False)
    answer = net.say(f"mac {MAC}", f"ip {IP}/20 gateway {GATEWAY}", f"imds {directory}/i-3.sock", "start")
    assert answer.startswith(f"error private root: symlink {directory}/i-3.d"), answer
    assert net.process.wait(20) == 1
    net.close()


# --- this kernel as the guest ---


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("ip"),
                    reason="a tap device: needs root, /dev/net/tun and ip")
@needs_address
def test_with_a_real_kernel(net, imds):
    with Server((OWN, 0), b"the world\n") as server, Server(("127.0.0.1", 0), b"inside") as inside:
        guest = subprocess.run([sys.executable, os.path.join(os.path.dirname(__file__), "net_tap.py"), MAC, IP, GATEWAY,
                                f"{OWN}:{server.where[1]}", f"{GATEWAY}:{inside.where[1]}"],
                               stdin=net.card, capture_output=True, text=True, timeout=120, check=False)
        if guest.returncode == 77:
            pytest.skip(guest.stdout.strip())
        assert guest.returncode == 0, guest.stdout + guest.stderr
        assert guest.stdout.splitlines() == ["the world", "ami-1", "closed"]
        assert inside.seen == []



ROM = "/usr/lib/ipxe/qemu/pxe-virtio.rom"


@pytest.mark.skipif(not shutil.which("qemu-system-x86_64") or not os.path.exists(ROM),
                    reason="QEMU and its boot ROM: needs qemu-system-x86 and ipxe-qemu")
def test_qemus_boot_rom_gets_its_address(net):
    """What comes from QEMU's card goes to redoubt-net unchanged, and back: frames are QEMU's own."""
    ours, card = socket.socketpair()
    qemu = subprocess.Popen(
        ["qemu-system-x86_64", "-nodefaults", "-vga", "std", "-display", "none", "-no-reboot", "-m", "128", "-boot", "n",
         "-accel", "tcg",
         "-netdev", f"stream,id=n,server=off,addr.type=fd,addr.str={card.fileno()}",
         "-device", f"virtio-net-pci,netdev=n,mac={MAC},bootindex=1"],
        pass_fds=[card.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    card.close()
    try:
        sent, asked = b"", False
        ours.settimeout(1)
        end = time.monotonic() + 90
        while not asked and time.monotonic() < end:
            assert qemu.poll() is None, qemu.stderr.read()
            try:
                piece = ours.recv(65536)
                net.card.sendall(piece)
                sent += piece
            except TimeoutError:
                pass
            net.card.settimeout(0.2)
            try:
                ours.sendall(net.card.recv(65536))
            except TimeoutError:
                pass
            # DHCPREQUEST for the address that it was offered.
            asked = b"\x35\x01\x03" in sent and socket.inet_aton(IP) in sent
        assert asked, sent.hex()
    finally:
        qemu.kill()
        qemu.wait(20)
        qemu.stderr.close()
        ours.close()
