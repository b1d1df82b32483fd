"""`dlstudy predict`: predictions of a study's winner for test rows or for a user's own rows."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.analysis.formatting import number, params_text
from dlstudy.analysis.trial_index import TrialIndex, metric_summaries
from dlstudy.cli.console import make_console, print_table
from dlstudy.common.processes import ask
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.user_rows import read_rows
from dlstudy.errors import RecordError, UsageError
from dlstudy.report.blocks import Table
from dlstudy.report.export import as_json
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.loader import StudyFile
from dlstudy.study.phases import Phase
from dlstudy.study.request import Request, ResolvedStudy, resolve
from dlstudy.study.trial import TrialRecord
from dlstudy.study.variant import Variant

__all__ = ["Asked", "show_predictions"]

_MOST_PICTURES = 64


@dataclass(frozen=True)
class Asked:
    """The options of `dlstudy predict`: see `dlstudy predict --help`."""

    arm: str | None = None
    variant: str | None = None
    input: Path | None = None
    samples: int = 10
    output: Path | None = None


def show_predictions(name: str, asked: Asked, home: Home, storage: str | None, json: bool) -> None:
    """Prints the predictions of an arm's winner, and draws images with their labels.

    Raises:
        RecordError: nothing has been trained yet.
        UsageError, DataError: the input does not fit.
    """
    from dlstudy.training.prediction import predict_rows

    file = loader.load(loader.find(name))
    study, winner = _winner(file, asked, Record.open(home, storage, for_writing=False))
    about = study.data
    given = read_rows(asked.input, about) if asked.input else None
    if given is None and asked.samples < 1:
        raise UsageError(f"--samples must be at least 1, got {asked.samples}")
    folder = home.model(study.name, study.variant, winner.arm, winner.setting_key)
    if not folder.is_dir():
        raise RecordError(
            f"the model of {winner.arm} is not in {home.root}; it was trained elsewhere: `dlstudy run {name}` with the "
            "same --storage and --tracking-uri brings it from MLflow"
        )
    spec = study.spec(study.arm(winner.arm), Phase.REPLICATE, winner.params, key="predict", seed=winner.seed)
    if given is None or study.prepare:
        registry.ensure(study.dataset)
    digest = winner.result.model if winner.result else ""
    found = ask(predict_rows, spec.to_json(), str(folder), digest, given)
    rows = _rows(found, about, len(found["x"]) if given is not None else asked.samples)
    if json:
        made_by = {"study": study.name, "variant": str(study.variant), "arm": winner.arm}
        sys.stdout.write(as_json({**made_by, "params": dict(winner.params), "rows": rows}))
        return
    console = make_console()
    console.print(f"{winner.arm}, {params_text(winner.tuned)}, first seed", markup=False, highlight=False)
    print_table(console, _table(rows, about, given is None))
    for table in _judged(found, about) if given is None else ():
        print_table(console, table)
    if len(about.input_shape) >= 2:
        path = asked.output or home.root / "predictions" / study.name / f"{study.variant}-{winner.arm}.png"
        console.print(str(_draw(path, found, rows, about)), soft_wrap=True, markup=False, highlight=False)


def _winner(file: StudyFile, asked: Asked, record: Record) -> tuple[ResolvedStudy, TrialRecord]:
    """The study as its variant runs it, and the first replicate of the requested arm.

    Without an arm: of the one whose winner did best on the test rows.
    """
    wanted = None if asked.variant is None else Variant.parse(asked.variant)
    study = resolve(file, Request(variant=record.latest(file.name, wanted)))
    arms = [study.arm(asked.arm)] if asked.arm is not None else list(study.arms)
    trial_index = TrialIndex(study, record.trials(file.name, study.variant))
    ranked = []
    for arm in arms:
        runs = trial_index.replicates(arm.name)
        means = metric_summaries(runs.values())
        if 0 in runs and study.test_metric in means:
            ranked.append((study.protocol.direction.sign * means[study.test_metric].mean, runs[0]))
    if not ranked:
        raise RecordError(
            f"{file.name} has no trained winner{f' of arm {asked.arm}' if asked.arm else ''} in variant "
            f"{study.variant}: run `dlstudy run {file.name}` first, or name another --variant or --home"
        )
    return study, max(ranked, key=lambda pair: pair[0])[1]


def _rows(found: Mapping[str, Any], about: Description, n: int) -> list[dict[str, Any]]:  # Any: arrays in, JSON out
    """The first n predictions, one dictionary each."""
    rows = []
    for i in range(min(n, len(found["x"]))):
        row: dict[str, Any] = {"row": i}
        if "values" in found:
            row["predicted"] = float(found["values"][i])
            row |= {"actual": float(found["actual"][i])} if "actual" in found else {}
        else:
            label = int(found["labels"][i])
            row["predicted"] = about.label_names[label]
            if "probabilities" in found:
                row["probability"] = float(found["probabilities"][i][label])
            if "actual" in found:
                row |= {"actual": about.label_names[int(found["actual"][i])], "right": label == int(found["actual"][i])}
        rows.append(row)
    return rows


def _table(rows: Sequence[Mapping[str, Any]], about: Description, of_test: bool) -> Table:
    heads = list(rows[0])
    cells = [[_cell(row[head]) for head in heads] for row in rows]
    what = "test rows" if of_test else "given rows"
    note = f"Target: {about.target_name}." if about.target_name else ""
    return Table(f"Predictions for the first {len(rows)} {what}", heads, cells, note)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)


def _judged(found: Mapping[str, Any], about: Description) -> list[Table]:
    """The confusion matrix and the classification report over all test rows, or the errors of a regression."""
    from sklearn import metrics

    actual = found["actual"]
    if "values" in found:
        errors = found["values"] - actual
        facts = {
            "mean squared error": float(np.mean(errors**2)),
            "mean absolute error": float(np.mean(np.abs(errors))),
            "R2": float(metrics.r2_score(actual, found["values"])),
        }
        return [Table(f"All {len(actual)} test rows", ["measure", "value"], [[k, number(v)] for k, v in facts.items()])]
    labels = list(range(about.n_classes))
    matrix = metrics.confusion_matrix(actual, found["labels"], labels=labels)
    names = list(about.label_names)
    confusion = [[names[i], *map(str, matrix[i])] for i in labels]
    scores = metrics.precision_recall_fscore_support(actual, found["labels"], labels=labels, zero_division=0)
    report = [[names[i], *(f"{scores[k][i]:.4f}" for k in range(3)), str(scores[3][i])] for i in labels]
    accuracy = float(np.mean(actual == found["labels"]))
    return [
        Table(f"Confusion matrix, all {len(actual)} test rows", ["actual \\ predicted", *names], confusion),
        Table(
            "Classification report", ["label", "precision", "recall", "F1", "rows"], report, f"Accuracy {accuracy:.4f}."
        ),
    ]


def _draw(path: Path, found: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], about: Description) -> Path:
    from dlstudy.report.figures.samples import image_grid

    n = min(len(rows), _MOST_PICTURES)
    titles = []
    for row in rows[:n]:
        actual = f"\nactual {row['actual']}" if "actual" in row else ""
        titles.append(f"{row['predicted']}{actual}")
    wrong = [row.get("right") is False for row in rows[:n]]
    figure = image_grid(np.asarray(found["x"][:n]) / about.scale, titles, wrong)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, format="png", metadata={"Software": None})
    except OSError as error:
        raise UsageError(
            f"the picture cannot be written to {path} ({error.strerror}): name another --output"
        ) from error
    return path
