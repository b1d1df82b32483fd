"""What a claim compares with results from elsewhere: which of them its runs pair with, and what that says, in words."""

from dlstudy.analysis.results import ElsewhereSummary, MetricSummary
from dlstudy.study.arm import Arm
from dlstudy.study.claims import Claim
from dlstudy.study.elsewhere import Figures
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.study import Study

__all__ = ["elsewhere_in_words", "elsewhere_json", "elsewhere_summary", "figures_of", "is_paired"]


def figures_of(study: Study, claim: Claim, arm: str) -> Figures | None:
    """What is known from elsewhere of an arm in a claim's metric; None of an arm that is trained."""
    results = study.results_of(arm)
    return None if results is None else results.figures[claim.metric]


def is_paired(study: ResolvedStudy, claim: Claim, arm: str) -> bool:
    """Whether the results of an arm from elsewhere pair with our runs: they are on all seeds of the claim's runs.

    The seeds are those that the protocol asks for, so that no result decides about it.
    """
    figures, phase = figures_of(study, claim, arm), claim.phase.runs
    if figures is None or not figures.seeds:
        return False
    n = study.protocol.seeds_of(phase)
    wanted = {
        study.seed(ours, phase, index, search)
        for ours in study.trained(claim)
        for search in study.searches_of(phase)
        for index in range(n)
    }
    return wanted <= set(figures.seeds)


def elsewhere_in_words(study: ResolvedStudy, claim: Claim) -> str:
    """How far a verdict goes that compares with results from elsewhere; empty of a claim that does not."""
    found, own = [], "split and tuning"
    for arm in (claim.better, *claim.than):
        figures = figures_of(study, claim, arm)
        if figures is None:
            continue
        if is_paired(study, claim, arm):
            found.append(f"the results of {arm} on the same seeds")
            continue
        own = "seeds, split and tuning"
        one = f"a single reported figure of {arm}, as a fixed number"
        found.append(one if figures.sd is None else f"the {figures.n} results of {arm}, unpaired")
    return f"; against {' and '.join(found)}, from elsewhere: their {own} are theirs" if found else ""


def elsewhere_summary(arm: Arm) -> ElsewhereSummary:
    """An arm from elsewhere as reports show it."""
    assert arm.elsewhere is not None
    metrics = {
        name: MetricSummary(known.mean, known.sd, known.n, tuple(known.values), tuple(known.seeds))
        for name, known in arm.elsewhere.figures.items()
    }
    return ElsewhereSummary(arm.name, arm.elsewhere.source, metrics, arm.text)


def elsewhere_json(study: Study) -> dict[str, dict[str, dict[str, object]]]:
    """The figures from elsewhere, by arm and metric, as a plan notes them."""
    return {
        arm.name: {
            metric: {**vars(known), "values": list(known.values), "seeds": list(known.seeds)}
            for metric, known in arm.elsewhere.figures.items()
        }
        for arm in study.elsewhere
        if arm.elsewhere is not None
    }
