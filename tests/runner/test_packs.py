"""A packed study: what is in the file, what a replay compares, and what it says where something differs."""

import json
import zipfile

import pytest

from dlstudy.cli.app import main
from dlstudy.errors import RecordError, UsageError
from dlstudy.runner import replay as replaying
from dlstudy.runner import snapshot as snapshots
from dlstudy.runner.packs import opened, pack_study
from dlstudy.runner.replay import changed_here, chosen_trials, replayed, study_of
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.store.snapshots import Snapshot, last_snapshot, note_snapshot
from dlstudy.study import loader
from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import FakeEngine, made_up


@pytest.fixture
def home(tiny, tmp_path):
    """The results of the tiny study, with a model in it."""
    made = Home.at(tmp_path / "my home")
    made.create()
    (tiny.parent / "own.py").write_text("WORD = 1\n")
    tiny.write_text(tiny.read_text().replace("def build(p):", "import own\n\n\ndef build(p):\n    assert own.WORD", 1))
    fake_runs.run(tiny, made)
    (made.root / "models/tiny/default").mkdir(parents=True)
    (made.root / "models/tiny/default/a.keras").write_text("a model")
    return made


@pytest.fixture
def packed(home, tiny, tmp_path):
    return pack_study(loader.load(tiny), None, home, None, tmp_path / "tiny.pack.zip", with_files=False)


def replay(path, result_of=made_up, n=100):
    """What a replay of a pack finds, with results that a function makes."""
    with opened(path) as pack:
        record = Record.open(pack.home, for_writing=False)
        study = study_of(loader.load(pack.path), record, None)
        chosen = chosen_trials(record.trials(study.name, study.variant), n, 0)
        return list(replayed(study, chosen, FakeEngine(result_of)))


def test_a_pack_has_the_code_the_record_and_what_it_was_made_from(packed, home):
    with zipfile.ZipFile(packed) as file:
        names = set(file.namelist())
        about = json.loads(file.read("pack.json"))
        environment = file.read("environment.txt").decode().splitlines()
    assert {"README.md", "code/tiny.py", "code/own.py", "report.html", "machine.json", "home/optuna.journal"} <= names
    assert not any(name.startswith("home/models") for name in names)
    assert (about["study"], about["file"], about["lacking"]) == ("tiny", "code/tiny.py", [])
    assert any(line.startswith("keras==") for line in environment)
    assert any(line.startswith("# dlstudy==") for line in environment), "no index has it"
    with opened(packed) as pack:
        record = Record.open(pack.home, for_writing=False)
        ours = Record.open(home, for_writing=False)
        assert record.trials("tiny", Variant()) == ours.trials("tiny", Variant())
        assert last_snapshot(record, "tiny", Variant()) == last_snapshot(ours, "tiny", Variant())


def test_every_trial_is_trained_again_from_its_own_parameters_and_seed(packed):
    found = replay(packed)
    assert len(found) == 21
    assert all(each.largest == 0 and not each.differences for each in found)


def test_another_number_is_told_with_where_it_differs(packed):
    def other(spec):
        result = made_up(spec)
        name = next(iter(result.metrics))
        return TrialResult(result.state, metrics={**result.metrics, name: 0.0}, history=result.history)

    (each,) = replay(packed, other, n=1)
    assert list(each.differences) == ["train_accuracy"]
    assert each.largest == each.trial.metrics["train_accuracy"]


def test_a_trial_that_fails_now_is_no_replay(packed):
    (each,) = replay(packed, lambda spec: TrialResult(TrialState.FAILED, "no such layer"), n=1)
    assert each.largest == float("inf")


def test_the_same_seed_draws_the_same_trials(packed):
    with opened(packed) as pack:
        trials = Record.open(pack.home, for_writing=False).trials("tiny", Variant())
    assert chosen_trials(trials, 5, 1) == chosen_trials(trials, 5, 1) != chosen_trials(trials, 5, 2)
    assert chosen_trials(trials, 100, 1) == [trial for trial in trials if trial.state is TrialState.FINISHED]


def test_what_differs_here_is_listed(packed, monkeypatch):
    with opened(packed) as pack:
        record = Record.open(pack.home, for_writing=False)
        study = study_of(loader.load(pack.path), record, None)
        assert changed_here(study, record) == []
        monkeypatch.setenv("TF_DETERMINISTIC_OPS", "1")
        there = [line for line in replaying.packages() if not line.startswith("keras==")]
        monkeypatch.setattr(replaying, "packages", lambda: [*there, "keras==1.0", "other==2"])
        keras = dict(line.split("==") for line in last_snapshot(record, "tiny", Variant()).packages)["keras"]
        assert changed_here(study, record) == [
            ("package keras", keras, "1.0"),
            ("package other", "none", "2"),
            ("TF_DETERMINISTIC_OPS", "none", "1"),
        ]


def test_code_that_has_changed_since_is_not_packed(home, tiny, tmp_path):
    (tiny.parent / "own.py").write_text("WORD = 2\n")
    with pytest.raises(RecordError, match=r"a pack would not be of what was run: .* the code of own.py changed"):
        pack_study(loader.load(tiny), None, home, None, tmp_path / "x.zip", with_files=False)
    assert not (tmp_path / "x.zip").exists()


def test_a_pack_that_was_changed_is_not_replayed(packed, tmp_path):
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"WORD = 1", b"WORD = 2") if name == "code/own.py" else content)
    with pytest.raises(RecordError, match=r"cannot be replayed here: .*the code of own.py changed$"):
        replay(changed)


@pytest.mark.parametrize("content", [None, b"no zip", {"a": b"b"}, {"pack.json": b"[]"}, {"pack.json": b"{}"}])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "some.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w") as file:
            for name, data in content.items():
                file.writestr(name, data)
    with pytest.raises(UsageError, match=r"some.zip must be a file that `dlstudy pack` wrote, got"), opened(path):
        pass


@pytest.mark.parametrize(
    ("version", "file", "message"),
    [
        (2, "code/tiny.py", "some.zip must be of version 1, got 2"),
        (1, "../../etc/passwd", "some.zip must be a file that `dlstudy pack` wrote"),
        (1, "/etc/passwd", "some.zip must be a file that `dlstudy pack` wrote"),
    ],
)
def test_a_later_pack_and_one_that_points_elsewhere_are_refused(tmp_path, version, file, message):
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("pack.json", json.dumps({"version": version, "study": "tiny", "file": file, "lacking": []}))
    with pytest.raises(UsageError, match=message), opened(path):
        pass


def test_a_file_that_would_leave_the_folder_is_refused(tmp_path):
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("../../escaped.txt", "x")
        packed.writestr("pack.json", json.dumps({"version": 1, "study": "a", "file": "code/a.py", "lacking": []}))
    with pytest.raises(UsageError, match=r"got a file \.\./\.\./escaped.txt"), opened(path):
        pass


def test_an_archived_study_comes_back_whole(home, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = Record.open(home, for_writing=False).trials("tiny", Variant())
    assert main(["archive", str(tiny), "--home", str(home.root)]) == 0
    assert Record.open(home, for_writing=False).studies() == []
    assert not list(home.root.glob("models/tiny"))
    assert main(["merge", "tiny.pack.zip", "--home", str(home.root)]) == 0
    assert Record.open(home, for_writing=False).trials("tiny", Variant()) == before
    assert (home.root / "models/tiny/default/a.keras").read_text() == "a model"


def test_a_pack_is_written_whole_or_not_at_all(home, tiny, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(UsageError, match=r"x\.zip cannot be written .No space left on device"):
        pack_study(loader.load(tiny), None, home, None, tmp_path / "x.zip", with_files=False)
    assert not list(tmp_path.glob("x.zip*"))


def test_a_snapshot_is_kept_once_and_its_parts_are_left_out_where_they_are_too_long(home, tiny, monkeypatch):
    assert home.journal.read_text().count('"snapshot ') == 1
    long = "".join(chr(33 + i * i % 90) for i in range(300_000))
    whole = Snapshot(("a==1",), {"TF_X": "1"}, {"cpu": "x"}, {"a.py": "x = 1"}, "+ changed")
    assert Snapshot.unpacked(whole.packed()) == whole
    monkeypatch.setattr("dlstudy.store.snapshots._MOST", 600)
    text = str([hash((i, 7)) for i in range(3_000)])
    shown = Snapshot.unpacked(Snapshot(("a==1",), code={"a.py": "x = 1"}, changes=text + long).packed())
    assert (shown.code, shown.changes) == (
        {"a.py": "x = 1"},
        f"({len(text + long):,} characters of changes are not kept)\n",
    )
    assert Snapshot.unpacked(Snapshot(("a==1",), code={"a.py": text}).packed()).code == {}


def test_the_last_snapshot_is_that_of_the_last_run_even_if_it_was_there_before(home):
    record = Record.open(home)
    first = last_snapshot(record, "tiny", Variant())
    other = Snapshot(("a==1",), hardware={"cpu": "one, and two"})
    for taken in (other, first, other):
        note_snapshot(record, "tiny", Variant(), taken)
        assert last_snapshot(record, "tiny", Variant()) == taken
    assert home.journal.read_text().count('"snapshot ') == 2


def test_changes_that_are_not_committed_are_in_the_snapshot(tiny, monkeypatch):
    import subprocess

    words = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tiny.parent)]
    subprocess.run([*words, "init", "-q"], check=True)
    subprocess.run([*words, "add", "tiny.py"], check=True)
    subprocess.run([*words, "commit", "-qm", "first"], check=True)
    assert snapshots.take_snapshot(loader.load(tiny)).changes == ""
    tiny.write_text(tiny.read_text() + "# more\n")
    taken = snapshots.take_snapshot(loader.load(tiny))
    assert "+# more" in taken.changes
    assert taken.code["tiny.py"].endswith("# more\n")
    assert "changes.diff" in taken.files
