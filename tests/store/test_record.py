"""The record: what it holds of a trial, and how little it takes to add one and to read all."""

import dataclasses
import json
import random

import pytest
from optuna.pruners import MedianPruner

from dlstudy.store.home import Home
from dlstudy.store.journal import seal_of
from dlstudy.store.record import ArmRecord, Record
from dlstudy.study.trial import TrialResult, TrialSpec, make_parameters
from tests.helpers.builders import RATE, make_study

NAME = "s/default/a/search"
STUDY = make_study()
RESULT = TrialResult("finished", metrics={"val_accuracy": 0.5}, history={"val_accuracy": [0.4, 0.5]}, way="fake")


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path / "home")
    home.create()
    return home


def spec_of(key, row, params):
    study_path, split = "s.py", STUDY.protocol.split
    return TrialSpec(key, study_path, "digits", "a", "search", row, params, 7, 2, 32, split)


def begin(arm, row):
    tuned = {"rate": 0.1 + row / 1000}
    params = make_parameters(STUDY.arm("a"), STUDY.protocol, tuned)
    return spec_of(arm.begin(row, 7, tuned, params, RATE), row, params)


def add(arm, row, result=RESULT, run_id=""):
    value = result.metrics.get("val_accuracy") if result.state == "finished" else None
    return arm.end(begin(arm, row), result, value, run_id)


def open_arm(home, **options):
    return ArmRecord(Record.open(home), NAME, "maximize", **options)


def journal_lines(home):
    return home.journal.read_bytes().splitlines(keepends=True)


def test_a_trial_takes_three_lines_however_many_there_are(home):
    arm = open_arm(home)
    counts = []
    for row in range(5):
        before = len(journal_lines(home))
        add(arm, row, run_id="r")
        counts.append(len(journal_lines(home)) - before)
    assert counts == [3] * 5


def test_adding_a_trial_looks_at_no_other(home, monkeypatch):
    record = Record.open(home)
    arm = ArmRecord(record, NAME, "maximize")
    add(arm, 0)
    asked = []
    get = record.storage.get_all_trials
    monkeypatch.setattr(
        record.storage, "get_all_trials", lambda *args, **options: asked.append(1) or get(*args, **options)
    )
    assert [add(arm, row).number for row in range(1, 4)] == [1, 2, 3]
    assert asked == []
    assert len(arm.trials()) == 4
    assert asked == [1]


def test_two_arms_add_trials_side_by_side(home):
    record = Record.open(home)
    arms = [ArmRecord(record, f"s/default/{name}/search", "maximize") for name in "ab"]
    specs = [begin(arm, row) for row in range(2) for arm in arms]
    assert [spec.key.removeprefix("s/default/") for spec in specs] == [
        "a/search#0",
        "b/search#0",
        "a/search#1",
        "b/search#1",
    ]


def test_ended_trials_are_made_once_and_running_ones_each_time(home, monkeypatch):
    record = Record.open(home)
    arm = ArmRecord(record, NAME, "maximize")
    for row in range(3):
        add(arm, row)
    spec = begin(arm, 3)
    made = []
    make = TrialResult.from_json
    monkeypatch.setattr(TrialResult, "from_json", lambda data: made.append(1) or make(data))
    assert [trial.state for trial in record.trials("s", "default")] == ["finished"] * 3 + ["running"]
    arm.end(spec, RESULT, 0.5, "")
    assert [trial.state for trial in record.trials("s", "default")] == ["finished"] * 4
    assert record.trials("s", "default") == arm.trials()
    assert len(made) == 1  # each was made when it ended

    again = Record.open(home)
    made.clear()
    assert again.trials("s", "default") == again.trials("s", "default") == record.trials("s", "default")
    assert len(made) == 4


def test_an_mlflow_run_is_kept_with_the_result_or_later(home):
    record = Record.open(home)
    arm = ArmRecord(record, NAME, "maximize")
    keys = [add(arm, row, run_id=run_id).key for row, run_id in enumerate(("now", "", ""))]
    record.add_run_ids({keys[1]: "later"})
    for each in (record, Record.open(home), Record.open(home, for_writing=False)):
        assert [trial.run_id for trial in each.trials("s", "default")] == ["now", "later", ""]
        assert [trial.result for trial in each.trials("s", "default")] == [RESULT] * 3


def test_an_mlflow_run_that_has_a_line_of_its_own_is_read(home):
    arm = open_arm(home)
    add(arm, 0)
    log = json.loads(journal_lines(home)[-1])
    line = {"op_code": 8, "worker_id": log["worker_id"], "trial_id": 0, "user_attr": {"run_id": "early"}}
    lines = journal_lines(home)
    seal_of(home.journal).unlink()  # earlier versions had none
    home.journal.write_bytes(b"".join([*lines[:-1], json.dumps(line).encode() + b"\n", lines[-1]]))
    (trial,) = Record.open(home).trials("s", "default")
    assert trial.run_id == "early"


def test_the_direction_of_a_part_is_known(home):
    open_arm(home)
    ArmRecord(Record.open(home), "s/default/b/search", "minimize")
    record = Record.open(home, for_writing=False)
    assert [record.direction(f"s/default/{arm}/search") for arm in "ab"] == ["maximize", "minimize"]


def test_a_further_search_has_its_number_in_its_name_and_comes_after_the_first(home):
    record = Record.open(home)
    names = [f"s/default/{part}" for part in ("b/search", "a/search.3", "a/replicate.2", "a/search", "a/search.10")]
    for name in names:
        arm = ArmRecord(record, name, "maximize")
        assert add(arm, 0).key == f"{name}#0"
    for each in (record, Record.open(home, for_writing=False)):
        assert [(trial.phase, trial.arm, trial.search) for trial in each.trials("s", "default")] == [
            ("search", "a", 1), ("search", "a", 3), ("search", "a", 10), ("search", "b", 1), ("replicate", "a", 2),
        ]  # fmt: skip
    assert record.variants("s") == {"default": ["default"]}


def test_versions_of_all_runs_of_a_variant_are_known(home):
    record = Record.open(home)
    made = [{"keras": "3.14", "cores": "2"}, {"keras": "3.15", "cores": "2"}]
    for name, versions in (("s/default/a/search", made[0]), ("s/default/a/search.2", made[1])):
        add(ArmRecord(record, name, "maximize", made_with=versions), 0)
    add(ArmRecord(record, "s/default/a/search", "maximize", made_with=made[1]), 1)
    add(ArmRecord(record, "s/default~2/a/search", "maximize", made_with={"keras": "4"}), 0)
    add(ArmRecord(record, "s/quick/a/search", "maximize"), 0)
    for each in (record, Record.open(home, for_writing=False)):
        assert each.made_with("s", "default") == {"keras": "3.14, 3.15", "cores": "2"}
        assert each.made_with("s", "default~2") == {"keras": "4"}
        assert each.made_with("s", "quick") == each.made_with("t", "default") == {}


@pytest.mark.parametrize(
    ("result", "value"),
    [(RESULT, 0.5), (TrialResult("diverged", "loss"), None), (TrialResult("pruned", "hopeless"), None)],
)
def test_a_trial_of_which_only_the_state_was_not_written_ends_as_its_result_says(home, monkeypatch, result, value):
    arm = open_arm(home)
    monkeypatch.setattr(arm._study, "tell", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        add(arm, 0, result, "r")
    assert Record.open(home).trials("s", "default")[0].state == "running"
    (ended,) = open_arm(home).end_all("killed")
    assert (ended.state, ended.result, ended.value, ended.run_id) == (result.state, result, value, "r")
    assert Record.open(home).trials("s", "default") == [ended]


def test_a_trial_in_flight_ends_as_killed_for_the_reason_given(home):
    begin(open_arm(home), 0)
    (ended,) = open_arm(home).end_all("the power went")
    assert (ended.state, ended.result.reason, ended.value) == ("killed", "the power went", None)
    assert open_arm(home).end_all("again") == []


def test_versions_are_written_with_the_first_trial_and_once(home):
    record = Record.open(home)
    for _ in range(2):
        arm = ArmRecord(record, NAME, "maximize", made_with={"keras": "3.15"})
        assert record.made_with("s", "default") == ({} if not arm.trials() else {"keras": "3.15"})
        add(arm, len(arm.trials()))
        before = len(journal_lines(home))
        add(arm, len(arm.trials()))
        assert len(journal_lines(home)) - before == 3
    assert home.journal.read_text().count("made_with") == 1


def test_a_reader_sees_what_optuna_sees_wherever_the_journal_ends(home, tmp_path):
    arm = open_arm(home, pruner=MedianPruner(n_startup_trials=2))
    results = [
        RESULT,
        TrialResult("diverged", "loss"),
        TrialResult("pruned", "hopeless"),
        TrialResult("failed", "no luck"),
    ]
    for row in range(8):
        spec = begin(arm, row)
        for epoch in (1, 2):
            arm.report(spec.key, epoch, row / 10)
        result = results[row % len(results)]
        arm.end(spec, result, 0.5 if result is RESULT else None, f"run {row}")
    key, tuned = arm.propose(RATE)
    arm.describe(key, 8, 7, tuned, make_parameters(STUDY.arm("a"), STUDY.protocol, tuned))
    arm.report(key, 1, 0.3)
    whole = home.journal.read_bytes()
    assert b'"op_code":5' in whole
    assert b'"op_code":7' in whole
    cuts = random.Random(0).sample(range(len(whole)), 40)
    last_ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")][-12:]
    for n in sorted({*cuts, *last_ends}):
        copy = Home.at(tmp_path / str(n))
        copy.create()
        copy.journal.write_bytes(whole[:n])
        read = Record.open(copy, for_writing=False).trials("s", "default")
        assert copy.journal.read_bytes() == whole[:n]
        assert read == Record.open(copy).trials("s", "default"), n
    assert [trial.state for trial in read].count("finished") == 2
    assert read[-1].state == "running"
    assert read[-1].params["rate"] == tuned["rate"]


def test_a_database_holds_what_a_journal_holds(home, tmp_path):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    found = []
    for record in (Record.open(home), Record.open(home, url)):
        arm = ArmRecord(record, NAME, "maximize")
        key = add(arm, 0, run_id="r").key
        add(arm, 1, TrialResult("failed", "no luck"))
        late = add(arm, 2).key
        begin(arm, 3)
        record.add_run_ids({late: "later"})
        assert key == f"{NAME}#0"
        found.append(record.trials("s", "default"))
    again = Record.open(home, url, for_writing=False).trials("s", "default")
    times = {"started_s": 0.0, "ended_s": 0.0}
    mine, its, read = ([dataclasses.replace(trial, **times) for trial in trials] for trials in (*found, again))
    assert mine == its == read
    assert [(trial.state, trial.run_id) for trial in its] == [
        ("finished", "r"),
        ("failed", ""),
        ("finished", "later"),
        ("running", ""),
    ]
