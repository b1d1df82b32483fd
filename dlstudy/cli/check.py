"""`dlstudy check`: whether the arms of a study can be trained."""

import sys
from contextlib import closing

from dlstudy.cli.console import make_console, print_table
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json
from dlstudy.runner.backend import Backend, engine_maker
from dlstudy.runner.check import ArmCheck, check_arms, refuse_faults
from dlstudy.study import loader
from dlstudy.study.request import Request, resolve

__all__ = ["show_check"]


def show_check(name: str, request: Request, backend: Backend, json: bool) -> None:
    """Builds each arm of a study once, takes one step of it, and shows what came of it. Records nothing.

    Raises:
        TrialError: an arm cannot be trained; says what is wrong in each.
    """
    study = resolve(loader.load(loader.find(name)), request)
    console = make_console(error=True)
    make_engine = engine_maker(backend, study.dataset, lambda line: console.print(line, style="dim", markup=False))
    with closing(make_engine(len(study.arms), lambda *_: True)) as engine:
        checks = check_arms(study, study.arms, engine)
    if json:
        sys.stdout.write(as_json([_facts(check) for check in checks]))
    else:
        rows = [[str(value) for value in _facts(check).values()] for check in checks]
        print_table(make_console(), Table("One step of each arm", list(_facts(checks[0])), rows))
    refuse_faults(checks)


def _facts(check: ArmCheck) -> dict[str, object]:
    result = check.result
    metrics = sorted(name for name in result.metrics if name.startswith(("val_", "test_")))
    how = str(result.trained_by or "")
    return {
        "arm": check.arm,
        "parameters": f"{result.metrics['parameters']:,.0f}" if "parameters" in result.metrics else "",
        "trained by": f"{how}: {result.remarks[0]}" if result.remarks else how,
        "judged by": ", ".join(metrics),
        "fault": check.fault or ("" if result.state == "finished" else result.reason),
    }
