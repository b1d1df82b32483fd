"""`dlstudy replay`: trains trials of a packed study again, and says whether they give the same numbers."""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from dlstudy.api.terminal import make_console, print_table
from dlstudy.cli.console import print_rows
from dlstudy.errors import RecordError, UsageError
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json
from dlstudy.report.labels import many
from dlstudy.runner.backend import Backend, engine_maker
from dlstudy.runner.packs import Pack, opened
from dlstudy.runner.replay import Replayed, changed_here, chosen_trials, replayed, study_of
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.training.study_rows import with_rows

__all__ = ["replay_pack"]

_MOST_SHOWN = 20


def replay_pack(
    path: Path, check: int, seed: int, tolerance: float, variant: str | None, backend: Backend, json: bool
) -> int:
    """Replays a pack; returns 0 where all trials give the recorded numbers, else 1.

    Raises:
        RecordError: what the study needs is not what it was.
        UsageError: the file is no pack, or a number is out of range.
    """
    if check < 0 or tolerance < 0:
        raise UsageError(f"--check and --tolerance must not be negative, got {check} and {tolerance}")
    with opened(path) as pack:
        _refuse_lacking(pack)
        console = make_console(error=json)
        record = Record.open(pack.home, for_writing=False)
        study = study_of(with_rows(loader.load(pack.path)), record, variant)
        trials = record.trials(study.name, study.variant)
        changed = changed_here(study, record)
        if not json:
            console.print(f"{study.name}, {study.variant}: {many(len(trials), 'trial')} in the record")
            _print_changes(changed, path)
        found: list[Replayed] = []
        chosen = chosen_trials(trials, check, seed)
        if chosen:
            make = engine_maker(backend, study.dataset, lambda line: console.print(line), study.file)
            with closing(make(len(chosen), lambda *_: True)) as engine:
                found = sorted(replayed(study, chosen, engine), key=lambda each: chosen.index(each.trial))
    same = [each for each in found if each.largest <= tolerance]
    rows = [_row(each) for each in found]
    if json:
        sys.stdout.write(as_json({"study": study.name, "changed": changed, "trials": rows, "n_same": len(same)}))
    elif rows:
        print_rows(rows, "Trained again", list(rows[0]), False)
        words = "the recorded numbers" + (f", within {tolerance:g}" if tolerance else ", bit for bit")
        console.print(f"{len(same)} of {many(len(found), 'trial')} gave {words}.")
    return 0 if len(same) == len(found) else 1


def _refuse_lacking(pack: Pack) -> None:
    if pack.lacking:
        raise RecordError(
            f"the study reads {pack.lacking[0]}, which the pack does not have: it cannot be replayed here"
        )


def _print_changes(changed: Sequence[tuple[str, str, str]], path: Path) -> None:
    console = make_console()
    if not changed:
        console.print("packages, settings and machine are those of the run")
        return
    note = ""
    if any(name.startswith("package ") for name, _, _ in changed):
        note = (
            f"The same packages: `unzip {path.name} environment.txt`, then `python -m venv .venv` and "
            "`.venv/bin/pip install -r environment.txt`."
        )
    more = f"And {len(changed) - _MOST_SHOWN} more. " if len(changed) > _MOST_SHOWN else ""
    rows = [list(each) for each in changed[:_MOST_SHOWN]]
    print_table(console, Table("What differs here", ["what", "there", "here"], rows, more + note))


def _row(each: Replayed) -> dict[str, object]:
    """A line about a trial: its largest difference in words."""
    trial, differences = each.trial, each.differences
    name = f"{trial.phase} {trial.arm} #{trial.index}" + (f" of search {trial.search}" if trial.search > 1 else "")
    if each.largest == float("inf"):
        outcome = f"{each.result.state}: {each.result.reason}" if each.result.reason else "other metrics"
        return {"trial": name, "numbers": len(trial.metrics), "differ": len(differences), "largest": outcome}
    largest = f"{each.largest:.2g}" if differences else "0"
    n = len(trial.metrics) + sum(map(len, trial.history.values()))
    return {"trial": name, "numbers": n, "differ": len(differences), "largest": largest}
