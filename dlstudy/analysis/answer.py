"""The answer of a study in a sentence, its scope and its notes."""

from collections import Counter
from collections.abc import Mapping, Sequence

from dlstudy.analysis.comparison import LEAST_SEARCHES
from dlstudy.analysis.deviations import title_of
from dlstudy.analysis.formatting import difference, interval_text, mean_text
from dlstudy.analysis.measurements import value_of_diverged
from dlstudy.analysis.results import Check, ClaimSummary, MetricSummary, Verdict
from dlstudy.analysis.trial_index import TrialIndex, metric_summaries, without_value
from dlstudy.analysis.twins import twins_notes
from dlstudy.analysis.verdicts import judge_claims
from dlstudy.study.claims import Claim
from dlstudy.study.metrics import told_direction
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.splits import sizes_of
from dlstudy.study.study import Study
from dlstudy.study.trial import TrainedBy, TrialRecord

__all__ = ["answer_of", "notes_of", "ranking_of", "rate_warning", "scope_of", "why_not_comparable"]

_LEADS = {Verdict.SUPPORTED: "did best", Verdict.WITHHELD: "leads"}
_BY_GRADIENT = (TrainedBy.EPOCH_GRAPH, TrainedBy.FIT, TrainedBy.FIT_WITH_XLA)


def answer_of(
    study: ResolvedStudy, trial_index: TrialIndex, checks: Sequence[Check], claims: Sequence[ClaimSummary]
) -> str:
    """One sentence: which tuned arm did best on the test set, and whether that could be luck.

    If the arms are not ranked: the verdicts on the claims.
    """
    if study.rank_arms:
        return _answer_by_rank(study, trial_index, checks) + _from_elsewhere(study)
    return _answer_by_claims(study, claims)


def _from_elsewhere(study: ResolvedStudy) -> str:
    """What results from elsewhere say of the test metric, in a sentence; empty without any, or where none compare."""
    if why_not_comparable(study):
        return ""
    words = [
        f"{arm.name} {mean_text(known.mean, known.sd)} ({arm.elsewhere.source})"
        for arm in study.elsewhere
        if arm.elsewhere and (known := arm.elsewhere.figures.get(study.test_metric))
    ]
    return f" From elsewhere, and not ranked: {', '.join(words)}." if words else ""


def _answer_by_rank(study: ResolvedStudy, trial_index: TrialIndex, checks: Sequence[Check]) -> str:
    metric, searches = study.test_metric, _deciding_searches(study, trial_index)
    means = _means(study, trial_index, searches)
    if not means:
        return "No answer yet: no winner has been replicated."
    lost = {arm: _without_value(trial_index, arm, searches) for arm in means}
    first, *others = _ranked(study, means, lost)
    mean = mean_text(means[first].mean, means[first].sd)
    reached = f"{first} reached a mean {metric.replace('_', ' ')} of {mean} over {_count(means[first].n, 'seed')}"
    reached += "".join(f" and {how} with {n} more" for how, n in lost[first].items())
    if not others:
        return f"{reached}, on {study.about.shown_name}."
    claim = Claim("best", better=first, than=tuple(others), metric=metric, direction=study.protocol.direction)
    (judged,) = judge_claims(study, [claim], trial_index, checks)
    if judged.interval is None or judged.difference is None:
        return f"{reached}, on {study.about.shown_name}; too few paired runs to compare it."
    by = difference(judged.difference, judged.interval, signed=False)
    ahead = f"ahead of {judged.against} by {by} (95 % interval {interval_text(judged.interval)}"
    ahead += f"; on other test rows {interval_text(judged.rows_interval)})" if judged.rows_interval else ")"
    why = f"; {judged.why}" if judged.verdict is Verdict.WITHHELD else ""
    how = "Each tuned on its own, " if any(arm.space for arm in study.arms) else ""
    leads = _LEADS.get(judged.verdict, "leads, but not clearly")
    leads = leads if judged.difference else f"and {judged.against} are level"
    leads += " beyond these test rows" if judged.on_these_rows is Verdict.SUPPORTED else ""
    return f"{how}{first} {leads}: {reached}, {ahead}, on {study.about.shown_name}, {judged.scope}{why}."


def ranking_of(study: ResolvedStudy, trial_index: TrialIndex) -> dict[str, float]:
    """The mean test metric of each arm, runs that diverged included, best first; empty where arms are not ranked."""
    searches = _deciding_searches(study, trial_index)
    means = _means(study, trial_index, searches) if study.rank_arms else {}
    return _ranked(study, means, {arm: _without_value(trial_index, arm, searches) for arm in means})


def _deciding_searches(study: Study, trial_index: TrialIndex) -> Sequence[int]:
    """All searches that each arm has, if they are enough for a verdict on methods, else the first."""
    arms = [arm.name for arm in study.arms if not arm.copy_of]
    whole = [k for k in trial_index.searches if all(trial_index.replicates(arm, k) for arm in arms)]
    return whole if len(whole) >= LEAST_SEARCHES else [1]


def _means(study: Study, trial_index: TrialIndex, searches: Sequence[int]) -> dict[str, MetricSummary]:
    """The test metric of each arm that has it, over the replicates in these searches."""
    found = {}
    for arm in (arm.name for arm in study.arms if not arm.copy_of):
        runs = [run for k in searches for run in trial_index.replicates(arm, k).values()]
        if summary := metric_summaries(runs).get(study.test_metric):
            found[arm] = summary
    return found


def _without_value(trial_index: TrialIndex, arm: str, searches: Sequence[int]) -> dict[str, int]:
    """How many replicates in these searches gave no value, by what they did."""
    return without_value(run for k in searches for run in trial_index.replicates(arm, k, diverged=True).values())


def _ranked(
    study: Study, means: Mapping[str, MetricSummary], lost: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    """The means from the best to the worst; runs that gave no value count."""
    if not means:
        return {}
    direction = study.protocol.direction
    diverged = value_of_diverged([value for summary in means.values() for value in summary.values], direction)

    def mean(arm: str) -> float:
        summary, n = means[arm], sum(lost[arm].values())
        return (summary.mean * summary.n + diverged * n) / (summary.n + n)

    found = {arm: mean(arm) for arm in means}
    return dict(sorted(found.items(), key=lambda item: -direction.sign * item[1]))


def _answer_by_claims(study: ResolvedStudy, claims: Sequence[ClaimSummary]) -> str:
    tested = [claim for claim in claims if claim.interval is not None and not claim.aa_test]
    if not tested:
        return "No answer yet: no claim has been tested."
    counts = [f"{n} {verdict}" for verdict, n in Counter(claim.verdict for claim in tested).most_common()]
    first = f"{title_of(tested[0])}: {tested[0].verdict}, on {study.about.shown_name}, {tested[0].scope}"
    if len(tested) == 1:
        return f"{first}."
    return f"{first}. Of all {len(tested)} claims tested: {', '.join(counts)}."


def scope_of(
    study: ResolvedStudy,
    replicates: Mapping[str, Sequence[TrialRecord]],
    n_trials: Sequence[int],
    made_with: Mapping[str, str],
) -> str:
    """The scope of the answer: data, net, budget (`n_trials` of an arm in each search), versions."""
    protocol = study.protocol
    sizes = sorted(
        {int(run.metrics["parameters"]) for runs in replicates.values() for run in runs if "parameters" in run.metrics}
    )
    ends = f"{sizes[0]:,}" + (f" to {sizes[-1]:,}" if len(sizes) > 1 else "") if sizes else ""
    least, most = min(n_trials), max(n_trials)
    of_search = (f"{least:,} to " if least < most else "") + _count(most, "search trial")
    of_search = f"{protocol.budget_text} ({of_search})" if protocol.budget is not None else of_search
    searched = [of_search] if any(arm.space for arm in study.arms) else []
    tried = f"{' and '.join([*searched, _count(protocol.seeds, 'seed')])} for each arm"
    budget = tried + (f" in each of {protocol.searches} searches" if protocol.searches > 1 else "")
    words = [f"data: {study.about.title}{_rows_used(study)}"]
    words += [f"models: {ends} parameters"] if ends else []
    words += [f"budget: {budget}, {_count(protocol.epochs, 'epoch')}"]
    words += [", ".join(f"{name} {made_with[name]}" for name in ("tensorflow", "keras") if name in made_with)]
    words += [f"on {made_with[kind]}" for kind in ("gpus", "cpu") if kind in made_with][:1]
    words += [_code_of(made_with.get("commit", ""))]
    return f"{'; '.join(filter(None, words))}."


def _code_of(commit: str) -> str:
    """The last commit that ran, in words; empty outside git."""
    last = commit.rpartition(", ")[2]
    return f"commit {last[:10]}{' with changes' if last.endswith('+') else ''}" if last else ""


def _rows_used(study: ResolvedStudy) -> str:
    """How many rows train in the search and the replicates, in words: `Protocol.rows` less those that validate."""
    protocol, data = study.protocol, study.about
    if protocol.rows is None:
        return ""
    sizes = None if protocol.split.resample else sizes_of(protocol.split, data, protocol.rows)
    if sizes is None:
        return f", of which {protocol.rows:,} rows at most train and validate"
    return f", of which {sizes[0]:,} rows train"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def notes_of(study: ResolvedStudy, trials: Sequence[TrialRecord]) -> list[str]:
    """Notes to read before the numbers: a caveat of the data, a quick run, an untuned rate."""
    notes, variant = [], study.variant
    if study.about.caveat:
        notes.append(f"DATA: {study.dataset} is {study.about.caveat}")
    if study.reported and not variant.trains_as_stated:
        notes.append(f"reported figures are not compared: this variant ({variant}) differs from what was reported")
    if study.protocol.budget is not None:
        notes.append(
            f"at equal cost: each search of an arm had {study.protocol.budget_text}, and tried as many settings as end "
            "in it; on another machine there would be others"
        )
    notes += twins_notes(trials)
    if study.prepare_sees_all_rows:
        notes.append("prepare may fit to all rows, those that test too, as the study states: scores may flatter")
    if (told := told_direction(study.protocol.metric)) not in (None, study.protocol.direction):
        notes.append(f"Protocol.direction is {study.protocol.direction}, though {study.protocol.metric} says {told}")
    if warning := rate_warning(study, trials):
        notes.append(warning)
    if variant.quick:
        notes.append(
            "QUICK: fewer trials than the study asks for, and on larger data fewer epochs and rows; a first look, not "
            "an answer"
        )
    if variant.order_matters:
        notes.append("the search depends on the order in which trials ended, and so on the number of workers")
    return notes


def why_not_comparable(study: ResolvedStudy) -> str:
    """Why this variant's runs cannot be compared with reported figures; empty where they can."""
    return study.variant.why_not_comparable(study.about)


def rate_warning(study: Study, trials: Sequence[TrialRecord] = ()) -> str:
    """A warning if all arms share one untuned learning rate, though it is not the question; else empty.

    At a rate that suits one arm, another may do badly: then rates are compared instead of arms.
    """
    arms = [arm for arm in study.arms if not arm.copy_of]
    tuned = any(name in ("lr", "rate", "eta") or name.endswith("learning_rate") for arm in arms for name in arm.space)
    asked = {arm.setting.get("learning_rate") for arm in arms}
    if tuned or len(asked) > 1 or len(arms) < 2:
        return ""
    by_gradient = any(trial.result and trial.result.trained_by in _BY_GRADIENT for trial in trials)
    if not by_gradient and asked == {None}:
        return ""
    return (
        "the learning rate is the same for all arms and was not tuned: this compares the arms at one rate, which may "
        "suit one of them better"
    )
