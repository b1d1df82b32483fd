"""What MLflow shows of a study itself."""

import json

import pytest

from dlstudy.common.version import __version__
from dlstudy.datasets import registry
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve
from dlstudy.study.variant import Variant
from dlstudy.tracking.study_run import StudyRun


@pytest.mark.parametrize(("state", "dirty"), [("0f", "false"), ("0f+", "true")])
def test_a_commit_is_named_with_whether_files_have_changed_since(tiny, monkeypatch, state, dirty):
    monkeypatch.setattr("dlstudy.tracking.study_run.git_commit", lambda folder: state)
    tags = StudyRun.of(resolve(loader.load(tiny), Request())).tags
    assert (tags["mlflow.source.git.commit"], tags["mlflow.source.git.dirty"]) == ("0f", dirty)


def test_the_study_s_run_has_its_command_its_protocol_and_its_data(tiny):
    study = resolve(loader.load(tiny), Request(variant=Variant(epochs=1, generation=2), seeds=7))
    run, digits = StudyRun.of(study), registry.describe("digits")
    assert (run.study, run.variant, run.arms, run.tuned) == (
        "tiny",
        "epochs=1~2",
        ["net", "logistic"],
        ["learning_rate"],
    )
    assert run.description == "Does a softmax net beat logistic regression?"
    assert (run.params["seeds"], run.params["epochs"], run.params["direction"]) == ("7", "1", "maximize")
    assert (run.dataset["name"], run.dataset["digest"]) == ("digits", digits.sha256)
    assert json.loads(run.dataset["profile"]) == {"n_train": 1437, "n_test": 360, "task": "classification"}
    assert run.tags["dlstudy.study"] == "tiny"
    assert run.tags["dlstudy.version"] == __version__
    assert run.tags.get("mlflow.source.git.dirty") == run.tags.get(
        "mlflow.source.git.commit"
    )  # outside of git: neither
    assert run.tags["mlflow.source.name"] == "dlstudy run tiny.py --epochs 1 --searches 1 --trials 2 --seeds 7"
