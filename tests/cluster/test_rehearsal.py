"""A cluster played by one machine: PostgreSQL, an MLflow server and two Ray nodes, one of which is killed in mid-study.

`make cluster-test` runs it: `dlstudy run optimizers --quick` must end with the table of the local engine.
"""

import json
import os
import time

import pytest

from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.variant import Variant
from tests.cluster.runs import finish, start, table
from tests.helpers.mlflow_server import MlflowServer

pytest_plugins = ["tests.helpers.ray_clusters", "tests.helpers.database_servers"]
pytestmark = pytest.mark.skipif(
    os.environ.get("DLSTUDY_CLUSTER") != "1", reason="starts a small cluster and trains for minutes: make cluster-test"
)

STUDY, QUICK = ("optimizers", "--quick"), Variant(quick=True)
KILLED_AFTER = 5  # trials


def await_trainings(n, process, storage):
    """Waits until at least n are finished; how many are."""
    while True:
        n_finished = len(table(Record.open(Home.at("none"), storage, for_writing=False), "optimizers", QUICK))
        if n_finished >= n:
            return n_finished
        assert process.poll() is None, process.communicate()
        time.sleep(1)


@pytest.fixture
def mlflow_server(postgres, tmp_path):
    server = MlflowServer(tmp_path, postgres.fresh())
    server.start()
    yield server
    server.kill()


def test_a_study_whose_machine_and_a_node_are_lost_ends_with_the_table_of_one_machine(
    cluster, postgres, mlflow_server, tmp_path
):
    say = print
    homes = [Home.at(tmp_path / name) for name in ("alone", "first", "second")]
    finish(start("run", *STUDY, "--home", str(homes[0].root)))
    alone = table(Record.open(homes[0], for_writing=False), "optimizers", QUICK)
    say(f"\none machine, engine local: {len(alone)} trainings")

    storage = postgres.fresh()
    stores = ("--storage", storage, "--tracking-uri", mlflow_server.uri)
    on_ray = (*STUDY, "--engine", "ray", "--ray-address", cluster.address, *stores)
    nodes = [cluster.add(), cluster.add()]
    with start("run", *on_ray, "--home", str(homes[1].root)) as first:
        n_finished = await_trainings(KILLED_AFTER, first, storage)
        cluster.kill(nodes[1])
        say(f"two Ray nodes, PostgreSQL, MLflow on a server: a node is killed after {n_finished} trainings")
        n_finished = await_trainings(2 * KILLED_AFTER, first, storage)
        first.kill()
    say(f"and the machine that runs the study after {n_finished}: another one continues, with an empty home")
    report = json.loads(finish(start("run", *on_ray, "--home", str(homes[2].root), "--json")))

    record = Record.open(homes[2], storage, for_writing=False)
    assert table(record, "optimizers", QUICK) == alone
    trials = record.trials("optimizers", QUICK)
    lost = [trial for trial in trials if trial.state != "finished"]
    assert {trial.state for trial in lost} <= {"lost", "killed"}
    assert len(lost) <= 2 + 1  # a try on the node that was killed, and those in flight when the machine was
    _, runs = mlflow_server.runs("optimizers")
    assert len(runs) == len(trials) + 1
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED", "FAILED"}
    assert sum(run.info.status == "FINISHED" for run in runs) == len(alone) + 1
    say(f"{len(alone)} trainings, {len(lost)} more tries lost: the same table, number for number")
    say(report["answer"])
