"""One step of a training of each arm, before the first trial."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from dlstudy.common.hints import meant
from dlstudy.common.text import listed, short_repr
from dlstudy.engines.base import Engine, TrialOutcome
from dlstudy.errors import StudyError
from dlstudy.runner.rehearsal import outcomes_of, sample_spec
from dlstudy.study.arm import Arm
from dlstudy.study.constraints import PARAMETERS
from dlstudy.study.phases import Phase
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.trial import OUT_OF_MEMORY, TrialResult, TrialState

__all__ = ["ArmCheck", "check_arms", "opened_by", "refuse_faults", "tell_warnings", "warnings_of"]


_NO_ENERGY = (
    "Protocol.budget_joules needs an NVIDIA GPU that each trial has to itself and that tells its energy, got slot {}: "
    "state budget_seconds in its place"
)
_AT_END = ("gap", "hypervolume")
"""Metrics that dlstudy itself adds to those of a model."""


@dataclass(frozen=True)
class ArmCheck:
    """What one step of an arm has shown.

    Args:
        arm: its name.
        result: of that step.
        fault: what is wrong in every trial of the arm, in one line; empty where nothing is.
    """

    arm: str
    result: TrialResult
    fault: str


def check_arms(study: ResolvedStudy, arms: Sequence[Arm], engine: Engine) -> list[ArmCheck]:
    """Builds each arm once, at parameters that the study names, and takes one step of it. Records nothing."""
    with TemporaryDirectory() as folder:
        specs = [
            dataclasses.replace(sample_spec(study, arm, f"check {arm.name}"), check=True, folder=f"{folder}/{arm.name}")
            for arm in arms
        ]
        found = {outcome.spec.arm: _judged(study, outcome) for outcome in outcomes_of(specs, engine)}
    return [found[arm.name] for arm in arms]


def refuse_faults(checks: Sequence[ArmCheck], dataset: str = "") -> None:
    """Raises what is wrong in every trial of an arm.

    Args:
        checks: of the arms.
        dataset: where they were made, if there is more than one.

    Raises:
        StudyError: something is.
    """
    found = _by_text((check.fault, check.arm) for check in checks if check.fault)
    if found:
        where = f" on {dataset}" if dataset else ""
        raise StudyError("\n".join(f"{arms} cannot be trained{where}: {fault}" for fault, arms in found.items()))


def warnings_of(checks: Sequence[ArmCheck]) -> list[str]:
    """What no training fails of, and is probably meant otherwise, a line each."""
    found = _by_text((warning, check.arm) for check in checks for warning in check.result.warnings)
    return [f"warning: {arms}: {warning}" for warning, arms in found.items()]


def tell_warnings(checks: Sequence[ArmCheck], say: Callable[[str], None]) -> None:
    """Says what `warnings_of` gives."""
    for line in warnings_of(checks):
        say(line)


def _by_text(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What was said of arms, each once, with the arms that it is about: `arms a, b and c`."""
    arms: dict[str, list[str]] = {}
    for text, arm in found:
        arms.setdefault(text, []).append(arm)
    return {text: f"arm {names[0]}" if len(names) == 1 else f"arms {listed(names)}" for text, names in arms.items()}


def opened_by(checks: Sequence[ArmCheck]) -> list[str]:
    """The names of the files that the arms were seen to open, in order."""
    return sorted({name for check in checks for name in check.result.opened})


def _judged(study: ResolvedStudy, outcome: TrialOutcome) -> ArmCheck:
    arm, result = outcome.spec.arm, outcome.result
    # A worker that dies, or has too little memory for all of them at once, says nothing about the arm.
    if result.state is TrialState.FAILED and not result.reason.startswith(OUT_OF_MEMORY):
        return ArmCheck(arm, result, result.reason)
    if study.protocol.budget_kind == "gpu_energy_j" and "gpu_energy_j" not in result.cost:
        return ArmCheck(arm, result, _NO_ENERGY.format(result.slot or "where it trains"))
    warnings = [*result.warnings, *_claim_warnings(study, study.arm(arm), result)]
    result = dataclasses.replace(result, warnings=warnings)
    return ArmCheck(arm, result, _missing_metric(study, study.arm(arm), result))


def _claim_warnings(study: ResolvedStudy, arm: Arm, result: TrialResult) -> Iterator[str]:
    """Of claims about metrics that the arm will not have, or about the rows that its search has chosen by."""
    given = {name.partition("_")[2] for name in result.metrics if name.startswith(("val_", "test_"))}
    may_have_more = not given or study.callbacks or study.continue_training or study.extra_metrics
    own = {name.removeprefix("val_").removeprefix("test_") for name in study.metrics}
    for claim in (claim for claim in study.claims if not claim.untestable and arm in study.trained(claim)):
        rows, _, metric = claim.metric.partition("_")
        of = f"the claim {short_repr(claim.text)} compares {claim.metric}"
        is_at_end = claim.epoch is None and claim.target is None  # test rows are judged only then
        if rows == "val" and arm.space and claim.phase.compares_winners and is_at_end:
            yield f"{of}, of the rows that the search chooses by: test_{metric} is of rows that it never sees"
        if not may_have_more and rows != "train" and metric not in {*given, *own, *_AT_END}:
            known = sorted(f"test_{name}" for name in given)
            yield f"{of}, which the model does not give: {meant(claim.metric, known) or f'it gives {listed(known)}'}"


def _missing_metric(study: ResolvedStudy, arm: Arm, result: TrialResult) -> str:
    """Says that a Keras model gives other metrics than the search needs, where no later code could add them."""
    protocol = study.protocol
    asked = [each.metric for each in protocol.objectives] or [study.value_metric(arm, Phase.SEARCH)]
    asked += [each.metric for each in protocol.constraints if each.metric.startswith("val_")]
    given = [name for name in result.metrics if name.startswith(("val_", "test_"))]
    missing = [metric for metric in asked if metric not in result.metrics and metric != PARAMETERS]
    if not missing or not given or study.callbacks or study.continue_training:
        return ""
    close = meant(missing[0], given, 0.5)
    advice = close or "name one of these in Protocol, or compile it into the model"
    return f"the model gives no metric {missing[0]}, it gives {', '.join(sorted(given))}: {advice}"
