"""`dlstudy status`: the progress of studies."""

from collections.abc import Sequence
from typing import Any

from dlstudy.analysis.reading import difference_of
from dlstudy.analysis.search_rounds import winner
from dlstudy.analysis.trial_index import unrecovered
from dlstudy.cli.console import print_rows, require_results, store_name
from dlstudy.errors import DlstudyError
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.objectives import HYPERVOLUME
from dlstudy.study.phases import Direction, Phase
from dlstudy.study.record_name import RecordName
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrialRecord, TrialState
from dlstudy.study.variant import Variant
from dlstudy.training.study_rows import with_rows

__all__ = ["show_status"]


def show_status(study: str | None, home: Home, storage: str | None, json: bool) -> None:
    """Shows the trials of all studies, or of one by name or path, by variant, phase and arm."""
    name = None if study is None else loader.name_of(study)
    record = Record.open(home, storage, for_writing=False)
    known, place = record.studies(), store_name(home, storage)
    if name is not None:
        require_results(name, known, place)
    rows = []
    for each in [name] if name else known:
        is_running = home.lock(each, storage).is_held()
        for generations in record.variants(each).values():
            for variant in generations:
                rows += _status_rows(record, each, variant, is_running)
    if not rows and not json:
        print(f"no results in {place} yet: run `dlstudy run optimizers --quick` first")
        return
    heads, note = ["study", "variant", "phase", "arm", "done", "diverged", "failed", "running"], ""
    heads[6:6] = [state for state in ("over time", "infeasible") if any(row[state] for row in rows)]
    if any(row["interrupted"] for row in rows):
        heads.append("interrupted")
        note = "Interrupted: the run ended while they trained. The same `dlstudy run` trains them again."
    if any(row["why"] for row in rows):
        heads.append("why")
    notes = [note, *(_differences(study, home, record) if study is not None and not json else ())]
    print_rows(rows, f"Trials in {place}", heads, json, "\n".join(filter(None, notes)))


def _differences(study: str, home: Home, record: Record) -> list[str]:
    """How a study, or a file that it reads, differs from what its variants began with; none where it cannot be loaded.

    What is recorded can be shown all the same.
    """
    try:
        file = with_rows(loader.load(loader.find(study, home.studies)))
        newest = [generations[-1] for generations in record.variants(file.name).values()]
        found = [difference_of(resolve(file, Request(variant=variant)), record) for variant in newest]
    except DlstudyError:
        return []
    return [f"RECORD: {difference}" for difference in found if difference]


def _status_rows(record: Record, study: str, variant: Variant, is_running: bool) -> list[dict[str, Any]]:  # Any: JSON
    parts: dict[tuple[Phase, str], list[TrialRecord]] = {}
    for trial in record.trials(study, variant):
        parts.setdefault((trial.phase, trial.arm), []).append(trial)
    rows = []
    for (phase, arm), trials in parts.items():
        if phase is Phase.REPLICATE:
            direction = record.direction(RecordName(study, variant, arm, phase, trials[0].search))
            trials = _of_winners(trials, parts.get((Phase.SEARCH, arm), []), direction)
        failed = unrecovered(trials)
        n_open = sum(trial.state is TrialState.RUNNING for trial in trials)
        rows.append(
            {
                "study": study,
                "variant": str(variant),
                "phase": phase,
                "arm": arm,
                "done": len({trial.training for trial in trials if trial.state.is_final}),
                "diverged": sum(trial.state is TrialState.DIVERGED for trial in trials),
                "over time": sum(trial.state is TrialState.OVER_TIME for trial in trials),
                "infeasible": sum(trial.state is TrialState.INFEASIBLE for trial in trials),
                "failed": len(failed),
                "running": n_open if is_running else 0,
                "interrupted": 0 if is_running else n_open,
                "why": failed[-1].result.reason if failed and failed[-1].result else "",
            }
        )
    return rows


def _of_winners(
    replicates: Sequence[TrialRecord], searched: Sequence[TrialRecord], direction: Direction
) -> list[TrialRecord]:
    """The replicates of the searches' winners; those of earlier winners do not count, those of a front all do."""
    if any(HYPERVOLUME in trial.metrics for trial in replicates):
        return list(replicates)
    winners = {
        search: winner([trial for trial in searched if trial.search == search], direction)
        for search in {trial.search for trial in replicates}
    }
    return [t for t in replicates if (best := winners[t.search]) and t.setting_key == best.setting_key]
