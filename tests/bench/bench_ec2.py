#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""redoubt-ec2: calls a second, and DescribeInstances with a thousand instances on record.

Requests are signed beforehand and sent over kept connections; behind each are the service door of a real redoubt-kms, twice,
and the database. The baseline of a description is reading the same rows with SQLite's own library.
"""

import os
import socket
import sqlite3
import statistics
import sys
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("REDOUBT_BUILD", os.path.join(ROOT, "build"))
os.environ.setdefault("REDOUBT_KMS", os.path.join(BUILD, "src", "kms", "redoubt-kms"))
os.environ.setdefault("REDOUBT_EC2", os.path.join(BUILD, "src", "ec2", "redoubt-ec2"))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from botocore.auth import SigV4Auth  # noqa: E402  pylint: disable=wrong-import-position
from botocore.awsrequest import AWSRequest  # noqa: E402  pylint: disable=wrong-import-position
from botocore.credentials import Credentials as Signing  # noqa: E402  pylint: disable=wrong-import-position
from ec2_host import Ec2, Kms  # noqa: E402  pylint: disable=wrong-import-position

RUNS, SECONDS, CONNECTIONS, INSTANCES = 3, 2.0, 8, 1000


def signed(ec2, query):
    body = f"Version=2016-11-15&Action={query}".encode()
    host = f"127.0.0.1:{ec2.port}"
    request = AWSRequest(method="POST", url=f"http://{host}/", data=body,
                         headers={"Content-Type": "application/x-www-form-urlencoded", "Host": host})
    SigV4Auth(Signing(ec2.admin.akid, ec2.admin.secret), "ec2", "us-east-1").add_auth(request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST / HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def ask(sock, request):
    """The length of an answer, which must be a good one."""
    sock.sendall(request)
    data = sock.recv(1 << 20)
    while b"\r\n\r\n" not in data:
        data += sock.recv(1 << 20)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), data[:1000]
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    have = len(body)
    while have < length:
        have += len(sock.recv(1 << 20))
    return length


def rate(ec2, query):
    """Answers a second over all connections."""
    request, counts, end = signed(ec2, query), [0] * CONNECTIONS, time.monotonic() + SECONDS

    def loop(number):
        with socket.create_connection(("127.0.0.1", ec2.port)) as sock:
            while time.monotonic() < end:
                ask(sock, request)
                counts[number] += 1

    threads = [threading.Thread(target=loop, args=(n,)) for n in range(CONNECTIONS)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - start)


def milliseconds(ec2, query):
    with socket.create_connection(("127.0.0.1", ec2.port)) as sock:
        request, taken = signed(ec2, query), []
        for _ in range(10):
            start = time.monotonic()
            ask(sock, request)
            taken.append((time.monotonic() - start) * 1000)
    return statistics.median(taken)


def read_rows(kms):
    """Milliseconds for all rows of instances, as the server reads them."""
    with sqlite3.connect(f"file:{kms.path('state', 'ec2', 'ec2.db')}?mode=ro", uri=True) as db:
        taken = []
        for _ in range(10):
            start = time.monotonic()
            rows = db.execute("SELECT id, account, parent, name, document FROM resource WHERE kind = 1").fetchall()
            taken.append((time.monotonic() - start) * 1000)
    assert len(rows) == INSTANCES, len(rows)
    return statistics.median(taken)


def main():
    with tempfile.TemporaryDirectory():
        kms = Kms()
        ec2 = Ec2(kms, "max_instances: 2000\n")
        try:
            client = ec2.client()
            image = client.register_image(Name="bench", ImageLocation=ec2.image())["ImageId"]
            first = client.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
            for name, query in (("regions", "DescribeRegions"), ("describe-one", f"DescribeInstances&InstanceId.1={first}"),
                                ("create-tags", f"CreateTags&ResourceId.1={first}&Tag.1.Key=a&Tag.1.Value=b")):
                figure = statistics.median(rate(ec2, query) for _ in range(RUNS))
                print(f"ec2-{name} {figure:.0f} 1/s - - -", flush=True)
            start, left = time.monotonic(), INSTANCES - 1
            while left > 0:
                client.run_instances(ImageId=image, MinCount=1, MaxCount=min(left, 100), TagSpecifications=[
                    {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": f"batch {left}"}]}])
                left -= min(left, 100)
            print(f"ec2-run-recorded {(INSTANCES - 1) / (time.monotonic() - start):.0f} 1/s - - -", flush=True)
            rows = read_rows(kms)
            for name, query in (("describe-1000", "DescribeInstances"),
                                ("describe-1000-filtered", "DescribeInstances&Filter.1.Name=tag%3AName&Filter.1.Value.1=batch+99"),
                                ("describe-1000-page-of-100", "DescribeInstances&MaxResults=100")):
                figure = milliseconds(ec2, query)
                print(f"ec2-{name} {figure:.1f} ms sqlite-rows {rows:.1f} {figure / rows:.1f}", flush=True)
        finally:
            ec2.close()
            kms.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
