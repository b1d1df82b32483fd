"""What many tests share: a data cache of their own, and a tiny study that trains in a moment."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

NOT_FAST = ("cluster", "engines", "faults", "fuzz", "studies", "training", "test_benchmarks.py")
"""Of `tests`, what `--fast` leaves out whole: it trains with TensorFlow, or starts processes that do."""

TINY = '''"""A tiny study for tests."""
from optuna.distributions import FloatDistribution

from dlstudy import Arm, Claim, Protocol, Reported, Split, Study

RATE = {"learning_rate": FloatDistribution(1e-3, 1e-1, log=True)}


def build(p):
    if p["kind"] == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=500)
    import keras

    if p["kind"] == "broken":
        raise RuntimeError("this arm cannot be built")
    model = keras.Sequential(
        [
            keras.Input(p["input_shape"]),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    if p["kind"] == "uncompiled":
        return model
    model.compile(
        optimizer=keras.optimizers.SGD(p["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=p.get("eager", False),
    )
    return model


STUDY = Study(
    question="Does a softmax net beat logistic regression?",
    dataset="digits",
    build=build,
    arms=[
        Arm("net", setting={"kind": "net"}, space=RATE, reported={"learning_rate": 0.05}),
        Arm("logistic", setting={"kind": "logistic"}),
    ],
    protocol=Protocol(
        epochs=2, searches=1, trials=2, rounds=0, seeds=6, split=Split(validation=200), reported_split=Split(), rows=600
    ),
    reported=[Reported("net", "test_accuracy", "0.95", epoch=2)],
    claims=[Claim("the net is better", better="net", than="logistic", metric="test_accuracy")],
)
'''


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="leave out the tests that import TensorFlow or take seconds")


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(100_000, 20, 100)  # TensorFlow's many objects make each collection slow
    if config.option.fast:
        config.option.markexpr = config.option.markexpr or "not slow"
        sys.modules["tensorflow"] = None  # type: ignore[assignment]  # so that a test that imports it fails


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    tests = Path(__file__).parent
    return True if config.option.fast and collection_path in {tests / name for name in NOT_FAST} else None


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    import os

    os.environ["DLSTUDY_CACHE"] = str(tmp_path_factory.mktemp("data cache"))
    for name in ("MLFLOW_TRACKING_URI", "DLSTUDY_HOME"):
        os.environ.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def _copied_stores() -> Iterator[None]:
    from tests.helpers.store_copies import copy_store

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dlstudy.tracking.stores.make_store", copy_store)
        yield


@pytest.fixture(scope="session")
def keras_at_rest() -> None:
    """Keras imported, and out of the way of the clean-up before each trial, as in a worker."""
    import keras  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _earlier_modules_at_rest() -> None:
    """What earlier modules left, and TensorFlow, out of the way of the collections that Keras asks for."""
    if sys.modules.get("tensorflow") is not None:
        gc.collect()
        gc.freeze()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The path of a tiny study: a Keras arm with a rate to tune, and a scikit-learn arm with nothing to tune."""
    path = tmp_path / "tiny.py"
    path.write_text(TINY)
    return path
