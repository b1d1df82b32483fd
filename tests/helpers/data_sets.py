"""A study on several data sets, with made-up runs."""

from dataclasses import replace

import numpy as np

from dlstudy.analysis.across import summarize_across
from dlstudy.datasets import registry
from dlstudy.study.claims import Claim
from dlstudy.study.variant import Variant
from tests.helpers.builders import make_study, runs_of, sum_up

NOISE = np.array([0.000, 0.001, 0.002, 0.003, 0.004, 0.005, 0.001, 0.002])  # of each seed
A_BEATS_B = Claim("a beats b", better="a", than="b", metric="test_accuracy")
NAMES = ("mnist", "digits", "fashion_mnist", "wine", "cifar10", "gates")


def given(*gains, claims=(A_BEATS_B,), arms="abc", metric="test_accuracy", **changes):
    """A study and its summary on each data set; a gain is by how much each arm is better than the next one there."""
    study = make_study(arms=arms, claims=claims, dataset="mnist", seeds=8, **changes)
    summaries = []
    for name, gain in zip(NAMES, gains, strict=False):
        used = replace(study, dataset=name, about=registry.describe(name))
        trials = []
        for i, arm in enumerate(arms):
            values = 0.8 - np.cumsum([0, *np.atleast_1d(gain)])[i] + NOISE * (i + 1) if gain is not None else []
            trials += runs_of(used, arm, "replicate", list(values), metric)
        summaries.append(sum_up(used, trials, str(Variant(dataset=None if name == "mnist" else name))))
    return study, summaries


def on_each(*gains, **changes):
    """The summary over the same data sets."""
    return summarize_across(*given(*gains, **changes))
