"""The image, built by buildah without a registry, and containers of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from places import ROOT
from support.node import API_KEY
from support.tokens import SECRET
from support.waiting import until

STORE = ROOT / "build/containers"


class Image:
    """Built once a test run: from a clean Debian and the package of the build under test, or from the sources alone."""

    def __init__(self, debian, package=None):
        assert shutil.which("buildah"), "buildah is missing: scripts/setup deploy installs it"
        # vfs works in every file system, an overlay's too.
        self.common = ["--root", STORE / "storage", "--runroot", STORE / "run", "--storage-driver", "vfs"]
        self("rmi", "--all", "--force", fine=(0, 125))
        scratch = self("from", "scratch").strip()
        self("add", scratch, debian, "/")
        # To fetch what it is built from: the authorities that this machine trusts beside Debian's, as a company's proxy has one.
        own = Path("/usr/local/share/ca-certificates")
        if not package and own.is_dir():
            self("add", scratch, own, own)
        self("commit", "--rm", scratch, "localhost/debian-base")
        given = ["--build-arg", f"PACKAGE={package.relative_to(ROOT)}"] if package else []
        self(
            "bud", "--isolation", "chroot", "--format", "docker", "-f", ROOT / "Containerfile", "-t", "localhost/plexus",
            "--build-arg", "BASE=localhost/debian-base", *given, ROOT,
        )  # fmt: skip
        self.container = self("from", "--pull-never", "localhost/plexus").strip()
        self.root = Path(self("mount", self.container).strip())
        self.config = json.loads(self("inspect", "--type", "image", "localhost/plexus"))["Docker"]["config"]

    def __call__(self, command, *words, fine=(0,)):
        done = subprocess.run(
            [str(w) for w in ("buildah", *self.common, command, *words)], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode in fine, f"buildah {command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def compressed_beyond_base(self, folder):
        """Bytes of the layers that the base doesn't have, as a registry would keep them."""

        def layers(name):
            self("push", "--quiet", f"localhost/{name}", f"oci:{folder}/{name}")
            index = json.loads((folder / name / "index.json").read_text())
            manifest = folder / name / "blobs/sha256" / index["manifests"][0]["digest"].partition(":")[2]
            return {layer["digest"]: layer["size"] for layer in json.loads(manifest.read_text())["layers"]}

        base, ours = layers("debian-base"), layers("plexus")
        assert set(base) < set(ours)
        return sum(size for digest, size in ours.items() if digest not in base)

    def remove(self):
        self("rm", "--all", fine=(0, 125))
        self("rmi", "--all", "--force", fine=(0, 125))
        shutil.rmtree(STORE, ignore_errors=True)


class Container:
    """As an engine would run it: entry point, words, user and environment of the image, root read-only, no privileges. In
    place of a network of its own it has this machine's loopback."""

    def __init__(self, image, folder, port, internal_port, redis_url, name):
        self.image, self.port, self.internal_port, self.name = image, port, internal_port, name
        self.log_file = folder / f"{name}.log"
        self.process = None
        secrets = folder / "secrets"
        secrets.mkdir(exist_ok=True)
        for file, value in (("token_secret", SECRET), ("api_key", API_KEY)):
            (secrets / file).write_text(value + "\n")
        self.secrets = secrets
        own = dict(e.split("=", 1) for e in image.config["Env"])
        self.environment = own | {
            "PLEXUS_LISTEN__ADDRESS": "127.0.0.1", "PLEXUS_LISTEN__PORT": str(port),
            "PLEXUS_INTERNAL__ADDRESS": "127.0.0.1", "PLEXUS_INTERNAL__PORT": str(internal_port),
            "PLEXUS_BACKPLANE__URL": redis_url, "PLEXUS_NODE__NAME": name, "PLEXUS_NODE__DRAIN_TIMEOUT": "3s",
            "PLEXUS_CLIENT__TOKEN__HMAC_SECRET_FILE": "/run/token_secret", "PLEXUS_API__KEY_FILE": "/run/api_key",
            "PLEXUS_CHANNELS__NAMESPACES__CHAT": json.dumps(
                {"subscribe": "user", "publish": "subscriber", "history_size": 2000, "history_ttl": "1h"}
            ),
        }  # fmt: skip

    def words(self, *words):
        given = [f"{k}={v}" for k, v in self.environment.items()]
        user = self.image.config["User"]
        assert user.partition(":")[0] not in ("", "0", "root")
        # Mounts of its own: what is there and read-only, secrets, /proc.
        inside = (
            'mount --bind "$0" "$0" && mount -t tmpfs tmpfs "$0/run" && cp "$SECRETS"/* "$0/run/" && chmod 444 "$0"/run/*'
            ' && mount -o remount,ro "$0/run" && mount -t proc proc "$0/proc" && mount -o remount,bind,ro "$0" && exec "$@"'
        )
        uid, _, gid = user.partition(":")
        return ["env", f"SECRETS={self.secrets}", "unshare", "--mount", "--pid", "--fork", "--kill-child",
                "--propagation", "private", "sh", "-c", inside, self.image.root, "setpriv", "--no-new-privs",
                "chroot", f"--userspec={uid}:{gid}", self.image.root, "/usr/bin/env", "-i", *given, *words]  # fmt: skip

    async def start(self):
        words = self.words(*self.image.config["Entrypoint"], *self.image.config["Cmd"])
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen([str(w) for w in words], stdout=log, stderr=log)
        await until(self.healthy, f"{self.name} to be healthy", 30, every=0.2)
        return self

    def healthy(self):
        """By the image's own check."""
        assert self.process.poll() is None, self.log_file.read_text()
        kind, *check = self.image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return subprocess.run([str(w) for w in self.words(*check)], capture_output=True).returncode == 0

    async def stop(self):
        """With the image's stop signal, to the first process, as an engine does."""
        if self.process is None or self.process.poll() is not None:
            return
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            os.kill(int(pid), 15)
        await until(lambda: self.process.poll() is not None, f"the end of {self.name}", 20)
        assert self.process.returncode == 0, self.log_file.read_text()[-3000:]
