"""`dlstudy status`: how far studies are."""

from typing import Any

from dlstudy.analysis.trial_index import unmended, winner
from dlstudy.cli.console import print_rows, store_name
from dlstudy.errors import RecordError
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.trial import TrialRecord

__all__ = ["show_status"]


def show_status(study: str | None, home: Home, storage: str | None, json: bool) -> None:
    """Shows trials by study, variant, phase and arm; of all studies, or of one, by its name or path."""
    name = None if study is None else loader.name_of(study)
    record = Record.open(home, storage, for_writing=False)
    known, place = record.studies(), store_name(home, storage)
    if name is not None and name not in known:
        raise RecordError(f"no results of {name!r} in {place}: known are {', '.join(known) or 'none'}")
    rows = []
    for each in [name] if name else known:
        alive = home.lock(each, storage).is_held()
        for generations in record.variants(each).values():
            for variant in generations:
                rows += _status_rows(record, each, variant, alive)
    if not rows and not json:
        print(f"no results in {place} yet: dlstudy run optimizers --quick makes some")
        return
    heads, note = ["study", "variant", "phase", "arm", "done", "diverged", "failed", "running"], ""
    if any(row["interrupted"] for row in rows):
        heads.append("interrupted")
        note = "Interrupted: the run ended while they trained. The same `dlstudy run` trains them again."
    if any(row["why"] for row in rows):
        heads.append("why")
    print_rows(rows, f"Trials in {place}", heads, json, note)


def _status_rows(record: Record, study: str, variant: str, alive: bool) -> list[dict[str, Any]]:  # Any: JSON
    parts: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in record.trials(study, variant):
        parts.setdefault((trial.phase, trial.arm), []).append(trial)
    rows = []
    for (phase, arm), trials in parts.items():
        if phase == "replicate":  # those of earlier winners count for nothing
            direction = record.direction(f"{study}/{variant}/{arm}/{phase}")
            searched = parts.get(("search", arm), [])
            winners = {t.search: winner([s for s in searched if s.search == t.search], direction) for t in trials}
            trials = [t for t in trials if (best := winners[t.search]) and t.setting_key == best.setting_key]
        failed = unmended(trials)
        n_open = sum(trial.state == "running" for trial in trials)
        rows.append(
            {
                "study": study,
                "variant": variant,
                "phase": phase,
                "arm": arm,
                "done": len({(t.search, t.setting_key, t.row) for t in trials if t.ended_for_good}),
                "diverged": sum(trial.state == "diverged" for trial in trials),
                "failed": len(failed),
                "running": n_open if alive else 0,
                "interrupted": 0 if alive else n_open,
                "why": failed[-1].result.reason if failed and failed[-1].result else "",
            }
        )
    return rows
