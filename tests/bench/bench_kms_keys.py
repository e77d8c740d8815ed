#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Encrypt by the number of keys in the database: 10, 10,000 and 1,000,000, on SQLite and on PostgreSQL; and two servers
on one PostgreSQL against one.

"lookup": every request is for another key that the server has not in memory, more of them than it keeps. "cached": ten
keys, over and over. Per core: of the server's processor time, and of PostgreSQL's processes' where it says so. The p99 is
of the clock, at half of the rate. The first 10,000 keys are made by the server's own store (kms-fill); the others are copies of one row
under random ids, which nobody asks for, but which are in every table and index.
"""

import base64
import itertools
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys

from kms_bench import CONFIG, LOAD_CPU, ROOT, Kms, Server, pin

POSTGRES = os.environ.get("TEST_POSTGRES")
RUNS = 3
MANY, ALL = 10_000, 1_000_000
CLONES = """
CREATE TEMPORARY TABLE fresh AS SELECT {uuid} AS id FROM {series};
INSERT INTO kms_key (id, {key}) SELECT fresh.id, {key_of} FROM fresh, (SELECT * FROM kms_key LIMIT 1) k;
INSERT INTO key_material (key_id, {material}) SELECT fresh.id, {material_of}
 FROM fresh, (SELECT * FROM key_material LIMIT 1) m;
DROP TABLE fresh;
"""
KEY = ("account spec usage origin state description policy created_ms deletion_ms pending_days rotation_days "
       "next_rotation_ms on_demand_rotations expires was_imported valid_to_ms version n_materials n_aliases n_tags "
       "n_grants").split()
MATERIAL = ("generation id state rotation wrapped wrap_generation description expires valid_to_ms created_ms "
            "rotated_ms").split()


def clone(url, n):
    words = {"key": ",".join(KEY), "key_of": ",".join(f"k.{c}" for c in KEY), "material": ",".join(MATERIAL),
             "material_of": ",".join(f"m.{c}" for c in MATERIAL)}
    if url.startswith("sqlite:"):
        words["uuid"] = ("lower(hex(randomblob(4))||'-'||hex(randomblob(2))||'-4'||substr(hex(randomblob(2)),2)||'-a'||"
                         "substr(hex(randomblob(2)),2)||'-'||hex(randomblob(6)))")
        words["series"] = f"(WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {n}) SELECT i FROM s)"
        database = sqlite3.connect(url.split(":", 1)[1])
        database.executescript("BEGIN;" + CLONES.format(**words) + "COMMIT;")
        database.close()
        return
    words["uuid"], words["series"] = "gen_random_uuid()::text", f"generate_series(1, {n})"
    subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url], input=CLONES.format(**words) + "ANALYZE;", text=True,
                   check=True)


def encrypts(server, name, ids):
    """Two files, one of which begins where the other has its middle: a run that does not get round finds nothing of the
    run before in memory.
    """
    half = len(ids) // 2
    return [server.bodies(f"{name}-{part}", ({"KeyId": key, "Plaintext": base64.b64encode(os.urandom(32)).decode()}
                                             for key in turned))
            for part, turned in enumerate((ids, ids[half:] + ids[:half]))]


def postgres_pids():
    """The postmaster; its backends are its children."""
    with open(os.path.join(os.environ["TEST_POSTGRES_DIR"], "data", "postmaster.pid"), encoding="ascii") as file:
        return [int(file.readline())]


class Taken:
    """Medians: per core of the server, per core of it and of the database, p99 in ms at half of the rate."""

    def __init__(self, server, bodies, database_pids):
        files = itertools.cycle(bodies)
        runs = [server.load("Encrypt", next(files), seconds=1, database_pids=database_pids) for _ in range(RUNS)]
        self.per_core, self.with_database, rate = (statistics.median(column) for column in zip(*(
            (run.per_core, run.with_database, run.rate) for run in runs)))
        self.p99 = statistics.median(server.load("Encrypt", next(files), rate=rate / 2).p99 for _ in range(RUNS)) / 1000


def show(name, value, unit, baseline=None, base=None, target=""):
    digits = 0 if unit == "1/s" else 1
    against = f"{baseline} {base:.{digits}f} {value / base:.2f} {target}" if baseline else "- - -"
    print(f"kms-{name} {value:.{digits}f} {unit} {against}".strip(), flush=True)


def by_number(name, server):
    database_pids = postgres_pids() if name == "postgresql" else []
    ten = encrypts(server, "ten", server.fill(10, 10))
    few = Taken(server, ten, database_pids)
    show(f"{name}-cached-10-keys", few.per_core, "1/s")
    many = encrypts(server, "many", server.fill(MANY, MANY))
    before = None
    for n in (MANY, ALL):
        if n == ALL:
            server.stop()
            clone(server.url_of_database(), ALL - MANY)
            server.start()
        now, cached = Taken(server, many, database_pids), Taken(server, ten, database_pids)
        show(f"{name}-cached-10-of-{n}", cached.per_core, "1/s", "10-keys", few.per_core, ">=0.9")
        target = ">=0.8" if before else ""
        baseline = f"lookup-of-{MANY}" if before else "cached"
        before = before or cached
        show(f"{name}-lookup-of-{n}", now.per_core, "1/s", baseline, before.per_core, target)
        if database_pids:
            show(f"{name}-lookup-of-{n}-and-database", now.with_database, "1/s", baseline, before.with_database, target)
        show(f"{name}-lookup-of-{n}-p99", now.p99, "ms", baseline, before.p99)
        before = now
    return ten


def both(servers, bodies):
    """Answers per second by the clock, both under load at once, each with half of the connections."""
    command = [os.path.join(os.environ.get("REDOUBT_BUILD", os.path.join(ROOT, "build")), "tests", "bench", "kms-load")]
    loads = [subprocess.Popen([*command, str(s.port), "Encrypt", bodies, str(128 // len(servers)), "3"],
                              stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "AWS_ACCESS_KEY_ID": servers[0].admin.akid,
                                   "AWS_SECRET_ACCESS_KEY": servers[0].admin.secret}) for s in servers]
    taken = [load.communicate()[0].split() for load in loads]
    return sum(float(words[0]) for words in taken), max(float(words[2]) for words in taken) / 1000


def two_servers(first, config, bodies, name=""):
    second = Kms(CONFIG + config + f"master: file:{first.path('state', 'kms', 'master.key')}\n", admin=first.admin)
    try:
        pin(second.process.pid, LOAD_CPU)
        taken = [(*both([first], bodies), *both([first, second], bodies)) for _ in range(RUNS)]
        one, one_p99, two, two_p99 = (statistics.median(column) for column in zip(*taken))
        show(f"two-servers-on-postgresql{name}", two, "1/s", "one", one)
        show(f"two-servers-on-postgresql{name}-p99", two_p99, "ms", "one", one_p99)
    finally:
        second.close()


def main():
    if "KMS_BENCH_INNER" not in os.environ and shutil.which("psql"):
        os.environ["KMS_BENCH_INNER"] = "1"
        os.execv(os.path.join(ROOT, "tests", "support", "postgres"),
                 ["postgres", "run", sys.executable, os.path.abspath(__file__)])
    for name, config in (("sqlite", ""), ("postgresql", f'database: "{POSTGRES}"\n')):
        if name == "postgresql" and POSTGRES is None:
            print("PostgreSQL is not installed: run tools/setup check", file=sys.stderr)
            continue
        server = Server(config)
        try:
            ten = by_number(name, server)
            if POSTGRES and name == "postgresql":
                two_servers(server, config, ten[0])
                two_servers(server, config, server.path("many-0.jsonl"), "-lookups")
        finally:
            server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
