"""What a study shows on several data sets: each claim on each of them, and over data sets like them."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlstudy.analysis.combining import Heterogeneity, heterogeneity
from dlstudy.analysis.comparison import compare
from dlstudy.analysis.formatting import difference, interval_text, p_text
from dlstudy.analysis.inference import Interval, prediction_interval
from dlstudy.analysis.pair import Pair
from dlstudy.analysis.ranks import Ranks, average_ranks
from dlstudy.analysis.results import SCHEMA, ClaimSummary, StudySummary, Unit, Verdict
from dlstudy.analysis.verdicts import decide, with_pairs
from dlstudy.study.claims import Claim
from dlstudy.study.metrics import has_no_unit
from dlstudy.study.phases import Direction
from dlstudy.study.study import Study
from dlstudy.study.variant import Variant

__all__ = ["AcrossSummary", "ClaimAcross", "OnDataset", "PairAcross", "counted", "summarize_across"]

_LEAST_TO_AVERAGE = 3
"""Two data sets have a mean, but their spread has one degree of freedom: its interval excludes next to nothing."""

_LEAST_TO_RANK, _LEAST_RANKED = 5, 3
"""Data sets and arms. On 3 data sets, 21 of 100 tests of 3 arms that are alike have p below 0.05; from 5 on, 4 to 7."""


@dataclass(frozen=True)
class OnDataset:
    """What the study says on one data set: the names of both, its answer with its scope, and how its arms rank.

    `ranking` is that of `StudySummary`.
    """

    dataset: str
    variant: str
    answer: str
    scope: str
    complete: bool
    ranking: Mapping[str, float]


@dataclass(frozen=True)
class PairAcross:
    """A claim's arm against one other on every data set.

    Args:
        against: the other arm.
        on: (data sets,) the comparison on each.
        heterogeneity: of their means; None where the pairs of a data set do not differ, so that it has no error.
        prediction: where the difference that such a study measures on one more data set falls in 95 of 100 cases; None
            where there is no average.
    """

    against: str
    on: Sequence[Pair]
    heterogeneity: Heterogeneity | None
    prediction: Interval | None = None


@dataclass(frozen=True)
class ClaimAcross:
    """A claim on several data sets.

    Args:
        verdicts: the verdict of our runs, by data set.
        pairs: against each arm that the claim names; empty where it has not been compared on every data set.
        overall: the claim over data sets like these, each of them one unit. Without an average it is not testable, and
            `why` says why.
    """

    verdicts: Mapping[str, Verdict]
    pairs: Sequence[PairAcross]
    overall: ClaimSummary

    @property
    def is_reversed(self) -> bool:
        """Whether it is supported on one data set and contradicted on another."""
        return _is_reversed(self.verdicts.values())

    @property
    def is_compared(self) -> bool:
        """Whether it has been compared on any data set."""
        return any(verdict is not Verdict.NOT_RUN for verdict in self.verdicts.values())

    @property
    def has_average(self) -> bool:
        """Whether there is a difference over data sets."""
        return self.overall.p is not None


@dataclass(frozen=True)
class AcrossSummary:
    """Everything that a report over data sets says.

    Args:
        study: its name in the record.
        variant: of the runs, but for the data set and the generation.
        question, answer, scope: a sentence or two each.
        complete: whether every run that the study asks for is final, on each data set.
        datasets: what the study says on each.
        claims: those that can be tested.
        test_metric: by which arms rank.
        ranks: of the arms over all data sets; None where there are too few of one or the other.
        notes: to read before the numbers.
        protocol: of the first data set, in JSON.
        origin: where a study is kept that was made in Python, in words; empty for a study file.
    """

    study: str
    variant: Variant
    question: str
    answer: str
    scope: str
    complete: bool
    datasets: Sequence[OnDataset]
    claims: Sequence[ClaimAcross]
    test_metric: str
    ranks: Ranks | None
    notes: Sequence[str]
    protocol: Mapping[str, Any]  # JSON
    origin: str = ""

    def to_json(self) -> dict[str, Any]:
        """The JSON report: a stable schema, described in `docs/report-schema.md`."""
        data = dataclasses.asdict(self)
        del data["protocol"]
        return {"schema": SCHEMA, **data, "variant": str(self.variant)}


def summarize_across(study: Study, summaries: Sequence[StudySummary]) -> AcrossSummary:
    """The summary of a study over data sets.

    Args:
        study: as its file says.
        summaries: of the same study and claims on two data sets at least, which differ in nothing else.
    """
    names = [str(summary.protocol["dataset"]) for summary in summaries]
    by_claim = zip(study.claims, *(summary.claims[: len(study.claims)] for summary in summaries), strict=True)
    tested = [(claim, judged) for claim, *judged in by_claim if not claim.untestable and not claim.aa_test]
    decided = decide([claim for claim, _ in tested], [_measure(claim, judged, names) for claim, judged in tested])
    claims = [
        _claim_across(claim, judged, names, overall)
        for (claim, judged), overall in zip(tested, decided, strict=True)
    ]  # fmt: skip
    first = summaries[0]
    rankings, ranks = {name: s.ranking for name, s in zip(names, summaries, strict=True)}, _ranks(summaries)
    return AcrossSummary(
        study=first.study,
        variant=dataclasses.replace(first.variant, dataset=None, generation=1),
        question=first.question,
        answer=_answer(claims, rankings, ranks, first.test_metric),
        scope=f"Data sets: {', '.join(names)}. They were chosen, not drawn: 'data sets like these' goes no further.",
        complete=all(summary.complete for summary in summaries),
        datasets=[
            OnDataset(name, str(s.variant), s.answer, s.scope, s.complete, s.ranking)
            for name, s in zip(names, summaries, strict=True)
        ],
        claims=claims,
        test_metric=first.test_metric,
        ranks=ranks,
        notes=_notes(names, summaries),
        protocol=first.protocol,
        origin=first.origin,
    )


def _measure(claim: Claim, judged: Sequence[ClaimSummary], names: Sequence[str]) -> ClaimSummary:
    """The claim over data sets with its measurements; without a verdict, or with the reason why there is none."""
    about = judged[0]
    summary = ClaimSummary(
        claim.text, Verdict.NOT_TESTABLE, claim.metric, claim.epoch, claim.phase, how=about.how, unit=Unit.DATASET,
        scope="for data sets like these", margin=claim.margin, rope=claim.rope,
    )  # fmt: skip
    if why := _why_no_average(claim, judged, names):
        return dataclasses.replace(summary, why=why)
    pairs = [
        compare(other, {i: on.mean for i, on in enumerate(_on_each(judged, other))}, Unit.DATASET)
        for other in claim.than
    ]
    return with_pairs(claim, summary, pairs)


def _why_no_average(claim: Claim, judged: Sequence[ClaimSummary], names: Sequence[str]) -> str:
    """Why the differences are not averaged; empty where they are."""
    missing = [name for name, on in zip(names, judged, strict=True) if len(on.pairs) < len(claim.than)]
    if missing:
        return f"it has not been compared on {', '.join(missing)}"
    if _is_reversed([_verdict_of_runs(on) for on in judged]):
        return "it is reversed between data sets"
    if claim.margin is not None:
        return "an average within the margin would not say that each difference is"
    if claim.target is not None or not has_no_unit(claim.metric):
        return f"{judged[0].how} has another scale on each data set"
    if len(names) < _LEAST_TO_AVERAGE:
        return f"an average takes at least {_LEAST_TO_AVERAGE} data sets"
    return ""


def _claim_across(
    claim: Claim, judged: Sequence[ClaimSummary], names: Sequence[str], overall: ClaimSummary
) -> ClaimAcross:
    verdicts = {name: _verdict_of_runs(on) for name, on in zip(names, judged, strict=True)}
    withheld = [name for name, verdict in verdicts.items() if verdict is Verdict.WITHHELD]
    if withheld and overall.measured not in (None, Verdict.UNDECIDED):
        why = f"would be {overall.verdict}, but is withheld on {', '.join(withheld)}"
        overall = dataclasses.replace(overall, verdict=Verdict.WITHHELD, measured=Verdict.WITHHELD, why=why)
    compared = all(len(on.pairs) == len(claim.than) for on in judged)
    pairs = [
        _pair_across(other, _on_each(judged, other), overall.p is not None)
        for other in (claim.than if compared else ())
    ]
    return ClaimAcross(verdicts, pairs, overall)


def _pair_across(against: str, on: Sequence[Pair], averaged: bool) -> PairAcross:
    prediction = prediction_interval([pair.mean for pair in on]) if averaged else None
    return PairAcross(against, on, heterogeneity([pair.widened for pair in on]), prediction)


def _on_each(judged: Sequence[ClaimSummary], other: str) -> list[Pair]:
    return [next(pair for pair in on.pairs if pair.against == other) for on in judged]


def _verdict_of_runs(claim: ClaimSummary) -> Verdict:
    """What our runs say, whatever figures the document has: those are of its own data set."""
    return claim.measured or claim.verdict


def _is_reversed(verdicts: Iterable[Verdict]) -> bool:
    return {Verdict.SUPPORTED, Verdict.CONTRADICTED} <= set(verdicts)


def _ranks(summaries: Sequence[StudySummary]) -> Ranks | None:
    arms = set(summaries[0].ranking)
    alike = all(set(summary.ranking) == arms for summary in summaries)
    if len(summaries) < _LEAST_TO_RANK or len(arms) < _LEAST_RANKED or not alike:
        return None
    return average_ranks([s.ranking for s in summaries], Direction(summaries[0].protocol["direction"]).sign)


def _notes(names: Sequence[str], summaries: Sequence[StudySummary]) -> list[str]:
    """The notes of every data set; each once, with the data sets that it is about unless it is about all."""
    about: dict[str, list[str]] = {}
    for name, summary in zip(names, summaries, strict=True):
        for note in summary.notes:
            about.setdefault(note, []).append(name)
    return [note if len(on) == len(names) else f"{', '.join(on)}: {note}" for note, on in about.items()]


def _answer(
    claims: Sequence[ClaimAcross], rankings: Mapping[str, Mapping[str, float]], ranks: Ranks | None, metric: str
) -> str:
    """The answer for the data sets: what is reversed between them, then what leads or holds on how many."""
    turned = [claim for claim in claims if claim.is_reversed]
    straight = [claim for claim in claims if claim.is_compared and not claim.is_reversed]
    parts = [f"Reversed between data sets: {_claim_text(claim)}." for claim in turned]
    if all(rankings.values()):
        leaders = {name: next(iter(ranking)) for name, ranking in rankings.items()}
        parts.append(f"Best mean {metric.replace('_', ' ')}: {counted(leaders)}{_ranks_text(ranks)}.")
    elif straight:
        parts.append(f"{_claim_text(straight[0])}{_average_text(straight[0])}.")
    if len(turned) + len(straight) > 1:
        kinds = Counter(map(_kind, [*turned, *straight]))
        parts.append(f"Of all {sum(kinds.values())} claims: {', '.join(f'{n} {kind}' for kind, n in kinds.items())}.")
    return " ".join(parts) or "No answer yet: no claim has been tested."


def _claim_text(claim: ClaimAcross) -> str:
    return f'"{claim.overall.text}" is {counted(claim.verdicts)}'


def counted(words: Mapping[str, str]) -> str:
    """On how many data sets each word holds, as in `supported on 2 of 3 data sets (a, b), undecided on 1 (c)`.

    Args:
        words: by data set.
    """
    found: dict[str, list[str]] = {}
    for name, word in words.items():
        found.setdefault(word, []).append(name)
    (first, on), *others = sorted(found.items(), key=lambda item: -len(item[1]))
    texts = [f"{first} on {len(on)} of {len(words)} data sets ({', '.join(on)})"]
    return ", ".join([*texts, *(f"{word} on {len(names)} ({', '.join(names)})" for word, names in others)])


def _average_text(claim: ClaimAcross) -> str:
    overall = claim.overall
    if not claim.has_average:
        return f"; no average: {overall.why}"
    by = f"mean difference {difference(overall.difference, overall.interval)} against {overall.against}"
    return f"; over data sets like these {overall.verdict}, {by} (95 % interval {interval_text(overall.interval)})"


def _ranks_text(ranks: Ranks | None) -> str:
    if ranks is None:
        return ""
    means = ", ".join(f"{arm} {rank:.1f}" for arm, rank in ranks.mean.items())
    return f"; mean ranks {means}, p of no difference {p_text(ranks.p)}"


def _kind(claim: ClaimAcross) -> str:
    if claim.is_reversed:
        return "reversed"
    first, *others = set(claim.verdicts.values())
    return f"{first} on every data set" if not others else "with several verdicts"
