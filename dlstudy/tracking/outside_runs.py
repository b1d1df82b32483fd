"""Runs that other tools have kept, as rows: of MLflow, of Optuna, of Weights & Biases. Nothing is written there."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlstudy.common.text import describe_error, short_repr, without_passwords
from dlstudy.errors import UsageError
from dlstudy.tracking.parent import search
from dlstudy.tracking.stores import is_unmade

__all__ = ["Row", "runs_from", "write_rows"]

Row = Mapping[str, Any]
"""A run: values by the name of their column. Any: JSON scalars."""

_KINDS = "mlflow:EXPERIMENT, optuna:STUDY, a wandb folder, or a .csv or .json file with a row for each run"


def runs_from(source: str, uri: str | None) -> list[Row]:
    """The runs of a source, a row each.

    Args:
        source: `mlflow:EXPERIMENT` (its finished runs), `optuna:STUDY` (its completed trials), the folder `wandb/` that
            runs of Weights & Biases leave, or a file with a row for each run, as its web page exports.
        uri: of MLflow's store, or of Optuna's storage.

    Raises:
        UsageError: there is no such source, or nothing in it.
    """
    kind, mark, name = source.partition(":")
    path = Path(source)
    if uri is not None and is_unmade(uri):
        raise UsageError(f"--from must name a store that is there, got {uri}")
    try:
        if mark and kind == "mlflow":
            rows = _of_mlflow(uri, name)
        elif mark and kind == "optuna":
            rows = _of_optuna(uri, name)
        elif path.is_dir():
            rows = [_of_wandb(file) for file in sorted(path.glob("*run-*/files/wandb-summary.json"))]
        elif path.is_file():
            rows = _of_file(path)
        else:
            raise UsageError(f"runs are imported from {_KINDS}, got {short_repr(source)}")
    except UsageError:
        raise
    except Exception as error:  # each library has errors of its own
        why = without_passwords(describe_error(error))
        raise UsageError(f"{short_repr(source)} cannot be read ({why}): correct its name or address") from error
    if not rows:
        raise UsageError(f"{short_repr(source)} must have at least one run that ended well, got none")
    return rows


def write_rows(rows: Sequence[Row], path: Path) -> list[str]:
    """Writes rows as CSV; returns the names of its columns.

    Raises:
        UsageError: the file cannot be written.
    """
    heads = list(dict.fromkeys(name for row in rows for name in row))
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([heads, *([row.get(head, "") for head in heads] for row in rows)])
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): name another --output") from error
    return heads


def _of_mlflow(uri: str | None, name: str) -> list[Row]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = sorted(found.name for found in client.search_experiments())
        raise UsageError(f"MLflow has no experiment {name!r} at {without_passwords(client.tracking_uri)}: {known}")
    runs = search(client, experiment.experiment_id, "attributes.status = 'FINISHED'")
    return [
        {"run": run.info.run_name or run.info.run_id}
        | {f"params.{key}": value for key, value in run.data.params.items()}
        | {f"metrics.{key}": value for key, value in run.data.metrics.items()}
        | {f"tags.{key}": value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
        for run in reversed(runs)  # the oldest first
    ]


def _of_optuna(uri: str | None, name: str) -> list[Row]:
    import optuna

    if uri is None:
        raise UsageError("a study of Optuna is in a storage, got no --from: name it as in sqlite:///study.db")
    study = optuna.load_study(study_name=name, storage=uri)
    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    return [
        {"number": trial.number}
        | {"value" if len(trial.values) == 1 else f"values_{i}": value for i, value in enumerate(trial.values)}
        | {f"params.{key}": value for key, value in trial.params.items()}
        | {f"user_attrs.{key}": value for key, value in trial.user_attrs.items() if _is_scalar(value)}
        for trial in complete
    ]


def _of_wandb(summary: Path) -> Row:
    """A run in the folder that wandb leaves: its last metrics, and its configuration beside them."""
    import yaml

    found = json.loads(summary.read_text(encoding="utf-8"))
    row = {"run": summary.parent.parent.name} | {key: value for key, value in found.items() if _is_scalar(value)}
    config = summary.with_name("config.yaml")
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) if config.is_file() else {}
    values = {key: item.get("value") if isinstance(item, Mapping) else item for key, item in settings.items()}
    return row | {f"config.{key}": value for key, value in values.items() if _is_scalar(value)}


def _of_file(path: Path) -> list[Row]:
    if path.suffix.lower() == ".json":
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
            raise UsageError(f"{path} must hold a list of runs, each a mapping, got {short_repr(found)}")
        return [_flat(row) for row in found]
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{key: value for key, value in row.items() if key} for row in csv.DictReader(file)]


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """A mapping without mappings in it: `config.seed` for `seed` in `config`."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{before}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value} if _is_scalar(value) else {}
    return found


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
