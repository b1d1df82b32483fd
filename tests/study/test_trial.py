"""A trial as plain data, its seed and the name of its parameters."""

import dataclasses
import hashlib
import json
from types import MappingProxyType

import pytest

from dlstudy.study.protocol import Protocol, Split
from dlstudy.study.study import PHASES, Arm
from dlstudy.study.trial import TrialResult, TrialSpec, make_parameters, number_of, params_key, seed_of, stream_of

SPEC = TrialSpec(
    key="s/default/a/search#0", study_path="a 'path'/s.py", dataset="digits", arm="a", phase="search", row=3,
    params=MappingProxyType({"rate": 0.1, "kind": "ä", "flag": True, "none": None}), seed=7, epochs=2, batch_size=32,
    split=Split(validation=0.25, test=0.25, random_state=42), rows=100, metrics_of="test", prunable=True,
    model_folder="m", search=2,
)  # fmt: skip
RESULT = TrialResult(
    "finished", metrics={"val_accuracy": 0.5}, history={"val_loss": [0.5, None]}, cost={"seconds": 1.5},
    way="epoch graph", correct="gA==", slot="cpu:0",
)  # fmt: skip


@pytest.mark.parametrize("item", [SPEC, RESULT], ids=["spec", "result"])
def test_plain_data_survives_json(item):
    text = json.dumps(item.to_json(), allow_nan=False)
    assert type(item).from_json(json.loads(text)) == item


def test_a_result_leaves_out_fields_of_a_later_version():
    assert TrialResult.from_json({"state": "lost", "energy_j": 3}) == TrialResult("lost")


def test_a_spec_needs_each_of_its_fields():
    with pytest.raises(TypeError, match="seed"):
        TrialSpec.from_json({name: value for name, value in SPEC.to_json().items() if name != "seed"})


def test_number_is_the_upper_31_bits_of_sha256_of_the_words():
    digest = hashlib.sha256(b"s|search|3").hexdigest()
    assert number_of("s", "search", 3) == int(digest[:8], 16) // 2


def test_seeds_differ_by_study_phase_and_row():
    seeds = {seed_of(study, phase, row) for study in ("s", "t") for phase in PHASES for row in range(50)}
    assert len(seeds) == 2 * (len(PHASES) - 1) * 50
    assert seed_of("s", "defaults", 3) == seed_of("s", "replicate", 3), "what tuning gains is a paired difference"
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_seeds_are_the_same_for_every_arm_and_every_time():
    assert [seed_of("s", "replicate", row) for row in range(2)] == [
        number_of("s", "replicate", 0),
        number_of("s", "replicate", 1),
    ]
    assert "arm" not in seed_of.__annotations__


def test_a_first_search_has_no_stream_and_so_the_seeds_it_always_had():
    assert stream_of(Arm("a"), 1) == ()
    assert seed_of("s", "search", 3, ()) == number_of("s", "search", 3)
    assert seed_of("s", "search", 3, ("search 2",)) == number_of("s", "search", 3, "search 2")


def test_further_searches_share_a_stream_over_arms_and_a_control_shares_none():
    control = Arm("c", control_of="a")
    assert stream_of(Arm("a"), 2) == stream_of(Arm("b"), 2)
    streams = [stream_of(arm, search) for arm in (Arm("a"), control, Arm("d", control_of="b")) for search in (1, 2, 3)]
    seeds = {
        seed_of("s", phase, row, stream) for phase in ("search", "replicate") for row in (0, 1) for stream in streams
    }
    assert len(seeds) == 2 * 2 * 9
    for stream in streams:
        assert seed_of("s", "defaults", 1, stream) == seed_of("s", "replicate", 1, stream)


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
