"""The record: what it holds of a trial, and how little it takes to add one and to read all."""

import dataclasses
import json
import random

import optuna
import pytest
from optuna.pruners import MedianPruner

from dlstudy.errors import RecordError
from dlstudy.store.arm_record import ArmRecord
from dlstudy.store.home import Home
from dlstudy.store.journal import seal_of
from dlstudy.store.record import Record
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.trial import TrainedBy, TrialResult, TrialSpec, TrialState, make_parameters
from dlstudy.study.variant import Variant
from tests.helpers.builders import RATE, make_study

DEFAULT = Variant()
NAME = RecordName("s", DEFAULT, "a", Phase.SEARCH)
STUDY = make_study()
RESULT = TrialResult(
    TrialState.FINISHED,
    metrics={"val_accuracy": 0.5},
    history={"val_accuracy": [0.4, 0.5]},
    trained_by=TrainedBy.FIT,
    remarks=["made up"],
)
DIVERGED, PRUNED = TrialResult(TrialState.DIVERGED, "loss"), TrialResult(TrialState.PRUNED, "hopeless")
FAILED = TrialResult(TrialState.FAILED, "no luck")


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path / "home")
    home.create()
    return home


def spec_of(key, index, params):
    study_path, split = "s.py", STUDY.protocol.split
    return TrialSpec(key, study_path, "digits", "a", Phase.SEARCH, index, params, 7, 2, 32, split)


def begin(arm, index):
    tuned = {"rate": 0.1 + index / 1000}
    params = make_parameters(STUDY.arm("a"), STUDY.protocol, tuned)
    return spec_of(arm.begin(index, 7, tuned, params, RATE), index, params)


def add(arm, index, result=RESULT, run_id=""):
    value = result.metrics.get("val_accuracy") if result.state is TrialState.FINISHED else None
    return arm.end(begin(arm, index), result, value, run_id)


def named(text):
    return RecordName.parse(text)


def open_arm(home, **options):
    return ArmRecord(Record.open(home), NAME, Direction.MAXIMIZE, **options)


def journal_lines(home):
    return home.journal.read_bytes().splitlines(keepends=True)


def test_a_trial_takes_three_lines_however_many_there_are(home):
    arm = open_arm(home)
    counts = []
    for index in range(5):
        before = len(journal_lines(home))
        add(arm, index, run_id="r")
        counts.append(len(journal_lines(home)) - before)
    assert counts == [3] * 5


def test_adding_a_trial_looks_at_no_other(home, monkeypatch):
    record = Record.open(home)
    arm = ArmRecord(record, NAME, Direction.MAXIMIZE)
    add(arm, 0)
    asked = []
    get = record.storage.get_all_trials
    monkeypatch.setattr(
        record.storage, "get_all_trials", lambda *args, **options: asked.append(1) or get(*args, **options)
    )
    assert [add(arm, index).number for index in range(1, 4)] == [1, 2, 3]
    assert asked == []
    assert len(record.trials_of(NAME)) == 4
    assert asked == [1]


def test_two_arms_add_trials_side_by_side(home):
    record = Record.open(home)
    arms = [ArmRecord(record, named(f"s/default/{name}/search"), Direction.MAXIMIZE) for name in "ab"]
    specs = [begin(arm, index) for index in range(2) for arm in arms]
    assert [spec.key.removeprefix("s/default/") for spec in specs] == [
        "a/search#0",
        "b/search#0",
        "a/search#1",
        "b/search#1",
    ]


def test_ended_trials_are_made_once_and_running_ones_each_time(home, monkeypatch):
    record = Record.open(home)
    arm = ArmRecord(record, NAME, Direction.MAXIMIZE)
    for index in range(3):
        add(arm, index)
    spec = begin(arm, 3)
    made = []
    make = TrialResult.from_json
    monkeypatch.setattr(TrialResult, "from_json", lambda data: made.append(1) or make(data))
    assert [trial.state for trial in record.trials("s", DEFAULT)] == ["finished"] * 3 + ["running"]
    arm.end(spec, RESULT, 0.5, "")
    assert [trial.state for trial in record.trials("s", DEFAULT)] == ["finished"] * 4
    assert record.trials("s", DEFAULT) == record.trials_of(NAME)
    assert len(made) == 1  # each was made when it ended

    again = Record.open(home)
    made.clear()
    assert again.trials("s", DEFAULT) == again.trials("s", DEFAULT) == record.trials("s", DEFAULT)
    assert len(made) == 4


def test_an_mlflow_run_is_kept_with_the_result_or_later(home):
    record = Record.open(home)
    arm = ArmRecord(record, NAME, Direction.MAXIMIZE)
    keys = [add(arm, index, run_id=run_id).key for index, run_id in enumerate(("now", "", ""))]
    record.add_run_ids({keys[1]: "later"})
    for each in (record, Record.open(home), Record.open(home, for_writing=False)):
        assert [trial.run_id for trial in each.trials("s", DEFAULT)] == ["now", "later", ""]
        assert [trial.result for trial in each.trials("s", DEFAULT)] == [RESULT] * 3


def test_an_mlflow_run_that_has_a_line_of_its_own_is_read(home):
    arm = open_arm(home)
    add(arm, 0)
    log = json.loads(journal_lines(home)[-1])
    line = {"op_code": 8, "worker_id": log["worker_id"], "trial_id": 0, "user_attr": {"run_id": "early"}}
    lines = journal_lines(home)
    seal_of(home.journal).unlink()  # earlier versions had none
    home.journal.write_bytes(b"".join([*lines[:-1], json.dumps(line).encode() + b"\n", lines[-1]]))
    (trial,) = Record.open(home).trials("s", DEFAULT)
    assert trial.run_id == "early"


def test_the_direction_of_a_part_is_known(home):
    open_arm(home)
    ArmRecord(Record.open(home), named("s/default/b/search"), Direction.MINIMIZE)
    record = Record.open(home, for_writing=False)
    assert [record.direction(named(f"s/default/{arm}/search")) for arm in "ab"] == ["maximize", "minimize"]


def test_a_further_search_has_its_number_in_its_name_and_comes_after_the_first(home):
    record = Record.open(home)
    names = [f"s/default/{part}" for part in ("b/search", "a/search.3", "a/replicate.2", "a/search", "a/search.10")]
    for name in names:
        arm = ArmRecord(record, named(name), Direction.MAXIMIZE)
        assert add(arm, 0).key == f"{name}#0"
    for each in (record, Record.open(home, for_writing=False)):
        assert [(trial.phase, trial.arm, trial.search) for trial in each.trials("s", DEFAULT)] == [
            ("search", "a", 1), ("search", "a", 3), ("search", "a", 10), ("search", "b", 1), ("replicate", "a", 2),
        ]  # fmt: skip
    assert record.variants("s") == {DEFAULT: [DEFAULT]}


def test_versions_of_all_runs_of_a_variant_are_known(home):
    record = Record.open(home)
    made = [{"keras": "3.14", "cores": "2"}, {"keras": "3.15", "cores": "2"}]
    for name, versions in (("s/default/a/search", made[0]), ("s/default/a/search.2", made[1])):
        add(ArmRecord(record, named(name), Direction.MAXIMIZE, made_with=versions), 0)
    add(ArmRecord(record, named("s/default/a/search"), Direction.MAXIMIZE, made_with=made[1]), 1)
    add(ArmRecord(record, named("s/default~2/a/search"), Direction.MAXIMIZE, made_with={"keras": "4"}), 0)
    add(ArmRecord(record, named("s/quick/a/search"), Direction.MAXIMIZE), 0)
    for each in (record, Record.open(home, for_writing=False)):
        assert each.made_with("s", DEFAULT) == {"keras": "3.14, 3.15", "cores": "2"}
        assert each.made_with("s", DEFAULT.of_generation(2)) == {"keras": "4"}
        assert each.made_with("s", Variant(quick=True)) == each.made_with("t", DEFAULT) == {}


@pytest.mark.parametrize(
    ("result", "value"),
    [(RESULT, 0.5), (DIVERGED, None), (PRUNED, None)],
)
def test_a_trial_of_which_only_the_state_was_not_written_ends_as_its_result_says(home, monkeypatch, result, value):
    arm = open_arm(home)
    monkeypatch.setattr(arm._study, "tell", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        add(arm, 0, result, "r")
    assert Record.open(home).trials("s", DEFAULT)[0].state == "running"
    (ended,) = open_arm(home).end_all("killed")
    assert (ended.state, ended.result, ended.value, ended.run_id) == (result.state, result, value, "r")
    assert Record.open(home).trials("s", DEFAULT) == [ended]


def test_a_trial_in_flight_ends_as_killed_for_the_reason_given(home):
    begin(open_arm(home), 0)
    (ended,) = open_arm(home).end_all("the power went")
    assert (ended.state, ended.result.reason, ended.value) == ("killed", "the power went", None)
    assert open_arm(home).end_all("again") == []


def test_versions_are_written_with_the_first_trial_and_once(home):
    record = Record.open(home)
    for _ in range(2):
        arm = ArmRecord(record, NAME, Direction.MAXIMIZE, made_with={"keras": "3.15"})
        assert record.made_with("s", DEFAULT) == ({} if not record.trials_of(NAME) else {"keras": "3.15"})
        add(arm, len(record.trials_of(NAME)))
        before = len(journal_lines(home))
        add(arm, len(record.trials_of(NAME)))
        assert len(journal_lines(home)) - before == 3
    assert home.journal.read_text().count("made_with") == 1


def test_a_reader_sees_what_optuna_sees_wherever_the_journal_ends(home, tmp_path):
    arm = open_arm(home, pruner=MedianPruner(n_startup_trials=2))
    results = [RESULT, DIVERGED, PRUNED, FAILED]
    for index in range(8):
        spec = begin(arm, index)
        for epoch in (1, 2):
            arm.report(spec.key, epoch, index / 10)
        result = results[index % len(results)]
        arm.end(spec, result, 0.5 if result is RESULT else None, f"run {index}")
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
        read = Record.open(copy, for_writing=False).trials("s", DEFAULT)
        assert copy.journal.read_bytes() == whole[:n]
        assert read == Record.open(copy).trials("s", DEFAULT), n
    assert [trial.state for trial in read].count("finished") == 2
    assert read[-1].state == "running"
    assert read[-1].params["rate"] == tuned["rate"]


def test_a_database_holds_what_a_journal_holds(home, tmp_path):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    found = []
    for record in (Record.open(home), Record.open(home, url)):
        arm = ArmRecord(record, NAME, Direction.MAXIMIZE)
        key = add(arm, 0, run_id="r").key
        add(arm, 1, FAILED)
        late = add(arm, 2).key
        begin(arm, 3)
        record.add_run_ids({late: "later"})
        assert key == f"{NAME}#0"
        found.append(record.trials("s", DEFAULT))
    again = Record.open(home, url, for_writing=False).trials("s", DEFAULT)
    times = {"started_s": 0.0, "ended_s": 0.0}
    mine, its, read = ([dataclasses.replace(trial, **times) for trial in trials] for trials in (*found, again))
    assert mine == its == read
    assert [(trial.state, trial.run_id) for trial in its] == [
        ("finished", "r"),
        ("failed", ""),
        ("finished", "later"),
        ("running", ""),
    ]


def test_optuna_studies_of_other_programs_are_left_out(home):
    record = Record.open(home)
    add(ArmRecord(record, NAME, Direction.MAXIMIZE), 0)
    for name in ("mine", "a/b/c/d", "s/default/a/search/more", "s/default~1/a/search"):
        optuna.create_study(storage=record.storage, study_name=name)
    assert record.names() == {NAME: "s/default/a/search"}
    assert record.studies() == ["s"]
    assert len(record.trials("s", DEFAULT)) == 1


def test_the_parts_of_a_variant_are_listed_once_however_many_they_are(home, monkeypatch):
    record = Record.open(home)
    for arm in "abc":
        add(ArmRecord(record, named(f"s/default/{arm}/search"), Direction.MAXIMIZE), 0)
    listed = []
    get = record.storage.get_all_studies
    monkeypatch.setattr(record.storage, "get_all_studies", lambda: listed.append(1) or get())
    assert len(record.trials("s", DEFAULT)) == 3
    assert len(listed) == 1
    add(ArmRecord(record, NAME, Direction.MAXIMIZE), 1)
    assert len(record.trials_of(NAME)) == 2
    assert len(listed) == 1


def test_a_part_that_has_not_begun_has_no_trials(home):
    record = Record.open(home)
    assert record.trials_of(NAME) == []
    assert record.stored_name(NAME) is None


def test_the_newest_generation_is_the_one_that_is_meant(home):
    record = Record.open(home)
    for text in ("s/quick~2/a/search", "s/quick/a/search", "s/quick~10/b/search"):
        open_part = ArmRecord(record, named(text), Direction.MAXIMIZE)
        add(open_part, 0)
    quick = Variant(quick=True)
    assert record.variants("s") == {quick: [quick, quick.of_generation(2), quick.of_generation(10)]}
    assert record.latest("s", quick) == record.latest("s", None) == quick.of_generation(10)
    assert record.latest("s", quick.of_generation(2)) == quick.of_generation(2)
    assert record.latest("t", None) == DEFAULT


def test_files_that_come_to_light_later_are_added_to_a_definition_and_those_it_has_stay(home):
    record = Record.open(home)
    arm = ArmRecord(record, NAME, Direction.MAXIMIZE)
    arm.keep_definition({"version": 2, "epochs": 3})
    assert record.files("s", DEFAULT) == {}
    arm.keep_definition({"version": 2, "epochs": 4, "files": {"b": "1"}})
    arm.keep_definition({"version": 2, "epochs": 5, "files": {"a": "2", "b": "9"}})
    arm.keep_definition({"version": 2, "epochs": 6})
    assert record.files("s", DEFAULT) == {NAME: {"a": "2", "b": "1"}}
    assert record.files("s", Variant(quick=True)) == record.files("t", DEFAULT) == {}
    assert record.difference({NAME: {"version": 2, "epochs": 3, "files": {"a": "2", "b": "1"}}}) == ""
    assert record.difference({NAME: {"version": 2, "epochs": 3, "files": {"a": "3", "b": ""}}}) == (
        "s/default/a/search was begun with another definition: the file a changed; the file b is gone: undo that, or "
        "run with --fresh to begin a new generation beside the old"
    )


def test_what_changed_in_a_definition_is_named(home):
    record = Record.open(home)
    kept = {"version": 2, "epochs": 3, "code": {"build": "1", "my_sizes.py": "2"}}
    arm = ArmRecord(record, NAME, Direction.MAXIMIZE)
    arm.keep_definition(kept)
    arm.keep_definition({"version": 2})  # the first one holds
    assert record.difference({NAME: kept}) == ""
    record.refuse_other({NAME: kept, named("s/default/b/search"): {"version": 2}})
    changed = {**kept, "epochs": 4, "code": {"build": "1", "my_sizes.py": "3"}}
    message = (
        "s/default/a/search was begun with another definition: epochs is 4 and was 3; the code of my_sizes.py changed: "
        "undo that, or run with --fresh to begin a new generation beside the old"
    )
    assert record.difference({NAME: changed}) == message
    with pytest.raises(RecordError, match="was begun with another definition"):
        record.refuse_other({NAME: changed})
    assert Record.open(home, for_writing=False).difference({NAME: {**kept, "version": 3}}) == (
        "s/default/a/search was begun by an earlier version of dlstudy: its results can be read as they are; run with "
        "--fresh to begin a new generation beside them"
    )
