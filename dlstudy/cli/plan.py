"""`dlstudy plan`: what a study's protocol could show, and its cost on this machine."""

import sys

from dlstudy.api.plans import plan_file
from dlstudy.api.terminal import TerminalDisplay, make_console, print_table
from dlstudy.report.export import as_json
from dlstudy.runner.backend import Backend
from dlstudy.study import loader
from dlstudy.study.request import Request
from dlstudy.training.study_rows import with_rows

__all__ = ["show_plan"]


def show_plan(name: str, request: Request, backend: Backend, json: bool) -> None:
    """Shows the plan on each data set. Trains each arm for two epochs to measure its cost; records nothing.

    Raises:
        TrialError: an arm cannot be trained.
    """
    file = with_rows(loader.load(loader.find(name, backend.home.studies)))
    display = TerminalDisplay(make_console(error=True))
    plan = plan_file(file, name, request, backend, lambda line: display.say(line, "dim"))
    if json:
        facts = [planned.facts() for planned in plan.datasets]
        sys.stdout.write(as_json(facts if len(facts) > 1 else facts[0]))
        return
    console = make_console()
    for table in plan.tables():
        print_table(console, table)
    for line in plan.lines():
        print(line)
