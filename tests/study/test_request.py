"""A study as a request runs it: its parts, their names in the record, and the trainings that they ask for."""

import dataclasses

import numpy as np
import pytest

from dlstudy.datasets import registry
from dlstudy.errors import DataError, StudyError, UsageError
from dlstudy.study import loader
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.protocol import Sweep
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import Request, resolve
from dlstudy.study.seeds import seed_of
from dlstudy.study.split import Split
from dlstudy.study.trial import make_parameters
from dlstudy.study.variant import Variant
from tests.helpers.builders import make_study


def spec_of(study, phase):
    arm = study.arm("a")
    return study.spec(arm, phase, make_parameters(arm, study.protocol, {"rate": 0.5}), key="k", index=2, seed=7)


@pytest.fixture
def file(tiny):
    return loader.load(tiny)


def test_a_resolved_study_knows_its_file_its_variant_and_its_data(file, tiny):
    study = resolve(file, Request(variant=Variant(quick=True, generation=2)))
    assert (study.name, study.path, study.variant) == ("tiny", tiny, Variant(quick=True, generation=2))
    assert study.about == registry.describe("digits")
    assert study.protocol == Variant(quick=True).apply(file.study, study.about, study.about).protocol


def test_a_request_goes_over_the_counts_of_the_protocol(file):
    protocol = resolve(file, Request(trials=5, seeds=9, searches=3)).protocol
    assert (protocol.trials, protocol.seeds, protocol.searches) == (5, 9, 3)
    assert resolve(file, Request()).protocol == file.study.protocol


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"phases": ["test"]}, UsageError, "--phase must be one of reported, defaults, search, .*, got 'test'"),
        ({"phases": ["printed"]}, UsageError, "got 'printed'"),
        ({"arms": ["tree"]}, StudyError, "this study has no arm 'tree': choose from net, logistic"),
        ({"searches": 2}, StudyError, "searches must be 1, or at least 3 to compare methods, got 2"),
        ({"variant": Variant(dataset="nothing")}, DataError, "'nothing'"),
    ],
)  # fmt: skip
def test_what_a_study_does_not_have_is_refused(file, changes, error, message):
    with pytest.raises(error, match=message):
        resolve(file, Request(**changes))


def test_replicates_need_test_rows(file):
    study = dataclasses.replace(file.study, dataset="wine")
    with pytest.raises(StudyError, match=r"replicates are judged on test rows, but .* has none .*: state Split\.test"):
        resolve(dataclasses.replace(file, study=study), Request())


def test_the_parts_of_a_study_are_named_by_phase_arm_and_search():
    study = make_study(searches=3, sweeps=[Sweep("s", {"rate": [0.1]}, arms=["b"])])
    parts = study.parts(study.arms)
    assert [arm.name for arm, _ in parts] == [name.arm for _, name in parts]
    assert [(name.phase, name.arm, name.search) for _, name in parts] == [
        ("reported", "a", 1), ("reported", "b", 1), *(("search", arm, k) for arm in "ab" for k in (1, 2, 3)),
        *(("replicate", arm, k) for arm in "ab" for k in (1, 2, 3)), ("sweep", "b", 1),
    ]  # fmt: skip
    assert study.record_name(study.arm("a"), Phase.SEARCH, 2) == RecordName("s", Variant(), "a", Phase.SEARCH, 2)


def test_a_trial_s_seed_is_that_of_its_phase_index_and_search():
    study = make_study()
    assert study.seed(study.arm("a"), Phase.SEARCH, 3) == seed_of("s", Phase.SEARCH, 3)
    assert study.seed(study.arm("b"), Phase.SEARCH, 3, 2) == seed_of("s", Phase.SEARCH, 3, ("search 2",))
    again = dataclasses.replace(study, variant=Variant(replication=4))
    assert again.seed(study.arm("b"), Phase.REPORTED, 3) == seed_of("s", Phase.REPORTED, 3, ("replication 4",))


@pytest.mark.parametrize(
    ("phase", "reported_split", "read_test"),
    [
        (Phase.SEARCH, None, ReadTest.NEVER),
        (Phase.SWEEP, None, ReadTest.NEVER),
        (Phase.REPLICATE, None, ReadTest.AT_END),
        (Phase.DEFAULTS, None, ReadTest.AT_END),
        (Phase.REPORTED, None, ReadTest.AT_END),
        (Phase.REPORTED, Split(), ReadTest.EACH_EPOCH),  # the document judged by them
        (Phase.REPLICATE, Split(), ReadTest.AT_END),
    ],
)
def test_test_rows_are_read_where_the_phase_is_judged_by_them(phase, reported_split, read_test):
    assert spec_of(make_study(reported_split=reported_split), phase).read_test is read_test


def test_where_there_are_no_test_rows_none_are_read():
    study = dataclasses.replace(make_study(), about=dataclasses.replace(registry.describe("digits"), n_test=0))
    assert spec_of(study, Phase.REPLICATE).read_test is ReadTest.NEVER
    inside = dataclasses.replace(study.protocol, split=Split(10, test=[1, 2]))
    assert spec_of(dataclasses.replace(study, protocol=inside), Phase.REPLICATE).read_test is ReadTest.AT_END
    last = dataclasses.replace(study.protocol, split=Split(10, last=0.2))
    assert spec_of(dataclasses.replace(study, protocol=last), Phase.REPLICATE).read_test is ReadTest.AT_END


def test_rows_that_the_data_does_not_have_are_noticed_before_a_run_where_it_is_here(file, monkeypatch):
    registry.ensure("digits")
    rare = dataclasses.replace(registry.load("digits"), y_train=np.r_[9, np.arange(1436) % 9])
    monkeypatch.setattr(registry, "load", lambda name: rare)
    protocol = dataclasses.replace(file.study.protocol, split=Split(0.2, 0.25, 4321, stratify=True), rows=None)
    asked = dataclasses.replace(file, study=dataclasses.replace(file.study, protocol=protocol))
    with pytest.raises(StudyError, match=r"at least 2 of these 1,437 rows in each class, got 1 in '9'"):
        resolve(asked, Request())
    monkeypatch.setattr(registry, "state", lambda name: "not here")
    assert resolve(asked, Request()).protocol.split == protocol.split


def test_a_spec_holds_what_the_study_states():
    study = make_study(epochs=3, batch_size=8, rows=500, split=Split(100), silence_s=60, checkpoint_minutes=0.5)
    study = dataclasses.replace(study, arms=[dataclasses.replace(study.arms[0], restarts=4), study.arms[1]])
    spec = spec_of(study, Phase.REPLICATE)
    assert (spec.key, spec.index, spec.seed, spec.search) == ("k", 2, 7, 1)
    assert spec.params == {"batch_size": 8, "epochs": 3, "kind": "a", "rate": 0.5}
    assert (spec.epochs, spec.batch_size, spec.rows, spec.split) == (3, 8, 500, Split(100))
    assert (spec.study_path, spec.dataset, spec.arm, spec.phase) == ("s.py", "digits", "a", Phase.REPLICATE)
    assert (spec.restarts, spec.silence_s, spec.prunable, spec.model_folder, spec.folder) == (4, 60, False, None, None)
    assert (spec.checkpoint_minutes, spec.checkpoint) == (0.5, None)


def test_a_value_is_of_test_rows_where_a_phase_has_no_validation_rows():
    study = make_study(reported_split=Split())
    metrics = {phase: study.value_metric(study.arm("a"), phase) for phase in Phase}
    assert metrics.pop(Phase.REPORTED) == "test_accuracy"
    assert set(metrics.values()) == {"val_accuracy"}


def test_a_request_on_several_data_sets_is_one_for_each_in_that_order():
    request = Request(Variant(quick=True), seeds=9, datasets=("mnist", "digits", "wine"))
    each = request.on_each(own="digits")
    assert [str(one.variant) for one in each] == ["quick+dataset=mnist", "quick", "quick+dataset=wine"]
    assert {(one.seeds, one.datasets) for one in each} == {(9, ())}
    assert Request(seeds=9).on_each("digits") == [Request(seeds=9)]


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (("mnist", "wine", "mnist"), UsageError, "--dataset names each data set once, got mnist twice: leave one"),
        (("mnist", "minst"), DataError, "got 'minst' .did you mean mnist"),
    ],
)
def test_a_data_set_named_twice_or_unknown_is_refused(names, error, message):
    with pytest.raises(error, match=message):
        Request(datasets=names).on_each("digits")
