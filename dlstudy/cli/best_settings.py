"""`dlstudy show STUDY --arm A --best N`: the settings of an arm that did best, as known points of a later search."""

import sys
from pprint import pformat

from dlstudy.analysis.formatting import params_text
from dlstudy.analysis.reading import find_variant
from dlstudy.cli.console import print_rows
from dlstudy.errors import RecordError, UsageError
from dlstudy.report.export import as_json
from dlstudy.report.labels import many
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, resolve
from dlstudy.study.trial import TrialRecord, TrialState
from dlstudy.training.study_rows import with_rows

__all__ = ["show_best"]


def show_best(name: str, arm: str, n: int, variant: str | None, home: Home, storage: str | None, *, json: bool) -> None:
    """Shows the best settings that the searches of an arm have tried, best first, and the argument that takes them.

    Raises:
        RecordError: no trial of its searches has finished.
        UsageError: the number is below 1.
    """
    if n < 1:
        raise UsageError(f"--best must be at least 1, got {n}")
    file, record = (
        with_rows(loader.load(loader.find(name, home.studies))),
        Record.open(home, storage, for_writing=False),
    )
    study = resolve(file, Request(variant=find_variant(record, file.name, variant)))
    trials = [
        trial
        for trial in record.trials(file.name, study.variant)
        if trial.arm == study.arm(arm).name and trial.phase is Phase.SEARCH and trial.state is TrialState.FINISHED
    ]
    if not trials:
        raise RecordError(f"no trial of {arm}'s search has finished: run `dlstudy run {file.name}` first")
    trials.sort(key=lambda trial: -study.protocol.direction.sign * (trial.value or 0.0))
    of_setting: dict[str, TrialRecord] = {}
    for trial in trials:
        of_setting.setdefault(trial.setting_key, trial)
    best = list(of_setting.values())[:n]
    if json:
        sys.stdout.write(as_json([{**trial.tuned, study.protocol.metric: trial.value} for trial in best]))
        return
    rows = [
        {"setting": params_text(trial.tuned), study.protocol.metric: f"{trial.value:.4f}", "search": trial.search}
        for trial in best
    ]
    print_rows(rows, f"{many(len(best), 'best setting')} of {arm}, each by one training", list(rows[0]), False)
    print(f"start={pformat([dict(trial.tuned) for trial in best], width=100)}")
