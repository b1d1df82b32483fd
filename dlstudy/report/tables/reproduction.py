"""How the results of a report were made, and how to repeat them."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dlstudy.analysis.formatting import params_text, seconds_text, space_text
from dlstudy.analysis.results import StudySummary
from dlstudy.report.blocks import Table
from dlstudy.report.fronts import objectives_of
from dlstudy.report.labels import many
from dlstudy.report.spaces import spaces
from dlstudy.study import loader
from dlstudy.study.phases import Phase
from dlstudy.study.trial import TrialRecord
from dlstudy.study.variant import Variant

__all__ = ["command", "making_table"]


def command(
    study: str, origin: str, variant: Variant, protocol: Mapping[str, Any], reported_variants: bool = False
) -> str:
    """The commands that repeat the same run.

    Args:
        study: its name in the record.
        origin: where it is kept, if it was made in Python; then it is found by its name.
        variant: how it differs from the study file; a later generation is repeated like the first.
        protocol: as `analysis.summary.protocol_json` gives it.
        reported_variants: whether reported figures with settings of their own are trained too.
    """
    words = ["dlstudy", "run", study if origin or study in loader.paths() else f"{study}.py"]
    for option, value in variant.options.items():
        words += [f"--{option}"] if value is True else [f"--{option}", str(value)]
    for option in ("searches", "seeds") if "budget" in protocol else ("searches", "trials", "seeds"):
        words += [f"--{option}", str(protocol[option])]
    if reported_variants:
        words.append("--reported-variants")
    return shlex.join(words)


def making_table(summary: StudySummary) -> Table:
    """Protocol, seeds, devices, time, versions and commit."""
    rows = [
        [name.replace("_", " "), _value_text(value)]
        for name, value in summary.protocol.items()
        if name not in ("spaces", "conditions", "elsewhere", "objectives") and value is not None
    ]
    conditions = summary.protocol.get("conditions", {})
    rows += [[f"space of {arm}", space_text(space, conditions.get(arm, {}))] for arm, space in spaces(summary).items()]
    rows += [["objective", str(objective)] for objective in objectives_of(summary)]
    rows += [["variant", str(summary.variant)], *_of_trials(summary.trials)]
    rows += [[name, version] for name, version in summary.made_with.items()]
    return Table("How it was made", ["setting", "value"], rows)


def _value_text(value: Any) -> str:  # Any: JSON
    if isinstance(value, Mapping):
        return params_text(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _of_trials(trials: Sequence[TrialRecord]) -> list[list[str]]:
    """Seeds, slots, what trained them, remarks and time of the trials that have ended."""
    ended = [(trial, trial.result, trial.ended_s) for trial in trials if trial.result and trial.ended_s]
    if not ended:
        return []
    phases = Counter(trial.phase for trial, _, _ in ended)
    seeds = dict.fromkeys(str(trial.seed) for trial, _, _ in ended if trial.phase is Phase.REPLICATE)
    first, last = min(trial.started_s for trial, _, _ in ended), max(end for _, _, end in ended)
    hours = sum(end - trial.started_s for trial, _, end in ended) / 3600
    rows = [
        ["seeds of replicates", ", ".join(seeds)],
        ["slots", ", ".join(sorted({result.slot for _, result, _ in ended if result.slot}))],
        ["trained as", ", ".join(sorted({result.trained_by for _, result, _ in ended if result.trained_by}))],
        ["remarks of trainings", "; ".join(sorted({remark for _, result, _ in ended for remark in result.remarks}))],
        ["trainings", f"{len(ended)}: {', '.join(f'{n} {phase}' for phase, n in phases.items())}"],
        ["from first to last", f"{_utc(first)} to {_utc(last)} ({seconds_text(last - first)})"],
        ["slot time", f"{hours:.2g} slot-hours for {many(len(ended), 'training')}"],
    ]
    return [row for row in rows if row[1]]


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
