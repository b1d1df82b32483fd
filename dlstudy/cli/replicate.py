"""`dlstudy replicate`: independent replications of a study, run one after another and compared."""

import dataclasses
import sys

from rich.text import Text

from dlstudy.analysis.replications import compare_replications
from dlstudy.api.runs import run_shown
from dlstudy.api.terminal import Detail, TerminalDisplay, make_console, print_table
from dlstudy.errors import UsageError
from dlstudy.report.export import as_json
from dlstudy.report.replications import replications_tables, write_replications
from dlstudy.runner.backend import Backend
from dlstudy.study import loader
from dlstudy.study.request import Request
from dlstudy.training.study_rows import with_rows

__all__ = ["replicate_study"]

_MOST = 100


def replicate_study(
    name: str, times: int, request: Request, backend: Backend, json: bool, detail: Detail = Detail.USUAL
) -> int:
    """Runs what is missing of the replications 1 to `times`, and compares them.

    Returns:
        The exit code, 1 if trials could not be completed.

    Raises:
        UsageError: fewer than two replications, or an option that speaks of one of them.
    """
    if not 2 <= times <= _MOST:
        raise UsageError(f"--times must be from 2 to {_MOST}, got {times}: a comparison needs two")
    if request.fresh or request.variant.replication > 1:
        got = "--fresh" if request.fresh else f"--replication {request.variant.replication}"
        raise UsageError(f"replicate runs the replications 1 to --times, got {got}: use `dlstudy run` for one of them")
    file = with_rows(loader.load(loader.find(name, backend.home.studies)), anew=True)
    console, summaries = make_console(error=json), []
    request, *others = request.on_each(file.study.dataset)
    if others:
        got = " and ".join(str(each.variant.dataset or file.study.dataset) for each in (request, *others))
        raise UsageError(f"replicate takes one data set, got {got}: replicate on one after the other")
    for replication in range(1, times + 1):
        variant = dataclasses.replace(request.variant, replication=replication)
        display = TerminalDisplay(console, detail)
        outcome = run_shown(file, dataclasses.replace(request, variant=variant), backend, display)
        display.say(f"replication {replication} of {times}: {outcome.summary.answer}")
        summaries.append(outcome.summary)
    replications = compare_replications(summaries)
    reports = write_replications(replications, backend.home.reports(file.name))
    if json:
        sys.stdout.write(as_json(replications.to_json()))
    elif detail is Detail.QUIET:
        console.print(Text(replications.answer), soft_wrap=True)
    else:
        console.print()
        for table in replications_tables(replications):
            print_table(console, table)
        console.print(Text(replications.answer, style="bold"))
        console.print(Text(str(next(path for path in reports if path.suffix == ".html"))), soft_wrap=True)
    return 1 if any(summary.n_failed for summary in summaries) else 0
