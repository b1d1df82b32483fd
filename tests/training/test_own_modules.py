"""What describes a model and what predicts find the modules beside a study, as its trainings do."""

import sys

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from dlstudy.study.trial import TrialResult, TrialState
from dlstudy.training import prediction
from dlstudy.training.inspection import describe_model
from dlstudy.training.prediction import predict_rows
from tests.helpers.trainings import spec_of

STUDY = '''"""A study whose functions import what lies beside it."""
from dlstudy import Arm, Protocol, Split, Study


def build(p):
    from layers_of_mine import net

    return net(p)


def prepare(x, y, train, p):
    from layers_of_mine import FACTOR

    return x * FACTOR, y


STUDY = Study(
    question="Whose layers?", dataset="diabetes", build=build, prepare=prepare, arms=[Arm("a")],
    protocol=Protocol(searches=1, split=Split(validation=0.2, test=0.2, random_state=1)),
)
'''

BESIDE = """FACTOR = 2


def net(p):
    import keras

    model = keras.Sequential([keras.Input(p["input_shape"]), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model
"""


@pytest.fixture
def spec(tmp_path, keras_at_rest):
    (tmp_path / "study.py").write_text(STUDY)
    (tmp_path / "layers_of_mine.py").write_text(BESIDE)
    return spec_of("diabetes", study_path=str(tmp_path / "study.py")).to_json()


def test_a_model_is_described_with_its_layers_and_shapes(spec):
    described = describe_model(spec, None, "")
    assert [(layer["kind"], layer["output"], layer["parameters"]) for layer in described["layers"]] == [
        ("Dense", "(None, 3)", 33),
        ("Dense", "(None, 1)", 4),
    ]
    assert (described["parameters"], described["trainable"], described["weights"]) == (37, 37, [])
    assert "layers_of_mine" not in sys.modules


def test_given_rows_are_predicted_from_as_the_study_prepares_them(spec, monkeypatch):
    model = LinearRegression().fit(np.eye(10), np.arange(10.0))
    monkeypatch.setattr(prediction, "load_model", lambda folder, digest, build: model)
    given = np.ones((2, 10))
    predicted = predict_rows(spec, "", TrialResult(TrialState.FINISHED).to_json(), given)
    np.testing.assert_allclose(predicted["values"], model.predict(2 * given))
    assert "layers_of_mine" not in sys.modules
