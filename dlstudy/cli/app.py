"""The command line. Each command imports only what it needs, so that it starts quickly."""

import gc
import io
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dlstudy.cli import housekeeping_commands as housekeeping
from dlstudy.cli.class_command import class_
from dlstudy.cli.completions import complete_arm, one_of
from dlstudy.cli.data_commands import data
from dlstudy.cli.options import (
    PHASES,
    BackendOptions,
    DatasetsOption,
    HomeOption,
    JsonOption,
    OptionalStudyArgument,
    PlanOptions,
    RunBackendOptions,
    RunOptions,
    ShownOptions,
    StorageOption,
    StudyArgument,
    TrackingOption,
    VariantOption,
    grouped,
)
from dlstudy.cli.page_commands import dashboard, tensorboard, ui
from dlstudy.cli.settings_file import defaults_from
from dlstudy.cli.setup_commands import doctor, new
from dlstudy.common.text import one_line, without_passwords
from dlstudy.common.version import __version__
from dlstudy.errors import DefinitionError, DlstudyError, RecordError, UsageError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Test deep-learning claims with fair searches, paired replicates, and verdicts with intervals.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
@grouped
def run(
    study: OptionalStudyArgument = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Run every study file, one after another.")] = False,
    options: RunOptions,
    backend: RunBackendOptions,
    shown: ShownOptions,
    tracking_uri: TrackingOption = None,
    json: JsonOption = False,
) -> None:
    """Run a study: train the missing trials, keep the recorded ones, and print the answer."""
    from dlstudy.cli.run import run_studies

    where, detail = backend.resolved(tracking_uri), shown.detail()
    raise typer.Exit(run_studies(study, every, options.request(), where, json, detail))


@app.command()
@grouped
def replicate(
    study: StudyArgument,
    *,
    times: Annotated[int, typer.Option(help="Number of independent replications.")] = 2,
    options: RunOptions,
    backend: RunBackendOptions,
    shown: ShownOptions,
    tracking_uri: TrackingOption = None,
    json: JsonOption = False,
) -> None:
    """Replicate a study: run it several times with all draws anew, and compare the verdicts."""
    from dlstudy.cli.replicate import replicate_study

    where, detail = backend.resolved(tracking_uri), shown.detail()
    raise typer.Exit(replicate_study(study, times, options.request(), where, json, detail))


@app.command()
@grouped
def check(
    study: StudyArgument,
    *,
    options: PlanOptions,
    backend: BackendOptions,
    json: JsonOption = False,
) -> None:
    """Check a study: build each arm once and take one step of it; `run` does so before the first trial."""
    from dlstudy.cli.check import show_check

    show_check(study, options.request(), backend.resolved(), json)


@app.command()
@grouped
def plan(
    study: StudyArgument,
    *,
    options: PlanOptions,
    backend: BackendOptions,
    json: JsonOption = False,
) -> None:
    """Plan a run: the smallest difference that the study could show, and the cost on this machine."""
    from dlstudy.cli.plan import show_plan

    show_plan(study, options.request(), backend.resolved(), json)


@app.command()
@grouped
def register(
    study: StudyArgument,
    *,
    options: PlanOptions,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.  (default: print)")] = None,
    home: HomeOption = None,
) -> None:
    """Register the plan of a study before it is run: its claims, its protocol, and how they are judged."""
    from dlstudy.cli.register import register_plan
    from dlstudy.store.home import Home

    register_plan(study, options.request(), output, Home.at(home))


@app.command("list")
def list_studies(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the studies: those of ./studies, the bundled ones, and those of the results folder made in Python."""
    from dlstudy.cli.list_studies import show_studies
    from dlstudy.store.home import Home

    show_studies(Home.at(home), json)


@app.command()
def show(
    study: StudyArgument,
    arm: Annotated[
        str | None,
        typer.Option(
            help="Show the model of this arm, with the weights of its winner if trained.", autocompletion=complete_arm
        ),
    ] = None,
    best: Annotated[
        int | None, typer.Option(help="Show this many of the arm's best settings, as a start for another search.")
    ] = None,
    variant: VariantOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a study compares and how, or the model or the best settings of one arm."""
    from dlstudy.cli.best_settings import show_best
    from dlstudy.cli.show import show_model, show_study
    from dlstudy.store.home import Home

    if arm is not None and best is not None:
        show_best(study, arm, best, variant, Home.at(home), storage, json=json)
    elif best is not None:
        raise UsageError(f"--best shows settings of an arm, got --best {best} without --arm: name the arm too")
    elif arm is not None:
        show_model(study, arm, variant, Home.at(home), storage, json=json)
    elif variant is not None:
        raise UsageError(
            f"--variant chooses the model of an arm, got --variant {variant} without --arm: name the arm too"
        )
    else:
        show_study(study, Home.at(home), json)


@app.command()
def status(
    study: Annotated[str | None, typer.Argument(help="Only this study.")] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Show the progress of studies: trials done, failed and running."""
    from dlstudy.cli.status import show_status
    from dlstudy.store.home import Home

    show_status(study, Home.at(home), storage, json)


@app.command()
def watch(
    study: StudyArgument,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 2.0,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Watch a run from another terminal, or with --storage from another machine: its trials, and the time left."""
    from dlstudy.cli.watch import watch_study
    from dlstudy.store.home import Home

    watch_study(study, every, Home.at(home), storage, json)


@app.command()
def logs(
    study: StudyArgument,
    arm: Annotated[str | None, typer.Option(help="Only trials of this arm.", autocompletion=complete_arm)] = None,
    phase: Annotated[
        str | None,
        typer.Option(help="Only reported, defaults, search, replicate or sweep.", autocompletion=one_of(*PHASES)),
    ] = None,
    search: Annotated[int | None, typer.Option(help="Only of this search, counted from 1.")] = None,
    index: Annotated[int | None, typer.Option(help="Only the trial with this index; shows what it printed.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only trials that did not end as they should.")] = False,
    variant: VariantOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Show what trials printed, warnings included."""
    from dlstudy.cli.logs import Chosen, show_logs
    from dlstudy.store.home import Home

    show_logs(study, Chosen(arm, phase, search, index, failed), variant, Home.at(home), storage, json)


@app.command()
def report(
    study: OptionalStudyArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Write an index of all studies that have results.")] = False,
    format: Annotated[
        str | None,
        typer.Option(
            help="html, pdf, md, csv, parquet, tex, json; card, svg: one picture.  (default: by --output, else md)",
            autocompletion=one_of("html", "pdf", "md", "csv", "parquet", "tex", "json", "card", "svg"),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write; with --all and html also a folder, for the reports too.  (default: print)",
        ),
    ] = None,
    variant: VariantOption = None,
    dataset: DatasetsOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Write the report of a study from its recorded results, or an index of all studies."""
    from dlstudy.cli.report import write_index, write_report
    from dlstudy.store.home import Home

    write = write_index if every else write_report
    write(study, format, output, variant, dataset or (), home=Home.at(home), storage=storage)


@app.command()
def predict(
    study: StudyArgument,
    arm: Annotated[
        str | None,
        typer.Option(help="Use this arm's winner.  (default: the best on the test rows)", autocompletion=complete_arm),
    ] = None,
    input: Annotated[
        Path | None, typer.Option(help="Rows to predict: a picture, a table, a text or a .npy file, as the data is.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Number of test rows to show.")] = 10,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the images.  (default: predictions/ in the results folder)"),
    ] = None,
    variant: VariantOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    json: JsonOption = False,
) -> None:
    """Show the predictions of a study's winner for test rows, or for rows of your own."""
    from dlstudy.cli.predict import Asked, show_predictions
    from dlstudy.store.home import Home

    show_predictions(study, Asked(arm, variant, input, samples, output), Home.at(home), storage, json)


for command in (class_, ui, dashboard, tensorboard):
    app.command(command.__name__.rstrip("_"))(command)


@app.command()
def devices(
    workers: Annotated[int | None, typer.Option(help="As for run.")] = None,
    per_gpu: Annotated[int, typer.Option(help="As for run.")] = 1,
    json: JsonOption = False,
) -> None:
    """Show GPUs, cores, versions, the devices that TensorFlow sees, and the slots of a run."""
    from dlstudy.cli.devices import show_devices

    show_devices(workers, per_gpu, json)


app.add_typer(data, name="data")

for name in ("pack", "replay", "archive", "merge", "import_", "rename", "rm", "gc"):
    app.command(name.rstrip("_"))(getattr(housekeeping, name))


app.command()(new)
app.command()(doctor)


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
        0; 1 when trials could not be completed or an unexpected error occurred; 2 for bad input; 130 for Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):  # a character that the terminal cannot encode is shown as ?
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    gc.set_threshold(100_000)  # a large record is millions of objects and no garbage: looking for it took a third
    command = typer.main.get_command(app)
    typed = _with_one_aa_test(sys.argv[1:] if arguments is None else arguments)
    words, defaults = shlex.join(typed), dict[str, object]()
    try:
        if any(not word or (word.startswith("--") and word.endswith("=")) for word in typed):
            raise UsageError(f"no name and no option may be empty, got `dlstudy {words}`: leave it out")
        if typed[:1] != ["doctor"]:  # which says itself what is wrong with them
            defaults = defaults_from(Path(), command)
        result = command.main(args=typed, prog_name="dlstudy", standalone_mode=False, default_map=defaults)
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
        more = ", and options of a file" if defaults else ""
        return _fail(f"{error.format_message().rstrip('.')}, got `dlstudy {words}`{more}: see --help", 2)
    if result == 130:  # what typer makes of Ctrl-C
        return _fail("stopped; run the same command again to continue", 130)
    return result if isinstance(result, int) else 0


def _with_one_aa_test(typed: Sequence[str]) -> list[str]:
    """The words of a command line, with a 1 after each `--aa-test` that no number follows: typer has no such option."""
    following = [*typed, ""][1:]
    return [
        f"{word}=1" if word == "--aa-test" and not re.match("-?[0-9]", after) else word
        for word, after in zip(typed, following, strict=True)
    ]


def _fail(message: str, code: int) -> int:
    for line in f"dlstudy: {message}".splitlines():
        print(one_line(without_passwords(line), 1_000), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
