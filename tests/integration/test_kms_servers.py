# SPDX-License-Identifier: Apache-2.0
"""Several servers on one PostgreSQL: cases 169 and 170 of the KMS reference."""

import concurrent.futures
import os
import time

import botocore.exceptions
import pytest
from kms_host import Kms

POSTGRES = os.environ.get("TEST_POSTGRES")
# cache.h: KMS_CACHE_POLL_MS, when no notification arrives; and a busy machine.
BOUND_S = 2

pytestmark = pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed")


@pytest.fixture(name="servers", scope="module")
def servers_fixture():
    config = f'database: "{POSTGRES}"\n'
    first = Kms(config)
    second = Kms(config + f"master: file:{first.path('state', 'kms', 'master.key')}\n", admin=first.admin)
    yield first, second
    for server in (second, first):
        server.assert_well()
        server.close()


def test_what_one_server_makes_the_other_uses(servers):
    first, second = servers
    key = first.client().create_key()["KeyMetadata"]["KeyId"]
    blob = second.client().encrypt(KeyId=key, Plaintext=b"shared")["CiphertextBlob"]
    assert first.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"shared"


def test_169_disabled_on_one_is_refused_by_the_other_within_the_bound(servers):
    first, second = servers
    key = first.client().create_key()["KeyMetadata"]["KeyId"]
    blob = second.client().encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    first.client().disable_key(KeyId=key)
    start = time.monotonic()
    with pytest.raises(botocore.exceptions.ClientError, match="DisabledException"):
        while time.monotonic() - start < BOUND_S:
            second.client().decrypt(CiphertextBlob=blob)


def test_170_deletion_scheduled_by_many_at_once_happens_once(servers):
    key = servers[0].client().create_key()["KeyMetadata"]["KeyId"]
    clients = [server.client() for server in servers for _ in range(4)]

    def schedule(client):
        try:
            client.schedule_key_deletion(KeyId=key)
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return "OK"

    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        results = list(pool.map(schedule, clients))
    assert results.count("OK") == 1 and set(results) <= {"OK", "KMSInvalidStateException"}, results


def test_root_key_that_one_server_s_tool_made_is_taken_in_by_all(servers):
    first, second = servers
    first.tool("--rotate-root")
    key = first.client().create_key()["KeyMetadata"]["KeyId"]
    blob = first.client().encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
    assert second.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"new"


def test_first_administrator_is_made_once(servers):
    first, second = servers
    users = second.client("iam").list_users()["Users"]
    assert [user["UserName"] for user in users] == ["admin"]
    assert first.admin.akid == second.admin.akid
    assert second.aws("sts", "get-caller-identity")["Arn"].endswith(":user/admin")
