"""What runs with the same seed share across the arms of a study, in words."""

from collections.abc import Mapping, Sequence

from dlstudy.common.text import listed
from dlstudy.study.study import Study
from dlstudy.study.trial import TrainedBy, TrialRecord

__all__ = ["describe_pairing"]

_Digests = tuple[str | None, ...]
"""Digests of an initial weight, one per seed; None if the net of that seed has no such weight."""

_Weights = Mapping[str, _Digests]
"""Digests of all initial weights of an arm, by name and shape."""

_MOST_NAMES = 3


def describe_pairing(study: Study, runs: Mapping[str, Sequence[TrialRecord]]) -> list[str]:
    """A few sentences on the rows, the order of the batches and the initial weights that paired runs share.

    Where the record has no digests of weights, no sentence is about them.

    Args:
        study: as the variant runs it.
        runs: the finished replicates of the winners, by arm.
    """
    copies = [arm.name for arm in study.arms if arm.copy_of and runs.get(arm.name)]
    paired = {arm.name: runs[arm.name] for arm in study.arms if runs.get(arm.name) and not arm.copy_of}
    nets = {arm: of_arm for arm, of_arm in paired.items() if not _is_estimator(of_arm[0])}
    estimators = [arm for arm in paired if arm not in nets]
    sentences = [_on_batches(nets), *_on_weights(nets)] if len(paired) > 1 else []
    if estimators and len(paired) > 1:
        sentences.append(
            "What estimators draw from the seed, if anything, is their own: "
            f"{_verb(estimators, 'shares', 'share')} the split alone."
        )
    if copies:
        sentences.append(f"{_verb(copies, 'has', 'have')} other seeds than the arms: only the split is shared.")
    return sentences


def _is_estimator(run: TrialRecord) -> bool:
    return run.result is not None and run.result.trained_by is TrainedBy.ESTIMATOR


def _on_batches(nets: Mapping[str, Sequence[TrialRecord]]) -> str:
    """Batches are cut from one order of the rows: they are the same where their sizes are."""
    if len(nets) < 2:
        return "Runs with the same seed share the split."
    by_size: dict[str, list[str]] = {}
    for arm, runs in nets.items():
        sizes = sorted({int(run.params["batch_size"]) for run in runs})
        by_size.setdefault(" or ".join(map(str, sizes)), []).append(arm)
    if len(by_size) == 1 and " or " not in next(iter(by_size)):
        return "Runs with the same seed share the split and the order of the batches."
    cut = "; ".join(f"{size} in {listed(arms)}" for size, arms in by_size.items())
    return f"Runs with the same seed share the split and the order of the rows, but batches differ in size: {cut}."


def _on_weights(nets: Mapping[str, Sequence[TrialRecord]]) -> list[str]:
    weights = _weights(nets)
    if len(weights) < 2:
        return []
    alike: dict[frozenset[tuple[str, _Digests]], list[str]] = {}
    for arm, of_arm in weights.items():
        alike.setdefault(frozenset(of_arm.items()), []).append(arm)
    base = max(alike.values(), key=len)
    sentences = [f"Initial weights are the same in {listed(base)}."] if len(base) > 1 else []
    there = "them" if sentences else base[0]
    by_difference: dict[tuple[int, int, str], list[str]] = {}
    for arm, of_arm in weights.items():
        if arm not in base:
            by_difference.setdefault(_difference(of_arm, weights[base[0]]), []).append(arm)
    return sentences + [_compared(arms, there, *difference) for difference, arms in by_difference.items()]


def _weights(nets: Mapping[str, Sequence[TrialRecord]]) -> dict[str, _Weights]:
    """The weights of the arms whose runs have their digests, on the seeds that all of these arms have."""
    of_arms = {
        arm: found
        for arm, runs in nets.items()
        if (found := {run.seed: run.result.initial for run in runs if run.result and run.result.initial})
    }
    seeds = sorted(set.intersection(*map(set, of_arms.values()))) if of_arms else []
    return {
        arm: {name: tuple(found[seed].get(name) for seed in seeds) for seed in seeds for name in found[seed]}
        for arm, found in of_arms.items()
        if seeds
    }


def _difference(weights: _Weights, others: _Weights) -> tuple[int, int, str]:
    """How many of an arm's weights equal those of another arm, how many it has, and the names of the others."""
    apart = [
        f"{name} ({'other numbers' if name in others else 'none such there'})"
        for name, digests in weights.items()
        if others.get(name) != digests
    ]
    more = [f"{len(apart) - _MOST_NAMES} more"] if len(apart) > _MOST_NAMES else []
    return len(weights) - len(apart), len(weights), listed([*apart[:_MOST_NAMES], *more])


def _compared(arms: Sequence[str], there: str, n_shared: int, n: int, apart: str) -> str:
    whose = "its" if len(arms) == 1 else "their"
    who = _verb(arms, "shares", "share")
    if n_shared == n:
        return f"{who} each of {whose} initial weights with {there}."
    if not n_shared:
        return f"{who} no initial weights with {there}: {apart}."
    return f"{who} {n_shared} of {whose} {n} initial weights with {there}, but not {apart}."


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return f"{listed(names)} {one if len(names) == 1 else many}"
