"""`dlstudy run`: one study, or all of them one after another."""

import dataclasses
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from dlstudy.analysis.across import AcrossSummary
from dlstudy.analysis.formatting import NOTHING
from dlstudy.api.progress import Display
from dlstudy.api.runs import refuse_contradictions, run_file, run_shown
from dlstudy.api.terminal import Detail, TerminalDisplay, make_console, print_table
from dlstudy.cli.console import print_across, print_outcome
from dlstudy.common.text import without_passwords
from dlstudy.datasets import registry
from dlstudy.errors import DataError, DlstudyError, UsageError
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json, export
from dlstudy.runner.backend import Backend
from dlstudy.runner.notifying import Notifier
from dlstudy.runner.session import Outcome
from dlstudy.study import loader
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request
from dlstudy.study.variant import Variant
from dlstudy.training.study_rows import with_rows

__all__ = ["run_studies"]


def run_studies(
    name: str | None, every: bool, request: Request, backend: Backend, json: bool, detail: Detail = Detail.USUAL
) -> int:
    """Runs the study of that name, or every study; returns the exit code, 1 if trials could not be completed.

    Raises:
        UsageError: both are asked for, or neither.
    """
    if (name is None) != every:
        got = "both" if every else "neither"
        raise UsageError(f"run takes a study's name or --all, got {got}: `dlstudy list` shows the names")
    refuse_contradictions(request)
    return _run_all(request, backend, json, detail) if name is None else _run_one(name, request, backend, json, detail)


def _run_one(name: str, request: Request, backend: Backend, json: bool, detail: Detail) -> int:
    file = with_rows(loader.load(loader.find(name, backend.home.studies)), anew=True)
    console = make_console(error=json)
    ran = run_file(file, request, backend, TerminalDisplay(console, detail))
    if json:
        across = ran.across
        sys.stdout.write(as_json(across.to_json()) if across else export(ran.outcomes[0].summary, "json"))
        for remark in ran.remarks:
            console.print(f"note: {remark}", markup=False)
    elif detail is Detail.QUIET:
        console.print(Text((ran.across or ran.outcomes[0].summary).answer), soft_wrap=True)
    elif ran.across:
        steps = _next_steps_across(name, ran.across, ran.reports, backend)
        print_across(console, ran.across, ran.remarks, ran.n_trained, steps)
    else:
        print_outcome(console, ran.outcomes[0], _next_steps(file, name, ran.outcomes[0], backend))
    return 1 if ran.n_failed else 0


def _run_all(request: Request, backend: Backend, json: bool, detail: Detail) -> int:
    """Runs every study and prints the answers at the end.

    A study whose data is not available runs on the first of its other data sets that is: another variant of it.
    """
    if request.arms or request.datasets:
        raise UsageError("--all runs every study as it is, got --arm or --dataset: name one study with them")
    if request.until_decided or request.registered:
        raise UsageError("--all runs every study once, got --until-decided or --registered: name one study with them")
    console, rows = make_console(error=json), []
    notifier = Notifier(backend.notify, TerminalDisplay(console).say)
    for name, path in sorted(loader.paths().items()):
        console.print(Text(f"\n{name}", style="bold"))
        started = time.monotonic()
        row: dict[str, object] = {"study": name, "variant": NOTHING, "trainings": 0, "failed": 0}
        try:
            with notifier.around(name) as tell:
                file = with_rows(loader.load(path), anew=True)
                outcome = _run_somewhere(file, request, backend, TerminalDisplay(console, detail))
                tell(outcome.summary.answer)
            summary = outcome.summary
            row |= {"variant": str(summary.variant), "trainings": outcome.n_trained, "failed": summary.n_failed}
            row |= {"minutes": round((time.monotonic() - started) / 60, 1), "answer": summary.answer}
        except DlstudyError as error:  # the others are still worth running
            row |= {"failed": "all", "minutes": 0.0, "answer": f"not run: {str(error).splitlines()[0]}"}
        console.print(Text(str(row["answer"])))
        rows.append(row)
    if json:
        sys.stdout.write(as_json(rows))
    elif rows:
        heads = list(rows[0])
        print_table(console, Table("All studies", heads, [[str(row[head]) for head in heads] for row in rows]))
    return 1 if any(row["failed"] for row in rows) else 0


def _run_somewhere(file: StudyFile, request: Request, backend: Backend, display: Display) -> Outcome:
    try:
        return run_shown(file, request, backend, display)
    except DataError:
        for other in file.study.other_datasets:
            try:
                registry.ensure(other)
            except DataError:
                continue
            make_console(error=True).print(
                f"{file.study.dataset} is not available here: running on {other} instead", markup=False, soft_wrap=True
            )
            variant = dataclasses.replace(request.variant, dataset=other)
            return run_shown(file, dataclasses.replace(request, variant=variant), backend, display)
        raise


def _next_steps(file: StudyFile, name: str, outcome: Outcome, backend: Backend) -> Sequence[str]:
    home, stores = _places(backend)
    server = f" --tracking-uri {shlex.quote(without_passwords(backend.tracking))}" if backend.tracking else ""
    which = _variant_option(outcome.summary.variant)
    return [
        f"dlstudy ui {file.name}{home}{server}   (MLflow: every run, its curves, the winners' models)",
        *[f"{path}" for path in outcome.reports if path.suffix == ".html"],
        f"dlstudy report {shlex.quote(name)} --output report.pdf{which}{stores}   (or .html, .md, .csv, .tex, .json)",
        f"dlstudy predict {shlex.quote(name)}{which}{stores}   (its predictions for test rows, or for --input FILE)",
    ]


def _next_steps_across(name: str, summary: AcrossSummary, reports: Sequence[Path], backend: Backend) -> Sequence[str]:
    which = _variant_option(summary.variant) + "".join(f" --dataset {on.dataset}" for on in summary.datasets)
    return [
        *[f"{path}" for path in reports if path.suffix == ".html"],
        f"dlstudy report {shlex.quote(name)} --output report.pdf{which}{_places(backend)[1]}   "
        "(or .html, .md, .csv, .tex, .json)",
    ]


def _variant_option(variant: Variant) -> str:
    return "" if variant == Variant() else f" --variant {shlex.quote(str(variant))}"


def _places(backend: Backend) -> tuple[str, str]:
    """The options that name the results folder; and those that name the record too."""
    home = "" if backend.home.is_usual else f" --home {shlex.quote(str(backend.home.root))}"
    storage = f" --storage {shlex.quote(without_passwords(backend.storage))}" if backend.storage else ""
    return home, home + storage
