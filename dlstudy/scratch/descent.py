"""Linear regression by gradient descent and in closed form, and figures of merit for a regression."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from dlstudy.errors import DataError
from dlstudy.scratch.arrays import Array, floats
from dlstudy.scratch.inputs import require
from dlstudy.scratch.losses import LOSSES, Loss
from dlstudy.scratch.rules import RULES, Rule

__all__ = ["ClosedFormRegressor", "GradientDescentRegressor", "mean_rise", "regression_report"]

_DELTA = {"mae": False, "mse": False, "half_mse": False, "huber": True, "pseudo_huber": True}
"""The losses that a regression can have, and whether they take a delta."""


class _Line(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The prediction that both regressors make from `coef_` and `intercept_`."""

    coef_: Array
    intercept_: float

    def predict(self, x: ArrayLike) -> Array:
        """The value on the line (plane, hyperplane) for each row: (n, features) numbers to (n,) float64."""
        check_is_fitted(self)
        rows = validate_data(self, x, dtype=np.float64, reset=False)
        with np.errstate(all="ignore"):  # a descent that diverged predicts inf or nan
            return np.asarray(rows @ self.coef_ + self.intercept_)


class GradientDescentRegressor(_Line):
    """Linear regression by gradient descent on the mean loss of a batch, from a line of zeros.

    The course's descent is `loss="mse"` on all rows: its gradient is (2 / n) * sum(e * x), e = prediction - y. Beside
    each new slope the course prints the cost before that step, as `history_` does. Where the rate is too large the
    numbers grow to inf and nan, in `history_` and in predictions, and nothing is raised.

    Args:
        rule: a name of `RULES`.
        learning_rate: eta.
        momentum: share of the previous step that is added, for the rules sgd and momentum; None is the rule's own.
        batch_size: rows per step; None takes all (batch), 1 is stochastic, in between mini-batch.
        n_epochs: how often all rows are seen.
        loss: mse, half_mse, mae, huber or pseudo_huber.
        delta: of the two Huber losses, in units of y.
        shuffle: whether each epoch has its own order of rows.
        random_state: what NumPy's `default_rng` takes; it decides on those orders.

    Attributes:
        coef_: (features,) float64.
        intercept_: the value at x = 0.
        n_iter_: number of epochs.
        history_: for each epoch "cost" (the mean loss of all rows, before it), and after it "slope" (of the first
            feature) and "intercept".
    """

    def __init__(
        self,
        *,
        rule: str = "sgd",
        learning_rate: float = 0.01,
        momentum: float | None = None,
        batch_size: int | None = None,
        n_epochs: int = 100,
        loss: str = "mse",
        delta: float = 1.0,
        shuffle: bool = True,
        random_state: int | None = None,
    ) -> None:
        self.rule = rule
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.loss = loss
        self.delta = delta
        self.shuffle = shuffle
        self.random_state = random_state

    def fit(self, x: ArrayLike, y: ArrayLike) -> Self:
        """Fits the line to rows and their values.

        Args:
            x: (n, features) numbers; standardize them, or the rate that one feature needs is too large for another.
            y: (n,) numbers.

        Raises:
            UsageError: a parameter breaks its rule.
        """
        rule, loss = self._checked()
        rows, values = validate_data(self, x, y, dtype=np.float64, y_numeric=True)
        rows = np.column_stack([rows, np.ones(len(rows))])  # the last weight is the intercept
        weights = np.zeros(rows.shape[1])
        state = rule.start(weights)
        self.history_: dict[str, list[float]] = {"cost": [], "slope": [], "intercept": []}
        with np.errstate(all="ignore"):  # divergence at too large a rate is a result, too
            for batches in self._epochs(len(values)):
                self.history_["cost"].append(float(loss(values, rows @ weights).value.mean()))
                for batch in batches:
                    x_batch, y_batch = rows[batch], values[batch]
                    gradient = x_batch.T @ loss(y_batch, x_batch @ weights).gradient / len(y_batch)
                    weights, state = rule.step(weights, gradient, state)
                self.history_["slope"].append(float(weights[0]))
                self.history_["intercept"].append(float(weights[-1]))
        self.coef_, self.intercept_ = weights[:-1], float(weights[-1])
        self.n_iter_ = self.n_epochs
        return self

    def _checked(self) -> tuple[Rule, Callable[[Array, Array], Loss]]:
        """The rule and the loss that the parameters name."""
        require(self.rule in RULES, f"rule must be one of {', '.join(RULES)}, got {self.rule!r}: choose one")
        require(self.loss in _DELTA, f"loss must be one of {', '.join(_DELTA)}, got {self.loss!r}: choose one")
        require(self.n_epochs >= 1, f"n_epochs must be at least 1, got {self.n_epochs}: raise it")
        require(
            self.batch_size is None or self.batch_size >= 1,
            f"batch_size must be at least 1, got {self.batch_size}: raise it, or None for all rows",
        )
        require(
            self.momentum is None or self.rule in ("sgd", "momentum"),
            f"momentum is for the rules sgd and momentum, got {self.momentum} for {self.rule}: leave it None",
        )
        momentum = {} if self.momentum is None else {"momentum": self.momentum}
        delta = {"delta": self.delta} if _DELTA[self.loss] else {}
        rule = RULES[self.rule](learning_rate=self.learning_rate, **momentum)
        return rule, partial(LOSSES[self.loss], **delta)

    def _epochs(self, n: int) -> Iterator[list[np.ndarray | slice]]:
        """The batches of each epoch, as the row numbers of each."""
        rng = np.random.default_rng(self.random_state)
        for _ in range(self.n_epochs):
            if self.batch_size is None or self.batch_size >= n:
                yield [slice(None)]
            else:
                order = rng.permutation(n) if self.shuffle else np.arange(n)
                yield [order[start : start + self.batch_size] for start in range(0, n, self.batch_size)]


class ClosedFormRegressor(_Line):
    """Linear regression by least squares, exactly.

    One feature: b1 = Sxy / Sxx and b0 = mean(y) - b1 * mean(x), the course's closed form, where sums go row by row as
    in a loop: so its figures come out to the last digit. More features: NumPy's `lstsq`, which takes the smallest
    coefficients where several fit equally well.

    Attributes:
        coef_: (features,) float64.
        intercept_: the value at x = 0.

    Source: Legendre 1805, Nouvelles methodes; Gauss 1809, Theoria motus.
    """

    def fit(self, x: ArrayLike, y: ArrayLike) -> Self:
        """Fits the line.

        Args:
            x: (n, features) numbers.
            y: (n,) numbers.
        """
        rows, values = validate_data(self, x, y, dtype=np.float64, y_numeric=True)
        x_mean, y_mean = rows.mean(axis=0), values.mean()
        rows, values = rows - x_mean, values - y_mean
        if rows.shape[1] == 1 and rows.any():
            self.coef_ = np.array([_sum(rows[:, 0] * values) / _sum(rows[:, 0] ** 2)])
        else:
            self.coef_ = np.linalg.lstsq(rows, values)[0]
        self.intercept_ = float(y_mean - self.coef_ @ x_mean)
        return self


def regression_report(y: ArrayLike, predicted: ArrayLike, x: ArrayLike | None = None) -> dict[str, float]:
    """The figures of merit that the course gives for a regression.

    Args:
        y: (n,) numbers, the measured values.
        predicted: (n,) numbers.
        x: (n,) numbers, the one feature, for Pearson's correlation of x and y; without it that of `predicted` and y.

    Returns:
        sst, sse, ssr: sums of squares: total (y - mean), error (predicted - y), regression (predicted - mean). Some
            books say ESS (explained) for ssr and RSS or SSR (residual) for sse.
        r2: 1 - sse / sst, which is ssr / sst for least squares on its own rows only.
        mse, rmse, mae: means over n, and not over degrees of freedom.
        pearson: in [-1, 1]. It and r2 are nan where there is no spread.

    Raises:
        DataError: the arrays are not vectors of one length, or are empty.
    """
    arrays = [floats(a) for a in (y, predicted, predicted if x is None else x)]
    shapes = [a.shape for a in arrays]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1 or not arrays[0].size:
        raise DataError(f"y, predicted and x must be vectors of one length, got shapes {shapes}: reshape them")
    y, predicted, x = arrays
    total, error = y - y.mean(), predicted - y
    sst, sse = _sum(total**2), _sum(error**2)
    x_total = x - x.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = 1 - sse / sst
        pearson = _sum(x_total * total) / np.sqrt(_sum(x_total**2) * sst)
    mse = sse / len(y)
    report = {"sst": sst, "sse": sse, "ssr": _sum((predicted - y.mean()) ** 2), "r2": r2, "mse": mse}
    report |= {"rmse": np.sqrt(mse), "mae": _sum(np.abs(error)) / len(y), "pearson": pearson}
    return {name: float(value) for name, value in report.items()}


def mean_rise(costs: ArrayLike) -> float:
    """Mean increase of a cost from one step to the next, a decrease counting as 0; 0 for fewer than two costs.

    Args:
        costs: (n,) one per step; not finite where a descent diverged.
    """
    with np.errstate(all="ignore"):
        rises = np.maximum(0, np.diff(np.asarray(costs, np.float64)))
        return float(rises.mean()) if len(rises) else 0.0


def _sum(values: Array) -> np.float64:
    """Adds from the first to the last, as a loop does; `np.sum` adds in pairs, which differs in the last digits."""
    return np.float64(np.cumsum(values)[-1])
