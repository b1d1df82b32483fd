"""Records of version 1, read as this version has them. The stored home was made by 0.1.0."""

import shutil
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial

from dlstudy.analysis.reading import read_summary
from dlstudy.errors import RecordError
from dlstudy.store.arm_record import ArmRecord
from dlstudy.store.earlier import upgraded_attributes, upgraded_result
from dlstudy.store.home import Home
from dlstudy.store.integrity import checksum
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.fingerprint import define_all
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrainedBy, TrialResult, TrialSpec, TrialState
from dlstudy.study.variant import Variant
from tests.helpers.builders import make_study

STORED = Path(__file__).parents[1] / "data" / "home-1"
DEFAULT, AA_TEST = Variant(), Variant(aa_test=True, generation=2)


@pytest.fixture
def home(tmp_path):
    """A copy of the stored home."""
    shutil.copytree(STORED, tmp_path / "home")
    return Home.at(tmp_path / "home")


@pytest.fixture
def worded(home):
    """The copy with what else version 1 wrote: reported runs, an A/A test, remarks."""
    text = home.journal.read_text()
    for old, new in {
        "penalty/default/weak/replicate": "penalty/default/weak/printed",
        "penalty/default/strong/search": "penalty/control~2/strong-control/search.3",
        '"way":"estimator"': '"way":"fit with XLA: the model runs eagerly; the model could not be saved: no space"',
    }.items():
        assert old in text
        text = text.replace(old, new)
    home.journal.write_text(text)
    return home


@pytest.mark.parametrize("for_writing", [False, True])
def test_the_trials_of_a_home_of_version_1_are_read(home, for_writing):
    before = home.journal.read_bytes()
    trials = Record.open(home, for_writing=for_writing).trials("penalty", DEFAULT)
    assert [(trial.phase, trial.arm, trial.index) for trial in trials] == [
        *((Phase.SEARCH, "strong", index) for index in (0, 1)), (Phase.SEARCH, "weak", 0),
        *((Phase.REPLICATE, arm, index) for arm in ("strong", "weak") for index in range(6)),
    ]  # fmt: skip
    assert {(trial.result.state, trial.result.trained_by, *trial.result.remarks) for trial in trials} == {
        (TrialState.FINISHED, TrainedBy.ESTIMATOR)
    }
    study = resolve(loader.load(STORED / "penalty.py"), Request())
    assert [trial.seed for trial in trials] == [study.seed(study.arm(t.arm), t.phase, t.index) for t in trials]
    assert home.journal.read_bytes() == before


def test_the_summary_of_a_home_of_version_1_says_what_it_is(home):
    summary = read_summary(loader.load(STORED / "penalty.py"), Record.open(home, for_writing=False), None)
    assert "weak reached a mean test accuracy of 0.9139 over 6 seeds" in summary.answer
    assert [claim.verdict for claim in summary.claims] == ["withheld"], "version 1 did not look around a winner"
    assert summary.claims[0].why.startswith("would be supported, but: the best setting of strong may lie further out: ")
    assert not summary.complete, "there are five searches by default now"
    note, *_ = summary.notes
    assert note.startswith(
        "RECORD: penalty/default/weak/search was begun by an earlier version of dlstudy: its results"
    )


def test_a_part_of_version_1_is_not_added_to(home):
    definitions = define_all(study := resolve(loader.load(STORED / "penalty.py"), Request()), study.arms)
    record = Record.open(home)
    message = (
        r"penalty/default/weak/search was begun by an earlier version of dlstudy: its results can be read as they are; "
        r"run with --fresh to begin a new generation beside them"
    )
    assert record.difference(definitions).startswith(message)
    with pytest.raises(RecordError, match=message):
        record.refuse_other(definitions)
    later = {
        RecordName(name.study, DEFAULT.of_generation(2), name.arm, name.phase): of for name, of in definitions.items()
    }
    assert record.difference(later) == ""


def test_phases_variants_and_copies_of_version_1_have_their_present_names(worded):
    record = Record.open(worded, for_writing=False)
    assert record.variants("penalty") == {DEFAULT: [DEFAULT], Variant(aa_test=True): [AA_TEST]}
    assert record.latest("penalty", Variant(aa_test=True)) == AA_TEST
    of_copy = record.trials("penalty", AA_TEST)
    assert {(trial.phase, trial.arm, trial.search) for trial in of_copy} == {(Phase.SEARCH, "strong-copy", 3)}
    reported = record.trials_of(RecordName("penalty", DEFAULT, "weak", Phase.REPORTED))
    assert [trial.index for trial in reported] == [0, 1, 2, 3, 4, 5]
    assert record.direction(RecordName("penalty", AA_TEST, "strong-copy", Phase.SEARCH, 3)) is Direction.MAXIMIZE


def test_remarks_of_version_1_are_apart_from_what_trained(worded):
    for trial in Record.open(worded, for_writing=False).trials("penalty", DEFAULT):
        assert trial.result.trained_by is TrainedBy.FIT_WITH_XLA
        assert trial.result.remarks == ("the model runs eagerly", "the model could not be saved: no space")


def test_mlflow_runs_and_trials_that_come_later_go_to_the_part_that_is_there(worded):
    record = Record.open(worded)
    name = RecordName("penalty", DEFAULT, "weak", Phase.REPORTED)
    arm, params = ArmRecord(record, name, Direction.MAXIMIZE), {"C": 1.0, "epochs": 1, "batch_size": 32}
    key = arm.begin(6, 7, {}, params, {})
    assert key == "penalty/default/weak/printed#6"
    spec = TrialSpec(key, "s.py", "digits", "weak", name.phase, 6, params, 7, 1, 32, make_study().protocol.split)
    arm.end(spec, TrialResult(TrialState.FINISHED), 0.5, "")
    record.add_run_ids({key: "later"})
    for each in (record, Record.open(worded, for_writing=False)):
        trials = each.trials_of(name)
        assert [trial.index for trial in trials] == list(range(7))
        assert trials[6].run_id == "later"
        assert each.names("penalty", DEFAULT)[name] == "penalty/default/weak/printed"


@pytest.mark.parametrize(
    ("way", "trained_by", "remarks"),
    [
        ("", None, []),
        ("epoch graph", "epoch graph", []),
        ("fit: the model runs eagerly", "fit", ["the model runs eagerly"]),
        ("fit: its callback: x", "fit", ["its callback: x"]),
        ("estimator; not saved: OSError: full", "estimator", ["not saved: OSError: full"]),
        ("epoch graph; one; two", "epoch graph", ["one", "two"]),
    ],
)  # fmt: skip
def test_the_one_text_of_version_1_becomes_what_trained_and_remarks(way, trained_by, remarks):
    assert upgraded_result({"state": "finished", "way": way}) == {
        "state": "finished", "trained_by": trained_by, "remarks": remarks
    }  # fmt: skip


def test_what_this_version_wrote_is_left_as_it_is():
    result, attributes = {"state": "finished", "trained_by": None, "remarks": []}, {"index": 1, "seed": 2}
    assert upgraded_result(result) is result
    assert upgraded_attributes(attributes) is attributes
    assert upgraded_attributes({"row": 1, "seed": 2}) == {"index": 1, "seed": 2}


@pytest.mark.parametrize("spoilt", [False, True])
def test_the_checksums_of_version_1_are_checked_as_they_were_made(tmp_path, spoilt):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    described = {"row": 3, "seed": 7, "tuned": {}, "params": {"epochs": 1}}
    result = {"state": "finished", "reason": "", "metrics": {"val_accuracy": 0.5}, "way": "estimator", "value": 0.5}
    result["checksum"] = checksum([described[name] for name in ("params", "row", "seed", "tuned")], result, 0.5)
    if spoilt:
        result["metrics"]["val_accuracy"] = 0.25
    study = optuna.create_study(storage=url, study_name="s/default/a/printed", direction="maximize")
    study.add_trial(create_trial(state=OptunaState.COMPLETE, value=0.5, user_attrs={**described, "result": result}))
    record = Record.open(Home.at(tmp_path / "home"), url, for_writing=False)
    if spoilt:
        with pytest.raises(RecordError, match=r"s/default/a/printed#0 is no longer what was written"):
            record.trials("s", DEFAULT)
    else:
        assert [(trial.index, trial.phase) for trial in record.trials("s", DEFAULT)] == [(3, Phase.REPORTED)]
