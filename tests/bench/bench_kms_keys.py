#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Encrypt by the number of keys in the database: 10, 10,000 and 1,000,000, on SQLite and on PostgreSQL; and two servers
on one PostgreSQL against one.

"lookup": every request is for another key that the server has not in memory, more of them than it keeps. "cached": ten
keys, over and over. The first 10,000 keys are made by the server's own store (kms-fill); the others are copies of one row
under random ids, which nobody asks for, but which are in every table and index.
"""

import base64
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
    return server.bodies(name, ({"KeyId": key, "Plaintext": base64.b64encode(os.urandom(32)).decode()} for key in ids))


def rate(server, bodies):
    return statistics.median(server.load("Encrypt", bodies, seconds=1).per_core for _ in range(RUNS))


def by_number(name, server):
    ten = encrypts(server, "ten", server.fill(10, 10))
    first = rate(server, ten)
    print(f"kms-{name}-cached-10-keys {first:.0f} 1/s - - -", flush=True)
    many = encrypts(server, "many", server.fill(MANY, MANY))
    some, cached = rate(server, many), rate(server, ten)
    print(f"kms-{name}-cached-10-of-{MANY} {cached:.0f} 1/s 10-keys {first:.0f} {cached / first:.2f} >=0.9", flush=True)
    print(f"kms-{name}-lookup-of-{MANY} {some:.0f} 1/s cached {cached:.0f} {some / cached:.2f}", flush=True)
    server.stop()
    clone(server.url_of_database(), ALL - MANY)
    server.start()
    lots, cached = rate(server, many), rate(server, ten)
    print(f"kms-{name}-cached-10-of-{ALL} {cached:.0f} 1/s 10-keys {first:.0f} {cached / first:.2f} >=0.9", flush=True)
    print(f"kms-{name}-lookup-of-{ALL} {lots:.0f} 1/s lookup-of-{MANY} {some:.0f} {lots / some:.2f} >=0.8", flush=True)
    return ten


def both(servers, bodies):
    """Answers per second by the clock, both under load at once, each with half of the connections."""
    command = [os.path.join(os.environ.get("REDOUBT_BUILD", os.path.join(ROOT, "build")), "tests", "bench", "kms-load")]
    loads = [subprocess.Popen([*command, str(s.port), "Encrypt", bodies, str(128 // len(servers)), "3"],
                              stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "AWS_ACCESS_KEY_ID": servers[0].admin.akid,
                                   "AWS_SECRET_ACCESS_KEY": servers[0].admin.secret}) for s in servers]
    return sum(float(load.communicate()[0].split()[0]) for load in loads)


def two_servers(first, config, bodies):
    second = Kms(CONFIG + config + f"master: file:{first.path('state', 'kms', 'master.key')}\n", admin=first.admin)
    try:
        pin(second.process.pid, LOAD_CPU)
        taken = [(both([first], bodies), both([first, second], bodies)) for _ in range(RUNS)]
        one, two = (statistics.median(column) for column in zip(*taken))
        print(f"kms-two-servers-on-postgresql {two:.0f} 1/s one {one:.0f} {two / one:.2f}", flush=True)
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
                two_servers(server, config, ten)
        finally:
            server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
