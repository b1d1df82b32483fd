"""Where a search's parameters come from: a fixed design, or an Optuna sampler; and the pruner."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from dlstudy.runner.design import design_table
from dlstudy.study.optuna_parts import made_part
from dlstudy.study.protocol import Protocol
from dlstudy.study.record_name import RecordName
from dlstudy.study.seeds import number_of
from dlstudy.study.variant import Variant

__all__ = ["fixed_design", "make_pruner", "make_sampler", "round_design"]


def fixed_design(
    study: str, space: Mapping[str, BaseDistribution], n_trials: int, variant: Variant, stream: Sequence[str] = ()
) -> list[dict[str, Any]] | None:  # Any: JSON scalars
    """The parameters of each trial, by its index; None where a sampler proposes them one after another."""
    if variant.proposes and space:
        return None
    return design_table(study, space, n_trials, variant.sampler, stream)


def round_design(
    study: str, space: Mapping[str, BaseDistribution], n_trials: int, number: int, stream: Sequence[str] = ()
) -> list[dict[str, Any]]:  # Any: JSON scalars
    """The parameters of each trial of a round of the search, in the space of that round."""
    return design_table(study, space, n_trials, "sobol", (*stream, f"round {number}"))


def make_sampler(sampler: str, name: RecordName, n_known: int) -> optuna.samplers.BaseSampler:
    """A sampler whose seed depends on the number of known trials: a resumed run must not repeat its first proposals.

    Args:
        sampler: of the variant, which proposes.
        name: of the part in the record.
        n_known: trials it has.
    """
    seed = number_of(name, sampler, n_known)
    found: optuna.samplers.BaseSampler = made_part("samplers", "TPESampler" if sampler == "tpe" else sampler, seed)
    return found


def make_pruner(variant: Variant, protocol: Protocol) -> optuna.pruners.BasePruner:
    """The pruner that a variant names."""
    if variant.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1)
    if variant.pruner == "hyperband":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=protocol.epochs)
    if variant.pruner == "none" or variant.halves:  # the plan stops trials at the rungs of halving
        return optuna.pruners.NopPruner()
    found: optuna.pruners.BasePruner = made_part("pruners", variant.pruner, seed=0)
    return found
