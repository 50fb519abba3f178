"""Where the plugins of the tests are: the build makes them beside the unit tests."""

import os
from pathlib import Path

from support.node import PROGRAM


def plugin(name):
    """The path of lib<name>.so of the build that the node is of."""
    named = os.environ.get("PLEXUS_TEST_PLUGINS")
    root = Path(__file__).parents[3]
    places = [Path(named)] if named else []
    places += [PROGRAM.parents[2] / "tests", root / "build" / "release" / "tests"]
    for each in places:
        if (each / f"lib{name}.so").exists():
            return str(each / f"lib{name}.so")
    raise AssertionError(f"lib{name}.so is in none of {places}: build the target {name}")
