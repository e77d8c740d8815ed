# SPDX-License-Identifier: Apache-2.0
"""A guest that is this kernel: a tap device in a network namespace of its own, its frames passed on to redoubt-net on
standard input. Prints what it got from the world, from the metadata service, and whether the host's loopback is closed.

    net_tap.py MAC ADDRESS GATEWAY WORLD:PORT LOOPBACK:PORT
"""
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading

CLONE_NEWNET, TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x40000000, 0x400454ca, 2, 0x1000


def skip(why):
    print(why)
    sys.exit(77)


def make_tap(mac, address, gateway):
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        skip("no network namespace of its own")
    try:
        tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI))
    except OSError as error:
        skip(f"no tap device: {error}")
    for command in (f"link set eth0 address {mac}", f"address add {address}/20 dev eth0", "link set eth0 up",
                    f"route add default via {gateway}"):
        subprocess.run(["ip", *command.split()], check=True, timeout=20)
    return tap


def to_net(tap, card):
    while True:
        frame = os.read(tap, 65536)
        card.sendall(struct.pack(">I", len(frame)) + frame)


def to_guest(tap, card):
    with card.makefile("rb") as stream:
        while head := stream.read(4):
            os.write(tap, stream.read(struct.unpack(">I", head)[0]))


def ask(where, text):
    host, port = where.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 20) as sock:
        sock.sendall(text.encode())
        got = b""
        while piece := sock.recv(65536):
            got += piece
    return got.decode()


def main():
    mac, address, gateway, world, loopback = sys.argv[1:]
    card = socket.socket(fileno=0)
    card.settimeout(None)
    tap = make_tap(mac, address, gateway)
    for work in (to_net, to_guest):
        threading.Thread(target=work, args=(tap, card), daemon=True).start()
    print(ask(world, "hello").strip())
    print(ask("169.254.169.254:80", "GET / HTTP/1.0\r\n\r\n").split("\r\n\r\n")[1])
    try:
        with socket.create_connection(tuple([loopback.split(":")[0], int(loopback.split(":")[1])]), 3):
            print("open")
    except OSError:
        print("closed")
    sys.stdout.flush()
    os._exit(0)


main()
