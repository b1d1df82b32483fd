"""A study in MLflow's web interface: the view that its runs open in, and the description of the study's run."""

import html
import json
import re
from collections.abc import Mapping, Sequence

from dlstudy.analysis.deviations import title_of
from dlstudy.analysis.results import StudySummary
from dlstudy.study.metrics import test_metric_of
from dlstudy.tracking.accepted import accepted_name, apart
from dlstudy.tracking.trial_items import PLACE

__all__ = ["PICTURE", "TRAINING", "as_markdown", "describe", "newest_view", "saved_view"]

PICTURE = "report/answer.png"
"""Where the study's run keeps the picture of its answer."""

TRAINING = "workflowType=machine_learning"
"""The part of an address that makes MLflow show its pages for training, not those for language models."""

_VIEW = "mlflow.sharedViewState.dlstudy-"
_NOTE_LETTERS = 7000  # MLflow takes 8,000


def saved_view(
    run: str, study: str, variant: str, *, metric: str, tuned: Sequence[str], now_ms: int
) -> tuple[str, str]:
    """A view of a variant's runs that MLflow lists and can open with: a tag of the experiment, as name and value.

    Runs are nested by phase and arm, with columns for both, for what was tuned and for the metrics. MLflow 3.17 has no
    API to make a view: the format is that of its web interface.

    Args:
        run: id of the study's run.
        study, variant: names in the record.
        metric: of the search, such as `val_accuracy`.
        tuned: names of the tuned parameters.
        now_ms: Unix time.
    """
    params = [f"params.`{name}`" for name in ("phase", "arm", *(accepted_name(apart(name, PLACE)) for name in tuned))]
    shown = ("value", metric, test_metric_of(metric))
    metrics = [f"metrics.`{accepted_name(name)}`" for name in shown]
    columns, name_column, date_column = [*params, *metrics], "attributes.`Run Name`", "runDateAndNestInfo"
    state = {
        "searchFilter": f"tags.`dlstudy.variant` = '{variant}'",
        "selectedColumns": columns,
        "columnOrder": [name_column, date_column, *columns],
        "columnWidths": {name_column: 320, date_column: 145, **dict.fromkeys(columns, 115)},
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "param", "groupByData": name} for name in ("phase", "arm")],
        },
    }
    view = {"name": f"{study} · {variant}", "createdAt": now_ms, "updatedAt": now_ms, "state": json.dumps(state)}
    return f"{_VIEW}{run}", json.dumps(view, ensure_ascii=False)


def newest_view(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The view that was saved last, from an experiment's tags: its key in an address, and the id of the study's run."""
    saved = {name.removeprefix(_VIEW): json.loads(text) for name, text in tags.items() if name.startswith(_VIEW)}
    run = max(saved, key=lambda run: saved[run]["updatedAt"], default=None)
    return (f"dlstudy-{run}", run) if run else None


def describe(summary: StudySummary, experiment: str, run: str, report: str = "", picture: bool = False) -> str:
    """The description of the study's run, in MLflow's Markdown: question, answer, report, picture, claims.

    Args:
        summary: the results.
        experiment, run: ids.
        report: file name of the report among the run's artifacts; empty where there is none.
        picture: whether there is one, at `PICTURE`.
    """
    scope = summary.scope[:1].upper() + summary.scope[1:]
    parts = [f"**{as_markdown(summary.question)}**", as_markdown(summary.answer), as_markdown(scope)]
    if report:
        page = f"#/experiments/{experiment}/runs/{run}/artifacts/report/{report}?{TRAINING}"
        parts.append(f"[The full report]({page})")
    if picture:  # MLflow drops the alternative text of an image, and its width
        parts.append(f"![Paired differences](get-artifact?path={PICTURE}&run_uuid={run})")
    parts += [as_markdown(note) for note in summary.notes]
    parts.append("\n".join(f"- **{claim.verdict}**: {as_markdown(title_of(claim))}" for claim in summary.claims))
    text = ""
    for part in filter(None, parts):
        if len(text) + len(part) > _NOTE_LETTERS:
            break
        text += f"{part}\n\n"
    return text


def as_markdown(text: str) -> str:
    """Text that neither Markdown nor HTML reads as markup; MLflow's Markdown does not know an escaped `<`."""
    return re.sub(r"([\\`*_{}\[\]()#|~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
