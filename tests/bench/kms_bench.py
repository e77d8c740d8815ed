# SPDX-License-Identifier: Apache-2.0
"""What the key server's benches share: the server and nginx on one processor, the load on another, and their figures.

Rates are of answers per second of the server's own processor time, all its threads together: what else the machine does
then hardly matters. (The other figures are of the wall clock, and do suffer.)
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("REDOUBT_BUILD", os.path.join(ROOT, "build"))
os.environ.setdefault("REDOUBT_KMS", os.path.join(BUILD, "src", "kms", "redoubt-kms"))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from kms_host import ACCOUNT, Kms, until  # noqa: E402  pylint: disable=wrong-import-position

LOAD = os.path.join(BUILD, "tests", "bench", "kms-load")
FILL = os.path.join(BUILD, "tests", "bench", "kms-fill")
SERVER_CPU, LOAD_CPU = 0, os.cpu_count() - 1
CONNECTIONS = 384
CONFIG = "threads: 1\nworkers: 1\n"
BODIES = 256


def cpu_seconds(pid):
    """Of all threads of a process and of its children that run."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return seconds + sum(cpu_seconds(int(child)) for child in file.read().split())


def pin(pid, cpu):
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {cpu})


def memory_mib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.MULTILINE).group(1)) / 1024


class Figures:
    """Of one run of kms-load."""

    def __init__(self, text, cpu, database_cpu=0):
        self.rate, self.p50, self.p99, failures, size = (float(word) for word in text.split())
        self.size = int(size)
        if failures:
            raise RuntimeError(f"{failures:.0f} requests were refused")
        self.per_core = None if cpu is None else self.rate / cpu
        self.with_database = None if cpu is None else self.rate / (cpu + database_cpu)


def load(port, operation, bodies, pids, seconds=2.0, rate=None, connections=CONNECTIONS, credentials=None,
         database_pids=()):
    """bodies: a file's path. pids: those whose processor time counts, database_pids: where the database is another's."""
    command = ["taskset", "-c", str(LOAD_CPU), LOAD, str(port), operation, bodies, str(connections), str(seconds)]
    before, start = [sum(map(cpu_seconds, group)) for group in (pids, database_pids)], time.monotonic()
    done = subprocess.run(command + ([f"{rate:.1f}"] if rate else []), stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, "AWS_ACCESS_KEY_ID": credentials.akid,
                               "AWS_SECRET_ACCESS_KEY": credentials.secret})
    elapsed = time.monotonic() - start
    after = [sum(map(cpu_seconds, group)) for group in (pids, database_pids)]
    return Figures(done.stdout, *((now - then) / elapsed for now, then in zip(after, before)))


class Server(Kms):
    """redoubt-kms with one HTTP thread, on SERVER_CPU, and files of requests for it."""

    def __init__(self, config="", **how):
        super().__init__(config=CONFIG + config, **how)
        self.files = {}

    def start(self):
        super().start()
        pin(self.process.pid, SERVER_CPU)

    def bodies(self, name, bodies):
        path = self.path(f"{name}.jsonl")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(json.dumps(body) + "\n" for body in bodies)
        return path

    def ask(self, operation, **body):
        answer = self.call(operation, body)
        if answer.status != 200:
            raise RuntimeError(answer.bytes)
        return answer.json

    def load(self, operation, bodies, **how):
        return load(self.port, operation, bodies, [self.process.pid], credentials=self.admin, **how)

    def fill(self, n, sample):
        """Ids of a sample of n keys more, put into the database while the server is stopped."""
        self.stop()
        done = subprocess.run([FILL, self.url_of_database(), f"file:{self.path('state', 'kms', 'master.key')}", ACCOUNT,
                               str(n), str(sample)], stdout=subprocess.PIPE, text=True, check=True)
        self.start()
        return done.stdout.split()

    def url_of_database(self):
        found = re.search(r'^database: "([^"]+)', self.config, re.MULTILINE)
        return found.group(1) if found else f"sqlite:{self.path('state', 'kms', 'kms.db')}"

    def write_config(self, config):
        self.config = config
        super().write_config(config)


class Nginx:
    """One worker on SERVER_CPU that answers everything with one static answer."""

    def __init__(self, size):
        self.home = tempfile.mkdtemp(prefix="rdn-", dir="/tmp")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        # What is around the body in the server's answer and not in nginx's is in the body.
        path = os.path.join(self.home, "nginx.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"""daemon off; master_process off; pid {self.home}/pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {self.home}; proxy_temp_path {self.home};
 fastcgi_temp_path {self.home}; uwsgi_temp_path {self.home}; scgi_temp_path {self.home};
 server {{ listen 127.0.0.1:{self.port}; location / {{ default_type application/x-amz-json-1.1;
  return 200 "{"x" * size}"; }} }} }}\n""")
        self.process = subprocess.Popen(["nginx", "-c", path, "-e", "stderr"], stdin=subprocess.DEVNULL)
        until(self.listens)
        pin(self.process.pid, SERVER_CPU)

    def listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def load(self, operation, bodies, credentials, **how):
        return load(self.port, operation, bodies, [self.process.pid], credentials=credentials, **how)

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.home)
