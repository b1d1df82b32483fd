"""`dlstudy list`: the available studies."""

from pathlib import Path
from typing import Any

from dlstudy.cli.console import print_rows
from dlstudy.errors import StudyError
from dlstudy.store.home import Home
from dlstudy.study import loader
from dlstudy.study.archive import SUFFIX, place_of, read_archive

__all__ = ["show_studies"]


def show_studies(home: Home, json: bool) -> None:
    """Lists the studies that can be run by name; a file that cannot be loaded is listed with its error."""
    rows = []
    for name, path in sorted(loader.paths(home.studies).items()):
        row = {"name": name, "path": str(path), "from": str(path)}
        try:
            rows.append({**row, **_about(path)})
        except StudyError as error:
            rows.append({**row, "question": f"cannot be loaded: {error}", "dataset": "–"})
    print_rows(rows, "Studies", ["name", "question", "dataset", "from"], json)


def _about(path: Path) -> dict[str, Any]:  # Any: JSON
    """What is shown of a study. One that was made in Python says it in its file: to load it may take long."""
    if path.suffix == SUFFIX:
        archive = read_archive(path, with_pickle=False)
        origin = {"from": f"Python, in {place_of(path).parent}"}
        return {"question": archive.question or "–", "dataset": archive.dataset or "its own", **origin}
    study = loader.load(path).study
    return {"question": study.question, "dataset": study.dataset or "its own"}
