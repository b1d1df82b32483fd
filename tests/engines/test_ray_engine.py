"""What only the engine of a cluster can do: no disk is shared, and nodes come and go."""

import socket
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from dlstudy.cli.app import main
from dlstudy.datasets import registry
from dlstudy.engines import ray_cluster, ray_engine
from dlstudy.engines.ray_engine import ClusterRequest, RayEngine
from dlstudy.errors import DlstudyError, UsageError
from dlstudy.study.trial import figures_beside
from tests.engines.test_engines import Heard, make_spec, wait_all
from tests.helpers.fake_trainer import broken, fake
from tests.helpers.full_form import FULL, in_full_form

pytest_plugins = ["tests.helpers.ray_clusters"]

HELPED = "import helper\nfrom package import part\nSTUDY = None"

slow = pytest.mark.skipif(not FULL, reason="takes half a minute: DLSTUDY_FAULTS=full runs it")


@pytest.fixture(scope="module", autouse=True)
def _digits():
    registry.ensure("digits")


@pytest.fixture
def nodes(cluster):
    """Adds nodes for a test; they leave with it."""
    added = []

    def add(**has):
        added.append(cluster.add(**has))
        return added[-1]

    yield add
    for node in added:
        cluster.end(node)


@pytest.fixture
def spec(tiny):
    def spec(index, kind="net", **changes):
        sleep = changes.pop("sleep", 0.0)
        return make_spec(tiny, index, params={"kind": kind, "sleep": sleep}, **changes)

    return spec


def start(address, decide=None, n=2, *, make=fake, say=print, **request):
    return closing(RayEngine(ClusterRequest(address, n, **request), "digits", decide or Heard(), say, make))


def refused(match, address, *, error=UsageError, **request):
    with pytest.raises(error, match=match), start(address, **request):
        pass


def wait_for_slots(engine, n):
    end = time.monotonic() + 60
    while len(engine.slots) != n and time.monotonic() < end:
        assert engine.wait(0.5) == []
    assert len(engine.slots) == n


@slow
def test_without_a_node_the_engine_gives_up(cluster, nodes, monkeypatch):
    monkeypatch.setattr(ray_engine, "_AWAY_S", 2)
    node = nodes(cpus=1)
    with start(cluster.address, n=1) as engine:
        cluster.end(node)
        with pytest.raises(DlstudyError, match="has had no node to train on for 2 s: start nodes with `ray start"):
            wait_all(engine, 1)


@slow
def test_gpus_are_shared_as_asked_and_leave_cores_alone(cluster, nodes):
    nodes(cpus=4, gpus=1)
    with start(cluster.address, n=9, per_gpu=3) as engine:
        wait_for_slots(engine, 3)
        assert all(slot.name.startswith("gpu:") for slot in engine.slots)
    refused(r"has 1 slots \(GPUs of 2 nodes\), got --workers 2: start more nodes", cluster.address, workers=2)


@pytest.fixture(scope="module")
def two_cpus(cluster):
    """A node that stays for the tests below, which need no other."""
    node = cluster.add(cpus=2)
    yield cluster.address
    cluster.end(node)


@slow
def test_the_files_that_a_study_reads_reach_a_node_that_cannot_read_them(two_cpus, spec, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "config.yaml").write_text("units: 64")
    (tmp_path / "data" / "x y.csv").write_text("1,2")
    made = RayEngine(
        ClusterRequest(two_cpus, 1), "digits", Heard(), print, fake, [tmp_path / "config.yaml", tmp_path / "data"]
    )
    with closing(made) as engine:
        engine.submit(spec(0, "reads files"))
        result = wait_all(engine, 1)["t#0"]
    assert (result.state, result.remarks) == ("finished", ("units: 64", "1,2")), result.reason
    assert list(result.opened) == ["config.yaml", "data/x y.csv"], "by the names that they have here"


@pytest.fixture(scope="module")
def heard():
    return Heard()


@pytest.fixture(scope="class")
def shared(two_cpus, heard):
    with start(two_cpus, heard) as engine:
        yield engine


@pytest.fixture
def engine(shared):
    wait_for_slots(shared, 2)
    return shared


@in_full_form
class TestTwoSlots:
    """What one engine goes through, test after test."""

    def test_a_study_and_what_it_imports_reach_a_node_that_cannot_read_them(self, engine, spec, tmp_path):
        (tmp_path / "tiny.py").write_text(HELPED)
        (tmp_path / "helper.py").write_text("import deeper\nSIZE = deeper.SIZE")
        (tmp_path / "deeper.py").write_text("SIZE = 7")
        (tmp_path / "other.py").write_text("SIZE = 9")
        (tmp_path / "package").mkdir()
        (tmp_path / "package" / "__init__.py").write_text("")
        (tmp_path / "package" / "part.py").write_text("SIZE = 8")
        engine.submit(spec(0, "reads the study"))
        result = wait_all(engine, 1)["t#0"]
        assert result.state == "finished", result.reason
        path, *rest = result.remarks
        assert rest == ["deeper.py", "helper.py", "package", "tiny.py", "7 8"]
        assert not path.startswith(str(tmp_path))

    def test_what_a_trial_writes_comes_home_in_place_of_what_was_there(self, engine, spec, tmp_path):
        model, logs = tmp_path / "models" / "net-1", tmp_path / "files" / "net"
        model.mkdir(parents=True)
        (model / "old").write_text("of an earlier run")
        engine.submit(spec(0, "writes", model_folder=str(model), folder=str(logs)))
        there = Path(wait_all(engine, 1)["t#0"].remarks[0])
        assert not there.exists()
        written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "tiny.py"]
        assert sorted(written) == sorted([logs / "logs" / "file", model / "file", figures_beside(model) / "file"])
        assert {path.stat().st_size for path in written} == {1_000_000}

    def test_a_model_that_cannot_be_put_in_place_costs_no_trial(self, engine, spec, tmp_path):
        (tmp_path / "file").write_text("no folder")
        engine.submit(spec(0, "writes", model_folder=str(tmp_path / "file" / "net"), folder=str(tmp_path / "logs")))
        result = wait_all(engine, 1)["t#0"]
        assert (result.state, result.model) == ("finished", "")
        assert result.remarks[-1].startswith("its files could not be kept: NotADirectoryError")

    def test_epochs_are_reported_in_order_and_a_prunable_trial_waits_for_the_answer(self, engine, spec, heard):
        heard.epochs.clear()
        heard.prune_at = {("t#1", 2)}
        engine.submit(spec(0, epochs=50))
        engine.submit(spec(1, epochs=50, prunable=True))
        states = {key: result.state for key, result in wait_all(engine, 2).items()}
        assert states == {"t#0": "finished", "t#1": "pruned"}
        assert [epoch for key, epoch in heard.epochs if key == "t#0"] == list(range(1, 51))
        assert [epoch for key, epoch in heard.epochs if key == "t#1"] == [1, 2]

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [("dies", "died: killed, out of memory or crashed"), ("raises", "broke: ValueError: what no trainer should")],
    )
    def test_a_slot_that_breaks_loses_its_trial_and_another_takes_its_place(self, engine, spec, kind, reason, capfd):
        slot = engine.submit(spec(0, kind))
        result = wait_all(engine, 1)["t#0"]
        assert result.state == "lost"
        assert f"slot {slot} {reason}" in result.reason
        assert len(engine.slots) == 1
        wait_for_slots(engine, 2)
        assert capfd.readouterr() == ("", ""), "Ray reports deaths on standard output"

    def test_a_trial_goes_on_from_its_checkpoint_in_another_slot(self, engine, spec, tmp_path):
        goes_on = spec(0, "goes on", checkpoint=str(tmp_path / "files" / "trial.checkpoint"))
        engine.submit(goes_on)
        assert wait_all(engine, 1)["t#0"].state == "lost"
        wait_for_slots(engine, 2)
        engine.submit(goes_on)
        result = wait_all(engine, 1)["t#0"]
        assert (result.state, result.remarks) == ("finished", ("half of it",))

    def test_a_trial_without_a_message_is_ended_after_its_limit(self, engine, spec):
        engine.submit(spec(0, sleep=600, silence_s=2))
        result = wait_all(engine, 1)["t#0"]
        assert result.state == "lost"
        assert "no message for 2 s (Protocol.silence_s)" in result.reason

    def test_a_trial_that_takes_too_long_is_ended_and_counts(self, engine, spec):
        slot = engine.submit(spec(0, sleep=600, trial_minutes=0.03))
        result = wait_all(engine, 1)["t#0"]
        assert (result.state, result.slot) == ("over time", slot)
        assert result.reason == "took longer than 0.03 minutes (Protocol.trial_minutes)"
        wait_for_slots(engine, 2)

    def test_a_slot_whose_process_grew_is_replaced(self, engine, spec, monkeypatch):
        monkeypatch.setattr(ray_engine, "GROWTH_MB", -1e9)
        engine.submit(spec(0))
        assert wait_all(engine, 1)["t#0"].state == "finished"
        assert len(engine.slots) == 1

    def test_slots_that_do_not_come_are_not_waited_for_for_ever(self, engine, monkeypatch):
        for member in engine._members.values():
            monkeypatch.setattr(member, "ready", False)
        engine._give_up_without_slots(299)
        with pytest.raises(DlstudyError, match="no slot of the Ray cluster started within 300 s: other work may hold"):
            engine._give_up_without_slots(1)


def test_more_than_the_cluster_has_is_refused(two_cpus):
    refused(r"has 2 slots \(CPUs of 2 nodes\), got --workers 3: start more nodes", two_cpus, workers=3)
    refused("no node of the Ray cluster has a GPU, got --per-gpu 2: leave it out", two_cpus, per_gpu=2)


def test_a_node_with_other_versions_is_refused(two_cpus, monkeypatch):
    mine = ray_engine.versions()
    monkeypatch.setattr(ray_engine, "versions", lambda: {**mine, "keras": "9.9"})
    refused(f"has keras {mine['keras']}, not 9.9: install the same versions there", two_cpus)


def test_slots_that_do_not_start_end_the_run(two_cpus, monkeypatch):
    monkeypatch.setattr(ray_engine, "STARTS_ALLOWED", 0)
    refused(
        r"do not start, the last: .*RuntimeError: nothing can be trained here",
        two_cpus,
        make=broken,
        error=DlstudyError,
    )


@in_full_form
def test_a_node_that_is_killed_costs_its_trials_one_try_and_one_that_joins_is_used(cluster, two_cpus, nodes, spec):
    leaves = nodes(cpus=1)
    with start(two_cpus, n=10) as engine:
        wait_for_slots(engine, 3)
        hosts = {f"t#{i}": engine.submit(spec(i, sleep=600)).rpartition("/")[0] for i in range(3)}
        cluster.kill(leaves)
        ((key, result),) = wait_all(engine, 1).items()
        assert result.state == "lost"
        assert "is gone: its node" in result.reason
        assert list(hosts.values()).count(hosts[key]) == 1, "the node with one slot"
        wait_for_slots(engine, 2)
        nodes(cpus=1)
        wait_for_slots(engine, 3)
        assert engine.submit(spec(3)).rpartition("/")[0] not in hosts.values(), "a new node has a name of its own"
        assert wait_all(engine, 1)["t#3"].state == "finished"


@slow
def test_a_wrong_token_is_reported(two_cpus, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    with pytest.raises(UsageError, match="asks for its token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here"):
        ray_cluster.connect(two_cpus)


def test_an_address_where_nothing_listens_is_refused():
    with pytest.raises(UsageError, match=r"no Ray cluster listens at 127\.0\.0\.1:1 \(ConnectionRefusedError"):
        ray_cluster.connect("127.0.0.1:1")
    with pytest.raises(UsageError, match="no Ray cluster listens at there"):
        ray_cluster.connect("there")


def test_an_address_where_something_else_answers_is_refused(monkeypatch):
    monkeypatch.setattr(ray_cluster, "_ANSWER_S", 3)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"no Ray cluster answers at {address} within 3 s: start one with `ray"):
            ray_cluster.connect(address)


@pytest.mark.parametrize("address", ["local", "ray://127.0.0.1:10001"])
def test_an_address_that_would_start_a_cluster_or_needs_rays_client_is_refused(address):
    with pytest.raises(
        UsageError, match=f"--ray-address is the HOST:PORT of a running cluster, or auto, got {address}"
    ):
        ray_cluster.connect(address)


def test_without_the_extra_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r'not installed: pip install "dlstudy\[ray\]"'):
        ray_cluster.connect("127.0.0.1:1")


def test_an_address_without_the_engine_is_refused(tiny, capsys):
    assert main(["run", str(tiny), "--ray-address", "127.0.0.1:1"]) == 2
    assert "--ray-address is for --engine ray, got it with --engine local" in capsys.readouterr().err
