"""Linear regression: the course's printed figures, and what the descent does."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize
from sklearn import metrics
from sklearn.linear_model import LinearRegression

from dlstudy.errors import DataError, UsageError
from dlstudy.scratch.descent import ClosedFormRegressor, GradientDescentRegressor, regression_report
from dlstudy.scratch.rules import RULES


def columns(file, *names):
    """Columns of a data file as vectors."""
    if "DLSTUDY_DATA" not in os.environ:
        pytest.skip("DLSTUDY_DATA does not name the folder with the course's data")
    with (Path(os.environ["DLSTUDY_DATA"]) / file).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [np.array([float(row[name]) for row in rows]) for name in names]


@pytest.fixture
def line():
    """Rows about y = 3 x0 - x1 + 2, the features standardized."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return x, x @ [3, -1] + 2 + rng.normal(scale=0.5, size=80)


@pytest.fixture
def advertising():
    tv, sales = ((v - v.mean()) / v.std(ddof=1) for v in columns("advertising.csv", "TV", "Sales"))
    return tv[:, None], sales


def test_descent_prints_the_figures_of_the_advertising_example(advertising):
    history = GradientDescentRegressor(n_epochs=10).fit(*advertising).history_
    np.testing.assert_allclose(history["slope"][:3], [0.015566, 0.030823, 0.045776], atol=6e-7)
    np.testing.assert_allclose(history["cost"][:3], [0.995000, 0.971010, 0.947966], atol=6e-7)
    np.testing.assert_allclose(history["intercept"], 0, atol=1e-15)
    assert (round(history["slope"][-1], 6), round(history["cost"][-1], 6)) == (0.142438, 0.810172)


def test_descent_ends_where_the_advertising_example_does(advertising):
    slope = GradientDescentRegressor(n_epochs=3000).fit(*advertising).coef_[0]
    np.testing.assert_allclose(slope, 0.782224424861606, rtol=1e-14)


def test_closed_form_prints_every_digit_of_the_stocks_example():
    jpm, gs = columns("stocks_jpm_gs.csv", "JPM_seed", "GS_seed")
    model = ClosedFormRegressor().fit(jpm[:, None], gs)
    np.testing.assert_allclose(model.coef_, [1.5913570686889646], rtol=2e-16)
    np.testing.assert_allclose(model.intercept_, 127.25992569936074, rtol=2e-16)
    report = regression_report(gs, model.predict(jpm[:, None]), jpm)
    sums = {"sst": 557665.0178584817, "sse": 180951.54047437938, "ssr": 376713.47738410207}
    means = {"r2": 0.6755192908, "mse": 359.0308342746, "rmse": 18.9481089894, "mae": 15.9014697865}
    assert {name: report[name] for name in sums} == pytest.approx(sums, rel=1e-15)
    others = means | {"pearson": 0.8218998058}
    assert {name: round(report[name], 10) for name in others} == others


def test_closed_form_by_hand():
    model = ClosedFormRegressor().fit([[1], [2], [4], [5]], [2, 3, 3, 6])  # Sxx 10, Sxy 8
    np.testing.assert_allclose([*model.coef_, model.intercept_], [0.8, 1.1], rtol=1e-14)


def test_closed_form_of_more_features_is_that_of_scikit_learn(line):
    x, y = line
    model, other = ClosedFormRegressor().fit(x, y), LinearRegression().fit(x, y)
    np.testing.assert_allclose([*model.coef_, model.intercept_], [*other.coef_, other.intercept_], rtol=1e-12)


def test_closed_form_of_a_feature_without_spread_is_level():
    model = ClosedFormRegressor().fit([[2], [2], [2]], [1, 2, 6])
    np.testing.assert_array_equal([*model.coef_, model.intercept_], [0, 3])


def test_half_the_squared_error_makes_half_the_step(line):
    whole = GradientDescentRegressor(loss="mse", learning_rate=0.1).fit(*line)
    half = GradientDescentRegressor(loss="half_mse", learning_rate=0.2).fit(*line)
    np.testing.assert_allclose(whole.coef_, half.coef_, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_finds_the_line(rule, line):
    rate = {"adagrad": 0.5, "adadelta": 1.0}.get(rule, 0.01)
    model = GradientDescentRegressor(rule=rule, learning_rate=rate, n_epochs=2500).fit(*line)
    np.testing.assert_allclose(model.coef_, LinearRegression().fit(*line).coef_, atol=0.02)


@pytest.mark.parametrize("batch_size", [1, 16, 80, 500])
def test_every_batch_size_comes_near_the_line(batch_size, line):
    model = GradientDescentRegressor(batch_size=batch_size, n_epochs=300, random_state=0).fit(*line)
    np.testing.assert_allclose(model.coef_, LinearRegression().fit(*line).coef_, atol=0.15)


@pytest.mark.parametrize("loss", ["huber", "pseudo_huber"])
def test_robust_losses_find_their_own_minimum_and_heed_an_outlier_less(loss, line):
    from dlstudy.scratch.losses import LOSSES

    x, y = line
    y[0] += 100
    model = GradientDescentRegressor(loss=loss, delta=0.5, learning_rate=0.2, n_epochs=1000).fit(x, y)
    cost = lambda w: LOSSES[loss](y, x @ w[:2] + w[2], delta=0.5).value.mean()  # noqa: E731
    best = optimize.minimize(cost, np.zeros(3), tol=1e-10).x
    np.testing.assert_allclose([*model.coef_, model.intercept_], best, atol=1e-5)
    assert abs(model.intercept_ - 2) < 0.2 < abs(LinearRegression().fit(x, y).intercept_ - 2)


def test_absolute_errors_lead_to_a_median():
    model = GradientDescentRegressor(loss="mae", learning_rate=0.01, n_epochs=2000).fit(
        np.zeros((5, 1)), [1, 2, 3, 50, 60]
    )
    np.testing.assert_allclose(model.intercept_, 3, atol=0.02)


def test_momentum_is_a_share_of_sgd_or_a_rule_of_its_own(line):
    shared, ruled = (GradientDescentRegressor(**p).fit(*line) for p in ({"momentum": 0.9}, {"rule": "momentum"}))
    assert shared.history_ == ruled.history_
    plain = GradientDescentRegressor().fit(*line)
    assert ruled.history_["cost"][20] < plain.history_["cost"][20]


def test_same_seed_gives_the_same_batches_and_without_shuffling_no_seed_matters(line):
    def slopes(seed, shuffle=True):
        model = GradientDescentRegressor(batch_size=8, n_epochs=3, shuffle=shuffle, random_state=seed)
        return model.fit(*line).history_["slope"]

    assert slopes(0) == slopes(0) != slopes(1)
    assert slopes(0, shuffle=False) == slopes(1, shuffle=False)


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("rule", ["sgd", "momentum"])
def test_a_rate_too_large_shows_in_the_history_and_raises_nothing(rule, batch_size, line):
    model = GradientDescentRegressor(rule=rule, learning_rate=50.0, batch_size=batch_size, n_epochs=300).fit(*line)
    assert len(model.history_["cost"]) == 300
    assert model.history_["cost"][5] > model.history_["cost"][0]
    assert not np.isfinite(model.history_["cost"][-1])
    assert not np.isfinite(model.predict(line[0])).any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rule": "newton"}, "rule must be one of sgd, momentum, adagrad, adadelta, rmsprop, adam, got 'newton'"),
        ({"loss": "hinge"}, "loss must be one of mae, mse, half_mse, huber, pseudo_huber, got 'hinge'"),
        ({"n_epochs": 0}, "n_epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0: raise it, or None for all rows"),
        ({"rule": "adam", "momentum": 0.5}, "momentum is for the rules sgd and momentum, got 0.5 for adam"),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(UsageError, match=message):
        GradientDescentRegressor(**parameters).fit([[0], [1]], [0, 1])


def test_report_agrees_with_scikit_learn(line):
    x, y = line
    predicted = x @ [2.5, 0]
    report = regression_report(y, predicted)
    assert list(report) == ["sst", "sse", "ssr", "r2", "mse", "rmse", "mae", "pearson"]
    np.testing.assert_allclose(report["r2"], metrics.r2_score(y, predicted), rtol=1e-12)
    np.testing.assert_allclose(report["rmse"], metrics.root_mean_squared_error(y, predicted), rtol=1e-12)
    np.testing.assert_allclose(report["mae"], metrics.mean_absolute_error(y, predicted), rtol=1e-12)
    np.testing.assert_allclose(report["pearson"], np.corrcoef(y, predicted)[0, 1], rtol=1e-12)


def test_report_of_values_without_spread_has_no_made_up_number():
    report = regression_report([2, 2], [2, 2])
    assert (report["sst"], report["sse"]) == (0, 0)
    assert np.isnan([report["r2"], report["pearson"]]).all()


@pytest.mark.parametrize("predicted", [[1.0], [[1.0], [2.0]]])
def test_report_refuses_vectors_that_do_not_fit(predicted):
    with pytest.raises(DataError, match="must be vectors of one length, got shapes"):
        regression_report([1.0, 2.0], predicted)
