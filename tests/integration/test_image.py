# SPDX-License-Identifier: Apache-2.0
"""Images from archives, layouts, buildah and a real Docker Engine, through image-dump."""
import base64
import gzip
import http.server
import json
import os
import resource
import shutil
import subprocess
import tarfile
import threading
import time

import pytest

import image_files as im

DUMP = os.environ["IMAGE_DUMP"]
DOCKERFILE = """FROM scratch
COPY app /bin/app
COPY passwd /etc/passwd
COPY sub /srv/
ENV A=b C="d e"
WORKDIR /srv/data
USER app
ENTRYPOINT ["/bin/app", "two words"]
CMD ["line\\nbreak"]
"""


class Runner:
    """image-dump with a scratch directory of its own, which has to be empty afterwards."""

    def __init__(self, path):
        self.scratch = path / "scratch"
        self.scratch.mkdir()
        self.env = {"PATH": os.environ["PATH"], "TMPDIR": str(self.scratch), "HOME": str(path),
                    "DOCKER_HOST": "unix://" + str(path / "no-engine.sock"),
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}

    def run(self, *args, limit=None, **env):
        def before():
            if limit:  # SIGXFSZ stays ignored, as it is in Python: the write fails instead
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        done = subprocess.run([DUMP, *map(str, args)], env={**self.env, **env}, capture_output=True,
                              timeout=120, preexec_fn=before, restore_signals=not limit)
        done.text = done.stderr.decode()
        assert os.listdir(self.scratch) == [], "something was left behind"
        assert done.returncode in (0, 1), done.text
        return done

    def good(self, *args, **env):
        done = self.run(*args, **env)
        assert done.returncode == 0, done.text
        return json.loads(done.stdout)

    def bad(self, *args, **env):
        """The last line of stderr: "<stage> <status>: <text>"."""
        done = self.run(*args, **env)
        assert done.returncode == 1 and done.stdout == b""
        line = done.text.splitlines()[-1]
        assert len(line) < 600
        return line


@pytest.fixture
def dump(tmp_path):
    return Runner(tmp_path)


def by_path(image):
    return {e["path"]: e for e in image["tree"]}


def hex_name(text):
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.hex()


# Archives and layouts made by hand.

def test_archive_is_merged(dump, tmp_path):
    layers = im.tree_layers()
    cfg = im.config(layers, Entrypoint=["/bin/app"], Cmd=["x"], User="app", WorkingDir="/srv/../data",
                    Env=["A=1"])
    image = dump.good(f"docker-archive:{im.save_archive(tmp_path / 'a.tar', layers, cfg)}")
    tree = by_path(image)
    want = sorted(im.TREE_PATHS + ["data"], key=lambda p: [c.encode("utf-8", "surrogateescape") for c in p.split("/")])
    assert [e["path"] for e in image["tree"]] == [hex_name(p) for p in want]
    assert image["id"] == "sha256:" + im.digest(cfg) and image["name"] == "app:1"
    assert image["args"] == ["/bin/app", "x"] and image["env"] == ["A=1"] and image["workdir"] == "/data"
    assert image["user"] == {"uid": 1000, "gid": 1001, "groups": [63], "home": "/home/app"}
    assert tree[""]["mtime"] == 11 and tree["etc"]["mtime"] == 1700000000
    assert tree["tmp"]["mode"] == 0o1777 and tree["bin/su"]["mode"] == 0o4755 and tree["bin/su"]["gid"] == 5
    assert tree["bin/su"]["link"] == tree["bin/su2"]["link"] == 1 and tree["bin/su"]["links"] == 2
    assert tree["bin/ping"]["xattrs"] == {"security.capability": im.CAPABILITY.hex()}
    assert tree["opt"]["sha256"] == im.digest(b"a file now") and tree["lib"]["target"] == "usr/lib"
    assert tree["dev/null"]["rdev"] == [1, 3] and tree["run/pipe"]["type"] == "fifo"
    assert tree["usr/lib/libx.so.1"]["type"] == "dir" and tree["abs"]["target"] == "/etc/passwd"


def test_every_form_gives_the_same_tree(dump, tmp_path):
    layers = im.tree_layers() + [im.tree_layers()[1]]  # one layer twice: old archives link it
    cfg = im.config(layers)
    old = im.save_archive(tmp_path / "old.tar", layers, cfg)
    new = im.save_archive(tmp_path / "new.tar", layers, cfg, old=False)
    packed = tmp_path / "old.tar.gz"
    packed.write_bytes(gzip.compress(old.read_bytes()))
    layout = im.simple_layout(tmp_path / "oci", layers, cfg)
    plain = im.simple_layout(tmp_path / "plain", layers, cfg, compress=False)
    inside = tmp_path / "layout.tar"
    with tarfile.open(inside, "w") as tar:
        tar.add(layout.path, arcname=".")
    sources = [f"docker-archive:{f}" for f in (old, new, packed, inside, f"{old}:app:1")]
    sources += [f"oci:{layout.path}", f"oci:{layout.path}:latest", f"oci:{plain.path}"]
    images = [dump.good(s) for s in sources]
    for image in images:
        image.pop("name")
        assert image == images[0]


@pytest.mark.skipif(not shutil.which("zstd"), reason="needs the zstd program")
def test_zstd_layers_and_archives(dump, tmp_path):
    layers = im.tree_layers()
    archive = im.save_archive(tmp_path / "a.tar", layers, im.config(layers))
    want = dump.good(f"docker-archive:{archive}")
    subprocess.run(["zstd", "-q", str(archive)], check=True)
    assert dump.good(f"docker-archive:{archive}.zst") == want
    layout = im.Layout(tmp_path / "oci")
    packed = [subprocess.run(["zstd", "-qc"], input=l, capture_output=True, check=True).stdout for l in layers]
    parts = [layout.blob(p, im.LAYER + "+zstd") for p in packed]
    doc = {"config": layout.blob(im.config(layers), im.CONFIG), "layers": parts}
    layout.add(layout.blob(json.dumps(doc).encode(), im.MANIFEST)).finish()
    assert dump.good(f"oci:{layout.path}")["tree"] == want["tree"]


def test_index_of_platforms_and_tags(dump, tmp_path):
    one, two = [im.layer(im.entry("one", b"1"))], [im.layer(im.entry("two", b"2"))]
    layout = im.Layout(tmp_path / "oci")
    arm = layout.manifest(one, im.config(one).replace(b"amd64", b"arm64"))
    amd = layout.manifest(two, im.config(two))
    layout.add(arm, platform="linux/arm64").add(amd, platform="linux/amd64")
    nested = layout.blob(json.dumps(layout.index()).encode(), im.INDEX)
    layout.entries = []
    layout.add(nested, tag="multi").add(arm, tag="arm").add(amd, tag="v1:2").finish()
    assert "two" in by_path(dump.good(f"oci:{layout.path}:multi"))
    assert "two" in by_path(dump.good(f"oci:{layout.path}:v1:2"))
    assert dump.bad(f"oci:{layout.path}").startswith("image RD_USAGE:")
    assert "linux/arm64" in dump.bad(f"oci:{layout.path}:arm")
    line = dump.bad(f"oci:{layout.path}:nope")
    assert line.startswith("image RD_NOTFOUND:") and "multi, arm, v1:2" in line


# Damaged and hostile images: one line, the status, nothing left behind (Runner.run checks).

def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_every_blob_is_verified(dump, tmp_path):
    layers = [im.layer(im.entry("bin/app", os.urandom(4096)))]

    def fresh(name):
        return im.simple_layout(tmp_path / name, layers, im.config(layers), compress=False)

    layout = fresh("layer")
    flip(layout.blob_path(layout.layers[0]))
    line = dump.bad(f"oci:{layout.path}")
    assert line.startswith("image RD_UNTRUSTED:") and "layer 1 of 1" in line
    layout = fresh("manifest")
    flip(layout.blob_path(layout.entries[0]))
    assert dump.bad(f"oci:{layout.path}").startswith("image RD_UNTRUSTED:")
    layout = fresh("longer")
    with open(layout.blob_path(layout.layers[0]), "ab") as f:
        f.write(b"more")
    line = dump.bad(f"oci:{layout.path}")
    assert line.startswith("image RD_UNTRUSTED:") and "bytes, but the manifest says" in line
    layout = fresh("missing")
    layout.blob_path(layout.layers[0]).unlink()
    assert dump.bad(f"oci:{layout.path}").startswith("image RD_NOTFOUND:")


def test_diff_ids_are_verified(dump, tmp_path):
    layers = [im.layer(im.entry("bin/app", b"right"))]
    other = [im.layer(im.entry("bin/app", b"wrong"))]
    line = dump.bad(f"docker-archive:{im.save_archive(tmp_path / 'a.tar', other, im.config(layers))}")
    assert line.startswith("image RD_UNTRUSTED:") and "diff ID" in line
    fewer = im.save_archive(tmp_path / "b.tar", layers, im.config(layers + other))
    assert dump.bad(f"docker-archive:{fewer}").startswith("image RD_MALFORMED:")


def test_blobs_that_are_no_files(dump, tmp_path):
    layers = [im.layer(im.entry("bin/app", b"x"))]
    layout = im.simple_layout(tmp_path / "oci", layers, im.config(layers))
    blob = layout.blob_path(layout.layers[0])
    blob.unlink()
    os.mkfifo(blob)  # must not be waited for
    assert dump.bad(f"oci:{layout.path}").startswith("image RD_BAD_TYPE:")
    blob.unlink()
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * layout.layers[0]["size"])
    blob.symlink_to("../../../secret")  # stops at the layout's root
    assert dump.bad(f"oci:{layout.path}").startswith("image RD_NOTFOUND:")


@pytest.mark.parametrize("entries, status", [
    ([im.entry("../outside", b"x")], "RD_BAD_PATH"),
    ([im.entry("a/../../outside", b"x")], "RD_BAD_PATH"),
    ([im.hardlink("a", "../../etc/shadow")], "RD_BAD_PATH"),
    ([im.hardlink("a", "/etc/shadow")], "RD_NOTFOUND"),
    ([im.symlink("loop", "loop"), im.entry("loop/x", b"x")], "RD_TOO_DEEP"),
    ([im.entry("f", b"x"), im.entry("f/below", b"x")], "RD_FORBIDDEN"),
    ([im.entry("d/.wh...", b"")], "RD_BAD_PATH"),
    ([im.entry("n" * 256, b"x")], "RD_LIMIT"),
    ([im.entry("d/" * 300 + "x", b"x")], "RD_TOO_DEEP"),
    ([im.entry("owner", b"x", uid=2**40)], "RD_OUT_OF_RANGE"),
])
def test_hostile_layers(dump, tmp_path, entries, status):
    layers = [im.layer(*entries)]
    line = dump.bad(f"docker-archive:{im.save_archive(tmp_path / 'a.tar', layers, im.config(layers))}")
    assert line.startswith(f"image {status}:"), line
    assert not (tmp_path / "outside").exists()


def test_links_do_not_leave_the_image(dump, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    layers = [im.layer(im.symlink("a", str(outside)), im.symlink("b", "../../../../" + str(outside)),
                       im.entry("a/x", b"x"), im.entry("b/y", b"y"))]
    tree = by_path(dump.good(f"docker-archive:{im.save_archive(tmp_path / 'a.tar', layers, im.config(layers))}"))
    inside = str(outside).lstrip("/")
    assert f"{inside}/x" in tree and f"{inside}/y" in tree and list(outside.iterdir()) == []


def test_bombs_stop_at_the_limit(dump, tmp_path):
    layers = [im.layer(im.entry("zeros", bytes(32 << 20)))]
    layout = im.simple_layout(tmp_path / "oci", layers, im.config(layers))
    assert layout.layers[0]["size"] < 1 << 20
    line = dump.bad("--max-bytes", 8 << 20, f"oci:{layout.path}")
    assert line.startswith("image RD_LIMIT:")


def test_truncated_and_foreign_files(dump, tmp_path):
    layers = im.tree_layers()
    archive = im.save_archive(tmp_path / "a.tar", layers, im.config(layers))
    archive.write_bytes(archive.read_bytes()[:7000])
    assert dump.bad(f"docker-archive:{archive}").split(":")[0] in ("image RD_MALFORMED", "image RD_MISSING")
    text = tmp_path / "text"
    text.write_text("not an archive\n" * 100)
    assert dump.bad(f"docker-archive:{text}").startswith("image RD_MALFORMED:")
    other = tmp_path / "other.tar"
    other.write_bytes(im.layer(im.entry("hello", b"x")))
    assert "docker save" in dump.bad(f"docker-archive:{other}")
    assert dump.bad(f"docker-archive:{tmp_path}/none").startswith("file RD_NOTFOUND:")
    assert dump.bad(f"docker-archive:{tmp_path}").startswith("file RD_BAD_TYPE:")
    assert dump.bad(f"oci:{tmp_path}/none:tag").startswith("file RD_NOTFOUND:")
    assert "not an OCI image layout" in dump.bad(f"oci:{tmp_path}")


def test_configurations_that_cannot_run(dump, tmp_path):
    layers = [im.layer(im.entry("x", b"x"))]

    def bad(**settings):
        cfg = im.config(layers, **settings)
        return dump.bad(f"docker-archive:{im.save_archive(tmp_path / 'a.tar', layers, cfg)}")

    assert "ENTRYPOINT nor CMD" in bad(Cmd=None)
    assert bad(Cmd=[""]).startswith("image RD_MISSING:")
    assert "to run, is empty" in bad(Entrypoint=["", "x"])
    assert '"ghost" is not in its /etc/passwd' in bad(User="ghost")
    assert bad(WorkingDir="/x").startswith("image RD_BAD_TYPE:")
    assert bad(Env=["X"]).startswith("image RD_MALFORMED:")


def test_of_a_variable_set_twice_the_last_value_counts(dump, tmp_path):
    layers = [im.layer(im.entry("x", b"x"))]
    cfg = im.config(layers, Env=["A=1", "AB=2", "A=3", "C=", "A=4=5", "C=6"])
    assert dump.good(f"docker-archive:{im.save_archive(tmp_path / 'a.tar', layers, cfg)}")["env"] == ["AB=2", "A=4=5", "C=6"]


def test_full_disk_is_said(dump, tmp_path):
    layers = [im.layer(im.entry("big", bytes(2 << 20)))]
    archive = im.save_archive(tmp_path / "a.tar", layers, im.config(layers))
    done = dump.run(f"docker-archive:{archive}", limit=1 << 20)
    assert done.returncode == 1 and "scratch file" in done.text and "NITRO_CLI_ARTIFACTS" in done.text
    line = dump.bad(f"docker-archive:{archive}", NITRO_CLI_ARTIFACTS=str(tmp_path / "none"))
    assert line.startswith("file RD_NOTFOUND:")


def test_without_engine_and_buildah(dump, tmp_path):
    assert dump.bad("hello").startswith("pull RD_CLOSED:")
    assert dump.bad("Hello World").startswith("pull RD_MALFORMED:")
    line = dump.bad("--build", tmp_path, "hello", PATH="/nonexistent")
    assert line.startswith("build RD_NOTFOUND:") and "apt-get install buildah" in line
    assert dump.bad("hello", DOCKER_HOST="tcp://1.2.3.4:5").startswith("pull RD_UNSUPPORTED:")
    assert dump.bad("--build", tmp_path / "none", "hello").startswith("file RD_NOTFOUND:")


# Builders and engines.

def context(path):
    path.mkdir()
    (path / "Dockerfile").write_text(DOCKERFILE)
    (path / "app").write_text("#!/bin/sh\n")
    (path / "app").chmod(0o755)
    (path / "passwd").write_text("app:x:1000:1001::/home/app:/bin/sh\n")
    (path / "sub").mkdir()
    (path / "sub" / "file").write_text("data")
    (path / "sub" / "secret").write_text("not for the image")
    (path / ".dockerignore").write_text("sub/secret\n")
    return path


def check_built(image):
    tree = by_path(image)
    assert image["args"] == ["/bin/app", "two words", "line\nbreak"]
    assert "A=b" in image["env"] and "C=d e" in image["env"]
    assert image["workdir"] == "/srv/data" and tree["srv/data"]["type"] == "dir"
    assert image["user"]["uid"] == 1000 and image["user"]["gid"] == 1001
    assert tree["bin/app"]["mode"] == 0o755 and tree["srv/file"]["sha256"] == im.digest(b"data")
    assert "srv/secret" not in tree


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
@pytest.mark.skipif(not shutil.which("buildah"), reason="needs buildah")
def test_buildah_builds_the_same_twice(dump, tmp_path):
    first = dump.good("--build", context(tmp_path / "one"), "hello:1")
    time.sleep(1.1)  # so that any time of the build would differ
    second = dump.good("--build", context(tmp_path / "deeper-two"), "hello:1")
    check_built(first)
    assert first == second and first["name"] == "hello:1" and first["created"] == "1970-01-01T00:00:00Z"
    assert dump.good("--build", tmp_path / "one", "hello:1", SOURCE_DATE_EPOCH="1700000000")["created"].startswith("2023")
    mounts = open("/proc/self/mounts").read()
    assert str(tmp_path) not in mounts


@needs_root
@pytest.mark.skipif(not shutil.which("buildah"), reason="needs buildah")
def test_buildah_says_why_it_failed(dump, tmp_path):
    path = context(tmp_path / "bad")
    (path / "Dockerfile").write_text("FROM scratch\nCOPY missing /x\n")
    line = dump.bad("--build", path, "hello")
    assert line.startswith("build RD_IO:") and "missing" in line
    (path / "Dockerfile").unlink()
    assert dump.bad("--build", path, "hello").startswith("build ")


# dockerd unpacks in a mount namespace whose "/" it changes; in a chroot that is no mount point until it is bound once more.
OWN_MOUNTS = """mount --make-rprivate / 2>/dev/null && exec "$0" "$@"
mount --make-rprivate /proc && mount --rbind / /proc && exec chroot /proc "$0" "$@\""""


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """A Docker Engine of our own: no network, its own storage."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not shutil.which("dockerd"):
        pytest.skip("needs dockerd (docker.io)")
    path = tmp_path_factory.mktemp("engine")
    sock = path / "docker.sock"
    log = open(path / "log", "wb")
    daemon = subprocess.Popen(
        ["unshare", "-m", "--propagation", "unchanged", "sh", "-c", OWN_MOUNTS,
         "dockerd", "-H", f"unix://{sock}", "--bridge=none", "--iptables=false", "--ip6tables=false",
         "--data-root", str(path / "data"), "--exec-root", str(path / "exec"), "--pidfile", str(path / "pid"),
         "--storage-driver", "vfs"], stdout=log, stderr=log)
    try:
        for _ in range(150):
            ping = subprocess.run(["curl", "-sf", "--unix-socket", str(sock), "http://x/_ping"], capture_output=True)
            if ping.stdout == b"OK":
                break
            if daemon.poll() is not None:
                pytest.skip("dockerd does not run here: " + (path / "log").read_text()[-300:])
            time.sleep(0.2)
        else:
            pytest.skip("dockerd did not come up in 30 s")
        yield f"unix://{sock}"
    finally:
        daemon.terminate()
        daemon.wait(30)


def api(engine, method, path, body=None, out=None):
    command = ["curl", "-sf", "--unix-socket", engine[len("unix://"):], "-X", method, "http://x" + path]
    if body:
        command += ["--data-binary", f"@{body}", "-H", "Content-Type: application/x-tar"]
    if out:
        command += ["-o", str(out)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_engine_builds_saves_and_keeps(dump, engine, tmp_path):
    built = dump.good("--build", context(tmp_path / "ctx"), "reg.example:5000/team/hello:1", DOCKER_HOST=engine)
    check_built(built)
    assert built["name"] == "reg.example:5000/team/hello:1" and not built["local"]
    kept = dump.good("reg.example:5000/team/hello:1", DOCKER_HOST=engine)
    assert kept["local"] and kept["id"] == built["id"] and kept["tree"] == built["tree"]
    api(engine, "GET", "/images/reg.example:5000/team/hello:1/get", out=tmp_path / "saved.tar")
    saved = dump.good(f"docker-archive:{tmp_path}/saved.tar")
    assert saved["name"] == kept["name"] and saved["tree"] == built["tree"] and saved["id"] == built["id"]


def test_engine_takes_our_archive_and_gives_it_back(dump, engine, tmp_path):
    layers = im.tree_layers()
    cfg = im.config(layers, User="app", Entrypoint=["/bin/app"])
    archive = im.save_archive(tmp_path / "a.tar", layers, cfg, tags=["mine:7"])
    api(engine, "POST", "/images/load", body=archive)
    theirs = dump.good("mine:7", DOCKER_HOST=engine)
    ours = dump.good(f"docker-archive:{archive}")
    assert theirs["id"] == ours["id"] and theirs["user"] == ours["user"]
    # The engine unpacked the layers with its own code and packed them again.
    assert theirs["tree"] == ours["tree"]


class Registry(http.server.BaseHTTPRequestHandler):
    """As much of a registry (OCI distribution-spec) as a pull needs, for user "u", password "p:w"."""

    def do_GET(self):
        kind, data = "application/json", b"{}"
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(b"u:p:w").decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        name = self.path.rsplit("/", 1)[-1]
        if "/manifests/" in self.path:
            layout = self.server.layout
            wanted = {"digest": name} if name.startswith("sha256:") else layout.entries[-1]
            data, kind = layout.blob_path(wanted).read_bytes(), im.MANIFEST
        elif "/blobs/" in self.path:
            data, kind = (self.server.layout.path / "blobs" / name.replace(":", "/")).read_bytes(), "application/octet-stream"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", "sha256:" + im.digest(data))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def registry(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    server.layout = im.Layout(tmp_path / "registry")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_engine_pulls_with_the_right_credentials(dump, engine, registry, tmp_path):
    host = f"127.0.0.1:{registry.server_address[1]}"

    def publish(content):
        layers = [im.layer(im.entry("bin/app", content))]
        registry.layout.add(registry.layout.manifest(layers, im.config(layers)))

    publish(b"first")
    line = dump.bad(f"{host}/team/app:1", DOCKER_HOST=engine)
    assert line.startswith("pull ") and "docker login" in line
    docker = tmp_path / "docker"
    docker.mkdir()
    auths = {"auths": {"127.0.0.1": {"auth": "eDp5"}, host: {"auth": base64.b64encode(b"u:p:w").decode()}}}
    (docker / "config.json").write_text(json.dumps(auths))
    login = {"DOCKER_HOST": engine, "DOCKER_CONFIG": str(docker)}
    image = dump.good(f"{host}/team/app:1", **login)
    assert by_path(image)["bin/app"]["sha256"] == im.digest(b"first") and not image["local"]
    # The tag moves: the engine's copy is used until a pull is asked for.
    publish(b"second")
    assert by_path(dump.good(f"{host}/team/app:1", **login))["bin/app"]["sha256"] == im.digest(b"first")
    image = dump.good("--always-pull", f"{host}/team/app:1", **login)
    assert by_path(image)["bin/app"]["sha256"] == im.digest(b"second")
    # By digest, and without a tag: no ":latest" is invented.
    pinned = registry.layout.entries[0]["digest"]
    image = dump.good(f"{host}/team/app@{pinned}", **login)
    assert by_path(image)["bin/app"]["sha256"] == im.digest(b"first") and image["name"] == f"{host}/team/app@{pinned}"


def test_engine_build_errors(dump, engine, tmp_path):
    path = context(tmp_path / "bad")
    (path / "Dockerfile").write_text("FROM scratch\nCOPY missing /x\n")
    line = dump.bad("--build", path, "hello", DOCKER_HOST=engine)
    assert line.startswith("build RD_IO:") and "missing" in line
    (path / "Dockerfile").unlink()
    line = dump.bad("--build", path, "hello", DOCKER_HOST=engine)
    assert line.startswith("file RD_NOTFOUND:") and "Dockerfile" in line
