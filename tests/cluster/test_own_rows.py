"""Rows of one's own on two Ray nodes, which see neither its folder nor the cache of the machine that runs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.variant import Variant
from tests.cluster.runs import finish, start, table

pytest_plugins = ["tests.helpers.ray_clusters"]
pytestmark = pytest.mark.skipif(
    os.environ.get("DLSTUDY_CLUSTER") != "1", reason="starts a small cluster and trains for minutes: make cluster-test"
)

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def titanic(tmp_path, monkeypatch):
    """The example with its CSV file, in a folder that is `hidden` from the nodes."""
    monkeypatch.setenv("DLSTUDY_CACHE", str(tmp_path / "cache"))
    for name in ("titanic.py", "get_data.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    subprocess.run([sys.executable, tmp_path / "get_data.py"], check=True)
    return tmp_path / "titanic.py"


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0,
    reason="this user may not hide folders from a process: unshare --mount",
)
def test_rows_of_ones_own_train_on_nodes_without_a_shared_disk_to_the_same_numbers(titanic, cluster, tmp_path):
    homes = [Home.at(tmp_path / name) for name in ("alone", "cluster")]
    run = ("run", str(titanic), "--quick")
    finish(start(*run, "--home", str(homes[0].root)))
    nodes = [cluster.add(hidden=[tmp_path]) for _ in range(2)]
    finish(start(*run, "--engine", "ray", "--ray-address", cluster.address, "--home", str(homes[1].root)))
    for node in nodes:
        cluster.end(node)
    alone, apart = (table(Record.open(home, for_writing=False), "titanic", Variant(quick=True)) for home in homes)
    assert len(alone) > 4
    assert apart == alone
    print(f"\n{len(alone)} trainings on one machine, {len(apart)} on two nodes: the same table, number for number")
