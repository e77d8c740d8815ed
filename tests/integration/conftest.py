# SPDX-License-Identifier: Apache-2.0
"""What tests of a key server share."""

import pytest


@pytest.fixture(name="kms", scope="module")
def kms_fixture():
    """A server with the default configuration for a module's tests; one that needs another has a fixture of this name."""
    from kms_host import Kms  # needs the server's program, which the other tests have not  pylint: disable=import-outside-toplevel

    server = Kms()
    yield server
    server.assert_well()
    server.close()
