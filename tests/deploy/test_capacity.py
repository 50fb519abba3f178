"""scripts/capacity counts as the nodes do, and docs/capacity.md shows what it says."""

import re
import runpy
import subprocess
from types import SimpleNamespace

import pytest

from places import ROOT

CAPACITY = runpy.run_path(str(ROOT / "scripts/capacity"))


def test_its_numbers_are_the_nodes():
    source = (ROOT / "actors/runtime/machine.cpp").read_text()
    told = dict(re.findall(r"constexpr std::size_t (\w+) = ([^;]+);", source))
    for name in ("reserved_files", "own_memory", "client_memory", "tls_client_memory"):
        value = eval(told[name].replace("U", ""))  # a number, or one shifted
        assert CAPACITY[name.upper()] == value, name


@pytest.mark.parametrize("memory, tls, clients", [(128, False, 3413), (128, True, 1280), (512, False, 19_797), (64, False, 1365)])
def test_a_node_in_a_container_takes_as_many(memory, tls, clients):
    """The same cases as in tests/actors/runtime/machine_test.cpp."""
    assert CAPACITY["taken_by_memory"](memory, tls) == clients


@pytest.mark.parametrize("files", [100, 400, 1024, 20_000])
def test_with_one_node_gone_the_others_take_everybody(files):
    for clients in (1, 824, 20_000, 1_000_000):
        for memory, tls in ((64, False), (512, True), (4096, False)):
            given = SimpleNamespace(
                clients=clients, tls=tls, node_memory=memory, node_files=files, node_cores=1000, node_mbit=1e6,
                received_per_client=0, published=0, reconnects=0, message_size=0,
            )  # fmt: skip
            needed = max(count for _, count in CAPACITY["nodes_for"](given))
            takes = min(CAPACITY["taken_by_memory"](memory, tls), CAPACITY["taken_by_files"](files))
            assert needed * takes >= clients - 0.001


def test_the_examples_say_what_it_says():
    page = (ROOT / "docs/capacity.md").read_text()
    shown = re.findall(r"```sh\n(scripts/capacity .*)\n```\n```\n([^`]*)```", page)
    assert len(shown) == 2
    for command, said in shown:
        assert subprocess.run(command.split(), cwd=ROOT, capture_output=True, text=True).stdout == said
