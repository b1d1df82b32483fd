"""A trial as plain data, and the name of its parameters."""

import dataclasses
import json
from types import MappingProxyType

import pytest

from dlstudy.errors import RecordError
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.protocol import Protocol
from dlstudy.study.split import Split
from dlstudy.study.study import Arm
from dlstudy.study.trial import (
    TrainedBy,
    TrialResult,
    TrialSpec,
    TrialState,
    kind_of_slot,
    make_parameters,
    params_key,
)
from tests.helpers.builders import make_study, make_trial

SPEC = TrialSpec(
    key="s/default/a/search#0", study_path="a 'path'/s.py", dataset="digits", arm="a", phase=Phase.SEARCH,
    index=3,
    params=MappingProxyType({"rate": 0.1, "kind": "ä", "flag": True, "none": None}), seed=7, epochs=2, batch_size=32,
    split=Split(validation=0.25, test=0.25, random_state=42), rows=100, read_test=ReadTest.AT_END,
    restarts=3, prunable=True, model_folder="m", search=2,
)  # fmt: skip
RESULT = TrialResult(
    TrialState.FINISHED, metrics={"val_accuracy": 0.5}, history={"val_loss": [0.5, None]}, cost={"seconds": 1.5},
    trained_by=TrainedBy.EPOCH_GRAPH,
    remarks=("the model could not be saved",), correct="gA==", slot="cpu:0",
    row_values={"test_loss": "eJw="},
)  # fmt: skip


@pytest.mark.parametrize("item", [SPEC, RESULT], ids=["spec", "result"])
def test_plain_data_survives_json(item):
    text = json.dumps(item.to_json(), allow_nan=False)
    assert type(item).from_json(json.loads(text)) == item


def test_a_result_leaves_out_fields_of_a_later_version():
    assert TrialResult.from_json({"state": "lost", "energy_j": 3}) == TrialResult(TrialState.LOST)


def test_what_comes_back_from_json_has_its_types():
    spec, result = (type(item).from_json(json.loads(json.dumps(item.to_json()))) for item in (SPEC, RESULT))
    assert (type(spec.phase), type(spec.read_test)) == (Phase, ReadTest)
    assert (type(result.state), type(result.trained_by), type(result.remarks)) == (TrialState, TrainedBy, tuple)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": "running"}, "has state 'running'"),
        ({"state": "done"}, "has state 'done'"),
        ({"trained_by": "magic"}, "has trained_by 'magic'"),
        ({"trained_by": ["fit"]}, r"has trained_by \['fit'\]"),
        ({"remarks": "one"}, "has remarks 'one'"),
        ({"remarks": [1]}, r"has remarks \[1\]"),
        ({"metrics": {"val_loss": "low"}}, "has metrics "),
        ({"history": {"val_loss": [True]}}, "has history "),
        ({"reason": 3}, "has reason 3"),
    ],
)
def test_a_result_that_this_version_does_not_know_is_refused(fields, message):
    with pytest.raises(RecordError, match=f"a result in the record {message}"):
        TrialResult.from_json({"state": "finished"} | fields)


def test_reason_and_remarks_are_lines_that_a_terminal_can_show():
    result = TrialResult(TrialState.FAILED, "a\nb\x1b[31m", remarks=["c\td", "e\x00"])
    assert (result.reason, result.remarks) == ("a b", ("c d", "e"))


def test_four_states_are_final_and_the_others_are_tried_again():
    final = ["finished", "pruned", "diverged", "over time", "infeasible"]
    assert [state for state in TrialState if state.is_final] == final
    assert [state for state in TrialState if state.counts_as_worst] == ["diverged", "over time"]
    assert [state for state in TrialState if not state.is_final] == ["running", "failed", "lost", "killed"]


def test_states_and_ways_of_training_compare_equal_to_their_words():
    assert {str(TrialState.LOST): 1} == {TrialState.LOST: 1} == {"lost": 1}
    assert [*TrainedBy] == ["epoch graph", "fit", "fit with XLA", "estimator"]


def test_a_trial_without_a_result_is_running_and_has_no_metrics():
    trial = dataclasses.replace(make_trial(make_study(), "a", "replicate"), result=None)
    assert (trial.state, trial.metrics, trial.history) == (TrialState.RUNNING, {}, {})


def test_two_tries_are_of_the_same_training_where_all_but_their_number_is_the_same():
    study = make_study()
    trial = make_trial(study, "a", "replicate", 2)
    assert trial.training == make_trial(study, "a", "replicate", 2, number=7).training
    others = [
        make_trial(study, "b", "replicate", 2),
        make_trial(study, "a", "search", 2),
        make_trial(study, "a", "replicate", 3),
        make_trial(study, "a", "replicate", 2, search=2),
        make_trial(study, "a", "replicate", 2, tuned={"rate": 0.25}),
    ]
    assert trial.training not in {other.training for other in others}


def test_the_model_of_the_first_replicate_of_the_first_search_is_kept():
    study = make_study()
    assert make_trial(study, "a", "replicate", 0).keeps_model
    others = [("replicate", 1, {}), ("replicate", 0, {"search": 2}), ("search", 0, {}), ("reported", 0, {})]
    assert not any(make_trial(study, "a", phase, index, **more).keeps_model for phase, index, more in others)


def test_a_slot_is_of_a_kind():
    assert (kind_of_slot("gpu:3"), kind_of_slot("cpu:0"), kind_of_slot("cpu")) == ("gpu", "cpu", "cpu")


def test_a_spec_needs_each_of_its_fields():
    with pytest.raises(TypeError, match="seed"):
        TrialSpec.from_json({name: value for name, value in SPEC.to_json().items() if name != "seed"})


def test_parameters_of_a_trial_go_over_those_of_its_arm_and_these_over_the_protocol():
    arm = Arm("a", setting={"kind": "net", "epochs": 5})
    protocol = Protocol(epochs=10, batch_size=32)
    assert make_parameters(arm, protocol, {}) == {"batch_size": 32, "epochs": 5, "kind": "net"}
    assert make_parameters(arm, protocol, {"batch_size": 8, "epochs": 1, "rate": 0.1}) == {
        "batch_size": 8, "epochs": 1, "kind": "net", "rate": 0.1,
    }  # fmt: skip


def test_equal_parameters_have_equal_names():
    assert (
        params_key({"a": 1, "b": 2})
        == params_key({"b": 2.0, "a": 1.0})
        == params_key(MappingProxyType({"a": 1, "b": 2}))
    )
    assert len(params_key({})) == 12


@pytest.mark.parametrize(
    "other",
    [{"a": "1"}, {"a": True}, {"a": None}, {"a": 1.0000001}, {"b": 1}, {}, {"a": 1, "b": None}, {"a": "1'|b='2"}],
)
def test_other_parameters_have_another_name(other):
    assert params_key(other) != params_key({"a": 1})


def test_text_cannot_pass_for_a_second_parameter():
    assert params_key({"a": "x", "b": "y"}) != params_key({"a": "x'|b='y"})


def test_specs_and_results_are_frozen():
    for item in (SPEC, RESULT):
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
            item.seed = 1
