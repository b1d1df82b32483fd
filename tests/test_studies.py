"""Each study, and the one in the README, trains for a moment in this process."""

import re
from pathlib import Path

import pytest

from dlstudy import catalog
from dlstudy.datasets import registry
from dlstudy.protocol import Split
from dlstudy.training.arrays import prepare
from dlstudy.training.code import Code
from dlstudy.training.run import Workplace, train
from dlstudy.training.shared import SharedArrays
from dlstudy.trial import TrialSpec, make_parameters

ROOT = Path(__file__).parent.parent
STUDIES = sorted((ROOT / "studies").glob("*.py"))


@pytest.fixture(scope="module")
def small(keras_at_rest):
    """The digits: a study takes shape and classes from `p`."""
    dataset = registry.load("digits")
    return Workplace(dataset.description, prepare(SharedArrays.of(dataset), memory_gb=4))


def train_each_arm(path, small):
    study = catalog.load(path).study
    for arm in study.arms:
        tuned = arm.printed or {name: getattr(space, "low", None) for name, space in arm.space.items()}
        params = make_parameters(arm, study.protocol, tuned)
        spec = TrialSpec(
            key="t#0", study_path=str(path), dataset="digits", arm=arm.name, phase="search", row=0, params=params,
            seed=1, epochs=1, batch_size=32, split=Split(validation=32), rows=96,
        )  # fmt: skip
        result = train(spec, Code.of(study), small, lambda epoch, metrics: True)
        assert result.state == "finished", f"{arm.name}: {result.reason}\n{result.traceback}"
        assert study.protocol.metric in result.metrics


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_each_arm_of_a_study_trains(path, small):
    train_each_arm(path, small)


def test_the_study_in_the_readme_trains(tmp_path, small):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "dropout.py"
    path.write_text(code)
    train_each_arm(path, small)


def test_optimizers_is_the_course_s_comparison():
    study = catalog.load(ROOT / "studies" / "optimizers.py").study
    assert [arm.name for arm in study.arms] == ["sgd", "adam", "rmsprop"]
    assert {dict(arm.printed)["learning_rate"] for arm in study.arms} == {0.01}
    assert study.protocol.split == Split(validation=5_000)
    assert study.protocol.printed_split == Split()
    assert len(study.printed) == 16
    figures = {(f.arm, f.metric, f.setting.get("batch_size", 32)): f.number for f in study.printed}
    assert figures["rmsprop", "test_loss", 32] == 0.4432
    assert figures["adam", "test_accuracy", 64] == 0.9666
