"""The check at the start of a process: it passes here, finds what is broken, and leaves nothing behind."""

import dataclasses
import random

import numpy as np
import pytest

from dlstudy.engines import trainer
from dlstudy.engines.devices import Slot, cpu_environment
from dlstudy.study import loader
from dlstudy.study.phases import ReadTest
from dlstudy.training import fused_updates, private_names, self_check
from dlstudy.training.epoch_graph import EpochGraphs
from dlstudy.training.self_check import graph_fault
from tests.helpers.trainings import context_of, run, spec_of

checked = graph_fault.__wrapped__  # not remembered from call to call


def test_here_it_passes_and_a_process_checks_once(keras_at_rest, monkeypatch):
    assert checked() == ""
    graph_fault.cache_clear()
    calls = []
    monkeypatch.setattr(self_check, "_distance", lambda: calls.append(1) or 0.0)
    assert [graph_fault(), graph_fault()] == ["", ""]
    assert calls == [1]
    graph_fault.cache_clear()


def test_it_checks_the_fused_update_itself(keras_at_rest, monkeypatch):
    made = []
    adam = fused_updates._adam
    monkeypatch.setattr(fused_updates, "_adam", lambda *given: made.append(adam(*given)) or made[-1])
    assert self_check._distance() < 1e-5
    assert [*filter(None, made)] == made != []


def test_it_draws_no_random_numbers_and_leaves_keras_as_it_was(keras_at_rest):
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    registered = set(private_names.registered_gradients())
    before = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]
    assert checked() == ""
    assert (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]) == before
    assert set(private_names.registered_gradients()) == registered
    assert keras.layers.Dense(1).name == "dense"
    assert keras.Sequential().name == "sequential"


def other_rule(optimizer, scratch):
    """A fused update of another rule: plain gradient descent in place of Adam."""
    return fused_updates._sgd(type("Plain", (), {"momentum": 0.0}), scratch)


def no_number(gradient, variable, learning_rate):
    variable.assign(variable * float("nan"))


@pytest.mark.parametrize("rule", [other_rule, lambda *_: no_number], ids=["another rule", "no number"])
def test_an_update_that_differs_is_found(keras_at_rest, monkeypatch, rule):
    monkeypatch.setattr(fused_updates, "_adam", rule)
    assert checked().startswith("the epoch graph failed its check at worker start: weights differ by ")


def test_a_graph_that_raises_is_found(keras_at_rest, monkeypatch):
    def broken(*_):
        raise TypeError("no such kernel\nin this version")

    monkeypatch.setattr(EpochGraphs, "train_epoch", broken)
    assert checked() == ("the epoch graph failed its check at worker start: TypeError: no such kernel in this version")


@pytest.mark.parametrize("name", ["adam_slots", "slot_index", "registered_gradients", "all_layers"])
def test_a_private_name_that_is_gone_is_no_fault_since_trials_do_without_it(keras_at_rest, monkeypatch, name):
    def missing(*_):
        raise AttributeError(name)

    monkeypatch.setattr(private_names, name, missing)
    assert checked() == ""


def test_a_private_name_that_means_something_else_now_is_found(keras_at_rest, monkeypatch):
    monkeypatch.setattr(private_names, "slot_index", lambda optimizer: lambda variable: 0)
    assert checked().startswith("the epoch graph failed its check at worker start: ")


@pytest.fixture
def faulty_trainer(keras_at_rest, monkeypatch):
    """A trainer in whose process the check fails."""
    graph_fault.cache_clear()
    monkeypatch.setattr(fused_updates, "_adam", other_rule)
    yield trainer.Trainer(Slot("cpu:0", cpu_environment(1)))
    graph_fault.cache_clear()


def test_after_a_failed_check_plain_fit_trains_and_every_trial_says_why(faulty_trainer, tiny):
    def trained(kind, prepared=False):
        path = tiny
        if prepared:
            path = tiny.with_name("prepared.py")
            path.write_text(
                tiny.read_text().replace("build=build,", "build=build, prepare=lambda x, y, train, p: (x, y),")
            )
        params = {"kind": kind, "learning_rate": 0.05}
        spec = spec_of(study_path=str(path), params=params, read_test=ReadTest.AT_END)
        return faulty_trainer.train(spec, lambda *_: True)

    for prepared in (False, True):
        result = trained("net", prepared)
        assert (result.state, result.trained_by) == ("finished", "fit"), result.reason
        (remark,) = result.remarks
        assert remark.startswith("the epoch graph failed its check at worker start: weights differ by ")
    result = trained("logistic")
    assert (result.trained_by, result.remarks) == ("estimator", ()), "no graph would have trained it"


def test_the_numbers_after_a_failed_check_are_those_of_plain_fit(digits_plain, faulty_trainer, tiny):
    params = {"kind": "net", "learning_rate": 0.05}
    spec = spec_of(study_path=str(tiny), params=params)
    result = faulty_trainer.train(spec, lambda *_: True)
    plain = run(digits_plain, spec, loader.load(tiny).study.build)
    assert plain.remarks == ("the data does not fit on the device",)
    assert (result.metrics, result.history) == (plain.metrics, plain.history)


@pytest.fixture
def digits_plain(keras_at_rest):
    context = context_of("digits")
    return dataclasses.replace(context, arrays=dataclasses.replace(context.arrays, fits=False))
