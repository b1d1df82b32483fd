"""The answer of a study in a sentence, its scope and its notes."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from dlstudy.analysis.comparison import LEAST_SEARCHES
from dlstudy.analysis.formatting import difference, interval_text, with_sd
from dlstudy.analysis.results import Check, ClaimSummary, MetricSummary
from dlstudy.analysis.trial_index import Finished, metric_summaries
from dlstudy.analysis.verdicts import judge_claims
from dlstudy.datasets import registry
from dlstudy.study.claims import Claim
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord
from dlstudy.study.variant import Variant

__all__ = ["answer_of", "notes_of", "rate_warning", "scope_of", "why_not_comparable"]


def scope_of(study: Study, replicates: Mapping[str, Sequence[TrialRecord]], made_with: Mapping[str, str]) -> str:
    """What the answer holds for: data, net, budget, versions."""
    about, protocol = registry.describe(study.dataset), study.protocol
    sizes = sorted(
        {int(run.metrics["parameters"]) for runs in replicates.values() for run in runs if "parameters" in run.metrics}
    )
    ends = f"{sizes[0]:,}" + (f" to {sizes[-1]:,}" if len(sizes) > 1 else "") if sizes else ""
    searched = [_count(protocol.trials, "search trial")] if any(arm.space for arm in study.arms) else []
    tried = f"{' and '.join([*searched, _count(protocol.seeds, 'seed')])} for each arm"
    budget = tried + (f" in each of {protocol.searches} searches" if protocol.searches > 1 else "")
    words = [f"data: {about.title}" + (f", of which {protocol.rows:,} rows train" if protocol.rows else "")]
    words += [f"models: {ends} parameters"] if ends else []
    words += [f"budget: {budget}, {_count(protocol.epochs, 'epoch')}"]
    words += [", ".join(f"{name} {made_with[name]}" for name in ("tensorflow", "keras") if name in made_with)]
    return f"{'; '.join(filter(None, words))}."


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def answer_of(study: Study, finished: Finished, checks: Sequence[Check], claims: Sequence[ClaimSummary]) -> str:
    """One sentence: which tuned arm did best on the test set, and whether that could be luck.

    Where the arms are no alternatives to rank: what became of the claims.
    """
    if not study.ranks:
        return _answer_by_claims(claims)
    metric, compared = study.test_metric, _compared(study, finished)
    means = {
        arm.name: summary
        for arm in study.arms
        if not arm.control_of and (summary := metric_summaries(compared[arm.name]).get(metric))
    }
    if not means:
        return "No answer yet: no winner has been replicated."
    sign = 1 if study.protocol.direction == "maximize" else -1
    ranked = sorted(means, key=lambda name: -sign * means[name].mean)
    first, label = ranked[0], metric.replace("_", " ")
    reached = f"{first} reached a mean {label} of {_mean(means[first])} over {means[first].n} seeds"
    if len(ranked) == 1:
        return f"{reached}."
    claim = Claim("best", better=first, than=tuple(ranked[1:]), metric=metric, direction=study.protocol.direction)
    (result,) = judge_claims(study, [claim], finished, checks)
    if result.interval is None or result.difference is None:
        return f"{reached}; too few paired runs to compare it."
    by = difference(result.difference, result.interval).removeprefix("+")
    ahead = f"ahead of {result.against} by {by} (95 % interval {interval_text(result.interval)})"
    verdict = {"supported": "did best", "withheld": "leads"}.get(result.verdict, "leads, but not clearly")
    why = f"; {result.why}" if result.verdict == "withheld" else ""
    how = "Each tuned on its own, " if any(arm.space for arm in study.arms) else ""
    return f"{how}{first} {verdict}: {reached}, {ahead}{why}."


def _compared(study: Study, finished: Finished) -> dict[str, list[TrialRecord]]:
    """The replicates that decide, by arm: of all searches that each arm has, if these are enough, else of the first."""
    arms = [arm.name for arm in study.arms if not arm.control_of]
    whole = [k for k in range(1, 1 + finished.n_searches) if all(finished.replicates(arm, k) for arm in arms)]
    chosen = whole if len(whole) >= LEAST_SEARCHES else [1]
    return {arm: [run for k in chosen for run in finished.replicates(arm, k).values()] for arm in arms}


def _answer_by_claims(claims: Sequence[ClaimSummary]) -> str:
    tested = [claim for claim in claims if claim.interval is not None and not claim.control]
    if not tested:
        return "No answer yet: no claim has been tested."
    verdicts = [claim.verdict for claim in tested]
    counts = [f"{n} {name}" for name, n in Counter(verdicts).most_common()]
    first = f"{tested[0].text}: {tested[0].verdict}"
    if len(tested) == 1:
        return f"{first}."
    return f"{first}. Of all {len(tested)} claims tested: {', '.join(counts)}."


def _mean(summary: MetricSummary) -> str:
    return with_sd(summary.mean, summary.sd).partition(" ")[0]


def rate_warning(study: Study, trials: Sequence[TrialRecord] = ()) -> str:
    """A warning where all arms share one learning rate that nobody tuned, though it is not the question; else empty.

    At a rate that suits one arm another may do badly: then the rate is compared, and not the arms.
    """
    arms = [arm for arm in study.arms if not arm.control_of]
    tuned = any(name in ("lr", "rate", "eta") or name.endswith("learning_rate") for arm in arms for name in arm.space)
    asked = {arm.setting.get("learning_rate") for arm in arms}
    if tuned or len(asked) > 1 or len(arms) < 2:
        return ""
    by_gradient = any(trial.result and trial.result.way.startswith(("epoch graph", "fit")) for trial in trials)
    if not by_gradient and asked == {None}:
        return ""
    return (
        "the learning rate is the same for all arms and was not tuned: this compares the arms at one rate, which may "
        "suit one of them better"
    )


def _as_printed(variant: str) -> bool:
    """Whether a variant trains what was printed: another arm beside it changes nothing."""
    return dataclasses.replace(Variant.from_name(variant), control=False) == Variant()


def why_not_comparable(study: Study, variant: str) -> str:
    """Why this variant's runs cannot be compared with reported figures; empty where they can."""
    if caveat := registry.describe(study.dataset).caveat:
        return f"the data is {caveat}"
    return "" if _as_printed(variant) else "this variant differs from what was printed"


def notes_of(study: Study, variant: str, trials: Sequence[TrialRecord]) -> list[str]:
    """What a reader must know before the numbers: a caveat of the data, a quick look, an untuned rate."""
    notes, differs = [], Variant.from_name(variant)
    if caveat := registry.describe(study.dataset).caveat:
        notes.append(f"DATA: {study.dataset} is {caveat}")
    if study.printed and not _as_printed(variant):
        notes.append(f"printed figures are not compared: this variant ({variant}) differs from what was printed")
    if warning := rate_warning(study, trials):
        notes.append(warning)
    if differs.quick:
        notes.append(
            "QUICK: fewer trials than the study asks for, and on larger data fewer epochs and rows; a first look, not "
            "an answer"
        )
    if differs.order_matters:
        notes.append("the search depends on the order in which trials ended, and so on the number of workers")
    return notes
