# SPDX-License-Identifier: Apache-2.0
"""Container images for the end-to-end tests, made without a container engine."""

import os

from eif_support import docker_archive, layer

# Built by meson: tests/e2e/guest.c.
GUEST = os.environ["E2E_GUEST"]


def content(path):
    with open(path, "rb") as file:
        return file.read()


def make(host, name, members, config):
    """A `docker save` archive in the host's home, as an image's source. members: as eif_support.layer's."""
    path = host.path(name + ".tar")
    docker_archive(path, [layer((member, dict(attributes)) for member, attributes in members)], config, tag=f"redoubt-e2e/{name}:1")
    host.own(path)
    return f"docker-archive:{path}"


def guest_members(host):
    return [("guest", {"data": content(GUEST)}),
            ("nsm-cli", {"data": content(os.path.join(host.out, "share", "redoubt", "guest", "nsm-cli"))})]


def guest(host, name="guest", more=(), **config):
    """(EIF, JSON of its build) of the application that does what its parent asks."""
    config = {"Entrypoint": ["/guest"], **config}
    return host.build(make(host, name, guest_members(host) + list(more), config), name)


def hello(host):
    """The example, for users who have no container engine."""
    program = os.path.join(host.out, "share", "redoubt", "examples", "hello-attest", "hello-attest")
    return host.build(make(host, "hello", [("hello-attest", {"data": content(program)})],
                           {"Entrypoint": ["/hello-attest"]}), "hello")
