"""What a study may name as metrics of its own, and how search and claims may use them."""

from functools import partial

import pytest
from sklearn import metrics
from sklearn.metrics import f1_score, fbeta_score, get_scorer_names, make_scorer, roc_auc_score

from dlstudy.datasets import registry
from dlstudy.errors import StudyError, UsageError
from dlstudy.study.claims import Claim
from dlstudy.study.own_metrics import _OF_PROBABILITIES, frozen_metrics, is_scorer, names_of
from dlstudy.study.protocol import Protocol
from dlstudy.study.study import Arm, Study
from dlstudy.study.variant import Variant

THEIRS = [getattr(metrics, name) for name in _OF_PROBABILITIES if hasattr(metrics, name)]
DIGITS = registry.describe("digits")


def study(given, protocol=None, **claim):
    claims = [Claim("a wins", "a", "b", **claim)] if claim else []
    protocol = protocol or Protocol(searches=1, seeds=6)
    return Study("Is a better?", "digits", dict, [Arm("a"), Arm("b")], protocol, claims=claims, metrics=given)


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("f1", ["val_f1", "test_f1", "train_end_f1"]),
        ("test_f1", ["test_f1"]),
        ("val_top_5", ["val_top_5"]),
        ("value", ["val_value", "test_value", "train_end_value"]),
        ("val", ["val_val", "test_val", "train_end_val"]),
        ("testing", ["val_testing", "test_testing", "train_end_testing"]),
    ],
)
def test_a_name_has_values_of_all_rows_and_with_a_prefix_of_those_alone(key, names):
    assert names_of({key: "f1_macro"}) == names


def test_a_scorer_is_told_from_a_function():
    assert is_scorer(make_scorer(fbeta_score, beta=2))
    assert not is_scorer(f1_score)
    assert not is_scorer(lambda y_true, y_pred: 0.0)
    assert not is_scorer("f1")


def test_metrics_are_a_copy_that_cannot_be_changed():
    given = {"f1": f1_score}
    kept = study(given).metrics
    given["other"] = f1_score
    assert kept == {"f1": f1_score}
    with pytest.raises(TypeError):
        kept["other"] = f1_score
    assert frozen_metrics("Study.metrics", kept) == kept


@pytest.mark.parametrize("source", [*THEIRS, partial(roc_auc_score, average="micro")])
def test_a_function_of_probabilities_would_get_labels_and_is_refused(source):
    name = getattr(source, "func", source).__name__
    with pytest.raises(StudyError, match=f"p must take labels, which a function gets, got {name}, which takes prob"):
        study({"p": source})
    scorer = _OF_PROBABILITIES[name]
    assert scorer in get_scorer_names() or f"neg_{scorer}" in get_scorer_names()
    assert study({"p": make_scorer(roc_auc_score, response_method="predict_proba")}).metrics


@pytest.mark.parametrize(
    ("source", "direction", "told"),
    [
        ("neg_log_loss", "minimize", "maximize"),
        ("log_loss", "maximize", "minimize"),
        ("max_error", "maximize", "minimize"),
        ("f1_macro", "minimize", "maximize"),
        (make_scorer(f1_score), "minimize", "maximize"),
        (make_scorer(f1_score, greater_is_better=False), "minimize", "maximize"),
    ],
)
def test_a_direction_that_the_metric_contradicts_is_refused(source, direction, told):
    needed = f'must have direction="{told}", as .* is better where it is (greater|smaller), got "{direction}": change'
    with pytest.raises(StudyError, match=f"Protocol {needed}"):
        study({"own": source}, Protocol(searches=1, metric="val_own", direction=direction))
    with pytest.raises(StudyError, match=f"claim 'a wins' {needed}"):
        study({"own": source}, metric="test_own", direction=direction)
    assert study({"own": source}, Protocol(searches=1, metric="val_own", direction=told)).metrics == {"own": source}


def test_a_name_that_is_not_negated_is_offered_for_a_negated_one():
    with pytest.raises(StudyError, match="or give 'mean_squared_error', which is not negated"):
        study({"mse": "neg_mean_squared_error"}, Protocol(searches=1, metric="val_mse"))


@pytest.mark.parametrize("source", [f1_score, "d2_log_loss_score", "matthews_corrcoef", lambda *_: 0.0])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_of_what_tells_no_direction_the_stated_one_is_kept(source, direction):
    made = study({"own": source}, Protocol(searches=1, metric="val_own", direction=direction))
    assert made.protocol.direction == direction


def test_the_name_of_a_score_of_two_models_tells_no_direction():
    with pytest.raises(StudyError, match="'val_d2_log_loss_score' does not say which way is better"):
        Protocol(metric="val_d2_log_loss_score")


@pytest.mark.parametrize("options", [{"epoch": 3}, {"target": 0.9}])
def test_a_claim_about_an_epoch_cannot_be_about_a_metric_of_the_end(options):
    with pytest.raises(StudyError, match="is about an epoch, got test_f1, which is computed at the end of a training"):
        study({"f1": f1_score}, metric="test_f1", **options)


@pytest.mark.parametrize(("key", "missing"), [("test_f1", "val_f1"), ("val_f1", "test_f1")])
def test_the_metric_of_the_search_is_needed_on_validation_and_test_rows(key, missing):
    with pytest.raises(StudyError, match=f"got none for {missing}: name it without val_ or test_"):
        study({key: f1_score}, Protocol(searches=1, metric="val_f1"))


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_pruner_needs_a_metric_that_is_known_after_each_epoch(pruner):
    searched = study({"f1": f1_score}, Protocol(searches=1, metric="val_f1"))
    with pytest.raises(UsageError, match="needs a metric after each epoch, got val_f1 of Study"):
        Variant(pruner=pruner).apply(searched, DIGITS, DIGITS)
    assert Variant(pruner=pruner).apply(study({"f1": f1_score}), DIGITS, DIGITS).metrics == {"f1": f1_score}
