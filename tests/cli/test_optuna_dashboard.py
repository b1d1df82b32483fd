"""A copy of the searches for Optuna's own pages; that they show it is tested in a browser."""

import importlib.util
import math
import shutil

import pytest
from optuna.trial import TrialState as OptunaState

from dlstudy.cli.optuna_dashboard import copy_searches, serve_dashboard
from dlstudy.errors import RecordError, UsageError
from dlstudy.store.arm_record import ArmRecord
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.trial import TrialResult, TrialSpec, TrialState, make_parameters
from tests.helpers.builders import RATE, make_study

STUDY = make_study()
GOOD = TrialResult(TrialState.FINISHED, metrics={"val_accuracy": 0.5}, history={"val_accuracy": [0.4, 0.5]})
BAD = TrialResult(
    TrialState.DIVERGED, "loss nan", metrics={"val_accuracy": math.nan}, history={"val_accuracy": [0.4, None]}
)
NAMES = (
    "s/default/a/search",
    "s/default/a/search.2",
    "s/quick/a/search",
    "s/default/a/replicate",
    "other/default/a/search",
)


def begin(arm, index):
    tuned = {"rate": 0.1 + index / 1000}
    params = make_parameters(STUDY.arm("a"), STUDY.protocol, tuned)
    key = arm.begin(index, 7, tuned, params, RATE)
    return TrialSpec(key, "s.py", "digits", "a", Phase.SEARCH, index, params, 7, 2, 32, STUDY.protocol.split)


def fill(record):
    for name in NAMES:
        arm = ArmRecord(record, RecordName.parse(name), Direction.MAXIMIZE)
        arm.keep_definition({"metric": "val_accuracy"})
        arm.end(begin(arm, 0), GOOD, 0.5, "")
        arm.end(begin(arm, 1), BAD, None, "")
        begin(arm, 2)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    home = Home.at(tmp_path_factory.mktemp("a user's home"))
    fill(Record.open(home))
    return home


@pytest.fixture
def home(filled, tmp_path):
    shutil.copy(filled.journal, tmp_path)
    return Home.at(tmp_path)


def names_in(storage):
    return [study.study_name for study in storage.get_all_studies()]


def test_all_searches_of_a_study_are_copied_and_nothing_else(home):
    assert names_in(copy_searches("s", home, None)) == sorted(NAMES[:3])


def test_without_a_study_the_searches_of_all_are_copied(home):
    assert names_in(copy_searches(None, home, None)) == sorted([*NAMES[:3], NAMES[4]])


def test_trials_keep_parameters_values_states_and_have_their_epochs(home):
    copied = copy_searches("s", home, None)
    good, bad, running = copied.get_all_trials(copied.get_study_id_from_name(NAMES[0]))
    assert good.params == {"rate": 0.1}
    assert good.distributions == RATE
    assert (good.value, good.state) == (0.5, OptunaState.COMPLETE)
    assert good.intermediate_values == {1: 0.4, 2: 0.5}
    assert good.user_attrs == {"index": 0, "seed": 7, "state": "finished", "val_accuracy": 0.5}
    assert bad.state is OptunaState.FAIL
    assert bad.intermediate_values == {1: 0.4}
    assert bad.user_attrs == {"index": 1, "seed": 7, "state": "diverged", "reason": "loss nan"}  # no NaN: it is no JSON
    assert (running.state, running.user_attrs) == (OptunaState.RUNNING, {"index": 2, "seed": 7})


def test_deleting_in_the_copy_leaves_the_record_as_it_was(home):
    before = home.journal.read_bytes()
    copied = copy_searches("s", home, None)
    for study in copied.get_all_studies():
        copied.delete_study(study._study_id)
    assert home.journal.read_bytes() == before
    assert [path.name for path in home.root.iterdir()] == [home.journal.name]


def test_a_journal_that_is_being_written_can_be_copied(home):
    with home.journal.open("ab") as file:
        file.write(b'{"op_code": 4, "worker')
    before = home.journal.read_bytes()
    assert len(names_in(copy_searches("s", home, None))) == 3
    assert home.journal.read_bytes() == before


def test_a_database_is_copied_too(tmp_path):
    url = f"sqlite:///{tmp_path / 'record.db'}"
    home = Home.at(tmp_path)
    fill(Record.open(home, url))
    copied = copy_searches("s", home, url)
    study = copied.get_study_id_from_name(NAMES[0])
    copied.delete_study(study)
    assert len(Record.open(home, url, for_writing=False).trials_of(RecordName.parse(NAMES[0]))) == 3


@pytest.mark.parametrize(("study", "message"), [
    ("unknown", "no searches of unknown here: run `dlstudy run unknown` first, or name another --home"),
    (None, "no searches here: run `dlstudy run STUDY` first, or name another --home"),
])  # fmt: skip
def test_where_there_are_no_searches_one_line_says_so(tmp_path, study, message):
    with pytest.raises(RecordError, match=message):
        copy_searches(study, Home.at(tmp_path / "none"), None)
    assert list(tmp_path.iterdir()) == []


def test_a_dashboard_that_is_not_installed_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"optuna-dashboard is not installed here: pip install 'dlstudy\[dashboard\]'"):
        serve_dashboard("s", Home.at(tmp_path), None, 8080, open_browser=False)
