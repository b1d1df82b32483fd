"""The best of several starts: chosen by the training loss, and then the run of that seed."""

import dataclasses

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

from dlstudy.scratch.network import SigmoidNetwork
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.split import Split
from dlstudy.toolkit.logging import log_metric
from dlstudy.training import artifacts
from dlstudy.training.model_cache import ModelCache
from tests.helpers.full_form import also_in_full_form, in_full_form
from tests.helpers.trainings import context_of, net, run, spec_of


def fresh(context):
    """The same data, with no kept models."""
    return dataclasses.replace(context, cache=ModelCache())


def alone(context, spec, seed, **how):
    return run(context, dataclasses.replace(spec, seed=seed, restarts=1), **how)


def assert_same(result, other):
    assert result.metrics == other.metrics
    assert result.history == other.history
    assert (result.correct, result.initial) == (other.correct, other.initial)


def test_a_net_is_that_of_the_seed_with_the_lowest_training_loss(digits):
    spec = spec_of(epochs=2, restarts=3, seed=21)
    losses = [alone(digits, spec, 21 + i).metrics["train_loss"] for i in range(3)]
    best = int(np.argmin(losses))
    assert best > 0, "a test of the first start alone would show nothing"
    epochs = []
    result = run(fresh(digits), spec, on_epoch=lambda epoch, metrics: epochs.append(epoch) or True)
    assert result.state == "finished", result.traceback
    assert_same(result, alone(digits, spec, 21 + best))
    assert result.remarks == (f"the best of 3 starts: seed 21 + {best}",)
    assert (result.trained_by, epochs) == ("epoch graph", [1, 2])


XOR = {"prepare": lambda x, y, train, p: (x, x[:, 0].astype(int) ^ x[:, 1].astype(int))}


def network(p):
    return SigmoidNetwork(learning_rate=p["learning_rate"], n_steps=300)


def searched(p):
    """The best of five starts as scikit-learn finds it."""
    starts, rows = [p["seed"] + i for i in range(5)], list(range(4))
    return GridSearchCV(network(p), {"random_state": starts}, scoring="neg_log_loss", cv=[(rows, rows)])


def gate_spec(seed, **changes):
    split = Split(validation=4)
    return spec_of("gates", epochs=300, split=split, params={"learning_rate": 1.0}, seed=seed, **changes)


@pytest.mark.parametrize("seed", [8, *also_in_full_form(0)])
def test_an_estimator_is_the_one_that_scikit_learn_s_search_over_seeds_finds(gates, seed):
    found = []
    by_search = run(gates, gate_spec(seed), searched, **XOR, extra_metrics=lambda model, *_: found.append(model) or {})
    by_restarts = run(gates, gate_spec(seed, restarts=5), network, **XOR)
    assert by_restarts.state == "finished", by_restarts.traceback
    best = found[-1].best_params_["random_state"] - seed
    assert by_restarts.remarks == (f"the best of 5 starts: seed {seed} + {best}",)
    shared = {name: by_restarts.metrics[name] for name in by_search.metrics}
    assert shared == by_search.metrics
    assert by_restarts.correct == by_search.correct


class Scored(BaseEstimator):
    """Its squared error on the training rows is `losses[random_state - 11]`; keeps what it was asked to predict."""

    def __init__(self, losses, seen, random_state=None):
        self.losses, self.seen, self.random_state = losses, seen, random_state

    def fit(self, x, y):
        self.rows_, self.targets_ = x, y
        return self

    def predict(self, x):
        self.seen.append((self.random_state, len(x)))
        loss = self.losses[self.random_state - 11]
        return (self.targets_ if len(x) == len(self.rows_) else np.zeros(len(x))) + loss**0.5


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ((np.nan, 4.0, 4.0), 1),
        pytest.param((1.0, 1.0, 1.0), 0, marks=in_full_form),
        pytest.param((3.0, np.inf, 2.0), 2, marks=in_full_form),
    ],
    ids=str,
)
def test_the_first_of_equals_is_kept_and_one_that_diverges_loses(keras_at_rest, losses, best):
    seen = []
    result = run(context_of("diabetes"), spec_of("diabetes", restarts=3), lambda p: Scored(losses, seen))
    assert result.state == "finished", result.reason
    assert result.remarks == (f"the best of 3 starts: seed 11 + {best}",)
    n_test = 89
    assert {seed for seed, n in seen if n == n_test} == {11 + best}, "the other starts never see the test rows"


def test_where_every_start_diverges_so_does_the_trial(keras_at_rest):
    result = run(context_of("diabetes"), spec_of("diabetes", restarts=2), lambda p: Scored((np.nan, np.nan), []))
    assert (result.state, result.metrics) == ("diverged", {})


class Labels(BaseEstimator):
    """A classifier without probabilities, and so without a loss."""

    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.zeros(len(x))


def test_without_a_training_loss_nothing_can_be_chosen(digits):
    result = run(digits, spec_of(restarts=2, read_test=ReadTest.NEVER), lambda p: Labels())
    assert (result.state, result.reason) == (
        "failed",
        "restarts are compared by train_loss, but none of 2 has it: compile the model with a loss, or give the "
        "estimator predict_proba",
    )


def test_a_start_that_fails_fails_the_trial(digits):
    def build(p):
        if p["seed"] == 13:
            raise RuntimeError("not this seed")
        return net(p)

    result = run(digits, spec_of(epochs=1, restarts=4), build)
    assert (result.state, result.reason) == ("failed", "RuntimeError: not this seed")


@in_full_form
def test_starts_save_nothing_draw_nothing_and_are_not_pruned(digits, tmp_path, monkeypatch):
    calls = []

    def written(model, flavour, folder, x):
        calls.append("saved")
        folder.mkdir(parents=True)

    monkeypatch.setattr(artifacts, "_write", written)
    folder, model = tmp_path / "folder", tmp_path / "model"
    spec = spec_of(epochs=2, restarts=3, folder=str(folder), model_folder=str(model), phase=Phase.REPLICATE)

    def callbacks(p):
        assert [path.name for path in folder.rglob("*")] == ["artifacts"], "each start has an empty folder"
        (folder / "logs").mkdir()
        (folder / "logs" / str(p["seed"])).touch()
        return []

    result = run(digits, spec, callbacks=callbacks, figures=lambda *_: calls.append("drawn") or {})
    assert result.state == "finished", result.traceback
    assert calls == ["saved", "drawn"]
    best = min(range(3), key=lambda i: alone(digits, spec_of(epochs=2), 11 + i).metrics["train_loss"])
    assert [path.name for path in (folder / "logs").iterdir()] == [str(11 + best)]
    pruned = run(digits, spec_of(epochs=3, restarts=2, prunable=True), on_epoch=lambda epoch, _: epoch < 2)
    assert (pruned.state, pruned.reason) == ("pruned", "pruned after epoch 2")


@in_full_form
def test_all_starts_see_the_data_of_the_trial_s_own_seed_and_log_for_themselves(digits):
    seeds = []

    def prepare(x, y, train, p):
        seeds.append(p["seed"])
        log_metric("prepared", p["seed"])
        return x, y

    def build(p):
        log_metric("built", p["seed"])
        return net(p)

    result = run(digits, spec_of(epochs=1, restarts=3), build, prepare=prepare)
    best = int(result.remarks[0].rpartition(" ")[2])
    assert seeds == [11]
    assert (result.metrics["train_prepared"], result.metrics["train_built"]) == (11, 11 + best)
