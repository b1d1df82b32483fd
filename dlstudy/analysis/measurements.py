"""What a claim compares: of each arm one number a seed."""

import statistics
from collections.abc import Callable, Sequence
from functools import cached_property

from dlstudy.analysis.trial_index import Finished, Runs, value_at
from dlstudy.study.claims import Claim
from dlstudy.study.study import Study
from dlstudy.study.trial import TrialRecord

__all__ = ["Measures", "how_measured"]


def how_measured(claim: Claim) -> str:
    """In words what a claim compares."""
    if claim.untestable:
        return ""
    what = claim.metric if claim.target is None else f"epochs until {claim.metric} reaches {claim.target:g}"
    what += f", epoch {claim.epoch}" if claim.epoch else ""
    if claim.phase == "sweep":
        at = ", ".join(f"{name} {value}" for name, value in claim.at.items()) or "all its values"
        what = f"{claim.over} of {what} over sweep {claim.sweep} ({at})"
    if claim.phase == "tuning":
        what = f"what tuning gains in {what}"
    return what + (f", within {claim.within:g}" if claim.within else "")


class Measures:
    """Reads off a study's runs what a claim compares."""

    def __init__(self, study: Study, claim: Claim, finished: Finished) -> None:
        self.claim = claim
        self._study, self._finished = study, finished

    @property
    def searches(self) -> range:
        """The searches that the claim's runs belong to: of a claim on stated settings, one."""
        return range(1, 1 + (self._finished.n_searches if self.claim.phase in ("replicate", "tuning") else 1))

    def values(self, arm: str, search: int = 1) -> dict[int, float]:
        """One number for each row, that is for each seed, that has all runs it takes."""
        if self.claim.phase == "sweep":
            return self._swept(arm)
        values = [
            {row: value for row, run in runs.items() if (value := self._measure(run)) is not None}
            for runs in self._runs(arm, search)
        ]
        if self.claim.phase != "tuning":
            return values[0]
        sign = 1 if self.claim.direction == "maximize" and self.claim.target is None else -1
        tuned, plain = values
        return {row: sign * (tuned[row] - plain[row]) for row in set(tuned) & set(plain)}

    def lacks(self) -> str:
        """Why there is nothing to compare."""
        given = {name for run in self._all_runs for name in run.metrics}
        if given and self.claim.metric not in given:
            return f"no run gives {self.claim.metric}: they give {', '.join(sorted(given - {'parameters'}))}"
        return "runs are missing"

    def remark(self) -> str:
        """What a reader must know of the runs: how many diverged, or never reached the target."""
        remarks = []
        for arm in (self.claim.better, *self.claim.than):
            runs = self._all_runs_of(arm)
            n_diverged = sum(run.state == "diverged" for run in runs)
            n_late = 0 if self.claim.target is None else sum(self._measure(run) == self._never for run in runs)
            remarks += [f"{n_diverged} of {len(runs)} runs of {arm} diverged"] if n_diverged else []
            remarks += [f"{n_late} of {len(runs)} runs of {arm} never reached the target"] if n_late else []
        return "; ".join(remarks)

    def runs(self, arm: str, search: int) -> Runs:
        """The runs, by row, whose right and wrong answers lie behind a comparison of one setting; else none."""
        return self._runs(arm, search)[0] if self.claim.phase in ("replicate", "printed", "defaults") else {}

    def _runs(self, name: str, search: int = 1) -> list[Runs]:
        """The runs of an arm that the claim is about: of one setting, of two for the gain of tuning, of a sweep's."""
        claim, arm, finished = self.claim, self._study.arm(name), self._finished
        if claim.phase == "sweep":
            return finished.sweep(claim.sweep, arm, claim.at)
        if claim.phase == "printed":
            return [finished.printed(arm)]
        if claim.phase == "defaults":
            return [finished.defaults(arm)]
        tuned = finished.replicates(name, search)
        return [tuned] if claim.phase == "replicate" else [tuned, finished.defaults(arm, search)]

    @cached_property
    def _all_runs(self) -> list[TrialRecord]:
        return [run for arm in (self.claim.better, *self.claim.than) for run in self._all_runs_of(arm)]

    def _all_runs_of(self, arm: str) -> list[TrialRecord]:
        return [run for search in self.searches for point in self._runs(arm, search) for run in point.values()]

    @cached_property
    def _never(self) -> float:
        """What a run counts that never reaches the target: an epoch more than the longest run had."""
        return 1.0 + max((len(_history(run, self.claim.metric)) for run in self._all_runs), default=0)

    def _measure(self, run: TrialRecord) -> float | None:
        claim = self.claim
        if claim.target is None:
            return value_at(run, claim.metric, claim.epoch)
        history, up = _history(run, claim.metric), claim.direction == "maximize"
        for epoch, value in enumerate(history, 1):
            if value is not None and (value >= claim.target if up else value <= claim.target):
                return float(epoch)
        return self._never if history else None

    def _swept(self, arm: str) -> dict[int, float]:
        """One number a seed over the points of a sweep, for the seeds that ended at every point.

        A run that diverged counts as the worst value that any arm gave in the sweep: to leave it out would favour its
        arm.
        """
        finished = self._finished
        everyone = [
            value
            for other in self._study.arms
            for runs in finished.sweep(self.claim.sweep, other, {})
            for run in runs.values()
            if run.state == "finished" and (value := self._measure(run)) is not None
        ]
        if not everyone:
            return {}
        up = self.claim.direction == "maximize" and self.claim.target is None
        worst = min(everyone) if up else max(everyone)
        reductions: dict[str, Callable[[Sequence[float]], float]] = {
            "mean": statistics.fmean, "worst": min if up else max, "spread": statistics.pstdev
        }  # fmt: skip
        points = self._runs(arm)
        rows = set.intersection(*(set(runs) for runs in points)) if points else set[int]()
        reduced = {}
        for row in rows:
            measured = [self._measure(runs[row]) if runs[row].state == "finished" else None for runs in points]
            values = [worst if value is None else value for value in measured]
            reduced[row] = reductions[self.claim.over](values)
        return reduced


def _history(run: TrialRecord, metric: str) -> list[float | None]:
    return run.result.history.get(metric, []) if run.result else []
