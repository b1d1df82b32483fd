"""Trials that fail: each is a state with a reason in one line, and costs neither its worker nor its study."""

import json
import os
from pathlib import Path

import pytest

from dlstudy.study.phases import ReadTest
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import train
from tests.helpers import failing_study
from tests.helpers.failing_study import ENDS
from tests.helpers.full_form import FULL
from tests.helpers.trainings import context_of, spec_of

FAILING = Path(failing_study.__file__)


@pytest.fixture(scope="module")
def context():
    return context_of("digits")


def trained(context, functions, **params):
    spec = spec_of(epochs=1, params=params, study_path=str(FAILING), read_test=ReadTest.NEVER)
    return train(spec, functions, context, lambda epoch, metrics: True)


@pytest.fixture(scope="module")
def functions():
    return StudyFunctions.of(failing_study.study(ENDS))


@pytest.mark.parametrize("kind", [kind for kind in ENDS if FULL or kind != "tensorflow memory"])  # that takes 10 s
def test_whatever_a_study_does_becomes_a_state_with_a_reason_in_one_line(context, functions, kind):
    state, reason = ENDS[kind]
    here, environment = Path.cwd(), dict(os.environ)
    more = {"more_epochs": 2} if kind.startswith("continue_training") else {}
    result = trained(context, functions, kind=kind, **more)
    assert result.state == state
    assert result.reason.startswith(reason)
    assert len(result.reason) <= 700
    assert result.reason.isprintable()
    assert len(json.dumps(result.to_json())) < 60_000  # a column of a database holds 64 KB
    assert (Path.cwd(), dict(os.environ)) == (here, environment)


@pytest.mark.parametrize("given", [None, 5, [1, 2, 3], ("a", "b"), ([], []), (5, 5), {"x": 1}])
def test_a_prepare_that_gives_no_rows_fails_its_trial(context, given):
    result = trained(context, StudyFunctions(dict, prepare=lambda x, y, train, p: given))
    assert (result.state, result.reason[:22]) == ("failed", "prepare must return x ")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x, y: (x, y.astype(str)), "prepare must return numbers, got y of texts or dates"),
        (lambda x, y: (x.astype(str), y), "prepare must return x and y: x of several texts in a row must be a table"),
        (lambda x, y: (x * float("nan"), y), "prepare returned numbers that are not finite"),
        (lambda x, y: (x[:5], y), "prepare must return x and y of 1797 rows"),
        (lambda x, y: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_prepare_that_spoils_the_rows_fails_its_trial(context, change, reason):
    result = trained(context, StudyFunctions(dict, prepare=lambda x, y, train, p: change(x, y)))
    assert result.state == "failed"
    assert result.reason.startswith(reason)


@pytest.mark.parametrize("drawn", [None, 5, {"a/b": None}, {"title": None}, {5: 5}])
def test_pictures_that_cannot_be_drawn_cost_no_trial(context, tmp_path, drawn):
    from sklearn.linear_model import LogisticRegression

    spec = spec_of(model_folder=str(tmp_path / "model"))
    functions = StudyFunctions(lambda p: LogisticRegression(max_iter=500), figures=lambda model, x, y, p: drawn)
    result = train(spec, functions, context, lambda epoch, metrics: True)
    assert result.state == "finished"
    assert result.remarks[-1].startswith("the pictures could not be drawn: ")


def test_the_float_type_that_a_trial_chose_is_not_the_next_one_s(context):
    import keras

    def build(p):
        keras.config.set_floatx("float16")
        raise ValueError("after that")

    assert trained(context, StudyFunctions(build)).reason == "ValueError: after that"
    assert keras.config.floatx() == "float32"
