"""Where things are."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ.get("PLEXUS_BUILD_DIR") or ROOT / "build" / "release").absolute()
HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
