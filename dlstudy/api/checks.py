"""`dlstudy check` and `dlstudy.check`: whether the arms of a study can be trained."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from dlstudy.analysis.reading import files_text
from dlstudy.api.shown import Shown
from dlstudy.report.blocks import Table
from dlstudy.runner.backend import Backend, engine_maker
from dlstudy.runner.check import ArmCheck, check_arms, opened_by, refuse_faults, warnings_of
from dlstudy.study.fingerprint import files_entry
from dlstudy.study.loader import StudyFile
from dlstudy.study.request import Request, ResolvedStudy, resolve

__all__ = ["StudyCheck", "check_file"]


@dataclass(frozen=True, repr=False)
class StudyCheck(Shown):
    """What one step of each arm has shown.

    Args:
        arms: by the name of the data set.
        files: that the study reads, by their names: the digest of each.
    """

    arms: Mapping[str, Sequence[ArmCheck]]
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every arm can be trained."""
        return not any(check.fault for found in self.arms.values() for check in found)

    @property
    def rows(self) -> list[dict[str, Any]]:  # Any: JSON
        """A row for each data set and arm."""
        return [{"data set": name, **_facts(check)} for name, found in self.arms.items() for check in found]

    def tables(self) -> list[Table]:
        """The rows as a table."""
        heads = list(self.rows[0])
        return [Table("One step of each arm", heads, [[str(value) for value in row.values()] for row in self.rows])]

    def lines(self) -> list[str]:
        """What is probably meant otherwise, and the files that the study reads, if any."""
        files = [f"files: {files_text(self.files)}"] if self.files else []
        return [*dict.fromkeys(chain.from_iterable(map(warnings_of, self.arms.values()))), *files]

    def refuse_faults(self) -> None:
        """Raises what is wrong in every trial of an arm, on the first such data set.

        Raises:
            StudyError: something is.
        """
        for dataset, found in self.arms.items():
            refuse_faults(found, dataset if len(self.arms) > 1 else "")


def check_file(file: StudyFile, request: Request, backend: Backend, say: Callable[[str], None]) -> StudyCheck:
    """Builds each arm of a study once on each data set, and takes one step. Records nothing."""
    studies = [resolve(file, each) for each in request.on_each(file.study.dataset)]
    arms = {study.dataset: _checks(study, backend, say) for study in studies}
    return StudyCheck(arms, files_entry(file, chain.from_iterable(map(opened_by, arms.values()))).get("files", {}))


def _checks(study: ResolvedStudy, backend: Backend, say: Callable[[str], None]) -> list[ArmCheck]:
    make_engine = engine_maker(backend, study.dataset, say, study.file)
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
