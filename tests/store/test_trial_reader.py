"""The reader of many trials gives what Optuna's own gives, and leaves the work to it where Optuna is another."""

import sys

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from dlstudy.store import rdb
from dlstudy.store.trial_reader import WRITES_OF_CACHE, read_trials, reads_trials_as_known

SPACE = {
    "rate": FloatDistribution(1e-6, 1.0, log=True),
    "units": IntDistribution(2, 64),
    "kind": CategoricalDistribution(["a", None, 3]),
}


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    storage = RDBStorage(f"sqlite:///{tmp_path_factory.mktemp('optuna') / 'trials.db'}")
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))
    for state, value in ((TrialState.COMPLETE, float("inf")), (TrialState.PRUNED, None), (TrialState.FAIL, None)):
        trial = study.ask(SPACE)
        trial.set_user_attr("words", "ä 🦊")
        trial.report(0.5, step=3)
        trial.report(float("nan"), step=1)
        study.tell(trial, value, state)
    study.ask(SPACE)  # still running
    study.enqueue_trial({"rate": 0.1})
    yield storage
    storage.engine.dispose()


@pytest.mark.parametrize("states", [None, [TrialState.COMPLETE, TrialState.RUNNING], []])
@pytest.mark.parametrize(("included", "greater"), [(set(), -1), ({1, 3}, 4), ({2}, 100), (set(), 100)])
def test_trials_are_those_of_optuna(storage, states, included, greater):
    (study,) = storage.get_all_studies()
    asked = study._study_id, states, included, greater
    assert repr(read_trials(storage.engine, *asked)) == repr(storage._get_trials(*asked))  # repr: nan is not nan


def test_this_version_of_optuna_is_known():
    assert reads_trials_as_known()
    assert len(WRITES_OF_CACHE) == 2


def renamed(monkeypatch):
    monkeypatch.delattr(RDBStorage, "_get_trials")


def with_another_parameter(monkeypatch):
    monkeypatch.setattr(RDBStorage, "_get_trials", lambda self, study_id, states, filters: [])


def without_tables(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna.storages._rdb.models", None)
    monkeypatch.delattr("optuna.storages._rdb.models")


@pytest.mark.parametrize("change", [renamed, with_another_parameter, without_tables])
def test_a_version_with_other_private_names_is_not_known(monkeypatch, change):
    change(monkeypatch)
    assert not reads_trials_as_known()


def test_optuna_s_own_reader_reads_where_the_names_are_others(storage, monkeypatch):
    (study,) = storage.get_all_studies()
    asked = study._study_id, None, set(), -1
    expected = repr(storage._get_trials(*asked))
    monkeypatch.setattr(rdb, "reads_trials_as_known", lambda: False)
    monkeypatch.setattr(rdb, "read_trials", lambda *_: pytest.fail("another reader was used"))
    reader = object.__new__(rdb._RetryingStorage)
    reader.__dict__.update(storage.__dict__)
    assert repr(reader._get_trials(*asked)) == expected
