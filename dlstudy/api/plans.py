"""`dlstudy plan` and `dlstudy.plan`: what a study's protocol could show, and its cost on this machine."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dlstudy.analysis.formatting import NOTHING
from dlstudy.analysis.power import ClaimPlan, PhasePlan, claim_plans, phase_plans
from dlstudy.api.shown import Shown
from dlstudy.report.blocks import Table
from dlstudy.runner.backend import Backend, engine_maker
from dlstudy.runner.rehearsal import rehearse
from dlstudy.runner.stages import stages_of
from dlstudy.store.record import Record
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.study.trial import TrialRecord

__all__ = ["DatasetPlan", "StudyPlan", "plan_file"]


@dataclass(frozen=True)
class DatasetPlan:
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

    def facts(self) -> dict[str, Any]:  # Any: JSON
        """The plan as JSON."""
        return {
            "study": self.study.name,
            "dataset": self.study.dataset,
            "minutes": round(self.minutes, 2),
            "slots": self.n_slots,
            "phases": [dataclasses.asdict(phase) for phase in self.phases],
            "claims": [dataclasses.asdict(claim) for claim in self.claims],
            "spread_from": self.spread_from,
        }


@dataclass(frozen=True, repr=False)
class StudyPlan(Shown):
    """What a run would train, how long it would take, and what it could show.

    Args:
        name: of the study, as a command takes it.
        datasets: the plan on each.
        engine: the one that would train.
    """

    name: str
    datasets: Sequence[DatasetPlan]
    engine: str = "local"

    @property
    def minutes(self) -> float:
        """That the run would take."""
        return sum(planned.minutes for planned in self.datasets)

    def tables(self) -> list[Table]:
        """What it trains and what it could show, on each data set."""
        return [table for planned in self.datasets for table in _tables(self.name, planned)]

    def lines(self) -> list[str]:
        """How long it takes."""
        if all(phase.n_done == phase.n_wanted for planned in self.datasets for phase in planned.phases):
            return ["Nothing is missing: every training is recorded."]
        n_slots = max(planned.n_slots for planned in self.datasets)
        slots = f"{n_slots} slot{'s' if n_slots > 1 else ''}"
        place = "of the Ray cluster" if self.engine == "ray" else "of this machine"
        return [
            f"About {self.minutes:.1f} minutes on the {slots} {place}, estimated from a short rehearsal: less where a "
            "training stops early, more where trainings take less than a second, since recording them takes as long."
        ]


def plan_file(file: StudyFile, name: str, request: Request, backend: Backend, say: Callable[[str], None]) -> StudyPlan:
    """The plan on each data set. Trains each arm for two epochs to measure its cost; records nothing.

    Raises:
        TrialError: an arm cannot be trained.
    """
    studies = [resolve(file, each) for each in request.on_each(file.study.dataset)]
    return StudyPlan(name, [_planned(study, backend, say) for study in studies], backend.engine)


def _planned(study: ResolvedStudy, backend: Backend, say: Callable[[str], None]) -> DatasetPlan:
    record = Record.open(backend.home, backend.storage, for_writing=False)
    mine = record.latest(study.name, study.variant)
    known = record.trials(study.name, mine)
    spread_from, similar = (str(mine), known) if known else _any_variant(study.name, record)
    make_engine = engine_maker(backend, study.dataset, say, study.file)
    costs, n_slots = {arm.name: (0.0, 0.0) for arm in study.arms}, 1
    if any(phase.n_done < phase.n_wanted for phase in phase_plans(study, known, costs)):
        costs, n_slots = rehearse(study, lambda n: make_engine(n, lambda *_: True))
    return DatasetPlan(study, phase_plans(study, known, costs), claim_plans(study, similar), n_slots, spread_from)


def _any_variant(study: str, record: Record) -> tuple[str, list[TrialRecord]]:
    """The runs of another variant, whose spread serves as an estimate."""
    for generations in record.variants(study).values():
        if trials := record.trials(study, generations[-1]):
            return str(generations[-1]), trials
    return "", []


def _tables(name: str, planned: DatasetPlan) -> list[Table]:
    rows = [[p.phase, str(p.n_wanted), str(p.n_done), f"{p.seconds / 60:.1f}"] for p in planned.phases]
    title = f"{planned.study.question} ({planned.study.about.shown_name})\nWhat it trains"
    tables = [Table(title, ["phase", "trainings", "already done", "slot minutes"], rows)]
    shown = [
        [claim.text, claim.metric.replace("_", " "), str(claim.n), f"{claim.in_sd:.2g}", _difference(claim)]
        for claim in planned.claims
    ]
    heads = ["claim", "measured by", "pairs", "smallest difference, in sd", "in the metric"]
    if shown:
        tables.append(Table("What it could show", heads, shown, _note(name, planned)))
    return tables


def _note(name: str, planned: DatasetPlan) -> str:
    note = (
        "Smallest difference: a true difference of that size would be found in four of five such studies, if p is "
        "adjusted for all claims; sd: standard deviation of a paired difference over seeds. "
    )
    if planned.spread_from:
        note += f"In the metric: with the spread of the runs so far ({planned.spread_from})."
    else:
        note += f"In the metric: known after some runs, such as those of `dlstudy run {name} --quick`."
    stages = stages_of(planned.study)
    counts = f"{', '.join(map(str, stages.counts))} {stages.option}"
    return note + (
        f" That is the first stage; `dlstudy run {name} --until-decided` goes on as long as it has to: {counts}."
    )


def _difference(claim: ClaimPlan) -> str:
    return NOTHING if claim.difference is None else f"{claim.difference:.2g}"
