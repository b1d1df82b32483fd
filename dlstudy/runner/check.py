"""One step of a training of each arm, before the first trial."""

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from dlstudy.engines.base import Engine, TrialOutcome
from dlstudy.errors import StudyError
from dlstudy.runner.rehearsal import outcomes_of, sample_spec
from dlstudy.study.arm import Arm
from dlstudy.study.constraints import PARAMETERS
from dlstudy.study.phases import Phase
from dlstudy.study.request import ResolvedStudy
from dlstudy.study.trial import OUT_OF_MEMORY, TrialResult, TrialState

__all__ = ["ArmCheck", "check_arms", "opened_by", "refuse_faults"]


_NO_ENERGY = (
    "Protocol.budget_joules needs an NVIDIA GPU that each trial has to itself and that tells its energy, got slot {}: "
    "state budget_seconds in its place"
)


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
    faults = [check for check in checks if check.fault]
    if faults:
        where = f" on {dataset}" if dataset else ""
        raise StudyError("\n".join(f"arm {check.arm} cannot be trained{where}: {check.fault}" for check in faults))


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
    return ArmCheck(arm, result, _missing_metric(study, study.arm(arm), result))


def _missing_metric(study: ResolvedStudy, arm: Arm, result: TrialResult) -> str:
    """Says that a Keras model gives other metrics than the search needs, where no later code could add them."""
    protocol = study.protocol
    asked = [each.metric for each in protocol.objectives] or [study.value_metric(arm, Phase.SEARCH)]
    asked += [each.metric for each in protocol.constraints if each.metric.startswith("val_")]
    given = [name for name in result.metrics if name.startswith(("val_", "test_"))]
    missing = [metric for metric in asked if metric not in result.metrics and metric != PARAMETERS]
    if not missing or not given or study.callbacks or study.continue_training:
        return ""
    close = difflib.get_close_matches(missing[0], given, 1, 0.5)
    advice = f"did you mean {close[0]}?" if close else "name one of these in Protocol, or compile it into the model"
    return f"the model gives no metric {missing[0]}, it gives {', '.join(sorted(given))}: {advice}"
