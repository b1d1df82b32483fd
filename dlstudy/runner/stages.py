"""`dlstudy run --until-decided`: the stages in which a study goes on until its claims are decided."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dlstudy.analysis.comparison import LEAST_SEARCHES
from dlstudy.analysis.reading import grown
from dlstudy.analysis.results import ClaimSummary, StudySummary, Verdict
from dlstudy.analysis.sequential import MOST_STAGES
from dlstudy.errors import UsageError
from dlstudy.runner.session import Outcome
from dlstudy.store.notes import read_notes
from dlstudy.store.record import Record
from dlstudy.study.claims import ClaimPhase
from dlstudy.study.request import Request, ResolvedStudy
from dlstudy.study.study import Study

__all__ = ["Stages", "next_stages", "run_until_decided", "stages_of"]


@dataclass(frozen=True)
class Stages:
    """The stages of a study.

    Args:
        option: what grows: `searches` where the study has several, else `seeds`.
        counts: how many there are at each stage, ascending; the first is what the study plans.
        phases: of the claims that get more runs.
    """

    option: str
    counts: Sequence[int]
    phases: frozenset[ClaimPhase]

    def decides(self, claim: ClaimSummary) -> bool:
        """Whether more runs can decide a claim."""
        is_judged = claim.verdict is not Verdict.NOT_TESTABLE and not claim.aa_test
        return is_judged and claim.phase in self.phases


def stages_of(study: Study, planned: int | None = None, at_most: int | None = None) -> Stages:
    """The stages of a study: from what it plans in steps of half as much, until the level is spent.

    Args:
        study: as the request runs it.
        planned: what was planned of what grows, where that is noted.
        at_most: where to end instead.

    Raises:
        UsageError: it cannot end there.
    """
    option = _option(study)
    first = planned or getattr(study.protocol, option)
    cap = MOST_STAGES * first
    most = cap if at_most is None else at_most
    if not first <= most <= cap:
        raise UsageError(
            f"--at-most must be from {first} {option}, the first stage, to {cap}, where the level is spent, got {most}"
        )
    return Stages(option, [*range(first, most, math.ceil(first / 2)), most], _growing(study))


def next_stages(study: ResolvedStudy, request: Request, record: Record) -> Stages:
    """The stages that a record has not gone beyond.

    Raises:
        UsageError: no stage could decide anything, or the last one is not possible.
    """
    if request.phases or request.arms:
        raise UsageError("--until-decided runs a study as a whole, got --phase or --arm: leave them out")
    if not study.family:
        raise UsageError(f"--until-decided needs claims, but {study.name} has none that can be tested: leave it out")
    option, variant = _option(study), record.latest(study.name, study.variant)
    if request.fresh:
        return stages_of(study, None, request.at_most)
    stages = stages_of(study, _planned(study, record), request.at_most)
    n_known = getattr(grown(study, record.trials(study.name, variant)).protocol, option)
    return dataclasses.replace(stages, counts=[n for n in stages.counts if n >= n_known] or stages.counts[-1:])


def run_until_decided(
    run: Callable[[Request], Outcome], request: Request, stages: Stages, say: Callable[[str], None]
) -> Outcome:
    """Runs one stage after another until every claim that more units can decide is decided, or one is not completed.

    Args:
        run: runs the study as a request asks.
        request: of the first stage, but for the option that grows.
        stages: of the study, at least one.
        say: receives a line after each stage.
    """
    n_trained = 0
    for n in stages.counts:
        wanted: dict[str, Any] = {stages.option: n}  # Any: fields of a request have different types
        outcome = run(dataclasses.replace(request, **wanted))
        request, n_trained = dataclasses.replace(request, fresh=False), n_trained + outcome.n_trained
        open_claims = _undecided(outcome.summary, stages)
        say(f"{n} {stages.option}: {_progress(open_claims, n == stages.counts[-1])}")
        if not open_claims or outcome.summary.n_failed or not outcome.is_whole:
            break
    return dataclasses.replace(outcome, n_trained=n_trained)


def _undecided(summary: StudySummary, stages: Stages) -> list[ClaimSummary]:
    """The undecided claims that more units may decide: a verdict that a failed check withholds is not among them."""
    still = (Verdict.UNDECIDED, Verdict.NOT_RUN)
    return [claim for claim in summary.claims if stages.decides(claim) and (claim.measured or claim.verdict) in still]


def _progress(open_claims: Sequence[ClaimSummary], is_last: bool) -> str:
    if not open_claims:
        return "every claim that more runs can decide is decided"
    return f"{'still undecided' if is_last else 'not yet decided'}: {'; '.join(claim.text for claim in open_claims)}"


def _option(study: Study) -> str:
    return "searches" if study.protocol.searches >= LEAST_SEARCHES else "seeds"


def _growing(study: Study) -> frozenset[ClaimPhase]:
    """The phases of claims that more searches or seeds give more runs; a sweep has the seeds that the study states."""
    is_stated = study.protocol.searches > 1 or study.protocol.reported_seeds is not None
    return frozenset(ClaimPhase) - {ClaimPhase.SWEEP} - ({ClaimPhase.REPORTED} if is_stated else set())


def _planned(study: ResolvedStudy, record: Record) -> int | None:
    """What the noted plan has of what grows; None where it is something else, or nothing is noted."""
    planned = read_notes(record, study.name, record.latest(study.name, study.variant)).planned.get(_option(study))
    return planned if _option(study) == "seeds" or (planned or 0) >= LEAST_SEARCHES else None
