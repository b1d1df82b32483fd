"""Options that several commands share, each defined once, and the groups that they come in."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlstudy.cli.completions import complete_arm, complete_dataset, complete_study, complete_variant, one_of
from dlstudy.errors import UsageError

if TYPE_CHECKING:
    from dlstudy.api.terminal import Detail
    from dlstudy.runner.backend import Backend
    from dlstudy.runner.housekeeping import Stores
    from dlstudy.study.request import Request
    from dlstudy.study.variant import Variant

__all__ = [
    "PHASES",
    "BackendOptions",
    "DatasetArgument",
    "DatasetsOption",
    "HomeOption",
    "JsonOption",
    "OpenOption",
    "OptionalStudyArgument",
    "PlanOptions",
    "PortOption",
    "RunBackendOptions",
    "RunOptions",
    "ShownOptions",
    "StorageOption",
    "StoreOptions",
    "StudyArgument",
    "TrackingOption",
    "VariantOption",
    "grouped",
]

PHASES = ("reported", "defaults", "search", "replicate", "sweep")
"""The words of `--phase`."""

_STUDY = "A study's name (dlstudy list), the path of a study file, or its module (package.module)."

StudyArgument = Annotated[str, typer.Argument(help=_STUDY, autocompletion=complete_study)]
OptionalStudyArgument = Annotated[str | None, typer.Argument(help=_STUDY, autocompletion=complete_study)]
DatasetArgument = Annotated[
    str, typer.Argument(help="A data set's name (dlstudy data list).", autocompletion=complete_dataset)
]
DatasetsOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Another data set (dlstudy data list); repeatable, for an answer across data sets.",
        autocompletion=complete_dataset,
    ),
]
HomeOption = Annotated[Path | None, typer.Option(help="Results folder.  (default: DLSTUDY_HOME, else ./mlruns)")]
StorageOption = Annotated[
    str | None,
    typer.Option(
        envvar="DLSTUDY_STORAGE",
        show_envvar=False,
        help="Optuna storage URL.  (default: DLSTUDY_STORAGE, else a journal in the results folder)",
    ),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(help="MLflow server or store.  (default: MLFLOW_TRACKING_URI, else SQLite in the results folder)"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
VariantOption = Annotated[
    str | None, typer.Option(help="Name of the variant (dlstudy status).", autocompletion=complete_variant)
]
PortOption = Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; another if it is taken.")]
OpenOption = Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")]


@dataclass(frozen=True)
class PlanOptions:
    """Options that change how a study is run, for `plan` and `run`."""

    quick: Annotated[bool, typer.Option("--quick", help="Fewer epochs, rows and trials: a first look.")] = False
    trials: Annotated[int | None, typer.Option(help="Trials that each arm's search begins with.")] = None
    seeds: Annotated[int | None, typer.Option(help="Total seeds of reported settings and of replicates.")] = None
    searches: Annotated[
        int | None, typer.Option(help="Independent searches of each arm: 3 or more for verdicts on methods.")
    ] = None
    epochs: Annotated[int | None, typer.Option(help="Epochs of every training.")] = None
    dataset: DatasetsOption = None
    aa_test: Annotated[
        int,
        typer.Option(
            help="Compare N times two identical copies of one arm (A/A tests; 1 without a number), to check for false "
            "positives."
        ),
    ] = 0
    replication: Annotated[
        int, typer.Option(help="Run the N-th independent replication: all designs and seeds are drawn anew.")
    ] = 1

    def request(self) -> "Request":
        """The request that these options make."""
        from dlstudy.study.request import Request

        datasets = tuple(self.dataset or ())
        return Request(self.variant(), self.trials, self.seeds, self.searches, datasets=datasets)

    def variant(self) -> "Variant":
        """The variant that these options name."""
        from dlstudy.study.variant import Variant

        return Variant(self.quick, epochs=self.epochs, aa_test=self.aa_test, replication=self.replication)


@dataclass(frozen=True)
class RunOptions(PlanOptions):
    """All options that change what is run."""

    phase: Annotated[
        list[str] | None,
        typer.Option(
            help="reported, defaults, search, replicate or sweep; repeatable.", autocompletion=one_of(*PHASES)
        ),
    ] = None
    arm: Annotated[list[str] | None, typer.Option(help="Only this arm; repeatable.", autocompletion=complete_arm)] = (
        None
    )
    sampler: Annotated[
        str,
        typer.Option(
            help="sobol, random, tpe, or one of Optuna's by name: 'GPSampler'.",
            autocompletion=one_of("sobol", "random", "tpe"),
        ),
    ] = "sobol"
    pruner: Annotated[
        str,
        typer.Option(
            help="none, median, hyperband, halving (with equal budgets), or one of Optuna's: 'PatientPruner(...)'.",
            autocompletion=one_of("none", "median", "hyperband", "halving"),
        ),
    ] = "none"
    reported_variants: Annotated[
        bool, typer.Option("--reported-variants", help="Also train reported figures that have settings of their own.")
    ] = False
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again beside the old results.")] = False
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Go on in stages until every claim is decided, or the level spent.")
    ] = False
    at_most: Annotated[
        int | None,
        typer.Option(
            help="With --until-decided: seeds (searches, if several) to stop at.  (default: 4 x the first stage)"
        ),
    ] = None
    registered: Annotated[
        Path | None, typer.Option(help="The plan that `dlstudy register` wrote, to compare the study with.")
    ] = None

    def request(self) -> "Request":
        """The request that these options make."""
        return dataclasses.replace(
            super().request(),
            phases=tuple(self.phase or ()),
            arms=tuple(self.arm or ()),
            fresh=self.fresh,
            reported_variants=self.reported_variants,
            registered=self.registered,
            until_decided=self.until_decided,
            at_most=self.at_most,
        )

    def variant(self) -> "Variant":
        """The variant that these options name."""
        return dataclasses.replace(super().variant(), sampler=self.sampler, pruner=self.pruner)


@dataclass(frozen=True)
class BackendOptions:
    """Where results are kept, and where trials are trained."""

    workers: Annotated[int | None, typer.Option(help="Trainings in parallel.  (default: GPUs, else cores)")] = None
    per_gpu: Annotated[int, typer.Option(help="Trainings that share one GPU.")] = 1
    engine: Annotated[
        str,
        typer.Option(
            help="local, ray for many machines, or inline for debugging.",
            autocompletion=one_of("local", "ray", "inline"),
        ),
    ] = "local"
    ray_address: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of a Ray cluster that is running.  (default: RAY_ADDRESS, else this machine's)"),
    ] = None
    home: HomeOption = None
    storage: StorageOption = None

    def resolved(self, tracking_uri: str | None = None) -> "Backend":
        """The stores and the machine part of a run."""
        from dlstudy.runner.backend import Backend
        from dlstudy.store.home import Home

        home = Home.at(self.home)
        return Backend(home, self.storage, tracking_uri, self.engine, self.workers, self.per_gpu, self.ray_address)


@dataclass(frozen=True)
class RunBackendOptions(BackendOptions):
    """Where results are kept, where trials are trained, and for how long."""

    hours: Annotated[
        float | None, typer.Option(help="End after this time; the same command goes on later.  (default: no limit)")
    ] = None
    failures: Annotated[int, typer.Option(help="Failed trials in a row that end the run.")] = 20
    notify: Annotated[
        str | None,
        typer.Option(
            envvar="DLSTUDY_NOTIFY",
            show_envvar=False,
            help="Address that Apprise tells when a run ends, fails or stands still: 'ntfy://TOPIC'.  "
            "(default: DLSTUDY_NOTIFY)",
        ),
    ] = None

    register: Annotated[
        str | None, typer.Option(help="Name in MLflow's model registry for the model of the arm that did best.")
    ] = None

    def resolved(self, tracking_uri: str | None = None) -> "Backend":
        """The stores and the machine part of a run."""
        backend = super().resolved(tracking_uri)
        return dataclasses.replace(
            backend, hours=self.hours, failures=self.failures, notify=self.notify, register=self.register
        )


@dataclass(frozen=True)
class StoreOptions:
    """Where results are kept."""

    home: HomeOption = None
    storage: StorageOption = None
    tracking_uri: TrackingOption = None

    def stores(self) -> "Stores":
        """The stores that they name."""
        from dlstudy.runner.housekeeping import Stores
        from dlstudy.store.home import Home
        from dlstudy.tracking.stores import tracking_uri

        home = Home.at(self.home)
        return Stores(home, self.storage, tracking_uri(home, self.tracking_uri))


@dataclass(frozen=True)
class ShownOptions:
    """How much of a run is shown."""

    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show the answer alone.")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show a line for each epoch and trial.")] = False

    def detail(self) -> "Detail":
        """The detail that they ask for.

        Raises:
            UsageError: both are given.
        """
        from dlstudy.api.terminal import Detail

        if self.quiet and self.verbose:
            raise UsageError("--quiet shows less and --verbose more, got both: leave one of them out")
        return Detail.QUIET if self.quiet else Detail.VERBOSE if self.verbose else Detail.USUAL


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter whose type is a dataclass replaced by the options that are its fields."""
    parameters = inspect.signature(command).parameters.values()
    groups: dict[str, Any] = {p.name: p.annotation for p in parameters if dataclasses.is_dataclass(p.annotation)}

    @functools.wraps(command)
    def with_options(**given: Any) -> None:  # Any: what typer has parsed
        for name, group in groups.items():
            given[name] = group(**{item.name: given.pop(item.name) for item in dataclasses.fields(group)})
        command(**given)

    flat: list[inspect.Parameter] = []
    for parameter in parameters:
        fields = dataclasses.fields(groups[parameter.name]) if parameter.name in groups else ()
        flat += [
            inspect.Parameter(item.name, parameter.KEYWORD_ONLY, default=item.default, annotation=item.type)
            for item in fields
        ] or [parameter.replace(kind=parameter.KEYWORD_ONLY)]
    vars(with_options)["__signature__"] = inspect.Signature(flat)  # which typer reads
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return with_options
