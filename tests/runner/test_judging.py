"""Scores of held-out rows, against scikit-learn."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics

from dlstudy.errors import DataError, UsageError
from dlstudy.runner.judging import judge, require_judged

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 90)
CHANCES = RNG.dirichlet(np.ones(3), 90)
OF_LABELS = {"labels": CHANCES.argmax(axis=1), "probabilities": CHANCES}
VALUES = RNG.normal(size=90)
OF_VALUES = {"values": VALUES + RNG.normal(size=90)}


def study(metric, n_classes=3, **own):
    about = SimpleNamespace(classifies=n_classes > 0, n_classes=n_classes)
    return SimpleNamespace(protocol=SimpleNamespace(metric=f"val_{metric}"), about=about, metrics=own)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("accuracy", metrics.accuracy_score(LABELS, OF_LABELS["labels"])),
        ("loss", metrics.log_loss(LABELS, CHANCES)),
        ("f1", metrics.f1_score(LABELS, OF_LABELS["labels"], average="macro")),
        ("auc", metrics.roc_auc_score(LABELS, CHANCES, multi_class="ovr")),
    ],
)
def test_labels_are_scored_as_by_scikit_learn(metric, expected):
    values = judge(study(metric, f1="f1_macro", auc="roc_auc_ovr"), LABELS, OF_LABELS)
    assert values.mean() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("loss", metrics.mean_squared_error(VALUES, OF_VALUES["values"])),
        ("mae", metrics.mean_absolute_error(VALUES, OF_VALUES["values"])),
        ("rmse", metrics.root_mean_squared_error(VALUES, OF_VALUES["values"])),
        ("r2", metrics.r2_score(VALUES, OF_VALUES["values"])),
        ("worst", metrics.max_error(VALUES, OF_VALUES["values"])),
    ],
)
def test_values_are_scored_as_by_scikit_learn(metric, expected):
    values = judge(study(metric, 0, worst=metrics.max_error), VALUES, OF_VALUES)
    assert values.mean() == pytest.approx(expected)


def test_several_targets_are_scored_together():
    y, found = VALUES.reshape(45, 2), {"values": OF_VALUES["values"].reshape(45, 2)}
    assert judge(study("r2", 0), y, found).mean() == pytest.approx(metrics.r2_score(y, found["values"]))
    assert len(judge(study("mse", 0), y, found)) == 45


@pytest.mark.parametrize(
    ("metric", "found", "message"),
    [
        ("loss", {"labels": OF_LABELS["labels"]}, "no probabilities"),
        ("accuracy", {"outputs": [CHANCES], "why": "the model has several outputs"}, "no labels .*several outputs"),
        ("accuracy", {"labels": np.zeros(3, int)}, r"shape \(3,\), and the targets \(90,\)"),
    ],
)
def test_predictions_that_cannot_be_scored_say_why(metric, found, message):
    with pytest.raises(DataError, match=message):
        judge(study(metric), LABELS, found)


def test_values_that_are_not_finite_are_no_score():
    with pytest.raises(DataError, match="not finite"):
        judge(study("mse", 0), VALUES, {"values": np.full(90, np.nan)})


def test_a_metric_of_a_model_alone_is_refused_before_anything_is_looked_at():
    require_judged(study("accuracy"))
    require_judged(study("f1", f1="f1_macro"))
    with pytest.raises(UsageError, match=r"one of Study.metrics, got Protocol.metric='val_dice'"):
        require_judged(study("dice"))
