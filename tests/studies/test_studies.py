"""Smoke tests: each study, and the one in the README, trains for a moment in this process, on made-up rows.

Its first arm, and in the full form its last, trains for an epoch and is saved; the others take one step, as before
a run.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Dataset
from dlstudy.datasets.own_cache import store_own
from dlstudy.datasets.own_rows import plain_rows
from dlstudy.study import loader
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.split import Split
from dlstudy.study.trial import TrialSpec, TrialState, make_parameters
from dlstudy.training.arrays import prepare
from dlstudy.training.shared_memory import SharedArrays, filled
from dlstudy.training.study_functions import StudyFunctions
from dlstudy.training.train import DatasetContext, train
from tests.helpers.full_form import FULL

ROOT = Path(__file__).parents[2]
STUDIES = sorted(path for path in (ROOT / "studies").glob("*.py") if not path.name.startswith("_"))
_CONTEXTS: dict[str, DatasetContext] = {}


def context_of(study):
    """The study's own rows, the truth table itself, or rows that look like a data set's: no data set's file is read."""
    if study.data is not None:
        source = filled(store_own(plain_rows(study.data())))
        return DatasetContext(source.description, prepare(source, memory_gb=4))
    name = study.dataset
    if name == "gates":
        dataset = registry.load(name)
        return DatasetContext(dataset.description, prepare(SharedArrays.of(dataset), memory_gb=4))
    if name not in _CONTEXTS:
        about = dataclasses.replace(registry.describe(name), n_train=160, n_test=32)
        rng = np.random.default_rng(0)
        arrays = {}
        for part, n in (("train", about.n_train), ("test", about.n_test)):
            arrays[f"x_{part}"] = rng.random((n, *about.input_shape)) * about.scale
            labels = rng.integers(0, about.n_classes, n) if about.n_classes else rng.random(n)
            arrays[f"y_{part}"] = labels
        shared = SharedArrays.of(Dataset(about, **arrays))
        _CONTEXTS[name] = DatasetContext(about, prepare(shared, memory_gb=4))
    return _CONTEXTS[name]


def train_each_arm(path, folder):
    study = loader.load(path).study
    context = context_of(study)
    n_validation = 4 if study.dataset == "gates" else 32
    split = Split(n_validation) if study.data is None else Split(n_validation, test=0.2, random_state=0)
    checked = study.arms[1:-1] if FULL else study.arms[1:]
    for arm in study.arms:
        tuned = arm.defaults or arm.reported or {name: getattr(space, "low", None) for name, space in arm.space.items()}
        few = {"more_epochs": 1} if "more_epochs" in arm.setting else {}
        params = make_parameters(arm, study.protocol, {**tuned, **few})
        spec = TrialSpec(
            key="t#0", study_path=str(path), dataset=context.description.name, arm=arm.name, phase=Phase.REPLICATE,
            index=0, params=params, seed=1, epochs=1, batch_size=32, split=split, rows=96, read_test=ReadTest.AT_END,
            model_folder=str(folder / arm.name), folder=str(folder / "files"), check=arm in checked,
        )  # fmt: skip
        result = train(spec, StudyFunctions.of(study), context, lambda epoch, metrics: True)
        assert result.state is TrialState.FINISHED, f"{arm.name}: {result.reason}\n{result.traceback}"
        if not spec.check or result.metrics:
            assert study.protocol.metric in result.metrics
        assert [remark for remark in result.remarks if "could not be" in remark] == [], arm.name
        assert (folder / arm.name).is_dir() is not spec.check


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_each_arm_of_a_study_trains(path, tmp_path, keras_at_rest):
    train_each_arm(path, tmp_path)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_names_other_data_sets_that_there_are(path):
    study = loader.load(path).study
    assert set(study.other_datasets) <= set(registry.names()) - {study.dataset}


def test_the_study_in_the_readme_trains(tmp_path, keras_at_rest):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "dropout.py"
    path.write_text(code)
    train_each_arm(path, tmp_path)


def test_optimizers_is_the_course_s_comparison():
    study = loader.load(ROOT / "studies" / "optimizers.py").study
    assert [arm.name for arm in study.arms] == ["sgd", "adam", "rmsprop"]
    assert {dict(arm.reported)["learning_rate"] for arm in study.arms} == {0.01}
    assert study.protocol.split == Split(validation=5_000)
    assert study.protocol.reported_split == Split()
    assert len(study.reported) == 16
    figures = {(f.arm, f.metric, f.setting.get("batch_size", 32)): f.number for f in study.reported}
    assert figures["rmsprop", "test_loss", 32] == 0.4432
    assert figures["adam", "test_accuracy", 64] == 0.9666
