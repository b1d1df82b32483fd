"""The command line: thin, and quick to start. Each command loads what it needs."""

import gc
import io
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from dlstudy import __version__
from dlstudy.errors import DefinitionError, DlstudyError, RecordError, UsageError
from dlstudy.texts import one_line, without_passwords

__all__ = ["app", "main"]

app = typer.Typer(
    help="Know whether a deep-learning claim is true: fair searches, paired replicates, verdicts with intervals.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StudyArgument = Annotated[str, typer.Argument(help="A study's name (dlstudy list), or the path of a study file.")]
HomeOption = Annotated[Path | None, typer.Option(help="Folder of results.  (default: DLSTUDY_HOME, else ./mlruns)")]
StorageOption = Annotated[str | None, typer.Option(help="Optuna storage URL.  (default: a journal in the home)")]
TrackingOption = Annotated[
    str | None, typer.Option(help="MLflow server or store.  (default: MLFLOW_TRACKING_URI, else SQLite in the home)")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Fewer epochs, rows and trials: a first look.")]
TrialsOption = Annotated[int | None, typer.Option(help="Search trials for each arm, in all.")]
SeedsOption = Annotated[int | None, typer.Option(help="Seeds of the printed and replicate phases, in all.")]
SearchesOption = Annotated[
    int | None, typer.Option(help="Independent searches of each arm: 3 or more for verdicts on methods.")
]
EpochsOption = Annotated[int | None, typer.Option(help="Epochs of every training.")]
DatasetOption = Annotated[str | None, typer.Option(help="Another data set (dlstudy data list).")]
ControlOption = Annotated[
    bool, typer.Option("--control", help="With a copy of an arm: what is said about two identical things?")
]
AlsoOption = Annotated[bool, typer.Option("--also", help="Also train printed figures with settings of their own.")]
WorkersOption = Annotated[int | None, typer.Option(help="Trainings at a time.  (default: GPUs, else cores)")]
PerGpuOption = Annotated[int, typer.Option(help="Trainings that share a GPU.")]

EngineOption = Annotated[str, typer.Option(help="local, ray for many machines, or inline for debugging.")]
RayAddressOption = Annotated[
    str | None, typer.Option(help="HOST:PORT of a running Ray cluster.  (default: RAY_ADDRESS, else this machine's)")
]


@app.command()
def run(
    study: Annotated[
        str | None, typer.Argument(help="A study's name (dlstudy list), or the path of a study file.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every study, one after another.")] = False,
    quick: QuickOption = False,
    trials: TrialsOption = None,
    seeds: SeedsOption = None,
    searches: SearchesOption = None,
    epochs: EpochsOption = None,
    dataset: DatasetOption = None,
    phase: Annotated[
        list[str] | None, typer.Option(help="printed, defaults, search, replicate or sweep; repeatable.")
    ] = None,
    arm: Annotated[list[str] | None, typer.Option(help="Only this arm; repeatable.")] = None,
    sampler: Annotated[str, typer.Option(help="sobol, random or tpe.")] = "sobol",
    pruner: Annotated[str, typer.Option(help="none, median or hyperband.")] = "none",
    control: ControlOption = False,
    also: AlsoOption = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew beside the old results.")] = False,
    workers: WorkersOption = None,
    per_gpu: PerGpuOption = 1,
    engine: EngineOption = "local",
    ray_address: RayAddressOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
    json: JsonOption = False,
) -> None:
    """Run a study: what is missing is trained, what is there is kept, and the answer is printed."""
    from dlstudy import running
    from dlstudy.home import Home
    from dlstudy.runner import Request
    from dlstudy.session import Where
    from dlstudy.variant import Variant

    variant = Variant(quick, dataset, epochs, sampler, pruner, control)
    request = Request(variant, trials, seeds, searches, tuple(phase or ()), tuple(arm or ()), fresh, also)
    where = Where(Home.at(home), storage, tracking_uri, engine, workers, per_gpu, ray_address)
    raise typer.Exit(running.run(study, every, request, where, json))


@app.command()
def plan(
    study: StudyArgument,
    quick: QuickOption = False,
    trials: TrialsOption = None,
    seeds: SeedsOption = None,
    searches: SearchesOption = None,
    epochs: EpochsOption = None,
    dataset: DatasetOption = None,
    control: ControlOption = False,
    workers: WorkersOption = None,
    per_gpu: PerGpuOption = 1,
    engine: EngineOption = "local",
    ray_address: RayAddressOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Before running: the smallest difference that a study could show, and what it would cost here."""
    from dlstudy.home import Home
    from dlstudy.runner import Request
    from dlstudy.session import Where
    from dlstudy.showing_plan import show_plan
    from dlstudy.variant import Variant

    request = Request(Variant(quick, dataset, epochs, control=control), trials, seeds, searches)
    show_plan(study, request, Where(Home.at(home), storage, None, engine, workers, per_gpu, ray_address), json)


@app.command("list")
def list_studies(json: JsonOption = False) -> None:
    """List the studies: those of ./studies first, then the bundled ones."""
    from dlstudy import commands

    commands.list_studies(json)


@app.command()
def show(
    study: StudyArgument,
    arm: Annotated[
        str | None, typer.Option(help="Show the model of this arm, and of a trained winner its weights.")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="Of which variant (dlstudy status).")] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a study compares and how, or the model of one arm."""
    from dlstudy import showing
    from dlstudy.home import Home

    if arm is None:
        if variant is not None:
            raise UsageError(f"--variant says of which model, got --variant {variant} without --arm: name the arm too")
        showing.show_study(study, json)
    else:
        showing.show_model(study, arm, variant, Home.at(home), storage, json)


@app.command()
def status(
    study: Annotated[str | None, typer.Argument(help="Only this study.")] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Show how far studies are: trials done, failed and running."""
    from dlstudy import commands
    from dlstudy.home import Home

    commands.status(study, Home.at(home), storage, json)


@app.command()
def report(
    study: Annotated[
        str | None, typer.Argument(help="A study's name (dlstudy list), or the path of a study file.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="An index over all studies that have results.")] = False,
    format: Annotated[
        str | None,
        typer.Option(help="html, pdf, md, csv, tex or json.  (default: as --output is named, else md)"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="File to write; with --all and html also a folder, for the reports too.  (default: print)"),
    ] = None,
    variant: Annotated[str | None, typer.Option(help="Which variant (dlstudy status).")] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Write the report of a study from what is recorded, or an index over all studies."""
    from dlstudy import commands
    from dlstudy.home import Home

    if every:
        commands.report_all(study, format, output, variant, home=Home.at(home), storage=storage)
    else:
        commands.report(study, format, output, variant, home=Home.at(home), storage=storage)


@app.command()
def ui(
    study: Annotated[str | None, typer.Argument(help="Open this study's runs.")] = None,
    home: HomeOption = None,
    tracking_uri: TrackingOption = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; another if it is taken.")] = 5000,
    open: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
) -> None:
    """Browse the runs in MLflow's own pages, on 127.0.0.1."""
    from dlstudy.home import Home
    from dlstudy.ui import serve

    serve(study, Home.at(home), tracking_uri, port, open)


@app.command()
def dashboard(
    study: Annotated[str | None, typer.Argument(help="Only this study's searches.")] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; another if it is taken.")] = 8080,
    open: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
) -> None:
    """Browse a copy of the searches in Optuna's own pages, on 127.0.0.1."""
    from dlstudy.dashboard import serve_dashboard
    from dlstudy.home import Home

    serve_dashboard(study, Home.at(home), storage, port, open)


@app.command()
def predict(
    study: StudyArgument,
    arm: Annotated[str | None, typer.Option(help="Of this arm's winner.  (default: the best on the test rows)")] = None,
    input: Annotated[Path | None, typer.Option(help="Rows to predict: a picture, a .csv or a .npy file.")] = None,
    samples: Annotated[int, typer.Option(help="Show so many test rows.")] = 10,
    output: Annotated[
        Path | None, typer.Option(help="Where to draw images.  (default: predictions/ in the home)")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="Which variant (dlstudy status).")] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a study's winner predicts: for test rows, or for rows of your own."""
    from dlstudy.home import Home
    from dlstudy.predicting import Asked
    from dlstudy.predicting import predict as show_predictions

    show_predictions(study, Asked(arm, variant, input, samples, output), Home.at(home), storage, json)


@app.command()
def tensorboard(
    study: Annotated[str | None, typer.Argument(help="Only this study's logs.")] = None,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; another if it is taken.")] = 6006,
    open: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
) -> None:
    """Open the logs of studies that ask for TensorBoard, on 127.0.0.1."""
    from dlstudy.home import Home
    from dlstudy.ui import serve_tensorboard

    serve_tensorboard(study, Home.at(home), port, open)


@app.command()
def devices(
    workers: Annotated[int | None, typer.Option(help="As for run.")] = None,
    per_gpu: Annotated[int, typer.Option(help="As for run.")] = 1,
    json: JsonOption = False,
) -> None:
    """Show GPUs and cores, versions, what TensorFlow sees, and what a run would use."""
    from dlstudy import commands

    commands.devices(workers, per_gpu, json)


data = typer.Typer(help="Fetch, check and look at data sets.", no_args_is_help=True)
app.add_typer(data, name="data")

DatasetArgument = Annotated[str, typer.Argument(help="A data set's name (dlstudy data list).")]


@data.command("list")
def data_list(json: JsonOption = False) -> None:
    """List the data sets."""
    from dlstudy import commands

    commands.data_list(json)


@data.command("fetch")
def data_fetch(name: DatasetArgument) -> None:
    """Fetch a data set into the cache, if it is not there."""
    from dlstudy.datasets import registry

    typer.echo(f"{name}: {registry.ensure(name, typer.echo)}")


@data.command("show")
def data_show(
    name: DatasetArgument,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the pictures.  (default: data/NAME/ in the home)")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Look at a data set before training: balance, missing values, spread, pictures."""
    from dlstudy.home import Home
    from dlstudy.showing_data import show_data

    show_data(name, output, Home.at(home), json)


@data.command("verify")
def data_verify(name: DatasetArgument) -> None:
    """Compute the checksum of a cached data set, and compare."""
    from dlstudy.datasets import registry

    typer.echo(f"{name}: {registry.verify(name)} as it should be")


@data.command("path")
def data_path() -> None:
    """Print the folder of the cache."""
    from dlstudy.datasets import registry

    typer.echo(registry.cache_folder())


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"dlstudy {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Returns:
        0; 1 when trials could not be completed or something unforeseen happened; 2 for bad input; 130 for Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot write a letter shows ? in its place
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    gc.set_threshold(100_000)  # a large record is millions of objects and no garbage: looking for some took a third
    command = typer.main.get_command(app)
    typed = sys.argv[1:] if arguments is None else arguments
    words = shlex.join(typed)
    try:
        if any(not word or (word.startswith("--") and word.endswith("=")) for word in typed):
            raise UsageError(f"no name and no option may be empty, got `dlstudy {words}`: leave it out")
        result = command.main(args=arguments, prog_name="dlstudy", standalone_mode=False)
    except (DefinitionError, RecordError) as error:
        return _fail(str(error), 2)
    except DlstudyError as error:
        return _fail(str(error), 1)
    except typer.Abort:
        result = 130
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own errors have it, and no public name
            raise
        if not error.format_message():  # no command was given: typer has shown the help
            return 2
        return _fail(f"{error.format_message().rstrip('.')}, got `dlstudy {words}`: see --help", 2)
    if result == 130:  # what typer makes of Ctrl-C
        return _fail("stopped; run the same command again to go on", 130)
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int) -> int:
    for line in f"dlstudy: {message}".splitlines():
        print(one_line(without_passwords(line), 600), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
