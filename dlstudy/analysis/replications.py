"""Compares independent replications of a study: verdict by verdict, figure by figure, winner by winner."""

import dataclasses
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dlstudy.analysis.combining import heterogeneity_p, mean_of_means
from dlstudy.analysis.comparison import LEAST_SEARCHES
from dlstudy.analysis.inference import Interval, paired_interval, variance_components
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.results import (
    SCHEMA,
    ArmSummary,
    ClaimSummary,
    FigureVerdict,
    ReportedSummary,
    StudySummary,
    Unit,
    Verdict,
)
from dlstudy.errors import UsageError
from dlstudy.study.variant import Variant

__all__ = [
    "Agreement",
    "ReplicatedArm",
    "ReplicatedClaim",
    "ReplicatedFigure",
    "ReplicatedPair",
    "Replications",
    "compare_replications",
]


class Agreement(StrEnum):
    """Whether replications give the same verdict."""

    SAME = "same"
    DIFFERENT = "different"
    """They differ, but not as opposites: one is undecided, say. That alone is no evidence of a difference."""
    OPPOSITE = "opposite"
    """One says the reverse of another."""
    NOT_RUN = "not run"
    """A replication has no verdict of its runs."""


@dataclass(frozen=True)
class ReplicatedPair:
    """A claim's arm against one other, in each replication.

    Args:
        against: the other arm.
        means, intervals: (k,) the mean paired difference in each replication, and its 95 % interval.
        combined, interval: the mean over the replications, and its 95 % interval.
        scope: what that interval holds for, in words.
        p: of Welch's test that the replications do not differ; None where a replication's differences are all alike.
        sd: standard deviation between replications beyond that between seeds (or searches).
    """

    against: str
    means: Sequence[float]
    intervals: Sequence[Interval | None]
    combined: float
    interval: Interval
    scope: str
    p: float | None
    sd: float


@dataclass(frozen=True)
class ReplicatedClaim:
    """A claim in each replication; `pairs` are those that every replication has."""

    text: str
    aa_test: bool
    verdicts: Sequence[Verdict]
    agreement: Agreement
    pairs: Sequence[ReplicatedPair]


@dataclass(frozen=True)
class ReplicatedFigure:
    """A reported figure in each replication: `ours` is the mean of its runs, None without one."""

    arm: str
    metric: str
    epoch: int | None
    setting: Mapping[str, Any]  # JSON scalars
    reported: str
    ours: Sequence[float | None]
    verdicts: Sequence[FigureVerdict]
    agreement: Agreement


@dataclass(frozen=True)
class ReplicatedArm:
    """The winner of an arm's (first) search in each replication, and the mean of its test metric over fresh seeds."""

    name: str
    winners: Sequence[Mapping[str, Any] | None]  # JSON scalars
    tests: Sequence[float | None]


@dataclass(frozen=True)
class Replications:
    """The comparison of k replications of a study.

    Args:
        study, question, metric: the study's name and question, and the test metric of its winners.
        variants: (k,) their names in the record.
        answers: (k,) a sentence each.
        complete: (k,) whether every run that the study asks for is final.
    """

    study: str
    question: str
    metric: str
    variants: Sequence[Variant]
    answers: Sequence[str]
    complete: Sequence[bool]
    claims: Sequence[ReplicatedClaim]
    reported: Sequence[ReplicatedFigure]
    arms: Sequence[ReplicatedArm]

    @property
    def answer(self) -> str:
        """One sentence: on how many claims and figures the replications give the same verdict."""
        counted = (
            ("claim", [claim.agreement for claim in self.claims if not claim.aa_test]),
            ("reported figure", [figure.agreement for figure in self.reported]),
        )
        parts, n_opposite = [], 0
        for what, found in counted:
            run = [agreement for agreement in found if agreement is not Agreement.NOT_RUN]
            n_opposite += run.count(Agreement.OPPOSITE)
            if run:
                parts.append(f"{run.count(Agreement.SAME)} of {len(run)} {what}{'' if len(run) == 1 else 's'}")
        n = len(self.variants)
        if not parts:
            return f"No claim and no reported figure has a verdict in all {n} replications."
        return (
            f"{n} independent replications give the same verdict on {' and '.join(parts)}, and opposite ones on "
            f"{n_opposite or 'none'}."
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON report, described in `docs/report-schema.md`."""
        data = dataclasses.asdict(self)
        return {"schema": SCHEMA, **data, "variants": list(map(str, self.variants)), "answer": self.answer}


def compare_replications(summaries: Sequence[StudySummary]) -> Replications:
    """The comparison of summaries of the same study, one for each replication.

    Raises:
        UsageError: they are fewer than two.
    """
    if len(summaries) < 2:
        raise UsageError(f"at least 2 replications are compared, got {len(summaries)}: run another")
    first = summaries[0]
    claims = [
        _claim(judged)
        for judged in zip(*(summary.claims for summary in summaries), strict=True)
        if judged[0].verdict is not Verdict.NOT_TESTABLE
    ]
    return Replications(
        study=first.study,
        question=first.question,
        metric=first.test_metric,
        variants=[summary.variant for summary in summaries],
        answers=[summary.answer for summary in summaries],
        complete=[summary.complete for summary in summaries],
        claims=claims,
        reported=[_figure(judged) for judged in zip(*(summary.reported for summary in summaries), strict=True)],
        arms=[_arm(arms, first.test_metric) for arms in zip(*(summary.arms for summary in summaries), strict=True)],
    )


def _claim(judged: Sequence[ClaimSummary]) -> ReplicatedClaim:
    """The verdicts on a claim; whether they agree is decided by those of the runs, not by the document's figures."""
    first = judged[0]
    measured = [claim.measured or Verdict.NOT_RUN for claim in judged]
    # What is from elsewhere is the same in all replications: it cannot be combined as if it were of each.
    by_arm = [{pair.against: pair for pair in claim.pairs if pair.elsewhere is None} for claim in judged]
    common = [pair.against for pair in first.pairs if all(pair.against in pairs for pairs in by_arm)]
    return ReplicatedClaim(
        first.text,
        first.aa_test,
        [claim.verdict for claim in judged],
        _agreement(measured, {Verdict.SUPPORTED, Verdict.CONTRADICTED}, {Verdict.NOT_RUN}),
        [_pair(judged, [pairs[against] for pairs in by_arm]) for against in common],
    )


def _pair(judged: Sequence[ClaimSummary], pairs: Sequence[Pair]) -> ReplicatedPair:
    """The differences combined: from three replications on, a replication is a search, and so the unit for methods."""
    groups = [pair.widened for pair in pairs]
    means = [pair.mean for pair in pairs]
    combined, interval = mean_of_means(groups)
    scope = judged[0].scope
    if judged[0].phase.compares_winners:
        by_search = all(claim.unit is Unit.SEARCH for claim in judged)
        if len(pairs) >= LEAST_SEARCHES and not by_search:
            interval = paired_interval(means)
        is_general = by_search or len(pairs) >= LEAST_SEARCHES
        scope = "for the methods" if is_general else "for the settings that these searches found"
    sd = variance_components(groups)[1]
    return ReplicatedPair(
        pairs[0].against, means, [pair.interval for pair in pairs], combined, interval, scope,
        heterogeneity_p(groups), sd,
    )  # fmt: skip


def _figure(judged: Sequence[ReportedSummary]) -> ReplicatedFigure:
    first, verdicts = judged[0], [figure.verdict for figure in judged]
    agreement = _agreement(
        verdicts,
        {FigureVerdict.COMPATIBLE, FigureVerdict.NOT_COMPATIBLE},
        {FigureVerdict.NOT_RUN, FigureVerdict.NOT_COMPARABLE},
    )
    ours = [figure.ours for figure in judged]
    return ReplicatedFigure(
        first.arm, first.metric, first.epoch, first.setting, first.reported, ours, verdicts, agreement
    )


def _arm(arms: Sequence[ArmSummary], metric: str) -> ReplicatedArm:
    tests = [arm.replicates.get(metric) for arm in arms]
    return ReplicatedArm(
        arms[0].name,
        [arm.best.params if arm.best else None for arm in arms],
        [test.mean if test else None for test in tests],
    )


def _agreement(verdicts: Sequence[StrEnum], opposite: Set[StrEnum], absent: Set[StrEnum]) -> Agreement:
    """Whether verdicts agree.

    Args:
        verdicts: one of each replication.
        opposite: two that say the reverse of each other.
        absent: those that are none.
    """
    found = set(verdicts)
    if found & absent:
        return Agreement.NOT_RUN
    if len(found) == 1:
        return Agreement.SAME
    return Agreement.OPPOSITE if opposite <= found else Agreement.DIFFERENT
