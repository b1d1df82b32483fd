"""What a worker keeps between trials: the studies that it has loaded, with modules of their own."""

import sys

import pytest

from dlstudy.engines.devices import Slot, cpu_environment
from dlstudy.engines.trainer import Trainer
from tests.helpers.trainings import spec_of

HELPED = '''"""A study whose functions import what lies beside it, each when it is called."""
from dlstudy import Arm, Protocol, Split, Study


def build(p):
    import helper

    return helper.model()


def prepare(x, y, train, p):
    from helper import FACTOR

    return x * FACTOR, y


def extra_metrics(model, x, y, p):
    import helper

    return {"factor": helper.FACTOR, "calls": helper.count(), "columns": len(p["feature_names"])}


STUDY = Study(
    question="Whose helper?", dataset="diabetes", build=build, prepare=prepare, extra_metrics=extra_metrics,
    arms=[Arm("a")], protocol=Protocol(searches=1, split=Split(validation=0.2, test=0.2, random_state=1)),
)
'''

HELPER = """from sklearn.linear_model import LinearRegression as model
FACTOR, CALLS = {factor}, []


def count():
    CALLS.append(1)
    return len(CALLS)
"""


@pytest.fixture(scope="module")
def trainer(keras_at_rest):
    return Trainer(Slot("cpu:0", cpu_environment(1)))


def test_functions_find_what_lies_beside_their_study_and_no_other_study_s(trainer, tmp_path):
    specs = []
    for factor in (2, 3):
        folder = tmp_path / str(factor)
        folder.mkdir()
        (folder / "study.py").write_text(HELPED)
        (folder / "helper.py").write_text(HELPER.format(factor=factor))
        specs.append(spec_of("diabetes", study_path=str(folder / "study.py")))
    results = [trainer.train(spec, lambda *_: True) for spec in (*specs, *specs)]
    assert [result.state for result in results] == ["finished"] * 4, results[0].traceback
    assert [result.metrics["train_end_factor"] for result in results] == [2, 3, 2, 3]
    assert [result.metrics["train_end_calls"] for result in results] == [1, 1, 2, 2], "a module is loaded once"
    assert results[0].metrics["train_end_columns"] == 10
    assert "helper" not in sys.modules


def test_a_study_is_loaded_once(trainer, tiny):
    spec = spec_of(study_path=str(tiny), params={"kind": "logistic"})
    first = trainer.train(spec, lambda *_: True)
    tiny.write_text("raise RuntimeError('not again')")
    again = trainer.train(spec, lambda *_: True)
    assert (again.metrics, again.correct) == (first.metrics, first.correct)
