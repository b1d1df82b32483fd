"""`dlstudy check`: whether the arms of a study can be trained."""

import sys
from contextlib import closing
from itertools import chain

from dlstudy.analysis.reading import files_text
from dlstudy.cli.console import make_console, print_table
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json
from dlstudy.runner.backend import Backend, engine_maker
from dlstudy.runner.check import ArmCheck, check_arms, opened_by, refuse_faults
from dlstudy.study import loader
from dlstudy.study.fingerprint import files_entry
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.training.study_rows import with_rows

__all__ = ["show_check"]


def show_check(name: str, request: Request, backend: Backend, json: bool) -> None:
    """Builds each arm of a study once on each data set, takes one step, and shows what came of it.

    It shows the files that the study reads, too. Nothing is recorded.

    Raises:
        StudyError: an arm cannot be trained; says what is wrong in each, on the first such data set.
    """
    file = with_rows(loader.load(loader.find(name)), anew=True)
    studies = [resolve(file, each) for each in request.on_each(file.study.dataset)]
    checks = {study.dataset: _checks(study, backend) for study in studies}
    rows = [{"data set": dataset, **_facts(check)} for dataset, found in checks.items() for check in found]
    files = files_entry(file, chain.from_iterable(map(opened_by, checks.values()))).get("files", {})
    if json:
        sys.stdout.write(as_json([{**row, "files": files} for row in rows]))
    else:
        table = Table("One step of each arm", list(rows[0]), [[str(value) for value in row.values()] for row in rows])
        print_table(make_console(), table)
        if files:
            make_console().print(f"files: {files_text(files)}", markup=False, highlight=False)
    for dataset, found in checks.items():
        refuse_faults(found, dataset if len(checks) > 1 else "")


def _checks(study: ResolvedStudy, backend: Backend) -> list[ArmCheck]:
    console = make_console(error=True)
    make_engine = engine_maker(
        backend, study.dataset, lambda line: console.print(line, style="dim", markup=False), study.file
    )
    with closing(make_engine(len(study.arms), lambda *_: True)) as engine:
        return check_arms(study, study.arms, engine)


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
