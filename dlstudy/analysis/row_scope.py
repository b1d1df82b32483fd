"""The test rows as a sample: paired differences row by row, and what a verdict on these rows alone would be."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from dlstudy.analysis.crossed import CrossedMean, crossed_mean
from dlstudy.analysis.measurements import ClaimMeasurements
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.results import ClaimSummary, Unit, Verdict
from dlstudy.study.claims import Claim, ClaimPhase
from dlstudy.study.phases import Phase
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.splits import sizes_of

__all__ = ["rows_in_words", "rows_of_pair", "with_narrower", "without_rows"]


def rows_of_pair(
    study: ResolvedStudy,
    measurements: ClaimMeasurements,
    other: str,
    seeds: Mapping[int, Collection[int]],
    unit: Unit,
) -> tuple[CrossedMean | None, str]:
    """The mean difference of a claim over units and test rows; None, and why in words, where rows have no values.

    Args:
        study: as the variant runs it.
        measurements: of the claim.
        other: the arm that the claim's arm is compared with.
        seeds: the indices of the seeds that both arms have, by search.
        unit: what is paired; a search is the mean over its seeds.
    """
    claim = measurements.claim
    if not claim.metric.startswith("test_"):
        return None, ""
    if why := _why_not_by_row(study, claim, other):
        return None, why
    split, data = study.split_of(study.arm(claim.better), _phase(claim)), study.about
    sizes = sizes_of(split, data, study.protocol.rows)
    if sizes is None:
        return None, "which rows test is in data that is not here"
    n_rows = sizes[2]
    found = []
    for search in sorted(seeds):
        ours, theirs = (measurements.row_values(arm, search, n_rows) for arm in (claim.better, other))
        if n_rows < 2 or not set(seeds[search]) <= set(ours) & set(theirs):
            return None, f"not every run has {claim.metric} of each row"
        found.append(claim.sign * np.array([ours[seed] - theirs[seed] for seed in sorted(seeds[search])]))
    if unit is Unit.SEARCH:
        return crossed_mean(np.array([of_search.mean(axis=0) for of_search in found])), ""
    return crossed_mean(np.concatenate(found)), ""


def rows_in_words(claim: Claim, pairs: Sequence[Pair]) -> str:
    """The rows that a verdict holds for; empty where each unit has its own."""
    if any(pair.overlap for pair in pairs):
        return ""
    part = next(word for prefix, word in _PARTS.items() if claim.metric.startswith(prefix))
    if pairs and all(pair.rows for pair in pairs):
        return "on test rows of this kind"
    why = next((pair.why_no_rows for pair in pairs if pair.why_no_rows), "")
    return f"on these {part} rows" + (f" ({why})" if why else "")


_PARTS = {"test_": "test", "val_": "validation", "train_": "training"}


def without_rows(pairs: Sequence[Pair]) -> list[Pair]:
    """The comparisons on these test rows, which are then no sample."""
    return [dataclasses.replace(pair, rows=None) for pair in pairs]


def with_narrower(judged: ClaimSummary, on_these_rows: ClaimSummary) -> ClaimSummary:
    """The claim as judged for rows of this kind, with the verdict on these rows alone where that is another one."""
    narrower = on_these_rows.measured
    if narrower == judged.measured:
        return judged
    withheld = f" ({on_these_rows.why})" if narrower is Verdict.WITHHELD else ""
    why = "; ".join(filter(None, [f"on these test rows only: {narrower}{withheld}", judged.why]))
    return dataclasses.replace(judged, on_these_rows=narrower, why=why)


def _why_not_by_row(study: ResolvedStudy, claim: Claim, other: str) -> str:
    """Why a claim about test rows compares nothing that a single row has a value of; empty where it may."""
    if claim.target is not None:
        return "an epoch that reaches a target has no rows"
    if claim.epoch is not None:
        return "rows are kept at the end of training"
    if study.results_of(claim.better) or study.results_of(other):
        return "results from elsewhere have no values of each row"
    ours, theirs = (study.split_of(study.arm(arm), _phase(claim)) for arm in (claim.better, other))
    if ours.resample or theirs.resample:
        return "each unit has test rows of its own"
    return "" if ours == theirs else "the arms have other test rows"


def _phase(claim: Claim) -> Phase:
    """The phase whose split the claim's runs have."""
    return Phase.REPORTED if claim.phase is ClaimPhase.REPORTED else Phase.REPLICATE
