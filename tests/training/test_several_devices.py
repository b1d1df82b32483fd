"""A training on several devices, which parts of this CPU stand for: `tf.distribute` against one device."""

import json
import subprocess
import sys

import pytest

from dlstudy.errors import TrialError
from dlstudy.training.several_devices import on_devices

pytestmark = pytest.mark.slow

SCRIPT = """
import json, sys
from pathlib import Path

from dlstudy.engines.devices import Slot, cpu_environment
from dlstudy.engines.trainer import Trainer
from dlstudy.study import loader
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, resolve

study = resolve(loader.load(Path("nets.py")), Request())
trainer = Trainer(Slot("cpu:0", cpu_environment(2)))
from dlstudy.training.shared_memory import filled
found = {}
for arm in study.arms:
    params = {"batch_size": 32, "epochs": 2, **arm.setting, "learning_rate": 0.1}
    spec = study.spec(arm, Phase.REPLICATE, params, key="k", seed=7)
    result = trainer.train(spec, lambda *_: True)
    found[arm.name] = dict(
        state=result.state, reason=result.reason, metrics=dict(result.metrics), remarks=list(result.remarks),
        trained_by=result.trained_by, initial=dict(result.initial),
    )
print(json.dumps(found))
"""
STUDY = """
from optuna.distributions import FloatDistribution

from dlstudy import Arm, Protocol, Split, Study

SPACE = {"learning_rate": FloatDistribution(1e-3, 1e-1, log=True)}


def build(p):
    import keras

    model = keras.Sequential([
        keras.Input(p["input_shape"]), keras.layers.Flatten(), keras.layers.Dense(16, "relu"),
        keras.layers.Dense(10, "softmax"),
    ])
    model.compile(keras.optimizers.SGD(p["learning_rate"]), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


STUDY = Study(
    question="Do two devices give the same?",
    dataset="digits",
    build=build,
    arms=[Arm("one", space=SPACE), Arm("two", space=SPACE, gpus=2)],
    protocol=Protocol(epochs=2, searches=1, trials=1, seeds=6, rounds=0, rows=640, split=Split(validation=128)),
)
"""


def trained(folder):
    (folder / "nets.py").write_text(STUDY)
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_batch_in_two_parts_is_one_batch_up_to_rounding(tmp_path):
    """The gradient of a mean over a batch is the mean of those over its halves."""
    found = trained(tmp_path)
    one, two = found["one"], found["two"]
    assert (one["state"], two["state"]) == ("finished", "finished"), two["reason"]
    assert two["trained_by"] == "fit"
    assert one["initial"] == two["initial"]
    assert two["metrics"] == pytest.approx(one["metrics"], rel=2e-5)
    assert two["metrics"]["test_accuracy"] > 0.3, "it learns"


def test_a_process_with_one_device_says_so():
    reason = r"it trains on 2 devices at once \(Arm.gpus\), and this process has 1 of CPU"
    with pytest.raises(TrialError, match=reason):
        on_devices(2)
