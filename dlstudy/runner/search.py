"""Where a search's parameters come from: a fixed design, or an Optuna sampler; and the pruner."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from dlstudy.runner.design import design_table
from dlstudy.study.protocol import Protocol
from dlstudy.study.trial import number_of
from dlstudy.study.variant import Variant

__all__ = ["fixed_rows", "make_pruner", "make_sampler"]


def fixed_rows(
    study: str, space: Mapping[str, BaseDistribution], n_rows: int, variant: Variant, stream: Sequence[str] = ()
) -> list[dict[str, Any]] | None:  # Any: JSON scalars
    """The parameters of each row, or None where a sampler proposes them one after another."""
    if variant.sampler == "tpe" and space:
        return None
    return design_table(study, space, n_rows, variant.sampler, stream)


def make_sampler(name: str, n_known: int) -> optuna.samplers.BaseSampler:
    """Optuna's TPE. The seed counts known trials, lest a run that goes on propose its first points again.

    Args:
        name: of the Optuna study.
        n_known: trials it has.
    """
    return optuna.samplers.TPESampler(seed=number_of(name, "tpe", n_known))


def make_pruner(variant: Variant, protocol: Protocol) -> optuna.pruners.BasePruner:
    """The pruner that a variant names."""
    if variant.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1)
    if variant.pruner == "hyperband":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=protocol.epochs)
    return optuna.pruners.NopPruner()
