# SPDX-License-Identifier: Apache-2.0
"""A redoubt-net of the test's own, and a guest that speaks Ethernet, ARP, DHCP, UDP, ICMP and TCP by itself: frames as QEMU
passes them on, over a socket pair. Any of it may be wrong, as a hostile guest's would be.
"""
import os
import random
import socket
import struct
import subprocess
import time

REDOUBT_NET = os.environ["REDOUBT_NET"]
MAC, IP, GATEWAY, RESOLVER, INSIDE = "52:54:00:12:34:56", "172.31.16.5", "172.31.16.1", "172.31.16.2", "172.31.16.3"
IMDS = "169.254.169.254"
ANSWER_S = 20
SYN, RST, PSH, ACK, FIN = 2, 4, 8, 16, 1
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ether(payload, kind=0x0800, source=MAC, target=None):
    return mac_bytes(target or BROADCAST) + mac_bytes(source) + struct.pack(">H", kind) + payload


def ipv4(payload, target, proto, source=IP, ttl=64, fragment=0, ident=0):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, ttl, proto, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def with_checksum(segment, at, source, target, proto):
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack(">BBH", 0, proto, len(segment))
    return segment[:at] + struct.pack(">H", checksum(pseudo + segment)) + segment[at + 2:]


def tcp(target, port, source_port, seq, ack, flags, data=b"", source=IP, bad=False):
    options = struct.pack(">BBH", 2, 4, 1460) if flags & SYN else b""
    segment = struct.pack(">HHIIBBHHH", source_port, port, seq & 0xffffffff, ack & 0xffffffff,
                          (20 + len(options)) // 4 << 4, flags, 65000, 0, 0) + options + data
    segment = with_checksum(segment, 16, source, target, 6)
    return segment[:16] + bytes([segment[16] ^ 1]) + segment[17:] if bad else segment


def udp(target, port, source_port, data, source=IP):
    return with_checksum(struct.pack(">HHHH", source_port, port, 8 + len(data), 0) + data, 6, source, target, 17)


class Packet:
    """An IPv4 packet from the network, its checksums verified."""

    def __init__(self, data):
        (self.length, self.ttl, self.proto) = struct.unpack(">2xH4xBB", data[:10])
        self.source, self.target = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
        assert data[0] == 0x45 and checksum(data[:20]) == 0, data[:20].hex()
        self.payload = data[20:self.length]
        if self.proto in (6, 17):
            pseudo = data[12:20] + struct.pack(">BBH", 0, self.proto, len(self.payload))
            assert self.proto == 17 and self.payload[6:8] == b"\0\0" or checksum(pseudo + self.payload) == 0
            self.source_port, self.target_port = struct.unpack(">HH", self.payload[:4])
        if self.proto == 6:
            self.seq, self.ack, offset, self.flags = struct.unpack(">IIBB", self.payload[4:14])
            self.data = self.payload[(offset >> 4) * 4:]
        elif self.proto == 17:
            self.data = self.payload[8:]


class Net:
    """redoubt-net, its control socket, and the guest's card."""

    def __init__(self, *lines, start=True, mac=MAC):
        ours, qemu = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def place():
            one, two = os.dup2(qemu.fileno(), 50), os.dup2(theirs.fileno(), 51)
            os.dup2(one, 3)
            os.dup2(two, 4)

        # Leaks are searched for in /proc, which the sandbox has none of.
        self.process = subprocess.Popen([REDOUBT_NET, "i-1"], preexec_fn=place, close_fds=False, stderr=subprocess.PIPE,
                                        env={**os.environ, "RUST_LOG": "info", "ASAN_OPTIONS": "detect_leaks=0"})
        qemu.close()
        theirs.close()
        self.card, self.control, self.buffer, self.gateway_mac, self.ident = ours, control, b"", None, 0
        self.card.settimeout(ANSWER_S)
        self.control.settimeout(60)
        if start:
            assert self.say(f"mac {mac}", f"ip {IP}/20 gateway {GATEWAY}", "hostname ip-172-31-16-5", *lines,
                            "start") == "ok\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for sock in (self.card, self.control):
            sock.close()
        self.process.wait(60)
        self.log = self.process.stderr.read().decode(errors="replace")
        self.process.stderr.close()
        assert "Sanitizer" not in self.log and "runtime error" not in self.log, self.log

    def say(self, *lines):
        self.control.send("".join(f"{line}\n" for line in lines).encode())
        return self.control.recv(4096).decode()

    # frames

    def send(self, frame):
        self.card.sendall(struct.pack(">I", len(frame)) + frame)

    def receive(self, seconds=ANSWER_S):
        """The next frame, or None when none comes in time."""
        end = time.monotonic() + seconds
        while True:
            if len(self.buffer) >= 4:
                size = struct.unpack(">I", self.buffer[:4])[0]
                if len(self.buffer) >= 4 + size:
                    frame, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
                    return frame
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.card.settimeout(left)
            try:
                piece = self.card.recv(65536)
            except TimeoutError:
                return None
            if not piece:
                raise ConnectionError("redoubt-net has closed the card")
            self.buffer += piece

    def packet(self, wanted=lambda p: True, seconds=ANSWER_S):
        """The next IPv4 packet that is wanted; answers ARP, and passes everything else over."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            frame = self.receive(left)
            if frame is None:
                return None
            kind = struct.unpack(">H", frame[12:14])[0]
            if kind == 0x0806 and frame[20:22] == b"\0\1" and frame[38:42] == socket.inet_aton(IP):
                self.send(self.arp(2, socket.inet_ntoa(frame[28:32]), frame[22:28].hex(":")))
            if kind == 0x0800:
                packet = Packet(frame[14:])
                if wanted(packet):
                    return packet
        return None

    @staticmethod
    def arp(operation, target, target_mac="00:00:00:00:00:00", sender=IP, sender_mac=MAC, source=MAC):
        return ether(struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, mac_bytes(sender_mac),
                                 socket.inet_aton(sender), mac_bytes(target_mac), socket.inet_aton(target)),
                     0x0806, source)

    def resolve(self, target, seconds=ANSWER_S):
        """The MAC address behind an IPv4 address, or None."""
        self.send(self.arp(1, target))
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            frame = self.receive(left)
            if frame and frame[12:14] == b"\x08\x06" and frame[28:32] == socket.inet_aton(target):
                assert frame[20:22] == b"\0\2" and frame[:6] == mac_bytes(MAC) and len(frame) >= 42
                return frame[22:28].hex(":")
        return None

    def emit(self, payload, target, proto, **how):
        self.ident += 1
        self.send(ether(ipv4(payload, target, proto, ident=self.ident, **how)))

    # protocols

    def dhcp(self):
        """Address, gateway, resolver, hostname of an offer; None without one."""
        xid = random.randbytes(4)
        message = (b"\1\1\6\0" + xid + b"\0" * 20 + mac_bytes(MAC) + b"\0" * 10 + b"\0" * 192 + b"\x63\x82\x53\x63" +
                   b"\x35\1\1" + b"\xff")
        self.emit(udp("255.255.255.255", 67, 68, message, source="0.0.0.0"), "255.255.255.255", 17, source="0.0.0.0")
        packet = self.packet(lambda p: p.proto == 17 and p.target_port == 68 and p.data[4:8] == xid, 10)
        if packet is None:
            return None
        options, at = {}, 240
        while packet.data[at] != 0xff:
            size = packet.data[at + 1]
            options[packet.data[at]] = packet.data[at + 2:at + 2 + size]
            at += 2 + size
        return {"address": socket.inet_ntoa(packet.data[16:20]), "mask": socket.inet_ntoa(options[1]),
                "gateway": socket.inet_ntoa(options[3]), "resolver": socket.inet_ntoa(options[6]),
                "hostname": options.get(12, b"").decode()}

    def connect(self, target, port, **how):
        return Tcp(self, target, port, **how)


class Refused(Exception):
    pass


class Silence(Exception):
    pass


class Tcp:
    """A connection of the guest's: what is sent is in order, and arrives; what comes is taken in order."""

    def __init__(self, net, target, port, source_port=None, seconds=ANSWER_S):
        self.net, self.target, self.port = net, target, port
        self.source_port = source_port or random.randrange(20000, 60000)
        self.seq, self.ack, self.ended, self.ttls = random.randrange(1 << 31), 0, False, []
        self.emit(SYN)
        answer = self.next(seconds)
        if answer is None:
            raise Silence(f"{target}:{port}")
        if answer.flags & RST:
            raise Refused(f"{target}:{port}")
        assert answer.flags & (SYN | ACK) == SYN | ACK and answer.ack == self.seq + 1
        self.syn_ttl = answer.ttl
        self.seq, self.ack = self.seq + 1, answer.seq + 1
        self.emit(ACK)

    def emit(self, flags, data=b"", **how):
        self.net.emit(tcp(self.target, self.port, self.source_port, how.pop("seq", self.seq), self.ack, flags, data, **how),
                      self.target, 6)

    def next(self, seconds=ANSWER_S):
        return self.net.packet(lambda p: p.proto == 6 and p.target_port == self.source_port and p.source == self.target,
                               seconds)

    def send(self, data):
        self.emit(PSH | ACK, data)
        self.seq += len(data)

    def read(self, seconds=ANSWER_S):
        """All that comes until the other side ends it."""
        got = b""
        while not self.ended:
            packet = self.next(seconds)
            if packet is None:
                break
            if packet.flags & RST:
                self.ended = True
                break
            if packet.seq != self.ack & 0xffffffff:
                self.emit(ACK)
                continue
            got += packet.data
            self.ack += len(packet.data)
            if packet.data:
                self.ttls.append(packet.ttl)
            if packet.flags & FIN:
                self.ack += 1
                self.ended = True
            if packet.data or self.ended:
                self.emit(ACK)
        return got

    def ask(self, text, seconds=ANSWER_S):
        self.send(text if isinstance(text, bytes) else text.encode())
        return self.read(seconds)
