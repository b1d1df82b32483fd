"""The user's request for a run, and the study as that request runs it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.errors import StudyError, UsageError
from dlstudy.study.loader import StudyFile
from dlstudy.study.phases import Phase, ReadTest
from dlstudy.study.record_name import RecordName
from dlstudy.study.row_facts import facts_known
from dlstudy.study.seeds import seed_of, stream_of
from dlstudy.study.splits import split_rows
from dlstudy.study.study import Arm, Study
from dlstudy.study.trial import TrialSpec
from dlstudy.study.variant import Variant

__all__ = ["Request", "ResolvedStudy", "resolve"]


@dataclass(frozen=True)
class Request:
    """The user's options for a run; see `dlstudy run --help`. None and empty mean: as the study says.

    `datasets` are those to run on, one after another: `on_each` makes the request for each.
    """

    variant: Variant = field(default_factory=Variant)
    trials: int | None = None
    seeds: int | None = None
    searches: int | None = None
    phases: Sequence[str] = ()
    arms: Sequence[str] = ()
    fresh: bool = False
    reported_variants: bool = False
    registered: Path | None = None
    until_decided: bool = False
    at_most: int | None = None
    datasets: Sequence[str] = ()

    def on_each(self, own: str) -> list["Request"]:
        """A request for each data set, in the given order; that which the study's file names is its default variant.

        Args:
            own: the data set that the file names.

        Raises:
            UsageError: a data set is named twice.
            DataError: there is none of that name.
        """
        twice = [name for name in self.datasets if self.datasets.count(name) > 1]
        if twice:
            raise UsageError(f"--dataset names each data set once, got {twice[0]} twice: leave one of them out")
        if not self.datasets:
            return [self]
        names = [registry.describe(name).name for name in self.datasets]
        variants = [dataclasses.replace(self.variant, dataset=None if name == own else name) for name in names]
        return [dataclasses.replace(self, variant=variant, datasets=()) for variant in variants]


@dataclass(frozen=True)
class ResolvedStudy(Study):
    """A study as a request runs it: its variant applied, its data set described.

    Args:
        file: where it comes from.
        variant: how it differs from the file, generation included.
        about: what is known of the data set that it runs on.
        begun_as: the name that it had when it was begun, which its random draws keep; empty for its own.
    """

    file: StudyFile = field(kw_only=True)
    variant: Variant = field(kw_only=True)
    about: Description = field(kw_only=True)
    begun_as: str = field(kw_only=True, default="")

    @property
    def name(self) -> str:
        """The name of the study in the record: that of its file."""
        return self.file.name

    @property
    def path(self) -> Path:
        """The path of the study's file."""
        return self.file.path

    @property
    def drawn_as(self) -> str:
        """The name that its random draws depend on."""
        return self.begun_as or self.name

    def record_name(self, arm: Arm, phase: Phase, search: int = 1) -> RecordName:
        """The name of a part of this study in the record."""
        return RecordName(self.name, self.variant, arm.name, phase, search)

    def parts(self, arms: Sequence[Arm]) -> list[tuple[Arm, RecordName]]:
        """Every part of these arms that has something to train, by phase, arm and search."""
        return [
            (arm, self.record_name(arm, phase, search))
            for phase in Phase
            for arm in arms
            if self.has_phase(arm, phase)
            for search in self.searches_of(phase)
        ]

    def seed(self, arm: Arm, phase: Phase, index: int, search: int = 1) -> int:
        """The seed of a trial."""
        return seed_of(self.drawn_as, phase, index, self.stream(arm, search))

    def stream(self, arm: Arm, search: int) -> tuple[str, ...]:
        """Words that give a search of this replication its own random draws."""
        return stream_of(arm, search, self.variant.replication)

    def spec(
        self,
        arm: Arm,
        phase: Phase,
        params: Mapping[str, Any],  # JSON scalars
        *,
        key: str,
        index: int = 0,
        search: int = 1,
        seed: int = 0,
    ) -> TrialSpec:
        """One training of an arm.

        Args:
            arm, phase, search, index: where it belongs.
            params: complete, as `make_parameters` gives them.
            key: names it.
            seed: of its random draws.
        """
        split = self.split_of(arm, phase)
        read_test = ReadTest.NEVER
        if phase.reads_test and (split.tests_inside or self.about.n_test):
            read_test = ReadTest.AT_END if split.validation else ReadTest.EACH_EPOCH
        return TrialSpec(
            key=key,
            study_path=str(self.path),
            dataset=self.dataset,
            arm=arm.name,
            phase=phase,
            index=index,
            params=params,
            seed=seed,
            epochs=int(params["epochs"]),
            batch_size=int(params["batch_size"]),
            split=split,
            split_number=self.split_number(phase, index, search) if split.resample else 0,
            rows=self.protocol.rows,
            read_test=read_test,
            restarts=arm.restarts,
            search=search,
            silence_s=self.protocol.silence_s,
            checkpoint_minutes=self.protocol.checkpoint_minutes,
            trial_minutes=self.protocol.trial_minutes,
            gpus=arm.gpus,
        )


def resolve(file: StudyFile, request: Request) -> ResolvedStudy:
    """The study as the request runs it, checked against its data set.

    Raises:
        StudyError: the two do not fit together, or the request names an arm that does not exist.
        UsageError: the request names a phase that does not exist.
    """
    for phase in request.phases:
        if phase not in frozenset(Phase):
            raise UsageError(f"--phase must be one of {', '.join(Phase)}, got {phase!r}")
    for arm in request.arms:
        file.study.arm(arm)
    for name in file.study.other_datasets:
        registry.describe(name)
    own = registry.describe(file.study.dataset)
    used = registry.describe(file.study.dataset if request.variant.dataset is None else request.variant.dataset)
    study = request.variant.apply(file.study, own, used)
    wanted = {name: value for name in ("trials", "seeds") if (value := getattr(request, name)) is not None}
    protocol = study.protocol if request.searches is None else study.protocol.with_searches(request.searches)
    fields = {item.name: getattr(study, item.name) for item in dataclasses.fields(study)}
    fields["protocol"] = dataclasses.replace(protocol, **wanted)
    if request.variant.halves and protocol.budget is not None:
        raise UsageError(
            f"successive halving needs a number of trials, got a budget of {protocol.budget_text} for each search: "
            "leave --pruner halving or Protocol's budget out"
        )
    resolved = ResolvedStudy(**fields, file=file, variant=request.variant, about=used)
    _check_splits(resolved)
    return resolved


def _check_splits(study: ResolvedStudy) -> None:
    protocol, data = study.protocol, study.about
    for split in (protocol.split, protocol.reported_split, *(arm.reported_split for arm in study.arms)):
        if split is None:
            continue
        if (facts := facts_known(split, data)) is not None:  # else they are in the data, which is not here yet
            split_rows(split, facts, protocol.rows)
    if not protocol.split.tests_inside and not data.n_test:
        raise StudyError(
            f"replicates are judged on test rows, but {data.shown_name} has none of its own and Protocol.split names "
            "none: state Split.test or Split.last, as in Split(validation=0.2, test=0.2, random_state=0)"
        )
    _check_resampling(study)


def _check_resampling(study: ResolvedStudy) -> None:
    """Checks that there are as many blocks of time as there are seeds, or searches, that want one of their own."""
    for arm, name in study.parts(study.arms):
        split, n, what = study.split_of(arm, name.phase), study.protocol.searches, "searches"
        if study.has_split_for_each_seed(name.phase):
            n, what = study.protocol.seeds_of(name.phase) * len(study.searches_of(name.phase)), "seeds of all searches"
            if name.phase is Phase.SWEEP:
                n = max(sweep.seeds for sweep in study.sweeps)
        if split.resample and n > split.most_splits:
            raise StudyError(
                f"{what} must be {split.most_splits} at most, one for each block of time that Split.test="
                f"{split.test!r} leaves to test, got {n}: lower that number, or Split.test"
            )
