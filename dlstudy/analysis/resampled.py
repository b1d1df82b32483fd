"""Differences over resampled splits, which are not independent: splits share most of their rows.

The corrected resampled t test takes the variance of the mean of n differences to be (1/n + overlap) s^2, where overlap
is the number of rows that are judged over that of all others, and s^2 the variance of the differences.

Source: Nadeau and Bengio 2003, Inference for the Generalization Error; for folds Bouckaert and Frank 2004, Evaluating
the Replicability of Significance Tests for Comparing Learning Algorithms.
"""

import math
from collections.abc import Sequence

from dlstudy.analysis.inference import mean_and_sd
from dlstudy.study.claims import Claim
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.split import Resample, Split

__all__ = ["overlap_of", "widened", "widening"]


def widening(n: int, overlap: float) -> float:
    """By how much the standard error of n differences is larger than that of independent ones."""
    return math.sqrt(1 + n * overlap)


def widened(differences: Sequence[float], overlap: float) -> list[float]:
    """The differences with the same mean and a wider spread: Student's t of these is the corrected resampled t.

    With it, each function for independent differences gives what it gives for resampled ones: an interval, a p.

    Args:
        differences: (n,) one for each split.
        overlap: rows judged / all other rows of a split; 0 changes nothing.
    """
    if not overlap:
        return list(differences)
    mean, factor = mean_and_sd(differences)[0], widening(len(differences), overlap)
    return [mean + factor * (difference - mean) for difference in differences]


def overlap_of(study: ResolvedStudy, claim: Claim, by_search: bool) -> float:
    """Rows judged / all other rows of a split, where each unit of a claim has a split of its own; else 0.

    Rows in time count as on average over the blocks: half of them come before.

    Args:
        study: as the variant runs it.
        claim: that compares arms.
        by_search: whether it pairs whole searches.
    """
    phase = claim.phase.runs
    if not by_search and not study.has_split_for_each_seed(phase):
        return 0.0
    splits = {study.split_of(arm, phase) for arm in study.trained(claim)}
    return max(_overlap(split, claim.metric, study) for split in splits)


def _overlap(split: Split, metric: str, study: ResolvedStudy) -> float:
    if split.resample is None or not isinstance(split.test, float):
        return 0.0
    assert isinstance(split.validation, int | float), "no resampled split has stated rows"
    n_rows = study.about.n_train
    rest = 0.5 if split.resample is Resample.TIME else 1 - split.test
    used = rest if study.protocol.rows is None else min(rest, study.protocol.rows / n_rows)
    validation = split.validation * used if isinstance(split.validation, float) else split.validation / n_rows
    judged = {"test": split.test, "val": validation, "train": used - validation}[metric.partition("_")[0]]
    return judged / (rest + split.test - judged)
