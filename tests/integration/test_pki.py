# SPDX-License-Identifier: Apache-2.0
"""redoubt pki: its certificates as the openssl command sees them, what is kept, what is refused."""

import os
import ssl
import subprocess
import tempfile

import pytest

REDOUBT = os.environ["REDOUBT"]
NAME = "kms.local-1.amazonaws.com"


def pki(*words, status=0, env=None):
    done = subprocess.run([REDOUBT, "pki", *map(str, words)], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **(env or {})})
    assert done.returncode == status, done.stdout + done.stderr
    assert status == 0 or len(done.stderr.splitlines()) == 1
    return done.stdout if status == 0 else done.stderr


def tls(where, *more, status=0):
    return pki("tls", "--name", NAME, "--name", "127.0.0.1", "--name", "::1", "--out", where, *more, status=status)


def verified(where, *check):
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *check, "-CAfile",
                           where / "ca.pem", where / "server.pem"], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0


def test_clients_believe_the_certificate(tmp_path):
    where = tmp_path / "tls"
    tls(where)
    for check in (["-verify_hostname", NAME], ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"]):
        assert verified(where, *check), check
    for check in (["-verify_hostname", "kms.local-2.amazonaws.com"], ["-verify_ip", "127.0.0.2"],
                  ["-verify_hostname", "127.0.0.1"], ["-attime", "2000000000000"]):
        assert not verified(where, *check), check
    for name, mode in (("ca.pem", 0o644), ("server.pem", 0o644), ("ca.key", 0o600), ("server.key", 0o600)):
        assert (where / name).stat().st_mode & 0o777 == mode
    assert sorted(os.listdir(where)) == ["ca.key", "ca.pem", "server.key", "server.pem"]
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(where / "server.pem", where / "server.key")


def test_the_authority_is_kept_and_the_server_renewed(tmp_path):
    tls(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    tls(tmp_path, "--days", "1")
    for name, data in before.items():
        assert ((tmp_path / name).read_bytes() == data) == name.startswith("ca."), name
    assert verified(tmp_path, "-verify_hostname", NAME)


@pytest.mark.parametrize("name, says", [("ca.key", "no ca.key"), ("ca.pem", "no ca.pem")])
def test_half_an_authority_is_not_replaced(tmp_path, name, says):
    tls(tmp_path)
    (tmp_path / name).unlink()
    assert says in tls(tmp_path, status=1)
    assert not (tmp_path / name).exists()


def test_halves_that_do_not_belong_together(tmp_path):
    tls(tmp_path / "a")
    tls(tmp_path / "b")
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    assert "no authority" in tls(tmp_path / "a", status=1)
    (tmp_path / "a" / "ca.key").write_bytes(b"junk")
    assert "no authority" in tls(tmp_path / "a", status=1)


def test_command_lines_that_make_no_sense(tmp_path):
    for words in ([], ["x"], ["tls"], ["tls", "--out", tmp_path], ["tls", "--name", NAME], ["root", "x"],
                  ["tls", "--name", "a b", "--out", tmp_path], ["tls", "--name", "*.example", "--out", tmp_path],
                  ["tls", "--name", "a..b", "--out", tmp_path], ["tls", "--name", ".a", "--out", tmp_path],
                  ["tls", "--name", "", "--out", tmp_path], ["tls", "--name", "a" * 254, "--out", tmp_path],
                  ["tls", *["--name", "a"] * 17, "--out", tmp_path],
                  *(["tls", "--name", "a", "--out", tmp_path, "--days", days] for days in ("0", "3651", "x", "-1"))):
        pki(*words, status=2)
    assert not os.listdir(tmp_path)
    assert "cannot make" in pki("tls", "--name", "a", "--out", tmp_path / "none" / "tls", status=1)


def test_where_the_attestation_root_is():
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as home:  # short: REDOUBT_HOME is limited
        env = {"REDOUBT_HOME": home}
        assert "start redoubtd once" in pki("root", status=1, env=env)
        os.mkdir(os.path.join(home, "state"))
        path = os.path.join(home, "state", "root.pem")
        with open(path, "w", encoding="ascii") as file:
            file.write("x")
        assert pki("root", env=env) == f"{path}\n"
