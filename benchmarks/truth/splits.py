"""How often equal learners are told apart over resampled splits, and unequal ones."""

from collections.abc import Iterator

import numpy as np

from dlstudy.analysis.inference import t_test_p
from dlstudy.analysis.resampled import widened
from dlstudy.study.row_facts import RowFacts
from dlstudy.study.split import Resample, Split
from dlstudy.study.splits import Rows, split_rows

__all__ = ["table"]

_N_ROWS = 200
_SHRINKING = (0.0, 0.5, 1.0)
"""What is tuned on the validation rows: how far the class means are drawn to the mean of all rows."""


def table(n_studies: int) -> Iterator[str]:
    """Lines of a table: for each kind of splits, how often p is at most 0.05, in four times as many data sets."""
    yield "splits of 200 rows | number | learners | equal, t | equal, corrected t | unequal, corrected t"
    kinds = [
        (Split(0.25, 0.25, 1, Resample.RANDOM), 8),
        (Split(0.25, 0.25, 1, Resample.RANDOM), 15),
        (Split(0.25, 0.2, 1, Resample.FOLDS), 5),
        (Split(0.25, 0.1, 1, Resample.FOLDS), 10),
        (Split(0.25, 0.2, 1, Resample.FOLDS), 10),
        (Split(0.25, 1 / 9, None, Resample.TIME), 8),
    ]
    for split, number in kinds:
        for tuned in (False, True):
            equal, unequal = (
                [_differences(split, number, tuned, gain, seed) for seed in range(4 * n_studies)] for gain in (0.0, 0.2)
            )
            overlap = float(split.test) / (0.5 if split.resample is Resample.TIME else 1 - float(split.test))
            shares = [_significant(equal, 0.0), _significant(equal, overlap), _significant(unequal, overlap)]
            about = f"{split.resample}, test {split.test:.2g} | {number} | {'tuned' if tuned else 'as they are'}"
            yield f"{about} | {' | '.join(f'{100 * share:.0f} %' for share in shares)}"


def _significant(of_studies: list[list[float]], overlap: float) -> float:
    return float(np.mean([t_test_p(widened(differences, overlap)) <= 0.05 for differences in of_studies]))


def _differences(split: Split, number: int, tuned: bool, gain: float, seed: int) -> list[float]:
    """Test accuracy of one learner less that of another, by split, on a data set of its own.

    Each sees five columns that tell two classes apart equally well, but for the gain of the first; so on average over
    data sets both are equally accurate where that is 0.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, _N_ROWS)
    x = rng.standard_normal((_N_ROWS, 10)) + np.repeat([0.3 + gain, 0.3], 5) * y[:, None]
    of_splits = [split_rows(split, RowFacts(_N_ROWS, 0), number=i) for i in range(number)]
    return [_accuracy(x[:, :5], y, rows, tuned) - _accuracy(x[:, 5:], y, rows, tuned) for rows in of_splits]


def _accuracy(x: np.ndarray, y: np.ndarray, rows: Rows, tuned: bool) -> float:
    """The test accuracy of the nearest class mean, shrunk as far as was best on the validation rows."""
    middle = x[rows.train].mean(axis=0)
    means = np.array([x[rows.train][y[rows.train] == label].mean(axis=0) for label in (0, 1)])

    def accuracy(part: np.ndarray, share: float) -> float:
        shrunk = means + share * (middle - means) * (abs(means[1] - means[0]) < 0.3)
        found = ((x[part][:, None] - shrunk) ** 2).sum(axis=2).argmin(axis=1)
        return float(np.mean(found == y[part]))

    best = max(_SHRINKING, key=lambda share: accuracy(rows.validation, share)) if tuned else 0.0
    return accuracy(rows.test, best)
