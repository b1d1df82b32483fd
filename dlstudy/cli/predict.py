"""`dlstudy predict`: predictions of a study's winner for test rows or for a user's own rows."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlstudy.analysis.formatting import number, params_text
from dlstudy.analysis.trial_index import TrialIndex, metric_summaries
from dlstudy.api.terminal import make_console, print_table
from dlstudy.cli.judged_predictions import judged_tables
from dlstudy.common.processes import ask
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.datasets.own_cache import is_own
from dlstudy.datasets.structure import Structure, are_pictures, rows_in
from dlstudy.datasets.user_rows import read_own_rows, read_rows
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
from dlstudy.toolkit.plots import image_rows
from dlstudy.training.study_rows import with_rows

__all__ = ["Asked", "show_predictions"]

_MOST_PICTURES = 64
_IN_A_ROW = 10
_MOST_NUMBERS = 8
"""Outputs of a row that a table shows: JSON has all."""


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

    file = with_rows(loader.load(loader.find(name, home.studies)))
    study, winner = _winner(file, asked, Record.open(home, storage, for_writing=False))
    about = study.about
    given = _given(asked.input, about) if asked.input else None
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
    assert winner.result is not None  # it has a metric
    found = ask(predict_rows, spec.to_json(), str(folder), winner.result.to_json(), given)
    rows = _rows(found, about, rows_in(found["x"]) if given is not None else asked.samples)
    if json:
        made_by = {"study": study.name, "variant": str(study.variant), "arm": winner.arm}
        why = {"note": _note(found)} if "why" in found else {}
        sys.stdout.write(as_json({**made_by, "params": dict(winner.params), "rows": rows, **why}))
        return
    console = make_console()
    console.print(f"{winner.arm}, {params_text(winner.tuned)}, first seed", markup=False, highlight=False)
    print_table(console, _table(found, rows, about))
    for table in judged_tables(found, about):
        print_table(console, table)
    if (figure := _figure(found, rows, about)) is not None:
        path = asked.output or home.root / "predictions" / study.name / f"{study.variant}-{winner.arm}.png"
        console.print(str(_written(path, figure)), soft_wrap=True, markup=False, highlight=False)


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


def _given(path: Path, about: Description) -> Structure:
    """The rows of a user's file, as the data has them."""
    if not is_own(about.name):
        return read_rows(path, about)
    if not about.is_stream:
        return read_own_rows(path, about, registry.load(about.name).x_train)
    if not isinstance(about.input_shape, tuple) or path.suffix.lower() != ".npy":
        raise UsageError(f"--input of a stream must be a .npy file of its one array of inputs, got {path.name}")
    return read_rows(path, about)


def _rows(found: Mapping[str, Any], about: Description, n: int) -> list[dict[str, Any]]:  # Any: arrays in, JSON out
    """The first n predictions, one dictionary each."""
    labels, actual = found.get("labels"), found.get("actual")
    rows = []
    for i in range(min(n, rows_in(found["x"]))):
        row: dict[str, Any] = {"row": i}
        if "values" in found:
            row["predicted"] = _by_target(found["values"][i], about)
        elif labels is not None:
            row |= _told(labels[i], found.get("probabilities"), i, about)
        if "outputs" in found:
            outputs = [part[i].tolist() for part in found["outputs"]]
            row["outputs"] = outputs[0] if len(outputs) == 1 else outputs
        if actual is not None:
            is_label = labels is not None and labels.shape == actual.shape
            row["actual"] = _names(actual[i], about) if is_label else _by_target(actual[i], about)
            if labels is not None and is_label and labels.ndim == 1:
                row["right"] = bool(labels[i] == actual[i])
        rows.append(row)
    return rows


def _told(
    labels: Any, probabilities: np.ndarray | None, i: int, about: Description
) -> dict[str, Any]:  # Any: see above
    """The labels of row i, with their probabilities."""
    told = {"predicted": _names(labels, about)}
    if probabilities is None:
        return told
    if np.ndim(labels) and not about.labels_steps:
        names, numbers = about.label_names, probabilities[i].tolist()
        return {
            **told,
            "probabilities": dict(zip(names, numbers, strict=True)) if len(names) == len(numbers) else numbers,
        }
    chosen = np.take_along_axis(probabilities[i], np.expand_dims(labels, -1), -1)[..., 0]
    return {**told, "probability": chosen.tolist()}


def _names(labels: Any, about: Description) -> str | list[str]:  # Any: a number of NumPy's, or an array
    """The name of a label, or those of several: of the ones that a row has, or of each step."""
    if not np.ndim(labels):
        return about.name_of_label(labels)
    several = labels if about.labels_steps else np.flatnonzero(labels)
    return list(map(about.name_of_label, several))


def _by_target(values: np.ndarray, about: Description) -> Any:  # Any: JSON
    """One number, numbers by the name of their target, or whatever there is."""
    if np.ndim(values) == 1 and about.target_names:
        return dict(zip(about.names_of_targets(len(values)), values.tolist(), strict=True))
    return values.tolist()


def _note(found: Mapping[str, Any]) -> str:  # Any: arrays and text
    return f"Raw outputs are shown: {found['why']}."


def _table(found: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], about: Description) -> Table:
    heads = list(rows[0])
    cells = [[_cell(row[head]) for head in heads] for row in rows]
    what = "test rows" if "actual" in found else "given rows"
    target = f"Target: {about.target_name}." if about.target_name else ""
    notes = [target, _note(found) if "why" in found else ""]
    return Table(f"Predictions for the first {len(rows)} {what}", heads, cells, " ".join(filter(None, notes)))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
    if isinstance(value, list) and value and isinstance(value[0], list):
        return f"{' x '.join(map(str, np.shape(value)))} numbers"
    if isinstance(value, list):
        more = " ..." if len(value) > _MOST_NUMBERS else ""
        return " ".join(map(_cell, value[:_MOST_NUMBERS])) + more if value else "none"
    return number(value) if isinstance(value, float) else str(value)


def _pictures(x: Structure, about: Description) -> np.ndarray | None:
    """(n, height, width) or (n, height, width, colours) from 0 to 1, where the rows are pictures; else None."""
    if not are_pictures(x) or (is_own(about.name) and x.dtype != np.uint8):
        return None
    pictures: np.ndarray = np.asarray(x) / (255 if is_own(about.name) else about.scale)
    return pictures


def _figure(found: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], about: Description) -> Any:  # Any: a Figure
    """Pictures with what is predicted for them, or beside those that the model gives; None where there are none."""
    from dlstudy.report.figures.samples import image_grid

    n = min(len(rows), _MOST_PICTURES)
    outputs = [found["values"]] if "values" in found else found.get("outputs", [])
    if len(outputs) == 1 and are_pictures(outputs[0]):
        given = found.get("actual", found["x"])
        has_form = isinstance(given, np.ndarray) and given.shape == outputs[0].shape
        shown = {"target": given} if has_form else {}
        return image_rows({label: of_all[:_IN_A_ROW] for label, of_all in {**shown, "output": outputs[0]}.items()})
    if (pictures := _pictures(found["x"], about)) is None:
        return None
    titles = []
    for row in rows[:n]:
        told = [_cell(row["predicted"])] if "predicted" in row else []
        titles.append("\n".join([*told, *([f"actual {_cell(row['actual'])}"] if "actual" in row else [])]))
    return image_grid(pictures[:n], titles, [row.get("right") is False for row in rows[:n]])


def _written(path: Path, figure: Any) -> Path:  # Any: as above
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, format="png", metadata={"Software": None})
    except OSError as error:
        raise UsageError(
            f"the picture cannot be written to {path} ({error.strerror}): name another --output"
        ) from error
    return path
