"""`dlstudy new`: a study file that runs as it is, to be changed into one's own."""

from importlib import resources
from pathlib import Path
from string import Template

from dlstudy.cli.new_model import model_values
from dlstudy.cli.own_data import own_name
from dlstudy.cli.study_text import path_text, table_text
from dlstudy.common.text import is_line, short_repr
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.errors import UsageError
from dlstudy.study.validation import require_name

__all__ = ["write_study"]

_QUESTIONS = {
    "table": "Does a net do better than gradient boosting?",
    "images": "Does augmentation help?",
    "text": "Does a net do better than counts of words?",
    "digits": "Does dropout help?",
    "model": "Are the weights and the optimizer of the model a good choice?",
}


def write_study(
    name: str, rows: Path | None, target: str | None, question: str | None, model: Path | None = None
) -> Path:
    """Writes NAME.py into the current folder; returns its path.

    Args:
        name: of the study.
        rows: a table in a .csv or .parquet file, or a folder of pictures or texts with a folder for each class; None
            for a study of the bundled digits, or of those that fit a model.
        target: the name of the column of targets, of a table.
        question: of the study; None for one that suits the rows.
        model: a file of Keras's, for a study of that model; None for models that suit the rows.

    Raises:
        UsageError: the file is there already, or an option does not fit.
        DataError: the rows cannot be read.
    """
    require_name("the name of a study", name)
    path = Path(f"{name}.py")
    if path.exists():
        raise UsageError(f"{path} is there already: give another name, or move it away")
    if question is not None and not (is_line(question) and question.endswith("?") and '"' not in question):
        raise UsageError(f"--question must be one line that ends in ?, without quotes, got {short_repr(question)}")
    kind, values = _values(rows, target, model)
    template = Template(resources.files("dlstudy.cli").joinpath(f"templates/{kind}.txt").read_text(encoding="utf-8"))
    path.write_text(template.substitute(values, question=question or _QUESTIONS[kind]), encoding="utf-8")
    return path


def _values(rows: Path | None, target: str | None, model: Path | None) -> tuple[str, dict[str, str]]:
    """Which template suits the rows, or the model, and what to put into it."""
    if rows is not None and not rows.exists():
        raise UsageError(f"no file or folder at {rows}: check --data")
    if rows is None and target is not None:
        raise UsageError(f"--target is a column of --data, got --target {target} without it: add --data")
    if rows is not None and rows.is_file() and target is None and rows.suffix != ".npz":
        raise UsageError(f"--target must name the column of targets, got none for {rows}: add it")
    if model is not None:
        about, values = model_values(model, rows, target)
        return "model", {**values, "split": _split(about)}
    return ("digits", {}) if rows is None else _values_of_rows(rows, target)


def _values_of_rows(rows: Path, target: str | None) -> tuple[str, dict[str, str]]:
    about = registry.describe(own_name(str(rows), target))
    if rows.is_dir():
        kind = "text" if about.input_shape == () else "images"
        return kind, {"data": f"Data.{kind}({path_text(rows)})", "split": _split(about)}
    if rows.suffix == ".npz":
        raise UsageError(f"a study is made of a table or a folder, got {rows}: see Data.npz in the documents")
    return "table", {"data": table_text(rows, target), "split": _split(about), **_learning(about)}


def _split(about: Description) -> str:
    validation = '"stated"' if about.n_validation else "0.2"
    test = "" if about.n_test else ", test=0.2, random_state=0"
    stratify = ", stratify=True" if about.classifies and not about.n_test else ""
    return f"Split(validation={validation}{test}{stratify})"


def _learning(about: Description) -> dict[str, str]:
    """What a net and gradient boosting need for the task."""
    if about.classifies:
        several = {
            "outputs": 'p["n_classes"]', "activation": '"softmax"', "loss": "sparse_categorical_crossentropy",
            "metric": "accuracy", "boosting": "HistGradientBoostingClassifier",
        }  # fmt: skip
        one = {"outputs": "1", "activation": '"sigmoid"', "loss": "binary_crossentropy"}
        return several if about.n_classes > 2 else {**several, **one}
    if about.task != "regression":
        raise UsageError(f"a study of a table needs labels or a number as target, got the task {about.task}")
    return {"outputs": "1", "activation": "None", "loss": "mse", "metric": "mae",
            "boosting": "HistGradientBoostingRegressor"}  # fmt: skip
