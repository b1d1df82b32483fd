"""`dlstudy list`: the available studies."""

from dlstudy.cli.console import print_rows
from dlstudy.errors import StudyError
from dlstudy.study import loader

__all__ = ["show_studies"]


def show_studies(json: bool) -> None:
    """Lists the studies that can be run by name; a file that cannot be loaded is listed with its error."""
    rows = []
    for name, path in sorted(loader.paths().items()):
        try:
            study = loader.load(path).study
            rows.append(
                {"name": name, "question": study.question, "dataset": study.dataset or "its own", "path": str(path)}
            )
        except StudyError as error:
            rows.append({"name": name, "question": f"cannot be loaded: {error}", "dataset": "–", "path": str(path)})
    print_rows(rows, "Studies", ["name", "question", "dataset", "path"], json)
