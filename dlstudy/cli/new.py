"""`dlstudy new`: a study file that runs as it is, to be changed into one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from dlstudy.cli.new_arms import (
    arms_text,
    choose_arms,
    claims_text,
    default_arms,
    flags_of,
    question_of,
    spaces_text,
)
from dlstudy.cli.new_model import model_values
from dlstudy.cli.own_data import own_name
from dlstudy.cli.study_text import path_text, table_text
from dlstudy.common.files import write_whole
from dlstudy.common.text import is_line, short_repr
from dlstudy.datasets import registry
from dlstudy.datasets.dataset import Description
from dlstudy.errors import UsageError
from dlstudy.study.validation import require_name

__all__ = ["Wanted", "check_question", "kind_of_rows", "path_of_new", "write_study"]

_OF_MODEL = "Are the weights and the optimizer of the model a good choice?"


@dataclass(frozen=True)
class Wanted:
    """What is asked of a new study.

    Args:
        rows: a table in a .csv or .parquet file, or a folder of pictures or texts with a folder for each class; None
            for a study of the bundled digits, or of those that fit a model.
        target: the name of the column of targets, of a table.
        question: of the study; None for the one that its arms answer.
        model: a file of Keras's, for a study of that model; None for models that suit the rows.
        arms: what is compared, names with commas between them; None for what suits the rows.
    """

    rows: Path | None = None
    target: str | None = None
    question: str | None = None
    model: Path | None = None
    arms: str | None = None


def write_study(name: str, wanted: Wanted) -> Path:
    """Writes NAME.py into the current folder; returns its path.

    Raises:
        UsageError: the file is there already, or an option does not fit.
        DataError: the rows cannot be read.
    """
    path = path_of_new(name)
    if wanted.question is not None:
        check_question(wanted.question)
    kind, values, flags = _values(wanted)
    template = resources.files("dlstudy.cli").joinpath(f"templates/{kind}.txt").read_text(encoding="utf-8")
    return write_whole(path, Template(_chosen(template, flags)).substitute(values))


def path_of_new(name: str) -> Path:
    """Where a study of that name is written.

    Raises:
        UsageError: there is a file already.
        StudyError: it cannot be the name of a study.
    """
    require_name("the name of a study", name)
    path = Path(f"{name}.py")
    if path.exists():
        raise UsageError(f"{path} is there already: give another name, or move it away")
    return path


def check_question(question: str) -> None:
    """Checks a question.

    Raises:
        UsageError: it is none.
    """
    if not (is_line(question) and question.endswith("?") and '"' not in question):
        raise UsageError(f"--question must be one line that ends in ?, without quotes, got {short_repr(question)}")


def kind_of_rows(rows: Path | None) -> str:
    """What a study is made of: `digits`, `table`, `images` or `text`.

    Raises:
        UsageError: there is no such file or folder.
    """
    if rows is None:
        return "digits"
    if not rows.exists():
        raise UsageError(f"no file or folder at {rows}: check --data")
    if rows.is_dir():
        return "text" if next(rows.rglob("*.txt"), None) is not None else "images"
    return "table"


def _chosen(template: str, flags: set[str]) -> str:
    """The lines of a template that begin with no flags, or with `@flags|` that are all set."""
    lines = []
    for line in template.splitlines(keepends=True):
        asked, bar, rest = line[1:].partition("|") if line.startswith("@") else ("", "", line)
        if not bar or asked in flags or set(asked.split()) <= flags:
            lines.append(rest)
    return "".join(lines)


def _values(wanted: Wanted) -> tuple[str, Mapping[str, str], set[str]]:
    """Which template suits, what to put into it, and which of its lines stay."""
    rows, target, model = wanted.rows, wanted.target, wanted.model
    kind = kind_of_rows(rows)
    if rows is None and target is not None:
        raise UsageError(f"--target is a column of --data, got --target {target} without it: add --data")
    if rows is not None and rows.is_file() and target is None and rows.suffix != ".npz":
        raise UsageError(f"--target must name the column of targets, got none for {rows}: add it")
    if model is not None:
        if wanted.arms is not None:
            raise UsageError(f"--model makes arms of its own, got --arms {wanted.arms} too: leave one of them out")
        about, values = model_values(model, rows, target)
        return "model", {**values, "question": wanted.question or _OF_MODEL, "split": _split(about)}, set()
    arms = choose_arms(wanted.arms or default_arms(kind), kind)
    flags = flags_of(arms)
    of_rows = _of_digits() if rows is None else _of_own(rows, target, kind)
    spaces = spaces_text(arms, kind)
    if kind == "table" or (kind == "digits" and "estimators" in flags):
        flags |= {"prepare"}
    values = {
        **of_rows,
        "question": wanted.question or question_of(arms),
        "distributions": "FloatDistribution, IntDistribution" if "IntDist" in spaces else "FloatDistribution",
        "spaces": spaces,
        "arms": arms_text(arms),
        "claims": claims_text(arms, of_rows["metric"]),
    }
    return kind, values, flags


def _of_digits() -> dict[str, str]:
    learning = _learning(registry.describe("digits"))
    split = "Split(validation=0.2)"
    return {**learning, "rows": 'dataset="digits"', "names": "Protocol, Split, Study", "split": split, "epochs": "10"}


def _of_own(rows: Path, target: str | None, kind: str) -> dict[str, str]:
    about = registry.describe(own_name(str(rows), target))
    if rows.suffix == ".npz":
        raise UsageError(f"a study is made of a table or a folder, got {rows}: see Data.npz in the documents")
    return {
        **_learning(about),
        "data": table_text(rows, target) if kind == "table" else f"Data.{kind}({path_text(rows)})",
        "rows": "data=data",
        "names": "Data, Protocol, Split, Study",
        "split": _split(about),
        "epochs": "20" if kind == "table" else "10",
    }


def _split(about: Description) -> str:
    validation = '"stated"' if about.n_validation else "0.2"
    test = "" if about.n_test else ", test=0.2, random_state=0"
    stratify = ", stratify=True" if about.classifies and not about.n_test else ""
    return f"Split(validation={validation}{test}{stratify})"


def _learning(about: Description) -> dict[str, str]:
    """What models need for the task."""
    if about.classifies:
        several = {
            "outputs": 'p["n_classes"]', "activation": '"softmax"', "loss": "sparse_categorical_crossentropy",
            "metric": "accuracy", "boosting": "HistGradientBoostingClassifier", "forest": "RandomForestClassifier",
            "linear": "LogisticRegression", "strength": 'C=p["strength"], max_iter=1_000',
        }  # fmt: skip
        one = {"outputs": "1", "activation": '"sigmoid"', "loss": "binary_crossentropy"}
        return several if about.n_classes > 2 else {**several, **one}
    if about.task != "regression":
        raise UsageError(f"a study of a table needs labels or a number as target, got the task {about.task}")
    return {
        "outputs": "1", "activation": "None", "loss": "mse", "metric": "mae",
        "boosting": "HistGradientBoostingRegressor", "forest": "RandomForestRegressor",
        "linear": "Ridge", "strength": 'alpha=p["strength"]',
    }  # fmt: skip
