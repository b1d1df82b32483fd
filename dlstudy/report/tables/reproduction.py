"""How the results of a report were made, and how to make them again."""

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dlstudy.analysis.formatting import params_text, seconds_text
from dlstudy.analysis.results import StudySummary
from dlstudy.report.blocks import Table
from dlstudy.report.labels import many
from dlstudy.study import loader
from dlstudy.study.trial import TrialRecord

__all__ = ["command", "making_table"]


def command(summary: StudySummary) -> str:
    """What to type to make the same again."""
    words = ["dlstudy", "run", summary.study if summary.study in loader.paths() else f"{summary.study}.py"]
    for part in summary.variant.partition("~")[0].split("+"):
        name, _, value = part.partition("=")
        if name != "default":
            words += [f"--{name}", value] if value else [f"--{name}"]
    protocol = summary.protocol
    words += ["--trials", str(protocol["trials"]), "--seeds", str(protocol["seeds"])]
    if protocol.get("searches", 1) > 1:
        words += ["--searches", str(protocol["searches"])]
    if any(figure.setting and figure.n for figure in summary.printed):
        words.append("--also")
    return shlex.join(words)


def making_table(summary: StudySummary) -> Table:
    """Protocol, seeds, devices, time, versions and commit."""
    rows = [
        [name.replace("_", " "), _value_text(value)]
        for name, value in summary.protocol.items()
        if name != "spaces" and value is not None
    ]
    rows += [[f"space of {arm}", _space_text(space)] for arm, space in summary.protocol["spaces"].items()]
    rows += [["variant", summary.variant], *_of_trials(summary.trials)]
    rows += [[name, version] for name, version in summary.made_with.items()]
    return Table("How it was made", ["setting", "value"], rows)


def _space_text(space: Mapping[str, str]) -> str:
    """The ranges that a search chose from: `learning_rate 0.0001 to 0.1 on a log scale`."""
    return params_text({name: _RANGE.sub(_range_text, distribution) for name, distribution in space.items()})


_RANGE = re.compile(r"^(?:Float|Int)Distribution\(high=(\S+), log=(True|False), low=(\S+), step=(\S+)\)$")


def _range_text(match: re.Match[str]) -> str:
    high, log, low, step = match.groups()
    steps = "" if step in ("None", "1") else f" in steps of {step}"
    return f"{low} to {high}{steps}{' on a log scale' if log == 'True' else ''}"


def _value_text(value: Any) -> str:  # Any: JSON
    if isinstance(value, Mapping):
        return params_text(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _of_trials(trials: Sequence[TrialRecord]) -> list[list[str]]:
    """Seeds, slots, ways and time of the trials that have ended."""
    ended = [(trial, trial.result, trial.ended_s) for trial in trials if trial.result and trial.ended_s]
    if not ended:
        return []
    phases = Counter(trial.phase for trial, _, _ in ended)
    seeds = dict.fromkeys(str(trial.seed) for trial, _, _ in ended if trial.phase == "replicate")
    first, last = min(trial.started_s for trial, _, _ in ended), max(end for _, _, end in ended)
    hours = sum(end - trial.started_s for trial, _, end in ended) / 3600
    rows = [
        ["seeds of replicates", ", ".join(seeds)],
        ["slots", ", ".join(sorted({result.slot for _, result, _ in ended if result.slot}))],
        ["trained as", ", ".join(sorted({result.way for _, result, _ in ended if result.way}))],
        ["trainings", f"{len(ended)}: {', '.join(f'{n} {phase}' for phase, n in phases.items())}"],
        ["from first to last", f"{_utc(first)} to {_utc(last)} ({seconds_text(last - first)})"],
        ["time of slots", f"{hours:.2g} slot-hours for {many(len(ended), 'training')}"],
    ]
    return [row for row in rows if row[1]]


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
