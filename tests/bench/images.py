# SPDX-License-Identifier: Apache-2.0
"""Container images for the benches, made without an engine, by what the image tests use."""

import os
import pathlib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

import image_files  # noqa: E402 (its folder has to be on the path first)


def layout(path, layers, **settings):
    """An OCI layout at path with gzip layers; what --docker-uri calls it."""
    image_files.simple_layout(pathlib.Path(path), layers, image_files.config(layers, **settings))
    return f"oci:{path}"


def program(path, file):
    """The same with one static program in it, which it runs."""
    with open(file, "rb") as source:
        layer = image_files.layer(image_files.entry("program", source.read(), mode=0o755))
    return layout(path, [layer], Cmd=["/program"])
