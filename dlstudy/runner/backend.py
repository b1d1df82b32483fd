"""The stores and the machine part of a run, and the engine that it trains with."""

import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dlstudy.common.text import short_repr
from dlstudy.datasets import registry
from dlstudy.engines.base import Decide, Engine
from dlstudy.engines.devices import check_slots, choose_slots
from dlstudy.errors import UsageError
from dlstudy.store.home import Home
from dlstudy.study.loader import StudyFile

__all__ = ["ENGINES", "Backend", "engine_maker", "require_tensorflow"]

ENGINES = ("local", "inline", "ray")

_MOST_HOURS = 100_000
_REGISTERED = re.compile(r"[\w. -]{1,200}")


@dataclass(frozen=True)
class Backend:
    """The stores and the machine part of a run.

    Args:
        home: the folder where results are kept.
        storage: SQLAlchemy URL of Optuna's storage; None for the journal in the home.
        tracking: MLflow's URI; None for the environment's, else SQLite in the home.
        engine: one of `ENGINES`.
        workers, per_gpu: see `dlstudy.engines.devices.choose_slots` and `dlstudy.engines.ray_engine.ClusterRequest`.
        ray_address: of the cluster that the engine `ray` trains on; None for RAY_ADDRESS, else the one of this machine.
        hours: that runs may take, from now on; None for any time.
        failures: how many consecutive failed trials end a run.
        notify: an address of Apprise's that is told how a run goes; it may hold a password.
        register: a name in MLflow's registry for the model of the arm that did best.

    Raises:
        UsageError: there is no such engine, no machine has this many slots, or an address is not valid.
    """

    home: Home
    storage: str | None = None
    tracking: str | None = None
    engine: str = "local"
    workers: int | None = None
    per_gpu: int = 1
    ray_address: str | None = None
    hours: float | None = None
    failures: int = 20
    notify: str | None = field(default=None, repr=False)
    register: str | None = None
    deadline_s: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.hours is not None and not 0 < self.hours <= _MOST_HOURS:
            raise UsageError(f"--hours must be more than 0, and at most {_MOST_HOURS:,}, got {self.hours}")
        if self.register is not None and not _REGISTERED.fullmatch(self.register):
            raise UsageError(
                "--register must be a name of letters, digits, spaces, dots, - and _ for MLflow's registry, got "
                f"{short_repr(self.register)}"
            )
        if self.failures < 1:
            raise UsageError(f"--failures must be at least 1, got {self.failures}")
        end_s = math.inf if self.hours is None else time.monotonic() + 3600 * self.hours
        object.__setattr__(self, "deadline_s", end_s)
        if self.engine not in ENGINES:
            raise UsageError(f"--engine must be one of {', '.join(ENGINES)}, got {self.engine!r}")
        check_slots(self.workers, self.per_gpu)
        if self.ray_address is not None and self.engine != "ray":
            raise UsageError(
                f"--ray-address is for --engine ray, got it with --engine {self.engine}: leave one of them out"
            )
        if self.engine == "inline" and self.workers not in (None, 1):
            raise UsageError(
                f"--engine inline trains one at a time, got --workers {self.workers}: leave one of them out"
            )


def require_tensorflow() -> None:
    """Checks that neither the environment nor a study asks Keras for another backend.

    Raises:
        UsageError: one does.
    """
    asked = os.environ.get("KERAS_BACKEND", "tensorflow")
    if asked != "tensorflow":
        raise UsageError(
            f"dlstudy trains with Keras on tensorflow, got KERAS_BACKEND={asked}: unset it, or delete the line of the "
            "study that sets it"
        )


def engine_maker(
    backend: Backend, dataset: str, say: Callable[[str], None], file: StudyFile | None = None
) -> Callable[[int, Decide], Engine]:
    """Makes engines for a data set, with at most this many slots and a pruning decision; fetches the data first.

    Args:
        backend: which engine, and where.
        dataset: the name of the data set.
        say: shows the user what is used.
        file: of the study, whose files go to other machines along with it.

    Raises:
        UsageError: Keras is asked for another backend.
    """
    require_tensorflow()

    gpus_each = max((arm.gpus for arm in file.study.arms), default=1) if file else 1

    def make(n_needed: int, decide: Decide) -> Engine:
        registry.ensure(dataset, say)
        if backend.engine == "inline":
            from dlstudy.engines.inline import InlineEngine

            return InlineEngine(choose_slots(1, gpus_each=gpus_each)[0][0], decide)
        if backend.engine == "ray":
            from dlstudy.engines.file_transfer import left_behind
            from dlstudy.engines.ray_engine import ClusterRequest, RayEngine

            request = ClusterRequest(backend.ray_address, n_needed, backend.workers, backend.per_gpu, gpus_each)
            inputs = file.input_paths if file else []
            for path in left_behind(file.path, inputs) if file else ():
                say(f"not sent to the nodes, as it is not beside the study file or below; they need it too: {path}")
            return RayEngine(request, dataset, decide, say, inputs=inputs)
        from dlstudy.engines.local import LocalEngine

        slots, remark = choose_slots(backend.workers, backend.per_gpu, gpus_each)
        if remark:
            say(remark)
        used = slots[:n_needed]
        say(f"training in {len(used)} slot{'s' if len(used) > 1 else ''}: {', '.join(slot.name for slot in used)}")
        return LocalEngine(used, dataset, decide)

    return make
