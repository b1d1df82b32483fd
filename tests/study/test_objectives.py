"""Objectives and hypervolumes, against those of Optuna and published values."""

import math

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume

from dlstudy.study.objectives import Objective, hypervolume, hypervolumes_alone, point_of


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
def test_it_is_the_hypervolume_of_optuna(n_objectives):
    rng = np.random.default_rng(n_objectives)
    for n in (1, 2, 5, 12):
        points = rng.random((n, n_objectives)).round(1)  # with ties, and on the edges
        theirs = compute_hypervolume(1 - points, np.ones(n_objectives))  # which minimizes
        assert hypervolume(map(tuple, points.tolist())) == pytest.approx(theirs, abs=1e-12)


def test_nothing_reached_is_nothing_and_all_reached_is_all():
    assert hypervolume([]) == 0
    assert hypervolume([(0.0, 1.0), (0.5, 0.0)]) == 0
    assert hypervolume([(1.0, 1.0), (0.3, 0.2)]) == 1


@pytest.mark.parametrize(
    ("objective", "value", "share"),
    [
        (Objective("val_accuracy", worst=0.5, best=1.0), 0.75, 0.5),
        (Objective("val_accuracy", worst=0.5, best=1.0), 0.2, 0.0),
        (Objective("val_loss", worst=2.0, best=0.0), 0.5, 0.75),
        (Objective("val_loss", worst=2.0, best=0.0), 9.0, 0.0),
        (Objective("parameters", worst=1e6, best=1e2, log=True), 1e4, 0.5),
        (Objective("parameters", worst=1e6, best=1e2, log=True), 10, 1.0),
        (Objective("parameters", worst=1e6, best=1e2, log=True), 0, 1.0),
        (Objective("val_psnr", worst=1.0, best=100.0, log=True), 0.0, 0.0),
        (Objective("val_loss", worst=2.0, best=0.0), math.inf, 0.0),
    ],
)
def test_a_value_reaches_a_share_of_an_objective(objective, value, share):
    assert objective.reached(value) == pytest.approx(share)


def test_the_rows_of_a_point_are_those_asked_for():
    objectives = [Objective("val_accuracy", 0.0, 1.0), Objective("parameters", worst=100, best=0)]
    metrics = {"val_accuracy": 0.5, "test_accuracy": 0.25, "parameters": 50}
    assert point_of(objectives, metrics) == (0.5, 0.5)
    assert point_of(objectives, metrics, "test") == (0.25, 0.5)
    assert point_of(objectives, {"parameters": 50}) is None
    assert hypervolumes_alone(objectives, metrics) == {"val_hypervolume": 0.25, "test_hypervolume": 0.125}
    assert hypervolumes_alone(objectives, {"val_accuracy": 0.5, "parameters": 0}) == {"val_hypervolume": 0.5}
