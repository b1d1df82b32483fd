"""Results in a notebook: pandas frames, figures, and a page that shows itself."""

import base64
import dataclasses
import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlstudy.analysis.across import AcrossSummary
from dlstudy.analysis.reading import read_summary
from dlstudy.analysis.results import ArmSummary, ClaimSummary, ReportedSummary, StudySummary
from dlstudy.errors import StudyError
from dlstudy.report.across import export_across
from dlstudy.report.export import export, write_report
from dlstudy.report.figures.winner_figures import winner_figures
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.loader import StudyFile
from dlstudy.study.saving import save_study
from dlstudy.study.trial import TrialRecord
from dlstudy.training.study_rows import with_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["AcrossResults", "Picture", "Results", "load"]

_OF_TRIAL = ("phase", "arm", "search", "number", "index", "seed")


def load(
    study: str | Path, variant: str | None = None, home: str | Path | None = None, storage: str | None = None
) -> "Results":
    """The results of a study, from the record.

    Args:
        study: its name, or the path of its file.
        variant: which (`dlstudy status` lists them); None for the default, or the only one there is.
        home: the results folder; None for `DLSTUDY_HOME`, else `mlruns` in the current folder.
        storage: SQLAlchemy URL of Optuna's storage; None for the journal in the home.

    Raises:
        RecordError: there are none; says what there is.

    Example, in a notebook::

        results = dlstudy.load("optimizers")
        results  # shows question, answer, arms, claims and the picture of the answer
        results.trials.groupby(["phase", "arm"]).test_accuracy.mean()
        results.curves  # a figure
    """
    where = Home.at(home)
    file = with_rows(loader.load(loader.find(str(study), where.studies)))
    return Results(read_summary(file, Record.open(where, storage, for_writing=False), variant), file, where)


class Picture(bytes):
    """A PNG that a notebook displays; `Path.write_bytes` saves it."""

    def _repr_png_(self) -> bytes:
        return bytes(self)

    def __repr__(self) -> str:
        return f"<PNG of {len(self):,} bytes>"

    __str__ = __repr__


@dataclass(frozen=True, repr=False)
class Results:
    """The results of a study, from its `summary`. Frames are made on demand; a picture is None if it would be empty.

    Args:
        summary: of the study.
        file: of the study, for `save`; None where that is not known.
        home: the results folder, where the figures are that the study drew of its winners.

    Columns that say which trial a row is of are `phase`, `arm`, `search`, `number`, `index` and `seed`, as in the
    record. Write `frame["index"]`: `frame.index` is pandas' own.
    """

    summary: StudySummary
    file: StudyFile | None = None
    home: Home | None = None

    def report(self, path: str | Path) -> Path:
        """Writes the report to a file, in the format of its suffix: .html, .pdf, .md, .csv, .tex or .json.

        Raises:
            UsageError: there is no such format, or the file cannot be written.
        """
        path = Path(path)
        winners = winner_figures(self.summary, self.home) if self.home is not None else ()
        return write_report(path, lambda kind: export(self.summary, kind, winners))

    def save(self, path: str | Path | None = None) -> Path:
        """Writes the study as a study file, with which `dlstudy run` goes on where these results end.

        Args:
            path: of the file, whose name must be that of the study; or a folder. None for the current folder.

        Raises:
            StudyError: the study has no source text, or not all of it, such as a lambda.
            UsageError: the file has another name, or cannot be written.
        """
        if self.file is None:
            raise StudyError("these results have no study to save: take them from dlstudy.run or dlstudy.load")
        return save_study(self.file, Path(path) if path is not None else Path.cwd())

    @property
    def figures(self) -> "dict[str, Figure]":
        """All figures that have something to show, as matplotlib's `Figure`, by name; made anew each time."""
        from dlstudy.report.figures.all_figures import figures

        return figures(self.summary)

    @property
    def answer(self) -> str:
        """The answer in one sentence."""
        return self.summary.answer

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """A row for each trial: how it ended, its parameters (`param.` and a name), metrics at the end, and costs."""
        return _frame(map(_trial_row, self.summary.trials), [*_OF_TRIAL, "state", "reason", "slot", "value"])

    @cached_property
    def history(self) -> "pd.DataFrame":
        """A row for each trial and epoch, counted from 1, with the metrics after it."""
        return _frame((row for trial in self.summary.trials for row in _epoch_rows(trial)), [*_OF_TRIAL, "epoch"])

    @cached_property
    def arms(self) -> "pd.DataFrame":
        """A row for each arm: its winner's value in the search and tuned parameters, test metrics over `n` seeds."""
        return _frame(map(_arm_row, self.summary.arms), ["arm", "value", "trials", "n"])

    @cached_property
    def elsewhere(self) -> "pd.DataFrame":
        """A row for each arm whose results are from elsewhere, and metric; `sd` is missing for a single figure."""
        rows = (
            {"arm": arm.name, "metric": name, "mean": known.mean, "sd": known.sd, "n": known.n, "source": arm.source}
            for arm in self.summary.elsewhere
            for name, known in arm.metrics.items()
        )
        return _frame(rows, ["arm", "metric", "mean", "sd", "n", "source"])

    @cached_property
    def claims(self) -> "pd.DataFrame":
        """A row for each claim: its verdict and the numbers behind it."""
        return _frame(map(_flat, self.summary.claims), _names(ClaimSummary))

    @cached_property
    def pairs(self) -> "pd.DataFrame":
        """A row for each claim, arm that it names and paired unit: the index of a seed, or the number of a search."""
        rows = (
            {"claim": claim.text, "against": pair.against, "by": claim.unit, "unit": unit, "difference": difference}
            for claim in self.summary.claims
            for pair in claim.pairs
            for unit, difference in zip(pair.units, pair.differences, strict=True)
        )
        return _frame(rows, ["claim", "against", "by", "unit", "difference"])

    @cached_property
    def reported(self) -> "pd.DataFrame":
        """A row for each reported figure, beside ours."""
        return _frame(map(_flat, self.summary.reported), _names(ReportedSummary))

    @cached_property
    def differences(self) -> Picture | None:
        """The answer: paired differences with their intervals."""
        from dlstudy.report.figures.claims import differences_png

        return _picture(differences_png(self.summary))

    @cached_property
    def curves(self) -> Picture | None:
        """Training curves of every winner over its seeds."""
        from dlstudy.report.figures.curves import curves_png

        return _picture(curves_png(self.summary))

    @cached_property
    def budget(self) -> Picture | None:
        """The best result of each search after 1, 2, ... trials, and the seconds that these took."""
        from dlstudy.report.figures.search import budget_png

        return _picture(budget_png(self.summary))

    @cached_property
    def slices(self) -> Picture | None:
        """Validation scores over each tuned parameter."""
        from dlstudy.report.figures.search import slices_png

        return _picture(slices_png(self.summary))

    @cached_property
    def importance(self) -> Picture | None:
        """How much each tuned parameter mattered."""
        from dlstudy.report.figures.search import importance_png

        return _picture(importance_png(self.summary))

    def __repr__(self) -> str:
        return f"{self.summary.study} · {self.summary.variant}: {self.summary.question}\n{self.answer}"

    def _repr_html_(self) -> str:
        about, metric = self.summary, self.summary.test_metric
        scope = about.scope[:1].upper() + about.scope[1:]
        others = [name for name in self.arms if name.startswith("test_") and name not in (metric, f"{metric}.sd")]
        arms = self.arms.drop(columns=others)
        claims = self.claims[["text", "verdict", "difference", "low", "high", "against", "n"]]
        parts = [f"<h3>{html.escape(about.question)}</h3>", f"<p><b>{html.escape(self.answer)}</b></p>"]
        parts += [f"<p>{html.escape(text)}</p>" for text in (scope, *about.notes) if text]
        parts += [_html_table(frame) for frame in (arms, self.elsewhere, claims) if len(frame)]
        if self.differences:
            content = base64.b64encode(self.differences).decode()
            parts.append(
                f'<img alt="Paired differences" style="max-width: 45em" src="data:image/png;base64,{content}">'
            )
        return "\n".join(parts)


@dataclass(frozen=True, repr=False)
class AcrossResults:
    """The results of a study on several data sets.

    Args:
        summary: over the data sets.
        each: the results on each.
    """

    summary: AcrossSummary
    each: Sequence[Results]

    @property
    def answer(self) -> str:
        """The answer for all in one sentence."""
        return self.summary.answer

    def report(self, path: str | Path) -> Path:
        """Writes the report over data sets to a file; see `Results.report`."""
        return write_report(Path(path), lambda kind: export_across(self.summary, kind))

    def __repr__(self) -> str:
        return "\n".join([f"{self.summary.study}: {self.summary.question}", self.answer, *map(repr, self.each)])

    def _repr_html_(self) -> str:
        head = [f"<h3>{html.escape(self.summary.question)}</h3>", f"<p><b>{html.escape(self.answer)}</b></p>"]
        parts = [
            f"<h4>{html.escape(on.dataset)}</h4>\n{results._repr_html_()}"
            for on, results in zip(self.summary.datasets, self.each, strict=True)
        ]
        return "\n".join([*head, *parts])


def _picture(png: bytes | None) -> Picture | None:
    return None if png is None else Picture(png)


def _frame(rows: Iterable[dict[str, Any]], first: Sequence[str]) -> "pd.DataFrame":  # Any: cells
    """A frame that begins with these columns, also where there is no row."""
    import pandas as pd

    cells = [{name: _plain(value) for name, value in row.items()} for row in rows]
    columns = dict.fromkeys([*first, *(name for row in cells for name in row)])
    return pd.DataFrame(cells, columns=list(columns))


def _plain(value: Any) -> Any:  # Any: a cell
    """A cell as a notebook should show it: the word of an enum."""
    return value.value if isinstance(value, StrEnum) else value


def _html_table(frame: "pd.DataFrame") -> str:
    short: Callable[[float], str] = "{:.4g}".format
    return str(frame.to_html(index=False, border=0, na_rep="–", float_format=short, justify="left"))


def _place(trial: TrialRecord) -> dict[str, Any]:  # Any: cells
    return {name: getattr(trial, name) for name in _OF_TRIAL}


def _trial_row(trial: TrialRecord) -> dict[str, Any]:  # Any: cells
    result = trial.result
    ended = {"reason": result.reason, "slot": result.slot, **result.metrics, **result.cost} if result else {}
    params = {f"param.{name}": value for name, value in trial.params.items()}
    return {**_place(trial), "state": trial.state, "value": trial.value, **params, **ended}


def _epoch_rows(trial: TrialRecord) -> Iterator[dict[str, Any]]:  # Any: cells
    for i in range(trial.n_epochs):
        metrics = {name: values[i] for name, values in trial.history.items() if i < len(values)}
        yield {**_place(trial), "epoch": i + 1, **metrics}


def _arm_row(arm: ArmSummary) -> dict[str, Any]:  # Any: cells
    row: dict[str, Any] = {"arm": arm.name}  # Any: cells
    if arm.best:
        row |= {f"param.{name}": value for name, value in arm.best.params.items()}
        row |= {"value": arm.best.value, "trials": arm.best.n_trials}
    for name, metric in arm.replicates.items():
        if name.startswith("test_"):
            row |= {"n": metric.n, name: metric.mean, f"{name}.sd": metric.sd}
    return row


def _flat(item: ClaimSummary | ReportedSummary) -> dict[str, Any]:  # Any: cells
    values = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    for name, ends in _ENDS.items():
        values |= zip(ends, values.pop(name, None) or (None, None), strict=True)
    return {name: values[name] for name in _names(type(item))}


_ENDS = {"interval": ("low", "high"), "rows_interval": ("rows_low", "rows_high")}
"""The columns of the ends of an interval, by its field."""


def _names(kind: type[ClaimSummary] | type[ReportedSummary]) -> list[str]:
    """The columns of a frame of such items: their fields, with the ends of an interval in its place."""
    names = [item.name for item in dataclasses.fields(kind) if item.name != "pairs"]
    return [column for name in names for column in _ENDS.get(name, (name,))]
