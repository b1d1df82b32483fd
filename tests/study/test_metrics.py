"""The names of metrics: Keras's own and others', the rows that they are of, and the direction that they tell."""

import pytest

from dlstudy.errors import StudyError
from dlstudy.study.claims import Claim, Reported
from dlstudy.study.metrics import direction_of, has_no_unit, require_metric, test_metric_of, train_metric_of
from dlstudy.study.protocol import Protocol

test_metric_of.__test__ = False  # it is no test

UP = (
    "accuracy acc Accuracy binary_accuracy sparse_categorical_accuracy sparse_top_k_categorical_accuracy auc auc_1 "
    "precision recall f1_score f1_macro F1-score F1Score fbeta_score r2_score true_positives "
    "sensitivity_at_specificity precision_at_recall recall@10 top@3 top-5 top5 accuracy_top5 io_u mean_io_u MeanIoU "
    "pearson_correlation digit_acc"
)
DOWN = (
    "loss loss_1 digit_loss error error_rate MSE mae RMSE mape MeanSquaredError mean_absolute_error "
    "mean_absolute_percentage_error sparse_categorical_crossentropy binary_focal_crossentropy kl_divergence hinge "
    "squared_hinge log_cosh logcosh huber poisson false_negatives nll gap train_epochs epochs_to_accuracy cost"
)
UNTOLD = (
    "kappa lossy mean sum cosine_similarity dice tversky circle neg_mean_squared_error NegMeanSquaredError "
    "negative_log_likelihood 1-accuracy one_minus_accuracy accuracy_std loss_ratio error_free score "
    "rate_of_error Genauigkeit"
)


@pytest.mark.parametrize(
    ("metric", "direction"),
    [*[(name, "maximize") for name in UP.split()], *[(name, "minimize") for name in DOWN.split()]],
)
def test_a_name_tells_its_direction_by_its_last_word(metric, direction):
    assert direction_of(f"val_{metric}") == direction
    assert Protocol(metric=f"val_{metric}").direction == direction


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("accuracy_loss", "minimize"), ("loss_accuracy", "maximize"), ("accuracy_gap", "minimize")],
)
def test_the_loss_of_an_output_called_accuracy_is_a_loss(metric, direction):
    assert direction_of(f"test_{metric}") == direction


@pytest.mark.parametrize("metric", [*UNTOLD.split(), ""])
def test_a_name_that_does_not_tell_needs_a_stated_direction(metric):
    with pytest.raises(StudyError, match='does not say which way is better: state direction="maximize" or direction='):
        direction_of(f"val_{metric}")


def test_a_search_for_a_metric_that_does_not_tell_is_refused_and_a_stated_direction_is_kept():
    with pytest.raises(StudyError, match="the name of metric 'val_cosine_similarity' does not say which way is better"):
        Protocol(metric="val_cosine_similarity")
    assert Protocol(metric="val_cosine_similarity", direction="minimize").direction == "minimize"
    assert Protocol(metric="val_loss", direction="maximize").direction == "maximize"


@pytest.mark.parametrize("name", ["top@3", "F1", "Mean IoU (macro)", "précision", "η", "a/b", "<b>|$x_1$", "x" * 200])
def test_a_metric_is_called_as_keras_calls_it(name):
    assert Protocol(metric=f"val_{name}", direction="maximize").test_metric == f"test_{name}"
    assert Claim("a wins", "a", "b", f"test_{name}", direction="maximize").metric == f"test_{name}"
    assert Reported.several("a", **{f"test_{name}": "0.9"})[0].metric == f"test_{name}"


@pytest.mark.parametrize(
    "name",
    [None, 5, ["val_loss"], "", "loss", "vaL_loss", "val_", "val_ ", "val_a\nb", "val_\x1b[31m", "val_" + "x" * 201],
)
def test_a_name_says_its_rows_and_is_one_line(name):
    with pytest.raises(
        StudyError, match="x must be train_, val_ or test_ and the name of a metric, in one line of 200 "
    ):
        require_metric("x", name)


def test_metrics_of_other_rows():
    assert test_metric_of("val_interval_loss") == "test_interval_loss"
    assert train_metric_of("val_interval_loss") == "train_interval_loss"


@pytest.mark.parametrize(
    "name", ["test_accuracy", "val_sparse_top_k_categorical_accuracy", "test_auc_1", "test_r2_score"]
)
def test_shares_and_scores_mean_the_same_on_all_data(name):
    assert has_no_unit(name)


@pytest.mark.parametrize(
    "name", ["test_loss", "test_gap", "val_mae", "test_accuracy_gap", "test_true_positives", "test_x"]
)
def test_losses_counts_and_unknown_names_may_have_another_scale_on_other_data(name):
    assert not has_no_unit(name)
