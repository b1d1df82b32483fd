"""What a user asks of a run, and the study as that request runs it."""

import dataclasses
from collections.abc import Sequence

from dlstudy.datasets import registry
from dlstudy.errors import StudyError, UsageError
from dlstudy.study.loader import StudyFile
from dlstudy.study.splits import divide
from dlstudy.study.study import PHASES, Study
from dlstudy.study.variant import Variant

__all__ = ["Request", "resolve"]


@dataclasses.dataclass(frozen=True)
class Request:
    """What a user asks of a run; see `dlstudy run --help`. None and empty mean: as the study says."""

    variant: Variant = dataclasses.field(default_factory=Variant)
    trials: int | None = None
    seeds: int | None = None
    searches: int | None = None
    phases: Sequence[str] = ()
    arms: Sequence[str] = ()
    fresh: bool = False
    also: bool = False


def resolve(file: StudyFile, request: Request) -> Study:
    """The study as the request runs it, checked against its data set.

    Raises:
        StudyError: the two do not fit together, a figure cannot be computed, or an arm is asked for that is not there.
        UsageError: a phase is asked for that is not there.
    """
    for phase in request.phases:
        if phase not in PHASES:
            raise UsageError(f"--phase must be one of {', '.join(PHASES)}, got {phase!r}")
    for arm in request.arms:
        file.study.arm(arm)
    for name in file.study.other_datasets:
        registry.describe(name)
    for figure in file.study.computed:
        figure.value()  # before hours of training, and not after them
    own = registry.describe(file.study.dataset)
    used = registry.describe(file.study.dataset if request.variant.dataset is None else request.variant.dataset)
    study = request.variant.apply(file.study, own, used)
    wanted = {name: value for name in ("trials", "seeds", "searches") if (value := getattr(request, name)) is not None}
    study = dataclasses.replace(study, protocol=dataclasses.replace(study.protocol, **wanted))
    own_splits = [arm.printed_split for arm in study.arms]
    for split in (study.protocol.split, study.protocol.printed_split, *own_splits):
        if split is not None:
            divide(split, used.n_train, used.n_test, study.protocol.rows)
    if study.protocol.split.test is None and not used.n_test:
        raise StudyError(
            f"replicates are judged on test rows, but {used.name} has none of its own and Protocol.split names none: "
            "state Split.test"
        )
    return study
