"""`dlstudy plan`: what a study's protocol could show, and its cost on this machine."""

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlstudy.analysis.formatting import NOTHING
from dlstudy.analysis.power import ClaimPlan, PhasePlan, claim_plans, phase_plans
from dlstudy.cli.console import make_console, print_table
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json
from dlstudy.runner.backend import Backend, engine_maker
from dlstudy.runner.rehearsal import rehearse
from dlstudy.runner.stages import stages_of
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.study.trial import TrialRecord
from dlstudy.training.study_rows import with_rows

__all__ = ["show_plan"]


@dataclass(frozen=True)
class _Planned:
    """The plan of a study on one data set; `spread_from` is the variant whose runs the spread is taken from."""

    study: ResolvedStudy
    phases: Sequence[PhasePlan]
    claims: Sequence[ClaimPlan]
    n_slots: int
    spread_from: str

    @property
    def minutes(self) -> float:
        """That the run would take."""
        return sum(phase.seconds for phase in self.phases) / self.n_slots / 60


def show_plan(name: str, request: Request, backend: Backend, json: bool) -> None:
    """Shows the plan on each data set. Trains each arm for two epochs to measure its cost; records nothing.

    Raises:
        TrialError: an arm cannot be trained.
    """
    file = with_rows(loader.load(loader.find(name)))
    studies = [resolve(file, each) for each in request.on_each(file.study.dataset)]
    plans = [_planned(study, backend) for study in studies]
    if json:
        facts = [_facts(planned) for planned in plans]
        sys.stdout.write(as_json(facts if len(facts) > 1 else facts[0]))
        return
    for planned in plans:
        _print(name, planned)
    if all(phase.n_done == phase.n_wanted for planned in plans for phase in planned.phases):
        print("Nothing is missing: every training is recorded.")
        return
    n_slots = max(planned.n_slots for planned in plans)
    slots = f"{n_slots} slot{'s' if n_slots > 1 else ''}"
    place = "of the Ray cluster" if backend.engine == "ray" else "of this machine"
    print(
        f"About {sum(planned.minutes for planned in plans):.1f} minutes on the {slots} {place}, estimated from a short "
        "rehearsal: less where a training stops early, more where trainings take less than a second, since recording "
        "them takes as long."
    )


def _planned(study: ResolvedStudy, backend: Backend) -> _Planned:
    console = make_console(error=True)
    record = Record.open(backend.home, backend.storage, for_writing=False)
    mine = record.latest(study.name, study.variant)
    known = record.trials(study.name, mine)
    spread_from, similar = (str(mine), known) if known else _any_variant(study.name, record)
    make_engine = engine_maker(
        backend, study.dataset, lambda line: console.print(line, style="dim", markup=False), study.file
    )
    costs, n_slots = {arm.name: (0.0, 0.0) for arm in study.arms}, 1
    if any(phase.n_done < phase.n_wanted for phase in phase_plans(study, known, costs)):
        costs, n_slots = rehearse(study, lambda n: make_engine(n, lambda *_: True))
    return _Planned(study, phase_plans(study, known, costs), claim_plans(study, similar), n_slots, spread_from)


def _facts(planned: _Planned) -> dict[str, Any]:  # Any: JSON
    return {
        "study": planned.study.name,
        "dataset": planned.study.dataset,
        "minutes": round(planned.minutes, 2),
        "slots": planned.n_slots,
        "phases": [dataclasses.asdict(phase) for phase in planned.phases],
        "claims": [dataclasses.asdict(claim) for claim in planned.claims],
        "spread_from": planned.spread_from,
    }


def _any_variant(study: str, record: Record) -> tuple[str, list[TrialRecord]]:
    """The runs of another variant, whose spread serves as an estimate."""
    for generations in record.variants(study).values():
        if trials := record.trials(study, generations[-1]):
            return str(generations[-1]), trials
    return "", []


def _print(name: str, planned: _Planned) -> None:
    console, phases, claims, spread_from = make_console(), planned.phases, planned.claims, planned.spread_from
    console.print(f"{planned.study.question} ({planned.study.dataset})", style="bold", markup=False)
    rows = [[p.phase, str(p.n_wanted), str(p.n_done), f"{p.seconds / 60:.1f}"] for p in phases]
    print_table(console, Table("What it trains", ["phase", "trainings", "already done", "slot minutes"], rows))
    shown = [
        [claim.text, claim.metric.replace("_", " "), str(claim.n), f"{claim.in_sd:.2g}", _difference(claim)]
        for claim in claims
    ]
    heads = ["claim", "measured by", "pairs", "smallest difference, in sd", "in the metric"]
    note = (
        "Smallest difference: a true difference of that size would be found in four of five such studies, if p is "
        "adjusted for all claims; sd: standard deviation of a paired difference over seeds. "
    )
    if spread_from:
        note += f"In the metric: with the spread of the runs so far ({spread_from})."
    else:
        note += f"In the metric: known after some runs, such as those of `dlstudy run {name} --quick`."
    stages = stages_of(planned.study)
    counts = f"{', '.join(map(str, stages.counts))} {stages.option}"
    note += f" That is the first stage; `dlstudy run {name} --until-decided` goes on as long as it has to: {counts}."
    if shown:
        print_table(console, Table("What it could show", heads, shown, note))


def _difference(claim: ClaimPlan) -> str:
    return NOTHING if claim.difference is None else f"{claim.difference:.2g}"
