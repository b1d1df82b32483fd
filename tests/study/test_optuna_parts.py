"""Optuna's samplers and pruners by name: what Optuna itself makes of it, or one line of what is wrong."""

import warnings

import optuna
import pytest

from dlstudy.errors import UsageError
from dlstudy.study.optuna_parts import canonical_part, made_part
from dlstudy.study.variant import Variant
from tests.helpers import fake_runs


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("samplers", "RandomSampler", "RandomSampler"),
        ("samplers", " BruteForceSampler() ", "BruteForceSampler"),
        ("samplers", "TPESampler(gamma = 1, prior_weight=1e-2)", "TPESampler(gamma=1,prior_weight=0.01)"),
        ("samplers", 'QMCSampler(qmc_type="halton")', "QMCSampler(qmc_type='halton')"),
        ("pruners", "PatientPruner(MedianPruner(), 2)", "PatientPruner(MedianPruner(),2)"),
        ("pruners", "PatientPruner(None, 3, min_delta=1e-3)", "PatientPruner(None,3,min_delta=0.001)"),
        ("pruners", "ThresholdPruner(lower=-0.5)", "ThresholdPruner(lower=-0.5)"),
    ],
)  # fmt: skip
def test_a_part_has_one_name_that_a_variant_can_have(kind, text, name):
    assert canonical_part(kind, text) == name
    variant = Variant(**{kind.removesuffix("s"): text})
    assert Variant.parse(str(variant)) == variant
    assert variant.order_matters


def test_words_of_another_form_are_not_parts():
    for text in ("sobol", "tpe", "grid", "", "Sampler", "median(3)", "optuna.samplers.TPESampler()"):
        assert canonical_part("samplers", text) is None


def test_parts_are_optunas_with_their_options_and_the_seed_of_the_search():
    pruner = made_part("pruners", "PatientPruner(PercentilePruner(25.0, n_startup_trials=2), patience=3)", 0)
    assert isinstance(pruner, optuna.pruners.PatientPruner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = optuna.samplers.NSGAIISampler(population_size=4, mutation_prob=0.3, seed=7)
        alike = made_part("samplers", "NSGAIISampler(population_size=4, mutation_prob=0.3)", 7)

    def tried(sampler):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1) ** 2 + trial.suggest_int("n", 1, 5), n_trials=12)
        return [trial.params for trial in study.trials]

    assert tried(alike) == tried(own)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("samplers", "TPESamplr(Sampler)", None),
        ("samplers", "TPEsSampler", "Optuna has no sampler 'TPEsSampler': did you mean TPESampler?"),
        ("samplers", "BaseSampler()", "Optuna has no sampler 'BaseSampler'"),
        ("samplers", "GridSampler()", "is not possible: .*search_space"),
        ("samplers", "TPESampler(speed=3)", "is not possible: .*'speed'"),
        ("samplers", "TPESampler(seed=3)", "TPESampler gets its seed from the study, got one: leave seed out"),
        ("samplers", "TPESampler(n_startup_trials=__import__('os'))", "Optuna has no sampler '__import__'"),
        ("samplers", "TPESampler(", "is a name with options, as CmaEsSampler"),
        ("samplers", "TPESampler(**{'a': 1})", "is not possible"),
        ("samplers", "TPESampler() + 1", "is not possible"),
        ("pruners", "ThresholdPruner()", "is not possible: Either lower or upper must be specified"),
        ("pruners", "ThresholdPruner(upper=1e+30)", "options of pruners must be plain numbers and names"),
        ("pruners", "PatientPruner(TPESampler(), 2)", "Optuna has no pruner 'TPESampler'"),
    ],
)
def test_what_is_none_is_refused_in_one_line(kind, text, message):
    if message is None:
        assert canonical_part(kind, text) is None
        return
    with pytest.raises(UsageError, match=message) as caught:
        canonical_part(kind, text)
    assert "\n" not in str(caught.value)


def test_a_sampler_whose_package_is_missing_says_what_to_install(monkeypatch):
    from dlstudy.study import optuna_parts

    monkeypatch.setattr(optuna_parts, "_NEEDS", {"GPSampler": "no_such_package"})
    with pytest.raises(UsageError, match="GPSampler needs the package no_such_package, which is not installed: pip"):
        canonical_part("samplers", "GPSampler")


def test_a_search_by_a_named_sampler_and_pruner_trains_and_goes_on(tiny, tmp_path):
    from dlstudy.store.home import Home
    from dlstudy.study.request import Request

    home = Home.at(tmp_path / "home")
    home.create()
    request = Request(Variant(sampler="NSGAIISampler(population_size=4)", pruner="PatientPruner(MedianPruner(), 2)"))
    n_all = fake_runs.run(tiny, home, request)
    assert n_all > 10
    assert fake_runs.run(tiny, home, request) == 0
    more = Request(request.variant, trials=5)
    assert fake_runs.run(tiny, home, more) > 0
