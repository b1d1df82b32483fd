"""Small studies and trials, made by hand for the tests of what is done with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.distributions import FloatDistribution

from dlstudy.analysis.results import StudySummary
from dlstudy.analysis.summary import summarize
from dlstudy.study.claims import Printed
from dlstudy.study.protocol import Protocol
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialRecord, TrialResult, make_parameters, params_key, seed_of, stream_of

RATE = {"rate": FloatDistribution(0.01, 1.0)}
GOOD, PRINTED = {"rate": 0.5}, {"rate": 0.1}


def build(p: dict[str, Any]) -> None:
    """No test that uses these studies builds a model."""


def make_study(arms: Sequence[str] = ("a", "b"), **changes: Any) -> Study:
    """Arms named by letters, one rate to tune and one printed; `changes` are of `Study` or of its `Protocol`."""
    own = {
        name: changes.pop(name)
        for name in ("question", "dataset", "build", "ranks", "sweeps", "printed", "claims")
        if name in changes
    }
    defaults = {"question": "Is a better?", "dataset": "digits", "build": build}
    made = [Arm(name, setting={"kind": name}, space=RATE, printed=PRINTED) for name in arms]
    return Study(arms=made, protocol=Protocol(**changes), **(defaults | own))


def make_trial(
    study: Study, arm: str, phase: str, row: int = 0, tuned: Mapping[str, Any] | None = None, **changes: Any
) -> TrialRecord:
    """A finished trial at the setting `GOOD`, or `PRINTED`; `changes` are of `TrialRecord` or of its result."""
    search = changes.get("search", 1)
    chosen = tuned or (PRINTED if phase == "printed" else GOOD)
    params = make_parameters(study.arm(arm), study.protocol, chosen)
    seed = seed_of("s", phase, row, stream_of(study.arm(arm), search))
    key = f"s/default/{arm}/{phase if search == 1 else f'{phase}.{search}'}#{row}"
    result = TrialResult("finished", cost={"seconds": 1.5}, way="epoch graph", slot="cpu:0")
    of_result = {name: changes.pop(name) for name in list(changes) if hasattr(result, name)}
    trial = TrialRecord(
        key=key, phase=phase, arm=arm, row=row, number=row, seed=seed, params=params, tuned=chosen,
        result=replace(result, **of_result), value=None, run_id="", started_s=100.0, ended_s=200.0,
        setting_key=params_key(params),
    )  # fmt: skip
    return replace(trial, **changes)


def runs_of(
    study: Study, arm: str, phase: str, values: Sequence[float], metric: str = "test_accuracy", **changes: Any
) -> list[TrialRecord]:
    """One finished trial for each value of a metric, on the seeds 0, 1, ...; replicates get the search they need."""
    runs = [make_trial(study, arm, phase, row, metrics={metric: value}, **changes) for row, value in enumerate(values)]
    searched = {name: changes[name] for name in ("tuned", "search") if name in changes}
    return [make_trial(study, arm, "search", value=0.9, **searched), *runs] if phase == "replicate" else runs


def search_of(study: Study, values: Sequence[float | None], arm: str = "a", **changes: Any) -> list[TrialRecord]:
    """One finished search trial for each value, at the rates 0.1, 0.11, ..."""
    return [
        make_trial(study, arm, "search", row, {"rate": 0.1 + row / 100}, value=value, **changes)
        for row, value in enumerate(values)
    ]


def sum_up(study: Study, trials: Sequence[TrialRecord], variant: str = "default") -> StudySummary:
    """The summary of these trials."""
    return summarize("s", study, variant, trials)


def figure(value: float | str = "0.95", arm: str = "a", **changes: Any) -> Printed:
    """A printed test accuracy."""
    return Printed(arm, "test_accuracy", value, **changes)
