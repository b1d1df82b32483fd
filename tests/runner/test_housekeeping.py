"""Studies that are removed, renamed and merged: what is left is what was, under kills too, and runs go on with it."""

import shutil
from contextlib import suppress
from dataclasses import replace

import pytest

from dlstudy.errors import RecordError, StoreError, StudyError, UsageError
from dlstudy.runner.garbage import collect_garbage
from dlstudy.runner.housekeeping import Stores, merge, remove, rename
from dlstudy.runner.limits import RunLimits
from dlstudy.runner.loop import train_missing
from dlstudy.runner.packs import opened, pack_study
from dlstudy.store import journal
from dlstudy.store.copying import copy_parts, stored_parts
from dlstudy.store.home import Home
from dlstudy.store.notes import read_notes
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs
from tests.helpers.fake_engine import Deaf, FakeEngine
from tests.helpers.full_form import also_in_full_form

pytest_plugins = ["tests.helpers.database_servers"]

N_TRAININGS = 21


class Killed(BaseException):
    """What a process that is killed does not survive."""


class Place:
    """A results folder with the tiny study, in some state."""

    def __init__(self, folder, tiny):
        self.tiny, self.home = tiny, Home.at(folder)
        self.stores = Stores(self.home, None, f"sqlite:///{self.home.mlflow_db}")

    def run(self, path=None, at_most=N_TRAININGS):
        """Trains what is missing, or is killed after `at_most` trainings; returns how many there were."""
        self.home.create()
        engine, trained = FakeEngine(n=1), []

        def stop(timeout_s, wait=engine.wait):
            if len(trained) == at_most:
                raise KeyboardInterrupt
            trained.append(timeout_s)
            return wait(timeout_s)

        engine.wait = stop
        with suppress(KeyboardInterrupt):
            fake_runs.run(path or self.tiny, self.home, engine=engine)
        return len(trained)

    def file_of(self, study, text):
        """Something in each of the study's folders."""
        for kind in ("files", "models"):
            path = self.home.root / kind / study / "default" / "net"
            path.mkdir(parents=True, exist_ok=True)
            (path / "it.txt").write_text(text)

    def table(self, study="tiny"):
        trials = Record.open(self.home, for_writing=False).trials(study, Variant())
        done = [trial for trial in trials if trial.state.is_final]
        found = {(t.phase, t.arm, t.search, t.index, t.seed, t.setting_key): dict(t.metrics) for t in done}
        assert len(found) == len(done)
        return found


@pytest.fixture
def place(tmp_path, tiny):
    return Place(tmp_path / "here", tiny)


@pytest.fixture
def other(tmp_path, tiny):
    return Place(tmp_path / "other home", tiny)


@pytest.fixture
def whole(tmp_path, tiny):
    """The table of a run that nothing disturbed."""
    found = Place(tmp_path / "undisturbed", tiny)
    assert found.run() == N_TRAININGS
    return found.table()


@pytest.fixture
def renamed(tiny, tmp_path):
    """The study's file under its new name."""
    path = tmp_path / "later.py"
    shutil.copy(tiny, path)
    return path


def dying_at(n, monkeypatch):
    """Kills what appends to a journal for the n-th time."""
    append, count = journal._Writer._append, iter(range(10**6))

    def dying(self, lines):
        if next(count) == n:
            raise Killed
        append(self, lines)

    monkeypatch.setattr(journal._Writer, "_append", dying)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(place):
    place.run()
    place.file_of("tiny", "x")
    before = place.home.journal.read_bytes()
    lines = remove("tiny", None, place.stores, dry_run=True)
    assert lines[-1] == "would remove 21 trials of tiny, default, in the record"
    assert [line.endswith("1 file, 0.0 MB") for line in lines[:-1]] == [True, True]
    rename("tiny", "later", place.stores, dry_run=True)
    collect_garbage(place.stores, dry_run=True)
    assert place.home.journal.read_bytes() == before
    assert len(place.home.of_study("tiny")) == 2


def test_what_is_removed_is_gone_and_can_be_run_again(place, whole):
    place.run()
    place.file_of("tiny", "x")
    remove("tiny", None, place.stores, dry_run=False)
    assert Record.open(place.home, for_writing=False).studies() == []
    assert place.home.of_study("tiny") == []
    with pytest.raises(RecordError, match="no results of 'tiny' here: known are none"):
        remove("tiny", None, place.stores, dry_run=False)
    assert place.run() == N_TRAININGS
    assert place.table() == whole


def test_one_generation_is_removed_by_its_name(place, whole):
    place.run()
    fake_runs.run(place.tiny, place.home, Request(fresh=True))
    first, second = Record.open(place.home, for_writing=False).variants("tiny")[Variant()]
    with pytest.raises(RecordError, match=f"tiny has no variant 'quick': known are {first}, {second}"):
        remove("tiny", "quick", place.stores, dry_run=False)
    remove("tiny", str(second), place.stores, dry_run=False)
    assert Record.open(place.home, for_writing=False).variants("tiny")[Variant()] == [first]
    assert place.table() == whole


@pytest.mark.parametrize("n", [0, 3, 7, *also_in_full_form(*range(0, 40, 2))])
def test_a_killed_removal_goes_on(place, whole, monkeypatch, n):
    place.run()
    with monkeypatch.context() as patch, suppress(Killed):
        dying_at(n, patch)
        remove("tiny", None, place.stores, dry_run=False)
    if Record.open(place.home, for_writing=False).studies():
        remove("tiny", None, place.stores, dry_run=False)
    assert place.run() == N_TRAININGS
    assert place.table() == whole


def test_a_renamed_study_goes_on_with_the_draws_that_it_was_begun_with(place, renamed, whole):
    assert place.run(at_most=9) == 9
    place.file_of("tiny", "x")
    rename("tiny", "later", place.stores, dry_run=False)
    record = Record.open(place.home, for_writing=False)
    assert record.studies() == ["later"]
    assert (place.home.root / "models/later/default/net/it.txt").is_file()
    assert place.run(renamed) == N_TRAININGS - 9
    assert place.table("later") == whole
    rename("later", "tiny", place.stores, dry_run=False)
    assert read_notes(Record.open(place.home, for_writing=False), "tiny", Variant()).begun_as == "tiny"
    assert place.table() == whole


@pytest.mark.parametrize("n", [0, 5, 21, 30, *also_in_full_form(*range(0, 60, 3))])
def test_a_killed_renaming_goes_on(place, renamed, whole, monkeypatch, n):
    place.run(at_most=12)
    place.file_of("tiny", "x")
    with monkeypatch.context() as patch, suppress(Killed):
        dying_at(n, patch)
        rename("tiny", "later", place.stores, dry_run=False)
    if "tiny" in Record.open(place.home, for_writing=False).studies():
        rename("tiny", "later", place.stores, dry_run=False)
    assert Record.open(place.home, for_writing=False).studies() == ["later"]
    assert place.run(renamed) == N_TRAININGS - 12
    assert place.table("later") == whole


def test_a_name_that_is_taken_or_wrong_is_refused(place):
    place.run(at_most=3)
    rename("tiny", "later", place.stores, dry_run=False)
    place.run(at_most=3)
    with pytest.raises(RecordError, match="there are results of 'later' already: choose another name"):
        rename("tiny", "later", place.stores, dry_run=False)
    with pytest.raises(StudyError, match="the new name of a study must be 1 to 64 letters"):
        rename("tiny", "a/b", place.stores, dry_run=False)
    with pytest.raises(UsageError, match="another one, got 'tiny' twice"):
        rename("tiny", "tiny", place.stores, dry_run=False)


def test_a_study_that_runs_is_not_touched(place, other):
    place.run(at_most=3)
    with place.home.held("tiny"):
        for call in (
            lambda: remove("tiny", None, place.stores, dry_run=False),
            lambda: remove("tiny", None, place.stores, dry_run=True),
            lambda: rename("tiny", "later", place.stores, dry_run=False),
            lambda: collect_garbage(place.stores, dry_run=False),
            lambda: merge(place.home, [], None, other.stores, dry_run=False),
        ):
            with pytest.raises(RecordError, match="tiny is being run"):
                call()


def test_merging_copies_what_is_not_there_and_is_done_twice_without_harm(place, other, whole):
    place.run()
    place.file_of("tiny", "x")
    before = place.home.journal.read_bytes()
    for new in (21, 0):
        (line, *_) = merge(place.home, [], None, other.stores, dry_run=False)
        assert line == f"copy {new} of 21 trials of tiny"
    assert place.home.journal.read_bytes() == before
    assert other.table() == whole
    assert (other.home.root / "files/tiny/default/net/it.txt").read_text() == "x"
    assert other.run() == 0


@pytest.mark.parametrize("n", [2, 13, *also_in_full_form(*range(0, 30, 2))])
def test_a_killed_merging_goes_on_and_what_had_grown_is_copied_too(place, other, whole, monkeypatch, n):
    place.run(at_most=10)
    with monkeypatch.context() as patch, suppress(Killed):
        dying_at(n, patch)
        merge(place.home, ["tiny"], None, other.stores, dry_run=False)
    place.run()
    merge(place.home, ["tiny"], None, other.stores, dry_run=False)
    assert other.table() == whole


def test_other_trials_of_the_same_part_are_refused_and_can_have_a_name_of_their_own(place, other, whole):
    place.run()
    other.run(at_most=8)
    before = other.home.journal.read_bytes()
    with pytest.raises(RecordError, match=r"has other trials in each of the two places.*--as"):
        merge(place.home, [], None, other.stores, dry_run=False)
    assert other.home.journal.read_bytes() == before
    merge(place.home, [], "theirs", other.stores, dry_run=False)
    assert other.table("theirs") == whole
    assert len(other.table()) == 8


def test_what_cannot_be_merged_is_said(place, other, tmp_path):
    place.run(at_most=3)
    with pytest.raises(RecordError, match=r"no results of 'nets' in .*: known are tiny"):
        merge(place.home, ["nets"], None, other.stores, dry_run=False)
    with pytest.raises(RecordError, match="must be a results folder with a record, got none in it"):
        merge(Home.at(tmp_path), [], None, other.stores, dry_run=False)


def test_a_record_from_elsewhere_names_no_other_folder(place, other, tmp_path):
    place.run(at_most=3)
    record = Record.open(place.home)
    names = stored_parts(record, "tiny")
    copy_parts(record, record, {part: part.replace("tiny/", "../", 1) for part in names})
    for studies, name in (([".."], None), ([], None), (["tiny"], "../x")):
        with pytest.raises(StudyError, match="the name of a study must be 1 to 64 letters"):
            merge(place.home, studies, name, other.stores, dry_run=False)
    assert not other.home.root.exists()


def test_garbage_is_what_no_trial_needs_and_the_record_says_the_same(place, whole):
    place.run()
    remove("tiny", None, place.stores, dry_run=False)
    place.run()
    place.file_of("tiny", "no trial is called so")
    (place.home.root / "files/unknown/default/a/b").mkdir(parents=True)
    long = place.home.journal.stat().st_size
    lines = collect_garbage(place.stores, dry_run=False)
    assert any("files/tiny/default/net/it.txt: 1 file" in line for line in lines)
    assert place.home.journal.stat().st_size < 0.6 * long
    assert place.table() == whole
    assert place.run() == 0
    assert (place.home.root / "files/unknown/default/a/b").is_dir(), "of a study of another record"
    assert collect_garbage(place.stores, dry_run=True) == []


def test_a_journal_that_cannot_be_rewritten_is_as_it_was(place, whole, monkeypatch):
    place.run()
    before = place.home.journal.read_bytes()

    def full(file, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "_write_through", full)
        with pytest.raises(StoreError, match="No space left on device"):
            collect_garbage(place.stores, dry_run=False)
    assert place.home.journal.read_bytes() == before
    assert not list(place.home.root.glob("*.new"))
    assert place.table() == whole


@pytest.mark.slow
def test_a_study_moves_into_a_database_and_is_renamed_packed_and_removed_there(place, tiny, renamed, whole, database):
    place.run(at_most=12)
    url = database.fresh()
    stores = replace(place.stores, storage=url)
    for new in (13, 0):  # the one that was killed too
        (line, *_) = merge(place.home, [], None, stores, dry_run=False)
        assert line.startswith(f"copy {new} of ")
    rename("tiny", "later", stores, dry_run=False)
    record = Record.open(place.home, url, for_writing=False)
    assert record.studies() == ["later"]
    assert {trial.key.replace("later", "tiny") for trial in record.trials("later", Variant())} == {
        trial.key for trial in Record.open(place.home, for_writing=False).trials("tiny", Variant())
    }
    plan, recorder = fake_runs.begin_run(renamed, place.home, storage=url)
    limits = RunLimits()
    assert train_missing(plan, recorder, lambda *_: FakeEngine(), [Deaf()], lambda key: "", limits) == N_TRAININGS - 12
    path = pack_study(loader.load(renamed), None, place.home, url, place.home.root / "x.zip", with_files=False)
    with opened(path) as pack:
        trials = Record.open(pack.home, for_writing=False).trials("later", Variant())
    done = [trial for trial in trials if trial.state.is_final]
    found = {(t.phase, t.arm, t.search, t.index, t.seed, t.setting_key): dict(t.metrics) for t in done}
    assert found == whole
    remove("later", None, stores, dry_run=False)
    assert Record.open(place.home, url, for_writing=False).studies() == []
