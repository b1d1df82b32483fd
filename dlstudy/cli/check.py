"""`dlstudy check`: whether the arms of a study can be trained."""

import sys
from itertools import chain

from dlstudy.api.checks import check_file
from dlstudy.api.terminal import TerminalDisplay, make_console, print_table
from dlstudy.report.export import as_json
from dlstudy.runner.backend import Backend
from dlstudy.study import loader
from dlstudy.study.request import Request
from dlstudy.training.study_rows import with_rows

__all__ = ["show_check"]


def show_check(name: str, request: Request, backend: Backend, json: bool) -> None:
    """Builds each arm of a study once on each data set, takes one step, and shows what came of it.

    It shows the files that the study reads, too. Nothing is recorded.

    Raises:
        StudyError: an arm cannot be trained; says what is wrong in each, on the first such data set.
    """
    file = with_rows(loader.load(loader.find(name, backend.home.studies)), anew=True)
    display = TerminalDisplay(make_console(error=True))
    check = check_file(file, request, backend, lambda line: display.say(line, "dim"))
    if json:
        found, files = chain.from_iterable(check.arms.values()), dict(check.files)
        warnings = [list(each.result.warnings) for each in found]
        rows = [{**row, "warnings": w, "files": files} for row, w in zip(check.rows, warnings, strict=True)]
        sys.stdout.write(as_json(rows))
    else:
        console = make_console()
        for table in check.tables():
            print_table(console, table)
        for line in check.lines():
            console.print(line, markup=False, highlight=False)
    check.refuse_faults()
