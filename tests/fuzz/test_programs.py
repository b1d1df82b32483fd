"""Random programs train the fast way as by plain `fit`: a few of them here, thousands by `python -m scripts.fuzz`."""

import math

import hypothesis
import numpy as np
import pytest

from tests.fuzz.programs import programs

N_PROGRAMS = 2


@hypothesis.settings(
    max_examples=N_PROGRAMS, derandomize=True, deadline=None, database=None, print_blob=True,
    phases=[hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck),
)  # fmt: skip
@hypothesis.given(programs(most_trials=2))
def test_a_random_program_trains_the_fast_way_as_by_plain_fit(keras_at_rest, program):
    from tests.fuzz.compare import differences

    assert differences(program) == [], program


def test_a_rate_that_is_wrong_by_a_thousandth_is_found(keras_at_rest, monkeypatch):
    from dlstudy.training import fused_updates
    from tests.fuzz.compare import differences

    program = {"data": {"shape": (3,), "rows": 20, "target": "number"}, "base": {"epochs": 1}, "changes": [{}]}
    own = fused_updates._sgd
    monkeypatch.setattr(fused_updates, "_sgd", lambda *given: lambda g, v, rate: own(*given)(g, v, 1.001 * rate))
    found = differences(program)
    assert any("train_loss" in line for line in found), found


def test_a_program_is_reduced_to_what_makes_the_difference(keras_at_rest):
    from tests.fuzz.compare import simplest

    def differs(program):
        given = [{**program["base"], **change} for change in program["changes"]]
        return any("clipnorm" in str(trial.get("optimizer")) for trial in given) and program["data"]["rows"] > 20

    layers = ["Dropout", ("Dense", {"activation": "tanh"})]
    program = {
        "data": {"rows": 30, "wide": True},
        "base": {"layers": layers, "optimizer": ("SGD", {"momentum": 0.9, "clipnorm": 0.1})},
        "changes": [{"seed": 2}, {"optimizer": "Adam"}],
    }
    assert simplest(program, differs) == {
        "data": {"rows": 30},
        "base": {"optimizer": ("SGD", {"clipnorm": 0.1})},
        "changes": [{}],
    }


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [
        ({"a": [1.0, "x"]}, {"a": [1.0, "x"]}, 0),
        ({"a": 2.0}, {"a": 2.2}, 0.2 / 2.2),
        ({"a": 1e-3}, {"a": 0.0}, 1e-2),  # of 0.1 at least
        ({"a": float("nan")}, {"a": float("nan")}, 0),
        ({"a": float("nan")}, {"a": 1.0}, math.inf),
        ({"a": 1}, {"b": 1}, math.inf),
        ({"a": [1, 2]}, {"a": [1]}, math.inf),
        ([np.float32([1, 2])], [np.float32([1, 2.2])], 0.2 / 2.2),
        ([np.float32([1])], [np.float64([1])], math.inf),
    ],
)
def test_the_distance_of_two_results_is_the_largest_of_their_values(keras_at_rest, one, other, far):
    from tests.fuzz.compare import distances

    assert max(distances(one, other).values()) == pytest.approx(far, rel=1e-5)
