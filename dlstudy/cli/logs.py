"""`dlstudy logs`: what the trials of a study printed."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlstudy.cli.console import print_rows, require_results, store_name
from dlstudy.common.text import one_line, printable
from dlstudy.errors import UsageError
from dlstudy.report.export import as_json
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.trial import TrialRecord
from dlstudy.study.trial_output import output_file
from dlstudy.study.variant import Variant

__all__ = ["Chosen", "show_logs"]

_LAST_LETTERS = 80


@dataclass(frozen=True)
class Chosen:
    """The options of `dlstudy logs` that choose trials; None for any."""

    arm: str | None = None
    phase: str | None = None
    search: int | None = None
    index: int | None = None
    failed: bool = False

    def has(self, trial: TrialRecord) -> bool:
        """Whether a trial is chosen."""
        wanted = {"arm": self.arm, "phase": self.phase, "search": self.search, "index": self.index}
        is_it = all(value is None or getattr(trial, name) == value for name, value in wanted.items())
        return is_it and not (self.failed and trial.state.is_final)


def show_logs(study: str, chosen: Chosen, variant: str | None, home: Home, storage: str | None, json: bool) -> None:
    """Shows what the chosen trials printed: a line for each, or the text where one is chosen by its index.

    Raises:
        RecordError: the study has no results.
        UsageError: there is no such arm or phase.
    """
    name, record = loader.name_of(study), Record.open(home, storage, for_writing=False)
    require_results(name, record.studies(), store_name(home, storage))
    of_variant = record.latest(name, None if variant is None else Variant.parse(variant))
    trials = record.trials(name, of_variant)
    for option in ("arm", "phase"):
        values = list(dict.fromkeys(str(getattr(trial, option)) for trial in trials))
        if getattr(chosen, option) not in (None, *values):
            raise UsageError(
                f"--{option} must be one that has results, got {getattr(chosen, option)!r}: {', '.join(values)}"
            )
    paths = [(trial, _path_of(trial, name, of_variant, home)) for trial in trials if chosen.has(trial)]
    found = [(trial, path) for trial, path in paths if path.is_file()]
    if json:
        sys.stdout.write(as_json([{**_place_of(trial), "output": _text(path)} for trial, path in found]))
    elif found and (chosen.index is not None or len(found) == 1):
        for trial, path in found:
            place = " ".join(str(value) for value in _place_of(trial).values())
            print(f"--- {place}: {path}\n{_text(path).rstrip()}\n")
    else:
        _print_list(found, f"Output of {name}, {of_variant}: {len(found)} of {len(paths)} trials printed something")


def _path_of(trial: TrialRecord, study: str, variant: Variant, home: Home) -> Path:
    return output_file(home.trial_files(study, str(variant), trial), trial.key)


def _place_of(trial: TrialRecord) -> dict[str, object]:
    return {
        "phase": str(trial.phase), "arm": trial.arm, "search": trial.search, "index": trial.index,
        "state": str(trial.state),
    }  # fmt: skip


def _text(path: Path) -> str:
    """What a trial printed, without what would move the terminal's cursor."""
    return printable(path.read_text(encoding="utf-8", errors="replace"))


def _print_list(found: Sequence[tuple[TrialRecord, Path]], title: str) -> None:
    rows = []
    for trial, path in found:
        lines = [line for line in _text(path).splitlines() if line.strip()]
        rows.append({**_place_of(trial), "lines": len(lines), "last": one_line(lines[-1], _LAST_LETTERS)})
    heads = ["phase", "arm", "search", "index", "state", "lines", "last"]
    print_rows(rows, title, heads, False, "--arm, --phase, --search and --index choose one, whose text is then shown.")
