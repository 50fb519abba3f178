"""What operators get, tried as they would: rules and dashboard, package, image, load balancer, chart. Nodes, clients and
Redis are those of tests/e2e."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest
import pytest_asyncio

from places import BUILD, ROOT
from support.redis import Redis

_from = importlib.util.spec_from_file_location("e2e_conftest", ROOT / "tests/e2e/conftest.py")
_e2e = importlib.util.module_from_spec(_from)
_from.loader.exec_module(_e2e)
pytest_configure = _e2e.pytest_configure
plexus, wire = _e2e.plexus, _e2e.wire


@pytest_asyncio.fixture
async def redis(tmp_path):
    one = await Redis(tmp_path / "redis", "--appendonly", "yes").start()
    yield one
    await one.stop()


def _made(script, *words):
    done = subprocess.run([ROOT / "scripts" / script, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip()
    return ROOT / done.stdout.strip()


@pytest.fixture(scope="session")
def package():
    """The Debian package of the build under test."""
    return _made("deb", BUILD)


@pytest.fixture(scope="session")
def debian():
    """A clean Debian as a tar file."""
    if os.geteuid() != 0:
        pytest.skip("package and image are tried in a clean Debian of their own, which only root can make and enter")
    return _made("debian_base")


@pytest.fixture(scope="session")
def tree(debian, tmp_path_factory):
    """A folder with a clean Debian of this test run's own, in which programs can be called: `tree(words...)`."""
    folder = tmp_path_factory.mktemp("debian")
    subprocess.run(["tar", "-C", folder, "-xf", debian], check=True)
    folder.chmod(0o755)
    return Tree(folder)


class Tree:
    def __init__(self, folder):
        self.folder = Path(folder)

    def words(self, *words, user=None, environment=None):
        """To be run: in mount and process namespaces, so that nothing is left."""
        given = [f"{k}={v}" for k, v in {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(environment or {})}.items()]
        who = ["--userspec", user] if user else []
        inside = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec "$@"'
        return [
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", inside,
            str(self.folder), "chroot", *who, str(self.folder), "env", "-i", *given, *[str(w) for w in words],
        ]

    def __call__(self, *words, **how):
        done = subprocess.run(self.words(*words, **how), capture_output=True, text=True)
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout
